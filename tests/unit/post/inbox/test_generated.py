"""What a program wrote in a person's absence, and what only looks like it."""

from __future__ import annotations

import hashlib

import pytest

from services.post.inbox.reading import read
from services.post.inbox.rules import Decision, decide
from tests.mail import replies
from tests.mail.invited import ASKED, DOMAIN, KEY, RECEIVED
from tests.mail.pieces import message, multipart, part

WORDS = "Please do not tell the father the new address. We cannot come."


def decided(raw: bytes) -> Decision:
    return decide(read(raw), KEY, DOMAIN, ASKED, RECEIVED, hashlib.sha256(raw).hexdigest())


@pytest.mark.parametrize(
    "header",
    [
        "X-Auto-Response-Suppress: All",
        "X-Auto-Response-Suppress: DR, OOF, AutoReply",
        "Precedence: bulk",
        "Precedence: junk",
        "Auto-Submitted: auto-generated",
        "Auto-Submitted: auto-generated (by our case system)",
        "Auto-Submitted: NO (not automatic)",
        "Auto-Submitted: (auto-replied) no",
        "X-AutoReply: no",
        "X-Autoreply: No (a person wrote it)",
        "Return-Path: <>",
    ],
)
def test_words_that_nobody_is_known_to_have_been_absent_for_are_read_by_a_person(header: str) -> None:
    decision = decided(message(part("text/plain", WORDS), header))
    assert (decision.events, decision.why) == ((), "human_text")


@pytest.mark.parametrize(
    "headers",
    [
        ["Auto-Submitted: auto-replied"],
        ["Auto-Submitted: (vacation) Auto-Replied; owner-email=x"],
        ["X-Autoreply: yes"],
        ["X-Autoreply-From: ada@trust.example"],
        ["Precedence: auto_reply"],
    ],
)
def test_what_a_program_answers_for_somebody_absent_says_nothing(headers: list[str]) -> None:
    raw = message(part("text/plain", "I am away until Monday."), *headers)
    assert read(raw).kind == "auto_reply"
    assert decided(raw).why is None


def test_exchange_says_in_the_subject_that_somebody_is_away() -> None:
    body, header = part("text/plain", "I am away."), "Auto-Submitted: auto-generated"
    assert decided(message(body, header, subject="Automatic reply: Invitation")).why is None
    assert decided(message(body, header, subject="Re: Invitation")).why == "human_text"
    assert decided(message(body, subject="Automatic reply: Invitation")).why == "human_text"


def test_an_answer_that_a_calendar_server_sends_for_a_person_is_an_answer() -> None:
    decision = decided(replies.nextcloud("DECLINED"))
    assert (len(decision.events), decision.why) == (1, None)


def test_a_file_that_a_program_sent_is_looked_at_and_not_taken() -> None:
    file = part("application/pdf; name=report.pdf", b"%PDF-1.7\n", "base64")
    decision = decided(message(multipart("mixed", [part("text/plain", WORDS), file]), "Auto-Submitted: auto-generated"))
    assert (decision.events, decision.reports, decision.why) == ((), (), "automatic_answer")
