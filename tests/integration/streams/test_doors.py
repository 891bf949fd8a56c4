"""One story through every door ends in one state: to the path itself, from a file, over HTTP and from Kafka."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import httpx2
import pytest
from sqlalchemy import Table, func, select

from schemas.envelope import Event, decode
from schemas.registry import topic_of
from services.bootstrap import House, open_house
from services.directory import store as directory
from services.foundation.outbox import outbox
from services.foundation.settings import Settings
from services.intake import store as intake
from services.invitations.store import invitations
from services.meetings import store as meetings
from services.oversight.store import exceptions
from services.running.answering import answer, listening, url_of
from services.running.process import Process
from services.web.app import make_app
from tests import events
from tests.broker import Broker
from tests.clock import MovableClock
from tests.door import Embedded, kafka
from tests.running import BATCH, COMMAND, ONE, environment
from tests.streaming import WITHIN

pytestmark = [pytest.mark.kafka, pytest.mark.postgres]

MOVED = events.MEETING_AT.replace(hour=13)


def wrong(raw: bytes, field: str) -> bytes:
    """An event with a field that nothing can be made of."""
    body = json.loads(raw)
    body["data"][field] = 7
    return json.dumps(body).encode()


def otherwise(raw: bytes) -> bytes:
    """The same event, written in another way."""
    return json.dumps(dict(reversed(json.loads(raw).items()))).encode()


def story() -> list[list[bytes]]:
    """What is sent, in steps; a step begins when the one before has taken effect.

    Within a step the events come from several topics, of which Kafka keeps no common order, and no meeting is concerned
    by two of them. The last line of a step leaves a trace.
    """
    insecure = [events.insecure("inbox@surgery.example")]
    agencies = [
        events.agency("childrens_social_care-1"),
        events.agency("police-1"),
        events.agency("school_nursing-1"),
        events.agency("camhs-1", teams=[events.team("duty", "waiting"), events.team("community", "open")]),
        events.agency("gp-1"),
        events.agency("gp-2", channels=insecure),
        events.agency("school-1"),
    ]
    first = events.child("c1", id="reused")
    people = [
        first,
        events.child("c2", initials="CD"),
        events.child("c3", family_id="f3", initials="EF"),
        events.child("c4", family_id="f4", initials="GH"),
        events.relative("p1"),
        events.relative("p3", family_id="f3", relationship=[events.tie("c3")], email=None),
        events.involvement(agency_id="camhs-1", status="waiting"),
        events.involvement(agency_id="gp-1"),
        events.involvement(person_id="c2", agency_id="school-1"),
        events.involvement(person_id="c3", agency_id="gp-2", partition_key="f3"),
        events.involvement(person_id="c4", agency_id="camhs-1", partition_key="f4"),
        events.involvement(person_id="c5", agency_id="school-1", partition_key="f5"),  # of whom nothing is known yet
    ]
    booked = [
        events.meeting("m1", children=["c1", "c2"]),
        events.meeting("m3", "strategy_discussion", children=["c3"], partition_key="f3"),
        events.meeting("m4", "core_group", children=["c4"], partition_key="f4"),
        events.meeting("m5", children=["c5"], partition_key="f5"),
    ]
    restricted = {"agency_id": "camhs-1", "reason": "conflict_of_interest", "note": "A relative works there."}
    return [
        [
            *people[6:],
            *agencies,
            agencies[0],
            otherwise(agencies[1]),
            *people[:6],
            first,
            events.child("c1", id="reused", initials="YZ"),  # an id that was used before
            wrong(events.agency("gp-9"), "name"),
            b"7",
        ],
        [
            *booked,
            booked[0],
            events.rescheduled("m99"),  # a meeting that nobody ever schedules
            wrong(events.meeting("m98"), "authority"),
            events.meeting("m97", "no_such_kind"),
            *people,
            events.event("quorate.child.forgotten.v1", "c1", {"child_id": "c1"}),
            b"{}",
        ],
        [
            events.rescheduled("m1", starts_at=MOVED),
            events.agency("gp-2", channels=[events.secure("gp-2@surgery.nhs.example")]),
            events.meeting("m4", "core_group", children=["c4"], do_not_invite=[restricted], partition_key="f4"),
            events.child("c5", family_id="f5", initials="IJ"),
            *booked,
            b"[]",
        ],
        [
            events.involvement(agency_id="camhs-1", status="open"),
            events.relative("p3", family_id="f3", relationship=[events.tie("c3")], email="p3@family.example"),
            otherwise(agencies[3]),
            events.cancelled("m4", partition_key="f4"),
            b'{"specversion": "1.0"}',
        ],
        [
            events.cancelled("m1"),
            events.rescheduled("m3", starts_at=MOVED, place="Room 2", partition_key="f3"),
            events.child("c5", family_id="f5", initials="KL"),
            otherwise(booked[1]),
            wrong(events.relative("p1"), "name"),
        ],
    ]


# The doors: each is told what to send, and comes back once all of it has taken effect.

Send: TypeAlias = Callable[[Sequence[bytes]], Awaitable[object]]


@dataclass(frozen=True)
class Place:
    """What a door opens onto, what it stands on, and how much there is to be seen in the house after each step."""

    house: House
    broker: Broker
    traces: Sequence[int]


@asynccontextmanager
async def straight_in(place: Place) -> AsyncIterator[Send]:
    """The path itself."""
    door = Embedded(place.house)
    yield lambda raws: door.take(*raws)


@asynccontextmanager
async def from_a_file(place: Place) -> AsyncIterator[Send]:
    """`quorate ingest -`, which takes what has come as soon as no more is there."""
    settings = place.house.settings
    own = {"database": settings.database, "secret": settings.secret, "log_level": "error"}
    command = await asyncio.create_subprocess_exec(
        *COMMAND,
        "ingest",
        "-",
        "--as-of",
        events.NOW.isoformat(),
        env=environment(settings.home, **own),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert command.stdin is not None
    traces = iter(place.traces)

    async def send(raws: Sequence[bytes]) -> None:
        assert command.stdin is not None
        command.stdin.write(b"".join(raw + b"\n" for raw in raws))
        await command.stdin.drain()
        expected = next(traces)
        async with asyncio.timeout(WITHIN):
            while await seen(place.house) < expected:
                assert command.returncode is None
                await asyncio.sleep(0.02)

    try:
        yield send
        command.stdin.close()
        async with asyncio.timeout(WITHIN):
            told, complaints = await command.communicate()
        assert command.returncode == 1, complaints.decode()  # since some of it was rejected
        assert b"rejected" in told
    finally:
        if command.returncode is None:
            command.kill()
            await command.communicate()


@asynccontextmanager
async def over_http(place: Place) -> AsyncIterator[Send]:
    """POST /events: a batch, and the last one by itself."""
    process, started = Process(place.house), asyncio.Event()
    with listening("QUORATE_LISTEN", "127.0.0.1:0") as listener:
        app = make_app(process)
        running = asyncio.create_task(process.run(main=lambda: answer(process, app, listener, started.set)))
        await asyncio.wait_for(started.wait(), WITHIN)
        headers = {"authorization": f"Bearer {place.house.settings.bearer_token}"}
        async with httpx2.AsyncClient(base_url=url_of(listener), headers=headers, timeout=WITHIN) as client:

            async def send(raws: Sequence[bytes]) -> None:
                batch, last = b"[" + b",".join(raws[:-1]) + b"]", raws[-1]
                for body, kind in ((batch, BATCH), (last, ONE)):
                    answered = await client.post("/events", content=body, headers={"content-type": kind})
                    assert answered.status_code == 202, answered.text

            yield send
        process.stop()
        await running


@asynccontextmanager
async def from_kafka(place: Place) -> AsyncIterator[Send]:
    """The topics of the contract."""
    async with kafka(place.house, place.broker, partitions=3) as door:
        yield lambda raws: door.take(*raws)


async def seen(house: House) -> int:
    """How many events and dead letters there are."""
    async with house.database.read() as db:
        counts = [select(func.count()).select_from(table) for table in (intake.journal, intake.dead_letters)]
        return sum([int((await db.execute(each)).scalar_one()) for each in counts])


# The state


async def state(house: House) -> dict[str, Any]:
    """All that the story ends in, by what it is: without numbers of rows, and without where a dead letter came from."""
    async with house.database.read() as db:

        async def rows(table: Table, *without: str) -> list[dict[str, Any]]:
            columns = [column for column in table.c if column.name not in without]
            order = list(table.primary_key.columns)
            return [dict(row) for row in (await db.execute(select(*columns).order_by(*order))).mappings()]

        found: dict[str, Any] = {}
        for table in (
            directory.agencies,
            directory.children,
            directory.relatives,
            directory.involvements,
            directory.ties,
            meetings.meetings,
            meetings.meeting_children,
            meetings.meeting_facts,
            meetings.entries,
            invitations,
            exceptions,
        ):
            found[table.name] = in_any_order(await rows(table, "version"))
        found["journal"] = lines(await rows(intake.journal, "seq", "hash"))
        found["outbox"] = by(await rows(outbox, "outbox_id"), lambda row: (row["key"], row["params"].get("subject")))
        waiting = select(intake.journal.c.event_id, intake.waiting.c.noun, intake.waiting.c.ref).join_from(
            intake.waiting, intake.journal
        )
        found["waiting"] = sorted(tuple(row) for row in await db.execute(waiting))
        found["dead letters"] = in_any_order(
            [
                {name: letter[name] for name in ("source", "event_id", "errors", "size", "state", "received_at")}
                | {
                    "content": b"".join(
                        [part async for part in intake.dead_letter_content(db, letter["deadletter_id"])]
                    )
                }
                for letter in await intake.read_dead_letters(db, every=True)
            ]
        )
    return found


def in_any_order(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    return sorted(repr(row) for row in rows)


def by(rows: Sequence[dict[str, Any]], whose: Callable[[dict[str, Any]], Any]) -> dict[Any, list[Any]]:
    """Rows in their order, each under whose it is."""
    found: dict[Any, list[Any]] = defaultdict(list)
    for row in rows:
        found[whose(row)].append(row)
    return dict(found)


def lines(journal: Sequence[dict[str, Any]]) -> dict[Any, list[Any]]:
    """The journal as far as its order is promised: of one family, and on one topic."""

    def line(row: dict[str, Any]) -> tuple[str, str]:
        event = decode(row["raw"].encode())
        assert isinstance(event, Event)
        return topic_of(event), row["partition_key"]

    return by(journal, line)


@pytest.mark.parametrize("through", [straight_in, from_a_file, over_http, from_kafka])
async def test_one_story_through_each_door_ends_in_the_same_state(
    through: Callable[[Place], AbstractAsyncContextManager[Send]],
    make_settings: Callable[..., Awaitable[Settings]],
    broker: Broker,
    tmp_path: Path,
) -> None:
    """What it is to end in is seen from the embedded default: straight in, on SQLite."""
    steps, secret = story(), "a-key-for-tests-alone"
    async with open_house(Settings(home=tmp_path / "default", secret=secret), MovableClock()) as house:
        traces = []
        for step in steps:
            await Embedded(house).take(*step)
            traces.append(await seen(house))
        expected = await state(house)
    async with open_house(await make_settings(secret=secret), MovableClock()) as house:
        async with through(Place(house, broker, traces)) as send:
            for step, traces_so_far in zip(steps, traces, strict=True):
                await send(step)
                assert await seen(house) == traces_so_far
        found = await state(house)
    assert found.keys() == expected.keys()
    for what, rows in expected.items():
        assert rows, what
        assert found[what] == rows, what
