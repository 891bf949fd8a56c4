"""Answers: every one that came, whether it counts or not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, fields
from datetime import datetime
from typing import Any

from sqlalchemy import Boolean, Column, Index, Integer, String, Table, Text, UniqueConstraint, delete, select, union
from sqlalchemy.ext.asyncio import AsyncConnection

from services.foundation.database import Instant, RowNumber, metadata
from services.foundation.statements import add, among, chunks
from services.invitations.store import invitations
from services.participation.rules.answers import Answer
from services.participation.rules.asking import Proposal

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

# When an invitation went once more for a reason last, and under which SEQUENCE: an answer was to an earlier time, no
# answer had come, or the party asked for it.
asked_again = Table(
    "asked_again",
    metadata,
    Column("invitation_id", String(26), primary_key=True),
    Column("why", String(16), primary_key=True),
    Column("sequence", Integer, nullable=False),
    Column("at", Instant, nullable=False),
)

_FIELDS = tuple(field.name for field in fields(Answer))
_OF_PROPOSALS = tuple(field.name for field in fields(Proposal))


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


async def asked_or_heard(db: AsyncConnection, meeting_ids: Iterable[str]) -> set[str]:
    """To which of these meetings somebody has been asked by a message that went out, or has answered."""
    found: set[str] = set()
    for some in chunks(set(meeting_ids)):
        asked = select(invitations.c.meeting_id).where(
            among(db, invitations.c.meeting_id, some), invitations.c.asked_at.is_not(None)
        )
        heard = select(answers.c.meeting_id).where(among(db, answers.c.meeting_id, some))
        found |= set((await db.execute(union(asked, heard))).scalars())
    return found


async def put_proposals(db: AsyncConnection, some: Sequence[Proposal]) -> None:
    """Keep other times that were proposed."""
    await add(db, proposals, [asdict(each) for each in some])


async def proposals_of(db: AsyncConnection, meeting_ids: Iterable[str]) -> dict[str, list[Proposal]]:
    """The other times that were proposed for meetings, in the order in which they were learnt of."""
    found: dict[str, list[Proposal]] = {}
    for some in chunks(set(meeting_ids)):
        query = select(*(proposals.c[name] for name in _OF_PROPOSALS)).where(among(db, proposals.c.meeting_id, some))
        for row in (await db.execute(query.order_by(proposals.c.proposal_no))).mappings():
            values: dict[str, Any] = dict(row)
            found.setdefault(values["meeting_id"], []).append(Proposal(**values))
    return found


async def went_again(db: AsyncConnection, why: str, ids: Iterable[str]) -> dict[str, tuple[int, datetime]]:
    """Under which SEQUENCE, and when, invitations went once more for this reason last; by id."""
    found: dict[str, tuple[int, datetime]] = {}
    for some in chunks(set(ids)):
        query = select(asked_again.c.invitation_id, asked_again.c.sequence, asked_again.c.at).where(
            among(db, asked_again.c.invitation_id, some), asked_again.c.why == why
        )
        found.update((row.invitation_id, (row.sequence, row.at)) for row in await db.execute(query))
    return found


async def note_went_again(db: AsyncConnection, why: str, sequences: Mapping[str, int], now: datetime) -> None:
    """Note that invitations go once more for this reason, each under its SEQUENCE."""
    for some in chunks(sequences):
        before = among(db, asked_again.c.invitation_id, some)
        await db.execute(delete(asked_again).where(before, asked_again.c.why == why))
    rows = [{"invitation_id": each, "why": why, "sequence": number, "at": now} for each, number in sequences.items()]
    await add(db, asked_again, rows)
