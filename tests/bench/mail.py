"""The mail path of the benchmarks: a sink that counts, one that notes when, and what bare `aiosmtplib` gets through."""

from __future__ import annotations

import asyncio
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import aiosmtplib
from sqlalchemy import func, select

from services.bootstrap import LETTERS, House
from services.foundation import outbox
from services.post.mime import assemble

LOOK_EVERY = 0.002  # seconds between two looks at the sink's counter: how sharp the end of a measurement is

Message = tuple[str, str, bytes]
"""The sender, the recipient, and the whole message."""


def free_port() -> int:
    """A loopback port that nobody uses just now."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def answers(port: int) -> bool:
    """Whether anything listens there."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@dataclass(slots=True)
class Sink:
    """Postfix's smtp-sink: `taken` is how many messages it has accepted."""

    port: int
    pid: int
    counter: IO[bytes]

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}?tls=none"

    @property
    def taken(self) -> int:
        """What the sink wrote last: it counts at the end of each message, before it answers."""
        self.counter.seek(max(0, self.counter.seek(0, 2) - 256))
        found = re.findall(rb"mesg=(\d+)\r", self.counter.read())
        return int(found[-1]) if found else 0

    async def until(self, count: int, within: float) -> float:
        """Wait until so many messages have been accepted; returns the moment, on the clock of `time.perf_counter`."""
        limit = time.perf_counter() + within
        while (taken := self.taken) < count:
            if time.perf_counter() > limit:
                raise TimeoutError(f"{count - taken} of {count} messages have not come within {within:.0f} s")
            await asyncio.sleep(LOOK_EVERY)
        return time.perf_counter()


@contextmanager
def sink() -> Iterator[Sink]:
    """A sink on a free loopback port."""
    program = shutil.which("smtp-sink") or shutil.which("smtp-sink", path="/usr/sbin:/usr/lib/postfix/sbin")
    if program is None:
        sys.exit("smtp-sink is not installed: it comes with Debian's postfix package")
    port = free_port()
    command = [program, "-c", "-u", "nobody", f"127.0.0.1:{port}", "1000"]
    with (
        tempfile.TemporaryFile() as counter,
        subprocess.Popen(command, stdout=counter, stderr=subprocess.DEVNULL) as process,
    ):
        try:
            while not answers(port):
                time.sleep(0.01)
            yield Sink(port, process.pid, counter)
        finally:
            process.terminate()


async def bare(messages: Sequence[Message], port: int, connections: int) -> float:
    """The ceiling: messages built beforehand, sent by `aiosmtplib` alone; returns the seconds it took."""
    waiting = deque(messages)

    async def one() -> None:
        client = aiosmtplib.SMTP(hostname="127.0.0.1", port=port, use_tls=False, start_tls=False)
        await client.connect()
        while waiting:
            sender, to, content = waiting.popleft()
            await client.sendmail(sender, [to], content)
        await client.quit()

    start = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(connections)))
    return time.perf_counter() - start


async def built(house: House, after: int) -> list[Message]:
    """The messages of the outbox rows after `after`, as they were sent."""
    rows = outbox.outbox
    async with house.database.read() as db:
        query = select(rows.c.name, rows.c.params).where(rows.c.outbox_id > after, rows.c.channel == outbox.MAIL)
        found = (await db.execute(query)).all()
    letters = [LETTERS[row.name].render(row.params, house.settings) for row in found]
    return [(letter.sender, letter.to, assemble(letter)) for letter in letters]


async def last_row(house: House) -> int:
    """The number of the newest outbox row."""
    async with house.database.read() as db:
        return (await db.execute(select(func.max(outbox.outbox.c.outbox_id)))).scalar() or 0


@dataclass(frozen=True, slots=True)
class Noted:
    """A sink that notes when it accepted each message, in a process of its own."""

    port: int
    pid: int
    file: Path

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}?tls=none"

    def accepted(self) -> dict[str, float]:
        """When each Message-ID was accepted first, in seconds since 1970."""
        found: dict[str, float] = {}
        for line in self.file.read_text().splitlines():
            moment, _, message_id = line.partition(" ")
            found.setdefault(message_id, float(moment))
        return found


@contextmanager
def noting_sink(folder: Path) -> Iterator[Noted]:
    """Such a sink on a free loopback port."""
    port, file = free_port(), folder / "accepted"
    command = [sys.executable, "-m", "tests.bench.noting_sink", str(port), str(file)]
    with subprocess.Popen(command) as process:
        try:
            while not answers(port):
                if process.poll() is not None:
                    raise RuntimeError("the noting sink did not start")
                time.sleep(0.01)
            yield Noted(port, process.pid, file)
        finally:
            process.terminate()
