"""The register: once for each party, and nobody is called absent whom nothing shows to have been asked."""

from __future__ import annotations

from itertools import permutations

import pytest

from services.meetings.rules import INVITED, NOT_INVITED, Entry
from services.participation.rules.register import Attended, Line, noted, register
from tests.unit.participation.held import not_there, there

CAMHS = "camhs-1"
ASKED = frozenset({f"agency:{CAMHS}"})


def entry(agency_id: str | None = CAMHS, team_id: str | None = None, why_not: str | None = None) -> Entry:
    decision = NOT_INVITED if why_not else INVITED
    return Entry("camhs", agency_id, None, team_id, decision, why_not, (), ("c1",), None if why_not else "a@b.example")


def line(
    attended: Attended | None = None, *, entries: tuple[Entry, ...] = (entry(),), asked: frozenset[str] = ASKED
) -> Line:
    [found] = register(entries, noted([attended] if attended else []), asked, {})
    return found


def test_of_whom_nothing_is_noted_that_is_said_and_never_absent() -> None:
    assert line().status == "not_noted"
    assert "absent" not in line().text.lower()


@pytest.mark.parametrize("attended", [None, not_there(CAMHS, "absent")])
def test_whom_nothing_shows_to_have_been_asked_is_never_said_not_to_have_come(attended: Attended | None) -> None:
    found = line(attended, asked=frozenset())
    assert (found.status, found.asked) == ("not_asked", False)
    assert "no invitation is on record" in found.text


def test_who_was_asked_and_is_noted_as_absent_is_absent() -> None:
    assert line(not_there(CAMHS, "absent")).status == "absent"


def test_who_came_without_being_asked_came_uninvited() -> None:
    found = line(there(CAMHS), entries=(), asked=frozenset())
    assert found.uninvited
    assert "Came uninvited" in found.text
    assert not line(there(CAMHS)).uninvited


def test_who_sends_apologies_has_been_asked() -> None:
    found = line(not_there(CAMHS), asked=frozenset())
    assert (found.status, found.asked) == ("apologies", True)


def test_who_was_kept_out_by_decision_is_shown_as_that() -> None:
    kept_out = (entry(why_not="childs_wish"),)
    assert "the child's wish" in line(entries=kept_out, asked=frozenset()).text
    assert "the child's wish" in line(there(CAMHS), entries=kept_out, asked=frozenset()).text


def test_a_kind_that_nobody_is_recorded_for_was_not_asked() -> None:
    found = line(entries=(entry(None, why_not="no_agency_known"),), asked=frozenset())
    assert (found.agency_id, found.kind, found.status) == (None, "camhs", "not_asked")


def test_teams_and_people_of_one_agency_are_one_line() -> None:
    some = [there(CAMHS, "phone", name="A"), there(CAMHS, "in_person", name="B"), not_there(CAMHS)]
    [found] = register([entry(), entry(team_id="duty")], noted(some), ASKED, {})
    assert (found.status, found.modes, found.names) == ("present", ("in_person", "phone"), ("A", "B"))
    assert found.text == "There in person and by phone."


def test_whoever_had_one_person_there_was_there_in_whatever_order_they_are_listed() -> None:
    some = [not_there(CAMHS, "absent"), not_there(CAMHS), there(CAMHS)]
    assert {noted(each)[f"agency:{CAMHS}"].status for each in permutations(some)} == {"present"}
    assert {noted(each)[f"agency:{CAMHS}"].status for each in permutations(some[:2])} == {"apologies"}


def test_a_person_of_the_family_is_not_an_agency() -> None:
    mother = Attended(None, "p1", "present", "in_person")
    [found] = register([], noted([mother]), frozenset({"person:p1"}), {})
    assert (found.agency_id, found.person_id, found.kind, found.asked) == (None, "p1", "relative", True)
