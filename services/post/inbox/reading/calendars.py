"""What calendar programs write back, read leniently: no two of them write alike.

Only what an answer needs is read: UID, SEQUENCE, DTSTAMP, ATTENDEE, COMMENT, and the times of a counter. What else a
reply repeats of the invitation is not looked at, since programs are known to get it wrong.

Source: RFC 5545, RFC 5546.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime

from services.post.inbox.reading.found import Attendee, CalendarAnswer, Method
from services.post.inbox.reading.lines import NOTHING, Line, address, duration, listed, moment, parameter, split, words
from services.post.inbox.reading.parts import unbased

LONGEST = 1024 * 1024
LONGEST_LINE = 32 * 1024
MOST_EVENTS = 20
MOST_OF_A_KIND = 50

_BEGINNING = "BEGIN:VCALENDAR"
_NAMES = (
    *("BEGIN", "END", "METHOD", "UID", "SEQUENCE", "DTSTAMP", "ATTENDEE", "COMMENT"),
    *("DTSTART", "DTEND", "DURATION", "RECURRENCE-ID"),
)
_LINE = re.compile(rf"\n[ \t]*+({'|'.join(_NAMES)})[ \t]*+([;:][^\n]*+)", re.IGNORECASE)
_METHODS: dict[str, Method] = {"REPLY": "reply", "COUNTER": "counter", "REFRESH": "refresh"}

_Event = dict[str, list[Line]]


@dataclass(slots=True)
class Calendars:
    """What a calendar part says. `other`: there is an object that is no answer; `damaged`: one that has no end, or none
    at all; `cut`: more than is read.
    """

    answers: list[CalendarAnswer] = field(default_factory=list)
    other: bool = False
    damaged: bool = False
    cut: bool = False


def read_calendars(text: str, method: str = "") -> Calendars:
    """All objects in the text of a part. `method` is what the part's own header says, where the object does not."""
    reader = _Reader(method)
    reader.found.cut = len(text) > LONGEST
    own = _from_beginning(text[:LONGEST])
    if own is None:
        own = _from_beginning(unbased(text[:LONGEST].encode("ascii", "ignore")).decode("utf-8", "replace"))
    if own is None:
        reader.found.damaged = True
    else:
        reader.read(own)
    return reader.found


def _from_beginning(text: str) -> str | None:
    """The text from its first object on, in lines that are whole again."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = text.replace("\n ", "").replace("\n\t", "")
    start = text.find(_BEGINNING)
    if start < 0:
        start = text.upper().find(_BEGINNING)
    return text[start:] if start >= 0 else None


class _Reader:
    """Goes through the lines of a part. An event counts once it has ended: one cut short could say anything."""

    def __init__(self, parameter: str) -> None:
        self.parameter = parameter
        self.found = Calendars()
        self.count = 0
        self.method = ""
        self.events: list[_Event] = []
        self.event: _Event | None = None
        self.within: list[str] = []

    def read(self, text: str) -> None:
        for line in _LINE.finditer(f"\n{text}"):
            name, rest = line[1].upper(), line[2]
            if name == "BEGIN":
                self._begin(rest[1:].strip().upper())
                if self.count > MOST_EVENTS:
                    self.found.cut = True
                    break
            elif name == "END":
                self._end(rest[1:].strip().upper())
            elif self.within:
                continue
            elif name == "METHOD":
                if self.event is None:
                    self.method = self.method or rest[1:].strip()
            elif self.event is not None:
                self._keep(self.event, name, rest)
        self._close()

    def _keep(self, event: _Event, name: str, rest: str) -> None:
        if len(rest) > LONGEST_LINE:
            self.found.cut = True
            return
        kept = event.setdefault(name, [])
        if len(kept) < MOST_OF_A_KIND:
            kept.append(split(rest))

    def _begin(self, component: str) -> None:
        if component == "VCALENDAR":
            self._close()
        elif component == "VEVENT":
            self.count += 1
            self.found.damaged |= self.event is not None
            self.event, self.within = {}, []
        else:
            self.within.append(component)

    def _end(self, component: str) -> None:
        if component == "VEVENT":
            if self.event is not None:
                self.events.append(self.event)
            self.event, self.within = None, []
        elif component == "VCALENDAR":
            self._close()
        elif self.within and self.within[-1] == component:
            self.within.pop()

    def _close(self) -> None:
        """Take in the events of one object."""
        self.found.damaged |= self.event is not None
        known = _METHODS.get((self.method or self.parameter).strip(" \"'").upper())
        for event in self.events:
            if known is None or not event.get("UID"):
                self.found.other = True
            else:
                self.found.answers.append(_answer(known, event))
        self.method, self.events, self.event, self.within = "", [], None, []


def _value(event: _Event, name: str) -> str:
    return event[name][0].value.strip() if name in event else ""


def _answer(method: Method, event: _Event) -> CalendarAnswer:
    sequence = _value(event, "SEQUENCE")
    starts_at, ends_at = _times(event) if method == "counter" else (None, None)
    comments = [text for line in event.get("COMMENT", ()) if (text := words(line.value).strip())]
    return CalendarAnswer(
        method=method,
        uid=words(_value(event, "UID"))[:300],
        sequence=int(sequence) if sequence.isascii() and sequence.isdigit() and len(sequence) < 10 else 0,
        stamp=moment(event.get("DTSTAMP", [NOTHING])[0], UTC),
        attendees=tuple(_attendee(line) for line in event.get("ATTENDEE", ())),
        comment="\n".join(comments) or None,
        starts_at=starts_at,
        ends_at=ends_at,
        of_one_occurrence="RECURRENCE-ID" in event,
    )


def _attendee(line: Line) -> Attendee:
    partstat, sent_by = parameter(line, "PARTSTAT"), parameter(line, "SENT-BY")
    comment = parameter(line, "X-RESPONSE-COMMENT")
    return Attendee(
        address=address(line.value),
        name=parameter(line, "CN"),
        partstat=partstat.upper()[:40] if partstat else None,
        delegated_to=tuple(filter(None, map(address, listed(line, "DELEGATED-TO")))),
        sent_by=address(sent_by) if sent_by else None,
        comment=words(comment).strip() or None if comment else None,
    )


def _times(event: _Event) -> tuple[datetime | None, datetime | None]:
    """The time that a counter proposes; None for what cannot be told."""
    starts_at = moment(event.get("DTSTART", [NOTHING])[0])
    if "DTEND" in event:
        return starts_at, moment(event["DTEND"][0])
    length = duration(_value(event, "DURATION"))
    try:
        return starts_at, starts_at + length if starts_at is not None and length is not None else None
    except OverflowError:
        return starts_at, None
