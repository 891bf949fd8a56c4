"""What the tests of faults stand on: a line of real processes, with topics and a database of the test's own."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from services.foundation.settings import Settings
from services.streams.topics import ensure
from tests.broker import Broker, own_names
from tests.e2e.faults.line import PARTITIONS, SESSION, Line, told
from tests.mail_server import mail_server


@pytest.fixture
def store() -> str:
    """Kafka goes with PostgreSQL."""
    return "postgresql"


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Callable[[str, Counter[str]], None]:
    """Print what a test counted, whatever the run shows otherwise."""

    def write(name: str, count: Counter[str]) -> None:
        with capsys.disabled():
            print(told(name, count), end="")  # noqa: T201  # the counts are what the test shows

    return write


@asynccontextmanager
async def opened(settings: Settings, folder: Path) -> AsyncIterator[Line]:
    await asyncio.to_thread(ensure, settings)
    async with mail_server() as server:
        line = Line(settings, server, folder)
        try:
            yield line
        finally:
            line.end()


@pytest.fixture
async def line(
    make_settings: Callable[..., Awaitable[Settings]], broker: Broker, tmp_path: Path
) -> AsyncIterator[Line]:
    """A line on the PostgreSQL and the Kafka that all tests share."""
    settings = await make_settings(
        broker=f"kafka://{broker.address}",
        topic_partitions=PARTITIONS,
        topic_replication=1,
        session_timeout=SESSION,
        **own_names(),
    )
    async with opened(settings, tmp_path) as line:
        yield line
