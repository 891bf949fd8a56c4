from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from services.foundation.clock import LONDON, FixedClock, SystemClock, london_date
from tests.clock import MovableClock
from tests.events import NOW


def test_the_machines_clock_tells_aware_instants_in_utc() -> None:
    before = datetime.now(UTC)
    told = SystemClock().now()
    assert told.tzinfo is UTC
    assert before <= told <= datetime.now(UTC)


def test_a_fixed_clock_tells_one_moment() -> None:
    clock = FixedClock(NOW)
    assert clock.now() == clock.now() == NOW


def test_the_clock_of_tests_moves_when_it_is_told_to() -> None:
    clock = MovableClock()
    clock.advance(timedelta(hours=1))
    assert clock.now() == NOW + timedelta(hours=1)
    clock.set(datetime(2026, 7, 1, 10, tzinfo=LONDON))
    assert clock.now() == datetime(2026, 7, 1, 9, tzinfo=UTC)
    assert clock.now().tzinfo is UTC


@pytest.mark.parametrize(
    ("instant", "day"),
    [
        ("2026-01-10T23:59:59+00:00", date(2026, 1, 10)),
        ("2026-06-10T22:59:59+00:00", date(2026, 6, 10)),
        ("2026-06-10T23:00:00+00:00", date(2026, 6, 11)),
        ("2026-03-28T23:30:00+00:00", date(2026, 3, 28)),
        ("2026-03-29T22:59:59+00:00", date(2026, 3, 29)),
        ("2026-03-29T23:00:00+00:00", date(2026, 3, 30)),
        ("2026-10-24T23:00:00+00:00", date(2026, 10, 25)),
        ("2026-10-25T23:30:00+00:00", date(2026, 10, 25)),
        ("2026-10-26T00:00:00+00:00", date(2026, 10, 26)),
        ("2026-06-11T00:30:00+02:00", date(2026, 6, 10)),
        ("2026-06-10T19:30:00-05:00", date(2026, 6, 11)),
    ],
)
def test_the_day_of_an_instant_is_englands_across_the_clock_changes(instant: str, day: date) -> None:
    assert london_date(datetime.fromisoformat(instant)) == day


def test_the_hour_that_comes_twice_is_two_instants_on_one_day() -> None:
    first = datetime(2026, 10, 25, 1, 30, tzinfo=LONDON)
    second = first.replace(fold=1)
    assert second.astimezone(UTC) - first.astimezone(UTC) == timedelta(hours=1)
    assert london_date(first) == london_date(second) == date(2026, 10, 25)
