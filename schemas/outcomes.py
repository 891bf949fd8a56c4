"""What Quorate tells others: ids, kinds, reasons and times only, never a name or an address of a person."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import ConfigDict, Field, StrictBool, StrictInt, model_validator

from schemas.payload import Outcome, Part, one_party
from schemas.vocabulary import (
    Decision,
    ExceptionKind,
    FailureReason,
    Id,
    Instant,
    InvitationMethod,
    Kind,
    ListedIfAny,
    StatusCode,
    wrong,
)


class ResolvedInvitee(Part):
    """One agency or person, whether it is invited, and by which rules. `why_not` is there exactly when it is not.

    A kind that is expected and that no agency is recorded for stands here without a party: it cannot be invited.
    """

    model_config = ConfigDict(extra="forbid")

    agency_id: Id | None = None
    person_id: Id | None = None
    kind: Kind
    team_id: Id | None = None
    child_ids: ListedIfAny[Id] = ()
    decision: Decision
    why_not: Kind | None = None
    rules: ListedIfAny[Id] = ()

    @model_validator(mode="after")
    def _one_party_and_its_reason(self) -> Self:
        if self.decision == "invited" or self.agency_id is not None or self.person_id is not None:
            one_party(self.agency_id, self.person_id)
        if (self.decision == "not_invited") != (self.why_not is not None):
            raise wrong("must be given exactly when the decision is not_invited", "why_not")
        return self


class InviteesResolved(Outcome):
    """`quorate.invitees.resolved.v1`: who is invited and why, who is not and why not."""

    meeting_id: Id
    entries: tuple[ResolvedInvitee, ...]


class _ToOneParty(Outcome):
    agency_id: Id | None = None
    person_id: Id | None = None

    @model_validator(mode="after")
    def _one_party(self) -> Self:
        one_party(self.agency_id, self.person_id)
        return self


class _AboutAnInvitation(_ToOneParty):
    meeting_id: Id
    invitation_id: Id
    sequence: Annotated[StrictInt, Field(ge=0)]
    method: InvitationMethod
    at: Instant


class InvitationSent(_AboutAnInvitation):
    """`quorate.invitation.sent.v1`: handed to the mail server. `revision` counts the messages within one SEQUENCE: from
    1 on they tell an invited reader of a room or a link, remind it, or ask it once more. `asks`: it is the first that
    asks the party to come at this time, rather than telling of a room, a link or to a new address what was asked
    before.
    """

    revision: Annotated[StrictInt, Field(ge=0)] = 0
    asks: StrictBool = True


class InvitationDelivered(_AboutAnInvitation):
    """`quorate.invitation.delivered.v1`: the receiving side took it."""


class InvitationUndelivered(_AboutAnInvitation):
    """`quorate.invitation.undelivered.v1`: it did not arrive. `code` is the SMTP reply code where there was one,
    `status` the enhanced status code of what came back.
    """

    code: Annotated[StrictInt, Field(ge=200, le=599)] | None = None
    status: StatusCode | None = None
    reason: FailureReason


class _AboutARecord(_ToOneParty):
    record_id: Id
    meeting_id: Id
    version: Annotated[StrictInt, Field(ge=1)]
    at: Instant


class RecordDistributed(_AboutARecord):
    """`quorate.record.distributed.v1`: the party's own copy was sent."""


class RecordOpened(_AboutARecord):
    """`quorate.record.opened.v1`: the party opened its copy."""


class RecordFiled(_AboutARecord):
    """`quorate.record.filed.v1`: the party said that its copy is in its own file."""


class NoticeAcknowledged(_ToOneParty):
    """`quorate.notice.acknowledged.v1`: the party said that it has taken note."""

    notice_id: Id
    child_id: Id | None = None
    meeting_id: Id | None = None
    at: Instant


class _AboutAnException(Outcome):
    exception_id: Id
    kind: ExceptionKind
    meeting_id: Id | None = None
    agency_id: Id | None = None
    person_id: Id | None = None
    child_id: Id | None = None
    due_at: Instant | None = None

    @model_validator(mode="after")
    def _at_most_one_party(self) -> Self:
        if self.agency_id is not None and self.person_id is not None:
            raise wrong("must have at most one of agency_id and person_id")
        return self


class ExceptionRaised(_AboutAnException):
    """`quorate.exception.raised.v1`: something that should have happened did not."""


class ExceptionEscalated(_AboutAnException):
    """`quorate.exception.escalated.v1`: it was not put right in time; `due_at` is the new limit."""


class ExceptionResolved(_AboutAnException):
    """`quorate.exception.resolved.v1`: it was put right, or someone with the right to decide closed it."""
