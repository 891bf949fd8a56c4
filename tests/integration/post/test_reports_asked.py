"""What the mailer asks of a server that can report what became of a message, and of one that only says so."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session

from services.bootstrap import open_house
from services.foundation.servers import SmtpServer
from services.foundation.settings import Settings
from services.invitations.rules import invitation_id
from tests import events
from tests.clock import MovableClock
from tests.door import Embedded
from tests.integration.invitations.mailbox import take_in
from tests.mail_server import MailServer, mail_server

MakeSettings = Callable[..., Awaitable[Settings]]
NAME = f"{invitation_id('m1', 'agency:camhs-1:')}.0.0"
TO = "in+box@trust.nhs.example"


@asynccontextmanager
async def reporting_server(*, pipelined: bool, dsn: bool = True) -> AsyncIterator[tuple[int, list[str]]]:
    """A server that takes everything and offers DSN; its port, and the commands that it was given."""
    said: list[str] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 ready\r\n")
        while line := (await reader.readline()).decode().strip():
            said.append(line)
            word = line.split()[0]
            if word == "EHLO":
                offers = [*(["DSN"] if dsn else []), *(["PIPELINING"] if pipelined else [])]
                writer.write(
                    "".join(f"250-{each}\r\n" for each in ["here", *offers]).encode() + b"250 SIZE 10000000\r\n"
                )
            elif word == "DATA":
                writer.write(b"354 go on\r\n")
                await reader.readuntil(b"\r\n.\r\n")
                writer.write(b"250 taken\r\n")
            else:
                writer.write(b"250 ok\r\n")
            if word == "QUIT":
                break
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], said
    finally:
        server.close()


async def send(settings: Settings, port: int) -> int:
    """Send one invitation; returns how many went."""
    async with open_house(settings, MovableClock()) as house:
        agency = events.agency("camhs-1", channels=[events.secure(TO)])
        await take_in(Embedded(house), agency, events.child(), events.involvement(), events.meeting())
        async with house.mailer(SmtpServer(f"smtp://127.0.0.1:{port}?tls=none")) as mailer:
            return (await mailer.drain()).sent


def parameters(said: list[str]) -> list[list[str]]:
    """What was asked beside the sender and beside the recipient."""
    return [line.split()[2:] for line in said if line.startswith(("MAIL", "RCPT"))]


@pytest.mark.parametrize("pipelined", [True, False])
async def test_the_server_is_asked_to_name_the_message_as_we_do_and_to_give_back_no_more_than_its_headers(
    make_settings: MakeSettings, pipelined: bool
) -> None:
    async with reporting_server(pipelined=pipelined) as (port, said):
        assert await send(await make_settings(), port) == 1
    of_mail, of_rcpt = parameters(said)
    assert of_mail[1:] == ["RET=HDRS", f"ENVID={NAME}"]
    assert of_rcpt == []


async def test_where_mail_is_read_it_is_asked_to_say_when_a_message_has_arrived(make_settings: MakeSettings) -> None:
    settings = await make_settings(lmtp_listen="127.0.0.1:2424")
    async with reporting_server(pipelined=True) as (port, said):
        assert await send(settings, port) == 1
    assert parameters(said)[1] == ["NOTIFY=SUCCESS,FAILURE,DELAY", "ORCPT=rfc822;in+2Bbox@trust.nhs.example"]


async def test_a_server_that_does_not_offer_reports_is_asked_for_none(make_settings: MakeSettings) -> None:
    settings = await make_settings(lmtp_listen="127.0.0.1:2424")
    async with reporting_server(pipelined=True, dsn=False) as (port, said):
        assert await send(settings, port) == 1
    of_mail, of_rcpt = parameters(said)
    assert (len(of_mail), of_rcpt) == (1, [])


class _Boasting(MailServer):
    """Offers DSN, and refuses every command that asks for it, as its library does."""

    async def handle_EHLO(  # noqa: N802  # the mail library names it by the command
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        return [
            *(await super().handle_EHLO(server, session, envelope, hostname, responses))[:-1],
            "250-DSN",
            "250 HELP",
        ]


async def test_a_server_that_offers_reports_and_refuses_them_is_sent_the_message_without(
    make_settings: MakeSettings,
) -> None:
    async with mail_server(_Boasting()) as server:
        assert await send(await make_settings(), server.port) == 1
        assert (len(server.taken), server.seen["MAIL"]) == (1, 2)
