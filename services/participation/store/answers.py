"""Answers: every one that came, whether it counts or not."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, fields
from typing import Any

from sqlalchemy import Boolean, Column, Index, Integer, String, Table, Text, UniqueConstraint, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.foundation.database import Instant, RowNumber, metadata
from services.foundation.statements import add, among, chunks
from services.participation.rules.answers import Answer

ID = String(64)

answers = Table(
    "answers",
    metadata,
    Column("answer_no", RowNumber, primary_key=True, autoincrement=True),
    Column("meeting_id", ID, nullable=False),
    Column("agency_id", ID),
    Column("person_id", ID),
    Column("team_id", ID),
    Column("answer", String(16), nullable=False),
    Column("at", Instant, nullable=False),
    Column("by", Text),
    Column("delegate_name", Text),
    Column("delegate_email", Text),
    Column("note", Text),
    Column("will_report", Boolean),
    Column("mode", String(16)),
    Column("reason", String(32)),
    Column("sequence", Integer),
    Column("stamp", Instant),
    Column("event_source", Text, nullable=False),
    Column("event_id", Text, nullable=False),
    Column("known_at", Instant, nullable=False),
    UniqueConstraint("event_source", "event_id"),
)
Index("ix_answers_meeting_id", answers.c.meeting_id)

# Other times that were proposed: shown to the organiser, and nothing moves by itself.
proposals = Table(
    "proposals",
    metadata,
    Column("proposal_no", RowNumber, primary_key=True, autoincrement=True),
    Column("meeting_id", ID, nullable=False),
    Column("agency_id", ID),
    Column("person_id", ID),
    Column("team_id", ID),
    Column("starts_at", Instant, nullable=False),
    Column("ends_at", Instant, nullable=False),
    Column("at", Instant, nullable=False),
    Column("by", Text),
    Column("note", Text),
    Column("event_source", Text, nullable=False),
    Column("event_id", Text, nullable=False),
    Column("known_at", Instant, nullable=False),
    UniqueConstraint("event_source", "event_id"),
)
Index("ix_proposals_meeting_id", proposals.c.meeting_id)

# Why an invitation went once more under a SEQUENCE, and when last: since an answer was to an earlier time, since no
# answer came, or since the party asked for it.
asked_again = Table(
    "asked_again",
    metadata,
    Column("invitation_id", String(26), primary_key=True),
    Column("why", String(16), primary_key=True),
    Column("sequence", Integer, primary_key=True, autoincrement=False),
    Column("at", Instant, nullable=False),
)

_FIELDS = tuple(field.name for field in fields(Answer))


async def put(db: AsyncConnection, some: Sequence[Answer]) -> None:
    """Keep answers that came."""
    await add(db, answers, [asdict(each) for each in some])


async def of_meetings(db: AsyncConnection, meeting_ids: Iterable[str]) -> dict[str, list[Answer]]:
    """All answers that came for meetings, in the order in which they were learnt of."""
    found: dict[str, list[Answer]] = {}
    for some in chunks(set(meeting_ids)):
        query = select(*(answers.c[name] for name in _FIELDS)).where(among(db, answers.c.meeting_id, some))
        for row in (await db.execute(query.order_by(answers.c.answer_no))).mappings():
            values: dict[str, Any] = dict(row)
            found.setdefault(values["meeting_id"], []).append(Answer(**values))
    return found
