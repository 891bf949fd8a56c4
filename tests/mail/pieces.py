"""Messages put together from their pieces, byte for byte as a program would have sent them."""

from __future__ import annotations

from base64 import b64encode
from binascii import b2a_qp
from collections.abc import Sequence

from tests.mail.invited import ADA, DUTY, reply_address, uid

DATE = "Tue, 03 Nov 2026 10:00:00 +0000"


def crlf(text: str | bytes) -> bytes:
    data = text.encode() if isinstance(text, str) else text
    return data.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def part(content_type: str, body: str | bytes, encoding: str = "8bit", *more: str) -> bytes:
    """One part, or what follows the first headers of a message that has no other."""
    data = body.encode() if isinstance(body, str) else body
    if encoding == "base64":
        lines = b64encode(data)
        data = b"\n".join(lines[start : start + 76] for start in range(0, len(lines), 76)) + b"\n"
    elif encoding == "quoted-printable":
        data = b2a_qp(data)
    head = "\n".join((f"Content-Type: {content_type}", f"Content-Transfer-Encoding: {encoding}", *more))
    return f"{head}\n\n".encode() + data


def multipart(subtype: str, parts: Sequence[bytes], boundary: str = "=_b", preamble: str = "") -> bytes:
    """Several parts in one."""
    mark = f"--{boundary}".encode()
    head = f'Content-Type: multipart/{subtype};\n boundary="{boundary}"\n\n{preamble}'.encode()
    return head + b"".join(mark + b"\n" + each + b"\n" for each in parts) + mark + b"--\n"


def message(
    body: bytes,
    *more: str,
    sender: str | None = f"Ada Example <{ADA}>",
    to: str | None = None,
    subject: str = "Accepted: Multi-agency meeting, ref ABCD-EFGH",
    date: str | None = DATE,
) -> bytes:
    """A whole message with CRLF lines. `more` are further headers, which come first."""
    lines = [
        *more,
        *([f"From: {sender}"] if sender is not None else []),
        f"To: {reply_address() if to is None else to}",
        f"Subject: {subject}",
        *([f"Date: {date}"] if date is not None else []),
        "Message-ID: <one.of.theirs@trust.example>",
        "MIME-Version: 1.0",
    ]
    return crlf("\n".join(lines).encode() + b"\n" + body)


def attendee(
    partstat: str | None = "ACCEPTED", address: str = f"mailto:{DUTY}", name: str = "Duty team", more: str = ""
) -> str:
    said = f";PARTSTAT={partstat}" if partstat is not None else ""
    return f"ATTENDEE;CN={name}{said};ROLE=REQ-PARTICIPANT{more}:{address}"


def calendar(
    *lines: str,
    method: str | None = "REPLY",
    stamp: str | None = "20261103T100000Z",
    sequence: int | None = 1,
    of: str | None = None,
    before: Sequence[str] = (),
) -> str:
    """A calendar object. `lines` are the event's own, `before` stand before the event."""
    return "\n".join(
        (
            "BEGIN:VCALENDAR",
            "PRODID:-//Their program//EN",
            "VERSION:2.0",
            *([f"METHOD:{method}"] if method is not None else []),
            *before,
            "BEGIN:VEVENT",
            f"UID:{uid() if of is None else of}",
            *([f"SEQUENCE:{sequence}"] if sequence is not None else []),
            *([f"DTSTAMP:{stamp}"] if stamp is not None else []),
            "DTSTART:20261201T100000Z",
            "DTEND:20261201T113000Z",
            "SUMMARY:Multi-agency meeting\\, ref ABCD-EFGH",
            *lines,
            "END:VEVENT",
            "END:VCALENDAR",
            "",
        )
    )


def answer(
    object_: str, encoding: str = "8bit", content_type: str = 'text/calendar; charset="utf-8"; method=REPLY'
) -> bytes:
    """A calendar object as a part."""
    return part(content_type, crlf(object_), encoding)
