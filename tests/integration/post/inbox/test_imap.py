"""A real mailbox is read: everything in it is kept once and put away, whatever happens to the server."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from imapclient import SEEN

from services.bootstrap import House
from services.foundation.servers import ImapMailbox
from services.post.inbox import imap
from services.post.inbox.imap import Mailbox, MailboxRefused, MailboxTrouble
from services.running.mail_in import Fetching, Sorting, keeper_of
from services.running.process import Process
from tests.dovecot import PASSWORD, USER, Dovecot, mail, missing, running_dovecot
from tests.integration.post.inbox.partnership import answered, asked, rows

pytestmark = [pytest.mark.imap, pytest.mark.parametrize("store", ["sqlite"], indirect=True)]

WITHIN = 20.0


async def comes_true(what: Callable[[], Any], within: float = WITHIN) -> None:
    """Wait until something is so."""
    until = monotonic() + within
    while True:
        found = what()
        if await found if asyncio.iscoroutine(found) else found:
            return
        assert monotonic() < until, "it did not come true"
        await asyncio.sleep(0.05)


async def kept(house: House) -> int:
    return len(await rows(house))


def in_mailbox(server: Dovecot) -> tuple[int, int]:
    """How many messages wait on the server, and how many were put away."""
    return server.count("INBOX"), server.count("Quorate")


async def are_put_away(server: Dovecot, count: int, within: float = WITHIN) -> None:
    async def so() -> bool:
        return await asyncio.to_thread(in_mailbox, server) == (0, count)

    await comes_true(so, within)


@asynccontextmanager
async def reading(house: House, server: Dovecot) -> AsyncIterator[Process]:
    """The mailbox as a process reads it, until the end of the block."""
    process = Process(house)
    running = asyncio.create_task(process.run(Fetching(house, ImapMailbox(server.url)), Sorting(house, 0.1)))
    try:
        yield process
    finally:
        process.stop()
        await running


async def test_what_comes_is_kept_sorted_and_put_away_as_it_comes(house: House, dovecot: Dovecot) -> None:
    camhs, _ = await asked(house)
    dovecot.put(mail(1), mail(2))
    with dovecot.client() as client:  # somebody has read one of them already
        client.select_folder("INBOX")
        client.add_flags([1], [SEEN])
    async with reading(house, dovecot):
        await are_put_away(dovecot, 2)
        dovecot.deliver(camhs.reply_address, camhs.answers())

        async def seen() -> bool:
            return await answered(house) == {"camhs-1": "accepted"}

        await comes_true(seen)
        await are_put_away(dovecot, 3)
    with dovecot.client() as client:
        client.select_folder("Quorate")
        assert all(SEEN in each[b"FLAGS"] for each in client.fetch(client.search(), ["FLAGS"]).values())
    assert await kept(house) == 3


async def test_a_server_that_is_down_for_a_while_is_read_again_and_nothing_is_lost(
    house: House, dovecot: Dovecot, counted: Callable[[str], None]
) -> None:
    downs = 3
    async with reading(house, dovecot) as process:
        for number in range(downs):
            dovecot.put(mail(2 * number))
            await are_put_away(dovecot, 2 * number + 1)
            dovecot.kill()
            await comes_true(lambda: process.pulses["imap"].waits is not None)
            assert process.alive() == {}
            dovecot.start()
            dovecot.put(mail(2 * number + 1))
            await are_put_away(dovecot, 2 * number + 2)
    assert await kept(house) == 2 * downs
    counted(f"mailbox server killed {downs} times and started again: {2 * downs} messages put in, {2 * downs} kept")


async def test_a_server_killed_in_the_middle_of_a_message_has_it_fetched_whole_later(
    house: House, dovecot: Dovecot, monkeypatch: pytest.MonkeyPatch, counted: Callable[[str], None]
) -> None:
    monkeypatch.setattr(imap, "PIECE", 1 << 16)
    large = mail(1, body="\r\n".join(["A line of seventy letters, as a mail program would write it out."] * 20_000))
    dovecot.put(large)
    broken = threading.Event()
    whole = Mailbox._pieces

    def pieces(self: Mailbox, *given: Any) -> Any:
        for number, piece in enumerate(whole(self, *given)):
            yield piece
            if number == 5 and not broken.is_set():
                broken.set()
                dovecot.kill()

    monkeypatch.setattr(Mailbox, "_pieces", pieces)
    async with reading(house, dovecot) as process:
        await comes_true(broken.is_set)
        await comes_true(lambda: process.pulses["imap"].waits is not None)
        assert await kept(house) == 0
        dovecot.start()
        await are_put_away(dovecot, 1)
    [row] = await rows(house)
    assert row["size"] >= len(large)
    counted(f"mailbox server killed after 6 pieces of a message of {len(large):,} bytes: 1 put in, 1 kept whole")


class Once(Mailbox):
    """Looks through the folder once, and leaves."""

    def _wait(self, _client: Any) -> None:
        self.stop()


@dataclass
class Looking:
    """One look at a mailbox after the other, without a process around it."""

    house: House
    server: Dovecot
    loop: asyncio.AbstractEventLoop
    noted: list[int] = field(default_factory=list)
    fail: bool = False

    def keep(self, some: Any) -> None:
        if self.fail:
            raise OSError("the process ended here")
        self.noted.append(asyncio.run_coroutine_threadsafe(keeper_of(self.house).note(some), self.loop).result())

    async def once(self) -> None:
        """Connect, look through the folder once, and leave."""
        mailbox = Once(ImapMailbox(self.server.url), keeper_of(self.house), self.keep, lambda: None, lambda: None)
        await asyncio.to_thread(mailbox.run)


def looking(house: House, server: Dovecot) -> Looking:
    return Looking(house, server, asyncio.get_running_loop())


async def test_what_was_kept_and_not_put_away_is_known_the_next_time(
    house: House, dovecot: Dovecot, monkeypatch: pytest.MonkeyPatch
) -> None:
    dovecot.put(mail(1), mail(2))
    look = looking(house, dovecot)
    with monkeypatch.context() as patched:
        patched.setattr(Mailbox, "_put_away", _ends_here)
        with pytest.raises(MailboxTrouble):
            await look.once()
    assert (await kept(house), in_mailbox(dovecot)) == (2, (2, 0))
    await look.once()
    assert (await kept(house), in_mailbox(dovecot), look.noted) == (2, (0, 2), [2, 0])


def _ends_here(*_: Any) -> int:
    raise OSError("the process ended here")


async def test_what_could_not_be_noted_stays_on_the_server(house: House, dovecot: Dovecot) -> None:
    dovecot.put(mail(1))
    look = looking(house, dovecot)
    look.fail = True
    with pytest.raises(MailboxTrouble):
        await look.once()
    assert (await kept(house), in_mailbox(dovecot)) == (0, (1, 0))
    look.fail = False
    await look.once()
    assert (await kept(house), in_mailbox(dovecot)) == (1, (0, 1))


async def test_a_mailbox_that_was_rebuilt_is_read_like_any_other(house: House, dovecot: Dovecot) -> None:
    look = looking(house, dovecot)
    dovecot.put(mail(1))
    await look.once()
    with dovecot.client() as client:
        before = client.select_folder("INBOX")[b"UIDVALIDITY"]
    dovecot.kill()
    box = dovecot.run / "mail" / "box"
    for index in box.glob("dovecot.index*"):
        index.unlink()
    uids = box / "dovecot-uidlist"
    uids.write_text(uids.read_text().replace(f" V{before} ", f" V{before + 1_000} "))
    dovecot.start()
    dovecot.put(mail(1), mail(2))
    with dovecot.client() as client:
        assert client.select_folder("INBOX")[b"UIDVALIDITY"] != before
    await look.once()
    assert look.noted == [1, 1]
    assert await kept(house) == 2
    assert in_mailbox(dovecot)[0] == 0


@pytest.mark.parametrize("capability", ["IMAP4rev1 IDLE UIDPLUS", "IMAP4rev1"])
async def test_a_server_that_knows_no_move_is_emptied_all_the_same(
    house: House, tmp_path: Path, require: Callable[[str, bool, str], None], capability: str
) -> None:
    require("dovecot", *missing())
    with running_dovecot(tmp_path / "plain", capability=capability) as server:
        look = looking(house, server)
        server.put(mail(1), mail(2))
        await look.once()
        await look.once()
        assert look.noted == [2]
        assert server.count("Quorate") == 2
        with server.client() as client:
            client.select_folder("INBOX")
            assert client.search("UNDELETED") == []


async def test_where_no_folder_can_be_made_what_was_kept_is_marked(house: House, dovecot: Dovecot) -> None:
    look = looking(house, dovecot)
    dovecot.put(*(mail(number) for number in range(5)))
    (dovecot.run / "mail" / "box" / ".Quorate").write_text("in the way")
    await look.once()
    dovecot.put(mail(5))
    await look.once()
    await look.once()
    assert look.noted == [5, 1]
    assert dovecot.count("INBOX") == 6


async def test_a_password_that_is_refused_is_said_and_not_tried_all_the_time(house: House, dovecot: Dovecot) -> None:
    place = ImapMailbox(dovecot.url.replace(PASSWORD, "another"))
    mailbox = Mailbox(place, keeper_of(house), lambda _: None, lambda: None, lambda: None)
    with pytest.raises(MailboxRefused, match="check the name and the password"):
        await asyncio.to_thread(mailbox.run)
    process = Process(house)
    running = asyncio.create_task(process.run(Fetching(house, place)))
    try:
        await comes_true(lambda: "password" in (process.pulses["imap"].waits or "" if process.pulses else ""))
        assert PASSWORD not in str(process.pulses["imap"].waits)
    finally:
        process.stop()
        await running


def own_certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for localhost that nobody vouches for, and its key."""
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    where = ["-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*made, *where], check=True, capture_output=True)
    return certificate, key


async def test_a_certificate_that_nobody_vouches_for_is_not_believed(
    house: House, tmp_path: Path, require: Callable[[str, bool, str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    require("dovecot", *missing())
    certificate, key = await asyncio.to_thread(own_certificate, tmp_path)
    with running_dovecot(tmp_path / "tls", certificate=(certificate, key)) as server:
        server.put(mail(1))
        place = ImapMailbox(f"imaps://{USER}:{PASSWORD}@localhost:{server.imaps}/INBOX")
        noted: list[int] = []
        mailbox = Once(place, keeper_of(house), lambda some: noted.append(len(some)), lambda: None, lambda: None)
        with pytest.raises(MailboxRefused, match="certificate"):
            await asyncio.to_thread(mailbox.run)
        assert noted == []
        context = ssl.create_default_context(cafile=str(certificate))
        monkeypatch.setattr(ssl, "create_default_context", lambda: context)
        mailbox.stopping.clear()
        await asyncio.to_thread(mailbox.run)
        assert noted == [1]


async def test_more_than_is_asked_for_at_once_is_taken_whole(
    house: House, dovecot: Dovecot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imap, "WINDOW", 7)
    monkeypatch.setattr(imap, "TOGETHER", 3)
    dovecot.put(*(mail(number) for number in range(30)))
    look = looking(house, dovecot)
    await look.once()
    assert (await kept(house), in_mailbox(dovecot), sum(look.noted)) == (30, (0, 30), 30)
