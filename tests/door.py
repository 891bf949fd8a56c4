"""The doors that events come in through, for tests of what events cause: the same holds behind each of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, fields, replace
from functools import partial
from itertools import count
from typing import Protocol
from unittest.mock import patch

from aiokafka import AIOKafkaProducer, TopicPartition
from faust.tables.manager import TableManager

from services.bootstrap import House
from services.foundation.settings import Settings
from services.intake.accept import Arrival, Intake, Verdict
from services.streams.connection import producing
from services.streams.topics import ensure
from services.web.views import still_waiting
from tests.broker import Broker, own_names
from tests.streaming import Worker, place, working


class Door(Protocol):
    """A way into a house."""

    house: House

    async def take(self, *raws: bytes) -> list[Verdict]:
        """Send these; returns what became of each, in order, once all of them have been dealt with.

        As the commands and the HTTP door count it, an event has been accepted where it waited for another of these and
        waits no more.
        """
        ...


@dataclass(slots=True)
class Embedded:
    """Straight to the one path, as one batch: the next lines of a file."""

    house: House
    lines: Iterator[int] = field(default_factory=partial(count, 1))

    async def take(self, *raws: bytes) -> list[Verdict]:
        return await self.house.intake.accept([Arrival(raw, {"file": "f", "line": next(self.lines)}) for raw in raws])


@dataclass(slots=True)
class Noting(Intake):
    """The one path, and a note of its first answer to each record, by topic, partition and offset."""

    noted: dict[tuple[str, int, int], Verdict] = field(default_factory=dict)

    async def accept(self, arrivals: Sequence[Arrival]) -> list[Verdict]:
        verdicts = await Intake.accept(self, arrivals)
        for arrival, verdict in zip(arrivals, verdicts, strict=True):
            origin = arrival.origin
            self.noted.setdefault((origin["topic"], origin["partition"], origin["offset"]), verdict)
        return verdicts


@dataclass(slots=True)
class Kafka:
    """Appended to the topics of the contract, from where a worker takes them, in batches as they come."""

    house: House
    settings: Settings
    worker: Worker
    intake: Noting
    producer: AIOKafkaProducer

    async def take(self, *raws: bytes) -> list[Verdict]:
        under_way = []
        for raw in raws:
            topic, key = place(self.settings, raw)
            under_way.append(await self.producer.send(topic, raw, key=key))
        records = await asyncio.gather(*under_way)
        await self.worker.has_taken({TopicPartition(each.topic, each.partition): each.offset + 1 for each in records})
        verdicts = [self.intake.noted[each.topic, each.partition, each.offset] for each in records]
        waiting = {verdict.seq for verdict in verdicts if verdict.state == "waiting" and verdict.seq is not None}
        async with self.house.database.read() as db:
            still = await still_waiting(db, waiting) if waiting else set()
        let_go = waiting - still
        return [replace(each, state="accepted") if each.seq in let_go else each for each in verdicts]


@asynccontextmanager
async def kafka(house: House, broker: Broker, partitions: int = 1) -> AsyncIterator[Kafka]:
    """A worker in this process, with the house's database and clock, on topics of its own."""
    address = f"kafka://{broker.address}"
    given = {"broker": address, "topic_partitions": partitions, "topic_replication": 1, **own_names()}
    settings = Settings(**(house.settings.model_dump() | given))
    await asyncio.to_thread(ensure, settings)
    intake = Noting(**{each.name: getattr(house.intake, each.name) for each in fields(house.intake)})
    with patch.object(TableManager, "sleep", _no_time):
        async with working(replace(house, settings=settings, intake=intake)) as worker, producing(settings) as producer:
            yield Kafka(house, settings, worker, intake, producer)


async def _no_time(_manager: TableManager, _seconds: float) -> None:
    """Faust gives tables a second to be registered. There are none."""
