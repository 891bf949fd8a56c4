"""What a notice asks of the flag on a record, and which words answer that."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.directory.rules import Cause
from services.records.rules.dispatch import Dispatch
from services.records.rules.flags import (
    LEAVE,
    REMOVE,
    SET,
    UPDATE,
    as_first_asked,
    flag_asked,
    had_to_stay,
    had_to_stay_until,
    settles,
)
from services.records.rules.notices import CHANGED, ENDED, JOINED, STANDS, STARTED, Notice
from services.records.rules.plans import Told, plans

AT = datetime(2026, 4, 1, 9, 0, tzinfo=UTC)


def notice(kind: str, number: int = 0, plan_id: str = "plan-1") -> Notice:
    name = f"{plan_id} {kind} {number}"
    return Notice(name, kind, plan_id, "c1", number, "neglect", None, Cause("/tests", "e1"), AT, AT)


@pytest.mark.parametrize(
    ("kind", "standing", "flag"),
    [
        (STARTED, ["plan-1"], SET),
        (JOINED, ["plan-1", "plan-2"], SET),
        (STANDS, ["plan-1"], SET),
        (CHANGED, ["plan-1", "plan-2"], UPDATE),
        (ENDED, [], REMOVE),
        (ENDED, ["plan-1"], REMOVE),
        (ENDED, ["plan-2"], LEAVE),
        (STARTED, [], LEAVE),
        (JOINED, [], LEAVE),
        (STANDS, ["plan-2"], LEAVE),
        (CHANGED, [], LEAVE),
    ],
)
def test_an_end_asks_for_the_flag_unless_another_plan_stands_and_what_is_past_asks_for_none(
    kind: str, standing: list[str], flag: str
) -> None:
    assert flag_asked(notice(kind, 1), standing) == flag


def went(about: Notice, day: int, state: str = "sent", **more: Any) -> Dispatch:
    """Something that was told of a plan that day to one practice."""
    at = AT + timedelta(days=day)
    fields: dict[str, Any] = {
        "dispatch_id": about.notice_id,
        "kind": "notice",
        "about": about.notice_id,
        "version": 1,
        "child_id": "c1",
        "partition_key": "f1",
        "party": "agency:gp-1:",
        "agency_id": "gp-1",
        "channel": "email",
        "address": "in@gp-1.example",
        "how": "body",
        "state": state,
        "written_at": at,
        "sent_at": at,
        **dict.fromkeys(("meeting_id", "person_id", "team_id", "why", "decided", "content", "document_id")),
    }
    return Dispatch(**fields | more)


@pytest.mark.parametrize(
    ("noted_on", "decided_by", "stood"),
    [(3, None, True), (6, None, False), (6, "m9", True)],
    ids=["before it was known", "after it was known", "of a meeting, which may have counted later"],
)
def test_a_plan_of_whose_end_nobody_was_told_kept_the_flag_until_that_was_known(
    noted_on: int, decided_by: str | None, stood: bool
) -> None:
    started, known_on = AT.date(), AT + timedelta(days=5)
    told = [
        Told("plan-2", "c1", aspect, started, None, (), decided_by, at, Cause("/tests", aspect), at, "f1")
        for aspect, at in (("started", AT), ("ended", known_on))
    ]
    [of_child] = plans(told).values()
    end = replace(notice(ENDED, 1), written_at=AT + timedelta(days=2))
    said = went(end, 6, confirmed="noted", confirmed_at=AT + timedelta(days=noted_on))
    said = replace(said, sent_at=said.confirmed_at)
    known = [notice(STARTED), notice(STARTED, plan_id="plan-2"), end]
    assert had_to_stay(said, known, of_child) == stood
    until = had_to_stay_until(said, known, [], of_child)
    assert until == (known_on if stood else None)


STANDS_AGAIN = [notice(STARTED), notice(ENDED, 1), notice(STANDS, 2), notice(STANDS, 3)]


@pytest.mark.parametrize(
    ("first", "since"),
    [
        ({"state": "sent"}, 4),
        ({"state": "delivered", "delivered_at": AT + timedelta(days=5)}, 4),
        ({"state": "undelivered"}, 9),
        ({"state": "undelivered", "sent_at": None, "opened_at": AT + timedelta(days=6)}, 6),
        ({"state": "overtaken", "sent_at": None}, 9),
    ],
)
def test_word_that_a_plan_stands_is_asked_about_from_when_its_reader_first_had_it(
    first: dict[str, Any], since: int
) -> None:
    _, ended, one, another = STANDS_AGAIN
    last = went(another, 9)
    some = [went(ended, 1, "recalled"), went(one, 4, **first), last]
    assert as_first_asked(last, STANDS_AGAIN, some).sent_at == AT + timedelta(days=since)


def test_what_was_said_before_the_last_end_answers_no_word_that_the_plan_stands() -> None:
    told = [notice(ENDED, 0), notice(STANDS, 1), notice(ENDED, 2), notice(STANDS, 3), notice(STANDS, 4)]
    said: dict[str, Any] = {"confirmed": "flag_changed", "confirmed_at": AT + timedelta(days=2), "reminded_at": AT}
    states = ["recalled", "sent", "recalled", "sent", "sent"]
    some = [
        went(each, day, state, **(said if day == 1 else {}))
        for day, (each, state) in enumerate(zip(told, states, strict=True))
    ]
    last = as_first_asked(some[-1], told, some)
    assert (last.confirmed, last.confirmed_at, last.reminded_at) == (None, None, None)
    assert last.sent_at == AT + timedelta(days=3)
    some[3] = replace(some[3], **said)
    last = as_first_asked(some[-1], told, some)
    assert (last.confirmed, last.reminded_at) == ("flag_changed", AT)


@pytest.mark.parametrize(
    ("flag", "enough"),
    [
        (REMOVE, {"flag_changed", "no_flag"}),
        (SET, {"flag_changed"}),
        (UPDATE, {"filed", "flag_changed", "no_flag", "noted"}),
        (LEAVE, {"filed", "flag_changed", "no_flag", "noted"}),
    ],
)
def test_that_it_was_noted_says_nothing_of_a_flag_and_that_there_is_none_only_that_none_has_to_go(
    flag: str, enough: set[str]
) -> None:
    said = [None, "filed", "flag_changed", "no_flag", "noted"]
    assert {each for each in said if settles(flag, each)} == enough
