"""The exceptions as a manager looks at them, and how things stand."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.foundation import outbox
from services.foundation.metrics import Standing
from services.foundation.timers import timers
from services.intake.store import dead_letters
from services.intake.store import waiting as waiting_events
from services.oversight.rules import RAISED, RESOLVED
from services.oversight.store import IS_OPEN, exceptions


async def list_exceptions(
    db: AsyncConnection, *, every: bool = False, as_of: datetime | None = None
) -> list[dict[str, Any]]:
    """The exceptions in the form of the contract, oldest first; with `every` the resolved ones too.

    With `as_of` those raised later are left out, and those resolved later stand open. One that was raised again since
    is known by the last time alone.
    """
    query = select(exceptions).order_by(exceptions.c.raised_at, exceptions.c.exception_id)
    stands = IS_OPEN
    if as_of is not None:
        query = query.where(exceptions.c.raised_at <= as_of)
        stands |= exceptions.c.resolved_at > as_of
    if not every:
        query = query.where(stands)
    shown = []
    for row in (await db.execute(query)).mappings():
        each = {name: value for name, value in row.items() if value is not None}
        if as_of is not None and each["state"] == RESOLVED and each["resolved_at"] > as_of:
            each["state"] = RAISED
            del each["resolved_at"]
        for name in ("raised_at", "due_at", "resolved_at"):
            if name in each:
                each[name] = each[name].isoformat()
        shown.append(each)
    return shown


async def standing(db: AsyncConnection, now: datetime) -> Standing:
    """How things stand, for the measures."""
    count, oldest = await outbox.waiting(db, outbox.MAIL)
    printing, first_printing = await outbox.waiting(db, outbox.PRINT)
    parcels, first_parcel = await outbox.waiting(db, outbox.MESH)
    due = (await db.execute(select(func.count()).select_from(timers).where(timers.c.due_at <= now))).scalar_one()
    waits = (await db.execute(select(func.count(waiting_events.c.seq.distinct())))).scalar_one()
    dead = (
        await db.execute(select(func.count()).select_from(dead_letters).where(dead_letters.c.state == "open"))
    ).scalar_one()
    by_kind = select(exceptions.c.kind, func.count()).where(IS_OPEN).group_by(exceptions.c.kind)
    return Standing(
        mail_waiting=count,
        mail_oldest_seconds=_age(oldest, now),
        print_waiting=printing,
        print_oldest_seconds=_age(first_printing, now),
        mesh_waiting=parcels,
        mesh_oldest_seconds=_age(first_parcel, now),
        timers_due=due,
        events_waiting=waits,
        dead_letters_open=dead,
        exceptions_open={row[0]: row[1] for row in await db.execute(by_kind)},
    )


def _age(since: datetime | None, now: datetime) -> float:
    return max(0.0, (now - since).total_seconds()) if since else 0.0
