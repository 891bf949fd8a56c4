"""What events told of a plan, in whatever order, makes one plan; and an end that names a meeting waits for it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import permutations
from typing import Any

import pytest

from services.directory.rules import Cause
from services.meetings.rules import Meeting
from services.participation.rules.verdict import PLAN_ENDED, Refusal, Verdict
from services.records.rules.plans import (
    ENDED,
    STARTED,
    MeetingOfAnEnd,
    Plan,
    Told,
    plans,
    why_it_does_not_count,
)

START = datetime(2026, 4, 1, 9, 0, tzinfo=UTC)
APRIL, JUNE, OCTOBER = date(2026, 4, 1), date(2026, 6, 1), date(2026, 10, 1)


def told(aspect: str, day: date, hours: float, **more: Any) -> Told:
    fields: dict[str, Any] = {
        "plan_id": "plan-1",
        "child_id": "c1",
        "category": None,
        "household": (),
        "meeting_id": None,
        "at": START + timedelta(hours=hours),
        "cause": Cause("/tests", f"e{hours}"),
        "known_from": START,
        "partition_key": "f1",
    }
    return Told(aspect=aspect, day=day, **fields | more)


def one(*some: Told) -> Plan:
    """The plan that these make in every order."""
    found = {repr(plans(order)) for order in permutations(some)}
    assert len(found) == 1
    [plan] = plans(some)["c1"]
    return plan


def test_a_category_that_changes_leaves_the_day_on_which_the_plan_began() -> None:
    plan = one(
        told(STARTED, APRIL, 0, category="neglect"),
        told(STARTED, JUNE, 1, category="emotional abuse"),
        told(STARTED, JUNE, 2, category="emotional abuse"),
    )
    assert (plan.since, plan.category, plan.category_since) == (APRIL, "emotional abuse", JUNE)


def test_a_beginning_that_is_corrected_counts_as_corrected() -> None:
    plan = one(told(STARTED, JUNE, 0, category="neglect"), told(STARTED, APRIL, 1, category="neglect"))
    assert (plan.since, plan.category_since) == (APRIL, APRIL)
    assert one(told(STARTED, APRIL, 0), told(STARTED, JUNE, 1)).since == JUNE


def test_an_event_that_leaves_the_category_out_changes_none() -> None:
    assert one(told(STARTED, APRIL, 0, category="neglect"), told(STARTED, APRIL, 1)).category == "neglect"


def test_everyone_who_was_ever_named_belongs_to_the_household() -> None:
    plan = one(told(STARTED, APRIL, 0, household=("p1", "c2")), told(ENDED, OCTOBER, 1, household=("p1", "p3")))
    assert plan.household == ("p1", "c2", "p3")


def test_a_plan_has_ended_unless_it_is_told_of_as_standing_at_a_later_moment() -> None:
    start, end = told(STARTED, APRIL, 0), told(ENDED, OCTOBER, 1)
    assert one(start, end).ended == end
    assert one(end).ended == end
    assert one(end).since is None
    assert one(start, end, told(STARTED, APRIL, 2)).ended is None
    assert one(start, end, told(STARTED, APRIL, 1)).ended == end


def test_two_plans_of_a_child_stay_apart() -> None:
    some = [told(STARTED, APRIL, 0), told(ENDED, JUNE, 1), told(STARTED, JUNE, 2, plan_id="plan-2")]
    [first, second] = plans(some)["c1"]
    assert (first.ended is None, second.ended is None) == (False, True)


def test_one_id_for_the_plans_of_brothers_and_sisters_makes_a_plan_for_each() -> None:
    some = [told(STARTED, APRIL, 0), told(STARTED, APRIL, 1, child_id="c2"), told(ENDED, OCTOBER, 2)]
    found = plans(some)
    assert {child_id: plan.ended is None for child_id, [plan] in found.items()} == {"c1": False, "c2": True}


def meeting(state: str, *child_ids: str) -> Meeting:
    day = datetime(2026, 10, 1, 9, 0, tzinfo=UTC)
    ends_at = day + timedelta(hours=1)
    cause = Cause("/tests", "m")
    return Meeting(
        "m2",
        "review_conference",
        "leicester",
        "f1",
        state,
        child_ids or ("c1",),
        day,
        ends_at,
        OCTOBER,
        None,
        (),
        (),
        cause,
    )


def verdict(*refused: str) -> Verdict:
    some = tuple(Refusal(each, "", "", attempted=True) for each in refused)
    return Verdict("m2", not refused, "conference", "", False, 2, 2, (), (), some, None, (), (), ("c1",), START)


def at(state: str | None = "held", of: Sequence[str] = (), **more: Any) -> MeetingOfAnEnd:
    given: dict[str, Any] = {"verdict": verdict(), "is_judged": True, "adjourned": False, "allowed": False}
    given |= {"kind_name": "review child protection conference", "ends_plans": True}
    return MeetingOfAnEnd(meeting(state, *of) if state else None, **given | more)


@pytest.mark.parametrize(
    ("known", "says"),
    [
        (at(), None),
        (at(verdict=None), None),
        (at(verdict=verdict(PLAN_ENDED)), "was not quorate"),
        (at(verdict=verdict("second_inquorate")), None),
        (at(verdict=verdict(PLAN_ENDED), allowed=True), None),
        (at(None, verdict=None, is_judged=False), "is not recorded"),
        (at(None, verdict=None, is_judged=False, allowed=True), None),
        (at("scheduled", verdict=None, is_judged=False), "is not here"),
        (at("held", verdict=None, is_judged=False), "is not here"),
        (at("cancelled", verdict=None, is_judged=False), "was cancelled"),
        (at(verdict=None, adjourned=True), "was adjourned"),
        (at(of=["c1", "c2"]), None),
        (at(of=["c2"]), "is not about this child"),
        (at(of=["c2"], allowed=True), None),
        (at(ends_plans=False, kind_name="core group"), "no core group ends a plan"),
        (at("scheduled", ends_plans=False, kind_name="core group"), "no core group ends a plan"),
        (at(ends_plans=False, allowed=True), None),
    ],
)
def test_an_end_counts_where_the_meeting_that_it_names_was_held_and_may_end_a_plan(
    known: MeetingOfAnEnd, says: str | None
) -> None:
    plan = one(told(STARTED, APRIL, 0), told(ENDED, OCTOBER, 1, meeting_id="m2"))
    why = why_it_does_not_count(plan, {"m2": known})
    assert (why is None) == (says is None)
    if says is not None and why is not None:
        assert says in why
        assert "nobody has been told to clear a flag" in why


def test_an_end_that_names_no_meeting_counts() -> None:
    assert why_it_does_not_count(one(told(ENDED, OCTOBER, 1)), {}) is None
