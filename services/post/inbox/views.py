"""The mail that came in, as an operator looks at it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from services.foundation.metrics import MailStanding
from services.post.inbox import store
from services.post.inbox.words import WHY


async def mail_standing(db: AsyncConnection, now: datetime) -> MailStanding:
    """How it stands with mail, for the measures."""
    oldest = await store.oldest_kept(db)
    return MailStanding(
        kept=await store.how_many(db, store.KEPT),
        kept_oldest_seconds=max(0.0, (now - oldest).total_seconds()) if oldest else 0.0,
        for_a_person=await store.how_many(db, store.FOR_A_PERSON),
    )


def shown(row: Mapping[Any, Any]) -> dict[str, Any]:
    """A message as the command line prints it: what is known of it, and no word of it."""
    found: dict[str, Any] = {
        name: row[name].isoformat() if isinstance(row[name], datetime) else row[name]
        for name in (
            *("mail_id", "received_at", "size", "state", "kind", "why", "meeting_id", "invitation_id"),
            *("origin", "settled_at", "settled_by"),
        )
        if row[name] is not None
    }
    if row["why"] is not None:
        found["text"] = WHY.get(row["why"], "")
    return found | dict(row["document"])
