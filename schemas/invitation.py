"""What becomes of invitations: answered, or seen to have been sent by another system."""

from __future__ import annotations

from schemas.payload import Contact, Needs, Payload
from schemas.vocabulary import Answer, BareAddress, Flag, Id, Instant, Line, Text


class InvitationAnswered(Payload):
    """`quorate.invitation.answered.v1`."""

    meeting_id: Id
    agency_id: Id
    answer: Answer
    at: Instant
    by: Line | None = None
    delegate: Contact | None = None
    note: Text | None = None
    will_report: Flag | None = None

    def needs(self) -> Needs:
        return (("meeting", frozenset((self.meeting_id,))),)


class InvitationObserved(Payload):
    """`quorate.invitation.observed.v1`: an invitation that another system sent."""

    meeting_id: Id
    agency_id: Id
    address: BareAddress
    at: Instant
    evidence: Text | None = None

    def needs(self) -> Needs:
        return (("meeting", frozenset((self.meeting_id,))),)
