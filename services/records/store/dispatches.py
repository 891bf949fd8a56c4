"""The dispatches: one row for each thing that goes, or does not go, to one reader."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import JSON, Column, Index, Integer, String, Table, Text, bindparam, literal, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.foundation.database import Instant, RowNumber, metadata
from services.foundation.statements import add, among, change, chunks
from services.records.rules.dispatch import NOTICE, UNDELIVERED, WITHHELD, Dispatch

ID = String(64)

dispatches = Table(
    "dispatches",
    metadata,
    Column("dispatch_id", String(26), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("about", ID, nullable=False),
    Column("version", Integer, nullable=False),
    Column("meeting_id", ID),
    Column("child_id", ID),
    Column("partition_key", Text, nullable=False),
    Column("party", Text, nullable=False),
    Column("agency_id", ID),
    Column("person_id", ID),
    Column("team_id", ID),
    Column("channel", String(16), nullable=False),
    Column("address", Text),
    Column("how", String(16), nullable=False),
    Column("state", String(16), nullable=False),
    Column("why", String(64)),
    Column("decided", JSON),
    Column("content", ID),
    Column("document_id", ID),
    Column("written_at", Instant, nullable=False),
    Column("sent_at", Instant),
    Column("delivered_at", Instant),
    Column("opened_at", Instant),
    Column("confirmed_at", Instant),
    Column("confirmed", String(16)),
    Column("reminded_at", Instant),
    Column("ended_at", Instant),
    Column("expires_at", Instant),
    Column("shown", JSON),
)
Index("ix_dispatches_about", dispatches.c.about, dispatches.c.version)
Index("ix_dispatches_meeting_id", dispatches.c.meeting_id)
Index("ix_dispatches_child_id", dispatches.c.child_id)
Index("ix_dispatches_document_id", dispatches.c.document_id)
# Written into the statement, where the index on notices is recognised before any value is known.
IS_NOTICE = dispatches.c.kind == literal(NOTICE, String(16), literal_execute=True)
_notice = dispatches.c.kind == NOTICE
Index("ix_dispatches_notices", dispatches.c.agency_id, sqlite_where=_notice, postgresql_where=_notice)
# The same for what has not reached an agency: looked at when one of its addresses is recorded.
_NOT_REACHED = (UNDELIVERED, WITHHELD)
NOT_REACHED = dispatches.c.state.in_(bindparam(None, _NOT_REACHED, expanding=True, literal_execute=True))
_not_reached = dispatches.c.state.in_(_NOT_REACHED)
Index("ix_dispatches_not_reached", dispatches.c.agency_id, sqlite_where=_not_reached, postgresql_where=_not_reached)

# Each time that a reader opened what a link leads to.
openings = Table(
    "openings",
    metadata,
    Column("opening_no", RowNumber, primary_key=True, autoincrement=True),
    Column("dispatch_id", String(26), nullable=False),
    Column("at", Instant, nullable=False),
    Column("event_source", Text, nullable=False),
    Column("event_id", Text, nullable=False),
)
Index("ix_openings_dispatch_id", openings.c.dispatch_id)


def _dispatch(row: Mapping[Any, Any]) -> Dispatch:
    return Dispatch(**{name: row[name] for name in Dispatch.__slots__})


async def put(db: AsyncConnection, some: Sequence[Dispatch]) -> None:
    """Add dispatches that are not there yet."""
    await add(db, dispatches, [{name: getattr(each, name) for name in Dispatch.__slots__} for each in some])


async def by_ids(db: AsyncConnection, ids: Iterable[str]) -> dict[str, Dispatch]:
    """Dispatches by id."""
    found: dict[str, Dispatch] = {}
    for some in chunks(set(ids)):
        rows = await db.execute(select(dispatches).where(among(db, dispatches.c.dispatch_id, some)))
        found.update((row["dispatch_id"], _dispatch(row)) for row in rows.mappings())
    return found


async def about(db: AsyncConnection, abouts: Iterable[str]) -> dict[str, list[Dispatch]]:
    """The dispatches about records, notices or documents, by what they are about, in a lasting order."""
    return await _listed(db, "about", abouts)


async def of_meetings(db: AsyncConnection, meeting_ids: Iterable[str]) -> dict[str, list[Dispatch]]:
    """The dispatches that belong to meetings, by meeting, in a lasting order."""
    return await _listed(db, "meeting_id", meeting_ids)


async def of_children(db: AsyncConnection, child_ids: Iterable[str]) -> dict[str, list[Dispatch]]:
    """The dispatches that are about one child, by child, in a lasting order."""
    return await _listed(db, "child_id", child_ids)


async def not_reached_of(db: AsyncConnection, agency_ids: Iterable[str]) -> list[Dispatch]:
    """What these agencies have not got, since it came back or was kept back, in a lasting order."""
    found: list[Dispatch] = []
    for some in chunks(set(agency_ids)):
        query = select(dispatches).where(among(db, dispatches.c.agency_id, some), NOT_REACHED)
        found += [_dispatch(row) for row in (await db.execute(query.order_by(dispatches.c.dispatch_id))).mappings()]
    return found


async def _listed(db: AsyncConnection, column: str, values: Iterable[str]) -> dict[str, list[Dispatch]]:
    found: dict[str, list[Dispatch]] = {}
    order = (dispatches.c.about, dispatches.c.version, dispatches.c.party, dispatches.c.channel)
    for some in chunks(set(values)):
        rows = await db.execute(select(dispatches).where(among(db, dispatches.c[column], some)).order_by(*order))
        for row in rows.mappings():
            found.setdefault(row[column], []).append(_dispatch(row))
    return found


async def set_columns(db: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Set columns of dispatches: each row holds `dispatch_id` and what is set; all have the same columns."""
    await change(db, dispatches, ["dispatch_id"], rows)


async def note_first(db: AsyncConnection, column: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """The same, where a moment that is noted already stays as it is: `column` is that moment's."""
    await change(db, dispatches, ["dispatch_id"], rows, fill=column)
