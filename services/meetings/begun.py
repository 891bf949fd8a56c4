"""Meetings that have begun: who would have been asked, had it been known in time that they were involved.

Events come late: a meeting may be known only after it began, and who was involved with the child later still. Such a
meeting is not resolved again, since nothing can be sent for it. But nobody is left out silently.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.directory import store as directory
from services.directory.handlers import Changed
from services.foundation.clock import london_date
from services.foundation.statements import among, chunks
from services.foundation.work import Derived, Work
from services.meetings import store
from services.meetings.facts import resolve_as_it_was
from services.meetings.rules import INVITED, RIGHTLY_NOT_ASKED, Entry, Meeting, Resolution
from services.meetings.rules.words import earlier

LEARNT_LATER = "meetings.learnt_later"
CORRECTED = "meetings.corrected"
LOOK_BACK = "meetings.look_back"
AT_ONCE = 100  # meetings looked at in one transaction; more fall due as timers

# Rules that ask whoever is involved. What an agency is asked for otherwise may have changed since the meeting.
_INVOLVED = frozenset({"involved", "waiting_list", "parents_services"})


@dataclass(frozen=True, slots=True)
class LearntLater:
    """Who was involved when a meeting began, and was not known to be: nobody asked them."""

    meeting: Meeting
    missed: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Corrected:
    """A meeting that has been held is described anew: as it would be resolved now. Its entries stay as they were."""

    meeting: Meeting
    resolution: Resolution


async def look_at_corrected(work: Work, some: Iterable[Meeting]) -> None:
    """These were described anew: of those that have been held it is told who is not named any more or is now, and who
    would have been asked for the sake of a child that nobody had named.
    """
    held = {each.meeting_id: each for each in some if each.state == store.HELD}
    if not held:
        return
    for meeting_id, (resolution, before) in (await resolve_as_it_was(work.db, held.values(), work.policy)).items():
        meeting = held[meeting_id]
        work.emit(Derived(CORRECTED, meeting_id, meeting.partition_key, Corrected(meeting, resolution)))
        named_before = {child_id for entry in before.values() for child_id in entry.child_ids}
        _tell_missed(work, meeting, resolution, before, frozenset(meeting.child_ids) - named_before)


async def look_back(work: Work, events: Sequence[Derived]) -> None:
    """The directory changed: meetings about these people that began not long ago are looked at."""
    changes: list[Changed] = [event.data for event in events]
    people = {each for change in changes for each in change.person_ids}
    families = {each for change in changes for each in change.family_ids}
    if not (people or families):
        return
    children = people | await directory.children_tied_to(work.db, people)
    children |= {child.child_id for child in await directory.children_of_families(work.db, families)}
    today = london_date(work.now)
    number = work.policy.on(today).number("late_record_look_back")
    if number is None:
        return
    ordered = sorted(await _begun(work.db, children, work.now, work.now - (today - earlier(today, number))))
    for meeting_id in ordered[AT_ONCE:]:
        work.arm(LOOK_BACK, meeting_id, work.now)
    await _look(work, ordered[:AT_ONCE])


async def look_back_later(work: Work, keys: Sequence[str]) -> None:
    """The timer for meetings that were too many for the transaction in which something was learnt."""
    await _look(work, keys)


async def _look(work: Work, meeting_ids: Sequence[str]) -> None:
    found = await store.meetings_by_id(work.db, meeting_ids)
    some = [each for each in found.values() if each.state != "cancelled" and each.starts_at <= work.now]
    if not some:
        return
    for meeting_id, (resolution, before) in (await resolve_as_it_was(work.db, some, work.policy)).items():
        _tell_missed(work, found[meeting_id], resolution, before)


def _tell_missed(
    work: Work,
    meeting: Meeting,
    resolution: Resolution,
    before: Mapping[str, Entry],
    new: frozenset[str] = frozenset(),
) -> None:
    """Tell whom nobody asked: whoever was involved, and for a child that is `new` to the meeting everyone."""
    judged = {entry.agency_id for entry in before.values() if entry.agency_id is not None} | before.keys()
    missed = tuple(
        entry
        for entry in resolution.entries
        if (entry.agency_id or entry.party) not in judged
        and (entry.decision == INVITED or entry.why_not not in RIGHTLY_NOT_ASKED | {"involvement_ended"})
        and (_involved(entry) or (entry.child_ids and new.issuperset(entry.child_ids)))
    )
    if missed:
        work.emit(Derived(LEARNT_LATER, meeting.meeting_id, meeting.partition_key, LearntLater(meeting, missed)))


def _involved(entry: Entry) -> bool:
    return entry.agency_id is not None and any(reason.rule in _INVOLVED for reason in entry.reasons)


async def _begun(db: AsyncConnection, child_ids: Iterable[str], now: datetime, since: datetime) -> set[str]:
    """The meetings about these children that began between two moments and were not called off."""
    found: set[str] = set()
    for some in chunks(set(child_ids)):
        query = (
            select(store.meeting_children.c.meeting_id)
            .join(store.meetings, store.meetings.c.meeting_id == store.meeting_children.c.meeting_id)
            .where(
                among(db, store.meeting_children.c.child_id, some),
                store.meetings.c.state != store.CANCELLED,
                store.meetings.c.starts_at > since,
                store.meetings.c.starts_at <= now,
            )
        )
        found |= set((await db.execute(query)).scalars())
    return found
