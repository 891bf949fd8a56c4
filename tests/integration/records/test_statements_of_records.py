"""What a batch about records costs the database: as many statements for many records as for one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from services.bootstrap import House
from services.records.by_mesh import queue_parcels
from services.records.rules.dispatch import MESH
from services.records.store import dispatches
from tests import events
from tests.bench import partnership
from tests.integration.postgres.test_statements import accept, statements

pytestmark = [pytest.mark.slow, pytest.mark.parametrize("store", ["sqlite"], indirect=True)]

MORE = 12
OTHER = [events.section("The plan is reviewed in June.")]


@pytest.fixture
async def recorded(house: House) -> House:
    raw = [*partnership.agencies(), *(each for n in range(MORE) for each in partnership.family(n))]
    await accept(house, raw)
    await accept(house, [partnership.meeting(n, n) for n in range(MORE)])
    return house


async def test_records_take_as_many_statements_as_one_whatever_is_told_of_them(recorded: House) -> None:
    def approved(n: int, **more: object) -> bytes:
        return events.record(f"r{n}", meeting_id=f"meeting-{n}", partition_key=f"family-{n}", **more)  # type: ignore[arg-type]

    def recalled(n: int) -> bytes:
        return events.recalled(f"r{n}", meeting_id=f"meeting-{n}", partition_key=f"family-{n}")

    found = {}
    for name, tell in (
        ("approved", approved),
        ("said again", lambda n: approved(n, checked_by="Sam Checker")),
        ("another text", lambda n: approved(n, sections=OTHER)),
        ("another version", lambda n: approved(n, version=2, sections=OTHER)),
        ("recalled", recalled),
    ):
        with statements(recorded) as one:
            await accept(recorded, [tell(0)])
        with statements(recorded) as many:
            await accept(recorded, [tell(n) for n in range(1, MORE)])
        found[name] = (one.total(), many.total())
    assert {name: many - one for name, (one, many) in found.items()} == dict.fromkeys(found, 0)


async def test_parcels_are_queued_with_as_many_statements_as_one(recorded: House) -> None:
    await accept(
        recorded,
        [events.record(f"r{n}", meeting_id=f"meeting-{n}", partition_key=f"family-{n}") for n in range(MORE)],
    )
    async with recorded.database.write() as db:
        known = await dispatches.about(db, [f"r{n}" for n in range(MORE)])
        some = [replace(known[f"r{n}"][0], channel=MESH, document_id="d", address="X26ABC1") for n in range(MORE)]
        work = recorded.intake.work(db)
        with statements(recorded) as one:
            await queue_parcels(work, some[:1])
        with statements(recorded) as many:
            await queue_parcels(work, some[1:])
    assert len(work.rows) == MORE
    assert one.total() == many.total()
