"""The timers, as a part of a process."""

from __future__ import annotations

import structlog

from services.foundation import outbox, timers
from services.running.process import Process
from services.running.rounds import LOOK_AGAIN, Rounds

log = structlog.get_logger()


def ticking(look_again: float = LOOK_AGAIN) -> Rounds:
    """The part that acts on timers as they fall due."""

    async def tick(process: Process) -> None:
        ticker = process.house.ticker
        before = ticker.put_off
        try:
            count = await process.house.tick(process.pulses[timers.ARMED].beat)
        finally:
            process.metrics.timers_put_off.inc(ticker.put_off - before)
        process.metrics.timers.inc(count)
        log.info("timers_acted_on", count=count, put_off=ticker.put_off - before)
        process.wake(outbox.MAIL)

    return Rounds(timers.ARMED, timers.next_due, tick, look_again)
