"""Which messages are in a file: one, or an mbox with many."""

from __future__ import annotations

import io
from typing import cast

import pytest

from services.post.inbox.mbox import NotMail, messages

ONE = b"From: a@b.example\nSubject: One\n\nHello\nFrom here on it is easy.\n"
TWO = b"From: c@d.example\r\nSubject: Two\r\n\r\nHello\r\n"
LINE = b"From a@b.example Sat Nov 21 09:30:00 2026\n"


def read(raw: bytes, *, whatever: bool = False) -> list[bytes]:
    source = cast(io.BufferedReader, io.BytesIO(raw))
    return [b"".join(pieces) for pieces in messages(source, whatever=whatever)]


def test_a_raw_message_is_taken_as_it_is() -> None:
    assert read(ONE) == [ONE]
    large = ONE + b"x" * 1_000_000
    assert read(large) == [large]


def test_an_mbox_is_taken_message_by_message_and_loses_only_what_belongs_to_it() -> None:
    assert read(LINE + ONE + b"\n" + LINE + TWO + b"\r\n" + LINE + ONE) == [ONE, TWO, ONE]


def test_a_message_that_a_pipe_puts_a_from_line_before_is_one_message() -> None:
    assert read(LINE + ONE) == [ONE]


@pytest.mark.parametrize(
    "body",
    [
        b"\n\nFrom here on it is easy.\n",
        b"\n\n>From a@b.example Sat Nov 21 09:30:00 2026\n",
        b"\nsee\nFrom a@b.example Sat Nov 21 09:30:00 2026\n",
        b"\n\nFrom a@b.example on Saturday 2026\n",
    ],
)
def test_only_a_whole_from_line_after_an_empty_one_begins_another_message(body: bytes) -> None:
    message = b"From: a@b.example\n" + body
    assert read(LINE + message) == [message]


def test_empty_lines_within_a_message_stay() -> None:
    message = b"From: a@b.example\n\n\n\nOne\n\n\nTwo\n\n\n"
    assert read(LINE + message + b"\n" + LINE + ONE) == [message, ONE]
    assert read(message) == [message]


def test_what_is_no_mail_is_refused_by_hand_and_taken_from_a_mail_server() -> None:
    for raw in (b"%PDF-1.7\n", b"\x00\x01\x02", b"just words\n"):
        with pytest.raises(NotMail, match="it is not mail"):
            read(raw)
        assert read(raw, whatever=True) == [raw]
    with pytest.raises(NotMail, match="nothing in it"):
        read(b"", whatever=True)
