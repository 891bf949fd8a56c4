"""Who gets which section of a record, and why not the others."""

from __future__ import annotations

import pytest

from services.meetings.rules import DECIDED_BY_A_PERSON
from services.records.rules.copies import (
    ALL_HELD_BACK,
    EXCLUDED,
    FAMILY_NEVER,
    FLAGGED,
    IDENTIFIES_ANOTHER,
    NO_ADDRESS,
    NO_RESPONSIBILITY,
    NOT_CHECKED,
    NOT_FOR_FAMILY,
    NOT_NAMED,
    NOTHING_FOR_THEM,
    OTHER_CHILDREN,
    SHARED_ADDRESS,
    Copy,
    copies,
    copy_of,
)
from services.records.rules.record import Reader, Section
from tests.unit.records.people import agency, child, matter, person, record, relative, section

PEOPLE = (relative("p1", {"c1": "mother", "c2": "mother"}), relative("p2", {"c1": "father"}))
ABOUT = matter((child("c1"), child("c2", initials="CD")), PEOPLE)
MOTHER, FATHER = person("p1", "c1", "c2"), person("p2", "c1")


def left_out(copy: Copy) -> list[str | None]:
    return [each.why_not for each in copy.sections]


def why(reader: Reader, *sections: Section) -> list[str | None]:
    """Why each section is left out of a reader's copy."""
    return left_out(copy_of(record(*sections), reader, ABOUT))


def test_everyone_who_was_asked_gets_the_record_whether_or_not_they_came() -> None:
    readers = [agency("camhs-1", "c1", attended=None), agency("gp-1", "c1", attended="absent"), MOTHER]
    assert [copy.whole for copy in copies(record(section("As agreed.")), readers, ABOUT)] == [(0,), (0,), (0,)]


def test_an_agency_that_came_unasked_gets_the_record() -> None:
    came = agency("school-1", "c1", "c2", invited=False, attended="present")
    assert copy_of(record(section("As agreed.", "c2")), came, ABOUT).whole == (0,)


@pytest.mark.parametrize("decision", sorted(DECIDED_BY_A_PERSON))
def test_a_persons_decision_is_respected_and_seen(decision: str) -> None:
    for reader in (agency("camhs-1", "c1", why_not=decision), person("p1", "c1", why_not=decision)):
        copy = copy_of(record(), reader, ABOUT)
        assert (copy.why_not, copy.whole) == (decision, ())
        assert "a decision that a person gave" in copy.text


def test_who_cannot_be_reached_is_seen() -> None:
    copy = copy_of(record(), agency("camhs-1", "c1", invited=False, address=None), ABOUT)
    assert (copy.why_not, copy.whole) == (NO_ADDRESS, ())


def test_a_decision_weighs_more_than_a_missing_address() -> None:
    assert copy_of(record(), agency("camhs-1", "c1", why_not="duplicate", address=None), ABOUT).why_not == "duplicate"


def test_nothing_of_a_strategy_discussion_goes_to_family() -> None:
    never = matter((child("c1"), child("c2")), PEOPLE, family_never=True)
    named = record(section("For her.", "c1", only=["p1"]))
    assert copy_of(named, MOTHER, never).why_not == FAMILY_NEVER
    assert copy_of(record(), agency("camhs-1", "c1"), never).whole == (0,)


def test_nothing_goes_to_family_where_a_child_is_flagged() -> None:
    flagged = matter((child("c1"), child("c2")), PEOPLE, flagged=True)
    assert copy_of(record(section("For her.", only=["p1"])), MOTHER, flagged).why_not == FLAGGED
    assert copy_of(record(), agency("camhs-1", "c1"), flagged).whole == (0,)


@pytest.mark.parametrize("checked_by", [None, "Pat Chair", "pat  CHAIR"])
def test_nothing_goes_to_family_that_no_second_person_has_checked(checked_by: str | None) -> None:
    assert copy_of(record(checked_by=checked_by), MOTHER, ABOUT).why_not == NOT_CHECKED
    assert copy_of(record(checked_by=checked_by), agency("camhs-1", "c1"), ABOUT).whole == (0,)


def test_a_parent_sees_the_children_whom_they_are_responsible_for_and_no_other() -> None:
    sections = [section("One.", "c1"), section("Two.", "c2"), section("Both.", "c1", "c2"), section("All.")]
    assert why(MOTHER, *sections) == [None] * 4
    assert why(FATHER, *sections) == [None, OTHER_CHILDREN, OTHER_CHILDREN, OTHER_CHILDREN]


def test_a_relative_without_responsibility_gets_nothing_even_if_named() -> None:
    copy = copy_of(record(section("For them.", only=["p2"])), person("p2"), ABOUT)
    assert (copy.why_not, copy.whole) == (NO_RESPONSIBILITY, ())


def test_responsibility_that_has_ended_since_counts_when_it_is_asked_again() -> None:
    given = record(section("One.", "c1"))
    assert copy_of(given, FATHER, ABOUT).whole == (0,)
    assert copy_of(given, person("p2"), ABOUT).why_not == NO_RESPONSIBILITY


def test_what_is_for_professionals_is_for_no_family() -> None:
    assert why(MOTHER, section("Theirs.", to="professionals")) == [NOT_FOR_FAMILY]
    assert why(agency("gp-1", "c1"), section("Theirs.", to="professionals")) == [None]


def test_a_part_that_names_its_readers_is_for_them_alone() -> None:
    named = section("Theirs.", only=["police-1", "p1"])
    assert [why(each, named) for each in (agency("police-1", "c1"), MOTHER, agency("gp-1", "c1"), FATHER)] == [
        [None],
        [None],
        [NOT_NAMED],
        [NOT_NAMED],
    ]


def test_a_part_that_someone_is_excluded_from_is_withheld_from_them() -> None:
    closed = section("Closed.", besides=["p1", "gp-1"])
    assert [why(each, closed) for each in (MOTHER, agency("gp-1", "c1"), agency("police-1", "c1"))] == [
        [EXCLUDED],
        [EXCLUDED],
        [None],
    ]


def test_the_child_in_person_gets_what_names_them_and_only_that() -> None:
    young = person("p9", "c1", kind="child", oneself=frozenset({"c1"}))
    sections = [
        section("All.", "c1"),
        section("By the child's id.", "c1", only=["c1"]),
        section("By their own.", "c1", only=["p9"]),
        section("Of both.", only=["c1"]),
        section("Everyone else.", "c1", besides=["c1"]),
    ]
    assert why(young, *sections) == [NOT_NAMED, None, None, OTHER_CHILDREN, EXCLUDED]


def test_a_young_mother_reads_of_her_baby_as_a_parent_and_of_herself_as_a_child() -> None:
    young = person("p9", "c1", "c2", kind="child", oneself=frozenset({"c1"}))
    sections = [section("The baby.", "c2"), section("Herself.", "c1"), section("Both.")]
    assert why(young, *sections) == [None, NOT_NAMED, NOT_NAMED]


def test_a_young_person_whom_the_meeting_is_not_about_gets_nothing_of_it_not_even_of_their_own_baby() -> None:
    young = person("p9", kind="child", oneself=frozenset({"c3"}))
    copy = copy_of(record(section("The baby.", "c2")), young, ABOUT)
    assert (copy.why_not, copy.whole) == (NO_RESPONSIBILITY, ())


def test_siblings_sections_are_separated_for_agencies() -> None:
    sections = [section("One.", "c1"), section("Two.", "c2"), section("Both.", "c1", "c2"), section("All.")]
    assert why(agency("school-1", "c1"), *sections) == [None, OTHER_CHILDREN, None, None]
    assert why(agency("police-1", "c1", "c2"), *sections) == [None] * 4


def test_who_may_have_no_section_gets_no_empty_copy() -> None:
    copy = copy_of(record(section("Two.", "c2")), FATHER, ABOUT)
    assert (copy.why_not, copy.whole) == (NOTHING_FOR_THEM, ())


def test_who_would_get_a_section_but_for_what_it_gives_away_has_a_reason_of_their_own() -> None:
    ring = section("Ring 0116 496 0123.", "c1")
    copy = copy_of(record(ring, section("Two.", "c2")), FATHER, ABOUT)
    assert (copy.why_not, copy.whole) == (ALL_HELD_BACK, ())
    assert "a telephone number" in copy.text
    assert "0123" not in copy.text
    assert copy_of(record(ring, section("One.", "c1")), FATHER, ABOUT).whole == (1,)


def test_an_address_that_two_of_the_family_share_gets_nothing() -> None:
    shared = matter((child("c1"),), [relative("p1", {"c1": "mother"}), relative("p2", {}, email="P1@family.example")])
    assert copy_of(record(), person("p1", "c1"), shared).why_not == SHARED_ADDRESS


def test_a_section_that_gives_away_another_child_is_left_out_and_the_reason_says_what_was_found_but_not_it() -> None:
    number = ABOUT.children["c2"].nhs_number
    copy = copy_of(record(section(f"Registered as {number}.", "c1"), section("As agreed.", "c1")), FATHER, ABOUT)
    assert left_out(copy) == [IDENTIFIES_ANOTHER, None]
    assert "an NHS number" in copy.sections[0].text
    assert str(number) not in copy.sections[0].text
