"""What is told of a plan while it stands, to whom, and what becomes of it when nobody answers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

import pytest

from services.bootstrap import House, open_house
from services.records.rules.dispatch import SENT, UNDELIVERED, WITHHELD, Dispatch
from services.records.rules.notices import CHANGED, JOINED, STARTED
from tests import events
from tests.clock import MovableClock
from tests.door import Door, Embedded
from tests.integration.postgres.test_statements import statements
from tests.integration.records.noticed import (
    AFTER,
    CAMHS,
    EVERYONE,
    GP,
    SCHOOL,
    Told,
    conference,
    directory,
    later,
    missing,
    notices,
    review,
    told,
    whom,
    written,
)

JUNE = datetime(2026, 6, 1, 9, 0, tzinfo=UTC)


async def on_a_plan(door: Door, clock: MovableClock, *more: bytes, **said: Any) -> None:
    await door.take(*directory(), conference(), *more)
    await door.take(events.plan_started(**{"household": ["p1"], "category": "neglect"} | said))
    await door.house.drain()
    clock.set(JUNE)
    await door.house.drain()


async def ended(door: Door, clock: MovableClock, *more: bytes) -> None:
    """A plan that has ended, of which everyone was told on Thursday 1 October."""
    await on_a_plan(door, clock, *more)
    clock.set(AFTER)
    await door.take(events.plan_ended())
    await door.house.drain()


async def of(house: House, agency_id: str, what: str) -> Dispatch:
    """The dispatch of one kind of notice to an agency."""
    kinds = {each.notice_id: each.kind for each in await notices(house)}
    [found] = [each for each in await written(house) if each.agency_id == agency_id and kinds[each.about] == what]
    return found


def kinds(exceptions: Sequence[dict[str, Any]]) -> set[tuple[str, str | None]]:
    return {(each["kind"], each.get("agency_id")) for each in exceptions}


async def test_everyone_who_was_invited_or_is_involved_is_told_that_a_plan_has_started(
    embedded: Embedded, clock: MovableClock
) -> None:
    await on_a_plan(embedded, clock)
    letters = {each.to.partition("@")[0]: each for each in told(embedded.house)}
    assert whom(told(embedded.house), "started") == set(EVERYONE)
    assert "since 1 April 2026, category: neglect" in letters[GP].text
    assert all(code in letters[GP].text for code in ("342191000000101", "13Iv.", "XaOnx", "375041000000100"))


async def test_a_category_that_changes_is_told_to_everyone_and_one_that_does_not_to_nobody(
    door: Door, clock: MovableClock
) -> None:
    await on_a_plan(door, clock)
    await door.take(events.plan_started(household=["p1"], category="neglect"))
    await door.take(events.plan_started(on=date(2026, 6, 1), household=["p1"], category="emotional abuse"))
    await door.take(events.plan_started(on=date(2026, 6, 1), household=["p1"], category="emotional abuse"))
    await door.house.drain()
    changed = [each for each in told(door.house) if each.what == "changed"]
    assert {each.to.partition("@")[0] for each in changed} == set(EVERYONE)
    assert len(changed) == len(EVERYONE)
    assert all("since 1 June 2026: emotional abuse. Before, it was neglect." in each.text for each in changed)
    assert all("has since 1 April 2026" in each.text for each in changed)


async def test_an_older_category_that_is_learnt_late_is_told_to_nobody(embedded: Embedded, clock: MovableClock) -> None:
    older, newer = events.plan_started(category="neglect"), events.plan_started(category="emotional abuse")
    await embedded.take(*directory(), conference())
    await embedded.take(newer)
    await embedded.house.drain()
    await embedded.take(older)
    await embedded.house.drain()
    assert [each.kind for each in await notices(embedded.house)] == [STARTED]
    assert all("category: emotional abuse" in each.text for each in told(embedded.house))


async def test_a_category_that_changes_before_the_beginning_has_left_is_told_once(
    embedded: Embedded, clock: MovableClock
) -> None:
    await embedded.take(*directory(), conference())
    await embedded.take(events.plan_started(category="neglect"))
    await embedded.take(events.plan_started(category="emotional abuse"))
    await embedded.house.drain()
    assert len(told(embedded.house)) == len(EVERYONE)
    assert all("emotional abuse" in each.text for each in told(embedded.house))


async def test_a_new_gp_practice_is_told_of_the_plan_and_of_the_next_meeting_it_is_asked_to(
    door: Door, clock: MovableClock
) -> None:
    await on_a_plan(door, clock, review())
    before = len(told(door.house))
    await door.take(
        events.agency("gp-2"),
        events.involvement("i-old", agency_id=GP, status="closed", since=date(2025, 9, 1), until=date(2026, 5, 31)),
        events.involvement(agency_id="gp-2", since=date(2026, 5, 31)),
    )
    await door.house.drain()
    [letter] = told(door.house)[before:]
    assert letter.to.startswith("gp-2@")
    assert letter.what == "joined"
    assert "since 1 April 2026, category: neglect" in letter.text
    assert (
        "You are invited to the review child protection conference on Thursday 1 October 2026 at 10:00" in letter.text
    )
    await door.take(events.involvement(agency_id="gp-2", since=date(2026, 5, 31), direct_contact=True))
    await door.house.drain()
    assert len(told(door.house)) == before + 1


async def test_a_meeting_to_which_a_newcomer_is_not_asked_is_not_its_to_know_of(
    embedded: Embedded, clock: MovableClock
) -> None:
    leave_out = [{"agency_id": "housing-2", "reason": "chairs_restriction", "note": "Not yet."}]
    await on_a_plan(embedded, clock, events.agency("housing-2"), review(do_not_invite=leave_out))
    await embedded.take(events.involvement(agency_id="housing-2", since=date(2026, 5, 31)))
    await embedded.house.drain()
    assert whom(told(embedded.house), "joined") == set()


async def test_whoever_was_involved_all_along_and_is_learnt_of_late_is_told_that_it_started(
    embedded: Embedded, clock: MovableClock
) -> None:
    await on_a_plan(embedded, clock)
    await embedded.take(events.agency("housing-3"), events.involvement(agency_id="housing-3", since=date(2025, 1, 1)))
    await embedded.house.drain()
    assert "housing-3" in whom(told(embedded.house), "started")


async def test_a_new_placement_and_the_camhs_of_its_area_are_told_of_the_plan(
    embedded: Embedded, clock: MovableClock
) -> None:
    await on_a_plan(embedded, clock)
    await embedded.take(
        events.agency("placement-7", authority="rutland"), events.agency("camhs-7", authority="rutland")
    )
    place = {"agency_id": "placement-7", "authority": "rutland", "since": date(2026, 5, 30)}
    await embedded.take(events.child(placement=place))
    await embedded.house.drain()
    assert whom(told(embedded.house), "joined") == {"placement-7", "camhs-7"}


async def test_a_newcomer_after_the_end_is_told_nothing(embedded: Embedded, clock: MovableClock) -> None:
    await ended(embedded, clock)
    before = len(told(embedded.house))
    clock.set(later(1))
    for agency_id in ("housing-4", "gp-4", "camhs-4"):
        joins = events.involvement(f"i-{agency_id}", agency_id=agency_id, since=later(1).date())
        await embedded.take(events.agency(agency_id), joins)
    await embedded.house.drain()
    assert len(told(embedded.house)) == before


async def test_a_team_that_has_the_child_on_its_waiting_list_is_told_at_its_own_address(
    embedded: Embedded, clock: MovableClock
) -> None:
    duty = events.team("duty", "waiting")
    await embedded.take(*directory(), events.agency(CAMHS, teams=[duty]), conference())
    await embedded.take(events.plan_started())
    await embedded.house.drain()
    assert "duty@teams.nhs.example" in {each.to for each in told(embedded.house)}


async def test_whoever_has_no_secure_address_is_an_exception_until_there_is_one_and_then_told(
    embedded: Embedded, clock: MovableClock
) -> None:
    insecure = [events.insecure("gp-1@mail.example")]
    await on_a_plan(embedded, clock, events.agency(GP, channels=insecure, time=events.NOW))
    assert kinds(await missing(embedded.house)) == {("no_usable_address", GP)}
    clock.set(AFTER)
    await embedded.take(events.plan_ended())
    await embedded.house.drain()
    assert kinds(await missing(embedded.house)) == {("plan_end_not_told", GP)}
    assert (await of(embedded.house, GP, "ended")).state == WITHHELD
    clock.set(later(40))
    await embedded.take(events.agency(GP, time=clock.now()))
    await embedded.house.drain()
    assert whom(told(embedded.house), "ended") == set(EVERYONE)
    opens_until = (await of(embedded.house, GP, "ended")).expires_at
    assert opens_until is not None
    assert opens_until > later(60), "the link in it is no older than the letter"
    assert whom(told(embedded.house), "started") == set(EVERYONE) - {GP}
    assert GP not in {each["agency_id"] for each in await missing(embedded.house)}


async def test_a_notice_that_comes_back_is_an_exception_and_goes_to_the_next_address(
    door: Door, clock: MovableClock
) -> None:
    await ended(door, clock)
    each = await of(door.house, GP, "ended")
    assert each.address is not None
    await door.take(events.dispatch_bounced(each.dispatch_id, address=each.address, at=AFTER, time=AFTER))
    assert (await of(door.house, GP, "ended")).state == UNDELIVERED
    assert kinds(await missing(door.house)) == {("plan_end_not_told", GP)}
    other = [events.secure(each.address), events.secure("second@gp-1.example")]
    await door.take(events.agency(GP, channels=other, time=AFTER + timedelta(minutes=1)))
    await door.house.drain()
    again = await of(door.house, GP, "ended")
    assert (again.state, again.address) == (SENT, "second@gp-1.example")
    assert await missing(door.house) == []


async def test_what_has_not_gone_by_the_end_of_the_next_working_day_is_an_exception_until_it_goes(
    embedded: Embedded, clock: MovableClock
) -> None:
    await on_a_plan(embedded, clock)
    clock.set(AFTER)
    await embedded.take(events.plan_ended())
    clock.set(later(1))
    await embedded.house.tick()
    assert await missing(embedded.house) == []
    clock.set(later(1.5))
    await embedded.house.tick()
    assert kinds(await missing(embedded.house)) == {("plan_end_not_told", each) for each in EVERYONE}
    await embedded.house.drain()
    assert await missing(embedded.house) == []


async def test_who_does_not_say_that_the_flag_is_off_is_reminded_once_and_then_a_person_is_told(
    door: Door, clock: MovableClock
) -> None:
    await ended(door, clock)
    done = await of(door.house, GP, "ended")
    await door.take(events.dispatch_confirmed(done.dispatch_id, "flag_changed", at=AFTER))
    for day, reminded, open_ in (
        (later(4), False, False),  # Monday: two working days
        (datetime(2026, 10, 6, 8, 5, tzinfo=UTC), True, False),  # Tuesday morning: the third
        (datetime(2026, 10, 8, 22, 0, tzinfo=UTC), True, False),  # Thursday at eleven at night: the fifth
        (datetime(2026, 10, 8, 23, 1, tzinfo=UTC), True, True),
        (later(30), True, True),
    ):
        clock.set(day)
        await door.house.drain()
        again = [each.to.partition("@")[0] for each in told(door.house) if "Reminder" in each.subject]
        assert sorted(again) == (sorted(set(EVERYONE) - {GP}) if reminded else [])
        wanted = {("flag_not_cleared", each) for each in EVERYONE if each != GP} if open_ else set()
        assert kinds(await missing(door.house)) == wanted
    camhs = await of(door.house, CAMHS, "ended")
    await door.take(events.dispatch_confirmed(camhs.dispatch_id, "flag_changed", how="told", at=later(30)))
    assert ("flag_not_cleared", CAMHS) not in kinds(await missing(door.house))


async def test_a_confirmation_before_its_notice_is_known_to_have_gone_counts(
    embedded: Embedded, clock: MovableClock
) -> None:
    await on_a_plan(embedded, clock)
    clock.set(AFTER)
    await embedded.take(events.plan_ended())
    each = await of(embedded.house, GP, "ended")
    await embedded.take(events.dispatch_confirmed(each.dispatch_id, "flag_changed", at=AFTER))
    clock.set(later(30))
    await embedded.house.drain()
    clock.set(later(60))
    await embedded.house.drain()
    assert GP not in {agency for _, agency in kinds(await missing(embedded.house))}


@pytest.mark.parametrize(("agency_id", "enough"), [(GP, False), (CAMHS, False), (SCHOOL, True)])
async def test_that_it_was_noted_is_no_answer_from_whoever_holds_a_health_record(
    embedded: Embedded, clock: MovableClock, agency_id: str, enough: bool
) -> None:
    await ended(embedded, clock)
    each = await of(embedded.house, agency_id, "ended")
    await embedded.take(events.dispatch_confirmed(each.dispatch_id, "noted", at=AFTER))
    clock.set(later(30))
    await embedded.house.drain()
    assert (("flag_not_cleared", agency_id) in kinds(await missing(embedded.house))) == (not enough)


async def test_nobody_is_chased_for_word_of_a_beginning(embedded: Embedded, clock: MovableClock) -> None:
    await on_a_plan(embedded, clock)
    clock.set(AFTER)
    await embedded.house.drain()
    assert not any("Reminder" in each.subject for each in told(embedded.house))
    assert await missing(embedded.house) == []


async def test_a_plan_that_starts_again_ends_the_asking_whether_the_flag_is_off(
    embedded: Embedded, clock: MovableClock
) -> None:
    await ended(embedded, clock)
    clock.set(later(30))
    await embedded.house.drain()
    assert kinds(await missing(embedded.house)) == {("flag_not_cleared", each) for each in EVERYONE}
    await embedded.take(events.plan_started("plan-2", on=later(29).date()))
    assert kinds(await missing(embedded.house)) == set()


async def test_that_no_gp_and_no_camhs_is_known_is_told_to_a_person(embedded: Embedded, clock: MovableClock) -> None:
    await embedded.take(events.agency(SCHOOL), events.child(), events.involvement(agency_id=SCHOOL))
    await embedded.take(events.plan_started())
    clock.set(AFTER)
    await embedded.take(events.plan_ended())
    clock.set(later(4))
    await embedded.house.drain()
    texts = [each["text"] for each in await missing(embedded.house) if each["kind"] == "plan_end_not_told"]
    assert len(texts) == 2
    assert any("no CAMHS is told" in text for text in texts)
    assert any("no GP practice is told" in text for text in texts)
    await embedded.take(events.agency(GP), events.involvement(agency_id=GP))
    await embedded.house.drain()
    texts = [each["text"] for each in await missing(embedded.house) if each["kind"] == "plan_end_not_told"]
    assert len(texts) == 1
    assert whom(told(embedded.house), "ended") == {SCHOOL, GP}


def stories() -> list[bytes]:
    """A plan from beginning to end, of two brothers, one of whom moved to another practice meanwhile."""
    return [
        *directory(),
        events.child("c2", initials="CD"),
        events.involvement(person_id="c2", agency_id=GP),
        events.agency("gp-2"),
        conference(children=["c1", "c2"]),
        events.plan_started(household=["p1", "c2"], category="neglect"),
        events.plan_started("plan-2", child_id="c2", household=["p1", "c1"]),
        events.plan_started(on=date(2026, 6, 1), category="emotional abuse"),
        events.involvement(agency_id=GP, status="closed", until=date(2026, 7, 1)),
        events.involvement(agency_id="gp-2", since=date(2026, 7, 1)),
        review(children=["c1", "c2"]),
        events.plan_ended(meeting_id="m2"),
    ]


def last_heard(house: House) -> dict[tuple[str, str], str]:
    """What each agency was told last of each plan."""
    return {(each.to, _reference(each)): each.what for each in sorted(told(house), key=_sent)}


def _reference(each: Told) -> str:
    return each.subject.rpartition("ref ")[2]


def _sent(each: Told) -> tuple[datetime, str]:
    when = each.message["Date"].datetime
    assert isinstance(when, datetime)
    return when, str(each.message["Message-ID"])


@pytest.mark.parametrize("seed", range(2))
async def test_in_any_order_and_told_twice_everyone_has_heard_the_same_last(make_settings: Any, seed: int) -> None:
    heard = []
    raws = [*stories(), events.held("m2", attendance=[events.attended(e, mode="in_person") for e in EVERYONE])]
    for number, home in enumerate(("in-order", "shuffled")):
        clock = MovableClock()
        some = list(raws)
        if number:
            some += Random(seed).sample(raws, 4)
            Random(seed).shuffle(some)
        async with open_house(await make_settings(home=home), clock) as house:
            door = Embedded(house)
            for each in some:
                await door.take(each)
                clock.advance(timedelta(minutes=1))
                if number and Random(seed + len(each)).random() < 0.3:
                    await house.drain()
            await house.drain()
            heard.append(last_heard(house))
            states = {(each.agency_id, each.state) for each in await written(house) if each.state in {SENT}}
            assert states
    reference = {name for (_, name), what in heard[0].items() if what == "ended"}
    assert len(reference) == 1
    ends = [{to for (to, name), what in each.items() if name in reference and what == "ended"} for each in heard]
    assert ends[0] == ends[1]
    assert "gp-2@agencies.gov.example" in ends[0]
    assert "gp-1@agencies.gov.example" in ends[0]
    stands = [{to for (to, name), what in each.items() if name not in reference} for each in heard]
    assert stands[0] == stands[1]


async def ends_of(house: House, clock: MovableClock, numbers: range, agencies: int) -> int:
    """How many statements the ends of so many plans take, each told in one batch to so many agencies."""
    door = Embedded(house)
    for number in numbers:
        child_id, family_id = f"c{number}", f"f{number}"
        works = [
            events.involvement(person_id=child_id, agency_id=f"voluntary-{each}", partition_key=family_id)
            for each in range(agencies)
        ]
        await door.take(events.child(child_id, family_id=family_id), *works)
    starts = [events.plan_started(f"plan-{n}", child_id=f"c{n}", partition_key=f"f{n}", household=[]) for n in numbers]
    await door.take(*starts)
    await house.drain()
    clock.advance(timedelta(days=1))
    ends = [events.plan_ended(f"plan-{n}", child_id=f"c{n}", partition_key=f"f{n}") for n in numbers]
    with statements(house) as run:
        verdicts = await door.take(*ends)
    assert {each.state for each in verdicts} == {"accepted"}
    await house.drain()
    return run.total()


@pytest.mark.slow
async def test_the_ends_of_twenty_plans_take_as_many_statements_as_of_one(
    house: House, clock: MovableClock, counted: Any
) -> None:
    await Embedded(house).take(*(events.agency(f"voluntary-{each}") for each in range(5)))
    one, twenty = await ends_of(house, clock, range(1, 2), 5), await ends_of(house, clock, range(2, 22), 5)
    assert one == twenty
    counted(f"{one} statements to take in the ends of plans, one or twenty")
    assert one < 60


@pytest.mark.slow
async def test_a_child_with_sixty_agencies_has_sixty_told(house: House, clock: MovableClock) -> None:
    await Embedded(house).take(*(events.agency(f"voluntary-{each}") for each in range(60)))
    await ends_of(house, clock, range(1, 2), 60)
    assert len(whom(told(house), "ended")) == 60


async def test_a_directory_event_about_a_child_without_a_plan_costs_one_statement_for_notices(house: House) -> None:
    door = Embedded(house)
    await door.take(*directory())
    with statements(house) as run:
        await door.take(events.involvement(agency_id=SCHOOL, direct_contact=False))
    assert sum(count for statement, count in run.items() if "plan_facts" in statement) == 1
    assert not any("notices" in statement for statement in run)


async def test_each_notice_names_the_event_behind_it(embedded: Embedded, clock: MovableClock) -> None:
    await on_a_plan(embedded, clock)
    await embedded.take(events.plan_started(on=date(2026, 6, 1), category="emotional abuse", id="e-category"))
    assert {each.kind: each.cause.id for each in await notices(embedded.house)}[CHANGED] == "e-category"
    assert JOINED not in {each.kind for each in await notices(embedded.house)}
