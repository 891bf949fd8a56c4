"""Says in plain words what is wrong with a value, and where, without repeating what could identify someone."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from schemas.vocabulary import (
    BARE_PATTERN,
    ID_PATTERN,
    KIND_PATTERN,
    LINE_PATTERN,
    NEED_PATTERN,
    STATUS_PATTERN,
    TEXT_PATTERN,
    URL_PATTERN,
    noun_of,
    shown,
)

_TOO_MANY = 5000
"""pydantic can only spell out all errors at once; beyond this many the text of one event would fill the memory."""

_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_NOT_AN_ID_CHARACTER = re.compile(r"[^A-Za-z0-9._:-]")


def json_path(parts: Sequence[str | int]) -> str:
    """The JSONPath from the envelope: ("data", "children", 1) → "$.data.children[1]"."""
    path = "$"
    for part in parts:
        if isinstance(part, int):
            path += f"[{part}]"
        elif _PLAIN_KEY.fullmatch(part):
            path += f".{part}"
        else:
            # ASCII and at most 40 characters: a key may hold anything, and the path is printed and logged.
            path += f"[{json.dumps(part[:40])}]"
    return path


def not_an_id(value: str) -> str:
    """Why this is not an id."""
    if not value:
        return "is empty: an id has 1 to 64 characters"
    stray = _NOT_AN_ID_CHARACTER.search(value)
    if stray:
        return "has a character that an id may not have: only A-Z a-z 0-9 . _ : - are allowed"
    return f"is {len(value)} characters long: an id has at most 64"


def _not_a_kind(value: str) -> str:
    return (
        f"{shown(value)} is not a kind: write it in small letters, digits and _, as in core_group (2 to 64 characters)"
    )


def _not_a_need(value: str) -> str:
    return "must be a word in small letters, digits and _, as in easy_read, or a language, as in interpreter:so"


def _not_a_line(value: str) -> str:
    return (
        "must not be blank" if not value.strip() else "must be on one line, without line breaks or control characters"
    )


def _not_a_text(value: str) -> str:
    return (
        "must not be blank" if not value.strip() else "must not have control characters other than tabs and line breaks"
    )


def _not_a_url(value: str) -> str:
    return "must be a link that begins with https:// or http://, without spaces or line breaks"


def _not_bare(value: str) -> str:
    return "is empty" if not value else "must not have spaces, line breaks or control characters"


def _not_a_status(value: str) -> str:
    return f"{shown(value)} is not an enhanced status code: write three numbers, as in 5.1.1"


_PATTERNS: dict[str, Callable[[str], str]] = {
    ID_PATTERN: not_an_id,
    KIND_PATTERN: _not_a_kind,
    NEED_PATTERN: _not_a_need,
    LINE_PATTERN: _not_a_line,
    TEXT_PATTERN: _not_a_text,
    URL_PATTERN: _not_a_url,
    BARE_PATTERN: _not_bare,
    STATUS_PATTERN: _not_a_status,
}


def missing(name: str, there: Mapping[str, Any]) -> str:
    """Why `name` is missed among the keys `there`, pointing at a key that differs by case or separators only."""
    bare = _bare(name)
    for key in there:
        if key != name and len(key) <= 40 and _bare(key) == bare:
            return f"is missing: it is required ({shown(key)} is there, but names are compared letter for letter)"
    return "is missing: it is required"


def _bare(key: str) -> str:
    return re.sub(r"[-_ ]", "", key).casefold()


def _given(value: object) -> str:
    return shown(value) if isinstance(value, str) else noun_of(value)


def _not_a_choice(value: object, context: Mapping[str, Any]) -> str:
    # pydantic writes the choices with quotes and an "or": the words themselves are what a reader looks for.
    choices = re.findall(r"'([^']*)'", context["expected"])
    return f"must be one of {', '.join(choices)}, not {_given(value)}"


_WORDS: dict[str, Callable[[Any, Mapping[str, Any]], str]] = {
    "quorate": lambda value, context: context["words"],
    "string_type": lambda value, context: f"must be a string, not {noun_of(value)}",
    "string_pattern_mismatch": lambda value, context: _PATTERNS[context["pattern"]](value),
    "string_too_long": lambda value, context: (
        f"is {len(value)} characters long: at most {context['max_length']} may be"
    ),
    "string_unicode": lambda value, context: "has half of a character (a lone surrogate), which no text may have",
    "literal_error": _not_a_choice,
    "bool_type": lambda value, context: f"must be true or false, without quotes, not {noun_of(value)}",
    "int_type": lambda value, context: (
        f"must be a whole number, not {'one with a decimal point' if isinstance(value, float) else noun_of(value)}"
    ),
    "greater_than_equal": lambda value, context: f"must be {context['ge']} or more",
    "less_than_equal": lambda value, context: f"must be {context['le']} or less",
    "tuple_type": lambda value, context: f"must be a list, not {noun_of(value)}",
    "too_short": lambda value, context: "must have at least one entry",
    "model_type": lambda value, context: f"must be an object, not {noun_of(value)}",
    "extra_forbidden": lambda value, context: "is not a field of this event",
}


def words_for(error: ErrorDetails) -> str:
    """The message for one pydantic error: what was wrong and what would be right."""
    value = error["input"]
    if error["type"] == "missing":
        return missing(str(error["loc"][-1]), value if isinstance(value, dict) else {})
    if error["type"] in _WORDS:
        return _WORDS[error["type"]](value, error.get("ctx", {}))
    return f"is not as the contract has it ({error['type'].replace('_', ' ')})"


def errors_of(failed: ValidationError, root: Sequence[str | int], most: int) -> list[tuple[str, str]]:
    """(path, message) for each error under `root`, in the order of the fields; after `most` of them, how many more."""
    if failed.error_count() > _TOO_MANY:
        return [(json_path(root), f"is wrong in {failed.error_count()} places, too many to name")]
    found: list[tuple[str, str]] = []
    for error in failed.errors(include_url=False):
        if len(found) == most:
            found.append((json_path(root), f"has {failed.error_count() - most} more errors"))
            break
        # Names that begin with "|" are the branches of a union, which are not in the event.
        below = (part for part in error["loc"] if not (isinstance(part, str) and part.startswith("|")))
        at = (*root, *below, *error.get("ctx", {}).get("below", ()))
        found.append((json_path(at), words_for(error)))
    return found
