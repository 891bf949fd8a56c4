"""What calendar programs write: answers, other times proposed, invitations asked for once more."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Literal

from schemas.invitation import InvitationAnswered, InvitationCountered, InvitationRequested
from schemas.payload import Contact
from schemas.vocabulary import FIRST_YEAR, LAST_YEAR, read_email
from services.post.inbox.reading.found import Attendee, CalendarAnswer
from services.post.inbox.rules.decided import Asked, ForAPerson, NewEvent
from services.post.inbox.rules.message import LONGEST_NOTE, Message, line, of_uid, text

ANSWERED, COUNTERED, REQUESTED = (f"quorate.invitation.{what}.v1" for what in ("answered", "countered", "requested"))

_ANSWERS: dict[str, Literal["accepted", "declined", "tentative", "delegated"]] = {
    "ACCEPTED": "accepted",
    "DECLINED": "declined",
    "TENTATIVE": "tentative",
    "DELEGATED": "delegated",
}
# A counter says this of the time that we asked for; ACCEPTED it says of its own.
_SAID_IN_A_COUNTER = ("DECLINED", "TENTATIVE")


_TOKENS = re.compile(r"((?:reply|bounce)\+|\banswer/)[0-9a-f]{26}[0-9a-f-]{0,80}", re.IGNORECASE)

_Said = tuple[Asked, CalendarAnswer, Attendee]


def answers(message: Message) -> list[NewEvent]:
    """The events that the calendar objects of a message make. Raises `ForAPerson` where one of them does not fit: then
    none has an effect.
    """
    replies: dict[str, _Said] = {}
    made: dict[str, NewEvent] = {}
    for each in message.reading.calendar:
        asked = message.known.get(of_uid(each.uid, message.domain) or "")
        if asked is None:
            raise ForAPerson("uid_of_another_invitation")
        if each.of_one_occurrence:
            raise ForAPerson("of_one_occurrence")
        attendee = _attendee(message, asked, each)
        if each.method == "reply" or (each.method == "counter" and attendee.partstat in _SAID_IN_A_COUNTER):
            said = (asked, each, attendee)
            before = replies.setdefault(asked.invitation_id, said)
            replies[asked.invitation_id] = _one_of(before, said)
        if each.method != "reply":
            event = _counter(message, asked, each, attendee) if each.method == "counter" else _refresh(message, asked)
            if made.setdefault(event.id, event) != event:
                raise ForAPerson("several_answers")
    return [*_replies(message, replies.values()), *made.values()]


def _attendee(message: Message, asked: Asked, answer: CalendarAnswer) -> Attendee:
    """For whom an answer speaks: of several, the one that was asked, or else the one that writes."""
    if not answer.attendees:
        raise ForAPerson("no_calendar_answer")
    sender = message.reading.sender
    for address in (asked.address.lower() if asked.address else None, sender.address if sender else None):
        for each in answer.attendees:
            if address is not None and address in (each.address, each.sent_by):
                return _believed(message, asked, each)
    if len(answer.attendees) == 1:
        return _believed(message, asked, answer.attendees[0])
    recorded = {each.lower() for each in asked.addresses} if asked.agency_id else set()
    of_agency = [each for each in answer.attendees if each.address in recorded]
    if len(of_agency) != 1:
        raise ForAPerson("unknown_replier")
    return _believed(message, asked, of_agency[0])


def _believed(message: Message, asked: Asked, attendee: Attendee) -> Attendee:
    if not message.believed(asked, attendee):
        raise ForAPerson("unknown_replier")
    return attendee


def _one_of(before: _Said, said: _Said) -> _Said:
    """Of two answers to one invitation in one message, the one that counts: the newer, where they differ."""
    (_, one, by_one), (_, other, by_other) = before, said
    if by_one.partstat == by_other.partstat:
        return before
    if one.sequence == other.sequence:
        if one.stamp is None or other.stamp is None or one.stamp == other.stamp:
            raise ForAPerson("several_answers")
        return before if one.stamp > other.stamp else said
    return before if one.sequence > other.sequence else said


def _replies(message: Message, replies: Iterable[_Said]) -> list[NewEvent]:
    found = []
    for asked, answer, attendee in replies:
        if attendee.partstat == "NEEDS-ACTION":
            continue
        said = _ANSWERS.get(attendee.partstat or "")
        if said is None:
            raise ForAPerson("no_calendar_answer")
        data = InvitationAnswered(
            meeting_id=asked.meeting_id,
            agency_id=asked.agency_id,
            person_id=asked.person_id,
            team_id=asked.team_id,
            answer=said,
            at=message.at,
            by=message.by,
            delegate=_delegate(answer, attendee) if said == "delegated" else None,
            note=_note(message, answer, attendee),
            sequence=min(answer.sequence, asked.sequence),
            stamp=_stamp(answer.stamp, message.received_at),
        )
        found.append(message.event(ANSWERED, asked, data))
    return found


def _note(message: Message, answer: CalendarAnswer, attendee: Attendee) -> str | None:
    """All that is said with an answer, each once: programs repeat in one place what they say in another."""
    found: list[str] = []
    for said in (attendee.comment, answer.comment, message.reading.text):
        own = _letters(said)
        if own and not any(own in _letters(each) for each in found):
            found = [each for each in found if _letters(each) not in own]
            found.append(said or "")
    return text(masked("\n\n".join(found)))


def words_are_left(message: Message, events: Iterable[NewEvent]) -> bool:
    """Whether something is said in a message that stands in no note of its events as a whole."""
    if message.reading.incomplete:
        return True
    said = {message.reading.text: None}
    for answer in message.reading.calendar:
        said.update((each, None) for each in (answer.comment, *(each.comment for each in answer.attendees)) if each)
    notes = [
        _letters(event.data.note)
        for event in events
        if isinstance(event.data, InvitationAnswered | InvitationCountered)
    ]
    return any(len(each) > 2 * LONGEST_NOTE or not _stands_in(each, notes) for each in said)


def _stands_in(said: str, notes: list[str]) -> bool:
    own = _letters(masked(said))
    return not own or any(own in note for note in notes)


def _letters(said: str | None) -> str:
    """Words without what programs change about them."""
    return "".join(filter(str.isalnum, said or ""))


def masked(said: str) -> str:
    """Words without the tokens by which parties are known: whoever reads a note could answer for them."""
    return _TOKENS.sub("\\1\u2026", said)


def _stamp(stamp: datetime | None, received_at: datetime) -> datetime | None:
    """A DTSTAMP that is not of the future: a clock that is fast must not outdo every answer to come."""
    return None if stamp is None or stamp.year < FIRST_YEAR else min(stamp, received_at)


def _delegate(answer: CalendarAnswer, attendee: Attendee) -> Contact | None:
    """Whom the party sends in its place, where it names one person who can be written to."""
    if len(attendee.delegated_to) != 1:
        return None
    address = attendee.delegated_to[0]
    name = next((each.name for each in answer.attendees if each.address == address and each.name), None)
    try:
        email = read_email(address)
    except ValueError:
        return None
    return Contact(name=line(name) or email, email=email)


def _counter(message: Message, asked: Asked, answer: CalendarAnswer, attendee: Attendee) -> NewEvent:
    starts_at, ends_at = answer.starts_at, answer.ends_at
    if starts_at is None or ends_at is None or not FIRST_YEAR <= starts_at.year <= ends_at.year <= LAST_YEAR:
        raise ForAPerson("time_not_readable")
    if ends_at <= starts_at:
        raise ForAPerson("time_not_readable")
    data = InvitationCountered(
        meeting_id=asked.meeting_id,
        agency_id=asked.agency_id,
        person_id=asked.person_id,
        team_id=asked.team_id,
        starts_at=starts_at,
        ends_at=ends_at,
        at=message.at,
        note=_note(message, answer, attendee),
        by=message.by,
    )
    return message.event(COUNTERED, asked, data)


def _refresh(message: Message, asked: Asked) -> NewEvent:
    data = InvitationRequested(
        meeting_id=asked.meeting_id,
        agency_id=asked.agency_id,
        person_id=asked.person_id,
        team_id=asked.team_id,
        at=message.at,
    )
    return message.event(REQUESTED, asked, data)
