"""The flags of a household hang on the plans of every child that somebody of it has, in whatever family."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests import events
from tests.clock import MovableClock
from tests.door import Embedded
from tests.integration.records.noticed import AFTER, GP, Told, conference, directory, told

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
