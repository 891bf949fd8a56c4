"""What came in and has not taken effect, as an operator looks at it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake import store


async def list_waiting(db: AsyncConnection, *, limit: int | None = None) -> list[dict[str, Any]]:
    """The events that wait, oldest first, and what for: all that they name and that is not known.

    Of the children of a meeting, or of a relative, one is enough to take effect.

    `[{seq, source, id, type, subject, since, waits_for: [{noun, id}]}]`; `since` is when it came in.
    """
    shown: dict[int, dict[str, Any]] = {}
    for row in await store.read_waiting(db, limit):
        each = shown.setdefault(
            row["seq"],
            {
                "seq": row["seq"],
                "source": row["source"],
                "id": row["event_id"],
                "type": row["type"],
                "subject": row["subject"],
                "since": row["recorded_at"].isoformat(),
                "waits_for": [],
            },
        )
        each["waits_for"].append({"noun": row["noun"], "id": row["ref"]})
    return list(shown.values())


async def list_dead_letters(
    db: AsyncConnection, *, every: bool = False, limit: int | None = None
) -> list[dict[str, Any]]:
    """The dead letters in the form of the contract, oldest first; with `every` the settled ones too."""
    return [shown_dead_letter(row) for row in await store.read_dead_letters(db, every=every, limit=limit)]


def shown_dead_letter(row: Mapping[Any, Any]) -> dict[str, Any]:
    """One dead letter in the form of the contract; `size` is in bytes.

    `{deadletter_id, source?, id?, from, received_at, errors: [{path, message}], size, state, settled_at?,
    settled_by?}`.
    """
    each = {
        "deadletter_id": row["deadletter_id"],
        "source": row["source"],
        "id": row["event_id"],
        "from": row["origin"],
        "received_at": row["received_at"].isoformat(),
        "errors": row["errors"],
        "size": row["size"],
        "state": row["state"],
        "settled_at": row["settled_at"].isoformat() if row["settled_at"] else None,
        "settled_by": row["settled_by"],
    }
    return {name: value for name, value in each.items() if value is not None}
