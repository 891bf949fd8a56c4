"""By which versions a record is approved: none that was taken back from everyone, nor any from before the meeting."""

from __future__ import annotations

from datetime import timedelta

import pytest

from services.bootstrap import House
from services.records import approving
from services.records.approving import Given
from services.records.readers import around
from services.records.store import records
from services.records.word.draft import draft
from tests import events
from tests.clock import MovableClock
from tests.door import Embedded
from tests.integration.records.copies import (
    APPROVED_AT,
    DECISION_DUE,
    DECISION_REMINDED,
    HELD_AT,
    approved,
    copy_of,
    explained,
    forwarded,
    invited,
    letters,
    missing,
)

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
PAT = Given("Pat Coordinator")
CORRECTED = [events.section("The plan is reviewed in June.")]


async def overdue(house: House) -> list[str]:
    """What is said of the decision letter that is due."""
    found = [each for each in await missing(house) if "agency_id" not in each and "person_id" not in each]
    return [each["text"] for each in found if each["text"].startswith("The decision letter")]


async def about_the_plan(house: House) -> list[str]:
    """What is said of the plan, and not of anybody's copy of it."""
    found = [each for each in await missing(house) if "agency_id" not in each and "person_id" not in each]
    return [each["text"] for each in found if each["text"].startswith("The plan")]


async def state(house: House) -> str:
    """How the decision letter stands by what is explained of the meeting."""
    return str((await explained(house))["deadlines"][0]["state"])


@pytest.mark.parametrize("order", ["recalled last", "recalled before it came"])
async def test_a_newest_version_that_was_taken_back_from_everyone_leaves_none_that_counts(
    embedded: Embedded, clock: MovableClock, order: str
) -> None:
    house = embedded.house
    await forwarded(embedded, clock)
    clock.set(APPROVED_AT + HOUR)
    newer = events.record(kind="decision", version=2, sections=CORRECTED, time=APPROVED_AT + HOUR)
    back = events.recalled("r1", version=2, time=APPROVED_AT + 2 * HOUR)
    for each in [newer, back] if order == "recalled last" else [back, newer]:
        await embedded.take(each)
        await house.drain()
    assert ((await copy_of(house)).state, (await copy_of(house, version=2)).state) == ("overtaken", "recalled")
    clock.set(DECISION_DUE)
    await house.drain()
    [text] = await overdue(house)
    assert "and what was approved was taken back from everyone" in text
    assert await state(house) == "missed"
    await approved(embedded, clock, at=DECISION_DUE + HOUR, version=3)
    assert await overdue(house) == []


async def test_an_older_version_that_was_taken_back_leaves_the_newest(embedded: Embedded, clock: MovableClock) -> None:
    await forwarded(embedded, clock)
    await approved(embedded, clock, at=APPROVED_AT + HOUR, version=2, sections=CORRECTED)
    await embedded.take(events.recalled("r1", version=1, time=APPROVED_AT + 2 * HOUR))
    clock.set(DECISION_DUE)
    await embedded.house.drain()
    assert await overdue(embedded.house) == []
    assert await state(embedded.house) == "approved"


async def test_what_was_taken_back_from_one_agency_alone_was_approved_all_the_same(
    embedded: Embedded, clock: MovableClock
) -> None:
    house = embedded.house
    await invited(embedded, clock, events.relative("p1", email="p1@family.example"))
    await embedded.take(events.held("m1", time=HELD_AT))
    await approved(embedded, clock)  # nobody has checked it: the family's is withheld
    assert (await copy_of(house, "person:p1")).state == "withheld"
    for agency_id in ("camhs-1", "childrens-social-care-1"):
        await embedded.take(events.recalled("r1", agency_id=agency_id, time=APPROVED_AT + HOUR))
    clock.set(DECISION_DUE)
    await house.drain()
    assert await overdue(house) == []
    assert await state(house) == "approved"
    assert [each["person_id"] for each in await missing(house) if "person_id" in each] == ["p1"]


async def test_a_record_from_before_the_meeting_does_not_count_and_counts_once_its_words_are_approved_anew(
    embedded: Embedded, clock: MovableClock
) -> None:
    house = embedded.house
    await invited(embedded, clock)
    await approved(embedded, clock, at=HELD_AT - 21 * DAY)
    clock.set(HELD_AT + 3 * HOUR)
    await embedded.take(events.held("m1", time=HELD_AT))
    clock.set(DECISION_REMINDED)
    await house.drain()
    assert len(letters(house, "coordinator_reminder")) == 1
    clock.set(DECISION_DUE)
    await house.drain()
    [text] = await overdue(house)
    assert "and what was approved on 11 March 2026 does not count, since that was before the meeting" in text
    assert await state(house) == "missed"
    sent = len(letters(house))
    async with house.database.read() as db:
        newest = (await records.of_records(db, ["r1"]))["r1"][1]
        about = (await around(db, house.intake.policy, ["m1"]))["m1"]
        content = draft(about, house.intake.policy, "decision", "r1", 2, newest)
        read = await approving.read(db, house.intake.policy, content)
    meant = approving.proposed(read, PAT, clock.now())
    assert (meant.version, meant.sections) == (2, newest.sections)
    assert (await approving.approve(house.intake, meant, PAT, read.about, "test")).state == "accepted"
    await house.drain()
    assert await overdue(house) == []
    assert await state(house) == "late"
    assert len(letters(house)) == sent, "whoever has the same words keeps them"
    async with house.database.read() as db:
        again = await approving.read(db, house.intake.policy, content)
    assert approving.proposed(again, PAT, clock.now()) is again.newest


async def test_a_record_that_is_approved_on_the_day_before_its_meeting_ended_counts(
    embedded: Embedded, clock: MovableClock
) -> None:
    await invited(embedded, clock)
    await embedded.take(events.held("m1", time=HELD_AT))
    await approved(embedded, clock, at=HELD_AT - 5 * MINUTE)
    clock.set(DECISION_DUE)
    await embedded.house.drain()
    assert await overdue(embedded.house) == []


async def test_what_is_missing_of_a_record_is_told_though_another_of_the_meeting_was_taken_back(
    embedded: Embedded, clock: MovableClock
) -> None:
    house = embedded.house
    await invited(embedded, clock, events.relative("p1", email="p1@family.example"))
    await embedded.take(events.held("m1", time=HELD_AT))
    await approved(embedded, clock)
    [told] = [each["person_id"] for each in await missing(house) if "person_id" in each]
    clock.set(APPROVED_AT + HOUR)
    await embedded.take(
        events.record("r2", kind="plan", time=APPROVED_AT),
        events.recalled("r2", time=APPROVED_AT + HOUR),
    )
    await house.drain()
    assert [each["person_id"] for each in await missing(house) if "person_id" in each] == [told]


@pytest.mark.parametrize("what", ["a later meeting has made another", "it was of another meeting"])
async def test_of_a_plan_that_was_taken_back_from_everyone_nobody_is_told_to_approve_it_anew(
    embedded: Embedded, clock: MovableClock, what: str
) -> None:
    house = embedded.house
    await forwarded(embedded, clock, kind="plan")
    assert (await copy_of(house)).state == "sent"
    at = HELD_AT + 84 * DAY
    if what == "a later meeting has made another":
        await embedded.take(events.meeting("m2", "review_conference", starts_at=at, time=clock.now()))
        await approved(embedded, clock, kind="plan", record_id="r2", meeting_id="m2", at=at + 4 * HOUR)
    clock.set(at + 6 * HOUR)
    await embedded.take(events.recalled("r1", time=clock.now()))
    await house.drain()
    assert (await copy_of(house)).state == "recalled"
    assert [each["To"] for each in letters(house, "recall")], "each of its readers is told"
    assert await about_the_plan(house) == []
