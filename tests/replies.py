"""Replies to invitations that were caught, written by hand in the shape that calendar programs give them."""

from __future__ import annotations

import email
import email.policy
from datetime import datetime
from email.message import EmailMessage

from icalendar import Calendar

STAMP = "%Y%m%dT%H%M%SZ"


def caught(raw: bytes) -> EmailMessage:
    """A message that the catcher kept, read."""
    message = email.message_from_bytes(raw, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    return message


def calendar_of(invitation: EmailMessage) -> Calendar:
    """The calendar object of an invitation."""
    part = next(part for part in invitation.walk() if part.get_content_type() == "text/calendar")
    payload = part.get_payload(decode=True)
    assert isinstance(payload, bytes)
    found = Calendar.from_ical(payload)
    assert isinstance(found, Calendar)
    return found


def reply_to(
    raw: bytes,
    partstat: str = "ACCEPTED",
    *,
    at: datetime,
    number: int = 1,
    to: str | None = None,
    sequence: int | None = None,
    uid: str | None = None,
    comment: str | None = None,
    attachments: tuple[tuple[str, str, bytes], ...] = (),
) -> bytes:
    """A REPLY to the invitation in `raw`, as its reader's program would send it at that moment."""
    invitation = caught(raw)
    event = calendar_of(invitation).walk("VEVENT")[0]
    reader = str(event["ATTENDEE"]).removeprefix("mailto:")
    address = to or str(invitation["Reply-To"] or invitation["From"])
    lines = [
        "BEGIN:VCALENDAR",
        "PRODID:-//Example//A calendar//EN",
        "VERSION:2.0",
        "METHOD:REPLY",
        "BEGIN:VEVENT",
        f"UID:{uid or event['UID']}",
        f"DTSTAMP:{at.strftime(STAMP)}",
        f"SEQUENCE:{event['SEQUENCE'] if sequence is None else sequence}",
        f"DTSTART:{event.decoded('DTSTART').strftime(STAMP)}",
        f"ORGANIZER:{event['ORGANIZER']}",
        f"ATTENDEE;PARTSTAT={partstat}:mailto:{reader}",
        *([f"COMMENT:{comment}"] if comment else []),
        "END:VEVENT",
        "END:VCALENDAR",
        "",
    ]
    reply = EmailMessage(policy=email.policy.SMTP)
    reply["From"] = f"Alex Example <{reader}>"
    reply["To"] = address
    reply["Subject"] = f"{partstat.title()}: the meeting"
    reply["Date"] = at
    reply["Message-ID"] = f"<reply-{number}-{event['UID']}>"
    reply.set_content("")
    reply.add_alternative(
        "\r\n".join(lines).encode(), maintype="text", subtype="calendar", params={"method": "REPLY", "charset": "utf-8"}
    )
    for name, media_type, content in attachments:
        maintype, _, subtype = media_type.partition("/")
        reply.add_attachment(content, maintype=maintype, subtype=subtype, filename=name)
    return reply.as_bytes()
