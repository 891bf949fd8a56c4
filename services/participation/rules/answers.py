"""Which answer counts, when several came, late, twice and out of order.

Source: RFC 5546 sections 2.1.5 and 3.2.3 (SEQUENCE before DTSTAMP); that clients send a second answer under the first
one's DTSTAMP, or leave SEQUENCE out, was measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from services.invitations.rules import Invitation

ACCEPTED, DECLINED, TENTATIVE, DELEGATED = "accepted", "declined", "tentative", "delegated"
"""What can be answered; `declined` is what the field calls apologies."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer as it came. `sequence` and `stamp` are those of the message that was answered, where known."""

    meeting_id: str
    agency_id: str | None
    person_id: str | None
    team_id: str | None
    answer: str
    at: datetime
    event_source: str
    event_id: str
    known_at: datetime
    by: str | None = None
    delegate_name: str | None = None
    delegate_email: str | None = None
    note: str | None = None
    will_report: bool | None = None
    mode: str | None = None
    reason: str | None = None
    sequence: int | None = None
    stamp: datetime | None = None

    def is_of(self, invitation: Invitation) -> bool:
        """Whether this answers for that invitation: an agency's own answer holds for each of its teams."""
        if invitation.person_id is not None:
            return self.person_id == invitation.person_id
        return self.agency_id == invitation.agency_id and self.team_id in (None, invitation.team_id)


@dataclass(frozen=True, slots=True)
class Heard:
    """What was heard from the party of one invitation: the answer that counts (None: none does), and those that were
    given to an earlier time, which the party is asked about again.
    """

    counts: Answer | None = None
    superseded: tuple[Answer, ...] = ()


def heard(invitation: Invitation, answers: Sequence[Answer]) -> Heard:
    """What counts of the answers to a meeting for one of its invitations, whatever order they came in."""
    own = sorted((each for each in answers if each.is_of(invitation)), key=lambda each: _order(each, invitation))
    current = [each for each in own if _is_current(each, invitation)]
    superseded = tuple(each for each in own if not _is_current(each, invitation))
    return Heard(current[-1] if current else None, superseded)


def _is_current(answer: Answer, invitation: Invitation) -> bool:
    """Whether an answer is to the meeting as it is now: one without a SEQUENCE is where it was given since then."""
    if answer.sequence is None:
        return answer.at >= invitation.since
    return answer.sequence >= invitation.sequence


def _order(answer: Answer, invitation: Invitation) -> tuple[datetime, datetime, str, str]:
    """What decides between two answers to the same time. A DTSTAMP that is not later than the invitation's is that one,
    echoed: then the moment at which the answer was given decides.
    """
    fresh = answer.stamp is not None and answer.stamp > invitation.stamp
    given = answer.stamp if fresh and answer.stamp else answer.at
    return given, answer.at, answer.event_source, answer.event_id


def unasked(answers: Sequence[Answer], invitations: Sequence[Invitation]) -> list[Answer]:
    """The answers of parties that have no invitation: shown, and not believed."""
    return [each for each in answers if not any(each.is_of(invitation) for invitation in invitations)]
