"""What the tests of the Kafka door stand on."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Awaitable, Callable, Iterator

import pytest
import structlog

from services.foundation import logs
from services.foundation.settings import Settings
from services.streams.topics import ensure
from tests.broker import Broker, own_names


@pytest.fixture(autouse=True)
def logging_as_in_production() -> Iterator[None]:
    """What structlog does by itself with an error, to draw it, holds up the event loop for seconds."""
    logs.configure("info", io.StringIO())
    yield
    structlog.reset_defaults()


@pytest.fixture
def store() -> str:
    """Kafka goes with PostgreSQL."""
    return "postgresql"


@pytest.fixture
async def settings(make_settings: Callable[..., Awaitable[Settings]], broker: Broker) -> Settings:
    """Settings with topics and a group of the test's own."""
    made = await make_settings(
        broker=f"kafka://{broker.address}", topic_partitions=2, topic_replication=1, lock_timeout=1, **own_names()
    )
    await asyncio.to_thread(ensure, made)
    return made
