"""The broker is stopped for half a minute, and killed, while events are on their way."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable

import pytest

from tests.broker import Broker
from tests.e2e.faults.line import Line
from tests.running import Running

pytestmark = [pytest.mark.slow, pytest.mark.kafka, pytest.mark.postgres]

AWAY = 30.0  # seconds


async def test_a_broker_that_is_away_for_half_a_minute_is_waited_for(
    line_with_a_broker: Line, own_broker: Broker, say: Callable[[str, Counter[str]], None]
) -> None:
    line = line_with_a_broker
    processes = await line.start("worker", "worker", "mailer")
    count = Counter({"seconds that the broker was stopped": int(AWAY)})
    async with line.load(families=12):
        await line.gets_on()
        await asyncio.to_thread(own_broker.stop)
        await asyncio.sleep(AWAY)
        assert_all_live(processes)
        await asyncio.to_thread(own_broker.start)
        await line.gets_on()
        own_broker.kill()
        count["kills of the broker"] += 1
        await asyncio.to_thread(own_broker.start)
        await line.gets_on()
        assert_all_live(processes)
    await line.has_settled()
    count += await line.check()
    say("broker gone", count)


def assert_all_live(processes: list[Running]) -> None:
    """None of them has ended, or is one that should be ended."""
    assert [each.process.poll() for each in processes] == [None] * len(processes)
    assert [each.get("/healthz").status_code for each in processes] == [200] * len(processes)
