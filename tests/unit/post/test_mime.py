"""Messages as bytes, held to what `EmailMessage` writes for the same letter."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.policy import default
from email.utils import parseaddr
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.foundation.letters import Letter
from services.post.mime import assemble
from tests.letters import by_library

CALENDAR = b"BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nSUMMARY:Caf\xc3\xa9\r\nEND:VCALENDAR\r\n"
PLAIN = Letter(
    to="duty@trust.nhs.example",
    sender="bounce+0123@quorate.example",
    from_name="Quorate meeting invitations",
    from_address="reply+0123@quorate.example",
    subject="Invitation: strategy discussion, Tuesday 1 December 2026, ref ABCD-EFGH",
    message_id="<7najl2zr7wqstcrg2cfofvlako.0.0@quorate.example>",
    date=datetime(2026, 11, 2, 9, 0, tzinfo=UTC),
    text="OFFICIAL-SENSITIVE\n\nPlease come.\n",
    html="<!doctype html>\n<p>Please come.</p>\n",
    calendar=CALENDAR,
    method="REQUEST",
)
LONG = "Invitation: initial child protection conference, Wednesday 23 September 2026, ref ABCD-EFGH"


def parsed(raw: bytes) -> EmailMessage:
    message = message_from_bytes(raw, policy=default)
    assert isinstance(message, EmailMessage)
    assert not any(part.defects for part in message.walk())
    return message


def shape(message: EmailMessage) -> list[Any]:
    """All that a reader's program sees: headers, structure, types with their parameters, and contents."""
    headers = [(name, str(value)) for name, value in message.items() if name != "Content-Type"]
    found: list[Any] = [sorted(each for each in headers if each[0] not in {"Content-Transfer-Encoding"})]
    for part in message.walk():
        parameters = {name: value for name, value in part["Content-Type"].params.items() if name != "boundary"}
        content = None if part.is_multipart() else part.get_content()
        if isinstance(content, str):
            content = content.replace("\r\n", "\n")
        found.append(
            (part.get_content_type(), parameters, part.get_content_disposition(), part.get_filename(), content)
        )
    return found


body = st.text(st.characters(exclude_categories=("Cs", "Cc")) | st.sampled_from("\n\n<>&\"'é€😀="), max_size=1500)
subject = st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")), max_size=160).map(
    lambda value: " ".join(value.split())
)
name = st.text(st.sampled_from("abc de.,;:@<>()[]\"'éñ"), min_size=1, max_size=60).map(
    lambda value: " ".join(value.split())
)
address = st.from_regex(r"[a-z0-9_+-]{1,40}@[a-z]{1,20}\.example", fullmatch=True)


@given(body, body, subject, address, st.sampled_from(["REQUEST", "CANCEL", None]))
@example("a" * 2000, "<p>" + "é" * 2000, LONG, "a@x.example", "REQUEST")
@example("", "", "", "a@x.example", None)
@example("From here on\n.\n..\n", "--=_alternative_x--\n", "Réunion", "a@x.example", "CANCEL")
@example("a\nb", "no end", "x" * 200, "a@x.example", "REQUEST")
def test_a_message_reads_as_the_one_that_the_library_writes(
    text: str, html: str, title: str, to: str, method: Any
) -> None:
    calendar = None if method is None else CALENDAR
    letter = PLAIN._replace(text=text, html=html, subject=title, to=to, method=method, calendar=calendar)
    assert shape(parsed(assemble(letter))) == shape(parsed(by_library(letter).as_bytes()))


@given(name, address)
@example("Quorate", "a@x.example")
@example("Réunions du conseil, à Leicester et à Loughborough et à Oakham, chaque semaine", "a@x.example")
@example('O\'Neil "the chair", M. (Ms)', "a@x.example")
@example("::::::::::::::::::::::::::::::::::::::éééé", "a@x.example")
def test_the_name_and_address_of_the_sender_are_read_back_as_they_are(name: str, address: str) -> None:
    """Python's newer reader puts a space between two encoded words of a name, which RFC 2047 says are joined."""
    message = message_from_bytes(assemble(PLAIN._replace(from_name=name or "Q", from_address=address)))
    phrase, found = parseaddr(message["From"].replace("\r\n", ""))
    assert (str(make_header(decode_header(phrase))), found) == (name or "Q", address)


@pytest.mark.parametrize("before", ["", "A line.\n", "A line.\n" * 400], ids=["first", "second", "last of many"])
@pytest.mark.parametrize("after", ["", "\n", "\nA line.\n"], ids=["unended", "ended", "followed"])
@pytest.mark.parametrize(("length", "encoding"), [(998, "7bit"), (999, "base64")])
def test_a_text_with_a_line_longer_than_mail_allows_is_encoded(
    before: str, after: str, length: int, encoding: str
) -> None:
    raw = assemble(PLAIN._replace(text=f"{before}{'a' * length}{after}"))
    assert next(part for part in parsed(raw).walk() if not part.is_multipart())["Content-Transfer-Encoding"] == encoding


@given(body, body, subject, name)
@example("é" * 3000, "x" * 3000, "é" * 300, "é" * 100)
def test_a_message_is_seven_bit_in_crlf_lines_of_at_most_998(text: str, html: str, title: str, sender: str) -> None:
    raw = assemble(PLAIN._replace(text=text, html=html, subject=title, from_name=sender or "Q"))
    assert raw.isascii()
    assert raw.endswith(b"\r\n")
    assert raw.count(b"\n") == raw.count(b"\r") == raw.count(b"\r\n")
    assert max(map(len, raw.split(b"\r\n"))) <= 998
    assert b"\0" not in raw


def test_the_calendar_is_the_last_alternative_with_its_method_and_the_alternative_comes_first() -> None:
    message = parsed(assemble(PLAIN))
    assert message.get_content_type() == "multipart/mixed"
    alternative, attached = message.iter_parts()
    kinds = [part.get_content_type() for part in alternative.iter_parts()]
    assert kinds == ["text/plain", "text/html", "text/calendar"]
    calendar = list(alternative.iter_parts())[2]
    assert dict(calendar["Content-Type"].params) == {"charset": "utf-8", "method": "REQUEST"}
    assert (attached.get_content_type(), attached.get_filename()) == ("application/ics", "invite.ics")


def test_both_copies_of_the_calendar_are_the_bytes_that_were_given() -> None:
    message = parsed(assemble(PLAIN))
    copies = [part for part in message.walk() if part.get_content_type() in {"text/calendar", "application/ics"}]
    assert [part.get_payload(decode=True) for part in copies] == [CALENDAR, CALENDAR]
    assert [part["Content-Transfer-Encoding"] for part in copies] == ["base64", "base64"]


def test_a_letter_without_a_calendar_is_an_alternative_of_two() -> None:
    message = parsed(assemble(PLAIN._replace(calendar=None, method=None)))
    assert [part.get_content_type() for part in message.walk()] == ["multipart/alternative", "text/plain", "text/html"]


def head(letter: Letter, name: str) -> list[str]:
    """A header's lines as they stand in the message."""
    raw = assemble(letter).decode("ascii").partition("\r\n\r\n")[0] + "\r\n"
    found = re.search(rf"(?m)^{name}: .*\r\n(?:[ \t].*\r\n)*", raw)
    assert found is not None
    return found[0].splitlines()


@given(st.lists(st.text("abcdef", min_size=1, max_size=90), min_size=1, max_size=25).map(" ".join))
@example(LONG)
def test_a_plain_subject_is_folded_at_its_spaces_and_no_line_is_empty(title: str) -> None:
    lines = head(PLAIN._replace(subject=title), "Subject")
    assert "".join(lines) == f"Subject: {title}"
    assert all(line.strip() and line.strip() != "Subject:" for line in lines)
    assert all(len(line) <= 78 or " " not in line.removeprefix("Subject: ").strip() for line in lines)


def test_a_subject_with_other_letters_is_encoded_and_no_line_is_empty() -> None:
    lines = head(PLAIN._replace(subject=f"Réunion spéciale, {LONG}"), "Subject")
    assert lines[0].startswith("Subject: =?utf-8?")
    assert all(line.strip() for line in lines)
    assert max(map(len, lines)) <= 78


@pytest.mark.parametrize(
    "broken", ["\r\nBcc: other@x.example", "\nBcc: other@x.example", "\rBcc: other@x.example", "\0"]
)
@pytest.mark.parametrize("place", ["to", "from_address", "from_name", "subject", "message_id"])
def test_no_header_can_be_smuggled_in(place: str, broken: str) -> None:
    values: dict[str, Any] = {place: f"{getattr(PLAIN, place)}{broken}"}
    letter = PLAIN._replace(**values)
    try:
        raw = assemble(letter)
    except ValueError:
        return
    message = message_from_bytes(raw, policy=default)
    assert message["Bcc"] is None
    assert len(message.keys()) == len(parsed(assemble(PLAIN)).keys())


@pytest.mark.parametrize("place", ["to", "from_address", "from_name", "subject", "message_id"])
def test_a_line_break_in_a_header_is_refused(place: str) -> None:
    values: dict[str, Any] = {place: f"{getattr(PLAIN, place)}\r\nBcc: other@x.example"}
    with pytest.raises(ValueError, match=r"line|CR|LF|invalid"):
        assemble(PLAIN._replace(**values))


def test_the_same_letter_gives_the_same_bytes_and_another_reader_another_boundary() -> None:
    assert assemble(PLAIN) == assemble(PLAIN._replace())

    def boundary(letter: Letter) -> str:
        return str(parsed(assemble(letter)).get_boundary())

    assert boundary(PLAIN) != boundary(PLAIN._replace(message_id="<other.0.0@quorate.example>"))
    assert boundary(PLAIN) != boundary(PLAIN._replace(from_address="reply+4567@quorate.example"))


def test_only_the_readers_address_and_our_own_are_in_the_head() -> None:
    raw = assemble(PLAIN).partition(b"\r\n\r\n")[0].decode()
    found = set(re.findall(r"[\w+.-]+@[\w.-]+", raw))
    assert found == {PLAIN.to, PLAIN.from_address, PLAIN.message_id.strip("<>")}
    assert "Auto-Submitted: auto-generated" in raw
