"""Senders that write in transactions: what they took back was never sent, and what they left open is waited for."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from sqlalchemy import select

from services.bootstrap import House
from services.directory.store import children
from services.streams.connection import client_options, the_broker
from tests import events
from tests.streaming import Worker, place, produce, until, working

pytestmark = [pytest.mark.kafka, pytest.mark.postgres]


@pytest.fixture
async def sender(house: House) -> AsyncIterator[AIOKafkaProducer]:
    producer = AIOKafkaProducer(**client_options(the_broker(house.settings)), transactional_id=house.settings.group)
    await producer.start()
    yield producer
    await producer.stop()


def child(number: int) -> bytes:
    return events.child(f"c{number}", id=f"c{number}", family_id="f1")


async def send(house: House, sender: AIOKafkaProducer, number: int) -> dict[TopicPartition, int]:
    """Append a child's record; returns the offset after it."""
    topic, key = place(house.settings, child(number))
    sent = await sender.send_and_wait(topic, child(number), key=key)
    return {TopicPartition(sent.topic, sent.partition): sent.offset + 1}


async def taken(house: House) -> set[str]:
    async with house.database.read() as db:
        return set((await db.execute(select(children.c.child_id))).scalars())


def behind(worker: Worker) -> float:
    return sum(sample.value for metric in worker.process.metrics.lag.collect() for sample in metric.samples)


async def test_what_was_sent_in_a_transaction_is_taken_once_it_is_committed_and_never_where_it_was_broken_off(
    house: House, sender: AIOKafkaProducer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.streams.worker.LOOK_EVERY", 0.1)
    async with working(house) as worker:
        async with sender.transaction():
            await send(house, sender, 1)
        await sender.begin_transaction()
        await send(house, sender, 2)
        await sender.abort_transaction()
        async with sender.transaction():
            await send(house, sender, 3)
            behind_it = await produce(house.settings, [child(4)])
            await until(lambda: behind(worker) == 2, "two records wait for the end of the transaction")
            assert await taken(house) == {"c1"}
        await worker.has_taken(behind_it)
        assert await taken(house) == {"c1", "c3", "c4"}


async def test_a_worker_gets_on_while_nothing_stands_behind_the_end_of_a_transaction_or_one_is_open(
    house: House, sender: AIOKafkaProducer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.streams.worker.LOOK_EVERY", 0.1)
    async with working(house) as worker:
        async with sender.transaction():
            ends = await send(house, sender, 1)
        await worker.has_taken(ends)
        pulse = worker.process.pulses["stream"]
        taken_at = time.monotonic()
        await until(lambda: pulse.last > taken_at and behind(worker) == 0, "it sees that nothing lies behind")
        await sender.begin_transaction()
        await send(house, sender, 2)
        await until(lambda: behind(worker) == 1, "one waits")
        seen_at = time.monotonic()
        await until(lambda: pulse.last > seen_at, "it gets on though one waits")
        await sender.abort_transaction()
        await until(lambda: behind(worker) == 0, "none waits any more")
        assert await taken(house) == {"c1"}
