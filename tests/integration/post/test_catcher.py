"""The local catcher: each message a file, whole or not there, under the lines that a mail server puts on top."""

from __future__ import annotations

import asyncio
import email
import email.policy
import errno
import os
import shutil
import sys
from datetime import timedelta
from pathlib import Path

import aiosmtplib
import pytest

from services.bootstrap import LETTERS, House
from services.foundation import outbox
from services.foundation.settings import Settings
from services.intake.accept import Arrival
from services.post import catcher as post
from services.post.catcher import Catcher
from services.post.mailer import LEASE
from services.post.mime import assemble
from tests import events
from tests.clock import MovableClock

CONTENT = b"Subject: A meeting\r\n\r\n.a dot first\r\nand \xc3\xa9\r\n"


async def send(port: int, content: bytes = CONTENT, to: str = "inbox@trust.example") -> None:
    client = aiosmtplib.SMTP(hostname="127.0.0.1", port=port, start_tls=False)
    await client.connect()
    try:
        await client.sendmail("bounce+1@quorate.example", [to], content)
    finally:
        await client.quit()


def files(folder: Path) -> list[Path]:
    return sorted(folder.iterdir())


async def test_a_message_is_kept_byte_for_byte_under_the_lines_of_a_mail_server(tmp_path: Path) -> None:
    async with Catcher(tmp_path / "mailbox") as catcher:
        await send(catcher.port)
    (file,) = files(tmp_path / "mailbox")
    assert file.suffix == ".eml"
    top = b"Return-Path: <bounce+1@quorate.example>\r\nDelivered-To: inbox@trust.example\r\n"
    assert file.read_bytes() == top + CONTENT


async def test_files_in_the_order_of_their_names_are_in_the_order_in_which_they_came(tmp_path: Path) -> None:
    async with Catcher(tmp_path) as catcher:
        for number in range(12):
            await send(catcher.port, b"Subject: %d\r\n\r\nx\r\n" % number)
    subjects = [email.message_from_bytes(file.read_bytes())["Subject"] for file in files(tmp_path)]
    assert subjects == [str(number) for number in range(12)]


async def test_a_full_disk_is_answered_so_that_the_message_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    async with Catcher(tmp_path) as catcher:
        with monkeypatch.context() as fault:
            fault.setattr(os, "fsync", full)
            with pytest.raises(aiosmtplib.SMTPDataError) as refused:
                await send(catcher.port)
        assert refused.value.code == 452
        assert files(tmp_path) == []
        await send(catcher.port)
    assert len(files(tmp_path)) == 1


async def test_a_folder_that_was_taken_away_meanwhile_is_made_again(tmp_path: Path) -> None:
    async with Catcher(tmp_path / "mailbox") as catcher:
        shutil.rmtree(tmp_path / "mailbox")
        await send(catcher.port)
    assert len(files(tmp_path / "mailbox")) == 1


async def test_nothing_but_this_machine_can_reach_it(tmp_path: Path) -> None:
    async with Catcher(tmp_path) as catcher:
        assert catcher._server is not None
        assert {each.getsockname()[0] for each in catcher._server.sockets} == {"127.0.0.1"}


KEEPS_ONE = """
import asyncio, sys
from pathlib import Path
from services.post.catcher import Catcher
from tests.integration.post.test_catcher import send

async def main():
    async with Catcher(Path(sys.argv[1])) as catcher:
        for number in range(20):
            await send(catcher.port)

asyncio.run(main())
"""


async def test_two_processes_keep_mail_in_one_folder(tmp_path: Path) -> None:
    root = Path(__file__).parents[3]
    both = [
        await asyncio.create_subprocess_exec(sys.executable, "-c", KEEPS_ONE, str(tmp_path), cwd=root) for _ in range(2)
    ]
    assert [await each.wait() for each in both] == [0, 0]
    kept = files(tmp_path)
    assert len(kept) == 40
    assert {file.suffix for file in kept} == {".eml"}


async def book(house: House, clock: MovableClock) -> None:
    raw = [
        events.agency(),
        events.child(),
        events.involvement(status="waiting"),
        events.meeting(kind="strategy_discussion", starts_at=clock.now() + timedelta(days=30)),
    ]
    verdicts = await house.intake.accept([Arrival(each, {"file": "test", "line": 1}) for each in raw])
    assert {verdict.state for verdict in verdicts} == {"accepted"}


async def test_without_a_mail_server_invitations_are_files_exactly_as_they_were_sent(
    house: House, settings: Settings, clock: MovableClock
) -> None:
    await book(house, clock)
    async with house.database.write() as db:
        (row,) = await outbox.claim(db, outbox.MAIL, LETTERS, "a test", 10, clock.now(), timedelta(0))
    tally = await house.drain()
    assert tally.sent == 1
    (file,) = files(settings.home / "mailbox")
    letter = LETTERS["invitation"].render(row.params, settings)
    top = f"Return-Path: <{letter.sender}>\r\nDelivered-To: {letter.to}\r\n".encode()
    assert file.read_bytes() == top + assemble(letter)
    parsed = email.message_from_bytes(file.read_bytes(), policy=email.policy.default)
    assert parsed["Delivered-To"] == "camhs-1@agencies.gov.example"
    assert not parsed.defects


async def test_a_message_that_finds_no_room_arrives_once_there_is_some(
    house: House, settings: Settings, clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await book(house, clock)
    mailbox = settings.home / "mailbox"

    def full(_path: Path, _content: bytes) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as fault:
        fault.setattr(post, "_write", full)
        tally = await house.drain()
        assert (tally.sent, tally.put_off) == (0, 1)
    clock.advance(LEASE)
    assert (await house.drain()).sent == 1
    assert len(files(mailbox)) == 1
