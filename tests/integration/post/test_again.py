"""What a mail server refused for good goes again once a person says so, and only what may."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from datetime import timedelta

import pytest
from typer.testing import CliRunner

from services.bootstrap import House
from services.cli import app
from services.foundation.servers import SmtpServer
from services.foundation.settings import Settings
from services.intake.accept import Arrival
from services.oversight.views import list_exceptions
from services.post.again import GivenUp, given_up, send_again
from tests import events
from tests.clock import MovableClock
from tests.mail_server import DROP, MailServer, mail_server

RELAY_DENIED = "554 5.7.1 relay access denied"
NO_MAILBOX = "550 5.1.1 no such mailbox"


async def accept(house: House, *raw: bytes) -> None:
    verdicts = await house.intake.accept([Arrival(each, {"file": "test", "line": 1}) for each in raw])
    assert {verdict.state for verdict in verdicts} == {"accepted"}


async def booked(house: House, *meetings: str) -> None:
    """Meetings a month ahead, with one agency asked to each."""
    starts_at = house.clock.now() + timedelta(days=30)
    waits = events.involvement("i1", person_id="c1", agency_id="camhs-1", service="camhs", status="waiting")
    await accept(house, events.agency("camhs-1"), events.child("c1"), waits)
    scheduled = [events.meeting(each, "strategy_discussion", children=["c1"], starts_at=starts_at) for each in meetings]
    await accept(house, *scheduled)


async def drain(house: House, server: MailServer) -> None:
    async with house.mailer(SmtpServer(f"smtp://127.0.0.1:{server.port}?tls=none")) as mailer:
        await mailer.drain()


async def refused(house: House, server: MailServer, answer: str = RELAY_DENIED) -> None:
    server.always["RCPT"] = answer
    await drain(house, server)
    server.heal()


async def again(house: House, *meetings: str, codes: tuple[int, ...] = ()) -> list[GivenUp]:
    async with house.database.write() as db:
        work = house.intake.work(db)
        going = await send_again(work, await given_up(db, work.now, meetings, codes))
        await house.intake.finish(work)
    return going


async def undelivered(house: House) -> Counter[str]:
    async with house.database.read() as db:
        found = await list_exceptions(db)
    return Counter(each["meeting_id"] for each in found if each["kind"] == "undelivered")


async def test_what_was_refused_for_good_goes_again_as_it_was_and_is_no_exception_any_more(house: House) -> None:
    await booked(house, "m1")
    async with mail_server() as server:
        await refused(house, server)
        assert await undelivered(house) == {"m1": 1}
        await drain(house, server)
        assert server.taken == []
        (message,) = await again(house)
        assert (message.meeting_id, message.result[:3]) == ("m1", "554")
        assert await undelivered(house) == {"m1": 1}, "it has not gone yet"
        await drain(house, server)
        assert [each.uid_and_sequence[1] for each in server.taken] == [0]
        assert await undelivered(house) == {}
        assert await again(house) == []


async def test_what_is_refused_once_more_is_an_exception_as_before(house: House) -> None:
    await booked(house, "m1")
    async with mail_server() as server:
        await refused(house, server)
        await again(house)
        await refused(house, server, NO_MAILBOX)
        assert await undelivered(house) == {"m1": 1}
        assert [message.result[:3] for message in await again(house)] == ["550"]


async def test_only_the_meetings_and_the_codes_that_were_named_go_again(house: House) -> None:
    await booked(house, "m1", "m2")
    async with mail_server() as server:
        await refused(house, server)
        assert await again(house, "m3") == []
        assert await again(house, codes=(550,)) == []
        assert [message.meeting_id for message in await again(house, "m2", codes=(550, 554))] == ["m2"]
        await drain(house, server)
        assert await undelivered(house) == {"m1": 1}


async def test_what_a_later_message_has_replaced_does_not_go_again(house: House) -> None:
    await booked(house, "m1")
    async with mail_server() as server:
        await refused(house, server)
        await accept(house, events.agency("camhs-1", channels=[events.secure("new@agencies.gov.example")]))
        await drain(house, server)
        assert [each.to for each in server.taken] == ["new@agencies.gov.example"]
        assert await again(house) == []


async def test_nothing_goes_again_to_an_address_that_may_not_have_it_any_more(house: House) -> None:
    await booked(house, "m1")
    async with mail_server() as server:
        await refused(house, server)
        await accept(house, events.agency("camhs-1", channels=[events.insecure("camhs-1@agencies.gov.example")]))
        await again(house)
        await drain(house, server)
        assert server.taken == []
        assert await again(house) == [], "it was withheld, not refused"


async def test_nor_does_what_was_kept_back_after_it_may_have_left(house: House, clock: MovableClock) -> None:
    await booked(house, "m1")
    async with mail_server() as server:
        server.always["end"] = DROP
        await drain(house, server)
        server.heal()
        await accept(house, events.agency("camhs-1", channels=[events.insecure("camhs-1@agencies.gov.example")]))
        clock.advance(timedelta(minutes=10))
        await drain(house, server)
        assert server.taken == []
        assert await undelivered(house) == {"m1": 1}
        assert await again(house) == []


async def test_nothing_goes_again_to_a_meeting_that_has_ended(house: House, clock: MovableClock) -> None:
    await booked(house, "m1")
    async with mail_server() as server:
        await refused(house, server)
        clock.advance(timedelta(days=31))
        assert await again(house) == []


async def test_the_command_names_what_goes_again_and_a_dry_run_leaves_it(
    house: House, settings: Settings, clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await booked(house, "m1")
    async with mail_server() as server:
        await refused(house, server)
    for name in ("home", "database", "secret", "token"):
        if getattr(settings, name) is not None:
            monkeypatch.setenv(f"QUORATE_{name.upper()}", str(getattr(settings, name)))
    monkeypatch.setenv("QUORATE_AS_OF", clock.now().isoformat())

    async def told(*arguments: str) -> list[dict[str, str]]:
        done = await asyncio.to_thread(CliRunner().invoke, app, ["resend", *arguments, "--json"])
        assert done.exit_code == 0, done.output
        found: list[dict[str, str]] = json.loads(done.stdout)
        return found

    expected = {"meeting_id": "m1", "agency_id": "camhs-1", "letter": "invitation", "channel": "mail"} | {
        "answer": "554 SMTPRecipientsRefused"
    }
    assert await told("--all", "--dry-run") == [expected]
    assert await told("m1", "--code", "554") == [expected]
    assert await told("--all") == []


@pytest.mark.parametrize("arguments", [[], ["m1", "--all"]])
def test_the_command_wants_meetings_or_all(arguments: list[str]) -> None:
    assert CliRunner().invoke(app, ["resend", *arguments]).exit_code == 2
