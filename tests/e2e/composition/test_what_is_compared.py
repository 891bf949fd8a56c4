"""What `make compose-test` compares, without a container: a comparison that notices nothing would always agree."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tests.e2e.composition.letters import Letter, compare
from tests.e2e.composition.partnership import AHEAD, moved_by, story

NOW = datetime(2027, 3, 9, 12, tzinfo=UTC)
FIRST = Letter(
    uid="a@quorate.example",
    sequence=0,
    message_id="<a.0.0@quorate.example>",
    method="REQUEST",
    to="duty@camhs.example",
    subject="Invitation",
    starts="2027-03-18T10:00:00+00:00",
    ends="2027-03-18T11:00:00+00:00",
    place="",
)
MOVED = replace(FIRST, sequence=1, message_id="<a.1.0@quorate.example>", starts="2027-03-19T10:00:00+00:00")


def test_the_same_letters_in_any_order_are_right_also_where_one_comes_again() -> None:
    found = compare([MOVED, FIRST, FIRST], [FIRST, MOVED])
    assert found.right
    assert (found.letters, found.expected, found.repeats) == (2, 2, 1)


def test_a_letter_that_did_not_come_is_missing() -> None:
    found = compare([FIRST], [FIRST, MOVED])
    assert not found.right
    assert found.missing == [MOVED]


@pytest.mark.parametrize(
    "change",
    [
        {"to": "somebody.else@camhs.example"},
        {"sequence": 1},
        {"method": "CANCEL"},
        {"starts": "2027-03-18T12:00:00+00:00"},
        {"place": "elsewhere"},
        {"uid": "b@quorate.example"},
    ],
)
def test_a_letter_that_differs_is_not_the_one_expected(change: dict[str, object]) -> None:
    wrong = replace(FIRST, **change)  # type: ignore[arg-type]  # fields by name
    found = compare([wrong], [FIRST])
    assert not found.right
    assert (found.missing, found.unexpected) == ([FIRST], [wrong])


def test_two_ids_for_one_message_and_one_id_for_two_are_both_wrong() -> None:
    again = replace(FIRST, message_id="<b.0.0@quorate.example>")
    assert compare([FIRST, again], [FIRST, again]).two_ids == ["a@quorate.example 0"]
    other = replace(FIRST, to="somebody.else@camhs.example")
    assert compare([FIRST, other], [FIRST, other]).two_letters == ["<a.0.0@quorate.example>"]


def test_the_story_lies_ahead_by_whole_weeks_whatever_the_day() -> None:
    for days in range(0, 800, 13):
        now = NOW + timedelta(days=days)
        moved = moved_by(now)
        assert moved % timedelta(weeks=1) == timedelta()
        starts = [
            datetime.fromisoformat(event["data"]["starts_at"])
            for day in story(1, now)
            for event in day.events
            if event["data"].get("starts_at", "").endswith(("+00:00", "+01:00"))
        ]
        assert min(starts) > now + AHEAD


def test_each_copy_has_children_and_meetings_of_its_own_and_the_same_agencies() -> None:
    days = story(2, NOW)
    first, second = ([event for day in days for event in day.copies[number]] for number in (0, 1))
    assert len(first) > len(second) > 0
    assert {event["id"] for event in first}.isdisjoint(event["id"] for event in second)
    assert not any(event["type"].startswith("quorate.agency.") for event in second)
    for noun in ("child_id", "family_id", "meeting_id", "follows"):
        of_first, of_second = ({e["data"][noun] for e in each if noun in e["data"]} for each in (first, second))
        assert {each.removesuffix(".0") for each in of_first} == {each.removesuffix(".1") for each in of_second}
        assert of_first.isdisjoint(of_second)
    agencies = ({e["data"]["agency_id"] for e in each if "involvement_id" in e["data"]} for each in (first, second))
    assert len(set(map(frozenset, agencies))) == 1
