"""The last look at a copy: nothing leaves, and nothing opens, of which its reader may not have every part today."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from services.records.rules.copies import copies
from services.records.rules.dispatch import Dispatch
from services.records.rules.front_page import front_page
from services.records.rules.last_look import may_have_all
from services.records.rules.record import Reader
from tests.unit.records.people import agency, child, matter, person, record, relative, section
from tests.unit.records.test_versions import sent

SCHOOL, MOTHER = agency("school-1", "c1"), person("p1", "c1")
READERS = (SCHOOL, MOTHER)
ABOUT = matter((child("c1"),), (relative("p1", {"c1": "mother"}),))
RECORD = record(section(), section("For those who work with them.", heading="Analysis", to="professionals"))


def printed(reader: Reader, **more: Any) -> Dispatch:
    """A reader's copy as it was decided and printed."""
    return sent(RECORD, reader, about=ABOUT, shown=front_page(reader, READERS, ABOUT), **more)


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.party)
def test_a_copy_goes_and_opens_while_nothing_has_changed(reader: Reader) -> None:
    assert may_have_all(printed(reader), RECORD, reader, READERS, ABOUT)


def test_one_section_that_is_not_its_readers_any_more_keeps_the_whole_copy_back() -> None:
    narrower = replace(RECORD, sections=(RECORD.sections[0], section("For one.", only=["police-1"])))
    [copy] = copies(narrower, [SCHOOL], ABOUT)
    assert copy.whole == (0,)
    assert not may_have_all(printed(SCHOOL), narrower, SCHOOL, READERS, ABOUT)


def test_more_that_its_reader_may_have_by_now_keeps_nothing_back() -> None:
    wider = replace(RECORD, sections=(RECORD.sections[0], section("For everyone after all.", heading="Analysis")))
    assert may_have_all(printed(MOTHER), wider, MOTHER, READERS, ABOUT)


def test_whoever_may_have_nothing_of_a_record_gets_no_copy_of_it() -> None:
    flagged = replace(ABOUT, flagged=True)
    assert not may_have_all(printed(MOTHER), RECORD, MOTHER, READERS, flagged)
    assert not may_have_all(printed(SCHOOL), RECORD, replace(SCHOOL, address=None), READERS, ABOUT)


@pytest.mark.parametrize("unknown", [{"decided": None}, {"decided": []}])
def test_a_copy_of_which_it_is_not_known_what_it_holds_nobody_gets(unknown: dict[str, Any]) -> None:
    copy = replace(printed(SCHOOL), **unknown)
    assert not may_have_all(copy, RECORD, SCHOOL, READERS, ABOUT)


def test_what_the_front_page_shows_counts_as_much_as_the_sections() -> None:
    assert not may_have_all(replace(printed(SCHOOL), shown=None), RECORD, SCHOOL, READERS, ABOUT)
