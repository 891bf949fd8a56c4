"""A worker is killed with -9 while a batch is in hand, twenty times."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable

import asyncpg
import pytest

from tests.e2e.faults.line import Line, OpenTransaction, a_while_in_hand, until
from tests.running import Running

pytestmark = [pytest.mark.slow, pytest.mark.kafka, pytest.mark.postgres]

KILLS = 20
TOO_LATE = 10  # kills that may find the batch in hand committed: the last look and the signal are two steps
FURTHER_IN = 0.12  # seconds into a transaction that a kill may wait for


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
            for _ in range(chance.choice((1, 1, 2, 3))):
                further = chance.uniform(0, FURTHER_IN)
                found = await a_while_in_hand(db, worker, further)
            undone += await killed(db, worker, found)
            kills += 1
            [worker] = await line.start("worker")
    await line.has_settled()
    count = Counter({"kills in mid-batch": kills, "of which left nothing of the batch": undone})
    count += await line.check()
    say("worker killed -9", count)
    assert undone == KILLS
    assert count["records that came again"] > 0
