"""Readers and the facts around a record, filled in with what a test does not care about."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

from services.directory.rules import Cause
from services.records.rules.record import Audience, ChildFacts, Matter, PersonFacts, Reader, Record, Section
from tests.events import nhs_number

APPROVED = datetime(2026, 4, 2, 9, 0, tzinfo=UTC)
KNOW_THE_PLACEMENT = frozenset({"childrens_social_care", "placement"})


def agency(agency_id: str, *children: str, kind: str | None = None, **more: Any) -> Reader:
    """An agency that was asked on account of these children; the kind is the id without its number."""
    kind = kind or agency_id.rsplit("-", 1)[0].replace("-", "_")
    values: dict[str, Any] = {
        "name": f"Example {agency_id}",
        "invited": True,
        "attended": None,
        "address": f"in@{agency_id}.example",
        "verified_on": date(2026, 1, 5),
    }
    who: dict[str, Any] = {
        "party": f"agency:{agency_id}:",
        "kind": kind,
        "agency_id": agency_id,
        "person_id": None,
        "team_id": None,
    }
    return Reader(**who, child_ids=frozenset(children), **values | more)


def person(person_id: str, *children: str, kind: str = "relative", **more: Any) -> Reader:
    """A member of the family who was asked and is responsible for these children."""
    values: dict[str, Any] = {
        "name": f"Relative {person_id}",
        "invited": True,
        "attended": None,
        "address": f"{person_id}@family.example",
        "verified_on": None,
    }
    who: dict[str, Any] = {
        "party": f"person:{person_id}",
        "kind": kind,
        "agency_id": None,
        "person_id": person_id,
        "team_id": None,
    }
    return Reader(**who, child_ids=frozenset(children), **values | more)


def child(child_id: str, **more: Any) -> ChildFacts:
    """A child with an NHS number of its own."""
    digits = "".join(each for each in child_id if each.isdigit()) or "0"
    values = {"initials": "AB", "names": (), "nhs_number": nhs_number(int(digits))}
    return ChildFacts(child_id, **values | more)


def relative(person_id: str, relations: Mapping[str, str], **more: Any) -> PersonFacts:
    """A relative and what they are to children."""
    values = {"name": f"Relative {person_id}", "email": f"{person_id}@family.example"}
    return PersonFacts(person_id, **values | more, child_ids=frozenset(relations), relations=relations)


def matter(children: Iterable[ChildFacts], people: Iterable[PersonFacts] = (), **more: Any) -> Matter:
    """A meeting about these children that family is asked to."""
    some = {each.child_id: each for each in children}
    values: dict[str, Any] = {
        "child_ids": tuple(some),
        "family_never": False,
        "flagged": False,
        "told_placement": KNOW_THE_PLACEMENT,
        "not_named_to_family": frozenset({"placement", "domestic_abuse"}),
    }
    return Matter("m1", children=some, people={each.person_id: each for each in people}, **values | more)


def section(
    text: str = "Nothing of note.",
    *children: str,
    heading: str = "Summary",
    to: str | None = "everyone",
    only: Iterable[str] | None = None,
    besides: Iterable[str] = (),
) -> Section:
    """One section of a record, for everyone unless it says otherwise."""
    if only is not None or besides:
        audience = Audience(only=frozenset(only) if only is not None else None, besides=frozenset(besides))
    else:
        audience = Audience(to=to)
    return Section(heading, children, audience, text)


def record(*sections: Section, checked_by: str | None = "Alex Second", **more: Any) -> Record:
    """A record that the chair approved and a second person has checked."""
    values: dict[str, Any] = {"kind": "minutes", "version": 1, "approved_by": "Pat Chair"}
    return Record(
        "r1",
        "m1",
        **values | more,
        checked_by=checked_by,
        sections=_some(sections),
        approved_at=APPROVED,
        cause=Cause("/tests", "e1"),
    )


def _some(sections: Sequence[Section]) -> tuple[Section, ...]:
    return tuple(sections) or (section(),)
