"""The journal refuses to be changed, and where someone gets round that, the row is found and named."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from sqlalchemy import insert, select, text, update
from sqlalchemy.exc import DBAPIError

from services.bootstrap import House
from services.intake import store
from services.intake.accept import Arrival
from services.intake.journal import verify
from services.intake.rules import Fault
from tests import events

COUNT = 9


@pytest.fixture
async def filled(house: House) -> House:
    raws = [events.child(f"c{number}", preferred_name="Zoë") for number in range(1, COUNT + 1)]
    for batch in (raws[:4], raws[4:]):
        await house.intake.accept([Arrival(raw, {"file": "f", "line": 1}) for raw in batch])
    return house


async def faults(house: House) -> list[Fault]:
    return (await verify(house.database))[1]


async def named(house: House) -> list[int]:
    return [fault.seq for fault in await faults(house)]


async def tamper(house: House, *statements: str) -> None:
    """What someone does who may change the schema."""
    if house.database.is_sqlite:
        opening: Sequence[str] = ("DROP TRIGGER journal_refuses_update", "DROP TRIGGER journal_refuses_delete")
    else:
        opening = ("DROP TRIGGER journal_refuses_change ON journal",)
    async with house.database.write() as db:
        for statement in (*opening, *statements):
            await db.execute(text(statement))


async def test_a_journal_as_intake_wrote_it_has_no_fault_and_shows_its_end(filled: House) -> None:
    walk, found = await verify(filled.database)
    assert found == []
    async with filled.database.read() as db:
        last = (await db.execute(select(store.journal.c.hash).where(store.journal.c.seq == COUNT))).scalar_one()
        assert await store.end_of_journal(db) == (COUNT, last)
    assert (walk.rows, walk.seq, walk.hash) == (COUNT, COUNT, last)


async def test_an_empty_journal_has_no_fault(house: House) -> None:
    walk, found = await verify(house.database)
    assert (walk.rows, walk.seq, found) == (0, 0, [])


async def test_the_end_that_was_noted_still_stands_when_more_came_in(filled: House) -> None:
    walk, _ = await verify(filled.database)
    await filled.intake.accept([Arrival(events.child("c99"), {"file": "f", "line": 1})])
    later, found = await verify(filled.database, (walk.seq, walk.hash))
    assert (later.seq, found) == (COUNT + 1, [])
    _, found = await verify(filled.database, (walk.seq, "0" * 64))
    assert [fault.seq for fault in found] == [COUNT]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE journal SET subject = 'c99' WHERE seq = 3",
        "DELETE FROM journal WHERE seq = 3",
        "DELETE FROM journal",
    ],
)
async def test_the_database_refuses_to_change_or_delete_what_is_in_the_journal(filled: House, statement: str) -> None:
    with pytest.raises(DBAPIError, match="the journal is only ever added to"):
        async with filled.database.write() as db:
            await db.execute(text(statement))
    assert await faults(filled) == []


@pytest.mark.parametrize("seq", [5, COUNT])
@pytest.mark.parametrize(
    "change",
    [
        "source = '/tests/other'",
        "event_id = 'other'",
        "type = 'quorate.relative.recorded.v1'",
        "subject = 'c99'",
        "partition_key = 'f99'",
        "event_time = '2025-01-01T09:00:00.000000+00:00'",
        "recorded_at = '2025-01-01T09:00:00.000000+00:00'",
        "raw = replace(raw, 'Zoë', 'Zoe')",
        "raw = raw || ' '",
        "hash = reverse_of_it",
    ],
)
async def test_a_change_in_any_column_of_any_row_is_found_and_the_row_named(
    filled: House, change: str, seq: int
) -> None:
    await tamper(filled, f"UPDATE journal SET {change.replace('reverse_of_it', repr('0' * 64))} WHERE seq = {seq}")
    assert await named(filled) == [seq]


@pytest.mark.parametrize(
    "change",
    ["raw = CAST(x'ff00' AS TEXT)", "subject = x'6331'", "event_time = 'yesterday'", "raw = 7", "hash = x'00'"],
)
@pytest.mark.parametrize("store", ["sqlite"])
async def test_what_only_a_column_without_types_can_hold_is_found_and_stops_nothing(filled: House, change: str) -> None:
    await tamper(filled, f"UPDATE journal SET {change} WHERE seq = 5")
    assert await named(filled) == [5]


async def test_missing_rows_are_named(filled: House) -> None:
    await tamper(filled, "DELETE FROM journal WHERE seq IN (4, 5, 7)")
    assert await faults(filled) == [Fault(4, "rows 4 to 5 are missing"), Fault(7, "row 7 is missing")]


async def test_rows_missing_at_the_end_are_named(filled: House) -> None:
    await tamper(filled, f"DELETE FROM journal WHERE seq > {COUNT - 2}")
    assert await faults(filled) == [Fault(COUNT - 1, f"rows {COUNT - 1} to {COUNT} are missing at the end")]


async def test_a_cut_off_journal_with_a_forged_end_is_told_by_what_was_noted_elsewhere(filled: House) -> None:
    walk, _ = await verify(filled.database)
    async with filled.database.read() as db:
        kept = (await db.execute(select(store.journal.c.hash).where(store.journal.c.seq == 6))).scalar_one()
    await tamper(filled, "DELETE FROM journal WHERE seq > 6", f"UPDATE journal_end SET seq = 6, hash = '{kept}'")
    assert await faults(filled) == []
    _, found = await verify(filled.database, (walk.seq, walk.hash))
    assert found == [Fault(COUNT, "was noted elsewhere and is missing")]


async def test_rows_that_changed_places_are_both_named(filled: House) -> None:
    moves = ("SET seq = 100 WHERE seq = 3", "SET seq = 3 WHERE seq = 7", "SET seq = 7 WHERE seq = 100")
    await tamper(filled, *(f"UPDATE journal {move}" for move in moves))
    assert [(fault.seq, "put in another place" in fault.message) for fault in await faults(filled)] == [
        (3, True),
        (7, True),
    ]


async def test_a_row_put_in_at_the_end_past_the_intake_is_named(filled: House) -> None:
    moment = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
    forged = {
        "seq": COUNT + 1,
        "source": "/tests/other",
        "event_id": "forged",
        "type": "quorate.child.recorded.v1",
        "subject": "c99",
        "partition_key": "f99",
        "event_time": moment,
        "recorded_at": moment,
        "raw": "{}",
        "hash": "0" * 64,
    }
    async with filled.database.write() as db:
        await db.execute(insert(store.journal).values(forged))
    assert set(await named(filled)) == {COUNT + 1}


async def test_a_forged_end_is_named(filled: House) -> None:
    async with filled.database.write() as db:
        await db.execute(update(store.journal_end).values(hash="0" * 64))
    assert await faults(filled) == [Fault(COUNT, "is not the row that was noted as the last")]
