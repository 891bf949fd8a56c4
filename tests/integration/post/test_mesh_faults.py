"""What goes wrong on the way to MESH: servers that are away, hang or fail, and processes that are killed."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest
from sqlalchemy import select

from services.bootstrap import House, open_house
from services.foundation.documents import Documents
from services.foundation.outbox import outbox
from services.foundation.settings import Settings
from services.post.mesh.line import Line, NotTaken
from services.post.mesh.store import mesh_messages
from services.post.rules import WAITS
from services.running.mesh import by_mesh as mesh_parts
from services.running.process import Process
from tests.clock import MovableClock
from tests.integration.post.mesh import by_mesh, decided, exceptions, hear, rows, standing
from tests.mesh.sandbox import OURS, ROOT, Sandbox

pytestmark = pytest.mark.mesh
ON_ONE_STORE = pytest.mark.parametrize("store", ["sqlite"], indirect=True)
A_WHILE = timedelta(minutes=10)


@pytest.fixture
async def settings(make_settings: Callable[..., Awaitable[Settings]], sandbox: Sandbox) -> Settings:
    return await make_settings(**sandbox.settings(), mesh_timeout=4)


def collected(sandbox: Sandbox) -> list[dict[str, str]]:
    """What the practice finds in its mailbox: MESH's headers, and how long each is."""
    found = []
    with sandbox.mailbox() as theirs:
        for message_id in theirs.list_messages():
            message = theirs.retrieve_message(message_id)
            found.append(dict(message.mex_headers()) | {"size": str(len(message.read()))})
            message.close()
    return found


async def enlarged(house: House) -> bytes:
    """Minutes are to go to the practice that MESH takes in two pieces; returns them."""
    await decided(house)
    await house.press.drain()
    content = bytes(range(256)) * (40 << 10)
    large = Documents(house.settings.documents_folder).keep([content])
    [row] = await rows(house)
    async with house.database.write() as db:
        params = {**row["params"], "document_id": large.document_id}
        await db.execute(outbox.update().where(outbox.c.outbox_id == row["outbox_id"]).values(params=params))
    return content


async def test_a_server_that_is_away_costs_no_attempt_and_what_waited_goes_when_it_is_back(
    house: House, clock: MovableClock, sandbox: Sandbox
) -> None:
    sandbox.end()
    await decided(house)
    for _ in range(3):
        await house.drain()
        clock.advance(A_WHILE)
    [row] = await rows(house)
    assert (row["state"], row["attempts"]) == ("pending", 0)
    assert (await by_mesh(house)).state == "queued"
    sandbox.start()
    await house.drain()
    assert (await by_mesh(house)).state == "sent"
    assert len(collected(sandbox)) == 1


@ON_ONE_STORE
async def test_a_server_that_is_killed_in_the_middle_of_a_copy_shows_nobody_half_of_it(
    house: House, clock: MovableClock, sandbox: Sandbox
) -> None:
    content = await enlarged(house)
    whole = Line._piece

    def killed(*given: Any) -> None:
        sandbox.end()
        whole(*given)

    with patch.object(Line, "_piece", killed):
        await house.drain()
    assert (await by_mesh(house)).state == "queued"
    sandbox.start()
    assert collected(sandbox) == []
    clock.advance(A_WHILE)
    await house.drain()
    assert [each["size"] for each in collected(sandbox)] == [str(len(content))]


@ON_ONE_STORE
async def test_what_hangs_is_given_up_after_a_while_and_goes_when_the_server_is_back(
    house: House, clock: MovableClock, sandbox: Sandbox
) -> None:
    await decided(house)
    await house.press.drain()
    sandbox.hang()
    await house.drain()
    [row] = await rows(house)
    assert (row["state"], row["attempts"]) == ("pending", 1)  # it may have been taken
    sandbox.go_on()
    clock.advance(A_WHILE)
    await house.drain()
    assert (await by_mesh(house)).state == "sent"
    found = collected(sandbox)  # one, or two: the server may have read the first to its end
    assert {each["localid"] for each in found} == {(await by_mesh(house)).dispatch_id}
    assert len({(each["subject"], each["filename"], each["size"]) for each in found}) == 1


@ON_ONE_STORE
async def test_a_server_that_fails_is_left_alone_and_costs_no_attempt(
    house: House, clock: MovableClock, sandbox: Sandbox
) -> None:
    await decided(house)
    mailboxes = sandbox.folder / "mailboxes"
    mailboxes.rmdir()
    mailboxes.write_text("no folder: every message is a fault of the server's")
    await house.drain()
    [row] = await rows(house)
    assert (row["state"], row["attempts"], row["result"]) == ("pending", 0, "500 status 500")
    mailboxes.unlink()
    mailboxes.mkdir()
    await house.drain()
    assert collected(sandbox) == []  # it is left alone yet
    clock.advance(A_WHILE)
    await house.drain()
    assert len(collected(sandbox)) == 1


async def test_while_the_documents_are_away_nothing_is_given_up_and_all_goes_once_they_are_back(
    house: House, clock: MovableClock
) -> None:
    await decided(house)
    await house.press.drain()
    folder = house.settings.documents_folder
    folder.rename(folder.with_name("away"))
    query = select(outbox.c.state, outbox.c.attempts, outbox.c.result).where(outbox.c.name.like("record_copy%"))
    for wait in WAITS[:2]:
        await house.drain()
        assert {each.state for each in (await standing(house)).values()} == {"queued", "withheld"}
        clock.advance(wait)
    async with house.database.read() as db:
        assert [tuple(each) for each in await db.execute(query)] == [("pending", 2, "")] * 3
    folder.with_name("away").rename(folder)
    await house.drain()
    assert {each.state for each in (await standing(house)).values()} == {"sent", "withheld"}


@ON_ONE_STORE
async def test_documents_that_never_come_back_are_given_up_in_the_end_and_a_person_is_told(
    house: House, clock: MovableClock
) -> None:
    await decided(house)
    await house.press.drain()
    folder = house.settings.documents_folder
    folder.rename(folder.with_name("away"))
    for wait in (*WAITS, timedelta(0)):
        await house.drain()
        clock.advance(wait)
    assert {each["state"] for each in await rows(house)} == {"failed"}
    said = [each["text"] for each in await exceptions(house) if each["kind"] == "not_distributed" and each["agency_id"]]
    assert len(said) == 2
    assert all("it could not be sent. Reach them another way." in each for each in said)


@ON_ONE_STORE
async def test_a_process_waits_while_mesh_answers_and_takes_nothing(
    house: House, clock: MovableClock, sandbox: Sandbox
) -> None:
    def refuse(*_: object) -> str:
        raise NotTaken("status 500", status=500, of_server=True)

    async def until(holds: Callable[[], Awaitable[bool]]) -> None:
        async with asyncio.timeout(60):
            while not await holds():  # noqa: ASYNC110  # what a thread does sets no event here
                await asyncio.sleep(0.01)

    async def says(what: str | None) -> bool:
        return await process.ready() == what

    async def went() -> bool:
        return (await by_mesh(house)).state == "sent"

    await decided(house)
    await house.press.drain()
    process = Process(house)
    running = asyncio.create_task(process.run(*mesh_parts(house)))
    try:
        with patch.object(Line, "send", refuse):
            await until(lambda: says("waits for mesh: MESH takes nothing (status 500)"))
        clock.advance(A_WHILE)
        await until(went)
        await until(lambda: says(None))
    finally:
        process.stop()
        await running
    assert len(collected(sandbox)) == 1


@ON_ONE_STORE
async def test_a_password_that_is_refused_costs_no_copy_its_attempts_and_is_in_no_log(
    make_settings: Callable[..., Awaitable[Settings]],
    clock: MovableClock,
    sandbox: Sandbox,
    capfd: pytest.CaptureFixture[str],
) -> None:
    given = sandbox.settings(password="not-the-password")
    async with open_house(await make_settings(home="other", **given), clock) as house:
        await decided(house)
        await house.drain()
        [row] = await rows(house)
        assert (row["state"], row["attempts"], row["result"]) == ("pending", 0, "403 status 403, has not left")
        with pytest.raises(NotTaken) as refused:
            await hear(house)
        assert (refused.value.status, refused.value.of_server) == (403, True)
    told = "".join(capfd.readouterr())
    assert "mesh_left_alone" in told
    assert not any(secret in told for secret in ("not-the-password", given["mesh_key"], OURS))


@ON_ONE_STORE
@pytest.mark.parametrize(("moment", "copies"), [("accepted", 2), ("between", 1)])
async def test_a_sender_that_is_killed_loses_nothing_and_what_comes_twice_can_be_told(
    house: House, clock: MovableClock, sandbox: Sandbox, moment: str, copies: int, counted: Callable[[str], None]
) -> None:
    content = await enlarged(house)
    order = (moment, str(house.settings.home), json.dumps(sandbox.settings()))
    killed = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.integration.post.killed_mesh_sender", *order, cwd=ROOT
    )
    assert await killed.wait() == -9
    assert (await by_mesh(house)).state == "queued"
    await house.drain()  # what it had in hand is taken over at once: it is gone, and nobody else is at it
    assert (await by_mesh(house)).state == "sent"
    found = collected(sandbox)
    assert len(found) == copies
    assert {each["localid"] for each in found} == {(await by_mesh(house)).dispatch_id}
    assert len({(each["subject"], each["filename"], each["size"]) for each in found}) == 1
    assert found[0]["size"] == str(len(content))
    counted(f"killed with the copy {moment}: {len(found)} at the practice, under one local id")


@ON_ONE_STORE
async def test_a_copy_that_went_twice_is_delivered_once_one_was_collected(
    house: House, clock: MovableClock, sandbox: Sandbox
) -> None:
    await decided(house)
    await house.press.drain()
    order = ("accepted", str(house.settings.home), json.dumps(sandbox.settings()))
    done = await asyncio.to_thread(
        subprocess.run, (sys.executable, "-m", "tests.integration.post.killed_mesh_sender", *order), cwd=ROOT
    )
    assert done.returncode == -9
    await house.drain()
    with sandbox.mailbox() as theirs:
        for message_id in theirs.list_messages():
            theirs.acknowledge_message(message_id)
    clock.advance(A_WHILE)
    await hear(house)
    assert (await by_mesh(house)).state == "delivered"
    async with house.database.read() as db:
        noted = (await db.execute(mesh_messages.select())).mappings().all()
    assert [each["outcome"] for each in noted] == ["acknowledged"]


async def test_one_process_at_a_time_speaks_to_mesh(house: House, clock: MovableClock) -> None:
    async with open_house(house.settings, clock) as other:
        async with house.mesh() as one, other.mesh() as second:
            assert one is not None
            assert second is None
        async with other.mesh() as now:
            assert now is not None
