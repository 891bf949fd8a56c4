"""Mail that a server on this machine hands over (LMTP): answered 250 once it is kept, and never before."""

from __future__ import annotations

import asyncio
import errno
import socket
import tracemalloc
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiosmtplib
import pytest

from services.bootstrap import House
from services.foundation.documents import Documents
from services.foundation.trouble import DatabaseTrouble
from services.post.inbox import lmtp
from services.post.inbox.keep import Keeper
from services.post.inbox.lmtp import Listener
from services.running.mail_in import keeper_of, sorter_of
from tests.dovecot import mail
from tests.integration.post.inbox.partnership import answered, asked, rows

pytestmark = pytest.mark.parametrize("store", ["sqlite"], indirect=True)


@dataclass
class Answer:
    """What the listener said, and the codes of its lines."""

    lines: list[str]

    @property
    def codes(self) -> list[str]:
        return [line[:3] for line in self.lines]


@dataclass
class Client:
    """Speaks LMTP word by word."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def answers(self, count: int = 1) -> Answer:
        """The next answers, each to its last line."""
        lines = []
        while count:
            line = (await asyncio.wait_for(self.reader.readuntil(b"\r\n"), 20)).decode().rstrip()
            if line[3:4] != "-":
                count -= 1
                lines.append(line)
        return Answer(lines)

    async def say(self, command: str | bytes, count: int = 1) -> Answer:
        self.writer.write((command.encode() if isinstance(command, str) else command) + b"\r\n")
        return await self.answers(count)

    async def begin(self, *recipients: str) -> None:
        """Up to the content."""
        for command in ("MAIL FROM:<alex@agencies.gov.example>", *(f"RCPT TO:<{each}>" for each in recipients)):
            assert (await self.say(command)).codes == ["250"]
        assert (await self.say("DATA")).codes == ["354"]

    async def send(self, content: bytes, *recipients: str) -> Answer:
        await self.begin(*recipients)
        return await self.say(content.replace(b"\r\n.", b"\r\n..") + b".", len(recipients))


@dataclass
class Listening:
    house: House
    listener: Listener
    port: int
    came: Counter[str] = field(default_factory=Counter)

    @asynccontextmanager
    async def client(self) -> AsyncIterator[Client]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        client = Client(reader, writer)
        try:
            assert (await client.answers()).codes == ["220"]
            assert (await client.say("LHLO mail.quorate.example")).codes == ["250"]
            yield client
        finally:
            writer.close()


@pytest.fixture
async def listening(house: House) -> AsyncIterator[Listening]:
    with socket.socket() as on:
        on.bind(("127.0.0.1", 0))
        came: Counter[str] = Counter()
        listener = Listener(keeper_of(house), 1_000_000, lambda how: came.update([how]))
        server = await listener.listen(on)
        yield Listening(house, listener, on.getsockname()[1], came)
        server.close()
        listener.stop()
        await asyncio.wait_for(listener.idle.wait(), 10)


async def stored(house: House) -> list[bytes]:
    documents = Documents(house.settings.documents_folder)
    return [documents.read(row["mail_id"]) for row in await rows(house)]


async def test_each_recipient_has_an_answer_and_the_message_is_kept_with_its_envelope(listening: Listening) -> None:
    async with listening.client() as client:
        answer = await client.send(mail(1), "one@quorate.example", "two@quorate.example")
    assert answer.codes == ["250", "250"]
    assert await stored(listening.house) == [
        b"Return-Path: <alex@agencies.gov.example>\r\nDelivered-To: one@quorate.example\r\n"
        b"Delivered-To: two@quorate.example\r\n" + mail(1)
    ]
    [row] = await rows(listening.house)
    assert (row["recipients"], row["origin"]) == (["one@quorate.example", "two@quorate.example"], {"way": "lmtp"})


async def test_an_answer_handed_over_is_what_the_coordinator_sees(listening: Listening) -> None:
    camhs, _ = await asked(listening.house)
    async with listening.client() as client:
        raw = camhs.answers(to="somebody@elsewhere.example")  # the envelope has the token, and it is enough
        assert (await client.send(raw, camhs.reply_address)).codes == ["250"]
        assert (await client.send(raw, camhs.reply_address)).codes == ["250"]
    await sorter_of(listening.house).sort()
    assert await answered(listening.house) == {"camhs-1": "accepted"}
    assert listening.came == {"fresh": 1, "known": 1}


async def test_several_messages_come_over_one_connection_as_a_client_of_somebody_elses_sends_them(
    listening: Listening,
) -> None:
    class Client(aiosmtplib.SMTP):
        async def ehlo(self, *_: Any, **__: Any) -> Any:
            answer = await self.execute_command(b"LHLO", b"mail.quorate.example")
            self.last_ehlo_response = answer
            return answer

    client = Client(hostname="127.0.0.1", port=listening.port, start_tls=False)
    async with client:
        for number in range(3):
            await client.sendmail("a@b.example", ["one@quorate.example"], mail(number))
    assert len(await rows(listening.house)) == 3


@pytest.mark.parametrize(
    "body",
    [
        b".\r\n..\r\n.begins with a dot\r\n",
        b"a lone line feed\n.\nends nothing\r\n",
        b"nor does this\n.\r\nor this\r.\r\nor\r\n.\nthat\r\n",
        b"x" * 5_000 + b"\r\n." + b"y" * 3_000 + b"\r\n",
        b"a" * 998 + b"." + b"\r\n" + b"b" * 1_000 + b"\r" + b"c" * 1_001 + b"\r\n",
    ],
)
async def test_the_content_is_kept_byte_for_byte(listening: Listening, body: bytes) -> None:
    head = b"From: a@b.example\r\n\r\n"
    async with listening.client() as client:
        assert (await client.send(head + body, "one@quorate.example")).codes == ["250"]
        assert (await client.say("NOOP")).codes == ["250"]
    [found] = await stored(listening.house)
    assert found.partition(b"one@quorate.example\r\n")[2] == head + body


async def test_a_connection_that_breaks_in_the_middle_leaves_nothing_and_the_message_comes_again(
    listening: Listening, counted: Callable[[str], None]
) -> None:
    breaks = 10
    for number in range(breaks):
        async with listening.client() as client:
            await client.begin("one@quorate.example")
            client.writer.write(mail(number)[: 40 * (number + 1)])
            await client.writer.drain()
            client.writer.transport.abort()
        async with listening.client() as client:
            assert (await client.send(mail(number), "one@quorate.example")).codes == ["250"]
    assert len(await rows(listening.house)) == breaks
    assert [each for each in listening.house.settings.documents_folder.iterdir() if not each.is_dir()] == []
    counted(f"{breaks} messages broken off in DATA and sent again: {breaks} kept, {listening.came['broken_off']} noted")


async def test_a_message_that_is_too_large_is_refused_for_good_declared_or_not(listening: Listening) -> None:
    async with listening.client() as client:
        assert (await client.say("MAIL FROM:<a@b.example> SIZE=1000001")).lines == [lmtp.TOO_LARGE]
        large = mail(1, body="\r\n".join(["seventy letters"] * 80_000))
        answer = await client.send(large, "one@quorate.example", "two@quorate.example")
        assert answer.lines == [lmtp.TOO_LARGE] * 2
        assert (await client.send(mail(2), "one@quorate.example")).codes == ["250"]
    assert len(await rows(listening.house)) == 1


async def test_while_the_disk_is_full_the_mail_server_keeps_the_message(
    listening: Listening, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_self: Documents, pieces: Iterable[bytes], _most: int | None = None) -> None:
        for _ in pieces:
            raise OSError(errno.ENOSPC, "No space left on device")

    async with listening.client() as client:
        with monkeypatch.context() as patched:
            patched.setattr(Documents, "keep", full)
            assert (await client.send(mail(1), "one@quorate.example")).lines == [lmtp.NO_ROOM]
        assert await rows(listening.house) == []
        assert (await client.send(mail(1), "one@quorate.example")).codes == ["250"]
    assert len(await rows(listening.house)) == 1


async def test_while_the_database_is_away_the_mail_server_keeps_the_message(
    listening: Listening, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: Any) -> None:
        raise DatabaseTrouble("postgresql://secret@host is away", passes=True)

    async with listening.client() as client:
        with monkeypatch.context() as patched:
            patched.setattr(Keeper, "note", away)
            assert (await client.send(mail(1), "one@quorate.example")).lines == [lmtp.AWAY]
        assert (await client.send(mail(1), "one@quorate.example")).codes == ["250"]
    assert len(await rows(listening.house)) == 1


async def test_a_slip_of_the_software_is_not_shown_and_nothing_of_the_message_is_taken_for_commands(
    listening: Listening, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def slip(*_: Any) -> None:
        raise RuntimeError("what nobody outside should read")

    async with listening.client() as client:
        with monkeypatch.context() as patched:
            patched.setattr(Listener, "keep", slip)
            await client.begin("one@quorate.example")
            client.writer.write(mail(1) + b".\r\nNOOP\r\n")
            said = await asyncio.wait_for(client.reader.read(), 20)
    assert b"nobody outside" not in said
    assert b"Traceback" not in said
    assert await rows(listening.house) == []


async def test_who_comes_while_it_stops_is_told_to_come_back_and_what_is_in_hand_is_finished(
    listening: Listening,
) -> None:
    async with listening.client() as client, listening.client() as idle:
        await client.begin("one@quorate.example")
        listening.listener.stop()
        assert (await idle.answers()).lines == [lmtp.STOPPING]
        answer = await client.say(mail(1) + b".", 1)
        assert answer.codes == ["250"]
    assert len(await rows(listening.house)) == 1


async def test_no_more_connections_are_served_at_once_than_there_is_room_for(
    listening: Listening, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lmtp, "CONNECTIONS", 2)
    async with listening.client(), listening.client():
        reader, writer = await asyncio.open_connection("127.0.0.1", listening.port)
        assert await asyncio.wait_for(reader.read(), 20) == f"{lmtp.BUSY}\r\n".encode()
        writer.close()


@pytest.mark.slow
async def test_a_message_of_50_megabytes_is_kept_in_little_memory(
    listening: Listening, counted: Callable[[str], None]
) -> None:
    listening.listener.most = 60 << 20
    line = b"A line of seventy letters, as a mail program would write it out again.\r\n"
    lines = (50 << 20) // len(line)
    tracemalloc.start()
    async with listening.client() as client:
        await client.begin("one@quorate.example")
        client.writer.write(b"From: a@b.example\r\n\r\n")
        for _ in range(lines // 1_000):
            client.writer.write(line * 1_000)
            await client.writer.drain()
        answer = await client.say(b".")
    await sorter_of(listening.house).sort()
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert answer.codes == ["250"]
    [row] = await rows(listening.house)
    assert (row["state"], row["why"]) == ("for_a_person", "too_large")
    assert most < 16 << 20
    counted(f"a message of {row['size']:,} bytes: kept, shown to a person; at most {most >> 20} MiB of memory for it")
