"""The documents that Quorate holds itself, what was begun on the answer page, and what was sent or refused there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Index, String, Table, delete, insert, or_, select, update
from sqlalchemy.dialects.postgresql import insert as insert_postgresql
from sqlalchemy.dialects.sqlite import insert as insert_sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from services.foundation.database import Instant, RowNumber, metadata
from services.foundation.statements import among, chunks
from services.invitations.rules import Invitation
from services.invitations.store import invitations
from services.participation.store.reports import documents, drafts, reports

ID = String(64)

NOT_SCANNED, WAITING, CLEAN, INFECTED = "none", "waiting", "clean", "infected"
"""How it stands with looking for what does harm: no scanner is set; it has not decided; nothing; something."""
MAY_BE_READ = frozenset({NOT_SCANNED, CLEAN})

# When something was first sent from the answer page: what is sent twice by a second click is one event.
sendings = Table(
    "sendings",
    metadata,
    Column("sending_id", ID, primary_key=True),
    Column("at", Instant, nullable=False),
)

# Files that were sent and not kept, for a person to know of.
refusals = Table(
    "refusals",
    metadata,
    Column("refusal_no", RowNumber, primary_key=True, autoincrement=True),
    Column("meeting_id", ID, nullable=False),
    Column("invitation_id", String(26), nullable=False),
    Column("agency_id", ID, nullable=False),
    Column("team_id", ID),
    Column("reason", String(16), nullable=False),
    Column("at", Instant, nullable=False),
)
Index("ix_refusals_meeting_id", refusals.c.meeting_id)


@dataclass(frozen=True, slots=True)
class Document:
    """A document that Quorate holds; `scan` is one of those above."""

    document_id: str
    name: str
    media_type: str
    size: int
    received_at: datetime
    scan: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """A file of one party that was refused, and why."""

    meeting_id: str
    invitation_id: str
    agency_id: str
    team_id: str | None
    reason: str
    at: datetime


async def _add_if_new(db: AsyncConnection, table: Table, values: Mapping[str, Any]) -> None:
    """Add a row unless one has its key."""
    if db.dialect.name == "sqlite":
        await db.execute(insert_sqlite(table).values(values).on_conflict_do_nothing())
    else:
        await db.execute(insert_postgresql(table).values(values).on_conflict_do_nothing())


async def keep(db: AsyncConnection, document: Document) -> None:
    """Note a document that is on the disk. One that came before keeps its first name and its last verdict."""
    values = {name: getattr(document, name) for name in document.__slots__}
    await _add_if_new(db, documents, values)
    if document.scan in (CLEAN, INFECTED):
        await note_scan(db, document.document_id, document.scan)


async def note_scan(db: AsyncConnection, document_id: str, scan: str) -> None:
    """Note how a document was scanned."""
    await db.execute(update(documents).where(documents.c.document_id == document_id).values(scan=scan))


async def one(db: AsyncConnection, document_id: str) -> Document | None:
    """A document that Quorate holds; None where it holds no such document."""
    row = (await db.execute(select(documents).where(documents.c.document_id == document_id))).mappings().first()
    return Document(**row) if row is not None else None


async def some(db: AsyncConnection, document_ids: Iterable[str]) -> dict[str, Document]:
    """Documents that Quorate holds, by id."""
    found: dict[str, Document] = {}
    for part in chunks(set(document_ids)):
        rows = await db.execute(select(documents).where(among(db, documents.c.document_id, part)))
        found.update((row["document_id"], Document(**row)) for row in rows.mappings())
    return found


async def sent_for(db: AsyncConnection, document_id: str) -> list[Mapping[str, Any]]:
    """For which meetings a document came, from whom and when, the first one first."""
    columns = (reports.c.meeting_id, reports.c.agency_id, reports.c.team_id, reports.c.kind, reports.c.at, reports.c.by)
    query = select(*columns).where(reports.c.document_id == document_id).order_by(reports.c.at, reports.c.report_no)
    return [dict(row) for row in (await db.execute(query)).mappings()]


async def sent_by(db: AsyncConnection, invitation: Invitation) -> list[Mapping[str, Any]]:
    """What came from the party of an invitation for its meeting, and is held here: each document once."""
    query = (
        select(reports.c.document_id, reports.c.kind, reports.c.at, documents.c.media_type, documents.c.size)
        .join(documents, documents.c.document_id == reports.c.document_id)
        .where(
            reports.c.meeting_id == invitation.meeting_id,
            reports.c.agency_id == invitation.agency_id,
            or_(reports.c.team_id.is_(None), reports.c.team_id == invitation.team_id),
        )
        .order_by(reports.c.at, reports.c.report_no)
    )
    found: dict[str, Mapping[str, Any]] = {}
    for row in (await db.execute(query)).mappings():
        found.setdefault(row["document_id"], dict(row))
    return list(found.values())


async def first_sent(db: AsyncConnection, sending_id: str, now: datetime) -> datetime:
    """When this was first sent: now, unless it was before."""
    await _add_if_new(db, sendings, {"sending_id": sending_id, "at": now})
    at: datetime = (await db.execute(select(sendings.c.at).where(sendings.c.sending_id == sending_id))).scalar_one()
    return at


async def draft(db: AsyncConnection, invitation_id: str, form: str) -> tuple[dict[str, str], datetime] | None:
    """What was begun in a form and not sent, and when it was saved."""
    query = select(drafts).where(drafts.c.invitation_id == invitation_id, drafts.c.form == form)
    row = (await db.execute(query)).mappings().first()
    return (dict(row["fields"]), row["saved_at"]) if row is not None else None


async def drafts_of(db: AsyncConnection, invitation_id: str) -> dict[str, datetime]:
    """The forms that something was begun in, and when each was saved."""
    query = select(drafts.c.form, drafts.c.saved_at).where(drafts.c.invitation_id == invitation_id)
    return {row.form: row.saved_at for row in await db.execute(query)}


async def save_draft(
    db: AsyncConnection, invitation_id: str, form: str, fields: Mapping[str, str], now: datetime
) -> None:
    """Keep what was begun in a form, in place of what was kept before."""
    await drop_draft(db, invitation_id, form)
    row = {"invitation_id": invitation_id, "form": form, "fields": dict(fields), "saved_at": now}
    await db.execute(insert(drafts).values(row))


async def drop_draft(db: AsyncConnection, invitation_id: str, form: str) -> None:
    """Forget what was begun in a form."""
    await db.execute(delete(drafts).where(drafts.c.invitation_id == invitation_id, drafts.c.form == form))


async def drop_drafts_of_meetings_before(db: AsyncConnection, ended: datetime) -> None:
    """Forget what was begun for meetings that had ended by then: no link leads to it any more."""
    over = select(invitations.c.invitation_id).where(
        invitations.c.ends_at < ended, invitations.c.invitation_id.in_(select(drafts.c.invitation_id))
    )
    await db.execute(delete(drafts).where(drafts.c.invitation_id.in_(over)))


async def note_refusal(db: AsyncConnection, refusal: Refusal) -> None:
    """Note a file that was refused."""
    await db.execute(insert(refusals).values({name: getattr(refusal, name) for name in refusal.__slots__}))


async def refusals_of(db: AsyncConnection, meeting_ids: Iterable[str]) -> dict[str, list[Refusal]]:
    """The files that were refused, by meeting, the first one first."""
    found: dict[str, list[Refusal]] = {}
    columns = [refusals.c[name] for name in Refusal.__slots__]
    for part in chunks(set(meeting_ids)):
        query = select(*columns).where(among(db, refusals.c.meeting_id, part)).order_by(refusals.c.refusal_no)
        for row in (await db.execute(query)).mappings():
            found.setdefault(row["meeting_id"], []).append(Refusal(**row))
    return found
