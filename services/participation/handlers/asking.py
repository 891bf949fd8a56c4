"""Asking once more: whoever answered an earlier time, whoever asks for the invitation again, and whoever has not
answered; and telling that no answer came.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.envelope import Event
from schemas.invitation import InvitationCountered, InvitationRequested
from services.foundation.clock import london_date
from services.foundation.letters import NOT_WANTED
from services.foundation.outbox import OutboxRow
from services.foundation.work import Derived, Work
from services.invitations import handlers as invitation_handlers
from services.invitations import store as invitations
from services.invitations.handlers import SEND_AGAIN, SendAgain
from services.invitations.rules import CANCELLED
from services.meetings import store as meetings
from services.meetings.handlers import Closed, Resolved
from services.meetings.rules import Meeting
from services.participation.due import Wanted, missed_from, missing, reminded_at, wanted
from services.participation.handlers.answers import REVIEWED, tell_heard
from services.participation.rules.answers import answers_for
from services.participation.rules.asking import (
    BETWEEN_REQUESTS,
    EARLIER_ANSWER,
    NO_ANSWER,
    REMINDER,
    REQUESTED,
    Asked,
    Proposal,
    answered_the_past,
    asked,
    told_before,
)
from services.participation.rules.missing import Missing, Reviewed
from services.participation.store import answers as store

LOOK = "participation.look_for_answers"
KINDS = frozenset({NO_ANSWER})


async def countered(work: Work, events: Sequence[Event]) -> None:
    """Keep other times that were proposed, for the organiser to see. Nothing moves by itself."""
    await store.put_proposals(work.db, [_proposal(work, event) for event in events])
    tell_heard(work, events)


def _proposal(work: Work, event: Event) -> Proposal:
    said = event.data
    assert isinstance(said, InvitationCountered)
    return Proposal(
        said.meeting_id,
        said.agency_id,
        said.person_id,
        said.team_id,
        said.starts_at,
        said.ends_at,
        said.at,
        event.source,
        event.id,
        work.now,
        said.by,
        said.note,
    )


async def requested(work: Work, events: Sequence[Event]) -> None:
    """Send the invitation again to whoever asks for it: to the address that it goes to anyway, and no more than once
    in a while, whoever or whatever asks.
    """
    said = [event.data for event in events if isinstance(event.data, InvitationRequested)]
    standing = await invitations.of_meetings(work.db, {each.meeting_id for each in said})
    wanting = {
        invitation.invitation_id: invitation
        for each in said
        for invitation in standing.get(each.meeting_id, {}).values()
        if answers_for(each.agency_id, each.person_id, each.team_id, invitation)
    }
    messages = await invitations.messages_of(work.db, wanting)
    before = await store.went_again(work.db, REQUESTED, wanting)
    under_way = {row["key"] for row in work.rows if row["name"] == invitations.LETTER}
    due = [
        invitation
        for each, invitation in wanting.items()
        if each not in under_way
        and not any(message.waits for message in messages.get(each, ()))
        and (each not in before or before[each][1] <= work.now - BETWEEN_REQUESTS)
    ]
    for invitation in due:
        _send(work, SendAgain(invitation.meeting_id, invitation.party, REQUESTED))
    await store.note_went_again(work.db, REQUESTED, {each.invitation_id: each.sequence for each in due}, work.now)


def _send(work: Work, again: SendAgain) -> None:
    work.emit(Derived(SEND_AGAIN, again.meeting_id, again.meeting_id, again))


async def heard_back(work: Work, events: Sequence[Derived]) -> None:
    """Something was heard back: ask again whoever answered an earlier time, and see whose answer is missing still. For
    a meeting that has begun nobody is asked again.
    """
    found = await _scheduled(work, {event.data.meeting_id for event in events})
    standing = await _asked(work.db, found)
    past = {
        each.invitation.invitation_id: (each, answered_to)
        for meeting_id, some in standing.items()
        if found[meeting_id].starts_at > work.now
        for each in some
        if (answered_to := answered_the_past(each)) is not None
    }
    before = await store.went_again(work.db, EARLIER_ANSWER, past)
    due = {
        each: (one, answered_to)
        for each, (one, answered_to) in past.items()
        if each not in before or before[each][0] < one.invitation.sequence
    }
    for one, answered_to in due.values():
        _send(work, SendAgain(one.invitation.meeting_id, one.invitation.party, EARLIER_ANSWER, answered_to))
    sequences = {each: one.invitation.sequence for each, (one, _) in due.items()}
    await store.note_went_again(work.db, EARLIER_ANSWER, sequences, work.now)
    for meeting_id, meeting in found.items():
        _review(work, meeting, wanted(work.policy, meeting), standing.get(meeting_id, []))


async def await_answers(work: Work, events: Sequence[Derived]) -> None:
    """A meeting was resolved: look for answers when they are wanted, at once where the day for that has come: this
    timer takes the place of one that may be due and not have been taken yet. A new time begins the wait anew, and what
    was missed of the earlier one is over; so is all that was missed where no answer is waited for any more.
    """
    again: dict[str, tuple[Meeting, Wanted]] = {}
    for event in events:
        resolved: Resolved = event.data
        meeting = resolved.meeting
        when = wanted(work.policy, meeting)
        if when is None:
            if resolved.before:
                _tell(work, meeting, ())
            continue
        moment = when.look_from(work.now)
        if moment is not None:
            work.arm(LOOK, meeting.meeting_id, moment)
        if resolved.before and meeting.starts_at > work.now:
            again[meeting.meeting_id] = (meeting, when)
    standing = await _asked(work.db, [each for each, (_, when) in again.items() if when.first_missed <= work.now])
    for meeting_id, (meeting, when) in again.items():
        _review(work, meeting, when, standing.get(meeting_id, []))


async def close(work: Work, events: Sequence[Derived]) -> None:
    """A meeting has been held: whoever had not said whether they come has come, or has not."""
    for event in events:
        closed: Closed = event.data
        if closed.meeting.state == meetings.HELD:
            _tell(work, closed.meeting, ())


async def look(work: Work, keys: Sequence[str]) -> None:
    """The timer by which answers are looked for: remind whoever has not answered, once for each time that the meeting
    has; tell whose answer is missed.
    """
    found = {each: meeting for each, meeting in (await _scheduled(work, keys)).items() if meeting.starts_at > work.now}
    standing = await _asked(work.db, found)
    ids = [each.invitation.invitation_id for some in standing.values() for each in some]
    before = {each: sequence for each, (sequence, _) in (await store.went_again(work.db, REMINDER, ids)).items()}
    reminded: dict[str, int] = {}
    for meeting_id, meeting in found.items():
        when = wanted(work.policy, meeting)
        if when is None:
            continue
        some = standing.get(meeting_id, [])
        for each in some:
            invitation, moment = each.invitation, reminded_at(each, when)
            if moment is None or moment > work.now or before.get(invitation.invitation_id, -1) >= invitation.sequence:
                continue
            assert each.first_asked is not None
            if when.missed_from(each.first_asked) <= work.now:
                continue  # nobody looked in time: to ask for an answer by a day that is over helps nobody
            by = when.last_day(each.first_asked)
            _send(work, SendAgain(meeting_id, invitation.party, REMINDER, None, by))
            reminded[invitation.invitation_id] = invitation.sequence
        _review(work, meeting, when, some)
        next_look = _next_look(some, when, work.now, before | reminded)
        if next_look is not None:
            work.arm(LOOK, meeting_id, next_look)
    await store.note_went_again(work.db, REMINDER, reminded, work.now)


def _next_look(some: Iterable[Asked], when: Wanted, now: datetime, reminded: Mapping[str, int]) -> datetime | None:
    """When something is due next for one of these; the next morning where somebody has not been reached yet."""
    moments: list[datetime | None] = []
    for each in some:
        invitation = each.invitation
        if invitation.state == CANCELLED or each.heard.counts is not None:
            continue
        if not each.owes:
            moments.append(when.next_look(now))
            continue
        moments.append(missed_from(each, when))
        if reminded.get(invitation.invitation_id, -1) < invitation.sequence:
            moments.append(reminded_at(each, when))
    return min((moment for moment in moments if moment is not None and moment > now), default=None)


def _review(work: Work, meeting: Meeting, when: Wanted | None, some: Iterable[Asked]) -> None:
    found = (missing(each, when, work.now) for each in some) if when is not None else ()
    _tell(work, meeting, tuple(each for each in found if each is not None))


def _tell(work: Work, meeting: Meeting, found: tuple[Missing, ...]) -> None:
    work.emit(Derived(REVIEWED, meeting.meeting_id, meeting.partition_key, Reviewed(meeting, KINDS, found)))


async def _scheduled(work: Work, ids: Collection[str]) -> dict[str, Meeting]:
    found = await meetings.meetings_by_id(work.db, ids)
    return {each: meeting for each, meeting in found.items() if meeting.state == "scheduled"}


async def withheld(db: AsyncConnection, rows: Sequence[OutboxRow], now: datetime) -> dict[int, str]:
    """Which invitations may not go any more; and which reminders have nothing to ask by now."""
    found = dict(await invitation_handlers.withheld(db, rows, now))
    reminders = [row for row in rows if row.params.get("change") == REMINDER and row.outbox_id not in found]
    if not reminders:
        return found
    about = await meetings.meetings_by_id(db, {row.params["meeting_id"] for row in reminders})
    of_meetings = await _asked(db, about)
    parties = {each.invitation.invitation_id: each for some in of_meetings.values() for each in some}
    reached = await invitations.standing(db, parties)
    for row in reminders:
        each, meeting = parties.get(row.key), about.get(row.params["meeting_id"])
        if each is None or meeting is None:
            continue
        another_stands = each.invitation.sequence > row.params["sequence"]
        said = reached[row.key].asked_at is not None and told_before(each, row.params["revision"])
        if another_stands or (said and _asks_nothing(each, meeting, row.params.get("answer_by"), now)):
            found[row.outbox_id] = NOT_WANTED
    return found


def _asks_nothing(each: Asked, meeting: Meeting, answer_by: str | None, now: datetime) -> bool:
    """Whether a reminder to answer by a day is over: it is answered, or an answer by then cannot come any more."""
    if each.heard.counts is not None or meeting.state != "scheduled" or meeting.starts_at <= now:
        return True
    return answer_by is not None and date.fromisoformat(answer_by) < london_date(now)


async def _asked(db: AsyncConnection, ids: Collection[str]) -> dict[str, list[Asked]]:
    """The invitations to meetings with what was sent and heard back, by meeting."""
    standing = await invitations.of_meetings(db, ids)
    said, proposed = await store.of_meetings(db, standing), await store.proposals_of(db, standing)
    messages = await invitations.messages_of(
        db, [each.invitation_id for some in standing.values() for each in some.values()]
    )
    return {
        meeting_id: [
            asked(each, messages.get(each.invitation_id, ()), said.get(meeting_id, ()), proposed.get(meeting_id, ()))
            for each in some.values()
        ]
        for meeting_id, some in standing.items()
    }
