"""A care plan is for agencies, whichever team of theirs was asked: what a person decides of one is about all its teams,
and none gets it twice.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from services.bootstrap import House
from services.participation.store.documents import CLEAN
from services.records.rules.dispatch import QUEUED, SENT, WITHHELD
from services.records.store import dispatches
from tests import events
from tests.clock import MovableClock
from tests.door import Door, Embedded
from tests.integration.records.test_care_plans import (
    CAMHS,
    SCHOOL,
    TODAY,
    asked_of_a_person,
    held_here,
    letters,
    opens,
    verified,
)

TRUST = "trust-1"
BEFORE, NOW = f"agency:{TRUST}:t1", f"agency:{TRUST}:t2"
REFUSED = [{"agency_id": TRUST, "reason": "conflict_of_interest", "note": "The father leads the service."}]
LAST_DAY = date(2026, 3, 10)


@pytest.fixture
def store() -> str:
    return "sqlite"


def reads(team: str, verified_on: date | None = TODAY) -> bytes:
    """The trust, with its two teams; the child is with one of them."""
    channels = {
        each: [events.secure(f"{each}@{TRUST}.example", verified_on=verified_on)] for each in ("in", "t1", "t2")
    }
    teams = [events.team(each, channels=channels[each]) for each in ("t1", "t2")]
    return events.agency(TRUST, kind="community_health", channels=channels["in"], teams=teams)


def involved(team: str, **more: Any) -> bytes:
    return events.involvement(f"with-{team}", person_id="c1", agency_id=TRUST, team_id=team, **more)


@pytest.fixture
async def door(house: House) -> Embedded:
    """A conference named a core group with the trust, while the child was with its first team."""
    door = Embedded(house)
    await door.take(*(verified(each) for each in (CAMHS, SCHOOL)), events.child("c1"))
    await door.take(*(events.involvement(person_id="c1", agency_id=each) for each in (CAMHS, SCHOOL)))
    await door.take(reads("t1"), involved("t1"), events.meeting(), events.held(core_group=[CAMHS, SCHOOL, TRUST]))
    return door


async def moves(door: Door) -> None:
    """The child is with the trust's second team by now."""
    later = events.NOW + timedelta(minutes=1)
    await door.take(involved("t1", status="closed", until=LAST_DAY, time=later), involved("t2", time=later))


def review(**more: Any) -> bytes:
    starts_at = events.MEETING_AT + timedelta(days=60)
    return events.meeting("m2", "review_conference", starts_at=starts_at, **more)


async def by_party(house: House, plan: str) -> dict[str, tuple[str, str | None]]:
    """What became of a care plan at the trust, by team."""
    async with house.database.read() as db:
        some = (await dispatches.about(db, [plan])).get(plan, ())
    return {each.party: (each.state, each.why) for each in some if each.agency_id == TRUST}


async def test_whom_a_person_excluded_gets_it_by_no_team_that_was_asked_before(door: Door, house: House) -> None:
    await moves(door)
    await door.take(review(do_not_invite=REFUSED))
    plan = await held_here(house)
    await door.take(events.report("m2", document_id=plan, kind="care_plan"))
    await house.drain()
    assert await by_party(house, plan) == {NOW: (WITHHELD, "conflict_of_interest")}
    assert set(letters(house)) == {f"in@{SCHOOL}.example"}


async def test_whom_a_person_excluded_unasked_gets_it_by_no_team_either(door: Door, house: House) -> None:
    """The child has left the trust: the review would not ask it, and nothing stands for it there."""
    await door.take(involved("t1", status="closed", until=LAST_DAY, time=events.NOW + timedelta(minutes=1)))
    await door.take(events.meeting("m2", "strategy_discussion", do_not_invite=REFUSED))
    plan = await held_here(house)
    await door.take(events.report("m2", document_id=plan, kind="care_plan"))
    await house.drain()
    assert set(await by_party(house, plan)) <= {BEFORE}
    assert set(letters(house)) == {f"in@{SCHOOL}.example"}


async def test_an_agency_gets_it_once_by_the_team_that_was_asked_to_the_meeting(door: Door, house: House) -> None:
    await moves(door)
    await door.take(review())
    plan = await held_here(house)
    await door.take(events.report("m2", document_id=plan, kind="care_plan"))
    await house.drain()
    assert await by_party(house, plan) == {NOW: (SENT, None)}
    assert await asked_of_a_person(house) == []


async def test_an_agency_that_has_it_by_another_team_is_not_sent_it_again(door: Door, house: House) -> None:
    plan = await held_here(house)
    await door.take(events.report(document_id=plan, kind="care_plan"))
    await house.drain()
    assert await by_party(house, plan) == {BEFORE: (SENT, None)}
    await moves(door)
    await door.take(review())
    await door.take(events.report("m2", document_id=plan, kind="care_plan", time=events.NOW + timedelta(minutes=2)))
    await house.drain()
    assert await by_party(house, plan) == {BEFORE: (SENT, None)}
    assert await asked_of_a_person(house) == []


async def test_whom_a_person_excludes_before_it_leaves_for_a_former_team_gets_nothing(
    door: Door, house: House, clock: MovableClock
) -> None:
    plan = await held_here(house)
    await door.take(events.report(document_id=plan, kind="care_plan"))
    assert await by_party(house, plan) == {BEFORE: (QUEUED, None)}
    clock.advance(timedelta(minutes=1))
    await moves(door)
    await door.take(review(do_not_invite=REFUSED, time=clock.now()))
    await door.take(events.report("m2", document_id=plan, kind="care_plan", time=clock.now()))
    await house.drain()
    assert {state for state, _ in (await by_party(house, plan)).values()} == {WITHHELD}
    assert set(letters(house)) == {f"in@{SCHOOL}.example"}


async def test_whom_a_person_excluded_since_opens_it_by_no_meeting(
    door: Door, house: House, clock: MovableClock
) -> None:
    await door.take(reads("t1", None))
    plan = await held_here(house, CLEAN)
    await door.take(events.report(document_id=plan, kind="care_plan"))
    await house.drain()
    async with house.database.read() as db:
        [sent] = [each for each in (await dispatches.about(db, [plan]))[plan] if each.agency_id == TRUST]
    assert await opens(house, sent)
    clock.advance(timedelta(hours=1))
    await moves(door)
    await door.take(review(do_not_invite=REFUSED, time=clock.now()))
    await door.take(events.report("m2", document_id=plan, kind="care_plan", time=clock.now()))
    assert not await opens(house, sent)


async def test_whom_a_person_takes_in_again_is_sent_nothing_by_itself_by_another_team(
    door: Door, house: House, clock: MovableClock
) -> None:
    plan = await held_here(house)
    await door.take(review(do_not_invite=REFUSED))
    await door.take(events.report("m2", document_id=plan, kind="care_plan"))
    await house.drain()
    assert await by_party(house, plan) == {BEFORE: (WITHHELD, "conflict_of_interest")}
    clock.advance(timedelta(hours=1))
    await door.take(review(time=clock.now()))
    await moves(door)
    await house.drain()
    assert SENT not in {state for state, _ in (await by_party(house, plan)).values()}
    assert "kept back from" in "".join(await asked_of_a_person(house))
