"""What the front page of a copy shows, held against what its reader may be told later."""

from __future__ import annotations

from dataclasses import replace

from services.records.rules.front_page import front_page, may_be_shown
from tests.unit.records.people import agency, child, matter, person, relative

SCHOOL, FATHER = agency("school-1", "c1"), person("p2", "c1", "c2")
HOME = agency("voluntary-1", "c1")
MOTHER = person("p1", "c1")
EVERYONE = (SCHOOL, HOME, MOTHER, FATHER)
PEOPLE = (relative("p1", {"c1": "mother"}), relative("p2", {"c1": "father", "c2": "father"}))
ABOUT = matter((child("c1"), child("c2")), PEOPLE)


def test_what_is_shown_holds_ids_and_nobodys_name() -> None:
    shown = str(front_page(SCHOOL, EVERYONE, ABOUT))
    assert all(each.name not in shown and str(each.address) not in shown for each in EVERYONE)
    assert "agency:voluntary-1" in shown
    assert "person:p1" in shown


def test_a_copy_may_be_shown_while_nothing_has_changed() -> None:
    for each in EVERYONE:
        assert may_be_shown(front_page(each, EVERYONE, ABOUT), each, EVERYONE, ABOUT), each.party


def test_of_a_copy_of_which_it_is_not_known_what_it_shows_nothing_is_shown() -> None:
    assert not may_be_shown(None, SCHOOL, EVERYONE, ABOUT)


def test_a_child_who_is_the_readers_no_more_shuts_a_copy_and_one_who_has_come_does_not() -> None:
    both, one = FATHER, replace(FATHER, child_ids=frozenset({"c1"}))
    assert not may_be_shown(front_page(both, EVERYONE, ABOUT), one, EVERYONE, ABOUT)
    assert may_be_shown(front_page(one, EVERYONE, ABOUT), both, EVERYONE, ABOUT)


def test_an_agency_with_whom_a_child_is_placed_by_now_shuts_the_copies_that_name_it() -> None:
    placed = matter((child("c1", placed_with="voluntary-1"), child("c2")), PEOPLE)
    for each in (SCHOOL, FATHER):
        assert not may_be_shown(front_page(each, EVERYONE, ABOUT), each, EVERYONE, placed), each.party
    assert may_be_shown(front_page(HOME, EVERYONE, ABOUT), HOME, EVERYONE, placed)


def test_a_service_that_is_a_relatives_and_not_the_childs_by_now_shuts_the_familys_copies_alone() -> None:
    mothers = (SCHOOL, replace(HOME, serves_a_relative=True), MOTHER, FATHER)
    assert not may_be_shown(front_page(FATHER, EVERYONE, ABOUT), FATHER, mothers, ABOUT)
    assert may_be_shown(front_page(SCHOOL, EVERYONE, ABOUT), SCHOOL, mothers, ABOUT)


def test_who_was_not_asked_after_all_or_is_no_reader_any_more_shuts_nothing() -> None:
    unasked = (SCHOOL, replace(HOME, invited=False), MOTHER)
    for later in (unasked, (SCHOOL,)):
        for each in (SCHOOL, FATHER):
            assert may_be_shown(front_page(each, EVERYONE, ABOUT), each, later, ABOUT), each.party


def test_what_a_relative_is_to_a_child_no_more_shuts_the_copies_that_say_so() -> None:
    shown = front_page(SCHOOL, EVERYONE, ABOUT)
    stranger = matter((child("c1"), child("c2")), (relative("p1", {"c2": "mother"}), PEOPLE[1]))
    assert not may_be_shown(shown, SCHOOL, EVERYONE, stranger)
