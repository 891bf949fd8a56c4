"""Whether two names are one person's, however they are written."""

from __future__ import annotations

import pytest

from schemas.persons import may_be_same_person, same_person

SURELY = [
    "Dr Ann Lee",
    "ann   lee",
    "Lee, Ann",
    "Mrs. Ann Lee",
    "Ann Lee (chair)",
    "Ann\u00a0Lee",
    "Ann\u200b Lee",
    "Ann\u200bLee",
    "Ａｎｎ Lee",
    "Änn Lee",
    "Ann-Lee",
    "ann.lee@council.example",
    "Prof Ann Margaret Lee",
    *(f"A{sign}nn Lee" for sign in "\u115f\u1160\u3164\uffa0\u2800\u034f\u0640"),
    "Ann\u3164Lee",
]
PERHAPS = ["Lee", "Dr Lee", "A. Lee", "Lee, A", "AL", "\u0410nn Lee", "\u0410\u043f\u043f Lee", "alee@council.example"]
OTHERS = ["Sam Hale", "Ann Hale", "Alan Lee", "Sam Lee", "Al Lee", "sam.hale@council.example", "(a second person)"]


@pytest.mark.parametrize("name", SURELY)
def test_a_name_is_the_same_with_a_title_in_another_order_and_with_signs_that_nobody_sees(name: str) -> None:
    assert same_person("Ann Lee", name)
    assert same_person(name, "Ann Lee")
    assert may_be_same_person(name, "Ann Lee")


@pytest.mark.parametrize("name", PERHAPS)
def test_a_name_that_may_be_the_other_is_surely_neither_the_same_nor_another(name: str) -> None:
    assert not same_person("Ann Lee", name)
    assert may_be_same_person("Ann Lee", name)
    assert may_be_same_person(name, "Ann Lee")


@pytest.mark.parametrize("name", OTHERS)
def test_another_name_is_another_person(name: str) -> None:
    assert not same_person("Ann Lee", name)
    assert not may_be_same_person("Ann Lee", name)
    assert not may_be_same_person(name, "Ann Lee")


@pytest.mark.parametrize(
    ("one", "other"),
    [("Ann Judge", "Ann Lord"), ("(the chair)", "(a second person)"), ("Анна Ли", "Оксана Ли"), ("Dr", "Mr")],
)
def test_what_is_no_title_tells_people_apart_and_so_does_a_title_where_there_is_nothing_else(
    one: str, other: str
) -> None:
    assert not may_be_same_person(one, other)


def test_a_name_of_nothing_but_signs_may_be_anyones() -> None:
    assert may_be_same_person("—", "Ann Lee")
    assert not same_person("—", "Ann Lee")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Katherine Jones", "Kath Jones"),
        ("Elizabeth Grey", "Eliz. Grey"),
        ("Jones, Katherine", "Kath Jones"),
        ("Katherine Mary Jones", "Kath Jones"),
        ("Katherine Jones", "Kath"),
        ("Dr Ann Lee", "Anne Lee"),
        ("Jon Smith", "John Smith"),
        ("Sarah Smith", "Sarah Smyth"),
        ("Michael Smith", "Micheal Smith"),
        ("Catherine Jones", "Katherine Jones"),
        ("Mark Hale", "Mary Hale"),
        ("Sam O'Neill", "Sam Oneil"),
        ("Ann-Marie Lee", "AM Lee"),
        ("Ann-Marie Lee", "Annemarie Lee"),
        ("Ann Lee", "AnneLee"),
        ("Ann Müller", "Ann Mueller"),
        ("Jo\u0308rg Hale", "Joerg Hale"),
        ("Jürgen Müller", "Juergen Mueller"),
    ],
)
def test_a_name_in_which_one_word_is_shortened_or_spelt_another_way_may_be_the_same(one: str, other: str) -> None:
    assert not same_person(one, other)
    assert may_be_same_person(one, other)
    assert may_be_same_person(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Ann Lee", "Ian Lee"),
        ("Ann Lee", "Ana Lee"),  # three letters, of which one differs
        ("Sam Lee", "Pam Lee"),
        ("Jo Lee", "Joe Lee"),  # two letters tell too little to be a longer name
        ("Molly Hale", "Holly Hale"),
        ("Mary Hale", "Gary Hale"),
        ("Wei Li", "Wei Liu"),
        ("Ann Lee", "Ann Leeson"),
        ("Lee, Ann", "Leeson, Ann"),
        ("John Smith", "John Smithson"),
        ("Mary Reed", "Mark Reid"),  # two words differ
        ("Mark James Hale", "Mary Anne Hale"),
        ("Kath Jones", "Katherine Hale"),
        ("AM Lee", "Bo Marie Lee"),
        ("Katherine Jones", "Kate Jones"),  # a name for short that is spelt unlike the name
        ("Elizabeth Grey", "Liz Grey"),
    ],
)
def test_names_that_differ_by_more_are_two_peoples(one: str, other: str) -> None:
    assert not may_be_same_person(one, other)
    assert not may_be_same_person(other, one)
