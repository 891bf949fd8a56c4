"""What is told of plans, and what else may change who is to know of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from schemas.envelope import Event
from schemas.meeting import QuoracyExcepted
from services.directory.handlers import Changed
from services.foundation.work import Derived, Work
from services.meetings import store as meetings
from services.participation.rules.missing import Reviewed
from services.participation.rules.verdict import KINDS
from services.records.rules.dispatch import NOTICE
from services.records.rules.plans import ENDED, STARTED
from services.records.rules.record import PLAN
from services.records.store import dispatches
from services.records.store import plans as store

CONCERNED = "records.plans_concerned"  # who is to know of a child's plans, or what, may be another now


def concern(work: Work, child_ids: Iterable[str]) -> None:
    """Have it looked at what is to be told of the plans of these children."""
    for child_id in sorted(child_ids):
        work.emit(Derived(CONCERNED, child_id, child_id, child_id))


async def started(work: Work, events: Sequence[Event]) -> None:
    """Plans started, or are told of again, as with another category."""
    concern(work, await store.keep(work.db, events, STARTED, work.now))


async def ended(work: Work, events: Sequence[Event]) -> None:
    """Plans ended. Whether an end counts may hang on the meeting that decided it."""
    concern(work, await store.keep(work.db, events, ENDED, work.now))


async def judged(work: Work, events: Sequence[Derived]) -> None:
    """Held meetings were judged: what one is named as having ended may count now, or count no more; and its register
    names who took part.
    """
    reviewed: list[Reviewed] = [event.data for event in events]
    some = [each.meeting for each in reviewed if each.kinds == KINDS]
    if some:
        concern(work, await store.with_plans_about(work.db, {each.meeting_id for each in some}))


async def allowed(work: Work, events: Sequence[Event]) -> None:
    """A person with the right to decide allows what an inquorate meeting may not do, be it held already or not."""
    ids = {event.data.meeting_id for event in events if isinstance(event.data, QuoracyExcepted)}
    concern(work, await store.with_plans_about(work.db, ids))


async def decided(work: Work, events: Sequence[Derived]) -> None:
    """A plan was approved: those who have come to have to do with the child since get it too."""
    about = {event.data.meeting_id for event in events if event.data.kind == PLAN}
    if about:
        found = await meetings.meetings_by_id(work.db, about)
        concern(work, await store.with_plans(work.db, {child for each in found.values() for child in each.child_ids}))


async def directory_changed(work: Work, events: Sequence[Derived]) -> None:
    """Something is known of children that was not, or of agencies to which something could not be sent."""
    changes: list[Changed] = [event.data for event in events]
    people = {each for change in changes for each in change.person_ids}
    agencies = {each for change in changes for each in change.agency_ids}
    found = await store.with_plans(work.db, people) if people else set()
    if agencies:
        found |= await store.not_reached_of(work.db, agencies)
    concern(work, found)


async def heard(work: Work, events: Sequence[Event]) -> None:
    """Something is known of what was sent: of notices, whether their readers have them and what they say."""
    some = await dispatches.by_ids(work.db, {event.data.dispatch_id for event in events})  # type: ignore[attr-defined]
    concern(work, {each.child_id for each in some.values() if each.kind == NOTICE and each.child_id is not None})
