"""Tables that remember what was known when.

Each row is one version of a thing: `known_from` is when we learnt it, `known_until` when something newer took its
place (null: it still counts). Which version counts is decided by the events' own time, never by the order of arrival,
so late, repeated and shuffled events end in the same state. An older version that arrives late is kept with an empty
span.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeAlias, TypeVar

from sqlalchemy import Column, ColumnElement, Table, Text, and_, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from services.foundation.database import Instant, RowNumber
from services.foundation.statements import add, among, chunks

Row: TypeAlias = Mapping[Any, Any]
Order: TypeAlias = tuple[datetime, str, str]
T = TypeVar("T")


def history_columns() -> list[Column[Any]]:
    """The columns that every table with a history has; `event_time`, `event_source`, `event_id` name the version's
    cause.
    """
    return [
        Column("version", RowNumber, primary_key=True, autoincrement=True),
        Column("event_time", Instant, nullable=False),
        Column("event_source", Text, nullable=False),
        Column("event_id", Text, nullable=False),
        Column("known_from", Instant, nullable=False),
        Column("known_until", Instant),
    ]


def counts_at(table: Table, as_of: datetime | None) -> ColumnElement[bool]:
    """The condition that picks the version that counted at `as_of` (None: that counts now)."""
    if as_of is None:
        return table.c.known_until.is_(None)
    return and_(table.c.known_from <= as_of, or_(table.c.known_until.is_(None), table.c.known_until > as_of))


def order(row: Row) -> Order:
    """What decides between two versions: the event's time, and its name so that a tie falls the same way always."""
    return row["event_time"], row["event_source"], row["event_id"]


async def _standing(db: AsyncConnection, table: Table, key: str, values: Iterable[str]) -> dict[str, tuple[Order, int]]:
    """What decides about the versions that count now, and their numbers, by key."""
    found: dict[str, tuple[Order, int]] = {}
    columns = [table.c[name] for name in (key, "version", "event_time", "event_source", "event_id")]
    for some in chunks(set(values)):
        query = select(*columns).where(among(db, table.c[key], some), table.c.known_until.is_(None))
        found.update((row[key], (order(row), row["version"])) for row in (await db.execute(query)).mappings())
    return found


async def remember(
    db: AsyncConnection, table: Table, key: str, rows: Sequence[dict[str, Any]], now: datetime
) -> set[str]:
    """Add versions to a history, whatever order they come in; returns the keys whose counting version changed.

    Each row holds the table's own columns and `event_time`, `event_source`, `event_id`.
    """
    standing = await _standing(db, table, key, [row[key] for row in rows])
    newest: dict[str, dict[str, Any]] = {}
    versions: list[dict[str, Any]] = []
    for row in rows:
        name = row[key]
        best = order(newest[name]) if name in newest else standing[name][0] if name in standing else None
        if best is not None and order(row) <= best:
            versions.append({**row, "known_from": now, "known_until": now})
            continue
        if name in newest:
            newest[name]["known_until"] = now
        newest[name] = version = {**row, "known_from": now, "known_until": None}
        versions.append(version)
    for some in chunks([standing[name][1] for name in newest if name in standing]):
        await db.execute(update(table).where(among(db, table.c.version, some)).values(known_until=now))
    await add(db, table, versions)
    return set(newest)


def true_at(versions: Sequence[tuple[Order, T]], moment: datetime) -> T | None:
    """What was so at a moment, by the events' own time and whenever it was learnt: the newest of the versions until
    then. None where all came to be later.
    """
    until = [version for version in versions if version[0][0] <= moment]
    return max(until, key=lambda version: version[0])[1] if until else None


def first_known(versions: Sequence[tuple[Order, T]]) -> T:
    """The oldest of the versions, which stands for the time before it where nothing else is known of that."""
    return min(versions, key=lambda version: version[0])[1]
