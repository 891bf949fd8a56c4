"""One message on MESH that cannot be had keeps none of the others waiting, and is not forgotten."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest

from services.bootstrap import House, Mesh
from services.foundation.parcels import Parcel
from services.foundation.settings import Settings
from services.post.mesh import line, store
from services.post.mesh.line import Line, NotTaken, Tracked
from services.post.mesh.receiver import IN_A_ROW, Fetched
from services.running.mail_in import sorter_of
from services.running.mesh import by_mesh as mesh_parts
from services.running.process import Process
from tests import events
from tests.clock import MovableClock
from tests.door import Embedded
from tests.integration.post.inbox.partnership import rows as mail
from tests.integration.post.mesh import SECTIONS, answer, hear, heard, rows, sent
from tests.mesh.sandbox import OTHER, OURS, PRACTICE, Sandbox

pytestmark = pytest.mark.mesh
ON_ONE_STORE = pytest.mark.parametrize("store", ["sqlite"], indirect=True)
WHOLE = gzip.compress(bytes(range(256)) * 12)
UNREADABLE = {"none": b"this is not gzip", "cut_off": WHOLE[:-20], "more": WHOLE + b"and more"}


@pytest.fixture
async def settings(make_settings: Callable[..., Awaitable[Settings]], sandbox: Sandbox) -> Settings:
    return await make_settings(**sandbox.settings(), mesh_timeout=10, max_mail_bytes=1 << 20)


def compressed(sandbox: Sandbox, content: bytes) -> str:
    """Somebody sends what they say is compressed; returns MESH's name for it."""
    with sandbox.mailbox(OTHER) as client:
        post = client._session.post

        def saying(url: str, **given: Any) -> Any:
            headers = {**given.pop("headers"), "Content-Encoding": "gzip"}
            return post(url, **{**given, "headers": headers, "data": content})

        client._session.post = saying
        return str(client.send_message(OURS, b"-", workflow_id="CARE_PLANS"))


def answers(sandbox: Sandbox, dispatch_id: str) -> str:
    """The practice says that its copy is filed."""
    with sandbox.mailbox() as theirs:
        return str(theirs.send_message(**answer(dispatch_id)))


def ours(sandbox: Sandbox) -> list[str]:
    """What waits in our mailbox."""
    with sandbox.mailbox(OURS) as client:
        return list(client.list_messages())


def failing(*poisoned: str, status: int | None = 500, tried: list[str] | None = None) -> Any:
    """MESH fails with these messages, and with no other; which of them were `tried` is noted."""
    part = Line._part

    def fetched(self: Line, message_id: str, number: int) -> Any:
        if message_id in poisoned:
            if tried is not None:
                tried.append(message_id)
            raise NotTaken(f"status {status}", status=status, of_server=status is None or status >= 500)
        return part(self, message_id, number)

    return patch.object(Line, "_part", fetched)


@pytest.mark.parametrize("content", UNREADABLE.values(), ids=UNREADABLE)
async def test_what_cannot_be_unpacked_stays_with_mesh_a_person_is_told_and_what_is_behind_it_is_heard(
    house: House, clock: MovableClock, sandbox: Sandbox, content: bytes
) -> None:
    each = await sent(house, clock)
    left = compressed(sandbox, content)
    answers(sandbox, each.dispatch_id)
    came = await hear(house)
    assert (came.fresh, came.left) == (2, 1)
    assert [what for what, _ in await heard(house)] == ["confirmed"]
    assert ours(sandbox) == [left]
    [told] = [row for row in await mail(house) if row["state"] == "for_a_person"]
    assert (told["why"], told["origin"]["left"]) == ("mesh_not_understood", "unreadable")
    assert (await hear(house)).fresh == 0


@ON_ONE_STORE
async def test_what_was_compressed_and_is_whole_is_kept_as_it_was(
    house: House, clock: MovableClock, sandbox: Sandbox
) -> None:
    each = await sent(house, clock)
    with sandbox.mailbox() as theirs:
        theirs.send_message(**answer(each.dispatch_id), compress=True)
    await hear(house)
    assert [what for what, _ in await heard(house)] == ["confirmed"]
    assert ours(sandbox) == []


@ON_ONE_STORE
async def test_what_stays_with_mesh_is_fetched_once_and_what_is_listed_behind_it_is_reached(
    house: House, clock: MovableClock, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    each = await sent(house, clock)
    monkeypatch.setattr(line, "PAGE", 10)
    with sandbox.mailbox(OTHER) as somebody:
        large = somebody.send_message(OURS, b"x" * (2 << 20), workflow_id="CARE_PLANS")
    left = [large, *(compressed(sandbox, b"this is not gzip") for _ in range(11))]
    fetched: list[str] = []
    fetch = Line.fetch

    def noted(self: Line, message_id: str, take: Any) -> None:
        fetched.append(message_id)
        fetch(self, message_id, take)

    with patch.object(Line, "fetch", noted):
        async with house.mesh() as mesh:
            assert mesh is not None
            assert (await mesh.receiver.fetch()).left == len(left)
            behind = answers(sandbox, each.dispatch_id)
            again = await mesh.receiver.fetch()
    assert (again.fresh, again.known, again.left) == (1, 0, 0)
    assert sorted(fetched) == sorted([*left, behind])
    assert sorted(ours(sandbox)) == sorted(left)


@ON_ONE_STORE
@pytest.mark.parametrize("status", [None, 400, 500])
async def test_a_message_with_which_mesh_fails_keeps_none_waiting_and_comes_when_mesh_gives_it(
    house: House, clock: MovableClock, sandbox: Sandbox, status: int | None
) -> None:
    each = await sent(house, clock)
    with sandbox.mailbox(OTHER) as somebody:
        poisoned = str(somebody.send_message(OURS, b"something", workflow_id="CARE_PLANS"))
    answers(sandbox, each.dispatch_id)
    with failing(poisoned, status=status):
        assert (await hear(house)).fresh == 1
    assert [what for what, _ in await heard(house)] == ["confirmed"]
    assert ours(sandbox) == [poisoned]
    assert (await hear(house)).fresh == 1
    assert ours(sandbox) == []


@ON_ONE_STORE
async def test_as_many_of_them_as_look_like_a_fault_of_mesh_are_none_any_more_once_another_comes(
    house: House, clock: MovableClock, sandbox: Sandbox
) -> None:
    each = await sent(house, clock)
    with sandbox.mailbox(OTHER) as somebody:
        poisoned = [str(somebody.send_message(OURS, b"-", workflow_id="CARE_PLANS")) for _ in range(IN_A_ROW)]
    answers(sandbox, each.dispatch_id)
    assert ours(sandbox)[:IN_A_ROW] == poisoned
    async with house.mesh() as mesh:
        assert mesh is not None
        with failing(*poisoned):
            came = Fetched()
            with pytest.raises(NotTaken):
                await mesh.receiver.fetch(done=came)
            assert came.fresh == 0
            for _ in range(2):
                assert (await mesh.receiver.fetch()).fresh == 1
                answers(sandbox, each.dispatch_id)
            with pytest.raises(NotTaken), failing(*ours(sandbox)):  # nothing can be had
                await mesh.receiver.fetch()
        with failing(*poisoned[:-1]):  # whichever is mended is had: so many are tried at every look
            assert (await mesh.receiver.fetch()).fresh == 2
    assert ours(sandbox) == poisoned[:-1]


@ON_ONE_STORE
async def test_one_look_fails_with_a_few_of_them_however_many_they_are_and_each_has_its_turn(
    house: House, clock: MovableClock, sandbox: Sandbox
) -> None:
    await sent(house, clock)
    with sandbox.mailbox(OTHER) as somebody:
        poisoned = [str(somebody.send_message(OURS, b"-", workflow_id="CARE_PLANS")) for _ in range(2 * IN_A_ROW + 1)]
    tried: list[str] = []
    async with house.mesh() as mesh:
        assert mesh is not None
        with failing(*poisoned, tried=tried):
            for count in (3, 6, 7 + 3, 13, 16):
                with pytest.raises(NotTaken):
                    await mesh.receiver.fetch()
                assert len(tried) == count
        assert tried[:7] == poisoned
        assert sorted(tried[7 : 2 * 7]) == sorted(poisoned), "each for the second time before any for the third"
        assert (await mesh.receiver.fetch()).fresh == len(poisoned)
    assert ours(sandbox) == []


@ON_ONE_STORE
async def test_of_a_message_with_which_mesh_has_failed_for_hours_a_person_is_told_once_though_the_database_was_away(
    house: House, clock: MovableClock, sandbox: Sandbox
) -> None:
    await sent(house, clock)
    with sandbox.mailbox(OTHER) as somebody:
        poisoned = str(somebody.send_message(OURS, b"a care plan", workflow_id="CARE_PLANS"))
    told: list[int] = []
    with failing(poisoned):
        for hours in (0, 5, 1, 1, 1):
            clock.advance(timedelta(hours=hours))
            with suppress(NotTaken):  # and each time anew, as after a fault of the database
                await hear(house)
            await sorter_of(house).sort()
            told.append(len([row for row in await mail(house) if row["state"] == "for_a_person"]))
    assert told == [0, 0, 1, 1, 1]
    [row] = [row for row in await mail(house) if row["state"] == "for_a_person"]
    assert (row["why"], row["origin"]["message_id"]) == ("mesh_not_understood", poisoned)
    assert (await hear(house)).fresh == 1
    assert ours(sandbox) == []


@ON_ONE_STORE
async def test_of_a_message_that_we_have_and_mesh_does_not_hear_so_nobody_is_told_that_it_cannot_be_had(
    house: House, clock: MovableClock, sandbox: Sandbox
) -> None:
    await sent(house, clock)
    with sandbox.mailbox(OTHER) as somebody:
        message_id = somebody.send_message(OURS, b"a care plan", workflow_id="CARE_PLANS")
    async with house.mesh() as mesh:
        assert mesh is not None
        refused = NotTaken("status 500", status=500, of_server=True)
        with patch.object(Line, "acknowledge", side_effect=refused):
            for hours in (0, 24, 24):
                clock.advance(timedelta(hours=hours))
                with pytest.raises(NotTaken):
                    await mesh.receiver.fetch()
                await sorter_of(house).sort()
        [row] = await mail(house)
        assert row["origin"] == {"way": "mesh", "message_id": message_id}
        assert (await mesh.receiver.fetch()).known == 1
    assert ours(sandbox) == []


@ON_ONE_STORE
async def test_a_message_of_which_mesh_has_the_first_part_and_not_the_second_is_told_of_and_stays(
    house: House, clock: MovableClock, sandbox: Sandbox
) -> None:
    await sent(house, clock)
    with sandbox.mailbox(OTHER) as somebody:
        message_id = str(somebody.send_message(OURS, b"a care plan, in two parts", workflow_id="CARE_PLANS"))
    with patch.object(line, "parts_in", lambda _: 2):
        assert (await hear(house)).left == 1
    assert ours(sandbox) == [message_id]
    [told] = [row for row in await mail(house) if row["state"] == "for_a_person"]
    assert (told["why"], told["origin"]["left"]) == ("mesh_not_understood", "unreadable")


@ON_ONE_STORE
async def test_a_message_of_ours_that_mesh_cannot_tell_of_keeps_none_from_being_asked_after(
    house: House, clock: MovableClock, sandbox: Sandbox
) -> None:
    each = await sent(house, clock)
    async with house.database.write() as db:
        long_ago = clock.now() - timedelta(days=1)
        await store.note_sent(db, "NOBODY-KNOWS", each.dispatch_id, OURS, long_ago, long_ago)
    with sandbox.mailbox() as theirs:
        [message_id] = theirs.list_messages()
    sandbox.say_of(message_id, "undeliverable")
    clock.advance(timedelta(hours=1))
    track = Line.track

    def asked(self: Line, message_id: str) -> Tracked:
        if message_id == "NOBODY-KNOWS":
            raise NotTaken("status 500", status=500, of_server=True)
        return track(self, message_id)

    with patch.object(Line, "track", asked):
        await hear(house)
    assert [what for what, _ in await heard(house)] == ["bounced"]


@ON_ONE_STORE
async def test_what_was_sent_is_asked_after_although_nothing_that_waits_can_be_had(
    house: House, clock: MovableClock, sandbox: Sandbox
) -> None:
    await sent(house, clock)
    with sandbox.mailbox() as theirs:
        [message_id] = theirs.list_messages()
    sandbox.say_of(message_id, "undeliverable")
    clock.advance(timedelta(hours=1))

    def refuse(*_: object) -> list[str]:
        raise NotTaken("status 500", status=500, of_server=True)

    async def both() -> bool:
        said = await process.ready() == "waits for mesh: MESH does not answer as it should (status 500)"
        return said and bool(await heard(house))

    process = Process(house)
    with patch.object(Line, "waiting", refuse):
        running = asyncio.create_task(process.run(*mesh_parts(house)))
        try:
            async with asyncio.timeout(60):
                while not await both():  # noqa: ASYNC110  # what a thread does sets no event here
                    await asyncio.sleep(0.01)
        finally:
            process.stop()
            await running
    assert [what for what, _ in await heard(house)] == ["bounced"]


def two_practices() -> list[bytes]:
    """Minutes are approved of a meeting that two practices were asked to, each with a mailbox."""
    agencies = [
        events.agency(
            name,
            kind="gp",
            channels=[
                {"kind": "email", "address": f"in@{name}.example", "secure": True, "verified_on": events.NOW.date()},
                {"kind": "mesh", "address": mailbox, "secure": True},
            ],
        )
        for name, mailbox in (("gp-1", PRACTICE), ("gp-2", OTHER))
    ]
    took_part = [events.involvement(person_id="c1", agency_id=name, service="gp") for name in ("gp-1", "gp-2")]
    minutes = events.record(sections=SECTIONS)
    return [*agencies, events.child("c1"), *took_part, events.meeting("m1", children=["c1"]), minutes]


@ON_ONE_STORE
async def test_a_parcel_with_which_mesh_fails_holds_up_no_other_and_costs_it_an_attempt_once_others_went(
    house: House, clock: MovableClock
) -> None:
    verdicts = await Embedded(house).take(*two_practices())
    assert {verdict.state for verdict in verdicts} == {"accepted"}
    await house.press.drain()
    send, poisoned = Line.send, {PRACTICE, OTHER}

    def sends(self: Line, parcel: Parcel) -> str:
        if parcel.to in poisoned:
            raise NotTaken("status 500", status=500, of_server=True)
        return send(self, parcel)

    async def tried(mesh: Mesh) -> dict[str, tuple[str, int]]:
        await mesh.sender.drain()
        clock.advance(timedelta(minutes=10))
        return {row["params"]["to"]: (row["state"], row["attempts"]) for row in await rows(house)}

    async with house.mesh() as mesh:
        assert mesh is not None
        with patch.object(Line, "send", sends):
            for _ in range(3):
                stands = await tried(mesh)
                assert stands == {PRACTICE: ("pending", 0), OTHER: ("pending", 0)}, "all of it fails: it is MESH"
            poisoned.discard(OTHER)
            assert await tried(mesh) == {PRACTICE: ("pending", 1), OTHER: ("sent", 1)}
            assert not mesh.sender.rest.failures
        assert (await tried(mesh))[PRACTICE] == ("sent", 2)
