"""Whatever comes is judged: no bytes make the reader fail, and what is taken can be written and read again."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

from hypothesis import assume, example, given
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError

from schemas.envelope import MAX_ERRORS, Event, FieldError, Refused, decode, encode
from schemas.vocabulary import ID_PATTERN, read_day, read_email, read_instant, read_nhs_number
from tests.contract.events import ALL_TYPES, EXAMPLES

GOLDEN = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(EXAMPLES.glob("*.json"))]

words = st.sampled_from(
    [
        *("", "a", "Ana Bright", "a@b.example", "9990000018", "\x00", "\r\n", "\ud800", "\ufeff", "x" * 600, "1" * 20),
        *("2026-03-02T09:15:00Z", "2026-03-02T09:15:00", "2026-03-02", "everyone", "only", "except", "email", "open"),
    ]
)
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-(10**400), 10**400)
    | st.floats()
    | st.text(max_size=20)
    | words
)
anything = st.recursive(
    scalars,
    lambda below: st.lists(below, max_size=4) | st.dictionaries(words | st.text(max_size=8), below, max_size=4),
    max_leaves=12,
)


def places(node: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    steps: list[Any] = []
    if isinstance(node, dict):
        steps = list(node)
    elif isinstance(node, list):
        steps = list(range(len(node)))
    return [found for step in steps for found in [(*at, step), *places(node[step], (*at, step))]]


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A golden event with up to three places changed, taken away, doubled or renamed; at times the text too."""
    event = json.loads(json.dumps(draw(st.sampled_from(GOLDEN))))
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.sampled_from(places(event)))
        place = event
        for step in at[:-1]:
            place = place[step]
        match draw(st.sampled_from(["change", "change", "take away", "double", "rename"])):
            case "change":
                place[at[-1]] = draw(anything)
            case "take away":
                del place[at[-1]]
            case "double" if isinstance(place, list):
                place.append(place[at[-1]])
            case "rename" if isinstance(place, dict):
                place[draw(words)] = place.pop(at[-1])
        assume(isinstance(event, dict) and event)
    text = json.dumps(event, ensure_ascii=draw(st.booleans()))
    raw = bytearray(text.encode("utf-8", "surrogatepass"))
    for _ in range(draw(st.sampled_from([0, 0, 0, 1, 2]))):
        start = draw(st.integers(0, len(raw)))
        raw[start : start + draw(st.integers(0, 3))] = draw(st.binary(max_size=3) | st.sampled_from([b'"', b"{", b"["]))
    return bytes(raw)


ids = st.from_regex(ID_PATTERN.replace("$", r"\Z"))
letters = st.characters(exclude_categories=("C", "Z")) | st.sampled_from(" \u00a0\u200d'<>&;:")
lines = st.text(letters, min_size=1, max_size=40).filter(str.strip)
texts = st.lists(lines, min_size=1, max_size=3).map("\r\n\t".join)
instants = st.builds(
    lambda at, minutes: at.replace(tzinfo=timezone(timedelta(minutes=minutes))),
    st.datetimes(datetime(1901, 1, 1), datetime(2198, 12, 31)),  # noqa: DTZ001 (the offset is put on after)
    st.integers(-23 * 60, 23 * 60),
)
OTHER_VALUES: dict[str, st.SearchStrategy[Any]] = {
    **dict.fromkeys(("name", "heading", "by", "approved_by", "checked_by", "category", "preferred_name"), lines),
    **dict.fromkeys(("authority", "pronouns", "place", "ods_code", "urn"), lines),
    **dict.fromkeys(("note", "text", "detail", "evidence"), texts),
    **dict.fromkeys(("at", "held_at", "due_at", "time"), instants.map(datetime.isoformat)),
    **dict.fromkeys(("agency_id", "person_id", "meeting_id", "subject", "partitionkey", "id"), ids),
    **dict.fromkeys(("parental_responsibility", "secure", "direct_contact", "will_report"), st.booleans()),
    **dict.fromkeys(
        ("date_of_birth", "since", "on", "verified_on"), st.dates(date(1900, 1, 1), date(2199, 12, 31)).map(str)
    ),
    "email": st.from_regex(r"\A[a-z0-9+'_-]{1,20}@[a-z0-9]{1,20}\.(example|bücher\.example)\Z"),
}


@st.composite
def rewritten(draw: st.DrawFn) -> bytes:
    """A golden event with other values of the same sort, and without some of what may be left out."""
    event = json.loads(json.dumps(draw(st.sampled_from(GOLDEN))))
    optional = [
        field.alias or name
        for name, field in ALL_TYPES[event["type"]].model.model_fields.items()
        if not field.is_required() and name not in ("agency_id", "person_id")
    ]
    for name in draw(st.sets(st.sampled_from(optional))) if optional else ():
        event["data"].pop(name, None)
    for at in places(event):
        place = event
        for step in at[:-1]:
            place = place[step]
        if isinstance(place, dict) and at[-1] in OTHER_VALUES and not isinstance(place[at[-1]], dict | list):
            place[at[-1]] = draw(OTHER_VALUES[at[-1]])
    responsible: dict[str, bool] = {}
    for tie in event["data"].get("relationship", ()):
        tie["parental_responsibility"] = responsible.setdefault(tie["child_id"], tie["parental_responsibility"])
    return json.dumps(event, ensure_ascii=draw(st.booleans())).encode()


def check_judgement(raw: bytes) -> Event | Refused:
    judged = decode(raw, types=ALL_TYPES)
    if isinstance(judged, Refused):
        assert 1 <= len(judged.errors) <= MAX_ERRORS + 10
        for error in judged.errors:
            assert isinstance(error, FieldError)
            assert error.path.startswith("$")
            assert len(error.message) > 5
            # Both end on screens and in files: they can be written, and stay on one line.
            assert (error.path + error.message).encode()
            assert (error.path + error.message).isprintable()
            assert "as the contract has it (" not in error.message, "an error that nobody put into words"
            assert "fault of the software" not in error.message
        for kept in (judged.source, judged.id, judged.type):
            assert kept is None or (kept.encode() and "\n" not in kept)
    else:
        assert judged.time.tzinfo is UTC
        assert judged.raw == raw.removeprefix(b"\xef\xbb\xbf")
    return judged


@given(st.binary(max_size=200))
@example(b"\xef\xbb\xbf{}")
@example(b'{"a":1,"a":NaN')
def test_any_bytes_are_judged(raw: bytes) -> None:
    assert isinstance(check_judgement(raw), Refused)


@given(anything)
def test_any_json_is_judged(value: Any) -> None:
    assert isinstance(check_judgement(json.dumps(value).encode()), Refused)


@given(st.sampled_from(GOLDEN), anything)
def test_any_data_is_judged(event: dict[str, Any], data: Any) -> None:
    check_judgement(json.dumps(event | {"data": data}).encode())


@given(mutated())
def test_any_change_to_an_event_is_judged(raw: bytes) -> None:
    check_judgement(raw)


@given(mutated())
def test_the_same_bytes_are_judged_the_same(raw: bytes) -> None:
    assert decode(raw) == decode(raw)


@given(rewritten())
def test_what_is_taken_can_be_written_and_read_again(raw: bytes) -> None:
    event = check_judgement(raw)
    assert isinstance(event, Event), event
    again = check_judgement(
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
    assert (again.data, again.time, again.source, again.id) == (event.data, event.time, event.source, event.id)


@given(instants)
def test_a_time_means_the_same_moment_in_any_offset(instant: datetime) -> None:
    assert read_instant(instant.isoformat()) == instant


@given(st.dates(date(1900, 1, 1), date(2199, 12, 31)))
def test_a_date_is_read_as_it_is_written(day: date) -> None:
    assert read_day(day.isoformat()) == day


@given(st.text() | st.emails())
@example("duty@bücher.example")
@example("a@b.example\r\nBcc: c@d.example")
def test_an_address_that_is_taken_can_stand_in_a_header(value: str) -> None:
    try:
        address = read_email(value)
    except PydanticCustomError:
        return
    assert address.isascii()
    assert len(address) <= 320
    assert not set(address) & set(' \t\r\n<>,;:"()[]\\\x00')
    assert address.count("@") == 1
    assert read_email(address) == address


@given(st.integers(0, 999_999_999), st.integers(0, 9))
def test_no_two_nhs_numbers_that_are_taken_differ_in_one_digit(stem: int, last: int) -> None:
    number = f"{stem:09d}{last}"
    try:
        read_nhs_number(number)
    except PydanticCustomError:
        return
    for index, digit in enumerate(number):
        other = number[:index] + str((int(digit) + 1) % 10) + number[index + 1 :]
        try:
            read_nhs_number(other)
        except PydanticCustomError:
            continue
        raise AssertionError(f"{number} and {other} are both taken")
