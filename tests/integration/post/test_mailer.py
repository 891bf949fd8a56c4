"""The mailer against a mail server that fails in every way there is, over a real connection."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from services.bootstrap import LETTERS, House, open_house
from services.foundation import outbox
from services.foundation.servers import SmtpServer
from services.foundation.settings import Settings
from services.intake.accept import Arrival
from services.oversight.views import list_exceptions
from services.post import mailer as post
from services.post.mailer import Mailer
from services.post.rules import SERVER_WAITS, WAITS, server_wait
from tests import events
from tests.clock import MovableClock, let_time_pass
from tests.mail_server import DROP, HANG, MailServer, mail_server, self_signed, sink_program, smtp_sink, until

LOSSES = ["421 4.3.2 going down", DROP, HANG]
BOOKED_FOR = timedelta(days=30)


@pytest.fixture
async def settings(make_settings: Callable[..., Awaitable[Settings]]) -> Settings:
    return await make_settings(smtp_connections=4, smtp_per_domain=2)


def url(server: MailServer | int, tls: str = "none", user: str = "") -> SmtpServer:
    port = server if isinstance(server, int) else server.port
    return SmtpServer(f"smtp://{user}127.0.0.1:{port}?tls={tls}")


async def accept(house: House, *raw: bytes) -> None:
    verdicts = await house.intake.accept([Arrival(each, {"file": "test", "line": 1}) for each in raw])
    assert [verdict.state for verdict in verdicts] == ["accepted"] * len(raw)


async def book(house: House, number: int = 1, domains: Sequence[str] = ("trust",)) -> None:
    """Schedule strategy discussions of one invitation each, the recipients' domains in turn."""
    starts_at = house.clock.now() + BOOKED_FOR
    await accept(
        house,
        *(
            events.agency(f"camhs-{name}", channels=[events.secure(f"inbox@{name}.example")], authority=f"area-{name}")
            for name in domains
        ),
        *(
            each
            for i in range(number)
            for each in (
                events.child(f"c{i}", family_id=f"f{i}", authority=f"area-{domains[i % len(domains)]}"),
                events.involvement(
                    f"i{i}",
                    person_id=f"c{i}",
                    agency_id=f"camhs-{domains[i % len(domains)]}",
                    service="camhs",
                    status="waiting",
                    partition_key=f"f{i}",
                ),
                events.meeting(
                    f"m{i}",
                    "strategy_discussion",
                    authority=f"area-{domains[i % len(domains)]}",
                    children=[f"c{i}"],
                    starts_at=starts_at,
                    partition_key=f"f{i}",
                ),
            )
        ),
    )


@pytest.fixture(autouse=True)
def each_way_of_handing_over(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Command by command beside SQLite, commands together beside PostgreSQL: every fault is met both ways."""
    if "house" in request.fixturenames:
        house: House = request.getfixturevalue("house")
        monkeypatch.setattr(MailServer, "pipelining", not house.database.is_sqlite)


async def rows(house: House) -> list[Any]:
    async with house.database.read() as db:
        query = select(outbox.outbox).where(outbox.outbox.c.channel == outbox.MAIL).order_by(outbox.outbox.c.outbox_id)
        return list((await db.execute(query)).all())


async def exceptions_of(house: House, kind: str) -> list[dict[str, Any]]:
    async with house.database.read() as db:
        return [each for each in await list_exceptions(db) if each["kind"] == kind]


async def drain(house: House, server: SmtpServer) -> Mailer:
    async with house.mailer(server) as mailer:
        await mailer.stood_by.wait()  # else what is just being taken over would be passed by
        await mailer.drain()
    return mailer


async def heals(house: House, clock: MovableClock, server: MailServer, number: int) -> None:
    """Once the fault is over everything arrives, with one Message-ID for each UID and SEQUENCE."""
    server.heal()
    clock.advance(max(SERVER_WAITS[-1], WAITS[0]))
    await drain(house, url(server))
    assert [row.state for row in await rows(house)] == ["sent"] * number
    ids = server.ids()
    assert len(ids) == number
    assert all(len(each) == 1 for each in ids.values())
    assert await exceptions_of(house, "undelivered") == []


@pytest.mark.parametrize("stage", ["MAIL", "RCPT", "DATA", "end"])
@pytest.mark.parametrize("answer", ["450 4.2.1 busy", "451 4.7.1 greylisted", "452 4.3.1 full", "499 what"])
async def test_refused_for_now_is_tried_again_after_a_wait_that_grows(
    house: House, clock: MovableClock, stage: str, answer: str
) -> None:
    await book(house)
    async with mail_server() as server:
        server.always[stage] = answer
        for attempts, wait in enumerate(WAITS[:3], 1):
            mailer = await drain(house, url(server))
            (row,) = await rows(house)
            assert (row.state, row.attempts, row.due_at - clock.now()) == ("pending", attempts, wait)
            assert row.result.startswith(answer[:3])
            assert mailer.tally.put_off == 1
            clock.set(row.due_at - timedelta(seconds=1))
            await drain(house, url(server))
            assert server.seen[stage] == attempts
            clock.set(row.due_at)
        assert await exceptions_of(house, "undelivered") == []
        await heals(house, clock, server, 1)


@pytest.mark.parametrize(
    ("stage", "answer", "reason"),
    [
        ("RCPT", "550 5.1.1 no such mailbox", "refused the address"),
        ("RCPT", "551 5.1.6 moved", "refused the address"),
        ("RCPT", "552 5.2.2 mailbox full", "could not be brought"),
        ("RCPT", "553 5.1.3 bad address", "refused the address"),
        ("RCPT", "554 5.7.1 no", "could not be brought"),
        ("RCPT", "556 5.1.10 no mail here", "refused the address"),
        ("MAIL", "552 5.3.4 too large", "could not be brought"),
        ("DATA", "554 5.5.1 no", "could not be brought"),
        ("end", "550 5.7.1 looks like spam", "could not be brought"),
        ("end", "552 5.3.4 too large", "could not be brought"),
        ("end", "554 5.6.0 no", "could not be brought"),
    ],
)
async def test_refused_for_good_is_tried_once_and_a_person_is_asked(
    house: House, clock: MovableClock, stage: str, answer: str, reason: str
) -> None:
    await book(house, 2)
    async with mail_server() as server:
        server.script[stage] = [answer]
        mailer = await drain(house, url(server))
        failed, sent = sorted(await rows(house), key=lambda row: str(row.state))
        assert (failed.state, failed.attempts, sent.state) == ("failed", 1, "sent")
        assert (mailer.tally.failed, mailer.tally.sent) == (1, 1)
        (raised,) = await exceptions_of(house, "undelivered")
        assert reason in raised["text"]
        assert answer[:3] in raised["text"]
        assert raised["agency_id"] == "camhs-trust"
        clock.advance(timedelta(days=2))
        await drain(house, url(server))
        assert len(server.taken) == 1


async def test_a_server_that_asks_for_the_content_after_refusing_the_recipient_gets_none(house: House) -> None:
    await book(house)
    async with mail_server() as server:
        server.pipelining = True
        server.script = {"RCPT": ["550 5.1.1 no such mailbox"], "DATA": ["354 go ahead"]}
        await drain(house, url(server))
        assert [row.state for row in await rows(house)] == ["failed"]
        assert (server.taken, server.seen["DATA"]) == ([], 1)


async def test_who_refuses_for_now_to_the_last_is_given_up_and_a_person_is_asked(
    house: House, clock: MovableClock
) -> None:
    await book(house)
    async with mail_server() as server:
        server.always["RCPT"] = "450 4.2.1 busy"
        for _ in WAITS:
            await drain(house, url(server))
            (row,) = await rows(house)
            assert row.state == "pending"
            clock.set(row.due_at)
        await drain(house, url(server))
        (row,) = await rows(house)
        assert (row.state, row.attempts) == ("failed", len(WAITS) + 1)
        assert "could not be brought" in (await exceptions_of(house, "undelivered"))[0]["text"]


@pytest.mark.parametrize("answer", LOSSES)
@pytest.mark.parametrize("stage", ["greeting", "EHLO", "MAIL", "RCPT"])
async def test_a_server_that_is_going_or_gone_costs_no_message_an_attempt(
    house: House, clock: MovableClock, stage: str, answer: str
) -> None:
    await book(house, 6)
    async with mail_server() as server:
        server.always[stage] = answer
        server.hung = partial(let_time_pass, house.settings.smtp_timeout)
        mailer = await drain(house, url(server))
        found = await rows(house)
        assert {(row.state, row.attempts, row.claimed_by) for row in found} == {("pending", 0, None)}
        assert {row.due_at for row in found} == {clock.now() + SERVER_WAITS[0]}
        assert (mailer.tally.sent, mailer.tally.failed, mailer.tally.put_off) == (0, 0, 6)
        await heals(house, clock, server, 6)


async def test_as_many_recipients_as_connections_at_whom_the_server_breaks_off_hold_up_no_others(
    house: House, clock: MovableClock
) -> None:
    poisoned = [f"poison{number}" for number in range(4)]
    await book(house, 16, [*poisoned, *(f"fine{number}" for number in range(12))])
    async with mail_server() as server, house.mailer(url(server)) as mailer:
        server.shut = {f"{each}.example" for each in poisoned}
        for _ in range(3):
            await mailer.drain()
            clock.set(mailer.rest.until or clock.now())
        found = {("poison" in row.params["to"], row.state) for row in await rows(house)}
        assert found == {(True, "pending"), (False, "sent")}
        server.shut.clear()
        clock.advance(max(SERVER_WAITS[-1], WAITS[1]))
        await mailer.drain()
        assert {row.state for row in await rows(house)} == {"sent"}


@pytest.mark.parametrize(
    ("stage", "answer"),
    [
        ("greeting", "450 4.3.2 not now"),
        ("greeting", "554 5.7.1 not you"),
        ("greeting", "this is no mail server"),
        ("MAIL", "454 4.7.0 no authentication just now"),
        ("MAIL", "530 5.7.0 authentication needed"),
        ("MAIL", "no reply that anyone can read"),
    ],
)
async def test_what_every_message_would_meet_is_the_servers_trouble(
    house: House, clock: MovableClock, stage: str, answer: str
) -> None:
    await book(house, 3)
    async with mail_server() as server:
        server.always[stage] = answer
        await drain(house, url(server))
        assert {(row.state, row.attempts) for row in await rows(house)} == {("pending", 0)}
        await heals(house, clock, server, 3)


async def test_a_server_that_knows_no_ehlo_is_greeted_the_old_way(house: House, clock: MovableClock) -> None:
    await book(house)
    async with mail_server() as server:
        server.always["EHLO"] = "502 5.5.1 not known"
        await drain(house, url(server))
        assert len(server.taken) == 1


async def test_a_server_that_takes_no_greeting_is_the_servers_trouble(house: House, clock: MovableClock) -> None:
    await book(house)
    async with mail_server() as server:
        server.always = {"EHLO": "502 5.5.1 not known", "HELO": "554 5.7.1 not you"}
        await drain(house, url(server))
        assert {(row.state, row.attempts) for row in await rows(house)} == {("pending", 0)}
        await heals(house, clock, server, 1)


@pytest.mark.parametrize("answer", LOSSES)
@pytest.mark.parametrize("kept", [False, True])
async def test_a_connection_lost_at_the_end_of_the_message_is_sent_again_as_the_same_message(
    house: House, clock: MovableClock, answer: str, kept: bool
) -> None:
    await book(house)
    async with mail_server() as server:
        server.script["end"] = [answer]
        server.keeps = kept
        server.hung = partial(let_time_pass, house.settings.smtp_timeout)
        await drain(house, url(server))
        (row,) = await rows(house)
        assert (row.state, row.attempts) == ("pending", 1)
        await heals(house, clock, server, 1)
        assert len(server.taken) == 1 + kept
        assert len({each.content for each in server.taken}) == 1


async def test_a_message_that_kills_the_connection_every_time_holds_nobody_up_and_is_given_up_in_the_end(
    house: House, clock: MovableClock
) -> None:
    await book(house)
    async with mail_server() as server:
        server.always["end"] = DROP
        await drain(house, url(server))
        server.always.clear()
        for number, _ in enumerate(WAITS, 1):
            (poison,) = [row for row in await rows(house) if row.state == "pending"]
            clock.set(poison.due_at)
            server.script["end"] = [DROP]
            await drain(house, url(server))
            assert server.seen["end"] == number + 1
        (poison,) = await rows(house)
        assert poison.state == "failed"
        assert len(await exceptions_of(house, "undelivered")) == 1


async def test_wrong_credentials_are_nobodys_fault_but_the_settings(house: House, clock: MovableClock) -> None:
    await book(house, 2)
    async with mail_server(password="right") as server:
        for user, answer in (("", "530 SMTPSenderRefused"), ("someone:wrong@", "535")):
            mailer = await drain(house, url(server, user=user))
            assert mailer.rest.why == f"the mail server takes nothing ({answer})"
            assert {(row.state, row.attempts) for row in await rows(house)} == {("pending", 0)}
            clock.advance(SERVER_WAITS[-1])
        await drain(house, url(server, user="someone:right@"))
        assert len(server.taken) == 2


async def test_an_hour_without_a_server_loses_nothing_and_asks_after_it_ever_more_rarely(
    house: House, clock: MovableClock
) -> None:
    await book(house, 250)
    async with mail_server() as server, house.mailer(url(server)) as mailer:
        server.always["greeting"] = DROP
        tried = []
        begun = clock.now()
        while clock.now() < begun + timedelta(hours=1):
            before = server.connections
            await mailer.drain()
            await mailer.drain()
            assert mailer.rest.until == clock.now() + server_wait(mailer.rest.failures)
            tried.append(server.connections - before)
            clock.set(mailer.rest.until)
        assert len(tried) == mailer.rest.failures == 16
        assert max(tried) <= 4
        assert {(row.state, row.attempts) for row in await rows(house)} == {("pending", 0)}
        server.heal()
        await mailer.drain()
        assert (mailer.rest.failures, mailer.rest.until) == (0, None)
        assert len(server.taken) == len(server.ids()) == 250


async def test_a_batch_goes_over_the_connections_that_the_server_grants(house: House) -> None:
    await book(house, 20, ["a", "b"])
    async with mail_server() as server:
        server.most_connections = 2
        await drain(house, url(server))
        assert len(server.taken) == 20
        assert {(row.state, row.attempts) for row in await rows(house)} == {("sent", 1)}


async def test_a_kept_connection_that_the_server_closed_is_not_used_again(house: House) -> None:
    await book(house, 4)
    async with mail_server() as server, house.mailer(url(server)) as mailer:
        await mailer.drain()
        before = server.connections
        ended = [session.lost.wait() for session in server.open]
        server.close_connections()
        await asyncio.gather(*ended)
        await until(lambda: not any(kept.is_connected for kept in mailer.kept))
        await accept(house, events.cancelled("m0", partition_key="f0"))
        await mailer.drain()
        assert server.connections == before + 1
        assert (mailer.tally.sent, mailer.tally.put_off) == (5, 0)


async def test_one_domain_gets_no_more_than_its_share_at_once_and_holds_up_nobody(house: House) -> None:
    await book(house, 40, ["slow", "quick"])
    async with mail_server() as server, house.mailer(url(server)) as mailer:
        server.gate, server.gated = asyncio.Event(), {"slow.example"}
        draining = asyncio.create_task(mailer.drain())
        await until(lambda: sum(each.to.endswith("quick.example") for each in server.taken) == 20)
        assert not any(each.to.endswith("slow.example") for each in server.taken)
        server.gate.set()
        await draining
        assert len(server.taken) == 40
        assert server.most_out["slow.example"] == 2
        assert server.most_out["quick.example"] <= 2


@pytest.mark.parametrize("kept", ["all but the kind of the meeting", "only the address", "nothing"])
async def test_a_message_that_cannot_be_written_fails_alone_and_a_person_is_asked(house: House, kept: str) -> None:
    await book(house, 3)
    spoilt, *_ = await rows(house)
    async with house.database.write() as db:
        params = {name: value for name, value in spoilt.params.items() if name != "kind_name"}
        if kept == "only the address":
            params = {"to": spoilt.params["to"]}
        elif kept == "nothing":
            params = {}
        await db.execute(
            update(outbox.outbox).where(outbox.outbox.c.outbox_id == spoilt.outbox_id).values(params=params)
        )
    async with mail_server() as server:
        mailer = await drain(house, url(server))
        assert [row.state for row in await rows(house)] == ["failed", "sent", "sent"]
        assert (mailer.tally.sent, mailer.tally.failed) == (2, 1)
        (raised,) = await exceptions_of(house, "undelivered")
        assert raised["meeting_id"] == spoilt.params["meeting_id"]


async def test_an_address_that_could_be_read_as_a_command_is_never_given_to_the_server(house: House) -> None:
    await book(house, 2)
    spoilt, _ = await rows(house)
    bad = "inbox@trust.example> RCPT TO:<other@elsewhere.example"
    async with house.database.write() as db:
        params = {**spoilt.params, "to": bad}
        await db.execute(
            update(outbox.outbox).where(outbox.outbox.c.outbox_id == spoilt.outbox_id).values(params=params)
        )
    async with mail_server() as server:
        await drain(house, url(server))
        assert {each.to for each in server.taken} == {"inbox@trust.example"}
        assert [row.state for row in await rows(house)] == ["failed", "sent"]


async def test_a_row_that_a_newer_release_wrote_is_left_to_a_mailer_of_that_release(house: House) -> None:
    await book(house, 2)
    newer, _ = await rows(house)
    async with house.database.write() as db:
        await db.execute(
            update(outbox.outbox).where(outbox.outbox.c.outbox_id == newer.outbox_id).values(name="minutes")
        )
    async with mail_server() as server:
        await drain(house, url(server))
        assert [(row.state, row.claimed_by) for row in await rows(house)] == [("pending", None), ("sent", None)]


async def test_an_address_that_is_not_to_be_written_to_any_more_gets_nothing(house: House) -> None:
    await book(house)
    await accept(house, events.agency("camhs-trust", channels=[events.insecure("inbox@trust.example")]))
    async with mail_server() as server:
        await drain(house, url(server))
        assert server.taken == []
        assert [row.state for row in await rows(house)] == ["failed"]
        (raised,) = await exceptions_of(house, "no_usable_address")
        assert raised["agency_id"] == "camhs-trust"


async def test_nothing_goes_out_for_a_meeting_that_is_over(house: House, clock: MovableClock) -> None:
    await book(house)
    clock.advance(BOOKED_FOR + timedelta(days=1))
    async with mail_server() as server:
        await drain(house, url(server))
        assert server.taken == []
        assert [row.state for row in await rows(house)] == ["failed"]
        (raised,) = await exceptions_of(house, "undelivered")
        assert "over" in raised["text"]


async def test_several_mailers_share_the_work_and_send_nothing_twice(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await book(house, 250, ["a", "b", "c"])
    monkeypatch.setattr(post, "BATCH", 40)
    async with mail_server() as server, house.mailer(url(server)) as first, house.mailer(url(server)) as second:
        assert first.name != second.name
        await asyncio.gather(first.drain(), second.drain())
        assert len(server.taken) == len(server.ids()) == 250
        assert first.tally.sent + second.tally.sent == 250
        assert min(first.tally.sent, second.tally.sent) > 0


async def test_several_processes_share_the_work_and_send_nothing_twice(
    house: House, settings: Settings, clock: MovableClock
) -> None:
    clock.set(datetime.now(UTC))  # theirs is the machine's
    await book(house, 250, ["a", "b", "c"])
    async with mail_server() as server:
        environment = {
            **os.environ,
            "QUORATE_HOME": str(settings.home),
            "QUORATE_DATABASE": settings.database_url,
            "QUORATE_SMTP": f"smtp://127.0.0.1:{server.port}?tls=none",
            "QUORATE_DOCUMENTS": str(settings.documents_folder),
            "QUORATE_SECRET": "a-key-for-tests-alone",
        }
        command = [sys.executable, "-c", "from services.cli import main; main()", "drain", "--json"]
        pipe = asyncio.subprocess.PIPE
        both = [
            await asyncio.create_subprocess_exec(*command, env=environment, stdout=pipe, stderr=pipe) for _ in range(2)
        ]
        said = [await each.communicate() for each in both]
        done = [json.loads(out) for out, _ in said]
        assert [each.returncode for each in both] == [int(each["held"] > 0) for each in done], said
        assert sum(each["sent"] for each in done) == 250
        assert len(server.taken) == len(server.ids()) == 250


async def test_a_mailer_that_comes_takes_nothing_from_one_that_is_at_work(house: House) -> None:
    await book(house, 2)
    async with mail_server() as server:
        server.gate, server.gated = asyncio.Event(), {"trust.example"}
        async with house.mailer(url(server)), house.mailer(url(server)) as at_work:
            draining = asyncio.create_task(at_work.drain())
            await until(lambda: server.out["trust.example"] == 2)
            async with house.mailer(url(server)) as third:
                assert (await third.drain()).sent == 0
            server.gate.set()
            await draining
        assert len(server.taken) == 2


async def test_a_mailer_begins_nothing_that_its_claim_might_not_last_for(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await book(house, 3)
    monkeypatch.setattr(post, "TO_BEGIN", timedelta(seconds=-1))
    async with mail_server() as server, house.mailer(url(server)) as mailer:
        draining = asyncio.create_task(mailer.drain())
        await until(lambda: mailer.tally.put_off >= 3)
        mailer.stop(within=0)
        await draining
        assert server.taken == []
        assert {(row.state, row.attempts, row.result) for row in await rows(house)} == {("pending", 0, "")}


async def test_no_message_takes_longer_than_a_claim_lasts(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    await book(house)
    monkeypatch.setattr(post, "TO_SEND", timedelta(seconds=0.05))
    async with mail_server() as server:
        server.always["RCPT"] = HANG
        await drain(house, url(server))
        assert [row.state for row in await rows(house)] == ["pending"]
    assert post.TO_BEGIN + post.TO_SEND < post.LEASE


async def test_a_mailer_whose_claim_ran_out_says_nothing_of_what_another_has_sent(
    house: House, clock: MovableClock
) -> None:
    await book(house)
    async with mail_server() as slow, mail_server() as quick:
        slow.gate, slow.gated = asyncio.Event(), {"trust.example"}
        slow.always["end"] = "450 4.2.1 busy"
        async with house.mailer(url(slow)) as first:
            draining = asyncio.create_task(first.drain())
            await until(lambda: slow.out["trust.example"] == 1)
            clock.advance(post.LEASE)
            async with house.mailer(url(quick)) as second:
                assert (await second.drain()).sent == 1
            slow.gate.set()
            await draining
        (row,) = await rows(house)
        assert (row.state, row.attempts) == ("sent", 1)


async def test_a_mailer_that_is_cancelled_notes_what_it_sent_and_gives_the_rest_back(house: House) -> None:
    await book(house, 5)
    async with mail_server() as server, house.mailer(url(server)) as mailer:
        server.gate, server.gated = asyncio.Event(), {"trust.example"}
        server.script["end"] = [""]
        draining = asyncio.create_task(mailer.drain())
        await until(lambda: server.out["trust.example"] == 2)
        draining.cancel()
        with pytest.raises(asyncio.CancelledError):
            await draining
        assert {(row.state, row.claimed_by) for row in await rows(house)} == {("pending", None)}
        assert server.taken == []


@pytest.mark.parametrize("tls", ["required", "starttls"])
async def test_only_a_server_whose_certificate_is_vouched_for_gets_anything(
    house: House,
    clock: MovableClock,
    tls: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    require: Callable[[str, bool, str], None],
) -> None:
    require("openssl", shutil.which("openssl") is not None, "install openssl, to make a certificate for a test")
    context, certificate = self_signed(tmp_path)
    await book(house)
    async with mail_server(tls=context, starttls=tls == "starttls") as server:
        await drain(house, url(server, tls))
        assert [(row.state, row.attempts) for row in await rows(house)] == [("pending", 0)]
        assert server.seen["MAIL"] == 0
        clock.advance(SERVER_WAITS[-1])
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        await drain(house, url(server, tls))
        assert len(server.taken) == 1


async def test_a_server_that_offers_no_tls_gets_nothing_where_tls_is_asked_for(
    house: House, clock: MovableClock
) -> None:
    await book(house)
    async with mail_server() as server:
        for tls in ("starttls", "required"):
            await drain(house, url(server, tls))
            assert [(row.state, row.attempts) for row in await rows(house)] == [("pending", 0)]
            clock.advance(SERVER_WAITS[-1])
        assert server.seen["MAIL"] == 0


@pytest.mark.smtp
@pytest.mark.parametrize(
    ("flags", "attempts"),
    [
        (("-r", "MAIL"), 1),
        (("-r", "RCPT"), 1),
        (("-r", "DATA"), 1),
        (("-r", "."), 1),
        (("-Q", "CONNECT"), 0),
        (("-Q", "RCPT"), 0),
        (("-Q", "."), 1),
        (("-q", "CONNECT"), 0),
        (("-q", "MAIL"), 0),
        (("-q", "RCPT"), 0),
        (("-q", "DATA"), 0),
        (("-q", "."), 1),
        (("-W", "RCPT:30"), 0),
        (("-W", ".:30"), 1),
    ],
)
async def test_postfixs_own_faults_lose_nothing(
    house: House,
    clock: MovableClock,
    flags: tuple[str, str],
    attempts: int,
    require: Callable[[str, bool, str], None],
) -> None:
    require("smtp-sink", sink_program() is not None, "install Debian's package postfix")
    await book(house)
    with smtp_sink(*flags) as port:
        async with house.mailer(url(port)) as mailer:
            if "-W" in flags:  # it waits for 30 seconds, which is long enough to show that it does
                mailer.settings = house.settings.model_copy(update={"smtp_timeout": 2})
            await mailer.drain()
    (row,) = await rows(house)
    assert (row.state, row.attempts) == ("pending", attempts)
    clock.set(row.due_at)
    with smtp_sink() as port:
        await drain(house, url(port))
    assert [row.state for row in await rows(house)] == ["sent"]


@pytest.mark.smtp
@pytest.mark.parametrize("stage", ["RCPT", "DATA", "."])
async def test_postfixs_refusal_for_good_is_an_exception(
    house: House, stage: str, require: Callable[[str, bool, str], None]
) -> None:
    require("smtp-sink", sink_program() is not None, "install Debian's package postfix")
    await book(house)
    with smtp_sink("-f", stage) as port:
        await drain(house, url(port))
    assert [(row.state, row.attempts) for row in await rows(house)] == [("failed", 1)]
    assert len(await exceptions_of(house, "undelivered")) == 1


async def test_a_second_process_takes_over_what_a_dead_one_had_claimed(
    house: House, settings: Settings, clock: MovableClock, store: str
) -> None:
    await book(house)
    async with house.database.write() as db:
        taken = await outbox.claim(db, outbox.MAIL, LETTERS, "one that died", 10, clock.now(), post.LEASE)
        assert len(taken) == 1
    if store == "postgresql":  # where nobody can know that it is alone
        clock.advance(post.LEASE)
    async with mail_server() as server, open_house(settings, clock) as other:
        await drain(other, url(server))
        assert len(server.taken) == 1
