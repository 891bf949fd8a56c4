"""The flags of a household hang on the plans of every child that somebody of it has, in whatever family."""

from __future__ import annotations

from datetime import timedelta

import pytest

from services.records.rules.dispatch import OVERTAKEN, SENT, Dispatch
from tests import events
from tests.clock import MovableClock
from tests.door import Embedded
from tests.integration.records.noticed import (
    AFTER,
    EVERYONE,
    GP,
    NURSE,
    SOCIAL_CARE,
    Told,
    conference,
    directory,
    later,
    missing,
    notices,
    told,
    written,
)

pytestmark = pytest.mark.parametrize("store", ["sqlite"], indirect=True)
OF_HOUSEHOLD = "13Iz."  # the code for members of the household


def elsewhere(*household: str) -> list[bytes]:
    """A half-brother in another family, whom another practice looks after, on a plan of his own."""
    return [
        events.agency("gp-3"),
        events.child("c3", family_id="f2", initials="EF", nhs=events.nhs_number(78), partition_key="f2"),
        events.involvement("g3", person_id="c3", agency_id="gp-3", partition_key="f2"),
        events.plan_started("plan-3", child_id="c3", household=[*household], partition_key="f2"),
    ]


def mother_of_both() -> bytes:
    of_both = [events.tie("c1"), events.tie("c3")]
    return events.relative(relationship=of_both, time=events.NOW + timedelta(minutes=1))


def the_end(embedded: Embedded, agency_id: str = GP) -> Told:
    return [each for each in told(embedded.house) if each.what == "ended" and agency_id in each.to][-1]


@pytest.mark.parametrize(
    ("household", "of_half_brother"),
    [([], []), (["p1", "c3"], ["p1", "c1"]), (["c3"], [])],
    ids=["none", "both", "one"],
)
async def test_while_a_half_brother_in_another_family_is_on_a_plan_the_household_keeps_its_flags(
    embedded: Embedded, clock: MovableClock, household: list[str], of_half_brother: list[str]
) -> None:
    house = embedded.house
    await embedded.take(*directory(), mother_of_both(), conference(), events.plan_started(household=household))
    await house.drain()
    clock.set(AFTER)
    await embedded.take(events.plan_ended())  # and the letters wait to go
    await embedded.take(*elsewhere(*of_half_brother))
    await house.drain()
    letter = the_end(embedded)
    assert "A plan still stands for another child of the family" in letter.text
    assert "342891000000105" in letter.text
    assert OF_HOUSEHOLD not in letter.text
    await embedded.take(events.plan_ended("plan-3", child_id="c3", partition_key="f2"))
    await house.drain()
    assert OF_HOUSEHOLD in the_end(embedded, "gp-3").text


async def test_a_child_of_another_family_who_was_named_as_of_the_household_is_listed_as_one(
    embedded: Embedded, clock: MovableClock
) -> None:
    house = embedded.house
    await embedded.take(*directory(), conference(), *elsewhere())
    await embedded.take(events.plan_started(household=["p1", "c3"]))
    await house.drain()
    clock.set(AFTER)
    await embedded.take(events.plan_ended("plan-3", child_id="c3", partition_key="f2"), events.plan_ended())
    await house.drain()
    assert "EF, another child of the family, born" in the_end(embedded).text
    assert "no details are on record" not in the_end(embedded).text


async def test_a_child_whom_nobody_of_the_household_has_keeps_no_flag_of_it(
    embedded: Embedded, clock: MovableClock
) -> None:
    house = embedded.house
    await embedded.take(*directory(), mother_of_both(), conference(), *elsewhere(), events.relative("p2"))
    await embedded.take(events.plan_started(household=["p2"]))
    await house.drain()
    clock.set(AFTER)
    await embedded.take(events.plan_ended())
    await house.drain()
    assert OF_HOUSEHOLD in the_end(embedded).text


async def said(embedded: Embedded, agency_id: str) -> None:
    """An agency says that the flag is off, in answer to the last that it was told of the plan of c1."""
    [*_, last] = [each for each in await ends_of(embedded, agency_id) if each.state != OVERTAKEN]
    await embedded.take(
        events.dispatch_confirmed(last.dispatch_id, "flag_changed", at=embedded.house.intake.clock.now(), child_id="c1")
    )


async def ends_of(embedded: Embedded, agency_id: str) -> list[Dispatch]:
    """What an agency was told of the end of the plan of c1, the first first."""
    number = {each.notice_id: each.number for each in await notices(embedded.house) if each.kind == "ended"}
    some = [each for each in await written(embedded.house) if each.agency_id == agency_id and each.about in number]
    return sorted(some, key=lambda each: number[each.about])


async def test_who_took_off_the_childs_flag_alone_is_asked_for_those_of_the_household_once_no_plan_stands(
    embedded: Embedded, clock: MovableClock
) -> None:
    house = embedded.house
    await embedded.take(*directory(), events.child("c2", initials="CD"), events.agency("gp-2"))
    both = [events.involvement(f"c2-{each}", person_id="c2", agency_id=each) for each in ("gp-2", SOCIAL_CARE)]
    await embedded.take(*both, conference(), events.plan_started(household=["p1"]))
    await embedded.take(events.plan_started("plan-2", child_id="c2", household=["p1"]))
    await house.drain()
    clock.set(AFTER)
    await embedded.take(events.plan_ended())
    await house.drain()
    clock.set(later(1))
    for agency_id in (GP, SOCIAL_CARE):
        await said(embedded, agency_id)
    clock.set(later(2))
    before = len(told(house))
    await embedded.take(events.plan_ended("plan-2", child_id="c2", time=clock.now()))
    await house.drain()
    await said(embedded, NURSE)  # who answers the letter that spoke of the child alone
    await house.drain()
    asked = [each for each in told(house)[before:] if "Reminder" not in each.subject]
    [again] = [each for each in asked if GP in each.to]
    assert "the household was to keep its flags. None stands any more." in again.text
    assert OF_HOUSEHOLD in again.text
    assert [each.state for each in await ends_of(embedded, NURSE)] == [OVERTAKEN, SENT]
    [once] = [each for each in asked if SOCIAL_CARE in each.to]
    assert "was to keep its flags" not in once.text, "who is told of the other end reads of the household there"
    assert [each.state for each in await ends_of(embedded, GP)] == [OVERTAKEN, SENT]
    clock.set(later(60))
    await house.drain()
    assert GP in {each["agency_id"] for each in await missing(house) if each["kind"] == "flag_not_cleared"}
    await said(embedded, GP)
    await house.drain()
    assert GP not in {each.get("agency_id") for each in await missing(house)}
    assert len([each for each in told(house)[before:] if GP in each.to]) == 2, "asked, and reminded"


async def test_of_who_was_to_take_off_the_flags_of_a_household_that_has_a_plan_after_all_a_person_is_told(
    embedded: Embedded, clock: MovableClock
) -> None:
    house = embedded.house
    await embedded.take(*directory(), events.child("c2", initials="CD"), conference())
    both = [events.plan_started(household=["p1"]), events.plan_started("plan-2", child_id="c2", household=["p1"])]
    await embedded.take(events.involvement("c2-sc", person_id="c2", agency_id=SOCIAL_CARE), *both)
    await house.drain()
    clock.set(AFTER)
    await embedded.take(events.plan_ended(), events.plan_ended("plan-2", child_id="c2"))
    await house.drain()
    assert OF_HOUSEHOLD in the_end(embedded).text
    clock.set(later(2))
    await embedded.take(events.plan_started("plan-2", child_id="c2", household=["p1"], time=clock.now()))
    await house.drain()
    clock.set(later(20))  # and what reminds of the child's own flag says nothing of that
    await house.drain()
    after_all = {each["agency_id"] for each in await missing(house) if "has its flag" in each["text"]}
    assert after_all == set(EVERYONE) - {SOCIAL_CARE}, "who is told of the other child hears that its plan stands"
    await embedded.take(events.plan_ended("plan-2", child_id="c2", time=clock.now() + timedelta(minutes=1)))
    await house.drain()
    assert not any("has its flag" in each["text"] for each in await missing(house))
