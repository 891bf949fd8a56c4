"""What is kept of attempts at a message: whether it may have left with any of them."""

from __future__ import annotations

from datetime import UTC, datetime

import aiosmtplib
import pytest

from services.foundation.letters import Attempt
from services.foundation.outbox import KEPT_BACK, STOPPED, OutboxRow, may_have_left
from services.post.attempts import _settlement
from services.post.handover import LostWithContent
from services.post.mailer import may_have_been_given
from services.post.mesh.line import NotTaken

NOW = datetime(2027, 3, 1, 9, 0, tzinfo=UTC)
REFUSED = aiosmtplib.SMTPRecipientsRefused([aiosmtplib.SMTPRecipientRefused(451, "greylisted", "in@gp.example")])


def kept(before: str | None, failure: Exception, state: str = "pending") -> str:
    row = OutboxRow(1, "letter", "key", {}, 1, "w1", before)
    given = may_have_been_given(failure)
    attempt = Attempt(row, state, NOW, 451, text=type(failure).__name__, may_have_left=given)
    return _settlement(attempt, None).result


@pytest.mark.parametrize("state", ["pending", "failed"])
def test_what_may_have_left_once_may_have_left_whatever_a_server_says_after(state: str) -> None:
    greylisted = kept(None, REFUSED)
    assert greylisted == "451 SMTPRecipientsRefused, has not left"
    assert kept(greylisted, REFUSED, state) == greylisted
    assert may_have_left(kept(greylisted, LostWithContent(""), state))
    for before in (kept(None, LostWithContent("")), STOPPED, kept(kept(None, LostWithContent("")), REFUSED)):
        assert may_have_left(kept(before, REFUSED, state))


def test_where_nothing_was_tried_what_is_known_of_the_attempts_before_stands() -> None:
    for before in (kept(None, REFUSED), kept(None, LostWithContent("")), STOPPED):
        row = OutboxRow(1, "letter", "key", {}, 1, "w1", before)
        assert _settlement(Attempt(row, "pending", NOW, counts=False), None).result == before


def test_what_is_kept_back_after_it_may_have_left_may_have_left_still() -> None:
    for before, after in (("LostWithContent", True), (STOPPED, True), (kept(None, REFUSED), False), (None, False)):
        row = OutboxRow(1, "letter", "key", {}, 1, "w1", before)
        result = _settlement(Attempt(row, "failed", NOW, reason="not_permitted"), None).result
        assert may_have_left(result) is after
        assert result.endswith(KEPT_BACK) is after


@pytest.mark.parametrize(
    ("failure", "given"),
    [
        (aiosmtplib.SMTPSenderRefused(451, "", "us@q.example"), False),
        (REFUSED, False),
        (aiosmtplib.SMTPServerDisconnected(""), False),
        (aiosmtplib.SMTPReadTimeoutError(""), False),
        (aiosmtplib.SMTPDataError(451, ""), True),
        (LostWithContent(""), True),
        (TimeoutError(), True),  # the time for the whole of it was up
        (OSError(), True),
    ],
)
def test_how_far_a_message_had_come_says_whether_a_server_may_have_it(failure: Exception, given: bool) -> None:
    assert may_have_been_given(failure) is given


@pytest.mark.parametrize(
    ("failure", "may"),
    [
        (NotTaken("NewConnectionError", of_server=True), False),
        (NotTaken("status 417", status=417), False),
        (NotTaken("status 403", status=403, of_server=True), False),
        (NotTaken("ReadTimeout", of_server=True, unknown=True), True),
        (NotTaken("status 502", status=502, of_server=True), True),
        (NotTaken("status 202", status=202, code="99", of_server=True), True),
    ],
)
def test_mesh_may_have_what_it_did_not_say_that_it_refuses(failure: NotTaken, may: bool) -> None:
    assert failure.may_have_left is may
