"""Whoever may have read that a plan has ended hears that it stands, wherever the letter was when that became known."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from services.bootstrap import House
from services.foundation import outbox
from services.foundation.letters import Attempt
from services.foundation.outbox import OutboxRow, Settlement
from services.records.handlers.notices import NOTICE_LETTER, settled
from services.records.rules.dispatch import OVERTAKEN, QUEUED, RECALLED, Dispatch
from tests import events
from tests.clock import MovableClock
from tests.door import Embedded
from tests.integration.records.noticed import (
    AFTER,
    CAMHS,
    ENDED_ON,
    EVERYONE,
    GP,
    Told,
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

MAILER = "mailer-x"
LEASE = timedelta(minutes=10)


async def ended(embedded: Embedded, clock: MovableClock) -> None:
    """A plan of whose end everyone is to be told; no letter has left."""
    await embedded.take(*directory(), conference(), events.plan_started(household=["p1"], category="neglect"))
    await embedded.house.drain()
    clock.set(AFTER)
    await embedded.take(events.plan_ended())


def after_all(minutes: int = 1) -> bytes:
    """That the plan stands."""
    at = AFTER + timedelta(minutes=minutes)
    return events.plan_started(household=["p1"], category="neglect", time=at)


async def claimed(house: House) -> list[OutboxRow]:
    """The letters that wait, in a mailer's hand."""
    async with house.database.write() as db:
        return await outbox.claim(db, outbox.MAIL, [NOTICE_LETTER], MAILER, 100, house.clock.now(), LEASE)


async def noted(house: House, rows: list[OutboxRow], state: str) -> None:
    """The mailer notes how its attempts ended."""
    async with house.database.write() as db:
        work = house.intake.work(db)
        await outbox.settle(db, [Settlement(row.outbox_id, state, "250 taken", 1, work.now) for row in rows], work.now)
        await settled(work, [Attempt(row, state, work.now, code=250) for row in rows])
        await house.intake.finish(work)


async def states(house: House, kind: str = "ended") -> dict[str, str]:
    about = {each.notice_id for each in await notices(house) if each.kind == kind}
    return {each.agency_id or "": each.state for each in await written(house) if each.about in about}


async def test_a_letter_in_a_mailers_hand_is_followed_by_word_that_the_plan_stands(
    embedded: Embedded, clock: MovableClock
) -> None:
    house = embedded.house
    await ended(embedded, clock)
    rows = await claimed(house)
    assert len(rows) == len(EVERYONE)
    await embedded.take(after_all())
    await noted(house, rows, "sent")
    assert set((await states(house)).values()) == {RECALLED}
    sent = {each.agency_id: each.sent_at for each in await written(house) if each.state == RECALLED}
    assert all(at == AFTER for at in sent.values())
    await house.drain()
    assert whom(told(house), "stands") == set(EVERYONE)
    assert len(told(house)) == 2 * len(EVERYONE)
    await house.drain()
    assert len([each for each in told(house) if each.what == "stands"]) == len(EVERYONE)


async def test_a_letter_whose_mailer_died_before_it_could_note_how_it_went_is_followed_too_and_does_not_go_again(
    embedded: Embedded, clock: MovableClock
) -> None:
    house = embedded.house
    await ended(embedded, clock)
    await claimed(house)
    await embedded.take(after_all())
    clock.advance(LEASE)
    await house.drain()
    assert whom(told(house), "stands") == set(EVERYONE)
    assert whom(told(house), "ended") == set()


async def test_a_letter_that_was_tried_and_put_off_is_followed_and_one_that_nobody_touched_is_left_out(
    embedded: Embedded, clock: MovableClock
) -> None:
    house = embedded.house
    await ended(embedded, clock)
    rows = await claimed(house)
    tried = {GP, CAMHS}
    async with house.database.write() as db:
        results = [
            Settlement(
                row.outbox_id, "pending", "lost after DATA" if row.params["to"].split("@")[0] in tried else "", 1, AFTER
            )
            for row in rows
        ]
        await outbox.settle(db, results, AFTER)
    await embedded.take(after_all())
    await house.drain()
    assert whom(told(house), "stands") == tried
    assert whom(told(house), "ended") == set()
    found = await states(house)
    assert {each for each, state in found.items() if state == RECALLED} == tried
    assert {found[each] for each in found.keys() - tried} == {OVERTAKEN}


async def test_who_was_told_of_an_end_hears_that_the_plan_stands_though_it_ended_once_more_in_between(
    embedded: Embedded, clock: MovableClock
) -> None:
    house = embedded.house
    await ended(embedded, clock)
    await house.drain()
    assert whom(told(house), "ended") == set(EVERYONE)
    await embedded.take(after_all(1))
    await embedded.take(events.plan_ended(time=AFTER + timedelta(minutes=2)))
    await embedded.take(after_all(3))
    await house.drain()
    assert [each.kind for each in await notices(house)] == ["started", "ended", "stands", "ended", "stands"]
    stands = [each for each in told(house) if each.what == "stands"]
    assert len(stands) == len(EVERYONE)
    assert whom(stands, "stands") == set(EVERYONE)


async def test_who_heard_that_the_plan_stands_does_not_hear_it_twice_for_an_end_that_never_left(
    embedded: Embedded, clock: MovableClock
) -> None:
    house = embedded.house
    await ended(embedded, clock)
    await house.drain()
    await embedded.take(after_all(1))
    await house.drain()
    await embedded.take(events.plan_ended(time=AFTER + timedelta(minutes=2)))
    await embedded.take(after_all(3))
    await house.drain()
    assert len([each for each in told(house) if each.what == "stands"]) == len(EVERYONE)
    assert len([each for each in told(house) if each.what == "ended"]) == len(EVERYONE)


async def test_a_letter_that_left_before_its_words_changed_counts_as_one_that_left(
    embedded: Embedded, clock: MovableClock
) -> None:
    house = embedded.house
    await ended(embedded, clock)
    rows = await claimed(house)
    await embedded.take(events.child(initials="AC"))
    await noted(house, rows, "sent")
    assert set((await states(house)).values()) == {QUEUED}
    await embedded.take(after_all())
    await house.drain()
    assert whom(told(house), "stands") == set(EVERYONE)
    assert whom(told(house), "ended") == set()


async def test_a_letter_that_reads_as_before_once_a_mailer_has_left_it_out_for_reading_otherwise_goes_all_the_same(
    embedded: Embedded, clock: MovableClock
) -> None:
    house = embedded.house
    await ended(embedded, clock)
    async with house.mailer() as mailer:
        for initials in ("AC", "AB"):
            await embedded.take(events.child(initials=initials, time=clock.now()))
            if initials == "AC":
                assert await mailer._claim() == [], "none reads as it was written"
                assert len(mailer.ended) == len(EVERYONE)
            clock.advance(timedelta(minutes=1))
        await mailer.drain()
    await house.drain()
    ends = [each.to.partition("@")[0] for each in told(house) if each.what == "ended"]
    assert sorted(ends) == sorted(EVERYONE)
    assert await missing(house) == []


async def test_a_plan_that_stands_though_its_end_was_told_before_anything_had_left_is_told_of_at_once(
    embedded: Embedded, clock: MovableClock
) -> None:
    house = embedded.house
    clock.set(AFTER)
    await embedded.take(*directory(), conference(), events.plan_started())
    for minutes, told_of in ((1, events.plan_ended), (2, events.plan_started)):
        await embedded.take(told_of(time=AFTER + timedelta(minutes=minutes)))
    await house.drain()
    assert whom(told(house), "joined") == set(EVERYONE)
    assert len(told(house)) == len(EVERYONE)
    clock.set(later(10))
    await house.drain()
    assert len(told(house)) == len(EVERYONE)


async def test_of_a_plan_long_over_nobody_is_told_unless_word_that_it_began_may_have_left(
    embedded: Embedded, clock: MovableClock
) -> None:
    house = embedded.house
    clock.set(AFTER)
    await embedded.take(*directory(), events.plan_started(on=date(2024, 3, 1)))
    rows = await claimed(house)
    await embedded.take(events.plan_ended(on=date(2025, 9, 30)))
    await embedded.take(events.child(initials="AC"))
    await noted(house, rows, "sent")
    await house.drain()
    assert rows
    assert {each.to for each in told(house) if each.what == "ended"} == {str(row.params["to"]) for row in rows}
    assert await missing(house) == []


async def test_an_agency_that_has_closed_is_not_silently_left_out(embedded: Embedded, clock: MovableClock) -> None:
    house = embedded.house
    await ended(embedded, clock)
    await embedded.take(events.agency(GP, closed_on=later(-30).date()))
    await house.drain()
    assert whom(told(house), "ended") == set(EVERYONE) - {GP}
    clock.set(later(4))
    await house.drain()
    [closed] = await missing(house)
    assert (closed["kind"], closed["agency_id"]) == ("plan_end_not_told", GP)
    assert "it has closed. Find out who has its records now" in closed["text"]


async def test_a_practice_that_only_took_note_is_reminded_of_the_flag_and_one_that_changed_it_is_not(
    embedded: Embedded, clock: MovableClock
) -> None:
    house = embedded.house
    await ended(embedded, clock)
    await house.drain()
    about = {each.notice_id for each in await notices(house) if each.kind == "ended"}
    of = {each.agency_id: each.dispatch_id for each in await written(house) if each.about in about}
    said = {GP: "noted", CAMHS: "flag_changed", "school-1": "noted"}
    for agency_id, what in said.items():
        await embedded.take(events.dispatch_confirmed(of[agency_id], what=what, child_id="c1", at=later(1)))
    clock.set(later(13))
    await house.drain()
    reminded = {each.to.partition("@")[0] for each in told(house) if ".reminder@" in str(each.message["Message-ID"])}
    assert reminded == set(EVERYONE) - {CAMHS, "school-1"}
    assert {each.agency_id for each in await written(house) if each.reminded_at is not None} == reminded


def category(what: str, minutes: int) -> bytes:
    """That the plan stands in another category."""
    return events.plan_started(household=["p1"], category=what, on=ENDED_ON, time=AFTER + timedelta(minutes=minutes))


def of_practice(house: House) -> list[Told]:
    return [each for each in told(house) if each.to.startswith(GP)]


async def practice_took_the_flag_off(embedded: Embedded, clock: MovableClock) -> None:
    """A plan whose end was a mistake: the practice has done what it asked, as has CAMHS."""
    house = embedded.house
    await ended(embedded, clock)
    await house.drain()
    of = {each.agency_id: each.dispatch_id for each in await to(house, "ended")}
    for agency_id in (GP, CAMHS):
        await embedded.take(events.dispatch_confirmed(of[agency_id], "flag_changed", at=AFTER, child_id="c1"))


async def to(house: House, kind: str) -> list[Dispatch]:
    about = {each.notice_id for each in await notices(house) if each.kind == kind}
    return [each for each in await written(house) if each.about in about and each.state != OVERTAKEN]


async def said(embedded: Embedded, agency_id: str, minutes: int = 6) -> None:
    """That an agency has put the flag back on, by the first word that the plan stands."""
    [first] = [each for each in await to(embedded.house, "stands") if each.agency_id == agency_id]
    at = AFTER + timedelta(minutes=minutes)
    await embedded.take(events.dispatch_confirmed(first.dispatch_id, "flag_changed", at=at, child_id="c1"))


@pytest.mark.parametrize("has_left", [True, False])
async def test_a_new_category_does_not_hide_from_whoever_took_the_flag_off_that_the_plan_stands(
    embedded: Embedded, clock: MovableClock, has_left: bool
) -> None:
    house = embedded.house
    await practice_took_the_flag_off(embedded, clock)
    await embedded.take(after_all(5))
    if has_left:
        await house.drain()
        await said(embedded, CAMHS)
    await embedded.take(category("emotional", 9))
    await house.drain()
    assert [each.what for each in of_practice(house)] == ["started", "ended", *["stands"] * (2 if has_left else 1)]
    assert "category: emotional" in of_practice(house)[-1].text
    assert whom(told(house), "changed") == ({CAMHS} if has_left else set())
    for days in (3, 5, 30):
        clock.set(later(days))
        await house.drain()
    assert [each.what for each in of_practice(house) if "Reminder" in each.subject] == ["stands"]
    [exception] = [each for each in await missing(house) if each["agency_id"] == GP]
    assert exception["kind"] == "flag_not_cleared"
    assert "were to say by 8 October 2026 that the records say so again" in exception["text"]


async def test_that_a_flag_is_back_on_is_heard_though_the_category_has_changed_since_that_was_asked(
    embedded: Embedded, clock: MovableClock
) -> None:
    house = embedded.house
    await practice_took_the_flag_off(embedded, clock)
    await embedded.take(after_all(5))
    await house.drain()
    firsts = {each.agency_id: each.dispatch_id for each in await to(house, "stands")}
    clock.advance(timedelta(minutes=9))
    await embedded.take(category("emotional", 9))
    await house.drain()
    for agency_id, at in ((GP, clock.now()), (CAMHS, datetime(2026, 10, 6, 8, 6, tzinfo=UTC))):
        if agency_id == CAMHS:
            clock.set(at)
            await house.tick()  # the reminder waits to go
        await embedded.take(events.dispatch_confirmed(firsts[agency_id], "flag_changed", at=at, child_id="c1"))
    await house.drain()
    clock.set(later(30))
    await house.drain()
    reminded = {each.to.partition("@")[0] for each in told(house) if "Reminder" in each.subject}
    assert reminded == set(EVERYONE) - {GP, CAMHS}
    assert {each["agency_id"] for each in await missing(house)} == set(EVERYONE) - {GP, CAMHS}
    await embedded.take(category("physical", 60 * 24 * 30))
    await house.drain()
    assert whom(told(house), "changed") == {GP, CAMHS}


async def test_a_new_category_told_with_word_that_the_plan_stands_reaches_those_too_who_had_not_been_told_of_an_end(
    embedded: Embedded, clock: MovableClock
) -> None:
    house = embedded.house
    await ended(embedded, clock)
    async with house.database.write() as db:
        rows = await outbox.claim(db, outbox.MAIL, [NOTICE_LETTER], MAILER, 100, house.clock.now(), LEASE)
        given_back = [Settlement(row.outbox_id, "pending", "", 1, AFTER) for row in rows if GP not in row.params["to"]]
        await outbox.settle(db, given_back, AFTER)
    await embedded.take(category("emotional", 5))
    await house.drain()
    assert whom(told(house), "stands") == {GP}
    assert whom(told(house), "changed") == set(EVERYONE) - {GP}
    assert all("emotional. Before, it was neglect" in each.text for each in told(house) if each.what == "changed")
