"""What answers a notice that asks for something to be done about a flag, and who is asked no more."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from services.bootstrap import House
from services.records.rules.dispatch import SENT, Dispatch
from services.records.store import dispatches
from tests import events
from tests.clock import MovableClock
from tests.door import Embedded
from tests.integration.records.noticed import (
    AFTER,
    CAMHS,
    EVERYONE,
    GP,
    POLICE,
    SCHOOL,
    conference,
    directory,
    family,
    later,
    missing,
    notices,
    told,
    written,
)

pytestmark = pytest.mark.parametrize("store", ["sqlite"], indirect=True)
REMINDED_AT = datetime(2026, 10, 6, 8, 5, tzinfo=UTC)  # the third working day
SECOND_REMINDED_AT = datetime(2026, 10, 9, 8, 5, tzinfo=UTC)  # the third after that


async def ended(embedded: Embedded, clock: MovableClock) -> None:
    """A plan that everyone was told of, and of whose end they are to be told."""
    await embedded.take(*directory(), conference(), events.plan_started(household=["p1"], category="neglect"))
    await embedded.house.drain()
    clock.set(AFTER)
    await embedded.take(events.plan_ended())


async def of(house: House, agency_id: str, what: str) -> Dispatch:
    ids = {each.notice_id for each in await notices(house) if each.kind == what}
    [found] = [each for each in await written(house) if each.agency_id == agency_id and each.about in ids]
    return found


def reminded(house: House) -> set[str]:
    return {each.to.partition("@")[0] for each in told(house) if "Reminder" in each.subject}


async def not_cleared(house: House) -> dict[str, str]:
    return {each["agency_id"]: each["text"] for each in await missing(house) if each["kind"] == "flag_not_cleared"}


@pytest.mark.parametrize("what", ["flag_changed", "no_flag"])
async def test_that_a_flag_is_off_or_that_there_is_none_answers_that_a_plan_has_ended(
    embedded: Embedded, clock: MovableClock, what: str
) -> None:
    house = embedded.house
    await ended(embedded, clock)
    await house.drain()
    practice, camhs = await of(house, GP, "ended"), await of(house, CAMHS, "ended")
    await embedded.take(events.dispatch_confirmed(practice.dispatch_id, what, at=AFTER, child_id="c1"))
    clock.set(REMINDED_AT)
    await house.tick()  # the reminders wait to go
    await embedded.take(events.dispatch_confirmed(camhs.dispatch_id, what, at=AFTER, child_id="c1"))
    await house.drain()
    assert reminded(house) == set(EVERYONE) - {GP, CAMHS}
    clock.set(later(30))
    await house.drain()
    assert set(await not_cleared(house)) == set(EVERYONE) - {GP, CAMHS}


async def two_plans_end(embedded: Embedded, clock: MovableClock) -> None:
    """Two plans of one child, of which one ends on a Thursday, and the other on the Tuesday after it."""
    house = embedded.house
    await embedded.take(*directory(), conference(), events.plan_started("plan-1"), events.plan_started("plan-2"))
    await house.drain()
    clock.set(AFTER)
    await embedded.take(events.plan_ended("plan-1"))
    await house.drain()
    for agency_id in (GP, CAMHS):
        first = await of(house, agency_id, "ended")
        await embedded.take(events.dispatch_confirmed(first.dispatch_id, "noted", at=AFTER, child_id="c1"))
    clock.set(REMINDED_AT)
    await embedded.take(events.plan_ended("plan-2", time=clock.now()))


async def of_the_second(house: House, agency_id: str) -> Dispatch:
    ids = {each.notice_id for each in await notices(house) if (each.kind, each.plan_id) == ("ended", "plan-2")}
    [found] = [each for each in await written(house) if each.agency_id == agency_id and each.about in ids]
    return found


@pytest.mark.parametrize("what", ["flag_changed", "no_flag"])
async def test_that_the_flag_is_off_at_the_last_end_of_two_plans_answers_the_first_that_was_only_to_be_noted(
    embedded: Embedded, clock: MovableClock, what: str
) -> None:
    house = embedded.house
    await two_plans_end(embedded, clock)
    await house.drain()
    clock.set(SECOND_REMINDED_AT)
    await house.tick()  # what reminds of it waits to go
    last = await of_the_second(house, GP)
    await embedded.take(events.dispatch_confirmed(last.dispatch_id, what, at=clock.now(), child_id="c1"))
    await house.drain()
    clock.set(later(40))
    await house.drain()
    assert GP not in reminded(house)
    assert GP not in await not_cleared(house)
    assert CAMHS in reminded(house)
    assert CAMHS in await not_cleared(house)


async def test_after_the_last_end_of_two_plans_everyone_is_reminded_once_and_has_all_the_days_for_it(
    embedded: Embedded, clock: MovableClock
) -> None:
    house = embedded.house
    await two_plans_end(embedded, clock)
    await house.drain()
    clock.set(SECOND_REMINDED_AT - timedelta(minutes=10))
    await house.drain()
    assert reminded(house) == set(), "the flag had to stay until the second end"
    clock.set(SECOND_REMINDED_AT)
    await house.drain()
    assert sorted(each.to.partition("@")[0] for each in told(house) if "Reminder" in each.subject) == sorted(EVERYONE)
    clock.set(later(40))
    await house.drain()
    asked = [each["agency_id"] for each in await missing(house) if each["kind"] == "flag_not_cleared"]
    assert sorted(asked) == sorted(EVERYONE)


async def test_who_was_told_of_the_first_end_of_two_plans_alone_has_all_the_days_after_the_second(
    embedded: Embedded, clock: MovableClock
) -> None:
    house = embedded.house
    await two_plans_end(embedded, clock)
    await house.tick()  # word of the second end waits to go
    clock.set(SECOND_REMINDED_AT - timedelta(minutes=10))
    await house.tick()
    await house.drain()
    assert reminded(house) == set()


@pytest.mark.parametrize("child_id", ["c1", "c2"])
async def test_a_reminder_that_waits_to_go_takes_no_flag_off_once_another_plan_of_the_family_has_started(
    embedded: Embedded, clock: MovableClock, child_id: str
) -> None:
    house = embedded.house
    await embedded.take(*family("c2", initials="CD"))
    await ended(embedded, clock)
    await house.drain()
    clock.set(REMINDED_AT)
    await house.tick()  # the reminders wait to go
    new = events.plan_started("plan-2", child_id=child_id, on=REMINDED_AT.date(), time=REMINDED_AT)
    await embedded.take(new)
    await house.drain()
    assert reminded(house) == set()
    assert {each.agency_id for each in await written(house) if each.reminded_at is not None} == set(EVERYONE)


async def test_a_reminder_that_waits_to_go_is_not_sent_once_a_later_end_asks_for_the_flag(
    embedded: Embedded, clock: MovableClock
) -> None:
    house = embedded.house
    await ended(embedded, clock)
    await house.drain()
    clock.set(REMINDED_AT)
    await house.tick()  # the reminders wait to go
    about = {each.notice_id for each in await notices(house)}
    await embedded.take(events.plan_started("plan-2", on=REMINDED_AT.date(), time=REMINDED_AT))
    await embedded.take(events.plan_ended("plan-2", on=REMINDED_AT.date(), time=REMINDED_AT + timedelta(minutes=1)))
    sent = [
        {"dispatch_id": each.dispatch_id, "state": SENT, "sent_at": REMINDED_AT}
        for each in await written(house)
        if each.about not in about
    ]
    async with house.database.write() as db:
        await dispatches.set_columns(db, sent)  # by another mailer, which was faster
    await house.drain()
    assert sent
    assert reminded(house) == {POLICE}, "who had nothing to do with the later plan was told of no later end"


async def test_that_there_is_no_flag_answers_no_notice_that_the_plan_stands_after_all(
    embedded: Embedded, clock: MovableClock
) -> None:
    house = embedded.house
    await ended(embedded, clock)
    await house.drain()
    at = AFTER + timedelta(minutes=1)
    await embedded.take(events.plan_started(household=["p1"], category="neglect", time=at))
    await house.drain()
    said = {GP: "no_flag", CAMHS: "flag_changed", SCHOOL: "no_flag"}
    for agency_id, what in said.items():
        each = await of(house, agency_id, "stands")
        await embedded.take(events.dispatch_confirmed(each.dispatch_id, what, at=at, child_id="c1"))
    clock.set(later(30))
    await house.drain()
    assert reminded(house) == set(EVERYONE) - {CAMHS, SCHOOL}
    texts = await not_cleared(house)
    assert set(texts) == set(EVERYONE) - {CAMHS, SCHOOL}
    assert [agency_id for agency_id, text in texts.items() if "carry no such flag" in text] == [GP]


@pytest.mark.parametrize("of_whom", ["the child", "a sister", "the household of its plan"])
async def test_no_notice_leaves_for_an_address_that_somebody_of_the_family_has_given_since(
    embedded: Embedded, clock: MovableClock, of_whom: str
) -> None:
    house = embedded.house
    await embedded.take(events.child("c2"), events.child("c9", family_id="f9"))
    await ended(embedded, clock)
    there = (await of(house, SCHOOL, "ended")).address
    assert there is not None
    if of_whom == "the household of its plan":
        clock.advance(timedelta(minutes=1))
        await embedded.take(events.plan_ended(household=["p1", "p2"], time=clock.now()))
    child_id = {"the child": "c1", "a sister": "c2"}.get(of_whom, "c9")
    await embedded.take(
        events.relative(
            "p2",
            family_id="f1" if child_id != "c9" else "f9",
            relationship=[events.tie(child_id, "father")],
            email=there.capitalize(),
            time=clock.now(),
        )
    )
    await house.drain()
    ended_to = {each.to for each in told(house) if each.what == "ended"}
    assert there not in ended_to
    assert len(ended_to) == len(EVERYONE) - 1
