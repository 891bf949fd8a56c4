"""Which answer counts, when several came, late, twice and out of order.

Source: RFC 5546 sections 2.1.5 and 3.2.3 (SEQUENCE before DTSTAMP); that clients send a second answer under the first
one's DTSTAMP, or leave SEQUENCE out, was measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.invitations.rules import Invitation

ACCEPTED, DECLINED, TENTATIVE, DELEGATED = "accepted", "declined", "tentative", "delegated"
"""What can be answered; `declined` is what the field calls apologies."""

CLOCKS_DIFFER = timedelta(minutes=5)
"""By how much the clocks of the machines that write invitations and take answers in may differ."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer as it came. `sequence` and `stamp` are those of the message that was answered, where known; a DTSTAMP
    that is ours, echoed, is not kept as the answer's.
    """

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
        return answers_for(self.agency_id, self.person_id, self.team_id, invitation)

    @property
    def given(self) -> datetime:
        """When it was given, as far as it says so itself: never later than it was learnt of, whatever clock it had."""
        return min(self.at, self.known_at)


def answers_for(agency_id: str | None, person_id: str | None, team_id: str | None, invitation: Invitation) -> bool:
    """Whether what this party says is said for that invitation."""
    if invitation.person_id is not None:
        return person_id == invitation.person_id
    return agency_id == invitation.agency_id and team_id in (None, invitation.team_id)


@dataclass(frozen=True, slots=True)
class Heard:
    """What was heard from the party of one invitation, each in the order in which it was given: the answer that counts
    (None: none does), those to the same time that it took the place of, and those to an earlier time, which count for
    nothing now.
    """

    counts: Answer | None = None
    replaced: tuple[Answer, ...] = ()
    superseded: tuple[Answer, ...] = ()


def heard(invitation: Invitation, answers: Sequence[Answer]) -> Heard:
    """What counts of the answers to a meeting for one of its invitations, whatever order they came in."""
    own = sorted((each for each in answers if each.is_of(invitation)), key=lambda each: _order(each, invitation))
    current = [each for each in own if _is_current(each, invitation)]
    superseded = tuple(each for each in own if not _is_current(each, invitation))
    return Heard(current[-1] if current else None, tuple(current[:-1]), superseded)


def _is_current(answer: Answer, invitation: Invitation) -> bool:
    """Whether an answer is to the meeting as it is now.

    One that names no SEQUENCE is where it was given since this one was begun. Under the first one it is enough that it
    was learnt of since: what was agreed by telephone may be recorded together with the meeting. One that names a
    SEQUENCE which had not been begun when it was learnt of names none that there was: then the moment decides as well.
    """
    if answer.sequence is not None and answer.sequence < invitation.sequence:
        return False
    if answer.sequence == invitation.sequence:
        return answer.known_at >= invitation.since - CLOCKS_DIFFER
    return answer.given >= invitation.since or (invitation.sequence == 0 and answer.known_at >= invitation.since)


def _order(answer: Answer, invitation: Invitation) -> tuple[datetime, datetime, datetime, str, str]:
    """What decides between two answers to the same time: the DTSTAMP of the answer's own, or the moment at which it was
    given. A DTSTAMP from before there was anything to answer is a wrong clock's, or an echo.
    """
    stamp = answer.stamp
    own = min(stamp, answer.known_at) if stamp is not None and stamp > invitation.since else answer.given
    return own, answer.given, answer.at, answer.event_source, answer.event_id


def unasked(answers: Sequence[Answer], invitations: Sequence[Invitation]) -> list[Answer]:
    """The answers of parties that have no invitation: shown, and not believed."""
    return [each for each in answers if not any(each.is_of(invitation) for invitation in invitations)]
