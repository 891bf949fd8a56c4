"""The parts that a measurement runs on, each a process of its own, and what each of them costs this machine."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from tests.bench.mail import answers, free_port
from tests.postgres import new_server

TICK = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


def cpu_seconds(pid: int) -> float:
    """What a process has used since it began, in seconds of one core; nothing where it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / TICK


def resident(pid: int) -> float:
    """What a process holds in memory, in MB."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE / 1e6


def family(pid: int) -> list[int]:
    """A process, its children, and theirs."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children = task.read_text().split()
        except OSError:
            continue
        for child in children:
            found += family(int(child))
    return found


class Costs:
    """CPU seconds of groups of processes over one stretch: `Costs({"worker": [pid], …})`, then `since()`.

    What the groups in `forking` have started is theirs.
    """

    def __init__(self, groups: Mapping[str, Iterable[int]], forking: Collection[str] = ()) -> None:
        self.groups = {name: list(pids) for name, pids in groups.items()}
        self.forking = forking
        self.before = self._now()

    def _now(self) -> dict[str, float]:
        return {
            name: sum(cpu_seconds(each) for pid in pids for each in (family(pid) if name in self.forking else [pid]))
            for name, pids in self.groups.items()
        }

    def since(self) -> dict[str, float]:
        now = self._now()
        return {name: now[name] - self.before[name] for name in self.groups}


@contextmanager
def process(
    command: Sequence[str], environment: Mapping[str, str] | None = None, log: Path | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A process, asked to stop at the end, and killed where it does not."""
    with ExitStack() as stack:
        out = stack.enter_context(log.open("ab")) if log else subprocess.DEVNULL
        started = subprocess.Popen(command, env=environment, stdout=out, stderr=subprocess.STDOUT)
        try:
            yield started
        finally:
            started.send_signal(signal.SIGTERM)
            try:
                started.wait(15)
            except subprocess.TimeoutExpired:
                started.kill()
                started.wait()


def wait_for_port(port: int, started: subprocess.Popen[bytes], within: float = 30) -> None:
    """Wait until something listens there; raises `RuntimeError` where the process ends or takes too long."""
    limit = time.monotonic() + within
    while not answers(port):
        if started.poll() is not None or time.monotonic() > limit:
            raise RuntimeError(f"{started.args!r} does not listen on port {port}")
        time.sleep(0.02)


@dataclass(frozen=True, slots=True)
class Postgres:
    """A server of our own, on a socket in a folder."""

    folder: str
    pid: int

    def url(self, name: str) -> str:
        return f"postgresql+asyncpg://postgres@/{name}?host={self.folder}"

    async def run(self, statement: str, database: str = "postgres") -> list[asyncpg.Record]:
        """Run one statement; returns its rows."""
        connection = await asyncpg.connect(host=self.folder, user="postgres", database=database)
        try:
            rows: list[asyncpg.Record] = await connection.fetch(statement)
            return rows
        finally:
            await connection.close()

    async def durability(self) -> str:
        """How it is set to keep what it commits."""
        names = ("fsync", "synchronous_commit", "full_page_writes", "shared_buffers")
        found = [(await self.run(f"SHOW {name}"))[0][0] for name in names]
        version = (await self.run("SHOW server_version"))[0][0]
        return f"PostgreSQL {version} (" + ", ".join(f"{n} {v}" for n, v in zip(names, found, strict=True)) + ")"


@contextmanager
def postgres() -> Iterator[Postgres]:
    """PostgreSQL with its own defaults, which wait for the disk at each commit."""
    server = new_server("quorate-bench-")
    try:
        about = server.get_postmaster_info()
        yield Postgres(str(about.socket_dir), about.pid)
    finally:
        server.cleanup()


@contextmanager
def redis(folder: Path) -> Iterator[tuple[str, int]]:
    """Redis on a free loopback port, keeping nothing on disk; its URL and its process id."""
    program = shutil.which("redis-server")
    if program is None:
        sys.exit("redis-server is not installed: it comes with Debian's package redis-server")
    port = free_port()
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    with process(command, log=folder / "redis.log") as started:
        wait_for_port(port, started)
        yield f"redis://127.0.0.1:{port}/0", started.pid
