"""The records: each version that was approved, and what was taken back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Column, Index, Integer, String, Table, Text, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.directory.rules import Cause
from services.foundation.database import Instant, metadata
from services.foundation.statements import add, among, chunks
from services.records.rules.record import Audience, Record, Section

ID = String(64)

records = Table(
    "records",
    metadata,
    Column("record_id", ID, primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("meeting_id", ID, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("approved_by", Text, nullable=False),
    Column("checked_by", Text),
    Column("sections", JSON, nullable=False),
    Column("approved_at", Instant, nullable=False),
    Column("event_source", Text, nullable=False),
    Column("event_id", Text, nullable=False),
    Column("known_at", Instant, nullable=False),
)
Index("ix_records_meeting_id", records.c.meeting_id)


def _section(d: Mapping[str, Any]) -> Section:
    audience = d["audience"]
    if isinstance(audience, str):
        whom = Audience(to=audience)
    elif "only" in audience:
        whom = Audience(only=frozenset(audience["only"]))
    else:
        whom = Audience(besides=frozenset(audience["except"]))
    return Section(d["heading"], tuple(d["children"]), whom, d["text"])


def _record(row: Mapping[Any, Any]) -> Record:
    return Record(
        row["record_id"],
        row["meeting_id"],
        row["kind"],
        row["version"],
        row["approved_by"],
        row["checked_by"],
        tuple(_section(each) for each in row["sections"]),
        row["approved_at"],
        Cause(row["event_source"], row["event_id"]),
    )


async def put(db: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Add versions."""
    await add(db, records, rows)


async def of_records(db: AsyncConnection, record_ids: Iterable[str]) -> dict[str, dict[int, Record]]:
    """The versions of records, by record and number."""
    found: dict[str, dict[int, Record]] = {}
    for some in chunks(set(record_ids)):
        rows = await db.execute(select(records).where(among(db, records.c.record_id, some)))
        for row in rows.mappings():
            found.setdefault(row["record_id"], {})[row["version"]] = _record(row)
    return found


async def of_meetings(db: AsyncConnection, meeting_ids: Iterable[str]) -> dict[str, list[Record]]:
    """The versions of the records of meetings, by meeting, the first one first."""
    found: dict[str, list[Record]] = {}
    order = (records.c.meeting_id, records.c.record_id, records.c.version)
    for some in chunks(set(meeting_ids)):
        rows = await db.execute(select(records).where(among(db, records.c.meeting_id, some)).order_by(*order))
        for row in rows.mappings():
            found.setdefault(row["meeting_id"], []).append(_record(row))
    return found


def row_of(
    payload: Mapping[str, Any], approved_at: datetime, source: str, event_id: str, now: datetime
) -> dict[str, Any]:
    """The row of a version, from what the event carries."""
    return {
        **{name: payload[name] for name in ("record_id", "version", "meeting_id", "kind", "approved_by", "checked_by")},
        "sections": payload["sections"],
        "approved_at": approved_at,
        "event_source": source,
        "event_id": event_id,
        "known_at": now,
    }
