"""What a message means that came by MESH: a report by MESH itself, an answer that a copy is filed, or a person's.

MESH knows its mailboxes: who a message is from is as sure as MESH. A report is believed that is linked to the message
that a copy went as. An answer is believed that comes from the mailbox that the copy went to, names it, and is of the
form that `deploy/mesh.md` gives; everything else is for a person.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from schemas.record import DispatchBounced, DispatchConfirmed
from services.post.inbox.rules.decided import Decision, ForAPerson, NewEvent, Sent
from services.post.inbox.rules.message import EARLIEST, line

BOUNCED, CONFIRMED = "quorate.dispatch.bounced.v1", "quorate.dispatch.confirmed.v1"

_WHAT = ("filed", "flag_changed", "no_flag", "noted")
_ID = re.compile(r"[0-9a-f]{26}")
_CODE = re.compile(r"[A-Za-z0-9-]{1,16}")


@dataclass(frozen=True, slots=True)
class Received:
    """A message that came by MESH. `headers` are MESH's, by their names without `mex-`, in small letters."""

    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes = b""

    def said(self, name: str) -> str:
        """A header; empty where there is none."""
        return self.headers.get(name, "").strip()

    @property
    def is_report(self) -> bool:
        """Whether MESH itself says it, of a message of ours."""
        return self.said("messagetype").casefold() == "report"


def kind_of(received: Received, answers: str | None) -> str:
    """What kind of message it is; `answers` is the workflow that answers are of."""
    if received.is_report:
        return "mesh_report"
    return "mesh_answer" if answers and received.said("workflowid") == answers else "mesh_message"


def dispatch_named(received: Received, went_as: Mapping[str, str]) -> str | None:
    """The dispatch that a message is about; `went_as` are dispatches by MESH's names for what they went as."""
    local_id = received.said("localid").lower()
    return linked(received, went_as) or (local_id if _ID.fullmatch(local_id) else None)


def linked(received: Received, went_as: Mapping[str, str]) -> str | None:
    """The dispatch that MESH took from us as the message that this one is linked to."""
    return went_as.get(received.said("linkedmsgid"))


def decide_parcel(
    received: Received,
    answers: str | None,
    sent: Sent | None,
    received_at: datetime,
    mail_id: str,
    *,
    is_linked: bool = False,
) -> Decision:
    """What follows from a message that is about this dispatch, if any; `mail_id` is the SHA-256 of it as it is kept,
    and `is_linked` says that it is linked to the very message that the dispatch went as.
    """
    meeting_id, dispatch_id = (sent.meeting_id, sent.dispatch_id) if sent is not None else (None, None)
    try:
        event = _event(received, answers, sent, received_at, mail_id, is_linked)
    except ForAPerson as doubt:
        return Decision(why=doubt.why, meeting_id=meeting_id, dispatch_id=dispatch_id)
    recalled = sent is not None and sent.recalled and event.type == CONFIRMED
    return Decision((event,), why="recalled" if recalled else None, meeting_id=meeting_id, dispatch_id=dispatch_id)


def _event(
    received: Received, answers: str | None, sent: Sent | None, received_at: datetime, mail_id: str, is_linked: bool
) -> NewEvent:
    kind = kind_of(received, answers)
    if kind == "mesh_message":
        raise ForAPerson("mesh_not_understood")
    if sent is None:
        raise ForAPerson("unknown_invitation")
    about = {"dispatch_id": sent.dispatch_id, "meeting_id": sent.meeting_id, "child_id": sent.child_id}
    if kind == "mesh_report":
        if not is_linked:  # its other words are a sender's: they may name what went by mail, or never went
            raise ForAPerson("mesh_not_understood")
        code = received.said("statuscode")
        status = f"mesh {code}" if _CODE.fullmatch(code) else "mesh"
        data = DispatchBounced.model_validate(
            {**about, "at": received_at, "address": sent.address, "status": status, "permanent": True}
        )
        return _named(BOUNCED, sent, received_at, data, mail_id)
    if sent.address is None or received.said("from").casefold() != sent.address.casefold():
        raise ForAPerson("unknown_replier")
    answer = _answer(received)
    at = _at(answer.get("at"), received_at)
    what = answer.get("what")
    if what not in _WHAT:
        raise ForAPerson("mesh_not_understood")
    confirmed = DispatchConfirmed.model_validate(
        {**about, "at": at, "what": what, "by": _by(answer, sent), "how": "mesh"}
    )
    return _named(CONFIRMED, sent, at, confirmed, mail_id)


def _answer(received: Received) -> dict[str, Any]:
    try:
        said = json.loads(received.content)
    except (ValueError, RecursionError):
        raise ForAPerson("mesh_not_understood") from None
    if not isinstance(said, dict) or said.keys() - {"what", "at", "by"}:
        raise ForAPerson("mesh_not_understood")
    return said


def _by(answer: Mapping[str, Any], sent: Sent) -> str:
    by = answer.get("by")
    who = line(by) if isinstance(by, str) else None
    return f"{who} (MESH {sent.address})" if who else f"MESH {sent.address}"


def _at(said: Any, received_at: datetime) -> datetime:
    """When it was filed, as far as the answer's own word can be taken for that."""
    try:
        at = datetime.fromisoformat(said) if isinstance(said, str) else received_at
    except ValueError:
        return received_at
    return at if at.tzinfo is not None and received_at - EARLIEST <= at <= received_at else received_at


def _named(type_: str, sent: Sent, at: datetime, data: DispatchBounced | DispatchConfirmed, mail_id: str) -> NewEvent:
    name = f"{mail_id[:26]}.{type_.split('.')[-2]}.{sent.dispatch_id}"
    return NewEvent(name, type_, at, sent.dispatch_id, sent.partition_key, data)
