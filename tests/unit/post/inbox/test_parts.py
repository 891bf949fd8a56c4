"""Messages cut into parts, held to what the standard library makes of the same bytes."""

from __future__ import annotations

import zlib
from email import message_from_bytes
from email.message import Message as LibraryMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.post.inbox.reading import parts
from services.post.inbox.reading.parts import Message, Part, content, decoded, unbased, words
from tests.mail.corpus import CORPUS
from tests.mail.pieces import crlf, multipart, part

# What the library does not see: it takes the last lines of a mail gateway into the base64 before them, knows no line
# ends but its own, and breaks off at a line that no header has.
APART = {"footer_after_base64", "bare_cr", "base64_unsaid"}


def by_library(message: LibraryMessage) -> list[object]:
    """Types and contents of all parts, as the library has them."""
    if message.is_multipart() and message.get_content_maintype() == "multipart":
        inner: list[object] = []
        for each in message.get_payload():
            assert isinstance(each, LibraryMessage)
            inner.append(by_library(each))
        return [message.get_content_type(), inner]
    if message.is_multipart():
        return [message.get_content_type()]
    payload = message.get_payload(decode=True)
    assert isinstance(payload, bytes)
    return [message.get_content_type(), payload.replace(b"\r\n", b"\n").rstrip(b"\n")]


def by_us(message: Message, one: Part) -> list[object]:
    if one.media_type.startswith("multipart/"):
        return [one.media_type, [by_us(message, each) for each in one.parts]]
    if one.media_type.startswith("message/"):
        return [one.media_type]
    return [one.media_type, message.content(one).replace(b"\r\n", b"\n").rstrip(b"\n")]


@pytest.mark.parametrize("case", [case for case in CORPUS if case.name not in APART], ids=lambda case: case.name)
def test_a_message_has_the_parts_that_the_library_finds(case: object) -> None:
    raw = case.raw  # type: ignore[attr-defined]
    message = Message(raw)
    assert by_us(message, message.top) == by_library(message_from_bytes(raw))


letters = st.text(st.characters(codec="utf-8", exclude_characters="\r"), max_size=60)
leaves = st.builds(
    lambda body, encoding: part("text/plain; charset=utf-8", body.replace("--", "+"), encoding),
    letters,
    st.sampled_from(["8bit", "base64", "quoted-printable"]),
)
trees = st.recursive(
    leaves,
    lambda inner: st.builds(
        lambda some, kind: multipart(kind, some, f"=_{zlib.crc32(b''.join(some)):x}"),
        st.lists(inner, min_size=1, max_size=3),
        st.sampled_from(["mixed", "alternative", "related"]),
    ),
    max_leaves=6,
)


@given(trees)
def test_whatever_parts_a_message_has_they_are_those_that_the_library_finds(raw: bytes) -> None:
    message = Message(crlf(raw))
    assert not message.cut
    assert not message.damaged
    assert by_us(message, message.top) == by_library(message_from_bytes(crlf(raw)))


def nested(depth: int) -> bytes:
    raw = part("text/plain", "deep")
    for level in range(depth):
        raw = multipart("mixed", [raw], f"=_{level}")
    return raw


@pytest.mark.parametrize(
    ("raw", "cut"),
    [
        (nested(parts.DEEPEST), False),
        (nested(parts.DEEPEST + 1), True),
        (multipart("mixed", [part("text/plain", "x")] * (parts.MOST_PARTS - 1)), False),
        (multipart("mixed", [part("text/plain", "x")] * parts.MOST_PARTS), True),
        (b"X: y\n" * (parts.MOST_HEADERS + 2) + b"\nx", True),
        (b"X: " + b"y" * parts.LONGEST_HEADERS + b"\n\nx", True),
        (multipart("mixed", [b"\n--=_bx" * (parts.MOST_BOUNDARIES + 1)]), True),
    ],
)
def test_what_is_more_than_anybody_sends_is_left_out_and_said_so(raw: bytes, cut: bool) -> None:
    assert Message(raw).cut is cut


@pytest.mark.parametrize("boundary", ["", '""', '"not there"'])
def test_parts_that_are_not_there_are_missed(boundary: str) -> None:
    message = Message(f"Content-Type: multipart/mixed; boundary={boundary}\n\n--b\n\nx\n--b--\n".encode())
    assert message.damaged
    assert message.top.parts == []


def test_the_end_of_a_message_that_was_cut_short_is_missed() -> None:
    whole = multipart("mixed", [part("text/plain", "one"), part("text/plain", "two")])
    assert not Message(whole).damaged
    assert Message(whole.removesuffix(b"--\n")).damaged is True


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ('attachment; filename="Report.pdf"', "Report.pdf"),
        ("attachment; filename=Report.pdf", "Report.pdf"),
        ("attachment; filename*=utf-8''Zo%C3%AB%20report.pdf", "Zoë report.pdf"),
        ('attachment; filename*0="Rep"; filename*1="ort.pdf"', "Report.pdf"),
        ("attachment; filename*0*=iso-8859-2''%B1; filename*1*=.pdf", "ą.pdf"),
        ('attachment; filename="=?utf-8?B?Wm/Dqy5wZGY=?="', "Zoë.pdf"),
        ('attachment; filename="..\\\\..\\\\boot.ini"', "boot.ini"),
        ('attachment; filename="/etc/passwd"', "passwd"),
        ('attachment; filename="a\tb\x07.pdf"', "ab.pdf"),
        ('attachment; filename="\u202efdp.exe"', "fdp.exe"),
        ("attachment", ""),
        ('attachment; filename="unclosed', "unclosed"),
    ],
)
def test_a_file_has_the_name_that_its_sender_gave_it_and_no_path(header: str, name: str) -> None:
    message = Message(f"Content-Disposition: {header}\n\nx".encode())
    assert message.top.file_name == name


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("plain", "plain"),
        ("=?utf-8?q?Zo=C3=AB?=", "Zoë"),
        ("=?utf-8?q?a_?= =?utf-8?q?b?=", "a b"),
        ("=?utf-8?q?a_?==?utf-8?q?b?=", "a b"),
        ("=?iso-8859-1?Q?caf=E9?= noir", "café noir"),
        ("=?nothing?B?eA==?=", "x"),
        ("=?utf-8?B?!!!?=", ""),
        ("=?utf-8?q?never ends", "=?utf-8?q?never ends"),
    ],
)
def test_encoded_words_are_undone_as_far_as_they_go(value: str, text: str) -> None:
    assert words(value) == text


@pytest.mark.parametrize("charset", ["utf-8", "latin1", "punycode", "idna", "zlib", "unicode_escape", "x-unknown", ""])
def test_no_character_set_is_anything_but_letters(charset: str) -> None:
    assert decoded("é\\x41".encode(), charset) == "é\\x41"


@given(st.binary(max_size=200), st.sampled_from(["", "utf-8", "utf-16", "iso-2022-jp", "gb18030", "big5", "cp1255"]))
def test_any_bytes_are_some_text(data: bytes, charset: str) -> None:
    assert isinstance(decoded(data, charset), str)


@given(st.binary(max_size=90), st.integers(0, 120))
def test_base64_that_was_cut_short_gives_what_was_there(data: bytes, length: int) -> None:
    whole = part("x/y", data, "base64").partition(b"\n\n")[2]
    assert data.startswith(unbased(whole[:length]))


@given(st.text(max_size=80))
def test_any_content_type_is_some_type(value: str) -> None:
    kind, values = content(value)
    assert kind.count("/") >= 1
    assert all(isinstance(each, str) for each in values.values())
