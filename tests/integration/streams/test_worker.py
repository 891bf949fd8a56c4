"""Records become effects: once, in order, and with the offset behind them."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from kafka import KafkaAdminClient
from kafka import TopicPartition as KafkaPartition
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import NoError
from kafka.structs import OffsetAndMetadata
from sqlalchemy import func, select, text

from services.bootstrap import House
from services.directory.store import children
from services.foundation.database import Database
from services.foundation.settings import Settings
from services.intake.store import journal
from services.invitations.store import invitations
from services.streams.connection import client_options, the_broker
from services.streams.topics import DEAD_LETTERS, ensure, topic_name
from services.streams.worker import Consuming
from tests import events
from tests.streaming import committed, produce, records, until, working

pytestmark = [pytest.mark.kafka, pytest.mark.postgres]


async def count(house: House, table: object) -> int:
    async with house.database.read() as db:
        return int((await db.execute(select(func.count()).select_from(table))).scalar_one())  # type: ignore[arg-type]


@asynccontextmanager
async def nobody_can_write(house: House) -> AsyncIterator[None]:
    """Intake waits for another transaction in here, and gives up after QUORATE_LOCK_TIMEOUT (one second)."""
    other = Database(house.settings.database_url)
    try:
        async with other.write() as db:
            await db.execute(text("SELECT 1"))
            yield
    finally:
        await other.close()


async def test_records_take_effect_across_topics_and_what_waits_is_let_go(house: House) -> None:
    async with working(house) as worker:
        await worker.take(events.meeting(), events.involvement("i1"), events.agency("camhs-1"), events.child("c1"))
        async with house.database.read() as db:
            asked = set((await db.execute(select(invitations.c.agency_id))).scalars())
    assert "camhs-1" in asked


async def test_the_offset_moves_once_the_effect_is_durable_and_not_before(house: House) -> None:
    async with working(house) as worker:
        await worker.take(events.child("c1"))
        async with nobody_can_write(house):
            ends = await produce(house.settings, [events.child("c2", family_id="f2")])
            await until(lambda: worker.process.pulses["stream"].waits is not None, "the partition waits and says so")
            assert await worker.process.ready() == "waits for stream: the database"
            await asyncio.sleep(2 * 0.5)  # as long as two commits of offsets: what must not happen had time to
            assert all(offset < ends[tp] for tp, offset in (await committed(house.settings, ends)).items())
        await worker.has_taken(ends)
        await until(lambda: worker.process.pulses["stream"].waits is None, "it goes on by itself")
        assert worker.process.alive() == {}
    assert await committed(house.settings, ends) == ends
    assert await count(house, children) == 2


async def test_a_worker_that_stops_in_the_middle_of_a_batch_has_acknowledged_none_of_it(house: House) -> None:
    """Faust itself acknowledges what an agent was given when the agent is cancelled."""
    async with working(house) as worker:
        await worker.take(events.child("c1"))
        async with nobody_can_write(house):
            ends = await produce(house.settings, [events.child("c2", family_id="f2")])
            await until(lambda: worker.process.pulses["stream"].waits is not None, "the batch is in hand")
            await worker.stop()
        assert all(offset < ends[tp] for tp, offset in (await committed(house.settings, ends)).items())
        assert await count(house, children) == 1
    async with working(house) as worker:
        await worker.has_taken(ends)
    assert await count(house, children) == 2
    assert await committed(house.settings, ends) == ends


async def test_what_comes_again_has_no_second_effect(house: House) -> None:
    raws = [events.child("c1"), events.agency("camhs-1"), events.involvement("i1"), events.meeting()]
    async with working(house) as worker:
        await worker.take(*raws)
        before = await count(house, invitations)
        await worker.take(*raws, *raws)
        assert await count(house, journal) == len(raws)
        assert await count(house, invitations) == before


async def test_events_of_one_family_are_journaled_in_the_order_of_their_records(house: House) -> None:
    raws = [
        events.child(f"c{family}", id=f"e-{family}-{number}", family_id=f"f{family}")
        for number in range(30)
        for family in range(10)
    ]
    async with working(house) as worker:
        await worker.take(*raws)
    async with house.database.read() as db:
        found = (await db.execute(select(journal.c.partition_key, journal.c.event_id).order_by(journal.c.seq))).all()
    for family in range(10):
        assert [id for key, id in found if key == f"f{family}"] == [f"e-{family}-{number}" for number in range(30)]


async def test_what_cannot_be_read_is_kept_with_its_place_and_told_of_and_the_rest_goes_on(house: House) -> None:
    bad: list[bytes | None] = [b"\xff\xfe", b"", None, b'{"specversion": "1.0"}']
    async with working(house) as worker:
        await worker.take(*bad, events.child("c1"))
        told = await records(house.settings, DEAD_LETTERS, len(bad))
        assert await count(house, children) == 1
    async with house.database.read() as db:
        rows = (await db.execute(text("SELECT deadletter_id, origin, errors FROM dead_letters"))).all()
    kept = {str(row.deadletter_id): row for row in rows}
    assert len(kept) == len(bad)
    for record in told:
        headers = {name: value.decode() for name, value in record.headers}
        row = kept.pop(headers["quorate-deadletter-id"])
        assert json.loads(headers["quorate-from"]) == row.origin
        assert json.loads(headers["quorate-errors"]) == row.errors
        assert row.origin["topic"] == f"{house.settings.topic_prefix}.children"
        assert record.value in {raw or b"" for raw in bad}
    assert not kept


def configure(settings: Settings, topic: str, configs: dict[str, str]) -> None:
    """Have the broker keep a topic otherwise."""
    admin = KafkaAdminClient(**client_options(the_broker(settings)))
    try:
        admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic_name(settings, topic), configs)])
    finally:
        admin.close()


def largest_dead_letter(settings: Settings, size: int) -> None:
    """Have the broker refuse dead letters of more than this many bytes."""
    configure(settings, DEAD_LETTERS, {"max.message.bytes": str(size)})


async def test_while_dead_letters_cannot_be_told_of_the_partition_waits_and_says_so(house: House) -> None:
    async with working(house) as worker:
        await worker.take(b"first")  # who sent some already has numbered them, and the brokers expect the next number
        await asyncio.to_thread(largest_dead_letter, house.settings, 100)
        ends = await produce(house.settings, [b"no event"])
        pulse = worker.process.pulses["stream"]
        await until(lambda: pulse.waits == "the topic of dead letters", "it waits and says for what")
        reached = await committed(house.settings, ends)
        assert all(reached[each] < end for each, end in ends.items())
        await asyncio.to_thread(largest_dead_letter, house.settings, 1_000_000)
        told = await records(house.settings, DEAD_LETTERS, 2)
        assert {record.value for record in told} == {b"first", b"no event"}
        await worker.has_taken(ends)
    assert await committed(house.settings, ends) == ends
    assert await count(house, text("dead_letters")) == 2


async def test_a_worker_that_stops_before_a_dead_letter_was_told_of_leaves_the_record_to_the_next(house: House) -> None:
    await asyncio.to_thread(largest_dead_letter, house.settings, 100)
    async with working(house) as worker:
        ends = await produce(house.settings, [b"no event"])
        pulse = worker.process.pulses["stream"]
        await until(lambda: pulse.waits == "the topic of dead letters", "it waits and says for what")
    assert set((await committed(house.settings, ends)).values()) == {0}
    await asyncio.to_thread(largest_dead_letter, house.settings, 1_000_000)
    async with working(house) as worker:
        await worker.has_taken(ends)
    assert len(await records(house.settings, DEAD_LETTERS, 1)) == 1
    assert await count(house, text("dead_letters")) == 1


async def test_of_a_record_longer_than_an_event_the_topic_of_dead_letters_has_the_reasons_alone(house: House) -> None:
    """A broker counts what a batch has once it is compressed."""
    producer = AIOKafkaProducer(
        **client_options(the_broker(house.settings)), compression_type="gzip", max_request_size=16_000_000
    )
    async with working(house) as worker:
        await producer.start()
        try:
            sent = await producer.send_and_wait(topic_name(house.settings, "quorate.children"), b"x" * 9_000_000)
        finally:
            await producer.stop()
        await worker.has_taken({TopicPartition(sent.topic, sent.partition): sent.offset + 1})
        [record] = await records(house.settings, DEAD_LETTERS, 1)
    assert record.value is None
    assert dict(record.headers)["quorate-size"] == b"9000000"
    async with house.database.read() as db:
        assert (await db.execute(text("SELECT size FROM dead_letters"))).scalar_one() == 9_000_000


async def test_how_far_behind_a_partition_is_can_be_read_off_the_measures(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.streams.worker.LOOK_EVERY", 0.1)
    async with working(house) as worker:
        await worker.take(events.child("c1"))
        async with nobody_can_write(house):
            await produce(house.settings, [events.child(f"c{n}", id=f"e{n}", family_id="f1") for n in range(7)])

            def behind() -> float:
                samples = next(iter(worker.process.metrics.lag.collect())).samples
                return sum(sample.value for sample in samples)

            await until(lambda: behind() == 7, "seven records lie behind")
        await until(lambda: behind() == 0, "none does any more")


async def test_records_that_kafka_deleted_before_they_were_taken_are_told_of_by_the_next_worker(house: House) -> None:
    async with working(house) as worker:
        await worker.take(events.child("c1"))
    ends = await produce(house.settings, [events.child("c1", id="e1"), events.child("c1", id="e2")])
    admin = KafkaAdminClient(**client_options(the_broker(house.settings)))
    try:
        await asyncio.to_thread(admin.delete_records, {KafkaPartition(*tp): end for tp, end in ends.items()})
    finally:
        admin.close()
    async with working(house) as worker:
        await worker.take(events.child("c1", id="e3"))
        samples = [sample for metric in worker.process.metrics.gone.collect() for sample in metric.samples]
    assert [(sample.labels, sample.value) for sample in samples] == [
        ({"topic": tp.topic, "partition": str(tp.partition)}, 2) for tp in ends
    ]


async def test_a_topic_that_was_deleted_and_made_anew_is_taken_from_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.streams.worker.TOPICS_EVERY", 1.0)
    async with working(house) as worker:
        await worker.take(*(events.child(f"c{n}", id=f"e{n}", family_id="f1") for n in range(5)))
        batches = worker.consuming.batches
        await asyncio.to_thread(delete, house.settings, "quorate.children")
        await asyncio.to_thread(ensure, house.settings)
        await produce(house.settings, [events.child("c9", id="e9", family_id="f1")])
        await until(lambda: worker.consuming.batches > batches, "the record is taken")
    assert await count(house, children) == 6


async def test_a_place_that_lies_behind_the_end_is_of_a_topic_that_was_there_before(house: House) -> None:
    async with working(house) as worker:
        await worker.take(*(events.child(f"c{n}", id=f"e{n}", family_id="f1") for n in range(5)))
    await asyncio.to_thread(delete, house.settings, "quorate.children")
    await asyncio.to_thread(ensure, house.settings)
    ends = await produce(house.settings, [events.child("c9", id="e9", family_id="f1")])
    await asyncio.to_thread(place, house.settings, dict.fromkeys(ends, 5))
    async with working(house) as worker:
        await worker.has_taken(ends)
    assert await count(house, children) == 6


def place(settings: Settings, offsets: Mapping[TopicPartition, int]) -> None:
    """Note for the group where it goes on, as a worker does that has not learnt yet of a topic that was made anew."""
    admin = KafkaAdminClient(**client_options(the_broker(settings)))
    try:
        noted = {KafkaPartition(*tp): OffsetAndMetadata(offset, "", -1) for tp, offset in offsets.items()}
        assert set(admin.alter_group_offsets(settings.group, noted).values()) == {NoError}
    finally:
        admin.close()


def delete(settings: Settings, topic: str) -> None:
    """Delete a topic, and wait until it is gone."""
    name = topic_name(settings, topic)
    admin = KafkaAdminClient(**client_options(the_broker(settings)))
    try:
        admin.delete_topics([name])
        while name in admin.list_topics():
            time.sleep(0.05)
    finally:
        admin.close()


async def test_where_taking_records_breaks_off_for_no_reason_outside_it_begins_anew(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    take_in = Consuming._take_in
    slips = iter([True])

    async def slipping(self: Consuming, *words: Any) -> None:
        if next(slips, False):
            raise ValueError("a slip of ours")
        await take_in(self, *words)

    monkeypatch.setattr(Consuming, "_take_in", slipping)
    async with working(house) as worker:
        ends = await produce(house.settings, [events.child("c1")])
        await until(lambda: worker.process.pulses["stream"].fails == "RuntimeError", "it is noted")
        await worker.has_taken(ends)
    assert await count(house, children) == 1
    assert await committed(house.settings, ends) == ends


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
async def test_records_are_taken_however_a_sender_or_the_broker_has_compressed_them(house: House, codec: str) -> None:
    await asyncio.to_thread(configure, house.settings, "quorate.children", {"compression.type": codec})
    async with working(house) as worker:
        await worker.take(events.child("c1"))
    assert await count(house, children) == 1
