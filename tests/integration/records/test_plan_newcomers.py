"""Who comes to have to do with a child while it is on a plan gets the plan that stands, and nothing else of the meeting
that made it.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from services.bootstrap import House
from services.oversight.views import list_exceptions
from services.records.opening import Shut, what_opens
from services.records.rules.dispatch import RECORD, WITHHELD, Dispatch
from services.records.store import dispatches
from tests import events
from tests.clock import MovableClock
from tests.door import Door, Embedded
from tests.integration.records.noticed import GP, conference, directory, told
from tests.mailbox import messages
from tests.pdf import text_of

JUNE = datetime(2026, 6, 1, 9, 0, tzinfo=UTC)
NEW = "gp-2"
VERIFIED = [events.secure("in@gp-2.example", verified_on="2026-05-05")]


def the_plan(version: int = 1, **more: Any) -> bytes:
    """The plan that the conference made, for both of the children."""
    sections = [
        events.section("The school rings each Friday.", heading="What was agreed"),
        events.section("Only for AB.", heading="For AB", children=["c1"]),
        events.section("Only for CD.", heading="For CD", children=["c2"]),
        events.section("The police alone read this.", heading="Police", audience={"only": ["police-1"]}),
    ]
    return events.record("r-plan", kind="plan", version=version, **{"sections": sections} | more)


async def on_a_plan(door: Door, clock: MovableClock) -> None:
    await door.take(*directory(), events.child("c2", initials="CD"), conference(children=["c1", "c2"]))
    await door.take(events.plan_started(category="neglect"), events.record("r-minutes"))
    await door.house.drain()
    clock.set(JUNE)


async def joins(door: Door) -> None:
    await door.take(events.agency(NEW, channels=VERIFIED), events.involvement(agency_id=NEW, since=date(2026, 5, 20)))
    await door.house.drain()


async def copies_for(house: House, agency_id: str = NEW) -> list[Dispatch]:
    async with house.database.read() as db:
        some = await dispatches.of_meetings(db, ["m1"])
    return [each for each in some.get("m1", []) if each.kind == RECORD and each.agency_id == agency_id]


def read(house: House, address: str) -> list[str]:
    """The words of the documents that were sent to an address."""
    found = []
    for message in messages(house.settings.home):
        if message["To"] == address:
            for each in message.iter_attachments():
                if each.get_content_type() == "application/pdf":
                    found.append(text_of(each.get_content()))
    return found


async def test_a_new_practice_gets_its_own_copy_of_the_plan_and_not_the_minutes(
    door: Door, clock: MovableClock
) -> None:
    await on_a_plan(door, clock)
    await door.take(the_plan())
    await door.house.drain()
    await joins(door)
    [letter] = [each for each in told(door.house) if each.what == "joined"]
    assert "The plan as it stands follows in a message of its own" in letter.text
    [copy] = read(door.house, "in@gp-2.example")
    assert "The school rings each Friday" in copy
    assert "Only for AB" in copy
    assert "Only for CD" not in copy
    assert "The police alone" not in copy
    assert [each.about for each in await copies_for(door.house)] == ["r-plan"]


async def test_a_plan_that_is_approved_later_goes_to_whoever_came_before_that(
    embedded: Embedded, clock: MovableClock
) -> None:
    await on_a_plan(embedded, clock)
    await joins(embedded)
    [letter] = [each for each in told(embedded.house) if each.what == "joined"]
    assert "follows in a message of its own" not in letter.text
    assert await copies_for(embedded.house) == []
    await embedded.take(the_plan())
    await embedded.house.drain()
    assert len(read(embedded.house, "in@gp-2.example")) == 1
    text = "The school rings each Monday."
    await embedded.take(the_plan(2, sections=[events.section(text)]))
    await embedded.house.drain()
    assert "each Monday" in read(embedded.house, "in@gp-2.example")[-1]


async def test_whoever_took_part_gets_no_second_copy_and_a_newcomer_none_of_an_earlier_plan(
    embedded: Embedded, clock: MovableClock
) -> None:
    await on_a_plan(embedded, clock)
    await embedded.take(the_plan())
    later = events.meeting("m2", "review_conference", children=["c1", "c2"], starts_at=JUNE)
    await embedded.take(later, events.record("r-plan-2", meeting_id="m2", kind="plan"))
    await embedded.house.drain()
    await joins(embedded)
    assert await copies_for(embedded.house) == []
    async with embedded.house.database.read() as db:
        some = (await dispatches.of_meetings(db, ["m2"]))["m2"]
    assert [each.state for each in some if each.agency_id == NEW] == ["sent"]
    assert len([each for each in await copies_for(embedded.house, GP) if each.about == "r-plan"]) == 1


async def test_a_plan_that_has_ended_goes_to_nobody_new(embedded: Embedded, clock: MovableClock) -> None:
    await on_a_plan(embedded, clock)
    await embedded.take(the_plan(), events.plan_ended(on=date(2026, 5, 1)))
    await embedded.house.drain()
    await joins(embedded)
    assert await copies_for(embedded.house) == []


async def test_without_an_address_neither_goes_and_both_do_once_there_is_one(
    embedded: Embedded, clock: MovableClock
) -> None:
    await on_a_plan(embedded, clock)
    await embedded.take(the_plan())
    await embedded.take(events.agency(NEW, channels=[]), events.involvement(agency_id=NEW, since=date(2026, 5, 20)))
    await embedded.house.drain()
    assert [each.state for each in await copies_for(embedded.house)] == ["withheld"]
    await embedded.take(events.agency(NEW, channels=VERIFIED))
    await embedded.house.drain()
    assert [each.to for each in told(embedded.house) if each.what == "joined"] == ["in@gp-2.example"]
    assert [each.state for each in await copies_for(embedded.house)] == ["sent"]


async def test_no_plan_is_promised_that_was_taken_back_from_everyone_until_another_version_is_approved(
    embedded: Embedded, clock: MovableClock
) -> None:
    await on_a_plan(embedded, clock)
    await embedded.take(the_plan())
    await embedded.house.drain()
    await embedded.take(events.recalled("r-plan", time=clock.now()))
    clock.advance(timedelta(days=1))
    await joins(embedded)
    [letter] = [each for each in told(embedded.house) if each.what == "joined"]
    assert "follows in a message of its own" not in letter.text
    assert read(embedded.house, "in@gp-2.example") == []
    clock.advance(timedelta(days=1))
    await embedded.take(the_plan(2, sections=[events.section("Another word.")], time=clock.now()))
    await embedded.house.drain()
    [copy] = read(embedded.house, "in@gp-2.example")
    assert "Another word" in copy


async def opens(house: House, dispatch: Dispatch) -> bool:
    """Whether the link to a copy leads anywhere today."""
    async with house.database.read() as db:
        try:
            await what_opens(db, house.intake.policy, dispatch)
        except Shut:
            return False
    return True


def leaves(**more: Any) -> bytes:
    """The practice has the child on its list no more since the tenth of June."""
    ended: dict[str, Any] = {"until": date(2026, 6, 10), "status": "closed", "time": JUNE + timedelta(days=11)}
    return events.involvement(agency_id=NEW, since=date(2026, 5, 20), **ended | more)


async def came_and_has_the_plan(embedded: Embedded, clock: MovableClock) -> Dispatch:
    """The practice has come, and has a plan that opens for it."""
    await on_a_plan(embedded, clock)
    await embedded.take(the_plan())
    await embedded.house.drain()
    await joins(embedded)
    [copy] = await copies_for(embedded.house)
    assert await opens(embedded.house, copy)
    clock.set(JUNE + timedelta(days=30))
    return copy


async def test_whose_work_with_the_child_has_ended_reads_the_plan_no_more_and_gets_no_later_one(
    door: Door, clock: MovableClock
) -> None:
    house = door.house
    await came_and_has_the_plan(Embedded(house), clock)
    await door.take(leaves())
    await house.drain()
    [copy] = await copies_for(house)
    assert not await opens(house, copy)
    await door.take(the_plan(2, sections=[events.section("A word of July.")]))
    await house.drain()
    assert len(read(house, "in@gp-2.example")) == 1
    assert (WITHHELD, "no_reader") in {(each.state, each.why) for each in await copies_for(house)}
    async with house.database.read() as db:
        assert not [each for each in await list_exceptions(db) if each.get("agency_id") == NEW]


async def test_work_that_ends_on_a_day_that_was_told_before_ends_the_reading_with_that_day(
    embedded: Embedded, clock: MovableClock
) -> None:
    await came_and_has_the_plan(embedded, clock)
    last_day = (JUNE + timedelta(days=40)).date()
    await embedded.take(leaves(until=last_day, status="open"))
    await embedded.house.drain()
    [copy] = await copies_for(embedded.house)
    assert await opens(embedded.house, copy)
    clock.set(JUNE + timedelta(days=41))
    await embedded.house.drain()
    assert not await opens(embedded.house, copy)


async def test_who_comes_back_to_the_child_reads_the_plan_again(embedded: Embedded, clock: MovableClock) -> None:
    copy = await came_and_has_the_plan(embedded, clock)
    await embedded.take(leaves())
    await embedded.house.drain()
    assert not await opens(embedded.house, copy)
    again = events.involvement(agency_id=NEW, since=date(2026, 5, 20), time=JUNE + timedelta(days=29))
    await embedded.take(again)
    await embedded.house.drain()
    assert await opens(embedded.house, copy)
    assert len(read(embedded.house, "in@gp-2.example")) == 1


async def test_what_was_kept_from_whoever_comes_back_is_given_to_them_then(
    embedded: Embedded, clock: MovableClock
) -> None:
    await came_and_has_the_plan(embedded, clock)
    await embedded.take(leaves())
    await embedded.house.drain()
    await embedded.take(the_plan(2, sections=[events.section("A word of July.")]))
    await embedded.house.drain()
    assert len(read(embedded.house, "in@gp-2.example")) == 1
    again = events.involvement(agency_id=NEW, since=date(2026, 5, 20), time=JUNE + timedelta(days=29))
    await embedded.take(again)
    await embedded.house.drain()
    [_, copy] = read(embedded.house, "in@gp-2.example")
    assert "A word of July" in copy


async def test_whom_a_person_excludes_from_a_later_meeting_reads_the_plan_no_more(
    embedded: Embedded, clock: MovableClock
) -> None:
    copy = await came_and_has_the_plan(embedded, clock)
    no = [{"agency_id": NEW, "reason": "chairs_restriction", "note": "The chair decided."}]
    review = events.meeting(
        "m2",
        "review_conference",
        children=["c1", "c2"],
        starts_at=JUNE + timedelta(days=60),
        do_not_invite=no,
        time=JUNE + timedelta(days=29),
    )
    await embedded.take(review)
    await embedded.house.drain()
    assert not await opens(embedded.house, copy)
    await embedded.take(the_plan(2, sections=[events.section("A word of July.")]))
    await embedded.house.drain()
    assert len(read(embedded.house, "in@gp-2.example")) == 1


async def test_who_came_later_reads_the_plan_no_more_once_it_has_ended(embedded: Embedded, clock: MovableClock) -> None:
    copy = await came_and_has_the_plan(embedded, clock)
    await embedded.take(events.plan_ended(on=date(2026, 6, 20), time=JUNE + timedelta(days=20)))
    await embedded.house.drain()
    assert not await opens(embedded.house, copy)


@pytest.mark.parametrize("excluded", [False, True])
async def test_whoever_was_asked_for_a_brother_alone_gets_what_is_of_the_child_that_comes_to_them_too(
    embedded: Embedded, clock: MovableClock, excluded: bool
) -> None:
    house = embedded.house
    asked = events.involvement(f"i-c2-{NEW}", person_id="c2", agency_id=NEW)
    await embedded.take(events.child("c2", initials="CD"), events.agency(NEW, channels=VERIFIED), asked)
    await on_a_plan(embedded, clock)
    await embedded.take(the_plan())
    await house.drain()
    [had] = read(house, "in@gp-2.example")[-1:]
    assert ("Only for AB" in had, "Only for CD" in had) == (False, True)
    if excluded:
        no = [{"agency_id": NEW, "reason": "chairs_restriction", "note": "The chair decided."}]
        await embedded.take(conference(children=["c1", "c2"], do_not_invite=no, time=clock.now()))
    before = len(read(house, "in@gp-2.example"))
    await joins(embedded)
    new = read(house, "in@gp-2.example")[before:]
    assert [("Only for AB" in each, "Only for CD" in each) for each in new] == ([] if excluded else [(True, False)])
    if excluded:
        return
    await embedded.take(leaves(time=clock.now()))
    clock.set(JUNE + timedelta(days=30))
    await house.drain()
    found = {each.party: await opens(house, each) for each in await copies_for(house) if each.about == "r-plan"}
    assert found == {"agency:gp-2:": True, "agency:gp-2::later": False}
    assert {each.party for each in await copies_for(house) if each.about == "r-minutes"} == {"agency:gp-2:"}


async def another_plan(embedded: Embedded, clock: MovableClock) -> None:
    """The plan has ended, and some weeks later another conference makes another, of which no record is approved."""
    await embedded.take(events.plan_ended(on=clock.now().date(), time=clock.now()))
    await embedded.house.drain()
    clock.advance(timedelta(days=20))
    await embedded.take(events.meeting("m2", starts_at=clock.now(), time=clock.now() - timedelta(days=1)))
    await embedded.take(events.plan_started("plan-2", on=clock.now().date(), time=clock.now()))
    await embedded.house.drain()


async def test_another_plan_of_the_child_opens_none_that_has_ended(embedded: Embedded, clock: MovableClock) -> None:
    copy = await came_and_has_the_plan(embedded, clock)
    await another_plan(embedded, clock)
    assert not await opens(embedded.house, copy)
    clock.advance(timedelta(days=30))
    await embedded.house.drain()
    assert await not_filed(embedded.house) == []


async def test_who_comes_while_another_plan_stands_gets_none_that_has_ended(
    embedded: Embedded, clock: MovableClock
) -> None:
    await on_a_plan(embedded, clock)
    await embedded.take(the_plan())
    await another_plan(embedded, clock)
    clock.advance(timedelta(days=3))
    new = events.involvement(agency_id=NEW, since=clock.now().date(), time=clock.now())
    await embedded.take(events.agency(NEW, channels=VERIFIED), new)
    await embedded.house.drain()
    [letter] = [each for each in told(embedded.house) if each.what == "joined"]
    assert "follows in a message of its own" not in letter.text
    assert await copies_for(embedded.house) == []
    await embedded.take(events.record("r-plan-2", meeting_id="m2", kind="plan", time=clock.now()))
    await embedded.house.drain()
    assert len(read(embedded.house, "in@gp-2.example")) == 1


async def test_whose_work_has_ended_does_not_get_the_plan_of_the_next_meeting_either(
    embedded: Embedded, clock: MovableClock
) -> None:
    await came_and_has_the_plan(embedded, clock)
    await embedded.take(leaves())
    at = JUNE + timedelta(days=28)
    await embedded.take(events.meeting("m2", "core_group", children=["c1"], starts_at=at, time=at))
    await embedded.take(events.record("r-plan-2", meeting_id="m2", kind="plan", time=JUNE + timedelta(days=29)))
    await embedded.house.drain()
    assert len(read(embedded.house, "in@gp-2.example")) == 1
    async with embedded.house.database.read() as db:
        some = (await dispatches.of_meetings(db, ["m2"]))["m2"]
    assert NEW not in {each.agency_id for each in some}
    assert GP in {each.agency_id for each in some}


LATE = JUNE + timedelta(days=60)
"""Long after the day by which a copy that was sent on the first of June is to be filed."""


async def not_filed(house: House) -> list[str]:
    """What is said of the copy of the practice that came later."""
    async with house.database.read() as db:
        found = await list_exceptions(db)
    return [each["text"] for each in found if each["kind"] == "not_filed" and each.get("agency_id") == NEW]


@pytest.mark.parametrize("what", ["the plan has ended", "their work has ended"])
@pytest.mark.parametrize("when", ["before the copy was to be filed", "after"])
async def test_who_came_later_owes_nothing_of_the_plan_once_it_or_their_work_has_ended(
    embedded: Embedded, clock: MovableClock, what: str, when: str
) -> None:
    house = embedded.house
    copy = await came_and_has_the_plan(embedded, clock)
    assert copy.how == "attachment"
    if when == "after":
        await house.drain()
        [text] = await not_filed(house)
        assert text.endswith("They have not: ask them.")
    else:
        clock.set(JUNE + timedelta(days=3))
    on = (JUNE + timedelta(days=2)).date()
    ended = events.plan_ended(on=on, time=clock.now()) if "plan" in what else leaves(until=on, time=clock.now())
    await embedded.take(ended)
    await house.drain()
    assert await not_filed(house) == []
    clock.set(LATE)
    await house.drain()
    assert await not_filed(house) == []


async def test_whom_a_person_excluded_is_asked_for_nothing_and_a_person_decides_though_the_plan_has_ended_since(
    embedded: Embedded, clock: MovableClock
) -> None:
    house = embedded.house
    await came_and_has_the_plan(embedded, clock)
    no = [{"agency_id": NEW, "reason": "chairs_restriction", "note": "The chair decided."}]
    said: dict[str, Any] = {"children": ["c1", "c2"], "starts_at": LATE}

    def review(**more: Any) -> bytes:
        return events.meeting("m2", "review_conference", time=clock.now(), **said, **more)

    await embedded.take(review(do_not_invite=no))
    await house.drain()
    [text] = await not_filed(house)
    assert "by a decision that a person gave. Do not ask them to file it: decide whether it is taken back" in text
    await embedded.take(events.plan_ended(on=clock.now().date(), time=clock.now()))
    await house.drain()
    assert await not_filed(house) == [text]
    clock.advance(timedelta(days=1))
    await embedded.take(review())
    await house.drain()
    assert await not_filed(house) == [], "the decision was lifted, and the plan has ended"


async def test_of_who_was_named_by_mistake_a_person_decides_whether_the_plan_is_taken_back(
    embedded: Embedded, clock: MovableClock
) -> None:
    house = embedded.house
    await came_and_has_the_plan(embedded, clock)
    await house.drain()
    [text] = await not_filed(house)
    assert text.endswith("They have not: ask them.")
    meant = events.involvement(f"i-c1-{NEW}", agency_id=GP, since=date(2026, 5, 20), time=clock.now())
    await embedded.take(meant)
    await house.drain()
    [text] = await not_filed(house)
    assert "nothing on record says any more that they had to do with the child. Do not ask them to file it" in text
    await embedded.take(events.recalled("r-plan", agency_id=NEW, time=clock.now()))
    await house.drain()
    assert await not_filed(house) == []


@pytest.mark.parametrize("excluded", [False, True], ids=["is asked still", "is not, where a person decided so"])
async def test_whose_work_with_one_of_two_children_has_ended_has_the_plan_of_both_rightly(
    embedded: Embedded, clock: MovableClock, excluded: bool
) -> None:
    house = embedded.house
    await on_a_plan(embedded, clock)
    both = events.plan_started("plan-2", child_id="c2", category="neglect")
    await embedded.take(both, the_plan(), events.involvement(agency_id=NEW, person_id="c2", since=date(2026, 5, 20)))
    await house.drain()
    await joins(embedded)
    assert "Only for AB" in read(house, "in@gp-2.example")[-1]
    assert "Only for CD" in read(house, "in@gp-2.example")[-1]
    clock.set(JUNE + timedelta(days=11))
    await embedded.take(leaves())
    clock.set(LATE)
    await house.drain()
    [text] = await not_filed(house)
    assert text.endswith("They have not: ask them.")
    if not excluded:
        return
    no = [{"agency_id": NEW, "reason": "chairs_restriction", "note": "The chair decided."}]
    review: dict[str, Any] = {"children": ["c2"], "starts_at": LATE + timedelta(days=9), "do_not_invite": no}
    await embedded.take(events.meeting("m2", "review_conference", time=clock.now(), **review))
    await house.drain()
    [text] = await not_filed(house)
    assert "by a decision that a person gave. Do not ask them to file it" in text
