"""The mail that came in. The message itself is a document; here stands what is known of it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Column, Index, Integer, String, Table, Text, func, literal, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from services.foundation.database import Instant, announce, metadata
from services.foundation.statements import among, chunks

KEPT, UNDERSTOOD, FOR_A_PERSON, SETTLED = "kept", "understood", "for_a_person", "settled"

CAME = "inbox"  # what is announced where mail was kept

# `mail_id` is the SHA-256 of the message as it came, and the document's id. `recipients` are the envelope's, where the
# way in has one. `content_id` is what two copies share that came by different ways. `tries` counts how often it was
# begun to be told apart. `document` says what was read out of it: no word of its text.
received_mail = Table(
    "received_mail",
    metadata,
    Column("mail_id", String(64), primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("recipients", JSON, nullable=False),
    Column("origin", JSON, nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("state", String(16), nullable=False),
    Column("tries", Integer, nullable=False),
    Column("content_id", String(64)),
    Column("kind", String(16)),
    Column("why", String(32)),
    Column("invitation_id", String(26)),
    Column("meeting_id", String(64)),
    Column("document", JSON, nullable=False),
    Column("settled_at", Instant),
    Column("settled_by", Text),
)
_kept = received_mail.c.state == KEPT
_waits = received_mail.c.state == FOR_A_PERSON
Index("ix_received_mail_kept", received_mail.c.received_at, sqlite_where=_kept, postgresql_where=_kept)
Index("ix_received_mail_waits", received_mail.c.received_at, sqlite_where=_waits, postgresql_where=_waits)
Index("ix_received_mail_meeting_id", received_mail.c.meeting_id)
Index("ix_received_mail_content_id", received_mail.c.content_id)


def _is(state: str) -> Any:
    """A condition on the state, written into the statement: there the index is recognised before any value is known."""
    return received_mail.c.state == literal(state, received_mail.c.state.type, literal_execute=True)


async def add_kept(db: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> int:
    """Note messages that are kept as documents; returns how many were not known before."""
    dialect = sqlite if db.dialect.name == "sqlite" else postgresql
    fresh = 0
    for row in {row["mail_id"]: row for row in rows}.values():
        statement = dialect.insert(received_mail).values(state=KEPT, tries=0, document={}, **row)
        fresh += (await db.execute(statement.on_conflict_do_nothing())).rowcount
    if fresh:
        await announce(db, CAME)
    return fresh


async def oldest_kept(db: AsyncConnection) -> datetime | None:
    """Since when something waits to be told apart; None where nothing does."""
    query = select(received_mail.c.received_at).where(_is(KEPT)).order_by(received_mail.c.received_at).limit(1)
    return (await db.execute(query)).scalar()


async def claim(db: AsyncConnection, limit: int, most_bytes: int) -> list[Mapping[Any, Any]]:
    """Take kept messages, oldest first, no more than so many bytes of them, and note that they are tried once more.

    One that was tried before and is kept still may be what ended the process: it is taken alone.
    """
    query = (
        select(received_mail)
        .where(_is(KEPT))
        .order_by(received_mail.c.received_at, received_mail.c.mail_id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    taken: list[Mapping[Any, Any]] = []
    size = 0
    for row in (await db.execute(query)).mappings():
        if taken and (row["tries"] or taken[0]["tries"] or size + row["size"] > most_bytes):
            break
        size += row["size"]
        taken.append(row)
    ids = [row["mail_id"] for row in taken]
    which = among(db, received_mail.c.mail_id, ids)
    await db.execute(update(received_mail).where(which).values(tries=received_mail.c.tries + 1))
    return taken


async def give_back(db: AsyncConnection, ids: Sequence[str]) -> None:
    """Note that these messages were not tried after all."""
    which = among(db, received_mail.c.mail_id, ids)
    tries = received_mail.c.tries
    await db.execute(update(received_mail).where(which, _is(KEPT), tries > 0).values(tries=tries - 1))


async def again(db: AsyncConnection, mail_id: str) -> bool:
    """Have a message that waits for a person told apart once more; false where it waits no more."""
    nothing_known = dict.fromkeys(("content_id", "kind", "why", "invitation_id", "meeting_id"))
    statement = (
        update(received_mail)
        .where(received_mail.c.mail_id == mail_id, _is(FOR_A_PERSON))
        .values(state=KEPT, tries=0, document={}, **nothing_known)
    )
    if not (await db.execute(statement)).rowcount:
        return False
    await announce(db, CAME)
    return True


async def copies(db: AsyncConnection, content_ids: Iterable[str]) -> list[Mapping[Any, Any]]:
    """Messages with these contents that were told apart before."""
    found: list[Mapping[Any, Any]] = []
    for some in chunks(set(content_ids)):
        which = among(db, received_mail.c.content_id, some)
        found += (await db.execute(select(received_mail).where(which, received_mail.c.state != KEPT))).mappings()
    return found


async def note_told(db: AsyncConnection, mail_id: str, values: Mapping[str, Any]) -> bool:
    """Note what a kept message was found to be; false where that was noted before."""
    statement = update(received_mail).where(received_mail.c.mail_id == mail_id, _is(KEPT)).values(**values)
    return bool((await db.execute(statement)).rowcount)


async def settle(db: AsyncConnection, mail_id: str, by: str, now: datetime, document: Mapping[str, Any]) -> bool:
    """Note who settled a message that waited for a person, and how; false where it waits no more."""
    statement = (
        update(received_mail)
        .where(received_mail.c.mail_id == mail_id, _is(FOR_A_PERSON))
        .values(state=SETTLED, settled_at=now, settled_by=by, document=dict(document))
    )
    return bool((await db.execute(statement)).rowcount)


async def by_beginning(db: AsyncConnection, beginning: str) -> list[Mapping[Any, Any]]:
    """The messages whose name begins so: none, one, or the first two."""
    query = select(received_mail).where(received_mail.c.mail_id >= beginning, received_mail.c.mail_id < beginning + "g")
    return list((await db.execute(query.order_by(received_mail.c.mail_id).limit(2))).mappings())


async def listed(
    db: AsyncConnection, states: Collection[str] | None, limit: int | None = None, offset: int = 0
) -> list[Mapping[Any, Any]]:
    """Messages in these states (None: in any), the oldest first."""
    query = select(received_mail).order_by(received_mail.c.received_at, received_mail.c.mail_id)
    if states is not None:
        query = query.where(_is(FOR_A_PERSON) if set(states) == {FOR_A_PERSON} else received_mail.c.state.in_(states))
    return list((await db.execute(query.limit(limit).offset(offset))).mappings())


async def how_many(db: AsyncConnection, state: str) -> int:
    """How many messages are in a state that has an index of its own."""
    return int((await db.execute(select(func.count()).select_from(received_mail).where(_is(state)))).scalar_one())
