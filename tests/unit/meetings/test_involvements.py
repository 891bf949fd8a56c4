"""Every service that is involved is asked, whatever its status but closed, and by the right team."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from services.directory.rules import Involvement
from tests.unit.meetings.partnership import (
    DAY,
    ELSEWHERE,
    POLICY,
    Partnership,
    agency,
    because,
    cause,
    child,
    closed,
    involvement,
    relative,
    rules,
    team,
)

CAMHS = agency(
    "camhs-1",
    teams=(
        team("duty", "waiting"),
        team("community", "open"),
        team("young-people", "looked_after", "adopted", "unaccompanied", "homeless", "youth_justice"),
        team("eating", "eating_disorder"),
    ),
)
EVERY_KIND = sorted(POLICY.on(DAY).kinds)


@pytest.mark.parametrize("kind", EVERY_KIND)
@pytest.mark.parametrize("status", ["waiting", "referred", "open"])
def test_camhs_is_asked_to_every_kind_of_meeting_in_every_status_but_closed(kind: str, status: str) -> None:
    there = Partnership(agencies=[CAMHS], involvements=[involvement("camhs-1", status=status)])
    assert "camhs-1" in there.ask(kind).invited()


def test_camhs_is_not_asked_where_its_involvement_is_closed_and_nothing_else_speaks_for_it() -> None:
    there = Partnership(agencies=[CAMHS], involvements=[involvement("camhs-1", status="closed")])
    assert there.ask().of("camhs-1") == []


def test_a_re_referral_brings_a_closed_service_back() -> None:
    again = involvement("camhs-1", status="waiting", involvement_id="second", since=date(2026, 3, 2))
    there = Partnership(agencies=[CAMHS], involvements=[closed(involvement("camhs-1")), again])
    entry = there.ask().one("camhs-1")
    assert (entry.decision, entry.team_id) == ("invited", "duty")


@pytest.mark.parametrize(("status", "counts"), [("waiting", False), ("referred", False), ("open", True)])
def test_who_is_waited_for_is_asked_and_does_not_count_for_quoracy(status: str, counts: bool) -> None:
    there = Partnership(agencies=[CAMHS], involvements=[involvement("camhs-1", status=status)])
    assert there.ask().one("camhs-1").counts_for_quoracy is counts


def test_a_service_without_direct_contact_does_not_count_for_quoracy_and_the_reason_says_so() -> None:
    there = Partnership(agencies=[CAMHS], involvements=[involvement("camhs-1", direct_contact=False)])
    entry = there.ask().one("camhs-1")
    assert not entry.counts_for_quoracy
    assert because(entry, "involved").text.endswith("without direct contact, so it does not count for quoracy.")


def test_a_coordinators_word_or_an_earlier_meeting_does_not_make_a_waiting_service_count_for_quoracy() -> None:
    there = Partnership(agencies=[CAMHS], involvements=[involvement("camhs-1", status="waiting")])
    there.then(there.ask("strategy_discussion", meeting_id="m0", day=date(2026, 3, 20)))
    assert not there.ask().one("camhs-1").counts_for_quoracy


def test_a_service_that_one_child_waits_for_and_another_is_open_to_counts() -> None:
    there = Partnership(
        children=[child("c1"), child("c2")],
        agencies=[agency("camhs-1")],
        involvements=[involvement("camhs-1", "c1", "waiting"), involvement("camhs-1", "c2")],
    )
    entry = there.ask().one("camhs-1")
    assert entry.counts_for_quoracy
    assert entry.child_ids == ("c1", "c2")


def test_the_reason_for_a_waiting_child_names_the_service_the_day_and_the_event() -> None:
    there = Partnership(agencies=[CAMHS], involvements=[involvement("camhs-1", status="waiting")])
    reason = because(there.ask().one("camhs-1"), "waiting_list")
    assert reason.text == (
        "A1 has been on the waiting list of Agency camhs-1 since 1 September 2025. "
        "A service is asked while somebody waits for it; it does not count for quoracy."
    )
    assert (reason.causes, reason.child_id) == ((cause("c1+camhs-1"),), "c1")


@pytest.mark.parametrize(
    ("some", "text"),
    [
        (involvement("camhs-1"), "Agency camhs-1 has been involved with A1 since 1 September 2025."),
        (
            involvement("camhs-1", status="referred"),
            (
                "A1 was referred to Agency camhs-1 on 1 September 2025. "
                "A service is asked from the referral on; it does not count for quoracy."
            ),
        ),
        (
            involvement("camhs-1", since=date(2026, 5, 1)),
            "Agency camhs-1 will be involved with A1 from 1 May 2026.",
        ),
        (
            involvement("camhs-1", until=date(2026, 5, 1)),
            "Agency camhs-1 has been involved with A1 since 1 September 2025. It is recorded as ending on 1 May 2026.",
        ),
    ],
)
def test_the_reason_is_a_sentence_for_each_kind_of_involvement(some: Involvement, text: str) -> None:
    there = Partnership(agencies=[CAMHS], involvements=[some])
    assert there.ask().one("camhs-1").reasons[0].text == text


def test_an_involvement_that_ends_before_the_meeting_is_named_as_not_asked_and_why() -> None:
    there = Partnership(agencies=[CAMHS], involvements=[involvement("camhs-1", until=date(2026, 3, 31))])
    entry = there.ask().one("camhs-1")
    assert (entry.decision, entry.why_not) == ("not_invited", "involvement_ended")
    assert "is recorded as ending on 31 March 2026, before the meeting" in entry.reasons[0].text


def test_an_involvement_that_ends_on_the_day_of_the_meeting_is_asked() -> None:
    there = Partnership(agencies=[CAMHS], involvements=[involvement("camhs-1", until=DAY)])
    assert "camhs-1" in there.ask().invited()


def test_an_ended_involvement_beside_a_standing_one_of_the_same_agency_leaves_nobody_out() -> None:
    ended = involvement("camhs-1", involvement_id="first", until=date(2026, 1, 1), team_id="duty")
    there = Partnership(agencies=[CAMHS], involvements=[ended, involvement("camhs-1")])
    assert [(each.team_id, each.decision) for each in there.ask().of("camhs-1")] == [("community", "invited")]


@pytest.mark.parametrize(
    ("circumstances", "status", "named", "team_id"),
    [
        ((), "waiting", None, "duty"),
        ((), "referred", None, "duty"),
        ((), "open", None, "community"),
        (("looked_after",), "waiting", None, "young-people"),
        (("adopted",), "open", None, "young-people"),
        (("eating_disorder",), "waiting", None, "eating"),
        (("looked_after",), "open", "community", "community"),
        (("home_educated",), "waiting", None, "duty"),
    ],
)
def test_the_team_named_beats_the_circumstance_which_beats_the_status(
    circumstances: tuple[str, ...], status: str, named: str | None, team_id: str
) -> None:
    there = Partnership(
        children=[child(circumstances=circumstances)],
        agencies=[CAMHS],
        involvements=[involvement("camhs-1", status=status, team_id=named)],
    )
    entry = there.ask("strategy_discussion").one("camhs-1")
    assert (entry.team_id, entry.address) == (team_id, f"{team_id}@teams.example")
    assert because(entry, "route").text.startswith(f"It goes to the {team_id} team, ")


def test_each_child_goes_by_its_own_route_in_one_meeting() -> None:
    there = Partnership(
        children=[child("c1"), child("c2", circumstances=("eating_disorder",)), child("c3")],
        agencies=[CAMHS],
        involvements=[
            involvement("camhs-1", "c1", "waiting"),
            involvement("camhs-1", "c2", "waiting"),
            involvement("camhs-1", "c3"),
        ],
    )
    found = {each.team_id: each.child_ids for each in there.ask().of("camhs-1")}
    assert found == {"duty": ("c1",), "eating": ("c2",), "community": ("c3",)}


def test_what_is_asked_of_the_agency_for_another_reason_joins_the_team_that_is_right_for_the_child() -> None:
    there = Partnership(agencies=[CAMHS], involvements=[involvement("camhs-1", status="waiting")])
    there.then(there.ask("strategy_discussion", meeting_id="m0", day=date(2026, 3, 20)))
    there.involvements = [involvement("camhs-1")]
    found = there.ask().of("camhs-1")
    assert [each.team_id for each in found] == ["community"]
    assert rules(found[0])[:2] == ["involved", "earlier_invitees"]


def test_the_key_worker_is_named_for_attention_and_a_team_for_a_waiting_child_has_none() -> None:
    there = Partnership(agencies=[CAMHS], involvements=[involvement("camhs-1", key_worker="Sam Worker")])
    assert there.ask().one("camhs-1").attention == "Sam Worker"
    there.involvements = [involvement("camhs-1", status="waiting")]
    assert there.ask().one("camhs-1").attention is None


def test_an_agency_that_is_closed_by_the_day_is_not_asked_and_the_reason_says_since_when() -> None:
    there = Partnership(agencies=[agency("gp-1", closed_on=DAY)], involvements=[involvement("gp-1")])
    entry = there.ask().one("gp-1")
    assert (entry.decision, entry.why_not) == ("not_invited", "agency_closed")
    assert because(entry, "agency_closed").text == "Agency gp-1 is closed from 1 April 2026."
    assert because(entry, "agency_closed").causes == (cause("gp-1"),)


def test_an_agency_that_closes_after_the_day_is_asked() -> None:
    there = Partnership(agencies=[agency("gp-1", closed_on=date(2026, 4, 2))], involvements=[involvement("gp-1")])
    assert "gp-1" in there.ask().invited()


def test_an_agency_without_a_secure_address_is_not_asked_and_the_reason_says_so() -> None:
    there = Partnership(agencies=[agency("gp-1", secure=False)], involvements=[involvement("gp-1")])
    entry = there.ask().one("gp-1")
    assert (entry.decision, entry.why_not, entry.address) == ("not_invited", "no_usable_address", None)
    assert because(entry, "no_usable_address").text == "Agency gp-1 has no secure e-mail address on record."


def test_an_agency_that_is_named_and_not_recorded_is_not_asked_and_the_reason_says_so() -> None:
    there = Partnership(involvements=[involvement("camhs-7")])
    entry = there.ask().one("camhs-7")
    assert (entry.why_not, entry.kind) == ("agency_not_recorded", "camhs")
    assert because(entry, "agency_not_recorded").text == "No agency with the id camhs-7 is recorded."


def test_siblings_at_different_practices_and_schools_bring_each_their_own() -> None:
    ids = ["gp-1", "gp-2", "school-1", "school-2"]
    there = Partnership(
        children=[child("c1"), child("c2")],
        agencies=[agency(each) for each in ids],
        involvements=[
            involvement("gp-1", "c1"),
            involvement("gp-2", "c2"),
            involvement("school-1", "c1"),
            involvement("school-2", "c2"),
        ],
    )
    answer = there.ask()
    assert {each: answer.one(each).child_ids for each in ids} == {
        "gp-1": ("c1",),
        "gp-2": ("c2",),
        "school-1": ("c1",),
        "school-2": ("c2",),
    }
    assert answer.gaps() == set()


def test_the_ward_is_asked_while_the_child_is_in_hospital() -> None:
    there = Partnership(children=[child(in_hospital=cause("admission"))], agencies=[agency("acute_hospital-1")])
    reason = because(there.ask("strategy_discussion").one("acute_hospital-1"), "in_hospital")
    assert reason.text == "A1 is in hospital, so the clinician on the ward is asked."
    assert reason.causes[0] == cause("admission")


def test_with_several_hospitals_a_person_says_which() -> None:
    there = Partnership(
        children=[child(in_hospital=cause("admission"))],
        agencies=[agency("acute_hospital-1"), agency("acute_hospital-2")],
    )
    entry = there.ask("strategy_discussion").one("acute_hospital")
    assert entry.why_not == "several_agencies"
    assert entry.reasons[0].text.endswith("2 agencies are recorded for hospital in leicester: say which one to ask.")


def test_with_a_hospital_already_involved_no_other_is_looked_for() -> None:
    there = Partnership(
        children=[child(in_hospital=cause("admission"))],
        agencies=[agency("acute_hospital-1"), agency("acute_hospital-2", authority=ELSEWHERE)],
        involvements=[involvement("acute_hospital-2")],
    )
    answer = there.ask("strategy_discussion")
    assert "acute_hospital-2" in answer.invited()
    assert answer.of("acute_hospital-1") == []


TRANSITION = replace(CAMHS, teams=(*CAMHS.teams, team("next-step", "transition")))
SEVENTEEN_AND_A_HALF = date(2008, 10, 1)


def test_from_seventeen_and_a_half_the_transition_team_is_asked_beside_camhs() -> None:
    there = Partnership(
        children=[child(date_of_birth=SEVENTEEN_AND_A_HALF)],
        agencies=[TRANSITION],
        involvements=[involvement("camhs-1")],
    )
    answer = there.ask()
    assert answer.teams("camhs-1") == {"community", "next-step"}
    [entry] = [each for each in answer.of("camhs-1") if each.team_id == "next-step"]
    assert because(entry, "transition").text == (
        "A1 will be 17 years and 6 months old, so adult services are asked as well as CAMHS."
    )
    assert not entry.counts_for_quoracy


def test_a_day_before_seventeen_and_a_half_no_adult_service_is_asked() -> None:
    there = Partnership(
        children=[child(date_of_birth=date(2008, 10, 2))], agencies=[TRANSITION], involvements=[involvement("camhs-1")]
    )
    assert there.ask().teams("camhs-1") == {"community"}


def test_without_a_transition_team_adult_mental_health_of_the_area_is_asked() -> None:
    there = Partnership(
        children=[child(date_of_birth=SEVENTEEN_AND_A_HALF)],
        agencies=[CAMHS, agency("adult_mental_health-1")],
        involvements=[involvement("camhs-1", status="waiting")],
    )
    assert {"camhs-1", "adult_mental_health-1"} <= there.ask().invited()


def test_without_either_the_gap_for_adult_mental_health_is_named() -> None:
    there = Partnership(
        children=[child(date_of_birth=SEVENTEEN_AND_A_HALF)], agencies=[CAMHS], involvements=[involvement("camhs-1")]
    )
    assert "adult_mental_health" in there.ask().gaps()


def test_who_is_not_known_to_camhs_brings_no_adult_service_at_any_age() -> None:
    there = Partnership(children=[child(date_of_birth=SEVENTEEN_AND_A_HALF)], agencies=[TRANSITION])
    answer = there.ask()
    assert answer.of("camhs-1") == []
    assert "adult_mental_health" not in answer.gaps()


def test_an_agency_whose_address_a_member_of_the_family_gave_as_their_own_gets_nothing() -> None:
    there = Partnership(
        agencies=[agency("school-1", "school")],
        involvements=[involvement("school-1")],
    )
    address = there.ask("strategy_discussion").one("school-1").address
    assert address is not None
    there.relatives = [relative("p1", email=address.upper())]
    entry = there.ask("strategy_discussion").one("school-1")
    assert (entry.decision, entry.why_not, entry.address) == ("not_invited", "no_usable_address", None)
    assert "a member of the family gave" in because(entry, "no_usable_address").text
