"""What time it is, as something that is handed in: instants are UTC inside, Europe/London only where a person reads."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Protocol
from zoneinfo import ZoneInfo

LONDON = ZoneInfo("Europe/London")


class Clock(Protocol):
    """Tells the present instant, aware and in UTC."""

    def now(self) -> datetime: ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class FixedClock:
    """One moment that does not move: for rehearsals and replays (`--as-of`)."""

    moment: datetime

    def now(self) -> datetime:
        return self.moment


def london_date(instant: datetime) -> date:
    """The calendar day on which `instant` falls in England."""
    return instant.astimezone(LONDON).date()
