"""The invented events are events as the contract has them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from schemas.envelope import Event, decode
from schemas.registry import TYPES
from schemas.vocabulary import read_nhs_number
from tests import events

BUILT = [
    events.agency(teams=[events.team("duty", "waiting")]),
    events.child(),
    events.child("c2", expected_on=events.MEETING_AT.date()),
    events.relative(),
    events.involvement(key_worker={"name": "Sam Worker", "email": "sam@nhs.example"}),
    events.meeting(also_invite=[{"agency_id": "legal-1", "reason": "Advice is needed."}]),
    events.rescheduled(),
    events.cancelled(),
    events.held(attendance=[events.attended("gp-1")]),
    events.answered(),
    events.countered(starts_at=events.MEETING_AT, ends_at=events.MEETING_AT + timedelta(hours=1)),
    events.requested(person_id="p1"),
    events.bounced(address="camhs-1@agencies.gov.example"),
    events.received(address="camhs-1@agencies.gov.example"),
    events.excepted(),
    events.observed(),
    events.report(),
    events.record(),
    events.recalled(),
    events.dispatch_opened("d" * 26),
    events.dispatch_confirmed("d" * 26),
    events.dispatch_bounced("d" * 26, address="camhs-1@agencies.gov.example"),
    events.dispatch_received("d" * 26, address="camhs-1@agencies.gov.example"),
    events.plan_started(),
    events.plan_ended(),
    events.circumstance(),
]


@pytest.mark.parametrize("raw", BUILT, ids=range(len(BUILT)))
def test_each_builder_makes_an_event_that_is_accepted(raw: bytes) -> None:
    assert isinstance(decode(raw), Event), decode(raw)


def test_there_is_a_builder_for_every_type_taken_and_each_event_has_its_own_id() -> None:
    decoded = [event for raw in BUILT if isinstance(event := decode(raw), Event)]
    assert {event.type for event in decoded} == set(TYPES)
    assert len({event.id for event in decoded}) == len(BUILT)


def test_invented_nhs_numbers_are_valid_different_and_of_the_test_range() -> None:
    numbers = [events.nhs_number(number) for number in range(1_000)]
    assert all(read_nhs_number(number).startswith("999") for number in numbers)
    assert len(set(numbers)) == len(numbers)
