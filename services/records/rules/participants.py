"""What a reader may be told of the others who were asked or were there: the table of participants in their copy.

Nobody is told an address, and of a member of the family nobody is told the name.

Source: rules of the field, sections 2.5, 2.6, 4 and 10.
"""

from __future__ import annotations

from dataclasses import dataclass

from services.records.rules.record import Matter, Reader

ONESELF = "self"


@dataclass(frozen=True, slots=True)
class Seen:
    """How somebody stands in a reader's copy: an agency by `kind` (the policy has the words) and perhaps by `name`, a
    member of the family by `relations` to the children whom they share with the reader, in words ("mother").
    """

    kind: str
    name: str | None = None
    relations: tuple[str, ...] = ()


def may_see(reader: Reader, other: Reader, matter: Matter) -> Seen | None:
    """What a reader may be told of another who was asked to the meeting or was there; None: not that they were.

    Family is told of agencies by their kind, and only of those asked on account of a child of theirs: never of where a
    child is placed, never of a kind that the policy does not name to family, never of one that serves a relative and
    no child of theirs, and of no other member of the family. Professionals are told of agencies that share a child
    with them, by name unless that says where a child is placed, or where a parent has found refuge, and the reader is
    not to know it; and of relatives what they are to those children.
    """
    if other.party == reader.party:
        return Seen(other.kind, None if other.is_family else other.name, _relations(reader, other, matter))
    if not (other.invited or other.attended):
        return None
    shared = reader.child_ids & other.child_ids
    if reader.is_family:
        for_a_relative = other.serves_a_relative and reader.child_ids.isdisjoint(other.serves)
        hidden = other.is_family or for_a_relative or other.kind in matter.not_named_to_family
        return Seen(other.kind) if shared and not hidden and not _is_placement(other, matter) else None
    if other.is_family:
        relations = _relations(reader, other, matter)
        return Seen(other.kind, None, relations) if relations else None
    if not shared:
        return None
    return Seen(other.kind, None if _is_secret(reader, other, matter) else other.name)


def _is_secret(reader: Reader, agency: Reader, matter: Matter) -> bool:
    """Whether the name of an agency says where somebody is whom the reader is not to find: a child who is placed there,
    a parent in a refuge.
    """
    if not _is_placement(agency, matter):
        return agency.kind in matter.not_named_to_family and reader.kind not in matter.told_placement
    live_there = {each.child_id for each in matter.children.values() if each.placed_with == agency.agency_id}
    return reader.kind not in matter.told_placement or (bool(live_there) and live_there.isdisjoint(reader.child_ids))


def _is_placement(agency: Reader, matter: Matter) -> bool:
    """Whether a child is placed with the agency, or may be."""
    placed_with = {child.placed_with for child in matter.children.values()}
    return agency.kind == "placement" or agency.agency_id in placed_with


def _relations(reader: Reader, other: Reader, matter: Matter) -> tuple[str, ...]:
    """What a member of the family is to the children whom the reader was asked for, in words."""
    person = matter.people.get(other.person_id or "")
    if not other.is_family:
        return ()
    kinds = [(each, kind) for each, kind in (person.relations if person else {}).items() if each not in other.oneself]
    found = [kind.replace("_", " ") for each, kind in kinds if each in reader.child_ids and kind != ONESELF]
    if other.oneself & reader.child_ids or (other.kind == "child" and other.child_ids & reader.child_ids):
        found.insert(0, "child")
    return tuple(dict.fromkeys(found))
