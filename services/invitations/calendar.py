"""The invitation as an iCalendar object.

`icalendar` writes the object once for each method, with a slot for every value that differs; a message then costs the
slots alone. A test holds each result to what `icalendar` writes for the same values.

Times are UTC, so that no client can be an hour off over a time zone definition it reads differently. The summary is
neutral, and the one attendee is the reader: calendars sync to shared telephones, and replies echo what they were
sent.

Source: RFC 5545, RFC 5546; which client insists on what was measured.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import Literal, NamedTuple

from icalendar import Calendar, Event, vCalAddress, vText

PRODUCT = "-//Quorate//Meeting invitations//EN"
PIECE = 74
_IN_QUOTES = re.compile("[ ',;:’]")
SLOTS = (
    "UID",
    "DTSTAMP",
    "DTSTART",
    "DTEND",
    "SEQUENCE",
    "SUMMARY",
    "DESCRIPTION",
    "LOCATION",
    "URL",
    "ORGANIZER",
    "ATTENDEE",
)


class Appointment(NamedTuple):
    """What one reader's calendar is to hold. `organizer` and `attendee` are (name, address)."""

    method: Literal["REQUEST", "CANCEL"]
    uid: str
    stamp: datetime
    starts_at: datetime
    ends_at: datetime
    sequence: int
    summary: str
    description: str
    location: str
    url: str | None
    organizer: tuple[str, str]
    attendee: tuple[str, str]


def written_by_library(appointment: Appointment) -> bytes:
    """The object as `icalendar` writes it: the measure for `write`, and where its fixed parts come from."""
    calendar = Calendar()
    calendar.add("prodid", PRODUCT)
    calendar.add("version", "2.0")
    calendar.add("calscale", "GREGORIAN")
    calendar.add("method", appointment.method)
    event = Event()
    event.add("uid", appointment.uid)
    event.add("dtstamp", appointment.stamp)
    event.add("dtstart", appointment.starts_at.astimezone(UTC))
    event.add("dtend", appointment.ends_at.astimezone(UTC))
    event.add("sequence", appointment.sequence)
    event.add("status", "CANCELLED" if appointment.method == "CANCEL" else "CONFIRMED")
    event.add("summary", appointment.summary)
    event.add("description", appointment.description)
    event.add("location", appointment.location)
    event.add("class", "CONFIDENTIAL")
    event.add("transp", "TRANSPARENT" if appointment.method == "CANCEL" else "OPAQUE")
    if appointment.url:
        event.add("url", appointment.url)
    event.add("organizer", _address(*appointment.organizer), encode=False)
    attendee = _address(*appointment.attendee)
    attendee.params["role"] = vText("REQ-PARTICIPANT")
    attendee.params["partstat"] = vText("NEEDS-ACTION")
    if appointment.method == "REQUEST":
        attendee.params["rsvp"] = vText("TRUE")
    event.add("attendee", attendee, encode=False)
    calendar.add_component(event)
    return bytes(calendar.to_ical())


def _address(name: str, address: str) -> vCalAddress:
    value = vCalAddress(f"mailto:{address}")
    value.params["cn"] = vText(name)
    return value


def write(appointment: Appointment) -> bytes:
    """The object, whole, with CRLF lines of at most 75 octets. Raises `ValueError` for a UID, link or address that
    holds a line break or another sign that does not print.
    """
    a = appointment
    asks = ";PARTSTAT=NEEDS-ACTION;ROLE=REQ-PARTICIPANT" + (";RSVP=TRUE" if a.method == "REQUEST" else "")
    of_reader = {
        "UID": _fold(f"UID:{_escaped(_bare(a.uid))}"),
        "ORGANIZER": _fold(f"ORGANIZER;CN={_name(a.organizer[0])}:mailto:{_bare(a.organizer[1])}"),
        "ATTENDEE": _fold(f"ATTENDEE;CN={_name(a.attendee[0])}{asks}:mailto:{_bare(a.attendee[1])}"),
    }
    pieces = _of_meeting(
        a.method, a.stamp, a.starts_at, a.ends_at, a.sequence, a.summary, a.description, a.location, a.url
    )
    return b"".join([of_reader[each] if isinstance(each, str) else each for each in pieces])


@lru_cache(maxsize=512)
def _of_meeting(
    method: Literal["REQUEST", "CANCEL"],
    stamp: datetime,
    starts_at: datetime,
    ends_at: datetime,
    sequence: int,
    summary: str,
    description: str,
    location: str,
    url: str | None,
) -> tuple[bytes | str, ...]:
    """The object with all that the messages of one meeting share, and the names of the lines that are the reader's.
    Kept, since those messages are written one after the other.
    """
    lines = {
        "DTSTAMP": _instant("DTSTAMP", stamp),
        "DTSTART": _instant("DTSTART", starts_at),
        "DTEND": _instant("DTEND", ends_at),
        "SEQUENCE": b"SEQUENCE:%d\r\n" % sequence,
        "SUMMARY": _fold(f"SUMMARY:{_escaped(summary)}"),
        "DESCRIPTION": _fold(f"DESCRIPTION:{_escaped(description)}"),
        "LOCATION": _fold(f"LOCATION:{_escaped(location)}"),
        "URL": _fold(f"URL:{_bare(url)}") if url else b"",
    }
    pieces: list[bytes | str] = []
    for part in _parts(method, bool(url)):
        line = lines.get(part) or (part if part in SLOTS else part.encode())
        if pieces and isinstance(line, bytes) and isinstance(pieces[-1], bytes):
            pieces[-1] += line
        else:
            pieces.append(line)
    return tuple(pieces)


@lru_cache(maxsize=4)
def _parts(method: Literal["REQUEST", "CANCEL"], has_url: bool) -> tuple[str, ...]:
    """The object's lines as the library orders them; a line that differs from message to message is named, not held."""
    moment = datetime(2000, 1, 1, tzinfo=UTC)
    url = "https://q.example" if has_url else None
    sample = Appointment(
        method, "u", moment, moment, moment, 0, "s", "d", "l", url, ("n", "a@q.example"), ("n", "a@q.example")
    )
    parts = []
    for line in written_by_library(sample).decode().replace("\r\n ", "").split("\r\n"):
        name = line.partition(":")[0].partition(";")[0]
        parts.append(name if name in SLOTS else f"{line}\r\n" if line else "")
    return tuple(parts)


def _instant(name: str, value: datetime) -> bytes:
    return f"{name}:{value.astimezone(UTC):%Y%m%dT%H%M%SZ}\r\n".encode()


def _escaped(text: str) -> str:
    r"""A TEXT value, as the library escapes it: `\N` is a line break to it, too."""
    return (
        text.replace(r"\N", "\n")
        .replace("\\", "\\\\")
        .replace(";", r"\;")
        .replace(",", r"\,")
        .replace("\r\n", r"\n")
        .replace("\n", r"\n")
        .replace("\r", r"\n")
    )


def _name(value: str) -> str:
    """A name as a parameter value. Source: RFC 6868; in quotes wherever the library puts it in quotes."""
    if value.isalnum():
        return value
    escaped = value.replace("^", "^^").replace("\r\n", "^n").replace("\n", "^n").replace("\r", "^n").replace('"', "^'")
    return f'"{escaped}"' if _IN_QUOTES.search(value) else escaped


def _bare(value: str) -> str:
    """A value that goes in as it stands."""
    if not value.isprintable():
        raise ValueError("a UID, a link and an address hold no line break and nothing else that does not print")
    return value


def _fold(line: str) -> bytes:
    """One content line in pieces, cut where the library would cut it: no character and no escape comes apart."""
    data = line.encode()
    if len(data) <= PIECE:
        return data + b"\r\n"
    pieces, start = [], 0
    while len(data) - start > PIECE:
        end = start + PIECE
        while data[end] & 0xC0 == 0x80:
            end -= 1
        if data[end - 1] in b"\\^":
            end -= 1
        pieces.append(data[start:end])
        start = end
    pieces.append(data[start:])
    return b"\r\n ".join(pieces) + b"\r\n"
