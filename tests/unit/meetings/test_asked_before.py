"""Who was asked before stays asked until a person says otherwise, and nobody vanishes from the list."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from tests.unit.meetings.partnership import (
    DAY,
    Answer,
    Partnership,
    agency,
    because,
    cause,
    channel,
    child,
    closed,
    involvement,
    meeting,
    not_to_be_asked,
    relative,
    rules,
    team,
    tie,
)

FII = ("fabricated_or_induced_illness",)


def after(there: Partnership, answer: Answer) -> Partnership:
    """The same partnership, once those entries stand."""
    there.before = answer.entries
    return there


def asked_gp() -> Partnership:
    there = Partnership(agencies=[agency("gp-1"), agency("gp-2")], involvements=[involvement("gp-1")])
    return after(there, there.ask())


def test_when_the_gp_changes_the_new_one_is_asked_and_the_old_one_stays_and_says_so() -> None:
    there = asked_gp()
    there.involvements = [closed(involvement("gp-1")), involvement("gp-2")]
    answer = there.ask()
    assert {"gp-1", "gp-2"} <= answer.invited()
    old = answer.one("gp-1")
    assert because(old, "asked_before").text == (
        "The involvement of Agency gp-1 with A1 or the family has ended on 1 March 2026. "
        "Who was asked stays asked until a person says otherwise."
    )
    assert because(old, "asked_before").causes == (cause("c1+gp-1"),)
    assert not old.counts_for_quoracy


def test_who_was_asked_because_of_a_record_that_is_gone_stays_asked() -> None:
    there = asked_gp()
    there.involvements = []
    entry = there.ask().one("gp-1")
    assert entry.decision == "invited"
    assert because(entry, "asked_before").text == (
        "Agency gp-1 was asked before, for a reason that does not hold any more. "
        "Who was asked stays asked until a person says otherwise."
    )


def test_a_new_end_before_the_meeting_takes_nobody_off_who_was_asked() -> None:
    there = asked_gp()
    there.involvements = [involvement("gp-1", until=date(2026, 3, 1))]
    assert there.ask().one("gp-1").decision == "invited"


def test_a_person_takes_back_what_was_asked() -> None:
    there = asked_gp()
    there.involvements = []
    entry = there.ask(meeting(do_not_invite=(not_to_be_asked("gp-1", "conflict_of_interest"),))).one("gp-1")
    assert (entry.decision, entry.why_not, entry.address) == ("not_invited", "conflict_of_interest", None)


def test_what_a_person_took_back_is_named_as_long_as_it_stands_and_is_not_asked_by_itself_when_lifted() -> None:
    there = asked_gp()
    there.involvements = []
    taken_back = meeting(do_not_invite=(not_to_be_asked("gp-1"),))
    there = after(there, there.ask(taken_back))
    assert there.ask(taken_back).one("gp-1").why_not == "chairs_restriction"
    assert "gp-1" not in there.ask().invited()


def test_a_decision_that_is_lifted_asks_again_whoever_is_still_involved() -> None:
    there = asked_gp()
    there = after(there, there.ask(meeting(do_not_invite=(not_to_be_asked("gp-1"),))))
    assert "gp-1" in there.ask().invited()


def test_when_the_team_changes_the_new_team_is_asked_and_the_old_one_stays_and_says_so() -> None:
    there = Partnership(
        agencies=[agency("camhs-1", teams=(team("duty", "waiting"), team("community", "open")))],
        involvements=[involvement("camhs-1", status="waiting")],
    )
    after(there, there.ask())
    there.involvements = [involvement("camhs-1")]
    answer = there.ask()
    assert answer.teams("camhs-1") == {"duty", "community"}
    [old] = [each for each in answer.of("camhs-1") if each.team_id == "duty"]
    assert old.address == "duty@teams.example"
    assert because(old, "asked_before").text == (
        "Agency camhs-1 is asked through the community team now. "
        "Who was asked stays asked until a person says otherwise."
    )


def test_who_stays_asked_is_written_to_at_the_address_that_is_right_now() -> None:
    there = asked_gp()
    there.involvements = []
    there.agencies[0] = replace(there.agencies[0], channels=(channel("moved@agencies.example"),))
    assert there.ask().one("gp-1").address == "moved@agencies.example"


def test_who_stays_asked_is_not_written_to_at_an_address_that_is_not_secure_any_more() -> None:
    there = asked_gp()
    there.involvements = []
    there.agencies[0] = replace(there.agencies[0], channels=(channel("gp-1@agencies.example", secure=False),))
    entry = there.ask().one("gp-1")
    assert (entry.decision, entry.why_not, entry.address) == ("not_invited", "no_usable_address", None)
    assert {"no_usable_address", "asked_before"} <= set(rules(entry))


def test_an_agency_that_closes_after_it_was_asked_is_named_and_the_invitation_is_not_taken_back_silently() -> None:
    there = asked_gp()
    there.agencies[0] = replace(there.agencies[0], closed_on=DAY)
    entry = there.ask().one("gp-1")
    assert entry.why_not == "agency_closed"
    assert because(entry, "asked_before").text == (
        "The invitation that went out before stands until a person takes it back."
    )


def test_who_could_not_be_written_to_for_a_while_is_asked_again_when_they_can() -> None:
    there = asked_gp()
    usable = there.agencies[0]
    there.involvements = []
    there.agencies[0] = replace(usable, channels=())
    after(there, there.ask())
    there.agencies[0] = usable
    assert there.ask().one("gp-1").decision == "invited"


def test_who_was_asked_about_a_child_whom_the_meeting_is_not_about_any_more_gets_nothing_more_and_is_named() -> None:
    there = asked_gp()
    there.children = [child("c2")]
    entry = there.ask().one("gp-1")
    assert (entry.decision, entry.why_not, entry.address) == ("not_invited", "no_longer_part", None)
    after(there, there.ask())
    assert there.ask().one("gp-1").why_not == "no_longer_part"


def asked_mother(*more: object) -> Partnership:
    there = Partnership(relatives=[relative("p1")])
    return after(there, there.ask())


def test_a_relative_who_is_not_recorded_as_family_any_more_gets_nothing_more_and_is_named() -> None:
    there = asked_mother()
    there.relatives = [relative("p1", tie(kind="neighbour", responsible=False))]
    entry = there.ask().one("p1")
    assert (entry.decision, entry.why_not, entry.address) == ("not_invited", "no_longer_part", None)
    assert because(entry, "asked_before").text == (
        "Was asked before, and would not be asked by what is recorded now: say whether they are still to come."
    )


def test_a_meeting_that_becomes_a_strategy_discussion_sends_nothing_more_to_family_and_names_who_was_asked() -> None:
    there = asked_mother()
    entry = there.ask("strategy_discussion").one("p1")
    assert (entry.decision, entry.why_not, entry.address) == ("not_invited", "family_not_asked", None)


@pytest.mark.parametrize("still_family", [True, False])
def test_a_flag_of_induced_illness_that_comes_later_holds_everything_back_and_says_that_they_were_asked(
    still_family: bool,
) -> None:
    there = asked_mother()
    there.children = [child(flags=FII)]
    if not still_family:
        there.relatives = []
    entry = there.ask().one("p1")
    assert (entry.decision, entry.why_not, entry.address) == ("not_invited", "held_for_a_person", None)
    assert "asked_before" in rules(entry)


def test_a_relative_who_takes_their_address_back_gets_nothing_more() -> None:
    there = asked_mother()
    there.relatives = [relative("p1", email=None)]
    entry = there.ask().one("p1")
    assert (entry.why_not, entry.address) == ("no_usable_address", None)


def test_who_was_not_asked_before_leaves_no_trace_when_the_reason_goes() -> None:
    there = Partnership(agencies=[agency("gp-1", secure=False)], involvements=[involvement("gp-1")])
    after(there, there.ask())
    there.involvements = []
    assert there.ask().of("gp-1") == []
