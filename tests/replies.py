"""Replies to invitations, written by hand in the shape that calendar programs give them."""

from __future__ import annotations

import email
import email.policy
from collections.abc import Sequence
from datetime import datetime
from email.message import EmailMessage

from icalendar import Calendar

STAMP = "%Y%m%dT%H%M%SZ"
File = tuple[str, str, bytes]
"""A name, a media type, and what is in it."""


def caught(raw: bytes) -> EmailMessage:
    """A message that the catcher kept, read."""
    message = email.message_from_bytes(raw, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    return message


def answer(
    *,
    uid: str,
    to: str,
    attendee: str,
    at: datetime,
    partstat: str = "ACCEPTED",
    sequence: int = 0,
    number: int = 1,
    sender: str | None = None,
    text: str = "",
    dated: bool = True,
    files: Sequence[File] = (),
) -> bytes:
    """A REPLY as its sender's program writes it at a moment; `number` tells messages apart."""
    reply = message(to=to, sender=sender or attendee, at=at, number=number, text=text, dated=dated)
    lines = [
        "BEGIN:VCALENDAR",
        "PRODID:-//Example//A calendar//EN",
        "VERSION:2.0",
        "METHOD:REPLY",
        "BEGIN:VEVENT",
        f"UID:{uid}",
        f"DTSTAMP:{at.strftime(STAMP)}",
        f"SEQUENCE:{sequence}",
        f"ATTENDEE;PARTSTAT={partstat}:mailto:{attendee}",
        "END:VEVENT",
        "END:VCALENDAR",
        "",
    ]
    calendar = "\r\n".join(lines).encode()
    reply.add_alternative(calendar, maintype="text", subtype="calendar", params={"method": "REPLY", "charset": "utf-8"})
    return with_files(reply, files)


def message(
    *, to: str, sender: str, at: datetime, number: int = 1, text: str = "", html: str = "", dated: bool = True
) -> EmailMessage:
    """A message in words."""
    made = EmailMessage(policy=email.policy.SMTP)
    made["From"] = f"Alex Example <{sender}>"
    made["To"] = to
    made["Subject"] = f"Message {number}"
    if dated:
        made["Date"] = at
    made["Message-ID"] = f"<message-{number}@agencies.gov.example>"
    made.set_content(text)
    if html:
        made.add_alternative(html, subtype="html")
    return made


def with_files(made: EmailMessage, files: Sequence[File]) -> bytes:
    """The message as bytes, with files."""
    for name, media_type, content in files:
        maintype, _, subtype = media_type.partition("/")
        made.add_attachment(content, maintype=maintype, subtype=subtype, filename=name)
    return made.as_bytes()


def reply_to(raw: bytes, partstat: str = "ACCEPTED", *, at: datetime, number: int = 1, text: str = "") -> bytes:
    """A REPLY to the invitation in `raw`, as its reader's program would send it at that moment."""
    invitation = caught(raw)
    part = next(part for part in invitation.walk() if part.get_content_type() == "text/calendar")
    payload = part.get_payload(decode=True)
    assert isinstance(payload, bytes)
    event = Calendar.from_ical(payload).walk("VEVENT")[0]
    return answer(
        uid=str(event["UID"]),
        to=str(invitation["Reply-To"] or invitation["From"]).rpartition("<")[2].rstrip(">"),
        attendee=str(event["ATTENDEE"]).removeprefix("mailto:"),
        at=at,
        partstat=partstat,
        sequence=int(str(event["SEQUENCE"])),
        number=number,
        text=text,
    )
