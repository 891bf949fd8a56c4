"""A message as a person looks at it: plain text, whatever the bytes are."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as some

from services.invitations.tokens import answer_link
from services.post.inbox import show
from services.post.inbox.copies import content_id
from services.post.inbox.reading.words import plain
from services.post.inbox.show import LONGEST_TEXT, laid_out
from tests.mail.pieces import message as written
from tests.mail.pieces import multipart, part
from tests.replies import message, with_files

AT = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


def raw(text: str = "Hello", html: str = "", **more: str) -> bytes:
    return with_files(message(to="x@quorate.example", sender="a@b.example", at=AT, text=text, html=html), [])


def test_words_headers_and_files_are_shown() -> None:
    made = message(to="x@quorate.example", sender="a@b.example", at=AT, text="Dear all,\n\nwe will come.")
    shown = laid_out(with_files(made, [("Zoë.pdf", "application/pdf", b"%PDF"), ("Zoë.txt", "text/plain", b"x")]))
    assert shown.text == "Dear all,\n\nwe will come."
    assert ("From", "Alex Example <a@b.example>") in shown.headers
    assert [(each.name, each.content) for each in shown.attachments] == [("Zoë.pdf", b"%PDF"), ("Zoë.txt", b"x")]


def test_of_html_only_the_words_are_left_and_what_repeats_the_plain_text_stands_once() -> None:
    assert laid_out(raw("We will come.", "<p>We  will <b>come</b>.</p><script>x()</script>")).text == "We will come."
    assert laid_out(raw("", "<p>Only &lt;here&gt;</p><style>p{}</style>")).text == "Only <here>"


def test_nothing_that_moves_a_cursor_or_turns_writing_around_is_left() -> None:
    shown = laid_out(raw("a\x1b[2Jb\x07c\u202ed\x9bm"))
    assert shown.text == "a\ufffd[2Jb\ufffdc\ufffdd\ufffdm"


def test_a_token_is_not_shown() -> None:
    token = "reply+" + "0a" * 26
    shown = laid_out(raw(f"Write to {token}@quorate.example"))
    assert shown.text == "Write to reply+…@quorate.example"


@pytest.mark.parametrize("in_letters", [str, str.upper])
def test_a_link_to_answer_by_is_not_shown_in_whatever_text_it_stands(in_letters: Callable[[str], str]) -> None:
    link = answer_link(b"key", "0a" * 13, "a@b.example", AT)
    quoted = f"> Answer here: https://quorate.example/answer/{in_letters(link)}/report"
    html = f'<p>Answer <a href="x">https://quorate.example/answer/{in_letters(link)}</a></p>'
    shown = laid_out(raw(quoted, html))
    assert shown.text == (
        "> Answer here: https://quorate.example/answer/…/report\n\nAnswer https://quorate.example/answer/…"
    )


def test_of_many_texts_no_more_are_read_than_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    read = []

    def reading(html: str) -> str:
        read.append(html)
        return plain(html)

    monkeypatch.setattr(show, "plain", reading)
    long = "word " * (LONGEST_TEXT // 10)
    parts = [part("text/html", f"<p>{number} {long}</p>") for number in (1, 1, 2, 3, 4)]
    shown = laid_out(written(multipart("mixed", parts)))
    assert len(shown.text) == LONGEST_TEXT
    assert len(read) == 3
    assert [word for word in shown.text.split() if word != "word"] == ["1", "2"]


@given(some.binary(max_size=2_000))
def test_whatever_the_bytes_are_something_is_shown(content: bytes) -> None:
    shown = laid_out(content)
    assert "\x1b" not in shown.text
    content_id(content)


@given(some.text(alphabet=some.characters(codec="ascii", exclude_categories=["Cc"]), max_size=200))
def test_a_copy_is_known_whatever_mail_servers_did_to_it(text: str) -> None:
    one = raw(text + "\nand more")
    other = b"Received: from a\r\n\tby b\r\nDelivered-To: c@d.example\r\n" + one
    assert content_id(one) == content_id(other) == content_id(one.replace(b"\r\n", b"\n") + b"\n")
    assert content_id(raw(text + "\nand less")) != content_id(one)
