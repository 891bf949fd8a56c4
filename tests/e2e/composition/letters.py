"""What a mailbox holds, as far as a diary can tell one letter from another."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any

from icalendar import Calendar


@dataclass(frozen=True, slots=True, order=True)
class Letter:
    """One message: which diary entry it makes, changes or takes away, and for whom."""

    uid: str
    sequence: int
    message_id: str
    method: str
    to: str
    subject: str
    starts: str
    ends: str
    place: str


def read(path: Path) -> Letter:
    """Read a message file, of the local catcher or of aiosmtpd's."""
    message = message_from_bytes(path.read_bytes(), policy=default)
    recipient = message["Delivered-To"] or message["X-RcptTo"]
    calendars = [part for part in message.walk() if part.get_content_type() == "text/calendar"]
    if not calendars:  # a request, a reminder, a copy, a notice: each has a Message-ID that stays the same
        own, to = str(message["Message-ID"]).strip(), str(recipient).strip()
        return Letter(own, 0, own, "", to, " ".join(str(message["Subject"]).split()), "", "", "")
    [calendar] = calendars
    parsed = Calendar.from_ical(calendar.get_content())
    event: Any
    [event] = parsed.walk("VEVENT")
    return Letter(
        uid=str(event["uid"]),
        sequence=int(event["sequence"]),
        message_id=str(message["Message-ID"]).strip(),
        method=str(parsed["method"]),
        to=str(recipient).strip(),
        subject=" ".join(str(message["Subject"]).split()),
        starts=event["dtstart"].dt.isoformat(),
        ends=event["dtend"].dt.isoformat(),
        place=str(event.get("location", "")),
    )


def read_all(folder: Path) -> list[Letter]:
    """Every message in a folder."""
    return [read(path) for path in sorted(folder.iterdir()) if path.is_file() and not path.name.startswith(".")]


@dataclass(frozen=True, slots=True)
class Compared:
    """What came, held to what was to come; all but the counts must be empty."""

    letters: int
    expected: int
    repeats: int
    missing: list[Letter]
    unexpected: list[Letter]
    two_ids: list[str]
    two_letters: list[str]

    @property
    def right(self) -> bool:
        return not (self.missing or self.unexpected or self.two_ids or self.two_letters)


def compare(came: Iterable[Letter], expected: Iterable[Letter]) -> Compared:
    """Hold the letters that came to those expected. A repeat, which is the same letter again, is counted and no fault:
    it lands on the same diary entry.
    """
    came = list(came)
    kept, wanted = set(came), set(expected)
    ids: dict[tuple[str, int, str], set[str]] = {}
    letters: dict[str, int] = {}
    for letter in kept:
        revision = letter.message_id.partition("@")[0].rpartition(".")[2]
        ids.setdefault((letter.uid, letter.sequence, revision), set()).add(letter.message_id)
        letters[letter.message_id] = letters.get(letter.message_id, 0) + 1
    return Compared(
        letters=len(kept),
        expected=len(wanted),
        repeats=len(came) - len(kept),
        missing=sorted(wanted - kept),
        unexpected=sorted(kept - wanted),
        two_ids=[f"{uid} {number}" for (uid, number, _), some in sorted(ids.items()) if len(some) > 1],
        two_letters=sorted(message_id for message_id, count in letters.items() if count > 1),
    )
