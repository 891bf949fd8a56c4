"""Who had to do with a child and has no more, and who was named with it by mistake."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import pytest

from services.directory.rules import Cause, Involvement, Placement
from services.records.rules.on_record import once_involved, placed_before

EARLY, LATE = date(2026, 3, 1), date(2026, 5, 1)
Version = tuple[Involvement, bool]


def version(agency_id: str, since: date = EARLY, status: str = "open", *, stands: bool = False) -> Version:
    cause = Cause("/tests", "e1")
    return Involvement("i1", "c1", agency_id, "school", status, since, None, None, None, None, cause), stands


@pytest.mark.parametrize(
    ("versions", "formerly", "by_mistake"),
    [
        ([version("school-1", stands=True)], set(), set()),
        ([version("school-1"), version("school-1", status="closed", stands=True)], set(), set()),
        ([version("school-1"), version("school-2", stands=True)], set(), {"school-1"}),
        ([version("school-1"), version("school-2", LATE, stands=True)], {"school-1"}, set()),
        ([version("school-1", LATE), version("school-2", EARLY, stands=True)], set(), {"school-1"}),
        ([version("school-1")], set(), {"school-1"}),  # it is another child's now
        ([version("school-1"), version("school-2"), version("school-1", stands=True)], set(), {"school-2"}),
    ],
)
def test_who_is_followed_by_another_agency_from_a_later_day_was_involved_and_who_never_was_is_taken_back(
    versions: Sequence[Version], formerly: set[str], by_mistake: set[str]
) -> None:
    found = once_involved({"i1": versions})
    assert (set(found.formerly), set(found.by_mistake)) == (formerly, by_mistake)


def test_an_agency_that_another_involvement_names_was_named_by_no_mistake() -> None:
    some = {"i1": [version("school-1"), version("school-2", stands=True)], "i2": [version("school-1", stands=True)]}
    assert once_involved(some).by_mistake == set()


def test_a_child_that_moves_was_placed_where_it_was_and_one_whose_placement_is_put_right_was_not() -> None:
    first, second = Placement("home-1", "leicester", EARLY), Placement("home-2", "rutland", LATE)
    put_right = Placement("home-3", "rutland", EARLY)
    assert placed_before([None, first, None]) == [first]
    assert placed_before([first, second]) == [first, second]
    assert placed_before([first, put_right]) == [put_right]
