"""What was written and has not gone, since the mail server does not take it."""

from __future__ import annotations

from collections.abc import Sequence

from services.foundation import outbox
from services.foundation.clock import LONDON
from services.foundation.letters import PATIENCE, Attempt, watch
from services.foundation.outbox import Waiting
from services.foundation.work import Derived, Work
from services.invitations import store as invitations
from services.invitations.rules import Invitation
from services.meetings import store as meetings
from services.oversight import store
from services.oversight.handlers import apply
from services.oversight.rules import UNDELIVERED, Finding, about_letter_back, about_report, still_trying
from services.participation.handlers.reports import REMINDER_LETTER, REQUEST_LETTER

_ABOUT_REPORTS = frozenset({REQUEST_LETTER, REMINDER_LETTER})
_REMINDS = "reminder"


async def still_there(work: Work, keys: Sequence[str]) -> None:
    """The timer some time after messages were written: whatever the mail server has not taken by then is told of, for
    each invitation the oldest message of it and the oldest letter about a report.
    """
    found_meetings = await meetings.meetings_by_id(work.db, keys)
    rows = {
        each.invitation_id: each
        for some in (await invitations.of_meetings(work.db, found_meetings)).values()
        for each in some.values()
    }
    waiting = await outbox.waiting_under(work.db, rows)
    found: dict[str, Finding] = {}
    for each in waiting:
        if each.tried and each.written_at <= work.now - PATIENCE:
            finding = _finding(each, rows[each.key])
            found.setdefault(finding.exception_id, finding)
    # What no mailer has tried yet may be put off when one does.
    watch(work, {rows[each.key].meeting_id for each in waiting})
    waits = {each.key for each in waiting if each.name in _ABOUT_REPORTS}
    over = {
        Finding(UNDELIVERED, each.meeting_id, about_report(each.invitation_id), "").exception_id
        for each in rows.values()
        if each.invitation_id not in waits
    }
    await apply(work, list(found.values()), over, await store.of_meetings(work.db, found_meetings), found_meetings)


async def note_settled(work: Work, events: Sequence[Derived]) -> None:
    """Letters about reports went, or will not any more: nobody tries them still. One that went takes the place of one
    that came back.
    """
    settled: list[Attempt] = [event.data for event in events if event.data.row.name in _ABOUT_REPORTS]
    over = {
        Finding(UNDELIVERED, each.row.params["meeting_id"], about(each.row.key), "").exception_id
        for each in settled
        for about in ((about_report, about_letter_back) if each.state == "sent" else (about_report,))
    }
    standing = await store.by_ids(work.db, over)
    meetings_of = await meetings.meetings_by_id(work.db, {row["meeting_id"] for row in standing.values()})
    await apply(work, [], over, standing, meetings_of)


def _finding(waiting: Waiting, invitation: Invitation) -> Finding:
    of_report = waiting.name in _ABOUT_REPORTS
    reminds = waiting.params.get("change") == _REMINDS
    what = waiting.name if of_report else "reminder" if reminds else "invitation"
    return Finding(
        UNDELIVERED,
        invitation.meeting_id,
        about_report(invitation.invitation_id) if of_report else f"invitation:{invitation.invitation_id}",
        still_trying(what, waiting.written_at.astimezone(LONDON)),
        invitation.agency_id,
        invitation.person_id,
    )
