"""Whom earlier meetings bring in: their invitees, and the core group that a conference named."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from services.meetings.rules import AlsoInvite, EarlierMeeting
from tests.unit.meetings.partnership import (
    ELSEWHERE,
    HERE,
    Answer,
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
    team,
)

STRATEGY, CONFERENCE, FIRST_REVIEW, REVIEW = date(2026, 1, 5), date(2026, 1, 20), date(2026, 3, 20), date(2026, 9, 1)
LEGAL = (AlsoInvite("legal-1", "Advice is needed."),)


def with_legal_at(there: Partnership, kind: str, day: date, meeting_id: str = "m0", **more: object) -> Answer:
    """An earlier meeting to which legal services were asked on the coordinator's word alone."""
    there.agencies.append(agency("legal-1"))
    answer = there.ask(meeting(kind, meeting_id=meeting_id, day=day, also_invite=LEGAL, **more))
    there.then(answer)
    return answer


@pytest.mark.parametrize(
    ("earlier", "kind"),
    [
        ("strategy_discussion", "initial_conference"),
        ("strategy_discussion", "pre_birth_conference"),
        ("initial_conference", "review_conference"),
        ("pre_birth_conference", "review_conference"),
        ("transfer_in_conference", "review_conference"),
        ("review_conference", "review_conference"),
        ("looked_after_review", "looked_after_review"),
    ],
)
def test_everyone_who_was_asked_to_the_meeting_before_is_asked_again(earlier: str, kind: str) -> None:
    there = Partnership()
    with_legal_at(there, earlier, CONFERENCE)
    reason = because(there.ask(kind).one("legal-1"), "earlier_invitees")
    assert reason.text.startswith("Agency legal-1 was asked to the ")
    assert reason.text.endswith(" on 20 January 2026.")
    assert reason.causes == (cause("m0"),)


def test_a_review_asks_whoever_was_asked_to_the_initial_conference_and_not_only_to_the_last_review() -> None:
    there = Partnership()
    with_legal_at(there, "initial_conference", CONFERENCE)
    last = there.ask("review_conference", meeting_id="m1", day=FIRST_REVIEW)
    there.then(replace(last, resolution=replace(last.resolution, entries=())))
    assert "legal-1" in there.ask("review_conference", meeting_id="m2", day=REVIEW).invited()


def test_who_was_not_asked_to_the_earlier_meeting_is_not_brought_in_by_it() -> None:
    there = Partnership()
    with_legal_at(there, "initial_conference", CONFERENCE, do_not_invite=(not_to_be_asked("legal-1"),))
    assert there.ask("review_conference").of("legal-1") == []


def test_family_of_an_earlier_meeting_is_not_brought_in_by_it() -> None:
    there = Partnership(relatives=[relative("p1")])
    there.then(there.ask("initial_conference", meeting_id="m0", day=CONFERENCE))
    there.relatives = []
    assert "p1" not in {entry.person_id for entry in there.ask("review_conference").entries}


def test_the_meetings_of_another_child_bring_in_nobody() -> None:
    there = Partnership(children=[child("c2")])
    with_legal_at(there, "initial_conference", CONFERENCE, child_ids=("c2",))
    there.children = [child("c1")]
    assert there.ask("review_conference").of("legal-1") == []


def test_invitees_of_an_earlier_episode_are_not_asked_to_a_review_of_this_one() -> None:
    there = Partnership()
    with_legal_at(there, "initial_conference", date(2024, 1, 20))
    there.then(there.ask("initial_conference", meeting_id="second", day=CONFERENCE))
    assert there.ask("review_conference").of("legal-1") == []


def test_a_plan_of_more_than_a_year_still_asks_whoever_was_asked_to_its_initial_conference() -> None:
    there = Partnership()
    with_legal_at(there, "initial_conference", date(2024, 1, 20))
    assert "legal-1" in there.ask("review_conference").invited()


def test_a_strategy_discussion_of_years_ago_brings_nobody_to_a_conference() -> None:
    there = Partnership()
    with_legal_at(there, "strategy_discussion", date(2024, 1, 20))
    assert there.ask("initial_conference").of("legal-1") == []


def test_a_meeting_of_a_kind_that_this_one_does_not_follow_brings_in_nobody() -> None:
    there = Partnership()
    with_legal_at(there, "professionals", CONFERENCE)
    assert there.ask("initial_conference").of("legal-1") == []


def test_a_later_meeting_brings_in_nobody() -> None:
    there = Partnership()
    with_legal_at(there, "initial_conference", REVIEW)
    assert there.ask("review_conference").of("legal-1") == []


def test_a_cancelled_meeting_that_is_not_named_brings_in_nobody() -> None:
    there = Partnership()
    answer = with_legal_at(there, "initial_conference", CONFERENCE)
    there.earlier = [EarlierMeeting(replace(answer.meeting, state="cancelled"), answer.entries)]
    assert there.ask("review_conference").of("legal-1") == []


def test_a_meeting_inherits_the_list_of_the_one_that_it_names_whatever_its_kind() -> None:
    there = Partnership()
    with_legal_at(there, "initial_conference", CONFERENCE)
    assert "legal-1" in there.ask(meeting("initial_conference", follows="m0")).invited()
    assert "legal-1" in there.ask(meeting("professionals", follows="m0")).invited()
    assert there.ask("professionals").of("legal-1") == []


def test_the_meeting_that_is_named_counts_however_long_ago_it_was() -> None:
    there = Partnership()
    with_legal_at(there, "strategy_discussion", date(2023, 1, 20))
    assert "legal-1" in there.ask(meeting("initial_conference", follows="m0")).invited()


def test_the_new_meeting_inherits_the_list_of_one_that_was_cancelled() -> None:
    there = Partnership()
    answer = with_legal_at(there, "initial_conference", CONFERENCE)
    there.earlier = [EarlierMeeting(replace(answer.meeting, state="cancelled"), answer.entries)]
    assert "legal-1" in there.ask(meeting("initial_conference", follows="m0")).invited()


def conference_with_camhs() -> Partnership:
    """CAMHS was open at the initial conference and has closed since."""
    there = Partnership(agencies=[agency("camhs-1")], involvements=[involvement("camhs-1")])
    there.then(there.ask("initial_conference", meeting_id="m0", day=CONFERENCE))
    there.involvements = [closed(involvement("camhs-1"), date(2026, 2, 1))]
    return there


def test_camhs_that_has_closed_since_is_asked_once_more_with_a_question_and_does_not_count() -> None:
    entry = conference_with_camhs().ask("review_conference").one("camhs-1")
    assert (entry.decision, entry.counts_for_quoracy) == ("invited", False)
    reason = because(entry, "closed_since")
    assert reason.text == (
        "Agency camhs-1 was asked to the initial child protection conference on 20 January 2026. Its involvement with "
        "A1 has ended since: it is asked once more, to say whether it is still relevant."
    )
    assert reason.causes == (cause("m0"), cause("c1+camhs-1"))


def test_who_is_asked_once_more_is_asked_through_the_team_that_was_asked_before() -> None:
    there = conference_with_camhs()
    there.agencies[0] = agency("camhs-1", teams=(team("duty", "waiting"), team("community", "open")))
    there.earlier = []
    there.involvements = [involvement("camhs-1", status="waiting")]
    there.then(there.ask("initial_conference", meeting_id="m0", day=CONFERENCE))
    there.involvements = [closed(involvement("camhs-1"))]
    assert there.ask("review_conference").one("camhs-1").team_id == "duty"


def test_the_time_after_that_it_is_named_as_not_asked_again() -> None:
    there = conference_with_camhs()
    there.then(there.ask("review_conference", meeting_id="m1", day=FIRST_REVIEW))
    entry = there.ask("review_conference", meeting_id="m2", day=REVIEW).one("camhs-1")
    assert (entry.decision, entry.why_not) == ("not_invited", "asked_once_more")
    assert because(entry, "closed_since").text == (
        "The involvement of Agency camhs-1 with A1 has ended. It was asked once more, to the review child protection "
        "conference on 20 March 2026, and is not asked again: name it if it is still relevant."
    )


def test_a_re_referral_after_that_brings_it_back() -> None:
    there = conference_with_camhs()
    there.then(there.ask("review_conference", meeting_id="m1", day=FIRST_REVIEW))
    there.involvements.append(involvement("camhs-1", status="waiting", involvement_id="again", since=date(2026, 4, 1)))
    entry = there.ask("review_conference", meeting_id="m2", day=REVIEW).one("camhs-1")
    assert entry.decision == "invited"
    assert rules(entry)[0] == "waiting_list"


def test_the_coordinators_word_after_that_brings_it_back() -> None:
    there = conference_with_camhs()
    there.then(there.ask("review_conference", meeting_id="m1", day=FIRST_REVIEW))
    named = (AlsoInvite("camhs-1", "Still relevant."),)
    answer = there.ask(meeting("review_conference", meeting_id="m2", day=REVIEW, also_invite=named))
    assert "camhs-1" in answer.invited()


def test_a_closed_service_of_a_parent_is_asked_once_more_too() -> None:
    there = Partnership(
        agencies=[agency("probation-1")], relatives=[relative("p1")], involvements=[involvement("probation-1", "p1")]
    )
    there.then(there.ask("initial_conference", meeting_id="m0", day=CONFERENCE))
    there.involvements = [closed(involvement("probation-1", "p1"))]
    first = there.ask("review_conference", meeting_id="m1")
    assert "closed_since" in rules(first.one("probation-1"))
    there.then(first)
    assert there.ask("review_conference", meeting_id="m2", day=REVIEW).one("probation-1").why_not == "asked_once_more"


def test_a_former_placement_is_asked_once_more_and_then_not_again() -> None:
    there = Partnership(children=[child(placement=placed(HERE, "placement-1"))], agencies=[agency("placement-1")])
    there.then(there.ask("initial_conference", meeting_id="m0", day=CONFERENCE))
    there.children = [child(placement=placed(ELSEWHERE))]
    first = there.ask("review_conference", meeting_id="m1")
    assert "closed_since" in rules(first.one("placement-1"))
    there.then(first)
    assert there.ask("review_conference", meeting_id="m2", day=REVIEW).one("placement-1").why_not == "asked_once_more"


def test_a_service_that_has_closed_for_one_child_and_not_for_another_is_asked_about_the_other() -> None:
    there = Partnership(
        children=[child("c1"), child("c2")],
        agencies=[agency("camhs-1")],
        involvements=[involvement("camhs-1", "c1"), involvement("camhs-1", "c2")],
    )
    there.then(there.ask("initial_conference", meeting_id="m0", day=CONFERENCE))
    there.involvements[0] = closed(there.involvements[0])
    there.then(there.ask("review_conference", meeting_id="m1"))
    entry = there.ask("review_conference", meeting_id="m2", day=REVIEW).one("camhs-1")
    assert (entry.decision, entry.child_ids) == ("invited", ("c2",))


def test_the_team_that_was_asked_is_asked_again_where_no_involvement_says_otherwise() -> None:
    there = Partnership(
        agencies=[agency("camhs-1", teams=(team("duty", "waiting"), team("community", "open")))],
        involvements=[involvement("camhs-1", status="waiting")],
    )
    there.then(there.ask("strategy_discussion", meeting_id="m0", day=CONFERENCE))
    there.involvements = []
    assert there.ask("initial_conference").one("camhs-1").team_id == "duty"


def held(answer: Answer, *core_group: str) -> EarlierMeeting:
    taken_place = replace(answer.meeting, state="held", core_group=core_group, held_by=cause("held"))
    return EarlierMeeting(taken_place, answer.entries)


@pytest.mark.parametrize("kind", ["core_group", "review_conference"])
def test_the_members_whom_the_conference_named_are_asked_to_core_groups_and_reviews(kind: str) -> None:
    there = Partnership(agencies=[agency("voluntary-1")])
    there.earlier = [held(there.ask("initial_conference", meeting_id="m0", day=CONFERENCE), "voluntary-1")]
    reason = because(there.ask(kind).one("voluntary-1"), "core_group_member")
    assert reason.text == (
        "Agency voluntary-1 was named as a member of the core group at the initial child protection conference on "
        "20 January 2026."
    )
    assert reason.causes == (cause("held"),)


def test_the_last_conference_that_named_a_core_group_counts() -> None:
    there = Partnership(agencies=[agency("voluntary-1"), agency("voluntary-2")])
    first = held(there.ask("initial_conference", meeting_id="m0", day=CONFERENCE), "voluntary-1")
    second = held(there.ask("review_conference", meeting_id="m5", day=FIRST_REVIEW), "voluntary-2")
    third = held(there.ask("review_conference", meeting_id="m6", day=date(2026, 3, 25)))
    there.earlier = [third, first, second]
    assert there.ask("core_group").invited() & {"voluntary-1", "voluntary-2"} == {"voluntary-2"}


def test_waiting_camhs_and_the_gp_are_asked_to_the_core_group_though_no_conference_named_them() -> None:
    there = Partnership(
        agencies=[agency("camhs-1"), agency("gp-1")],
        involvements=[involvement("camhs-1", status="waiting"), involvement("gp-1")],
    )
    there.earlier = [held(there.ask("initial_conference", meeting_id="m0", day=CONFERENCE), "gp-1")]
    assert {"camhs-1", "gp-1"} <= there.ask("core_group").invited()


def test_a_member_of_the_core_group_whom_nobody_has_recorded_is_shown() -> None:
    there = Partnership()
    there.earlier = [held(there.ask("initial_conference", meeting_id="m0", day=CONFERENCE), "voluntary-7")]
    assert there.ask("core_group").one("voluntary-7").why_not == "agency_not_recorded"


def test_when_the_gp_changes_the_new_one_is_asked_and_the_old_one_once_more() -> None:
    there = Partnership(agencies=[agency("gp-1"), agency("gp-2")], involvements=[involvement("gp-1")])
    there.then(there.ask("initial_conference", meeting_id="m0", day=CONFERENCE))
    there.involvements = [closed(involvement("gp-1")), involvement("gp-2")]
    answer = there.ask("review_conference")
    assert {"gp-1", "gp-2"} <= answer.invited()
    assert "closed_since" in rules(answer.one("gp-1"))
    assert "gp" not in answer.gaps()


@pytest.mark.parametrize("reason", ["childs_wish", "chairs_restriction", "conflict_of_interest"])
def test_who_was_kept_from_an_earlier_meeting_is_not_asked_to_the_next_until_a_person_has_said_so(reason: str) -> None:
    there = Partnership(
        agencies=[agency("school-1", "school")], involvements=[involvement("school-1")], relatives=[relative("p1")]
    )
    kept_away = (not_to_be_asked("school-1", reason), not_to_be_asked("p1", reason, person=True))
    there.then(there.ask(meeting("initial_conference", meeting_id="m0", day=CONFERENCE, do_not_invite=kept_away)))
    answer = there.ask(meeting("review_conference", day=REVIEW))
    for who in ("school-1", "p1"):
        entry = answer.one(who)
        assert (entry.decision, entry.why_not, entry.address) == ("not_invited", "excluded_before", None)
        assert because(entry, "excluded_before").causes == (cause("m0"),)


def test_a_duplicate_of_an_earlier_meeting_is_asked_to_the_next() -> None:
    there = Partnership(agencies=[agency("school-1", "school")], involvements=[involvement("school-1")])
    twice = (not_to_be_asked("school-1", "duplicate"),)
    there.then(there.ask(meeting("initial_conference", meeting_id="m0", day=CONFERENCE, do_not_invite=twice)))
    assert there.ask(meeting("review_conference", day=REVIEW)).one("school-1").decision == "invited"


def test_the_coordinators_word_brings_back_an_agency_that_was_kept_from_an_earlier_meeting() -> None:
    there = Partnership(agencies=[agency("school-1", "school")], involvements=[involvement("school-1")])
    kept_away = (not_to_be_asked("school-1", "conflict_of_interest"),)
    there.then(there.ask(meeting("initial_conference", meeting_id="m0", day=CONFERENCE, do_not_invite=kept_away)))
    again = (AlsoInvite("school-1", "The conflict is over."),)
    assert there.ask(meeting("review_conference", day=REVIEW, also_invite=again)).one("school-1").decision == "invited"
