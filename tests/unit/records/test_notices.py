"""What is owed of a plan follows from how it stands and from what was told last; which meetings belong to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.directory.rules import Agency, Cause, Channel, Child, Involvement, Team
from services.meetings.policy import load_policy
from services.meetings.rules import Meeting
from services.meetings.rules.meeting import DoNotInvite
from services.records.rules.notices import (
    CHANGED,
    ENDED,
    JOINED,
    STANDS,
    STARTED,
    About,
    Asked,
    Notice,
    episode,
    notice_id,
    owed,
    recipients,
    told_last,
)
from services.records.rules.plans import STARTED as BEGAN
from services.records.rules.plans import Plan, Told

POLICY = load_policy()
CAUSE = Cause("/tests", "e1")
AT = datetime(2026, 4, 1, 9, 0, tzinfo=UTC)
BEGAN_ON, TODAY = date(2026, 4, 1), date(2026, 8, 3)


def plan(category: str | None = "neglect", since: date = BEGAN_ON, plan_id: str = "plan-1") -> Plan:
    start = Told(plan_id, "c1", BEGAN, since, category, (), None, AT, CAUSE, AT, "f1")
    return Plan(plan_id, "c1", "f1", since, category, since, (), start, None)


def notice(kind: str, number: int, category: str | None = "neglect") -> Notice:
    return Notice(notice_id("plan-1", "c1", kind, number), kind, "plan-1", "c1", number, category, None, CAUSE, AT, AT)


STATES = st.tuples(st.booleans(), st.sampled_from(["neglect", "emotional abuse"]))


@given(st.lists(STATES, min_size=1, max_size=12))
def test_after_each_change_what_was_told_last_is_how_the_plan_stands_and_nothing_more_is_owed(
    states: Sequence[tuple[bool, str]],
) -> None:
    told: list[Notice] = []
    for has_ended, category in states:
        while (what := owed(plan(category), has_ended, told)) is not None:
            assert len(told) < 40
            told.append(notice(what, len(told), category))
        last = told_last(told)
        assert last is not None
        assert (last.kind == ENDED) == has_ended
        assert has_ended or last.category == category
    assert len({each.notice_id for each in told}) == len(told)
    assert all(before.kind != each.kind or each.kind == CHANGED for before, each in pairwise(told))


@pytest.mark.parametrize(
    ("told", "has_ended", "now"),
    [
        ([], False, STARTED),
        ([], True, ENDED),
        ([STARTED], False, None),
        ([STARTED, JOINED], False, None),
        ([STARTED, JOINED], True, ENDED),
        ([STARTED, ENDED], False, STANDS),
        ([STARTED, ENDED, STANDS], True, ENDED),
    ],
)
def test_what_is_owed(told: Sequence[str], has_ended: bool, now: str | None) -> None:
    assert owed(plan(), has_ended, [notice(kind, number) for number, kind in enumerate(told)]) == now


def meeting(meeting_id: str, kind: str, days: int, **more: Any) -> Meeting:
    at = AT + timedelta(days=days)
    fields: dict[str, Any] = {
        "authority": "leicester",
        "partition_key": "f1",
        "state": "held",
        "child_ids": ("c1",),
        "follows": None,
        "also_invite": (),
        "do_not_invite": (),
        "cause": CAUSE,
    }
    ends_at = at + timedelta(hours=1)
    return Meeting(meeting_id=meeting_id, kind=kind, starts_at=at, ends_at=ends_at, day=at.date(), **fields | more)


def agency(agency_id: str, kind: str = "school") -> Agency:
    ways = (Channel("email", f"{agency_id}@agencies.gov.example", True),)
    return Agency(agency_id, kind, agency_id, "leicester", ways, (), None, CAUSE)


CHILD = Child("c1", "f1", "leicester", "AB", None, None, None, None, None, (), None, (), CAUSE)


def about(
    meetings: Sequence[Meeting] = (),
    asked: Mapping[str, Sequence[Asked]] | None = None,
    involvements: Sequence[Involvement] = (),
    of_family: frozenset[str] = frozenset(),
    present: Mapping[str, frozenset[str]] | None = None,
) -> About:
    ids = {each.agency_id for some in (asked or {}).values() for each in some}
    ids |= {each for some in (present or {}).values() for each in some}
    ids |= {each.agency_id for each in involvements}
    agencies = {each: agency(each) for each in ids}
    there = present or {}
    some, of = tuple(meetings), tuple(involvements)
    return About(CHILD, (CHILD,), (), some, asked or {}, there, of, agencies, (), of_family, {})


def asked(
    agency_id: str, decision: str = "invited", why_not: str | None = None, *, stands: bool = True, child_id: str = "c1"
) -> Asked:
    return Asked(agency_id, None, frozenset({child_id}), decision, why_not, stands, BEGAN_ON)


def test_an_episode_begins_with_what_led_to_the_conference_that_made_the_plan() -> None:
    some = [
        meeting("too-old", "strategy_discussion", -400),
        meeting("of-another-plan", "initial_conference", -200),
        meeting("other", "professionals", -20),
        meeting("strategy", "strategy_discussion", -14),
        meeting("adjourned", "initial_conference", -7),
        meeting("conference", "initial_conference", 0),
        meeting("core-group", "core_group", 9),
        meeting("next-plan", "strategy_discussion", 300),
    ]
    before = plan(since=BEGAN_ON - timedelta(days=200), plan_id="plan-0")
    ended = Told("plan-0", "c1", "ended", BEGAN_ON - timedelta(days=100), None, (), None, AT, CAUSE, AT, "f1")
    before = Plan("plan-0", "c1", "f1", before.since, None, None, (), before.started, ended)
    after = plan(since=BEGAN_ON + timedelta(days=250), plan_id="plan-2")
    found = episode(plan(), about(some), [before, plan(), after], POLICY)
    assert [each.meeting_id for each in found] == ["strategy", "adjourned", "conference", "core-group"]


def told(of: About, *, ever: bool = True) -> dict[str, str | None]:
    found = recipients(plan(), of, [plan()], POLICY, TODAY, ever=ever, until=None)
    return {each.agency.agency_id: each.why_not for each in found}


def test_whoever_was_invited_once_is_told_although_it_is_not_invited_any_more() -> None:
    some = {"m1": [asked("school-1", stands=False), asked("school-1", "not_invited", "no_longer_part")]}
    assert told(about([meeting("m1", "initial_conference", 0)], some)) == {"school-1": None}


def test_whoever_was_only_ever_not_invited_is_not_told() -> None:
    some = {"m1": [asked("school-1", "not_invited", "involvement_ended")]}
    assert told(about([meeting("m1", "initial_conference", 0)], some)) == {}


def test_who_was_there_is_told_unless_it_was_asked_for_another_child_alone() -> None:
    some = {"m1": [asked("early-years-1", child_id="c2"), asked("school-1", "not_invited", "not_with")]}
    there = {"m1": frozenset({"early-years-1", "school-1", "housing-1"})}
    of = about([meeting("m1", "initial_conference", 0, child_ids=("c1", "c2"))], some, present=there)
    assert told(of) == {"school-1": None, "housing-1": None}


def test_an_agency_that_was_asked_through_a_team_is_told_once_though_the_register_names_no_team() -> None:
    through_a_team = Asked("camhs-1", "camhs-wait", frozenset({"c1"}), "invited", None, True, BEGAN_ON)
    there = {"m1": frozenset({"camhs-1", "school-1"})}
    of = about([meeting("m1", "initial_conference", 0)], {"m1": [through_a_team]}, present=there)
    team = Team("camhs-wait", "Waiting", (), (Channel("email", "wait@teams.nhs.example", True),))
    camhs = replace(of.agencies["camhs-1"], teams=(team,))
    of = replace(of, agencies={**of.agencies, "camhs-1": camhs})
    found = recipients(plan(), of, [plan()], POLICY, TODAY, ever=True, until=None)
    assert [each.party for each in found] == ["agency:camhs-1:camhs-wait", "agency:school-1:"]


@pytest.mark.parametrize(
    ("reason", "later", "why_not"),
    [
        ("conflict_of_interest", "not_invited", "conflict_of_interest"),
        ("chairs_restriction", "not_invited", "chairs_restriction"),
        ("childs_wish", "not_invited", None),
        ("conflict_of_interest", "invited", None),
    ],
)
def test_an_exclusion_holds_until_the_agency_is_asked_again(reason: str, later: str, why_not: str | None) -> None:
    no = (DoNotInvite("school-1", None, reason, ""),)
    meetings = [
        meeting("m1", "initial_conference", 0),
        meeting("m2", "core_group", 9, do_not_invite=no),
        meeting("m3", "core_group", 20),
    ]
    some = {"m1": [asked("school-1")], "m3": [asked("school-1", later, None if later == "invited" else reason)]}
    assert told(about(meetings, some)) == {"school-1": why_not}


def involvement(agency_id: str, service: str, status: str = "open", **more: Any) -> Involvement:
    fields: dict[str, Any] = {"since": date(2025, 1, 1), "until": None}
    fields |= {"team_id": None, "key_worker": None, "direct_contact": None, "cause": CAUSE} | more
    return Involvement(f"i-{agency_id}", "c1", agency_id, service, status, **fields)


def test_a_gp_that_left_during_the_episode_is_told_of_all_and_another_service_that_closed_is_not() -> None:
    gone = {"until": date(2026, 5, 1)}
    some = [
        involvement("gp-1", "gp", "closed", **gone),
        involvement("gp-0", "gp", "closed", until=date(2026, 3, 1)),
        involvement("housing-1", "housing", "closed", **gone),
        involvement("camhs-1", "camhs", "waiting"),
    ]
    assert told(about(involvements=some)) == {"gp-1": None, "camhs-1": None}
    assert told(about(involvements=some), ever=False) == {"camhs-1": None}


def test_nothing_goes_to_an_address_that_somebody_of_the_family_gave() -> None:
    family = frozenset({"gp-1@agencies.gov.example"})
    assert told(about(involvements=[involvement("gp-1", "gp")], of_family=family)) == {"gp-1": "no_address"}
