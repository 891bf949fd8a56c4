"""What an event about a meeting does, and what a change in the directory does to the meetings still to come."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from schemas.envelope import Event, FieldError
from schemas.meeting import MeetingCancelled, MeetingHeld, MeetingRescheduled, MeetingScheduled
from schemas.outcomes import InviteesResolved, ResolvedInvitee
from schemas.policy import Policy
from services.directory import store as directory
from services.directory.handlers import Changed
from services.foundation.clock import london_date
from services.foundation.history import remember
from services.foundation.work import Derived, Work
from services.meetings import store
from services.meetings.begun import look_at_corrected
from services.meetings.facts import looks_back, resolve_all
from services.meetings.rules import Entry, Meeting, Resolution

RESOLVED = "meetings.resolved"
CLOSED = "meetings.closed"
STARTS = "meetings.starts"

AT_ONCE = (
    200  # meetings resolved in one transaction; more fall due as timers, so that one change cannot hold up all others
)


@dataclass(frozen=True, slots=True)
class Resolved:
    """A meeting that was resolved: what stood before, and what stands now."""

    meeting: Meeting
    resolution: Resolution
    before: dict[str, Entry]
    after: dict[str, Entry]


@dataclass(frozen=True, slots=True)
class Closed:
    """A meeting that was cancelled or has been held."""

    meeting: Meeting


def check_kind(policy: Policy, event: Event) -> tuple[FieldError, ...]:
    """Refuse a kind of meeting that the policy in force on its day does not hold."""
    meeting = event.data
    assert isinstance(meeting, MeetingScheduled)
    kinds = policy.on(london_date(meeting.starts_at)).kinds
    if meeting.kind in kinds:
        return ()
    if not kinds:
        return (FieldError("$.data.starts_at", "no policy counts on that day: check the year"),)
    known = ", ".join(sorted(kinds))
    error = f"the policy has no such kind: use one of {known}, or add it to the area's policy"
    return (FieldError("$.data.kind", error),)


def _fact(event: Event, aspect: str, document: dict[str, Any]) -> dict[str, Any]:
    meeting_id = event.data.meeting_id  # type: ignore[attr-defined]  # every event of this room has one
    return {
        "fact": f"{meeting_id}|{aspect}",
        "meeting_id": meeting_id,
        "aspect": aspect,
        "partition_key": event.partition_key,
        "document": document,
        "event_time": event.time,
        "event_source": event.source,
        "event_id": event.id,
    }


def _facts(aspect: str, events: Sequence[Event]) -> list[dict[str, Any]]:
    return [_fact(event, aspect, event.data.model_dump(mode="json", exclude={"meeting_id"})) for event in events]


async def _remember(work: Work, rows: Sequence[dict[str, Any]]) -> dict[str, Meeting]:
    """Keep facts, and resolve what they concern: the meetings themselves, those that follow them, and those that look
    back on who was asked to them. Returns the meetings themselves as they stand now.
    """
    await remember(work.db, store.meeting_facts, "fact", rows, work.now)
    found = await store.meetings_by_id(work.db, {row["meeting_id"] for row in rows})
    children = {child_id for meeting in found.values() for child_id in meeting.child_ids}
    children |= await store.place(work.db, found.values())
    to_come = _ToCome(work)
    followers = {each.meeting_id for each in await to_come.after(found)}
    looking_back = {each.meeting_id for each in await to_come.looking_back(children)}
    await _resolve(work, {*found, *followers, *looking_back}, to_come, found)
    return found


def _tell_closed(work: Work, found: Mapping[str, Meeting]) -> None:
    """A cancellation that something newer has overtaken closes nothing."""
    for meeting in found.values():
        if meeting.state != "scheduled":
            work.emit(Derived(CLOSED, meeting.meeting_id, meeting.partition_key, Closed(meeting)))


class _ToCome:
    """The meetings to come, looked up for as long as one handler resolves: what was asked once is not asked again,
    since nothing places a meeting meanwhile.
    """

    def __init__(self, work: Work) -> None:
        self._work = work
        self._about: dict[str, list[store.ToCome]] = {}
        self._after: dict[str, list[store.Follower]] = {}

    async def about(self, child_ids: Iterable[str]) -> list[store.ToCome]:
        """Those about these children, once for each child."""
        wanted = set(child_ids)
        new = wanted - self._about.keys()
        self._about |= {child_id: [] for child_id in new}
        for each in await store.to_come_by_child(self._work.db, new, self._work.now):
            self._about[each.child_id].append(each)
        return [each for child_id in wanted for each in self._about[child_id]]

    async def after(self, meeting_ids: Iterable[str]) -> list[store.Follower]:
        """Those that name one of these as the meeting they follow."""
        wanted = set(meeting_ids)
        new = wanted - self._after.keys()
        self._after |= {meeting_id: [] for meeting_id in new}
        for each in await store.to_come_after(self._work.db, new, self._work.now):
            self._after[each.follows].append(each)
        return [each for meeting_id in wanted for each in self._after[meeting_id]]

    async def looking_back(self, child_ids: Iterable[str]) -> list[store.ToCome]:
        """Those about these children that ask who was asked to an earlier one."""
        return [
            each
            for each in await self.about(child_ids)
            if looks_back(self._work.policy, each.kind, london_date(each.starts_at))
        ]


async def scheduled(work: Work, events: Sequence[Event]) -> None:
    """A meeting is scheduled: find out who must be there."""
    assert all(isinstance(event.data, MeetingScheduled) for event in events)
    await look_at_corrected(work, (await _remember(work, _facts(store.DEFINED, events))).values())


async def rescheduled(work: Work, events: Sequence[Event]) -> None:
    """A meeting moves: who must be there is asked again, since ages and notice change with the day.

    A place and a link count until another one is given, whatever else is rescheduled in between.
    """
    rows = _facts(store.TIMED, events)
    for event in events:
        assert isinstance(event.data, MeetingRescheduled)
        if event.data.place is not None:
            rows.append(_fact(event, store.PLACED, {"place": event.data.place}))
        if event.data.joining_url is not None:
            rows.append(_fact(event, store.LINKED, {"joining_url": event.data.joining_url}))
    await look_at_corrected(work, (await _remember(work, rows)).values())


async def cancelled(work: Work, events: Sequence[Event]) -> None:
    """A meeting will not take place."""
    assert all(isinstance(event.data, MeetingCancelled) for event in events)
    _tell_closed(work, await _remember(work, _facts(store.CANCELLED, events)))


async def held(work: Work, events: Sequence[Event]) -> None:
    """A meeting took place; the core group that it named is asked to what follows."""
    assert all(isinstance(event.data, MeetingHeld) for event in events)
    _tell_closed(work, await _remember(work, _facts(store.HELD, events)))


async def resolve_again(work: Work, events: Sequence[Derived]) -> None:
    """The directory changed: every meeting still to come that it may concern is resolved again."""
    changes: list[Changed] = [event.data for event in events]
    families = {each for change in changes for each in change.family_ids}
    people = {each for change in changes for each in change.person_ids}
    tied = await directory.children_tied_to(work.db, people)
    families |= {child.family_id for child in (await directory.children_by_id(work.db, tied)).values()}
    children = people | tied
    children |= {child.child_id for child in await directory.children_of_families(work.db, families)}
    to_come = _ToCome(work)
    concerned = {each.meeting_id for each in await to_come.about(children)}
    agencies = {each for change in changes for each in change.agency_ids}
    if agencies:
        kinds = {each for change in changes for each in change.agency_kinds}
        concerned |= await store.to_come_for_agencies(work.db, agencies, kinds, work.now)
    first = await store.still_to_come(work.db, {each for change in changes for each in change.meeting_ids}, work.now)
    ordered = [*sorted(first), *sorted(concerned - first)]
    for meeting_id in ordered[AT_ONCE:]:
        work.arm(RESOLVE_LATER, meeting_id, work.now)
    await _resolve(work, ordered[:AT_ONCE], to_come, {})


RESOLVE_LATER = "meetings.resolve"


async def resolve_later(work: Work, keys: Sequence[str]) -> None:
    """The timer for meetings that were too many for the transaction that touched them. What has begun by now is left
    as it stood.
    """
    found = await store.meetings_by_id(work.db, keys)
    some = {each for each, meeting in found.items() if meeting.starts_at > work.now}
    await _resolve(work, some, _ToCome(work), found)


async def _resolve(work: Work, meeting_ids: Iterable[str], to_come: _ToCome, known: Mapping[str, Meeting]) -> None:
    """Resolve meetings, and then those that look back on whose entries changed; keep what changed, and tell. `known`
    are meetings as they stand, which are not read again: nothing here changes what is said of a meeting.
    """
    told: dict[str, Resolved] = {}
    known, wanted = dict(known), set(meeting_ids)
    while wanted:
        known |= await store.meetings_by_id(work.db, wanted - known.keys())
        some = [known[each] for each in sorted(wanted) if each in known and known[each].state == "scheduled"]
        if not some:
            break
        resolved = await resolve_all(work.db, some, work.policy)
        changes = {}
        for meeting in some:
            resolution, before = resolved[meeting.meeting_id]
            after = {entry.party: entry for entry in resolution.entries}
            changes[meeting.meeting_id] = (before, after)
            first = told[meeting.meeting_id].before if meeting.meeting_id in told else before
            told[meeting.meeting_id] = Resolved(meeting, resolution, first, after)
        await store.replace_entries(work.db, changes, work.now)
        changed = [meeting for meeting in some if changes[meeting.meeting_id][0] != changes[meeting.meeting_id][1]]
        wanted = await _later_ones_looking_back(to_come, changed)
    for meeting_id, each in told.items():
        work.arm(STARTS, meeting_id, each.meeting.starts_at)
        work.emit(Derived(RESOLVED, meeting_id, each.meeting.partition_key, each))
        if each.before != each.after:
            work.emit(Derived("quorate.invitees.resolved.v1", meeting_id, each.meeting.partition_key, _outcome(each)))


async def _later_ones_looking_back(to_come: _ToCome, changed: Sequence[Meeting]) -> set[str]:
    """The meetings that may change because these did; each is later than one of them, so that this comes to an end."""
    first: dict[str, datetime] = {}
    for meeting in changed:
        for child_id in meeting.child_ids:
            first[child_id] = min(first.get(child_id, meeting.starts_at), meeting.starts_at)
    starts = {meeting.meeting_id: meeting.starts_at for meeting in changed}
    looking_back = await to_come.looking_back(first)
    return {each.meeting_id for each in looking_back if each.starts_at > first[each.child_id]} | {
        each.meeting_id for each in await to_come.after(starts) if each.starts_at > starts[each.follows]
    }


def _outcome(told: Resolved) -> InviteesResolved:
    return InviteesResolved(
        meeting_id=told.meeting.meeting_id,
        entries=tuple(
            ResolvedInvitee(
                agency_id=entry.agency_id,
                person_id=entry.person_id,
                kind=entry.kind,
                team_id=entry.team_id,
                child_ids=entry.child_ids,
                decision=entry.decision,
                why_not=entry.why_not,
                rules=tuple(dict.fromkeys(reason.rule for reason in entry.reasons)),
            )
            for entry in told.resolution.entries
        ),
    )
