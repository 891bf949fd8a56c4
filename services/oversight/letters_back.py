"""Letters that belong to an invitation and came back: a person is told, and the invitation stands as it is."""

from __future__ import annotations

from collections.abc import Sequence

from services.directory.rules import returned
from services.foundation.work import Derived, Work
from services.invitations.returned import LetterCameBack
from services.invitations.rules import CANCELLED
from services.meetings import store as meetings
from services.oversight import store
from services.oversight.handlers import apply
from services.oversight.rules import UNDELIVERED, Finding, about_letter_back

_NAMES = {"report_request": "letter that asks them for a report", "report_reminder": "reminder of their report"}


async def note_letter_came_back(work: Work, events: Sequence[Derived]) -> None:
    """Raise an exception, unless the invitation itself did not arrive and a person knows that already."""
    some: list[LetterCameBack] = [event.data for event in events]
    about = await meetings.meetings_by_id(work.db, {each.invitation.meeting_id for each in some})
    standing = await store.of_meetings(work.db, about)
    found = []
    for each in some:
        invitation = each.invitation
        if invitation.state == CANCELLED or invitation.came_back or about[invitation.meeting_id].state == CANCELLED:
            continue
        text = (
            f"The {_NAMES.get(each.letter, 'letter')} came back: {returned(each.status).words}. "
            "Reach them another way. It says nothing of whether the invitation arrived before it."
        )
        about_whom = about_letter_back(invitation.invitation_id)
        found.append(
            Finding(UNDELIVERED, invitation.meeting_id, about_whom, text, invitation.agency_id, invitation.person_id)
        )
    await apply(work, found, set(), standing, about)
