"""A worker is killed with -9 while a batch is in hand, twenty times."""

from __future__ import annotations

import random
import signal
from collections import Counter
from collections.abc import Callable

import asyncpg
import pytest

from tests.e2e.faults.line import Line, OpenTransaction, a_while_in_hand, in_hand, until
from tests.running import Running

pytestmark = [pytest.mark.slow, pytest.mark.kafka, pytest.mark.postgres]

KILLS = 20
TOO_LATE = 10  # kills that may find the batch in hand committed: that was asked for, and the database had not read it
FURTHER_IN = 0.12  # seconds into a transaction that a kill may wait for


async def caught(db: asyncpg.Connection, worker: Running, further: float) -> OpenTransaction:
    """A batch in the middle of which a worker stands still from now on."""
    while True:
        found = await a_while_in_hand(db, worker, further)
        worker.process.send_signal(signal.SIGSTOP)

        async def answered(pid: int = found.pid) -> bool:
            waits_for = await db.fetchval("SELECT wait_event_type FROM pg_stat_activity WHERE pid = $1", pid)
            return bool(waits_for == "Client")

        await until(answered, "the database has done all that it was asked")
        if await in_hand(db, worker) == found:
            return found
        worker.process.send_signal(signal.SIGCONT)


async def killed(db: asyncpg.Connection, worker: Running, batch: OpenTransaction) -> bool:
    """Kill a worker; returns whether the transaction that it had open left nothing."""
    worker.kill()

    async def gone() -> bool:
        return not await db.fetchval("SELECT 1 FROM pg_stat_activity WHERE pid = $1", batch.pid)

    await until(gone, "the database has noticed")
    return bool(batch.journaled == await db.fetchval("SELECT seq FROM journal_end"))


async def test_workers_killed_in_mid_batch_lose_nothing_do_nothing_twice_and_keep_the_order(
    line: Line, say: Callable[[str, Counter[str]], None]
) -> None:
    chance = random.Random(7)
    worker, _ = await line.start("worker", "mailer")
    kills, undone = 0, 0
    async with line.load(), line.database() as db:
        while undone < KILLS and kills < KILLS + TOO_LATE:
            for _ in range(chance.choice((0, 0, 1, 2))):
                await a_while_in_hand(db, worker, chance.uniform(0, FURTHER_IN))
            found = await caught(db, worker, chance.uniform(0, FURTHER_IN))
            undone += await killed(db, worker, found)
            kills += 1
            [worker] = await line.start("worker")
    await line.has_settled()
    count = Counter({"kills in mid-batch": kills, "of which left nothing of the batch": undone})
    count += await line.check()
    say("worker killed -9", count)
    assert undone == KILLS
    assert count["records that came again"] > 0
