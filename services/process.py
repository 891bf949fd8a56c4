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
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

import structlog
import uvicorn
from fastapi import FastAPI, Response
from fastapi.responses import JSONResponse
from sqlalchemy import select
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.types import ASGIApp

from services.bootstrap import LETTERS, House, open_house
from services.foundation import metrics, outbox, timers
from services.foundation.clock import FixedClock, SystemClock
from services.foundation.database import DatabaseTrouble
from services.foundation.metrics import Metrics
from services.foundation.settings import Settings
from services.oversight.views import standing

log = structlog.get_logger()

LOOK_AGAIN = 1.0  # seconds after which work that nobody announced is found
FIRST_WAIT, LONGEST_WAIT = 1.0, 60.0  # seconds between two tries of what keeps failing
STUCK_AFTER = 180.0  # seconds in which a part that gets on has ended a round
FINISH_WITHIN = 5.0  # seconds that what is in hand may take once the process stops
CLOSE_WITHIN = 1.5  # seconds for taking leave of servers
GONE_WITHIN = 9.0  # seconds after which the process ends whatever still hangs
REQUESTS_WITHIN = 4  # seconds that requests in hand may take once the process stops
READY_WITHIN = 2.0  # seconds that the database has to answer
UNREACHABLE = (DatabaseTrouble, OperationalError, TimeoutError)


class CannotStart(Exception):
    """A process cannot start; the message says why and what to do."""


class Part(Protocol):
    """Something that a process keeps doing."""

    name: str

    def opened(self) -> AbstractAsyncContextManager[None]:
        """What it needs for as long as the process runs."""
        ...

    async def run(self, process: Process) -> None:
        """Do it until `process.stopping` is set. What this raises is noted, and it is run again."""
        ...

    def stop(self) -> None:
        """Begin nothing more."""
        ...


@dataclass(slots=True)
class Pulse:
    """When a part last got on, on the monotonic clock. A part that `waits` is stopped by what is outside of it, the
    database for one: to start the process again would help nothing.
    """

    last: float = field(default_factory=time.monotonic)
    waits: str | None = None

    def beat(self) -> None:
        self.last, self.waits = time.monotonic(), None

    @property
    def stuck(self) -> bool:
        return self.waits is None and time.monotonic() - self.last > STUCK_AFTER


@dataclass(slots=True)
class Process:
    """The parts of one process on an open house."""

    house: House
    metrics: Metrics = field(default_factory=Metrics)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    woken: dict[str, asyncio.Event] = field(default_factory=dict)
    pulses: dict[str, Pulse] = field(default_factory=dict)
    parts: list[Part] = field(default_factory=list)
    on_stop: list[Callable[[], None]] = field(default_factory=list)
    gone: threading.Timer | None = None

    def wake(self, *names: str) -> None:
        """There may be something to do now: for the parts with these names, or for all."""
        for name in names or self.woken:
            self.woken[name].set()

    async def run(self, *parts: Part, main: Callable[[], Awaitable[None]] | None = None) -> None:
        """Run the parts, and `main` where there is one, until a signal; raises what a part needs and cannot have."""
        self.parts = list(parts)
        for part in parts:
            self.woken[part.name] = asyncio.Event()
            self.pulses[part.name] = Pulse()
        stack = AsyncExitStack()
        try:
            for part in parts:
                await stack.enter_async_context(part.opened())
            loops = [asyncio.create_task(self._keep_going(part)) for part in parts]
            listening = self._listening()
            loop = asyncio.get_running_loop()
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(number, self.stop, number)
            try:
                await (main() if main is not None else self.stopping.wait())
            finally:
                self.stop(None)
                await _end(loops)
                listening.cancel()
        finally:
            with suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_WITHIN):
                    await stack.aclose()
            if self.gone is not None:
                self.gone.cancel()

    def _listening(self) -> asyncio.Task[None]:
        """What other processes announce, passed on to the parts that it concerns."""

        def waking(name: str) -> Callable[[], None]:
            return lambda: self.wake(name)

        announced = {part.name: waking(part.name) for part in self.parts if not self.house.database.is_sqlite}
        return asyncio.create_task(self.house.database.listen(announced) if announced else self._nothing())

    async def _nothing(self) -> None:
        """SQLite announces nothing; whoever writes in this process wakes the others itself."""

    def stop(self, number: signal.Signals | None = None) -> None:
        """Begin nothing more; a second signal ends the process at once."""
        if self.stopping.is_set():
            return
        log.info("stopping", signal=number.name if number else None)
        for each in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().remove_signal_handler(each)
            signal.signal(each, signal.SIG_DFL)
        self.gone = threading.Timer(GONE_WITHIN, os._exit, (0,))
        self.gone.daemon = True
        self.gone.start()
        self.stopping.set()
        for part in self.parts:
            part.stop()
        for act in self.on_stop:
            act()
        self.wake()

    async def _keep_going(self, part: Part) -> None:
        wait = FIRST_WAIT
        while not self.stopping.is_set():
            try:
                await part.run(self)
                wait = FIRST_WAIT
            except Exception as failure:
                log.exception("part_failed", part=part.name, wait_s=wait)
                self.pulses[part.name].waits = type(failure).__name__
                await until(self.stopping, wait)
                wait = min(wait * 2, LONGEST_WAIT)

    def alive(self) -> dict[str, str]:
        """The parts that do not get on, each with why; none where all is well."""
        return {name: "does not get on" for name, pulse in self.pulses.items() if pulse.stuck}

    async def ready(self) -> str | None:
        """Why no work should be sent to this process; None where it should."""
        if self.stopping.is_set():
            return "stopping"
        waits = {name: pulse.waits for name, pulse in self.pulses.items() if pulse.waits}
        try:
            async with asyncio.timeout(READY_WITHIN), self.house.database.read() as db:
                await db.execute(select(1))
        except UNREACHABLE:
            return "the database does not answer"
        return f"waits: {', '.join(sorted(waits))}" if waits else None

    async def measures(self) -> bytes:
        """The measures of this process and of how things stand, for Prometheus."""
        async with self.house.database.read() as db:
            found = await standing(db, self.house.clock.now())
        return self.metrics.exposition(found)


async def alive_answer(process: Process) -> Response:
    """200 while every part gets on."""
    stuck = process.alive()
    return JSONResponse({"alive": not stuck, **stuck}, 503 if stuck else 200)


async def ready_answer(process: Process) -> Response:
    """200 where work is worth sending; 503 while the process stops or cannot reach what it needs."""
    why = await process.ready()
    return JSONResponse({"ready": why is None, **({"why": why} if why else {})}, 503 if why else 200)


async def measures_answer(process: Process) -> Response:
    """The measures, for Prometheus; 503 while the database cannot be asked how things stand."""
    try:
        return Response(await process.measures(), media_type=metrics.CONTENT_TYPE)
    except UNREACHABLE:
        return Response("the database does not answer\n", 503, media_type="text/plain; charset=utf-8")


@dataclass(slots=True)
class Rounds:
    """A part that does what is due in the database, round after round, woken early where something was announced."""

    name: str
    next_due: Callable[[AsyncConnection], Awaitable[datetime | None]]
    act: Callable[[Process], Awaitable[None]]

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
                await until(woken, LOOK_AGAIN)


class Mailing(Rounds):
    """The mailer as a part of a process."""

    MAIL_WITHIN = 3.0  # seconds that messages under way may take once the process stops

    def __init__(self, house: House) -> None:
        super().__init__(outbox.MAIL, lambda db: outbox.next_due(db, outbox.MAIL, LETTERS), self.mail)
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


def ticking() -> Rounds:
    """The timers as a part of a process."""

    async def tick(process: Process) -> None:
        count = await process.house.tick()
        log.info("timers_acted_on", count=count)
        if outbox.MAIL in process.woken:
            process.wake(outbox.MAIL)

    return Rounds(timers.ARMED, timers.next_due, tick)


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
    app.add_api_route("/healthz", lambda: alive_answer(process))
    app.add_api_route("/readyz", lambda: ready_answer(process))
    app.add_api_route("/metrics", lambda: measures_answer(process))
    return app


async def keep_running(
    settings: Settings, make: Callable[[House], list[Part]], started: Callable[[str | None], None]
) -> None:
    """Run a process without pages until SIGTERM or SIGINT: the parts that `make` makes, and an answer to how it is
    where the settings name an address. `started` is told that address. Raises `CannotStart`.
    """
    with listening("QUORATE_HEALTH_LISTEN", settings.health_listen) as listener:
        async with open_house(settings, clock_of(settings)) as house:
            process = Process(house)
            if listener is None:
                started(None)
                await process.run(*make(house))
                return
            server = Server(_health_app(process), lambda: started(url_of(listener)))
            process.on_stop.append(server.stop)
            await process.run(*make(house), main=lambda: server.serve([listener]))


def clock_of(settings: Settings) -> FixedClock | SystemClock:
    """The clock, or the one moment of a rehearsal."""
    return FixedClock(settings.as_of) if settings.as_of else SystemClock()


async def until(event: asyncio.Event, seconds: float) -> None:
    """Wait for an event, and no longer than so many seconds."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()


async def _end(loops: list[asyncio.Task[None]]) -> None:
    """Wait for the loops to come to their end; break off what does not."""
    _, hanging = await asyncio.wait(loops, timeout=FINISH_WITHIN)
    for task in hanging:
        task.cancel()
    if hanging:
        log.warning("broken_off", count=len(hanging))
        await asyncio.wait(hanging, timeout=1)


@contextmanager
def listening(name: str, address: str | None) -> Iterator[socket.socket | None]:
    """A socket on the address that this setting holds; none where it holds none."""
    if address is None:
        yield None
        return
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
    """Where a socket can be reached."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"
