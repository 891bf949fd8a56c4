"""Outlook's own form, held to what tnefparse finds in the same bytes; what would keep that library busy is kept off."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tnefparse import TNEF  # type: ignore[import-untyped]

from services.post.inbox.reading.winmail import read_winmail
from tests.mail.invited import uid
from tests.mail.outlooks_own import CLASSES, attribute, note, properties, response, stream, string

ENDLESS = struct.pack("<I", 0xFFFFFFFF)


@pytest.mark.parametrize("partstat", CLASSES)
def test_a_response_says_what_the_library_reads_in_it(partstat: str) -> None:
    data = response(partstat)
    found, library = read_winmail(data), TNEF(data)
    classes = [each.data for each in library.msgprops if each.name == TNEF.ATTMESSAGECLASS]
    assert classes == [CLASSES[partstat]]
    assert (found.partstat, found.uid, found.sequence, found.damaged) == (partstat, uid(), 1, False)
    assert found.body == "I shall be there."
    assert found.stamp is not None
    assert found.stamp.year == 2026


def test_files_are_those_that_the_library_reads() -> None:
    data = note("Our report.", "Zoë report.pdf", b"%PDF-1.7")
    found, library = read_winmail(data), TNEF(data)
    assert [(each.name, each.content) for each in found.files] == [("Zoë report.pdf", b"%PDF-1.7")]
    assert [each.data for each in library.attachments] == [b"%PDF-1.7"]
    assert (found.is_note, found.partstat, found.body) == (True, None, "Our report.")


@pytest.mark.parametrize(
    "block",
    [
        ENDLESS,
        struct.pack("<I", 1) + struct.pack("<HH", 0x1003, 1) + ENDLESS,
        struct.pack("<I", 1) + struct.pack("<HH", 0x101F, 1) + ENDLESS,
        struct.pack("<I", 1) + struct.pack("<HHI", 0x1F, 1, 0xFFFFFFFF),
        struct.pack("<I", 1) + struct.pack("<HHII", 0x1F, 1, 1, 0xFFFFFFFF),
        struct.pack("<I", 1) + struct.pack("<HH", 0x1F, 0x8000) + b"\0" * 16 + struct.pack("<I", 1) + ENDLESS,
        struct.pack("<I", 1) + struct.pack("<HH", 0x77, 1),
        struct.pack("<I", 2) + string(0x1A, "IPM.Note"),
        b"",
    ],
)
def test_a_count_that_nothing_stands_behind_is_believed_by_nobody(block: bytes) -> None:
    found = read_winmail(stream(attribute(0x8008, 7, b"IPM.Schedule.Meeting.Resp.Pos\0"), attribute(0x9003, 6, block)))
    assert found.damaged


@pytest.mark.parametrize(
    "data", [b"", b"\x78\x9f\x3e\x22", b"\x78\x9f\x3e\x22\x01\x00" + b"\x09" * 40, b"PK\x03\x04" * 9]
)
def test_what_is_none_is_said_to_be_damaged(data: bytes) -> None:
    found = read_winmail(data)
    assert (found.partstat, found.uid, found.files) == (None, None, [])
    assert found.damaged is (len(data) != 6)


@given(st.sampled_from([response(), note()]), st.integers(0, 600), st.binary(min_size=1, max_size=4))
def test_any_bytes_can_be_read(data: bytes, at: int, other: bytes) -> None:
    read_winmail(data[:at] + other + data[at + len(other) :])
    read_winmail(data[:at])


@given(st.binary(max_size=200))
def test_any_properties_can_be_read(block: bytes) -> None:
    read_winmail(stream(attribute(0x9003, 6, block), properties()))
