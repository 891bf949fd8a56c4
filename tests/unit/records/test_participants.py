"""What a copy says of the others who were asked or were there."""

from __future__ import annotations

from services.records.rules.participants import Seen, may_see
from tests.unit.records.people import agency, child, matter, person, relative

MOTHER = person("p1", "c1", "c2")
FATHER = person("p2", "c1")
PEOPLE = (
    relative("p1", {"c1": "mother", "c2": "mother"}),
    relative("p2", {"c1": "father", "c2": "partner_of_parent"}),
    relative("p3", {"c2": "father"}),
)
ABOUT = matter((child("c1"), child("c2", placed_with="home-1")), PEOPLE)


def test_a_professional_sees_agencies_by_name_that_share_a_child_with_them() -> None:
    camhs = agency("camhs-1", "c1")
    assert may_see(camhs, agency("gp-1", "c1", "c2"), ABOUT) == Seen("gp", "Example gp-1")
    assert may_see(camhs, agency("school-1", "c2"), ABOUT) is None


def test_a_professional_sees_relatives_as_what_they_are_to_the_children_they_share() -> None:
    assert may_see(agency("camhs-1", "c1"), FATHER, ABOUT) == Seen("relative", None, ("father",))
    assert may_see(agency("gp-1", "c1", "c2"), FATHER, ABOUT) == Seen("relative", None, ("father", "partner of parent"))
    assert may_see(agency("camhs-1", "c1"), person("p3", "c2"), ABOUT) is None


def test_a_professional_sees_a_child_who_came_as_the_child() -> None:
    young = person("c1", "c1", kind="child", oneself=frozenset({"c1"}))
    assert may_see(agency("camhs-1", "c1"), young, ABOUT) == Seen("child", None, ("child",))
    assert may_see(agency("camhs-2", "c2"), young, ABOUT) is None


def test_family_sees_agencies_of_a_child_of_theirs_by_kind_only() -> None:
    assert may_see(FATHER, agency("gp-1", "c1"), ABOUT) == Seen("gp")
    assert may_see(FATHER, agency("school-1", "c2"), ABOUT) is None


def test_family_never_sees_a_placement_or_what_the_policy_does_not_name_to_them() -> None:
    for hidden in (
        agency("placement-1", "c1"),
        agency("domestic-abuse-1", "c1"),
        agency("home-1", "c1", "c2", kind="voluntary"),
    ):
        assert may_see(MOTHER, hidden, ABOUT) is None, hidden.kind


def test_family_does_not_learn_of_a_service_to_another_relative() -> None:
    assert may_see(FATHER, agency("substance-misuse-1", "c1", serves_a_relative=True), ABOUT) is None


def test_family_sees_no_other_member_of_the_family() -> None:
    assert may_see(FATHER, MOTHER, ABOUT) is None
    assert may_see(MOTHER, FATHER, ABOUT) is None


def test_where_a_child_is_placed_is_named_only_to_kinds_that_have_to_know() -> None:
    home = agency("home-1", "c2", kind="voluntary")
    assert may_see(agency("school-1", "c2"), home, ABOUT) == Seen("voluntary")
    assert may_see(agency("childrens-social-care-1", "c2"), home, ABOUT) == Seen("voluntary", "Example home-1")


def test_where_a_parent_has_found_refuge_is_named_only_to_kinds_that_have_to_know() -> None:
    refuge = agency("domestic-abuse-1", "c1", "c2")
    assert may_see(agency("school-1", "c1"), refuge, ABOUT) == Seen("domestic_abuse")
    assert may_see(agency("childrens-social-care-1", "c1"), refuge, ABOUT) == Seen(
        "domestic_abuse", "Example domestic-abuse-1"
    )


def test_whoever_was_neither_asked_nor_there_stands_in_no_copy() -> None:
    camhs, unasked = agency("camhs-1", "c1"), agency("gp-1", "c1", invited=False)
    assert may_see(camhs, unasked, ABOUT) is None
    assert may_see(camhs, agency("gp-1", "c1", invited=False, attended="present"), ABOUT) == Seen("gp", "Example gp-1")


def test_a_reader_stands_in_their_own_copy() -> None:
    camhs = agency("camhs-1", "c1")
    assert may_see(camhs, camhs, ABOUT) == Seen("camhs", "Example camhs-1")
    assert may_see(FATHER, FATHER, ABOUT) == Seen("relative", None, ("father",))
