"""The core group is that of a plan, and lapses with it: a care plan does not go to those who had to do with the child
once, while those who have now go without it and nobody knows.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from services.bootstrap import House
from services.records.rules.dispatch import QUEUED, SENT, WITHHELD
from tests import events
from tests.clock import MovableClock
from tests.door import Door, Embedded
from tests.integration.records.test_care_plans import (
    CAMHS,
    POLICE,
    asked_of_a_person,
    held_here,
    letters,
    opens,
    sent_on,
    states,
    verified,
)

OLD_SCHOOL, OLD_NURSE, SCHOOL, NURSE = "school-1", "school-nurse-1", "school-2", "school-nurse-2"
NAMED = events.MEETING_AT
ENDED, MOVED, AGAIN = (NAMED + timedelta(days=each) for each in (60, 90, 180))


@pytest.fixture
def store() -> str:
    return "sqlite"


def involved(agency_id: str, **more: Any) -> bytes:
    return events.involvement(f"with-{agency_id}", person_id="c1", agency_id=agency_id, **more)


@pytest.fixture
async def door(house: House, clock: MovableClock) -> Embedded:
    """A conference made a plan and named a core group, with the school of then and its nurse. The police were asked."""
    door = Embedded(house)
    every = (CAMHS, OLD_SCHOOL, OLD_NURSE, SCHOOL, NURSE, POLICE)
    await door.take(*(verified(each) for each in every), events.child("c1"))
    await door.take(*(involved(each) for each in (CAMHS, OLD_SCHOOL, OLD_NURSE)), events.meeting())
    clock.set(NAMED + timedelta(hours=3))
    await door.take(
        events.held(core_group=[CAMHS, OLD_SCHOOL, OLD_NURSE], outcome=["plan_made"], time=clock.now()),
        events.plan_started(on=NAMED.date(), time=clock.now()),
    )
    await house.drain()
    return door


async def ends(door: Door, clock: MovableClock, **more: Any) -> None:
    clock.set(max(clock.now(), ENDED))
    await door.take(events.plan_ended(on=ENDED.date(), time=clock.now(), **more))


async def moves(door: Door, clock: MovableClock) -> None:
    """The child goes to another school by now."""
    clock.set(MOVED)
    over = [involved(each, status="closed", until=MOVED.date(), time=MOVED) for each in (OLD_SCHOOL, OLD_NURSE)]
    await door.take(*over, *(involved(each, since=MOVED.date(), time=MOVED) for each in (SCHOOL, NURSE)))


async def came(door: Door, clock: MovableClock, kind: str = "initial_conference") -> str:
    """A later meeting is arranged, and the care plan came for it."""
    clock.set(AGAIN - timedelta(days=15))
    await door.take(events.meeting("m2", kind, starts_at=AGAIN, time=clock.now()))
    plan = await held_here(door.house)
    await door.take(events.report("m2", document_id=plan, kind="care_plan", time=clock.now()))
    return plan


async def test_the_core_group_of_a_plan_that_has_ended_gets_nothing_and_those_who_are_asked_now_do(
    door: Door, house: House, clock: MovableClock
) -> None:
    await ends(door, clock)
    await moves(door, clock)
    plan = await came(door, clock)
    await house.drain()
    assert await states(house, plan) == dict.fromkeys((SCHOOL, NURSE, POLICE), (SENT, None))
    assert set(letters(house)) == {f"in@{each}.example" for each in (SCHOOL, NURSE, POLICE)}
    assert await asked_of_a_person(house) == []


async def test_what_came_before_the_plan_ended_stays_with_its_core_group_and_goes_to_nobody_else_then(
    door: Door, house: House, clock: MovableClock
) -> None:
    plan = await held_here(house, content=b"%PDF-1.7 What was agreed before.")
    await door.take(events.report(document_id=plan, kind="care_plan", time=clock.now()))
    await ends(door, clock)
    await moves(door, clock)
    await came(door, clock, "review_conference")
    await house.drain()
    assert set(await states(house, plan)) == {OLD_SCHOOL, OLD_NURSE}


@pytest.mark.parametrize("ended", [True, False])
async def test_what_came_for_a_plan_that_has_ended_stays_with_its_core_group_once_another_is_named(
    door: Door, house: House, clock: MovableClock, ended: bool
) -> None:
    plan = await held_here(house, content=b"%PDF-1.7 What was agreed before.")
    await door.take(events.report(document_id=plan, kind="care_plan", time=clock.now()))
    if ended:
        await ends(door, clock)
    await moves(door, clock)
    clock.set(AGAIN + timedelta(hours=3))
    await door.take(
        events.meeting("m2", starts_at=AGAIN, time=AGAIN - timedelta(days=15)),
        events.held("m2", core_group=[CAMHS, SCHOOL, NURSE], outcome=["plan_made"], time=clock.now()),
    )
    await house.drain()
    assert set(await states(house, plan)) == {OLD_SCHOOL, OLD_NURSE} | (set() if ended else {SCHOOL, NURSE})


async def test_an_end_that_does_not_count_lets_no_core_group_lapse(
    door: Door, house: House, clock: MovableClock
) -> None:
    await ends(door, clock, meeting_id="never-told-of")
    plan = await came(door, clock, "review_conference")
    assert set(await states(house, plan)) == {OLD_SCHOOL, OLD_NURSE}


@pytest.mark.parametrize("told", ["its beginning", "an end that does not count"])
async def test_the_end_of_one_plan_while_another_stands_lets_no_core_group_lapse(
    door: Door, house: House, clock: MovableClock, told: str
) -> None:
    if told == "its beginning":
        other = events.plan_started("plan-2", on=date(2026, 4, 1), time=clock.now())
    else:
        other = events.plan_ended("plan-2", on=date(2026, 4, 2), meeting_id="never-told-of", time=clock.now())
    await door.take(other)
    await ends(door, clock)
    plan = await came(door, clock, "review_conference")
    assert set(await states(house, plan)) == {OLD_SCHOOL, OLD_NURSE}


async def test_an_end_that_is_learnt_late_lets_it_go_to_all_who_are_asked_now(
    door: Door, house: House, clock: MovableClock
) -> None:
    plan = await came(door, clock)
    assert await states(house, plan) == dict.fromkeys((OLD_SCHOOL, OLD_NURSE), (QUEUED, None))
    await door.take(events.plan_ended(on=ENDED.date(), time=clock.now()))
    assert set(await states(house, plan)) == {OLD_SCHOOL, OLD_NURSE, POLICE}


async def test_who_had_to_do_with_the_child_once_is_sent_nothing_that_came_for_a_meeting_without_them(
    door: Door, house: House, clock: MovableClock
) -> None:
    """No end of the plan is told: the core group stands, and a new conference asks none of it."""
    await moves(door, clock)
    plan = await came(door, clock)
    await house.drain()
    assert await states(house, plan) == {}
    assert letters(house) == {}
    [text] = await asked_of_a_person(house)
    assert "did not go to Example school 1 and Example school nurse 1 of the core group: what they had to do" in text
    assert "did not go to Example school 2 and Example school nurse 2: the meeting that it came for asked them" in text
    assert "police" not in text, "it was asked when the core group was named, and was not taken into it"


async def test_those_who_are_new_are_told_of_until_a_core_group_is_named_with_them(
    door: Door, house: House, clock: MovableClock
) -> None:
    await moves(door, clock)
    plan = await came(door, clock, "review_conference")
    await house.drain()
    assert SCHOOL not in await states(house, plan)
    [text] = await asked_of_a_person(house)
    assert "name it anew or pass the plan on yourself" in text
    clock.set(AGAIN + timedelta(hours=3))
    await door.take(events.held("m2", held_at=AGAIN, core_group=[CAMHS, SCHOOL, NURSE], time=clock.now()))
    await house.drain()
    now = await states(house, plan)
    assert {each: now[each] for each in (SCHOOL, NURSE)} == dict.fromkeys((SCHOOL, NURSE), (SENT, None))
    assert await asked_of_a_person(house) == []


@pytest.mark.parametrize("over", ["the plan", "the work"])
async def test_who_got_it_by_an_earlier_meeting_opens_it_for_as_long_as_they_might_get_it(
    door: Door, house: House, clock: MovableClock, over: str
) -> None:
    """The nurse was not asked to the second conference, and came back after it."""
    await door.take(events.agency(OLD_NURSE, channels=[events.secure(f"in@{OLD_NURSE}.example")], time=clock.now()))
    await moves(door, clock)
    plan = await came(door, clock)
    clock.set(AGAIN + timedelta(hours=3))
    await door.take(events.held("m2", held_at=AGAIN, time=clock.now()))
    await door.take(involved(OLD_NURSE, time=clock.now()))
    assert await states(house, plan) == {OLD_NURSE: (QUEUED, None)}
    await house.drain()
    sent = (await sent_on(house, plan))[OLD_NURSE]
    assert (sent.meeting_id, sent.how, await opens(house, sent)) == ("m1", "link", True)
    clock.advance(timedelta(hours=1))
    if over == "the plan":
        await ends(door, clock)
    else:
        await door.take(involved(OLD_NURSE, status="closed", until=MOVED.date(), time=clock.now()))
    assert not await opens(house, sent)


@pytest.mark.parametrize("is_named", [True, False])
async def test_who_got_it_by_an_earlier_meeting_opens_it_while_they_are_of_the_core_group_that_is_named_anew(
    door: Door, house: House, clock: MovableClock, is_named: bool
) -> None:
    await door.take(events.agency(OLD_NURSE, channels=[events.secure(f"in@{OLD_NURSE}.example")], time=clock.now()))
    await moves(door, clock)
    plan = await came(door, clock)
    clock.set(AGAIN + timedelta(hours=3))
    await door.take(events.held("m2", held_at=AGAIN, time=clock.now()), involved(OLD_NURSE, time=clock.now()))
    await house.drain()
    again = AGAIN + timedelta(days=20)
    await door.take(events.meeting("m3", "review_conference", starts_at=again, time=clock.now()))
    clock.set(again + timedelta(hours=3))
    anew = [CAMHS, SCHOOL, OLD_NURSE if is_named else NURSE]
    await door.take(events.held("m3", held_at=again, core_group=anew, time=clock.now()))
    sent = (await sent_on(house, plan))[OLD_NURSE]
    assert (sent.meeting_id, sent.state, await opens(house, sent)) == ("m1", SENT, is_named)


@pytest.mark.parametrize("over", ["the plan", "the work"])
async def test_what_waits_for_such_a_reader_is_stopped_once_they_may_not_have_it(
    door: Door, house: House, clock: MovableClock, over: str
) -> None:
    await moves(door, clock)
    plan = await came(door, clock)
    clock.set(AGAIN + timedelta(hours=3))
    await door.take(events.held("m2", held_at=AGAIN, time=clock.now()))
    await door.take(involved(OLD_NURSE, time=clock.now()))
    assert await states(house, plan) == {OLD_NURSE: (QUEUED, None)}
    clock.advance(timedelta(hours=1))
    if over == "the plan":
        await ends(door, clock)
    else:
        await door.take(involved(OLD_NURSE, status="closed", until=MOVED.date(), time=clock.now()))
    await house.drain()
    assert (await states(house, plan))[OLD_NURSE] == (WITHHELD, "not_permitted")
    assert f"in@{OLD_NURSE}.example" not in letters(house)
