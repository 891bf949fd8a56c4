"""A message as a person looks at it: plain text, whatever the bytes are."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as some

from services.post.inbox.copies import content_id
from services.post.inbox.show import laid_out
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
