"""What mail servers say of an invitation after they took it: that it came back, or that it is in the mailbox.

Both are about the latest message of an invitation, or about an older one: that is kept in the journal, and changes
nothing here. A bounce after a delivery counts, and a delivery after a bounce of the same message does not: a message
that was put into one mailbox and came back from the next has not reached everyone it was for.

A letter that belongs to an invitation, and is none, says nothing of whether the invitation arrived: that stays as it
is.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from schemas.envelope import Event
from schemas.invitation import InvitationBounced, InvitationReceived
from schemas.outcomes import InvitationDelivered, InvitationUndelivered
from services.foundation.work import Derived, Work
from services.invitations import store
from services.invitations.rules import (
    BOUNCED,
    CANCEL,
    CANCELLED,
    DELIVERED,
    REQUEST,
    Invitation,
)
from services.meetings import store as meetings
from services.meetings.handlers import STARTS

CAME_BACK = "invitations.came_back"
LETTER_CAME_BACK = "invitations.letter_came_back"


@dataclass(frozen=True, slots=True)
class CameBack:
    """The latest message of an invitation came back."""

    partition_key: str
    outcome: InvitationUndelivered


@dataclass(frozen=True, slots=True)
class LetterCameBack:
    """A letter that belongs to an invitation came back; `sequence` is the one at which it was written, where known."""

    invitation: Invitation
    letter: str
    sequence: int | None
    status: str


async def bounced(work: Work, events: Sequence[Event]) -> None:
    """The latest message came back for good: nobody was invited by it. What is only delayed changes nothing, since the
    mail server says how that ends.
    """
    final = [event for event in events if isinstance(event.data, InvitationBounced) and event.data.permanent]
    standing = await store.of_meetings(work.db, {event.data.meeting_id for event in final})  # type: ignore[attr-defined]
    found: dict[str, Invitation] = {}
    named: set[str] = set()
    for event in final:
        said = event.data
        assert isinstance(said, InvitationBounced)
        for invitation in _meant(said, standing):
            if said.letter is not None:
                letter = LetterCameBack(invitation, said.letter, said.sequence, said.status)
                work.emit(Derived(LETTER_CAME_BACK, invitation.meeting_id, event.partition_key, letter))
                continue
            if said.revision is not None:
                named.add(invitation.invitation_id)
            if invitation.invitation_id in found or invitation.came_back:
                continue
            found[invitation.invitation_id] = invitation
            about = _about(invitation, said.at)
            outcome = InvitationUndelivered(**about, reason=BOUNCED, status=said.status)
            work.emit(
                Derived(CAME_BACK, invitation.meeting_id, event.partition_key, CameBack(event.partition_key, outcome))
            )
    await _note(work, [each for each in found.values() if each.state != CANCELLED], named)


async def _note(work: Work, some: Sequence[Invitation], named: Collection[str]) -> None:
    """Note what came back. An invitation that was sent under no earlier SEQUENCE has asked nobody, where that very
    message is `named` and was in no mailbox before; and where the meeting has begun, it is to be seen again who was
    not invited to it.
    """
    rows = await store.rows_by_id(work.db, [each.invitation_id for each in some])
    unasked = [
        each.invitation_id
        for each in some
        if (asked_at := rows[each.invitation_id]["asked_at"]) is not None
        and asked_at >= each.since
        and each.revision == 0
        and each.invitation_id in named
        and each.state != DELIVERED
    ]
    await store.note_returned(work.db, [each.invitation_id for each in some], unasked)
    about = {each.meeting_id for each in some}
    for meeting_id in about - await meetings.still_to_come(work.db, about, work.now):
        work.arm(STARTS, meeting_id, work.now)


async def tell_came_back(work: Work, events: Sequence[Derived]) -> None:
    """Tell what came back. By now the next address has been looked for, so that who reads of it reads of both."""
    for event in events:
        each: CameBack = event.data
        work.emit(
            Derived("quorate.invitation.undelivered.v1", each.outcome.meeting_id, each.partition_key, each.outcome)
        )


async def received(work: Work, events: Sequence[Event]) -> None:
    """The latest message is in the mailbox."""
    standing = await store.of_meetings(work.db, {event.data.meeting_id for event in events})  # type: ignore[attr-defined]
    found: dict[str, datetime] = {}
    for event in events:
        said = event.data
        assert isinstance(said, InvitationReceived)
        if said.letter is not None:
            continue
        for invitation in _meant(said, standing):
            known = invitation.invitation_id in found or invitation.state == DELIVERED or invitation.came_back
            if known:
                continue
            if invitation.state != CANCELLED:
                found[invitation.invitation_id] = said.at
            outcome = InvitationDelivered(**_about(invitation, said.at))
            work.emit(Derived("quorate.invitation.delivered.v1", invitation.meeting_id, event.partition_key, outcome))
    await store.note_delivered(work.db, list(found.items()))


def _meant(
    said: InvitationBounced | InvitationReceived, standing: dict[str, dict[str, Invitation]]
) -> Iterator[Invitation]:
    """The invitations whose latest message is meant: by its number where that is known, else by the time."""
    for invitation in standing.get(said.meeting_id, {}).values():
        of_party = invitation.person_id == said.person_id and invitation.agency_id == said.agency_id
        if not of_party or said.team_id not in (None, invitation.team_id):
            continue
        if invitation.address is None or invitation.address.lower() != said.address.lower():
            continue
        if said.sequence is None:
            latest = said.at >= invitation.since
        elif said.revision is None:
            latest = said.sequence >= invitation.sequence
        else:
            latest = (said.sequence, said.revision) >= (invitation.sequence, invitation.revision)
        if latest:
            yield invitation


def _about(invitation: Invitation, at: datetime) -> dict[str, Any]:
    return {
        "meeting_id": invitation.meeting_id,
        "invitation_id": invitation.invitation_id,
        "agency_id": invitation.agency_id,
        "person_id": invitation.person_id,
        "sequence": invitation.sequence,
        "method": CANCEL if invitation.state == CANCELLED else REQUEST,
        "at": at,
    }
