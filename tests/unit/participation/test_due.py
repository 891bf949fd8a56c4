"""By when an answer is wanted, when somebody is reminded, and from when the answer is missed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.policy import Policy
from services.directory.rules import Cause
from services.foundation.clock import LONDON
from services.foundation.working_days import is_working_day
from services.invitations.rules import (
    CANCEL,
    CANCELLED,
    QUEUED,
    REQUEST,
    SENT,
    UNDELIVERED,
    Invitation,
    Message,
    Told,
    once_more,
)
from services.meetings.policy import load_policy
from services.meetings.rules import INVITED, NOT_INVITED, Entry, Meeting
from services.participation.due import Wanted, missed_from, missing, morning, reminded_at, wanted
from services.participation.rules.answers import Answer, Heard
from services.participation.rules.asking import Asked, Proposal, answered_the_past

NOW = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)
STARTS = datetime(2026, 12, 1, 10, 0, tzinfo=UTC)  # a Tuesday
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
TIME, EARLIER = Told(STARTS, STARTS + HOUR, None, None), Told(STARTS - DAY, STARTS - DAY + HOUR, None, None)
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
)
ENTRY = Entry("gp", "gp-1", None, None, INVITED, None, (), ("c1",), "gp@surgery.nhs.example")
ASKED = Invitation(
    "i1", "m1", "agency:gp-1:", "gp-1", None, None, ENTRY.address, SENT, 1, 0, NOW, NOW, TIME
)  # fmt: skip
WANTED = Wanted(STARTS, date(2026, 11, 26), date(2026, 11, 25))


@pytest.fixture(scope="module")
def policy() -> Policy:
    return load_policy()


def message(
    sequence: int = 1, left: datetime | None = NOW, method: str = REQUEST, told: Told = TIME, revision: int = 0
) -> Message:
    return Message(sequence, revision, method, "new", NOW, told, NOW, left is None, left)


def party(*messages: Message, answer: Answer | None = None, past: Answer | None = None, **others: object) -> Asked:
    heard = Heard(answer, (), (past,) if past else ())
    return Asked(replace(ASKED, **others), messages or (message(),), heard)  # type: ignore[arg-type]


def answer(at: datetime, sequence: int | None = 0) -> Answer:
    return Answer("m1", "gp-1", None, None, "accepted", at, "/tests", "a1", at, sequence=sequence)


def london(day: date, hour: int) -> datetime:
    return datetime(day.year, day.month, day.day, hour, tzinfo=LONDON).astimezone(UTC)


@pytest.mark.parametrize(
    ("kind", "by", "remind_on"),
    [
        ("initial_conference", date(2026, 11, 26), date(2026, 11, 25)),
        ("review_conference", date(2026, 11, 17), date(2026, 11, 13)),
        ("core_group", date(2026, 11, 27), date(2026, 11, 26)),
        ("looked_after_review", date(2026, 11, 24), date(2026, 11, 20)),
    ],
)
def test_answers_are_wanted_so_many_working_days_before(policy: Policy, kind: str, by: date, remind_on: date) -> None:
    assert wanted(policy, replace(MEETING, kind=kind)) == Wanted(STARTS, by, remind_on)


@pytest.mark.parametrize("kind", ["strategy_discussion", "discharge_planning", "no_such_kind"])
def test_where_the_policy_sets_no_day_no_answer_is_missed(policy: Policy, kind: str) -> None:
    assert wanted(policy, replace(MEETING, kind=kind)) is None


def test_every_kind_reminds_before_the_day_and_early_enough_to_answer(policy: Policy) -> None:
    for kind in policy.on(MEETING.day).kinds:
        when = wanted(policy, replace(MEETING, kind=kind))
        if when is not None and when.remind_on is not None:
            assert when.remind_on < when.by < MEETING.day


def test_a_day_without_work_is_none_to_answer_on(policy: Policy) -> None:
    """The days between Christmas and the New Year."""
    starts = datetime(2026, 12, 30, 10, 0, tzinfo=UTC)
    when = wanted(policy, replace(MEETING, starts_at=starts, day=starts.date()))
    assert when == Wanted(starts, date(2026, 12, 23), date(2026, 12, 22))


@pytest.mark.parametrize(
    ("asked_at", "last_day"),
    [
        (NOW, date(2026, 11, 26)),
        (london(date(2026, 11, 25), 23), date(2026, 11, 26)),
        (london(date(2026, 11, 26), 8), date(2026, 11, 27)),
        (london(date(2026, 11, 27), 8), date(2026, 11, 30)),  # a Friday
        (london(date(2026, 11, 28), 8), date(2026, 11, 30)),
    ],
)
def test_whoever_is_asked_late_has_the_next_working_day(asked_at: datetime, last_day: date) -> None:
    assert WANTED.last_day(asked_at) == last_day
    assert WANTED.missed_from(asked_at) == london(last_day + DAY, 9)


def test_who_is_asked_too_late_for_that_is_not_missed() -> None:
    assert missed_from(party(message(left=STARTS - DAY)), WANTED) is None
    assert missed_from(party(message(left=STARTS - 5 * DAY)), WANTED) is not None


def test_a_reminder_leaves_a_working_day_after_the_last_message_and_comes_before_the_answer_is_missed() -> None:
    assert reminded_at(party(), WANTED) == london(date(2026, 11, 25), 9)
    moved_room = message(left=london(date(2026, 11, 24), 16), revision=1)
    assert reminded_at(party(message(), moved_room), WANTED) == london(date(2026, 11, 26), 9)
    assert reminded_at(party(message(left=london(date(2026, 11, 26), 16))), WANTED) is None
    assert reminded_at(party(), replace(WANTED, remind_on=None)) is None


@pytest.mark.parametrize(
    "each",
    [
        party(answer=answer(NOW, 1)),
        party(message(left=None)),
        party(message(0)),
        party(message(method=CANCEL)),
        party(state=CANCELLED),
        party(state=UNDELIVERED),
        party(address=None),
    ],
    ids=["answered", "not_gone_yet", "earlier_time", "cancellation", "taken_back", "undelivered", "no_address"],
)
def test_only_whoever_was_really_sent_the_present_time_owes_an_answer(each: Asked) -> None:
    assert reminded_at(each, WANTED) is None
    assert missed_from(each, WANTED) is None
    assert missing(each, WANTED, STARTS) is None


def test_a_message_about_a_room_that_waits_takes_nothing_back() -> None:
    assert missed_from(party(message(), message(left=None, revision=1), state=QUEUED), WANTED) is not None


def test_whoever_proposes_another_time_is_not_reminded_and_is_told_of_as_such() -> None:
    other = Proposal("m1", "gp-1", None, None, STARTS, STARTS + HOUR, NOW + HOUR, "/tests", "p1", NOW + HOUR)
    each = replace(party(), proposed=(other,))
    assert reminded_at(each, WANTED) is None
    found = missing(each, WANTED, STARTS)
    assert found is not None
    assert "propose another time" in found.text
    to_an_earlier_time = replace(party(), proposed=(replace(other, at=NOW - DAY, known_at=NOW - DAY),))
    assert reminded_at(to_an_earlier_time, WANTED) is not None


def test_what_is_missing_names_days_and_nobody() -> None:
    since = london(date(2026, 11, 27), 9)
    assert missing(party(), WANTED, since - HOUR) is None
    found = missing(party(), WANTED, since)
    assert found is not None
    assert found.text == "Asked on 2 November 2026, and no answer by 26 November 2026."
    assert (found.kind, found.about, found.agency_id, found.due_at) == ("no_answer", "invitation:i1", "gp-1", since)


@pytest.mark.parametrize("sequence", [0, None])
@pytest.mark.parametrize(("told", "to"), [(EARLIER, "an earlier time"), (TIME, "an earlier invitation")])
def test_what_is_missing_says_what_the_answer_that_does_not_count_was_to(
    told: Told, to: str, sequence: int | None
) -> None:
    first = message(0, NOW - 2 * DAY, told=told)
    found = missing(party(first, message(), past=answer(NOW - DAY, sequence)), WANTED, STARTS)
    assert found is not None
    text = "Asked on 2 November 2026, and no answer by 26 November 2026: the one that they gave was to "
    assert found.text == f"{text}{to}."


def test_what_was_agreed_before_anything_was_sent_was_to_the_first_time() -> None:
    agreed = answer(NOW - 3 * DAY, None)
    found = missing(party(message(0, NOW - 2 * DAY, told=EARLIER), message(), past=agreed), WANTED, STARTS)
    assert found is not None
    assert found.text.endswith("was to an earlier time.")


MOMENTS = st.datetimes(datetime(2026, 10, 1), datetime(2026, 12, 2), timezones=st.just(UTC))  # noqa: DTZ001  # given


@given(MOMENTS)
def test_each_look_is_on_a_morning_to_come_and_before_the_meeting(now: datetime) -> None:
    found = WANTED.next_look(now)
    if found is None:
        assert now >= london(date(2026, 12, 1), 9)
        return
    assert now < found < STARTS
    assert found.astimezone(LONDON).hour == 9
    assert found >= morning(date(2026, 11, 25))
    again = WANTED.next_look(found)
    assert again is None or again - found == DAY


@given(MOMENTS)
def test_a_change_puts_off_no_look_that_is_due(now: datetime) -> None:
    found = WANTED.look_from(now)
    if now >= STARTS:
        assert found is None
    elif now >= morning(date(2026, 11, 25)):
        assert found == now
    else:
        assert found == morning(date(2026, 11, 25))


@given(st.lists(MOMENTS, min_size=1, max_size=4))
def test_a_reminder_comes_on_a_working_day_after_all_that_was_sent_and_before_the_answer_is_missed(
    left: list[datetime],
) -> None:
    each = party(*(message(left=moment, revision=number) for number, moment in enumerate(left)))
    moment = reminded_at(each, WANTED)
    if moment is None:
        return
    assert is_working_day(moment.date())
    assert max(left) + DAY / 2 < moment < min(WANTED.missed_from(min(left)), STARTS)


def test_an_answer_to_an_earlier_time_is_asked_about_once_the_present_one_has_gone() -> None:
    late = answer(NOW + HOUR)
    assert answered_the_past(party(message(0, NOW - DAY, told=EARLIER), message(), past=late)) == EARLIER
    assert answered_the_past(party(message(), past=answer(NOW + HOUR, None))) == TIME


@pytest.mark.parametrize(
    "each",
    [
        party(),
        party(past=answer(NOW - HOUR)),
        party(message(left=None), past=answer(NOW + HOUR)),
        party(past=answer(NOW + HOUR), answer=answer(NOW, 1)),
        party(past=answer(NOW + HOUR), state=CANCELLED),
        party(past=answer(NOW + HOUR), address=None),
    ],
    ids=["nothing_heard", "crossed", "not_gone_yet", "answered", "taken_back", "no_address"],
)
def test_nobody_else_is_asked_again(each: Asked) -> None:
    assert answered_the_past(each) is None


def test_once_more_is_the_same_invitation_with_the_next_revision() -> None:
    step = once_more(MEETING, ENTRY, ASKED, "reminder", NOW + HOUR, answer_by=WANTED.by)
    assert step is not None
    after = step.invitation
    assert (step.method, step.change, step.answer_by) == (REQUEST, "reminder", WANTED.by)
    assert (after.invitation_id, after.sequence, after.revision, after.since) == ("i1", 1, 1, ASKED.since)
    assert after.stamp > ASKED.stamp
    assert after.told == ASKED.told


@pytest.mark.parametrize(
    ("meeting", "entry", "standing"),
    [
        (replace(MEETING, state="cancelled"), ENTRY, ASKED),
        (replace(MEETING, state="held"), ENTRY, ASKED),
        (replace(MEETING, ends_at=NOW), ENTRY, ASKED),
        (replace(MEETING, starts_at=STARTS + HOUR, ends_at=STARTS + 2 * HOUR), ENTRY, ASKED),
        (MEETING, None, ASKED),
        (MEETING, replace(ENTRY, decision=NOT_INVITED, address=None), ASKED),
        (MEETING, replace(ENTRY, address="new@surgery.nhs.example"), ASKED),
        (MEETING, ENTRY, replace(ASKED, state=CANCELLED)),
        (MEETING, ENTRY, replace(ASKED, address=None)),
    ],
    ids=[
        *("cancelled", "held", "over", "moved", "nobody_expected", "not_asked"),
        *("another_address", "taken_back", "no_address"),
    ],
)
def test_nothing_goes_once_more_that_would_not_be_written_now(
    meeting: Meeting, entry: Entry | None, standing: Invitation
) -> None:
    assert once_more(meeting, entry, standing, "requested", NOW + HOUR) is None
