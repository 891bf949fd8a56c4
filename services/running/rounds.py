"""Parts that do what is due in the database, round after round."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime

import structlog
from prometheus_client import Counter
from sqlalchemy.ext.asyncio import AsyncConnection

from services.foundation.claims import Rest
from services.post.attempts import Tally
from services.records import press
from services.running.process import Process, until

log = structlog.get_logger()

LOOK_AGAIN = 1.0  # seconds after which work that nobody announced is found


@dataclass(slots=True)
class Rounds:
    """A part that does what is due in the database, round after round, woken early where something was announced.

    `look_again` is the seconds after which it looks though nothing was.
    """

    name: str
    next_due: Callable[[AsyncConnection], Awaitable[datetime | None]]
    act: Callable[[Process], Awaitable[None]]
    look_again: float = LOOK_AGAIN

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        yield

    def stop(self) -> None:
        """The round in hand ends by itself."""

    def rest(self) -> Rest:
        """What this part leaves alone for a while, where there is such a thing."""
        return Rest()

    def beat(self, process: Process, *, at_it: bool = True) -> None:
        """Tell that this part gets on, and what keeps it from its work: while it is `at_it`, what took nothing the last
        time and has taken nothing yet.
        """
        rest = self.rest()
        waits = rest.failures > 0 if at_it else rest.lasts(process.house.clock.now())
        process.pulses[self.name].beat(rest.why if waits else None)

    async def run(self, process: Process) -> None:
        """Do what is due until the process stops."""
        woken = process.woken[self.name]
        while not process.stopping.is_set():
            woken.clear()
            async with process.house.database.read() as db:
                due = await self.next_due(db)
            if due is not None and due <= process.house.clock.now():
                await self.act(process)
            self.beat(process, at_it=False)
            if not process.stopping.is_set():
                await until(woken, self.look_again)


@contextmanager
def counting(tally: Tally | press.Tally, measure: Counter, said: str) -> Iterator[dict[str, int]]:
    """Add what is done meanwhile to a measure, by the names of the tally, and say it in the log where it was anything.
    What is yielded has it too, once it is done.
    """
    before = asdict(tally)
    done: dict[str, int] = {}
    try:
        yield done
    finally:
        done.update((name, count - before[name]) for name, count in asdict(tally).items())
        for name, count in done.items():
            measure.labels(name).inc(count)
        if any(done.values()):
            log.info(said, **done)
