"""The records: each version that was approved, and what was taken back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Column, Index, Integer, String, Table, Text, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.directory.rules import Cause
from services.foundation.database import Instant, RowNumber, metadata
from services.foundation.statements import add, among, change, chunks
from services.records.rules.record import Audience, Record, Section
from services.records.rules.versions import Recall

ID = String(64)

records = Table(
    "records",
    metadata,
    Column("record_id", ID, primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("meeting_id", ID, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("approved_by", Text, nullable=False),
    Column("in_place_of_chair", Text),
    Column("checked_by", Text),
    Column("checked_at", Instant),
    Column("checked_event_source", Text),
    Column("checked_event_id", Text),
    Column("sections", JSON, nullable=False),
    Column("approved_at", Instant, nullable=False),
    Column("event_source", Text, nullable=False),
    Column("event_id", Text, nullable=False),
    Column("known_at", Instant, nullable=False),
    # Another text came under the same number: it goes to nobody, and a person is told.
    Column("other_text_at", Instant),
    Column("other_text_event_source", Text),
    Column("other_text_event_id", Text),
)
Index("ix_records_meeting_id", records.c.meeting_id)

# What was taken back: one version or all, from one party or from everyone.
recalls = Table(
    "recalls",
    metadata,
    Column("recall_no", RowNumber, primary_key=True, autoincrement=True),
    Column("record_id", ID, nullable=False),
    Column("meeting_id", ID, nullable=False),
    Column("version", Integer),
    Column("agency_id", ID),
    Column("person_id", ID),
    Column("reason", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("event_source", Text, nullable=False),
    Column("event_id", Text, nullable=False),
    Column("known_at", Instant, nullable=False),
)
Index("ix_recalls_record_id", recalls.c.record_id)
Index("ix_recalls_meeting_id", recalls.c.meeting_id)

_OF_RECALL = tuple(recalls.c[name] for name in ("record_id", "version", "agency_id", "person_id", "at", "known_at"))


def _section(d: Mapping[str, Any]) -> Section:
    audience = d["audience"]
    if isinstance(audience, str):
        whom = Audience(to=audience)
    elif "only" in audience:
        whom = Audience(only=frozenset(audience["only"]))
    else:
        whom = Audience(besides=frozenset(audience["except"]))
    return Section(d["heading"], tuple(d["children"]), whom, d["text"])


def sections_of(some: Sequence[Mapping[str, Any]]) -> tuple[Section, ...]:
    """Sections as events and rows carry them."""
    return tuple(_section(each) for each in some)


def _record(row: Mapping[Any, Any]) -> Record:
    return Record(
        row["record_id"],
        row["meeting_id"],
        row["kind"],
        row["version"],
        row["approved_by"],
        row["checked_by"],
        sections_of(row["sections"]),
        row["approved_at"],
        Cause(row["event_source"], row["event_id"]),
        row["in_place_of_chair"],
        row["known_at"],
    )


async def put(db: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Add versions."""
    await add(db, records, rows)


async def set_columns(db: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Set columns of versions: each row holds `record_id`, `version` and what is set; all have the same columns."""
    await change(db, records, ["record_id", "version"], rows)


async def put_recalls(db: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Add what was taken back."""
    await add(db, recalls, rows)


async def recalls_of(db: AsyncConnection, record_ids: Iterable[str]) -> dict[str, list[Recall]]:
    """What was taken back of records, by record."""
    found: dict[str, list[Recall]] = {}
    for some in chunks(set(record_ids)):
        query = select(*_OF_RECALL).where(among(db, recalls.c.record_id, some)).order_by(recalls.c.recall_no)
        for row in await db.execute(query):
            found.setdefault(row.record_id, []).append(Recall(*row))
    return found


async def recalls_of_meetings(db: AsyncConnection, meeting_ids: Iterable[str]) -> dict[str, list[Recall]]:
    """What was taken back of the records of meetings, by the meeting that the recall names."""
    found: dict[str, list[Recall]] = {}
    for some in chunks(set(meeting_ids)):
        query = select(recalls.c.meeting_id, *_OF_RECALL).where(among(db, recalls.c.meeting_id, some))
        for meeting_id, *row in await db.execute(query.order_by(recalls.c.recall_no)):
            found.setdefault(meeting_id, []).append(Recall(*row))
    return found


async def with_another_text(db: AsyncConnection, meeting_ids: Iterable[str]) -> dict[str, list[tuple[str, int]]]:
    """The versions under whose number another text came, which went to nobody: record and number, by meeting."""
    found: dict[str, list[tuple[str, int]]] = {}
    columns = (records.c.meeting_id, records.c.record_id, records.c.version)
    for some in chunks(set(meeting_ids)):
        query = select(*columns).where(among(db, records.c.meeting_id, some), records.c.other_text_at.is_not(None))
        for row in await db.execute(query.order_by(*columns)):
            found.setdefault(row.meeting_id, []).append((row.record_id, row.version))
    return found


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
        "in_place_of_chair": payload["in_place_of_chair"],
        "sections": payload["sections"],
        "approved_at": approved_at,
        "event_source": source,
        "event_id": event_id,
        "known_at": now,
        "checked_at": approved_at if payload["checked_by"] else None,
        "checked_event_source": source if payload["checked_by"] else None,
        "checked_event_id": event_id if payload["checked_by"] else None,
    }
