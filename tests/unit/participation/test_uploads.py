"""Which files are taken as a report, by what is in them."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.participation.uploads import (
    DOCX,
    EXTENSIONS,
    JPEG,
    ODT,
    PDF,
    PLAIN,
    PNG,
    RTF,
    WORDS,
    Accepted,
    Refused,
    check,
    safe_name,
)
from tests.files import archive, docx, jpeg, odt, pdf, png

MOST = 15 << 20


def judged(content: bytes, name: str = "report") -> Accepted | Refused:
    return check(name, io.BytesIO(content), MOST)


def refused(content: bytes, name: str = "report.pdf") -> str:
    verdict = judged(content, name)
    assert isinstance(verdict, Refused), verdict
    assert verdict.words == WORDS[verdict.reason]
    return verdict.reason


@pytest.mark.parametrize(
    ("content", "media_type"),
    [
        (pdf(), PDF),
        (docx(), DOCX),
        (docx(main="word/document2.xml"), DOCX),
        (odt(), ODT),
        (b"{\\rtf1\\ansi What is working well?}\r\n", RTF),
        (b"What is working well?\r\n\tShe comes to every session.\n", PLAIN),
        ("What is working well? \N{RIGHT SINGLE QUOTATION MARK}\N{SMILING FACE WITH OPEN MOUTH}".encode(), PLAIN),
        ("What is working well?".encode("utf-16"), PLAIN),
        ("Caf\N{LATIN SMALL LETTER E WITH ACUTE}".encode("cp1252"), PLAIN),
        (jpeg(), JPEG),
        (png(), PNG),
    ],
)
def test_a_file_is_known_by_its_content_whatever_it_is_called(content: bytes, media_type: str) -> None:
    for name in ("report.exe", "report.html", "", "x" * 3_000):
        verdict = judged(content, name)
        assert isinstance(verdict, Accepted)
        assert verdict.media_type == media_type
        assert verdict.name.endswith(f".{EXTENSIONS[media_type]}")


@pytest.mark.parametrize(
    "content",
    [
        b"MZ\x90\x00\x03\x00\x00\x00",
        b"\x7fELF\x02\x01\x01\x00",
        b"<!DOCTYPE html><script>alert(1)</script>",
        b"\n  <HTML><body onload=alert(1)>",
        b"\xef\xbb\xbf<?xml version='1.0'?><svg onload='alert(1)'/>",
        "<script>alert(1)</script>".encode("utf-16"),
        b"#!/bin/sh\nrm -rf /\n",
        b"GIF89a\x01\x00\x01\x00",
        b"II*\x00\x08\x00\x00\x00",
        b"some words and a \x00 between them",
        b"\x1b[2J clears the screen of whoever prints it",
        archive({"a.txt": b"a"}),
        archive({"xl/workbook.xml": b"<x/>", "[Content_Types].xml": b"<x/>"}),
        archive({"mimetype": b"application/vnd.oasis.opendocument.spreadsheet", "content.xml": b"<x/>"}),
    ],
)
def test_what_is_no_report_by_its_content_is_refused_whatever_it_is_called(content: bytes) -> None:
    assert {refused(content, name) for name in ("report.pdf", "report.docx", "report.txt")} == {"not_a_kind_taken"}


def test_nothing_and_nothing_but_blanks_is_empty() -> None:
    assert refused(b"") == refused(b" \r\n\t ") == refused(b"\xef\xbb\xbf") == "empty"


def test_a_file_may_be_as_large_as_the_limit_and_no_larger() -> None:
    assert isinstance(check("a", io.BytesIO(b"a" * 1_024), 1_024), Accepted)
    assert check("a", io.BytesIO(b"a" * 1_025), 1_024) == Refused("too_large")


@pytest.mark.parametrize("content", [pdf(), docx(), odt(), png(), b"{\\rtf1 cut off}"])
def test_half_a_file_is_refused(content: bytes) -> None:
    assert refused(content[: len(content) * 2 // 3]) == "damaged"


def test_a_locked_file_is_refused_since_nobody_here_could_read_it() -> None:
    assert refused(pdf(trailer=b"/Encrypt 5 0 R")) == "locked"
    assert refused(pdf(trailer=b"/Encrypt<</Filter/Standard>>")) == "locked"
    # Across the border of two pieces that are read.
    far = pdf(before=b"%" + b"x" * ((1 << 20) - len(pdf(trailer=b"")) + 30) + b"\n", trailer=b"/Encrypt 5 0 R")
    assert refused(far) == "locked"
    assert isinstance(judged(pdf(trailer=b"/Info 5 0 R", before=b"% /EncryptMetadata true\n")), Accepted)
    old = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504)
    assert refused(old) == "older_word"
    assert refused(old + "EncryptedPackage".encode("utf-16-le")) == "locked"
    assert refused(_flagged(docx())) == "locked"
    assert refused(odt(manifest=b"<manifest:encryption-data/>")) == "locked"


def _flagged(content: bytes) -> bytes:
    """The archive with every part marked as encrypted in the directory."""
    flagged = bytearray(content)
    at = content.find(b"PK\x01\x02")
    while at >= 0:
        flagged[at + 8] |= 1
        at = content.find(b"PK\x01\x02", at + 1)
    return bytes(flagged)


@pytest.mark.parametrize("part", ["word/vbaProject.bin", "word/activeX/activeX1.xml"])
def test_a_document_with_macros_is_refused(part: str) -> None:
    assert refused(docx({part: b"x"})) == "macros"


@pytest.mark.parametrize("part", ["Basic/Standard/Module1.xml", "Scripts/python/run.py"])
def test_an_open_document_with_macros_is_refused_and_an_empty_library_is_none(part: str) -> None:
    assert refused(odt({part: b"x"})) == "macros"
    assert isinstance(judged(odt({"Basic/Standard/script-lb.xml": b"x"})), Accepted)


@pytest.mark.parametrize("part", ["word/embeddings/oleObject1.bin", "word/media/a.zip", "a.docx", "word/run.EXE"])
def test_a_document_with_files_inside_it_is_refused(part: str) -> None:
    assert refused(docx({part: b"x"})) == "holds_files"


def test_a_document_of_rich_text_with_an_object_inside_it_is_refused() -> None:
    assert refused(b"{\\rtf1 " + b"x" * (1 << 20) + b"{\\object\\ObjEmb{\\*\\objdata 00}}}") == "holds_files"


def test_a_bomb_is_refused_by_its_directory_alone() -> None:
    bomb = docx({"word/media/a.xml": bytes(300 << 20)})
    assert len(bomb) < 1 << 20
    assert refused(bomb) == "swells"
    assert refused(docx({f"word/{number}.xml": b"" for number in range(2_001)})) == "swells"
    assert isinstance(judged(docx({"word/a.xml": bytes(3 << 20)})), Accepted)


def test_parts_that_lie_over_each_other_are_refused() -> None:
    """As in a bomb whose every part is the same stretch of the file."""
    content = bytearray(docx({"word/a.xml": b"a" * 500, "word/b.xml": b"a" * 500}))
    directory = content.find(b"PK\x01\x02")
    first = content.find(b"word/a.xml", directory) - 46
    second = content.find(b"word/b.xml", directory) - 46
    content[second + 42 : second + 46] = content[first + 42 : first + 46]
    assert refused(bytes(content)) == "swells"


@pytest.mark.parametrize("make", [pdf, jpeg, png])
def test_a_file_that_is_an_archive_as_well_is_refused(make: Any) -> None:
    assert refused(make() + docx()) == "holds_files"
    assert refused(b"words\n" + archive({"a": b"a"})) == "holds_files"


def test_four_bytes_that_look_like_the_end_of_an_archive_make_none() -> None:
    by_chance = b"% PK\x05\x06" + b"\xa5" * 18 + b"\n"
    assert isinstance(judged(pdf(before=by_chance)), Accepted)


def test_a_document_with_something_before_its_first_part_or_after_its_last_record_is_refused() -> None:
    content = docx()
    assert refused(content + b"MZ") == "damaged"
    end = content.rfind(b"PK\x05\x06")
    shifted = bytearray(content[:4] + bytes(60) + content[4:])
    assert refused(bytes(shifted)) == "damaged"
    many = bytearray(content)
    struct.pack_into("<HH", many, end + 8, 0xFFFF, 0xFFFF)
    assert refused(bytes(many)) == "swells"


def test_a_picture_of_more_dots_than_any_camera_takes_is_refused() -> None:
    assert refused(png(60_000, 60_000)) == "swells"


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("report.pdf", "report.pdf"),
        ("report.PDF", "report.pdf"),
        ("report", "report.pdf"),
        ("report.docx", "report-docx.pdf"),
        ("../../etc/passwd", "passwd.pdf"),
        ("C:\\Users\\pat\\Report for conference.pdf", "Report for conference.pdf"),
        ("", "report.pdf"),
        ("...", "report.pdf"),
        (".htaccess", "htaccess.pdf"),
        ('a"; filename="b.exe', "a filename b-exe.pdf"),
        ("a\r\nSet-Cookie: x.pdf", "a Set-Cookie x.pdf"),
        ("report\N{RIGHT-TO-LEFT OVERRIDE}fdp.exe", "report fdp-exe.pdf"),
        ("Bericht \N{LATIN SMALL LETTER U WITH DIAERESIS}.pdf", "Bericht \N{LATIN SMALL LETTER U WITH DIAERESIS}.pdf"),
    ],
)
def test_a_name_is_made_safe(name: str, safe: str) -> None:
    assert safe_name(name, PDF) == safe


@given(st.text(), st.sampled_from(sorted(EXTENSIONS)))
def test_no_name_leads_anywhere(name: str, media_type: str) -> None:
    made = safe_name(name, media_type)
    assert made.endswith(f".{EXTENSIONS[media_type]}")
    assert made.count(".") == 1
    assert len(made) <= 100
    assert made.isprintable()
    assert not set(made) & set('/\\:*?"<>|')
    assert made[0] not in " .-" or made[0].isalnum()
    assert safe_name(made, media_type) == made


@given(st.binary(max_size=3_000), st.sampled_from([b"", b"PK\x03\x04", b"%PDF-", b"{\\rtf", b"\x89PNG\r\n\x1a\n"]))
def test_any_bytes_get_an_answer(content: bytes, head: bytes) -> None:
    assert isinstance(judged(head + content), Accepted | Refused)


@given(st.data())
def test_a_document_that_is_damaged_anywhere_gets_an_answer(data: st.DataObject) -> None:
    content = bytearray(docx())
    for _ in range(data.draw(st.integers(1, 5))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    assert isinstance(judged(bytes(content)), Accepted | Refused)


def test_the_parts_of_a_document_are_not_unpacked() -> None:
    """What lies in them may be anything."""
    broken = bytearray(docx({"word/a.xml": zlib.compress(b"x" * 100)}))
    at = broken.find(b"word/document.xml") + len(b"word/document.xml")
    broken[at : at + 4] = b"\xff\xff\xff\xff"
    assert isinstance(judged(bytes(broken)), Accepted)
    with pytest.raises((zipfile.BadZipFile, zlib.error)), zipfile.ZipFile(io.BytesIO(broken)) as opened:
        opened.read("word/document.xml")
