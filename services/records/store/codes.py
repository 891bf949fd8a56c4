"""The one-time codes that open a link, each with how often it was tried; and when what it opened was last given out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Column, Index, Integer, String, Table, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from services.foundation.database import Instant, metadata

# `nonce` makes the code with the key, and is not the code.
codes = Table(
    "codes",
    metadata,
    Column("nonce", String(32), primary_key=True),
    Column("dispatch_id", String(26), nullable=False),
    Column("made_at", Instant, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("used_at", Instant),
    Column("opened_at", Instant),
)
Index("ix_codes_dispatch_id", codes.c.dispatch_id, codes.c.made_at)


@dataclass(frozen=True, slots=True)
class Code:
    """One code of a dispatch; `tries` are the wrong ones and the right one. `opened_at` is when a document was last
    given out to whoever gave the code.
    """

    nonce: str
    dispatch_id: str
    made_at: datetime
    tries: int
    used_at: datetime | None = None
    opened_at: datetime | None = None


async def put(db: AsyncConnection, code: Code) -> None:
    """Add a code."""
    await db.execute(insert(codes).values({name: getattr(code, name) for name in Code.__slots__}))


async def one(db: AsyncConnection, nonce: str) -> Code | None:
    """The code that was made with this nonce."""
    row = (await db.execute(select(codes).where(codes.c.nonce == nonce))).mappings().first()
    return Code(**row) if row is not None else None


async def made_since(db: AsyncConnection, dispatch_id: str, since: datetime) -> list[Code]:
    """The codes of a dispatch that were made since then, the newest first."""
    query = (
        select(codes)
        .where(codes.c.dispatch_id == dispatch_id, codes.c.made_at > since)
        .order_by(codes.c.made_at.desc(), codes.c.nonce)
    )
    return [Code(**row) for row in (await db.execute(query)).mappings()]


async def count_try(db: AsyncConnection, nonce: str, most: int) -> bool:
    """Count one try at a code, before it is compared; returns False where it may not be tried any more. Of any number
    that try at once no more than `most` are let through.
    """
    done = await db.execute(
        update(codes)
        .where(codes.c.nonce == nonce, codes.c.used_at.is_(None), codes.c.tries < most)
        .values(tries=codes.c.tries + 1)
    )
    return done.rowcount == 1


async def use(db: AsyncConnection, nonce: str, now: datetime) -> bool:
    """Use a code up; returns False where it was used before."""
    done = await db.execute(update(codes).where(codes.c.nonce == nonce, codes.c.used_at.is_(None)).values(used_at=now))
    return done.rowcount == 1


async def opened(db: AsyncConnection, nonce: str, now: datetime, apart: timedelta) -> datetime:
    """Note that what a code opened is given out now; returns the moment that this counts under: the last one again,
    where that is less than `apart` ago.
    """
    await db.execute(
        update(codes)
        .where(codes.c.nonce == nonce, (codes.c.opened_at.is_(None)) | (codes.c.opened_at <= now - apart))
        .values(opened_at=now)
    )
    at: datetime = (await db.execute(select(codes.c.opened_at).where(codes.c.nonce == nonce))).scalar_one()
    return at
