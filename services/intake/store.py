"""The journal, the dead letters and the events that wait."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    Column,
    ColumnElement,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Select,
    String,
    Table,
    Text,
    UniqueConstraint,
    cast,
    delete,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.envelope import Event, FieldError
from services.foundation.database import Instant, RowNumber, metadata
from services.foundation.statements import add, among, chunks, grouped
from services.intake.rules import JournalRow, chained

OPEN, REPLAYED = "open", "replayed"

journal = Table(
    "journal",
    metadata,
    Column("seq", RowNumber, primary_key=True, autoincrement=False),
    Column("source", Text, nullable=False),
    Column("event_id", String(64), nullable=False),
    Column("type", String(64), nullable=False),
    Column("subject", Text, nullable=False),
    Column("partition_key", Text, nullable=False),
    Column("event_time", Instant, nullable=False),
    Column("recorded_at", Instant, nullable=False),
    Column("raw", Text, nullable=False),
    Column("hash", String(64), nullable=False),
    UniqueConstraint("source", "event_id"),
)

# The end of the chain, apart from the journal itself, so that rows missing at the end are noticed too.
journal_end = Table(
    "journal_end",
    metadata,
    Column("only", Integer, primary_key=True, autoincrement=False),
    Column("seq", RowNumber, nullable=False),
    Column("hash", String(64), nullable=False),
)

waiting = Table(
    "waiting",
    metadata,
    Column("seq", RowNumber, ForeignKey("journal.seq"), primary_key=True, autoincrement=False),
    Column("noun", String(16), primary_key=True),
    Column("ref", String(64), primary_key=True),
)
Index("ix_waiting_noun_ref", waiting.c.noun, waiting.c.ref)

dead_letters = Table(
    "dead_letters",
    metadata,
    Column("deadletter_id", RowNumber, primary_key=True, autoincrement=True),
    Column("source", Text),
    Column("event_id", Text),
    Column("origin", JSON, nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("errors", JSON, nullable=False),
    Column("size", Integer, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("state", String(16), nullable=False),
    Column("settled_at", Instant),
    Column("settled_by", Text),
    Column("settled_seq", RowNumber, ForeignKey("journal.seq")),
)
Index("ix_dead_letters_state", dead_letters.c.state, dead_letters.c.deadletter_id)
Index("ix_dead_letters_digest", dead_letters.c.digest)

# The whole of what came in, in pieces, so that a line of any size is kept without being held in memory.
dead_letter_parts = Table(
    "dead_letter_parts",
    metadata,
    Column("deadletter_id", RowNumber, ForeignKey("dead_letters.deadletter_id"), primary_key=True, autoincrement=False),
    Column("part", Integer, primary_key=True, autoincrement=False),
    Column("bytes", LargeBinary, nullable=False),
)


async def known_raw(db: AsyncConnection, names: Iterable[tuple[str, str]]) -> dict[tuple[str, str], tuple[int, str]]:
    """What was accepted before under these (source, id): number in the journal, and the event as it came in."""
    found: dict[tuple[str, str], tuple[int, str]] = {}
    for source, ids in grouped(names).items():
        for some in chunks(ids):
            query = select(journal.c.event_id, journal.c.seq, journal.c.raw).where(
                journal.c.source == source, among(db, journal.c.event_id, some)
            )
            found.update(((source, event_id), (seq, raw)) for event_id, seq, raw in await db.execute(query))
    return found


async def hold_end(db: AsyncConnection) -> tuple[int, str]:
    """Number and hash of the journal's last row, held until the commit: intake goes one transaction at a time."""
    end = (await db.execute(select(journal_end.c.seq, journal_end.c.hash).with_for_update())).one()
    return end.seq, end.hash


async def append(db: AsyncConnection, end: tuple[int, str], events: Sequence[Event], now: datetime) -> list[int]:
    """Write events after the `end` that is held; returns their numbers."""
    if not events:
        return []
    seq, chain = end
    recorded_at = now.astimezone(UTC).isoformat(timespec="microseconds")
    rows = list(chained(chain, seq + 1, events, recorded_at))
    written = [
        asdict(row) | {"event_time": event.time, "recorded_at": now} for row, event in zip(rows, events, strict=True)
    ]
    await add(db, journal, written)
    await db.execute(update(journal_end).values(seq=rows[-1].seq, hash=rows[-1].hash))
    return [row.seq for row in rows]


_TEXTS = (
    journal.c.source,
    journal.c.event_id,
    journal.c.type,
    journal.c.subject,
    journal.c.partition_key,
    journal.c.event_time,
    journal.c.recorded_at,
    journal.c.raw,
    journal.c.hash,
)


def _as_it_stands(sqlite: bool) -> Select[Any]:
    """The journal's rows, read so that nothing that was put there can stop the reading.

    SQLite lets a column hold anything, text that is not UTF-8 too: there everything is read as bytes, and a value that
    is not text is not what was written.
    """
    if not sqlite:
        return select(journal.c.seq, *_TEXTS)
    kinds: ColumnElement[str] = literal("")
    for column in _TEXTS:
        kinds = kinds + func.typeof(column) + " "
    return select(journal.c.seq, *(cast(column, LargeBinary) for column in _TEXTS), kinds)


async def read_journal(db: AsyncConnection, after: int = 0) -> AsyncIterator[JournalRow]:
    """The journal in order, read as it stands, a few rows at a time."""
    sqlite = db.dialect.name == "sqlite"
    query = _as_it_stands(sqlite).where(journal.c.seq > after).order_by(journal.c.seq)
    async with db.stream(query.execution_options(yield_per=100)) as rows:
        async for row in rows:
            if sqlite:
                seq, *values, kinds = row
                texts = (bytes(value).decode(errors="surrogateescape") for value in values)
                kept = zip(texts, kinds.split(), strict=True)
                yield JournalRow(seq, *(text if kind == "text" else f"({kind}) {text}" for text, kind in kept))
            else:
                seq, *values = row
                yield JournalRow(
                    seq,
                    *(
                        value.astimezone(UTC).isoformat(timespec="microseconds")
                        if isinstance(value, datetime)
                        else value
                        for value in values
                    ),
                )


async def end_of_journal(db: AsyncConnection) -> tuple[int, str] | None:
    """Number and hash of the last row, as noted apart from the journal; None where the note is gone."""
    end = (await db.execute(select(journal_end.c.seq, journal_end.c.hash))).first()
    return (end.seq, end.hash) if end else None


async def wait(db: AsyncConnection, seq_and_needs: Sequence[tuple[int, Iterable[tuple[str, str]]]]) -> None:
    """Note what events wait for."""
    rows = [{"seq": seq, "noun": noun, "ref": ref} for seq, needs in seq_and_needs for noun, ref in needs]
    await add(db, waiting, rows)


async def anything_waits(db: AsyncConnection) -> bool:
    """Whether any event waits: most batches need not look further."""
    return bool((await db.execute(select(exists().select_from(waiting)))).scalar())


async def waiting_for(db: AsyncConnection, provided: Iterable[tuple[str, str]]) -> dict[int, bytes]:
    """The events that wait for any of these things, whole, by number."""
    found: dict[int, bytes] = {}
    for noun, refs in grouped(provided).items():
        for some in chunks(refs):
            seqs = select(waiting.c.seq).where(waiting.c.noun == noun, among(db, waiting.c.ref, some))
            rows = await db.execute(select(journal.c.seq, journal.c.raw).where(journal.c.seq.in_(seqs)))
            found.update((seq, raw.encode()) for seq, raw in rows)
    return found


async def stop_waiting(db: AsyncConnection, seqs: Iterable[int]) -> None:
    """Events whose time has come wait no more."""
    for some in chunks(seqs):
        await db.execute(delete(waiting).where(among(db, waiting.c.seq, some)))


async def still_waiting(db: AsyncConnection, spans: Iterable[tuple[int, int]]) -> int:
    """How many of the events in these spans of the journal, first and last number, still wait."""
    count = 0
    for some in chunks(spans, 200):
        within = or_(*(waiting.c.seq.between(first, last) for first, last in some))
        count += int((await db.execute(select(func.count(waiting.c.seq.distinct())).where(within))).scalar_one())
    return count


@dataclass(frozen=True, slots=True)
class Rejected:
    """Something to be kept as a dead letter."""

    origin: dict[str, Any]
    errors: Sequence[FieldError]
    size: int
    digest: str
    source: str | None = None
    event_id: str | None = None


def digest(raw: bytes) -> str:
    """What tells one dead letter's content from another's."""
    return hashlib.sha256(raw).hexdigest()


def _errors(errors: Sequence[FieldError]) -> list[dict[str, str]]:
    return [{"path": error.path, "message": error.message} for error in errors]


async def known_dead_letters(db: AsyncConnection, some: Iterable[Rejected]) -> dict[tuple[str, str], tuple[int, str]]:
    """Number and state of the dead letters that hold the same from the same place, by digest and `place`."""
    found: dict[tuple[str, str], tuple[int, str]] = {}
    columns = (dead_letters.c.deadletter_id, dead_letters.c.digest, dead_letters.c.origin, dead_letters.c.state)
    for part in chunks({each.digest for each in some}):
        for row in await db.execute(select(*columns).where(among(db, dead_letters.c.digest, part))):
            found[row.digest, place(row.origin)] = (row.deadletter_id, row.state)
    return found


def place(origin: Mapping[str, Any]) -> str:
    """Where something came from, as one text to compare; requests over HTTP are repeated under another id."""
    if "http" in origin:
        return "http"
    return "|".join(f"{name}={origin[name]}" for name in sorted(origin))


async def add_dead_letters(db: AsyncConnection, some: Sequence[Rejected], now: datetime) -> list[int]:
    """Open dead letters; what came in follows with `add_dead_letter_parts`."""
    if not some:
        return []
    values = [
        {
            "source": each.source,
            "event_id": each.event_id,
            "origin": each.origin,
            "received_at": now,
            "errors": _errors(each.errors),
            "size": each.size,
            "digest": each.digest,
            "state": OPEN,
        }
        for each in some
    ]
    statement = insert(dead_letters).returning(dead_letters.c.deadletter_id, sort_by_parameter_order=True)
    return list((await db.execute(statement, values)).scalars())


async def add_dead_letter_parts(db: AsyncConnection, parts: Sequence[tuple[int, int, bytes]]) -> None:
    """Keep what came in, in pieces: number of the dead letter, number of the piece, bytes."""
    if parts:
        await db.execute(
            insert(dead_letter_parts),
            [{"deadletter_id": number, "part": part, "bytes": data} for number, part, data in parts],
        )


_LETTER = [column for column in dead_letters.c if column is not dead_letters.c.digest]


async def dead_letter(db: AsyncConnection, number: int, *, hold: bool = False) -> Mapping[Any, Any] | None:
    """One dead letter without its content; with `hold`, nobody else settles it before the commit."""
    query = select(*_LETTER).where(dead_letters.c.deadletter_id == number)
    return (await db.execute(query.with_for_update() if hold else query)).mappings().first()


async def dead_letter_content(db: AsyncConnection, number: int) -> AsyncIterator[bytes]:
    """What came in, piece by piece."""
    part = 0
    column = dead_letter_parts.c.bytes
    while True:
        query = select(column).where(dead_letter_parts.c.deadletter_id == number, dead_letter_parts.c.part == part)
        piece = (await db.execute(query)).scalar()
        if piece is None:
            return
        yield bytes(piece)
        part += 1


async def read_dead_letters(
    db: AsyncConnection, *, every: bool = False, after: int = 0, limit: int | None = None
) -> list[Mapping[Any, Any]]:
    """Dead letters without their content, oldest first; with `every` the settled ones too."""
    query = select(*_LETTER).where(dead_letters.c.deadletter_id > after).order_by(dead_letters.c.deadletter_id)
    if not every:
        query = query.where(dead_letters.c.state == OPEN)
    return list((await db.execute(query.limit(limit))).mappings())


async def open_dead_letters(db: AsyncConnection) -> list[int]:
    """The numbers of those that nobody has settled, oldest first."""
    query = select(dead_letters.c.deadletter_id).where(dead_letters.c.state == OPEN)
    return list((await db.execute(query.order_by(dead_letters.c.deadletter_id))).scalars())


async def settle_dead_letter(db: AsyncConnection, number: int, now: datetime, by: str, seq: int | None) -> None:
    """A dead letter was replayed by someone and is in the journal under number `seq`."""
    change = {"state": REPLAYED, "settled_at": now, "settled_by": by, "settled_seq": seq}
    await db.execute(update(dead_letters).where(dead_letters.c.deadletter_id == number).values(change))


async def set_dead_letter_errors(db: AsyncConnection, number: int, errors: Sequence[FieldError]) -> None:
    """What is wrong with a dead letter now."""
    change = update(dead_letters).where(dead_letters.c.deadletter_id == number)
    await db.execute(change.values(errors=_errors(errors)))


async def read_waiting(db: AsyncConnection, limit: int | None = None) -> list[Mapping[Any, Any]]:
    """The events that wait, oldest first: a row for each thing that each waits for."""
    some = select(waiting.c.seq).distinct().order_by(waiting.c.seq).limit(limit).subquery()
    query = (
        select(
            waiting.c.seq,
            waiting.c.noun,
            waiting.c.ref,
            journal.c.source,
            journal.c.event_id,
            journal.c.type,
            journal.c.subject,
            journal.c.recorded_at,
        )
        .join(some, some.c.seq == waiting.c.seq)
        .join(journal, journal.c.seq == waiting.c.seq)
        .order_by(waiting.c.seq, waiting.c.noun, waiting.c.ref)
    )
    return list((await db.execute(query)).mappings())
