"""What one reader may not find in the text of a record: names, numbers and addresses that are not theirs to have."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from services.records.rules.plain_text import words
from services.records.rules.record import ChildFacts, Matter, PersonFacts, Reader
from services.records.rules.words_of_names import ABBREVIATIONS, OF_PLACEMENTS, SAY_NOTHING, WORDS_TOO


@dataclass(frozen=True, slots=True)
class Names:
    """Names to look for, in small letters: `whole` as the words that they consist of, `alone` each word that tells as
    much by itself, `initials`, and `initials_and_name` as they stand before a surname.
    """

    whole: frozenset[tuple[str, ...]] = frozenset()
    alone: frozenset[str] = frozenset()
    initials: frozenset[str] = frozenset()
    initials_and_name: frozenset[tuple[str, str]] = frozenset()


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


def forbidden_to(reader: Reader, matter: Matter) -> Forbidden:
    """What may not stand in what this reader gets."""
    mine = own_children(reader, matter)
    numbers = {each.child_id: _digits(each.nhs_number) for each in matter.children.values() if each.nhs_number}
    own_numbers = frozenset(number for each, number in numbers.items() if each in mine)
    person = matter.people.get(reader.person_id or "")
    children, relatives = _names(reader, matter, mine) if reader.is_family else (Names(), Names())
    places, addresses = _places(reader, matter)
    carers = _carers(reader, matter, mine)
    return Forbidden(
        of_family=reader.is_family,
        numbers=frozenset(numbers.values()) - own_numbers,
        own_numbers=own_numbers,
        addresses=frozenset(each.email for each in matter.people.values() if each.email),
        own_address=(person.email if person is not None else None) or (reader.address if reader.is_family else None),
        children=children,
        relatives=relatives,
        places=Names(places.whole | carers.whole, places.alone | carers.alone),
        places_addresses=addresses,
    )


def own_children(reader: Reader, matter: Matter) -> frozenset[str]:
    """The children whom a reader may read of at all: those of the meeting on whose account they read it and, of family,
    others of theirs.
    """
    person = matter.people.get(reader.person_id or "")
    return reader.child_ids | reader.oneself | (person.responsible_for if person is not None else frozenset())


def _digits(number: str) -> str:
    return "".join(each for each in number if each.isdigit())


def _told(name: str) -> tuple[str, ...]:
    return tuple(each.casefold() for each in words(name))


def _names(reader: Reader, matter: Matter, mine: frozenset[str]) -> tuple[Names, Names]:
    """The names of children and of relatives that a member of the family may not read."""
    others = [child for each, child in matter.children.items() if each not in mine]
    people = [person for person in matter.people.values() if not _may_be_named(reader, person, matter, mine)]
    allowed = [person.name for each, person in matter.people.items() if person not in people]
    allowed += [reader.name, *(name for each in mine & set(matter.children) for name in matter.children[each].names)]
    known = frozenset(word for name in allowed for word in _told(name))
    whole = frozenset(_told(name) for name in allowed)
    own = [matter.children[each] for each in mine if each in matter.children]
    own_initials = {_letters(child) for child in own}
    with_name = _with_surnames(others, matter) - _with_surnames(own, matter)
    initials = frozenset(_letters(child) for child in others) - own_initials - ABBREVIATIONS
    children = _named((name for child in others for name in child.names), known, whole)
    return (
        Names(
            children.whole,
            children.alone,
            frozenset(each for each in initials if len(each) > 1),
            with_name - {(name[0][0], name[-1]) for name in whole if len(name) > 1},
        ),
        _named((person.name for person in people), known, whole),
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


def _named(names: Iterable[str], known: frozenset[str], allowed: frozenset[tuple[str, ...]]) -> Names:
    told = {each for name in names if (each := _told(name)) and each not in allowed and not set(each) <= SAY_NOTHING}
    alone = {
        word
        for name in told
        for word in name
        if len(word) > 1 and word not in known and word not in SAY_NOTHING and not word.isdigit()
    }
    return Names(frozenset(each for each in told if len(each) > 1), frozenset(alone))


def _letters(child: ChildFacts) -> str:
    return "".join(_told(child.initials))


def _with_surnames(children: Iterable[ChildFacts], matter: Matter) -> frozenset[tuple[str, str]]:
    """A child's initials, and the first of them, before each surname that a relative of the child has."""
    found = set()
    for child in children:
        letters = _letters(child)
        for person in matter.people.values():
            name = _told(person.name)
            if child.child_id in person.child_ids and len(name) > 1 and letters and name[-1] not in SAY_NOTHING:
                found |= {(letters, name[-1]), (letters[0], name[-1])}
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
    names = [name for each in secret if "@" not in each and not set(name := _told(each)) <= generic]
    whole = {each for each in names if len(each) > 1}
    alone = {each[0] for each in names if len(each) == 1}
    for name in names:
        short = _shortened(name)
        if set(short) <= generic:
            continue  # "domestic abuse" names nobody
        if len(short) > 1:
            whole.add(short)
        elif short and len(short[0]) > 3 and short[0] not in WORDS_TOO:
            alone.add(short[0])
    return Names(frozenset(whole), frozenset(alone)), frozenset(each for each in secret if "@" in each)


def _carers(reader: Reader, matter: Matter, mine: frozenset[str]) -> Names:
    """The names of foster carers of whom a reader is not to know that a child is placed with them. They are free for
    whoever has to know where that child is, for those with whom it is placed, and for whoever knows them otherwise.
    """
    told = reader.kind in matter.told_placement and not reader.is_family
    hidden: list[str] = []
    others = [reader.name]
    for person in matter.people.values():
        cares_for = _fostered(person, matter)
        knows = {each for each in person.relations if each not in cares_for} & mine
        own = _fostered(matter.people.get(reader.person_id or ""), matter)
        free = person.person_id == reader.person_id or (told and cares_for & mine) or cares_for & own or knows
        (hidden if cares_for and not free else others).append(person.name)
    others += [name for each in matter.children.values() for name in each.names]
    known = frozenset(word for name in others for word in _told(name))
    return _named(hidden, known, frozenset(_told(name) for name in others))


def _fostered(person: PersonFacts | None, matter: Matter) -> set[str]:
    """The children who are placed with somebody."""
    relations = person.relations if person is not None else {}
    return {each for each, kind in relations.items() if kind in matter.foster_carers}


def _shortened(name: tuple[str, ...]) -> tuple[str, ...]:
    """The name of a placement as people say it: without what stands at the end of many such names."""
    while name and name[-1] in OF_PLACEMENTS:
        name = name[:-1]
    while name and name[0] == "the":
        name = name[1:]
    return name
