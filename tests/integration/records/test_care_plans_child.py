"""A care plan is for the agencies of the child whom it is about by what is told of it today: what waits for those of
another child is stopped, what lies in their mailboxes opens no more, and a person hears who has it.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from services.bootstrap import House
from services.participation.store import documents
from services.participation.store.documents import CLEAN, INFECTED, NOT_SCANNED, Document
from services.participation.uploads import PDF
from services.records.rules.dispatch import SENT, UNDELIVERED, WITHHELD
from tests import events
from tests.clock import MovableClock
from tests.door import Door, Embedded
from tests.integration.records.test_care_plans import (
    CAMHS,
    PLAN,
    asked_of_a_person,
    found,
    held_here,
    letters,
    opens,
    sent_on,
    states,
)

GP, SCHOOL, OTHER_SCHOOL = "gp-1", "school-1", "school-2"
KEPT_BACK = (WITHHELD, "not_permitted")


@pytest.fixture
def store() -> str:
    return "sqlite"


@pytest.fixture
async def door(house: House) -> Embedded:
    """Two children with one GP and a school each, who are written to by link."""
    door = Embedded(house)
    agencies = (CAMHS, GP, SCHOOL, OTHER_SCHOOL)
    await door.take(
        *(events.agency(each, channels=[events.secure(f"in@{each}.example")]) for each in agencies),
        *(events.child(each) for each in ("c1", "c2")),
        *(events.involvement(person_id=each, agency_id=of) for each in ("c1", "c2") for of in (CAMHS, GP)),
        events.involvement(person_id="c1", agency_id=SCHOOL),
        events.involvement(person_id="c2", agency_id=OTHER_SCHOOL),
    )
    return door


async def about(door: Door, *children: str, **more: Any) -> None:
    """The meeting is about these children, and not about the police."""
    refused = [{"agency_id": "police-1", "reason": "conflict_of_interest", "note": "An officer is a relative."}]
    await door.take(events.meeting(children=list(children), do_not_invite=refused, **more))


async def told(door: Door, plan: str, kind: str = "care_plan", **more: Any) -> None:
    await door.take(events.report(document_id=plan, kind=kind, **more))


async def opening(house: House, plan: str) -> set[str]:
    """Which agencies can open it."""
    return {each for each, one in (await sent_on(house, plan)).items() if await opens(house, one)}


async def test_what_is_said_to_be_about_another_child_is_shut_for_the_first_ones_agencies(
    door: Door, house: House, clock: MovableClock
) -> None:
    await about(door, "c1", "c2")
    plan = await held_here(house)
    await told(door, plan, child_id="c1")
    await house.drain()
    assert await opening(house, plan) == {GP, SCHOOL}
    clock.advance(timedelta(hours=1))
    await told(door, plan, child_id="c2", time=clock.now())
    await house.drain()
    assert await opening(house, plan) == {GP, OTHER_SCHOOL}, "the GP is that of both"
    [text] = await asked_of_a_person(house)
    assert "went to Example school 1, and nothing" in text


async def test_what_has_not_left_when_another_child_is_named_never_leaves(door: Door, house: House) -> None:
    await about(door, "c1", "c2")
    plan = await held_here(house)
    await told(door, plan, child_id="c1")
    await told(door, plan, child_id="c2", time=events.NOW + timedelta(minutes=1))
    await house.drain()
    assert set(letters(house)) == {"in@gp-1.example", "in@school-2.example"}
    assert await states(house, plan) == {GP: (SENT, None), OTHER_SCHOOL: (SENT, None), SCHOOL: KEPT_BACK}
    assert await asked_of_a_person(house) == []


async def test_a_plan_of_neither_child_stays_with_a_person_when_one_child_is_left(
    door: Door, house: House, clock: MovableClock
) -> None:
    await about(door, "c1", "c2")
    plan = await held_here(house)
    await told(door, plan)
    before = await asked_of_a_person(house)
    clock.advance(timedelta(hours=1))
    await about(door, "c1", time=clock.now())
    await house.drain()
    assert letters(house) == {}
    assert await asked_of_a_person(house) == before != []
    await told(door, plan, child_id="c1", time=clock.now())
    await house.drain()
    assert set(letters(house)) == {"in@gp-1.example", "in@school-1.example"}
    assert await asked_of_a_person(house) == []


@pytest.mark.parametrize("has_left", [True, False])
async def test_a_meeting_that_turns_out_to_be_about_another_child_moves_no_plan_to_that_one(
    door: Door, house: House, clock: MovableClock, has_left: bool
) -> None:
    await about(door, "c1")
    plan = await held_here(house)
    await told(door, plan)
    if has_left:
        await house.drain()
    clock.advance(timedelta(hours=1))
    await about(door, "c2", time=clock.now())
    await house.drain()
    assert OTHER_SCHOOL not in await states(house, plan)
    assert await opening(house, plan) == set()
    assert set(letters(house)) == ({"in@gp-1.example", "in@school-1.example"} if has_left else set())
    [text] = await asked_of_a_person(house)
    assert "none of the children" in text
    assert ("went to Example gp 1 and Example school 1" in text) == has_left


async def test_a_child_who_joins_the_meeting_leaves_the_plan_with_those_who_have_it(
    door: Door, house: House, clock: MovableClock
) -> None:
    await about(door, "c1")
    plan = await held_here(house)
    await told(door, plan)
    await house.drain()
    clock.advance(timedelta(hours=1))
    await about(door, "c1", "c2", time=clock.now())
    await house.drain()
    assert await opening(house, plan) == {GP, SCHOOL}
    [text] = await asked_of_a_person(house)
    assert "none of the children" in text
    assert "went to" not in text


async def test_what_comes_for_a_meeting_about_another_child_too_is_shut_until_one_is_named(
    door: Door, house: House
) -> None:
    await about(door, "c1")
    await about(door, "c2", meeting_id="m2", starts_at=events.MEETING_AT + timedelta(days=9))
    plan = await held_here(house)
    await told(door, plan)
    await house.drain()
    assert await opening(house, plan) == {GP, SCHOOL}
    await told(door, plan, meeting_id="m2")
    await house.drain()
    assert await opening(house, plan) == set()
    assert OTHER_SCHOOL not in await states(house, plan)
    assert all("went to Example gp 1 and Example school 1" in text for text in await asked_of_a_person(house))
    assert len(await asked_of_a_person(house)) == 2


@pytest.mark.parametrize("has_left", [True, False])
async def test_what_is_said_to_be_no_care_plan_goes_to_nobody_and_opens_no_more(
    door: Door, house: House, clock: MovableClock, has_left: bool
) -> None:
    await about(door, "c1")
    plan = await held_here(house)
    await told(door, plan)
    if has_left:
        await house.drain()
    clock.advance(timedelta(hours=1))
    await told(door, plan, kind="report", time=clock.now())
    await house.drain()
    assert await opening(house, plan) == set()
    if has_left:
        [text] = await asked_of_a_person(house)
        assert "went to Example gp 1 and Example school 1" in text
        assert "is a care plan" in text
    else:
        assert await states(house, plan) == dict.fromkeys((GP, SCHOOL), KEPT_BACK)
        assert letters(house) == {}
        assert await asked_of_a_person(house) == []


async def test_what_came_back_goes_on_for_the_child_that_is_named_since(
    door: Door, house: House, clock: MovableClock
) -> None:
    await about(door, "c1", "c2")
    plan = await held_here(house)
    await told(door, plan, child_id="c1")
    await house.drain()
    lost = (await sent_on(house, plan))[GP]
    await door.take(events.dispatch_bounced(lost.dispatch_id, address="in@gp-1.example", meeting_id="m1"))
    await told(door, plan, child_id="c2", time=clock.now() + timedelta(minutes=1))
    now = (await sent_on(house, plan))[GP]
    assert (now.state, now.child_id) == (UNDELIVERED, "c2")
    channels = [events.secure("new@gp-1.example", verified_on=date(2026, 2, 16))]
    clock.advance(timedelta(hours=1))
    await door.take(events.agency(GP, channels=channels, time=clock.now()))
    await house.drain()
    assert (await states(house, plan))[GP] == (SENT, None)


@pytest.mark.parametrize("comes_again", [True, False])
async def test_who_has_a_plan_that_turns_out_to_do_harm_is_told_to_a_person(
    door: Door, house: House, comes_again: bool
) -> None:
    await about(door, "c1")
    plan = await held_here(house, NOT_SCANNED if comes_again else CLEAN)
    await told(door, plan)
    await house.drain()
    assert await asked_of_a_person(house) == []
    if comes_again:
        async with house.database.write() as db:
            await documents.keep(db, Document(plan, "plan.pdf", PDF, len(PLAN), house.clock.now(), INFECTED))
        await told(door, plan, time=events.NOW + timedelta(minutes=5))
    else:
        await found(house, plan, INFECTED)
    [text] = await asked_of_a_person(house)
    assert "went to Example gp 1 and Example school 1 before something harmful was found in it" in text
    assert await opening(house, plan) == set()
