"""Who has long had to do with a child, and is recorded only after its plan began, gets the plan; and a team that stands
in a register by its agency's name is told once. In what order a family is learnt makes no other letter of one.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, date, datetime, timedelta

import pytest

from services.bootstrap import House
from services.records.store import dispatches
from tests import events
from tests.clock import MovableClock
from tests.door import Embedded
from tests.integration.records.noticed import (
    AFTER,
    CAMHS,
    EVERYONE,
    QUORUM,
    conference,
    directory,
    later,
    missing,
    notices,
    told,
    whom,
    written,
)

pytestmark = pytest.mark.parametrize("store", ["sqlite"], indirect=True)

JUNE = datetime(2026, 6, 1, 9, 0, tzinfo=UTC)
LATE = "camhs-2"


async def given_the_plan(house: House) -> set[str]:
    async with house.database.read() as db:
        some = (await dispatches.of_meetings(db, ["m1"]))["m1"]
    return {each.agency_id for each in some if each.about == "r-plan" and each.agency_id is not None}


@pytest.mark.parametrize("learnt_after", [timedelta(days=1), timedelta(days=40)])
async def test_a_service_that_waited_with_the_child_all_along_is_told_that_the_plan_started_and_gets_it(
    embedded: Embedded, clock: MovableClock, learnt_after: timedelta
) -> None:
    house = embedded.house
    await embedded.take(*directory(), conference())
    clock.set(events.MEETING_AT + timedelta(days=1))
    await embedded.take(events.held("m1", attendance=QUORUM), events.plan_started(category="neglect"))
    await embedded.take(events.record("r-plan", kind="plan"), events.record("r-minutes"))
    await house.drain()
    clock.advance(learnt_after)
    since = date(2026, 1, 5)
    await embedded.take(events.agency(LATE), events.involvement(agency_id=LATE, status="waiting", since=since))
    await house.drain()
    assert [each.what for each in told(house) if LATE in each.to] == ["started"]
    assert await given_the_plan(house) == {*EVERYONE, LATE}
    async with house.database.read() as db:
        minutes = (await dispatches.about(db, ["r-minutes"]))["r-minutes"]
    assert LATE not in {each.agency_id for each in minutes}


async def test_a_practice_that_the_child_has_left_is_told_of_a_change_and_does_not_get_the_plan(
    embedded: Embedded, clock: MovableClock
) -> None:
    house = embedded.house
    await embedded.take(*directory(), conference(), events.plan_started(category="neglect"))
    await embedded.take(events.record("r-plan", kind="plan"))
    await house.drain()
    clock.set(JUNE)
    left = events.involvement(agency_id="gp-2", status="closed", since=date(2025, 1, 1), until=date(2026, 5, 1))
    changed = events.plan_started(category="emotional abuse", time=JUNE)
    await embedded.take(events.agency("gp-2"), left, changed)
    await house.drain()
    assert whom(told(house), "changed") == {*EVERYONE, "gp-2"}
    assert await given_the_plan(house) == set(EVERYONE)


async def ended_with_a_team(embedded: Embedded, clock: MovableClock, channels: Collection[str] | None) -> None:
    """A plan has ended that CAMHS was asked about through a team, and stands in the register by its own name."""
    team = events.team("camhs-wait", name="Waiting")
    others = [each for each in directory() if CAMHS.encode() not in each]
    await embedded.take(
        events.agency(CAMHS, teams=[team], channels=channels),  # type: ignore[arg-type]
        *others,
        events.involvement(agency_id=CAMHS, status="waiting", team_id="camhs-wait"),
        conference(),
    )
    clock.set(events.MEETING_AT + timedelta(days=1))
    there = [*QUORUM, events.attended(CAMHS)]
    await embedded.take(events.held("m1", attendance=there), events.plan_started(category="neglect"))
    await embedded.house.drain()
    clock.set(AFTER)
    await embedded.take(events.plan_ended())
    await embedded.house.drain()


@pytest.mark.parametrize("channels", [None, []])
async def test_a_team_whose_agency_stands_in_the_register_is_told_once_and_nobody_is_missing(
    embedded: Embedded, clock: MovableClock, channels: Collection[str] | None
) -> None:
    house = embedded.house
    await ended_with_a_team(embedded, clock, channels)
    ended = {each.notice_id for each in await notices(house) if each.kind == "ended"}
    [own] = [each for each in await written(house) if each.agency_id == CAMHS and each.about in ended]
    assert own.team_id == "camhs-wait"
    await embedded.take(events.dispatch_confirmed(own.dispatch_id, what="flag_changed", child_id="c1", at=later(1)))
    clock.set(later(40))
    await house.drain()
    assert CAMHS not in {each["agency_id"] for each in await missing(house)}


async def contents(house: House) -> dict[str, str | None]:
    return {each.dispatch_id: each.content for each in await written(house)}


@pytest.mark.parametrize("is_named", [True, False])
async def test_a_letter_is_the_same_whatever_order_its_household_is_learnt_in(
    embedded: Embedded, clock: MovableClock, is_named: bool
) -> None:
    house = embedded.house
    people = {each: [events.tie("c1", kind)] for each, kind in (("p1", "mother"), ("p2", "father"), ("p3", "sibling"))}
    siblings = {"c2": "CD", "c3": "EF"}
    await embedded.take(*directory(), conference())
    await embedded.take(*(events.child(each, initials=initials) for each, initials in siblings.items()))
    for person_id in ("p3", "p1", "p2"):
        await embedded.take(events.relative(person_id, relationship=people[person_id]))
    begun = events.MEETING_AT
    await embedded.take(events.plan_started(household=[*people] if is_named else [], time=begun))
    before = await contents(house)
    # Told again, the other way round: what is new of each is said in no notice.
    for person_id in people:
        again = events.relative(person_id, relationship=people[person_id], needs=["interpreter"], time=begun)
        await embedded.take(again)
    await embedded.take(events.child("c2", initials="CD", needs=["interpreter"], time=begun))
    earlier = begun - timedelta(days=1)
    await embedded.take(events.plan_started(household=[*reversed(people)] if is_named else [], time=earlier))
    assert await contents(house) == before
    assert len(before) == len(EVERYONE)
    await house.drain()
    assert len(told(house)) == len(EVERYONE)
