"""Home, placement and meeting in different areas; transfers; and the services of parents."""

from __future__ import annotations

from datetime import date

import pytest

from tests.unit.meetings.partnership import (
    ELSEWHERE,
    HERE,
    Partnership,
    agency,
    because,
    cause,
    child,
    closed,
    involvement,
    placed,
    relative,
    rules,
    team,
    tie,
)

BOTH_CAMHS = [agency("camhs-1"), agency("camhs-9", authority=ELSEWHERE)]


@pytest.mark.parametrize("status", ["waiting", "open"])
def test_camhs_at_home_and_where_the_child_is_placed_are_both_asked(status: str) -> None:
    there = Partnership(
        children=[child(placement=placed())],
        agencies=list(BOTH_CAMHS),
        involvements=[involvement("camhs-1", status=status)],
    )
    answer = there.ask("strategy_discussion")
    assert {"camhs-1", "camhs-9"} <= answer.invited()
    assert because(answer.one("camhs-9"), "placement_area").text == (
        "A1 is placed in rutland, so CAMHS there is asked as well as CAMHS at home."
    )
    assert not answer.one("camhs-9").counts_for_quoracy


def test_camhs_at_home_is_asked_where_only_that_of_the_placement_is_involved() -> None:
    there = Partnership(
        children=[child(placement=placed())], agencies=list(BOTH_CAMHS), involvements=[involvement("camhs-9")]
    )
    answer = there.ask("strategy_discussion")
    assert {"camhs-1", "camhs-9"} <= answer.invited()
    assert because(answer.one("camhs-1"), "placement_area").text == (
        "A1 is placed in rutland, so CAMHS at home in leicester is asked too."
    )


def test_camhs_of_the_placement_is_asked_through_the_team_for_those_who_wait() -> None:
    away = agency("camhs-9", authority=ELSEWHERE, teams=(team("their-duty", "waiting"),))
    there = Partnership(
        children=[child(placement=placed())],
        agencies=[agency("camhs-1"), away],
        involvements=[involvement("camhs-1", status="waiting")],
    )
    assert there.ask("strategy_discussion").one("camhs-9").team_id == "their-duty"


def test_a_placement_area_without_camhs_is_a_gap() -> None:
    there = Partnership(
        children=[child(placement=placed())], agencies=[agency("camhs-1")], involvements=[involvement("camhs-1")]
    )
    assert there.ask().one("camhs").reasons[0].text == (
        "A1 is placed in rutland, so CAMHS there is asked as well as CAMHS at home. "
        "No agency is recorded for CAMHS in rutland."
    )


def test_a_child_who_is_not_known_to_camhs_brings_none_of_either_area() -> None:
    there = Partnership(children=[child(placement=placed())], agencies=list(BOTH_CAMHS))
    assert not {"camhs-1", "camhs-9"} & there.ask().invited()


def test_a_placement_in_the_home_area_brings_no_second_camhs() -> None:
    there = Partnership(
        children=[child(placement=placed(HERE))], agencies=list(BOTH_CAMHS), involvements=[involvement("camhs-1")]
    )
    assert there.ask().of("camhs-9") == []


def test_whoever_the_child_lives_with_is_asked() -> None:
    there = Partnership(children=[child(placement=placed(HERE, "placement-1"))], agencies=[agency("placement-1")])
    reason = because(there.ask("strategy_discussion").one("placement-1"), "placement")
    assert reason.text == "A1 has lived with Agency placement-1 since 1 September 2025."
    assert reason.causes == (cause("c1"),)


def test_a_placement_by_an_agency_of_another_kind_settles_who_cares_for_the_child() -> None:
    there = Partnership(
        children=[child(circumstances=("looked_after",), placement=placed(HERE, "voluntary-1"))],
        agencies=[agency("voluntary-1")],
    )
    answer = there.ask("looked_after_review")
    assert answer.one("voluntary-1").kind == "voluntary"
    assert "placement" not in answer.gaps()


def test_health_services_are_those_of_where_the_child_lives() -> None:
    answer = Partnership(children=[child(placement=placed())]).ask("initial_conference")
    assert answer.invited() & {"school_nursing-1", "school_nursing-9"} == {"school_nursing-9"}


def test_social_care_of_the_responsible_authority_is_asked_to_a_meeting_that_another_holds() -> None:
    there = Partnership(children=[child(authority=ELSEWHERE, placement=placed(HERE))])
    answer = there.ask("strategy_discussion")
    assert {"childrens_social_care-1", "childrens_social_care-9"} <= answer.invited()
    assert because(answer.one("childrens_social_care-9"), "home_area").text == (
        "A1 is the responsibility of rutland, so its children's social care is asked as well as that of leicester."
    )


def test_to_a_transfer_both_social_cares_are_asked() -> None:
    answer = Partnership(children=[child(authority=ELSEWHERE)]).ask("transfer_in_conference")
    assert {"childrens_social_care-1", "childrens_social_care-9"} <= answer.invited()
    assert because(answer.one("childrens_social_care-9"), "transferring_authority").text == (
        "A1 comes from rutland, whose children's social care hands over."
    )
    assert rules(answer.one("childrens_social_care-9")) == ["transferring_authority"]


@pytest.mark.parametrize("service", ["gp", "camhs", "school", "health_visiting", "childrens_social_care"])
def test_to_a_transfer_the_services_that_the_child_leaves_behind_are_asked_and_do_not_count(service: str) -> None:
    old = agency(f"{service}-8", service, authority=ELSEWHERE)
    there = Partnership(agencies=[old], involvements=[closed(involvement(f"{service}-8", service=service))])
    entry = there.ask("transfer_in_conference").one(f"{service}-8")
    assert entry.decision == "invited"
    assert not entry.counts_for_quoracy
    assert because(entry, "transferring_authority").text == (
        f"Agency {service}-8 was involved with A1 until 1 March 2026, before the move."
    )


def test_to_a_transfer_old_and_new_gp_are_asked() -> None:
    there = Partnership(
        agencies=[agency("gp-1"), agency("gp-9", authority=ELSEWHERE)],
        involvements=[involvement("gp-1"), closed(involvement("gp-9"))],
    )
    assert {"gp-1", "gp-9"} <= there.ask("transfer_in_conference").invited()


def test_the_old_gp_does_not_hide_that_there_is_no_new_one() -> None:
    there = Partnership(agencies=[agency("gp-9", authority=ELSEWHERE)], involvements=[closed(involvement("gp-9"))])
    assert "gp" in there.ask("transfer_in_conference").gaps()


def test_what_closed_longer_ago_than_the_policy_looks_back_is_not_asked() -> None:
    there = Partnership(
        agencies=[agency("gp-9", authority=ELSEWHERE)],
        involvements=[closed(involvement("gp-9", since=date(2020, 1, 1)), date(2025, 3, 31))],
    )
    assert there.ask("transfer_in_conference").of("gp-9") == []


def test_what_closed_in_the_same_area_is_not_what_the_child_leaves_behind() -> None:
    there = Partnership(agencies=[agency("gp-1")], involvements=[closed(involvement("gp-1"))])
    assert there.ask("transfer_in_conference").of("gp-1") == []


@pytest.mark.parametrize(
    "service", ["adult_mental_health", "substance_misuse", "probation", "domestic_abuse", "gp", "housing", "camhs"]
)
def test_the_services_of_parents_are_asked(service: str) -> None:
    there = Partnership(
        agencies=[agency(f"{service}-5")],
        relatives=[relative("p1")],
        involvements=[involvement(f"{service}-5", "p1")],
    )
    reason = because(there.ask("strategy_discussion").one(f"{service}-5"), "parents_services")
    assert reason.text == f"Agency {service}-5 has been involved with A1's mother since 1 September 2025."
    assert reason.causes == (cause("p1"), cause(f"p1+{service}-5"))


def test_a_parent_who_waits_for_a_service_brings_it_and_it_does_not_count() -> None:
    there = Partnership(
        agencies=[agency("adult_mental_health-5")],
        relatives=[relative("p1", tie(kind="father", responsible=False))],
        involvements=[involvement("adult_mental_health-5", "p1", "waiting")],
    )
    entry = there.ask().one("adult_mental_health-5")
    assert (entry.decision, entry.counts_for_quoracy) == ("invited", False)
    assert entry.reasons[0].text.startswith("A1's father has been on the waiting list of Agency adult_mental_health-5")


def test_each_parents_services_are_about_their_own_children() -> None:
    there = Partnership(
        children=[child("c1"), child("c2")],
        agencies=[agency("probation-1"), agency("probation-2")],
        relatives=[relative("p1", tie("c1", "father")), relative("p2", tie("c2", "father"))],
        involvements=[involvement("probation-1", "p1"), involvement("probation-2", "p2")],
    )
    answer = there.ask()
    assert answer.one("probation-1").child_ids == ("c1",)
    assert answer.one("probation-2").child_ids == ("c2",)


def test_the_services_of_a_relative_who_is_no_parent_or_carer_are_not_asked() -> None:
    there = Partnership(
        agencies=[agency("probation-1")],
        relatives=[relative("p1", tie(kind="aunt", responsible=False))],
        involvements=[involvement("probation-1", "p1")],
    )
    assert there.ask().of("probation-1") == []


def test_a_relative_with_parental_responsibility_is_a_parent_whatever_the_tie_is_called() -> None:
    there = Partnership(
        agencies=[agency("probation-1")],
        relatives=[relative("p1", tie(kind="aunt"))],
        involvements=[involvement("probation-1", "p1")],
    )
    assert "probation-1" in there.ask().invited()


def test_a_parents_service_is_not_chosen_by_the_childs_circumstance() -> None:
    service = agency("camhs-1", teams=(team("young-people", "looked_after"), team("community", "open")))
    there = Partnership(
        children=[child(circumstances=("looked_after",))],
        agencies=[service],
        relatives=[relative("p1")],
        involvements=[involvement("camhs-1", "p1")],
    )
    assert there.ask().one("camhs-1").team_id == "community"
