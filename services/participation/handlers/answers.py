"""What an answer does: it is kept, and whoever waits for it is told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from schemas.envelope import Event
from schemas.invitation import InvitationAnswered
from services.foundation.work import Derived, Work
from services.invitations import store as invitations
from services.participation.rules.answers import Answer
from services.participation.store import answers as store

HEARD = "participation.heard"  # something was heard back about a meeting
REVIEWED = "participation.reviewed"  # what is missing was looked at: `services.participation.rules.missing.Reviewed`


@dataclass(frozen=True, slots=True)
class HeardFrom:
    """Something was heard back about a meeting: what follows from it is worked out anew."""

    meeting_id: str


async def answered(work: Work, events: Sequence[Event]) -> None:
    """Keep answers, whether they count or not."""
    await store.put(work.db, await _without_echoes(work, [_answer(work, event) for event in events]))
    tell_heard(work, events)


async def _without_echoes(work: Work, said: Sequence[Answer]) -> list[Answer]:
    """The answers, without a DTSTAMP that is one of the invitation's messages: it says nothing of the answer."""
    stamped = {each.meeting_id for each in said if each.stamp is not None}
    standing = await invitations.of_meetings(work.db, stamped)
    some = [each for of_meeting in standing.values() for each in of_meeting.values()]
    messages = await invitations.messages_of(work.db, [each.invitation_id for each in some])
    ours = {(each.invitation_id, message.stamp) for each in some for message in messages.get(each.invitation_id, ())}
    return [
        replace(each, stamp=None)
        if any((one.invitation_id, each.stamp) in ours for one in standing.get(each.meeting_id, {}).values())
        else each
        for each in said
    ]


def tell_heard(work: Work, events: Sequence[Event]) -> None:
    """Tell of each meeting that something was heard back about."""
    keys = {event.data.meeting_id: event.partition_key for event in events}  # type: ignore[attr-defined]
    for meeting_id, key in keys.items():
        work.emit(Derived(HEARD, meeting_id, key, HeardFrom(meeting_id)))


def _answer(work: Work, event: Event) -> Answer:
    said = event.data
    assert isinstance(said, InvitationAnswered)
    return Answer(
        meeting_id=said.meeting_id,
        agency_id=said.agency_id,
        person_id=said.person_id,
        team_id=said.team_id,
        answer=said.answer,
        at=said.at,
        event_source=event.source,
        event_id=event.id,
        known_at=work.now,
        by=said.by,
        delegate_name=said.delegate.name if said.delegate else None,
        delegate_email=said.delegate.email if said.delegate else None,
        note=said.note,
        will_report=said.will_report,
        mode=said.mode,
        reason=said.reason,
        sequence=said.sequence,
        stamp=said.stamp,
    )
