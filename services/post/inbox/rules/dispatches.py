"""What comes back about a copy of a record, a notice, or a care plan: delivery reports, and words that it is filed.

The same is believed as of invitations: what shows which one it is about is the mark in the address, a delivery report
counts where mail servers give back to and nowhere else. Whoever says that a copy is filed writes from the very address
that it went to, or from another that is on record as the agency's own and safe to send to: a domain is no proof, since
what is believed here ends the reminders, and nobody would look any more.
"""

from __future__ import annotations

import re
from datetime import datetime

from schemas.payload import Payload
from schemas.record import DispatchBounced, DispatchConfirmed, DispatchReceived
from services.post.inbox.reading.found import Bounce, Reading
from services.post.inbox.rules.confirmations import confirmation
from services.post.inbox.rules.decided import Decision, ForAPerson, NewEvent, Sent, Why
from services.post.inbox.rules.message import written_at, written_by
from services.post.inbox.rules.returned import status_of

BOUNCED, CONFIRMED, RECEIVED = (f"quorate.dispatch.{what}.v1" for what in ("bounced", "confirmed", "received"))

_MESSAGE_ID = re.compile(r"([0-9a-f]{26})\.([a-z_]{2,64})(?:\.[a-z0-9_.]{1,200})?@(.+)", re.IGNORECASE)
_ITSELF = frozenset({"record", "notice", "plan"})
"""How the letters are called that bring what was sent: a copy, a notice, a care plan."""
_BESIDE = {"record_reminder": "reminder", "reminder": "reminder", "recall": "recall", "code": "code"}
"""The letters about it that go to the same reader."""
_NOT_READ: tuple[Why, ...] = ("too_large", "encrypted", "winmail", "no_calendar_answer", "not_readable")


def about_a_dispatch(
    reading: Reading, domain: str, sent: Sent, uses: set[str], received_at: datetime, mail_id: str
) -> Decision:
    """What follows from a message that has the token of one dispatch; `uses` is what the addresses are for that it was
    sent to.
    """
    events: list[NewEvent] = []
    why: Why | None
    try:
        if reading.kind in ("bounce", "receipt"):
            if uses != {"bounce"}:
                raise ForAPerson("wrong_address")
            events = _returned(reading, domain, sent, received_at, mail_id)
            why = next((each for each in _NOT_READ if each in reading.doubts), None)
        else:
            events, why = _answered(reading, sent, uses, received_at, mail_id)
    except ForAPerson as doubt:
        events, why = [], doubt.why
    return Decision(tuple(events), (), why, None, sent.meeting_id, dispatch_id=sent.dispatch_id)


def _answered(
    reading: Reading, sent: Sent, uses: set[str], received_at: datetime, mail_id: str
) -> tuple[list[NewEvent], Why | None]:
    """What somebody wrote. A program that answers for somebody absent says nothing; a file is for a person, whatever
    the words beside it.
    """
    if reading.kind == "auto_reply":
        return [], "automatic_answer" if reading.attachments or reading.calendar else None
    if uses != {"reply"}:
        raise ForAPerson("wrong_address")
    doubt: Why | None = next((each for each in _NOT_READ if each in reading.doubts), None)
    if doubt is not None:
        raise ForAPerson(doubt)
    if reading.calendar:
        raise ForAPerson("uid_of_another_invitation")
    sender = reading.sender
    if sender is None or not _is_readers(sender.address, sent):
        raise ForAPerson("unknown_replier")
    if reading.attachments:
        raise ForAPerson("file_about_a_copy")
    if sent.agency_id is None or reading.automatic or not reading.text:
        raise ForAPerson("human_text" if reading.text else "not_readable")
    names = (sent.name, sender.name or "", sender.address)
    said = confirmation(reading.text, flag=sent.flag, names=names)
    if said.what is None:
        raise ForAPerson("human_text")
    at = written_at(reading, received_at)
    data = DispatchConfirmed(
        dispatch_id=sent.dispatch_id,
        meeting_id=sent.meeting_id,
        child_id=sent.child_id,
        at=at,
        what=said.what,
        by=written_by(reading),
        how="mail",
    )
    why: Why | None = "human_text" if said.words_are_left or reading.incomplete else None
    return [_event(CONFIRMED, sent, at, data, mail_id)], "recalled" if sent.recalled else why


def _is_readers(claimed: str, sent: Sent) -> bool:
    """Whether an address is the one that a dispatch went to, or, of an agency, another one of its own, and none at
    which somebody of the family reads.
    """
    own = {sent.address} if sent.agency_id is None else {sent.address, *sent.addresses}
    return claimed.lower() in {each.lower() for each in own if each is not None} - sent.of_family


def _returned(reading: Reading, domain: str, sent: Sent, received_at: datetime, mail_id: str) -> list[NewEvent]:
    """The events of a delivery report: what failed before what was merely late. Raises `ForAPerson` where it is about
    something else than what the reader was sent; then none has an effect.

    A report that names no message is about what was sent, since all it came to is that one's address. That something
    arrived is believed of the message alone that is named: under another name nobody knows which letter it was.
    """
    found: dict[str, NewEvent] = {}
    for each in sorted(reading.bounces, key=lambda bounce: bounce.action != "failed"):
        if each.action in ("relayed", "expanded"):
            continue
        named = _MESSAGE_ID.fullmatch(each.message_id or "")
        ours = named if named is not None and named[3].lower() == domain else None
        if ours is not None and ours[1].lower() != sent.dispatch_id:
            raise ForAPerson("uid_of_another_invitation")
        which = ours[2].lower() if ours is not None else None
        letter, address = _BESIDE.get(which or ""), _address(each, sent)
        if each.action == "delivered" and each.message_id and letter is None and which not in _ITSELF:
            continue
        event = _given_back(each, sent, written_at(reading, received_at), address, letter, mail_id)
        found.setdefault(event.type, event)
    return list(found.values())


def _given_back(bounce: Bounce, sent: Sent, at: datetime, address: str, letter: str | None, mail_id: str) -> NewEvent:
    about: dict[str, object] = {
        "dispatch_id": sent.dispatch_id,
        "meeting_id": sent.meeting_id,
        "child_id": sent.child_id,
        "at": at,
        "address": address,
        "letter": letter,
    }
    if bounce.action == "delivered":
        return _event(RECEIVED, sent, at, DispatchReceived.model_validate(about), mail_id)
    about |= {"status": status_of(bounce), "permanent": bounce.action == "failed"}
    return _event(BOUNCED, sent, at, DispatchBounced.model_validate(about), mail_id)


def _address(bounce: Bounce, sent: Sent) -> str:
    """The reader's address that the report is about."""
    for known in (sent.address, *sorted(sent.addresses)):
        if known is not None and known.lower() in bounce.addresses:
            return known
    raise ForAPerson("bounce_of_unknown_address")


def _event(type_: str, sent: Sent, at: datetime, data: Payload, mail_id: str) -> NewEvent:
    name = f"{mail_id[:26]}.{type_.split('.')[-2]}.{sent.dispatch_id}"
    return NewEvent(name, type_, at, sent.dispatch_id, sent.partition_key, data)
