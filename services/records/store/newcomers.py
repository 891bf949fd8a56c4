"""Agencies that came to have to do with a child after a plan was made for it, and get that plan all the same."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import datetime

from sqlalchemy import Column, String, Table, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.foundation.database import Instant, metadata
from services.foundation.statements import add, among, chunks
from services.records.rules.record import Newcomer

ID = String(64)

# They read the plans of this meeting, and no other record of it.
newcomers = Table(
    "newcomers",
    metadata,
    Column("meeting_id", ID, primary_key=True),
    Column("agency_id", ID, primary_key=True),
    Column("child_id", ID, primary_key=True),
    Column("team_id", ID),
    Column("notice_id", String(26), nullable=False),
    Column("written_at", Instant, nullable=False),
)


async def put(db: AsyncConnection, some: Sequence[Newcomer]) -> None:
    """Let these read the plans of meetings."""
    await add(db, newcomers, [asdict(each) for each in some])


async def of_meetings(
    db: AsyncConnection, meeting_ids: Iterable[str], as_of: datetime | None = None
) -> dict[str, list[Newcomer]]:
    """Who reads the plans of meetings without having taken part, by meeting, in a lasting order."""
    found: dict[str, list[Newcomer]] = {}
    order = (newcomers.c.agency_id, newcomers.c.child_id)
    for some in chunks(set(meeting_ids)):
        query = select(newcomers).where(among(db, newcomers.c.meeting_id, some)).order_by(*order)
        if as_of is not None:
            query = query.where(newcomers.c.written_at <= as_of)
        for row in (await db.execute(query)).mappings():
            found.setdefault(row["meeting_id"], []).append(Newcomer(**row))
    return found
