"""Who approved a record and who checked it: two people, and the chair or somebody who says why they stand in."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from services.bootstrap import House
from services.records import approving
from services.records.readers import around
from services.records.rules.dispatch import Dispatch
from services.records.store import dispatches, records
from services.records.word.draft import draft
from services.records.word.read import DoesNotFit
from tests import events
from tests.door import Embedded
from tests.integration.records.copies import missing

pytestmark = pytest.mark.parametrize("store", ["sqlite"], indirect=True)

ANN = {"name": "Dr Ann Lee", "email": "ann.lee@council.example"}
AGENCY, MOTHER = "agency:camhs-1:", "person:p1"


async def ready(embedded: Embedded, chair: dict[str, str] | None = ANN) -> House:
    """A meeting with a professional and a mother to read its record."""
    await embedded.take(
        events.agency("camhs-1", channels=[events.secure("in@camhs-1.example", verified_on=date(2026, 1, 5))]),
        events.child("c1"),
        events.relative("p1"),
        events.involvement(person_id="c1", agency_id="camhs-1"),
        events.meeting("m1", children=["c1"], chair=chair),
    )
    await embedded.house.drain()
    return embedded.house


async def copies_of(house: House, version: int = 1) -> dict[str, Dispatch]:
    async with house.database.read() as db:
        return {e.party: e for e in (await dispatches.about(db, ["r1"])).get("r1", []) if e.version == version}


async def approved(embedded: Embedded, **more: Any) -> dict[str, tuple[str, str | None]]:
    """What becomes of each copy of a record that is approved like this."""
    await embedded.take(events.record(**more))
    await embedded.house.drain()
    return {party: (each.state, each.why) for party, each in (await copies_of(embedded.house)).items()}


async def test_nothing_goes_to_family_where_somebody_else_approved_it_for_the_chair_without_saying_why(
    embedded: Embedded,
) -> None:
    house = await ready(embedded)
    states = await approved(embedded, approved_by="Pat Other", checked_by="Alex Second")
    assert states[AGENCY] == ("sent", None)
    assert states[MOTHER] == ("withheld", "not_the_chair")
    [told] = await missing(house)
    assert "the meeting has a chair, and somebody else approved it" in told["text"]
    states = await approved(
        embedded, approved_by="Pat Other", checked_by="Alex Second", in_place_of_chair="She is ill."
    )
    assert states[MOTHER] == ("sent", None), "it was said again, with the reason"
    assert await missing(house) == []


@pytest.mark.parametrize("by", ["Ann Lee", "Lee, Ann", "ann.lee@council.example"])
async def test_the_chair_is_the_chair_however_the_name_is_written(embedded: Embedded, by: str) -> None:
    await ready(embedded)
    states = await approved(embedded, approved_by=by, checked_by="Alex Second")
    assert states[MOTHER] == ("sent", None)


@pytest.mark.parametrize("checker", ["Lee", "A. Lee", "\u0410nn Lee", "Anne Lee"])
async def test_who_may_be_whoever_approved_it_is_no_second_person_until_another_checks(
    embedded: Embedded, checker: str
) -> None:
    await ready(embedded)
    states = await approved(embedded, approved_by="Ann Lee", checked_by=checker)
    assert (states[AGENCY], states[MOTHER]) == (("sent", None), ("withheld", "not_checked"))
    states = await approved(embedded, approved_by="Ann Lee", checked_by="Alex Second")
    assert states[MOTHER] == ("sent", None)


async def test_who_surely_is_whoever_approved_it_is_refused_at_the_door(embedded: Embedded) -> None:
    await ready(embedded)
    assert await approved(embedded, approved_by="Ann Lee", checked_by="Dr Ann Lee") == {}


@pytest.mark.parametrize("chair", [None, ANN])
async def test_who_approved_it_is_held_against_the_chair_who_is_known_when_it_is_decided(
    embedded: Embedded, chair: dict[str, str] | None
) -> None:
    await ready(embedded, None if chair else ANN)
    await embedded.take(events.meeting("m1", children=["c1"], chair=chair, time=events.NOW + timedelta(minutes=1)))
    states = await approved(embedded, approved_by="Pat Other", checked_by="Alex Second")
    assert states[MOTHER] == (("withheld", "not_the_chair") if chair else ("sent", None))


async def test_a_draft_of_an_older_version_does_not_bring_back_what_a_newer_one_took_out(embedded: Embedded) -> None:
    house = await ready(embedded)
    await embedded.take(events.record(sections=[events.section("He lives at 5 Elm Road.", heading="H")]))
    await house.drain()

    async def drafted() -> bytes:
        async with house.database.read() as db:
            about = (await around(db, house.intake.policy, ["m1"]))["m1"]
            versions = (await records.of_records(db, ["r1"]))["r1"]
        newest = versions[max(versions)]
        return draft(about, house.intake.policy, "minutes", "r1", newest.version + 1, newest)

    async def proposed(content: bytes) -> int:
        async with house.database.read() as db:
            read = await approving.read(db, house.intake.policy, content)
        return approving.proposed(read, approving.Given("Ann Lee", "Alex Second"), house.clock.now()).version

    stale = await drafted()
    await embedded.take(events.record(version=2, sections=[events.section("Taken out.", heading="H")]))
    await house.drain()
    with pytest.raises(DoesNotFit, match="drafted as version 2, and version 2 has been approved: draft anew"):
        await proposed(stale)
    assert await proposed(await drafted()) == 3, "the same words, and now the chair approves them"


async def test_everything_that_is_taken_back_is_what_a_fast_clock_approved_too(embedded: Embedded) -> None:
    house = await ready(embedded)
    await approved(embedded, approved_by="Ann Lee", time=events.NOW + timedelta(minutes=3))
    await embedded.take(events.recalled(time=events.NOW + timedelta(minutes=1)))
    await house.drain()
    assert (await copies_of(house))[AGENCY].state == "recalled"


async def test_when_a_recall_was_known_is_kept_beside_its_own_time(embedded: Embedded) -> None:
    house = await ready(embedded)
    await embedded.take(events.recalled(time=events.NOW - timedelta(hours=1)))
    async with house.database.read() as db:
        [row] = (await db.execute(select(records.recalls.c.at, records.recalls.c.known_at))).all()
    assert (row.at, row.known_at) == (events.NOW - timedelta(hours=1), house.clock.now())
