"""A mail server that does as a test tells it, and Postfix's smtp-sink with its faults."""

# ruff: noqa: N802  # the mail library names what it calls by the commands of SMTP

from __future__ import annotations

import asyncio
import email
import email.message
import email.policy
import shutil
import socket
import ssl
import subprocess
import warnings
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import icalendar
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

DROP = "drop"
"""In place of an answer: close the connection without a word."""
HANG = "hang"
"""In place of an answer: never say anything more."""


@dataclass(frozen=True)
class Taken:
    """One message that the server took, byte for byte."""

    sender: str
    to: str
    content: bytes

    @cached_property
    def parsed(self) -> email.message.EmailMessage:
        message = email.message_from_bytes(self.content, policy=email.policy.default)
        assert isinstance(message, email.message.EmailMessage)
        return message

    @property
    def message_id(self) -> str:
        return str(self.parsed["Message-ID"])

    @cached_property
    def event(self) -> icalendar.Event:
        """The calendar's one event."""
        part = next(part for part in self.parsed.walk() if part.get_content_type() == "text/calendar")
        payload = part.get_payload(decode=True)
        assert isinstance(payload, bytes)
        calendar = icalendar.Calendar.from_ical(payload)
        assert isinstance(calendar, icalendar.Calendar)
        return calendar.events[0]

    @property
    def uid_and_sequence(self) -> tuple[str, int]:
        return str(self.event["UID"]), int(str(self.event["SEQUENCE"]))


class MailServer:
    """Takes mail on loopback.

    `script` holds for a stage (`greeting`, `EHLO`, `HELO`, `AUTH`, `MAIL`, `RCPT`, `DATA`, `end`) the answers that come
    in turn; an answer is a reply, `DROP` or `HANG`, and "" is what the server would say by itself. `always` answers
    once the script is at its end. With `keeps`, the answer to the end of DATA is given after the message was taken. It
    breaks off at recipients of the domains in `shut`. `hung` is called again and again while it says nothing more.
    """

    pipelining = False
    """Whether it takes a message's commands together (RFC 2920)."""

    def __init__(self) -> None:
        self.port = 0
        self.script: dict[str, list[str]] = {}
        self.always: dict[str, str] = {}
        self.keeps = False
        self.hung: Callable[[], None] | None = None
        self.shut: set[str] = set()
        self.taken: list[Taken] = []
        self.seen: Counter[str] = Counter()
        self.connections = 0
        self.most_connections: int | None = None
        self.open: set[_Session] = set()
        self.gate: asyncio.Event | None = None
        self.gated: set[str] = set()
        self.out: Counter[str] = Counter()
        self.most_out: Counter[str] = Counter()

    def answer(self, stage: str) -> str:
        self.seen[stage] += 1
        waiting = self.script.get(stage)
        return waiting.pop(0) if waiting else self.always.get(stage, "")

    def heal(self) -> None:
        """From now on everything works."""
        self.script, self.always = {}, {}

    def close_connections(self) -> None:
        """As a server does that is restarted."""
        for session in list(self.open):
            session.drop()

    def ids(self) -> dict[tuple[str, int], set[str]]:
        """The Message-IDs of what was taken, for each UID and SEQUENCE."""
        found: dict[tuple[str, int], set[str]] = {}
        for each in self.taken:
            found.setdefault(each.uid_and_sequence, set()).add(each.message_id)
        return found

    async def handle_EHLO(
        self, _: SMTP, session: Session, __: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        if self.pipelining:
            responses.insert(1, "250-PIPELINING")  # the first line is the server's name
        return responses

    async def handle_DATA(self, session: _Session, _: Session, envelope: Envelope) -> str:
        (to,) = envelope.rcpt_tos
        domain = to.rpartition("@")[2]
        self.out[domain] += 1
        self.most_out[domain] = max(self.most_out[domain], self.out[domain])
        if self.gate is not None and domain in self.gated:
            await self.gate.wait()
        self.out[domain] -= 1
        answer = self.answer("end")
        if not answer or answer.startswith("2") or self.keeps:
            content = envelope.original_content
            assert content is not None
            assert envelope.mail_from is not None
            self.taken.append(Taken(envelope.mail_from, to, content))
        return await session.obey(answer) or "250 2.0.0 taken"


async def until(holds: Callable[[], bool]) -> None:
    """Let everything else go on, other processes too, until `holds()`."""
    while not holds():  # noqa: ASYNC110  # what is waited for lies in a library and tells nobody
        await asyncio.sleep(0.002)


class _Session(SMTP):
    """One connection."""

    def __init__(self, server: MailServer, **options: Any) -> None:
        super().__init__(server, hostname="mail.example", ident="test", **options)
        self.server = server
        self.greeted = self.admitted = False
        self.lost = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.server.open.add(self)

    def connection_lost(self, error: Exception | None) -> None:
        super().connection_lost(error)
        self.server.open.discard(self)
        self.lost.set()

    def drop(self) -> None:
        assert isinstance(self.transport, asyncio.Transport)
        self.transport.abort()

    async def obey(self, answer: str) -> str:
        """Do what a script says; returns what is left to say."""
        if answer == DROP:
            self.drop()
            raise asyncio.CancelledError
        if answer == HANG:
            while self.server.hung is not None:
                for _ in range(20):  # in which a client in the same loop has come to wait for the answer
                    await asyncio.sleep(0)
                self.server.hung()
            await asyncio.Event().wait()
        return answer

    async def _scripted(self, stage: str) -> bool:
        """Whether the script has spoken in the server's place."""
        answer = await self.obey(self.server.answer(stage))
        if not answer:
            return False
        await super().push(answer)
        if answer.startswith("421") and self.transport is not None:
            self.transport.close()
        return True

    async def push(self, status: Any) -> None:
        if not self.greeted:
            self.greeted = True
            self.server.connections += 1
            most = self.server.most_connections
            if most is not None and sum(each.admitted for each in self.server.open) >= most:
                await super().push("421 4.7.0 too many connections")
                assert self.transport is not None
                self.transport.close()
                return
            self.admitted = True
            if await self._scripted("greeting"):
                return
        await super().push(status)
        if str(status).startswith("421") and self.transport is not None:
            self.transport.close()

    async def smtp_EHLO(self, hostname: str) -> None:
        if not await self._scripted("EHLO"):
            await super().smtp_EHLO(hostname)

    async def smtp_HELO(self, hostname: str) -> None:
        if not await self._scripted("HELO"):
            await super().smtp_HELO(hostname)

    async def smtp_AUTH(self, arg: str) -> None:
        if not await self._scripted("AUTH"):
            await super().smtp_AUTH(arg)

    async def smtp_MAIL(self, arg: str | None) -> None:
        if not await self._scripted("MAIL"):
            await super().smtp_MAIL(arg)

    async def smtp_RCPT(self, arg: str | None) -> None:
        if any(f"@{domain}>" in (arg or "") for domain in self.server.shut):
            await super().push("421 4.7.0 not now")
            assert self.transport is not None
            self.transport.close()
        elif not await self._scripted("RCPT"):
            await super().smtp_RCPT(arg)

    async def smtp_DATA(self, arg: str) -> None:
        if not await self._scripted("DATA"):
            await super().smtp_DATA(arg)


@asynccontextmanager
async def mail_server(
    server: MailServer | None = None,
    *,
    tls: ssl.SSLContext | None = None,
    starttls: bool = False,
    password: str | None = None,
) -> AsyncIterator[MailServer]:
    """A server on a free port of 127.0.0.1, or one with ways of its own; with `tls` from the first byte, or after
    STARTTLS.
    """
    server = server or MailServer()

    def authenticated(*asked: Any) -> AuthResult:
        return AuthResult(success=asked[-1].password == (password or "").encode(), handled=False)

    options: dict[str, Any] = {}
    if tls is not None and starttls:
        options |= {"tls_context": tls, "require_starttls": True}
    if password is not None:
        options |= {"authenticator": authenticated, "auth_required": True, "auth_require_tls": False}

    def session() -> _Session:
        with warnings.catch_warnings(action="ignore", category=UserWarning):  # a password without TLS: on loopback
            return _Session(server, **options)

    listening = await asyncio.get_running_loop().create_server(session, "127.0.0.1", 0, ssl=None if starttls else tls)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()
        server.close_connections()
        await asyncio.gather(*(session.lost.wait() for session in list(server.open)))


def self_signed(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """A server's context with a fresh certificate for 127.0.0.1 that nobody vouches for, and the certificate's file."""
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=127.0.0.1"
    extension = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*command.split(), *extension], check=True, capture_output=True)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    return context, certificate


def sink_program() -> str | None:
    """Where Postfix's smtp-sink is; None where it is not."""
    return shutil.which("smtp-sink") or shutil.which("smtp-sink", path="/usr/sbin:/usr/lib/postfix/sbin")


def free_port() -> int:
    """A port of 127.0.0.1 that nothing listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextmanager
def smtp_sink(*flags: str, port: int | None = None) -> Iterator[int]:
    """smtp-sink with its fault flags on a loopback port, answering when the block begins."""
    program = sink_program()
    assert program is not None
    port = port or free_port()
    with subprocess.Popen(
        [program, "-u", "nobody", *flags, f"127.0.0.1:{port}", "100"], stderr=subprocess.DEVNULL
    ) as sink:
        try:
            while True:
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
                assert sink.poll() is None
            yield port
        finally:
            sink.terminate()
