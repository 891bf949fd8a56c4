"""Outlook's own form of a message, which some senders put into a file named winmail.dat.

The attributes are walked here, and every count in the properties is held against the bytes that are there, before
tnefparse reads them: it believes any count that it is told. An answer is taken out of it only where the class of the
message says which one it is and the meeting's own UID is in it.

Source: MS-OXTNEF (attributes, names of message classes), MS-OXOCAL (meeting responses), MS-OXCICAL 2.1.3.1.1.20.26
(a UID of another program's within the global object id).
"""

from __future__ import annotations

import logging
import struct
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from tnefparse.codepage import Codepage  # type: ignore[import-untyped]  # carries no type information
from tnefparse.mapi import TNEFMAPI_Attribute, decode_mapi  # type: ignore[import-untyped]

from services.post.inbox.reading.found import Attachment
from services.post.inbox.reading.parts import decoded

SIGNATURE = 0x223E9F78
MOST_ATTRIBUTES = 2_000
MOST_FILES = 50
LARGEST_PROPERTIES = 1024 * 1024
MOST_PROPERTIES = 2_000

_MESSAGE, _FILE = 1, 2
_CLASS, _BODY, _PROPERTIES, _CODEPAGE = 0x8008, 0x800C, 0x9003, 0x9007
_FILE_BEGINS, _FILE_TITLE, _FILE_DATA, _FILE_PROPERTIES = 0x9002, 0x8010, 0x800F, 0x9005
_PR_CLASS, _PR_BODY, _PR_LONG_NAME = 0x001A, 0x1000, 0x3707

PARTSTATS = {
    "ipm.schedule.meeting.resp.pos": "ACCEPTED",
    "ipm.schedule.meeting.resp.neg": "DECLINED",
    "ipm.schedule.meeting.resp.tent": "TENTATIVE",
    "ipm.microsoft schedule.mtgrespp": "ACCEPTED",
    "ipm.microsoft schedule.mtgrespn": "DECLINED",
    "ipm.microsoft schedule.mtgrespa": "TENTATIVE",
}
_NOTES = ("ipm.note", "ipm.microsoft mail.note")

_MEETING = "6ed8da90-450b-101b-98da-00aa003f1305"
_APPOINTMENT = "00062002-0000-0000-c000-000000000046"
_GLOBAL_ID, _CLEAN_GLOBAL_ID, _ANSWERED_AT = (_MEETING, 0x03), (_MEETING, 0x23), (_MEETING, 0x01)
_SEQUENCE, _PROPOSES = (_APPOINTMENT, 0x8201), (_APPOINTMENT, 0x8257)
_UID_FOLLOWS = b"vCal-Uid\x01\x00\x00\x00"

_FIXED = {2: 4, 3: 4, 4: 4, 10: 4, 11: 4, 5: 8, 6: 8, 7: 8, 20: 8, 64: 8, 0x48: 16}
_SHORT = (2, 11)
_VARYING = (0, 13, 0x1E, 0x1F, 0x102)

# What this library logs may hold a person's words.
logging.getLogger("tnefparse").setLevel(logging.CRITICAL + 1)


@dataclass(slots=True)
class Winmail:
    """What is in one. `partstat` is set for a meeting response, `proposes` where that has another time in it; `is_note`
    for a plain message. `budget` is how many bytes of properties may still be read.
    """

    partstat: str | None = None
    proposes: bool = False
    is_note: bool = False
    uid: str | None = None
    sequence: int = 0
    stamp: datetime | None = None
    body: str = ""
    files: list[Attachment] = field(default_factory=list)
    damaged: bool = False
    budget: int = LARGEST_PROPERTIES


def read_winmail(data: bytes) -> Winmail:
    """Read one; what cannot be read is left out and said so."""
    found = Winmail()
    charset = "cp1252"
    files: list[_File] = []
    for level, attribute, value in _attributes(data, found):
        if level == _FILE:
            _take_file(found, files, attribute, value, charset)
        elif attribute == _CODEPAGE and len(value) >= 4:
            charset = _charset(struct.unpack_from("<I", value)[0])
        elif attribute == _CLASS:
            _classify(found, decoded(value.rstrip(b"\0"), charset))
        elif attribute == _BODY:
            found.body = decoded(value.rstrip(b"\0"), charset)
        elif attribute == _PROPERTIES:
            _take(found, _properties(value, charset, found))
    found.damaged |= len(files) > MOST_FILES
    found.files = [
        Attachment(_bare(each.name) or "attachment", "application/octet-stream", each.content)
        for each in files[:MOST_FILES]
        if each.content
    ]
    return found


@dataclass(slots=True)
class _File:
    name: str = ""
    content: bytes = b""


def _take_file(found: Winmail, files: list[_File], attribute: int, value: bytes, charset: str) -> None:
    """Take in one attribute of a file: the first one of each begins it."""
    if attribute == _FILE_BEGINS:
        files.append(_File())
    elif not files:
        found.damaged = True
    elif attribute == _FILE_TITLE:
        files[-1].name = files[-1].name or decoded(value.rstrip(b"\0"), charset)
    elif attribute == _FILE_DATA:
        files[-1].content = value
    elif attribute == _FILE_PROPERTIES:
        long_name = _properties(value, charset, found).get(_PR_LONG_NAME)
        if isinstance(long_name, str) and long_name:
            files[-1].name = long_name


def _attributes(data: bytes, found: Winmail) -> list[tuple[int, int, bytes]]:
    """(level, id, value) of each attribute, as far as they are whole."""
    if len(data) < 6 or struct.unpack_from("<I", data)[0] != SIGNATURE:
        found.damaged = True
        return []
    attributes: list[tuple[int, int, bytes]] = []
    at = 6
    while at + 11 <= len(data):
        level, name, length = struct.unpack_from("<BHxxI", data, at)
        end = at + 9 + length
        if level not in (_MESSAGE, _FILE) or end + 2 > len(data) or len(attributes) >= MOST_ATTRIBUTES:
            break
        attributes.append((level, name, data[at + 9 : end]))
        at = end + 2
    found.damaged |= at != len(data)
    return attributes


def _properties(block: bytes, charset: str, found: Winmail) -> dict[Any, Any]:
    """The values of a block of properties by their numbers, named ones by (set, number); none where it is unsound."""
    found.budget -= len(block)
    if found.budget < 0 or not _is_sound(block):
        found.damaged = True
        return {}
    attributes: list[TNEFMAPI_Attribute] = decode_mapi(block, charset)
    values: dict[Any, Any] = {}
    for each in attributes:
        try:
            values.setdefault((str(each.guid), each.guid_prop) if each.guid else each.name, each.data)
        except (ValueError, OverflowError, struct.error, TypeError):
            found.damaged = True
    return values


def _is_sound(block: bytes) -> bool:
    """Whether a block of properties holds as many as it says, each as long as it says."""
    try:
        count, at = struct.unpack_from("<I", block)[0], 4
        if count > MOST_PROPERTIES:
            return False
        for _ in range(count):
            kind, name = struct.unpack_from("<HH", block, at)
            at = _past_name(block, at + 4) if name >= 0x8000 else at + 4
            at = _past_values(block, kind, at)
            if at > len(block):
                return False
    except (struct.error, KeyError):
        return False
    return True


def _past_name(block: bytes, at: int) -> int:
    kind, number = struct.unpack_from("<II", block, at + 16)
    return at + 24 if kind == 0 else at + 24 + number + -number % 4


def _past_values(block: bytes, kind: int, at: int) -> int:
    """Where a property ends. Raises `KeyError` for a type that is not known, `struct.error` beyond the end."""
    many, base = bool(kind & 0x1000), kind & ~0x1000
    varying = base in _VARYING
    count = 1
    if many or varying:
        count = struct.unpack_from("<I", block, at)[0]
        at += 4
    if count > len(block) // 2:
        raise KeyError(count)
    if not varying:
        size = 2 if base in _SHORT and many else _FIXED[base]
        return at + count * size + (2 if base in _SHORT and many and count % 2 else 0)
    for _ in range(count):
        length = struct.unpack_from("<I", block, at)[0]
        at += 4 + length + -length % 4
    return at


def _take(found: Winmail, values: dict[Any, Any]) -> None:
    """Take in what the properties of the message say."""
    if isinstance(values.get(_PR_CLASS), str):
        _classify(found, values[_PR_CLASS])
    if isinstance(values.get(_PR_BODY), str):
        found.body = found.body or values[_PR_BODY]
    for name in (_CLEAN_GLOBAL_ID, _GLOBAL_ID):
        value = values.get(name)
        if found.uid is None and isinstance(value, bytes) and _UID_FOLLOWS in value:
            found.uid = value.partition(_UID_FOLLOWS)[2].partition(b"\0")[0].decode("utf-8", "replace")[:300]
    found.proposes |= bool(values.get(_PROPOSES))
    sequence, stamp = values.get(_SEQUENCE), values.get(_ANSWERED_AT)
    if isinstance(sequence, int):
        found.sequence = max(0, sequence)
    if isinstance(stamp, datetime):
        found.stamp = stamp if stamp.tzinfo else stamp.replace(tzinfo=UTC)


def _classify(found: Winmail, name: str) -> None:
    name = name.strip("\0 ").lower()
    found.partstat = found.partstat or PARTSTATS.get(name)
    found.is_note = found.is_note or name in _NOTES


def _charset(number: int) -> str:
    name = Codepage(number).codepage() if number < 70_000 else None
    return name if isinstance(name, str) and name.replace("-", "").replace("_", "").isalnum() else "cp1252"


def _bare(name: str) -> str:
    return "".join(c for c in name.replace("\\", "/").rpartition("/")[2] if c.isprintable()).strip()[:200]
