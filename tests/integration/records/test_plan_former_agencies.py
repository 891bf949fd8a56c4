"""Whoever was told of a plan is told what becomes of it, whether they have to do with the child still or not; and where
they were named by mistake, a person is.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest

from services.bootstrap import House
from services.records.rules.dispatch import SENT, WITHHELD
from services.records.rules.notices import NOT_ON_RECORD
from tests import events
from tests.clock import MovableClock
from tests.door import Door, Embedded
from tests.integration.records.noticed import (
    AFTER,
    EVERYONE,
    GP,
    conference,
    directory,
    later,
    missing,
    notices,
    told,
    whom,
)
from tests.integration.records.noticed import written as every_dispatch

JUNE = datetime(2026, 6, 1, 9, 0, tzinfo=UTC)
JULY = datetime(2026, 7, 1, 9, 0, tzinfo=UTC)
MAY, JULY_DAY = date(2026, 5, 20), date(2026, 7, 1)
HOUSING, HOME = "housing-9", "placement-9"


async def joined(door: Door, clock: MovableClock, *how: Callable[[], bytes]) -> None:
    """A child on a plan, of whose plan somebody has been told who has come to have to do with it since."""
    await door.take(*directory(), conference(), *(events.agency(each) for each in (HOUSING, HOME, "housing-2")))
    await door.take(events.plan_started(household=["p1"], category="neglect"))
    await door.house.drain()
    clock.set(JUNE)
    await door.take(*(each() for each in how))
    await door.house.drain()
    clock.set(JULY)


def works(agency_id: str = HOUSING, **more: object) -> bytes:
    fields = {"involvement_id": "i-new", "agency_id": agency_id, "service": "housing", "since": MAY} | more
    return events.involvement(**fields)  # type: ignore[arg-type]


def placed(agency_id: str = HOME) -> bytes:
    return events.child(placement={"agency_id": agency_id, "authority": "leicester", "since": "2026-05-20"})


async def not_told(house: House) -> set[str | None]:
    return {each.get("agency_id") for each in await missing(house) if each["kind"] == "plan_end_not_told"}


async def test_whoever_was_told_of_a_plan_and_works_with_the_child_no_more_is_told_of_its_end(
    door: Door, clock: MovableClock
) -> None:
    await joined(door, clock, works, placed)
    assert whom(told(door.house), "joined") == {HOUSING, HOME}
    await door.take(works(status="closed", until=JULY_DAY), events.child())
    await door.take(events.plan_started(household=["p1"], category="emotional abuse", on=JULY_DAY))
    await door.house.drain()
    assert whom(told(door.house), "changed") == {*EVERYONE, HOUSING, HOME}
    clock.set(AFTER)
    await door.take(events.plan_ended())
    await door.house.drain()
    assert whom(told(door.house), "ended") == {*EVERYONE, HOUSING, HOME}
    await door.take(events.plan_started(household=["p1"], category="emotional abuse", on=JULY_DAY))
    await door.house.drain()
    assert whom(told(door.house), "stands") == {*EVERYONE, HOUSING, HOME}


async def test_whoever_had_to_do_with_the_child_and_was_told_nothing_hears_of_no_end(
    embedded: Embedded, clock: MovableClock
) -> None:
    await joined(embedded, clock)
    await embedded.take(works(status="closed", until=MAY + timedelta(days=2)))
    clock.set(AFTER)
    await embedded.take(events.plan_ended())
    await embedded.house.drain()
    assert whom(told(embedded.house), "ended") == set(EVERYONE)


async def test_an_end_is_told_to_whoever_came_after_its_day_and_was_told_that_the_plan_stands(
    embedded: Embedded, clock: MovableClock
) -> None:
    await joined(embedded, clock, works)
    await embedded.take(events.plan_ended(on=MAY - timedelta(days=5)))
    await embedded.house.drain()
    assert HOUSING in whom(told(embedded.house), "ended")


@pytest.mark.parametrize("what", ["another agency", "another child", "another placement"])
async def test_who_was_named_by_mistake_learns_nothing_more_and_a_person_is_told_of_the_flag(
    door: Door, clock: MovableClock, what: str
) -> None:
    await joined(door, clock, placed if what == "another placement" else works)
    mistaken = HOME if what == "another placement" else HOUSING
    assert whom(told(door.house), "joined") == {mistaken}
    if what == "another agency":
        await door.take(works("housing-2"))
    elif what == "another child":
        await door.take(events.child("c2", initials="CD"), works(person_id="c2"))
    else:
        await door.take(placed("housing-2"))
    await door.take(events.plan_started(household=["p1"], category="emotional abuse", on=JULY_DAY))
    clock.set(AFTER)
    await door.take(events.plan_ended())
    await door.house.drain()
    assert whom(told(door.house), "ended") >= set(EVERYONE)
    assert not {each.what for each in told(door.house) if mistaken in each.to} - {"joined"}
    kept = [each for each in await every_dispatch(door.house) if each.agency_id == mistaken and each.state == WITHHELD]
    assert {each.why for each in kept} == {NOT_ON_RECORD}
    assert mistaken in await not_told(door.house)
    [waits] = [each for each in await missing(door.house) if each.get("agency_id") == mistaken]
    assert "nothing on record says any more that they had to do with the child" in waits["text"]


async def test_who_was_named_by_mistake_is_told_after_all_where_that_was_the_mistake(
    embedded: Embedded, clock: MovableClock
) -> None:
    await joined(embedded, clock, works)
    await embedded.take(works("housing-2"))
    clock.set(AFTER)
    await embedded.take(events.plan_ended())
    await embedded.house.drain()
    assert HOUSING in await not_told(embedded.house)
    await embedded.take(works(involvement_id="i-again", status="closed", until=JULY_DAY))
    await embedded.house.drain()
    assert HOUSING in whom(told(embedded.house), "ended")
    assert HOUSING not in await not_told(embedded.house)


async def test_that_one_of_a_kind_was_told_of_an_end_hides_no_other_that_was_not(
    embedded: Embedded, clock: MovableClock
) -> None:
    await joined(embedded, clock, works, lambda: works("housing-2", involvement_id="i-other"))
    leave_out = [{"agency_id": HOUSING, "reason": "conflict_of_interest", "note": "The father works there."}]
    await embedded.take(conference(do_not_invite=leave_out))
    clock.set(AFTER)
    await embedded.take(events.plan_ended())
    await embedded.house.drain()
    assert whom(told(embedded.house), "ended") == {*EVERYONE, "housing-2"}
    [waits] = [each for each in await missing(embedded.house) if each.get("agency_id") == HOUSING]
    assert waits["kind"] == "plan_end_not_told"
    assert "a person has excluded them since" in waits["text"]


@pytest.mark.parametrize("how", ["leaves the placement", "an involvement put right"])
async def test_a_notice_that_waits_holds_up_no_word_that_its_reader_has_nothing_to_do_with_the_child(
    door: Door, clock: MovableClock, how: str
) -> None:
    await door.take(*directory(), *(events.agency(each) for each in (HOUSING, HOME, "housing-2")))
    await door.take(works(since=date(2026, 3, 1)), placed())
    await door.house.drain()
    await door.take(events.plan_started())
    [verdict] = await door.take(
        events.child() if how == "leaves the placement" else works("housing-2", since=date(2026, 3, 1))
    )
    assert verdict.state == "accepted"
    gone = HOME if how == "leaves the placement" else HOUSING
    await door.house.drain()
    assert gone not in whom(told(door.house), "started")
    [kept] = [each for each in await every_dispatch(door.house) if each.agency_id == gone]
    assert kept.state == WITHHELD
    clock.set(later(9))
    await door.house.drain()
    assert gone not in {each.get("agency_id") for each in await missing(door.house)}


async def test_what_waited_for_whoever_left_goes_once_they_have_to_do_with_the_child_again(
    embedded: Embedded, clock: MovableClock
) -> None:
    await joined(embedded, clock)
    await embedded.take(works())
    await embedded.take(works("housing-2"))
    await embedded.take(works())
    await embedded.house.drain()
    assert HOUSING in whom(told(embedded.house), "joined")


async def test_a_plan_that_stands_after_all_is_told_of_though_it_was_long_over_before_that_had_left(
    embedded: Embedded, clock: MovableClock
) -> None:
    before = {"agency_id": GP, "service": "gp", "since": date(2023, 1, 1)}
    await embedded.take(events.agency(GP), events.child(), events.involvement(**before))  # type: ignore[arg-type]
    await embedded.take(events.plan_started(on=date(2024, 1, 2)))
    await embedded.take(events.plan_ended(on=date(2024, 6, 2)))
    [verdict] = await embedded.take(events.plan_started(on=date(2024, 1, 2)))
    assert verdict.state == "accepted"
    await embedded.house.drain()
    assert whom(told(embedded.house), "started") == {GP}


async def test_the_reminder_falls_due_though_its_reader_has_nothing_to_do_with_the_child_any_more(
    door: Door, clock: MovableClock
) -> None:
    await joined(door, clock, works, placed)
    clock.set(AFTER)
    await door.take(events.plan_ended())
    await door.house.drain()
    await door.take(works("housing-2"), events.child())
    clock.set(later(10))
    await door.house.drain()
    assert door.house.ticker.put_off == 0
    reminded = {each.to.partition("@")[0] for each in told(door.house) if "Reminder" in each.subject}
    assert {GP, HOME} <= reminded
    assert HOUSING not in reminded
    left = {each["agency_id"] for each in await missing(door.house) if each["kind"] == "flag_not_cleared"}
    assert {GP, HOME, HOUSING} <= left
    assert {e.state for e in await every_dispatch(door.house) if e.agency_id == HOUSING} == {SENT}


EXCLUDE = [{"agency_id": HOUSING, "reason": "conflict_of_interest", "note": "The father works there."}]
NOT_ANY_MORE: dict[str, tuple[Callable[[datetime], bytes], str]] = {
    "its work is over": (lambda at: works(status="closed", until=at.date()), ""),
    "excluded": (lambda at: conference(do_not_invite=EXCLUDE, time=at), "a person has excluded them since"),
    "named by mistake": (lambda _: works("housing-2"), "nothing on record says any more that they had to do"),
    "closed": (lambda at: events.agency(HOUSING, closed_on=MAY, time=at), "Find out who has its records now"),
}


async def came_back(door: Door, clock: MovableClock, what: str) -> None:
    """What the agency was told of this comes back."""
    known = {each.notice_id for each in await notices(door.house) if each.kind == what}
    [own] = [each for each in await every_dispatch(door.house) if each.agency_id == HOUSING and each.about in known]
    assert own.address is not None
    clock.advance(timedelta(hours=1))
    await door.take(events.dispatch_bounced(own.dispatch_id, address=own.address, at=clock.now(), time=clock.now()))
    await door.house.drain()
    clock.advance(timedelta(hours=1))


async def said_of(house: House) -> list[str]:
    """What a person is told of the agency's notices."""
    return [each["text"] for each in await missing(house) if each.get("agency_id") == HOUSING]


@pytest.mark.parametrize("why", NOT_ANY_MORE)
async def test_of_a_beginning_that_came_back_nobody_is_asked_to_tell_who_is_not_to_be_told_any_more(
    embedded: Embedded, clock: MovableClock, why: str
) -> None:
    await joined(embedded, clock, works)
    await came_back(embedded, clock, "joined")
    assert "tell them another way" in " ".join(await said_of(embedded.house))
    then, _ = NOT_ANY_MORE[why]
    await embedded.take(then(clock.now()))
    await embedded.house.drain()
    assert await said_of(embedded.house) == []


@pytest.mark.parametrize("why", [each for each in NOT_ANY_MORE if each != "its work is over"])
async def test_of_an_end_that_came_back_a_person_reads_why_its_reader_may_not_be_told(
    embedded: Embedded, clock: MovableClock, why: str
) -> None:
    await joined(embedded, clock, works)
    clock.set(AFTER)
    await embedded.take(events.plan_ended())
    await embedded.house.drain()
    await came_back(embedded, clock, "ended")
    assert "tell them another way" in " ".join(await said_of(embedded.house))
    then, words = NOT_ANY_MORE[why]
    await embedded.take(then(clock.now()))
    await embedded.house.drain()
    [text] = await said_of(embedded.house)
    assert words in text
    assert "another way" not in text


async def test_who_had_no_address_and_was_named_by_mistake_is_missed_by_nobody(
    embedded: Embedded, clock: MovableClock
) -> None:
    await joined(embedded, clock, lambda: events.agency(HOUSING, channels=[], time=clock.now()), works)
    assert [each for each in await said_of(embedded.house) if "no secure address" in each]
    await embedded.take(works("housing-2"))
    await embedded.house.drain()
    assert await said_of(embedded.house) == []
    await embedded.take(events.agency(HOUSING, time=clock.now()), works())
    await embedded.house.drain()
    assert HOUSING in whom(told(embedded.house), "joined")
