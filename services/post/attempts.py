"""What the mailer and what sends by MESH do alike: claim rows, withhold what may not go any more, and note how attempts
ended.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from services.foundation import outbox
from services.foundation.letters import Attempt, LetterKind
from services.foundation.outbox import OutboxRow, Settlement
from services.foundation.parcels import ParcelKind
from services.intake.accept import Intake
from services.post.rules import wait_after

Kinds = Mapping[str, LetterKind] | Mapping[str, ParcelKind]


@dataclass(slots=True)
class Tally:
    """What was done."""

    sent: int = 0
    failed: int = 0
    put_off: int = 0

    @classmethod
    def of(cls, some: Sequence[Tally]) -> Tally:
        """Several in one."""
        return cls(*(sum(getattr(each, name) for each in some) for name in ("sent", "failed", "put_off")))

    def count(self, attempts: Sequence[Attempt]) -> None:
        self.sent += sum(attempt.state == "sent" for attempt in attempts)
        self.failed += sum(attempt.state == "failed" for attempt in attempts)
        self.put_off += sum(attempt.state == "pending" for attempt in attempts)


@dataclass(slots=True)
class Suspects:
    """Messages with which a server failed, as if it took nothing. It may be the message that does it: its turn is after
    all others, and where they have gone meanwhile, it is.
    """

    failed_at: dict[int, datetime] = field(default_factory=dict)
    took_at: datetime | None = None

    def in_turn(self, rows: Iterable[OutboxRow]) -> list[OutboxRow]:
        """Those first that nobody has tried, and those last with which the server failed last."""
        never = datetime.min.replace(tzinfo=UTC)
        return sorted(rows, key=lambda row: (bool(row.result), self.failed_at.get(row.outbox_id, never)))

    def took(self, row: OutboxRow, now: datetime) -> None:
        """The server took one."""
        self.failed_at.pop(row.outbox_id, None)
        self.took_at = now

    def failed(self, row: OutboxRow, now: datetime) -> bool:
        """The server failed with one; returns whether with this one alone, as far as can be told."""
        before, self.failed_at[row.outbox_id] = self.failed_at.get(row.outbox_id), now
        return before is not None and self.took_at is not None and self.took_at > before


async def claim(
    intake: Intake, channel: str, kinds: Kinds, name: str, most: int, lease: timedelta
) -> tuple[list[OutboxRow], list[Attempt]]:
    """Claim the next rows that are due, by this name; returns those that may go, and how the others have ended."""
    now = intake.clock.now()
    held: dict[int, str] = {}
    async with intake.database.write(alone=False) as db:
        rows = await outbox.claim(db, channel, kinds, name, most, now, lease)
        by_name: dict[str, list[OutboxRow]] = {}
        for row in rows:
            by_name.setdefault(row.name, []).append(row)
        for each, some in by_name.items():
            held.update(await kinds[each].withheld(db, some, now))
            left = [row for row in some if row.outbox_id not in held]
            permitted = kinds[each].permitted
            if permitted is not None and left:
                held.update(await permitted(intake.work(db), left))
    ended = [Attempt(row, "failed", now, reason=held[row.outbox_id]) for row in rows if row.outbox_id in held]
    return [row for row in rows if row.outbox_id not in held], ended


async def settle(
    intake: Intake, db: AsyncConnection, kinds: Kinds, attempts: Sequence[Attempt], rests_until: datetime | None
) -> None:
    """Note how attempts ended, as far as they are still to be noted by whoever claimed their rows, and tell the rooms.

    What is tried again is not due before the server is spoken to again.
    """
    mine = await outbox.still_claimed(db, [attempt.row for attempt in attempts])
    done = [attempt for attempt in attempts if attempt.row.outbox_id in mine]
    work = intake.work(db)
    await outbox.settle(db, [_settlement(attempt, rests_until) for attempt in done], work.now)
    by_name: dict[str, list[Attempt]] = {}
    for attempt in done:
        by_name.setdefault(attempt.row.name, []).append(attempt)
    for name, some in by_name.items():
        await kinds[name].settled(work, some)
    await intake.finish(work)


def cannot_be_made(row: OutboxRow, wrong: Exception, now: datetime, what: str) -> Attempt:
    """How an attempt ends at a message that cannot be made. What lies on a disk may be there again the next time: only
    after as many tries as a server has is it given up. Nothing is kept of it until then, since nothing has left.
    """
    if isinstance(wrong, OSError) and wait_after(row.attempts + 1) is not None:
        return Attempt(row, "pending", now)
    return Attempt(row, "failed", now, reason="gave_up", text=f"{what}: {type(wrong).__name__}", may_have_left=False)


def _settlement(attempt: Attempt, rests_until: datetime | None) -> Settlement:
    attempts = attempt.row.attempts + attempt.counts
    due, result = attempt.at, attempt.result
    if result and not (attempt.may_have_left or attempt.row.may_have_left):
        result += outbox.HAS_NOT_LEFT
    if attempt.state == "failed" and not result and attempt.row.may_have_left:
        result = f"{attempt.row.result}{outbox.KEPT_BACK}"
    if attempt.state == "pending":
        result = result or attempt.row.result or ""  # what was not tried this time may have left before
        if attempt.counts:
            due += wait_after(attempts) or timedelta(0)
        due = max(due, rests_until or due)
    return Settlement(attempt.row.outbox_id, attempt.state, result, attempts, due)
