"""The envelope: CloudEvents 1.0 in structured JSON, from bytes and to bytes.

`decode` judges any bytes at all and never raises: what is not as the contract has it comes back as `Refused`, with each
failing field by its JSON path and in plain words.
"""

from __future__ import annotations

import difflib
import json
import re
from codecs import BOM_UTF8
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import Any, NoReturn

from pydantic import ValidationError
from pydantic_core import PydanticCustomError

from schemas.payload import Payload
from schemas.registry import OUT_TYPES, TYPES, TypeEntry
from schemas.upcasters import UPCASTERS, Upcaster
from schemas.vocabulary import noun_of, read_instant, shown
from schemas.wording import errors_of, json_path, missing, not_an_id

MAX_BYTES = 1_048_576
"""An event longer than this is refused unread: 1 MiB, the size that Kafka takes by default."""
MAX_DEPTH = 32
"""Lists and objects inside each other; the deepest payload of the contract needs six."""
MAX_ERRORS = 50
"""So many failing fields are named; of the rest only the number."""

_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")
_SOURCE = re.compile(r"[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]{1,256}")
_JSON_MEDIA_TYPE = re.compile(r"application/(?:[a-z0-9.-]+\+)?json\s*(?:;.*)?", re.IGNORECASE | re.DOTALL)
_KEEPABLE = re.compile(r"[^\x00-\x1f\x7f-\x9f\ud800-\udfff]{1,256}")
# A string, closed or not, or one bracket. Possessive, so that no input makes it go back.
_BRACKETS = re.compile(rb'"(?:[^"\\]|\\.)*+"?|[\[{]|[\]}]', re.DOTALL)


@dataclass(frozen=True, slots=True)
class FieldError:
    """One thing wrong with an event. `path` is a JSONPath from the envelope; `message` identifies nobody."""

    path: str
    message: str


@dataclass(frozen=True, slots=True)
class Event:
    """An event as the contract has it.

    `time` is aware and in UTC; `raw` are the bytes that it was read from, but for a byte order mark in front.
    """

    source: str
    id: str
    type: str
    time: datetime
    subject: str
    partition_key: str
    data: Payload
    raw: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Refused:
    """Bytes that are not an event as the contract has it, and why. `source`, `id`, `type` where they can be told."""

    errors: tuple[FieldError, ...]
    source: str | None
    id: str | None
    type: str | None
    raw: bytes = field(repr=False)


class _NotAsTheOldForm(ValueError):
    """An upcaster could not read the data."""


class _NotOnce(ValueError):
    """The text has a key twice in one object, or NaN or Infinity."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise _NotOnce
    return made


def _no_constant(name: str) -> NoReturn:
    raise _NotOnce


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_no_constant)


def decode(
    raw: bytes,
    *,
    types: Mapping[str, TypeEntry] = TYPES,
    upcasters: Mapping[str, Upcaster] = UPCASTERS,
) -> Event | Refused:
    """Read one event, or say what is wrong with it. Raises nothing, whatever the bytes.

    An event of an older form is read as its successor: `type` and `data` are then the new ones, `raw` the old.
    """
    # Editors and spreadsheets on Windows put this mark in front of a file.
    body = _parse(raw := raw.removeprefix(BOM_UTF8))
    if isinstance(body, Refused):
        return body
    time, errors = _read_attributes(body)
    type_, data, more = _read_data(body, types, upcasters)
    errors += more
    if errors or time is None or data is None:
        return _refused(errors, body, raw)
    return Event(body["source"], body["id"], type_, time, body["subject"], body["partitionkey"], data, raw)


def encode(
    *,
    source: str,
    id: str,
    type: str,
    time: datetime,
    subject: str,
    partition_key: str,
    data: Payload | Mapping[str, Any],
) -> bytes:
    """Write an event as compact JSON in UTF-8. Fields of a payload that are at their default are left out.

    Checks only that `time` is aware (ValueError) and that `data` is JSON (TypeError, ValueError): `decode` judges.
    """
    if time.tzinfo is None:
        raise ValueError("the time of an event must be aware")
    body = {
        "specversion": "1.0",
        "id": id,
        "source": source,
        "type": type,
        "time": time.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        "subject": subject,
        "partitionkey": partition_key,
        "datacontenttype": "application/json",
        "data": data.model_dump(mode="json", exclude_defaults=True) if isinstance(data, Payload) else data,
    }
    return json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def _parse(raw: bytes) -> dict[str, Any] | Refused:
    if len(raw) > MAX_BYTES:
        return _unreadable(raw, f"is {len(raw)} bytes long: an event has at most {MAX_BYTES}")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as failed:
        if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
            return _unreadable(raw, "is in UTF-16: an event is JSON in UTF-8")
        return _unreadable(raw, f"is not UTF-8: byte {failed.start + 1} does not belong to any character")
    if not text or text.isspace():
        return _unreadable(raw, "is empty: an event is a JSON object")
    if raw.count(b"[") + raw.count(b"{") > MAX_DEPTH and _too_deep(raw):
        return _unreadable(raw, f"has lists and objects inside each other more than {MAX_DEPTH} deep")
    try:
        try:
            body = _DECODER.decode(text)
        except _NotOnce:
            return _ambiguous(text, raw)
    except json.JSONDecodeError as failed:
        return _unreadable(raw, f"is not JSON: {failed.msg} at line {failed.lineno}, column {failed.colno}")
    except (ValueError, RecursionError):
        # A number of thousands of digits, or a caller that is itself nearly out of stack.
        return _unreadable(raw, "is not JSON that can be read: a number in it is too long or it is too deep")
    if not isinstance(body, dict):
        return _unreadable(raw, f"must be a JSON object, not {noun_of(body)}")
    return body


def _read_attributes(body: dict[str, Any]) -> tuple[datetime | None, list[FieldError]]:
    """Judge the attributes other than `type`; give `time`, and what is wrong."""
    get = body.get
    errors: list[FieldError] = []
    if get("specversion") != "1.0":
        errors.append(FieldError("$.specversion", _not_the_version(body)))
    source = get("source")
    if not (isinstance(source, str) and _SOURCE.fullmatch(source)):
        errors.append(FieldError("$.source", _not_a_source(body)))
    for name in ("id", "subject", "partitionkey"):
        value = get(name)
        if not (isinstance(value, str) and _ID.fullmatch(value)):
            errors.append(FieldError(f"$.{name}", _not_an_id(name, body)))
    time = None
    try:
        time = read_instant(get("time"))
    except PydanticCustomError as failed:
        absent = get("time") is None
        errors.append(FieldError("$.time", missing("time", body) if absent else failed.message()))
    if "datacontenttype" in body or "data_base64" in body:
        errors.extend(_not_json_data(body))
    return time, errors


def _read_data(
    body: dict[str, Any], types: Mapping[str, TypeEntry], upcasters: Mapping[str, Upcaster]
) -> tuple[str, Payload | None, list[FieldError]]:
    """Judge `type` and `data`; give the current type, the payload, and what is wrong."""
    type_, data = body.get("type"), body.get("data")
    errors: list[FieldError] = []
    if not isinstance(data, dict):
        none_there = data is None
        errors.append(
            FieldError("$.data", missing("data", body) if none_there else f"must be an object, not {noun_of(data)}")
        )
    if not isinstance(type_, str) or (type_ not in types and type_ not in upcasters):
        errors.append(FieldError("$.type", _unknown_type(body, types)))
        return "", None, errors
    if not isinstance(data, dict):
        return type_, None, errors
    try:
        if type_ in upcasters:
            type_, data = _upcast(type_, data, upcasters)
        return type_, types[type_].model.__pydantic_validator__.validate_python(data), errors
    except _NotAsTheOldForm:
        message = f"is not as {body['type']} has it, so it cannot be read as the form that came after"
        errors.append(FieldError("$.data", message))
    except ValidationError as failed:
        errors.extend(FieldError(*one) for one in errors_of(failed, ("data",), MAX_ERRORS))
    except Exception as slip:  # A slip of ours in a model must not stop the events behind this one.
        message = f"could not be judged ({type(slip).__name__}): this is a fault of the software, not of the event"
        errors.append(FieldError("$.data", message))
    return type_, None, errors


def _upcast(type_: str, data: dict[str, Any], upcasters: Mapping[str, Upcaster]) -> tuple[str, dict[str, Any]]:
    """Take the event step by step to a type of today. Raises _NotAsTheOldForm when a step cannot."""
    for _ in range(len(upcasters)):
        try:
            type_, data = upcasters[type_](data)
        except Exception as tripped:  # A step meets whatever was sent; what it trips over is the sender's to correct.
            raise _NotAsTheOldForm from tripped
        if type_ not in upcasters:
            return type_, data
    raise AssertionError(f"the upcasters lead from {type_} in a circle")


def _unreadable(raw: bytes, message: str) -> Refused:
    return Refused((FieldError("$", message),), None, None, None, raw)


def _refused(errors: list[FieldError], body: Mapping[str, Any], raw: bytes) -> Refused:
    return Refused(tuple(errors), _kept(body, "source"), _kept(body, "id"), _kept(body, "type"), raw)


def _kept(body: Mapping[str, Any], name: str) -> str | None:
    """The attribute if it can be stored and shown, though it may not be as the contract has it."""
    value = body.get(name)
    return value if isinstance(value, str) and _KEEPABLE.fullmatch(value) else None


def _too_deep(raw: bytes) -> bool:
    depth = 0
    for match in _BRACKETS.finditer(raw):
        token = match[0]
        if token in (b"[", b"{"):
            depth += 1
            if depth > MAX_DEPTH:
                return True
        elif token in (b"]", b"}"):
            depth -= 1
    return False


class _Twice(dict[str, Any]):
    """An object in whose text some keys are there more than once."""

    keys_twice: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _NotANumber:
    name: str


def _object_and_what_is_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = _Twice(pairs)
    if len(made) != len(pairs):
        times = Counter(name for name, _ in pairs)
        made.keys_twice = tuple(name for name in made if times[name] > 1)
    return made


_LENIENT_DECODER = json.JSONDecoder(object_pairs_hook=_object_and_what_is_twice, parse_constant=_NotANumber)


def _ambiguous(text: str, raw: bytes) -> Refused:
    """Name each key that is there twice and each NaN: a second, slower reading that only such an event gets."""
    body = _LENIENT_DECODER.decode(text)
    errors = list(islice(_ambiguities(body, ()), MAX_ERRORS))
    return _refused(errors, body if isinstance(body, dict) else {}, raw)


def _ambiguities(value: object, at: tuple[str | int, ...]) -> Iterator[FieldError]:
    match value:
        case _NotANumber(name):
            yield FieldError(json_path(at), f"{name} is not a number that JSON knows")
        case _Twice():
            for key in value.keys_twice:
                yield FieldError(json_path((*at, key)), "is there more than once in one object: which one is meant?")
            for key, below in value.items():
                yield from _ambiguities(below, (*at, key))
        case list():
            for index, below in enumerate(value):
                yield from _ambiguities(below, (*at, index))


def _not_the_version(body: Mapping[str, Any]) -> str:
    value = body.get("specversion")
    if value is None:
        return missing("specversion", body)
    return f'must be "1.0", in quotes, not {shown(value) if isinstance(value, str) else noun_of(value)}'


def _not_a_source(body: Mapping[str, Any]) -> str:
    value = body.get("source")
    if value is None:
        return missing("source", body)
    if not isinstance(value, str):
        return f"must be a string, not {noun_of(value)}"
    if len(value) > 256:
        return f"is {len(value)} characters long: a source has at most 256"
    return "must be a URI reference that names the sending system, as in /leicester/liquidlogic, without spaces"


def _not_an_id(name: str, body: Mapping[str, Any]) -> str:
    value = body.get(name)
    if value is None:
        return missing(name, body)
    return not_an_id(value) if isinstance(value, str) else f"must be a string, not {noun_of(value)}"


def _not_json_data(body: Mapping[str, Any]) -> Iterator[FieldError]:
    media = body.get("datacontenttype")
    if media is not None and not (isinstance(media, str) and _JSON_MEDIA_TYPE.fullmatch(media)):
        yield FieldError("$.datacontenttype", "must be application/json where it is given: data is a JSON object")
    if body.get("data_base64") is not None:
        yield FieldError("$.data_base64", "is not taken: the payload is a JSON object in data")


def _unknown_type(body: Mapping[str, Any], types: Mapping[str, TypeEntry]) -> str:
    value = body.get("type")
    if value is None:
        return missing("type", body)
    if not isinstance(value, str):
        return f"must be a string, not {noun_of(value)}"
    if value in OUT_TYPES:
        return f"{shown(value)} is a type that is sent from here, not one that is taken"
    near = difflib.get_close_matches(value[:100], types, n=1, cutoff=0.6)
    return f"{shown(value)} is not a known type" + (f": did you mean {near[0]}?" if near else "")
