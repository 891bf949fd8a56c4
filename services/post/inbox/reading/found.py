"""What was found in a message that came in: plain values, of which none is believed yet."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Kind = Literal[
    "reply",  # a calendar program's answer
    "counter",  # another time is proposed
    "refresh",  # the invitation is asked for once more
    "bounce",  # a mail server gives a message back, or says that it is late
    "receipt",  # a mail server says that it has handed a message over
    "auto_reply",  # a program answered, and no person
    "report",  # there is a file that a person may want to read
    "text",  # a person wrote words
    "unknown",
    "mesh_report",  # MESH says that a copy was not collected
    "mesh_answer",  # a practice's system answers by MESH
    "mesh_message",  # anything else that came by MESH
]

Doubt = Literal[
    "not_readable",  # a part is damaged, or could not be made sense of
    "too_large",  # there was more of something than is read
    "encrypted",  # a part is for other eyes
    "winmail",  # a part is in Outlook's own form, and is no clear answer
    "no_calendar_answer",  # a calendar object is there, and is neither an answer nor a question that can be told
]
"""Why a person must look at what was read."""

Method = Literal["reply", "counter", "refresh"]


@dataclass(frozen=True, slots=True)
class Sender:
    """Who a message says that it is from. `address` is in small letters, `name` on one line."""

    address: str
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that came along. `media_type` is what the sender calls it, in small letters."""

    name: str
    media_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Attendee:
    """Whom a calendar object speaks for. `address` is in small letters and may be of any form: Exchange writes X.500
    names. `partstat` is in capitals.
    """

    address: str
    name: str | None = None
    partstat: str | None = None
    delegated_to: tuple[str, ...] = ()
    sent_by: str | None = None
    comment: str | None = None


@dataclass(frozen=True, slots=True)
class CalendarAnswer:
    """One event of a calendar object that came back.

    `sequence` is 0 where it is missing: some programs leave 0 out. `starts_at` and `ends_at` say something in a counter
    alone, and are None where the time zone cannot be told. `of_one_occurrence`: it names one date of a series.
    """

    method: Method
    uid: str
    sequence: int
    stamp: datetime | None
    attendees: tuple[Attendee, ...]
    comment: str | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    of_one_occurrence: bool = False


@dataclass(frozen=True, slots=True)
class Bounce:
    """What a mail server says became of a message to one address.

    `status` is an enhanced status code (RFC 3463) or None, `addresses` the ones that the report has for the recipient,
    in small letters. Only `failed` is final; `relayed` and `expanded` say that nobody will know.
    """

    addresses: tuple[str, ...]
    action: Literal["failed", "delayed", "delivered", "relayed", "expanded"]
    status: str | None
    message_id: str | None


@dataclass(frozen=True, slots=True)
class Reading:
    """A message as it was read.

    `addresses` are all that it was sent to, as found, in small letters: the envelope's first. `message_ids` are those
    that it answers or that came back with it, without brackets. `text` is what a person wrote, without the message it
    answers. `incomplete`: there were words or pictures besides, which may be a person's. `automatic`: the sender says
    that a program wrote it. `below` are words that stand where the message that is answered does; where these are all
    that makes it incomplete, `besides` is false.
    """

    kind: Kind
    addresses: tuple[str, ...] = ()
    sender: Sender | None = None
    date: datetime | None = None
    message_ids: tuple[str, ...] = ()
    text: str = ""
    attachments: tuple[Attachment, ...] = ()
    replies: tuple[CalendarAnswer, ...] = ()
    counters: tuple[CalendarAnswer, ...] = ()
    refreshes: tuple[CalendarAnswer, ...] = ()
    bounces: tuple[Bounce, ...] = ()
    automatic: bool = False
    incomplete: bool = False
    below: str = ""
    besides: bool = False
    doubts: frozenset[Doubt] = frozenset()

    @property
    def calendar(self) -> tuple[CalendarAnswer, ...]:
        """All that calendar programs said in it."""
        return (*self.replies, *self.counters, *self.refreshes)
