"""By when records are due, in England's days and hours; and what is said of what is missing."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.policy import Number, Policy
from services.directory.rules import Cause
from services.foundation.clock import LONDON, london_date
from services.foundation.working_days import is_working_day
from services.meetings.policy import load_policy
from services.meetings.rules import Meeting
from services.records.due import days_after, deadlines, filing, held_at
from services.records.rules.dispatch import (
    DELIVERED,
    KEPT,
    NOTICE,
    OVERTAKEN,
    QUEUED,
    RECALLED,
    RECORD,
    SENT,
    UNDELIVERED,
    WITHHELD,
    Dispatch,
)
from services.records.rules.due import (
    NOT_DISTRIBUTED,
    UNTRIED,
    Waits,
    approved,
    in_force,
    not_approved,
    not_distributed,
)
from services.records.rules.own_copies import Today, copies_of, goes_again
from services.records.rules.receipts import as_known_at, state, weightier
from services.records.rules.record import Audience, Record, Section
from services.records.rules.versions import Recall
from services.records.rules.why import RIGHTLY_WITHHELD
from tests.unit.records.people import agency

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NOW = datetime(2026, 4, 10, 12, 0, tzinfo=UTC)
MEETING = Meeting(
    meeting_id="m1",
    kind="initial_conference",
    authority="leicester",
    partition_key="f1",
    state="held",
    child_ids=("c1",),
    starts_at=datetime(2026, 4, 1, 9, 0, tzinfo=UTC),
    ends_at=datetime(2026, 4, 1, 11, 0, tzinfo=UTC),
    day=date(2026, 4, 1),
    follows=None,
    also_invite=(),
    do_not_invite=(),
    cause=Cause("/tests", "e1"),
)
COPY = Dispatch(
    dispatch_id="d" * 26,
    kind=RECORD,
    about="r1",
    version=1,
    meeting_id="m1",
    child_id=None,
    partition_key="f1",
    party="agency:camhs-1:",
    agency_id="camhs-1",
    person_id=None,
    team_id=None,
    channel="email",
    address="in@camhs-1.example",
    how="attachment",
    state=SENT,
    why=None,
    decided=[],
    content=None,
    document_id=None,
    written_at=NOW - 3 * HOUR,
    sent_at=NOW - 2 * HOUR,
)


def version(number: int = 1, kind: str = "minutes") -> Record:
    section = Section("Summary", (), Audience(to="everyone"), "Nothing of note.")
    return Record("r1", "m1", kind, number, "Chair", None, (section,), NOW - 4 * HOUR, Cause("/tests", f"r{number}"))


EARLY = replace(version(), approved_at=datetime(2026, 3, 11, 9, 0, tzinfo=UTC))
"""Approved three weeks before the meeting."""


def taken_back(
    record_id: str = "r1", version: int | None = None, agency_id: str | None = None, person_id: str | None = None
) -> Recall:
    """That a record is taken back, from everyone unless it says otherwise."""
    return Recall(record_id, version, agency_id, person_id, NOW, NOW)


def decided(number: int, why_not: str | None = None) -> dict[str, object]:
    """What was decided of one section."""
    return {"number": number, "why_not": why_not, "text": "…"}


def said(
    *some: Dispatch, now: datetime = NOW, versions: int = 1, waits: Waits | None = None, today: Today | None = None
) -> str | None:
    """What is said of the one reader to whom these belong."""
    known = [version(number + 1) for number in range(versions)]
    [copies] = copies_of(known, some, [])
    waiting = {each.dispatch_id: waits or Waits(now, False) for each in some}
    found = not_distributed(copies, MEETING, "conference", waiting, timedelta(minutes=30), now, today)
    assert found is None or (found.kind, found.agency_id) == (NOT_DISTRIBUTED, "camhs-1")
    return found.text if found is not None else None


DOUBT = replace(COPY, state=UNDELIVERED, why="may_have_gone", sent_at=None, ended_at=NOW - HOUR)


@pytest.mark.parametrize("heard", ["delivered_at", "opened_at", "confirmed_at"])
@pytest.mark.parametrize("today", [None, Today("excluded")])
def test_of_a_copy_in_doubt_that_a_reader_has_a_person_hears_until_it_is_taken_back(
    heard: str, today: Today | None
) -> None:
    assert "may have reached them: it was on its way, and nobody knows" in (said(DOUBT, today=today) or "")
    confirmed = "filed" if heard == "confirmed_at" else None
    seen: dict[str, Any] = {heard: NOW}
    had = replace(DOUBT, confirmed=confirmed, **seen)
    text = said(had, today=today) or ""
    assert "has reached them: it was on its way when it was kept back" in text
    assert "take it back" in text
    assert state(had)[0] == {"delivered_at": "delivered", "opened_at": "opened", "confirmed_at": "filed"}[heard]
    assert said(replace(had, state=RECALLED, why="recalled"), today=None) is None
    by_mesh = replace(COPY, dispatch_id="e" * 26, channel="mesh")
    assert said(had, by_mesh, today=None) is None  # they have another of them


@pytest.fixture(scope="module")
def policy() -> Policy:
    return load_policy()


@pytest.mark.parametrize(
    ("held", "decision", "minutes"),
    [
        # Good Friday and Easter Monday lie between.
        ("2026-04-01T10:00", date(2026, 4, 2), date(2026, 4, 24)),
        ("2026-04-02T10:00", date(2026, 4, 7), date(2026, 4, 27)),
        # On a Friday, with the clocks going forward on the Sunday.
        ("2026-03-27T10:00", date(2026, 3, 30), date(2026, 4, 21)),
        # Late on a summer's evening in England, and the day before in UTC.
        ("2026-07-01T00:30", date(2026, 7, 2), date(2026, 7, 22)),
        # Christmas Day, Boxing Day (of which the Monday is the substitute) and New Year's Day.
        ("2026-12-24T10:00", date(2026, 12, 29), date(2027, 1, 19)),
        # On a Saturday.
        ("2026-10-24T10:00", date(2026, 10, 26), date(2026, 11, 13)),
    ],
)
def test_records_are_due_so_many_working_days_after_the_day_a_conference_was_held(
    policy: Policy, held: str, decision: date, minutes: date
) -> None:
    held_on = datetime.fromisoformat(held).replace(tzinfo=LONDON)
    first, second = deadlines(policy, MEETING, held_on.astimezone(UTC), held_on)
    assert (first.kind, first.last_day) == ("decision", decision)
    assert (second.kind, second.last_day) == ("minutes", minutes)
    for each in (first, second):
        ends = each.due_at.astimezone(LONDON)
        assert (ends.date(), ends.hour, ends.minute) == (each.last_day + DAY, 0, 0)


def test_a_day_on_which_the_clocks_change_has_another_length_and_ends_at_midnight_in_england(policy: Policy) -> None:
    forward, _ = deadlines(policy, MEETING, datetime(2026, 3, 27, 10, 0, tzinfo=UTC), NOW)
    back, _ = deadlines(policy, MEETING, datetime(2026, 10, 23, 10, 0, tzinfo=UTC), NOW)
    assert forward.due_at == datetime(2026, 3, 30, 23, 0, tzinfo=UTC)
    assert back.due_at == datetime(2026, 10, 27, 0, 0, tzinfo=UTC)


def test_a_coordinator_is_reminded_in_the_morning_and_never_before_the_meeting_was_held(policy: Policy) -> None:
    decision, minutes = deadlines(policy, MEETING, datetime(2026, 4, 1, 9, 0, tzinfo=UTC), NOW)
    assert decision.remind_at == datetime(2026, 4, 2, 8, 0, tzinfo=UTC)
    assert minutes.remind_at == datetime(2026, 4, 22, 8, 0, tzinfo=UTC)


@given(
    held=st.integers(0, 365 * 15 * 24).map(lambda hours: datetime(2019, 1, 1, tzinfo=UTC) + hours * HOUR),
    kind=st.sampled_from(["initial_conference", "review_conference", "core_group", "strategy_discussion"]),
)
def test_what_is_due_is_due_at_the_end_of_a_working_day_after_the_meeting(
    policy: Policy, held: datetime, kind: str
) -> None:
    for each in deadlines(policy, replace(MEETING, kind=kind), held, held):
        assert is_working_day(each.last_day)
        assert each.last_day > london_date(held)
        assert london_date(each.due_at - timedelta(seconds=1)) == each.last_day
        assert each.remind_at is not None
        assert held < each.remind_at < each.due_at


def test_no_record_is_due_of_a_meeting_that_was_history_when_it_became_known(policy: Policy) -> None:
    held = datetime(2026, 4, 1, 9, 0, tzinfo=UTC)
    for since, expected in [
        (held, ["decision", "minutes"]),
        (datetime(2026, 4, 30, 12, 0, tzinfo=UTC), ["decision", "minutes"]),
        (datetime(2026, 5, 1, 12, 0, tzinfo=UTC), ["minutes"]),
        (datetime(2026, 5, 22, 12, 0, tzinfo=UTC), ["minutes"]),
        (datetime(2026, 5, 23, 12, 0, tzinfo=UTC), []),
    ]:
        assert [each.kind for each in deadlines(policy, MEETING, held, since)] == expected, since


def test_no_record_is_due_of_a_kind_of_meeting_for_which_the_policy_has_no_number(policy: Policy) -> None:
    assert deadlines(policy, replace(MEETING, kind="professionals"), NOW, NOW) == []


@pytest.mark.parametrize(
    ("unit", "value", "expected"),
    [("working_days", 1, date(2026, 4, 7)), ("calendar_days", 1, date(2026, 4, 3)), ("weeks", 2, date(2026, 4, 16))],
)
def test_days_are_counted_in_the_unit_of_the_policy(unit: str, value: float, expected: date) -> None:
    number = Number.model_validate(
        {"id": "a_number", "from": date(2018, 4, 1), "value": value, "unit": unit, "source": "test", "confirmed": False}
    )
    assert days_after(date(2026, 4, 2), number) == expected


def test_a_copy_is_to_be_filed_within_working_days_of_the_day_on_which_it_was_sent(policy: Policy) -> None:
    # Sent at half past midnight in England, which was the day before in UTC.
    limits = filing(policy, datetime(2026, 3, 31, 23, 30, tzinfo=UTC))
    assert limits.last_day == date(2026, 4, 17)
    assert limits.due_at == datetime(2026, 4, 17, 23, 0, tzinfo=UTC)
    assert limits.remind_at == datetime(2026, 4, 10, 8, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [(["plan_made"], NOW), ([], NOW), (["adjourned"], None), (["plan_made", "adjourned"], None)],
)
def test_nothing_is_due_of_a_meeting_that_was_adjourned(outcome: list[str], expected: datetime | None) -> None:
    assert held_at({"document": {"held_at": NOW.isoformat(), "outcome": outcome}}) == expected
    assert held_at(None) is None


@pytest.mark.parametrize("why", sorted(RIGHTLY_WITHHELD))
def test_what_was_rightly_kept_back_is_told_of_once_nothing_forbids_it(why: str) -> None:
    withheld = replace(COPY, state=WITHHELD, why=why, sent_at=None)
    assert "nothing known forbids it any more" in (said(withheld, today=Today()) or "")
    assert "no address" in (said(withheld, today=Today("no_address")) or "")


@pytest.mark.parametrize("state", [WITHHELD, UNDELIVERED])
@pytest.mark.parametrize("why", sorted(RIGHTLY_WITHHELD))
def test_nobody_is_told_to_reach_a_reader_who_may_not_have_it_now(state: str, why: str) -> None:
    lost = replace(COPY, state=state, why="address_refused", sent_at=None)
    assert said(lost) is not None
    assert said(lost, today=Today(why)) is None
    looked_at = replace(COPY, state=WITHHELD, why="not_permitted", sent_at=None)
    assert "Look at it once more" in (said(looked_at, today=Today(why)) or "")


def test_a_link_that_is_shut_is_told_of_where_its_reader_may_have_the_record() -> None:
    link = replace(COPY, how="link")
    assert said(link) is None
    assert "opens for them no more" in (said(link, today=Today(shut=True)) or "")
    assert "no address" in (said(link, today=Today("no_address", shut=True)) or "")
    assert said(link, today=Today("excluded_before", shut=True)) is None


def test_the_same_words_go_again_to_whoever_may_have_them_and_cannot_read_them() -> None:
    withheld = replace(COPY, state=WITHHELD, why="chairs_restriction", sent_at=None)
    for each, today, expected in [
        (withheld, Today(), True),
        (withheld, Today("chairs_restriction"), False),
        (COPY, Today(shut=True), True),
        (COPY, None, False),
        (replace(COPY, state=UNDELIVERED, why="bounced"), Today(), False),
    ]:
        [copies] = copies_of([version()], [each], [])
        assert goes_again(copies, today) is expected, (each.state, today)


@pytest.mark.parametrize("why", sorted(RIGHTLY_WITHHELD))
def test_what_a_rule_or_a_person_keeps_from_a_reader_is_no_fault(why: str) -> None:
    assert said(replace(COPY, state=WITHHELD, why=why, sent_at=None)) is None


@pytest.mark.parametrize(
    "why",
    [
        "no_address",
        "not_checked",
        "no_link",
        "cannot_be_printed",
        "not_permitted",
        "not_as_decided",
        "shared_address",
        "agency_closed",
        "no_longer_part",
        "a_reason_that_nobody_has_thought_of",
    ],
)
def test_any_other_reason_for_which_a_copy_does_not_go_is_told(why: str) -> None:
    text = said(replace(COPY, state=WITHHELD, why=why, sent_at=None))
    assert text is not None
    assert text.startswith("Their copy of the minutes of the conference on 1 April 2026 has not reached them: ")


def test_nobody_is_told_of_a_copy_that_would_hold_nothing_anyway() -> None:
    unchecked = replace(COPY, state=WITHHELD, why="not_checked", sent_at=None)
    assert said(replace(unchecked, decided=[decided(0, "not_named"), decided(1, "not_for_family")])) is None
    assert said(replace(unchecked, decided=[decided(0, "not_named"), decided(1)])) is not None
    assert said(replace(unchecked, decided=[decided(0, "not_named"), decided(1, "identifies_another")])) is not None


def test_a_reader_for_whom_no_copy_was_made_is_told_of() -> None:
    [copies] = copies_of([version()], [], [agency("camhs-1", "c1")])
    found = not_distributed(copies, MEETING, "conference", {}, HOUR, NOW)
    assert found is not None
    assert "none was made for them" in found.text


def test_a_copy_that_waits_is_told_of_after_a_while_where_it_was_tried_and_after_a_day_where_it_was_not() -> None:
    waiting = replace(COPY, state=QUEUED, sent_at=None)
    patience = timedelta(minutes=30)
    for tried, since in product((True, False), (timedelta(), patience - DAY / 86400, patience, UNTRIED)):
        text = said(waiting, waits=Waits(NOW - since, tried))
        assert (text is not None) == (since >= (patience if tried else UNTRIED)), (tried, since)


def test_one_way_that_reaches_a_reader_is_enough() -> None:
    lost = replace(COPY, state=UNDELIVERED, why="bounced")
    assert said(lost) is not None
    assert said(lost, replace(COPY, dispatch_id="e" * 26, channel="mesh", state=DELIVERED)) is None
    assert said(replace(lost, opened_at=NOW)) is None


def test_a_part_that_is_left_out_since_it_identifies_somebody_is_told_even_where_the_copy_arrived() -> None:
    left_out = [decided(2, "identifies_another"), decided(0)]
    text = said(replace(COPY, decided=left_out), today=Today(left_out=(2,), owed=False))
    assert text is not None
    assert "(no. 3)" in text
    kept_back = replace(COPY, decided=left_out, state=WITHHELD, why="flagged", sent_at=None)
    assert said(kept_back, today=Today("flagged")) is None
    assert said(replace(COPY, decided=left_out, state=RECALLED)) is None


def test_who_keeps_an_earlier_copy_in_which_nothing_differs_has_the_newest() -> None:
    kept = replace(COPY, dispatch_id="e" * 26, version=2, state=KEPT, sent_at=None)
    assert said(COPY, kept, versions=2) is None
    [copies] = copies_of([version(1), version(2)], [replace(COPY, confirmed="filed", confirmed_at=NOW), kept], [])
    assert copies.filed
    assert said(replace(COPY, state=OVERTAKEN), replace(kept, state=UNDELIVERED, why="bounced"), versions=2) is not None


FIRST, SECOND = version(1), version(2)


@pytest.mark.parametrize(
    ("versions", "recalls", "expected"),
    [
        ([FIRST], [], [FIRST]),
        ([FIRST], [taken_back(agency_id="camhs-1")], [FIRST]),
        ([FIRST], [taken_back(person_id="p1")], [FIRST]),
        ([FIRST], [taken_back()], []),
        ([FIRST], [taken_back(record_id="r2")], [FIRST]),
        ([FIRST, SECOND], [taken_back(version=1)], [SECOND]),
        ([FIRST, SECOND], [taken_back(version=2)], []),
        ([SECOND, FIRST], [taken_back(version=2)], []),
        ([FIRST, SECOND], [taken_back(version=2, agency_id="camhs-1")], [FIRST, SECOND]),
        ([FIRST, SECOND, version(3)], [taken_back(version=2)], [FIRST, version(3)]),
        ([FIRST, SECOND, version(3)], [taken_back(version=3)], []),
        ([FIRST, replace(FIRST, record_id="r2")], [taken_back()], [replace(FIRST, record_id="r2")]),
    ],
)
def test_what_was_taken_back_from_everyone_is_not_in_force_nor_what_it_had_overtaken(
    versions: list[Record], recalls: list[Recall], expected: list[Record]
) -> None:
    assert in_force(versions, recalls) == expected


@pytest.mark.parametrize(
    ("at", "counts"),
    [
        ("2026-03-11T09:00", False),
        ("2026-03-31T23:59", False),
        ("2026-04-01T00:00", True),  # on the day itself, before it began by another clock
        ("2026-04-01T09:55", True),
        ("2026-04-02T10:00", True),
    ],
)
def test_what_was_approved_before_the_day_on_which_the_meeting_was_held_does_not_count(at: str, counts: bool) -> None:
    moment = datetime.fromisoformat(at).replace(tzinfo=LONDON).astimezone(UTC)
    record = replace(version(), approved_at=moment)
    held_on = date(2026, 4, 1)
    assert bool(approved("minutes", held_on, [record], [])) is counts
    assert approved("decision", held_on, [record], []) == []
    # An early one is made up for by the version after it.
    assert approved("minutes", held_on, [record, version(2)], [])[-1:] == [version(2)]


@pytest.mark.parametrize(
    ("versions", "recalls", "words"),
    [
        ([], [], "and nobody has approved any: nobody who was asked has got anything."),
        ([version(kind="plan")], [], "and nobody has approved any: nobody who was asked has got anything."),
        ([FIRST, SECOND], [taken_back(version=2)], "and what was approved was taken back from everyone"),
        ([EARLY], [], "and what was approved on 11 March 2026 does not count, since that was before the meeting."),
        ([EARLY], [taken_back()], "and what was approved was taken back from everyone"),
    ],
)
def test_it_is_said_why_no_record_counts(
    policy: Policy, versions: list[Record], recalls: list[Recall], words: str
) -> None:
    _, minutes = deadlines(policy, MEETING, MEETING.starts_at, MEETING.starts_at)
    assert not_approved(minutes, "conference", minutes.due_at - HOUR, versions, recalls) is None
    said = not_approved(minutes, "conference", minutes.due_at, versions, recalls)
    assert said is not None
    assert said.text.startswith(
        f"The minutes of the conference held on 1 April 2026 were due by 24 April 2026, {words}"
    )


MOMENTS = [
    ({"state": QUEUED, "sent_at": None}, "queued"),
    ({}, "sent"),
    ({"state": DELIVERED, "delivered_at": NOW}, "delivered"),
    ({"state": UNDELIVERED, "delivered_at": NOW}, "undelivered"),
    ({"opened_at": NOW}, "opened"),
    ({"state": UNDELIVERED, "opened_at": NOW}, "opened"),
    ({"confirmed": "noted", "confirmed_at": NOW}, "opened"),
    ({"confirmed": "filed", "confirmed_at": NOW, "opened_at": NOW}, "filed"),
    ({"confirmed": "filed", "confirmed_at": NOW, "state": RECALLED}, "recalled"),
    ({"kind": NOTICE, "confirmed": "noted", "confirmed_at": NOW}, "acknowledged"),
    ({"state": WITHHELD, "sent_at": None}, "withheld"),
    ({"state": OVERTAKEN}, "overtaken"),
]


@pytest.mark.parametrize(("moments", "expected"), MOMENTS)
def test_sent_delivered_opened_and_filed_are_told_apart(moments: dict[str, object], expected: str) -> None:
    assert state(replace(COPY, **moments))[0] == expected  # type: ignore[arg-type]


def test_what_came_to_be_so_after_a_moment_is_not_known_at_it() -> None:
    filed = replace(COPY, state=DELIVERED, delivered_at=NOW, opened_at=NOW + HOUR, confirmed="filed")
    filed = replace(filed, confirmed_at=NOW + 2 * HOUR)
    moments = [NOW - 3 * HOUR, NOW - 2 * HOUR, NOW, NOW + HOUR, NOW + 2 * HOUR]
    assert [state(as_known_at(filed, each))[0] for each in moments] == [
        "queued",
        "sent",
        "delivered",
        "opened",
        "filed",
    ]
    lost = replace(COPY, state=UNDELIVERED, why="bounced", ended_at=NOW)
    assert [state(as_known_at(lost, each))[0] for each in moments[1:3]] == ["sent", "undelivered"]


def test_of_two_things_that_a_reader_said_the_weightier_counts_in_either_order() -> None:
    one, other = ("noted", NOW), ("filed", NOW + HOUR)
    assert weightier(RECORD, one, other) == weightier(RECORD, other, one) == other
    flag, filed = ("flag_changed", NOW + HOUR), ("filed", NOW)
    assert weightier(NOTICE, flag, filed) == weightier(NOTICE, filed, flag) == flag
    assert weightier(RECORD, flag, filed) == weightier(RECORD, filed, flag) == filed
    none = ("no_flag", NOW)
    assert weightier(NOTICE, none, filed) == weightier(NOTICE, filed, none) == none
    assert weightier(NOTICE, none, flag) == weightier(NOTICE, flag, none) == flag
    assert weightier(RECORD, none, filed) == weightier(RECORD, filed, none) == filed
    assert weightier(RECORD, other, ("filed", NOW)) == ("filed", NOW)
