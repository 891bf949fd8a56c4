"""A process that keeps going: its parts, what wakes them, whether they get on, and how they stop.

Whatever fails in a part is noted and tried again; nothing ends the process but a signal. On a signal it begins nothing
more, finishes what is in hand, and is gone within ten seconds: what could not be finished falls due again, since every
step can be repeated.
"""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import socket
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    asynccontextmanager,
    contextmanager,
    nullcontext,
    suppress,
)
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Protocol

import structlog
import uvicorn
from fastapi import FastAPI, Response
from fastapi.responses import JSONResponse
from sqlalchemy import select
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.types import ASGIApp

from services.bootstrap import LETTERS, House, open_house
from services.foundation import metrics, outbox, timers
from services.foundation.clock import FixedClock, SystemClock
from services.foundation.metrics import Metrics
from services.foundation.settings import Settings
from services.foundation.trouble import DatabaseTrouble
from services.oversight.views import standing
from services.post.inbox.views import mail_standing
from services.post.mailer import TO_SEND
from services.records.handlers import copies

log = structlog.get_logger()

LOOK_AGAIN = 1.0  # seconds after which work that nobody announced is found
# Seconds between two tries of what keeps failing; the last for what another machine is at fault for.
FIRST_WAIT, LONGEST_WAIT, LONGEST_WAIT_OUTSIDE = 1.0, 60.0, 5.0
STUCK_AFTER = 180.0  # seconds over the longest step that a part may need until it has got on
FINISH_WITHIN = 5.0  # seconds that what is in hand may take once the process stops
CLOSE_WITHIN = 1.5  # seconds for taking leave of servers
GONE_WITHIN = 9.0  # seconds after which the process ends whatever still hangs
REQUESTS_WITHIN = 4  # seconds that requests in hand may take once the process stops
READY_WITHIN = 2.0  # seconds that the database has to answer
UNREACHABLE = (DatabaseTrouble, OperationalError, TimeoutError)
SIGNALS = (signal.SIGTERM, signal.SIGINT)
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

    def beat(self) -> None:
        self.last = time.monotonic()
        self.fails: str | None = None
        self._waits: str | None = None

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

    async def measures(self) -> bytes:
        """The measures of this process and of how things stand, for Prometheus."""
        async with self.house.database.read() as db:
            now = self.house.clock.now()
            return self.metrics.exposition(await standing(db, now), await mail_standing(db, now))


async def alive_answer(process: Process) -> Response:
    """200 while every part gets on."""
    stuck = process.alive()
    return JSONResponse({"alive": not stuck, **stuck}, 503 if stuck else 200)


async def ready_answer(process: Process, *, parts: bool = True) -> Response:
    """200 where work is worth sending; 503 while the process stops or cannot reach what it needs."""
    why = await process.ready(parts=parts)
    return JSONResponse({"ready": why is None, **({"why": why} if why else {})}, 503 if why else 200)


async def measures_answer(process: Process) -> Response:
    """The measures, for Prometheus; 503 while the database cannot be asked how things stand."""
    try:
        return Response(await process.measures(), media_type=metrics.CONTENT_TYPE)
    except UNREACHABLE:
        return Response("the database does not answer\n", 503, media_type="text/plain; charset=utf-8")


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

    async def run(self, process: Process) -> None:
        """Do what is due until the process stops."""
        woken, pulse = process.woken[self.name], process.pulses[self.name]
        while not process.stopping.is_set():
            woken.clear()
            async with process.house.database.read() as db:
                due = await self.next_due(db)
            if due is not None and due <= process.house.clock.now():
                await self.act(process)
            pulse.beat()
            if not process.stopping.is_set():
                await until(woken, self.look_again)


class Mailing(Rounds):
    """The mailer as a part of a process."""

    MAIL_WITHIN = 3.0  # seconds that messages under way may take once the process stops

    def __init__(self, house: House, look_again: float = LOOK_AGAIN) -> None:
        due = partial(outbox.next_due, channel=outbox.MAIL, names=LETTERS)
        super().__init__(outbox.MAIL, due, self.mail, look_again)
        self.house = house

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        async with self.house.mailer() as self.mailer:
            yield

    def stop(self) -> None:
        self.mailer.stop(self.MAIL_WITHIN)

    async def mail(self, process: Process) -> None:
        """Send what is due."""
        tally = self.mailer.tally
        names = ("sent", "failed", "put_off")
        before = {name: getattr(tally, name) for name in names}
        try:
            await self.mailer.drain(progress=process.pulses[self.name].beat)
        finally:
            done = {name: getattr(tally, name) - before[name] for name in names}
            for name, count in done.items():
                process.metrics.mails.labels(name).inc(count)
            if any(done.values()):
                log.info("mail_sent", **done)


def ticking(look_again: float = LOOK_AGAIN) -> Rounds:
    """The timers as a part of a process."""

    async def tick(process: Process) -> None:
        count = await process.house.tick(process.pulses[timers.ARMED].beat)
        process.metrics.timers.inc(count)
        log.info("timers_acted_on", count=count)
        process.wake(outbox.MAIL)

    return Rounds(timers.ARMED, timers.next_due, tick, look_again)


class Printing(Rounds):
    """The press as a part of a process that has a mailer."""

    def __init__(self, house: House, look_again: float = LOOK_AGAIN) -> None:
        super().__init__(outbox.PRINT, self.due, self.make, look_again)
        self.press, self.clock = house.press, house.clock

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        self.press.stopping = False
        yield

    def stop(self) -> None:
        self.press.stop()

    async def due(self, db: AsyncConnection) -> datetime | None:
        """When something falls due: at once where something is made that is not noted."""
        if self.press.ended:
            return self.clock.now()
        return await outbox.next_due(db, outbox.PRINT, (copies.PRINT,))

    async def make(self, process: Process) -> None:
        """Make what is due."""
        tally = self.press.tally
        names = ("made", "withheld", "put_off")
        before = {name: getattr(tally, name) for name in names}
        try:
            await self.press.drain(process.pulses[self.name].beat)
        finally:
            done = {name: getattr(tally, name) - before[name] for name in names}
            for name, count in done.items():
                process.metrics.documents.labels(name).inc(count)
            if any(done.values()):
                log.info("documents_made", **done)
                process.wake(outbox.MAIL)


class Server(uvicorn.Server):
    """A server that says when it takes requests, and leaves the signals to the process around it."""

    def __init__(self, app: ASGIApp, started: Callable[[], None] = lambda: None) -> None:
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            lifespan="off",
            timeout_graceful_shutdown=REQUESTS_WITHIN,
        )
        super().__init__(config)
        self.tell_started = started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.tell_started()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    def stop(self) -> None:
        """Take no more requests."""
        self.should_exit = True


def _health_app(process: Process) -> FastAPI:
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)

    @app.get("/healthz")
    async def alive() -> Response:
        return await alive_answer(process)

    @app.get("/readyz")
    async def ready() -> Response:
        return await ready_answer(process)

    @app.get("/metrics")
    async def measures() -> Response:
        return await measures_answer(process)

    return app


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
            main = partial(answer, process, _health_app(process), listener, partial(started, url_of(listener)))
        await process.run(*make(process.house), main=main)

    address = settings.health_listen
    with listening("QUORATE_HEALTH_LISTEN", address) if address else nullcontext() as listener:
        await until_stopped(settings, work)


async def answer(process: Process, app: ASGIApp, listener: socket.socket, started: Callable[[], None]) -> None:
    """Answer requests until the process stops; `started` is called once they are taken."""
    server = Server(app, started)
    process.on_stop.append(server.stop)
    await server.serve([listener])


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


async def until(event: asyncio.Event, seconds: float) -> None:
    """Wait for an event, and no longer than so many seconds."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()


@contextmanager
def listening(name: str, address: str) -> Iterator[socket.socket]:
    """A socket on the address that the setting of this name holds. Raises `CannotStart`."""
    host, _, port = address.rpartition(":")
    host = "127.0.0.1" if host == "localhost" else host.strip("[]")
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, int(port)))
            listener.listen()
        except OSError as wrong:
            if wrong.errno == errno.EADDRINUSE:
                why = f"{address} is in use by another program: stop it, or set another port"
            else:
                why = f"{address} cannot be listened on: {wrong.strerror}"
            raise CannotStart(f"{name}: {why}") from None
        yield listener


def url_of(listener: socket.socket) -> str:
    """Where a socket can be reached from this machine."""
    host, port = listener.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  # every address: one of them is near
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"
