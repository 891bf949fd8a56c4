"""An end that names a meeting counts where that was about the child and of a kind that may end a plan, or a person
allows it.
"""

from __future__ import annotations

import pytest

from services.bootstrap import House
from tests import events
from tests.clock import MovableClock
from tests.door import Embedded
from tests.integration.records.noticed import (
    AFTER,
    EVERYONE,
    GP,
    REVIEW_AT,
    TOO_FEW,
    conference,
    directory,
    family,
    held,
    later,
    missing,
    review,
    told,
    whom,
)


async def said_to_end_it(door: Embedded, clock: MovableClock, meeting: bytes) -> None:
    """A child on a plan, of which it is told that this meeting ended it."""
    await door.take(*directory(), *family("c2", initials="CD", family_id="f2", partition_key="f2"), conference())
    await door.take(events.plan_started(household=["p1"]))
    await door.house.drain()
    clock.set(AFTER)
    await door.take(meeting, held(), events.plan_ended(meeting_id="m2"))
    await door.house.drain()


async def why_not(house: House) -> str:
    """Why the end has no effect, as a person is told."""
    [refused] = [each for each in await missing(house) if each["kind"] == "plan_end_not_told"]
    return str(refused["text"])


async def test_another_childs_conference_ends_no_plan_until_it_is_put_right(
    embedded: Embedded, clock: MovableClock
) -> None:
    await said_to_end_it(embedded, clock, review(children=["c2"]))
    assert whom(told(embedded.house), "ended") == set()
    clock.set(later(4))
    await embedded.house.drain()
    assert "is not about this child" in await why_not(embedded.house)
    await embedded.take(review(children=["c1", "c2"]))
    await embedded.house.drain()
    assert whom(told(embedded.house), "ended") == set(EVERYONE)
    assert await missing(embedded.house) == []


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("core_group", "core group"),
        ("strategy_discussion", "strategy discussion"),
        ("initial_conference", "initial child protection conference"),
    ],
)
async def test_a_meeting_of_a_kind_that_ends_no_plan_ends_none_unless_a_person_allows_it(
    embedded: Embedded, clock: MovableClock, kind: str, name: str
) -> None:
    await said_to_end_it(embedded, clock, events.meeting("m2", kind, starts_at=REVIEW_AT))
    assert whom(told(embedded.house), "ended") == set()
    clock.set(later(4))
    await embedded.house.drain()
    assert f"by the policy no {name} ends a plan" in await why_not(embedded.house)
    await embedded.take(events.excepted("m2", "plan_ended_inquorate", at=later(4)))
    await embedded.house.drain()
    assert whom(told(embedded.house), "ended") == set(EVERYONE)


async def test_the_conference_of_the_area_that_the_child_moved_to_ends_the_plan(
    embedded: Embedded, clock: MovableClock
) -> None:
    await said_to_end_it(embedded, clock, events.meeting("m2", "transfer_in_conference", starts_at=REVIEW_AT))
    assert whom(told(embedded.house), "ended") == set(EVERYONE)


async def test_who_was_told_of_an_end_that_is_laid_to_a_meeting_about_another_child_is_told_that_the_plan_stands(
    embedded: Embedded, clock: MovableClock
) -> None:
    await said_to_end_it(embedded, clock, review(children=["c1", "c2"]))
    assert whom(told(embedded.house), "ended") == set(EVERYONE)
    await embedded.take(review(children=["c2"]))
    await embedded.house.drain()
    assert whom(told(embedded.house), "stands") == set(EVERYONE)


@pytest.mark.parametrize("child_id", ["c1", "c2"])
async def test_a_plan_stands_of_which_an_end_alone_was_told_that_does_not_count(
    embedded: Embedded, clock: MovableClock, child_id: str
) -> None:
    await embedded.take(*directory(), *family("c2", initials="CD"), conference(), events.plan_started(household=["p1"]))
    await embedded.house.drain()
    clock.set(AFTER)
    await embedded.take(review(children=["c1", "c2"]), held(TOO_FEW))
    await embedded.take(events.plan_ended("plan-2", child_id=child_id, meeting_id="m2"))
    await embedded.take(events.plan_ended("plan-1"))
    await embedded.house.drain()
    [letter] = [each for each in told(embedded.house) if each.what == "ended" and GP in each.to]
    own = child_id == "c1"
    assert ("please leave every flag as it is" in letter.subject) == own
    assert ("stands for the same child, since a day that is not on record here" in letter.text) == own
    assert ("A plan still stands for another child of the family" in letter.text) == (not own)
    assert ("342891000000105" in letter.text) == (not own)
    assert "Relative p1" not in letter.text
    clock.set(later(10))
    await embedded.house.drain()
    assert bool([each for each in await missing(embedded.house) if each["kind"] == "flag_not_cleared"]) == (not own)
