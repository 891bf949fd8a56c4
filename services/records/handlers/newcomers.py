"""Who comes to have to do with a child that is on a plan gets the plan as it stands, as anyone who was invited does."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from services.foundation.work import Work
from services.meetings.rules import INVITED
from services.records.handlers.copies import distribute, only_new_readers
from services.records.notice_facts import Standing
from services.records.rules.dispatch import Dispatch
from services.records.rules.notices import About
from services.records.rules.plans import Plan
from services.records.rules.record import PLAN, Newcomer, Record
from services.records.store import newcomers, records


class Joined(NamedTuple):
    """A notice to an agency that came later, about a plan that stands."""

    plan: Plan
    dispatch: Dispatch


async def give_plans(work: Work, standing: Standing, joined: Sequence[Joined]) -> set[str]:
    """Give those who came later the plan that stands, as far as one has been approved; returns the notices, by their
    dispatches, whose readers get it.
    """
    if not joined:
        return set()
    about = {each.plan.child_id: standing.about[each.plan.child_id] for each in joined}
    every = {meeting.meeting_id for each in about.values() for meeting in each.meetings}
    known = await records.of_meetings(work.db, every)
    kept = await newcomers.of_meetings(work.db, known)
    there = {(each.meeting_id, each.agency_id, each.child_id) for some in kept.values() for each in some}
    added: dict[tuple[str, str, str], Newcomer] = {}
    changed: set[str] = set()
    given: set[str] = set()
    for plan, dispatch in joined:
        record = _current(about[plan.child_id], known)
        agency_id = dispatch.agency_id or ""
        if record is None or _took_part(about[plan.child_id], record.meeting_id, agency_id):
            continue
        given.add(dispatch.dispatch_id)
        name = (record.meeting_id, agency_id, plan.child_id)
        if name not in there and name not in added:
            added[name] = Newcomer(*name, dispatch.team_id, dispatch.about, work.now)
            changed.add(record.record_id)
    await newcomers.put(work.db, list(added.values()))
    if changed:
        await distribute(work, changed, only_new_readers)
    return given


def _current(about: About, known: dict[str, list[Record]]) -> Record | None:
    """The plan of a child that was approved last, whichever meeting made it."""
    some: Iterable[Record] = (
        record for meeting in about.meetings for record in known.get(meeting.meeting_id, ()) if record.kind == PLAN
    )
    return max(some, key=lambda each: (each.approved_at, each.record_id, each.version), default=None)


def _took_part(about: About, meeting_id: str, agency_id: str) -> bool:
    """Whether an agency reads the records of a meeting anyway: it was asked to it, or was there."""
    return agency_id in about.present.get(meeting_id, ()) or any(
        each.agency_id == agency_id and each.stands and each.decision == INVITED
        for each in about.asked.get(meeting_id, ())
    )
