"""Events taken in, and what has come out in the mailbox by then."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from icalendar import Calendar

from services.bootstrap import House
from tests import mailbox
from tests.door import Door
from tests.replies import caught


@dataclass(frozen=True)
class Mail(mailbox.Mail):
    """One message as it was handed over, and the event in it."""

    raw: bytes
    calendar: bytes

    @property
    def method(self) -> str:
        return str(Calendar.from_ical(self.calendar)["method"])

    @property
    def event(self) -> Any:
        [found] = Calendar.from_ical(self.calendar).walk("VEVENT")
        return found

    @property
    def uid(self) -> str:
        return str(self.event["uid"])

    @property
    def sequence(self) -> int:
        return int(self.event["sequence"])

    @property
    def stamp(self) -> Any:
        return self.event["dtstamp"].dt


def read(raw: bytes) -> Mail:
    message = caught(raw)
    [part] = [part for part in message.walk() if part.get_content_type() == "text/calendar"]
    calendar = part.get_payload(decode=True)
    assert isinstance(calendar, bytes)
    return Mail(message, raw, calendar)


async def take_in(door: Door, *events: bytes) -> None:
    """Take events in; each one must be accepted and take effect."""
    verdicts = await door.take(*events)
    assert [verdict.state for verdict in verdicts] == ["accepted"] * len(events), verdicts


async def sent(house: House) -> list[Mail]:
    """Send all that is due, and take what has come out of the mailbox since the last time, in that order."""
    await house.drain()
    files = sorted((house.settings.home / "mailbox").glob("*.eml"))
    found = [read(file.read_bytes()) for file in files]
    for file in files:
        file.unlink()
    return found


async def after(door: Door, *events: bytes) -> dict[str, Mail]:
    """Take events in and send: the messages by reader, of which each has one at most."""
    await take_in(door, *events)
    mails = await sent(door.house)
    by_reader = {mail.to: mail for mail in mails}
    assert len(by_reader) == len(mails)
    return by_reader
