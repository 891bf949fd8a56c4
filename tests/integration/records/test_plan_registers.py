"""Who was at a meeting is told of the plan of the child on whose account it came, and not of another child's; who is
noted as absent without having been asked is told of none.
"""

from __future__ import annotations

from datetime import UTC, date, datetime

from tests import events
from tests.clock import MovableClock
from tests.door import Embedded
from tests.integration.records.noticed import conference, directory, told, whom

NURSERY, HOUSING = "early-years-9", "housing-9"
THEN, AFTERWARDS = datetime(2026, 4, 1, 14, 0, tzinfo=UTC), datetime(2026, 4, 1, 15, 0, tzinfo=UTC)


async def a_conference_about_two(door: Embedded, clock: MovableClock) -> None:
    """The nursery knows the brother, CD, alone, and was there; housing knows neither of them."""
    brother = events.child("c2", initials="CD", date_of_birth=date(2019, 3, 4))
    await door.take(*directory(), brother, *(events.agency(each) for each in (NURSERY, HOUSING)))
    await door.take(
        events.involvement(person_id="c2", agency_id=NURSERY, service="early_years"),
        conference(children=["c1", "c2"]),
    )
    await door.house.drain()
    clock.set(AFTERWARDS)


async def test_who_was_there_for_a_brother_is_not_told_of_the_other_childs_plan(
    embedded: Embedded, clock: MovableClock
) -> None:
    await a_conference_about_two(embedded, clock)
    register = [events.attended(each) for each in (NURSERY, "school-1")]
    await embedded.take(events.held("m1", attendance=register, time=THEN))
    await embedded.take(events.plan_started(category="neglect", time=THEN))
    await embedded.house.drain()
    assert "school-1" in whom(told(embedded.house), "started")
    assert not {each.to for each in told(embedded.house) if NURSERY in each.to}


async def test_who_came_without_having_been_asked_is_told_and_who_is_noted_as_absent_is_not(
    embedded: Embedded, clock: MovableClock
) -> None:
    await a_conference_about_two(embedded, clock)
    absent = events.held("m1", attendance=[events.attended(HOUSING, "absent"), events.attended("school-1")], time=THEN)
    await embedded.take(absent, events.plan_started(category="neglect", time=THEN))
    await embedded.house.drain()
    assert "school-1" in whom(told(embedded.house), "started")
    assert not {each.to for each in told(embedded.house) if HOUSING in each.to}
    came = events.held("m1", attendance=[events.attended(HOUSING), events.attended("school-1")], time=AFTERWARDS)
    await embedded.take(came)
    await embedded.house.drain()
    assert {each.to for each in told(embedded.house) if HOUSING in each.to}


async def test_a_register_that_is_put_right_takes_effect_though_somebody_in_it_was_to_be_told(
    embedded: Embedded, clock: MovableClock
) -> None:
    await a_conference_about_two(embedded, clock)
    came = events.held("m1", attendance=[events.attended(HOUSING), events.attended("school-1")], time=THEN)
    await embedded.take(came, events.plan_started(category="neglect", time=THEN))
    await embedded.take(events.held("m1", attendance=[events.attended("school-1")], time=AFTERWARDS))
    await embedded.house.drain()
    assert "school-1" in whom(told(embedded.house), "started")
    assert not {each.to for each in told(embedded.house) if HOUSING in each.to}
