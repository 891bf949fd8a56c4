"""Messages in Outlook's own form, built byte by byte.

Source: MS-OXTNEF, MS-OXCMAPI; MS-OXOCAL for the properties of a meeting response.
"""

from __future__ import annotations

import struct
from uuid import UUID

from tests.mail.invited import uid
from tests.mail.pieces import message, multipart, part

MEETING, APPOINTMENT = UUID("6ed8da90-450b-101b-98da-00aa003f1305"), UUID("00062002-0000-0000-c000-000000000046")
CLASSES = {
    "ACCEPTED": "IPM.Schedule.Meeting.Resp.Pos",
    "DECLINED": "IPM.Schedule.Meeting.Resp.Neg",
    "TENTATIVE": "IPM.Schedule.Meeting.Resp.Tent",
}
OLD_CLASSES = {"ACCEPTED": "IPM.Microsoft Schedule.MtgRespP", "DECLINED": "IPM.Microsoft Schedule.MtgRespN"}


def attribute(name: int, kind: int, data: bytes, level: int = 1) -> bytes:
    return struct.pack("<BHHI", level, name, kind, len(data)) + data + struct.pack("<H", sum(data) & 0xFFFF)


def _padded(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % 4)


def string(tag: int, text: str) -> bytes:
    data = text.encode("utf-16-le") + b"\0\0"
    return struct.pack("<HHII", 0x1F, tag, 1, len(data)) + _padded(data)


def named(kind: int, group: UUID, number: int, value: bytes) -> bytes:
    return struct.pack("<HH", kind, 0x8000 + (number & 0xFF)) + group.bytes_le + struct.pack("<II", 0, number) + value


def binary(data: bytes) -> bytes:
    return struct.pack("<II", 1, len(data)) + _padded(data)


def global_id(of: str) -> bytes:
    """How Outlook keeps the UID of a meeting that another program made."""
    inner = b"vCal-Uid\x01\x00\x00\x00" + of.encode() + b"\0"
    head = bytes.fromhex("040000008200E00074C5B7101A82E008") + b"\0" * 20
    return head + struct.pack("<I", len(inner)) + inner


def stream(*attributes: bytes) -> bytes:
    version = attribute(0x9006, 8, struct.pack("<I", 0x10000))
    codepage = attribute(0x9007, 6, struct.pack("<II", 1252, 0))
    return struct.pack("<IH", 0x223E9F78, 1) + version + codepage + b"".join(attributes)


def properties(*some: bytes) -> bytes:
    return attribute(0x9003, 6, struct.pack("<I", len(some)) + b"".join(some))


def response(
    partstat: str = "ACCEPTED",
    of: str | None = None,
    words: str = "I shall be there.",
    classes: dict[str, str] = CLASSES,
    proposes: bool = False,
) -> bytes:
    """A meeting response. `of=""` leaves out which meeting it is of."""
    name = classes[partstat]
    held = [
        string(0x001A, name),
        string(0x1000, words),
        named(3, APPOINTMENT, 0x8201, struct.pack("<I", 1)),
        named(11, APPOINTMENT, 0x8257, struct.pack("<HH", proposes, 0)),
        named(64, MEETING, 0x01, struct.pack("<Q", 134_381_736_000_000_000)),
    ]
    if of != "":
        held.append(named(0x102, MEETING, 0x03, binary(global_id(of or uid()))))
    return stream(attribute(0x8008, 7, name.encode() + b"\0"), properties(*held))


def note(words: str = "", name: str = "Report.pdf", content: bytes = b"%PDF-1.7 a report") -> bytes:
    """A plain message with a file."""
    rendering = struct.pack("<HIHHI", 1, 0, 32, 32, 0)
    files = (
        attribute(0x9002, 6, rendering, 2)
        + attribute(0x8010, 1, name.encode() + b"\0", 2)
        + attribute(0x800F, 6, content, 2)
    )
    held = [string(0x001A, "IPM.Note"), *([string(0x1000, words)] if words else [])]
    return stream(attribute(0x8008, 7, b"IPM.Microsoft Mail.Note\0"), properties(*held), files)


def winmail(data: bytes, words: str = "") -> bytes:
    """The message around it."""
    inner = part(
        'application/ms-tnef; name="winmail.dat"',
        data,
        "base64",
        'Content-Disposition: attachment; filename="winmail.dat"',
    )
    return message(
        multipart("mixed", [part("text/plain; charset=us-ascii", words, "7bit"), inner], "----_=_NextPart"),
        "X-MS-TNEF-Correlator: <1@trust.example>",
    )
