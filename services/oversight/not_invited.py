"""Whom nothing had reached when a meeting began, and what an answer says of that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from services.foundation.clock import LONDON, london_date
from services.foundation.work import Derived, Work
from services.invitations import store as invitations
from services.invitations.rules import Invitation, invitation_id
from services.meetings import store as meetings
from services.meetings.rules import INVITED, Entry, Meeting, say
from services.oversight import store
from services.oversight.answered import answered_all_the_same, answered_before
from services.oversight.handlers import apply
from services.oversight.rules import NEVER_REACHED, NOT_INVITED, RESOLVED, UNDELIVERED, Finding


async def meetings_start(work: Work, keys: Sequence[str]) -> None:
    """The timer at a meeting's beginning: whoever was to be asked and has not been by now was not invited, unless
    they answered. That the meeting was held may be known before the timer is looked at.
    """
    found_meetings = await meetings.meetings_by_id(work.db, keys)
    due = {each: m for each, m in found_meetings.items() if m.state != "cancelled" and m.starts_at <= work.now}
    invited = await invitations.of_meetings(work.db, due)
    rows = await invitations.rows_by_id(work.db, [i.invitation_id for some in invited.values() for i in some.values()])
    entries = await meetings.entries_of(work.db, due)
    knew = await answered_before(work.db, due, invited, entries)
    found = [
        Finding(
            NOT_INVITED,
            meeting_id,
            f"invitation:{each.invitation_id}",
            NEVER_REACHED if each.came_back else "The invitation had not gone out when the meeting began.",
            each.agency_id,
            each.person_id,
        )
        for meeting_id, some in invited.items()
        for each in some.values()
        if each.state != "cancelled" and (each.came_back or rows[each.invitation_id]["asked_at"] is None)
    ]
    for meeting_id, meeting in due.items():
        found += _known_too_late(meeting, entries.get(meeting_id, {}), invited.get(meeting_id, {}), rows)
    found = [each for each in found if each.about.removeprefix("invitation:") not in knew]
    await apply(work, found, set(), await store.of_meetings(work.db, due), due)


def _known_too_late(
    meeting: Meeting,
    entries: Mapping[str, Entry],
    invited: Mapping[str, Invitation],
    rows: Mapping[str, Mapping[Any, Any]],
) -> list[Finding]:
    """Whom nothing was sent since the meeting, at the time that it has now, was over before that time was known."""
    found = []
    for party, entry in entries.items():
        invitation = invited.get(party)
        if entry.decision != INVITED:
            continue
        if invitation is None:
            text = "The meeting was over before it was known that they were to be asked: nothing was sent."
        elif invitation.told.starts_at != meeting.starts_at and rows[invitation.invitation_id]["asked_at"] is not None:
            text = (
                f"They were asked for {_moment(invitation.told.starts_at)}, and do not know that the meeting is "
                f"recorded for {_moment(meeting.starts_at)} now: it was over when that was known. Tell them."
            )
        else:
            continue
        about = f"invitation:{invitation_id(meeting.meeting_id, party)}"
        found.append(Finding(NOT_INVITED, meeting.meeting_id, about, text, entry.agency_id, entry.person_id))
    return found


def _moment(instant: datetime) -> str:
    return f"{say(london_date(instant))} at {instant.astimezone(LONDON):%H:%M}"


async def note_heard(work: Work, events: Sequence[Derived]) -> None:
    """Somebody answered: what was sent to them has arrived, whatever came back; and whoever answered before the meeting
    began was invited to it.
    """
    standing = {
        each: row
        for each, row in (await store.of_meetings(work.db, {event.data.meeting_id for event in events})).items()
        if row["state"] != RESOLVED and row["kind"] in {UNDELIVERED, NOT_INVITED}
    }
    about = await meetings.meetings_by_id(work.db, {row["meeting_id"] for row in standing.values()})
    if not about:
        return
    invited, entries = await invitations.of_meetings(work.db, about), await meetings.entries_of(work.db, about)
    knew = {
        UNDELIVERED: await answered_all_the_same(work.db, about),
        NOT_INVITED: await answered_before(work.db, about, invited, entries),
    }
    over = {
        Finding(kind, meeting_id, f"invitation:{each}", "").exception_id
        for kind, some in knew.items()
        for each, meeting_id in some.items()
    }
    await apply(work, [], over, standing, about)
