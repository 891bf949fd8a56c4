"""The outbox: what is to leave, written in the same transaction as the state that makes it leave.

A row waits (`pending`) until its `due_at`; a worker that claims it moves `due_at` to the end of its lease, so a claim
whose worker died falls due again by itself. Rows that share a `key` leave in the order they were written: a
cancellation never overtakes the invitation that it cancels.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import (
    JSON,
    Column,
    Index,
    Integer,
    String,
    Table,
    Text,
    case,
    func,
    insert,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from services.foundation.database import Instant, RowNumber, metadata
from services.foundation.statements import add, among, change, chunks

MAIL = "mail"
PRINT = "print"
MESH = "mesh"
OUTCOME = "outcome"

TAKEN_BACK = "taken_back"

STOPPED = "was in hand when its mailer stopped"
"""What is kept of an attempt of which nobody ever said how it ended."""

HAS_NOT_LEFT = ", has not left"
"""What is kept beside how an attempt ended where neither that one nor any before it came as far as the message itself:
the server was busy, say, or had the address on a greylist.
"""

KEPT_BACK = ", then kept back"
"""What is kept beside the last of these of a message that may have left, and was kept from leaving after that."""

LEASE = timedelta(minutes=15)
"""How long a claim holds on what processes send and make."""

# Written into the statement, where the index on what waits is recognised before any value is known.
_PENDING = literal("pending", String(16), literal_execute=True)

outbox = Table(
    "outbox",
    metadata,
    Column("outbox_id", RowNumber, primary_key=True, autoincrement=True),
    Column("channel", String(16), nullable=False),
    Column("name", String(64), nullable=False),
    Column("key", String(160), nullable=False),
    Column("params", JSON, nullable=False),
    Column("state", String(16), nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("claimed_by", String(64)),
    Column("result", Text),
    Column("written_at", Instant, nullable=False),
    Column("settled_at", Instant),
)
# How far the rows of a channel have been handed on, for a channel whose rows nobody settles one by one.
relayed = Table(
    "relayed",
    metadata,
    Column("channel", String(16), primary_key=True),
    Column("outbox_id", RowNumber, nullable=False, autoincrement=False),
)
Index(
    "ix_outbox_due",
    outbox.c.channel,
    outbox.c.due_at,
    outbox.c.outbox_id,
    sqlite_where=outbox.c.state == "pending",
    postgresql_where=outbox.c.state == "pending",
)
# What is in hand, of all that waits: whoever looks for mailers that are gone looks at no other row.
_in_hand = (outbox.c.state == "pending") & outbox.c.claimed_by.is_not(None)
Index("ix_outbox_in_hand", outbox.c.channel, outbox.c.due_at, sqlite_where=_in_hand, postgresql_where=_in_hand)
Index("ix_outbox_key", outbox.c.key, outbox.c.outbox_id)


_CLAIMED = ("outbox_id", "name", "key", "params", "attempts", "claimed_by", "result")


class OutboxRow(NamedTuple):
    """One claimed row; `claim` is what it was claimed by. `result` is what was kept of the attempts before this one."""

    outbox_id: int
    name: str
    key: str
    params: Mapping[str, Any]
    attempts: int
    claim: str = ""
    result: str | None = None

    @property
    def may_have_left(self) -> bool:
        """Whether the message may have left with an attempt before this one, however that ended."""
        return may_have_left(self.result)


class Settlement(NamedTuple):
    """How an attempt ended: `sent`, `failed` (for good), or `pending` again at `due_at`."""

    outbox_id: int
    state: str
    result: str
    attempts: int
    due_at: datetime


def may_have_left(result: str | None) -> bool:
    """Whether a message may have left, by what was kept of its attempts. What was put off at its address, as by a
    greylist, has not; of an attempt of which nothing is known, nobody can say so.
    """
    return result is not None and result != "" and not result.endswith(HAS_NOT_LEFT)


def row(
    channel: str, name: str, key: str, params: Mapping[str, Any], now: datetime, *, state: str = "pending"
) -> dict[str, Any]:
    """A row to be written."""
    return {
        "channel": channel,
        "name": name,
        "key": key,
        "params": params,
        "state": state,
        "due_at": now,
        "attempts": 0,
        "written_at": now,
    }


async def write(db: AsyncConnection, rows: Sequence[dict[str, Any]]) -> None:
    """Add rows."""
    await add(db, outbox, rows)


async def claim(
    db: AsyncConnection,
    channel: str,
    names: Collection[str],
    worker: str,
    limit: int,
    now: datetime,
    lease: timedelta,
) -> list[OutboxRow]:
    """Take up to `limit` rows with these names that are due, oldest first, for as long as `lease`.

    A row with another name was written by a newer release, and is for a worker of that release.

    This needs no lock but those on the rows, and waits for none: it goes beside intake, settling and other claims. A
    row that another transaction has in hand is stepped over; one that was taken back since the statement began is
    looked at again, and left. Who takes back waits for this transaction's end, and then finds the rows in hand. Rows
    behind one that this statement sees waiting stay where they are, so that order is kept.
    """
    earlier = outbox.alias("earlier")
    first_of_key = (
        select(func.min(earlier.c.outbox_id))
        # Not by the column alone, nor as a join: PostgreSQL, which may have counted last when nothing waited, would
        # take it to be cheap to read all that waits for each row that is due.
        .where(earlier.c.key == outbox.c.key, func.lower(earlier.c.state) == _PENDING)
        .scalar_subquery()
    )
    due = (
        select(outbox.c.outbox_id)
        .where(
            outbox.c.channel == channel,
            outbox.c.state == _PENDING,
            outbox.c.due_at <= now,
            among(db, outbox.c.name, names),
            outbox.c.outbox_id == first_of_key,
        )
        .order_by(outbox.c.due_at, outbox.c.outbox_id)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .cte("due")  # read once; PostgreSQL may read a subquery again and again, and so take more than the limit
    )
    taken = await db.execute(
        update(outbox)
        .where(outbox.c.outbox_id.in_(select(due.c.outbox_id)))
        .values(
            # Of one that somebody has had in hand, and not settled, nobody knows how far it came.
            result=case((outbox.c.claimed_by.is_not(None), literal(STOPPED)), else_=outbox.c.result),
            claimed_by=worker,
            due_at=now + lease,
        )
        .returning(*(outbox.c[name] for name in _CLAIMED))
    )
    return sorted((OutboxRow(*each) for each in taken), key=lambda each: each.outbox_id)


async def still_claimed(db: AsyncConnection, rows: Iterable[OutboxRow]) -> set[int]:
    """Which of these rows are still held by what they were claimed by, and are to the commit: lost are those whose
    lease ran out and that another one took, and done with those that were settled.
    """
    by_claim: dict[str, list[int]] = {}
    for each in rows:
        by_claim.setdefault(each.claim, []).append(each.outbox_id)
    held: set[int] = set()
    for worker, outbox_ids in by_claim.items():
        for some in chunks(outbox_ids):
            query = (
                select(outbox.c.outbox_id)
                # Not by the column alone: PostgreSQL would take it to be cheaper to go through all that is in hand.
                .where(
                    among(db, outbox.c.outbox_id, some),
                    outbox.c.claimed_by == worker,
                    func.lower(outbox.c.state) == _PENDING,
                )
                .with_for_update()
            )
            held |= set((await db.execute(query)).scalars())
    return held


async def settle(db: AsyncConnection, settlements: Sequence[Settlement], now: datetime) -> None:
    """Record how attempts ended."""
    gone = [each for each in settlements if each.state == "sent" and each.attempts == 1]
    for some in chunks(gone):  # most of them, and all alike
        await db.execute(
            update(outbox)
            .where(among(db, outbox.c.outbox_id, [each.outbox_id for each in some]))
            .values(state="sent", result=some[0].result, attempts=1, due_at=now, settled_at=now, claimed_by=None)
        )
    others = [each for each in settlements if not (each.state == "sent" and each.attempts == 1)]
    await change(
        db,
        outbox,
        ["outbox_id"],
        [each._asdict() | {"settled_at": now, "claimed_by": None} for each in others],
    )


_kept = func.coalesce(outbox.c.result, "")
_may_have_left = or_(  # as `may_have_left` has it
    outbox.c.state.in_(("sent", "pending")), (_kept != "") & ~_kept.endswith(HAS_NOT_LEFT)
)


async def take_back(db: AsyncConnection, keys: Sequence[str], now: datetime) -> set[str]:
    """Keep from leaving what waits under these keys and no worker has in hand; returns the keys under which something
    has left, or may have.
    """
    left: set[str] = set()
    for some in chunks(keys):
        await db.execute(
            update(outbox)
            .where(among(db, outbox.c.key, some), outbox.c.state == _PENDING, outbox.c.claimed_by.is_(None))
            .values(state=TAKEN_BACK, settled_at=now)
        )
        query = select(outbox.c.key).where(among(db, outbox.c.key, some), _may_have_left)
        left |= set((await db.execute(query)).scalars())
    return left


async def first_under_their_key(db: AsyncConnection, rows: Sequence[OutboxRow]) -> set[int]:
    """Before which of these rows nothing under their key has left, nor may have: their reader knows of nothing."""
    last = {row.key: row.outbox_id for row in rows}
    left: set[str] = set()
    for some in chunks(last):
        query = select(outbox.c.key, func.min(outbox.c.outbox_id)).where(among(db, outbox.c.key, some), _may_have_left)
        found = await db.execute(query.group_by(outbox.c.key))
        left |= {key for key, first in found if first < last[key]}
    return {row.outbox_id for row in rows if row.key not in left}


async def take_back_rows(db: AsyncConnection, outbox_ids: Collection[int], now: datetime) -> dict[int, bool]:
    """Keep these rows from leaving; returns those that no worker has in hand, and whether one that had them before may
    have handed them over: then they may have left all the same.
    """
    taken: dict[int, bool] = {}
    for some in chunks(outbox_ids):
        rows = await db.execute(
            update(outbox)
            .where(among(db, outbox.c.outbox_id, some), outbox.c.state == _PENDING, outbox.c.claimed_by.is_(None))
            .values(state=TAKEN_BACK, settled_at=now)
            .returning(outbox.c.outbox_id, outbox.c.result)
        )
        taken.update((row.outbox_id, may_have_left(row.result)) for row in rows)
    return taken


class Waiting(NamedTuple):
    """One row that has not left. `tried`: a worker has had it in hand, and put it off."""

    key: str
    name: str
    params: Mapping[str, Any]
    written_at: datetime
    tried: bool
    outbox_id: int = 0


async def waiting_under(db: AsyncConnection, keys: Collection[str]) -> list[Waiting]:
    """What has not left under these keys, oldest first."""
    found: list[Waiting] = []
    tried = outbox.c.settled_at.is_not(None)
    columns = (outbox.c.key, outbox.c.name, outbox.c.params, outbox.c.written_at, tried, outbox.c.outbox_id)
    for some in chunks(keys):
        query = select(*columns).where(among(db, outbox.c.key, some), outbox.c.state == "pending")
        found += [Waiting(*each) for each in await db.execute(query.order_by(outbox.c.outbox_id))]
    return found


async def claims_in_hand(db: AsyncConnection, channel: str, until: datetime) -> set[str]:
    """What rows are claimed by whose lease ends by `until`, and has not ended."""
    query = select(outbox.c.claimed_by).where(
        outbox.c.channel == channel,
        outbox.c.state == _PENDING,
        outbox.c.due_at <= until,
        outbox.c.claimed_by.is_not(None),
    )
    return {claim for claim in (await db.execute(query.distinct())).scalars() if claim is not None}


async def release(db: AsyncConnection, channel: str, now: datetime, claims: Collection[str] | None = None) -> int:
    """Make the rows of these claims due at once, or of every claim; returns how many there were. It is for whoever
    knows that nobody is at work on them.
    """
    of_claims = outbox.c.claimed_by.is_not(None) if claims is None else outbox.c.claimed_by.in_(claims)
    done = await db.execute(
        update(outbox)
        .where(outbox.c.channel == channel, outbox.c.state == _PENDING, of_claims)
        .values(claimed_by=None, due_at=now, result=STOPPED)
    )
    return done.rowcount


class Kept(NamedTuple):
    """One row of a channel that is handed on in order."""

    outbox_id: int
    name: str
    params: Mapping[str, Any]
    written_at: datetime


async def to_relay(db: AsyncConnection, channel: str, limit: int) -> list[Kept]:
    """The rows of a channel that have not been handed on, in the order they were written.

    Rows are numbered in the order of their commits, since whoever writes them holds the writers' lock from before the
    number is given until the commit: nothing can appear behind a row that was read here.
    """
    after = select(func.coalesce(func.max(relayed.c.outbox_id), 0)).where(relayed.c.channel == channel)
    query = (
        select(outbox.c.outbox_id, outbox.c.name, outbox.c.params, outbox.c.written_at)
        .where(outbox.c.outbox_id > after.scalar_subquery(), outbox.c.channel == channel)
        .order_by(outbox.c.outbox_id)
        .limit(limit)
    )
    return [Kept(*each) for each in await db.execute(query)]


async def relayed_up_to(db: AsyncConnection, channel: str, outbox_id: int) -> None:
    """Note that the rows of a channel up to this one have been handed on."""
    moved = await db.execute(update(relayed).where(relayed.c.channel == channel).values(outbox_id=outbox_id))
    if moved.rowcount == 0:
        await db.execute(insert(relayed).values(channel=channel, outbox_id=outbox_id))


async def waiting(db: AsyncConnection, channel: str) -> tuple[int, datetime | None]:
    """How many rows wait, those in hand too, and since when the oldest of them has."""
    query = select(func.count(), func.min(outbox.c.written_at)).where(
        outbox.c.channel == channel, outbox.c.state == _PENDING
    )
    count, oldest = (await db.execute(query)).one()
    return count, oldest


async def next_due(db: AsyncConnection, channel: str, names: Collection[str]) -> datetime | None:
    """When the next row with one of these names falls due; None where nothing waits."""
    query = (
        select(outbox.c.due_at)
        .where(outbox.c.channel == channel, outbox.c.state == _PENDING, among(db, outbox.c.name, names))
        .order_by(outbox.c.due_at)
        .limit(1)
    )
    return (await db.execute(query)).scalar()
