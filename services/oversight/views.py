"""The exceptions as a manager looks at them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.oversight.rules import RAISED, RESOLVED
from services.oversight.store import exceptions


async def list_exceptions(
    db: AsyncConnection, *, every: bool = False, as_of: datetime | None = None
) -> list[dict[str, Any]]:
    """The exceptions in the form of the contract, oldest first; with `every` the resolved ones too.

    With `as_of` those raised later are left out, and those resolved later stand open. One that was raised again since
    is known by the last time alone.
    """
    query = select(exceptions).order_by(exceptions.c.raised_at, exceptions.c.exception_id)
    stands = exceptions.c.state != RESOLVED
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
