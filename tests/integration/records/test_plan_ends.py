"""When a plan ends, everyone who took part is told to take the flag off; and nobody is while the end does not count."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from itertools import permutations
from random import Random
from typing import Any

import pytest

from services.bootstrap import House
from services.records.rules.dispatch import OVERTAKEN, WITHHELD
from tests import events
from tests.clock import MovableClock
from tests.door import Door, Embedded
from tests.integration.records.noticed import (
    AFTER,
    CAMHS,
    EVERYONE,
    GP,
    NURSE,
    POLICE,
    SCHOOL,
    SOCIAL_CARE,
    TOO_FEW,
    conference,
    directory,
    family,
    held,
    later,
    missing,
    notices,
    review,
    told,
    whom,
    written,
)


async def on_a_plan(door: Door, clock: MovableClock, *more: bytes, **said: Any) -> None:
    """A child on a plan, whose beginning everyone was told of."""
    await door.take(*directory(), conference(), *more)
    await door.take(events.plan_started(**{"household": ["p1"], "category": "neglect"} | said))
    await door.house.drain()
    clock.set(AFTER)


async def test_everyone_who_was_ever_invited_and_always_camhs_and_the_gp_is_told_of_the_end(
    door: Door, clock: MovableClock
) -> None:
    await on_a_plan(door, clock)
    await door.take(
        events.involvement(agency_id=GP, status="closed", until=date(2026, 6, 1)),
        events.agency("gp-2"),
        events.involvement(agency_id="gp-2", since=date(2026, 6, 1)),
        events.involvement(agency_id=NURSE, status="closed", until=date(2026, 5, 1)),
        events.agency("substance_misuse-1"),
        events.agency("camhs-9"),
    )
    await door.take(events.plan_ended())
    await door.house.drain()
    assert whom(told(door.house), "ended") == {*EVERYONE, "gp-2"}
    assert all(notice.message["Subject"].count("AB") == 0 for notice in told(door.house))


async def test_those_asked_to_the_strategy_discussion_or_not_any_more_are_told_and_those_of_an_older_plan_are_not(
    embedded: Embedded, clock: MovableClock
) -> None:
    clock.set(events.NOW - timedelta(days=400))
    await embedded.take(*directory(), *(events.agency(each) for each in ("school-8", "school-9", "housing-9")))
    much_before, before = events.MEETING_AT - timedelta(days=380), events.MEETING_AT - timedelta(days=14)
    ask = [{"agency_id": "housing-9", "reason": "It knows the family."}]
    await embedded.take(conference("m0", starts_at=much_before, also_invite=ask))
    await embedded.take(events.plan_started("plan-0", on=much_before.date()))
    clock.set(before - timedelta(days=30))
    await embedded.take(events.plan_ended("plan-0", on=before.date() - timedelta(days=60)))
    ask = [{"agency_id": "school-9", "reason": "The child was there before."}]
    await embedded.take(events.meeting("m1", "strategy_discussion", starts_at=before, also_invite=ask))
    ask = [{"agency_id": "school-8", "reason": "The child is to go there."}]
    await embedded.take(conference("m2", also_invite=ask, follows="m1"))
    await embedded.take(conference("m2", also_invite=(), follows="m1"))
    clock.set(AFTER)
    await embedded.take(events.plan_started(meeting_id="m2"))
    await embedded.house.drain()
    await embedded.take(events.plan_ended())
    await embedded.house.drain()
    about = {each.notice_id: each for each in await notices(embedded.house)}
    ended = {each.agency_id for each in await written(embedded.house) if about[each.about].plan_id == "plan-1"}
    assert ended == {*EVERYONE, "school-8", "school-9"}


async def test_the_end_goes_once_however_often_it_is_told(embedded: Embedded, clock: MovableClock) -> None:
    await on_a_plan(embedded, clock)
    await embedded.take(events.plan_ended())
    await embedded.house.drain()
    await embedded.take(events.plan_ended())
    await embedded.take(events.plan_ended(household=["p1"]))
    await embedded.house.drain()
    ended = [each for each in told(embedded.house) if each.what == "ended"]
    assert len(ended) == len(EVERYONE) == len({each.to for each in ended})


async def test_an_end_that_was_learnt_before_its_beginning_is_told_and_the_beginning_is_not(
    door: Door, clock: MovableClock
) -> None:
    start = events.plan_started(household=["p1"])
    await door.take(*directory(), conference())
    clock.set(AFTER)
    await door.take(events.plan_ended())
    await door.house.drain()
    await door.take(start)
    await door.house.drain()
    assert {each.what for each in told(door.house)} == {"ended"}
    assert whom(told(door.house), "ended") == set(EVERYONE)


async def test_nobody_is_told_of_an_end_that_an_inquorate_meeting_decided_until_a_person_allows_it(
    door: Door, clock: MovableClock
) -> None:
    await on_a_plan(door, clock, review())
    await door.take(held(TOO_FEW, outcome=["plan_ended"]), events.plan_ended(meeting_id="m2"))
    await door.house.drain()
    assert whom(told(door.house), "ended") == set()
    clock.set(later(4))
    await door.house.drain()
    [refused] = await missing(door.house)
    assert (refused["kind"], refused["child_id"]) == ("plan_end_not_told", "c1")
    assert "was not quorate. The plan stands" in refused["text"]
    assert whom(told(door.house), "ended") == set()
    await door.take(events.excepted("m2", "plan_ended_inquorate", at=later(4)))
    await door.house.drain()
    assert whom(told(door.house), "ended") == set(EVERYONE)
    assert await missing(door.house) == []


AT_THE_REVIEW: dict[str, Callable[[], bytes]] = {
    "the review": lambda: review(),
    "its register": lambda: held(),
    "the end": lambda: events.plan_ended(meeting_id="m2"),
}


@pytest.mark.parametrize("order", list(permutations(AT_THE_REVIEW)))
async def test_an_end_waits_for_the_register_of_the_meeting_that_decided_it(
    embedded: Embedded, clock: MovableClock, order: Sequence[str]
) -> None:
    await on_a_plan(embedded, clock)
    built = {each: make() for each, make in AT_THE_REVIEW.items()}
    for number, each in enumerate(order):
        assert whom(told(embedded.house), "ended") == set()
        await embedded.take(built[each])
        if number < len(order) - 1:
            await embedded.house.drain()
    await embedded.house.drain()
    assert whom(told(embedded.house), "ended") == set(EVERYONE)


@pytest.mark.parametrize("order", list(permutations(("register", "end", "word"))))
async def test_a_persons_word_counts_whenever_it_came(
    embedded: Embedded, clock: MovableClock, order: Sequence[str]
) -> None:
    await on_a_plan(embedded, clock, review())
    built = {
        "register": held(TOO_FEW),
        "end": events.plan_ended(meeting_id="m2"),
        "word": events.excepted("m2", "plan_ended_inquorate"),
    }
    for each in order:
        await embedded.take(built[each])
        await embedded.house.drain()
        so_far = set(order[: order.index(each) + 1])
        assert whom(told(embedded.house), "ended") == (set(EVERYONE) if {"end", "word"} <= so_far else set())


@pytest.mark.parametrize("seed", range(4))
async def test_in_no_order_is_anybody_told_of_an_end_that_an_inquorate_meeting_decided(
    embedded: Embedded, clock: MovableClock, seed: int
) -> None:
    known = [*directory(), conference(), events.plan_started(household=["p1"])]
    some = [review(), held(TOO_FEW, outcome=["plan_ended"]), events.plan_ended(meeting_id="m2")]
    some += [events.plan_ended(meeting_id="m2", household=["p1"]), *Random(seed).sample(known, 3)]
    Random(seed).shuffle(some)
    clock.set(AFTER)
    if seed % 2:
        await embedded.take(*known)
    else:
        some = [*some, *known]
        Random(seed).shuffle(some)
    for each in some:
        await embedded.take(each)
        clock.advance(timedelta(hours=5))
        await embedded.house.drain()
    clock.advance(timedelta(days=5))
    await embedded.house.drain()
    assert whom(told(embedded.house), "ended") == set()
    assert "plan_end_not_told" in {each["kind"] for each in await missing(embedded.house)}


async def test_an_end_that_names_a_meeting_nobody_knows_of_is_told_to_a_person_and_to_nobody_else(
    embedded: Embedded, clock: MovableClock
) -> None:
    await on_a_plan(embedded, clock)
    await embedded.take(events.plan_ended(meeting_id="m-unheard-of"))
    clock.set(later(4))
    await embedded.house.drain()
    [waits] = await missing(embedded.house)
    assert waits["kind"] == "plan_end_not_told"
    assert "is not recorded" in waits["text"]
    assert whom(told(embedded.house), "ended") == set()


async def test_a_meeting_that_was_cancelled_or_adjourned_ends_no_plan(embedded: Embedded, clock: MovableClock) -> None:
    await on_a_plan(embedded, clock, review("m2"), review("m3"))
    await embedded.take(events.cancelled("m2"), held(meeting_id="m3", outcome=["adjourned"]))
    for meeting_id in ("m2", "m3"):
        await embedded.take(events.plan_ended(meeting_id=meeting_id))
        await embedded.house.drain()
        assert whom(told(embedded.house), "ended") == set()


async def test_whoever_was_told_of_an_end_that_turns_out_not_to_count_is_told_to_put_the_flag_back(
    door: Door, clock: MovableClock
) -> None:
    await on_a_plan(door, clock, review())
    await door.take(held(), events.plan_ended(meeting_id="m2"))
    await door.house.drain()
    assert whom(told(door.house), "ended") == set(EVERYONE)
    await door.take(held(TOO_FEW))
    await door.house.drain()
    again = [each for each in told(door.house) if each.what == "stands"]
    assert {each.to.partition("@")[0] for each in again} == set(EVERYONE)
    assert all("put it back now" in each.text and "342891000000105" not in each.text for each in again)
    await door.take(events.excepted("m2", "plan_ended_inquorate", at=AFTER))
    await door.house.drain()
    assert [each.kind for each in await notices(door.house)] == ["started", "ended", "stands", "ended"]
    assert len([each for each in told(door.house) if each.what == "ended"]) == 2 * len(EVERYONE)


async def test_an_end_of_which_no_beginning_is_known_is_taken_back_too(embedded: Embedded, clock: MovableClock) -> None:
    await embedded.take(*directory(), conference(), review())
    clock.set(AFTER)
    await embedded.take(held(), events.plan_ended(meeting_id="m2"))
    await embedded.house.drain()
    await embedded.take(held(TOO_FEW))
    await embedded.house.drain()
    assert whom(told(embedded.house), "stands") == whom(told(embedded.house), "ended") == set(EVERYONE)


async def test_an_end_that_is_taken_back_before_it_has_left_reaches_nobody(
    embedded: Embedded, clock: MovableClock
) -> None:
    await on_a_plan(embedded, clock, review())
    await embedded.take(held(), events.plan_ended(meeting_id="m2"))
    await embedded.take(held(TOO_FEW))
    await embedded.house.drain()
    assert {each.what for each in told(embedded.house)} == {"started"}
    assert {each.state for each in await written(embedded.house)} == {OVERTAKEN, "sent"}


async def test_a_plan_that_is_told_of_as_standing_later_than_its_end_stands(
    embedded: Embedded, clock: MovableClock
) -> None:
    await on_a_plan(embedded, clock)
    await embedded.take(events.plan_ended())
    await embedded.house.drain()
    await embedded.take(events.plan_started(household=["p1"], category="neglect"))
    await embedded.house.drain()
    assert whom(told(embedded.house), "stands") == set(EVERYONE)


async def test_an_end_told_at_the_same_moment_as_the_beginning_is_an_end(
    embedded: Embedded, clock: MovableClock
) -> None:
    await embedded.take(*directory(), conference())
    clock.set(AFTER)
    at = AFTER - timedelta(hours=1)
    await embedded.take(events.plan_ended(time=at, id="a"), events.plan_started(time=at, id="b"))
    await embedded.house.drain()
    assert {each.what for each in told(embedded.house)} == {"ended"}


async def test_another_plan_of_the_same_child_keeps_every_flag(embedded: Embedded, clock: MovableClock) -> None:
    await on_a_plan(embedded, clock)
    await embedded.take(events.plan_started("plan-2", on=date(2026, 9, 30), household=["p1"]))
    await embedded.take(events.plan_ended("plan-1"))
    await embedded.house.drain()
    [letter] = [each for each in told(embedded.house) if each.what == "ended" and GP in each.to]
    assert "Another child protection plan stands for the same child, since 30 September 2026" in letter.text
    assert "please leave every flag as it is" in letter.subject, "who reads no further takes no flag off"
    assert "take the flag off" not in letter.subject
    assert "342891000000105" not in letter.text
    assert "Relative p1" not in letter.text
    clock.set(later(10))
    await embedded.house.drain()
    assert not any("Reminder" in each.subject for each in told(embedded.house))
    assert [each for each in await missing(embedded.house) if each["kind"] == "flag_not_cleared"] == []


async def test_while_a_brother_or_sister_is_on_a_plan_the_household_keeps_its_flags(
    embedded: Embedded, clock: MovableClock
) -> None:
    await on_a_plan(embedded, clock, *family("c2", initials="CD"))
    await embedded.take(events.plan_started("plan-2", child_id="c2", household=["c1", "p1"]))
    await embedded.house.drain()
    await embedded.take(events.plan_ended("plan-1"))
    await embedded.house.drain()
    [letter] = [each for each in told(embedded.house) if each.what == "ended" and GP in each.to]
    assert "A plan still stands for another child of the family" in letter.text
    assert "342891000000105" in letter.text
    assert "13Iz." not in letter.text
    await embedded.take(events.plan_ended("plan-2", child_id="c2"))
    await embedded.house.drain()
    last = [each for each in told(embedded.house) if each.what == "ended" and GP in each.to][-1]
    assert "13Iz." in last.text
    assert "AB, another child of the family" in last.text


async def test_plans_of_brothers_and_sisters_that_end_together_are_told_of_as_ended_together(
    embedded: Embedded, clock: MovableClock
) -> None:
    await on_a_plan(embedded, clock, *family("c2", initials="CD"))
    await embedded.take(events.plan_started("plan-2", child_id="c2", household=["c1", "p1"]))
    await embedded.house.drain()
    await embedded.take(events.plan_ended("plan-1"), events.plan_ended("plan-2", child_id="c2"))
    await embedded.house.drain()
    ended = [each for each in told(embedded.house) if each.what == "ended" and GP in each.to]
    assert len(ended) == 2
    assert all("13Iz." in each.text and "still stands" not in each.text for each in ended)


async def test_plans_of_one_id_for_brothers_and_sisters_each_wait_for_the_register(
    embedded: Embedded, clock: MovableClock
) -> None:
    both = ["c1", "c2"]
    await on_a_plan(embedded, clock, *family("c2", initials="CD"), review(children=both))
    await embedded.take(events.plan_started("plan-1", child_id="c2"))
    await embedded.take(*(events.plan_ended("plan-1", child_id=each, meeting_id="m2") for each in both))
    await embedded.house.drain()
    assert whom(told(embedded.house), "ended") == set()
    await embedded.take(held())
    await embedded.house.drain()
    for child_id in both:
        assert {each.kind for each in await notices(embedded.house, child_id)} >= {"ended"}
    assert len([each for each in told(embedded.house) if each.what == "ended" and GP in each.to]) == 2


async def test_whoever_a_person_excluded_is_not_told_and_if_that_leaves_no_gp_a_person_is(
    embedded: Embedded, clock: MovableClock
) -> None:
    leave_out = [{"agency_id": GP, "reason": "conflict_of_interest", "note": "The father works there."}]
    await on_a_plan(embedded, clock, review(do_not_invite=leave_out))
    await embedded.take(events.plan_ended())
    await embedded.house.drain()
    assert whom(told(embedded.house), "ended") == set(EVERYONE) - {GP}
    [kept_from] = [each for each in await written(embedded.house) if each.agency_id == GP and each.state == WITHHELD]
    assert kept_from.why == "conflict_of_interest"
    clock.set(later(4))
    await embedded.house.drain()
    [lacking] = [each for each in await missing(embedded.house) if each["kind"] == "plan_end_not_told"]
    assert "no GP practice is told" in lacking["text"]


async def test_that_a_child_did_not_want_somebody_at_a_meeting_keeps_no_flag_on_its_record(
    embedded: Embedded, clock: MovableClock
) -> None:
    wish = [{"agency_id": CAMHS, "reason": "childs_wish", "note": "She asked for it."}]
    await on_a_plan(embedded, clock, review(do_not_invite=wish))
    await embedded.take(events.plan_ended())
    await embedded.house.drain()
    assert CAMHS in whom(told(embedded.house), "ended")


async def test_a_plan_that_had_ended_more_than_a_year_before_it_was_told_of_is_kept_and_told_to_nobody(
    house: House, embedded: Embedded, clock: MovableClock
) -> None:
    clock.set(AFTER)
    await embedded.take(*directory())
    await embedded.take(events.plan_started(on=date(2024, 3, 1)), events.plan_ended(on=date(2025, 9, 30)))
    await embedded.take(events.plan_ended("plan-2", on=date(2025, 10, 2)))
    await house.drain()
    assert {each.plan_id for each in await notices(house) if each.kind == "ended"} == {"plan-2"}


async def test_police_schools_and_health_each_read_what_is_theirs(embedded: Embedded, clock: MovableClock) -> None:
    await on_a_plan(embedded, clock, events.child("c2", initials="CD", date_of_birth=date(2018, 2, 1)))
    await embedded.take(events.plan_ended(household=["p1", "c2", "p-nobody-knows"]))
    await embedded.house.drain()
    letters = {each.to.partition("@")[0]: each for each in told(embedded.house) if each.what == "ended"}
    number = events.nhs_number(1)
    spaced = f"{number[:3]} {number[3:6]} {number[6:]}"
    for agency in (GP, CAMHS, NURSE):
        text = letters[agency].text
        assert spaced in text
        assert "Relative p1, AB's mother" in text
        assert "CD, another child of the family, born 1 February 2018" in text
        assert all(code in text for code in ("342891000000105", "13Iw.", "XaOtl", "13Iz.", "XaPkG", "none found"))
        assert "code that is added" in text
    for agency in (SCHOOL, POLICE, SOCIAL_CARE):
        for said in (letters[agency].text, letters[agency].html):
            assert spaced not in said
            assert "Relative p1" not in said
            assert "2018" not in said
            assert "342891000000105" not in said
        assert "AB's mother" in letters[agency].text
    assert "1 more person of whom no details are on record here" in letters[GP].text


async def test_where_no_household_was_named_the_family_is_listed_without_names(
    embedded: Embedded, clock: MovableClock
) -> None:
    await on_a_plan(embedded, clock, household=[])
    await embedded.take(events.plan_ended())
    await embedded.house.drain()
    [letter] = [each for each in told(embedded.house) if each.what == "ended" and GP in each.to]
    assert "We were not told who belongs to the household" in letter.text
    assert "AB's mother" in letter.text
    assert "Relative p1" not in letter.text


@pytest.mark.parametrize("flagged", ["c1", "c2"])
async def test_what_the_family_may_not_see_is_marked_so(embedded: Embedded, clock: MovableClock, flagged: str) -> None:
    await embedded.take(*directory(), conference())
    await embedded.take(events.child(flagged, flags=["fabricated_or_induced_illness"]))
    await embedded.take(events.plan_started())
    await embedded.house.drain()
    assert whom(told(embedded.house), "started") == set(EVERYONE)
    assert all(
        "Keep it out of any record that the child's family can see online" in t.text for t in told(embedded.house)
    )


async def test_nothing_of_a_notice_reaches_family(embedded: Embedded, clock: MovableClock) -> None:
    await on_a_plan(embedded, clock)
    await embedded.take(events.plan_ended())
    await embedded.house.drain()
    assert told(embedded.house)
    assert not any("family.example" in each.to for each in told(embedded.house))


async def test_a_notice_names_no_other_reader(embedded: Embedded, clock: MovableClock) -> None:
    await on_a_plan(embedded, clock)
    await embedded.take(events.plan_ended())
    await embedded.house.drain()
    for each in told(embedded.house):
        source = each.message.as_string() + each.text + each.html
        others = set(EVERYONE) - {each.to.partition("@")[0]}
        assert not any(f"{other}@" in source or f"Example {other.replace('-', ' ')}" in source for other in others)
