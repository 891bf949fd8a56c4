"""How soon a waiting mailer takes up a message that another process has queued: told of it, and looking for it.

python -m tests.bench.wake [--messages 300] [--database postgresql+asyncpg://…]

A process writes one outbox row after another, each a transaction with its announcement, after pauses of its own so that
rows do not fall on the mailer's looks by chance. The mailer waits as `quorate mailer` does: until it is told, or until
a second has gone by. The clock runs from the commit to the claim that holds the row. Then the same again for a mailer
that nobody tells anything. Without `--database`, a PostgreSQL server is started for the run.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import time
from datetime import UTC, datetime, timedelta

from services.foundation import outbox
from services.foundation.database import Database, announce
from services.running.process import until
from services.running.rounds import LOOK_AGAIN
from tests.postgres import new_server

GOAL = 100.0  # milliseconds within which a message is to leave
LEASE = timedelta(minutes=15)
NAME = "wake"


class Waiting:
    """A mailer that claims what is due, and then waits."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.woken = asyncio.Event()
        self.claimed_at: dict[int, float] = {}

    async def run(self) -> None:
        """Claim until cancelled."""
        while True:
            self.woken.clear()
            async with self.database.write(alone=False) as db:
                rows = await outbox.claim(db, outbox.MAIL, [NAME], "bench", 400, datetime.now(UTC), LEASE)
            now = time.perf_counter()
            self.claimed_at.update((row.params["number"], now) for row in rows)
            if not rows:
                await until(self.woken, LOOK_AGAIN)


async def queue(database: Database, number: int) -> float:
    """Write one row and announce it; returns when it was committed."""
    async with database.write() as db:
        row = outbox.row(outbox.MAIL, NAME, f"key-{number}", {"number": number}, datetime.now(UTC))
        await outbox.write(db, [row])
        await announce(db, outbox.MAIL)
    return time.perf_counter()


async def measured(url: str, messages: int, first: int, *, told: bool, pause: float) -> list[float]:
    """The milliseconds from commit to claim of each message."""
    writer, reader = Database(url), Database(url)
    waiting = Waiting(reader)
    tasks = [asyncio.create_task(waiting.run())]
    if told:
        tasks.append(asyncio.create_task(reader.listen({outbox.MAIL: waiting.woken.set})))
    committed: dict[int, float] = {}
    draw = random.Random(7)
    await queue(writer, first)
    for number in range(first + 1, first + 1 + messages):
        await asyncio.sleep(draw.uniform(0.2, 1.8) * pause)
        committed[number] = await queue(writer, number)
    while len(waiting.claimed_at) <= messages:  # noqa: ASYNC110  # what it waits for is the thing measured
        await asyncio.sleep(LOOK_AGAIN / 10)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await writer.close()
    await reader.close()
    return [(waiting.claimed_at[number] - at) * 1e3 for number, at in committed.items()]


def said(what: str, latencies: list[float]) -> str:
    """One line of figures."""
    hundredths = statistics.quantiles(latencies, n=100, method="inclusive")
    return (
        f"{what}: p50 {statistics.median(latencies):.1f} ms, p99 {hundredths[98]:.1f} ms, "
        f"longest {max(latencies):.1f} ms over {len(latencies)} messages"
    )


async def run(url: str, messages: int) -> None:
    """Print the figures."""
    database = Database(url)
    await database.migrate()
    await database.close()
    print(said("told by NOTIFY", await measured(url, messages, 0, told=True, pause=0.02)))
    print(said(f"looking every {LOOK_AGAIN:.0f} s", await measured(url, messages // 10, 10**6, told=False, pause=0.7)))
    print(f"a message is to leave within {GOAL:.0f} ms")


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=300)
    parser.add_argument("--database")
    chosen = parser.parse_args()
    if chosen.database:
        asyncio.run(run(chosen.database, chosen.messages))
        return
    server = new_server("quorate-wake-")
    try:
        place = server.get_postmaster_info().socket_dir
        asyncio.run(run(f"postgresql+asyncpg://postgres@/postgres?host={place}", chosen.messages))
    finally:
        server.cleanup()


if __name__ == "__main__":
    main()
