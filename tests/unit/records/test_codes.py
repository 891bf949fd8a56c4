"""What one-time codes are held to, as pure rules."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.records.rules.codes import (
    A_DAY,
    AN_HOUR,
    LIVES,
    TRIES,
    WEEK,
    WRONG_IN_A_WEEK,
    Made,
    code_of,
    is_live,
    next_at,
    typed,
)

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
KEY = b"a-key-for-tests-alone"


def test_a_code_is_six_digits_that_hang_on_key_dispatch_and_nonce() -> None:
    codes = {code_of(key, dispatch, nonce) for key in (KEY, b"b") for dispatch in ("d", "e") for nonce in ("1", "2")}
    assert len(codes) == 8
    assert all(len(code) == 6 and code.isdigit() for code in codes)
    assert code_of(KEY, "d", "1") == code_of(KEY, "d", "1")


def test_no_code_is_much_likelier_than_another() -> None:
    first = Counter(code_of(KEY, "d", str(number))[0] for number in range(5_000))
    assert set(first) == set("0123456789")
    assert max(first.values()) < 2 * min(first.values())


@pytest.mark.parametrize("text", ["123456", " 123 456 ", "123-456", "1 2 3 4 5 6", "123456\n", "123\u00a0456"])
def test_a_code_is_read_however_it_is_spaced(text: str) -> None:
    assert typed(text) == "123456"


@pytest.mark.parametrize("text", ["", "12345", "1234567", "12345a", "１２３４５６", "١٢٣٤٥٦", "123456\0", "+123456"])
def test_what_is_no_code_is_not_tried(text: str) -> None:
    assert typed(text) is None


def test_a_code_lives_until_it_is_used_tried_too_often_or_too_old() -> None:
    assert is_live(Made(NOW, TRIES - 1, False), NOW + LIVES - timedelta(microseconds=1))
    assert not is_live(Made(NOW, 0, False), NOW + LIVES)
    assert not is_live(Made(NOW, TRIES, False), NOW)
    assert not is_live(Made(NOW, 1, True), NOW)


TRIED = st.lists(st.tuples(st.integers(0, TRIES), st.booleans(), st.integers(0, 20_000)), max_size=120)


@given(TRIED)
def test_however_somebody_tries_the_limits_hold(tries: list[tuple[int, bool, int]]) -> None:
    """Ask again and again, some time apart, and spend every try that a code has."""
    made: list[Made] = []
    now = NOW
    for count, right, seconds in tries:
        now += timedelta(seconds=seconds)
        week = sorted((each for each in made if each.at > now - WEEK), key=lambda each: each.at, reverse=True)
        if next_at(week, now) <= now:
            made.append(Made(now, count, right and count > 0))
    for each in made:
        for span, most in ((timedelta(hours=1), AN_HOUR), (timedelta(days=1), A_DAY)):
            assert sum(each.at <= other.at < each.at + span for other in made) <= most
        assert sum(other.wrong for other in made if each.at <= other.at < each.at + WEEK) <= WRONG_IN_A_WEEK


@given(TRIED)
def test_whoever_waits_until_then_gets_a_code(tries: list[tuple[int, bool, int]]) -> None:
    made: list[Made] = []
    now = NOW
    for count, right, seconds in tries:
        now += timedelta(seconds=seconds)
        made.insert(0, Made(now, count, right and count > 0))
    then = next_at([each for each in made if each.at > now - WEEK], now)
    assert then >= now
    left = [each for each in made if each.at > then - WEEK]
    assert next_at(left, then) == then
