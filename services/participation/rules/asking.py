"""Who owes an answer and by when, and who is asked once more: since what they answered is over, or since they have not
answered.

Only whoever was really sent the present time can owe an answer to it: a message that did not reach its reader is not
met with silence.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from services.invitations.rules import CANCELLED, REQUEST, UNDELIVERED, Invitation, Message, Told
from services.meetings.rules import say
from services.participation.rules.answers import Answer, Heard, answers_for, heard
from services.participation.rules.missing import Missing

NO_ANSWER = "no_answer"

# Why an invitation goes once more.
EARLIER_ANSWER: Final = "earlier_answer"
REMINDER: Final = "reminder"
REQUESTED: Final = "requested"

BETWEEN_REQUESTS = timedelta(hours=1)
"""How long after an invitation went once more, since its party asked for it, it does not go again for that."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """Another time that a party proposed."""

    meeting_id: str
    agency_id: str | None
    person_id: str | None
    team_id: str | None
    starts_at: datetime
    ends_at: datetime
    at: datetime
    event_source: str
    event_id: str
    known_at: datetime
    by: str | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """One invitation with what was sent for it, and what was heard back about it."""

    invitation: Invitation
    messages: tuple[Message, ...]
    heard: Heard
    proposed: tuple[Proposal, ...] = ()

    @property
    def _left(self) -> list[datetime]:
        """When each request for the present time left."""
        sequence = self.invitation.sequence
        return [
            each.left_at
            for each in self.messages
            if each.left_at is not None and each.method == REQUEST and each.sequence == sequence
        ]

    @property
    def first_asked(self) -> datetime | None:
        """When the present time was first sent; None where that has not left."""
        return min(self._left, default=None)

    @property
    def last_asked(self) -> datetime | None:
        """When the present time was last sent."""
        return max(self._left, default=None)

    @property
    def proposes(self) -> bool:
        """Whether another time was proposed in answer to the present one."""
        return any(min(each.at, each.known_at) >= self.invitation.since for each in self.proposed)

    @property
    def owes(self) -> bool:
        """Whether an answer to the present time is owed, sooner or later."""
        standing = self.invitation
        reached = standing.address is not None and standing.state not in (CANCELLED, UNDELIVERED)
        return reached and self.heard.counts is None and self.first_asked is not None


def missed(each: Asked, asked_on: date, by: date, since: datetime) -> Missing:
    """What is missing where a party that was asked on one day has not answered by another."""
    text = f"Asked on {say(asked_on)}, and no answer by {say(by)}."
    if each.proposes:
        text = f"Asked on {say(asked_on)}: they propose another time, and have not said whether they come to this one."
    elif each.heard.superseded:
        what = "an earlier time" if _was_to_another_time(each) else "an earlier invitation"
        text = f"Asked on {say(asked_on)}, and no answer by {say(by)}: the one that they gave was to {what}."
    standing = each.invitation
    about = f"invitation:{standing.invitation_id}"
    return Missing(NO_ANSWER, about, text, standing.agency_id, standing.person_id, since)


def told_before(each: Asked, revision: int) -> bool:
    """Whether a message that left before this revision told what stands: then this one tells nothing but what it asks
    for.
    """
    standing = each.invitation
    return any(
        message.left_at is not None
        and (message.method, message.sequence, message.told) == (REQUEST, standing.sequence, standing.told)
        and message.revision < revision
        for message in each.messages
    )


def answered_the_past(each: Asked) -> Told | None:
    """What the party's last answer was to, where it has to be asked again: it answered another time than the present
    one, and after the present one had been sent to it. None where the present time is on its way to it, or it answers.
    """
    standing, sent = each.invitation, each.first_asked
    if standing.state == CANCELLED or standing.address is None or each.heard.counts is not None or sent is None:
        return None
    if not each.heard.superseded or each.heard.superseded[-1].given <= sent:
        return None
    last = each.heard.superseded[-1]
    return _told_in(each.messages, last) or standing.told


def _was_to_another_time(each: Asked) -> bool:
    """Whether the party's last answer was to another time than the present one, rather than to an invitation that has
    been taken back since, or that went to another address. One that names no message is to what it had been sent.
    """
    last, now = each.heard.superseded[-1], each.invitation.told
    requests = [message for message in each.messages if message.method == REQUEST]
    before = [message for message in requests if message.left_at is not None and message.left_at <= last.given]
    told = _told_in(each.messages, last) or next((message.told for message in (*before[-1:], *requests)), now)
    return (told.starts_at, told.ends_at) != (now.starts_at, now.ends_at)


def _told_in(messages: Sequence[Message], answer: Answer) -> Told | None:
    """What was told by the message that an answer is to."""
    meant = [each for each in messages if each.method == REQUEST and each.sequence == answer.sequence]
    return meant[-1].told if meant else None


def asked(
    invitation: Invitation, messages: Sequence[Message], answers: Sequence[Answer], proposed: Sequence[Proposal]
) -> Asked:
    """One invitation, with what was sent for it and what of all that was heard back belongs to it."""
    of_party = (each for each in proposed if answers_for(each.agency_id, each.person_id, each.team_id, invitation))
    return Asked(invitation, tuple(messages), heard(invitation, answers), tuple(of_party))
