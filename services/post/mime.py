"""A letter as the bytes that go over SMTP.

`EmailMessage` costs more than everything else on the way of a message, so the parts are joined here, and a test holds
the result to what `EmailMessage` would have written for the same letter.

Layout, as calendar clients need it: `multipart/mixed` whose first part is `multipart/alternative` with text, HTML
and, last of all, the calendar; after it the same calendar as a file. Lines are CRLF throughout; calendars go as
base64.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from functools import lru_cache

from services.foundation.letters import Letter

LINE = 78
LONGEST_LINE = 998


def assemble(letter: Letter) -> bytes:
    """The whole message. Raises `ValueError` for a header value that holds a line break."""
    # Of the reader's own token too: nobody who writes a text for a message can foretell its boundary.
    mark = hashlib.sha256(f"{letter.message_id}{letter.from_address}".encode()).hexdigest()[:24]
    alternative = f"=_alternative_{mark}".encode()
    pieces = [
        _headers(letter),
        b'Content-Type: multipart/alternative;\r\n boundary="%b"\r\n\r\n' % alternative,
        b"--%b\r\n" % alternative,
        _text_part("plain", letter.text),
        b"--%b\r\n" % alternative,
        _text_part("html", letter.html),
    ]
    if letter.calendar is None or letter.method is None:
        return b"".join(_with_files(letter, mark, [*pieces, b"--%b--\r\n" % alternative]))
    mixed = f"=_mixed_{mark}".encode()
    method = letter.method.encode()
    calendar = _base64(letter.calendar)
    pieces[1:1] = [b'Content-Type: multipart/mixed;\r\n boundary="%b"\r\n\r\n--%b\r\n' % (mixed, mixed)]
    pieces += [
        b"--%b\r\n" % alternative,
        b'Content-Type: text/calendar; charset="utf-8"; method="%b"\r\n' % method,
        b"Content-Transfer-Encoding: base64\r\n\r\n",
        calendar,
        b"--%b--\r\n\r\n--%b\r\n" % (alternative, mixed),
        b'Content-Type: application/ics; name="invite.ics"\r\nContent-Transfer-Encoding: base64\r\n',
        b'Content-Disposition: attachment; filename="invite.ics"\r\n\r\n',
        calendar,
        b"--%b--\r\n" % mixed,
    ]
    return b"".join(pieces)


def _with_files(letter: Letter, mark: str, pieces: list[bytes]) -> list[bytes]:
    """A message with its files behind it; as it is where it has none."""
    if not letter.attachments:
        return pieces
    mixed = f"=_mixed_{mark}".encode()
    pieces[1:1] = [b'Content-Type: multipart/mixed;\r\n boundary="%b"\r\n\r\n--%b\r\n' % (mixed, mixed)]
    for each in letter.attachments:
        pieces += [
            b"\r\n--%b\r\nContent-Type: %b\r\n" % (mixed, each.media_type.encode("ascii")),
            b"Content-Transfer-Encoding: base64\r\n",
            b'Content-Disposition: attachment; filename="%b"\r\n\r\n' % each.name.encode("ascii"),
            _base64(each.content),
        ]
    return [*pieces, b"--%b--\r\n" % mixed]


def _headers(letter: Letter) -> bytes:
    return b"".join(
        (
            _header("From", f"{_phrase(letter.from_name)} <{letter.from_address}>"),
            _header("To", letter.to),
            _header("Reply-To", letter.from_address),
            _header("Subject", letter.subject),
            _date(letter.date),
            _header("Message-ID", letter.message_id),
            b"Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n",
        )
    )


def _header(name: str, value: str) -> bytes:
    """A header; what is plain is folded at the last space of a line, so that no line stays empty as the library leaves
    it.
    """
    if not (value.isascii() and value.isprintable()):
        return _encoded_header(name, value)
    line = f"{name}: {value}"
    if len(line) <= LINE:
        return f"{line}\r\n".encode("ascii")
    pieces, words = [], len(name) + 2
    while len(line) > LINE:
        space = line.rfind(" ", words, LINE + 1)
        if space < 0:
            space = line.find(" ", LINE)
        if space < 0:
            break
        pieces.append(line[:space])
        line, words = line[space:], 1
    return "\r\n".join([*pieces, line, ""]).encode("ascii")


@lru_cache(maxsize=1024)
def _encoded_header(name: str, value: str) -> bytes:
    """A header that needs encoding, as the library writes it."""
    message = EmailMessage(policy=SMTP)
    message[name] = value
    return message.as_bytes().partition(b"\r\n\r\n")[0] + b"\r\n"


@lru_cache(maxsize=64)
def _date(date: datetime) -> bytes:
    return f"Date: {format_datetime(date)}\r\n".encode("ascii")


@lru_cache(maxsize=64)
def _phrase(name: str) -> str:
    """A name as it stands before an address: in quotes or in encoded words where it must be."""
    whole = str(Address(name, "a", "b.example"))
    if not whole.isascii():
        whole = _encoded_header("From", whole).decode("ascii").removeprefix("From: ").replace("\r\n", "")
    return whole.removesuffix(" <a@b.example>")


def _text_part(subtype: str, text: str) -> bytes:
    """A text part: as it stands where it is plain ASCII in lines of bearable length, as base64 otherwise."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if not text.endswith("\n"):
        text += "\n"
    data = text.encode()
    body = data.replace(b"\n", b"\r\n")
    plain = data.isascii() and _lines_are_bearable(data)
    return b'Content-Type: text/%b; charset="utf-8"\r\nContent-Transfer-Encoding: %b\r\n\r\n%b\r\n' % (
        subtype.encode(),
        b"7bit" if plain else b"base64",
        body if plain else _base64(body),
    )


def _lines_are_bearable(data: bytes) -> bool:
    """Whether no line is longer than mail allows. Goes from line end to line end in the longest steps that find one: of
    most lines it never looks at the end.
    """
    start = 0
    while len(data) - start > LONGEST_LINE:
        end = data.rfind(b"\n", start, start + LONGEST_LINE + 1)
        if end < 0:
            return False
        start = end + 1
    return True


def _base64(data: bytes) -> bytes:
    encoded = b64encode(data)
    return b"\r\n".join([encoded[start : start + 76] for start in range(0, len(encoded), 76)]) + b"\r\n"
