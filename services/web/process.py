"""`quorate up`: the HTTP door, the pages, the mailer and the timers in one process that keeps going.

Whatever fails in the mailer or the timers is noted and tried again; nothing ends the process but a signal. On a signal
it takes no more requests, finishes what is in hand, and is gone within ten seconds: what could not be finished falls
due again, since every step can be repeated.
"""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import signal
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import structlog
import uvicorn
from sqlalchemy.ext.asyncio import AsyncConnection

from services.bootstrap import LETTERS, House, open_house
from services.foundation import outbox, timers
from services.foundation.clock import FixedClock, SystemClock
from services.foundation.settings import Settings
from services.post.mailer import Mailer
from services.web.app import make_app
from services.web.door import Door

log = structlog.get_logger()

LOOK_AGAIN = 1.0  # seconds after which work that another process left is found
FIRST_WAIT, LONGEST_WAIT = 1.0, 60.0  # seconds between two tries of what keeps failing
REQUESTS_WITHIN = 4  # seconds that requests in hand may take once the process stops
MAIL_WITHIN = 3.0  # seconds that messages under way may take
LOOPS_WITHIN = 2.0  # seconds after that until a loop is broken off
CLOSE_WITHIN = 1.5  # seconds for taking leave of the mail server
GONE_WITHIN = 9.0  # seconds after which the process ends whatever still hangs


class CannotStart(Exception):
    """`quorate up` cannot start; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Running:
    """Where to look at what was started. `mailbox` is None where a real mail server is set."""

    url: str
    mailbox: Path | None
    token: Path | None


async def serve(settings: Settings, started: Callable[[Running], None]) -> None:
    """Run until SIGTERM or SIGINT; `started` is told once requests are taken. Raises `CannotStart`."""
    with _only_one(settings.home), _listening(settings.listen) as listener:
        token = None if settings.token else settings.home / "token"
        settings.bearer_token  # noqa: B018  # made now, so that it can be read
        mailbox = None if settings.smtp_server else settings.home / "mailbox"
        clock = FixedClock(settings.as_of) if settings.as_of else SystemClock()
        async with open_house(settings, clock) as house:
            await _Process(house, lambda: started(Running(_url(listener), mailbox, token))).run(listener)


class _Server(uvicorn.Server):
    """A server that says when it takes requests, and leaves the signals to the process around it."""

    def __init__(self, config: uvicorn.Config, started: Callable[[], None]) -> None:
        super().__init__(config)
        self.tell_started = started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.tell_started()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class _Process:
    """The parts of the process, and how they stop."""

    def __init__(self, house: House, started: Callable[[], None]) -> None:
        self.house = house
        self.door = Door(house, wake=self.wake)
        self.stopping = asyncio.Event()
        self.woken = {"mailer": asyncio.Event(), "timers": asyncio.Event()}
        self.mailer: Mailer | None = None
        self.server = _Server(
            uvicorn.Config(
                make_app(self.door),
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                lifespan="off",
                timeout_graceful_shutdown=REQUESTS_WITHIN,
            ),
            started,
        )

    def wake(self) -> None:
        """There may be something to do now."""
        for event in self.woken.values():
            event.set()

    async def run(self, listener: socket.socket) -> None:
        """Run until a signal."""
        stack = AsyncExitStack()
        self.mailer = mailer = await stack.enter_async_context(self.house.mailer())
        loops = [
            asyncio.create_task(self._keep_going("mailer", _mail_due, lambda: self._mail(mailer))),
            asyncio.create_task(self._keep_going("timers", timers.next_due, self._tick)),
        ]
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop, number)
        try:
            await self.server.serve([listener])
        finally:
            self.stop(None)
            await _end(loops)
            with suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_WITHIN):
                    await stack.aclose()

    def stop(self, number: signal.Signals | None) -> None:
        """Take no more requests and begin nothing more; a second signal ends the process at once."""
        if self.stopping.is_set():
            return
        log.info("stopping", signal=number.name if number else None)
        for each in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().remove_signal_handler(each)
            signal.signal(each, signal.SIG_DFL)
        gone = threading.Timer(GONE_WITHIN, os._exit, (0,))
        gone.daemon = True
        gone.start()
        self.door.draining = True
        self.stopping.set()
        self.wake()
        if self.mailer is not None:
            self.mailer.stop(MAIL_WITHIN)
        self.server.should_exit = True

    async def _keep_going(
        self,
        part: str,
        next_due: Callable[[AsyncConnection], Awaitable[datetime | None]],
        act: Callable[[], Awaitable[None]],
    ) -> None:
        """Do what is due, again and again; a failure is noted and tried again after a while."""
        wait = FIRST_WAIT
        while not self.stopping.is_set():
            self.woken[part].clear()
            try:
                async with self.house.database.read() as db:
                    due = await next_due(db)
                if due is not None and due <= self.house.clock.now():
                    await act()
            except Exception:
                log.exception("part_failed", part=part, wait_s=wait)
                await _until(self.stopping, wait)
                wait = min(wait * 2, LONGEST_WAIT)
            else:
                wait = FIRST_WAIT
                if not self.stopping.is_set():
                    await _until(self.woken[part], LOOK_AGAIN)

    async def _mail(self, mailer: Mailer) -> None:
        names = ("sent", "failed", "put_off")
        before = {name: getattr(mailer.tally, name) for name in names}
        try:
            await mailer.drain()
        finally:
            done = {name: getattr(mailer.tally, name) - before[name] for name in names}
            for name, count in done.items():
                self.door.metrics.mails.labels(name).inc(count)
            if any(done.values()):
                log.info("mail_sent", **done)

    async def _tick(self) -> None:
        count = await self.house.tick()
        log.info("timers_acted_on", count=count)
        self.woken["mailer"].set()


async def _mail_due(db: AsyncConnection) -> datetime | None:
    return await outbox.next_due(db, outbox.MAIL, LETTERS)


async def _until(event: asyncio.Event, seconds: float) -> None:
    """Wait for an event, and no longer than so many seconds."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()


async def _end(loops: list[asyncio.Task[None]]) -> None:
    """Wait for the loops to come to their end; break off what does not."""
    _, hanging = await asyncio.wait(loops, timeout=MAIL_WITHIN + LOOPS_WITHIN)
    for task in hanging:
        task.cancel()
    if hanging:
        log.warning("broken_off", count=len(hanging))
        await asyncio.wait(hanging, timeout=1)


@contextmanager
def _only_one(home: Path) -> Iterator[None]:
    """Hold the home for this process alone; the lock goes with the process, however it ends."""
    try:
        home.mkdir(parents=True, exist_ok=True)
        file = (home / "up.lock").open("a+")
    except OSError as wrong:
        raise CannotStart(f"QUORATE_HOME: {home} cannot be used: {wrong.strerror}") from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise CannotStart(
                f"Quorate is already running on {home} (process {file.read().strip()}): stop it first, or give this "
                "one a home of its own with QUORATE_HOME"
            ) from None
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield


@contextmanager
def _listening(listen: str) -> Iterator[socket.socket]:
    """A socket on the address of the settings."""
    host, _, port = listen.rpartition(":")
    host = "127.0.0.1" if host == "localhost" else host.strip("[]")
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, int(port)))
            listener.listen()
        except OSError as wrong:
            if wrong.errno == errno.EADDRINUSE:
                why = f"{listen} is in use by another program: stop it, or set another port"
            else:
                why = f"{listen} cannot be listened on: {wrong.strerror}"
            raise CannotStart(f"QUORATE_LISTEN: {why}") from None
        yield listener


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"
