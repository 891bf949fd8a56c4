"""Timers: every wait is a row with `due_at`, so that a tick costs what is due and not what exists."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Column, Index, String, Table, UniqueConstraint, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from services.foundation.database import Instant, RowNumber, metadata
from services.foundation.statements import add, among, chunks, grouped

ARMED = "timers"  # what is announced where a timer is set

timers = Table(
    "timers",
    metadata,
    Column("timer_id", RowNumber, primary_key=True, autoincrement=True),
    Column("name", String(64), nullable=False),
    Column("key", String(160), nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("params", JSON, nullable=False),
    UniqueConstraint("name", "key"),
)
Index("ix_timers_due", timers.c.due_at, timers.c.timer_id)


@dataclass(frozen=True, slots=True)
class Timer:
    """One wait: `name` says what is to happen, `key` about what; there is one timer for each (name, key)."""

    name: str
    key: str
    due_at: datetime
    params: Mapping[str, Any]


async def arm(db: AsyncConnection, wanted: Sequence[Timer]) -> None:
    """Set timers, each in place of an earlier one with the same name and key."""
    last = {(timer.name, timer.key): timer for timer in wanted}
    await disarm(db, list(last))
    rows = [{"name": t.name, "key": t.key, "due_at": t.due_at, "params": dict(t.params)} for t in last.values()]
    await add(db, timers, rows)


async def disarm(db: AsyncConnection, names_and_keys: Sequence[tuple[str, str]]) -> None:
    """Take timers away; those that are not there are no error."""
    if names_and_keys and db.dialect.name != "sqlite":
        names, keys = map(list, zip(*names_and_keys, strict=True))
        await db.exec_driver_sql(
            "DELETE FROM timers USING unnest($1::text[], $2::text[]) AS gone (name, key) "
            "WHERE timers.name = gone.name AND timers.key = gone.key",
            (names, keys),
        )
        return
    for name, keys in grouped(names_and_keys).items():
        for some in chunks(keys):
            await db.execute(delete(timers).where(timers.c.name == name, among(db, timers.c.key, some)))


async def waiting(db: AsyncConnection, name: str, keys: Iterable[str]) -> set[str]:
    """For which of these keys a timer with this name is set."""
    found: set[str] = set()
    for some in chunks(set(keys)):
        query = select(timers.c.key).where(timers.c.name == name, among(db, timers.c.key, some))
        found |= set((await db.execute(query)).scalars())
    return found


async def take_due(db: AsyncConnection, now: datetime, limit: int) -> list[Timer]:
    """Take the timers that are due, oldest first: gone with the commit of what they cause, back where that fails."""
    query = (
        select(timers.c.timer_id, timers.c.name, timers.c.key, timers.c.due_at, timers.c.params)
        .where(timers.c.due_at <= now)
        .order_by(timers.c.due_at, timers.c.timer_id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    rows = (await db.execute(query)).all()
    if rows:
        await db.execute(delete(timers).where(among(db, timers.c.timer_id, [each.timer_id for each in rows])))
    return [Timer(each.name, each.key, each.due_at, each.params) for each in rows]


async def put_off(db: AsyncConnection, timer: Timer, until: datetime, params: Mapping[str, Any]) -> None:
    """Have a timer that was due fall due later, unless it has been set anew or taken away meanwhile."""
    same = (timers.c.name == timer.name, timers.c.key == timer.key, timers.c.due_at == timer.due_at)
    await db.execute(update(timers).where(*same).values(due_at=until, params=dict(params)))


async def next_due(db: AsyncConnection) -> datetime | None:
    """When the next timer falls due; None where none is set."""
    return (await db.execute(select(timers.c.due_at).order_by(timers.c.due_at).limit(1))).scalar()
