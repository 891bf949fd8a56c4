"""The golden events, and ways to change one thing about them."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

from schemas.envelope import Event, FieldError, Refused, decode
from schemas.registry import OUT_TYPES, TYPES

EXAMPLES = Path(__file__).parent / "examples"
ALL_TYPES = TYPES | OUT_TYPES
MISSING = object()
"""As a value: take the field away."""

At = tuple[str | int, ...]


def example(type_: str) -> dict[str, Any]:
    """The golden event of this type, with every field that can stand beside the others."""
    event = json.loads((EXAMPLES / f"{type_}.json").read_text(encoding="utf-8"))
    assert isinstance(event, dict)
    return event


def changed(event: dict[str, Any], at: At, value: object) -> dict[str, Any]:
    """A copy of the event in which the place `at` has another value, or nothing (MISSING)."""
    event = copy.deepcopy(event)
    place: Any = event
    for step in at[:-1]:
        place = place[step]
    if value is MISSING:
        del place[at[-1]]
    else:
        place[at[-1]] = value
    return event


def written(event: object) -> bytes:
    return json.dumps(event).encode()


def accepted(event: object) -> Event:
    judged = decode(written(event), types=ALL_TYPES)
    assert isinstance(judged, Event), judged
    return judged


def refused(event: object) -> tuple[FieldError, ...]:
    judged = decode(written(event), types=ALL_TYPES)
    assert isinstance(judged, Refused), judged
    return judged.errors


def the_error(event: object) -> tuple[str, str]:
    """Path and message of the only error."""
    errors = refused(event)
    assert len(errors) == 1, errors
    return errors[0].path, errors[0].message
