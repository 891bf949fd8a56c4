"""What every payload has: frozen fields, what must be known before it takes effect, and what it makes known."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel, ConfigDict

from schemas.vocabulary import Email, Id, Line, wrong

Needs = tuple[tuple[str, frozenset[str]], ...]
"""(noun, ids) pairs; each is met when at least one of its ids is known. Nouns: child, person, agency, meeting."""
Provides = tuple[tuple[str, str], ...]
"""(noun, id) pairs that become known."""


class Part(BaseModel):
    """A piece of a payload. Fields that it does not know are ignored: the journal keeps them in the raw event."""

    model_config = ConfigDict(frozen=True, extra="ignore", serialize_by_alias=True, hide_input_in_errors=True)

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        # What is printed may end in a log or a traceback: ids and kinds only, nothing that identifies a person.
        return ((name, value) for name, value in self if name.endswith("_id") or name in ("kind", "status"))


class Payload(Part):
    """The `data` of an event."""

    def needs(self) -> Needs:
        """What must be known before this takes effect: for each (noun, ids), at least one of the ids.

        A person is a child or a relative.
        """
        return ()

    def provides(self) -> Provides:
        """What is known once this has taken effect."""
        return ()


class Outcome(Payload):
    """The `data` of an event that Quorate sends: ids, kinds, reasons and times only, and no field unawares."""

    model_config = ConfigDict(extra="forbid")


class Contact(Part):
    """A person at work who can be written to."""

    name: Line
    email: Email


def one_party(agency_id: Id | None, person_id: Id | None) -> None:
    """Exactly one of the two must be given, or PydanticCustomError."""
    if (agency_id is None) == (person_id is None):
        raise wrong("must have exactly one of agency_id and person_id")
