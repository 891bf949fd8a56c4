"""What the tests of faults stand on: a line of real processes, with topics and a database of the test's own."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from services.foundation.settings import Settings
from tests.broker import Broker, own_names
from tests.e2e.faults.line import PARTITIONS, SESSION, Line, opened_line, told
from tests.integration.postgres.own_server import OwnServer, own_server


@pytest.fixture
def store() -> str:
    """Kafka goes with PostgreSQL."""
    return "postgresql"


@pytest.fixture
def say(counted: Callable[[str], None]) -> Callable[[str, Counter[str]], None]:
    """Tell what a test counted."""
    return lambda name, count: counted(told(name, count))


def on(broker: Broker) -> dict[str, Any]:
    """The settings of a line on this broker."""
    topics = {"topic_partitions": PARTITIONS, "topic_replication": 1, **own_names()}
    return {"broker": f"kafka://{broker.address}", "session_timeout": SESSION, **topics}


@pytest.fixture
async def line(
    make_settings: Callable[..., Awaitable[Settings]], broker: Broker, tmp_path: Path
) -> AsyncIterator[Line]:
    """A line on the PostgreSQL and the Kafka that all tests share."""
    async with opened_line(await make_settings(**on(broker)), tmp_path) as line:
        yield line


@pytest.fixture
async def line_with_a_broker(
    make_settings: Callable[..., Awaitable[Settings]], own_broker: Broker, tmp_path: Path
) -> AsyncIterator[Line]:
    """A line on a Kafka of its own, which the test may stop."""
    async with opened_line(await make_settings(**on(own_broker)), tmp_path) as line:
        yield line


@pytest.fixture
async def database_server(require: Callable[[str, bool, str], None]) -> AsyncIterator[OwnServer]:
    """A PostgreSQL for one test alone, which may restart it."""
    async with own_server(require) as server:
        yield server


@pytest.fixture
async def line_with_a_database(database_server: OwnServer, broker: Broker, tmp_path: Path) -> AsyncIterator[Line]:
    """A line on a PostgreSQL of its own."""
    async with opened_line(database_server.settings(tmp_path / "home", **on(broker)), tmp_path) as line:
        yield line
