"""The exceptions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Index, String, Table, Text, literal, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from services.foundation.database import Instant, metadata
from services.foundation.statements import add, among, change, chunks
from services.oversight.rules import RAISED, RESOLVED, Finding

ID = String(64)

exceptions = Table(
    "exceptions",
    metadata,
    Column("exception_id", String(20), primary_key=True),
    Column("kind", ID, nullable=False),
    Column("meeting_id", ID),
    Column("agency_id", ID),
    Column("person_id", ID),
    Column("child_id", ID),
    Column("text", Text, nullable=False),
    Column("raised_at", Instant, nullable=False),
    Column("due_at", Instant),
    Column("state", String(16), nullable=False),
    Column("owner", Text),
    Column("resolved_at", Instant),
)
Index("ix_exceptions_meeting_id", exceptions.c.meeting_id)
# Written into the statement, where the index on those that are open is recognised before any value is known.
IS_OPEN = exceptions.c.state != literal(RESOLVED, exceptions.c.state.type, literal_execute=True)
_open = exceptions.c.state != RESOLVED
Index("ix_exceptions_raised_at", exceptions.c.raised_at, sqlite_where=_open, postgresql_where=_open)


async def of_meetings(db: AsyncConnection, meeting_ids: Iterable[str]) -> dict[str, Mapping[Any, Any]]:
    """The exceptions of meetings by id, resolved ones too."""
    found: dict[str, Mapping[Any, Any]] = {}
    for some in chunks(set(meeting_ids)):
        rows = await db.execute(select(exceptions).where(among(db, exceptions.c.meeting_id, some)))
        found.update((row["exception_id"], row) for row in rows.mappings())
    return found


async def by_ids(db: AsyncConnection, ids: Iterable[str]) -> dict[str, Mapping[Any, Any]]:
    """Exceptions by id, resolved ones too."""
    found: dict[str, Mapping[Any, Any]] = {}
    for some in chunks(set(ids)):
        rows = await db.execute(select(exceptions).where(among(db, exceptions.c.exception_id, some)))
        found.update((row["exception_id"], row) for row in rows.mappings())
    return found


async def raise_all(db: AsyncConnection, findings: Sequence[Finding], standing: Iterable[str], now: datetime) -> None:
    """Raise exceptions: new ones, and others again (`standing` holds those that are there, resolved)."""
    again = set(standing)
    rows = [
        {
            "exception_id": each.exception_id,
            "kind": each.kind,
            "meeting_id": each.meeting_id,
            "agency_id": each.agency_id,
            "person_id": each.person_id,
            "child_id": each.child_id,
            "text": each.text,
            "raised_at": now,
            "state": RAISED,
        }
        for each in findings
    ]
    fresh = [row for row in rows if row["exception_id"] not in again]
    await add(db, exceptions, fresh)
    reopened = [
        {
            "exception_id": row["exception_id"],
            "text": row["text"],
            "state": RAISED,
            "raised_at": now,
            "resolved_at": None,
        }
        for row in rows
        if row["exception_id"] in again
    ]
    await change(db, exceptions, ["exception_id"], reopened)


async def reword(db: AsyncConnection, texts: Mapping[str, str]) -> None:
    """Say an exception's reason anew."""
    rows = [{"exception_id": each, "text": text} for each, text in texts.items()]
    await change(db, exceptions, ["exception_id"], rows)


async def resolve(db: AsyncConnection, ids: Iterable[str], now: datetime) -> None:
    """Close exceptions that hold no more."""
    for some in chunks(ids):
        await db.execute(
            update(exceptions).where(among(db, exceptions.c.exception_id, some)).values(state=RESOLVED, resolved_at=now)
        )
