"""England's working days: not Saturday, Sunday or a bank holiday. An office closure never moves a statutory date.

Source: rules of the field, "working-day arithmetic traps"; bank holidays from the `holidays` library.
"""

from __future__ import annotations

from datetime import date, timedelta
from functools import lru_cache

import holidays

_BANK_HOLIDAYS = holidays.country_holidays("GB", subdiv="ENG")
_ONE_DAY = timedelta(days=1)


@lru_cache(maxsize=4096)
def is_working_day(day: date) -> bool:
    """Whether offices in England work on `day`."""
    return day.weekday() < 5 and day not in _BANK_HOLIDAYS


@lru_cache(maxsize=4096)
def add_working_days(day: date, count: int) -> date:
    """The date `count` working days after `day` (before it where `count` is negative); day itself counts as 0."""
    step = _ONE_DAY if count >= 0 else -_ONE_DAY
    left = abs(count)
    while left:
        day += step
        left -= is_working_day(day)
    return day


@lru_cache(maxsize=4096)
def working_days_between(start: date, end: date) -> int:
    """Whole working days after `start` up to and including `end`; 0 where `end` is not after `start`."""
    count, day = 0, start
    while day < end:
        day += _ONE_DAY
        count += is_working_day(day)
    return count
