from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.foundation.working_days import add_working_days, is_working_day, working_days_between

DAYS = st.dates(date(2020, 1, 1), date(2040, 12, 31))


@pytest.mark.parametrize(
    ("day", "what"),
    [
        (date(2026, 3, 7), "Saturday"),
        (date(2026, 3, 8), "Sunday"),
        (date(2026, 4, 3), "Good Friday"),
        (date(2026, 4, 6), "Easter Monday"),
        (date(2026, 5, 4), "early May"),
        (date(2026, 5, 25), "spring"),
        (date(2026, 8, 31), "summer"),
        (date(2026, 12, 25), "Christmas Day"),
        (date(2026, 12, 28), "for Boxing Day, a Saturday"),
        (date(2027, 12, 27), "for Christmas Day, a Saturday"),
        (date(2027, 12, 28), "for Boxing Day, a Sunday"),
        (date(2022, 12, 27), "for Christmas Day, a Sunday, after Boxing Day in its own right"),
        (date(2028, 1, 3), "for New Year's Day, a Saturday"),
        (date(2023, 1, 2), "for New Year's Day, a Sunday"),
        (date(2022, 6, 2), "spring, moved for a jubilee"),
        (date(2023, 5, 8), "a coronation"),
    ],
)
def test_weekends_bank_holidays_and_their_substitutes_are_no_working_days(day: date, what: str) -> None:
    assert not is_working_day(day), what


@pytest.mark.parametrize(
    ("day", "what"),
    [
        (date(2026, 12, 24), "Christmas Eve"),
        (date(2026, 12, 29), "after the substitute for Boxing Day"),
        (date(2026, 12, 31), "New Year's Eve: an office that closes moves no statutory date"),
        (date(2026, 1, 2), "a bank holiday in Scotland alone"),
        (date(2026, 3, 17), "a bank holiday in Northern Ireland alone"),
        (date(2026, 8, 3), "a bank holiday in Scotland alone"),
        (date(2022, 5, 30), "the Monday that spring's holiday was moved from"),
    ],
)
def test_every_other_weekday_is_a_working_day_in_england(day: date, what: str) -> None:
    assert is_working_day(day), what


@pytest.mark.parametrize(
    ("day", "count", "then"),
    [
        (date(2026, 3, 2), 0, date(2026, 3, 2)),
        (date(2026, 3, 7), 0, date(2026, 3, 7)),
        (date(2026, 3, 2), 1, date(2026, 3, 3)),
        (date(2026, 3, 6), 1, date(2026, 3, 9)),
        (date(2026, 3, 7), 1, date(2026, 3, 9)),
        (date(2026, 3, 2), 15, date(2026, 3, 23)),
        (date(2026, 4, 2), 1, date(2026, 4, 7)),
        (date(2026, 12, 24), 1, date(2026, 12, 29)),
        (date(2026, 12, 24), 4, date(2027, 1, 4)),
        (date(2027, 12, 24), 1, date(2027, 12, 29)),
        (date(2026, 3, 9), -1, date(2026, 3, 6)),
        (date(2026, 3, 8), -1, date(2026, 3, 6)),
        (date(2026, 4, 7), -1, date(2026, 4, 2)),
        (date(2027, 1, 4), -4, date(2026, 12, 24)),
    ],
)
def test_working_days_are_counted_from_the_day_after_and_back_from_the_day_before(
    day: date, count: int, then: date
) -> None:
    assert add_working_days(day, count) == then


@pytest.mark.parametrize(
    ("start", "end", "count"),
    [
        (date(2026, 3, 2), date(2026, 3, 2), 0),
        (date(2026, 3, 2), date(2026, 3, 3), 1),
        (date(2026, 3, 6), date(2026, 3, 8), 0),
        (date(2026, 3, 6), date(2026, 3, 9), 1),
        (date(2026, 4, 2), date(2026, 4, 7), 1),
        (date(2026, 12, 24), date(2027, 1, 4), 4),
        (date(2026, 3, 3), date(2026, 3, 2), 0),
        (date(2026, 3, 9), date(2026, 3, 2), 0),
    ],
)
def test_notice_is_whole_working_days_and_never_less_than_none(start: date, end: date, count: int) -> None:
    assert working_days_between(start, end) == count


@given(day=DAYS, count=st.integers(1, 60))
def test_so_many_working_days_on_lie_so_many_working_days_between(day: date, count: int) -> None:
    then = add_working_days(day, count)
    assert is_working_day(then)
    assert working_days_between(day, then) == count


@given(day=DAYS, count=st.integers(1, 60))
def test_there_and_back_is_the_same_working_day(day: date, count: int) -> None:
    there = add_working_days(day, count)
    assert add_working_days(there, -count) == (day if is_working_day(day) else add_working_days(day, -1))


@given(day=DAYS)
def test_no_week_has_more_than_five_working_days_nor_fewer_than_one(day: date) -> None:
    assert 1 <= sum(is_working_day(day + timedelta(days=n)) for n in range(7)) <= 5
