"""Reports and care plans: what was asked for, what came, and what is half written."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields
from typing import Any

from sqlalchemy import JSON, BigInteger, Column, Index, Integer, String, Table, Text, UniqueConstraint, literal, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.foundation.database import Instant, RowNumber, metadata
from services.foundation.statements import add, among, change, chunks
from services.participation.rules.reports import CARE_PLAN, Report, Request

ID = String(64)

# What a party was asked for: one row for each invitation and kind of document, which stays when it is owed no more
# (`ended_at`). `told_sequence` is the SEQUENCE at which the letter that asks for it was written, `failure` why no such
# letter reached the party.
requests = Table(
    "report_requests",
    metadata,
    Column("invitation_id", String(26), primary_key=True),
    Column("kind", String(16), primary_key=True),
    Column("meeting_id", ID, nullable=False),
    Column("agency_id", ID, nullable=False),
    Column("team_id", ID),
    Column("because", String(16), nullable=False),
    Column("asked_at", Instant, nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("reminded_at", Instant),
    Column("told_sequence", Integer),
    Column("failure", String(16)),
    Column("ended_at", Instant),
)
Index("ix_report_requests_meeting_id", requests.c.meeting_id)

# What came: one row for each event. `child_id` is the one child that it is about, where that was said.
reports = Table(
    "reports",
    metadata,
    Column("report_no", RowNumber, primary_key=True, autoincrement=True),
    Column("meeting_id", ID, nullable=False),
    Column("agency_id", ID, nullable=False),
    Column("team_id", ID),
    Column("document_id", ID, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("at", Instant, nullable=False),
    Column("by", Text),
    Column("event_source", Text, nullable=False),
    Column("event_id", Text, nullable=False),
    Column("known_at", Instant, nullable=False),
    Column("child_id", ID),
    UniqueConstraint("event_source", "event_id"),
)
Index("ix_reports_meeting_id", reports.c.meeting_id)
# Care plans are few, and looked for whenever a meeting changes: written into the statement, where these indexes are
# recognised before any value is known.
IS_CARE_PLAN = reports.c.kind == literal(CARE_PLAN, String(16), literal_execute=True)
_care_plan = reports.c.kind == CARE_PLAN
for _name in ("meeting_id", "document_id"):
    Index(f"ix_reports_care_plans_{_name}", reports.c[_name], sqlite_where=_care_plan, postgresql_where=_care_plan)

# What Quorate holds of documents itself, each under the SHA-256 of its content. `scan` is `none` (no scanner is set),
# `waiting`, `clean` or `infected`.
documents = Table(
    "documents",
    metadata,
    Column("document_id", ID, primary_key=True),
    Column("name", Text, nullable=False),
    Column("media_type", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("scan", String(16), nullable=False),
)

# What somebody began to write on the page and has not sent: one for each invitation and form.
drafts = Table(
    "drafts",
    metadata,
    Column("invitation_id", String(26), primary_key=True),
    Column("form", String(32), primary_key=True),
    Column("fields", JSON, nullable=False),
    Column("saved_at", Instant, nullable=False),
)

_REQUEST = tuple(field.name for field in fields(Request))
_REPORT = tuple(field.name for field in fields(Report))


def _columns(each: Report | Request, names: Sequence[str]) -> dict[str, Any]:
    return {name: getattr(each, name) for name in names}


async def put(db: AsyncConnection, some: Sequence[Report]) -> None:
    """Keep that documents came."""
    await add(db, reports, [_columns(each, _REPORT) for each in some])


async def of_meetings(db: AsyncConnection, meeting_ids: Iterable[str]) -> dict[str, list[Report]]:
    """The documents that came for meetings, in the order in which they were learnt of."""
    found: dict[str, list[Report]] = {}
    for some in chunks(set(meeting_ids)):
        query = select(*(reports.c[name] for name in _REPORT)).where(among(db, reports.c.meeting_id, some))
        for row in (await db.execute(query.order_by(reports.c.report_no))).mappings():
            values: dict[str, Any] = dict(row)
            found.setdefault(values["meeting_id"], []).append(Report(**values))
    return found


async def care_plans_for(db: AsyncConnection, document_ids: Iterable[str]) -> set[str]:
    """The meetings for which any of these documents came as a care plan."""
    found: set[str] = set()
    for some in chunks(set(document_ids)):
        query = select(reports.c.meeting_id).where(among(db, reports.c.document_id, some), IS_CARE_PLAN)
        found |= set((await db.execute(query)).scalars())
    return found


async def put_requests(db: AsyncConnection, fresh: Sequence[Request], changed: Sequence[Request]) -> None:
    """Keep what parties were asked for: new, and as it stands after a change."""
    await add(db, requests, [_columns(each, _REQUEST) for each in fresh])
    await change(db, requests, ["invitation_id", "kind"], [_columns(each, _REQUEST) for each in changed])


async def requests_of_meetings(
    db: AsyncConnection, meeting_ids: Iterable[str]
) -> dict[str, dict[tuple[str, str], Request]]:
    """What parties of meetings were ever asked for: by meeting, then by invitation and kind."""
    found: dict[str, dict[tuple[str, str], Request]] = {}
    for some in chunks(set(meeting_ids)):
        query = select(*(requests.c[name] for name in _REQUEST)).where(among(db, requests.c.meeting_id, some))
        for row in (await db.execute(query)).mappings():
            values: dict[str, Any] = dict(row)
            request = Request(**values)
            found.setdefault(request.meeting_id, {})[request.invitation_id, request.kind] = request
    return found


async def asked_among(db: AsyncConnection, meeting_ids: Iterable[str]) -> set[str]:
    """For which of these meetings anyone was ever asked for something in writing."""
    found: set[str] = set()
    for some in chunks(set(meeting_ids)):
        query = select(requests.c.meeting_id).where(among(db, requests.c.meeting_id, some))
        found |= set((await db.execute(query.distinct())).scalars())
    return found


async def requests_of(db: AsyncConnection, invitation_ids: Iterable[str]) -> dict[str, dict[str, Request]]:
    """What parties were ever asked for: by invitation, then by kind."""
    found: dict[str, dict[str, Request]] = {}
    for some in chunks(set(invitation_ids)):
        query = select(*(requests.c[name] for name in _REQUEST)).where(among(db, requests.c.invitation_id, some))
        for row in (await db.execute(query)).mappings():
            values: dict[str, Any] = dict(row)
            request = Request(**values)
            found.setdefault(request.invitation_id, {})[request.kind] = request
    return found
