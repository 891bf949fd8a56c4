"""What is missing of the notices about plans: who does not know, and who has not said that a flag was taken off."""

from __future__ import annotations

from collections.abc import Sequence

from services.foundation.work import Derived, Work
from services.oversight import store
from services.oversight.handlers import apply
from services.oversight.rules import Finding
from services.records.notices.chasing import KINDS, Chased


async def note_notices(work: Work, events: Sequence[Derived]) -> None:
    """It was looked at what is missing of the notices about children: raise that, and resolve what is not any more."""
    last: dict[tuple[str, tuple[str, ...]], Chased] = {}
    for event in events:
        last[event.data.child_id, event.data.possible] = event.data
    found = [
        Finding(each.kind, None, each.about, each.text, each.agency_id, child_id=chased.child_id)
        for chased in last.values()
        for each in chased.missing
    ]
    still = {each.exception_id for each in found}
    possible = {
        Finding(kind, None, about, "").exception_id
        for chased in last.values()
        for about in chased.possible
        for kind in KINDS
    }
    standing = await store.by_ids(work.db, possible | still)
    await apply(work, found, possible - still, standing, {})
