"""Who comes to have to do with a child that is on a plan gets the plan as it stands, as anyone who was invited does,
and reads it for as long as it would be told of the plan.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

from services.foundation.clock import london_date
from services.foundation.work import Derived, Work
from services.meetings.rules import INVITED
from services.participation.report_terms import end_of
from services.records.handlers.copies import distribute, only_new_readers
from services.records.handlers.review import look as review
from services.records.notices.facts import Standing, gather
from services.records.rules.dispatch import GOES, KEPT, LEFT, QUEUED, WITHHELD, Dispatch
from services.records.rules.notices import (
    EXCLUDED,
    NO_ADDRESS,
    NOT_ON_RECORD,
    About,
    episode,
    on_record,
    recipients,
    who_take_part,
)
from services.records.rules.plans import Plan
from services.records.rules.record import PLAN, Newcomer, Record
from services.records.rules.versions import NO_READER, Step
from services.records.store import dispatches, newcomers, records

DUE = "records.newcomers"  # the timer of a child: somebody's work with it ends


class Joined(NamedTuple):
    """A notice to an agency that came later, about a plan that stands."""

    plan: Plan
    dispatch: Dispatch


async def look(work: Work, events: Sequence[Derived]) -> None:
    """Who is to know of the plans of children may be another now, and so may be who reads them."""
    await _look(work, {event.data for event in events})


async def due(work: Work, keys: Sequence[str]) -> None:
    """The timer of a child."""
    await _look(work, set(keys))


async def _look(work: Work, child_ids: set[str]) -> None:
    """Whoever would not be told of a plan today, since their work with the child has ended, a person has excluded them
    or it stands no more, be there another by now, reads it no more; the links that they have lead nowhere. If that
    changes, they read it again.
    """
    kept = await newcomers.of_children(work.db, child_ids)
    if not kept:
        return
    standing = await gather(work, {each.child_id for each in kept})
    told = {each: _told_today(work, standing, each) for each in standing.about}
    changed = []
    for each in kept:
        here = told.get(each.child_id, {}).get(each.meeting_id, {})
        why_not = here.get(each.agency_id, _why_not_told(each, standing))
        if why_not != each.why_not:
            changed.append(replace(each, why_not=why_not, ended_at=work.now if why_not is not None else None))
    await newcomers.set_why_not(work.db, changed)
    for child_id, about in standing.about.items():
        last_days = [each.until for each in about.involvements if each.until is not None]
        next_at = min((end_of(day) for day in last_days if end_of(day) > work.now), default=None)
        if next_at is not None:
            work.arm(DUE, child_id, next_at)
    await _give_again(work, [each for each in changed if each.why_not is None])
    if changed:
        await review(work, {each.meeting_id for each in changed})


def _why_not_told(each: Newcomer, standing: Standing) -> str:
    """Why an agency that would not be told of a plan today reads it no more: an end, as all things have one, unless it
    was named by mistake, or a person had excluded it by then and does still.
    """
    about = standing.about.get(each.child_id)
    if about is None:
        return NO_READER
    if not on_record(about, each.agency_id):
        return NOT_ON_RECORD
    decided = {(no.agency_id, no.reason) for meeting in about.meetings for no in meeting.do_not_invite}
    return each.why_not if each.why_not in EXCLUDED and (each.agency_id, each.why_not) in decided else NO_READER


async def _give_again(work: Work, back: Sequence[Newcomer]) -> None:
    """Give those who read a plan again what was kept from them meanwhile."""
    if not back:
        return
    names = {(each.meeting_id, each.agency_id) for each in back}
    known = await records.of_meetings(work.db, {each.meeting_id for each in back})
    plans = {each.record_id for some in known.values() for each in some if each.kind == PLAN}

    def kept_from_them(step: Step) -> bool:
        each = step.dispatch
        if each is None:
            return True
        came_later = step.copy is not None and step.copy.reader.came_later
        return came_later and each.state == WITHHELD and (each.meeting_id, each.agency_id) in names

    await distribute(work, plans, kept_from_them)


def _told_today(work: Work, standing: Standing, child_id: str) -> dict[str, dict[str, str | None]]:
    """By each meeting of a plan of a child that stands, the agencies that have to do with the child today and are told
    of that plan, with why nothing may go to them; None where it may, also where it only has no address.
    """
    about, others, today = standing.about[child_id], standing.plans.get(child_id, ()), london_date(work.now)
    taking_part = who_take_part(about, today)
    found: dict[str, dict[str, str | None]] = {}
    for plan in standing.standing(child_id):
        some = recipients(plan, about, others, work.policy, today, ever=False, until=None)
        for meeting in episode(plan, about, others, work.policy):
            told = found.setdefault(meeting.meeting_id, {})
            for each in some:
                agency_id, why_not = each.agency.agency_id, None if each.why_not == NO_ADDRESS else each.why_not
                if agency_id in taking_part:
                    before = told.get(agency_id, why_not)
                    told[agency_id] = None if before is None else why_not
    return found


async def give_plans(work: Work, standing: Standing, joined: Sequence[Joined]) -> set[str]:
    """Give those who came later the plan that stands, as far as one has been approved; returns of the notices that
    wait, by their dispatches, those whose readers get it.
    """
    if not joined:
        return set()
    about = {each.plan.child_id: standing.about[each.plan.child_id] for each in joined}
    told = {each: _told_today(work, standing, each) for each in about}
    every = {meeting.meeting_id for each in about.values() for meeting in each.meetings}
    known = await records.of_meetings(work.db, every)
    kept = await newcomers.of_meetings(work.db, known)
    there = {(each.meeting_id, each.agency_id, each.child_id): each for some in kept.values() for each in some}
    added: dict[tuple[str, str, str], Newcomer] = {}
    changed: set[str] = set()
    given: dict[str, tuple[Newcomer, Record]] = {}
    for plan, dispatch in joined:
        agency_id = dispatch.agency_id or ""
        theirs = {each for each, some in told[plan.child_id].items() if some.get(agency_id, NO_READER) is None}
        record = _current(record for meeting_id in theirs for record in known.get(meeting_id, ()))
        if record is None or _took_part(about[plan.child_id], record.meeting_id, agency_id):
            continue
        name = (record.meeting_id, agency_id, plan.child_id)
        if name not in there and name not in added:
            added[name] = Newcomer(*name, dispatch.team_id, dispatch.about, work.now)
            changed.add(record.record_id)
        if dispatch.state == QUEUED:
            given[dispatch.dispatch_id] = (there.get(name) or added[name], record)
    await newcomers.put(work.db, list(added.values()))
    if changed:
        await distribute(work, changed, only_new_readers)
    some = await dispatches.about(work.db, {record.record_id for _, record in given.values()})
    return {
        each
        for each, (newcomer, record) in given.items()
        if any(_gets(newcomer, copy) for copy in some.get(record.record_id, ()))
    }


def _gets(newcomer: Newcomer, copy: Dispatch) -> bool:
    """Whether a copy is what somebody gets who came later: what was decided for them since, and goes, or has gone, or
    waits for an address alone. Nothing is theirs of what was taken back before they came, or holds nothing for them.
    """
    goes = copy.state in {*GOES, *LEFT, KEPT} or (copy.state == WITHHELD and copy.why == NO_ADDRESS)
    return goes and copy.agency_id == newcomer.agency_id and copy.written_at >= newcomer.written_at


def _current(some: Iterable[Record]) -> Record | None:
    """The plan among these that was approved last."""
    plans = (each for each in some if each.kind == PLAN)
    return max(plans, key=lambda each: (each.approved_at, each.record_id, each.version), default=None)


def _took_part(about: About, meeting_id: str, agency_id: str) -> bool:
    """Whether an agency reads the records of a meeting on account of the child anyway: it was asked to it for that, or
    was there, unless it is named there for other children alone.
    """
    was_there = agency_id in about.present.get(meeting_id, ())
    named = [each for each in about.asked.get(meeting_id, ()) if each.agency_id == agency_id and each.stands]
    for_the_child = [each for each in named if about.child.child_id in each.child_ids]
    return any(was_there or each.decision == INVITED for each in for_the_child) or (was_there and not named)
