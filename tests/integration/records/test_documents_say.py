"""What a copy says besides the record's own words: which children, who took part, which version; each reader no more
than they may know.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from services.records.document import OWN_COPY, content, for_reader
from services.records.readers import around
from services.records.rules.copies import Copy, copies
from services.records.store import records
from services.records.taken_part import taken_part
from tests import conference, events
from tests.clock import MovableClock
from tests.door import Embedded


@pytest.fixture
def store() -> str:
    return "sqlite"  # what is read here, the tests of the press read on both stores


@pytest.fixture
async def approved(embedded: Embedded, clock: MovableClock) -> Embedded:
    """A record of a conference that some came to, and that one agency sent a report for."""
    await embedded.take(*conference.directory(), conference.meeting())
    await embedded.house.drain()
    await embedded.take(events.report(agency_id="gp-1", at=datetime(2026, 3, 29, 23, 30, tzinfo=UTC)))
    clock.set(conference.APPROVED_AT)
    await embedded.take(conference.held(), conference.record())
    return embedded


async def said(door: Embedded, party: str, version: int = 1) -> tuple[dict[str, Any], Copy, str]:
    """What stands in the copy of a reader, and whom it says that it is for."""
    policy = door.house.intake.policy
    async with door.house.database.read() as db:
        versions = (await records.of_records(db, ["r1"]))["r1"]
        about = (await around(db, policy, ["m1"]))["m1"]
        part = (await taken_part(db, ["m1"]))["m1"]
    earlier = max((number for number in versions if number < version), default=None)
    made = copies(versions[version], about.readers, about.matter)
    [copy] = [each for each in made if each.reader.party == party]
    return content(versions[version], copy, about, policy, part, earlier), copy, for_reader(about, policy, copy)


async def rows(door: Embedded, party: str) -> dict[str, list[str]]:
    words, _, _ = await said(door, party)
    return {row[0]: row[1:] for row in words["participants"]["rows"]}


async def test_the_record_says_who_was_invited_who_came_and_how_and_whose_report_arrived(approved: Embedded) -> None:
    table = await rows(approved, "agency:camhs-1:")
    assert table["Example camhs 1 (CAMHS)"] == ["Yes", "Came, by video", "None arrived"]
    # In London it was half past midnight by then: summer time had begun that day.
    assert table["Example gp 1 (GP practice)"] == ["Yes", "Sent apologies", "Arrived on 30 March 2026"]
    assert table["Example police 1 (police)"] == ["Yes", "Did not come", "None arrived"]
    assert table["Mother"] == ["Yes", "Not recorded", "Not asked for"]


async def test_nobody_is_said_to_have_been_invited_whom_nothing_shows_to_have_been_asked(
    embedded: Embedded, clock: MovableClock
) -> None:
    await embedded.take(*conference.directory(), conference.meeting())  # and no message has left
    clock.set(conference.APPROVED_AT)
    await embedded.take(conference.held(), conference.record())
    table = await rows(embedded, "agency:camhs-1:")
    assert table["Example camhs 1 (CAMHS)"][0] == "Not known to have arrived"
    assert table["Example police 1 (police)"][:2] == ["Not known to have arrived", "Was not asked"]
    assert table["Example gp 1 (GP practice)"][0] == "Yes"  # whoever sends apologies was asked


async def test_family_is_told_of_agencies_by_their_kind_and_of_no_name(approved: Embedded) -> None:
    words, _, reader = await said(approved, "person:p1")
    names = [row[0] for row in words["participants"]["rows"]]
    assert names[0] == "Mother (you)"
    assert "CAMHS" in names
    assert not any("Example" in name for name in names)
    assert reader == "عائشة Łucja Żółć"
    assert words["handling"] == "This is private. Keep it somewhere safe."
    assert dict(words["facts"])["Children"] == "AB\nCD"


@pytest.mark.parametrize(
    ("agency_id", "children"),
    [
        ("gp-1", "AB, born 5 May 2014, NHS number 999 000 0026\nCD, born 9 August 2021, NHS number 999 000 0042"),
        ("police-1", "AB, born 5 May 2014\nCD, born 9 August 2021"),
        ("school-1", "AB, born 5 May 2014"),
        ("nursery-1", "CD, born 9 August 2021"),
    ],
)
async def test_a_reader_is_told_of_the_children_they_were_asked_for_and_the_number_where_policy_gives_it(
    approved: Embedded, agency_id: str, children: str
) -> None:
    words, _, _ = await said(approved, f"agency:{agency_id}:")
    facts = dict(words["facts"])
    assert facts["Children" if "\n" in children else "Child"] == children


async def test_an_agency_that_was_asked_for_one_child_is_not_told_who_took_part_for_the_other_alone(
    approved: Embedded,
) -> None:
    school, nursery = await rows(approved, "agency:school-1:"), await rows(approved, "agency:nursery-1:")
    assert not any("nursery" in name for name in school)
    assert not any("paediatrics" in name for name in nursery)


async def test_a_later_version_says_which_one_it_takes_the_place_of(approved: Embedded) -> None:
    first, _, _ = await said(approved, "agency:camhs-1:")
    assert not any("takes the place" in note for note in first["notes"])
    await approved.take(conference.record(version=3))
    third, _, _ = await said(approved, "agency:camhs-1:", 3)
    assert third["notes"][0] == "Version 3 takes the place of version 1. Please use this one."
    assert dict(third["facts"])["Version"] == "3, approved by the chair on 2 April 2026"


async def test_a_copy_does_not_say_which_parts_were_left_out_of_it(approved: Embedded) -> None:
    whole, all_of_it, _ = await said(approved, "agency:camhs-1:")
    part, some, _ = await said(approved, "person:p1")
    assert len(some.whole) < len(all_of_it.whole)
    assert whole["notes"] == part["notes"] == [OWN_COPY]
    assert [each["heading"] for each in part["sections"]] == ["What was said", "What was agreed"]


async def test_letters_that_cannot_be_printed_are_told_of_on_the_first_page(
    embedded: Embedded, clock: MovableClock
) -> None:
    await embedded.take(*conference.directory(), conference.meeting())
    clock.set(conference.APPROVED_AT)
    sections = [events.section("আমিনা came.", heading="Who came")]
    await embedded.take(conference.record(sections=sections))
    words, _, _ = await said(embedded, "agency:camhs-1:")
    assert words["sections"][0]["blocks"] == [{"kind": "paragraph", "text": "[in Bengali letters] came."}]
    assert words["notes"][-1].startswith("Some letters or signs cannot be printed here.")
