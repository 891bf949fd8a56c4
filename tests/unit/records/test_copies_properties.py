"""What holds for every family and every record: nobody gets what they may not have, and everybody all that they may."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from io import BytesIO
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pypdf import PdfReader

from services.directory.rules import Agency, Bounce, Channel, Child, Placement, Relationship, Relative
from services.meetings.rules import DoNotInvite, Entry, Reason
from services.participation.rules.register import Attended, noted
from services.records.document import content, file_name, for_reader
from services.records.printing import Printer
from services.records.readers import Around, Known, of_meeting
from services.records.rules.copies import IDENTIFIES_ANOTHER, Copy, copies
from services.records.rules.record import Audience, Record, Section
from services.records.taken_part import TakenPart
from tests.unit.meetings.partnership import DAY, HERE, POLICY, cause, meeting
from tests.unit.meetings.partnership import child as a_child
from tests.unit.records.entitlement import bare, entitled, parties
from tests.unit.records.families import CHAIR, ASection, Case, case

FII = "fabricated_or_induced_illness"
FAMILIES = 10_000
DOCUMENTS = int(os.environ.get("TEST_DOCUMENTS", "500"))
"""How many printed documents are read; with 30,000 about those of as many families as above."""


def the_record(of: Case) -> Record:
    """The record as the product knows it."""
    at = datetime(2026, 4, 2, 9, tzinfo=UTC)
    sections = tuple(_section(each) for each in of.sections)
    return Record("r1", "m1", "minutes", of.version, CHAIR, of.checked_by, sections, at, cause("r1"))


def _section(of: ASection) -> Section:
    audience = {
        "only": Audience(only=of.named),
        "except": Audience(besides=of.named),
    }.get(of.audience, Audience(to=of.audience))
    return Section(of.heading, of.children, audience, of.text)


def around(of: Case) -> Around:
    """The meeting, and who reads its records, as the product knows them."""
    children = {each: _child(of, each) for each in of.children}
    relatives = {each: _relative(of, each) for each in of.people}
    agencies = {each: _agency(of, each) for each in of.agencies}
    at = datetime(2026, 3, 1, tzinfo=UTC)
    back = [each.address for each in of.agencies.values() if each.bounced]
    back += [each.email for each in of.people.values() if each.bounced and each.email]
    bounces = tuple(Bounce(each, None, "5.1.1", at, at.date(), cause(each)) for each in back)
    emails = frozenset(each.email for each in of.people.values() if each.email)
    known = Known(children, relatives, agencies, bounces, emails)
    refused = tuple(
        DoNotInvite(each if each in of.agencies else None, each if each in of.people else None, reason, "As agreed.")
        for each, reason in of.refused.items()
    )
    about = meeting(of.kind, child_ids=of.about, do_not_invite=refused)
    register = noted(
        Attended(each if each in of.agencies else None, each if each in of.people else None, "present")
        for each in of.present
    )
    return of_meeting(about, [_entry(of, n) for n in range(len(of.entries))], register, known, POLICY)


def _child(of: Case, child_id: str) -> Child:
    told = of.children[child_id]
    return a_child(
        child_id,
        family_id=told.family,
        initials=told.initials,
        nhs_number=told.number,
        preferred_name=told.forename,
        flags=(FII,) if told.flagged else (),
        placement=Placement(told.placed_with, HERE, DAY) if told.placed_with else None,
    )


def _relative(of: Case, person_id: str) -> Relative:
    told = of.people[person_id]
    ties = tuple(Relationship(each, kind, responsible) for each, (kind, responsible) in told.ties.items())
    return Relative(person_id, "f1", ties, told.name, told.email, (), tuple(told.not_with), cause(person_id))


def _agency(of: Case, agency_id: str) -> Agency:
    told = of.agencies[agency_id]
    channel = Channel("email", told.address, told.secure)
    return Agency(agency_id, told.kind, told.name, HERE, (channel,), (), None, cause(agency_id))


def _entry(of: Case, number: int) -> Entry:
    told = of.entries[number]
    asked = told.why_not is None
    family = told.who in of.people
    rule = "family" if family else "parents_services" if told.of_a_relative else "involved"
    reasons = tuple(Reason(rule, "As recorded.", (), each) for each in told.children)
    kind = of.agencies[told.who].kind if not family else "relative"
    address = of.people[told.who].email if family else of.agencies[told.who].address
    return Entry(
        kind,
        None if family else told.who,
        told.who if family else None,
        None,
        "invited" if asked else "not_invited",
        told.why_not,
        reasons,
        told.children,
        address if asked else None,
    )


def written(of: Case, about: Around, record: Record, copy: Copy) -> str:
    """Everything that a reader gets, as letters and digits."""
    found = [json.dumps(content(record, copy, about, POLICY, TakenPart()), ensure_ascii=False).replace("\\n", "\n")]
    found += [for_reader(about, POLICY, copy), file_name(record, about)]
    return bare(" ".join(found))


@pytest.mark.slow
@settings(max_examples=FAMILIES)
@given(st.integers(min_value=0, max_value=2**48))
def test_everyone_gets_all_that_they_may_have_and_nothing_else(seed: int) -> None:
    of = case(Random(seed))
    about, record = around(of), the_record(of)
    made, named = copies(record, about.readers, about.matter), _identifiers(of)
    assert {copy.reader.agency_id or copy.reader.person_id for copy in made} >= {each.who for each in of.entries}, (
        "everyone who was asked is seen"
    )
    for copy in made:
        who = copy.reader.agency_id or copy.reader.person_id or ""
        assert who in parties(of)
        may = entitled(of, who)
        assert {of.sections[number].mark for number in copy.whole} == may.marks, who
        if copy.whole:
            text = written(of, about, record, copy)
            assert not [each for each in may.forbidden if each in text], who
            assert all(bare(each) in text for each in may.marks), who
        assert all(each.why_not is None or each.text for each in copy.sections), "what is left out has a reason to read"
        reasons = bare(" ".join(each.text for each in copy.sections))
        assert not [one for one in named if one in reasons], "no reason gives anything away"


@pytest.mark.slow
def test_no_printed_document_holds_what_its_reader_may_not_have(counted: Callable[[str], None]) -> None:
    """As above, of what comes out of the printer: the pages, and what a document says of itself."""
    printer, chance = Printer("record"), Random(20_260_402)
    read = family = 0
    while read < DOCUMENTS:
        of = case(chance)
        about, record = around(of), the_record(of)
        for copy in copies(record, about.readers, about.matter):
            if not copy.whole:
                continue
            who = copy.reader.agency_id or copy.reader.person_id or ""
            may, words = entitled(of, who), content(record, copy, about, POLICY, TakenPart())
            printed = bare(_read(printer.print(words, for_reader(about, POLICY, copy), 0)))
            assert not [each for each in may.forbidden if each in printed], who
            assert all(bare(each) in printed for each in may.marks), who
            read, family = read + 1, family + copy.reader.is_family
    counted(f"{read} printed documents were read, {family} of them made for family")


def _read(document: bytes) -> str:
    reader = PdfReader(BytesIO(document))
    said = [str(reader.metadata), str(reader.xmp_metadata and reader.xmp_metadata.rdf_root.toxml())]
    return " ".join([*said, *(page.extract_text() for page in reader.pages)])


def _identifiers(of: Case) -> set[str]:
    found = {word for each in of.children.values() for word in (each.number, each.forename)}
    found |= {word for each in of.people.values() for word in (each.name, each.email or each.name)}
    return {bare(each) for each in found}


def test_the_invented_families_have_every_trait_that_decides() -> None:
    """A generator that never makes a father of one child, a flag or a name in a text would prove nothing."""
    chance = Random(7)
    seen: dict[str, int] = {}
    for _ in range(2_000):
        of = case(chance)
        about, record = around(of), the_record(of)
        for copy in copies(record, about.readers, about.matter):
            who = "family" if copy.reader.is_family else "agency"
            found = [copy.why_not or "sent", *(each.why_not or "whole" for each in copy.sections if copy.whole)]
            for each in found:
                seen[f"{who} {each}"] = seen.get(f"{who} {each}", 0) + 1
    for_family = [
        *("sent", "whole", "family_never", "flagged", "not_checked", "no_responsibility", "no_address"),
        *("shared_address", "not_for_family", "not_named", "excluded", "other_children", IDENTIFIES_ANOTHER),
        *("held_for_a_person", "not_with", "excluded_before", "childs_wish", "nothing_for_them"),
    ]
    for_agencies = [
        *("sent", "whole", "no_address", "chairs_restriction", "duplicate", "not_named", "excluded"),
        *("other_children", IDENTIFIES_ANOTHER, "nothing_for_them"),
    ]
    wanted = {*(f"family {each}" for each in for_family), *(f"agency {each}" for each in for_agencies)}
    assert {each: seen.get(each, 0) for each in wanted if seen.get(each, 0) < 5} == {}
