"""A process from its start to the signal that ends it."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Awaitable, Callable, Sequence
from contextlib import nullcontext
from functools import partial

import structlog

from services.bootstrap import House, open_house
from services.foundation.clock import FixedClock, SystemClock
from services.foundation.settings import Settings
from services.running.answering import answer, health_app, listening, url_of
from services.running.process import Part, Process

log = structlog.get_logger()

GONE_WITHIN = 9.0  # seconds after which the process ends whatever still hangs
SIGNALS = (signal.SIGTERM, signal.SIGINT)


async def keep_running(
    settings: Settings, make: Callable[[House], Sequence[Part]], started: Callable[[str | None], None]
) -> None:
    """Run a process without pages until SIGTERM or SIGINT: the parts that `make` makes, and an answer to how it is
    where the settings name an address. `started` is told that address. Raises `CannotStart`, and what `open_house` and
    the parts raise that cannot be had.
    """

    async def work(process: Process) -> None:
        async def wait() -> None:
            started(None)
            await process.stopping.wait()

        main: Callable[[], Awaitable[None]] = wait
        if listener is not None:
            main = partial(answer, process, health_app(process), listener, partial(started, url_of(listener)))
        await process.run(*make(process.house), main=main)

    address = settings.health_listen
    with listening("QUORATE_HEALTH_LISTEN", address) if address else nullcontext() as listener:
        await until_stopped(settings, work)


async def until_stopped(settings: Settings, work: Callable[[Process], Awaitable[None]]) -> None:
    """Open the house and do `work` with a process on it, which the first SIGTERM or SIGINT stops. One that comes while
    the house is being opened ends that; a second one ends everything at once, and so does what hangs too long.
    """
    loop, starting = asyncio.get_running_loop(), asyncio.current_task()
    process: Process | None = None
    told = False

    def tell(number: signal.Signals) -> None:
        nonlocal told
        told = True
        log.info("stopping", signal=number.name)
        for each in SIGNALS:
            loop.remove_signal_handler(each)
            signal.signal(each, signal.SIG_DFL)
        gone = threading.Timer(GONE_WITHIN, os._exit, (0,))
        gone.daemon = True
        gone.start()
        if process is not None:
            process.stop()
        elif starting is not None:
            starting.cancel()

    for number in SIGNALS:
        loop.add_signal_handler(number, tell, number)
    try:
        async with open_house(settings, clock_of(settings)) as house:
            process = Process(house)
            await work(process)
    except asyncio.CancelledError:
        if not told:
            raise


def clock_of(settings: Settings) -> FixedClock | SystemClock:
    """The clock, or the one moment of a rehearsal."""
    return FixedClock(settings.as_of) if settings.as_of else SystemClock()
