"""Whose answer is missed, what is said of that, and from when nobody's is any more."""

from __future__ import annotations

from datetime import timedelta

import pytest

from services.bootstrap import House
from tests import events
from tests.clock import MovableClock
from tests.door import Embedded
from tests.integration.invitations.mailbox import take_in
from tests.integration.participation.test_answers_and_asking import (
    HOUR,
    MISSED,
    STARTS,
    after,
    at,
    begin,
    conference,
    moved,
    silent,
)


@pytest.mark.parametrize("why", ["asked_again", "new_address"])
async def test_an_answer_to_an_invitation_that_was_renewed_for_the_same_time_is_not_said_to_be_to_another_time(
    house: House, embedded: Embedded, clock: MovableClock, why: str
) -> None:
    await begin(embedded)
    clock.advance(HOUR)
    await after(embedded, events.answered(agency_id="gp-1", answer="declined", at=clock.now(), sequence=0))
    clock.advance(HOUR)
    if why == "asked_again":
        conflict = {"agency_id": "gp-1", "reason": "conflict_of_interest", "note": "A relative works there"}
        await after(embedded, conference(do_not_invite=[conflict], time=clock.now()))
        clock.advance(HOUR)
        mails = await after(embedded, conference(time=clock.now()))
    else:
        mails = await after(embedded, events.agency("gp-1", channels=[events.secure("new@surgery.nhs.example")]))
    assert len(mails) == 1
    await at(house, clock, MISSED)
    text = "Asked on 2 March 2026, and no answer by 24 March 2026: the one that they gave was to an earlier invitation."
    assert (await silent(house))["gp-1"] == text


@pytest.mark.parametrize("days", [0, 60], ids=["at_its_time", "moved_far_away"])
async def test_no_answer_is_missed_any_more_where_the_kind_is_corrected_to_one_that_waits_for_none(
    house: House, embedded: Embedded, clock: MovableClock, days: int
) -> None:
    await begin(embedded)
    await at(house, clock, MISSED)
    assert set(await silent(house)) == {"camhs-1", "gp-1", "p1"}
    starts = STARTS + timedelta(days=days)
    await take_in(
        embedded, conference(kind="strategy_discussion", starts_at=starts, ends_at=starts + HOUR, time=clock.now())
    )
    assert await silent(house) == {}


async def test_no_answer_is_missed_any_more_where_the_meeting_moves_to_a_far_day(
    house: House, embedded: Embedded, clock: MovableClock
) -> None:
    await begin(embedded)
    await at(house, clock, MISSED)
    far = STARTS + timedelta(days=60)
    await take_in(embedded, moved(starts_at=far, ends_at=far + HOUR, time=clock.now()))
    assert await silent(house) == {}


async def test_an_answer_that_comes_after_the_meeting_has_begun_is_no_longer_missed_and_nothing_is_sent_for_it(
    house: House, embedded: Embedded, clock: MovableClock
) -> None:
    await begin(embedded)
    clock.advance(HOUR)
    await after(embedded, moved())
    await at(house, clock, MISSED)
    assert set(await silent(house)) == {"camhs-1", "gp-1", "p1"}
    assert await at(house, clock, STARTS + HOUR) == {}
    clock.advance(HOUR / 4)
    to_an_earlier_time = events.answered(agency_id="gp-1", at=clock.now(), sequence=0)
    assert await after(embedded, events.answered(at=clock.now(), sequence=1), to_an_earlier_time) == {}
    assert set(await silent(house)) == {"gp-1", "p1"}
