"""What was written and has not gone: it is told of as what it is, and no longer than it waits."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from services.bootstrap import House
from services.foundation.letters import PATIENCE
from services.foundation.servers import SmtpServer
from services.oversight.views import list_exceptions
from tests import events
from tests.clock import MovableClock
from tests.door import Embedded
from tests.mail_server import DROP, MailServer, mail_server

CAMHS = "camhs-1"
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
REMINDED_ON = datetime(2026, 3, 26, 9, 1, tzinfo=UTC)


async def take(house: House, *raw: bytes) -> None:
    verdicts = await Embedded(house).take(*raw)
    assert {verdict.state for verdict in verdicts} == {"accepted"}


async def send(house: House, server: MailServer) -> None:
    await house.tick()
    async with house.mailer(SmtpServer(f"smtp://127.0.0.1:{server.port}?tls=none")) as mailer:
        await mailer.drain()


async def undelivered(house: House) -> list[str]:
    async with house.database.read() as db:
        return [each["text"] for each in await list_exceptions(db) if each["kind"] == "undelivered"]


async def asked(house: House, server: MailServer, kind: str = "strategy_discussion") -> None:
    """An agency that has its invitation, of a time ago."""
    await take(house, events.agency(CAMHS), events.child(), events.involvement())
    await take(house, events.meeting(kind=kind))
    await send(house, server)
    assert server.taken


def apologies(clock: MovableClock) -> bytes:
    return events.answered(answer="declined", at=clock.now(), time=clock.now())


async def test_a_letter_that_asks_for_a_report_is_told_of_while_it_waits_and_not_as_an_invitation(
    house: House, clock: MovableClock
) -> None:
    async with mail_server() as server:
        await asked(house, server)
        clock.advance(DAY)
        await send(house, server)
        server.always["greeting"] = DROP
        await take(house, apologies(clock))
        await send(house, server)
        assert await undelivered(house) == []
        clock.advance(PATIENCE + MINUTE)
        await send(house, server)
        (text,) = await undelivered(house)
        assert text.startswith("They have said that they do not come. The letter that asks them")
        assert "on 3 March 2026 at 12:00" in text
        server.heal()
        clock.advance(3 * HOUR)
        await send(house, server)
        assert await undelivered(house) == []


async def test_a_letter_about_a_report_that_may_not_go_any_more_is_waited_for_no_longer(
    house: House, clock: MovableClock
) -> None:
    async with mail_server() as server:
        await asked(house, server)
        clock.advance(DAY)
        server.always["greeting"] = DROP
        await take(house, apologies(clock))
        await send(house, server)
        clock.advance(PATIENCE + MINUTE)
        await send(house, server)
        assert len(await undelivered(house)) == 1
        server.heal()
        clock.set(events.MEETING_AT + MINUTE)
        await send(house, server)
        assert await undelivered(house) == []
        assert len(server.taken) == 1


async def test_a_reminder_is_told_of_while_it_waits_as_the_reminder_that_it_is(
    house: House, clock: MovableClock
) -> None:
    async with mail_server() as server:
        await asked(house, server, "initial_conference")
        clock.set(REMINDED_ON)
        server.always["greeting"] = DROP
        await send(house, server)
        clock.advance(PATIENCE + MINUTE)
        await send(house, server)
        (text,) = await undelivered(house)
        assert text.startswith("They have the invitation. The letter that reminds them")
        server.heal()
        clock.advance(3 * HOUR)
        await send(house, server)
        assert await undelivered(house) == []


async def test_what_was_first_tried_long_after_it_was_written_is_told_of_as_well(
    house: House, clock: MovableClock
) -> None:
    await take(house, events.agency(CAMHS), events.child(), events.involvement(), events.meeting())
    clock.advance(HOUR)
    await house.tick()
    assert await undelivered(house) == []
    async with mail_server() as server:
        server.always["greeting"] = DROP
        await send(house, server)
        clock.advance(PATIENCE + MINUTE)
        await send(house, server)
    (text,) = await undelivered(house)
    assert text.startswith("The message has not gone yet: it was written on 2 March 2026 at 12:00")
