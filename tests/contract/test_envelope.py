"""What is an event, what is not, and what its sender is told."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from pydantic import field_validator

from schemas.envelope import MAX_BYTES, MAX_DEPTH, MAX_ERRORS, Event, Refused, decode, encode
from schemas.payload import Payload
from schemas.registry import TYPES, TypeEntry
from tests.contract.events import MISSING, accepted, changed, example, refused, the_error, written

CHILD = "quorate.child.recorded.v1"
MEETING = "quorate.meeting.scheduled.v1"


def judged(raw: bytes) -> tuple[str, str]:
    refusal = decode(raw)
    assert isinstance(refusal, Refused)
    assert refusal.raw == raw.removeprefix(b"\xef\xbb\xbf")
    (error,) = refusal.errors
    return error.path, error.message


def test_an_event_comes_back_with_its_attributes_its_payload_and_its_bytes() -> None:
    raw = written(example(MEETING))
    event = decode(raw)
    assert isinstance(event, Event)
    assert (event.source, event.type, event.subject) == ("/northshire/casework", MEETING, "meeting-01")
    assert event.partition_key == "family-01"
    assert event.time == datetime(2026, 3, 2, 9, 15, tzinfo=UTC)
    assert isinstance(event.data, TYPES[MEETING].model)
    assert event.raw is raw


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b"", "is empty"),
        (b" \r\n\t", "is empty"),
        (b"\xef\xbb\xbf", "is empty"),
        (b"\xff\xfe{\x00}\x00", "UTF-16"),
        (b"\xfe\xff\x00{\x00}", "UTF-16"),
        (b'{"id": "\xe9"}', "is not UTF-8: byte 9"),
        (b'{"id": "a"', "is not JSON: Expecting ',' delimiter at line 1, column 11"),
        (b'{"id": "a"} {"id": "b"}', "is not JSON: Extra data at line 1, column 13"),
        (b"{'id': 'a'}", "is not JSON"),
        (b'{"id": "a\x01"}', "is not JSON: Invalid control character"),
        (b'{"a": 1, "a": 2', "is not JSON"),
        (b'{"a": {"b": 1, "b": 2}, "c": ' + b"9" * 5000 + b"}", "number in it is too long"),
        (b"9" * 5000, "number in it is too long"),
        (b"[]", "must be a JSON object, not a list"),
        (b"null", "must be a JSON object, not null"),
        (b"true", "must be a JSON object, not true or false"),
        (b"1.5", "must be a JSON object, not a number"),
        (b'"quorate"', "must be a JSON object, not a string"),
        (b"[" * 200_000, "deep"),
        (b'{"a":' * 200_000, "deep"),
        (b'{"a": "\\"[", "b": ' + b"[" * MAX_DEPTH + b"]" * MAX_DEPTH + b"}", "deep"),
        (b" " * MAX_BYTES + b"{", f"at most {MAX_BYTES}"),
    ],
)
def test_bytes_that_are_no_json_object_are_refused_as_a_whole(raw: bytes, says: str) -> None:
    path, message = judged(raw)
    assert path == "$"
    assert says in message


def test_brackets_in_a_text_are_not_depth() -> None:
    event = changed(example(CHILD), ("data", "remarks"), '\\"' + "[{" * 500 + "\\")
    accepted(event)


def test_a_byte_order_mark_in_front_is_passed_over() -> None:
    raw = written(example(CHILD))
    event = decode(b"\xef\xbb\xbf" + raw)
    assert isinstance(event, Event)
    assert event.raw == raw


def test_a_byte_order_mark_within_is_not_passed_over() -> None:
    assert "is not JSON" in judged(b"\xef\xbb\xbf\xef\xbb\xbf{}")[1]


def test_white_space_around_the_object_is_passed_over() -> None:
    assert isinstance(decode(b" \n" + written(example(CHILD)) + b"\r\n"), Event)


def test_a_key_that_is_there_twice_is_named_wherever_it_is() -> None:
    text = json.dumps(example(MEETING)).replace('"children":', '"children": ["x"], "children":')
    text = text.replace('"reason": "duplicate"', '"reason": "duplicate", "reason": "childs_wish"')
    refusal = decode(text.encode())
    assert isinstance(refusal, Refused)
    assert [error.path for error in refusal.errors] == ["$.data.children", "$.data.do_not_invite[1].reason"]
    assert all("more than once" in error.message for error in refusal.errors)
    assert (refusal.source, refusal.type) == ("/northshire/casework", MEETING)


def test_a_key_twice_in_a_field_that_nobody_reads_is_refused_too() -> None:
    text = json.dumps(changed(example(CHILD), ("data", "extra"), {"a b": 1}))
    assert judged(text.replace('"a b": 1', '"a b": 1, "a b": 1').encode())[0] == '$.data.extra["a b"]'


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity"])
def test_a_number_that_json_does_not_know_is_named(constant: str) -> None:
    text = json.dumps(changed(example(CHILD), ("data", "extra"), [1, float(constant)]))
    assert judged(text.encode()) == ("$.data.extra[1]", f"{constant} is not a number that JSON knows")


@pytest.mark.parametrize("name", ["specversion", "id", "source", "type", "time", "subject", "partitionkey", "data"])
@pytest.mark.parametrize("value", [MISSING, None])
def test_an_attribute_that_is_missing_or_null_is_named(name: str, value: object) -> None:
    assert the_error(changed(example(CHILD), (name,), value)) == (f"$.{name}", "is missing: it is required")


def test_all_that_is_wrong_is_told_at_once() -> None:
    event = example(CHILD) | {"specversion": "0.3", "time": "yesterday", "subject": "Ana Bright"}
    event["data"] |= {"nhs_number": "1", "flags": {}}
    assert [error.path for error in refused(event)] == [
        "$.specversion",
        "$.subject",
        "$.time",
        "$.data.nhs_number",
        "$.data.flags",
    ]


def test_an_attribute_in_other_letters_is_pointed_at() -> None:
    event = changed(example(CHILD), ("partitionkey",), MISSING) | {"partitionKey": "family-01"}
    path, message = the_error(event)
    assert path == "$.partitionkey"
    assert '"partitionKey" is there' in message


def test_a_field_in_other_letters_is_pointed_at() -> None:
    event = changed(example(MEETING), ("data", "starts_at"), MISSING)
    path, message = the_error(changed(event, ("data", "startsAt"), "2026-03-30T10:00:00Z"))
    assert path == "$.data.starts_at"
    assert '"startsAt" is there' in message


def test_extension_attributes_are_passed_over() -> None:
    event = accepted(example(CHILD))
    more = example(CHILD) | {"traceparent": "00-1-2-01", "dataschema": "https://northshire.example/s", "Odd": {}}
    assert accepted(more).data == event.data


@pytest.mark.parametrize("value", ["1.1", "0.3", "1", "", 1, 1.0, True, ["1.0"]])
def test_another_version_of_cloudevents_is_refused(value: object) -> None:
    path, message = the_error(changed(example(CHILD), ("specversion",), value))
    assert path == "$.specversion"
    assert message.startswith('must be "1.0"')


@pytest.mark.parametrize("name", ["id", "subject", "partitionkey"])
@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("", "is empty"),
        ("x" * 65, "is 65 characters long"),
        ("Ana Bright", "a character that an id may not have"),
        ("a/b", "a character that an id may not have"),
        ("a\n", "a character that an id may not have"),
        ("ä", "a character that an id may not have"),
        ("٣", "a character that an id may not have"),
        ("\ud800", "a character that an id may not have"),
        (7, "must be a string, not a number"),
        (["a"], "must be a string, not a list"),
    ],
)
def test_an_id_of_the_envelope_is_short_and_plain(name: str, value: object, says: str) -> None:
    path, message = the_error(changed(example(CHILD), (name,), value))
    assert path == f"$.{name}"
    assert says in message
    assert "Bright" not in message


@pytest.mark.parametrize("value", ["x", "x" * 64, "A.b_c:d-9", "0b7c8a52-4f0e-4b43-9d0b-5d8f1d0f7a11"])
def test_an_id_may_have_what_the_contract_says(value: str) -> None:
    assert accepted(changed(example(CHILD), ("id",), value)).id == value


@pytest.mark.parametrize("value", ["", "two words", "/a\r\nX: y", "/ä", "/a\x00", "x" * 257, 3, "<a>", "\udfff"])
def test_a_source_is_a_uri_reference(value: object) -> None:
    assert the_error(changed(example(CHILD), ("source",), value))[0] == "$.source"


@pytest.mark.parametrize("value", ["/a", "https://casework.example/a?b=c#d", "urn:x-casework:1", "casework", "%C3%A4"])
def test_any_uri_reference_is_a_source(value: str) -> None:
    assert accepted(changed(example(CHILD), ("source",), value)).source == value


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("quorate.meeting.schedule.v1", "did you mean quorate.meeting.scheduled.v1?"),
        ("quorate.meeting.scheduled.v2", "did you mean quorate.meeting.scheduled.v1?"),
        ("quorate.agency.record.v1", "did you mean quorate.agency.recorded.v1?"),
        ("com.example.thing", '"com.example.thing" is not a known type'),
        ("x" * 100_000, '…" is not a known type'),
        ("", "is not a known type"),
        (1, "must be a string, not a number"),
        (["quorate.child.recorded.v1"], "must be a string, not a list"),
    ],
)
def test_an_unknown_type_is_refused_with_the_nearest_known(value: object, says: str) -> None:
    path, message = the_error(changed(example(CHILD), ("type",), value))
    assert path == "$.type"
    assert says in message
    assert len(message) < 150


@pytest.mark.parametrize("value", ["text", 1, True, [], [{}]])
def test_data_is_an_object(value: object) -> None:
    path, message = the_error(changed(example(CHILD), ("data",), value))
    assert path == "$.data"
    assert message.startswith("must be an object, not ")


@pytest.mark.parametrize("value", ["application/json", "application/json; charset=utf-8", "application/x.y+json", None])
def test_the_content_type_of_data_is_json(value: str | None) -> None:
    accepted(changed(example(CHILD), ("datacontenttype",), value))


@pytest.mark.parametrize("value", ["text/xml", "application/jsonp", "", 1, "json"])
def test_another_content_type_of_data_is_refused(value: object) -> None:
    assert the_error(changed(example(CHILD), ("datacontenttype",), value))[0] == "$.datacontenttype"


def test_data_in_base64_is_refused() -> None:
    event = changed(example(CHILD), ("data",), MISSING) | {"data_base64": "e30="}
    assert [error.path for error in refused(event)] == ["$.data_base64", "$.data"]


@pytest.mark.parametrize(
    ("value", "instant"),
    [
        ("2026-03-02T09:15:00Z", (2026, 3, 2, 9, 15)),
        ("2026-03-02t09:15:00z", (2026, 3, 2, 9, 15)),
        ("2026-03-02 09:15:00Z", (2026, 3, 2, 9, 15)),
        ("2026-07-02T09:15:00+01:00", (2026, 7, 2, 8, 15)),
        ("2026-03-01T23:30:00-05:00", (2026, 3, 2, 4, 30)),
        ("2026-03-02T09:15:00-00:00", (2026, 3, 2, 9, 15)),
        ("2026-03-02T09:15:00.25Z", (2026, 3, 2, 9, 15, 0, 250_000)),
        ("2026-03-02T09:15:00.123456789Z", (2026, 3, 2, 9, 15, 0, 123_456)),
        ("2024-02-29T00:00:00Z", (2024, 2, 29)),
    ],
)
def test_a_time_is_taken_to_utc(value: str, instant: tuple[Any, ...]) -> None:
    time = accepted(changed(example(CHILD), ("time",), value)).time
    assert time == datetime(*instant).replace(tzinfo=UTC)  # noqa: DTZ001 (made aware at once)
    assert time.tzinfo is UTC


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("2026-03-02T09:15:00", "an offset is needed"),
        ("2026-03-02T09:15:00.5", "an offset is needed"),
        ("2026-03-02", "a time of day and an offset are needed"),
        ("2026-02-30T09:15:00Z", "does not exist"),
        ("2025-02-29T09:15:00Z", "does not exist"),
        ("2026-13-01T09:15:00Z", "does not exist"),
        ("2026-03-02T09:60:00Z", "does not exist"),
        ("2026-03-02T09:15:00+24:00", "does not exist"),
        ("2026-03-02T24:00:00Z", "is not a time"),
        ("2026-03-02T09:15:00+01:60", "is not a time"),
        ("2026-03-02T09:15:00+0100", "is not a time"),
        ("2026-03-02T09:15Z", "is not a time"),
        ("20260302T091500Z", "is not a time"),
        ("02/03/2026 09:15", "is not a time"),
        ("2026-03-02T09:15:00Z\n", "is not a time"),
        ("٢٠٢٦-03-02T09:15:00Z", "is not a time"),
        ("soon", "is not a time"),
        ("", "is not a time"),
        ("0001-01-01T00:00:00+14:00", "in the years 1900 to 2199"),
        ("9999-12-31T23:59:59-14:00", "in the years 1900 to 2199"),
        (1_772_442_900, "not a number"),
        (True, "not true or false"),
        ({}, "not an object"),
    ],
)
def test_a_time_that_is_no_instant_is_refused(value: object, says: str) -> None:
    for at in (("time",), ("data", "starts_at")):
        errors = refused(changed(example(MEETING), at, value))
        assert [error.path for error in errors] == ["$." + ".".join(at)]
        assert says in errors[0].message


def test_a_refusal_says_whose_event_it_is_as_far_as_that_can_be_told() -> None:
    refusal = decode(written(changed(example(CHILD), ("data",), MISSING)))
    assert isinstance(refusal, Refused)
    assert (refusal.source, refusal.id, refusal.type) == ("/northshire/casework", example(CHILD)["id"], CHILD)


@pytest.mark.parametrize("value", [7, "x" * 257, "a\x00", "a\nb", "\ud800", "", None])
def test_a_refusal_keeps_nothing_that_cannot_be_stored_or_shown(value: object) -> None:
    refusal = decode(written({"source": value, "id": value, "type": value}))
    assert isinstance(refusal, Refused)
    assert (refusal.source, refusal.id, refusal.type) == (None, None, None)


def test_of_very_many_errors_the_first_are_named_and_the_rest_counted() -> None:
    event = changed(example(CHILD), ("data", "flags"), [1] * (MAX_ERRORS + 25))
    errors = refused(event)
    assert len(errors) == MAX_ERRORS + 1
    assert errors[-1].path == "$.data"
    assert errors[-1].message == "has 25 more errors"


def test_of_an_event_that_is_wrong_throughout_the_places_are_only_counted() -> None:
    event = changed(example("quorate.agency.recorded.v1"), ("data", "teams"), [{"channels": [1] * 500}] * 20)
    assert the_error(event) == ("$.data", "is wrong in 10060 places, too many to name")


def test_what_is_printed_of_an_event_has_ids_and_kinds_only() -> None:
    event = accepted(example("quorate.relative.recorded.v1"))
    assert "person-01" in repr(event)
    assert "Bright" not in repr(event)
    assert "bright" not in repr(event)
    assert "Bright" not in str(event.data)
    refusal = decode(written(changed(example("quorate.relative.recorded.v1"), ("data", "email"), "Ana Bright")))
    assert "Bright" not in repr(refusal)


@pytest.mark.parametrize("type_", TYPES)
def test_an_event_written_and_read_again_is_the_same(type_: str) -> None:
    event = accepted(example(type_))
    again = decode(
        encode(
            source=event.source,
            id=event.id,
            type=event.type,
            time=event.time,
            subject=event.subject,
            partition_key=event.partition_key,
            data=event.data,
        )
    )
    assert isinstance(again, Event)
    assert (again.source, again.id, again.type, again.time, again.subject, again.partition_key, again.data) == (
        event.source,
        event.id,
        event.type,
        event.time,
        event.subject,
        event.partition_key,
        event.data,
    )


def test_an_event_is_written_compact_in_utf_8_and_utc() -> None:
    raw = encode(
        source="/a",
        id="e-1",
        type="t",
        time=datetime(2026, 7, 1, 10, tzinfo=timezone(timedelta(hours=1))),
        subject="s",
        partition_key="p",
        data={"name": "Zoë"},
    )
    assert raw.decode() == (
        '{"specversion":"1.0","id":"e-1","source":"/a","type":"t","time":"2026-07-01T09:00:00Z","subject":"s",'
        '"partitionkey":"p","datacontenttype":"application/json","data":{"name":"Zoë"}}'
    )


def test_an_event_is_not_written_with_a_time_without_offset() -> None:
    with pytest.raises(ValueError, match="aware"):
        encode(
            source="/a",
            id="e-1",
            type="t",
            time=datetime(2026, 7, 1, 10),  # noqa: DTZ001 (this is the point)
            subject="s",
            partition_key="p",
            data={},
        )


def test_an_event_is_not_written_with_a_number_that_json_does_not_know() -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        encode(
            source="/a",
            id="e-1",
            type="t",
            time=datetime(2026, 7, 1, 10, tzinfo=UTC),
            subject="s",
            partition_key="p",
            data={"a": float("nan")},
        )


def _from_v0(data: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    return "quorate.meeting.cancelled.v0a", {"meeting": data["id"]}


def _from_v0a(data: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    return "quorate.meeting.cancelled.v1", {"meeting_id": data["meeting"], "reason": "Not said"}


OLDER = {"quorate.meeting.cancelled.v0": _from_v0, "quorate.meeting.cancelled.v0a": _from_v0a}


def _old(data: object) -> bytes:
    return written(example("quorate.meeting.cancelled.v1") | {"type": "quorate.meeting.cancelled.v0", "data": data})


def test_an_event_of_an_older_form_is_read_as_its_successor() -> None:
    raw = _old({"id": "meeting-01"})
    event = decode(raw, upcasters=OLDER)
    assert isinstance(event, Event)
    assert event.type == "quorate.meeting.cancelled.v1"
    assert event.data.model_dump() == {"meeting_id": "meeting-01", "reason": "Not said"}
    assert event.raw is raw
    assert isinstance(decode(raw), Refused)


def test_an_event_that_is_not_as_its_older_form_has_it_is_refused() -> None:
    refusal = decode(_old({}), upcasters=OLDER)
    assert isinstance(refusal, Refused)
    assert [error.path for error in refusal.errors] == ["$.data"]
    assert "quorate.meeting.cancelled.v0" in refusal.errors[0].message
    assert refusal.type == "quorate.meeting.cancelled.v0"


def test_an_older_form_whose_successor_is_wrong_is_refused_at_the_field_of_the_successor() -> None:
    refusal = decode(_old({"id": "not an id"}), upcasters=OLDER)
    assert isinstance(refusal, Refused)
    assert [error.path for error in refusal.errors] == ["$.data.meeting_id"]


def test_an_older_form_without_data_is_refused() -> None:
    refusal = decode(_old(None), upcasters=OLDER)
    assert isinstance(refusal, Refused)
    assert [error.path for error in refusal.errors] == ["$.data"]


class _Slip(Payload):
    child_id: str

    @field_validator("child_id")
    @classmethod
    def _slips(cls, value: str) -> str:
        raise KeyError(value)


def test_a_fault_in_a_model_makes_a_refusal_and_no_exception() -> None:
    refusal = decode(written(example(CHILD)), types={CHILD: TypeEntry(_Slip, "quorate.children")})
    assert isinstance(refusal, Refused)
    (error,) = refusal.errors
    assert error.path == "$.data"
    assert "fault of the software" in error.message
    assert "child-01" not in error.message
