"""A process and its parts: what wakes them, whether they get on, and how they stop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

import structlog
from sqlalchemy import select
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from services.bootstrap import House
from services.foundation.metrics import Metrics
from services.foundation.trouble import DatabaseTrouble
from services.post.mailer import TO_SEND

log = structlog.get_logger()

# Seconds between two tries of what keeps failing; the last for what another machine is at fault for.
FIRST_WAIT, LONGEST_WAIT, LONGEST_WAIT_OUTSIDE = 1.0, 60.0, 5.0
STUCK_AFTER = 180.0  # seconds over the longest step that a part may need until it has got on
FINISH_WITHIN = 5.0  # seconds that what is in hand may take once the process stops
CLOSE_WITHIN = 1.5  # seconds for taking leave of servers
STAND_BY = 2.0  # seconds between two looks at whether the one process that does a part alone is gone
READY_WITHIN = 2.0  # seconds that the database has to answer
OUTSIDE = (DatabaseTrouble, OperationalError, OSError)  # not the process's own fault


class CannotStart(Exception):
    """A process cannot start; the message says why and what to do."""


class EndedByItself(Exception):
    """A part was left while the process goes on, and nothing was said of why."""


class Part(Protocol):
    """Something that a process keeps doing."""

    name: str

    def opened(self) -> AbstractAsyncContextManager[None]:
        """What it needs for as long as the process runs. What this raises ends the start."""
        ...

    async def run(self, process: Process) -> None:
        """Do it until `process.stopping` is set. What this raises is noted, and it is run again."""
        ...

    def stop(self) -> None:
        """Begin nothing more; called once at most, and only after it was opened."""
        ...


class Pulse:
    """How a part gets on: it `beat`s at the end of every round, or says what it `waits` for while something outside of
    the process keeps it from its work. To say so again counts as a beat: to start the process again would help nothing.

    Times are on the monotonic clock, in seconds. `fails` is the class of what it failed with since the last beat.
    """

    def __init__(self, patience: float = STUCK_AFTER) -> None:
        self.patience = patience
        self.beat()

    def beat(self, waits: str | None = None) -> None:
        """It has got on, as far as what it `waits` for lets it."""
        self.last = time.monotonic()
        self.fails: str | None = None
        self._waits = waits

    @property
    def waits(self) -> str | None:
        return self._waits

    @waits.setter
    def waits(self, why: str) -> None:
        self.last, self._waits = time.monotonic(), why

    @property
    def stuck(self) -> bool:
        return time.monotonic() - self.last > self.patience


@dataclass(slots=True)
class Process:
    """The parts of one process on an open house."""

    house: House
    metrics: Metrics = field(default_factory=Metrics)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    woken: dict[str, asyncio.Event] = field(default_factory=dict)
    pulses: dict[str, Pulse] = field(default_factory=dict)
    parts: list[Part] = field(default_factory=list)  # those that are open
    on_stop: list[Callable[[], None]] = field(default_factory=list)
    opening: asyncio.Timeout | None = None
    finish_by: float = 0.0  # on the loop's clock, once the process stops

    def wake(self, *names: str) -> None:
        """There may be something to do now: for the parts with these names as far as they are here, or for all."""
        for name, event in self.woken.items():
            if not names or name in names:
                event.set()

    async def run(self, *parts: Part, main: Callable[[], Awaitable[None]] | None = None) -> None:
        """Run the parts until `stop` is called, or until `main` ends where there is one.

        Raises what `main` raises, and what a part's `opened` does.
        """
        for part in parts:
            self.woken[part.name] = asyncio.Event()
            self.pulses[part.name] = Pulse(self._patience())
        stack = AsyncExitStack()
        try:
            await self._open(stack, parts)
            if self.stopping.is_set():
                return
            log.info("started", part=[part.name for part in parts])
            loops = [asyncio.create_task(self._keep_going(part)) for part in parts]
            hearing = asyncio.create_task(self._hear())
            try:
                await (main() if main is not None else self.stopping.wait())
            finally:
                self.stop()
                await self._end(loops, hearing)
        finally:
            with suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_WITHIN):
                    await stack.aclose()

    def _patience(self) -> float:
        """Seconds after which a part that says nothing is taken to be stuck: longer than any one step may take."""
        settings = self.house.settings
        of_database = 3 * settings.lock_timeout + settings.statement_timeout  # twice of it for a free connection
        return STUCK_AFTER + max(of_database, TO_SEND.total_seconds())

    async def _open(self, stack: AsyncExitStack, parts: Sequence[Part]) -> None:
        """Give the parts what they need, unless the process is stopped before."""
        try:
            async with asyncio.timeout(None) as self.opening:
                for part in parts:
                    if not self.stopping.is_set():
                        await stack.enter_async_context(part.opened())
                        self.parts.append(part)
        except TimeoutError:
            if not self.stopping.is_set():
                raise
        finally:
            self.opening = None

    async def _hear(self) -> None:
        """Pass on to the parts what other processes announce. SQLite announces nothing."""
        if self.parts and not self.house.database.is_sqlite:
            await self.house.database.listen({part.name: partial(self.wake, part.name) for part in self.parts})

    def stop(self) -> None:
        """Begin nothing more; what is in hand may take `FINISH_WITHIN` seconds."""
        if self.stopping.is_set():
            return
        self.stopping.set()
        loop = asyncio.get_running_loop()
        self.finish_by = loop.time() + FINISH_WITHIN
        if self.opening is not None:
            self.opening.reschedule(loop.time())
        for act in (*self.on_stop, *(part.stop for part in self.parts)):
            try:
                act()
            except Exception:  # the others are to stop all the same
                log.exception("stop_failed")
        self.wake()

    async def _end(self, loops: Sequence[asyncio.Task[None]], hearing: asyncio.Task[None]) -> None:
        """Wait for the loops to come to their end; break off what does not."""
        hearing.cancel()
        left = max(0.0, self.finish_by - asyncio.get_running_loop().time())
        hanging = (await asyncio.wait(loops, timeout=left))[1] if loops else set()
        for task in hanging:
            task.cancel()
        if hanging:
            log.warning("broken_off", count=len(hanging))
        await asyncio.wait([*hanging, hearing], timeout=1)

    async def _keep_going(self, part: Part) -> None:
        pulse = self.pulses[part.name]
        wait = FIRST_WAIT
        while not self.stopping.is_set():
            try:
                await self._run(part)
            except Exception as failure:
                outside = isinstance(failure, OUTSIDE)
                if pulse.fails is None:  # it has got on since it failed last
                    wait = FIRST_WAIT
                note = log.warning if outside else log.error
                note("part_failed", part=part.name, wait_s=wait, exc_info=failure)
                pulse.fails = type(failure).__name__
                if outside:
                    pulse.waits = pulse.fails
                await until(self.stopping, wait)
                wait = min(2 * wait, LONGEST_WAIT_OUTSIDE if outside else LONGEST_WAIT)

    async def _run(self, part: Part) -> None:
        """Run a part until the process stops; raises where it is left before, however it is left."""
        try:
            await part.run(self)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
        if not self.stopping.is_set():
            raise EndedByItself

    def alive(self) -> dict[str, str]:
        """The parts that do not get on, each with why; none where all is well."""
        return {
            name: f"has not got on for {pulse.patience:.0f} seconds{f' ({pulse.fails})' if pulse.fails else ''}"
            for name, pulse in self.pulses.items()
            if pulse.stuck
        }

    async def ready(self, *, parts: bool = True) -> str | None:
        """Why no work should be sent to this process; None where it should. Without `parts`, whatever these say."""
        if self.stopping.is_set():
            return "stopping"
        try:
            async with asyncio.timeout(READY_WITHIN), self.house.database.read() as db:
                await db.execute(select(1))
        except (DatabaseTrouble, SQLAlchemyError, OSError):
            return "the database does not answer"
        waits = {name: pulse.waits or pulse.fails for name, pulse in self.pulses.items()}
        told = [f"{name}: {why}" for name, why in sorted(waits.items()) if why and parts]
        return f"waits for {', '.join(told)}" if told else None


async def until(event: asyncio.Event, seconds: float) -> None:
    """Wait for an event, and no longer than so many seconds."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
