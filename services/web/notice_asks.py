"""What a notice about a plan asks its reader to do, and what one click on its page may confirm."""

from __future__ import annotations

from dataclasses import dataclass

from services.meetings.rules import reference
from services.records.notices.facts import standing_plans
from services.records.opening import NEWER, SHUT
from services.records.rules.flags import FLAG_CHANGED, LEAVE, NO_FLAG, NOTED, REMOVE, SET, flag_asked, is_past, settles
from services.records.store import plans
from services.running.process import Process
from services.web.record_link import Closed, Opened


@dataclass(frozen=True, slots=True)
class Asked:
    """What a notice asks. `flag` is what is to become of the flag on the record; `said` what its reader has said, None
    where they have said nothing.
    """

    flag: str
    reference: str
    said: str | None = None

    @property
    def of_flag(self) -> bool:
        """Whether something is to be done about a flag."""
        return self.flag in {SET, REMOVE}

    @property
    def choices(self) -> tuple[str, ...]:
        """What may be confirmed; what is asked for stands first."""
        return (FLAG_CHANGED, NO_FLAG) if self.of_flag else (NOTED,)

    @property
    def is_done(self) -> bool:
        """Whether nothing more is asked."""
        return settles(self.flag, self.said)

    @property
    def not_taken(self) -> str:
        """What whoever answered something else is told to do now: mostly their page stood open while what is asked
        changed, and they may have done what is not to be done any more.
        """
        if self.flag == LEAVE:
            then = "" if self.is_done else ", then press the button below"
            now = f"no flag is to be taken off any more. If you have taken it off, put it back on{then}"
        elif self.is_done:
            now = "you have answered this notice, and nothing more is asked"
        elif self.of_flag:
            now = "what this notice asks has changed since you opened the page. Say below what became of the flag"
        else:
            now = "this notice asks you to take note of it. Press the button below once it is in your record"
        return f"Your answer was not taken: {now}"

    def is_news(self, what: str) -> bool:
        """Whether it says more than what the reader has said: that a flag was changed always does."""
        return what != self.said and (what == FLAG_CHANGED or not self.is_done)


async def asked_by(process: Process, opened: Opened) -> Asked:
    """What the notice behind a link asks, as things stand now."""
    child_id, said = opened.dispatch.child_id, opened.dispatch.confirmed
    ids = [child_id] if child_id is not None else []
    async with process.house.database.read() as db:
        told = (await plans.notices_of(db, ids)).get(child_id or "", [])
        standing = (await standing_plans(db, process.house.intake.policy, ids)).get(child_id or "", set())
    for each in told:
        if each.notice_id == opened.dispatch.about:
            if is_past(each, standing):
                raise Closed(NEWER, opened.use)
            return Asked(flag_asked(each, standing), reference(f"plan {each.plan_id}"), said)
    raise Closed(SHUT, opened.use)
