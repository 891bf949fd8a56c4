"""Words and pictures beside a calendar answer: they stand in its note as a whole, or a person looks."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

import pytest

from schemas.invitation import InvitationAnswered
from services.invitations.tokens import answer_link
from services.post.inbox.reading import read
from services.post.inbox.rules import Decision, decide
from tests.mail import replies
from tests.mail.invited import ASKED, DOMAIN, DUTY, INVITATION, KEY, RECEIVED, reply_address
from tests.mail.outlooks_own import response, winmail
from tests.mail.pieces import answer, attendee, calendar, message, multipart, part

SAID = "The father must not know the new address."
BANNER = "CAUTION: This email originated from outside of the organisation. Do not click links or open attachments."
DISCLAIMER = (
    f"{'*' * 60}\nThis message may contain confidential information. If you are not the intended recipient please\n"
    "inform the sender that you have received the message in error before deleting it.\n"
)
HEADINGS = "From: Quorate\nSent: Monday\nTo: Duty\nSubject: Invitation"


def decided(raw: bytes) -> Decision:
    return decide(read(raw), KEY, DOMAIN, ASKED, RECEIVED, hashlib.sha256(raw).hexdigest())


def beside(words: str, *lines: str, partstat: str = "ACCEPTED", method: str = "REPLY", html: bool = False) -> bytes:
    """An answer with words beside it."""
    text = part("text/html" if html else "text/plain; charset=utf-8", words, "base64")
    object_ = calendar(attendee(partstat), *lines, method=method)
    return message(multipart("alternative", [text, answer(object_, "8bit", f"text/calendar; method={method}")]))


def note(raw: bytes) -> str | None:
    (event,) = decided(raw).events
    assert isinstance(event.data, InvitationAnswered)
    return event.data.note


@pytest.mark.parametrize(
    "words",
    [
        SAID,
        f"Mum has declined every home visit since June and we are worried about him.\n\n{SAID}",
        "Mum has declined the meeting.",
        "Ada Example has accepted that he goes home, and I have not.",
        f"Coming.\n----------\n{SAID}",
        f"Coming.\n-- \n{SAID}",
        "CAUTION: this external email, sender unknown, mum has moved.",
        f"{BANNER} {SAID}",
        f"{BANNER}\n{SAID}",
        "This message is private. Do not disclose the information in it.",
        f"{SAID}\n\n{DISCLAIMER}".replace("in error before", f"in error. {SAID} Before"),
        "WARNING: do not open the door to dad. He has had an email.",
    ],
)
def test_a_persons_words_stand_in_the_note_to_the_last(words: str) -> None:
    kept = note(beside(words))
    assert kept is not None
    assert kept.split() == words.split()
    assert decided(beside(words)).why is None


@pytest.mark.parametrize(
    "words",
    [
        "Ada Example has accepted the event invitation.",
        "Ada Example has declined your invitation",
        f"{DUTY} has tentatively accepted this invitation.",
        "Ada Example has accepted the invitation to the following event:\n\nMulti-agency meeting, ref ABCD-EFGH",
        BANNER,
        DISCLAIMER,
        f"{BANNER}\n\n{DISCLAIMER}",
        "On Mon, 2 Nov 2026 at 09:00, Quorate wrote:\n> Please come.",
    ],
)
def test_what_programs_put_beside_every_answer_is_nobodys_words(words: str) -> None:
    assert note(beside(words)) is None
    assert decided(beside(words)).why is None
    assert decided(beside(words, partstat="NEEDS-ACTION")).why is None


def test_only_what_the_meeting_is_called_goes_with_a_programs_words() -> None:
    said = "Ada Example has declined the invitation to the following event:\n\n"
    assert note(beside(f"{said}Multi-agency meeting, ref ABCD-EFGH\n\n{SAID}")) == SAID
    assert note(beside(said + SAID)) == SAID


def test_words_below_what_they_answer_are_kept() -> None:
    assert (
        note(beside(f"On Mon, 2 Nov 2026 at 09:00, Quorate wrote:\n> Come?\n{SAID}\n> And he?\nNo.")) == f"{SAID}\nNo."
    )


@pytest.mark.parametrize(
    "words",
    [
        f"Coming.\n\n-----Original Appointment-----\n{HEADINGS}\n\nPlease come.\n{SAID}",
        f"Coming.\n\n{HEADINGS}\n\n{SAID}",
        f"Coming.\n\nOn Mon, 2 Nov 2026, Quorate wrote:\n\nPlease come.\n{SAID}",
        f"Coming.\n\n> {SAID}",
        f"On Monday we heard what the teacher wrote:\n> {SAID}",
        "Coming. " * 5_000 + SAID,
        "Coming. " * 499 + SAID,
        "\n" * 5_000 + SAID,
    ],
)
def test_where_a_persons_words_cannot_be_told_from_others_a_person_looks(words: str) -> None:
    decision = decided(beside(words))
    assert (len(decision.events), decision.why) == (1, "human_text")


def test_words_below_what_is_quoted_in_html_are_looked_at() -> None:
    decision = decided(beside(f"<p>Coming.<blockquote>Come?</blockquote><p>{SAID}", html=True))
    assert (len(decision.events), decision.why) == (1, "human_text")


@pytest.mark.parametrize(("partstat", "method", "events"), [("NEEDS-ACTION", "REPLY", 0), ("ACCEPTED", "REFRESH", 1)])
def test_words_beside_what_has_no_note_are_looked_at(partstat: str, method: str, events: int) -> None:
    decision = decided(beside(SAID, partstat=partstat, method=method))
    assert (len(decision.events), decision.why) == (events, "human_text")
    assert decided(beside("", partstat=partstat, method=method)).why is None
    assert decided(beside("", f"COMMENT:{SAID}", partstat=partstat, method=method)).why == "human_text"


def test_a_comment_and_other_words_beside_it_are_both_in_the_note() -> None:
    assert note(beside(SAID, "COMMENT:ok")) == f"ok\n\n{SAID}"
    assert note(beside(f"{SAID}\n\nAda", f"COMMENT:{SAID}")) == f"{SAID}\n\nAda"
    assert note(beside("On leave, sorry", "COMMENT:On leave\\, sorry\\n")) == "On leave, sorry"


def test_a_comment_of_an_answer_that_another_replaces_is_looked_at() -> None:
    older = calendar(attendee("DECLINED"), f"COMMENT:{SAID}", stamp="20261103T095900Z")
    decision = decided(message(answer(older + calendar(attendee()))))
    assert (len(decision.events), decision.why) == (1, "human_text")


@pytest.mark.parametrize("length", [4_001, 8_001, 30_000, 100_000])
def test_words_that_are_too_long_for_a_note_are_kept_as_far_as_they_go_and_looked_at(length: int) -> None:
    for raw in (beside("", f"COMMENT:{'x' * length}"), beside("x" * length)):
        assert len(note(raw) or "") == 4_000 or length > 32 * 1024
        assert decided(raw).why in ("human_text", "too_large")


def _with_picture(size: int) -> bytes:
    more = ("Content-ID: <page>", "Content-Disposition: inline; filename=page.jpg")
    picture = part("image/jpeg; name=page.jpg", b"\xff\xd8" + b"x" * size, "base64", *more)
    return message(multipart("related", [answer(calendar(attendee("DECLINED"))), picture]))


def test_a_picture_that_is_more_than_an_organisations_mark_is_looked_at() -> None:
    assert (len(decided(_with_picture(20_000)).events), decided(_with_picture(20_000)).why) == (1, "human_text")
    assert decided(_with_picture(500)).why is None
    html = f'<p>Coming.<img src="data:image/png;base64,{"A" * 20_000}">'
    assert decided(beside(html, html=True)).why == "human_text"


def test_words_in_outlooks_own_form_are_kept_with_those_beside_it() -> None:
    assert note(winmail(response(words="I shall be there."), words=SAID)) == f"I shall be there.\n\n{SAID}"


@pytest.mark.parametrize("use", ["reply", "bounce"])
def test_no_token_gets_into_a_note(use: str) -> None:
    link = answer_link(KEY, INVITATION, DUTY, datetime(2026, 12, 1, tzinfo=UTC))
    address = reply_address(use=use)
    words = f"I could not answer at https://{DOMAIN}/answer/{link} so I wrote to {address.upper()}"
    for raw in (beside(words), beside("", f"COMMENT:{words}")):
        kept = note(raw)
        assert kept is not None
        assert kept.startswith(f"I could not answer at https://{DOMAIN}/answer/… so I wrote to {use.upper()}+…@")
        assert INVITATION not in kept.lower()
        assert decided(raw).why is None


@pytest.mark.parametrize(
    "raw",
    [
        *(replies.outlook(), replies.outlook("DECLINED", "On leave\\, sorry"), replies.nhsmail(), replies.google()),
        *(replies.apple(), replies.thunderbird(), replies.sogo(), replies.kde(), replies.horde(), replies.nextcloud()),
    ],
)
def test_what_calendar_programs_send_needs_nobody_to_look_at_it(raw: bytes) -> None:
    assert (len(decided(raw).events), decided(raw).why) == (1, None)
