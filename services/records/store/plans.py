"""Child protection plans, and the notices about them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import JSON, Column, Date, Index, String, Table, Text, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.foundation.database import Instant, metadata
from services.foundation.history import history_columns
from services.foundation.statements import among, chunks

ID = String(64)
STARTED, ENDED = "started", "ended"

# What events say of a plan, by aspect, with its history: `fact` is the plan's id and the aspect. A category that
# changes is another version of `started`.
plan_facts = Table(
    "plan_facts",
    metadata,
    Column("fact", String(80), nullable=False),
    Column("plan_id", ID, nullable=False),
    Column("child_id", ID, nullable=False),
    Column("aspect", String(16), nullable=False),
    Column("day", Date, nullable=False),
    Column("partition_key", Text, nullable=False),
    Column("document", JSON, nullable=False),
    *history_columns(),
)
_counting = plan_facts.c.known_until.is_(None)
Index("ix_plan_facts_fact", plan_facts.c.fact, unique=True, sqlite_where=_counting, postgresql_where=_counting)
Index("ix_plan_facts_child_id", plan_facts.c.child_id, sqlite_where=_counting, postgresql_where=_counting)
Index("ix_plan_facts_plan_id", plan_facts.c.plan_id, plan_facts.c.known_from)

# What is told of a plan: that it started, changed, ended, or that somebody new takes part in it.
notices = Table(
    "notices",
    metadata,
    Column("notice_id", String(26), primary_key=True),
    Column("kind", String(32), nullable=False),
    Column("plan_id", ID, nullable=False),
    Column("child_id", ID, nullable=False),
    Column("document", JSON, nullable=False),
    Column("event_source", Text, nullable=False),
    Column("event_id", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("written_at", Instant, nullable=False),
)
Index("ix_notices_child_id", notices.c.child_id)
Index("ix_notices_plan_id", notices.c.plan_id)


async def facts_of_children(db: AsyncConnection, child_ids: Iterable[str]) -> dict[str, list[Mapping[str, Any]]]:
    """What counts now of the plans of children, by child."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for some in chunks(set(child_ids)):
        query = select(plan_facts).where(among(db, plan_facts.c.child_id, some), plan_facts.c.known_until.is_(None))
        for row in (await db.execute(query.order_by(plan_facts.c.fact))).mappings():
            found.setdefault(row["child_id"], []).append(dict(row))
    return found
