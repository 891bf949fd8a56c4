"""Which answer counts: in any order, twice, late, echoed, to an earlier time, by the agency or by a team of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.invitations.rules import SENT, Invitation, Told
from services.participation.rules.answers import ACCEPTED, DECLINED, TENTATIVE, Answer, Heard, heard, unasked

BEGUN = datetime(2026, 3, 2, 12, 0, 0, 250_000, tzinfo=UTC)
STARTS = datetime(2026, 4, 1, 9, 0, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
TIME = Told(STARTS, STARTS + 2 * HOUR, None, None)

ASKED = Invitation(
    invitation_id="i1",
    meeting_id="m1",
    party="agency:camhs-1:duty",
    agency_id="camhs-1",
    person_id=None,
    team_id="duty",
    address="duty@teams.nhs.example",
    state=SENT,
    sequence=2,
    revision=1,
    stamp=(BEGUN + HOUR).replace(microsecond=0),
    since=BEGUN,
    told=TIME,
)


def answer(said: str = ACCEPTED, after: timedelta = HOUR, **others: Any) -> Answer:
    """An answer of CAMHS, so long after the present SEQUENCE was begun, and learnt of a minute later."""
    at = BEGUN + after
    given: dict[str, Any] = {
        "meeting_id": "m1",
        "agency_id": "camhs-1",
        "person_id": None,
        "team_id": None,
        "answer": said,
        "at": at,
        "event_source": "/tests",
        "event_id": f"{said} {after}",
        "known_at": at + MINUTE,
    }
    return Answer(**{**given, **others})


def counts(*some: Answer, invitation: Invitation = ASKED) -> Answer | None:
    """The answer that counts, which must not hang on the order in which they are looked at."""
    [found] = {heard(invitation, order) for order in permutations(some)}
    return found.counts


def test_the_later_answer_to_the_same_time_counts() -> None:
    first, second = answer(sequence=2), answer(DECLINED, 2 * HOUR, sequence=2)
    assert counts(first, second) == second
    assert heard(ASKED, [second, first]) == Heard(second, (first,), ())


def test_a_stale_reply_that_arrives_late_overwrites_nothing() -> None:
    """By its own DTSTAMP it is the older one, whenever it came."""
    newer = answer(DECLINED, 2 * HOUR, sequence=2, stamp=BEGUN + 2 * HOUR)
    stale = answer(ACCEPTED, 9 * HOUR, sequence=2, stamp=BEGUN + HOUR)
    assert counts(newer, stale) == newer


def test_the_sequence_goes_before_the_stamp() -> None:
    to_this_time = answer(ACCEPTED, HOUR, sequence=2, stamp=BEGUN + HOUR)
    to_the_last = answer(DECLINED, 2 * HOUR, sequence=1, stamp=BEGUN + 2 * HOUR)
    assert counts(to_this_time, to_the_last) == to_this_time


def test_an_answer_to_an_earlier_time_is_kept_and_never_counts() -> None:
    old, older = answer(sequence=1), answer(DECLINED, sequence=0)
    assert heard(ASKED, [old, older]).counts is None
    assert set(heard(ASKED, [old, older]).superseded) == {old, older}


def test_where_the_requests_stamp_was_echoed_the_moment_decides() -> None:
    """As one client does, whose second answer has the request's DTSTAMP as its first one had."""
    echo = BEGUN.replace(microsecond=0)
    first, second = answer(sequence=2, stamp=echo), answer(DECLINED, 2 * HOUR, sequence=2, stamp=echo)
    assert counts(first, second) == second
    on_the_page = answer(TENTATIVE, 90 * MINUTE)
    assert counts(first, on_the_page) == on_the_page
    assert counts(on_the_page, second) == second


def test_a_new_room_changes_nothing_about_which_answer_counts() -> None:
    """It gives the invitation a later DTSTAMP than either answer has."""
    newer = answer(DECLINED, 2 * HOUR, sequence=2, stamp=BEGUN + 2 * HOUR)
    stale = answer(ACCEPTED, 9 * HOUR, sequence=2, stamp=BEGUN + HOUR)
    moved_room = replace(ASKED, revision=2, stamp=BEGUN + 5 * HOUR)
    assert counts(newer, stale, invitation=moved_room) == newer


def test_a_clock_that_runs_ahead_does_not_silence_the_answers_after_it() -> None:
    ahead = answer(ACCEPTED, HOUR, at=BEGUN + 9 * DAY, stamp=BEGUN + 9 * DAY, known_at=BEGUN + HOUR, sequence=2)
    after = answer(DECLINED, 2 * HOUR, sequence=2, stamp=BEGUN + 2 * HOUR)
    assert counts(ahead, after) == after


def test_a_clock_that_is_years_behind_does_not_cost_an_answer_its_turn() -> None:
    first = answer(ACCEPTED, HOUR, sequence=2)
    behind = answer(DECLINED, 2 * HOUR, sequence=2, stamp=datetime(1970, 1, 1, tzinfo=UTC))
    assert counts(first, behind) == behind


def test_without_a_sequence_the_moment_says_which_time_is_meant() -> None:
    before, since = answer(after=-HOUR, known_at=BEGUN + DAY), answer(after=HOUR)
    assert heard(ASKED, [before]).counts is None
    assert heard(ASKED, [since]).counts == since
    dated_ahead = answer(at=BEGUN + DAY, known_at=BEGUN - HOUR)
    assert heard(ASKED, [dated_ahead]).counts is None


def test_what_was_agreed_before_the_first_invitation_was_written_counts_if_it_is_learnt_of_with_it() -> None:
    by_telephone = answer(after=-DAY, known_at=BEGUN)
    first = replace(ASKED, sequence=0)
    assert heard(first, [by_telephone]).counts == by_telephone
    assert heard(ASKED, [by_telephone]).counts is None


def test_an_answer_of_a_party_that_had_not_been_asked_by_then_is_not_taken_for_one_later() -> None:
    assert heard(replace(ASKED, sequence=0), [answer(after=-DAY)]).counts is None


@pytest.mark.parametrize("named", [2, 3, 999])
def test_a_sequence_that_had_not_been_begun_does_not_make_an_answer_outlive_the_next_time(named: int) -> None:
    early = answer(after=-DAY, sequence=named)
    assert heard(ASKED, [early]).counts is None
    assert heard(ASKED, [early]).superseded == (early,)


def test_clocks_of_ours_that_differ_a_little_cost_no_answer() -> None:
    at_once = answer(after=timedelta(seconds=-2), known_at=BEGUN - timedelta(seconds=2), sequence=2)
    assert heard(ASKED, [at_once]).counts == at_once


def test_an_agencys_answer_holds_for_each_of_its_teams_and_a_teams_own_for_that_one() -> None:
    crisis = replace(ASKED, invitation_id="i2", party="agency:camhs-1:crisis", team_id="crisis")
    whole, own = answer(ACCEPTED, HOUR), answer(DECLINED, 2 * HOUR, team_id="duty")
    assert heard(ASKED, [whole, own]).counts == own
    assert heard(crisis, [whole, own]).counts == whole
    later = answer(TENTATIVE, 3 * HOUR)
    assert heard(ASKED, [whole, own, later]).counts == later


def test_a_persons_answer_is_that_persons_alone() -> None:
    mother = replace(ASKED, agency_id=None, team_id=None, person_id="p1", party="person:p1")
    own = answer(agency_id=None, person_id="p1")
    assert heard(mother, [own, answer(), answer(agency_id=None, person_id="p2")]) == Heard(own)


def test_the_answers_of_parties_that_were_never_asked_are_told_apart_and_believed_nowhere() -> None:
    stranger, kin, other_team = (
        answer(agency_id="police-1"),
        answer(agency_id=None, person_id="p9"),
        answer(team_id="adhd"),
    )
    assert unasked([stranger, answer(), kin, other_team], [ASKED]) == [stranger, kin, other_team]
    assert heard(ASKED, [stranger, kin, other_team]) == Heard()


MOMENTS = st.integers(-48, 96).map(lambda hours: BEGUN + hours * HOUR)
STAMPS = st.one_of(st.none(), MOMENTS, st.sampled_from([ASKED.stamp, BEGUN.replace(microsecond=0)]))


@st.composite
def as_they_come(draw: st.DrawFn) -> Answer:
    at = draw(MOMENTS)
    return Answer(
        meeting_id="m1",
        agency_id=draw(st.sampled_from(["camhs-1", "camhs-1", "gp-1"])),
        person_id=None,
        team_id=draw(st.sampled_from([None, "duty", "crisis"])),
        answer=draw(st.sampled_from([ACCEPTED, DECLINED, TENTATIVE])),
        at=at,
        event_source="/tests",
        event_id=draw(st.uuids()).hex,
        known_at=draw(MOMENTS),
        sequence=draw(st.sampled_from([None, 0, 1, 2, 3])),
        stamp=draw(STAMPS),
    )


@given(st.lists(as_they_come(), max_size=8).flatmap(lambda some: st.tuples(st.just(some), st.permutations(some))))
def test_any_order_and_any_repeats_give_the_same_standing_answer(both: tuple[list[Answer], list[Answer]]) -> None:
    some, shuffled = both
    assert heard(ASKED, some).counts == heard(ASKED, shuffled).counts
    assert heard(ASKED, some) == heard(ASKED, shuffled)
    assert heard(ASKED, [*shuffled, *some[:3]]).counts == heard(ASKED, some).counts


@given(st.lists(as_they_come(), max_size=8))
def test_each_answer_counts_was_replaced_is_superseded_or_is_not_of_the_party_and_nothing_else(
    some: list[Answer],
) -> None:
    found = heard(ASKED, some)
    placed = [*([found.counts] if found.counts else []), *found.replaced, *found.superseded]
    assert sorted(placed, key=repr) == sorted((each for each in some if each.is_of(ASKED)), key=repr)


@given(st.lists(as_they_come(), max_size=6), as_they_come())
def test_what_counts_changes_only_to_an_answer_that_is_newer(some: list[Answer], one_more: Answer) -> None:
    """A late arrival takes the place of what counts, or leaves it: never of something newer, never of nothing known."""
    before, after = heard(ASKED, some).counts, heard(ASKED, [*some, one_more]).counts
    assert after in (before, one_more)
    if before is not None and after == one_more != before:
        assert heard(ASKED, [before, one_more]).counts == one_more


@given(st.lists(as_they_come(), max_size=6))
def test_nothing_that_was_heard_before_a_new_time_counts_for_it(some: list[Answer]) -> None:
    moved_at = BEGUN + 200 * HOUR
    moved = replace(ASKED, sequence=ASKED.sequence + 1, revision=0, since=moved_at)
    assert heard(moved, some).counts is None


@given(st.lists(as_they_come(), max_size=6), st.integers(1, 90))
def test_a_new_room_or_a_reminder_in_between_changes_nothing(some: list[Answer], hours: int) -> None:
    again = replace(ASKED, revision=ASKED.revision + 1, stamp=ASKED.stamp + hours * HOUR)
    assert heard(again, some) == heard(ASKED, some)
