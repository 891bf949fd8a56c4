"""What an answer shows: that whoever gave it knows of the meeting, whatever became of what was sent to them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sqlalchemy.ext.asyncio import AsyncConnection

from services.invitations import store as invitations
from services.invitations.rules import CANCELLED, QUEUED, Invitation, invitation_id
from services.meetings.rules import INVITED, Entry, Meeting
from services.participation.rules.answers import Answer, heard
from services.participation.store import answers as store


async def answered_all_the_same(db: AsyncConnection, meeting_ids: Iterable[str]) -> dict[str, str]:
    """The invitations that were answered, by which there is no more to be learnt than was known to whoever answered;
    with their meetings.

    A later message about the same time may tell of another room: an answer does not show that this one arrived. Nor
    does it of a message that is on its way yet, nor was what somebody said before anything was written an answer to it.
    """
    said = await store.of_meetings(db, meeting_ids)
    found: list[Invitation] = []
    for meeting_id, invited in (await invitations.of_meetings(db, said)).items():
        for each in invited.values():
            counts = heard(each, said.get(meeting_id, ())).counts
            if counts is None or each.state in {QUEUED, CANCELLED}:
                continue
            if counts.given >= each.since or counts.sequence == each.sequence:
                found.append(each)
    later = await invitations.messages_of(db, [each.invitation_id for each in found if each.revision > 0])
    answered = {}
    for each in found:
        first = next((one for one in later.get(each.invitation_id, ()) if one.sequence == each.sequence), None)
        if each.revision == 0 or (first is not None and first.told == each.told):
            answered[each.invitation_id] = each.meeting_id
    return answered


async def answered_before(
    db: AsyncConnection,
    some: Mapping[str, Meeting],
    invited: Mapping[str, Mapping[str, Invitation]],
    entries: Mapping[str, Mapping[str, Entry]],
) -> dict[str, str]:
    """The invitations to meetings, those too that nobody wrote, whose party had answered when the meeting began; with
    their meetings. An answer to another time than the meeting is recorded for is none.
    """
    answered = {}
    for meeting_id, said in (await store.of_meetings(db, some)).items():
        meeting, of_meeting = some[meeting_id], invited.get(meeting_id, {})
        before = [each for each in said if each.given <= meeting.starts_at]
        for each in of_meeting.values():
            if each.told.starts_at == meeting.starts_at and heard(each, before).counts is not None:
                answered[each.invitation_id] = meeting_id
        for party, entry in entries.get(meeting_id, {}).items():
            if party not in of_meeting and entry.decision == INVITED and any(_is_of(each, entry) for each in before):
                answered[invitation_id(meeting_id, party)] = meeting_id
    return answered


def _is_of(answer: Answer, entry: Entry) -> bool:
    """Whether this is said by a party of the meeting: an agency's own answer holds for each of its teams."""
    if entry.person_id is not None:
        return answer.person_id == entry.person_id
    return answer.agency_id == entry.agency_id and answer.team_id in (None, entry.team_id)
