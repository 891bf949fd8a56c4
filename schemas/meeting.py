"""Meetings: scheduled, rescheduled, cancelled, held."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Self

from pydantic import AfterValidator, ValidationInfo, model_validator

from schemas.payload import Contact, Needs, Part, Payload, Provides, one_party
from schemas.vocabulary import (
    AttendanceMode,
    AttendanceStatus,
    DistinctIds,
    ExclusionReason,
    Id,
    Instant,
    Kind,
    Line,
    Listed,
    ListedIfAny,
    Place,
    QuoracyException,
    Text,
    Url,
    wrong,
)

LONGEST = timedelta(hours=24)
"""A meeting longer than this is a slip of the keyboard."""


def _ends_after_it_starts(ends_at: datetime, info: ValidationInfo) -> datetime:
    starts_at = info.data.get("starts_at")
    if starts_at is not None:
        if ends_at <= starts_at:
            raise wrong("must be later than starts_at")
        if ends_at - starts_at > LONGEST:
            raise wrong("must be within 24 hours of starts_at")
    return ends_at


End = Annotated[Instant, AfterValidator(_ends_after_it_starts)]


class AlsoInvite(Part):
    """An agency that the organiser wants there beside those that policy finds."""

    agency_id: Id
    reason: Text


class DoNotInvite(Part):
    """Someone who must not be asked, with a reason from the closed list."""

    agency_id: Id | None = None
    person_id: Id | None = None
    reason: ExclusionReason
    note: Text

    @model_validator(mode="after")
    def _one_party(self) -> Self:
        one_party(self.agency_id, self.person_id)
        return self


class Attendance(Part):
    """Who was there, or was not."""

    agency_id: Id | None = None
    person_id: Id | None = None
    status: AttendanceStatus
    mode: AttendanceMode | None = None
    name: Line | None = None

    @model_validator(mode="after")
    def _one_party(self) -> Self:
        one_party(self.agency_id, self.person_id)
        return self


class _AboutAMeeting(Payload):
    meeting_id: Id

    def needs(self) -> Needs:
        return (("meeting", frozenset((self.meeting_id,))),)


class MeetingScheduled(Payload):
    """`quorate.meeting.scheduled.v1`."""

    meeting_id: Id
    kind: Kind
    authority: Line
    children: DistinctIds
    starts_at: Instant
    ends_at: End
    place: Place | None = None
    joining_url: Url | None = None
    chair: Contact | None = None
    organiser: Contact
    follows: Id | None = None
    also_invite: ListedIfAny[AlsoInvite] = ()
    do_not_invite: ListedIfAny[DoNotInvite] = ()

    def needs(self) -> Needs:
        return (("child", frozenset(self.children)),)

    def provides(self) -> Provides:
        return (("meeting", self.meeting_id),)


class MeetingRescheduled(_AboutAMeeting):
    """`quorate.meeting.rescheduled.v1`: the new times; `place` and `joining_url` change only where given."""

    starts_at: Instant
    ends_at: End
    place: Place | None = None
    joining_url: Url | None = None
    reason: Text | None = None


class MeetingCancelled(_AboutAMeeting):
    """`quorate.meeting.cancelled.v1`."""

    reason: Text


class ChairsException(Part):
    """That the chair went on although the meeting was not quorate: who decided it, and why."""

    by: Line
    reason: Text


class MeetingHeld(_AboutAMeeting):
    """`quorate.meeting.held.v1`: who was there and what came of it."""

    held_at: Instant
    attendance: Listed[Attendance]
    outcome: ListedIfAny[Kind] = ()
    core_group: ListedIfAny[Id] = ()
    chairs_exception: ChairsException | None = None


class QuoracyExcepted(_AboutAMeeting):
    """`quorate.quoracy.excepted.v1`: a person with the right to decide allows what an inquorate meeting may not do."""

    allows: QuoracyException
    by: Line
    reason: Text
    at: Instant
