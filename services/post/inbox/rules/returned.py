"""What mail servers say became of an invitation."""

from __future__ import annotations

import re

from schemas.invitation import InvitationBounced, InvitationReceived
from services.post.inbox.reading.found import Bounce
from services.post.inbox.rules.decided import Asked, ForAPerson, NewEvent
from services.post.inbox.rules.message import Message, of_message_id

BOUNCED, RECEIVED = "quorate.invitation.bounced.v1", "quorate.invitation.received.v1"

_STATUS = re.compile(r"[45]\.[0-9]{1,3}\.[0-9]{1,3}")


def returned(message: Message) -> list[NewEvent]:
    """The events of a delivery report. Raises `ForAPerson` where it is not about the message that the party was sent:
    then none has an effect.
    """
    found: dict[str, NewEvent] = {}
    for each in sorted(message.reading.bounces, key=lambda bounce: bounce.action != "failed"):
        event = _event(message, each)
        if event is not None:
            found.setdefault(event.id, event)
    return list(found.values())


def _event(message: Message, bounce: Bounce) -> NewEvent | None:
    """`relayed` and `expanded` say nothing: the next server keeps what becomes of it to itself.

    A report that names no message of ours counts for the meeting of the address that it came to, and for no other.
    """
    if bounce.action in ("relayed", "expanded"):
        return None
    named, sequence, revision, letter = of_message_id(bounce.message_id or "", message.domain)
    if named is not None and named not in message.known:
        raise ForAPerson("uid_of_another_invitation")
    asked = message.known[named] if named is not None else message.about_one()
    address = _address(asked, bounce)
    party = {
        "meeting_id": asked.meeting_id,
        "agency_id": asked.agency_id,
        "person_id": asked.person_id,
        "team_id": asked.team_id,
    }
    about = {"address": address, "at": message.at, "sequence": sequence, "revision": revision, "letter": letter}
    if bounce.action == "delivered":
        return message.event(RECEIVED, asked, InvitationReceived.model_validate(party | about))
    final = bounce.action == "failed"
    about |= {"status": status_of(bounce), "permanent": final, "for_other_meetings": sequence is not None}
    return message.event(BOUNCED, asked, InvitationBounced.model_validate(party | about))


def status_of(bounce: Bounce) -> str:
    """The enhanced status code of a report, or what stands for one that is missing."""
    if bounce.status and _STATUS.fullmatch(bounce.status):
        return bounce.status
    return "5.0.0" if bounce.action == "failed" else "4.0.0"


def _address(asked: Asked, bounce: Bounce) -> str:
    """The party's address that the report is about."""
    for known in (asked.address, *sorted(asked.addresses)):
        if known is not None and known.lower() in bounce.addresses:
            return known
    raise ForAPerson("bounce_of_unknown_address")
