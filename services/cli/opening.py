"""The house opened for one command, and closed after it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated, TypeVar

import typer
from sqlalchemy.exc import SQLAlchemyError

from services.bootstrap import House, open_house
from services.cli.terminal import fail
from services.foundation import logs
from services.foundation.clock import Clock, FixedClock, SystemClock
from services.foundation.settings import WrongSettings, load_settings
from services.foundation.trouble import DatabaseTrouble
from services.meetings.policy import WrongPolicy

T = TypeVar("T")

AsOf = Annotated[
    str | None, typer.Option("--as-of", metavar="TIME", help="Behave as if it were this moment (RFC 3339 with offset).")
]


def moment(text: str | None) -> datetime | None:
    """The moment of `--as-of`."""
    if text is None:
        return None
    try:
        value: datetime | None = datetime.fromisoformat(text)
    except ValueError:
        value = None
    if value is None or value.tzinfo is None:
        fail(f"--as-of {text}: write a time with its offset, for example 2026-11-20T09:00:00+00:00", 2)
    return value


def run(what: Callable[[House], Awaitable[T]], as_of: str | None = None) -> T:
    """Open the house, do one thing, close it."""
    asked = moment(as_of)

    async def go() -> T:
        settings = load_settings()
        logs.configure(settings.log_level)
        at = asked or settings.as_of
        if at is not None and settings.way_out is not None:
            fail(f"--as-of is for rehearsals: it is refused while {settings.way_out}", 2)
        clock: Clock = FixedClock(at) if at else SystemClock()
        async with open_house(settings, clock) as house:
            return await what(house)

    try:
        return asyncio.run(go())
    except (WrongSettings, WrongPolicy, DatabaseTrouble) as wrong:
        fail(str(wrong))
    except SQLAlchemyError as wrong:
        fail(f"the database cannot be used: {getattr(wrong, 'orig', None) or type(wrong).__name__}")
