"""One message after the other over an open connection to the mail server.

`aiosmtplib` opens the connection: TLS, greeting, authentication. For each message it would parse the addresses,
search the message for stray line ends, and wait for an answer after each command, which is most of what a send costs.
Addresses here were judged when they came in and messages have CRLF lines by construction, so both are given as they
are; and where the server offers PIPELINING (RFC 2920), the commands before the content go out together. What the
server answers is raised as `aiosmtplib` would raise it.

Where the server offers DSN (RFC 3461), it is asked to give back the headers alone, not what a message says of a child;
to name the message as we do; and, where somebody reads it, to say that a message has arrived.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Self

import aiosmtplib
from aiosmtplib import SMTPStatus

LONGEST_ANSWER = 64 * 1024

# What a server answers that offers DSN and does not take it.
NOT_TAKEN = frozenset({501, 504, 555})

Answer = tuple[int, str]


class LostWithContent(aiosmtplib.SMTPException):
    """The connection went with the content on its way: nobody knows whether the server took it."""


class _Answers(asyncio.Protocol):
    """What the server says, one answer after the other."""

    def __init__(self) -> None:
        self.buffer = bytearray()
        self.ended = self.late = False
        self.waiter: asyncio.Future[None] | None = None

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        self._wake()

    def eof_received(self) -> None:
        self.ended = True
        self._wake()

    def connection_lost(self, _: Exception | None) -> None:
        self.eof_received()

    def give_up(self) -> None:
        """Time is up: whoever waits for an answer waits no more."""
        self.late = True
        self._wake()

    def _wake(self) -> None:
        if self.waiter is not None and not self.waiter.done():
            self.waiter.set_result(None)

    def take(self) -> Answer | None:
        """The next answer, however many lines it has: its code, and its text. None where it has not come yet."""
        end = self._end_of_answer()
        if end is None:
            return None
        lines = bytes(self.buffer[:end]).decode("utf-8", "replace").splitlines()
        del self.buffer[:end]
        code = lines[-1][:3]
        if not (code.isascii() and code.isdigit()):
            raise aiosmtplib.SMTPResponseException(-1, "the answer has no code")
        return int(code), "\n".join(line[4:].strip() for line in lines)

    async def next(self) -> Answer:
        """Wait for the next answer."""
        while (answer := self.take()) is None:
            if self.late:
                raise aiosmtplib.SMTPReadTimeoutError("the server did not answer in time")
            if self.ended:
                raise aiosmtplib.SMTPServerDisconnected("the server ended the connection")
            if len(self.buffer) > LONGEST_ANSWER:
                raise aiosmtplib.SMTPResponseException(-1, "the answer has no end")
            self.waiter = asyncio.get_running_loop().create_future()
            await self.waiter
        return answer

    def _end_of_answer(self) -> int | None:
        start = 0
        while (end := self.buffer.find(b"\n", start)) >= 0:
            if self.buffer[start + 3 : start + 4] != b"-":
                return end + 1
            start = end + 1
        return None


class Line:
    """One open connection, for one message at a time."""

    def __init__(
        self, transport: asyncio.Transport, *, pipelined: bool, sized: bool, reporting: bool, timeout: float
    ) -> None:
        self._transport = transport
        self._pipelined, self._sized, self._reporting, self._timeout = pipelined, sized, reporting, timeout
        self._answers = _Answers()
        transport.set_protocol(self._answers)

    @classmethod
    async def open(cls, client: aiosmtplib.SMTP, seconds: float) -> Self:
        """Connect and greet; raises what `aiosmtplib` raises. `seconds` is for each answer that follows."""
        await client.connect()
        if client.is_ehlo_or_helo_needed:
            try:
                await client.ehlo()
            except aiosmtplib.SMTPHeloError:
                await client.helo()
        transport = client.transport
        if not isinstance(transport, asyncio.Transport):
            raise aiosmtplib.SMTPServerDisconnected("the server ended the connection")
        offers = client.supports_extension
        return cls(
            transport,
            pipelined=offers("pipelining"),
            sized=offers("size"),
            reporting=offers("dsn"),
            timeout=seconds,
        )

    @property
    def is_connected(self) -> bool:
        """Whether another message may be tried: the server has neither ended the connection nor said anything
        unasked.
        """
        return not (self._transport.is_closing() or self._answers.ended or self._answers.buffer)

    def close(self) -> None:
        """End the connection without a word."""
        self._transport.close()

    async def quit(self) -> None:
        """Take leave, and end the connection."""
        await self._say(b"QUIT\r\n")
        self.close()

    async def hand_over(
        self, sender: str, to: str, content: bytes, name: str = "", *, tell_of_arrival: bool = False
    ) -> None:
        """Send `content` (CRLF lines, the last one ended) to one recipient; returns once the server has taken it.

        `name` is what reports on the message are to call it, at most 100 letters, digits, dots and hyphens; without one
        none are asked for. `tell_of_arrival`: one is wanted where it arrives, too.

        Raises `SMTPSenderRefused`, `SMTPRecipientsRefused` or `SMTPDataError` with the server's code, `LostWithContent`
        where the connection broke or timed out while the content was on its way, and what `aiosmtplib` raises where it
        did so before; `ValueError` for an address that could be read as a command.
        """
        if not (_is_plain(sender) and _is_plain(to)):
            raise ValueError("an address with a control character, a space or a bracket is not sent to")
        of_mail = f" SIZE={len(content)}" if self._sized else ""
        of_rcpt = ""
        reporting = self._reporting and bool(name)
        if reporting:
            of_mail += f" RET=HDRS ENVID={_xtext(name)}"
            of_rcpt = f" NOTIFY=SUCCESS,FAILURE,DELAY ORCPT=rfc822;{_xtext(to)}" if tell_of_arrival else ""
        commands = [f"MAIL FROM:<{sender}>{of_mail}\r\n".encode(), f"RCPT TO:<{to}>{of_rcpt}\r\n".encode(), b"DATA\r\n"]
        try:
            await self._begin(commands, sender, to)
            await self._give(content)
        except (aiosmtplib.SMTPResponseException, aiosmtplib.SMTPRecipientsRefused) as refused:
            await self._reset()
            if not (reporting and _is_about_parameters(refused)):
                raise
        else:
            return
        self._reporting = False
        await self.hand_over(sender, to, content)

    async def _begin(self, commands: Sequence[bytes], sender: str, to: str) -> None:
        """Everything before the content: together where the server can take it so, one by one where not."""
        if self._pipelined:
            self._transport.write(b"".join(commands))
        refused: Exception | None = None
        for number, command in enumerate(commands):
            code, text = await (self._heard() if self._pipelined else self._say(command))
            ready = number == len(commands) - 1 and code == SMTPStatus.start_input
            if ready and refused is not None:
                await self._say(b".\r\n")  # a server that is ready all the same gets nothing
            if refused is None and not ready and not (number < 2 and 200 <= code < 300):
                refused = _refusal(number, code, text, sender, to)
            if refused is not None and (not self._pipelined or code == SMTPStatus.domain_unavailable):
                break
        if refused is not None:
            raise refused

    async def _give(self, content: bytes) -> None:
        """Give the content, and wait for the server's word on it."""
        try:
            code, text = await self._say(_for_the_wire(content))
        except (
            aiosmtplib.SMTPServerDisconnected,
            aiosmtplib.SMTPTimeoutError,
            aiosmtplib.SMTPResponseException,
        ) as lost:
            raise LostWithContent(type(lost).__name__) from lost
        if code != SMTPStatus.completed:
            raise aiosmtplib.SMTPDataError(code, text)

    async def _say(self, said: bytes) -> Answer:
        if self._transport.is_closing():
            raise aiosmtplib.SMTPServerDisconnected("the connection is closed")
        self._transport.write(said)
        return await self._heard()

    async def _heard(self) -> Answer:
        answer = self._answers.take()  # of commands given together, most answers come together
        if answer is not None:
            return answer
        watch = asyncio.get_running_loop().call_later(self._timeout, self._answers.give_up)
        try:
            return await self._answers.next()
        except aiosmtplib.SMTPTimeoutError:
            self.close()
            raise
        finally:
            watch.cancel()

    async def _reset(self) -> None:
        """Let the server forget the half-made message; where that fails the next send will tell."""
        try:
            await self._say(b"RSET\r\n")
        except (aiosmtplib.SMTPException, OSError):
            self.close()


def _refusal(number: int, code: int, text: str, sender: str, to: str) -> Exception:
    if number == 0:
        return aiosmtplib.SMTPSenderRefused(code, text, sender)
    if number == 1:
        return aiosmtplib.SMTPRecipientsRefused([aiosmtplib.SMTPRecipientRefused(code, text, to)])
    return aiosmtplib.SMTPDataError(code, text)


def _for_the_wire(content: bytes) -> bytes:
    """The message with a dot more on each line that begins with one, and the line that ends it."""
    if content.startswith(b"."):
        content = b"." + content
    return content.replace(b"\r\n.", b"\r\n..") + b".\r\n"


def _is_about_parameters(refused: Exception) -> bool:
    """Whether a command may have been refused for what was asked with it, rather than for whom it named."""
    if isinstance(refused, aiosmtplib.SMTPRecipientsRefused):
        return refused.recipients[0].code in NOT_TAKEN
    return isinstance(refused, aiosmtplib.SMTPSenderRefused) and refused.code in NOT_TAKEN


def _xtext(value: str) -> str:
    """A value as it stands in a command's parameter. Source: RFC 3461 section 4."""
    return value.replace("+", "+2B").replace("=", "+3D")


def _is_plain(address: str) -> bool:
    return address.isascii() and address.isprintable() and not any(sign in address for sign in " <>")
