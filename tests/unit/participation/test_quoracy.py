"""Who counts for quoracy and why, by the rules that ship, and by those that an area may set in their place."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from schemas.quoracy import Quoracy
from services.meetings.rules import AlsoInvite
from services.participation.rules.quoracy import Held, Party, contact
from tests.unit.meetings.partnership import ELSEWHERE, HERE, agency, cause, involvement, meeting
from tests.unit.participation.held import (
    CAMHS,
    CONFERENCE,
    CORE_GROUP,
    DISCHARGE,
    GP,
    NURSE,
    POLICE,
    SCHOOL,
    SOCIAL_CARE,
    STRATEGY,
    TODAY,
    assessed,
    held,
    not_there,
    rule,
    there,
    works,
)


def party(one: Held, agency_id: str, by: Quoracy = CONFERENCE) -> Party:
    return next(each for each in assessed(one, by).parties if each.agency_id == agency_id)


def test_a_conference_needs_social_care_and_two_others_in_direct_contact() -> None:
    with_one = held([there(SOCIAL_CARE), there(SCHOOL)], [works(SCHOOL)])
    with_two = held([there(SOCIAL_CARE), there(SCHOOL), there(NURSE)], [works(SCHOOL), works(NURSE)])
    without = held([there(GP), there(SCHOOL), there(NURSE)], [works(GP), works(SCHOOL), works(NURSE)])
    assert [assessed(each).quorate for each in (with_one, with_two, without)] == [False, True, False]


@pytest.mark.parametrize("missing", [SOCIAL_CARE, POLICE, NURSE])
def test_a_strategy_discussion_needs_social_care_the_police_and_health_all_three(missing: str) -> None:
    everyone = (SOCIAL_CARE, POLICE, NURSE)
    of = meeting("strategy_discussion", state="held")
    assert assessed(held([there(each) for each in everyone], of=of), STRATEGY).quorate
    some = held([there(each) for each in everyone if each != missing], of=of)
    assert not assessed(some, STRATEGY).quorate
    absent = held([not_there(each, "absent") if each == missing else there(each) for each in everyone], of=of)
    assert not assessed(absent, STRATEGY).quorate


def test_a_core_group_needs_the_social_worker_and_two_others() -> None:
    two = [works(SCHOOL), works(GP)]
    of = meeting("core_group", state="held")
    assert assessed(held([there(each) for each in (SOCIAL_CARE, SCHOOL, GP)], two, of=of), CORE_GROUP).quorate
    assert not assessed(held([there(each) for each in (SOCIAL_CARE, SCHOOL)], two, of=of), CORE_GROUP).quorate


def test_the_planning_of_a_discharge_needs_hospital_camhs_and_social_care() -> None:
    everyone = ("acute_hospital-1", CAMHS, SOCIAL_CARE)
    waits = [works(CAMHS, None, status="waiting")]
    of = meeting("discharge_planning", state="held")
    assert assessed(held([there(each) for each in everyone], waits, of=of), DISCHARGE).quorate
    for missing in everyone:
        some = held([there(each) for each in everyone if each != missing], waits, of=of)
        assert not assessed(some, DISCHARGE).quorate


@pytest.mark.parametrize(
    ("facts", "why", "counts"),
    [
        (works(CAMHS), "in_contact", True),
        (works(CAMHS, None), "contact_not_recorded", True),
        (works(CAMHS, False), "no_direct_contact", False),
        (works(CAMHS, None, status="waiting"), "waiting", False),
        (works(CAMHS, True, status="waiting"), "waiting", False),
        (works(CAMHS, None, status="referred"), "waiting", False),
        (works(CAMHS, True, status="closed", until=date(2026, 3, 1)), "involvement_over", False),
        (works(CAMHS, True, until=date(2026, 3, 31)), "involvement_over", False),
        (works(CAMHS, True, until=date(2026, 4, 1)), "in_contact", True),
        (works(CAMHS, True, since=date(2026, 4, 2)), "not_yet", False),
        (None, "nothing_on_record", False),
    ],
)
def test_who_counts_hangs_on_what_the_agency_has_to_do_with_the_child(facts: Any, why: str, counts: bool) -> None:
    found = party(held([there(CAMHS)], [facts] if facts else []), CAMHS)
    assert (found.why, found.counts) == (why, counts)
    assert cause("held") in found.causes
    assert len(found.causes) == 2


def test_an_agency_that_waits_for_one_child_and_works_with_another_counts() -> None:
    both = [works(CAMHS, None, status="waiting"), works(CAMHS, True, person_id="c2", involvement_id="i2")]
    assert party(held([there(CAMHS)], both), CAMHS).counts
    assert party(held([there(CAMHS)], both[::-1]), CAMHS).counts


def test_whoever_cares_for_the_child_and_the_ward_that_it_is_on_are_in_contact() -> None:
    home, ward = "placement-1", "acute_hospital-1"
    one = held([there(home), there(ward)], placed_with={home: cause("placed")}, in_hospital=cause("admitted"))
    assert [(each.why, each.counts) for each in assessed(one).parties] == [("in_contact", True)] * 2
    assert not party(held([there(ward)]), ward).counts


def test_who_is_expected_or_named_counts_though_nobody_recorded_the_contact_and_that_is_said() -> None:
    asked = meeting(state="held", also_invite=(AlsoInvite("housing-1", "Rent."),))
    one = held(
        [there(POLICE), there("housing-1"), there("voluntary-1")], of=asked, core_group={"voluntary-1": cause("g")}
    )
    assert {each.why for each in assessed(one).parties} == {"contact_not_recorded"}
    assert all(each.counts and "Nobody has recorded" in each.text for each in assessed(one).parties)
    assert assessed(one).unrecorded == ("housing-1", POLICE, "voluntary-1")


def test_an_area_may_let_only_recorded_contact_count() -> None:
    strict = rule(unrecorded_contact="does_not_count")
    one = held([there(SOCIAL_CARE), there(SCHOOL)], [works(SCHOOL, None)])
    assert assessed(one, rule()).quorate
    assert not assessed(one, strict).quorate
    assert party(one, SCHOOL, strict).text.endswith("Nobody has recorded whether it is in direct contact.")


def test_those_who_merely_advise_do_not_count() -> None:
    found = party(held([there("legal-1")], [works("legal-1")]), "legal-1")
    assert (found.why, found.counts) == ("advises", False)


def test_an_agency_that_nobody_recorded_does_not_count_and_is_not_lost() -> None:
    one = held([there("who-9")])
    found = party(Held(one.meeting, one.noted, {}, {}, one.cause, one.held_at), "who-9")
    assert (found.why, found.counts, found.name) == ("not_recorded", False, "who-9")


@pytest.mark.parametrize(
    ("mode", "at_a_conference", "at_a_core_group"),
    [("in_person", True, True), ("video", True, True), ("phone", False, True), (None, True, True)],
)
def test_how_somebody_was_there_counts_as_the_rule_says(
    mode: str | None, at_a_conference: bool, at_a_core_group: bool
) -> None:
    one = held([there(SCHOOL, mode)], [works(SCHOOL)])
    assert party(one, SCHOOL, CONFERENCE).counts is at_a_conference
    assert party(one, SCHOOL, CORE_GROUP).counts is at_a_core_group


def test_one_person_by_video_is_enough_where_another_was_on_the_phone() -> None:
    one = held([there(SCHOOL, "phone"), there(SCHOOL, "video")], [works(SCHOOL)])
    assert party(one, SCHOOL).counts


def test_an_agency_listed_several_times_counts_once() -> None:
    twice = [there(SOCIAL_CARE), there(SCHOOL, name="A"), there(SCHOOL, name="B"), not_there(SCHOOL)]
    found = assessed(held(twice, [works(SCHOOL)]))
    assert found.others == ((SCHOOL,),)
    assert not found.quorate


def test_two_practices_are_two_agencies_and_an_area_may_count_all_of_health_as_one() -> None:
    some = [SOCIAL_CARE, GP, "gp-2", CAMHS]
    one = held([there(each) for each in some], [works(each) for each in some])
    health = [["gp", "camhs", "school_nursing"]]
    assert len(assessed(one).others) == 3
    assert assessed(one, rule(others=2)).quorate
    assert not assessed(one, rule(others=2, count_as_one=health)).quorate
    assert assessed(one, rule(others=1, count_as_one=health)).quorate


def test_social_care_counts_once_however_many_of_it_come() -> None:
    some = [SOCIAL_CARE, "childrens_social_care-2", SCHOOL]
    assert not assessed(held([there(each) for each in some], [works(each) for each in some])).quorate


def test_social_care_of_another_area_does_not_stand_for_that_of_the_area() -> None:
    away = {"childrens_social_care-2": agency("childrens_social_care-2", authority=ELSEWHERE)}
    some = ["childrens_social_care-2", SCHOOL, GP]
    one = held([there(each) for each in some], [works(each) for each in some], agencies=away)
    assert not assessed(one).quorate
    assert party(one, "childrens_social_care-2").why == "of_another_area"
    of_none = {"childrens_social_care-2": agency("childrens_social_care-2", authority=None)}
    assert assessed(held([there(each) for each in some], [works(each) for each in some], agencies=of_none)).quorate


def test_one_agency_cannot_be_required_and_another_at_once() -> None:
    one = held([there(SOCIAL_CARE), there(SCHOOL)], [works(SOCIAL_CARE), works(SCHOOL)])
    needs_two = rule(others=2)
    assert not assessed(one, needs_two).quorate


def test_of_two_who_can_stand_for_what_is_required_the_other_still_counts() -> None:
    needs = rule(required=[{"name": "a health service", "any_of": ["gp", "camhs"]}], others=1)
    one = held([there(GP), there(CAMHS)], [works(GP), works(CAMHS, None, status="waiting")])
    assert not assessed(one, needs).quorate  # CAMHS has the child on its waiting list, and the GP is used up
    other = held([there(GP), there(CAMHS)], [works(GP), works(CAMHS, False)])
    assert assessed(other, needs).quorate  # CAMHS stands for health without contact, and the GP is the other


def test_a_waiting_list_does_not_stand_for_health_either() -> None:
    some = held(
        [there(SOCIAL_CARE), there(POLICE), there(CAMHS)],
        [works(CAMHS, None, status="waiting")],
        of=meeting("strategy_discussion", state="held"),
    )
    assert not assessed(some, STRATEGY).quorate
    assert party(some, CAMHS, STRATEGY).why == "waiting"


def test_a_report_does_not_count_unless_the_area_says_so_and_then_not_for_what_is_required() -> None:
    sent = {SCHOOL: cause("report"), SOCIAL_CARE: cause("report")}
    one = held([there(SOCIAL_CARE), not_there(SCHOOL)], [works(SCHOOL)], reports=sent)
    assert not assessed(one, rule()).quorate
    counts = rule(report_counts=True)
    assert assessed(one, counts).quorate
    assert "report was here in time" in party(one, SCHOOL, counts).text
    nobody = held([not_there(SOCIAL_CARE), not_there(SCHOOL)], [works(SCHOOL)], reports=sent)
    assert not assessed(nobody, counts).quorate


def test_with_fewer_agencies_on_record_than_are_needed_that_is_known() -> None:
    few = held([there(SOCIAL_CARE)], [works(SCHOOL), works(CAMHS, None, status="waiting"), works(SOCIAL_CARE)])
    assert assessed(few).too_few_agencies
    enough = held([there(SOCIAL_CARE)], [works(SCHOOL), works(GP)])
    assert not assessed(enough).too_few_agencies


def test_an_empty_record_is_not_taken_for_few_agencies() -> None:
    assert not assessed(held([there(SOCIAL_CARE)])).too_few_agencies


@pytest.mark.parametrize(("agency_id", "counts"), [(POLICE, True), (NURSE, True), (GP, False), (SCHOOL, False)])
def test_who_is_expected_of_an_area_counts_without_an_involvement_and_a_childs_own_agency_needs_one(
    agency_id: str, counts: bool
) -> None:
    assert party(held([there(agency_id)]), agency_id).counts is counts


def test_expected_elsewhere_is_not_expected_here() -> None:
    away = {POLICE: agency(POLICE, authority=ELSEWHERE)}
    assert contact(held([there(POLICE)], agencies=away), CONFERENCE, TODAY, POLICE).why == "nothing_on_record"
    lives_there = held([there(POLICE)], agencies=away, areas=frozenset((HERE, ELSEWHERE)))
    assert contact(lives_there, CONFERENCE, TODAY, POLICE).counts


def test_the_order_of_involvements_does_not_matter() -> None:
    some = [involvement(CAMHS, status="closed", until=date(2025, 1, 1), involvement_id=f"i{n}") for n in range(3)]
    assert party(held([there(CAMHS)], some), CAMHS) == party(held([there(CAMHS)], some[::-1]), CAMHS)
