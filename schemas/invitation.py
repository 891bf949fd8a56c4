"""What becomes of invitations: answered, countered, asked for anew, returned, or seen to have been sent by another
system.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Self

from pydantic import AfterValidator, Field, StrictInt, ValidationInfo, model_validator

from schemas.payload import Contact, Needs, Payload, one_party
from schemas.vocabulary import (
    Answer,
    ApologyReason,
    AttendanceMode,
    BareAddress,
    Flag,
    Id,
    Instant,
    Kind,
    Line,
    StatusCode,
    Text,
    wrong,
)

Sequence = Annotated[StrictInt, Field(ge=0, le=2_147_483_647)]


class _OfOneParty(Payload):
    """Something about the invitation of one party to one meeting. `team_id` narrows an agency to one team of it; else
    what is said holds for every invitation of the agency.
    """

    meeting_id: Id
    agency_id: Id | None = None
    person_id: Id | None = None
    team_id: Id | None = None

    @model_validator(mode="after")
    def _one_party(self) -> Self:
        one_party(self.agency_id, self.person_id)
        return self

    def needs(self) -> Needs:
        return (("meeting", frozenset((self.meeting_id,))),)


class InvitationAnswered(_OfOneParty):
    """`quorate.invitation.answered.v1`.

    `sequence` and `stamp` are the SEQUENCE and DTSTAMP of what was answered, where it is known: they say which time of
    the meeting is meant, and which of two answers is the newer. `mode` is how the party will take part, `reason` why it
    will not come.
    """

    answer: Answer
    at: Instant
    by: Line | None = None
    delegate: Contact | None = None
    note: Text | None = None
    will_report: Flag | None = None
    mode: AttendanceMode | None = None
    reason: ApologyReason | None = None
    sequence: Sequence | None = None
    stamp: Instant | None = None


def _ends_later(ends_at: datetime, info: ValidationInfo) -> datetime:
    starts_at = info.data.get("starts_at")
    if starts_at is not None and ends_at <= starts_at:
        raise wrong("must be later than starts_at")
    return ends_at


class InvitationCountered(_OfOneParty):
    """`quorate.invitation.countered.v1`: the party proposes another time. Nothing moves until the organiser does it."""

    starts_at: Instant
    ends_at: Annotated[Instant, AfterValidator(_ends_later)]
    at: Instant
    note: Text | None = None
    by: Line | None = None


class InvitationRequested(_OfOneParty):
    """`quorate.invitation.requested.v1`: the party asks for its invitation once more."""

    at: Instant


class InvitationBounced(_OfOneParty):
    """`quorate.invitation.bounced.v1`: a mail server gave a message back after another had taken it.

    `status` is the enhanced status code. `permanent`: it will not be tried again. `sequence` and `revision` name the
    message where that is known. `for_other_meetings`: what it says of the address may hold for them too; false where
    the report is not sure to be of a message that was sent. `letter`: it was no invitation, but a letter of this kind
    that belongs to one.
    """

    address: BareAddress
    status: StatusCode
    permanent: Flag
    at: Instant
    sequence: Sequence | None = None
    revision: Sequence | None = None
    for_other_meetings: Flag | None = None
    letter: Kind | None = None


class InvitationReceived(_OfOneParty):
    """`quorate.invitation.received.v1`: a mail server said that it has put the message into the mailbox. `letter` as in
    `quorate.invitation.bounced.v1`.
    """

    address: BareAddress
    at: Instant
    sequence: Sequence | None = None
    revision: Sequence | None = None
    letter: Kind | None = None


class InvitationObserved(Payload):
    """`quorate.invitation.observed.v1`: an invitation that another system sent."""

    meeting_id: Id
    agency_id: Id
    address: BareAddress
    at: Instant
    evidence: Text | None = None

    def needs(self) -> Needs:
        return (("meeting", frozenset((self.meeting_id,))),)
