"""What refers to something not known yet waits, is seen to wait, and takes effect once when it can."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from itertools import permutations
from typing import Any

from sqlalchemy import func, select

from services.bootstrap import House, open_house
from services.foundation.settings import Settings
from services.intake.views import list_waiting
from services.meetings import store as meetings
from tests import events
from tests.clock import MovableClock
from tests.door import Door, Embedded


async def take(door: Door, *raws: bytes) -> list[str]:
    """Take events in, as one batch where the door does; returns what became of each."""
    return [verdict.state for verdict in await door.take(*raws)]


async def waits(house: House) -> dict[str, list[str]]:
    """The events that wait, by subject, and what for."""
    async with house.database.read() as db:
        found = await list_waiting(db)
    return {each["subject"]: [f"{thing['noun']} {thing['id']}" for thing in each["waits_for"]] for each in found}


async def meeting(house: House, meeting_id: str = "m1") -> Any:
    async with house.database.read() as db:
        return (await meetings.meetings_by_id(db, [meeting_id])).get(meeting_id)


async def invited(house: House, meeting_id: str = "m1") -> set[str]:
    async with house.database.read() as db:
        entries = (await meetings.entries_of(db, [meeting_id])).get(meeting_id, {})
    return {entry.agency_id for entry in entries.values() if entry.decision == "invited" and entry.agency_id}


async def versions(house: House, meeting_id: str = "m1") -> int:
    """How many versions of facts about a meeting were ever kept."""
    facts = meetings.meeting_facts
    async with house.database.read() as db:
        query = select(func.count()).select_from(facts).where(facts.c.meeting_id == meeting_id)
        return int((await db.execute(query)).scalar_one())


async def test_an_involvement_waits_for_its_child_and_its_agency_and_says_so(house: House, door: Door) -> None:
    assert await take(door, events.involvement("i1")) == ["waiting"]
    assert await waits(house) == {"i1": ["agency camhs-1", "person c1"]}
    assert await take(door, events.child("c1")) == ["accepted"]
    assert await waits(house) == {"i1": ["agency camhs-1"]}
    assert await take(door, events.agency("camhs-1")) == ["accepted"]
    assert await waits(house) == {}
    assert await take(door, events.meeting()) == ["accepted"]
    assert "camhs-1" in await invited(house)


async def test_a_waiting_event_is_shown_with_its_name_and_since_when(
    house: House, door: Door, clock: MovableClock
) -> None:
    await take(door, events.meeting("m1", id="late", source="/tests/other"))
    async with house.database.read() as db:
        [each] = await list_waiting(db)
    assert each == {
        "seq": 1,
        "source": "/tests/other",
        "id": "late",
        "type": "quorate.meeting.scheduled.v1",
        "subject": "m1",
        "since": clock.now().isoformat(),
        "waits_for": [{"noun": "child", "id": "c1"}],
    }


async def test_what_a_batch_brings_later_is_there_for_what_it_brought_before(house: House, door: Door) -> None:
    batch = [
        events.rescheduled(),
        events.meeting(time=events.START),
        events.involvement(person_id="p1", agency_id="gp-1"),
        events.relative("p1"),
        events.agency("gp-1"),
        events.child("c1"),
    ]
    assert await take(door, *batch) == ["accepted"] * 6
    assert await waits(house) == {}
    assert (await meeting(house)).starts_at > events.MEETING_AT


async def test_a_chain_lets_go_link_by_link(house: House, door: Door) -> None:
    assert await take(door, events.rescheduled()) == ["waiting"]
    assert await take(door, events.involvement(person_id="p1", agency_id="gp-1")) == ["waiting"]
    assert await take(door, events.agency("gp-1")) == ["accepted"]
    assert await take(door, events.relative("p1")) == ["waiting"]
    assert await take(door, events.meeting(time=events.START)) == ["waiting"]
    assert await meeting(house) is None
    assert await take(door, events.child("c1")) == ["accepted"]
    assert await waits(house) == {}
    assert (await meeting(house)).starts_at > events.MEETING_AT
    assert "gp-1" in await invited(house)


async def test_a_cancellation_that_comes_before_its_meeting_is_not_lost(house: House, door: Door) -> None:
    await take(door, events.agency("camhs-1"), events.child("c1"), events.involvement())
    assert await take(door, events.cancelled()) == ["waiting"]
    assert await take(door, events.meeting(time=events.START)) == ["accepted"]
    assert await waits(house) == {}
    assert (await meeting(house)).state == "cancelled"


async def test_every_order_of_arrival_ends_the_same_and_lets_each_event_go_once(house: House, door: Door) -> None:
    await take(door, events.agency("camhs-1"))
    ends = set()
    for number, order in enumerate(permutations(range(4)), 1):
        child, about = f"c{number}", f"m{number}"
        story = [
            events.child(child, family_id=f"f{number}"),
            events.involvement(f"i{number}", person_id=child, partition_key=f"f{number}"),
            events.meeting(about, children=[child], partition_key=f"f{number}"),
            events.rescheduled(about, partition_key=f"f{number}"),
        ]
        for index in order:
            await take(door, story[index])
        found = await meeting(house, about)
        ends.add((found.state, found.starts_at, "camhs-1" in await invited(house, about), await versions(house, about)))
    assert await waits(house) == {}
    assert len(ends) == 1
    [(state, starts_at, is_invited, kept)] = ends
    assert (state, is_invited, kept) == ("scheduled", True, 2)
    assert starts_at > events.MEETING_AT


async def test_what_let_an_event_go_does_not_let_it_go_again(house: House, door: Door) -> None:
    assert await take(door, events.meeting()) == ["waiting"]
    await take(door, events.child("c1"))
    await take(door, events.child("c1", initials="CD"))
    assert await versions(house) == 1


async def test_a_meeting_about_a_known_and_an_unknown_child_takes_effect_and_is_looked_at_again(
    house: House, door: Door
) -> None:
    await take(door, events.agency("camhs-1"), events.agency("school-2", kind="school"), events.child("c1"))
    await take(door, events.involvement("i2", person_id="c2", agency_id="school-2"))
    assert await take(door, events.meeting(children=["c1", "c2"])) == ["accepted"]
    assert "school-2" not in await invited(house)
    assert await take(door, events.child("c2")) == ["accepted"]
    assert await waits(house) == {}
    assert "school-2" in await invited(house)


async def test_a_meeting_whose_children_are_all_unknown_waits_for_any_of_them(house: House, door: Door) -> None:
    await take(door, events.meeting(children=["c1", "c2"]))
    assert await waits(house) == {"m1": ["child c1", "child c2"]}
    await take(door, events.child("c2"))
    assert await waits(house) == {}
    assert (await meeting(house)).child_ids == ("c1", "c2")


async def test_an_event_that_waits_and_comes_again_is_known_and_still_waits(house: House, door: Door) -> None:
    raw = events.rescheduled()
    assert await take(door, raw, raw) == ["waiting", "known"]
    assert await take(door, raw) == ["known"]
    assert await waits(house) == {"m1": ["meeting m1"]}


async def test_events_let_go_together_take_effect_in_the_order_of_their_own_time(house: House, door: Door) -> None:
    first, second, third = (events.rescheduled(reason=text) for text in ("a", "b", "c"))
    for raw in (third, first, second):
        await take(door, raw)
    await take(door, events.meeting(time=events.START), events.child("c1"))
    facts = meetings.meeting_facts
    async with house.database.read() as db:
        query = select(facts.c.event_time).where(facts.c.aspect == "timed").order_by(facts.c.version)
        times: Sequence[Any] = (await db.execute(query)).scalars().all()
    assert len(times) == 3
    assert list(times) == sorted(times)


async def test_what_waits_outlives_the_process(
    make_settings: Callable[..., Awaitable[Settings]], clock: MovableClock
) -> None:
    settings = await make_settings()
    async with open_house(settings, clock) as house:
        assert await take(Embedded(house), events.meeting()) == ["waiting"]
    async with open_house(settings, clock) as house:
        assert await waits(house) == {"m1": ["child c1"]}
        assert await take(Embedded(house), events.child("c1")) == ["accepted"]
        assert (await meeting(house)).state == "scheduled"
