"""A GP practice's copy goes by MESH as well: sent to the NHS's own server, fetched by the practice, answered, heard."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from services.bootstrap import House, open_house
from services.foundation.documents import Documents
from services.foundation.outbox import MESH, outbox
from services.foundation.settings import Settings
from services.post.mesh.line import CHUNK
from tests import events
from tests.clock import MovableClock
from tests.door import Embedded
from tests.integration.post.mesh import answer, by_mesh, decided, exceptions, hear, heard, rows, sent, standing
from tests.mesh.sandbox import NOWHERE, OURS, PRACTICE, WORKFLOW, Sandbox

pytestmark = pytest.mark.mesh
ON_ONE_STORE = pytest.mark.parametrize("store", ["sqlite"], indirect=True)


@pytest.fixture
async def settings(make_settings: Callable[..., Awaitable[Settings]], sandbox: Sandbox) -> Settings:
    return await make_settings(**sandbox.settings(), mesh_timeout=5)


async def test_a_practices_copy_goes_by_mesh_is_fetched_byte_for_byte_and_the_receipt_moves(
    house: House, clock: MovableClock, sandbox: Sandbox, counted: Callable[[str], None]
) -> None:
    each = await sent(house, clock)
    assert (each.state, each.address, each.how) == ("sent", PRACTICE, "attachment")
    document = Documents(house.settings.documents_folder).read(each.document_id or "")
    with sandbox.mailbox() as theirs:
        [message_id] = theirs.list_messages()
        message = theirs.retrieve_message(message_id)
        content, said = message.read(), dict(message.mex_headers())
        message.close()
        assert content == document
        assert content.startswith(b"%PDF")
        assert (said["localid"], said["workflowid"]) == (each.dispatch_id, WORKFLOW)
        assert said["content-type"] == "application/pdf"
        await hear(house)
        assert (await by_mesh(house)).delivered_at is None  # it waits there: nobody has it yet
        theirs.acknowledge_message(message_id)
        clock.advance(timedelta(minutes=30))
        await hear(house)
        assert (await by_mesh(house)).state == "delivered"
        theirs.send_message(**answer(each.dispatch_id, by="Ada Example"))
    came = await hear(house)
    assert (came.fresh, came.left) == (1, 0)
    after = await by_mesh(house)
    assert after.confirmed == "filed"
    [(_, received), (_, confirmed)] = await heard(house)
    assert received["address"] == PRACTICE
    assert (confirmed["how"], confirmed["by"]) == ("mesh", f"Ada Example (MESH {PRACTICE})")
    with sandbox.mailbox(OURS) as ours:
        assert ours.list_messages() == []  # it was acknowledged once it was kept
    counted(f"1 copy sent, {len(content):,} bytes fetched alike, collected, filed")


@ON_ONE_STORE
async def test_what_goes_by_mesh_names_nobody_beside_the_document(
    house: House, clock: MovableClock, sandbox: Sandbox
) -> None:
    await sent(house, clock)
    with sandbox.mailbox() as theirs:
        message = theirs.retrieve_message(theirs.list_messages()[0])
        said = dict(message.mex_headers())
        message.close()
    reference = said["filename"].split("-", 1)[1].removesuffix("-v1.pdf")
    assert re.fullmatch("[A-Z0-9]{4}-[A-Z0-9]{4}", reference)
    assert said["filename"] == f"minutes-{reference}-v1.pdf"
    assert said["subject"] == f"Minutes, Wednesday 1 April 2026, ref {reference}"
    assert set(said) & {"partnerid", "from-address"} == set()


async def test_the_same_copy_goes_by_both_ways_and_either_answer_counts(
    house: House, clock: MovableClock, sandbox: Sandbox
) -> None:
    each = await sent(house, clock)
    found = await standing(house)
    mail = found["gp-1", "email", 1]
    assert mail.document_id == each.document_id
    assert mail.decided == each.decided
    assert ("camhs-1", MESH, 1) not in found
    with sandbox.mailbox() as theirs:
        theirs.send_message(**answer(each.dispatch_id))
    await hear(house)
    clock.advance(timedelta(days=60))
    await house.tick()
    assert not [one for one in await exceptions(house) if one["kind"] == "not_filed" and one["agency_id"] == "gp-1"]
    assert [one for one in await exceptions(house) if one["kind"] == "not_filed" and one["agency_id"] == "camhs-1"]


@ON_ONE_STORE
async def test_a_practice_without_e_mail_gets_its_copy_by_mesh_all_the_same(
    house: House, clock: MovableClock, sandbox: Sandbox
) -> None:
    assert (await sent(house, clock, email=False)).state == "sent"
    with sandbox.mailbox() as theirs:
        assert len(theirs.list_messages()) == 1


@ON_ONE_STORE
@pytest.mark.parametrize("without", ["workflow", "secure", "policy"])
async def test_nothing_goes_by_mesh_but_to_a_secure_mailbox_of_those_whom_policy_names(
    make_settings: Callable[..., Awaitable[Settings]], clock: MovableClock, sandbox: Sandbox, without: str
) -> None:
    given = sandbox.settings()
    if without == "workflow":
        given = {}
    if without == "policy":
        path = sandbox.folder / "policy.toml"
        path.write_text('format = 1\ntitle = "An area"\n[groups]\nrecord_by_mesh = []\n')
        given["policy"] = path
    async with open_house(await make_settings(home="other", **given), clock) as house:
        more = []
        if without == "secure":
            channels = [
                {"kind": "email", "address": "in@rowan.example", "secure": True},
                {"kind": "mesh", "address": PRACTICE, "secure": False},
            ]
            more = [events.agency("gp-1", kind="gp", name="Rowan", channels=channels, time=events.NOW)]
        await decided(house, *more) if not more else await _insecure(house, more)
        await house.drain()
        assert not [key for key in await standing(house) if key[1] == MESH]
        assert ("gp-1", "email", 1) in await standing(house)
    with sandbox.mailbox() as theirs:
        assert theirs.list_messages() == []


async def _insecure(house: House, agency: list[bytes]) -> None:
    await Embedded(house).take(
        *agency,
        events.child("c1"),
        events.involvement(person_id="c1", agency_id="gp-1", service="gp"),
        events.meeting("m1", children=["c1"]),
        events.record(),
    )


async def test_a_mailbox_that_is_not_there_is_told_of_at_once(
    house: House, clock: MovableClock, sandbox: Sandbox
) -> None:
    each = await sent(house, clock, mailbox=NOWHERE)
    assert (each.state, each.why) == ("undelivered", "address_refused")
    [row] = await rows(house)
    assert (row["state"], row["attempts"], row["result"]) == ("failed", 1, "417 status 417 12, has not left")
    assert (await standing(house))["gp-1", "email", 1].state == "sent"


@ON_ONE_STORE
async def test_a_copy_that_nobody_can_be_sent_is_an_exception(
    house: House, clock: MovableClock, sandbox: Sandbox
) -> None:
    await sent(house, clock, mailbox=NOWHERE, email=False)
    assert [each for each in await exceptions(house) if each["kind"] == "not_distributed"]


@ON_ONE_STORE
async def test_ten_megabytes_go_in_pieces_and_arrive_whole(
    house: House, clock: MovableClock, sandbox: Sandbox, counted: Callable[[str], None]
) -> None:
    await decided(house)
    await house.press.drain()
    content = bytes(range(256)) * (40 << 10)
    assert len(content) > CHUNK
    large = Documents(house.settings.documents_folder).keep([content])
    [row] = await rows(house)
    async with house.database.write() as db:
        params = {**row["params"], "document_id": large.document_id}
        await db.execute(outbox.update().where(outbox.c.outbox_id == row["outbox_id"]).values(params=params))
    await house.drain()
    with sandbox.mailbox() as theirs:
        message = theirs.retrieve_message(theirs.list_messages()[0])
        assert message.mex_header("total-chunks") == "2"
        assert message.read() == content
        message.close()
    counted(f"{len(content):,} bytes in 2 pieces")
