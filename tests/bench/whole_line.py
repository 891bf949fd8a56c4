"""The whole line as it runs at scale: Kafka, PostgreSQL, workers and mailers, each a process of its own."""

from __future__ import annotations

import asyncio
import os
import subprocess
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from aiokafka import AIOKafkaProducer
from kafka import KafkaAdminClient
from kafka.errors import KafkaError
from sqlalchemy import exists, func, select

from deploy.kafka.broker import Broker
from schemas.envelope import Event, decode
from schemas.registry import topic_of
from services.bootstrap import House, migrate, open_house
from services.foundation.outbox import MAIL, outbox
from services.foundation.settings import Settings
from tests.bench.machine import Costs, Postgres
from tests.bench.mail import Sink
from tests.broker import running_broker
from tests.running import COMMAND, Running, environment

STARTS_WITHIN, ENDS_WITHIN = 60.0, 300.0
INVITED = 8
"""How many agencies are asked to each meeting of `partnership`."""
STRUCTURED = [("content-type", b"application/cloudevents+json; charset=utf-8")]
SECRET = "a-key-for-benchmarks-alone"


class Record(NamedTuple):
    """One event as it goes to Kafka."""

    event_id: str
    topic: str
    key: bytes
    value: bytes


def as_records(raw: Sequence[bytes]) -> list[Record]:
    """Events as records of the topics that they belong to."""
    events = [decode(each) for each in raw]
    return [
        Record(event.id, topic_of(event), event.partition_key.encode(), event.raw)
        for event in events
        if isinstance(event, Event)
    ]


@dataclass(frozen=True, slots=True)
class Stretch:
    """One measured stretch of the whole line."""

    mails: int
    seconds: float
    taken_in: float  # seconds until the last meeting's invitations were written
    costs: Mapping[str, float]

    @property
    def rate(self) -> float:
        return self.mails / self.seconds


@dataclass(slots=True)
class WholeLine:
    """The parts, and what is done with them."""

    settings: Settings
    house: House
    postgres: Postgres
    kafka: Broker
    producer: AIOKafkaProducer
    workers: list[int] = field(default_factory=list)
    mailers: list[int] = field(default_factory=list)

    @contextmanager
    def worker(self) -> Iterator[int]:
        """One more worker, from when it takes part until the block ends; its process id."""
        with self._running("worker", self.workers) as pid:
            limit = time.monotonic() + STARTS_WITHIN
            while self._sharing() != len(self.workers):
                if time.monotonic() > limit:
                    raise TimeoutError("the workers do not share the partitions")
                time.sleep(0.1)
            yield pid

    @contextmanager
    def mailer(self, smtp: str | None = None, connections: int | None = None) -> Iterator[int]:
        """One more mailer, with the mail server and connections of the settings or with others; its process id."""
        others = {"smtp": smtp, "smtp_connections": connections and str(connections)}
        with self._running("mailer", self.mailers, **{name: value for name, value in others.items() if value}) as pid:
            yield pid

    @contextmanager
    def _running(self, command: str, among: list[int], **others: str) -> Iterator[int]:
        with Running(command, self.settings.home, **(told(self.settings) | others)) as running:
            among.append(running.process.pid)
            try:
                yield running.process.pid
            finally:
                among.remove(running.process.pid)
                running.stop()

    def _sharing(self) -> int:
        """How many members of the group hold partitions, once they have agreed."""
        admin = KafkaAdminClient(bootstrap_servers=self.kafka.address)
        try:
            group = admin.describe_groups([self.settings.group])[self.settings.group]
        except KafkaError:  # the broker makes what it keeps of groups when the first one comes
            return 0
        finally:
            admin.close()
        held = [member["member_assignment"] for member in group["members"]]
        return len(held) if group["group_state"] == "Stable" and all(held) else 0

    async def produce(self, records: Sequence[Record]) -> None:
        """Put records into Kafka; returns once it has them all."""
        await asyncio.gather(*[await self.send(record) for record in records])

    async def send(self, record: Record) -> asyncio.Future[object]:
        """Hand one record to the producer; what is returned is done once Kafka has it."""
        sent: asyncio.Future[object] = await self.producer.send(
            record.topic, record.value, key=record.key, headers=STRUCTURED
        )
        return sent

    async def settled(self, within: float = ENDS_WITHIN) -> None:
        """Wait until nothing is left to send or to note."""
        limit = time.monotonic() + within
        waits = select(exists(select(1).where(outbox.c.channel == MAIL, outbox.c.state == "pending")))
        while True:
            async with self.house.database.read() as db:
                if not (await db.execute(waits)).scalar():
                    return
            if time.monotonic() > limit:
                raise TimeoutError("messages are left unsent")
            await asyncio.sleep(0.05)

    def costs(self, sink: int) -> Costs:
        """Begin to charge what the processes use; `sink` is the sink's."""
        assert self.kafka.process is not None
        groups = {
            "worker": self.workers,
            "mailer": self.mailers,
            "PostgreSQL": [self.postgres.pid],
            "Kafka": [self.kafka.process.pid],
            "SMTP sink": [sink],
            "benchmark (produces, and watches)": [os.getpid()],
        }
        return Costs(groups, forking={"PostgreSQL"})

    async def stretch(self, raw: Sequence[bytes], sink: Sink) -> Stretch:
        """Put meetings into Kafka and wait until every invitation has been accepted by the sink.

        The clock runs from before the first record is handed to the producer to when the sink has counted the last
        message, so the producing is inside. Workers and mailers are running and idle when it begins.
        """
        records = as_records(raw)
        expected = sink.taken + INVITED * len(raw)
        costs = self.costs(sink.pid)
        began, start = time.time(), time.perf_counter()
        await self.produce(records)
        end = await sink.until(expected, ENDS_WITHIN)
        spent = costs.since()
        await self.settled()
        if sink.taken != expected:
            raise RuntimeError(f"{sink.taken - expected} messages more than invitations")
        async with self.house.database.read() as db:
            last = (await db.execute(select(func.max(outbox.c.written_at)).where(outbox.c.channel == MAIL))).scalar()
        assert last is not None
        return Stretch(INVITED * len(raw), end - start, last.timestamp() - began, spent)


def told(settings: Settings) -> dict[str, Any]:
    """What the environment of a process has to say for it to have these settings, beside the home."""
    return {name: getattr(settings, name) for name in settings.model_fields_set - {"home"}}


@asynccontextmanager
async def whole_line(folder: Path, postgres: Postgres, smtp: str, connections: int) -> AsyncIterator[WholeLine]:
    """Kafka with its topics and PostgreSQL with its tables; no worker and no mailer yet."""
    database = "quorate"
    await postgres.run(f"CREATE DATABASE {database}")
    with running_broker() as kafka:
        settings = Settings(
            home=folder / "home",
            database=postgres.url(database),
            secret=SECRET,
            broker=f"kafka://{kafka.address}",
            topic_replication=1,
            smtp=smtp,
            smtp_connections=connections,
            smtp_per_domain=connections,
        )
        await migrate(settings)
        ensure = [*COMMAND, "topics", "ensure"]
        await asyncio.to_thread(
            subprocess.run,
            ensure,
            env=environment(settings.home, **told(settings)),
            stdout=subprocess.DEVNULL,
            check=True,
        )
        producer = AIOKafkaProducer(bootstrap_servers=kafka.address, acks="all", enable_idempotence=True)
        async with open_house(settings) as house:
            await producer.start()
            try:
                yield WholeLine(settings, house, postgres, kafka, producer)
            finally:
                await producer.stop()
