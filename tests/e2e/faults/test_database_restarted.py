"""PostgreSQL goes down in the middle of a transaction, of a worker's or of the mailer's, and comes back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from tests.e2e.faults.line import Line, a_while_in_hand
from tests.integration.postgres.own_server import OwnServer

pytestmark = [pytest.mark.slow, pytest.mark.kafka, pytest.mark.postgres]

FURTHER_IN = 0.02  # seconds into a transaction


async def test_a_database_restarted_in_mid_transaction_loses_nothing_and_everything_goes_on_by_itself(
    line_with_a_database: Line, database_server: OwnServer, say: Callable[[str, Counter[str]], None]
) -> None:
    line = line_with_a_database
    count: Counter[str] = Counter()
    first, second, mailer, scheduler = processes = await line.start("worker", "worker", "mailer", "scheduler")
    async with line.load():
        for process in (first, mailer, second, mailer, first, second):
            await line.gets_on()
            async with line.database() as db:
                await a_while_in_hand(db, process, FURTHER_IN)
                await database_server.restart()
            count[f"restarts with a {process.command}'s transaction open"] += 1
        await line.gets_on()
    await line.has_settled()
    assert [each.process.poll() for each in processes] == [None] * len(processes)
    count += await line.check()
    say("PostgreSQL restarted", count)
    assert scheduler.get("/healthz").status_code == 200
