"""Of whom it is asked that a flag comes off, and from which day on: whoever has been told, whichever way that is known,
and has not answered what they were told.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from services.bootstrap import House
from services.foundation.servers import SmtpServer
from services.records.rules.dispatch import Dispatch
from tests import events
from tests.clock import MovableClock
from tests.door import Embedded
from tests.integration.records.noticed import (
    AFTER,
    CAMHS,
    EVERYONE,
    GP,
    POLICE,
    QUORUM,
    conference,
    directory,
    family,
    later,
    missing,
    notices,
    told,
    whom,
    written,
)
from tests.mail_server import MailServer, mail_server

pytestmark = pytest.mark.parametrize("store", ["sqlite"], indirect=True)


async def end_of(house: House, agency_id: str, plan_id: str = "plan-1") -> Dispatch:
    """What an agency is told of the end of a plan."""
    ids = {each.notice_id for each in await notices(house) if (each.kind, each.plan_id) == ("ended", plan_id)}
    [found] = [each for each in await written(house) if each.agency_id == agency_id and each.about in ids]
    return found


async def overdue(house: House) -> set[str]:
    """The agencies that a person is to ask whether the flag is off."""
    return {each["agency_id"] for each in await missing(house) if each["kind"] == "flag_not_cleared"}


def reminded(house: House, since: int = 0) -> list[str]:
    """Who was reminded, in the letters after the first so many."""
    return sorted(each.to.partition("@")[0] for each in told(house)[since:] if "Reminder" in each.subject)


async def test_nobody_is_asked_for_the_flags_of_the_household_while_a_plan_of_a_brother_or_sister_stands(
    embedded: Embedded, clock: MovableClock
) -> None:
    house = embedded.house
    await embedded.take(*directory(), *family("c2", initials="CD"), conference(), events.plan_started(household=["p1"]))
    await embedded.take(events.plan_started("plan-2", child_id="c2", household=["p1"]))
    await house.drain()
    clock.set(AFTER)
    await embedded.take(events.plan_ended())
    await house.drain()
    clock.set(later(30))
    await house.drain()
    asked = {each["text"] for each in await missing(house) if each["kind"] == "flag_not_cleared"}
    assert len(asked) == 1
    assert "that the flag is off the record of the child. They have not: ask them. The household keeps" in asked.pop()
    await embedded.take(events.plan_ended("plan-2", child_id="c2", time=clock.now()))
    await house.drain()
    asked = {each["text"] for each in await missing(house) if each["kind"] == "flag_not_cleared"}
    assert len(asked) == 1
    assert "that the flag is off the records of the child and of the household" in asked.pop()


async def two_plans(embedded: Embedded, clock: MovableClock) -> None:
    """Two plans of one child that everyone was told of, of which one ends."""
    await embedded.take(*directory(), conference(), events.plan_started("plan-1"), events.plan_started("plan-2"))
    await embedded.house.drain()
    clock.set(AFTER)
    await embedded.take(events.plan_ended("plan-1"))


async def refused(house: House, server: MailServer, answer: str) -> None:
    """The mail server takes every letter that waits, and then gives this answer."""
    server.always["end"] = answer
    async with house.mailer(SmtpServer(f"smtp://127.0.0.1:{server.port}?tls=none")) as mailer:
        await mailer.drain()


async def shown(embedded: Embedded, how: str, agency_id: str, at: datetime, plan_id: str = "plan-1") -> None:
    """An agency shows that it has read of the end of a plan."""
    each = await end_of(embedded.house, agency_id, plan_id)
    if how == "opened":
        await embedded.take(events.dispatch_opened(each.dispatch_id, at=at, child_id="c1"))
    else:
        await embedded.take(events.dispatch_confirmed(each.dispatch_id, how, at=at, child_id="c1"))


@pytest.mark.parametrize("how", ["opened", "noted"])
@pytest.mark.parametrize("given_up", ["before", "after"])
async def test_who_has_a_notice_that_the_mailer_gave_up_is_chased_from_when_they_showed_that_they_have_it(
    embedded: Embedded, clock: MovableClock, how: str, given_up: str
) -> None:
    house = embedded.house
    await embedded.take(*directory(), conference(), events.plan_started())
    await house.drain()
    clock.set(AFTER)
    await embedded.take(events.plan_ended())
    async with mail_server() as server:
        await refused(house, server, "451 4.3.0 later" if given_up == "after" else "554 5.3.0 not here")
        clock.set(later(1))
        await shown(embedded, how, GP, clock.now())
        if given_up == "after":
            await refused(house, server, "554 5.3.0 not here")
    each = await end_of(house, GP)
    assert (each.state, each.why, each.sent_at) == ("sent", None, None)
    before = len(told(house))
    clock.set(datetime(2026, 10, 7, 8, 5, tzinfo=UTC))  # the third working day after that
    await house.drain()
    assert reminded(house, before) == [GP]
    clock.set(later(30))
    await house.drain()
    assert await overdue(house) == {GP}
    [asked] = [each for each in await missing(house) if each["kind"] == "flag_not_cleared"]
    assert "They were told on 2 October 2026" in asked["text"]


async def test_where_the_mailer_gave_up_the_last_end_of_two_plans_everyone_is_chased_for_the_one_that_they_have(
    embedded: Embedded, clock: MovableClock
) -> None:
    house = embedded.house
    await two_plans(embedded, clock)
    await house.drain()
    clock.advance(timedelta(minutes=10))
    await embedded.take(events.plan_ended("plan-2", time=clock.now()))
    async with mail_server() as server:
        await refused(house, server, "554 5.3.0 not here")
    await shown(embedded, "opened", GP, clock.now(), "plan-2")
    clock.set(later(30))
    await house.drain()
    assert reminded(house) == sorted(EVERYONE)
    assert await overdue(house) == set(EVERYONE)


HOUSING = "housing-1"


async def housing_is_at_the_first(embedded: Embedded, clock: MovableClock) -> None:
    """A plan that housing was told of, since it was at the conference that made it."""
    at = datetime(2025, 4, 1, 9, tzinfo=UTC)
    await embedded.take(*directory(), events.agency(HOUSING), conference(starts_at=at))
    clock.set(at + timedelta(hours=5))
    there = [*QUORUM, events.attended(HOUSING)]
    await embedded.take(events.held("m1", attendance=there, held_at=at, time=clock.now()))
    await embedded.take(events.plan_started(on=at.date(), time=clock.now()))
    await embedded.house.drain()


async def and_not_at_the_second(embedded: Embedded, clock: MovableClock, *, begun: bool = True) -> None:
    """Another plan of the child, made by a conference to which housing was not asked, and of which it never hears;
    where it is not told that it has `begun`, an end is, which does not count.
    """
    at = datetime(2026, 7, 1, 9, tzinfo=UTC)
    await embedded.take(conference("m3", starts_at=at, time=clock.now()))
    clock.set(at + timedelta(hours=5))
    of_it = events.plan_started if begun else events.plan_ended
    await embedded.take(of_it("plan-2", on=at.date(), meeting_id="m3", time=clock.now()))
    await embedded.house.drain()


async def ends(embedded: Embedded, at: datetime, plan_id: str = "plan-1") -> None:
    """A plan ends without a meeting."""
    await embedded.take(events.plan_ended(plan_id, on=at.date(), time=at))
    await embedded.house.drain()


@pytest.mark.parametrize("begun", [True, False])
@pytest.mark.parametrize("answers", ["at once", "after the last end"])
async def test_who_took_note_that_every_flag_stays_is_asked_of_it_once_it_is_to_come_off(
    embedded: Embedded, clock: MovableClock, answers: str, begun: bool
) -> None:
    house = embedded.house
    await housing_is_at_the_first(embedded, clock)
    await and_not_at_the_second(embedded, clock, begun=begun)
    clock.set(AFTER)
    await ends(embedded, clock.now())
    [letter] = [each for each in told(house) if each.what == "ended" and each.to.startswith(HOUSING)]
    assert "leave every flag" in letter.subject
    if answers == "at once":
        await shown(embedded, "noted", HOUSING, clock.now())
    clock.set(datetime(2026, 10, 6, 8, 5, tzinfo=UTC))
    await ends(embedded, clock.now(), "plan-2")
    if answers == "after the last end":  # to the letter that they have
        await shown(embedded, "noted", HOUSING, clock.now())
    before = len(told(house))
    clock.set(datetime(2026, 10, 9, 8, 5, tzinfo=UTC))
    await house.drain()
    assert HOUSING in reminded(house, before)
    opens_until = (await end_of(house, HOUSING)).expires_at
    assert opens_until is not None
    assert opens_until > later(28 + 7), "the link in it is no older than the letter"
    clock.set(later(40))
    await house.drain()
    assert HOUSING in await overdue(house)
    await shown(embedded, "flag_changed", HOUSING, clock.now())
    await house.drain()
    assert HOUSING not in await overdue(house)


async def test_who_took_note_that_a_flag_is_to_come_off_is_asked_no_more_for_a_plan_of_which_they_never_heard(
    embedded: Embedded, clock: MovableClock
) -> None:
    house = embedded.house
    await housing_is_at_the_first(embedded, clock)
    clock.set(datetime(2026, 6, 1, 9, tzinfo=UTC))
    await ends(embedded, clock.now())
    await shown(embedded, "noted", HOUSING, clock.now())
    await and_not_at_the_second(embedded, clock)
    clock.set(AFTER)
    await ends(embedded, clock.now(), "plan-2")
    before = len(told(house))
    clock.set(later(40))
    await house.drain()
    assert HOUSING not in reminded(house, before)
    assert await overdue(house) == set(EVERYONE)


OF_THE_OLD = set(EVERYONE) - {POLICE}  # who had to do with the child while an old plan stood, or do now
OVER_ON = date(2026, 3, 1)
NOT_BEFORE = datetime(2026, 3, 1, 9, tzinfo=UTC)


def old_plan(over_on: date = OVER_ON, time: datetime = NOT_BEFORE) -> list[bytes]:
    """All that another system tells of a plan at once, when it is over."""
    before = time - timedelta(days=28)
    return [
        events.plan_started("plan-0", on=date(2026, 2, 1), time=before),
        events.plan_ended("plan-0", on=over_on, time=time),
    ]


async def overdue_all(embedded: Embedded, clock: MovableClock) -> None:
    """A plan has ended, and of all whom it was told the practice alone has said that the flag is off."""
    house = embedded.house
    await embedded.take(*directory(), conference(), events.plan_started())
    await house.drain()
    clock.set(AFTER)
    await embedded.take(events.plan_ended())
    await house.drain()
    await shown(embedded, "flag_changed", GP, clock.now())
    for days in (5, 20):
        clock.set(later(days))
        await house.drain()
    assert await overdue(house) == set(EVERYONE) - {GP}


async def test_an_old_plan_that_is_learnt_when_it_is_over_closes_nothing_and_asks_nobody_again(
    embedded: Embedded, clock: MovableClock
) -> None:
    house = embedded.house
    await overdue_all(embedded, clock)
    before = len(told(house))
    await embedded.take(*old_plan())
    await house.drain()
    assert whom(told(house)[before:], "ended") == OF_THE_OLD, "a flag of it may be on their records"
    assert await overdue(house) == set(EVERYONE) - {GP}
    for days in (25, 60):
        clock.set(later(days))
        await house.drain()
    assert reminded(house, before) == []
    asked = [each["agency_id"] for each in await missing(house) if each["kind"] == "flag_not_cleared"]
    assert sorted(asked) == sorted(set(EVERYONE) - {GP}), "once each"
    await shown(embedded, "flag_changed", CAMHS, clock.now(), "plan-0")
    await house.drain()
    assert await overdue(house) == set(EVERYONE) - {GP, CAMHS}


async def test_an_old_plan_that_was_not_over_when_the_flag_was_said_to_be_off_is_asked_about(
    embedded: Embedded, clock: MovableClock
) -> None:
    house = embedded.house
    await overdue_all(embedded, clock)
    await embedded.take(*old_plan(over_on=later(10).date(), time=later(10)))
    await house.drain()
    clock.set(later(60))
    await house.drain()
    assert await overdue(house) == set(EVERYONE)


async def test_of_old_plans_that_are_learnt_when_they_are_over_the_first_is_asked_about(
    embedded: Embedded, clock: MovableClock
) -> None:
    house = embedded.house
    await embedded.take(*directory(), conference())
    clock.set(AFTER)
    await embedded.take(*old_plan())
    await house.drain()
    clock.set(later(20))
    await house.drain()
    assert await overdue(house) == OF_THE_OLD
    await embedded.take(events.plan_ended("plan-9", on=OVER_ON, time=NOT_BEFORE))
    await house.drain()
    assert await overdue(house) == OF_THE_OLD
    clock.set(later(60))
    await house.drain()
    asked = [each["agency_id"] for each in await missing(house) if each["kind"] == "flag_not_cleared"]
    assert sorted(asked) == sorted(OF_THE_OLD)
