"""What was ever recorded, whether or not it counts now: where to look for what was so at a moment in the past."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Table, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.directory.store import involvements, ties
from services.foundation.statements import among, chunks


async def relatives_of(db: AsyncConnection, child_ids: Iterable[str]) -> set[str]:
    """The relatives who are or once were recorded with these children."""
    return await _of(db, ties.c.person_id, ties.c.child_id, child_ids)


async def involvements_of(db: AsyncConnection, people: Iterable[str]) -> set[str]:
    """The involvements that are or once were recorded as with these people."""
    return await _of(db, involvements.c.involvement_id, involvements.c.person_id, people)


async def people_of(db: AsyncConnection, involvement_ids: Iterable[str]) -> set[tuple[str, str]]:
    """With whom these involvements are or once were recorded, as (involvement, person)."""
    found: set[tuple[str, str]] = set()
    for some in chunks(set(involvement_ids)):
        query = select(involvements.c.involvement_id, involvements.c.person_id)
        rows = await db.execute(query.where(among(db, involvements.c.involvement_id, some)))
        found |= {(row.involvement_id, row.person_id) for row in rows}
    return found


async def children_of(db: AsyncConnection, people: Iterable[str]) -> set[tuple[str, str]]:
    """The children with whom these relatives are or once were recorded, as (person, child)."""
    found: set[tuple[str, str]] = set()
    for some in chunks(set(people)):
        rows = await db.execute(select(ties).where(among(db, ties.c.person_id, some)))
        found |= {(row.person_id, row.child_id) for row in rows}
    return found


async def first_told(db: AsyncConnection, table: Table, ids: Iterable[str]) -> dict[str, datetime]:
    """From when on anything is known, by the events' own time, of what one of these tables holds, by its id."""
    found: dict[str, datetime] = {}
    key = table.c[0]
    for some in chunks(set(ids)):
        query = select(key, func.min(table.c.event_time)).where(among(db, key, some)).group_by(key)
        found.update((row[0], row[1]) for row in await db.execute(query))
    return found


async def _of(db: AsyncConnection, wanted: Column[Any], by: Column[Any], values: Iterable[str]) -> set[str]:
    found: set[str] = set()
    for some in chunks(set(values)):
        found |= set((await db.execute(select(wanted).where(among(db, by, some)).distinct())).scalars())
    return found
