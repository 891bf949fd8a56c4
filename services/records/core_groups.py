"""Who is of the core groups of a child: the agencies that the latest held meeting about it named, until a plan ends."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.policy import Policy
from services.meetings import store as meetings
from services.meetings.rules import INVITED, Meeting
from services.participation.store.quoracy import held_about
from services.records.notices.facts import ends_that_do_not_count
from services.records.rules.plans import Plan, plans
from services.records.store import plans as store


@dataclass(frozen=True, slots=True)
class CoreGroup:
    """The meeting that named a core group of a child last, the days on which the last plan of the child ended, the
    agencies that were asked there on account of the child, and those that were to any held meeting until then.
    """

    meeting: Meeting
    ends: tuple[date, ...]
    asked: frozenset[str]
    ever_asked: frozenset[str]

    def is_for(self, meeting: Meeting) -> bool:
        """Whether it is the core group for what came for a meeting: not where a plan has ended in between, whichever of
        the two was first.
        """
        first, last = sorted((self.meeting.day, meeting.day))
        return not any(first <= end < last for end in self.ends)


async def core_groups_of(
    db: AsyncConnection, policy: Policy, child_ids: Iterable[str]
) -> dict[str, tuple[CoreGroup, ...]]:
    """The core groups of each child, the newest first: of what was named until a plan ended, what was named last."""
    held = sorted(await held_about(db, child_ids), key=lambda each: (each[2], each[0]))
    known = await meetings.meetings_by_id(db, {meeting_id for meeting_id, _, _ in held})
    named: dict[str, list[Meeting]] = {}
    for each, child, _ in reversed(held):
        if each in known and known[each].core_group:
            named.setdefault(child, []).append(known[each])
    if not named:
        return {}
    ends = await _ends(db, policy, named)
    asked = await store.asked_to(db, {each for each, child, _ in held if child in named})
    found: dict[str, tuple[CoreGroup, ...]] = {}
    for child_id, some in named.items():
        for meeting in some:
            if group_for(found.get(child_id, ()), meeting) is not None:
                continue  # a later one takes its place in everything
            until = {each for each, child, at in held if child == child_id and at <= meeting.starts_at}
            by_meeting = {
                each: {a.agency_id for a in asked.get(each, ()) if a.decision == INVITED and child_id in a.child_ids}
                for each in until
            }
            ever = frozenset().union(*by_meeting.values())
            here = frozenset(by_meeting.get(meeting.meeting_id, ()))
            group = CoreGroup(meeting, ends.get(child_id, ()), here, ever)
            found[child_id] = (*found.get(child_id, ()), group)
    return found


def group_for(some: Iterable[CoreGroup], meeting: Meeting) -> CoreGroup | None:
    """Which of the core groups of a child, the newest first, is the one for what came for a meeting; None where none
    was named, or none any more.
    """
    return next((each for each in some if each.is_for(meeting)), None)


async def _ends(db: AsyncConnection, policy: Policy, child_ids: Iterable[str]) -> dict[str, tuple[date, ...]]:
    """The days on which plans of children ended, as far as that counts, and no other plan of the child stood."""
    ids = set(child_ids)
    told = {each: some for each, some in plans(await store.told_of(db, ids)).items() if each in ids}
    not_ended = await ends_that_do_not_count(db, policy, [each for some in told.values() for each in some])
    return {each: _last(some, not_ended) for each, some in told.items()}


def _last(some: Sequence[Plan], not_ended: Mapping[tuple[str, str], str]) -> tuple[date, ...]:
    ended = {each.name: each.ended.day for each in some if each.ended is not None and each.name not in not_ended}

    def stood(plan: Plan, day: date) -> bool:
        """A plan of which an end alone was told stood until that, as far as it counts, since nobody knows when."""
        return (plan.since is None or plan.since <= day) and day < ended.get(plan.name, date.max)

    return tuple(day for day in ended.values() if not any(stood(each, day) for each in some))


def members(group: CoreGroup | None) -> frozenset[str] | None:
    """The agencies of a core group; None where no meeting has named one."""
    return frozenset(group.meeting.core_group) if group is not None else None
