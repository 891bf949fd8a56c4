"""What is a copy of a message, and what is the same words once more."""

from __future__ import annotations

import pytest

from services.post.inbox.copies import content_id

PLAIN = b"From: gp@surgery.example\r\nTo: x@quorate.example\r\nSubject: Re\r\n"
WORDS = b"\r\nPlease ring me."


@pytest.mark.parametrize(
    "named", [b"Date: Mon, 14 Sep 2026 10:00:00 +0000\r\n", b"Message-ID: <1@surgery.example>\r\n"]
)
def test_a_message_that_can_be_told_from_others_has_copies(named: bytes) -> None:
    one = content_id(b"Received: by a\r\n" + PLAIN + named + WORDS)
    assert one is not None
    assert one == content_id(b"Received: by b; another way\r\n" + PLAIN + named + WORDS)


@pytest.mark.parametrize("named", [b"", b"Date:\r\nMessage-ID: \r\n", b"X-Date: today\r\n"])
def test_the_same_words_without_date_or_name_are_a_message_of_their_own(named: bytes) -> None:
    assert content_id(PLAIN + named + WORDS) is None
