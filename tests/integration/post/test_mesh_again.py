"""A copy by MESH whose mailbox changed before it left goes to the one of today; one that MESH refused goes once more as
soon as a person says so.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from unittest.mock import patch

import pytest

from services.bootstrap import House
from services.foundation.outbox import MESH
from services.foundation.settings import Settings
from services.post.again import GivenUp, given_up, send_again
from services.post.mesh.line import Line, NotTaken
from tests import events
from tests.clock import MovableClock
from tests.door import Embedded
from tests.integration.post.mesh import by_mesh, decided, exceptions, practice, rows, standing
from tests.mesh.sandbox import NOWHERE, OTHER, PRACTICE, Sandbox

pytestmark = pytest.mark.mesh
ON_ONE_STORE = pytest.mark.parametrize("store", ["sqlite"], indirect=True)


@pytest.fixture
async def settings(make_settings: Callable[..., Awaitable[Settings]], sandbox: Sandbox) -> Settings:
    return await make_settings(**sandbox.settings(), mesh_timeout=5)


def local_ids(sandbox: Sandbox, mailbox: str = PRACTICE) -> list[str]:
    """What waits in a mailbox, by the names that we gave it."""
    found = []
    with sandbox.mailbox(mailbox) as theirs:
        for message_id in theirs.list_messages():
            message = theirs.retrieve_message(message_id)
            found.append(str(message.mex_header("localid")))
            message.close()
    return found


async def recorded(house: House, clock: MovableClock, mailbox: str | None, *, email: bool = True) -> None:
    """The practice is recorded anew, with this mailbox."""
    clock.advance(timedelta(minutes=1))
    await Embedded(house).take(practice(mailbox, email=email))


async def again(house: House) -> list[GivenUp]:
    async with house.database.write() as db:
        work = house.intake.work(db)
        going = await send_again(work, await given_up(db, work.now))
        await house.intake.finish(work)
    return [each for each in going if each.channel == MESH]


@contextmanager
def set_up_wrongly() -> Iterator[None]:
    """MESH knows no mailbox, whichever it is."""
    with patch.object(Line, "send", side_effect=NotTaken("status 417", status=417, code="12")):
        yield


async def not_distributed(house: House) -> list[str]:
    found = await exceptions(house)
    return [each["text"] for each in found if each["kind"] == "not_distributed" and each.get("agency_id") == "gp-1"]


async def test_a_mailbox_that_changes_before_a_copy_left_gets_it_in_place_of_the_other(
    house: House, clock: MovableClock, sandbox: Sandbox
) -> None:
    await decided(house)
    await house.press.drain()
    before = await by_mesh(house)
    assert (before.state, before.address) == ("queued", PRACTICE)
    await recorded(house, clock, OTHER)
    await house.drain()
    after = await by_mesh(house)
    assert (after.state, after.address, after.decided) == ("sent", OTHER, before.decided)
    assert local_ids(sandbox, OTHER) == [after.dispatch_id]
    assert local_ids(sandbox) == []
    assert await not_distributed(house) == []


@ON_ONE_STORE
async def test_where_there_is_no_mailbox_any_more_the_copy_by_e_mail_stands_and_nothing_is_missing(
    house: House, clock: MovableClock, sandbox: Sandbox
) -> None:
    await decided(house)
    await house.press.drain()
    await recorded(house, clock, None)
    await house.drain()
    found = await standing(house)
    assert (found["gp-1", MESH, 1].state, found["gp-1", MESH, 1].why) == ("withheld", "no_address")
    assert found["gp-1", "email", 1].state == "sent"
    assert await not_distributed(house) == []
    assert local_ids(sandbox) == []


@ON_ONE_STORE
async def test_where_there_is_no_way_any_more_a_person_is_told_and_a_mailbox_that_is_recorded_again_gets_it(
    house: House, clock: MovableClock, sandbox: Sandbox
) -> None:
    await decided(house, email=False)
    await house.press.drain()
    await recorded(house, clock, None, email=False)
    await house.drain()
    [text] = await not_distributed(house)
    assert "no address for them that may be used" in text
    await recorded(house, clock, PRACTICE, email=False)
    await house.drain()
    assert (await by_mesh(house)).state == "sent"
    assert local_ids(sandbox) == [(await by_mesh(house)).dispatch_id]
    assert await not_distributed(house) == []


@ON_ONE_STORE
async def test_a_copy_that_its_reader_may_not_have_any_more_goes_to_no_other_mailbox(
    house: House, clock: MovableClock, sandbox: Sandbox
) -> None:
    await decided(house)
    await house.press.drain()
    refused = [{"agency_id": "gp-1", "reason": "conflict_of_interest", "note": "A parent works there."}]
    await Embedded(house).take(events.meeting("m1", children=["c1"], do_not_invite=refused, time=clock.now()))
    await recorded(house, clock, OTHER)
    await house.drain()
    assert (await by_mesh(house)).state == "withheld"
    assert local_ids(sandbox, OTHER) == []


async def test_what_mesh_refused_goes_again_as_it_was_and_is_missed_until_it_has_gone(
    house: House, clock: MovableClock, sandbox: Sandbox
) -> None:
    await decided(house, email=False)
    with set_up_wrongly():
        await house.drain()
    lost = await by_mesh(house)
    assert lost.state == "undelivered"
    before = await not_distributed(house)
    assert len(before) == 1
    [row] = await rows(house)
    clock.advance(timedelta(hours=1))
    [going] = await again(house)
    assert going.result[:3] == "417"
    assert await again(house) == []
    assert await not_distributed(house) == before
    await house.drain()
    after = await by_mesh(house)
    assert (after.state, after.address, after.document_id) == ("sent", PRACTICE, lost.document_id)
    assert local_ids(sandbox) == [lost.dispatch_id]
    [same] = await rows(house)
    assert same["params"] == row["params"]
    assert await not_distributed(house) == []


@ON_ONE_STORE
async def test_a_mailbox_that_is_not_there_is_refused_once_more(
    house: House, clock: MovableClock, sandbox: Sandbox
) -> None:
    await decided(house, mailbox=NOWHERE, email=False)
    await house.drain()
    assert len(await again(house)) == 1
    await house.drain()
    assert (await by_mesh(house)).state == "undelivered"
    assert len(await not_distributed(house)) == 1
