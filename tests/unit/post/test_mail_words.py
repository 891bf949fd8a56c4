"""Every kind of message, and every reason for which one waits, has words for the person who reads of it."""

from __future__ import annotations

from typing import get_args

import pytest

from services.foundation.metrics import MAIL_KINDS
from services.post.inbox.reading.found import Kind
from services.post.inbox.rules.decided import Why
from services.post.inbox.words import KINDS, WHY, what_and_why

OF_SORTING = {"report_refused", "report_infected", "too_many_reports", "rejected", "missing", "fault"}


def test_every_kind_has_words_and_is_measured() -> None:
    assert set(KINDS) == set(get_args(Kind)) == set(MAIL_KINDS)


def test_every_reason_has_words() -> None:
    assert set(WHY) == set(get_args(Why)) | OF_SORTING


@pytest.mark.parametrize("why", sorted(WHY))
def test_a_reason_is_said_in_sentences_and_names_the_message(why: str) -> None:
    said = what_and_why("ab" * 32, "reply", why)
    assert said.startswith("An answer from a calendar waits for a person. ")
    assert said.endswith(" Look at message abababababab and settle it.")
    assert len(why) <= 32
