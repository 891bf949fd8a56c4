"""What stands in a copy before its sections is held against what its reader may be told, for as long as it opens."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any

import pytest

from services.bootstrap import House
from services.foundation.documents import Documents
from services.records.opening import SHUT, Shut, what_opens
from services.records.rules.dispatch import KEPT, PRINTING, SENT, WITHHELD, Dispatch
from services.records.rules.printing import NOT_AS_DECIDED
from services.records.store import dispatches
from tests import events
from tests.door import Embedded
from tests.pdf import text_of

FATHER, SCHOOL, GP = "person:p2", "agency:school-1:", "agency:gp-1:"
SECURE = date(2026, 1, 5)
ON_ONE_STORE = pytest.mark.parametrize("store", ["sqlite"], indirect=True)


def agency(agency_id: str, **more: Any) -> bytes:
    return events.agency(agency_id, channels=[events.secure(f"in@{agency_id}.example", verified_on=SECURE)], **more)


def father(*children: str, **more: Any) -> bytes:
    """The father of c1 and c2, responsible for some of them."""
    ties = [events.tie(each, "father", each in children) for each in ("c1", "c2")]
    return events.relative("p2", relationship=ties, name="Tomasz Nowak", **more)


def brothers() -> list[bytes]:
    """Two brothers with a school each, and their father."""
    return [
        *(agency(each) for each in ("school-1", "gp-1")),
        events.child("c1", initials="AB"),
        events.child("c2", initials="ZQ"),
        father("c1", "c2"),
        events.involvement(person_id="c1", agency_id="school-1"),
        events.involvement(person_id="c1", agency_id="gp-1"),
        events.involvement(person_id="c2", agency_id="gp-1"),
        events.meeting("m1", children=["c1", "c2"]),
    ]


def approved(*children: str, version: int = 1, text: str = "They are well.", **more: Any) -> bytes:
    sections = [events.section(text, children=children)]
    return events.record(version=version, checked_by="Alex Second", sections=sections, **more)


@pytest.fixture
async def house(embedded: Embedded) -> House:
    """The meeting of two brothers."""
    await embedded.take(*brothers())
    await embedded.house.drain()
    return embedded.house


async def take(house: House, *some: bytes, drain: bool = True) -> None:
    await Embedded(house).take(*some)
    if drain:
        await house.drain()


async def copy_for(house: House, party: str, version: int = 1) -> Dispatch:
    async with house.database.read() as db:
        some = (await dispatches.about(db, ["r1"])).get("r1", [])
    [found] = [each for each in some if (each.party, each.version) == (party, version)]
    return found


def words(house: House, of: Dispatch) -> str:
    assert of.document_id is not None
    return text_of(Documents(house.settings.documents_folder).read(of.document_id))


async def shut(house: House, party: str, version: int = 1) -> str | None:
    """Why a reader's link opens no more; None where it does."""
    of = await copy_for(house, party, version)
    async with house.database.read() as db:
        try:
            await what_opens(db, house.intake.policy, of)
        except Shut as closed:
            return closed.why
    return None


async def all_open(house: House, parties: Iterable[str] = (FATHER, SCHOOL, GP)) -> bool:
    return [await shut(house, each) for each in parties] == [None] * len(list(parties))


async def test_a_copy_that_names_a_brother_opens_no_more_for_who_is_responsible_for_him_no_more(house: House) -> None:
    await take(house, approved("c1"))
    assert "ZQ" in words(house, await copy_for(house, FATHER))
    assert await shut(house, FATHER) is None
    await take(house, father("c1", time=events.NOW + timedelta(hours=1)))
    assert await shut(house, FATHER) == SHUT
    assert await all_open(house, (SCHOOL, GP)), "nothing has changed for them"


@ON_ONE_STORE
async def test_a_copy_that_names_a_brother_does_not_leave_once_its_reader_may_not_know_of_him(house: House) -> None:
    await take(house, approved("c1"), drain=False)
    await house.press.drain()
    await take(house, father("c1", time=events.NOW + timedelta(minutes=1)))
    assert (await copy_for(house, FATHER)).state == WITHHELD
    assert (await copy_for(house, GP)).state == SENT


@ON_ONE_STORE
async def test_a_copy_that_names_where_a_child_is_placed_by_now_opens_no_more(house: House) -> None:
    home = agency("voluntary-1", name="Meadowbank House")
    await take(house, home, events.involvement(person_id="c1", agency_id="voluntary-1"), approved("c1"))
    await take(house, events.meeting("m1", children=["c1", "c2"], time=events.NOW + timedelta(minutes=1)))
    assert "Meadowbank" in words(house, await copy_for(house, SCHOOL))
    assert await shut(house, SCHOOL) is None
    placed = {"agency_id": "voluntary-1", "authority": "leicester", "since": date(2026, 3, 20)}
    await take(house, events.child("c1", initials="AB", placement=placed, time=events.NOW + timedelta(hours=1)))
    assert await shut(house, SCHOOL) == SHUT


@ON_ONE_STORE
async def test_who_came_or_whose_report_arrived_shuts_no_copy(house: House) -> None:
    lines = [events.attended(each) for each in ("school-1", "gp-1", "housing-1")]
    await take(house, agency("housing-1"), events.held("m1", attendance=lines), approved("c1"))
    assert await all_open(house)
    later = events.NOW + timedelta(hours=1)
    lines = [events.attended("school-1", "apologies"), events.attended("gp-1", "absent")]
    await take(
        house,
        events.held("m1", attendance=lines, time=later),
        events.report(agency_id="gp-1", time=later),
        events.involvement(person_id="c1", agency_id="gp-1", status="closed", until=date(2026, 6, 1), time=later),
    )
    assert await all_open(house)


@ON_ONE_STORE
async def test_what_is_recorded_while_a_copy_is_printed_counts(house: House) -> None:
    await take(house, approved("c1"), drain=False)
    press = house.press
    rows = await press._claim()
    await press._make(rows, lambda: None)
    await take(house, father("c1", time=events.NOW + timedelta(minutes=1)), drain=False)
    assert (await copy_for(house, FATHER)).state == PRINTING
    await press._note(lambda: None)
    found = await copy_for(house, FATHER)
    assert (found.state, found.why) == (WITHHELD, NOT_AS_DECIDED)
    assert (await copy_for(house, GP)).document_id is not None


@ON_ONE_STORE
async def test_a_copy_that_stands_opens_only_while_the_newest_version_lets_its_reader_have_it(house: House) -> None:
    await take(house, approved("c1"))
    await take(house, approved("c1", "c2", version=2))
    assert await shut(house, FATHER) is None
    await take(house, father("c1", time=events.NOW + timedelta(minutes=1)))
    assert await shut(house, FATHER) == SHUT


@ON_ONE_STORE
async def test_a_copy_that_is_shut_does_not_stand_and_the_same_words_approved_again_are_written_anew(
    house: House,
) -> None:
    await take(house, approved("c1"))
    await take(house, father("c1", time=events.NOW + timedelta(hours=1)))
    assert (await shut(house, FATHER), await shut(house, GP)) == (SHUT, None)
    await take(house, approved("c1", version=2))
    assert ((await copy_for(house, FATHER, 2)).state, (await copy_for(house, GP, 2)).state) == (SENT, KEPT)
    assert (await shut(house, FATHER, 2), await shut(house, GP)) == (None, None)
    assert "ZQ" not in words(house, await copy_for(house, FATHER, 2))


@ON_ONE_STORE
async def test_a_copy_that_stands_opens_while_the_newest_version_waits_for_its_second_check(house: House) -> None:
    await take(house, approved("c1"))
    await take(house, events.record(version=2, sections=[events.section("They are well.", children=["c1"])]))
    assert await shut(house, FATHER) is None


@ON_ONE_STORE
async def test_a_copy_takes_the_place_only_of_what_its_reader_had(house: House) -> None:
    await take(
        house, events.record(checked_by="Alex Second", sections=[events.section("A.", audience="professionals")])
    )
    both = [events.section("A.", audience="professionals"), events.section("For all.", heading="Plan")]
    await take(house, events.record(version=2, checked_by="Alex Second", sections=both))
    assert "takes the place of version 1" in words(house, await copy_for(house, GP, 2))
    assert "takes the place" not in words(house, await copy_for(house, FATHER, 2))
