"""A care plan that came is looked at again whenever what was known changes: it goes on to whoever it is for by then,
and what a person has to know of it reads as things stand.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from services.bootstrap import House
from services.participation.store.documents import CLEAN, INFECTED, WAITING
from services.records.rules.dispatch import SENT, UNDELIVERED, WITHHELD, Dispatch
from tests import events
from tests.clock import MovableClock
from tests.door import Embedded
from tests.integration.postgres.test_statements import accept, statements
from tests.integration.records.test_care_plans import (
    CAMHS,
    GP,
    POLICE,
    SCHOOL,
    TODAY,
    asked_of_a_person,
    found,
    held_here,
    known,
    letters,
    sent_on,
    states,
    verified,
)

NURSERY = "nursery-1"


@pytest.fixture
def store() -> str:
    return "sqlite"  # what is asked of the store, the tests of what it costs ask of both


async def came(door: Embedded, scan: str = CLEAN, **more: Any) -> str:
    """A care plan came for the meeting, and what could go has gone."""
    plan = await held_here(door.house, scan)
    await door.take(events.report(document_id=plan, kind="care_plan", **more))
    await door.house.drain()
    return plan


async def bounced(door: Embedded, plan: str) -> Dispatch:
    """The care plan came back from the GP."""
    lost = (await sent_on(door.house, plan))[GP]
    assert lost.address is not None
    await door.take(events.dispatch_bounced(lost.dispatch_id, address=lost.address, meeting_id="m1"))
    return lost


def core_group_meeting(meeting_id: str = "m2", days: int = 9) -> bytes:
    """A later meeting about the child, to which the nursery is asked besides."""
    asked = [{"agency_id": NURSERY, "reason": "Robin starts there in March."}]
    starts_at = events.MEETING_AT + timedelta(days=days)
    return events.meeting(meeting_id, "core_group", starts_at=starts_at, also_invite=asked)


def named(meeting_id: str, *core_group: str, days: int = 9) -> bytes:
    """That meeting was held, and named the core group."""
    return events.held(meeting_id, core_group=core_group, held_at=events.MEETING_AT + timedelta(days=days))


def without_an_address(agency_id: str) -> bytes:
    return events.agency(agency_id, channels=[events.insecure(f"in@{agency_id}.example")])


async def test_it_goes_once_an_address_of_its_reader_is_recorded(house: House, clock: MovableClock) -> None:
    door = Embedded(house)
    await door.take(without_an_address(GP), *(raw for raw in known("c1") if raw != verified(GP)))
    await door.take(without_an_address(GP))
    plan = await came(door)
    assert (await states(house, plan))[GP] == (WITHHELD, "no_address")
    assert len(await asked_of_a_person(house)) == 1
    clock.advance(timedelta(hours=1))
    await door.take(verified(GP, time=clock.now()))
    await house.drain()
    assert (await states(house, plan))[GP] == (SENT, None)
    assert await asked_of_a_person(house) == []


async def test_it_goes_to_an_agency_that_is_learnt_of_after_it_came(house: House) -> None:
    door = Embedded(house)
    everything = known("c1")
    of_the_gp = [raw for raw in everything if b"involvement.recorded" in raw and GP.encode() in raw]
    await door.take(*(raw for raw in everything if raw not in of_the_gp))
    plan = await came(door)
    assert GP not in await states(house, plan)
    await door.take(*of_the_gp)
    await house.drain()
    assert (await states(house, plan))[GP] == (SENT, None)


async def test_the_child_that_was_named_with_it_is_kept_where_nothing_could_go_yet(house: House) -> None:
    door = Embedded(house)
    people = [raw for raw in known("c1", "c2") if b"agency.recorded" not in raw and b"meeting.scheduled" not in raw]
    refused = [{"agency_id": POLICE, "reason": "conflict_of_interest", "note": "An officer is a relative."}]
    of_the_others = [raw for raw in people if b"involvement.recorded" in raw and CAMHS.encode() not in raw]
    await door.take(*(verified(each) for each in (CAMHS, GP, SCHOOL)))
    await door.take(*(raw for raw in people if raw not in of_the_others))
    await door.take(events.meeting(children=["c1", "c2"], do_not_invite=refused))
    plan = await came(door, child_id="c2")
    assert set((await states(house, plan)).values()) <= {(WITHHELD, "conflict_of_interest")}
    await door.take(*of_the_others)
    await house.drain()
    now = {each: state for each, (state, _) in (await states(house, plan)).items() if each != POLICE}
    assert now == {GP: SENT}, "the school is the other child's"


async def test_it_goes_to_the_core_group_that_a_later_meeting_names(house: House) -> None:
    door = Embedded(house)
    await door.take(*known("c1"), verified(NURSERY))
    plan = await came(door)
    await door.take(core_group_meeting(), named("m2", GP, NURSERY))
    await house.drain()
    assert (await states(house, plan))[NURSERY] == (SENT, None)
    assert await asked_of_a_person(house) == []


async def test_a_register_that_names_one_whom_nobody_asked_is_told_to_a_person_at_once(house: House) -> None:
    door = Embedded(house)
    await door.take(*known("c1"), verified(NURSERY))
    plan = await came(door)
    assert await asked_of_a_person(house) == []
    await door.take(events.held(core_group=[GP, POLICE, NURSERY]))
    assert NURSERY not in await states(house, plan)
    [text] = await asked_of_a_person(house)
    assert "Example nursery 1 of the core group" in text


async def test_what_waits_goes_by_the_meeting_that_names_the_core_group_by_then(
    house: House, clock: MovableClock
) -> None:
    door = Embedded(house)
    await door.take(*known("c1"), without_an_address(NURSERY), core_group_meeting(), named("m2", GP, NURSERY))
    plan = await came(door)
    assert (await states(house, plan))[NURSERY] == (WITHHELD, "no_address")
    clock.advance(timedelta(hours=1))
    await door.take(
        verified(NURSERY, time=clock.now()), core_group_meeting("m3", 19), named("m3", GP, NURSERY, days=19)
    )
    await house.drain()
    assert (await states(house, plan))[NURSERY] == (SENT, None)
    assert await asked_of_a_person(house) == []


async def test_what_waits_for_the_scanner_finds_its_reader_in_the_meeting_of_then(house: House) -> None:
    door = Embedded(house)
    await door.take(*known("c1"), verified(NURSERY), core_group_meeting(), named("m2", GP, NURSERY))
    plan = await came(door, WAITING)
    assert (await sent_on(house, plan))[NURSERY].meeting_id == "m2"
    await door.take(core_group_meeting("m3", 19), named("m3", GP, NURSERY, days=19))
    await found(house, plan, CLEAN)
    await house.drain()
    assert await states(house, plan) == dict.fromkeys((GP, NURSERY), (SENT, None)) | {
        each: (WITHHELD, "not_scanned") for each in (SCHOOL, POLICE) if each in await states(house, plan)
    }
    assert (await sent_on(house, plan))[NURSERY].meeting_id == "m3"


async def test_once_its_reader_has_it_nobody_is_asked_to_pass_it_on(house: House) -> None:
    door = Embedded(house)
    await door.take(*known("c1"))
    plan = await came(door)
    lost = await bounced(door, plan)
    assert len(await asked_of_a_person(house)) == 1
    await door.take(events.dispatch_confirmed(lost.dispatch_id, meeting_id="m1"))
    assert await asked_of_a_person(house) == []


async def test_once_its_reader_has_opened_it_nobody_is_asked_either(house: House) -> None:
    door = Embedded(house)
    await door.take(*known("c1"))
    plan = await came(door)
    lost = await bounced(door, plan)
    await door.take(events.dispatch_opened(lost.dispatch_id, meeting_id="m1"))
    assert await asked_of_a_person(house) == []


async def test_what_came_back_goes_to_the_next_address_of_its_reader(house: House) -> None:
    door = Embedded(house)
    await door.take(*known("c1"))
    channels = [events.secure(f"{each}@gp-1.example", verified_on=TODAY) for each in ("in", "desk")]
    await door.take(events.agency(GP, channels=channels))
    plan = await came(door)
    lost = await bounced(door, plan)
    await house.drain()
    now = (await sent_on(house, plan))[GP]
    assert {lost.address, now.address} == {"in@gp-1.example", "desk@gp-1.example"}
    assert (now.state, now.why) == (SENT, None)
    assert {"in@gp-1.example", "desk@gp-1.example"} <= set(letters(house))
    assert await asked_of_a_person(house) == []
    await bounced(door, plan)
    await house.drain()
    assert (await states(house, plan))[GP][0] == UNDELIVERED, "nothing goes twice to an address by itself"
    assert len(await asked_of_a_person(house)) == 1


async def test_what_came_back_goes_to_the_address_that_is_recorded_next(house: House, clock: MovableClock) -> None:
    door = Embedded(house)
    await door.take(*known("c1"))
    plan = await came(door)
    await bounced(door, plan)
    assert (await states(house, plan))[GP][0] == UNDELIVERED
    clock.advance(timedelta(hours=1))
    channels = [events.secure("new@gp-1.example", verified_on=TODAY)]
    await door.take(events.agency(GP, channels=channels, time=clock.now()))
    await house.drain()
    assert (await states(house, plan))[GP] == (SENT, None)
    assert "new@gp-1.example" in letters(house)
    assert await asked_of_a_person(house) == []


async def test_a_meeting_that_is_cancelled_leaves_the_plan_that_came_to_be_passed_on(house: House) -> None:
    door = Embedded(house)
    await door.take(*known("c1"))
    plan = await came(door)
    await bounced(door, plan)
    before = await asked_of_a_person(house)
    await door.take(events.cancelled())
    await house.drain()
    assert await asked_of_a_person(house) == before != []


async def test_what_was_found_to_do_harm_before_it_left_is_told_to_a_person(house: House) -> None:
    door = Embedded(house)
    await door.take(*known("c1"))
    plan = await held_here(house)
    await door.take(events.report(document_id=plan, kind="care_plan"))
    await found(house, plan, INFECTED)
    await house.drain()
    assert letters(house) == {}
    [text] = await asked_of_a_person(house)
    assert "harmful" in text


async def test_what_the_last_look_kept_back_goes_to_the_address_of_then(house: House, clock: MovableClock) -> None:
    door = Embedded(house)
    await door.take(*known("c1"))
    plan = await held_here(house)
    await door.take(events.report(document_id=plan, kind="care_plan"))
    clock.advance(timedelta(minutes=1))
    channels = [events.secure("new@gp-1.example", verified_on=TODAY)]
    await door.take(events.agency(GP, channels=channels, time=clock.now()))
    await house.drain()
    assert (await states(house, plan))[GP] == (SENT, None)
    assert set(letters(house)) == {"new@gp-1.example", "in@school-1.example", "in@police-1.example"}


async def test_whom_a_person_excluded_gets_nothing_by_itself_when_they_think_again(house: House) -> None:
    door = Embedded(house)
    await door.take(*known("c1"))
    refused = [{"agency_id": SCHOOL, "reason": "conflict_of_interest", "note": "A parent works there."}]
    await door.take(events.meeting(do_not_invite=refused))
    plan = await came(door)
    assert await asked_of_a_person(house) == []
    await door.take(events.meeting())
    await house.drain()
    assert (await states(house, plan))[SCHOOL] == (WITHHELD, "conflict_of_interest")
    [text] = await asked_of_a_person(house)
    assert "kept back from Example school 1" in text


async def test_many_care_plans_are_looked_at_again_with_as_many_statements_as_one(house: House) -> None:
    await accept(house, [verified(CAMHS), verified(GP), verified(POLICE)])
    plans = [await held_here(house, WAITING, content=b"%PDF-1.7 plan " + bytes([48 + n])) for n in range(9)]

    async def told(*numbers: int) -> int:
        families = {f"family-{n}": n for n in numbers}
        for raw in (
            [events.child(f"child-{n}", family_id=family) for family, n in families.items()],
            [_of_gp(n, family) for family, n in families.items()],
            [_meeting(n, family, "Room 1") for family, n in families.items()],
            [_care_plan(n, family, plans[n]) for family, n in families.items()],
        ):
            await accept(house, raw)
        with statements(house) as run:
            await accept(house, [_meeting(n, family, "Room 2") for family, n in families.items()])
        return run.total()

    one = await told(0)
    assert await told(*range(1, 9)) == one


def _of_gp(n: int, family: str) -> bytes:
    return events.involvement(person_id=f"child-{n}", agency_id=GP, partition_key=family)


def _meeting(n: int, family: str, place: str) -> bytes:
    return events.meeting(f"n{n}", children=[f"child-{n}"], place=place, partition_key=family)


def _care_plan(n: int, family: str, plan: str) -> bytes:
    return events.report(f"n{n}", document_id=plan, kind="care_plan", partition_key=family)
