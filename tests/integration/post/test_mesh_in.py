"""What comes to our mailbox on MESH: kept first, acknowledged then, told apart with the mail."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch

import pytest
from sqlalchemy import select

from services.bootstrap import House
from services.foundation.documents import Documents
from services.foundation.metrics import Metrics
from services.foundation.outbox import outbox
from services.foundation.settings import Settings
from services.oversight.views import standing as measured
from services.post.inbox.show import show
from services.post.inbox.views import mail_standing
from services.post.mesh.line import NotTaken
from services.post.mesh.receiver import GIVEN_UP_AFTER, MeshReceiver
from tests import events
from tests.clock import MovableClock
from tests.door import Embedded
from tests.integration.post.inbox.partnership import rows as mail
from tests.integration.post.inbox.partnership import waiting
from tests.integration.post.mesh import (
    SECTIONS,
    answer,
    by_mesh,
    decided,
    exceptions,
    hear,
    heard,
    rows,
    sent,
    standing,
)
from tests.mesh.sandbox import OTHER, OURS, PRACTICE, Sandbox
from tests.replies import caught

pytestmark = pytest.mark.mesh
ON_ONE_STORE = pytest.mark.parametrize("store", ["sqlite"], indirect=True)
PDF = b"%PDF-1.7\nA care plan.\n%%EOF\n"


@pytest.fixture
async def settings(make_settings: Callable[..., Awaitable[Settings]], sandbox: Sandbox) -> Settings:
    return await make_settings(**sandbox.settings(), mesh_timeout=10, max_mail_bytes=1 << 20)


def ours(sandbox: Sandbox) -> list[str]:
    """What waits in our mailbox."""
    with sandbox.mailbox(OURS) as client:
        found = client.list_messages()
    assert isinstance(found, list)
    return found


async def test_what_is_not_understood_is_kept_whole_and_a_person_is_told(
    house: House, clock: MovableClock, sandbox: Sandbox
) -> None:
    each = await sent(house, clock)
    with sandbox.mailbox() as theirs:
        about = {"workflow_id": "CARE_PLANS", "local_id": each.dispatch_id, "filename": "Care plan.pdf"}
        theirs.send_message(OURS, PDF, subject="Care plan", **about)
    await hear(house)
    [row] = await mail(house)
    assert (row["state"], row["kind"], row["why"]) == ("for_a_person", "mesh_message", "mesh_not_understood")
    [told] = await waiting(house)
    assert told["meeting_id"] == "m1"
    shown = show(Documents(house.settings.documents_folder), row)
    assert dict(shown.headers) == {"From": PRACTICE, "To": OURS, "Subject": "Care plan"}
    assert [(file.name, file.content) for file in shown.attachments] == [("Care plan.pdf", PDF)]
    assert ours(sandbox) == []


@ON_ONE_STORE
async def test_nobody_else_says_that_a_practices_copy_is_filed(
    house: House, clock: MovableClock, sandbox: Sandbox
) -> None:
    each = await sent(house, clock)
    with sandbox.mailbox(OTHER) as somebody:
        somebody.send_message(**answer(each.dispatch_id))
    await hear(house)
    [row] = await mail(house)
    assert (row["state"], row["why"]) == ("for_a_person", "unknown_replier")
    assert await heard(house) == []


@ON_ONE_STORE
async def test_nothing_is_acknowledged_before_it_is_kept_and_a_process_that_dies_in_between_does_no_harm(
    house: House, clock: MovableClock, sandbox: Sandbox
) -> None:
    each = await sent(house, clock)
    with sandbox.mailbox() as theirs:
        theirs.send_message(**answer(each.dispatch_id))

    def dies(*_: Any) -> None:
        raise NotTaken("the process ends here", of_server=True)

    with patch.object(MeshReceiver, "_acknowledge", dies), pytest.raises(NotTaken):
        await hear(house)
    assert len(ours(sandbox)) == 1
    assert [row["state"] for row in await mail(house)] == ["kept"]
    came = await hear(house)
    assert (came.fresh, came.known) == (0, 1)
    assert [what for what, _ in await heard(house)] == ["confirmed"]
    assert ours(sandbox) == []


@ON_ONE_STORE
async def test_a_disk_that_is_full_leaves_what_came_with_mesh(
    house: House, clock: MovableClock, sandbox: Sandbox
) -> None:
    each = await sent(house, clock)
    with sandbox.mailbox() as theirs:
        theirs.send_message(**answer(each.dispatch_id))
    with (
        patch.object(Documents, "keep", side_effect=OSError(28, "No space left on device")),
        pytest.raises(OSError, match="No space"),
    ):
        await hear(house)
    assert len(ours(sandbox)) == 1
    assert await mail(house) == []
    await hear(house)
    assert [what for what, _ in await heard(house)] == ["confirmed"]


@ON_ONE_STORE
async def test_what_is_too_large_stays_with_mesh_and_a_person_is_told_once(
    house: House, clock: MovableClock, sandbox: Sandbox
) -> None:
    await sent(house, clock)
    with sandbox.mailbox() as theirs:
        theirs.send_message(OURS, b"x" * (2 << 20), workflow_id="CARE_PLANS", filename="large.bin")
        theirs.send_message(OURS, PDF, workflow_id="CARE_PLANS", filename="small.pdf")
    for _ in range(2):
        assert (await hear(house)).left == 1
        del house.mesh_receiver  # as where the process is started anew
    assert len(await waiting(house)) == 2
    assert len(ours(sandbox)) == 1


async def test_mesh_says_that_a_copy_was_not_collected(house: House, clock: MovableClock, sandbox: Sandbox) -> None:
    each = await sent(house, clock, email=False)
    with sandbox.mailbox() as theirs:
        [message_id] = theirs.list_messages()
    sandbox.report(linked_message_id=message_id, local_id=each.dispatch_id)
    await hear(house)
    assert [(what, data["status"]) for what, data in await heard(house)] == [("bounced", "mesh 14")]
    assert (await by_mesh(house)).state == "undelivered"
    assert [one for one in await exceptions(house) if one["kind"] == "not_distributed" and one["agency_id"] == "gp-1"]


@ON_ONE_STORE
async def test_of_a_copy_that_was_taken_back_by_mail_and_lay_uncollected_nobody_hears_a_false_alarm(
    house: House, clock: MovableClock, sandbox: Sandbox
) -> None:
    await sent(house, clock)
    with sandbox.mailbox() as theirs:
        [message_id] = theirs.list_messages()
    await Embedded(house).take(events.recalled("r1", time=clock.now()))
    await house.drain()
    clock.advance(timedelta(days=5))
    sandbox.say_of(message_id, "undeliverable", "14")
    await hear(house)
    assert [what for what, _ in await heard(house)] == ["bounced"]
    assert {(each.state, each.why) for each in (await standing(house)).values() if each.agency_id == "gp-1"} == {
        ("recalled", "recalled")
    }
    assert not [each for each in await exceptions(house) if each.get("agency_id") == "gp-1"]


@ON_ONE_STORE
async def test_no_report_gives_a_copy_back_that_went_by_mail(
    house: House, clock: MovableClock, sandbox: Sandbox
) -> None:
    await sent(house, clock)
    by_mail = (await standing(house))["gp-1", "email", 1]
    sandbox.report(linked_message_id="nothing-of-ours", local_id=by_mail.dispatch_id)
    await hear(house)
    [row] = await mail(house)
    assert (row["state"], row["why"]) == ("for_a_person", "mesh_not_understood")
    assert await heard(house) == []
    assert (await standing(house))["gp-1", "email", 1] == by_mail


@ON_ONE_STORE
async def test_a_copy_that_mesh_gave_up_is_learnt_of_by_asking_too(
    house: House, clock: MovableClock, sandbox: Sandbox
) -> None:
    await sent(house, clock)
    with sandbox.mailbox() as theirs:
        [message_id] = theirs.list_messages()
    sandbox.say_of(message_id, "undeliverable")
    await hear(house)
    assert [what for what, _ in await heard(house)] == ["bounced"]
    found = await standing(house)
    assert (found["gp-1", "mesh", 1].state, found["gp-1", "email", 1].state) == ("undelivered", "sent")


@ON_ONE_STORE
async def test_a_copy_of_which_nothing_is_ever_heard_is_taken_to_be_lost(
    house: House, clock: MovableClock, sandbox: Sandbox
) -> None:
    await sent(house, clock)
    await hear(house)
    assert await heard(house) == []
    clock.advance(GIVEN_UP_AFTER + timedelta(days=1))
    await hear(house)
    assert [(what, data["status"]) for what, data in await heard(house)] == [("bounced", "mesh nothing heard")]


@ON_ONE_STORE
async def test_a_corrected_version_goes_by_mesh_in_place_of_the_first_and_one_that_is_taken_back_does_not(
    house: House, clock: MovableClock, sandbox: Sandbox
) -> None:
    await sent(house, clock)
    sections = [events.section("The practice is asked to see them within one week.", heading="What was agreed")]
    await Embedded(house).take(events.record(version=2, sections=sections))
    await house.drain()
    found = await standing(house)
    assert (found["gp-1", "mesh", 1].state, found["gp-1", "mesh", 2].state) == ("overtaken", "sent")
    more = [events.section("Within three days.", heading="What was agreed")]
    await Embedded(house).take(events.record(version=3, sections=more), events.recalled(time=events.NOW))
    await house.drain()
    found = await standing(house)
    assert found["gp-1", "mesh", 3].state == "recalled"
    assert len(await rows(house)) == 2
    with sandbox.mailbox() as theirs:
        names = [theirs.retrieve_message(each).mex_header("filename") for each in theirs.list_messages()]
    assert [name.rpartition("-")[2] for name in names] == ["v1.pdf", "v2.pdf"]
    assert not [one for one in await exceptions(house) if "reach" in one["text"] and one["agency_id"] == "gp-1"]


@ON_ONE_STORE
async def test_what_waits_to_go_by_mesh_is_measured(house: House, clock: MovableClock) -> None:
    async def measures() -> str:
        async with house.database.read() as db:
            now = clock.now()
            return Metrics().exposition(await measured(db, now), await mail_standing(db, now)).decode()

    await decided(house)
    await house.press.drain()
    clock.advance(timedelta(seconds=90))
    found = await measures()
    assert "quorate_outbox_mesh_waiting 1.0" in found
    assert "quorate_outbox_mesh_oldest_seconds 90.0" in found
    await house.drain()
    assert "quorate_outbox_mesh_waiting 0.0" in await measures()


@ON_ONE_STORE
@pytest.mark.parametrize("learnt", ["before", "after"])
async def test_a_practice_that_closes_once_it_took_part_gets_nothing_by_mesh(
    house: House, clock: MovableClock, sandbox: Sandbox, learnt: str
) -> None:
    clock.set(datetime(2026, 4, 2, 15, tzinfo=UTC))
    took_part = events.held(attendance=[events.attended("gp-1")], time=clock.now() - timedelta(hours=1))
    await decided(house, took_part, record=learnt == "after")
    await house.press.drain()
    channels = [{"kind": "mesh", "address": PRACTICE, "secure": True}]
    closes = events.agency("gp-1", kind="gp", channels=channels, closed_on=clock.now().date(), time=clock.now())
    await Embedded(house).take(closes, events.record(sections=SECTIONS))
    await house.drain()
    found = (await standing(house)).get(("gp-1", "mesh", 1))
    assert found is None if learnt == "before" else found is not None and found.state == "withheld", found
    with sandbox.mailbox() as theirs:
        assert theirs.list_messages() == []


@ON_ONE_STORE
async def test_a_reminder_to_file_goes_by_mail_and_not_at_all_once_either_copy_is_filed(
    house: House, clock: MovableClock, sandbox: Sandbox
) -> None:
    each = await sent(house, clock)
    clock.advance(timedelta(days=60))
    await house.tick()
    async with house.database.read() as db:
        query = select(outbox.c.params).where(outbox.c.name == "record_reminder")
        asked = {params["to"] for params in (await db.execute(query)).scalars()}
    assert asked == {"in@rowan.example", "in@camhs-1.example"}
    with sandbox.mailbox() as theirs:
        theirs.send_message(**answer(each.dispatch_id))
    await hear(house)
    await house.drain()
    letters = [caught(path.read_bytes()) for path in (house.settings.home / "mailbox").glob("*.eml")]
    assert {each["To"] for each in letters if "reminder" in each["Message-ID"]} == {"in@camhs-1.example"}
