"""Verdicts on quoracy, and what a person with the right to decide allowed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Boolean, Column, Date, Index, String, Table, Text, UniqueConstraint, delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.directory.rules import Cause
from services.foundation.database import Instant, RowNumber, metadata
from services.foundation.history import counts_at, history_columns
from services.foundation.statements import add, among, chunks
from services.meetings.store import HELD, meeting_children, meeting_facts, meetings
from services.participation.rules.quoracy import Party
from services.participation.rules.verdict import Permission, Refusal, Verdict, document

ID = String(64)

# How a held meeting was judged, as things stand. `document` holds who counts and why; `refused` what may not follow.
verdicts = Table(
    "verdicts",
    metadata,
    Column("meeting_id", ID, primary_key=True),
    Column("quorate", Boolean, nullable=False),
    Column("rule", ID, nullable=False),
    Column("text", Text, nullable=False),
    Column("document", JSON, nullable=False),
    Column("refused", JSON, nullable=False),
    Column("judged_at", Instant, nullable=False),
)

quoracy_exceptions = Table(
    "quoracy_exceptions",
    metadata,
    Column("exception_no", RowNumber, primary_key=True, autoincrement=True),
    Column("meeting_id", ID, nullable=False),
    Column("allows", String(32), nullable=False),
    Column("by", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("event_source", Text, nullable=False),
    Column("event_id", Text, nullable=False),
    Column("known_at", Instant, nullable=False),
    UniqueConstraint("event_source", "event_id"),
)
Index("ix_quoracy_exceptions_meeting_id", quoracy_exceptions.c.meeting_id)

# The agencies that stand in the registers of held meetings: where to look when an agency's own record changes.
attendances = Table(
    "attendances",
    metadata,
    Column("meeting_id", ID, primary_key=True),
    Column("agency_id", ID, primary_key=True),
    Column("starts_at", Instant, nullable=False),
)
Index("ix_attendances_agency_id", attendances.c.agency_id, attendances.c.starts_at)

# The ends of plans, and the meetings that are named as having decided them.
plan_ends = Table(
    "plan_ends",
    metadata,
    Column("plan_id", ID, nullable=False),
    Column("child_id", ID, nullable=False),
    Column("meeting_id", ID),
    Column("on", Date, nullable=False),
    *history_columns(),
)
_standing = plan_ends.c.known_until.is_(None)
Index("ix_plan_ends_plan_id", plan_ends.c.plan_id, unique=True, sqlite_where=_standing, postgresql_where=_standing)
Index("ix_plan_ends_meeting_id", plan_ends.c.meeting_id)


async def put_permissions(db: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Keep what persons allowed."""
    await add(db, quoracy_exceptions, rows)


async def permissions_of(
    db: AsyncConnection, meeting_ids: Iterable[str], as_of: datetime | None = None
) -> dict[str, list[Permission]]:
    """What was allowed to meetings."""
    found: dict[str, list[Permission]] = {}
    for some in chunks(set(meeting_ids)):
        query = select(quoracy_exceptions).where(among(db, quoracy_exceptions.c.meeting_id, some))
        if as_of is not None:
            query = query.where(quoracy_exceptions.c.known_at <= as_of)
        for row in (await db.execute(query)).mappings():
            cause = Cause(row["event_source"], row["event_id"])
            found.setdefault(row["meeting_id"], []).append(
                Permission(row["allows"], row["by"], row["reason"], row["at"], cause)
            )
    return found


async def meetings_that_ended_plans(
    db: AsyncConnection, meeting_ids: Iterable[str], as_of: datetime | None = None
) -> set[str]:
    """Which of these meetings are named as having decided the end of a plan."""
    found: set[str] = set()
    for some in chunks(set(meeting_ids)):
        query = select(plan_ends.c.meeting_id).where(
            among(db, plan_ends.c.meeting_id, some), counts_at(plan_ends, as_of)
        )
        found |= set((await db.execute(query)).scalars())
    return found


async def meetings_of_plan_ends(db: AsyncConnection, plan_ids: Iterable[str]) -> set[str]:
    """The meetings that the ends of these plans name, as they stand."""
    found: set[str] = set()
    for some in chunks(set(plan_ids)):
        query = select(plan_ends.c.meeting_id).where(
            among(db, plan_ends.c.plan_id, some), plan_ends.c.known_until.is_(None), plan_ends.c.meeting_id.is_not(None)
        )
        found |= set((await db.execute(query)).scalars())
    return found


async def held_facts(
    db: AsyncConnection, meeting_ids: Iterable[str], as_of: datetime | None = None
) -> dict[str, Mapping[Any, Any]]:
    """What was sent of how meetings were held: the rows of that aspect."""
    found: dict[str, Mapping[Any, Any]] = {}
    for some in chunks(set(meeting_ids)):
        query = select(meeting_facts).where(
            among(db, meeting_facts.c.meeting_id, some),
            meeting_facts.c.aspect == HELD,
            counts_at(meeting_facts, as_of),
        )
        found.update((row["meeting_id"], row) for row in (await db.execute(query)).mappings())
    return found


async def held_about(db: AsyncConnection, child_ids: Iterable[str]) -> list[tuple[str, str, datetime]]:
    """The held meetings about these children, as (meeting, child, when it began)."""
    found: list[tuple[str, str, datetime]] = []
    for some in chunks(set(child_ids)):
        query = (
            select(meetings.c.meeting_id, meeting_children.c.child_id, meetings.c.starts_at)
            .join(meeting_children, meeting_children.c.meeting_id == meetings.c.meeting_id)
            .where(among(db, meeting_children.c.child_id, some), meetings.c.state == HELD)
        )
        found += [(row.meeting_id, row.child_id, row.starts_at) for row in await db.execute(query)]
    return found


async def held_followers(db: AsyncConnection, meeting_ids: Iterable[str]) -> set[str]:
    """The held meetings that name one of these as the meeting they follow."""
    found: set[str] = set()
    for some in chunks(set(meeting_ids)):
        query = select(meetings.c.meeting_id).where(among(db, meetings.c.follows, some), meetings.c.state == HELD)
        found |= set((await db.execute(query)).scalars())
    return found


async def attended(db: AsyncConnection, agency_ids: Iterable[str], since: datetime) -> list[tuple[str, str, datetime]]:
    """The held meetings that began at a moment or later in whose registers these agencies stand, as (meeting, agency,
    when it began).
    """
    found: list[tuple[str, str, datetime]] = []
    for some in chunks(set(agency_ids)):
        query = select(attendances).where(among(db, attendances.c.agency_id, some), attendances.c.starts_at >= since)
        found += [(row.meeting_id, row.agency_id, row.starts_at) for row in await db.execute(query)]
    return found


async def note_attendances(db: AsyncConnection, held: Mapping[str, tuple[datetime, Iterable[str]]]) -> None:
    """Note which agencies stand in the registers of these meetings, by meeting: when it began, and the agencies."""
    for some in chunks(held):
        await db.execute(delete(attendances).where(among(db, attendances.c.meeting_id, some)))
    rows = [
        {"meeting_id": meeting_id, "agency_id": each, "starts_at": starts_at}
        for meeting_id, (starts_at, agency_ids) in held.items()
        for each in sorted(set(agency_ids))
    ]
    await add(db, attendances, rows)


async def verdicts_of(db: AsyncConnection, meeting_ids: Iterable[str]) -> dict[str, Verdict]:
    """The verdicts on meetings, as they stand."""
    found: dict[str, Verdict] = {}
    for some in chunks(set(meeting_ids)):
        rows = await db.execute(select(verdicts).where(among(db, verdicts.c.meeting_id, some)))
        found.update((row["meeting_id"], _verdict(row)) for row in rows.mappings())
    return found


async def put_verdicts(db: AsyncConnection, changed: Sequence[Verdict], gone: Iterable[str], now: datetime) -> None:
    """Write verdicts that are new or read otherwise, and take away those of meetings that are judged no more."""
    for some in chunks({*gone, *(each.meeting_id for each in changed)}):
        await db.execute(delete(verdicts).where(among(db, verdicts.c.meeting_id, some)))
    rows = [
        {
            "meeting_id": each.meeting_id,
            "quorate": each.quorate,
            "rule": each.rule,
            "text": each.text,
            "document": document(each),
            "refused": [
                {"what": r.what, "text": r.text, "needs": r.needs, "attempted": r.attempted} for r in each.refused
            ],
            "judged_at": now,
        }
        for each in changed
    ]
    await add(db, verdicts, rows)


def _verdict(row: Mapping[Any, Any]) -> Verdict:
    d = row["document"]
    parties = tuple(
        Party(
            p["agency_id"],
            p["kind"],
            p["name"],
            p["counts"],
            p["why"],
            p["text"],
            tuple(Cause(source, each) for source, each in p["causes"]),
        )
        for p in d["parties"]
    )
    return Verdict(
        row["meeting_id"],
        row["quorate"],
        row["rule"],
        row["text"],
        d["confirmed"],
        d["needed"],
        d["found"],
        tuple(d["missing"]),
        parties,
        tuple(Refusal(r["what"], r["text"], r["needs"], r["attempted"]) for r in row["refused"]),
        d["went_on"] and _permission(d["went_on"]),
        tuple(_permission(each) for each in d["allowed"]),
        tuple(d["inquorate_before"]),
        tuple(d["child_ids"]),
        datetime.fromisoformat(d["starts_at"]),
    )


def _permission(d: Mapping[str, Any]) -> Permission:
    source, event_id = d["cause"]
    return Permission(d["allows"], d["by"], d["reason"], datetime.fromisoformat(d["at"]), Cause(source, event_id))
