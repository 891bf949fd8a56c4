"""Who may be named in a record of a meeting, by which words."""

from __future__ import annotations

from schemas.policy import Policy
from services.records.readers import Around
from services.records.word.parties import Named


def parties_of(about: Around, policy: Policy) -> list[Named]:
    """Everyone whom a section may be for or kept from: who reads, and the family, whether or not they read."""
    words: dict[str, list[str]] = {}
    for reader in about.readers:
        for each in reader.ids:
            kinds = () if reader.is_family else (reader.kind, policy.agency_name(reader.kind))
            words.setdefault(each, []).extend((reader.name, *kinds))
    for agency in about.agencies.values():
        words.setdefault(agency.agency_id, []).append(agency.name)
    for person in about.matter.people.values():
        words.setdefault(person.person_id, []).append(person.name)
    return [Named(each, tuple(dict.fromkeys(word for word in some if word))) for each, some in words.items()]


def children_of(about: Around) -> list[Named]:
    """The children of the meeting."""
    facts = about.matter.children
    return [
        Named(each, (facts[each].initials, *facts[each].names) if each in facts else ())
        for each in about.matter.child_ids
    ]
