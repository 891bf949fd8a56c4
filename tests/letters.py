"""A letter as the library makes it: what the mailer's own way of joining messages is held to, and compared with."""

from __future__ import annotations

from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from services.foundation.letters import Letter


def by_library(letter: Letter) -> EmailMessage:
    """The same letter as `EmailMessage` makes it."""
    message = EmailMessage(policy=SMTP)
    message["From"] = f"{_phrase(letter.from_name)} <{letter.from_address}>"
    message["To"] = letter.to
    message["Reply-To"] = letter.from_address
    message["Subject"] = letter.subject
    message["Date"] = format_datetime(letter.date)
    message["Message-ID"] = letter.message_id
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(letter.text)
    message.add_alternative(letter.html, subtype="html")
    if letter.calendar is not None:
        assert letter.method is not None
        message.add_alternative(letter.calendar.decode(), subtype="calendar", cte="base64")
        message.get_payload()[2].set_param("method", letter.method)  # type: ignore[index,union-attr]
        message.add_attachment(letter.calendar, maintype="application", subtype="ics", filename="invite.ics")
        message.get_payload()[1].set_param("name", "invite.ics")  # type: ignore[index,union-attr]
    return message


def _phrase(name: str) -> str:
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
