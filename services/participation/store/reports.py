"""Reports and care plans: what was asked for, what came, and what is half written."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Column, Index, String, Table, Text, UniqueConstraint

from services.foundation.database import Instant, RowNumber, metadata

ID = String(64)

# What a party was asked for: one row for each invitation and kind of document.
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
)
Index("ix_report_requests_meeting_id", requests.c.meeting_id)

# What came: one row for each event.
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
    UniqueConstraint("event_source", "event_id"),
)
Index("ix_reports_meeting_id", reports.c.meeting_id)

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
