"""Exceptions from event to list: raised once, said anew, resolved when put right, raised again when it comes back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from services.bootstrap import House
from services.foundation import outbox
from services.foundation.letters import PATIENCE
from services.foundation.servers import SmtpServer
from services.oversight.views import list_exceptions
from tests import events
from tests.clock import MovableClock
from tests.door import Door
from tests.mail_server import DROP, MailServer, mail_server

SOON, LATER = timedelta(days=2), timedelta(days=60)
CAMHS = "camhs-1"


async def take(door: Door, *raw: bytes) -> None:
    verdicts = await door.take(*raw)
    assert {verdict.state for verdict in verdicts} == {"accepted"}


async def send(house: House, server: MailServer) -> None:
    await house.tick()
    async with house.mailer(SmtpServer(f"smtp://127.0.0.1:{server.port}?tls=none")) as mailer:
        await mailer.drain()
    await house.tick()


async def listed(house: House, kind: str, **which: Any) -> list[dict[str, Any]]:
    async with house.database.read() as db:
        return [each for each in await list_exceptions(db, **which) if each["kind"] == kind]


async def unreachable(house: House, **which: Any) -> list[dict[str, Any]]:
    return [each for each in await listed(house, "no_usable_address", **which) if each.get("agency_id") == CAMHS]


async def told(house: House, kind: str) -> Counter[str]:
    """How often others were told that an exception of a kind was raised or resolved."""
    async with house.database.read() as db:
        rows = await db.execute(
            select(outbox.outbox.c.name, outbox.outbox.c.params).where(outbox.outbox.c.channel == outbox.OUTCOME)
        )
        names = [
            row.name for row in rows if row.params["data"].get("kind") == kind and "agency_id" in row.params["data"]
        ]
    return Counter(name.split(".")[2] for name in names)


def directory(*, channels: Iterable[Any] | None = None) -> list[bytes]:
    return [
        events.agency(CAMHS, channels=None if channels is None else list(channels)),
        events.child(),
        events.involvement(agency_id=CAMHS, status="waiting"),
    ]


def booked(clock: MovableClock, after: timedelta = LATER, **more: Any) -> bytes:
    return events.meeting("m1", "initial_conference", starts_at=clock.now() + after, **more)


async def test_who_is_expected_and_not_known_is_raised_once_and_resolved_when_known(
    house: House, door: Door, clock: MovableClock
) -> None:
    await take(door, *directory(), booked(clock))
    await take(door, events.child(initials="CD"), events.child(initials="EF"))
    police = [each for each in await listed(house, "not_invited") if "olice" in each["text"]]
    assert len(police) == 1
    clock.advance(timedelta(hours=1))
    await take(door, events.agency("police-1"))
    assert [each for each in await listed(house, "not_invited") if "olice" in each["text"]] == []
    again = [each for each in await listed(house, "not_invited", every=True) if "olice" in each["text"]]
    assert [(each["exception_id"], each["state"]) for each in again] == [(police[0]["exception_id"], "resolved")]


async def test_without_a_usable_address_is_raised_said_anew_resolved_and_raised_again(
    house: House, door: Door, clock: MovableClock
) -> None:
    await take(door, *directory(channels=[events.insecure("inbox@trust.example")]), booked(clock))
    (first,) = await unreachable(house)
    assert (first["agency_id"], first["meeting_id"], first["state"]) == (CAMHS, "m1", "raised")
    await take(door, events.agency(CAMHS, name="Renamed CAMHS", channels=[events.insecure("inbox@trust.example")]))
    (renamed,) = await unreachable(house)
    assert "Renamed CAMHS" in renamed["text"]
    assert (renamed["exception_id"], renamed["raised_at"]) == (first["exception_id"], first["raised_at"])
    clock.advance(timedelta(days=1))
    await take(door, events.agency(CAMHS))
    assert await unreachable(house) == []
    clock.advance(timedelta(days=1))
    await take(door, events.agency(CAMHS, channels=[]))
    (again,) = await unreachable(house)
    assert again["exception_id"] == first["exception_id"]
    assert again["raised_at"] > first["raised_at"]
    assert "resolved_at" not in again
    assert await told(house, "no_usable_address") == {"raised": 2, "resolved": 1}


async def test_an_undelivered_invitation_stands_until_another_message_gets_through(
    house: House, door: Door, clock: MovableClock
) -> None:
    await take(door, *directory(), booked(clock))
    async with mail_server() as server:
        server.script["RCPT"] = ["550 5.1.1 no such mailbox"]
        await send(house, server)
        (raised,) = await listed(house, "undelivered")
        assert (raised["agency_id"], "550" in raised["text"]) == (CAMHS, True)
        await take(door, events.agency(CAMHS, channels=[events.secure("other@trust.example")]))
        assert len(await listed(house, "undelivered")) == 1
        await send(house, server)
        assert await listed(house, "undelivered") == []
        assert await told(house, "undelivered") == {"raised": 1, "resolved": 1}


async def test_that_an_older_message_failed_does_not_hide_that_a_later_one_arrived(
    house: House, embedded: Door, clock: MovableClock
) -> None:
    await take(embedded, *directory(), booked(clock))
    await take(embedded, events.rescheduled(starts_at=clock.now() + LATER + timedelta(days=1)))
    async with mail_server() as server:
        server.script["RCPT"] = ["550 5.1.1 no such mailbox"]
        await send(house, server)
        assert len(server.taken) == 1
        assert await listed(house, "undelivered", every=True) == []


async def test_a_cancellation_that_does_not_reach_someone_who_was_asked_is_raised(
    house: House, door: Door, clock: MovableClock
) -> None:
    await take(door, *directory(), booked(clock))
    async with mail_server() as server:
        await send(house, server)
        await take(door, events.cancelled())
        server.script["RCPT"] = ["550 5.1.1 no such mailbox"]
        await send(house, server)
        (raised,) = await listed(house, "undelivered")
        assert "will not take place" in raised["text"]


async def test_a_cancellation_that_does_not_reach_someone_who_never_was_asked_is_nothing(
    house: House, embedded: Door, clock: MovableClock
) -> None:
    await take(embedded, *directory(), booked(clock))
    async with mail_server() as server:
        server.always["RCPT"] = "550 5.1.1 no such mailbox"
        await send(house, server)
        await take(embedded, events.cancelled())
        await send(house, server)
        assert await listed(house, "undelivered") == []


async def test_what_the_mail_server_does_not_take_for_a_while_is_told_until_it_does(
    house: House, embedded: Door, clock: MovableClock
) -> None:
    await take(embedded, *directory(), booked(clock))
    async with mail_server() as server:
        server.always["greeting"] = DROP
        await send(house, server)
        clock.advance(PATIENCE - timedelta(minutes=1))
        await send(house, server)
        assert await listed(house, "undelivered") == []
        clock.advance(timedelta(minutes=2))
        await send(house, server)
        (raised,) = await listed(house, "undelivered")
        assert "2 March 2026 at 12:00" in raised["text"]
        clock.advance(timedelta(hours=3))
        await send(house, server)
        assert await told(house, "undelivered") == {"raised": 1}
        server.heal()
        clock.advance(timedelta(hours=1))
        await send(house, server)
        assert await listed(house, "undelivered") == []


async def test_what_no_mailer_has_tried_yet_is_not_the_mail_servers_fault(
    house: House, embedded: Door, clock: MovableClock
) -> None:
    await take(embedded, *directory(), booked(clock))
    clock.advance(timedelta(days=1))
    async with mail_server() as server:
        await send(house, server)
    assert await listed(house, "undelivered", every=True) == []


async def test_whoever_had_not_been_asked_when_the_meeting_began_was_not_invited(
    house: House, embedded: Door, clock: MovableClock
) -> None:
    await take(embedded, *directory(), booked(clock))
    async with mail_server() as server:
        server.always["greeting"] = DROP
        await send(house, server)
        assert not [each for each in await listed(house, "not_invited") if each.get("agency_id") == CAMHS]
        clock.advance(LATER)
        await send(house, server)
        (raised,) = [each for each in await listed(house, "not_invited") if each.get("agency_id") == CAMHS]
        server.heal()
        clock.advance(timedelta(minutes=10))
        await send(house, server)
        await take(
            embedded, events.child(initials="CD"), events.rescheduled(starts_at=clock.now() - timedelta(minutes=5))
        )
        assert raised["exception_id"] in {each["exception_id"] for each in await listed(house, "not_invited")}


async def test_whoever_was_asked_before_the_meeting_began_was_invited(
    house: House, embedded: Door, clock: MovableClock
) -> None:
    await take(embedded, *directory(), booked(clock))
    async with mail_server() as server:
        await send(house, server)
        clock.advance(LATER)
        await send(house, server)
    assert not [each for each in await listed(house, "not_invited") if each.get("agency_id") == CAMHS]


async def test_who_belongs_in_a_meeting_that_was_over_before_it_was_known_was_not_invited(
    house: House, embedded: Door, clock: MovableClock
) -> None:
    await take(embedded, *directory(), booked(clock, -SOON))
    await house.drain()
    (raised,) = [each for each in await listed(house, "not_invited") if each.get("agency_id") == CAMHS]
    assert "over before it was known" in raised["text"]


async def test_whoever_was_asked_for_a_day_to_come_is_told_of_where_the_meeting_is_moved_to_one_that_has_passed(
    house: House, door: Door, clock: MovableClock
) -> None:
    def about_camhs(some: list[dict[str, Any]]) -> list[str]:
        return [each["text"] for each in some if each.get("agency_id") == CAMHS]

    await take(door, *directory(), booked(clock))
    await house.drain()
    await take(door, events.rescheduled(starts_at=clock.now() - SOON))
    await house.drain()
    (text,) = about_camhs(await listed(house, "not_invited"))
    assert "for 1 May 2026 at 13:00" in text
    assert "for 28 February 2026 at 12:00 now" in text
    await take(door, events.rescheduled(starts_at=clock.now() + LATER))
    await house.drain()
    assert about_camhs(await listed(house, "not_invited")) == []


async def test_asked_too_late_says_since_when_it_was_known(house: House, door: Door, clock: MovableClock) -> None:
    await take(door, events.agency(CAMHS), events.child(), booked(clock, timedelta(days=20)))
    async with mail_server() as server:
        await send(house, server)
        clock.advance(timedelta(days=18))
        await take(door, events.involvement(agency_id=CAMHS, status="waiting"))
        clock.advance(timedelta(days=1))
        await send(house, server)
    (late,) = await listed(house, "invited_late")
    assert late["agency_id"] == CAMHS
    assert "Asked on 21 March 2026 for 22 March 2026" in late["text"]
    assert "known since 20 March 2026" in late["text"]


async def test_a_meeting_moved_to_a_later_day_is_asked_for_in_time(
    house: House, door: Door, clock: MovableClock
) -> None:
    await take(door, *directory(), booked(clock, SOON))
    async with mail_server() as server:
        await send(house, server)
        assert len(await listed(house, "invited_late")) == 1
        await take(door, events.rescheduled(starts_at=clock.now() + LATER))
        await send(house, server)
        assert await listed(house, "invited_late") == []
        clock.advance(LATER - SOON)
        await take(door, events.rescheduled(starts_at=clock.now() + SOON + timedelta(hours=1)))
        await send(house, server)
        assert len(await listed(house, "invited_late")) == 1


async def test_a_new_address_shortly_before_the_meeting_makes_no_invitation_late(
    house: House, door: Door, clock: MovableClock
) -> None:
    await take(door, *directory(), booked(clock))
    async with mail_server() as server:
        await send(house, server)
        clock.advance(LATER - SOON)
        await take(door, events.agency(CAMHS, channels=[events.secure("other@trust.example")]))
        await send(house, server)
        assert len(server.taken) == 2
    assert await listed(house, "invited_late") == []


async def test_nothing_is_late_for_a_meeting_that_will_not_take_place(
    house: House, embedded: Door, clock: MovableClock
) -> None:
    await take(embedded, *directory(), booked(clock, SOON))
    await take(embedded, events.cancelled())
    async with mail_server() as server:
        await send(house, server)
    async with house.database.read() as db:
        assert await list_exceptions(db) == []


async def test_a_child_of_the_household_that_the_meeting_does_not_name_is_raised_until_it_does(
    house: House, door: Door, clock: MovableClock
) -> None:
    await take(door, *directory(), events.child("c2", initials="XY"), booked(clock))
    (raised,) = await listed(house, "sibling_without_entry")
    assert (raised["child_id"], "XY" in raised["text"]) == ("c2", True)
    await take(door, booked(clock, children=["c1", "c2"]))
    assert await listed(house, "sibling_without_entry") == []


@pytest.mark.parametrize("reason", ["childs_wish", "chairs_restriction", "conflict_of_interest", "duplicate"])
async def test_what_a_person_decided_is_no_exception(
    house: House, embedded: Door, clock: MovableClock, reason: str
) -> None:
    taken_out = {"agency_id": CAMHS, "reason": reason, "note": "As agreed."}
    await take(embedded, *directory(), booked(clock, do_not_invite=[taken_out]))
    async with mail_server() as server:
        await send(house, server)
        clock.advance(LATER)
        await send(house, server)
    async with house.database.read() as db:
        assert [each for each in await list_exceptions(db, every=True) if each.get("agency_id") == CAMHS] == []


async def test_of_whom_the_chair_keeps_out_nobody_reads_that_they_are_to_be_reached_but_to_hear_so(
    house: House, embedded: Door, clock: MovableClock
) -> None:
    kept_out = {"agency_id": CAMHS, "reason": "chairs_restriction", "note": "Not safe."}
    starts_at = clock.now() + LATER

    async def refused(server: MailServer, **changed: Any) -> list[str]:
        """What is undelivered after a change, once its message was refused."""
        clock.advance(timedelta(minutes=10))
        await take(embedded, events.meeting("m1", "initial_conference", time=clock.now(), **changed))
        server.script["RCPT"] = ["550 5.7.1 relaying denied"]
        await send(house, server)
        return [each["text"] for each in await listed(house, "undelivered")]

    async with mail_server() as server:
        await take(embedded, *directory())
        assert len(await refused(server, starts_at=starts_at)) == 1
        assert await refused(server, starts_at=starts_at, do_not_invite=[kept_out]) == []
        server.script.clear()
        await take(embedded, events.meeting("m1", "initial_conference", starts_at=starts_at, time=clock.now()))
        await send(house, server)
        assert len(server.taken) == 1, "they are asked"
        starts_at += timedelta(days=1)
        (text,) = await refused(server, starts_at=starts_at)
        assert text == "The mail server refused the address (code 550): reach them another way."
        (text,) = await refused(server, starts_at=starts_at, do_not_invite=[kept_out])
        assert text.startswith("They were asked, and do not know that they are not asked any more.")
        server.script.clear()
        later: dict[str, Any] = {"starts_at": starts_at + timedelta(days=1), "do_not_invite": [kept_out]}
        await take(embedded, events.meeting("m1", "initial_conference", time=clock.now(), **later))
        assert [each["text"] for each in await listed(house, "undelivered")] == [text]


async def test_a_cancelled_meeting_has_no_exceptions_left(house: House, door: Door, clock: MovableClock) -> None:
    await take(door, *directory(), booked(clock))
    assert await listed(house, "not_invited")
    await take(door, events.cancelled())
    async with house.database.read() as db:
        assert await list_exceptions(db) == []
        assert {each["state"] for each in await list_exceptions(db, every=True)} == {"resolved"}


async def test_as_of_a_moment_the_list_is_as_it_was_then(house: House, door: Door, clock: MovableClock) -> None:
    before = clock.now() - timedelta(hours=1)
    await take(door, *directory(channels=[]), booked(clock))
    stood = clock.now() + timedelta(hours=1)
    clock.advance(timedelta(days=1))
    await take(door, events.agency(CAMHS))
    assert await unreachable(house, as_of=before, every=True) == []
    (then,) = await unreachable(house, as_of=stood)
    assert (then["state"], "resolved_at" in then) == ("raised", False)
    assert await unreachable(house, as_of=clock.now()) == []
    assert len(await unreachable(house, as_of=clock.now(), every=True)) == 1
