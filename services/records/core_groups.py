"""Who is of the core group of a child today: the agencies that the latest held meeting about it named."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy.ext.asyncio import AsyncConnection

from services.meetings import store as meetings
from services.meetings.rules import Meeting
from services.participation.store.quoracy import held_about


async def core_groups_of(db: AsyncConnection, child_ids: Iterable[str]) -> dict[str, Meeting]:
    """The latest held meeting about each child that names a core group."""
    held = await held_about(db, child_ids)
    known = await meetings.meetings_by_id(db, {meeting_id for meeting_id, _, _ in held})
    found: dict[str, Meeting] = {}
    for meeting_id, child_id, _ in sorted(held, key=lambda each: (each[2], each[0])):
        if meeting_id in known and known[meeting_id].core_group:
            found[child_id] = known[meeting_id]
    return found


def members(meeting: Meeting | None) -> frozenset[str] | None:
    """The agencies of the core group that a meeting named; None where no meeting has named one."""
    return frozenset(meeting.core_group) if meeting is not None else None
