"""An event has its effect once, however often, from wherever and at whatever moment it comes in."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from typing import Any

import pytest
from sqlalchemy import Table, func, select

from services.bootstrap import House, open_house
from services.directory import store as directory
from services.foundation.outbox import outbox
from services.foundation.settings import Settings
from services.foundation.work import Work
from services.intake import store
from services.intake.accept import Arrival, Intake, Verdict
from services.intake.views import list_dead_letters
from services.meetings import store as meetings
from tests import events
from tests.clock import MovableClock
from tests.door import Door


def arrivals(raws: Sequence[bytes], file: str = "f") -> list[Arrival]:
    return [Arrival(raw, {"file": file, "line": line}) for line, raw in enumerate(raws, 1)]


async def from_file(house: House, file: str, *raws: bytes) -> list[Verdict]:
    return await house.intake.accept(arrivals(raws, file))


async def count(house: House, *tables: Table) -> list[int]:
    async with house.database.read() as db:
        return [(await db.execute(select(func.count()).select_from(table))).scalar_one() for table in tables]


async def dead_letters(house: House) -> list[dict[str, Any]]:
    async with house.database.read() as db:
        return await list_dead_letters(db, every=True)


async def test_the_same_event_twice_in_a_batch_and_in_a_later_one_is_known(house: House, door: Door) -> None:
    raw = events.child("c1")
    assert [each.state for each in await door.take(raw, raw)] == ["accepted", "known"]
    assert [each.state for each in await door.take(raw)] == ["known"]
    assert await count(house, store.journal, directory.children) == [1, 1]


async def test_the_same_event_written_in_another_way_is_known(door: Door) -> None:
    raw = events.child("c1", preferred_name="Zoë")
    again = json.dumps(json.loads(raw), indent=2, ensure_ascii=True).encode()
    await door.take(raw)
    assert [each.state for each in await door.take(again, b"\xef\xbb\xbf" + raw)] == ["known", "known"]


async def test_another_event_under_the_same_name_is_a_dead_letter_and_the_first_stands(
    house: House, door: Door
) -> None:
    first = events.child("c1", id="same", initials="AB")
    other = events.child("c1", id="same", initials="CD")
    assert [each.state for each in await door.take(first, other)] == ["accepted", "rejected"]
    [verdict] = await door.take(other)
    assert (verdict.state, verdict.event_id, verdict.errors[0].path) == ("rejected", "same", "$.id")
    async with house.database.read() as db:
        assert (await directory.children_by_id(db, ["c1"]))["c1"].initials == "AB"
    assert [letter["id"] for letter in await dead_letters(house)] == ["same", "same"]


async def test_the_same_id_from_another_source_is_another_event(door: Door) -> None:
    raws = [events.child(child, id="same", source=f"/tests/{child}") for child in ("c1", "c2")]
    assert [each.state for each in await door.take(*raws)] == ["accepted", "accepted"]


async def test_a_rejected_line_that_comes_again_from_the_same_place_is_one_dead_letter(house: House) -> None:
    first = await from_file(house, "f", b"no event", b"no event")
    again = await from_file(house, "f", b"no event", b"no event")
    elsewhere = await from_file(house, "g", b"no event")
    assert [each.state for each in (*first, *again, *elsewhere)] == ["rejected"] * 5
    assert [each.deadletter_id for each in again] == [each.deadletter_id for each in first]
    assert [letter["from"] for letter in await dead_letters(house)] == [
        {"file": "f", "line": 1},
        {"file": "f", "line": 2},
        {"file": "g", "line": 1},
    ]


async def test_a_rejected_request_that_is_sent_again_is_one_dead_letter(house: House) -> None:
    for request in ("r1", "r2"):
        found = await house.intake.accept([Arrival(b"no event", {"http": request, "index": n}) for n in range(2)])
        assert [each.state for each in found] == ["rejected", "rejected"]
    assert [letter["from"]["http"] for letter in await dead_letters(house)] == ["r1", "r1"]


@pytest.fixture
async def another(settings: Settings, clock: MovableClock) -> AsyncIterator[House]:
    """A second house on the same database, with connections of its own."""
    async with AsyncExitStack() as stack:
        yield await stack.enter_async_context(open_house(settings, clock))


async def test_two_intakes_of_the_same_events_at_once_have_each_effect_once(house: House, another: House) -> None:
    story = [events.agency("camhs-1")]
    for number in range(1, 13):
        family, child = f"f{number}", f"c{number}"
        story += [
            events.meeting(f"m{number}", children=[child], partition_key=family),
            events.involvement(f"i{number}", person_id=child, partition_key=family),
            b"no event %d" % number,
            events.child(child, family_id=family),
            events.rescheduled(f"m{number}", partition_key=family),
        ]
    lines = arrivals(story)

    async def all_of_it(of: House, size: int) -> list[str]:
        states: list[str] = []
        for start in range(0, len(lines), size):
            states += [verdict.state for verdict in await of.intake.accept(lines[start : start + size])]
        return states

    one, other = await asyncio.gather(all_of_it(house, 7), all_of_it(another, 5))
    assert (
        sorted(
            "new" if "known" not in pair else "once" for pair in zip(one, other, strict=True) if "rejected" not in pair
        )
        == ["once"] * 49
    )
    assert {pair for pair in zip(one, other, strict=True) if "rejected" in pair} == {("rejected", "rejected")}
    assert await count(house, store.journal, store.waiting, store.dead_letters) == [49, 0, 12]
    assert await count(house, directory.children, meetings.meeting_facts) == [12, 24]
    async with house.database.read() as db:
        mail = outbox.c.channel == "mail"
        keys = (await db.execute(select(outbox.c.key, func.count()).where(mail).group_by(outbox.c.key))).all()
        asked = await meetings.entries_of(db, [f"m{number}" for number in range(1, 13)])
        faults = [row.seq async for row in store.read_journal(db)]
    invited = [entry for entries in asked.values() for entry in entries.values() if entry.address]
    assert len(keys) == len(invited) > 0
    assert faults == list(range(1, 50))


async def test_two_intakes_where_one_brings_what_the_other_waits_for_leave_nothing_waiting(
    house: House, another: House
) -> None:
    pairs = [(events.meeting(f"m{n}", children=[f"c{n}"]), events.child(f"c{n}")) for n in range(1, 21)]

    async def each(of: House, raws: Sequence[bytes]) -> None:
        for raw in raws:
            await of.intake.accept(arrivals([raw]))

    await asyncio.gather(each(house, [one for one, _ in pairs]), each(another, [child for _, child in pairs]))
    assert await count(house, store.waiting, meetings.meetings) == [0, 20]


async def test_an_event_that_the_software_trips_over_is_a_dead_letter_and_the_others_take_effect(house: House) -> None:
    tripping = events.child("c3", initials="XX")
    raws = [events.child("c1"), events.child("c2"), tripping, events.child("c4"), events.meeting(children=["c4"])]

    async def stumble(_work: Work, some: Sequence[Any]) -> None:
        assert not any(event.data.initials == "XX" for event in some), "Somebody's name"

    ours = house.intake
    handlers = {**ours.handlers, "quorate.child.recorded.v1": (*ours.handlers["quorate.child.recorded.v1"], stumble)}
    stumbling = Intake(ours.database, ours.clock, ours.policy, ours.settings, handlers, ours.known, ours.checks)
    found = await stumbling.accept(arrivals(raws))
    assert [each.state for each in found] == ["accepted", "accepted", "rejected", "accepted", "accepted"]
    [error] = found[2].errors
    assert "a fault of the software" in error.message
    assert "AssertionError" in error.message
    assert "Somebody" not in error.message
    [letter] = await dead_letters(house)
    assert letter["id"] == found[2].event_id
    # Mended, and replayed.
    verdict = await house.intake.replay(letter["deadletter_id"], None, "pat")
    assert verdict.state == "accepted"
    assert await count(house, store.journal, directory.children) == [5, 4]


async def test_a_database_that_cannot_be_used_is_no_fault_of_the_events(
    settings: Settings, clock: MovableClock
) -> None:
    async with open_house(settings, clock) as house:
        broken = Intake(
            house.database, house.clock, house.intake.policy, settings, {"quorate.child.recorded.v1": (_out_of_disk,)},
            house.intake.known, house.intake.checks,
        )  # fmt: skip
        with pytest.raises(OSError, match="No space"):
            await broken.accept(arrivals([events.child("c1"), b"no event"]))
        assert await count(house, store.journal, store.dead_letters) == [0, 0]


async def _out_of_disk(_work: Work, _events: Sequence[Any]) -> None:
    raise OSError(28, "No space left on device")
