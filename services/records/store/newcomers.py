"""Agencies that came to have to do with a child after a plan was made for it, and get that plan all the same."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from datetime import datetime

from sqlalchemy import Column, Index, String, Table, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.foundation.database import Instant, metadata
from services.foundation.statements import add, among, change, chunks
from services.records.rules.record import Newcomer

ID = String(64)

# They read the plans of this meeting, and no other record of it; those with a `why_not` do so no more.
newcomers = Table(
    "newcomers",
    metadata,
    Column("meeting_id", ID, primary_key=True),
    Column("agency_id", ID, primary_key=True),
    Column("child_id", ID, primary_key=True),
    Column("team_id", ID),
    Column("notice_id", String(26), nullable=False),
    Column("written_at", Instant, nullable=False),
    Column("why_not", String(32)),
    Column("ended_at", Instant),
)
Index("ix_newcomers_child_id", newcomers.c.child_id)


async def put(db: AsyncConnection, some: Sequence[Newcomer]) -> None:
    """Let these read the plans of meetings."""
    await add(db, newcomers, [asdict(each) for each in some])


async def of_meetings(
    db: AsyncConnection, meeting_ids: Iterable[str], as_of: datetime | None = None
) -> dict[str, list[Newcomer]]:
    """Who reads the plans of meetings without having taken part, or did, by meeting, in a lasting order."""
    found: dict[str, list[Newcomer]] = {}
    order = (newcomers.c.agency_id, newcomers.c.child_id)
    for some in chunks(set(meeting_ids)):
        query = select(newcomers).where(among(db, newcomers.c.meeting_id, some)).order_by(*order)
        if as_of is not None:
            query = query.where(newcomers.c.written_at <= as_of)
        for row in (await db.execute(query)).mappings():
            found.setdefault(row["meeting_id"], []).append(_as_it_was(Newcomer(**row), as_of))
    return found


def _as_it_was(each: Newcomer, as_of: datetime | None) -> Newcomer:
    since_then = as_of is not None and each.ended_at is not None and each.ended_at > as_of
    return replace(each, why_not=None, ended_at=None) if since_then else each


async def of_children(db: AsyncConnection, child_ids: Iterable[str]) -> list[Newcomer]:
    """Who reads plans on account of these children without having taken part, or did."""
    found: list[Newcomer] = []
    for some in chunks(set(child_ids)):
        rows = await db.execute(select(newcomers).where(among(db, newcomers.c.child_id, some)))
        found += [Newcomer(**row) for row in rows.mappings()]
    return found


async def set_why_not(db: AsyncConnection, some: Sequence[Newcomer]) -> None:
    """Note why these read a plan no more, or that they do again."""
    keys = ["meeting_id", "agency_id", "child_id"]
    names = [*keys, "why_not", "ended_at"]
    await change(db, newcomers, keys, [{name: getattr(each, name) for name in names} for each in some])
