"""A copy that could not reach a practice goes by MESH once a mailbox of it is recorded, as it was decided."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from services.bootstrap import House
from services.foundation.settings import Settings
from services.records.rules.dispatch import EMAIL, MESH, Dispatch
from services.records.store import dispatches
from tests import events
from tests.clock import MovableClock
from tests.door import Embedded
from tests.integration.records.copies import missing

pytestmark = pytest.mark.parametrize("store", ["sqlite"], indirect=True)

OLD, NEW = "X26ABC1", "X26ABC2"
FAR_AWAY = "mesh://BOX:pass-word@127.0.0.1:1?tls=none"


@pytest.fixture
async def settings(make_settings: Callable[..., Awaitable[Settings]]) -> Settings:
    return await make_settings(mesh=FAR_AWAY, mesh_key="shared-key", mesh_workflow="QUORATE_RECORD")


def practice(*channels: dict[str, Any], **more: Any) -> bytes:
    return events.agency("gp-1", kind="gp", channels=list(channels), **more)


def box(address: str) -> dict[str, Any]:
    return {"kind": "mesh", "address": address, "secure": True}


async def approved(house: House, clock: MovableClock, *channels: dict[str, Any]) -> Embedded:
    """A record of a meeting that a practice with these channels was asked to."""
    door = Embedded(house)
    await door.take(
        practice(*channels),
        events.child("c1"),
        events.involvement(person_id="c1", agency_id="gp-1", service="gp"),
        events.meeting("m1", children=["c1"]),
    )
    clock.set(events.MEETING_AT + timedelta(days=1))
    await door.take(events.held("m1", attendance=[events.attended("gp-1")]), events.record())
    await house.press.drain()
    clock.advance(timedelta(hours=1))
    return door


async def copies(house: House) -> dict[str, Dispatch]:
    """The practice's copies, by channel."""
    await house.press.drain()
    async with house.database.read() as db:
        return {each.channel: each for each in (await dispatches.about(db, ["r1"]))["r1"] if each.agency_id == "gp-1"}


async def not_distributed(house: House) -> list[str]:
    return [each["text"] for each in await missing(house, "not_distributed") if each.get("agency_id") == "gp-1"]


async def test_a_copy_goes_to_a_mailbox_that_is_recorded_after_it_was_decided(
    house: House, clock: MovableClock
) -> None:
    door = await approved(house, clock)
    assert {each.channel: each.why for each in (await copies(house)).values()} == {EMAIL: "no_address"}
    assert await not_distributed(house)
    await door.take(practice(box(NEW)))
    found = await copies(house)
    assert (found[MESH].state, found[MESH].address) == ("queued", NEW)
    assert found[MESH].decided == found[EMAIL].decided
    assert found[EMAIL].state == "withheld"
    assert not await not_distributed(house)
    await door.take(practice(box(NEW), name="Rowan Practice", time=clock.now() + timedelta(minutes=1)))
    assert (await copies(house))[MESH] == found[MESH]


async def test_a_copy_goes_by_mesh_when_e_mail_gave_it_back_and_a_mailbox_is_recorded(
    house: House, clock: MovableClock
) -> None:
    door = await approved(house, clock, events.secure("in@gp-1.example"))
    each = (await copies(house))[EMAIL]
    await door.take(events.dispatch_bounced(each.dispatch_id, address="in@gp-1.example", at=clock.now()))
    await door.take(practice(events.secure("in@gp-1.example"), box(NEW)))
    found = await copies(house)
    assert [found[EMAIL].state, found[MESH].state] == ["undelivered", "queued"]


async def test_a_copy_that_one_mailbox_did_not_take_goes_to_another_and_to_none_twice(
    house: House, clock: MovableClock
) -> None:
    door = await approved(house, clock, box(OLD))
    for mailbox, after, where in ((OLD, OLD, OLD), (OLD, NEW, NEW), (NEW, OLD, NEW)):
        each = (await copies(house))[MESH]
        await door.take(events.dispatch_bounced(each.dispatch_id, address=mailbox, status="mesh 14", at=clock.now()))
        assert (await copies(house))[MESH].state == "undelivered"
        clock.advance(timedelta(hours=1))
        await door.take(practice(box(after), name=f"Rowan {clock.now():%H}"))
        found = (await copies(house))[MESH]
        assert (found.address, found.state) == (where, "queued" if after != mailbox == OLD else "undelivered")
        assert found.delivered_at is None


async def test_what_would_be_decided_otherwise_now_goes_to_no_mailbox_by_itself(
    house: House, clock: MovableClock
) -> None:
    door = Embedded(house)
    await door.take(
        practice(),
        events.child("c1"),
        events.child("c2"),
        events.involvement(person_id="c1", agency_id="gp-1", service="gp"),
        events.meeting("m1", children=["c1", "c2"]),
        events.record(sections=[events.section("For all."), events.section("Of one.", children=["c2"])]),
    )
    clock.advance(timedelta(hours=1))
    await door.take(events.involvement(person_id="c2", agency_id="gp-1", service="gp", time=clock.now()))
    await door.take(practice(box(NEW)))
    assert MESH not in await copies(house)
    clock.set(events.MEETING_AT + timedelta(days=1))
    await door.take(events.held("m1", attendance=[events.attended("gp-1")]))
    assert await not_distributed(house)


async def test_what_was_taken_back_goes_to_no_mailbox_that_is_recorded_later(house: House, clock: MovableClock) -> None:
    door = await approved(house, clock)
    await door.take(events.recalled("r1", time=clock.now()))
    await door.take(practice(box(NEW)))
    assert MESH not in await copies(house)


async def test_who_came_to_the_child_later_gets_the_plan_by_mesh_and_no_minutes(
    house: House, clock: MovableClock
) -> None:
    door = await approved(house, clock, box(OLD))
    await door.take(
        events.plan_started(on=events.MEETING_AT.date(), time=clock.now()),
        events.record("r-plan", kind="plan", time=clock.now()),
    )
    clock.advance(timedelta(days=20))
    await door.take(
        events.agency("gp-2", kind="gp", channels=[events.secure("in@gp-2.example"), box(NEW)]),
        events.involvement(person_id="c1", agency_id="gp-2", since=clock.now().date(), time=clock.now()),
        events.record("r1", version=2, sections=[events.section("Other words.")], time=clock.now()),
    )
    async with house.database.read() as db:
        some = (await dispatches.of_meetings(db, ["m1"]))["m1"]
    theirs = {(each.about, each.channel) for each in some if each.agency_id == "gp-2"}
    assert theirs == {("r-plan", EMAIL), ("r-plan", MESH)}
