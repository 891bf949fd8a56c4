"""Outcomes reach Kafka: every one, in the order of their families, under ids that stay the same."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict

import pytest
from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType
from sqlalchemy import func, select, text

from schemas.registry import OUT_TYPES
from services.bootstrap import House
from services.foundation.outbox import OUTCOME, outbox, relayed
from services.foundation.settings import Settings
from services.intake.accept import Arrival
from services.running.process import Process
from services.streams.connection import client_options, the_broker
from services.streams.relay import Relaying
from services.streams.topics import OUTCOMES, topic_name
from tests import events
from tests.streaming import records, until

pytestmark = [pytest.mark.kafka, pytest.mark.postgres]


async def take(house: House, *raws: bytes) -> None:
    verdicts = await house.intake.accept([Arrival(raw, {"file": "f", "line": n}) for n, raw in enumerate(raws)])
    assert {verdict.state for verdict in verdicts} == {"accepted"}


async def story(house: House, families: int) -> int:
    """A meeting in each of some families, each moved three times; returns how many outcomes there are."""
    await take(house, events.agency("camhs-1"), events.agency("gp-1", kind="gp"))
    for n in range(families):
        await take(
            house,
            events.child(f"c{n}", id=f"c{n}", family_id=f"f{n}"),
            events.involvement(f"i{n}", id=f"i{n}", person_id=f"c{n}", partitionkey=f"f{n}"),
            events.meeting(f"m{n}", id=f"m{n}", children=[f"c{n}"], partitionkey=f"f{n}"),
        )
    async with house.database.read() as db:
        of_outcomes = select(func.count()).select_from(outbox).where(outbox.c.channel == OUTCOME)
        return int((await db.execute(of_outcomes)).scalar_one())


async def written(house: House) -> list[tuple[str, str]]:
    """Partition key and type of every outcome, in the order they were written."""
    async with house.database.read() as db:
        rows = await db.execute(
            select(outbox.c.params, outbox.c.name).where(outbox.c.channel == OUTCOME).order_by(outbox.c.outbox_id)
        )
        return [(params["partition_key"], name) for params, name in rows]


async def handed_on(house: House) -> int:
    async with house.database.read() as db:
        return int((await db.execute(select(func.coalesce(func.max(relayed.c.outbox_id), 0)))).scalar_one())


async def test_outcomes_are_cloudevents_under_their_familys_key_in_the_order_written(house: House) -> None:
    count = await story(house, 6)
    process, relay = Process(house), Relaying(house)
    running = asyncio.create_task(process.run(relay))
    found = await records(house.settings, "quorate.outcomes", count)
    await until(lambda: relay.relayed == count, "all handed on")
    process.stop()
    await running
    by_key: dict[str, list[tuple[int, str]]] = defaultdict(list)
    ids = set()
    for record in found:
        event = json.loads(record.value)
        assert dict(record.headers) == {"content-type": b"application/cloudevents+json; charset=utf-8"}
        assert record.key.decode() == event["partitionkey"]
        OUT_TYPES[event["type"]].model.model_validate(event["data"])
        by_key[event["partitionkey"]].append((record.offset, event["type"]))
        ids.add((event["source"], event["id"]))
    assert len(ids) == count
    for key, some in by_key.items():
        assert [name for _, name in sorted(some)] == [name for of, name in await written(house) if of == key]


async def test_what_is_written_while_the_relay_works_is_announced_and_handed_on(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.streams.relay.LOOK_AGAIN", 3600.0)
    process, relay = Process(house), Relaying(house)
    running = asyncio.create_task(process.run(relay))
    try:
        count = 0
        for _ in range(3):
            await until(lambda: relay.leads, "it waits to be woken")
            count = await story_of_one(house, count)
            await until(lambda count=count: relay.relayed == count, f"{count} handed on")  # type: ignore[misc]
    finally:
        process.stop()
        await running


async def story_of_one(house: House, before: int) -> int:
    n = before
    await take(
        house,
        events.child(f"c{n}", id=f"c{n}", family_id=f"f{n}"),
        events.meeting(f"m{n}", id=f"m{n}", children=[f"c{n}"]),
    )
    return len(await written(house))


async def test_one_relay_works_and_another_takes_its_place_when_its_connection_goes(house: House) -> None:
    relays = [Relaying(house), Relaying(house)]
    processes = [Process(house), Process(house)]
    running = [asyncio.create_task(p.run(r)) for p, r in zip(processes, relays, strict=True)]
    try:
        await until(lambda: any(relay.leads for relay in relays), "one of them works")
        count = await story(house, 2)
        await until(lambda: sum(relay.relayed for relay in relays) == count, "all handed on")
        assert sorted(relay.relayed for relay in relays) == [0, count]
        async with house.database.write() as db:
            await db.execute(
                text(
                    "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' "
                    "AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) "
                    "AND pid <> pg_backend_pid()"
                )
            )
        more = await story_of_one(house, 99)
        await until(lambda: sum(relay.relayed for relay in relays) >= more, "the rest is handed on")
    finally:
        for process in processes:
            process.stop()
        await asyncio.gather(*running)
    found = await records(house.settings, "quorate.outcomes", more)
    assert len({json.loads(record.value)["id"] for record in found}) == more


async def test_what_was_sent_and_not_noted_is_sent_again_under_the_same_id(house: House) -> None:
    count = await story(house, 2)
    for _ in range(2):
        process, relay = Process(house), Relaying(house)
        running = asyncio.create_task(process.run(relay))
        await until(lambda relay=relay: relay.relayed == count, "all handed on")  # type: ignore[misc]
        process.stop()
        await running
        async with house.database.write() as db:
            await db.execute(relayed.delete())
    found = await records(house.settings, "quorate.outcomes", 2 * count)
    assert len({json.loads(record.value)["id"] for record in found}) == count


async def test_after_a_topic_refused_outcomes_all_are_handed_on_once_it_takes_them(house: House) -> None:
    count = await story(house, 1)
    process, relay = Process(house), Relaying(house)
    running = asyncio.create_task(process.run(relay))
    try:
        await until(lambda: relay.relayed == count, "the first are handed on")
        await asyncio.to_thread(largest_outcome, house.settings, 100)
        more = await story_of_one(house, 99)
        await until(lambda: process.pulses[relay.name].waits == "BrokerTrouble", "it waits, and says so")
        await asyncio.to_thread(largest_outcome, house.settings, 1_000_000)
        await until(lambda: relay.relayed == more, "the rest is handed on")
    finally:
        process.stop()
        await running
    found = await records(house.settings, "quorate.outcomes", more)
    assert len({json.loads(record.value)["id"] for record in found}) == more


def largest_outcome(settings: Settings, size: int) -> None:
    """Have the broker refuse outcomes of more than this many bytes."""
    admin = KafkaAdminClient(**client_options(the_broker(settings)))
    topic = topic_name(settings, OUTCOMES)
    try:
        admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, {"max.message.bytes": str(size)})])
    finally:
        admin.close()
