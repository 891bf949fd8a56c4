"""What a notice asks of the flag on a record, and which words answer that."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from services.directory.rules import Cause
from services.records.rules.flags import LEAVE, REMOVE, SET, UPDATE, flag_asked, settles
from services.records.rules.notices import CHANGED, ENDED, JOINED, STANDS, STARTED, Notice

AT = datetime(2026, 4, 1, 9, 0, tzinfo=UTC)


def notice(kind: str, number: int = 0, plan_id: str = "plan-1") -> Notice:
    name = f"{plan_id} {kind} {number}"
    return Notice(name, kind, plan_id, "c1", number, "neglect", None, Cause("/tests", "e1"), AT, AT)


@pytest.mark.parametrize(
    ("kind", "of_another", "flag"),
    [
        (STARTED, [], SET),
        (JOINED, [], SET),
        (STANDS, [ENDED], SET),
        (CHANGED, [STARTED], UPDATE),
        (ENDED, [], REMOVE),
        (ENDED, [STARTED], LEAVE),
        (ENDED, [STARTED, ENDED], REMOVE),
        (ENDED, [STARTED, ENDED, STANDS], LEAVE),
        (ENDED, [STARTED, ENDED, JOINED], REMOVE),
    ],
)
def test_the_end_of_a_plan_asks_for_the_flag_unless_another_stands(kind: str, of_another: list[str], flag: str) -> None:
    others = [notice(each, number, "plan-2") for number, each in enumerate(of_another)]
    asked = notice(kind, 1)
    assert flag_asked(asked, [notice(STARTED), asked, *others], {"plan-1"}) == flag


@pytest.mark.parametrize(("kind", "flag"), [(STARTED, SET), (STANDS, SET), (CHANGED, UPDATE), (ENDED, LEAVE)])
def test_a_plan_of_which_an_end_alone_was_told_that_does_not_count_keeps_the_flag(kind: str, flag: str) -> None:
    asked = notice(kind, 1)
    assert flag_asked(asked, [notice(STARTED), asked], {"plan-2"}) == flag


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
