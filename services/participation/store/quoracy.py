"""Verdicts on quoracy, and what a person with the right to decide allowed."""

from __future__ import annotations

from sqlalchemy import JSON, Boolean, Column, Index, String, Table, Text, UniqueConstraint

from services.foundation.database import Instant, RowNumber, metadata

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
