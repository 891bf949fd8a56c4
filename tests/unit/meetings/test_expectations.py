"""What policy expects for a child, whatever the record of involvements says; and the gap where nobody is found."""

from __future__ import annotations

from datetime import date

import pytest

from schemas.policy import Policy
from services.meetings.rules import AlsoInvite
from tests.unit.meetings.partnership import (
    DAY,
    ELSEWHERE,
    HERE,
    POLICY,
    Partnership,
    agency,
    because,
    cause,
    child,
    closed,
    involvement,
    meeting,
    not_to_be_asked,
    placed,
    relative,
    rules,
    tie,
    unborn,
)

GP_AND_SCHOOL = [agency("gp-1"), agency("school-1")]
WITH_BOTH = [involvement("gp-1"), involvement("school-1")]


@pytest.mark.parametrize("kind", ["strategy_discussion", "initial_conference", "review_conference"])
def test_social_care_and_police_of_the_area_are_asked_to_discussions_and_conferences(kind: str) -> None:
    assert {"childrens_social_care-1", "police-1"} <= Partnership().ask(kind).invited()


def test_the_reason_for_an_expected_agency_has_the_meeting_the_child_and_the_agency_behind_it() -> None:
    reason = because(Partnership().ask().one("police-1"), "expected.police")
    assert reason.text == "The police are always asked to this kind of meeting."
    assert reason.causes == (cause("m1"), cause("c1"), cause("police-1"))


@pytest.mark.parametrize("kind", ["strategy_discussion", "initial_conference", "core_group", "looked_after_review"])
def test_the_childs_gp_practice_is_missed_where_none_is_recorded(kind: str) -> None:
    entry = Partnership().ask(kind).one("gp")
    assert (entry.decision, entry.why_not) == ("not_invited", "no_agency_known")
    assert entry.reasons[0].text == (
        "Every child's GP practice is asked, whoever else comes from health. No GP practice is recorded for A1."
    )


@pytest.mark.parametrize("other", ["camhs", "health_visiting", "school_nursing", "paediatrics", "acute_hospital"])
def test_another_health_person_who_comes_does_not_stand_in_for_the_gp(other: str) -> None:
    there = Partnership(agencies=[agency(f"{other}-5")], involvements=[involvement(f"{other}-5")])
    answer = there.ask("strategy_discussion")
    assert f"{other}-5" in answer.invited()
    assert "gp" in answer.gaps()


@pytest.mark.parametrize("other", ["gp", "health_visiting", "school_nursing", "paediatrics", "acute_hospital"])
def test_another_health_person_who_comes_does_not_keep_camhs_away(other: str) -> None:
    there = Partnership(
        agencies=[agency(f"{other}-5"), agency("camhs-1")],
        involvements=[involvement(f"{other}-5"), involvement("camhs-1", status="waiting")],
    )
    assert {f"{other}-5", "camhs-1"} <= there.ask("strategy_discussion").invited()


def test_neither_camhs_nor_gp_is_the_health_service_that_is_always_in_the_room() -> None:
    there = Partnership(
        agencies=[agency("gp-1"), agency("camhs-1")], involvements=[involvement("gp-1"), involvement("camhs-1")]
    )
    assert "school_nursing-1" in there.ask("strategy_discussion").invited()


def test_a_paediatrician_is_a_health_service_in_a_strategy_discussion() -> None:
    there = Partnership(agencies=[agency("paediatrics-1")], involvements=[involvement("paediatrics-1")])
    assert there.ask("strategy_discussion").of("school_nursing-1") == []


def test_to_be_on_a_waiting_list_is_not_to_have_a_health_service_in_the_room() -> None:
    there = Partnership(
        agencies=[agency("paediatrics-1")], involvements=[involvement("paediatrics-1", status="waiting")]
    )
    assert {"paediatrics-1", "school_nursing-1"} <= there.ask("strategy_discussion").invited()


@pytest.mark.parametrize(
    ("born", "asked"), [(date(2021, 4, 2), "health_visiting-1"), (date(2021, 4, 1), "school_nursing-1")]
)
def test_the_health_visitor_is_asked_for_under_fives_and_the_school_nurse_from_then_on(born: date, asked: str) -> None:
    answer = Partnership(children=[child(date_of_birth=born)]).ask("initial_conference")
    assert {"health_visiting-1", "school_nursing-1"} & answer.invited() == {asked}


def test_a_paediatrician_does_not_keep_the_school_nurse_from_a_conference() -> None:
    there = Partnership(agencies=[agency("paediatrics-1")], involvements=[involvement("paediatrics-1")])
    assert {"paediatrics-1", "school_nursing-1"} <= there.ask("initial_conference").invited()


def test_without_a_known_age_both_are_asked() -> None:
    answer = Partnership(children=[child(date_of_birth=None)]).ask("initial_conference")
    assert {"health_visiting-1", "school_nursing-1"} <= answer.invited()
    assert {"gp", "school"} <= answer.gaps()


@pytest.mark.parametrize(
    ("born", "missed"), [(date(2021, 4, 1), True), (date(2021, 4, 2), False), (date(2010, 4, 1), False)]
)
def test_a_school_is_expected_from_five_to_fifteen(born: date, missed: bool) -> None:
    assert ("school" in Partnership(children=[child(date_of_birth=born)]).ask().gaps()) is missed


def test_no_school_is_missed_for_a_child_who_is_educated_at_home() -> None:
    answer = Partnership(children=[child(circumstances=("home_educated",))]).ask()
    assert "school" not in answer.gaps()
    assert "school_nursing-1" in answer.invited()


def test_a_school_that_is_recorded_for_a_home_educated_child_is_asked_all_the_same() -> None:
    there = Partnership(
        children=[child(circumstances=("home_educated",))],
        agencies=[agency("school-1")],
        involvements=[involvement("school-1")],
    )
    assert "school-1" in there.ask().invited()


@pytest.mark.parametrize("kind", ["strategy_discussion", "pre_birth_conference", "core_group"])
def test_before_birth_midwife_and_health_visitor_are_asked_and_nobody_misses_gp_or_school(kind: str) -> None:
    answer = Partnership(children=[unborn()]).ask(kind)
    assert {"midwifery-1", "health_visiting-1"} <= answer.invited()
    assert answer.gaps() == set()


def test_the_mothers_own_midwife_is_the_midwife_before_birth() -> None:
    there = Partnership(
        children=[unborn()],
        agencies=[agency("midwifery-1"), agency("midwifery-2")],
        relatives=[relative("p1")],
        involvements=[involvement("midwifery-2", "p1")],
    )
    answer = there.ask("pre_birth_conference")
    assert "midwifery-2" in answer.invited()
    assert answer.of("midwifery-1") == []
    assert "midwifery" not in answer.gaps()


def test_after_birth_the_babys_own_gp_is_missed_though_the_mothers_is_asked() -> None:
    there = Partnership(
        children=[child(date_of_birth=date(2026, 3, 1))],
        agencies=[agency("gp-1")],
        relatives=[relative("p1")],
        involvements=[involvement("gp-1", "p1")],
    )
    answer = there.ask("review_conference")
    assert "gp-1" in answer.invited()
    assert "gp" in answer.gaps()


def test_siblings_of_an_unborn_child_bring_their_own_school_and_gp_to_a_pre_birth_conference() -> None:
    there = Partnership(children=[unborn("c1"), child("c2")])
    answer = there.ask("pre_birth_conference")
    assert {answer.one("gp").child_ids, answer.one("school").child_ids} == {("c2",)}


LOOKED_AFTER = child(circumstances=("looked_after",), placement=placed(HERE))


@pytest.mark.parametrize("kind", ["strategy_discussion", "review_conference", "looked_after_review", "missing_trigger"])
def test_the_reviewing_officer_is_asked_for_a_looked_after_child(kind: str) -> None:
    assert "reviewing_officer-1" in Partnership(children=[LOOKED_AFTER]).ask(kind).invited()
    assert "reviewing_officer-1" not in Partnership().ask(kind).invited()


def test_the_reviewing_officer_is_the_one_of_the_authority_that_is_responsible_wherever_the_meeting_is() -> None:
    there = Partnership(children=[child(authority=ELSEWHERE, circumstances=("looked_after",), placement=placed(HERE))])
    answer = there.ask("strategy_discussion")
    assert "reviewing_officer-9" in answer.invited()
    assert answer.of("reviewing_officer-1") == []


def test_the_looked_after_nurse_is_asked_to_the_looked_after_review() -> None:
    assert "looked_after_health-1" in Partnership(children=[LOOKED_AFTER]).ask("looked_after_review").invited()


def test_whoever_cares_for_a_looked_after_child_is_missed_where_no_placement_is_recorded() -> None:
    answer = Partnership(children=[child(circumstances=("looked_after",))]).ask("looked_after_review")
    assert answer.one("placement").reasons[0].text == (
        "The child is looked after, so whoever cares for the child is asked. "
        "No placement (carer or home) is recorded for A1."
    )


def test_who_is_placed_with_a_person_misses_no_placement() -> None:
    assert "placement" not in Partnership(children=[LOOKED_AFTER]).ask("looked_after_review").gaps()


def test_hospital_and_camhs_belong_to_the_planning_of_a_discharge() -> None:
    there = Partnership(agencies=[agency("acute_hospital-1"), agency("camhs-1")])
    assert {"acute_hospital-1", "camhs-1"} <= there.ask("discharge_planning").invited()


def test_an_area_without_an_agency_of_an_expected_kind_has_a_gap_that_says_where() -> None:
    answer = Partnership().ask(meeting(authority="nowhere"))
    assert answer.one("police").reasons[0].text == (
        "The police are always asked to this kind of meeting. No agency is recorded for police in nowhere."
    )


def test_one_gap_stands_for_all_children_where_an_authority_has_nobody() -> None:
    there = Partnership(children=[child("c1"), child("c2")], agencies=GP_AND_SCHOOL)
    entry = there.ask(meeting(authority="nowhere", child_ids=("c1", "c2"))).one("police")
    assert entry.child_ids == ("c1", "c2")
    assert entry.party == "missing:police:"


def test_each_child_has_a_gap_of_its_own_where_its_record_has_nobody() -> None:
    answer = Partnership(children=[child("c1"), child("c2")]).ask()
    found = {each.party: each.child_ids for each in answer.entries if each.kind == "school"}
    assert found == {"missing:school:c1": ("c1",), "missing:school:c2": ("c2",)}


def test_an_agency_that_belongs_to_no_authority_serves_where_the_area_has_none() -> None:
    there = Partnership(agencies=[agency("police-5", authority=None)])
    assert "police-5" in there.ask(meeting(authority="nowhere")).invited()
    assert "police-5" not in there.ask(meeting(authority=ELSEWHERE)).invited()


def test_with_several_agencies_of_a_kind_a_person_says_which() -> None:
    there = Partnership(agencies=[agency("police-1"), agency("police-2")])
    entry = there.ask().one("police")
    assert entry.why_not == "several_agencies"
    assert entry.reasons[0].text == (
        "The police are always asked to this kind of meeting. "
        "2 agencies are recorded for police in leicester: say which one to ask."
    )
    assert entry.reasons[0].causes[-2:] == (cause("police-1"), cause("police-2"))


def test_the_coordinator_says_which_of_several_and_the_gap_is_closed() -> None:
    there = Partnership(agencies=[agency("police-1"), agency("police-2")])
    answer = there.ask(meeting(also_invite=(AlsoInvite("police-2", "It is their case."),)))
    assert "police-2" in answer.invited()
    assert answer.of("police-1") == []
    assert "police" not in answer.gaps()
    assert because(answer.one("police-2"), "also_invite").text == (
        "The coordinator asks for Agency police-2: It is their case."
    )


def test_where_one_of_two_is_excluded_the_other_is_asked() -> None:
    there = Partnership(agencies=[agency("police-1"), agency("police-2")])
    answer = there.ask(meeting(do_not_invite=(not_to_be_asked("police-1", "conflict_of_interest"),)))
    assert "police-2" in answer.invited()
    assert "police" not in answer.gaps()


def test_which_of_several_is_involved_otherwise_is_asked() -> None:
    there = Partnership(
        children=[child(in_hospital=cause("admission"))],
        agencies=[agency("acute_hospital-1"), agency("acute_hospital-2")],
        relatives=[relative("p1")],
        involvements=[involvement("acute_hospital-2", "p1")],
    )
    answer = there.ask("strategy_discussion")
    assert answer.invited() & {"acute_hospital-1", "acute_hospital-2"} == {"acute_hospital-2"}
    assert "acute_hospital" not in answer.gaps()


def test_which_of_several_was_asked_before_is_asked_again() -> None:
    there = Partnership(agencies=[agency("police-1")])
    there.before = there.ask().entries
    there.agencies.append(agency("police-2"))
    answer = there.ask()
    assert "police" not in answer.gaps()
    assert answer.invited() & {"police-1", "police-2"} == {"police-1"}


def test_a_closed_agency_does_not_stand_in_for_the_one_that_is_expected() -> None:
    there = Partnership(
        agencies=[agency("police-1"), agency("police-2", closed_on=date(2026, 1, 1))],
        involvements=[involvement("police-2")],
    )
    answer = there.ask()
    assert answer.one("police-2").why_not == "agency_closed"
    assert "police-1" in answer.invited()


def test_a_closed_gp_practice_leaves_the_gap_open() -> None:
    there = Partnership(agencies=[agency("gp-1", closed_on=date(2026, 1, 1))], involvements=[involvement("gp-1")])
    assert "gp" in there.ask().gaps()


def test_social_care_of_another_area_does_not_stand_in_for_that_of_the_area_which_meets() -> None:
    there = Partnership(involvements=[involvement("childrens_social_care-9")])
    assert {"childrens_social_care-9", "childrens_social_care-1"} <= there.ask("strategy_discussion").invited()


def test_a_gp_whom_the_coordinator_names_closes_the_gap_of_an_only_child() -> None:
    there = Partnership(agencies=[agency("gp-1")])
    named = (AlsoInvite("gp-1", "Registration is on its way."),)
    assert "gp" not in there.ask(meeting(also_invite=named)).gaps()


def test_a_gp_whom_the_coordinator_names_leaves_open_which_of_several_children_it_is_for() -> None:
    there = Partnership(children=[child("c1"), child("c2")], agencies=[agency("gp-1")])
    named = (AlsoInvite("gp-1", "Registration is on its way."),)
    assert "gp" in there.ask(meeting(also_invite=named, child_ids=("c1", "c2"))).gaps()


def test_an_agency_that_the_coordinator_names_and_nobody_has_recorded_is_shown() -> None:
    entry = Partnership().ask(meeting(also_invite=(AlsoInvite("legal-1", "Advice."),))).one("legal-1")
    assert (entry.decision, entry.why_not) == ("not_invited", "agency_not_recorded")
    assert rules(entry) == ["also_invite", "agency_not_recorded"]


def test_children_who_are_named_and_not_recorded_are_told_and_the_others_are_resolved() -> None:
    there = Partnership(agencies=GP_AND_SCHOOL, involvements=WITH_BOTH)
    answer = there.ask(meeting(child_ids=("c1", "c9")))
    assert answer.resolution.children_not_recorded == ("c9",)
    assert {"gp-1", "school-1"} <= answer.invited()


def test_brothers_and_sisters_whom_a_conference_does_not_name_are_told_and_grown_ones_are_not() -> None:
    there = Partnership(
        household=[child("c2"), child("c3", date_of_birth=date(2008, 4, 1)), child("c4", date_of_birth=None)]
    )
    found = there.ask("initial_conference").resolution.siblings_without_entry
    assert [each.child_id for each in found] == ["c2", "c4"]
    assert there.ask("core_group").resolution.siblings_without_entry == ()


def without(name: str) -> Policy:
    """The default, but for one number or expectation."""
    [default] = POLICY.layers
    kept = {
        "numbers": tuple(each for each in default.numbers if each.id != name),
        "expectations": tuple(each for each in default.expectations if each.id != name),
    }
    return Policy([default.model_copy(update=kept)])


@pytest.mark.parametrize("name", [each.id for layer in POLICY.layers for each in (*layer.numbers, *layer.expectations)])
@pytest.mark.parametrize("kind", ["transfer_in_conference", "review_conference", "looked_after_review"])
def test_whatever_the_policy_lacks_the_rest_is_resolved(name: str, kind: str) -> None:
    there = Partnership(
        children=[child(date_of_birth=date(2008, 5, 1), circumstances=("looked_after",))],
        agencies=[agency("camhs-1"), agency("gp-9", authority=ELSEWHERE)],
        involvements=[involvement("camhs-1"), closed(involvement("gp-9"))],
        relatives=[relative("p1"), relative("p2", tie(kind="self", responsible=False))],
        policy=without(name),
    )
    there.then(there.ask("initial_conference", meeting_id="m0", day=date(2026, 3, 1)))
    assert "camhs-1" in there.ask(kind).invited()


def test_a_kind_that_the_policy_does_not_hold_asks_everyone_involved_and_no_family() -> None:
    there = Partnership(
        agencies=[agency("camhs-1")],
        involvements=[involvement("camhs-1", status="waiting")],
        relatives=[relative("p1")],
    )
    assert there.ask("a_kind_that_is_gone").invited() == {"camhs-1"}


def test_a_day_before_the_policy_began_is_resolved_by_its_first_edition() -> None:
    there = Partnership(agencies=[agency("camhs-1")], involvements=[involvement("camhs-1")])
    assert "camhs-1" in there.ask("initial_conference", day=date(2010, 4, 1)).invited()


def test_expectations_count_from_their_day() -> None:
    [default] = POLICY.layers
    later = tuple(
        each.model_copy(update={"from_": DAY}) if each.id == "police" else each for each in default.expectations
    )
    there = Partnership(policy=Policy([default.model_copy(update={"expectations": later})]))
    assert "police-1" in there.ask("strategy_discussion").invited()
    assert "police-1" not in there.ask("strategy_discussion", day=date(2026, 3, 31)).invited()
