"""What one reader may not find in the text of a record: names, numbers and addresses that are not theirs to have."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

from services.records.rules.names import Names, first_and_last, personal, says_nothing, surnames, told
from services.records.rules.names_of_places import names_of_places
from services.records.rules.record import ChildFacts, Matter, PersonFacts, Reader
from services.records.rules.words_of_names import ABBREVIATIONS, OF_PLACEMENTS

# Who is a parent of a child wherever it lives; a policy counts among parents those with whom one is placed, too.
_PARENTS = frozenset({"mother", "father", "parent", "adoptive_parent", "step_parent", "self"})


@dataclass(frozen=True, slots=True)
class Forbidden:
    """What must not stand in what one reader gets. Family may have no address, no NHS number, postcode or telephone
    number but their own, known or not.
    """

    of_family: bool
    numbers: frozenset[str]
    own_numbers: frozenset[str]
    addresses: frozenset[str]
    own_address: str | None
    children: Names
    relatives: Names
    places: Names
    places_addresses: frozenset[str]
    carers: Names


def forbidden_to(reader: Reader, matter: Matter) -> Forbidden:
    """What may not stand in what this reader gets."""
    mine = own_children(reader, matter)
    numbers = {each.child_id: _digits(each.nhs_number) for each in matter.children.values() if each.nhs_number}
    own_numbers = frozenset(number for each, number in numbers.items() if each in mine)
    person = matter.people.get(reader.person_id or "")
    children, relatives = _names(reader, matter, mine) if reader.is_family else (Names(), Names())
    places, addresses = _places(reader, matter)
    return Forbidden(
        of_family=reader.is_family,
        numbers=frozenset(numbers.values()) - own_numbers,
        own_numbers=own_numbers,
        addresses=frozenset(each.email for each in matter.people.values() if each.email),
        own_address=(person.email if person is not None else None) or (reader.address if reader.is_family else None),
        children=children,
        relatives=relatives,
        places=places,
        places_addresses=addresses,
        carers=_carers(reader, matter, mine),
    )


def own_children(reader: Reader, matter: Matter) -> frozenset[str]:
    """The children whom a reader may read of at all: those of the meeting on whose account they read it and, of family,
    others of theirs.
    """
    person = matter.people.get(reader.person_id or "")
    return reader.child_ids | reader.oneself | (person.responsible_for if person is not None else frozenset())


def _digits(number: str) -> str:
    return "".join(each for each in number if each.isdigit())


def _names(reader: Reader, matter: Matter, mine: frozenset[str]) -> tuple[Names, Names]:
    """The names of children and of relatives that a member of the family may not read."""
    others = [child for each, child in matter.children.items() if each not in mine]
    people = [person for person in matter.people.values() if not _may_be_named(reader, person, matter, mine)]
    allowed = [person.name for each, person in matter.people.items() if person not in people]
    allowed += [reader.name, *(name for each in mine & set(matter.children) for name in matter.children[each].names)]
    own = [matter.children[each] for each in mine if each in matter.children]
    own_initials = {_letters(child) for child in own}
    with_name = _with_surnames(others, matter) - _with_surnames(own, matter)
    initials = frozenset(_letters(child) for child in others) - own_initials - ABBREVIATIONS
    theirs = {(name[0][0], name[-1]) for each in allowed for name in told(each) if len(name) > 1}
    children = replace(
        personal((name for child in others for name in child.names), allowed),
        initials=frozenset(each for each in initials if len(each) > 1),
        initials_and_name=with_name - theirs,
    )
    return children, _of_relatives([person.name for person in people], allowed)


def _of_relatives(names: Iterable[str], allowed: Collection[str]) -> Names:
    """The names of relatives: also by an initial, with the surname first, or with one name more in the middle."""
    free = {each for name in allowed for each in first_and_last(name)}
    found = {each for name in names for each in first_and_last(name)} - free
    return replace(
        personal(names, allowed),
        initials_and_name=frozenset((first[0], last) for first, last in found) - {(one[0], last) for one, last in free},
        first_and_last=frozenset(found),
    )


def _may_be_named(reader: Reader, person: PersonFacts, matter: Matter, mine: frozenset[str]) -> bool:
    """Whether a member of the family may read of this person: of themselves, and of whoever is related to a child of
    theirs; not of whom they are not to be with, and not of another child.
    """
    if person.person_id == reader.person_id:
        return True
    own = matter.people.get(reader.person_id or "")
    apart = {person.person_id, *_selves(person)} & (own.not_with if own is not None else frozenset())
    apart |= ({reader.person_id or "", *reader.oneself}) & person.not_with
    return not apart and bool(person.child_ids & mine) and _selves(person) <= mine


def _selves(person: PersonFacts) -> frozenset[str]:
    return frozenset(each for each, kind in person.relations.items() if kind == "self")


def _letters(child: ChildFacts) -> str:
    return "".join(next(iter(told(child.initials)), ()))


def _with_surnames(children: Iterable[ChildFacts], matter: Matter) -> frozenset[tuple[str, str]]:
    """A child's initials, and the first of them, before each surname that a relative of the child has."""
    found = set()
    for child in children:
        letters = _letters(child)
        for person in matter.people.values():
            if child.child_id in person.child_ids and letters:
                last = {name[-1] for name in told(person.name) if len(name) > 1 and not says_nothing(name[-1])}
                found |= {(each, name) for name in last | surnames(person.name) for each in (letters, letters[0])}
    return frozenset(found)


def _places(reader: Reader, matter: Matter) -> tuple[Names, frozenset[str]]:
    """What says where children are placed, or where a parent has found refuge, whose reader is not to know it: by the
    names and addresses of those who look after them.
    """
    told = reader.kind in matter.told_placement and not reader.is_family
    free: set[str] = set()
    secret: set[str] = set()
    for child in matter.children.values():
        known = (told and child.child_id in reader.child_ids) or (
            child.placed_with is not None and child.placed_with == reader.agency_id
        )
        (free if known else secret).update(child.placement_words)
    generic = set(OF_PLACEMENTS)
    for place in matter.places:
        live_there = {each.child_id for each in matter.children.values() if each.placed_with == place.agency_id}
        known = told and (not live_there or not live_there.isdisjoint(reader.child_ids))
        (free if known or place.agency_id == reader.agency_id else secret).update(place.words)
        generic |= set(place.kind.split("_"))
    secret -= free
    agencies = list(matter.agency_names)
    people = [name for each in matter.children.values() for name in (*each.names, each.initials)]
    people += [each.name for each in matter.people.values()]
    (people if reader.is_family else agencies).append(reader.name)
    named = frozenset(each for each in secret if "@" not in each)
    names = names_of_places(named, frozenset(generic), frozenset(free), frozenset(agencies), frozenset(people))
    return names, frozenset(each for each in secret if "@" in each)


def _carers(reader: Reader, matter: Matter, mine: frozenset[str]) -> Names:
    """The names of foster carers of whom a reader is not to know that a child is placed with them. They are free for
    whoever has to know where that child is, for those with whom it is placed, and for whoever knows them otherwise.

    A name that somebody else has too is free where the reader knows that one otherwise: as a parent, or by a child who
    is not placed. Whoever is told of with a child who is may be of the carer's own household.
    """
    told = reader.kind in matter.told_placement and not reader.is_family
    own = _fostered(matter.people.get(reader.person_id or ""), matter)
    placed = {each for person in matter.people.values() for each in _fostered(person, matter)}
    hidden: list[str] = []
    others = [reader.name]
    for person in matter.people.values():
        cares_for = _fostered(person, matter)
        if cares_for:
            knows = {each for each in person.relations if each not in cares_for} & mine
            free = person.person_id == reader.person_id or (told and cares_for & mine) or cares_for & own or knows
            (others if free else hidden).append(person.name)
        elif _is_known(person, placed, mine):
            others.append(person.name)
    others += [name for each in matter.children.values() for name in each.names]
    return _of_relatives(hidden, others)


def _is_known(person: PersonFacts, placed: set[str], mine: frozenset[str]) -> bool:
    """Whether a reader of these children knows of a person whatever is said of where they are placed."""
    parents = {each for each, kind in person.relations.items() if kind in _PARENTS}
    return bool((parents | person.responsible_for | person.relations.keys() - placed) & mine)


def _fostered(person: PersonFacts | None, matter: Matter) -> set[str]:
    """The children who are placed with somebody."""
    relations = person.relations if person is not None else {}
    return {each for each, kind in relations.items() if kind in matter.foster_carers}
