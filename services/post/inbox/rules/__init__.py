"""What follows from a message that came in: events, reports to keep, or a person who must look.

What shows that a message belongs to an invitation is the token in the address that it was sent to, and the UID of the
calendar object beside it; never who it says that it is from. Whoever has the token, and is not known as the party that
was asked, is shown to a person and not believed. When in doubt a person looks, and nothing is done.

Source: RFC 5546 section 3.2.3 (REPLY; who answers without having been asked), RFC 3464 (delivery reports); what mail
and calendar programs send was measured.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType

from services.invitations.tokens import invitation_of, looks_like_ours, use_and_invitation
from services.post.inbox.reading.found import Reading
from services.post.inbox.rules.answers import answers, words_are_left
from services.post.inbox.rules.decided import Asked, Decision, ForAPerson, NewEvent, NewReport, Sent, Why
from services.post.inbox.rules.dispatches import about_a_dispatch
from services.post.inbox.rules.message import Message, named
from services.post.inbox.rules.reports import is_message, reports
from services.post.inbox.rules.returned import returned

__all__ = ["Asked", "Decision", "NewEvent", "NewReport", "Sent", "Why", "decide", "mentions"]

NOTHING_SENT: Mapping[str, Sent] = MappingProxyType({})
_OF_SERVERS = ("bounce", "receipt")
_INCOMPLETE = ("too_large", "not_readable")
_OF_DOUBT: tuple[Why, ...] = ("too_large", "encrypted", "winmail", "no_calendar_answer", "not_readable")


def mentions(reading: Reading, key: bytes, domain: str) -> set[str]:
    """The invitations and dispatches that a message has the token of, and so all that it can have an effect on."""
    return {found for each in reading.addresses if (found := invitation_of(key, domain, each)) is not None}


def decide(
    reading: Reading,
    key: bytes,
    domain: str,
    asked: Mapping[str, Asked],
    received_at: datetime,
    mail_id: str,
    sent: Mapping[str, Sent] = NOTHING_SENT,
) -> Decision:
    """What follows from a message. `asked` and `sent` hold the invitations and dispatches of `mentions`, as far as they
    are there; `mail_id` is the SHA-256 of the message in hexadecimal digits.
    """
    shown = [use_and_invitation(key, domain, each) for each in reading.addresses if looks_like_ours(domain, each)]
    tokens = {each[1] for each in shown if each is not None}
    perhaps = frozenset(named(reading, domain) - tokens)
    if None in shown:
        return Decision(why="forged_token", perhaps=perhaps)
    if not tokens:
        return Decision(why=None if _says_nothing(reading) else "unknown_address", perhaps=perhaps)
    uses = {each[0] for each in shown if each is not None}
    about = [sent[each] for each in sorted(tokens) if each in sent]
    if about:
        if len(tokens) > 1:
            return Decision(why="several_invitations", perhaps=perhaps | tokens)
        return replace(about_a_dispatch(reading, domain, about[0], uses, received_at, mail_id), perhaps=perhaps)
    known = {each: asked[each] for each in sorted(tokens) if each in asked}
    if not known:
        return Decision(why="unknown_invitation", perhaps=perhaps | tokens)
    only = next(iter(known.values())) if len(tokens) == 1 else None
    message = Message(reading, domain, known, only, received_at, mail_id)
    invitation_id, meeting_id = (only.invitation_id, only.meeting_id) if only else (None, None)
    try:
        events, files, why = _judged(message, uses)
        if (events or files) and reading.kind not in _OF_SERVERS and any(each.cancelled for each in known.values()):
            raise ForAPerson("no_longer_asked")
    except ForAPerson as doubt:
        return Decision((), (), doubt.why, invitation_id, meeting_id, perhaps)
    return Decision(tuple(events), tuple(files), why, invitation_id, meeting_id, perhaps)


def _says_nothing(reading: Reading) -> bool:
    """Whether a program wrote it, about nothing that anybody need know."""
    return reading.kind in ("auto_reply", "receipt") and not reading.attachments and not reading.calendar


def _judged(message: Message, uses: set[str]) -> tuple[list[NewEvent], list[NewReport], Why | None]:
    """What to do, and why a person must look besides; `uses` is what the addresses are for that it was sent to. Raises
    `ForAPerson` where nothing may be done.

    Everybody who has an invitation has its address to reply to, and could write a delivery report to it: only what
    came to the address to give back to, and to no other, is one. There in turn nobody is asked to answer.
    """
    reading = message.reading
    doubt: Why | None = next((why for why in _OF_DOUBT if why in reading.doubts), None)
    if reading.kind in _OF_SERVERS:
        if uses != {"bounce"}:
            raise ForAPerson("wrong_address")
        return returned(message), [], doubt
    if reading.kind == "auto_reply":
        return [], [], None if _says_nothing(reading) else "automatic_answer"
    if uses != {"reply"}:
        raise ForAPerson("wrong_address")
    events = answers(message)
    files = [] if doubt in _INCOMPLETE else reports(message)
    if reading.automatic and reading.attachments and not reading.calendar:
        raise ForAPerson("automatic_answer")
    if doubt is None and (any(map(is_message, reading.attachments)) or words_are_left(message, events)):
        doubt = "human_text"
    if doubt is None and not reading.calendar and not files:
        doubt = "not_readable"
    return events, files, doubt
