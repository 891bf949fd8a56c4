"""Whatever is done to a chain of rows is found, and the row that it was done to is named."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.envelope import Event, decode
from services.intake.rules import START_OF_CHAIN, Fault, Inspection, JournalRow, chained, link
from tests import events

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
COUNT = 12


def written() -> list[JournalRow]:
    """A journal of COUNT events."""
    some = []
    for number in range(1, COUNT + 1):
        event = decode(events.child(f"c{number}", id=f"e{number}", time=START + timedelta(hours=number)))
        assert isinstance(event, Event)
        some.append(event)
    return list(chained(START_OF_CHAIN, 1, some, "2026-03-03T09:00:00.000000+00:00"))


ROWS = written()
END = (ROWS[-1].seq, ROWS[-1].hash)


def judged(
    rows: Sequence[JournalRow], end: tuple[int, str] | None = END, noted: tuple[int, str] | None = None
) -> list[Fault]:
    walk = Inspection(noted)
    for row in sorted(rows, key=lambda row: row.seq):
        walk.see(row)
    return walk.faults(end)


def rechained(rows: Sequence[JournalRow], previous: str) -> list[JournalRow]:
    """The rows with hashes made anew: what someone does who knows how they are made."""
    made = []
    for row in rows:
        row = replace(row, hash=link(previous, row))
        previous = row.hash
        made.append(row)
    return made


COLUMNS: dict[str, Callable[[str], str]] = {
    "source": lambda value: value + "x",
    "event_id": lambda value: value + "x",
    "type": lambda value: "quorate.relative.recorded.v1",
    "subject": lambda value: value + "x",
    "partition_key": lambda value: value + "x",
    "event_time": lambda value: value.replace("2026", "2025"),
    "recorded_at": lambda value: value.replace("2026", "2025"),
    "raw": lambda value: value.replace('"AB"', '"CD"'),
    "hash": lambda value: value[1:] + "0",
}


def test_a_journal_as_it_was_written_has_no_fault() -> None:
    assert judged(ROWS) == []
    assert judged([], end=(0, START_OF_CHAIN)) == []
    assert judged(ROWS, noted=(0, START_OF_CHAIN)) == []


@given(st.sampled_from(ROWS), st.sampled_from(sorted(COLUMNS)))
def test_a_changed_column_is_found_and_its_row_alone_is_named(row: JournalRow, column: str) -> None:
    change: dict[str, Any] = {column: COLUMNS[column](getattr(row, column))}
    changed = replace(row, **change)
    assert changed != row
    [fault] = judged([changed if each is row else each for each in ROWS])
    assert fault.seq == row.seq
    assert "changed" in fault.message
    if column not in ("recorded_at", "raw"):
        assert column in fault.message


@given(st.integers(1, COUNT), st.integers(1, COUNT))
def test_missing_rows_are_named(first: int, last: int) -> None:
    first, last = min(first, last), max(first, last)
    [fault] = judged([row for row in ROWS if not first <= row.seq <= last])
    assert fault.seq == first
    expected = f"row {first} is missing" if first == last else f"rows {first} to {last} are missing"
    assert fault.message.startswith(expected)


@given(st.sets(st.integers(1, COUNT), min_size=2, max_size=2))
def test_two_rows_that_changed_places_are_both_named_and_no_other(pair: set[int]) -> None:
    one, other = sorted(pair)
    swapped = [replace(row, seq={one: other, other: one}.get(row.seq, row.seq)) for row in ROWS]
    faults = judged(swapped)
    assert [(fault.seq, fault.message.split(":")[0]) for fault in faults] == [
        (one, f"holds what was written as row {other}"),
        (other, f"holds what was written as row {one}"),
    ]


@given(st.sets(st.integers(1, COUNT), min_size=2, max_size=2))
def test_two_rows_whose_content_changed_places_under_their_hashes_are_both_named(pair: set[int]) -> None:
    one, other = sorted(pair)
    hashes = {row.seq: row.hash for row in ROWS}
    swapped = [replace(row, seq={one: other, other: one}.get(row.seq, row.seq)) for row in ROWS]
    faults = judged([replace(row, hash=hashes[row.seq]) for row in swapped])
    assert [fault.seq for fault in faults] == [one, other]


FORGED = replace(ROWS[0], event_id="forged", raw=ROWS[0].raw.replace('"e1"', '"forged"'))


@given(st.integers(1, COUNT), st.booleans())
def test_a_row_put_in_between_is_named_though_those_after_it_were_numbered_anew(at: int, well_made: bool) -> None:
    before = [row for row in ROWS if row.seq < at]
    forged = replace(FORGED, seq=at)
    if well_made:
        forged = replace(forged, hash=link(before[-1].hash if before else START_OF_CHAIN, forged))
    after = [replace(row, seq=row.seq + 1) for row in ROWS if row.seq >= at]
    named = {fault.seq for fault in judged([*before, forged, *after], end=(COUNT + 1, END[1]))}
    assert named & {at, at + 1}
    assert not named & set(range(1, at))


@given(st.integers(1, 5))
def test_rows_added_past_the_intake_are_named(more: int) -> None:
    added = [replace(FORGED, seq=COUNT + number, event_id=f"forged-{number}") for number in range(1, more + 1)]
    faults = judged([*ROWS, *rechained(added, ROWS[-1].hash)])
    assert any(fault.seq == COUNT + 1 and "after the noted end" in fault.message for fault in faults)


def test_a_row_moved_past_the_end_is_missing_where_it_was() -> None:
    moved = [replace(row, seq=50) if row.seq == 3 else row for row in ROWS]
    faults = judged(moved)
    assert ["row 3 is missing" in fault.message for fault in faults if fault.seq == 3] == [True]
    assert any("written as row 3" in fault.message for fault in faults if fault.seq == 50)


@given(st.integers(1, COUNT - 1))
def test_a_changed_row_with_its_hash_made_anew_is_one_of_the_two_that_are_named(at: int) -> None:
    changed = replace(ROWS[at - 1], raw=ROWS[at - 1].raw.replace('"AB"', '"CD"'))
    changed = replace(changed, hash=link(ROWS[at - 2].hash if at > 1 else START_OF_CHAIN, changed))
    [fault] = judged([changed if row.seq == at else row for row in ROWS])
    assert fault.seq == at + 1
    assert f"row {at} was changed and its hash with it" in fault.message


def test_a_column_that_is_not_what_the_event_says_is_found_though_every_hash_was_made_anew() -> None:
    forged = [replace(row, subject="c99") if row.seq == 4 else row for row in ROWS]
    rows = rechained(forged, START_OF_CHAIN)
    assert [fault.seq for fault in judged(rows, end=(COUNT, rows[-1].hash))] == [4]


def test_a_journal_made_anew_is_told_by_a_hash_that_was_noted_elsewhere_alone() -> None:
    text = ROWS[1].raw.replace('"AB"', '"CD"')
    rows = rechained([replace(row, raw=text) if row.seq == 2 else row for row in ROWS], START_OF_CHAIN)
    end = (COUNT, rows[-1].hash)
    assert judged(rows, end) == []
    assert [fault.seq for fault in judged(rows, end, noted=END)] == [COUNT]
    assert judged(rows, end, noted=(1, ROWS[0].hash)) == []


def test_a_journal_cut_off_with_its_noted_end_is_told_by_a_number_that_was_noted_elsewhere() -> None:
    rows = ROWS[:5]
    assert judged(rows, end=(5, rows[-1].hash)) == []
    [fault] = judged(rows, end=(5, rows[-1].hash), noted=END)
    assert fault == Fault(COUNT, "was noted elsewhere and is missing")


@pytest.mark.parametrize("end", [None, (COUNT, "0" * 64), (COUNT + 3, "0" * 64)])
def test_an_end_that_does_not_fit_the_last_row_is_a_fault(end: tuple[int, str] | None) -> None:
    assert len(judged(ROWS, end)) == 1


def test_more_faults_than_are_looked_into_are_counted() -> None:
    some = written() * 5
    rows = [replace(row, seq=number) for number, row in enumerate(some, 1)]
    walk = Inspection()
    for row in rows:
        walk.see(row)
    assert len(walk.suspects) + walk.uncounted == len(rows) - COUNT
    assert walk.faults((len(rows), walk.hash))


def test_raw_that_is_no_event_any_more_is_named() -> None:
    broken = replace(ROWS[6], raw=json.dumps([1]))
    [fault] = judged([broken if row.seq == 7 else row for row in ROWS])
    assert (fault.seq, "raw" in fault.message) == (7, True)
