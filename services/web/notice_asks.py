"""What a notice about a plan asks its reader to do, and what one click on its page may confirm."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from services.meetings.rules import reference
from services.records.opening import SHUT
from services.records.rules.notices import CHANGED, ENDED, Notice, told_last
from services.records.store import plans
from services.running.process import Process
from services.web.record_link import Closed, Opened

FLAG_CHANGED, NOTED = "flag_changed", "noted"
SET, REMOVE = "set", "remove"


@dataclass(frozen=True, slots=True)
class Asked:
    """What a notice asks. `flag` is what is to become of the flag on the record, None where it stays as it is."""

    flag: str | None
    reference: str

    @property
    def choices(self) -> tuple[str, ...]:
        """What may be confirmed; what is asked for stands first."""
        return (NOTED,) if self.flag is None else (FLAG_CHANGED, NOTED)


async def asked_by(process: Process, opened: Opened) -> Asked:
    """What the notice behind a link asks, as things stand now."""
    child_id = opened.dispatch.child_id
    async with process.house.database.read() as db:
        told = (await plans.notices_of(db, [child_id])).get(child_id, []) if child_id is not None else []
    for each in told:
        if each.notice_id == opened.dispatch.about:
            return Asked(_flag(each, told), reference(f"plan {each.plan_id}"))
    raise Closed(SHUT, opened.use)


def _flag(notice: Notice, told: Sequence[Notice]) -> str | None:
    """What is to become of the flag: while another plan of the child stands, the end of one takes none off."""
    if notice.kind == CHANGED:
        return None
    if notice.kind != ENDED:
        return SET
    others = {each.plan_id for each in told} - {notice.plan_id}
    last = (told_last([each for each in told if each.plan_id == plan_id]) for plan_id in sorted(others))
    return None if any(each is not None and each.kind != ENDED for each in last) else REMOVE
