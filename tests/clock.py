"""A clock that stands until a test moves it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from tests.events import NOW


class MovableClock:
    """Tells one moment, a Monday noon before the meetings of the invented events, until it is told another."""

    def __init__(self, moment: datetime = NOW) -> None:
        self.moment = moment

    def now(self) -> datetime:
        return self.moment

    def set(self, moment: datetime) -> None:
        self.moment = moment.astimezone(UTC)

    def advance(self, by: timedelta) -> None:
        self.moment += by


def let_time_pass(seconds: float) -> None:
    """Set the running loop's own clock forward: whatever was to wait for so long has waited, and no test waits for it,
    nor is in a hurry on a machine that is slow.
    """
    loop = asyncio.get_running_loop()
    told = loop.time
    loop.time = lambda: told() + seconds  # type: ignore[method-assign]
