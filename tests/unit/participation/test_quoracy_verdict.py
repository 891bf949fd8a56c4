"""The verdict in words, what may not follow from it, who may allow that, and what a coordinator is told of."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any

import pytest

from services.participation.rules.register import Line
from services.participation.rules.verdict import Verdict, listed, may_follow, reviewed
from tests.unit.meetings.partnership import meeting
from tests.unit.participation.held import (
    CAMHS,
    CONFERENCE,
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
    permission,
    rule,
    there,
    verdict,
    works,
)

EARLIER = meeting(meeting_id="m0", day=date(2026, 3, 20), state="held")
INQUORATE = held([there(SOCIAL_CARE), there(SCHOOL)], [works(SCHOOL), works(GP), works(NURSE)])
QUORATE = held([there(SOCIAL_CARE), there(SCHOOL), there(NURSE)], [works(SCHOOL), works(NURSE)])
BEFORE = assessed(held([there(SOCIAL_CARE)], of=EARLIER))
WENT_ON = permission("proceed_inquorate", "Sam Chair", "The child is not safe at home.")


def refused(found: Verdict) -> set[str]:
    return {each.what for each in found.refused}


def told(found: Verdict, one: Any = INQUORATE, lines: Iterable[Line] = (), by: Any = CONFERENCE) -> dict[str, str]:
    said = reviewed(assessed(one, by), found, tuple(lines), TODAY)
    assert said.kinds == {"inquorate", "attendance_required_missing"}
    return {f"{each.kind} {each.about}": each.text for each in said.missing}


def test_a_quorate_meeting_is_told_in_a_sentence() -> None:
    assert verdict(QUORATE).text == (
        "Quorate: children's social care and 2 other agencies (2 in direct contact are needed): Agency school-1 and "
        "Agency school_nursing-1."
    )


def test_an_inquorate_meeting_is_told_with_what_is_missing() -> None:
    assert verdict(INQUORATE).text == (
        "Not quorate: children's social care and 1 other agency (2 in direct contact are needed): Agency school-1; "
        "missing: 1 more agency in direct contact."
    )
    without = held([there(SCHOOL)], [works(SCHOOL)])
    assert verdict(without).missing == ("children's social care", "1 more agency in direct contact")


def test_a_strategy_discussion_without_the_police_says_so() -> None:
    some = held([there(SOCIAL_CARE), there(NURSE)], of=meeting("strategy_discussion", state="held"))
    assert verdict(some, STRATEGY).text == (
        "Not quorate: children's social care and a health service were there; missing: the police."
    )


def test_contact_that_nobody_recorded_is_said_to_be_taken_so() -> None:
    some = held([there(SOCIAL_CARE), there(SCHOOL), there(GP)], [works(SCHOOL, None), works(GP)])
    assert verdict(some).text.endswith(
        "Nobody has recorded whether Agency school-1 is in direct contact: it is counted."
    )


def test_an_empty_register_is_not_a_meeting_that_nobody_came_to() -> None:
    found = verdict(held([]))
    assert not found.quorate
    assert "Complete it" in found.text
    assert set(told(found, held([]))) == {"inquorate meeting"}


def test_who_let_it_go_on_is_named_with_the_reason_and_it_is_no_exception_then() -> None:
    for found in (verdict(INQUORATE, chairs=WENT_ON), verdict(INQUORATE, allowed=[WENT_ON])):
        assert not found.quorate
        assert found.went_on == WENT_ON
        assert found.text.endswith("Sam Chair let it go on: The child is not safe at home.")
        assert told(found) == {}
    assert set(told(verdict(INQUORATE))) == {"inquorate meeting"}


def test_a_quorate_meeting_needs_nobody_to_let_it_go_on_and_refuses_nothing() -> None:
    found = verdict(QUORATE, chairs=WENT_ON, before=[BEFORE], plan_ended=True)
    assert (found.quorate, found.went_on, found.refused) == (True, None, ())
    assert told(found, QUORATE) == {}


def test_an_inquorate_meeting_cannot_end_a_plan() -> None:
    found = verdict(INQUORATE, chairs=WENT_ON)
    assert refused(found) == {"plan_ended"}
    assert not may_follow("plan_ended", found)
    assert told(found) == {}  # nobody has tried
    tried = verdict(INQUORATE, chairs=WENT_ON, plan_ended=True)
    [text] = told(tried).values()
    assert "takes no effect until somebody with the right to decide allows it" in text


def test_the_end_of_a_plan_takes_effect_once_somebody_has_allowed_it() -> None:
    allowed = [permission("plan_ended_inquorate")]
    found = verdict(INQUORATE, chairs=WENT_ON, plan_ended=True, allowed=allowed)
    assert refused(found) == set()
    assert may_follow("plan_ended", found)
    assert found.allowed == tuple(allowed)
    assert told(found) == {}


def test_two_inquorate_meetings_running_are_refused_even_where_the_chair_went_on() -> None:
    found = verdict(INQUORATE, before=[BEFORE], chairs=WENT_ON)
    assert refused(found) == {"plan_ended", "second_inquorate"}
    assert found.inquorate_before == ("m0",)
    assert set(told(found)) == {"inquorate meeting:second_inquorate"}
    assert "20 March 2026 was not quorate either" in told(found)["inquorate meeting:second_inquorate"]


def test_a_second_one_is_released_by_the_word_for_it_alone() -> None:
    for other in ("plan_ended_inquorate", "proceed_inquorate"):
        assert "second_inquorate" in refused(verdict(INQUORATE, before=[BEFORE], allowed=[permission(other)]))
    found = verdict(INQUORATE, before=[BEFORE], allowed=[permission("inquorate_again")])
    assert refused(found) == {"plan_ended"}


def test_a_quorate_meeting_in_between_breaks_the_row() -> None:
    assert refused(verdict(INQUORATE, before=[assessed(QUORATE)])) == {"plan_ended"}


def test_one_inquorate_line_of_one_child_is_enough() -> None:
    assert "second_inquorate" in refused(verdict(INQUORATE, before=[BEFORE, assessed(QUORATE)]))


def test_before_birth_or_with_too_few_agencies_a_second_one_is_no_fault() -> None:
    unborn = held([there(SOCIAL_CARE), there(SCHOOL)], [works(SCHOOL), works(GP)], unborn=True)
    few = held([there(SOCIAL_CARE), there(SCHOOL)], [works(SCHOOL)])
    for one in (unborn, few):
        assert refused(verdict(one, before=[BEFORE])) == {"plan_ended"}
    own = CONFERENCE.model_copy(update={"second_allowed": ()})
    for one in (unborn, few):
        assert "second_inquorate" in refused(verdict(one, own, before=[BEFORE]))
    assert "Records show no more than 1 in direct contact" in verdict(few).text


def test_an_area_may_say_what_is_refused() -> None:
    lenient = rule(refuses=[], others=2)
    assert refused(verdict(INQUORATE, lenient, before=[BEFORE], plan_ended=True)) == set()


@pytest.mark.parametrize("effect", ["plan_made", "plan_continued", "anything"])
def test_what_protects_a_child_is_never_refused(effect: str) -> None:
    assert may_follow(effect, verdict(INQUORATE, before=[BEFORE]))


def test_without_a_verdict_nothing_is_known_against_it() -> None:
    assert may_follow("plan_ended", None)


def line(status: str, agency_id: str | None = POLICE, kind: str = "police", asked: bool = True) -> Line:
    return Line(agency_id, None, kind, status, asked, "…")


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([line("apologies")], "Agency police-1 sent apologies."),
        ([line("absent")], "Agency police-1 was asked, and was not there."),
        ([line("not_noted")], "Agency police-1 was asked, and its attendance is not noted."),
        ([line("not_asked", asked=False)], "No invitation to Agency police-1 is on record."),
        ([line("not_asked", None, asked=False)], "No police is recorded for it: nobody was asked."),
        ([], "Nobody of that kind was expected or came."),
    ],
)
def test_a_required_party_that_was_not_there_is_told_apart_with_why(lines: list[Line], said: str) -> None:
    of = meeting("strategy_discussion", state="held")
    one = held([there(SOCIAL_CARE), there(NURSE), not_there(POLICE)], of=of)
    found = told(verdict(one, STRATEGY), one, lines, STRATEGY)
    assert found["attendance_required_missing required:the police"] == (
        f"The police: required at the strategy discussion on 1 April 2026, and not there. {said}"
    )


def test_who_was_there_and_does_not_stand_for_what_is_required_is_told_with_why() -> None:
    of = meeting("strategy_discussion", state="held")
    waits = [works(CAMHS, None, status="waiting")]
    one = held([there(SOCIAL_CARE), there(POLICE), there(CAMHS)], waits, of=of)
    found = told(verdict(one, STRATEGY), one, [line("present", CAMHS, "camhs")], STRATEGY)
    assert "Agency camhs-1: it has the child on its waiting list" in "".join(found.values())


def test_that_the_chair_went_on_without_the_police_stands_in_what_is_told() -> None:
    of = meeting("strategy_discussion", state="held")
    one = held([there(SOCIAL_CARE), there(NURSE)], of=of)
    found = told(verdict(one, STRATEGY, chairs=WENT_ON), one, [line("apologies")], STRATEGY)
    assert list(found) == ["attendance_required_missing required:the police"]
    assert "Sam Chair let it go on" in next(iter(found.values()))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], ""),
        (["A"], "A"),
        (["A", "B"], "A and B"),
        (["A", "B", "C"], "A, B and C"),
        (["A, of X", "B", "C"], "A, of X; B; and C"),
    ],
)
def test_a_list_reads_as_in_a_sentence(words: list[str], said: str) -> None:
    assert listed(words) == said
