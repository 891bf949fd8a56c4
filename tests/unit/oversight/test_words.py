"""What a coordinator reads of an exception."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from services.oversight.rules import FAILURES, Finding, age, not_reached

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("stood", "words"),
    [
        (timedelta(minutes=-5), "under an hour"),
        (timedelta(minutes=59), "under an hour"),
        (timedelta(hours=1), "1 hour"),
        (timedelta(hours=23, minutes=59), "23 hours"),
        (timedelta(days=1), "1 day"),
        (timedelta(days=3, hours=20), "3 days"),
    ],
)
def test_an_age_is_said_in_its_largest_whole_unit(stood: timedelta, words: str) -> None:
    assert age(NOW - stood, NOW) == words


@pytest.mark.parametrize("reason", FAILURES)
def test_whoever_was_not_reached_is_to_be_reached_another_way(reason: str) -> None:
    assert not_reached(reason, 550, cancels=False) == f"{FAILURES[reason]} (code 550): reach them another way."
    assert "code" not in not_reached(reason, None, cancels=False)
    assert "will not take place" in not_reached(reason, None, cancels=True)
    excluded = not_reached(reason, None, cancels=True, takes_place=True)
    assert excluded.startswith("They were asked, and do not know that they are not asked any more.")
    assert "will not take place" not in excluded


def test_an_exception_has_one_name_for_one_thing() -> None:
    same = Finding("undelivered", "m1", "invitation:a", "text")
    assert same.exception_id == Finding("undelivered", "m1", "invitation:a", "other text", "camhs-1").exception_id
    others = [("not_invited", "m1", "invitation:a"), ("undelivered", "m2", "invitation:a"), ("undelivered", "m1", "b")]
    assert same.exception_id not in {Finding(*each, "text").exception_id for each in others}
