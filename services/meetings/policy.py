"""Reading a policy file: the national default, and an area's overlay; every fault is named with its place."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from schemas.edition import Edition
from schemas.policy import Policy, PolicyFile
from schemas.vocabulary import noun_of
from schemas.wording import words_for

NATIONAL_DEFAULT = Path(__file__).parent / "policies" / "england.toml"

_TABLE = re.compile(r"\s*\[\[?\s*([A-Za-z0-9_-]+)\s*\]")
_TOML_SAYS = re.compile(
    r"(?P<what>.*) \(at (?:line (?P<line>\d+), column (?P<column>\d+)|end of document)\)", re.DOTALL
)


@dataclass(frozen=True, slots=True)
class PolicyFault:
    """One thing wrong with a policy: the file, the line where it can be told, the entry and field, and what is
    wrong.
    """

    file: str
    line: int | None
    place: str
    message: str

    def __str__(self) -> str:
        place = f"{self.place}: " if self.place else ""
        return f"{self.file}{f':{self.line}' if self.line else ''}: {place}{self.message}"


class WrongPolicy(Exception):
    """The policy cannot be used; the message has a line for each fault."""

    def __init__(self, faults: Sequence[PolicyFault]) -> None:
        super().__init__("\n".join(str(fault) for fault in faults))
        self.faults = tuple(faults)


@dataclass(frozen=True, slots=True)
class _Source:
    """A policy file as text, to say where in it something stands."""

    path: Path
    text: str

    def fault(self, place: Sequence[str | int], message: str, ids: Sequence[str | None] = ()) -> PolicyFault:
        """A fault at a place such as ("number", 3, "unit"); `ids` are the ids of the entries of that table."""
        words = []
        for part in place:
            if isinstance(part, int):
                known = ids[part] if part < len(ids) else None
                words.append(known or f"no. {part + 1}")
            else:
                words.append(part)
        return PolicyFault(str(self.path), self._line(place), " ".join(words), message)

    def _line(self, place: Sequence[str | int]) -> int | None:
        """The line of the entry's field, else of the entry; None where the file is written another way."""
        if not place:
            return None
        table, *rest = place
        wanted = rest.pop(0) if rest and isinstance(rest[0], int) else 0
        fields = [part for part in rest if isinstance(part, str)] or [str(table)]
        the_field = re.compile(rf"\s*{re.escape(fields[0])}\s*=")
        begins: int | None = None if rest else 0
        seen = -1
        for count, line in enumerate(self.text.splitlines(), 1):
            header = _TABLE.match(line)
            if header:
                if begins:
                    return begins
                seen += header[1] == table
                begins = count if header[1] == table and seen == wanted else None
            elif begins is not None and the_field.match(line):
                return count
        return begins or None


def _words(error: ErrorDetails) -> str:
    """What is wrong in plain words."""
    value = error["input"]
    match error["type"]:
        case "extra_forbidden":
            return "is not a field of a policy here: check its spelling"
        case "float_type" | "finite_number":
            return f"must be a number, not {'one that is not finite' if isinstance(value, float) else noun_of(value)}"
        case "date_type" | "date_from_datetime_inexact" | "is_instance_of":
            return "must be a date without quotes and time, as in 2018-04-01"
        case "greater_than_equal":
            return f"must be {error['ctx']['ge']:g} or more"
        case "less_than_equal":
            return f"must be {error['ctx']['le']:g} or less"
        case "literal_error" if error["loc"] == ("format",):
            return "must be 1: there is no other form of a policy yet"
        case "dict_type" | "model_type":
            return f"must be a table, not {noun_of(value)}"
        case "string_too_short":
            return "is too short to say anything"
        case "int_type" | "int_parsing" | "int_from_float":
            return "must be a whole number"
        case "bool_parsing" | "bool_type":
            return f"must be true or false, without quotes, not {noun_of(value)}"
    return words_for(error)


def _bytes_of(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as wrong:
        raise WrongPolicy([PolicyFault(str(path), None, "", f"cannot be read: {wrong.strerror}")]) from None


def _read(path: Path, raw: bytes) -> tuple[_Source, PolicyFile]:
    try:
        source = _Source(path, raw.decode("utf-8-sig"))
    except UnicodeDecodeError as wrong:
        line = raw[: wrong.start].count(b"\n") + 1
        raise WrongPolicy([PolicyFault(str(path), line, "", "is not text in UTF-8")]) from None
    try:
        document = tomllib.loads(source.text)
    except tomllib.TOMLDecodeError as wrong:
        found = _TOML_SAYS.fullmatch(str(wrong))
        what, place = (found["what"], found["column"]) if found else (str(wrong), None)
        line = int(found["line"]) if found and found["line"] else source.text.count("\n") + 1
        raise WrongPolicy(
            [PolicyFault(str(path), line, f"column {place}" if place else "", f"is not TOML: {what}")]
        ) from None
    try:
        return source, PolicyFile.model_validate(document)
    except ValidationError as wrong:
        raise WrongPolicy([_fault(source, document, error) for error in wrong.errors(include_url=False)]) from None


def _fault(source: _Source, document: dict[str, Any], error: ErrorDetails) -> PolicyFault:
    place = [*error["loc"], *error.get("ctx", {}).get("below", ())]
    entries = document.get(str(place[0])) if place else None
    ids = [each.get("id") if isinstance(each, dict) else None for each in entries] if isinstance(entries, list) else []
    return source.fault(place, _words(error), [each if isinstance(each, str) else None for each in ids])


def read_policy(file: Path) -> PolicyFile:
    """One policy file, as an area's over the national default; raises `WrongPolicy` with all that is wrong with it."""
    load_policy(None if file == NATIONAL_DEFAULT else file)
    return _read(file, _bytes_of(file))[1]


def load_policy(overlay: Path | None = None) -> Policy:
    """The national default with an area's overlay; raises `WrongPolicy` naming file, place and what is wrong."""
    return _policy_of(tuple((path, _bytes_of(path)) for path in (NATIONAL_DEFAULT, overlay) if path is not None))


@lru_cache(maxsize=4)
def _policy_of(files: Sequence[tuple[Path, bytes]]) -> Policy:
    """The same files make the same policy, and a process that opens a house after the other reads them once."""
    read = [_read(path, raw) for path, raw in files]
    policy = Policy([file for _, file in read])
    faults = []
    for fault in policy.faults():
        source, file = read[fault.layer]
        tables: dict[str, Sequence[Edition]] = {
            "number": file.numbers,
            "expectation": file.expectations,
            "meeting_kind": file.kinds,
            "quoracy": file.quoracy,
            "code": file.codes,
        }
        ids = [each.id for each in tables.get(str(fault.place[0]), ())]
        faults.append(source.fault(fault.place, fault.message, ids))
    if faults:
        raise WrongPolicy(faults)
    return policy


def shown(policy: Policy, day: date) -> dict[str, Any]:
    """What the policy says on one day, each entry with the title of the file that it comes from."""
    today = policy.on(day)
    found: dict[str, Any] = {"on": day.isoformat(), "files": [layer.title for layer in policy.layers]}
    for name, editions in (
        ("numbers", today.numbers),
        ("expectations", today.expectations),
        ("meeting_kinds", today.kinds),
        ("quoracy", today.quoracy),
        ("codes", today.codes),
    ):
        found[name] = [
            each.model_dump(mode="json", by_alias=True, exclude_none=True) | {"file": _title(policy, each)}
            for _, each in sorted(editions.items())
        ]
    found["groups"] = policy.groups.model_dump(mode="json")
    return found


def _title(policy: Policy, edition: Edition) -> str:
    """The title of the file that an edition stands in."""
    for layer in policy.layers:
        if any(
            edition is each
            for each in (*layer.numbers, *layer.expectations, *layer.kinds, *layer.quoracy, *layer.codes)
        ):
            return layer.title
    raise LookupError(edition.id)
