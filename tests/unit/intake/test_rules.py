from __future__ import annotations

import json
import unicodedata
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.envelope import Event, decode
from services.intake.rules import same_content, waves
from tests import events

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def read(raw: bytes) -> Event:
    event = decode(raw)
    assert isinstance(event, Event), event
    return event


def names(split: list[list[Event]]) -> list[list[str]]:
    return [[event.id for event in wave] for wave in split]


def test_what_says_how_things_are_takes_effect_before_what_happens_whatever_their_times() -> None:
    batch = [
        read(events.meeting(id="meeting", time=START)),
        read(events.child(id="child", time=START + timedelta(days=2))),
        read(events.agency(id="agency", time=START + timedelta(days=1))),
    ]
    assert names(waves(batch)) == [["child", "agency"], ["meeting"]]


def test_the_events_of_a_family_take_effect_one_after_another_in_the_order_of_their_own_time() -> None:
    batch = [
        read(events.cancelled(id="third", time=START + timedelta(hours=2))),
        read(events.meeting(id="first", time=START)),
        read(events.rescheduled(id="second", time=START + timedelta(hours=1))),
    ]
    assert names(waves(batch)) == [["first"], ["second"], ["third"]]


def test_families_go_side_by_side() -> None:
    batch = [
        read(events.meeting("m1", id="a1", time=START, partition_key="f1")),
        read(events.rescheduled("m1", id="a2", time=START + timedelta(hours=1), partition_key="f1")),
        read(events.meeting("m2", id="b1", time=START + timedelta(hours=2), partition_key="f2")),
    ]
    assert names(waves(batch)) == [["a1", "b1"], ["a2"]]


def test_events_of_one_moment_take_effect_in_the_same_order_whichever_came_first() -> None:
    batch = [read(events.rescheduled(id=id, time=START)) for id in ("b", "a")]
    assert names(waves(batch)) == names(waves(batch[::-1])) == [["a"], ["b"]]


def test_an_empty_batch_has_no_wave() -> None:
    assert waves([]) == []


BUILDERS = [events.agency, events.child, events.involvement, events.meeting, events.rescheduled, events.held]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(BUILDERS),
            st.sampled_from(["f1", "f2", "f3"]),
            st.integers(0, 5),
        ),
        max_size=30,
    )
)
def test_every_event_is_in_one_wave_and_each_family_keeps_the_order_of_time(
    drawn: list[tuple[Any, str, int]],
) -> None:
    batch = [
        read(build(id=f"e{index}", partition_key=family, time=START + timedelta(hours=hours)))
        for index, (build, family, hours) in enumerate(drawn)
    ]
    split = waves(batch)
    assert sorted(id for wave in names(split) for id in wave) == sorted(event.id for event in batch)
    assert all(split)
    state = [index for index, wave in enumerate(split) for event in wave if "meeting" not in event.type]
    assert set(state) <= {0}
    for family in {event.partition_key for event in batch}:
        happened = [
            [event for event in wave if event.partition_key == family and "meeting" in event.type] for wave in split
        ]
        assert all(len(of_wave) <= 1 for of_wave in happened)
        times = [event.time for of_wave in happened for event in of_wave]
        assert times == sorted(times)


FIRST = json.loads(events.child("c1", id="one", time=START, preferred_name="Zoë", flags=["x1"]))


def rewritten(**changes: Any) -> Event:
    body = FIRST | {name: value for name, value in changes.items() if name != "data"}
    return read(json.dumps(body | {"data": FIRST["data"] | changes.get("data", {})}).encode())


@pytest.mark.parametrize(
    "again",
    [
        pytest.param(json.dumps(FIRST, indent=4), id="white space"),
        pytest.param(json.dumps(dict(reversed(FIRST.items()))), id="order of fields"),
        pytest.param(json.dumps(FIRST, ensure_ascii=True), id="escapes"),
        pytest.param(unicodedata.normalize("NFD", json.dumps(FIRST, ensure_ascii=False)), id="composition of letters"),
        pytest.param(json.dumps(FIRST | {"time": "2026-03-02T10:00:00.000+01:00"}), id="spelling of the time"),
        pytest.param(json.dumps(FIRST | {"traceparent": "00-1-2-01"}), id="an attribute that a gateway adds"),
    ],
)
def test_an_event_written_in_another_way_says_the_same(again: str) -> None:
    assert same_content(read(json.dumps(FIRST).encode()), read(again.encode()))


@pytest.mark.parametrize(
    "changes",
    [
        {
            "type": "quorate.relative.recorded.v1",
            "data": {"person_id": "p1", "relationship": [events.tie()], "name": "A"},
        },
        {"time": "2026-03-02T09:00:01Z"},
        {"subject": "c2"},
        {"partitionkey": "f2"},
        {"data": {"initials": "CD"}},
        {"data": {"flags": ["x2"]}},
        {"data": {"not_known_here": 1}},
    ],
)
def test_an_event_with_another_value_does_not_say_the_same(changes: dict[str, Any]) -> None:
    assert not same_content(read(json.dumps(FIRST).encode()), rewritten(**changes))


def test_true_is_not_one_and_null_is_not_absent() -> None:
    assert not same_content(rewritten(data={"extra": True}), rewritten(data={"extra": 1}))
    assert not same_content(rewritten(data={"extra": None}), rewritten())
    assert same_content(rewritten(data={"extra": 1}), rewritten(data={"extra": 1.0}))
