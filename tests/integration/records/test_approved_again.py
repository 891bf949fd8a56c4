"""A record that is approved again in the same words reaches those who came to it after it was approved."""

from __future__ import annotations

from datetime import timedelta

import pytest

from services.bootstrap import House
from services.records import approving
from services.records.approving import Given, Read
from services.records.readers import around
from services.records.rules.record import Record
from services.records.store import dispatches, records
from services.records.word.draft import draft
from tests import events
from tests.clock import MovableClock
from tests.door import Embedded
from tests.integration.records.copies import missing

pytestmark = pytest.mark.parametrize("store", ["sqlite"], indirect=True)

PAT = Given("Pat Coordinator")


async def read_again(house: House) -> tuple[Read, Record]:
    """The record's newest version, drafted anew without a change: what it is read as, and what approving it makes."""
    policy = house.intake.policy
    async with house.database.read() as db:
        versions = (await records.of_records(db, ["r1"]))["r1"]
        newest = versions[max(versions)]
        about = (await around(db, policy, ["m1"]))["m1"]
        content = draft(about, policy, newest.kind, "r1", newest.version + 1, newest)
        found = await approving.read(db, policy, content)
    return found, approving.proposed(found, PAT, house.clock.now())


async def states(house: House, version: int) -> dict[str, str]:
    async with house.database.read() as db:
        some = (await dispatches.about(db, ["r1"]))["r1"]
    return {each.agency_id: each.state for each in some if each.version == version and each.agency_id}


async def without(house: House) -> list[str]:
    return [each["agency_id"] for each in await missing(house, "not_distributed") if "Approve it again" in each["text"]]


async def test_approved_again_it_goes_to_whom_a_corrected_register_names_and_to_nobody_twice(
    house: House, clock: MovableClock
) -> None:
    door = Embedded(house)
    there = [events.attended("gp-1")]
    await door.take(
        events.agency("gp-1"),
        events.agency("nursery-1"),
        events.child("c1"),
        events.involvement(person_id="c1", agency_id="gp-1", service="gp"),
        events.meeting("m1", children=["c1"]),
    )
    clock.set(events.MEETING_AT + timedelta(days=1))
    await door.take(events.held("m1", attendance=there), events.record("r1", time=clock.now()))
    await house.drain()
    found, meant = await read_again(house)
    assert meant is found.newest
    clock.advance(timedelta(hours=1))
    await door.take(events.held("m1", attendance=[*there, events.attended("nursery-1")], time=clock.now()))
    assert await without(house) == ["nursery-1"]
    found, meant = await read_again(house)
    assert (meant.version, meant.sections) == (2, found.versions[1].sections)
    verdict = await approving.approve(house.intake, meant, PAT, found.about, "test")
    assert verdict.state == "accepted"
    await house.drain()
    assert await states(house, 2) == {"gp-1": "kept", "nursery-1": "sent"}
    assert await without(house) == []
    found, meant = await read_again(house)
    assert meant is found.newest


async def test_approved_again_it_goes_to_whom_the_meeting_asks_only_since(house: House, clock: MovableClock) -> None:
    door = Embedded(house)
    await door.take(
        events.agency("gp-1"),
        events.agency("housing-1"),
        events.child("c1"),
        events.involvement(person_id="c1", agency_id="gp-1", service="gp"),
        events.meeting("m1", children=["c1"]),
        events.record("r1"),
    )
    await house.drain()
    clock.advance(timedelta(hours=1))
    also = [{"agency_id": "housing-1", "reason": "The family is to move."}]
    await door.take(events.meeting("m1", children=["c1"], also_invite=also, time=clock.now()))
    found, meant = await read_again(house)
    assert meant.version == 2
    await approving.approve(house.intake, meant, PAT, found.about, "test")
    await house.drain()
    assert await states(house, 2) == {"gp-1": "kept", "housing-1": "sent"}
