"""What is told of a plan, to whom, and what becomes of it when nobody says that they have taken note.

A plan is told of as it stands: that it started, that its category changed, that it ended, that it stands after all;
and to whoever becomes involved while it stands, that it does. What is owed follows from the plan and from what was told
last, so that events may come late, twice and in any order.

Source: LLR CAMHS audit 2025 (the flag stays on the record, since nobody says that the plan has ended); rules of the
field, sections 3, 9 and 10.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from schemas.policy import Policy
from services.directory.rules import Agency, Bounces, Cause, Child, Involvement, Relative, route
from services.meetings.rules import INVITED, Meeting
from services.meetings.rules.words import earlier
from services.records.rules.dispatch import OVERTAKEN, RECALLED, Dispatch
from services.records.rules.on_record import NOBODY, Once
from services.records.rules.plans import Plan

STARTED, CHANGED, ENDED, STANDS, JOINED = "started", "changed", "ended", "stands", "joined"
CHASED = frozenset({ENDED, STANDS})
"""Notices that have to be confirmed: a reader who does not is reminded, and then a person is told."""

# Why a notice does not go to an agency.
NO_ADDRESS, AGENCY_CLOSED, NOT_ON_RECORD = "no_address", "agency_closed", "not_on_record"
EXCLUDED = frozenset({"conflict_of_interest", "chairs_restriction", "duplicate"})
"""A person's reasons for which an agency is not told either. That the child did not want it at a meeting is none: its
record holds the flag all the same.
"""


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing that is told of one plan. `number` counts those of the plan, and says what was told last; `category` is
    the one that is told, `before` the one that was told before it.
    """

    notice_id: str
    kind: str
    plan_id: str
    child_id: str
    number: int
    category: str | None
    before: str | None
    cause: Cause
    at: datetime
    written_at: datetime


@dataclass(frozen=True, slots=True)
class Asked:
    """That an agency was to be asked to a meeting, or was not. `stands`: it is so still; `decided_on` is the day on
    which that was decided.
    """

    agency_id: str
    team_id: str | None
    child_ids: frozenset[str]
    decision: str
    why_not: str | None
    stands: bool
    decided_on: date


@dataclass(frozen=True, slots=True)
class About:
    """What is known around one child: its family, every meeting about it with those who were asked to it, `present` the
    agencies that its register says were there, and the agencies that may be told. `of_placement` are those of the area
    where it is placed that are asked there beside those at home; `of_family` the addresses, in small letters, that
    members of the family gave as their own; `once` and `placed_before` the agencies that had to do with the child.
    `elsewhere` are children of other families whom somebody of the household has, or who were named as of it.
    """

    child: Child
    family: tuple[Child, ...]
    relatives: tuple[Relative, ...]
    meetings: tuple[Meeting, ...]
    asked: Mapping[str, Sequence[Asked]]
    present: Mapping[str, frozenset[str] | set[str]]
    involvements: tuple[Involvement, ...]
    agencies: Mapping[str, Agency]
    of_placement: tuple[str, ...]
    of_family: frozenset[str]
    bounces: Bounces
    once: Once = NOBODY
    placed_before: frozenset[str] = frozenset()
    elsewhere: tuple[Child, ...] = ()


@dataclass(frozen=True, slots=True)
class Recipient:
    """An agency, or a team of it, that is told. `since` is the day on which it became involved, where that and nothing
    else is why; `why_not` is why nothing goes there; `only_told`: only that it was told of the plan before is why.
    """

    agency: Agency
    team_id: str | None
    address: str | None
    since: date | None
    why_not: str | None = None
    only_told: bool = False

    @property
    def party(self) -> str:
        return f"agency:{self.agency.agency_id}:{self.team_id or ''}"


@dataclass(frozen=True, slots=True)
class _Tie:
    """One reason for telling an agency, with what says which of its teams. `there`: it was at a meeting; of which team
    whoever came was, a register does not say.
    """

    agency_id: str
    team_id: str | None
    status: str | None
    since: date | None
    there: bool = False


def notice_id(plan_id: str, child_id: str, kind: str, number: int) -> str:
    """The name of a notice."""
    return hashlib.sha256(f"notice {plan_id} {child_id} {kind} {number}".encode()).hexdigest()[:26]


def told_last(notices: Sequence[Notice]) -> Notice | None:
    """What all were told last of a plan; what somebody new was told says nothing of that."""
    told = [each for each in notices if each.kind != JOINED]
    return told[-1] if told else None


def ends_told(notices: Sequence[Notice]) -> list[Notice]:
    """What was told of the end of a plan since that stood last: twice, where not all was to be done at first."""
    standing = max((each.number for each in notices if each.kind != ENDED), default=-1)
    return [each for each in notices if each.kind == ENDED and each.number > standing]


def owed(plan: Plan, has_ended: bool, notices: Sequence[Notice]) -> str | None:
    """What is to be told of a plan now, given what was told; None where nothing is new."""
    last = told_last(notices)
    if has_ended:
        return None if last is not None and last.kind == ENDED else ENDED
    if last is None:
        return STARTED if plan.started is not None else None
    if last.kind == ENDED:
        return STANDS
    return CHANGED if plan.category != last.category and plan.category is not None else None


def counting(notices: Sequence[Notice], dispatches: Iterable[Dispatch]) -> list[tuple[Notice, Dispatch]]:
    """What was written of a plan and counts as things stand: of one that has ended what tells of that, of one that
    stands what says so, and of several to one reader the last.
    """
    last = told_last(notices)
    if last is None:
        return []
    some = ends_told(notices) if last.kind == ENDED else [each for each in notices if each.kind != ENDED]
    of_this = {each.notice_id: each for each in some}
    found: dict[str, tuple[Notice, Dispatch]] = {}
    for each in dispatches:
        notice = of_this.get(each.about)
        if notice is None or each.state in {OVERTAKEN, RECALLED}:
            continue
        if each.party not in found or found[each.party][0].number < notice.number:
            found[each.party] = (notice, each)
    return list(found.values())


def episode(plan: Plan, about: About, others: Sequence[Plan], policy: Policy) -> list[Meeting]:
    """The meetings that belong to a plan: from the conference that made it on, with the strategy discussions and the
    conferences before it that led there, and not those of another plan of the same child.
    """
    since = plan.since or plan.last.day
    before = [each.ended.day for each in others if each.ended is not None and each.ended.day <= since and each != plan]
    after = [each.since for each in others if each.since is not None and each.since > since and each != plan]
    look_back = policy.on(since).number("earlier_meeting_look_back")
    first = earlier(since, look_back) if look_back is not None else date.min
    first = max([first, *before])
    some = sorted(
        (each for each in about.meetings if each.day >= first and (not after or each.day < min(after))),
        key=lambda each: (each.starts_at, each.meeting_id),
    )
    named = plan.started.meeting_id if plan.started is not None else None
    begun = [each for each in some if each.day <= since and _begins(each, policy) and each.state != "cancelled"]
    begun = [each for each in begun if each.meeting_id == named] or begun[-1:]
    if not begun:
        return some
    [beginning] = begun
    led = {*policy.on(beginning.day).kind(beginning.kind).follows}
    return [
        each
        for each in some
        if each.starts_at >= beginning.starts_at
        or each.kind in led
        or _begins(each, policy)
        or each.meeting_id == beginning.follows
    ]


def _begins(meeting: Meeting, policy: Policy) -> bool:
    return policy.on(meeting.day).kind(meeting.kind).begins_episode


def recipients(
    plan: Plan,
    about: About,
    others: Sequence[Plan],
    policy: Policy,
    today: date,
    *,
    ever: bool,
    until: date | None,
    told: Iterable[Dispatch] = (),
) -> list[Recipient]:
    """Who is told of a plan: `ever`, for what all have to know who took part at any time; else those alone who took
    part when it began, and who do now. After `until`, the day on which it ended, nobody takes part any more. Whoever
    was `told` of it by these dispatches is to know what becomes of it, whether it takes part still or not; nothing goes
    by itself to one that is not on record any more.
    """
    some = episode(plan, about, others, policy)
    ties = [*_asked(plan, about, some, ever, until), *_involved(about, today)]
    ties = [each for each in ties if until is None or each.since is None or each.since <= until]
    if ever:
        ties += _always(plan, about, some, policy, until)
    named = {each.agency_id for each in ties if not each.there}
    ties = [each for each in ties if not each.there or each.agency_id not in named]
    taking_part = {each.agency_id for each in ties}
    ties += [_Tie(name, each.team_id, None, None) for each in told if (name := each.agency_id or "") not in taking_part]
    excluded = _excluded(about, some)
    found: dict[tuple[str, str | None], Recipient] = {}
    for tie in ties:
        agency = about.agencies.get(tie.agency_id)
        if agency is None:
            continue
        way = route(agency, tie.team_id, about.child.circumstances, tie.status, about.bounces)
        why_not = excluded.get(agency.agency_id)
        if why_not is None and agency.closed_on is not None and agency.closed_on <= today:
            why_not = AGENCY_CLOSED
        if why_not is None and not on_record(about, agency.agency_id):
            why_not = NOT_ON_RECORD
        if why_not is None and (way.address is None or way.address.lower() in about.of_family):
            why_not = NO_ADDRESS
        address = way.address if why_not is None else None
        known = found.get((agency.agency_id, way.team_id))
        since = tie.since if known is None or (known.since and tie.since and tie.since < known.since) else known.since
        only_told = agency.agency_id not in taking_part
        found[agency.agency_id, way.team_id] = Recipient(agency, way.team_id, address, since, why_not, only_told)
    return list(found.values())


def on_record(about: About, agency_id: str) -> bool:
    """Whether an agency has to do with a child, or had, as far as is on record now: one that an involvement named by
    mistake has not, whatever it was asked to for that, unless it came.
    """
    if any(agency_id in about.present.get(each.meeting_id, ()) for each in about.meetings):
        return True
    place = about.child.placement
    if agency_id in about.of_placement or (place is not None and place.agency_id == agency_id):
        return True
    if any(each.agency_id == agency_id for each in about.involvements):
        return True
    if agency_id in about.once.formerly | about.placed_before:
        return True
    return agency_id not in about.once.by_mistake and any(
        each.agency_id == agency_id and about.child.child_id in each.child_ids
        for meeting in about.meetings
        for each in about.asked.get(meeting.meeting_id, ())
    )


def _asked(plan: Plan, about: About, some: Sequence[Meeting], ever: bool, until: date | None) -> list[_Tie]:
    """Whoever was to be asked to a meeting of the episode on account of the child at any time, and whoever was there:
    unless they were asked on account of other children alone, of whose plans they hear.
    """
    begun = plan.since or plan.last.day
    found = []
    for meeting in some:
        if not ever and meeting.day > begun:
            continue
        for each in about.asked.get(meeting.meeting_id, ()):
            if until is not None and min(meeting.day, each.decided_on) > until:
                continue
            reached = each.decision == INVITED or (each.why_not == "no_usable_address" and each.stands)
            if reached and about.child.child_id in each.child_ids:
                found.append(_Tie(each.agency_id, each.team_id, None, None))
        if until is None or meeting.day <= until:
            found += [_Tie(each, None, None, None, there=True) for each in _there(about, meeting)]
    return found


def _there(about: About, meeting: Meeting) -> list[str]:
    """The agencies that were at a meeting and have to do with the child there: those that were named on its account,
    and those of whom nothing says why they came.
    """
    named: dict[str, set[str]] = {}
    for each in about.asked.get(meeting.meeting_id, ()):
        named.setdefault(each.agency_id, set()).update(each.child_ids)
    child_id = about.child.child_id
    present = sorted(about.present.get(meeting.meeting_id, ()))
    return [each for each in present if each not in named or child_id in named[each]]


def _involved(about: About, today: date) -> list[_Tie]:
    """Whoever works with the child now or has it on a waiting list, whoever it is placed with, and those of the area
    where it is placed who are asked there too.
    """
    own = [each for each in about.involvements if each.counts_on(today)]
    found = [_Tie(each.agency_id, each.team_id, each.status, each.since) for each in own]
    place = about.child.placement
    if place is None:
        return found
    if place.agency_id is not None:
        found.append(_Tie(place.agency_id, None, None, place.since))
    found += [_Tie(each, None, None, place.since) for each in about.of_placement]
    return found


def who_take_part(about: About, today: date) -> set[str]:
    """The agencies that have to do with a child now, and not only had when a meeting was held."""
    return {each.agency_id for each in _involved(about, today)}


def _always(plan: Plan, about: About, some: Sequence[Meeting], policy: Policy, until: date | None) -> list[_Tie]:
    """The kinds that are told whoever was invited: whichever of them had to do with the child in the episode, and did
    not come to it after the end alone.
    """
    first = min([plan.since or plan.last.day, *(each.day for each in some)])
    return [
        _Tie(each.agency_id, each.team_id, None, None)
        for each in about.involvements
        if each.service in policy.groups.told_plan_end
        and not each.ends_before(first)
        and (until is None or each.since <= until)
    ]


def _excluded(about: About, some: Sequence[Meeting]) -> dict[str, str]:
    """The agencies that a person excluded from a meeting, and that have not been asked to a later one since."""
    found: dict[str, str] = {}
    for meeting in some:
        for each in about.asked.get(meeting.meeting_id, ()):
            if each.stands and each.decision == INVITED:
                found.pop(each.agency_id, None)
        for no in meeting.do_not_invite:
            if no.agency_id is not None and no.reason in EXCLUDED:
                found[no.agency_id] = no.reason
    return found
