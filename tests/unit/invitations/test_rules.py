"""What an invitation owes to a change, and how it is numbered."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.directory.rules import Cause
from services.invitations.rules import (
    CANCEL,
    CANCELLED,
    REQUEST,
    SENT,
    Invitation,
    Step,
    invitation_id,
    next_stamp,
    owed,
    silenced,
    withdraw,
)
from services.meetings.rules import DECIDED_BY_A_PERSON, INVITED, NOT_INVITED, Entry, Meeting

NOW = datetime(2027, 3, 1, 9, 30, 15, 250_000, tzinfo=UTC)
STARTS = datetime(2027, 3, 29, 9, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
PARTY = "agency:camhs-1:duty"
MEETING = Meeting(
    meeting_id="m1",
    kind="initial_conference",
    authority="leicester",
    partition_key="f1",
    state="scheduled",
    child_ids=("c1",),
    starts_at=STARTS,
    ends_at=STARTS + HOUR,
    day=STARTS.date(),
    follows=None,
    also_invite=(),
    do_not_invite=(),
    cause=Cause("/tests", "e1"),
    place="Room 1",
)
ENTRY = Entry("camhs", "camhs-1", None, "duty", INVITED, None, (), ("c1",), "duty@trust.nhs.example")


def left_out(why_not: str) -> Entry:
    return replace(ENTRY, decision=NOT_INVITED, why_not=why_not, address=None)


def one(meeting: Meeting, entry: Entry, before: Invitation | None, now: datetime = NOW) -> Step:
    [step] = owed(meeting, {entry.party: entry}, {} if before is None else {entry.party: before}, now)
    return step


def none(meeting: Meeting, entry: Entry, before: Invitation | None, now: datetime = NOW) -> bool:
    return owed(meeting, {entry.party: entry}, {} if before is None else {entry.party: before}, now) == []


@pytest.fixture
def before() -> Invitation:
    """The invitation as it stands after the first message has gone."""
    return replace(one(MEETING, ENTRY, None).invitation, state=SENT)


def test_a_newcomer_is_asked_with_sequence_0_and_a_stamp_in_whole_seconds() -> None:
    step = one(MEETING, ENTRY, None)
    assert (step.method, step.change, step.changed) == (REQUEST, "new", ())
    assert (step.invitation.sequence, step.invitation.revision) == (0, 0)
    assert step.invitation.stamp == datetime(2027, 3, 1, 9, 30, 15, tzinfo=UTC)
    assert step.invitation.address == "duty@trust.nhs.example"


def test_the_same_again_owes_nothing(before: Invitation) -> None:
    assert none(MEETING, ENTRY, before)
    assert none(MEETING, replace(ENTRY, reasons=(), counts_for_quoracy=False, attention="Dr Example"), before)


@pytest.mark.parametrize(
    "moved",
    [
        replace(MEETING, starts_at=STARTS + HOUR, ends_at=STARTS + 2 * HOUR),
        replace(MEETING, starts_at=STARTS - HOUR),
        replace(MEETING, ends_at=STARTS + 2 * HOUR),
    ],
)
def test_a_new_time_asks_again_with_the_next_sequence(before: Invitation, moved: Meeting) -> None:
    step = one(moved, ENTRY, replace(before, revision=3), NOW + HOUR)
    assert (step.method, step.change, step.changed) == (REQUEST, "time", ("time",))
    assert (step.invitation.sequence, step.invitation.revision) == (1, 0)
    assert step.invitation.stamp > before.stamp
    assert step.before == before.told
    assert step.invitation.told.starts_at == moved.starts_at


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        (replace(MEETING, place="Room 2"), ("place",)),
        (replace(MEETING, place=None), ("place",)),
        (replace(MEETING, joining_url="https://meet.example/1"), ("link",)),
        (replace(MEETING, place="Room 2", joining_url="https://meet.example/1"), ("place", "link")),
    ],
)
def test_a_new_place_or_link_keeps_the_sequence_so_that_an_answer_stands_and_has_a_later_stamp(
    before: Invitation, changed: Meeting, what: tuple[str, ...]
) -> None:
    step = one(changed, ENTRY, before)
    assert (step.method, step.change, step.changed) == (REQUEST, "details", what)
    assert (step.invitation.sequence, step.invitation.revision) == (0, 1)
    assert step.invitation.stamp == before.stamp + timedelta(seconds=1)


def test_a_new_time_and_place_at_once_are_one_message_that_asks_again(before: Invitation) -> None:
    step = one(replace(MEETING, starts_at=STARTS - HOUR, place="Room 2"), ENTRY, before)
    assert (step.change, step.changed, step.invitation.sequence) == ("time", ("time", "place"), 1)


@pytest.mark.parametrize("meeting", [MEETING, replace(MEETING, starts_at=STARTS - HOUR, place="Room 2")])
def test_a_new_address_asks_again_and_is_told_nothing_of_what_another_address_was_told(
    before: Invitation, meeting: Meeting
) -> None:
    step = one(meeting, replace(ENTRY, address="new@trust.nhs.example"), before)
    assert (step.method, step.change, step.changed, step.before) == (REQUEST, "address", (), None)
    assert (step.invitation.sequence, step.invitation.revision) == (1, 0)
    assert step.invitation.address == "new@trust.nhs.example"
    assert step.invitation.invitation_id == before.invitation_id


def test_a_cancellation_has_the_next_sequence_the_same_uid_and_the_time_that_was_told(before: Invitation) -> None:
    step = withdraw(replace(before, revision=2), NOW, "cancelled")
    assert (step.method, step.change, step.invitation.state) == (CANCEL, "cancelled", CANCELLED)
    assert (step.invitation.sequence, step.invitation.revision) == (1, 0)
    assert step.invitation.stamp > before.stamp
    assert step.invitation.invitation_id == before.invitation_id
    assert step.invitation.told == before.told


def test_being_asked_again_after_a_cancellation_has_a_higher_sequence_still(before: Invitation) -> None:
    gone = withdraw(before, NOW, "cancelled").invitation
    step = one(MEETING, ENTRY, gone)
    assert (step.method, step.change, step.before) == (REQUEST, "again", None)
    assert step.invitation.sequence == 2
    assert step.invitation.stamp > gone.stamp
    assert step.invitation.state != CANCELLED


@pytest.mark.parametrize("decision", sorted(DECIDED_BY_A_PERSON))
def test_what_a_person_decided_takes_the_invitation_back_from_that_one_alone(before: Invitation, decision: str) -> None:
    other = replace(ENTRY, agency_id="gp-1", team_id=None, kind="gp", address="gp@surgery.nhs.example")
    entries = {PARTY: left_out(decision), other.party: other}
    standing = {PARTY: before, other.party: replace(before, party=other.party, address=other.address)}
    [step] = owed(MEETING, entries, standing, NOW)
    assert (step.method, step.change, step.invitation.party) == (CANCEL, "withdrawn", PARTY)
    assert step.invitation.address == before.address
    assert silenced(entries, standing) == []


def test_what_was_taken_back_is_not_taken_back_twice(before: Invitation) -> None:
    gone = withdraw(before, NOW, "withdrawn").invitation
    assert none(MEETING, left_out("chairs_restriction"), gone)


@pytest.mark.parametrize(
    "why_not", ["no_usable_address", "held_for_a_person", "not_with", "agency_closed", "several_agencies"]
)
def test_without_a_persons_decision_nothing_is_cancelled_and_nothing_more_goes_out(
    before: Invitation, why_not: str
) -> None:
    entries = {PARTY: left_out(why_not)}
    assert owed(MEETING, entries, {PARTY: before}, NOW) == []
    assert silenced(entries, {PARTY: before}) == [before.invitation_id]
    assert silenced(entries, {PARTY: replace(before, address=None)}) == []


def test_whoever_is_not_mentioned_any_more_keeps_the_invitation(before: Invitation) -> None:
    assert owed(MEETING, {}, {PARTY: before}, NOW) == []
    assert silenced({}, {PARTY: before}) == []


def test_whoever_was_silenced_is_asked_again_once_there_is_an_address(before: Invitation) -> None:
    step = one(MEETING, ENTRY, replace(before, address=None))
    assert (step.change, step.invitation.sequence, step.invitation.address) == ("address", 1, ENTRY.address)


@pytest.mark.parametrize("entry", [ENTRY, replace(ENTRY, address="new@trust.nhs.example"), left_out("childs_wish")])
def test_nothing_is_owed_once_the_meeting_has_ended(before: Invitation, entry: Entry) -> None:
    assert none(replace(MEETING, place="Room 2"), entry, before, MEETING.ends_at)
    assert none(MEETING, ENTRY, None, MEETING.ends_at)


def test_a_newcomer_is_still_asked_while_the_meeting_goes_on() -> None:
    assert one(MEETING, ENTRY, None, MEETING.starts_at + HOUR / 2).change == "new"


def test_a_newcomer_later_on_begins_at_0_whatever_the_others_have_come_to(before: Invitation) -> None:
    other = replace(ENTRY, agency_id="gp-1", team_id=None, kind="gp", address="gp@surgery.nhs.example")
    entries = {PARTY: ENTRY, other.party: other}
    [step] = owed(MEETING, entries, {PARTY: replace(before, sequence=4, revision=2)}, NOW)
    assert (step.invitation.party, step.invitation.sequence, step.change) == (other.party, 0, "new")
    assert step.invitation.invitation_id != before.invitation_id


MOVES = st.sampled_from(
    [
        ("ask", MEETING, ENTRY),
        ("ask", replace(MEETING, starts_at=STARTS - HOUR), ENTRY),
        ("ask", replace(MEETING, place="Room 2"), ENTRY),
        ("ask", replace(MEETING, joining_url="https://meet.example/1"), ENTRY),
        ("ask", MEETING, replace(ENTRY, address="new@trust.nhs.example")),
        ("ask", MEETING, left_out("chairs_restriction")),
        ("ask", MEETING, left_out("no_usable_address")),
        ("close", MEETING, ENTRY),
    ]
)


@given(st.lists(MOVES, min_size=2, max_size=12), st.lists(st.integers(-5, 5), min_size=12, max_size=12))
def test_whatever_happens_stamps_rise_and_no_two_messages_of_a_uid_have_the_same_number(
    moves: list[tuple[str, Meeting, Entry]], seconds: list[int]
) -> None:
    standing: dict[str, Invitation] = {}
    steps: list[Step] = []
    for (what, meeting, entry), shift in zip(moves, seconds, strict=False):
        now = NOW + timedelta(seconds=shift)  # a clock may stand still, and be set back
        if what == "ask":
            made = owed(meeting, {PARTY: entry}, standing, now)
        else:
            made = [withdraw(each, now, "cancelled") for each in standing.values() if each.state != CANCELLED]
        for step in made:
            standing[PARTY] = step.invitation
            steps.append(step)
    assert len({step.invitation.invitation_id for step in steps}) <= 1
    stamps = [step.invitation.stamp for step in steps]
    assert stamps == sorted(set(stamps))
    numbers = [(step.invitation.sequence, step.invitation.revision) for step in steps]
    assert numbers == sorted(set(numbers))
    assert numbers[:1] in ([], [(0, 0)])
    for first, second in pairwise(steps):
        risen = second.invitation.sequence - first.invitation.sequence
        assert risen == (0 if second.change == "details" else 1)
        if second.method == CANCEL:
            assert first.method == REQUEST


def test_a_stamp_is_later_than_the_one_before_even_when_the_clock_stands_or_goes_back() -> None:
    first = next_stamp(NOW, None)
    assert next_stamp(NOW, first) == first + timedelta(seconds=1)
    assert next_stamp(NOW - HOUR, first) == first + timedelta(seconds=1)
    assert next_stamp(NOW + HOUR, first) == NOW.replace(microsecond=0) + HOUR


def test_an_invitations_name_is_the_same_for_ever_and_another_for_each_meeting_and_party() -> None:
    name = invitation_id("m1", PARTY)
    assert name == "fb4095eb31fda1298a26d08ae2"
    assert len({name, invitation_id("m1", "agency:camhs-1:"), invitation_id("m2", PARTY)}) == 3
