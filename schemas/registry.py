"""Which event types there are, what each carries, and which topic each belongs to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from schemas import (
    agency,
    child,
    circumstance,
    invitation,
    involvement,
    meeting,
    outcomes,
    plan,
    record,
    relative,
    report,
)
from schemas.payload import Payload

if TYPE_CHECKING:
    from schemas.envelope import Event

MEETING_TOPICS = {
    "strategy_discussion": "quorate.strategy-discussions",
    "initial_conference": "quorate.conferences",
    "review_conference": "quorate.conferences",
    "transfer_in_conference": "quorate.conferences",
    "pre_birth_conference": "quorate.conferences",
    "core_group": "quorate.core-groups",
}
OTHER_MEETINGS = "quorate.other-meetings"

DEAD_LETTERS = "quorate.dead-letters"
"""The topic of what was rejected: no events, but whatever came, with the reasons in headers."""
COMPACTED = frozenset({"quorate.directory"})
"""The topics in which each record is all there is to say of one agency, under its id."""

EVENT_RECORD = 1_310_720
"""Bytes of a record: an event of the greatest length, its key and headers."""
LETTER_RECORD = 4_194_304
"""Bytes of a record among the dead letters: such a record whole, and what is wrong with it."""


def meeting_topic(kind: str | None) -> str:
    """The topic of meetings of this kind; of those whose kind is not known, that of the other meetings."""
    return MEETING_TOPICS.get(kind or "", OTHER_MEETINGS)


@dataclass(frozen=True, slots=True)
class TypeEntry:
    """What a type carries, and its topic: a name, or a function from the kind of the meeting to a name."""

    model: type[Payload]
    topic: str | Callable[[str | None], str]


TYPES: dict[str, TypeEntry] = {
    "quorate.agency.recorded.v1": TypeEntry(agency.AgencyRecorded, "quorate.directory"),
    "quorate.child.recorded.v1": TypeEntry(child.ChildRecorded, "quorate.children"),
    "quorate.relative.recorded.v1": TypeEntry(relative.RelativeRecorded, "quorate.children"),
    "quorate.involvement.recorded.v1": TypeEntry(involvement.InvolvementRecorded, "quorate.involvements"),
    "quorate.meeting.scheduled.v1": TypeEntry(meeting.MeetingScheduled, meeting_topic),
    "quorate.meeting.rescheduled.v1": TypeEntry(meeting.MeetingRescheduled, meeting_topic),
    "quorate.meeting.cancelled.v1": TypeEntry(meeting.MeetingCancelled, meeting_topic),
    "quorate.meeting.held.v1": TypeEntry(meeting.MeetingHeld, meeting_topic),
    "quorate.invitation.answered.v1": TypeEntry(invitation.InvitationAnswered, "quorate.responses"),
    "quorate.invitation.countered.v1": TypeEntry(invitation.InvitationCountered, "quorate.responses"),
    "quorate.invitation.requested.v1": TypeEntry(invitation.InvitationRequested, "quorate.responses"),
    "quorate.invitation.bounced.v1": TypeEntry(invitation.InvitationBounced, "quorate.responses"),
    "quorate.invitation.received.v1": TypeEntry(invitation.InvitationReceived, "quorate.responses"),
    "quorate.invitation.observed.v1": TypeEntry(invitation.InvitationObserved, "quorate.responses"),
    "quorate.report.received.v1": TypeEntry(report.ReportReceived, "quorate.responses"),
    "quorate.quoracy.excepted.v1": TypeEntry(meeting.QuoracyExcepted, "quorate.responses"),
    "quorate.record.approved.v1": TypeEntry(record.RecordApproved, "quorate.records"),
    "quorate.record.recalled.v1": TypeEntry(record.RecordRecalled, "quorate.records"),
    "quorate.dispatch.opened.v1": TypeEntry(record.DispatchOpened, "quorate.responses"),
    "quorate.dispatch.confirmed.v1": TypeEntry(record.DispatchConfirmed, "quorate.responses"),
    "quorate.dispatch.bounced.v1": TypeEntry(record.DispatchBounced, "quorate.responses"),
    "quorate.dispatch.received.v1": TypeEntry(record.DispatchReceived, "quorate.responses"),
    "quorate.plan.started.v1": TypeEntry(plan.PlanStarted, "quorate.plans"),
    "quorate.plan.ended.v1": TypeEntry(plan.PlanEnded, "quorate.plans"),
    "quorate.circumstance.changed.v1": TypeEntry(circumstance.CircumstanceChanged, "quorate.children"),
}
"""What Quorate takes."""

OUT_TYPES: dict[str, TypeEntry] = {
    "quorate.invitees.resolved.v1": TypeEntry(outcomes.InviteesResolved, "quorate.outcomes"),
    "quorate.invitation.sent.v1": TypeEntry(outcomes.InvitationSent, "quorate.outcomes"),
    "quorate.invitation.delivered.v1": TypeEntry(outcomes.InvitationDelivered, "quorate.outcomes"),
    "quorate.invitation.undelivered.v1": TypeEntry(outcomes.InvitationUndelivered, "quorate.outcomes"),
    "quorate.record.distributed.v1": TypeEntry(outcomes.RecordDistributed, "quorate.outcomes"),
    "quorate.record.opened.v1": TypeEntry(outcomes.RecordOpened, "quorate.outcomes"),
    "quorate.record.filed.v1": TypeEntry(outcomes.RecordFiled, "quorate.outcomes"),
    "quorate.notice.acknowledged.v1": TypeEntry(outcomes.NoticeAcknowledged, "quorate.outcomes"),
    "quorate.exception.raised.v1": TypeEntry(outcomes.ExceptionRaised, "quorate.outcomes"),
    "quorate.exception.escalated.v1": TypeEntry(outcomes.ExceptionEscalated, "quorate.outcomes"),
    "quorate.exception.resolved.v1": TypeEntry(outcomes.ExceptionResolved, "quorate.outcomes"),
}
"""What Quorate sends."""


def topic_of(event: Event, meeting_kind: str | None = None) -> str:
    """The topic that this event belongs to.

    A meeting's later events do not say its kind: who knows it gives it as `meeting_kind`, else they go with the other
    meetings. Raises KeyError for a type that is neither taken nor sent.
    """
    entry = TYPES.get(event.type) or OUT_TYPES[event.type]
    if isinstance(entry.topic, str):
        return entry.topic
    return entry.topic(getattr(event.data, "kind", None) or meeting_kind)
