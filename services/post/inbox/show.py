"""A message as a person looks at it: plain text and a list of files. Nothing of it is rendered, run or unpacked."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from services.foundation.documents import Documents
from services.post.inbox.keep import counted
from services.post.inbox.reading.parts import Message, Part, words
from services.post.inbox.reading.words import plain

SHOWN_AT_MOST = 24 << 20  # bytes of a message that are looked through; of a larger one the beginning is
BEGINNING = 1 << 18
LONGEST_TEXT = 100_000
LONGEST_VALUE = 1_000
HEADERS = ("From", "To", "Cc", "Subject", "Date", "Delivered-To", "Auto-Submitted")
UNNAMED = "file"

# What would move a terminal's cursor or turn the direction of writing around.
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_TOKENS = re.compile(r"(reply|bounce)\+[0-9a-f]{52}@", re.IGNORECASE)
_LINKS = re.compile("[0-9a-f]{26}-[0-9a-f]{1,9}-[0-9a-f]{26}", re.IGNORECASE)  # the last part of a link to answer by


@dataclass(frozen=True, slots=True)
class File:
    """A file that came with a message. `media_type` is what its sender calls it, and decides nothing."""

    name: str
    media_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Shown:
    """A message for a person to read. `beginning_only`: it is too large, and this is its beginning."""

    headers: tuple[tuple[str, str], ...]
    text: str
    attachments: tuple[File, ...]
    beginning_only: bool = False


def show(documents: Documents, row: Mapping[Any, Any]) -> Shown:
    """The message of a row. Raises `FileNotFoundError` and `Damaged`."""
    large = row["size"] > SHOWN_AT_MOST
    pieces = documents.pieces(row["mail_id"])
    return laid_out(b"".join(counted(pieces, BEGINNING) if large else pieces), beginning_only=large)


def laid_out(raw: bytes, *, beginning_only: bool = False) -> Shown:
    """A message laid out for reading; whatever the bytes are."""
    message = Message(raw)
    texts: list[Part] = []
    files: list[File] = []
    for part in message.top.walk():
        if part.parts or part.media_type.startswith("multipart/"):
            continue
        if part.media_type in ("text/plain", "text/html") and part.disposition != "attachment":
            texts.append(part)
        elif not beginning_only:
            files.append(_file(message, part, len(files) + 1))
    headers = tuple(
        (name, harmless(words(value))[:LONGEST_VALUE].replace("\n", " "))
        for name in HEADERS
        for value in message.top.headers.get(name.lower(), ())[:20]
    )
    return Shown(headers, _together(_text(message, part) for part in texts), tuple(files), beginning_only)


def _file(message: Message, part: Part, number: int) -> File:
    name = harmless(part.file_name).replace("\n", " ") or f"{UNNAMED}-{number}"
    return File(name, part.media_type, message.content(part))


def _text(message: Message, part: Part) -> str:
    text = message.text(part)
    return plain(text) if part.media_type == "text/html" else text


def _together(texts: Iterable[str]) -> str:
    """The texts one after the other, as far as they are shown; what an HTML part repeats of the plain one stands once.
    No more of them are made than are shown.
    """
    shown: list[str] = []
    before: set[bytes] = set()
    length = 0
    for text in texts:
        own = harmless(text.replace("\r\n", "\n").replace("\r", "\n")).strip()
        same = hashlib.sha256(" ".join(own.split()).encode()).digest()
        if not own or same in before:
            continue
        before.add(same)
        shown.append(own)
        length += len(own)
        if length >= LONGEST_TEXT:
            break
    return "\n\n".join(shown)[:LONGEST_TEXT]


def harmless(text: str) -> str:
    """Text without the characters that do something to a screen, and without the tokens by which parties are known: who
    reads over somebody's shoulder could answer for them.
    """
    return _LINKS.sub("…", _TOKENS.sub(r"\1+…@", _CONTROLS.sub("\ufffd", text)))
