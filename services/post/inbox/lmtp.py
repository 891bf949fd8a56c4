"""The listener that a mail server on this machine hands messages over to (LMTP, RFC 2033).

A message is kept before any of its recipients is answered 250. What does not end in one (the connection broke in its
middle, the disk is full, the database is away) stays with the mail server, which tries again. However large a message
is, no more than `IN_MEMORY` bytes of it are held in memory.

Source: RFC 2033; RFC 5321 sections 4.5.2 and 4.5.3; RFC 3463.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from socket import socket
from typing import IO, Any

import structlog
from aiosmtpd.lmtp import LMTP
from aiosmtpd.smtp import Envelope, Session, syntax
from sqlalchemy.exc import SQLAlchemyError

from services.foundation.documents import PIECE
from services.foundation.trouble import DatabaseTrouble
from services.post.inbox.keep import Keeper

log = structlog.get_logger()

IN_MEMORY = 1 << 20  # bytes of one message; what is over waits in a file
GATHERED = 1 << 16  # bytes that are written at once
CONNECTIONS = 20
RECIPIENTS = 100  # of one message; a mail server sends the rest of them once more
IDLE = 300.0  # seconds after which a silent connection is ended
NOTE_WITHIN = 60.0  # seconds that disk and database may take
END = b".\r\n"

TAKEN = "250 2.0.0 kept"
NO_ROOM = "452 4.3.1 no room to keep the message: try again later"
AWAY = "451 4.3.0 the message cannot be kept just now: try again later"
TOO_LARGE = "552 5.3.4 the message is larger than is taken here"
TOO_MANY = "452 4.5.3 too many recipients: send the message to the others after this one"
STOPPING = "421 4.3.2 stopping: try again in a moment"
BUSY = "421 4.3.2 too many connections: try again in a moment"


@dataclass(slots=True)
class Listener:
    """What every connection of the listener shares. `came` is told how each message ended: `fresh`, `known`, or why it
    was not taken.
    """

    keeper: Keeper
    most: int
    came: Callable[[str], None]
    connections: set[_Connection] = field(default_factory=set)
    stopping: bool = False
    idle: asyncio.Event = field(default_factory=asyncio.Event)  # once it stops: no connection is left

    async def listen(self, on: socket) -> asyncio.Server:
        """Take connections on a socket."""
        return await asyncio.get_running_loop().create_server(lambda: _Connection(self), sock=on)

    def stop(self) -> None:
        """Take no more messages: who asks is told to come back. What is being kept may come to its end."""
        self.stopping = True
        self._note_idle()
        for connection in set(self.connections):
            connection.end_if_idle()

    def gone(self, connection: _Connection) -> None:
        """A connection has ended."""
        self.connections.discard(connection)
        self._note_idle()

    def _note_idle(self) -> None:
        if self.stopping and not self.connections:
            self.idle.set()

    def done(self, connection: _Connection) -> None:
        """A connection has no message in hand any more."""
        if self.stopping:
            connection.end_if_idle()

    async def handle_RCPT(  # noqa: N802  # the library's name
        self, _server: LMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if len(envelope.rcpt_tos) >= RECIPIENTS:
            return TOO_MANY
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 2.1.5 OK"

    async def handle_exception(self, error: Exception) -> str:
        """What a client reads where the software tripped: not over what."""
        log.error("lmtp_failed", exc_info=error)
        return AWAY

    async def keep(self, content: IO[bytes], envelope: Envelope) -> str:
        """Keep a message that came whole; returns the answer."""
        content.seek(0)
        try:
            async with asyncio.timeout(NOTE_WITHIN):
                came = await asyncio.to_thread(
                    self.keeper.write,
                    iter(lambda: content.read(PIECE), b""),
                    {"way": "lmtp"},
                    sender=envelope.mail_from or "",
                    recipients=[str(each) for each in envelope.rcpt_tos],
                )
                fresh = await self.keeper.note([came])
        except OSError as wrong:
            log.warning("mail_not_kept", reason=type(wrong).__name__, exc_info=wrong)
            self.came("not_kept")
            return AWAY if isinstance(wrong, TimeoutError) else NO_ROOM
        except (DatabaseTrouble, SQLAlchemyError) as wrong:
            log.warning("mail_not_kept", reason=type(wrong).__name__, exc_info=wrong)
            self.came("not_kept")
            return AWAY
        self.came("fresh" if fresh else "known")
        return TAKEN


class _Connection(LMTP):
    """One connection. The library speaks the protocol; the content goes to a file in place of its memory."""

    def __init__(self, listener: Listener) -> None:
        super().__init__(
            listener,
            data_size_limit=listener.most,
            enable_SMTPUTF8=True,
            hostname="localhost",
            ident="Quorate LMTP",
            timeout=IDLE,
        )
        self.listener = listener
        self.in_hand = False  # a message is on its way

    async def _handle_client(self) -> None:
        listener = self.listener
        refused = STOPPING if listener.stopping else BUSY if len(listener.connections) >= CONNECTIONS else None
        if refused is not None:
            await self.push(refused)
            self._writer.close()
            return
        listener.connections.add(self)
        await super()._handle_client()

    def connection_lost(self, error: Exception | None) -> None:
        self.listener.gone(self)
        super().connection_lost(error)

    def end_if_idle(self) -> None:
        """Take leave, unless a message is on its way."""
        if not self.in_hand and isinstance(self.transport, asyncio.Transport):
            self.transport.write(f"{STOPPING}\r\n".encode())
            self.transport.close()

    async def push(self, status: str | Any) -> None:
        """Answer; where a message is declared too large, with the code that says so to a machine."""
        if isinstance(status, str) and status.startswith("552 Error:"):
            status = TOO_LARGE
        await super().push(status)

    @syntax("DATA")
    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802  # the library's name
        if await self.check_helo_needed():
            return
        envelope = self.envelope
        assert envelope is not None
        if not envelope.rcpt_tos:
            await self.push("503 5.5.1 Error: need RCPT command")
            return
        if arg:
            await self.push("501 5.5.4 Syntax: DATA")
            return
        if self.listener.stopping:
            await self.push(STOPPING)
            return
        try:
            # In the folder of the documents, where there must be room for it anyway.
            folder = self.listener.keeper.documents.made()
        except OSError as wrong:
            log.warning("mail_not_kept", reason=type(wrong).__name__, exc_info=wrong)
            await self.push(NO_ROOM)
            return
        await self.push("354 End data with <CR><LF>.<CR><LF>")
        self.in_hand = True
        try:
            with tempfile.SpooledTemporaryFile(IN_MEMORY, dir=str(folder)) as content:
                answer = await self._receive(content) or await self.listener.keep(content, envelope)
        except (asyncio.CancelledError, ConnectionError):
            self.listener.came("broken_off")  # the mail server has no answer, and sends it again
            raise
        except Exception:
            self._writer.close()  # what is left of the content must not be read as commands
            raise
        finally:
            self.in_hand = False
        # One answer for each recipient (RFC 2033, section 4.2): all of them stand on the one message that is kept.
        answers = "\r\n".join([answer] * len(envelope.rcpt_tos))
        self._set_post_data_state()  # type: ignore[no-untyped-call]  # the library's
        await self.push(answers)
        self.listener.done(self)

    async def _receive(self, content: IO[bytes]) -> str | None:
        """Read a message to its end, whatever becomes of it; returns why it cannot be taken, None where it can."""
        refused: str | None = None
        size = 0
        async for piece in self._content():
            size += len(piece)
            if refused is None and size > self.listener.most:
                refused = TOO_LARGE
            if refused is not None:
                continue
            try:
                content.write(piece)
            except OSError as full:
                log.warning("mail_not_kept", reason=type(full).__name__, exc_info=full)
                refused = NO_ROOM
        if refused is not None:
            self.listener.came("too_large" if refused is TOO_LARGE else "not_kept")
        return refused

    async def _content(self) -> AsyncIterator[bytes]:
        """The content piece by piece, without the dots that were put before lines that begin with one. It ends at a
        line of one dot, and only at one between CR LF and CR LF: a lone LF ends no line.
        """
        gathered = bytearray()
        begins = True  # what comes is the beginning of a line
        while True:
            try:
                piece = await self._reader.readuntil(b"\r\n")
                if begins and piece == END:
                    yield bytes(gathered)
                    return
                ends = True
            except asyncio.LimitOverrunError as long:
                piece, ends = await self._reader.read(long.consumed), False
            gathered += piece[1:] if begins and piece.startswith(b".") else piece
            begins = ends
            if len(gathered) >= GATHERED:
                self._reset_timeout()
                yield bytes(gathered)
                gathered.clear()
