"""The Kafka door in a test: the worker's parts in this process, on a real broker and PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition

from schemas.envelope import Event, decode
from schemas.registry import topic_of
from services.bootstrap import House
from services.foundation.settings import Settings
from services.running.process import Part, Process
from services.streams.connection import client_options, the_broker
from services.streams.topics import topic_name
from services.streams.worker import Consuming

WITHIN = 60.0  # seconds that anything may take that a test waits for


async def until(what: Callable[[], bool], about: str, within: float = WITHIN) -> None:
    """Wait until something holds; fails with what it was about where it does not come to that."""
    try:
        async with asyncio.timeout(within):
            while True:
                if what():
                    return
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(f"not within {within:.0f} seconds: {about}") from None


def place(settings: Settings, raw: bytes) -> tuple[str, bytes]:
    """The topic and key that an event goes under; what is no event goes with the children."""
    event = decode(raw)
    if isinstance(event, Event):
        return topic_name(settings, topic_of(event)), event.partition_key.encode()
    return topic_name(settings, "quorate.children"), b"none"


async def produce(settings: Settings, raws: Sequence[bytes | None]) -> dict[TopicPartition, int]:
    """Append records, in order; returns the offset after the last of each partition."""
    producer = AIOKafkaProducer(**client_options(the_broker(settings)), acks="all", enable_idempotence=True)
    await producer.start()
    ends: dict[TopicPartition, int] = {}
    try:
        sent = []
        for raw in raws:
            topic, key = place(settings, raw or b"")
            sent.append(await producer.send(topic, raw, key=key))
        for each in await asyncio.gather(*sent):
            ends[TopicPartition(each.topic, each.partition)] = each.offset + 1
    finally:
        await producer.stop()
    return ends


async def committed(settings: Settings, some: Mapping[TopicPartition, int]) -> dict[TopicPartition, int]:
    """How far the worker's group has committed on these partitions; 0 where it never has."""
    consumer = AIOKafkaConsumer(
        **client_options(the_broker(settings)), group_id=settings.group, enable_auto_commit=False
    )
    await consumer.start()
    try:
        return {each: await consumer.committed(each) or 0 for each in some}
    finally:
        await consumer.stop()


async def records(settings: Settings, topic: str, count: int) -> list[ConsumerRecord[bytes, bytes]]:
    """The first `count` records of a topic, as soon as there are so many."""
    consumer = AIOKafkaConsumer(
        topic_name(settings, topic),
        **client_options(the_broker(settings)),
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    await consumer.start()
    found: list[ConsumerRecord[bytes, bytes]] = []
    try:
        async with asyncio.timeout(WITHIN):
            while len(found) < count:
                found += [record for some in (await consumer.getmany(timeout_ms=100)).values() for record in some]
    finally:
        await consumer.stop()
    return found


@dataclass
class Worker:
    """The Kafka door of one house, taking records."""

    house: House
    process: Process
    consuming: Consuming
    running: asyncio.Task[None]
    ends: dict[Any, int] = field(default_factory=dict)

    async def take(self, *raws: bytes | None) -> None:
        """Append records and wait until all of them have taken effect."""
        await self.has_taken(await produce(self.house.settings, raws))

    async def has_taken(self, ends: Mapping[TopicPartition, int]) -> None:
        """Wait until everything before these offsets has taken effect."""

        def all_done() -> bool:
            if self.running.done():
                self.running.result()
            done = {(tp.topic, tp.partition): offset for tp, offset in self.consuming.done.items()}
            return all(done.get((tp.topic, tp.partition), 0) >= end for tp, end in ends.items())

        await until(all_done, f"records up to {ends} taken, of which {self.consuming.done} were")

    async def stop(self) -> None:
        """Stop it in order."""
        self.process.stop()
        await self.running


@asynccontextmanager
async def working(house: House, *others: Part) -> AsyncIterator[Worker]:
    """A worker on this house, with other parts beside it, for as long as the block lasts."""
    process = Process(house)
    consuming = Consuming(house)
    worker = Worker(house, process, consuming, asyncio.create_task(process.run(consuming, *others)))
    try:
        yield worker
    finally:
        await worker.stop()
