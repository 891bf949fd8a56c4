"""Who was not invited to a meeting that has begun: the same, in whatever order it is learnt of."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from services.bootstrap import House
from services.foundation.servers import SmtpServer
from services.oversight.views import list_exceptions
from tests import events
from tests.clock import MovableClock
from tests.door import Embedded
from tests.mail_server import DROP, mail_server

CAMHS = "camhs-1"
ADDRESS = "camhs-1@agencies.gov.example"
BEGINS = events.MEETING_AT
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


async def take(house: House, *raw: bytes) -> None:
    verdicts = await Embedded(house).take(*raw)
    assert {verdict.state for verdict in verdicts} == {"accepted"}


async def of_camhs(house: House, *kinds: str) -> list[str]:
    """The kinds of the exceptions about the agency that stand open."""
    async with house.database.read() as db:
        found: list[dict[str, Any]] = await list_exceptions(db)
    return sorted(each["kind"] for each in found if each.get("agency_id") == CAMHS and each["kind"] in kinds)


def booked(**more: Any) -> list[bytes]:
    return [events.agency(CAMHS), events.child(), events.involvement(), events.meeting(**more)]


def held(**more: Any) -> bytes:
    return events.held(time=BEGINS + 2 * HOUR, **more)


async def test_that_nothing_had_gone_out_is_told_where_the_meeting_was_held_before_anybody_looked(
    house: House, clock: MovableClock
) -> None:
    clock.set(BEGINS - MINUTE)
    await take(house, *booked())
    async with mail_server() as server:
        server.always["greeting"] = DROP
        async with house.mailer(SmtpServer(f"smtp://127.0.0.1:{server.port}?tls=none")) as mailer:
            await mailer.drain()
    clock.set(BEGINS + 3 * HOUR)
    await take(house, held())
    await house.drain()
    assert await of_camhs(house, "not_invited") == ["not_invited"]


def in_one_batch(meeting: list[bytes], held: bytes) -> list[list[bytes]]:
    return [[*meeting, held]]


def one_after_the_other(meeting: list[bytes], held: bytes) -> list[list[bytes]]:
    return [meeting, [held]]


def backwards_in_one_batch(meeting: list[bytes], held: bytes) -> list[list[bytes]]:
    return [[held, *reversed(meeting)]]


@pytest.mark.parametrize("order", [in_one_batch, one_after_the_other, backwards_in_one_batch])
async def test_whoever_belonged_in_a_meeting_known_of_afterwards_was_not_invited_whatever_comes_first(
    house: House, clock: MovableClock, order: Callable[[list[bytes], bytes], list[list[bytes]]]
) -> None:
    clock.set(BEGINS + DAY)
    for batch in order(booked(), held()):
        await Embedded(house).take(*batch)
    await house.drain()
    assert await of_camhs(house, "not_invited") == ["not_invited"]


@pytest.mark.parametrize("first", ["bounced", "held"])
async def test_what_came_back_after_the_meeting_began_is_told_whether_it_is_recorded_as_held_by_then_or_not(
    house: House, clock: MovableClock, first: str
) -> None:
    await take(house, *booked())
    await house.drain()
    clock.set(BEGINS + 3 * HOUR)
    await house.drain()
    at = BEGINS + HOUR
    back = events.bounced(address=ADDRESS, at=at, time=at, sequence=0, revision=0)
    for each in (back, held()) if first == "bounced" else (held(), back):
        await take(house, each)
        await house.drain()
    assert await of_camhs(house, "not_invited", "undelivered") == ["not_invited", "undelivered"]


def answered(**more: Any) -> bytes:
    at = events.NOW + DAY
    return events.answered(at=at, time=at, **more)


def came_back(**more: Any) -> bytes:
    at = events.NOW + HOUR
    return events.bounced(address=ADDRESS, at=at, time=at, **{"sequence": 0, "revision": 0, **more})


@pytest.mark.parametrize("answer", ["accepted", "declined"])
@pytest.mark.parametrize("order", ["it comes back and is answered", "it is answered and comes back"])
async def test_what_is_answered_arrived_although_it_came_back(
    house: House, clock: MovableClock, order: str, answer: str
) -> None:
    await take(house, *booked())
    await house.drain()
    clock.advance(2 * DAY)
    both = [came_back(), answered(answer=answer)]
    for each in both if order.startswith("it comes back") else reversed(both):
        await take(house, each)
    assert await of_camhs(house, "undelivered") == []
    clock.set(BEGINS + MINUTE)
    await house.drain()
    await take(house, held())
    assert await of_camhs(house, "undelivered", "not_invited") == []


async def test_whose_answer_is_learnt_of_after_the_beginning_was_invited_all_the_same(
    house: House, clock: MovableClock
) -> None:
    await take(house, *booked())
    await house.drain()
    await take(house, came_back())
    clock.set(BEGINS + MINUTE)
    await house.drain()
    assert await of_camhs(house, "undelivered", "not_invited") == ["not_invited", "undelivered"]
    await take(house, answered())
    assert await of_camhs(house, "undelivered", "not_invited") == []


async def test_an_answer_given_after_the_beginning_does_not_show_that_anything_had_arrived_by_then(
    house: House, clock: MovableClock
) -> None:
    await take(house, *booked())
    await house.drain()
    await take(house, came_back())
    clock.set(BEGINS + HOUR)
    await house.drain()
    await take(house, events.answered(at=clock.now(), time=clock.now()))
    assert await of_camhs(house, "not_invited") == ["not_invited"]


async def test_an_answer_does_not_show_that_they_know_of_another_room(house: House, clock: MovableClock) -> None:
    await take(house, *booked(place="Room 1"))
    await house.drain()
    clock.advance(HOUR)
    await take(house, booked(place="Room 2")[-1])
    await house.drain()
    clock.advance(2 * DAY)
    await take(house, came_back(revision=1))
    assert await of_camhs(house, "undelivered") == ["undelivered"]
    await take(house, answered())
    assert await of_camhs(house, "undelivered") == ["undelivered"]
    clock.set(BEGINS + MINUTE)
    await house.drain()
    assert await of_camhs(house, "undelivered", "not_invited") == ["undelivered"]


async def test_an_answer_to_an_earlier_time_does_not_show_that_they_know_of_the_present_one(
    house: House, clock: MovableClock
) -> None:
    await take(house, *booked())
    await house.drain()
    clock.advance(2 * DAY)
    await take(house, answered())
    await take(house, events.rescheduled(starts_at=BEGINS + DAY))
    await house.drain()
    clock.advance(HOUR)
    await take(house, events.bounced(address=ADDRESS, at=clock.now(), time=clock.now(), sequence=1, revision=0))
    assert await of_camhs(house, "undelivered") == ["undelivered"]
    clock.set(BEGINS + DAY + MINUTE)
    await house.drain()
    assert await of_camhs(house, "undelivered", "not_invited") == ["not_invited", "undelivered"]
