"""Who gets a care plan that came in."""

from __future__ import annotations

import pytest

from services.records.rules.care_plans import Telling, Told, left_over, may_have, recipients
from services.records.rules.copies import NO_ADDRESS
from tests.unit.records.people import agency, person

GP, SCHOOL = agency("gp-1", "c1", "c2"), agency("school-1", "c1")


BOTH = ("c1", "c2")


def plan(child_id: str | None = None, *children: str) -> Telling:
    """It was told of as a care plan, for a meeting that was about these then."""
    return Telling(True, child_id, children or BOTH)


REPORT = Telling(False, None, BOTH)


@pytest.mark.parametrize(
    ("children", "named", "about"),
    [(("c1",), None, "c1"), (BOTH, None, None), (BOTH, "c2", "c2"), (("c1",), "c9", None)],
)
def test_it_is_about_the_child_that_was_named_or_the_only_one(
    children: tuple[str, ...], named: str | None, about: str | None
) -> None:
    told = Told((plan(named, *children),), frozenset(children))
    assert (told.child_id, told.is_for(children)) == (about, about)


@pytest.mark.parametrize(
    ("today", "about", "passed_on"),
    [(("c1",), "c1", "c1"), (("c2",), None, None), (BOTH, "c1", None), ((), None, None)],
)
def test_a_meeting_that_changes_makes_a_plan_be_about_no_other_child(
    today: tuple[str, ...], about: str | None, passed_on: str | None
) -> None:
    told = Told((plan(None, "c1"),), frozenset(today))
    assert (told.child_id, told.is_for(today)) == (about, passed_on)


def test_what_was_about_neither_child_is_about_none_once_one_is_left() -> None:
    for tellings in ([plan()], [plan(), plan(None, "c1")]):
        assert Told(tuple(tellings), frozenset({"c1"})).is_for(["c1"]) is None


@pytest.mark.parametrize(
    ("tellings", "about"),
    [
        ([plan("c1"), plan("c2")], "c2"),
        ([plan("c1"), plan()], "c1"),
        ([plan(), plan("c1")], "c1"),
        ([plan("c1"), plan(None, "c2")], None),
        ([plan(None, "c1"), plan(None, "c2")], None),
        ([plan(None, "c2"), plan("c1")], "c1"),
        ([plan("c1"), REPORT], None),
        ([plan("c1"), REPORT, plan()], "c1"),
        ([], None),
    ],
)
def test_what_was_said_last_counts_and_where_that_leaves_a_doubt_nothing_does(
    tellings: list[Telling], about: str | None
) -> None:
    assert Told(tuple(tellings), frozenset(BOTH)).child_id == about


def test_it_is_for_agencies_that_were_asked_for_the_child_and_never_for_family_or_its_sender() -> None:
    mother = person("p1", "c1", "c2")
    child = person("c1", "c1", kind="child", oneself=frozenset({"c1"}))
    some = [may_have("c1", "camhs-1", each, None) for each in (GP, SCHOOL, mother, child)]
    assert some == [True, True, False, False]
    assert [may_have("c2", "gp-1", each, None) for each in (GP, SCHOOL)] == [False, False]


def test_it_is_for_whoever_is_of_the_core_group_where_there_is_one() -> None:
    assert [may_have("c1", "camhs-1", each, frozenset({"gp-1"})) for each in (GP, SCHOOL)] == [True, False]


def test_an_agency_that_is_there_for_a_relative_has_it_only_where_it_serves_the_child_too() -> None:
    of_the_mother = agency("substance-misuse-1", "c1", serves_a_relative=True)
    of_both = agency("gp-2", "c1", serves_a_relative=True, serves=frozenset({"c1"}))
    of_her_and_a_brother = agency("gp-3", "c1", "c2", serves_a_relative=True, serves=frozenset({"c2"}))
    some = [of_the_mother, of_both, of_her_and_a_brother]
    assert [may_have("c1", "camhs-1", each, None) for each in some] == [False, True, False]


def test_the_core_group_gets_it_by_whichever_meeting_asked_it() -> None:
    core = frozenset({"gp-1", "school-1", "police-1", "camhs-1"})
    some = recipients("c1", "camhs-1", {"m2": [GP], "m1": [GP, SCHOOL, agency("health-visiting-1", "c1")]}, core, {})
    assert [(each.reader.agency_id, each.meeting_id) for each in some] == [("gp-1", "m2"), ("school-1", "m1")]
    assert left_over(core, "camhs-1", some) == {"police-1"}


def test_who_cannot_be_reached_or_was_refused_is_seen() -> None:
    lost, refused = agency("gp-1", "c1", address=None), agency("school-1", "c1", why_not="childs_wish")
    some = recipients("c1", "camhs-1", {"m1": [lost, refused]}, None, {})
    assert [each.why_not for each in some] == [NO_ADDRESS, "childs_wish"]
