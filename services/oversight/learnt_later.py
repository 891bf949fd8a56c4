"""Exceptions about meetings that have begun, which follow from what was learnt afterwards."""

from __future__ import annotations

from collections.abc import Sequence

from services.directory import store as directory
from services.foundation.work import Derived, Work
from services.invitations.rules import invitation_id
from services.meetings.begun import LearntLater
from services.oversight import store
from services.oversight.handlers import apply
from services.oversight.rules import learnt_later


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
            agency = agencies.get(entry.agency_id or "")
            name = agency.name if agency else entry.agency_id or ""
            finding = learnt_later(
                each.meeting, entry, f"{name} ({work.policy.agency_name(entry.kind)})", invitation_id
            )
            if finding.exception_id not in standing:
                found.append(finding)
    await apply(work, found, set(), standing, about)
