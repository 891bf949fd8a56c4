"""What an answer of the mail server means, and how long is waited after it."""

from __future__ import annotations

import pytest

from services.post.rules import (
    MEANINGS,
    SERVER_WAITS,
    TOO_LARGE,
    WAITS,
    Stage,
    meaning,
    server_wait,
    wait_after,
)

STAGES: tuple[Stage, ...] = ("opening", "sender", "recipient", "content")


@pytest.mark.parametrize("code", [None, 421, 450, 454, 500, 530, 535, 554])
def test_whatever_goes_wrong_before_a_session_is_open_is_the_servers_and_costs_no_attempt(code: int | None) -> None:
    what = meaning(code, "opening")
    assert (what.action, what.of_server, what.counts) == ("retry", True, False)


@pytest.mark.parametrize("stage", ["sender", "recipient"])
def test_a_connection_lost_before_the_content_is_the_servers_trouble(stage: Stage) -> None:
    assert meaning(None, stage) == meaning(421, stage)
    assert not meaning(None, stage).counts


@pytest.mark.parametrize("code", [None, 421, 454, 530])
def test_a_message_that_the_connection_breaks_on_has_its_attempts_like_any_other(code: int | None) -> None:
    what = meaning(code, "content")
    assert (what.action, what.of_server, what.counts) == ("retry", True, True)


@pytest.mark.parametrize("code", [550, 551, 553, 556])
def test_only_what_is_said_of_the_recipient_is_about_the_address(code: int) -> None:
    assert meaning(code, "recipient").reason == "address_refused"
    assert meaning(code, "content").reason == "gave_up"
    assert meaning(code, "content").action == "give_up"


@pytest.mark.parametrize("code", [500, 501, 550, 553, 554, 555])
def test_a_refusal_of_our_own_address_is_tried_again_while_someone_mends_it(code: int) -> None:
    what = meaning(code, "sender")
    assert (what.action, what.of_server, what.counts) == ("retry", False, True)


@pytest.mark.parametrize("stage", ["sender", "recipient", "content"])
def test_a_message_that_is_too_large_is_given_up_wherever_the_server_says_so(stage: Stage) -> None:
    assert meaning(TOO_LARGE, stage).action == "give_up"


@pytest.mark.parametrize("stage", ["recipient", "content"])
def test_an_unknown_code_is_for_now_from_400_and_for_good_from_500(stage: Stage) -> None:
    for code in {*range(400, 500)} - set(MEANINGS):
        assert meaning(code, stage).action == "retry"
    for code in {*range(500, 600)} - set(MEANINGS):
        assert meaning(code, stage).action == "give_up"


@pytest.mark.parametrize("stage", STAGES)
def test_what_is_tried_again_without_cost_is_never_about_one_message(stage: Stage) -> None:
    for code in (None, *range(400, 600)):
        what = meaning(code, stage)
        assert what.counts or what.of_server
        assert what.action == "retry" or what.counts


def test_waits_grow_and_end() -> None:
    waits = [wait_after(attempts) for attempts in range(1, len(WAITS) + 1)]
    assert waits == sorted(WAITS)
    assert wait_after(len(WAITS) + 1) is None


def test_a_failing_server_is_left_alone_longer_and_longer_up_to_a_limit() -> None:
    waits = [server_wait(failures) for failures in range(1, 100)]
    assert waits[: len(SERVER_WAITS)] == sorted(SERVER_WAITS)
    assert set(waits[len(SERVER_WAITS) :]) == {SERVER_WAITS[-1]}
