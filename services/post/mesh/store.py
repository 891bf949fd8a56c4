"""What went by MESH and has not been heard of to the end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Index, Integer, String, Table, Text, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from services.foundation.database import Instant, metadata
from services.foundation.statements import add, among, chunks

# `message_id` is MESH's name for it. It is looked at next at `look_at`: None once it is known what became of it.
mesh_messages = Table(
    "mesh_messages",
    metadata,
    Column("message_id", String(64), primary_key=True),
    Column("dispatch_id", String(26), nullable=False),
    Column("address", Text, nullable=False),
    Column("sent_at", Instant, nullable=False),
    Column("look_at", Instant),
    Column("looks", Integer, nullable=False),
    Column("outcome", String(40)),
)
_open = mesh_messages.c.look_at.is_not(None)
Index("ix_mesh_messages_look_at", mesh_messages.c.look_at, sqlite_where=_open, postgresql_where=_open)
Index("ix_mesh_messages_dispatch_id", mesh_messages.c.dispatch_id)


async def note_sent(
    db: AsyncConnection, message_id: str, dispatch_id: str, address: str, sent_at: datetime, look_at: datetime
) -> None:
    """Note that MESH has taken a message."""
    await add(
        db,
        mesh_messages,
        [
            {
                "message_id": message_id,
                "dispatch_id": dispatch_id,
                "address": address,
                "sent_at": sent_at,
                "look_at": look_at,
                "looks": 0,
            }
        ],
    )


async def to_look_at(db: AsyncConnection, now: datetime, limit: int) -> list[Mapping[Any, Any]]:
    """Messages whose turn it is to be asked after, the longest waiting first."""
    query = select(mesh_messages).where(_open, mesh_messages.c.look_at <= now).order_by(mesh_messages.c.look_at)
    return list((await db.execute(query.limit(limit))).mappings())


async def look_later(db: AsyncConnection, message_id: str, look_at: datetime) -> None:
    """Ask after a message again at that time."""
    which = mesh_messages.c.message_id == message_id
    looks = mesh_messages.c.looks + 1
    await db.execute(update(mesh_messages).where(which, _open).values(look_at=look_at, looks=looks))


async def ended(db: AsyncConnection, message_id: str, outcome: str) -> None:
    """Note what became of a message: nobody asks after it any more."""
    which = mesh_messages.c.message_id == message_id
    await db.execute(update(mesh_messages).where(which, _open).values(look_at=None, outcome=outcome[:40]))


async def dispatches_of(db: AsyncConnection, message_ids: Iterable[str]) -> dict[str, str]:
    """The dispatches that went as these messages, by message."""
    found: dict[str, str] = {}
    for some in chunks(set(message_ids)):
        columns = (mesh_messages.c.message_id, mesh_messages.c.dispatch_id)
        rows: Sequence[Any] = (
            await db.execute(select(*columns).where(among(db, mesh_messages.c.message_id, some)))
        ).all()
        found.update((message_id, dispatch_id) for message_id, dispatch_id in rows)
    return found
