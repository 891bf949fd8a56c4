"""The names and required fields of the contract hold still."""

from __future__ import annotations

import json
from typing import Any

import pytest

from schemas.envelope import Event, decode
from schemas.payload import Part
from schemas.registry import OUT_TYPES, TYPES, topic_of
from schemas.upcasters import UPCASTERS
from schemas.vocabulary import AGENCY_KINDS, CIRCUMSTANCES, MEETING_KINDS
from tests.contract.events import ALL_TYPES, EXAMPLES, accepted, changed, example

MEETING = "by the kind of the meeting"

# type → topic and fields, "?" after those that may be left out: what other systems were promised.
TAKEN = {
    "quorate.agency.recorded.v1": (
        "quorate.directory",
        "agency_id kind name authority? ods_code? urn? channels teams? closed_on?",
    ),
    "quorate.child.recorded.v1": (
        "quorate.children",
        (
            "child_id family_id authority initials nhs_number? date_of_birth? expected_on? preferred_name? pronouns? "
            "circumstances? placement? flags?"
        ),
    ),
    "quorate.relative.recorded.v1": (
        "quorate.children",
        "person_id family_id relationship name email? needs? not_with?",
    ),
    "quorate.involvement.recorded.v1": (
        "quorate.involvements",
        "involvement_id person_id agency_id service status since until? team_id? key_worker? direct_contact?",
    ),
    "quorate.meeting.scheduled.v1": (
        MEETING,
        (
            "meeting_id kind authority children starts_at ends_at place? joining_url? chair? organiser follows? "
            "also_invite? do_not_invite?"
        ),
    ),
    "quorate.meeting.rescheduled.v1": (MEETING, "meeting_id starts_at ends_at place? joining_url? reason?"),
    "quorate.meeting.cancelled.v1": (MEETING, "meeting_id reason"),
    "quorate.meeting.held.v1": (MEETING, "meeting_id held_at attendance outcome? core_group? chairs_exception?"),
    "quorate.invitation.answered.v1": (
        "quorate.responses",
        (
            "meeting_id agency_id? person_id? team_id? answer at by? delegate? note? will_report? mode? reason? "
            "sequence? stamp?"
        ),
    ),
    "quorate.invitation.countered.v1": (
        "quorate.responses",
        "meeting_id agency_id? person_id? team_id? starts_at ends_at at note? by?",
    ),
    "quorate.invitation.requested.v1": ("quorate.responses", "meeting_id agency_id? person_id? team_id? at"),
    "quorate.invitation.bounced.v1": (
        "quorate.responses",
        (
            "meeting_id agency_id? person_id? team_id? address status permanent at sequence? revision? "
            "for_other_meetings? letter?"
        ),
    ),
    "quorate.invitation.received.v1": (
        "quorate.responses",
        "meeting_id agency_id? person_id? team_id? address at sequence? revision? letter?",
    ),
    "quorate.quoracy.excepted.v1": ("quorate.responses", "meeting_id allows by reason at"),
    "quorate.invitation.observed.v1": ("quorate.responses", "meeting_id agency_id address at evidence?"),
    "quorate.report.received.v1": (
        "quorate.responses",
        "meeting_id agency_id document_id kind at team_id? by? child_id?",
    ),
    "quorate.record.approved.v1": (
        "quorate.records",
        "record_id meeting_id kind version approved_by checked_by? in_place_of_chair? sections",
    ),
    "quorate.record.recalled.v1": (
        "quorate.records",
        "record_id meeting_id version? agency_id? person_id? reason by",
    ),
    "quorate.dispatch.opened.v1": ("quorate.responses", "dispatch_id meeting_id? child_id? at"),
    "quorate.dispatch.confirmed.v1": ("quorate.responses", "dispatch_id meeting_id? child_id? at what by? how"),
    "quorate.dispatch.bounced.v1": (
        "quorate.responses",
        "dispatch_id meeting_id? child_id? at address status permanent letter?",
    ),
    "quorate.dispatch.received.v1": ("quorate.responses", "dispatch_id meeting_id? child_id? at address letter?"),
    "quorate.plan.started.v1": ("quorate.plans", "plan_id child_id on category? household? meeting_id?"),
    "quorate.plan.ended.v1": ("quorate.plans", "plan_id child_id on category? household? meeting_id?"),
    "quorate.circumstance.changed.v1": ("quorate.children", "child_id what at detail?"),
}

SENT = {
    "quorate.invitees.resolved.v1",
    "quorate.invitation.sent.v1",
    "quorate.invitation.delivered.v1",
    "quorate.invitation.undelivered.v1",
    "quorate.record.distributed.v1",
    "quorate.record.opened.v1",
    "quorate.record.filed.v1",
    "quorate.notice.acknowledged.v1",
    "quorate.exception.raised.v1",
    "quorate.exception.escalated.v1",
    "quorate.exception.resolved.v1",
}

PARTS = {
    ("quorate.agency.recorded.v1", "channels"): "kind address secure verified_on?",
    ("quorate.agency.recorded.v1", "teams"): "team_id name serves channels",
    ("quorate.child.recorded.v1", "placement"): "agency_id? authority since",
    ("quorate.relative.recorded.v1", "relationship"): "child_id kind parental_responsibility",
    ("quorate.involvement.recorded.v1", "key_worker"): "name email",
    ("quorate.meeting.scheduled.v1", "chair"): "name email",
    ("quorate.meeting.scheduled.v1", "organiser"): "name email",
    ("quorate.meeting.scheduled.v1", "also_invite"): "agency_id reason",
    ("quorate.meeting.scheduled.v1", "do_not_invite"): "agency_id? person_id? reason note",
    ("quorate.meeting.held.v1", "attendance"): "agency_id? person_id? status mode? name?",
    ("quorate.meeting.held.v1", "chairs_exception"): "by reason",
    ("quorate.invitation.answered.v1", "delegate"): "name email",
    ("quorate.record.approved.v1", "sections"): "heading children? audience text",
}

# Of these an event has one at most, so no example can have all.
NOT_BESIDE = {"expected_on", "agency_id", "person_id"}


def promised(model: type[Part]) -> set[str]:
    return {f"{field.alias or name}{'' if field.is_required() else '?'}" for name, field in model.model_fields.items()}


def field_model(type_: str, name: str) -> type[Part]:
    def parts(annotation: Any) -> list[type[Part]]:
        if isinstance(annotation, type):
            return [annotation] if issubclass(annotation, Part) else []
        return [part for argument in getattr(annotation, "__args__", ()) for part in parts(argument)]

    (model,) = parts(TYPES[type_].model.model_fields[name].annotation)
    return model


def test_every_type_of_the_contract_is_known_and_no_other() -> None:
    assert set(TYPES) == set(TAKEN)
    assert set(OUT_TYPES) == SENT


@pytest.mark.parametrize("type_", TAKEN)
def test_the_fields_of_a_payload_hold_still(type_: str) -> None:
    assert promised(TYPES[type_].model) == set(TAKEN[type_][1].split())


@pytest.mark.parametrize(("type_", "name"), PARTS)
def test_the_fields_of_a_part_hold_still(type_: str, name: str) -> None:
    assert promised(field_model(type_, name)) == set(PARTS[type_, name].split())


@pytest.mark.parametrize("type_", [type_ for type_ in TAKEN if TAKEN[type_][0] != MEETING])
def test_a_type_has_its_topic(type_: str) -> None:
    assert topic_of(accepted(example(type_))) == TAKEN[type_][0]


@pytest.mark.parametrize("type_", sorted(SENT))
def test_what_is_sent_goes_to_the_outcomes(type_: str) -> None:
    assert topic_of(accepted(example(type_))) == "quorate.outcomes"


@pytest.mark.parametrize(
    ("kind", "topic"),
    [
        ("strategy_discussion", "quorate.strategy-discussions"),
        ("initial_conference", "quorate.conferences"),
        ("review_conference", "quorate.conferences"),
        ("transfer_in_conference", "quorate.conferences"),
        ("pre_birth_conference", "quorate.conferences"),
        ("core_group", "quorate.core-groups"),
        ("looked_after_review", "quorate.other-meetings"),
        ("mdt", "quorate.other-meetings"),
        ("a_kind_of_the_area", "quorate.other-meetings"),
    ],
)
def test_a_meeting_goes_to_the_topic_of_its_kind(kind: str, topic: str) -> None:
    scheduled = accepted(changed(example("quorate.meeting.scheduled.v1"), ("data", "kind"), kind))
    assert topic_of(scheduled) == topic
    held = accepted(example("quorate.meeting.held.v1"))
    assert topic_of(held, meeting_kind=kind) == topic


def test_a_meeting_whose_kind_nobody_knows_goes_to_the_other_meetings() -> None:
    assert topic_of(accepted(example("quorate.meeting.cancelled.v1"))) == "quorate.other-meetings"


def test_every_type_has_a_golden_event_and_no_other_is_kept() -> None:
    assert {path.stem for path in EXAMPLES.glob("*.json")} == set(ALL_TYPES)


@pytest.mark.parametrize("type_", ALL_TYPES)
def test_a_golden_event_shows_every_field_and_is_accepted(type_: str) -> None:
    event = example(type_)
    names = {field.alias or name for name, field in ALL_TYPES[type_].model.model_fields.items()}
    assert names - NOT_BESIDE <= set(event["data"])
    assert accepted(event).type == type_


@pytest.mark.parametrize("type_", TYPES)
def test_what_the_contract_lets_out_may_be_left_out_or_null(type_: str) -> None:
    event = example(type_)
    optional = {
        field.alias or name for name, field in TYPES[type_].model.model_fields.items() if not field.is_required()
    }
    if {"agency_id", "person_id"} <= optional:  # one of the two must be there
        optional -= {"agency_id"}
    event["data"] = {name: value for name, value in event["data"].items() if name not in optional}
    left_out = accepted(event)
    event["data"] |= dict.fromkeys(optional)
    assert accepted(event).data == left_out.data


@pytest.mark.parametrize("type_", OUT_TYPES)
def test_what_is_sent_is_not_taken(type_: str) -> None:
    judged = decode(json.dumps(example(type_)).encode())
    assert not isinstance(judged, Event)
    assert [error.path for error in judged.errors] == ["$.type"]
    assert "sent from here" in judged.errors[0].message


@pytest.mark.parametrize("kind", MEETING_KINDS)
def test_every_meeting_kind_of_the_contract_is_taken(kind: str) -> None:
    accepted(changed(example("quorate.meeting.scheduled.v1"), ("data", "kind"), kind))


@pytest.mark.parametrize("kind", [*AGENCY_KINDS, "kind_of_the_area_2"])
def test_every_service_of_the_contract_and_of_the_area_is_taken(kind: str) -> None:
    accepted(changed(example("quorate.agency.recorded.v1"), ("data", "kind"), kind))
    accepted(changed(example("quorate.involvement.recorded.v1"), ("data", "service"), kind))


@pytest.mark.parametrize("circumstance", [*CIRCUMSTANCES, "young_carer"])
def test_every_circumstance_of_the_contract_and_of_the_area_is_taken(circumstance: str) -> None:
    accepted(changed(example("quorate.child.recorded.v1"), ("data", "circumstances"), [circumstance]))


def test_the_kinds_of_the_contract_are_all_there_and_each_once() -> None:
    for kinds, count in ((MEETING_KINDS, 16), (AGENCY_KINDS, 25), (CIRCUMSTANCES, 6)):
        assert len(set(kinds)) == len(kinds) == count


def test_a_type_that_is_read_as_its_successor_is_not_also_a_current_one() -> None:
    assert not set(UPCASTERS) & set(TYPES)
