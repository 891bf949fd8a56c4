"""What was heard of what was sent: one row for each event, so that every moment can be opened down to it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Index, String, Table, Text, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.directory.rules import Cause
from services.foundation.database import Instant, RowNumber, metadata
from services.foundation.statements import add, among, chunks
from services.records.store.dispatches import openings

# `what` is what was heard (`received`, `bounced`, `delayed`), or what the reader said (`filed`, `flag_changed`,
# `no_flag`, `noted`); `detail` says by which way, or with which status. That something was opened stands in `openings`.
receipts = Table(
    "receipts",
    metadata,
    Column("receipt_no", RowNumber, primary_key=True, autoincrement=True),
    Column("dispatch_id", String(26), nullable=False),
    Column("what", String(16), nullable=False),
    Column("at", Instant, nullable=False),
    Column("address", Text),
    Column("detail", Text),
    Column("event_source", Text, nullable=False),
    Column("event_id", Text, nullable=False),
    Column("known_at", Instant, nullable=False),
)
Index("ix_receipts_dispatch_id", receipts.c.dispatch_id)


@dataclass(frozen=True, slots=True)
class Receipt:
    """One thing that was heard of a dispatch."""

    dispatch_id: str
    what: str
    at: datetime
    cause: Cause
    detail: str | None = None


async def put(db: AsyncConnection, rows: Sequence[dict[str, Any]]) -> None:
    """Keep what was heard."""
    await add(db, receipts, rows)


async def put_openings(db: AsyncConnection, rows: Sequence[dict[str, Any]]) -> None:
    """Keep each time that something was opened."""
    await add(db, openings, rows)


async def of_dispatches(db: AsyncConnection, ids: Iterable[str]) -> dict[str, list[Receipt]]:
    """Everything that was heard of dispatches, by dispatch, the oldest first by the events' own time."""
    found: dict[str, list[Receipt]] = {}
    for some in chunks(set(ids)):
        rows = await db.execute(select(receipts).where(among(db, receipts.c.dispatch_id, some)))
        for row in rows.mappings():
            cause = Cause(row["event_source"], row["event_id"])
            receipt = Receipt(row["dispatch_id"], row["what"], row["at"], cause, row["detail"])
            found.setdefault(receipt.dispatch_id, []).append(receipt)
        rows = await db.execute(select(openings).where(among(db, openings.c.dispatch_id, some)))
        for row in rows.mappings():
            cause = Cause(row["event_source"], row["event_id"])
            found.setdefault(row["dispatch_id"], []).append(Receipt(row["dispatch_id"], "opened", row["at"], cause))
    for each in found.values():
        each.sort(key=lambda receipt: (receipt.at, receipt.cause.source, receipt.cause.id))
    return found
