"""Child protection plans, and the notices about them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import JSON, Column, CompoundSelect, Date, Index, Select, String, Table, Text, select, union
from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.envelope import Event
from schemas.plan import PlanEnded, PlanStarted
from services.directory.rules import Cause
from services.foundation.clock import london_date
from services.foundation.database import Instant, metadata
from services.foundation.history import history_columns, remember
from services.foundation.statements import add, among, among_given, chunks
from services.meetings.store import entries, meeting_children
from services.participation.rules.register import PRESENT
from services.participation.store.quoracy import held_facts, plan_ends
from services.records.rules.dispatch import QUEUED, UNDELIVERED, WITHHELD
from services.records.rules.notices import Asked, Notice
from services.records.rules.plans import Told
from services.records.store.dispatches import IS_NOTICE, dispatches

ID = String(64)

# What events say of a plan, by aspect, with its history: `fact` is the plan's id, the child's and the aspect. A
# category that changes is another version of `started`.
plan_facts = Table(
    "plan_facts",
    metadata,
    Column("fact", String(160), nullable=False),
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


async def keep(db: AsyncConnection, events: Sequence[Event], aspect: str, now: datetime) -> set[str]:
    """Keep what events say of plans; returns the children whom something new is told of."""
    rows = []
    for event in events:
        said = event.data
        assert isinstance(said, PlanStarted | PlanEnded)
        rows.append(
            {
                "fact": f"{said.plan_id}|{said.child_id}|{aspect}",
                "plan_id": said.plan_id,
                "child_id": said.child_id,
                "aspect": aspect,
                "day": said.on,
                "partition_key": event.partition_key,
                "document": said.model_dump(mode="json", include={"category", "household", "meeting_id"}),
                "event_time": event.time,
                "event_source": event.source,
                "event_id": event.id,
            }
        )
    await remember(db, plan_facts, "fact", rows, now)
    return {str(row["child_id"]) for row in rows}


async def with_plans(db: AsyncConnection, child_ids: Iterable[str]) -> set[str]:
    """Which of these are children of whom a plan has been told."""
    found: set[str] = set()
    for some in chunks(set(child_ids)):
        found |= set((await db.execute(_with_plans(db.dialect.name), {"children": some})).scalars())
    return found


@cache
def _with_plans(dialect: str) -> Select[Any]:
    """Put together once: it is asked at every change of the directory."""
    some = among_given(dialect, plan_facts.c.child_id, "children")
    return select(plan_facts.c.child_id).where(some, plan_facts.c.known_until.is_(None)).distinct()


async def told_of(db: AsyncConnection, child_ids: Iterable[str]) -> list[Told]:
    """Everything that was ever told of the plans of children."""
    plan_ids: set[str] = set()
    for some in chunks(set(child_ids)):
        query = select(plan_facts.c.plan_id).where(
            among(db, plan_facts.c.child_id, some), plan_facts.c.known_until.is_(None)
        )
        plan_ids |= set((await db.execute(query)).scalars())
    found: list[Told] = []
    for some in chunks(plan_ids):
        rows = await db.execute(select(plan_facts).where(among(db, plan_facts.c.plan_id, some)))
        found += [_told(row) for row in rows.mappings()]
    return found


def _told(row: Mapping[Any, Any]) -> Told:
    d = row["document"]
    return Told(
        row["plan_id"],
        row["child_id"],
        row["aspect"],
        row["day"],
        d["category"],
        tuple(d["household"]),
        d["meeting_id"],
        row["event_time"],
        Cause(row["event_source"], row["event_id"]),
        row["known_from"],
        row["partition_key"],
    )


async def with_plans_about(db: AsyncConnection, meeting_ids: Iterable[str]) -> set[str]:
    """The children of whom a plan has been told and whom these meetings are about, or whose plans these are named as
    having ended.
    """
    found: set[str] = set()
    for some in chunks(set(meeting_ids)):
        found |= set((await db.execute(_with_plans_about(db.dialect.name), {"meetings": some})).scalars())
    return found


@cache
def _with_plans_about(dialect: str) -> CompoundSelect[Any]:
    """Put together once: it is asked whenever a meeting is judged."""
    told = select(plan_facts.c.child_id).where(plan_facts.c.known_until.is_(None))
    return union(
        told.join(meeting_children, meeting_children.c.child_id == plan_facts.c.child_id).where(
            among_given(dialect, meeting_children.c.meeting_id, "meetings")
        ),
        told.join(plan_ends, plan_ends.c.child_id == plan_facts.c.child_id).where(
            among_given(dialect, plan_ends.c.meeting_id, "meetings"), plan_ends.c.known_until.is_(None)
        ),
    )


async def meetings_about(db: AsyncConnection, child_ids: Iterable[str]) -> dict[str, set[str]]:
    """The meetings about children, by child, whenever they are."""
    found: dict[str, set[str]] = {}
    for some in chunks(set(child_ids)):
        rows = await db.execute(select(meeting_children).where(among(db, meeting_children.c.child_id, some)))
        for row in rows:
            found.setdefault(row.child_id, set()).add(row.meeting_id)
    return found


async def asked_to(db: AsyncConnection, meeting_ids: Iterable[str]) -> dict[str, list[Asked]]:
    """Which agencies were ever to be asked to meetings, by meeting, in the order in which that was decided."""
    found: dict[str, list[Asked]] = {}
    for some in chunks(set(meeting_ids)):
        query = select(entries).where(among(db, entries.c.meeting_id, some), entries.c.agency_id.is_not(None))
        for row in (await db.execute(query.order_by(entries.c.version))).mappings():
            found.setdefault(row["meeting_id"], []).append(
                Asked(
                    row["agency_id"],
                    row["team_id"],
                    frozenset(row["document"]["child_ids"]),
                    row["decision"],
                    row["why_not"],
                    row["known_until"] is None,
                    london_date(row["known_from"]),
                )
            )
    return found


async def present_at(db: AsyncConnection, meeting_ids: Iterable[str]) -> dict[str, set[str]]:
    """The agencies that were there, by the registers of meetings, by meeting; not those that are noted as absent."""
    held = await held_facts(db, meeting_ids)
    return {
        meeting_id: {
            line["agency_id"]
            for line in row["document"]["attendance"]
            if line["agency_id"] is not None and line["status"] == PRESENT
        }
        for meeting_id, row in held.items()
    }


async def put_notices(db: AsyncConnection, some: Sequence[Notice]) -> None:
    """Add notices."""
    await add(
        db,
        notices,
        [
            {
                "notice_id": each.notice_id,
                "kind": each.kind,
                "plan_id": each.plan_id,
                "child_id": each.child_id,
                "document": {"number": each.number, "category": each.category, "before": each.before},
                "event_source": each.cause.source,
                "event_id": each.cause.id,
                "at": each.at,
                "written_at": each.written_at,
            }
            for each in some
        ],
    )


async def notices_of(db: AsyncConnection, child_ids: Iterable[str]) -> dict[str, list[Notice]]:
    """The notices about the plans of children, by child, in the order in which they were written."""
    found: dict[str, list[Notice]] = {}
    for some in chunks(set(child_ids)):
        rows = await db.execute(select(notices).where(among(db, notices.c.child_id, some)))
        for row in rows.mappings():
            found.setdefault(row["child_id"], []).append(_notice(row))
    for of_child in found.values():
        of_child.sort(key=lambda each: (each.plan_id, each.number, each.notice_id))
    return found


def _notice(row: Mapping[Any, Any]) -> Notice:
    d = row["document"]
    return Notice(
        row["notice_id"],
        row["kind"],
        row["plan_id"],
        row["child_id"],
        d["number"],
        d["category"],
        d["before"],
        Cause(row["event_source"], row["event_id"]),
        row["at"],
        row["written_at"],
    )


async def not_reached_of(db: AsyncConnection, agency_ids: Iterable[str]) -> set[str]:
    """The children about whom notices to these agencies have not gone, or came back."""
    found: set[str] = set()
    for some in chunks(set(agency_ids)):
        query = select(dispatches.c.child_id).where(
            among(db, dispatches.c.agency_id, some),
            IS_NOTICE,
            dispatches.c.state.in_((QUEUED, WITHHELD, UNDELIVERED)),
        )
        found |= set((await db.execute(query.distinct())).scalars())
    return found
