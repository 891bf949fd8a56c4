"""Exceptions about meetings that have begun, which follow from what was learnt afterwards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from services.directory import store as directory
from services.directory.rules import Agency
from services.foundation.work import Derived, Work
from services.invitations.rules import invitation_id
from services.meetings.begun import Corrected, LearntLater
from services.meetings.rules import CHILD, Entry
from services.oversight import store
from services.oversight.handlers import apply, reconcile
from services.oversight.rules import SIBLING_WITHOUT_ENTRY, findings, learnt_later


async def note_learnt_later(work: Work, events: Sequence[Derived]) -> None:
    """Raise an exception for everyone who was involved when a meeting began and whom nobody asked. It is raised once:
    what a person has closed stays closed, and what is learnt later still takes nothing back.
    """
    learnt: list[LearntLater] = [event.data for event in events]
    about = {each.meeting.meeting_id: each.meeting for each in learnt}
    standing = await store.of_meetings(work.db, about)
    agencies = await directory.agencies_by_id(
        work.db, {entry.agency_id for each in learnt for entry in each.missed if entry.agency_id}
    )
    found = []
    for each in learnt:
        for entry in each.missed:
            finding = learnt_later(each.meeting, entry, _who(work, entry, agencies), invitation_id)
            if finding.exception_id not in standing:
                found.append(finding)
    await apply(work, found, set(), standing, about)


def _who(work: Work, entry: Entry, agencies: Mapping[str, Agency]) -> str:
    """Whom an entry is about, in words that name no person."""
    if entry.person_id is not None:
        return "the child" if entry.kind == CHILD else "a member of the family"
    kind = work.policy.agency_name(entry.kind)
    if entry.agency_id is None:
        return kind
    agency = agencies.get(entry.agency_id)
    return f"{agency.name if agency else entry.agency_id} ({kind})"


async def note_corrected(work: Work, events: Sequence[Derived]) -> None:
    """Meetings that have been held were described anew: the children of the household that they leave out are those
    that they do not name now.
    """
    last: dict[str, Corrected] = {event.data.meeting.meeting_id: event.data for event in events}
    found = [
        finding
        for each in last.values()
        for finding in findings(each.meeting, each.resolution, work.policy, str)
        if finding.kind == SIBLING_WITHOUT_ENTRY
    ]
    await reconcile(work, found, [each.meeting for each in last.values()], frozenset({SIBLING_WITHOUT_ENTRY}))
