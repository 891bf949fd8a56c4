"""A file that does harm was sent and not taken: a person is told, until something else comes from the same party, or
the meeting will not take place.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from services.foundation.clock import LONDON, london_date
from services.foundation.work import Derived, Work
from services.invitations import store as invitations
from services.invitations.rules import CANCELLED, Invitation
from services.meetings import store as meetings
from services.meetings.rules import say
from services.participation.handlers.answers import REVIEWED
from services.participation.rules.missing import Missing, Reviewed
from services.participation.rules.reports import Report
from services.participation.store import documents as store
from services.participation.store import reports as reports_store
from services.participation.store.documents import Refusal

REPORT_REFUSED = "report_refused"
KINDS = frozenset({REPORT_REFUSED})


async def note(work: Work, refusal: Refusal) -> None:
    """Keep that a file was refused."""
    await store.note_refusal(work.db, refusal)
    await _review(work, {refusal.meeting_id})


async def heard(work: Work, events: Sequence[Derived]) -> None:
    """Something came: where it is from whoever had sent such a file, that is over."""
    await _review(work, {event.data.meeting_id for event in events})


async def _review(work: Work, meeting_ids: Collection[str]) -> None:
    refused = await store.refusals_of(work.db, meeting_ids)
    if not refused:
        return
    found = await meetings.meetings_by_id(work.db, refused)
    invited = await invitations.of_meetings(work.db, refused)
    came = await reports_store.of_meetings(work.db, refused)
    for meeting_id, some in refused.items():
        meeting = found[meeting_id]
        by_id = {each.invitation_id: each for each in invited.get(meeting_id, {}).values()}
        last = {each.invitation_id: each for each in some if each.invitation_id in by_id}
        missing = tuple(
            _missing(each)
            for name, each in last.items()
            if meeting.state != CANCELLED and not _made_up_for(each, by_id[name], came.get(meeting_id, ()))
        )
        work.emit(Derived(REVIEWED, meeting_id, meeting.partition_key, Reviewed(meeting, KINDS, missing)))


def _made_up_for(refusal: Refusal, invitation: Invitation, came: Sequence[Report]) -> bool:
    return any(report.is_of(invitation) and report.known_at > refusal.at for report in came)


def _missing(refusal: Refusal) -> Missing:
    when = f"{say(london_date(refusal.at))} at {refusal.at.astimezone(LONDON):%H:%M}"
    text = (
        f"The file that they sent on {when} was not taken: the scanner found something harmful in it. "
        "They were told so on the page. Ask them for their report another way."
    )
    return Missing(REPORT_REFUSED, f"invitation:{refusal.invitation_id}", text, refusal.agency_id)
