"""What falls due by itself: timers are taken in batches, and one that trips the software up holds up no other.

A batch is one transaction, like one of events. Where it fails, nothing of it has happened, and its timers are taken
again one by one: what can be done is, and the one that cannot be is put off, longer each time.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeAlias

import structlog

from services.foundation import timers
from services.foundation.timers import Timer
from services.foundation.work import Work
from services.intake.accept import Intake, is_ours

log = structlog.get_logger()

Acts: TypeAlias = Mapping[str, Callable[[Work, Sequence[str]], Awaitable[None]]]

AT_ONCE = 200
FIRST_WAIT, LONGEST_WAIT = timedelta(minutes=1), timedelta(hours=1)
FAILURES = "failures"  # how often a timer has been put off, in its params


@dataclass(slots=True)
class Ticker:
    """Acts on timers as they fall due: `acts` says what each name stands for. `put_off` counts those that failed."""

    intake: Intake
    acts: Acts
    put_off: int = 0

    async def tick(self, progress: Callable[[], None]) -> int:
        """Do what timers have fallen due for; returns how many. `progress` is called after every transaction.

        Raises what the database raises when it cannot be used.
        """
        done = alone = 0
        while True:
            at_once = 1 if alone else AT_ONCE
            due: list[Timer] = []
            try:
                await self._act(due, at_once)
                done += len(due)
            except Exception as slip:
                if not due or not is_ours(slip):
                    raise
                if len(due) > 1:
                    alone = len(due)
                    continue
                await self._put_off(due[0], slip)
            progress()
            if alone and due:
                alone -= 1
            elif len(due) < at_once:
                return done

    async def _act(self, due: list[Timer], at_once: int) -> None:
        """Take up to so many timers that are due and do what they stand for; they are noted in `due` first."""
        async with self.intake.database.write() as db:
            due += await timers.take_due(db, self.intake.clock.now(), at_once)
            work = self.intake.work(db)
            by_name: dict[str, list[str]] = {}
            for timer in due:
                by_name.setdefault(timer.name, []).append(timer.key)
            for name, keys in by_name.items():
                await self.acts[name](work, keys)
            await self.intake.finish(work)

    async def _put_off(self, timer: Timer, slip: Exception) -> None:
        """Have a timer that trips the software up fall due later, and say so. What it is about is no log's to tell: it
        stands in the row, with how often it has failed.
        """
        failures = timer.params.get(FAILURES, 0) + 1
        wait = min(FIRST_WAIT * 2 ** min(failures - 1, 10), LONGEST_WAIT)
        async with self.intake.database.write() as db:
            await timers.put_off(db, timer, self.intake.clock.now() + wait, {**timer.params, FAILURES: failures})
        self.put_off += 1
        log.error("timer_tripped_over", type=timer.name, failures=failures, wait_s=wait.total_seconds(), exc_info=slip)
