"""Invented families and records about them, plain as they are told: half-brothers and half-sisters, several fathers,
children placed elsewhere, flags, people who are to be kept apart, and texts that name whom they should not.

Everything here is drawn from one source of chance. Names are such that no other word holds one of them.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field
from random import Random

from tests.events import nhs_number

FORENAMES = ("Zuleika", "Odhran", "Tamsin", "Branwen", "Ignatius", "Ottoline", "Nicolaus", "Anne-Sophie", "Weißlinde")
GIVEN = ("Nadezhda", "Tomasz", "Callumius", "Edwina", "Marguerite", "Barnabas", "Marie-Chantal", "Оксана")
SURNAMES = ("Brennanby", "Kowalczyk", "O'Shaughnessy", "McGillivray", "Al-Qahtani", "Großmann")
HOUSES = ("Harbourlight", "Wrenfield", "St Mary's", "Queens Lodge", "Bishop's Court")
PARENTS = ("mother", "father", "step_parent")
DECISIONS = ("childs_wish", "chairs_restriction", "conflict_of_interest", "duplicate")
HELD_BACK = ("held_for_a_person", "not_with", "excluded_before", "family_not_asked", "no_longer_part")
CHAIR, SECOND = "Pat Chairing", "Alex Second"


@dataclass
class AChild:
    """A child as told."""

    family: str
    initials: str
    forename: str
    number: str
    flagged: bool = False
    placed_with: str | None = None


@dataclass
class APerson:
    """A relative as told: `ties` hold what they are to each child and whether they are responsible."""

    name: str
    email: str | None
    ties: dict[str, tuple[str, bool]]
    not_with: set[str] = field(default_factory=set)
    bounced: bool = False


@dataclass
class AnAgency:
    """An agency as told."""

    kind: str
    name: str
    address: str
    secure: bool = True
    bounced: bool = False


@dataclass
class AnEntry:
    """Who was asked, or why not, on account of which children."""

    who: str
    children: tuple[str, ...]
    why_not: str | None = None
    of_a_relative: bool = False


@dataclass
class ASection:
    """A part of the record: `mark` is a word that stands nowhere else, `holds` what the text names of whom."""

    mark: str
    text: str
    heading: str
    children: tuple[str, ...]
    audience: str
    named: frozenset[str]
    holds: tuple[tuple[str, str], ...]


@dataclass
class Case:
    """A meeting about some children of a family, and a record of it."""

    children: dict[str, AChild]
    people: dict[str, APerson]
    agencies: dict[str, AnAgency]
    about: tuple[str, ...]
    kind: str
    entries: list[AnEntry]
    present: list[str]
    refused: dict[str, str]
    sections: list[ASection]
    checked_by: str | None
    version: int
    circle: frozenset[str] = frozenset()


def hidden(chance: Random, word: str) -> str:
    """The word in one of the ways in which it reads the same and is not the same."""
    inside = chance.randint(1, len(word) - 1)
    ways = (
        word,
        word,
        word.upper(),
        word.lower(),
        word[:inside] + "\u200b" + word[inside:],
        word[:inside] + "\u00ad" + word[inside:],
        word.replace(" ", "\u00a0"),
        word.replace(" ", "\n"),
        "".join(chr(ord(one) + 0xFEE0) if "!" <= one <= "~" and one not in "@." else one for one in word),
        unicodedata.normalize("NFD", word),
        f"{word}'s",
        *_spelt(chance, word),
    )
    return chance.choice(ways)


def _spelt(chance: Random, word: str) -> list[str]:
    """Other ways in which people spell it: with an apostrophe or a hyphen too many, too few or of another kind."""
    apostrophe, hyphen = (
        chance.choice(["", "’", "‘", "´", "`", "ʼ", "′", "＇"]),
        chance.choice(["", " ", "\u2011", "–"]),
    )
    ways = [word.replace("'", apostrophe)] if "'" in word else []
    ways += [word.replace("-", hyphen)] if "-" in word else []
    ways += [word.replace("ß", "ss"), word.upper().replace("SS", "ẞ")] if "ß" in word else []
    ways += [word.replace("ens ", "en's "), word.replace("ens ", "ens' ")] if "ens " in word else []
    return ways + ([f"{word[:-1]}'s", f"{word}'"] if word.endswith("s") else [])


def hidden_number(chance: Random, number: str) -> str:
    """The number in one of the ways in which people write it, or copy it from elsewhere."""
    between = chance.choice(["", " ", "-", "\u00a0", "\u200b", "\n", "\u2011", "  ", " - "])
    written = between.join((number[:3], number[3:6], number[6:]))
    if chance.random() < 0.2:
        written = "".join(chr(ord("０") + int(one)) if one.isdigit() else one for one in written)
    return written


def case(chance: Random, *, prefix: str = "") -> Case:
    """A meeting, its families and its record. `prefix` keeps the ids of several in one place apart."""
    serial = chance.randint(1, 60_000)
    children = _children(chance, prefix, serial)
    people = _people(chance, prefix, children)
    agencies = _agencies(chance, prefix)
    placing = [each for each in agencies if agencies[each].kind in ("placement", "voluntary")]
    for each in children.values():
        each.placed_with = chance.choice([None, None, *placing])
    names = list(children)
    about = tuple(names[: chance.randint(1, 3)])
    entries = _entries(chance, about, people, agencies)
    asked = {each.who for each in entries}
    unasked = [each for each in (*agencies, *people) if each not in asked]
    present = chance.sample(unasked, min(len(unasked), chance.choice([0, 0, 1, 2])))
    present += [each.who for each in entries if chance.random() < 0.3]
    refused = {each.who: chance.choice(DECISIONS) for each in entries if chance.random() < 0.05}
    made = Case(children, people, agencies, about, "", entries, present, refused, [], None, chance.randint(1, 9))
    made.kind = chance.choice(["initial_conference"] * 11 + ["strategy_discussion"])
    made.checked_by = chance.choice([SECOND] * 14 + [None, CHAIR.lower()])
    made.circle = frozenset(circle(made))
    made.sections = [a_section(chance, made, number) for number in range(chance.randint(1, 4))]
    return made


def _children(chance: Random, prefix: str, serial: int) -> dict[str, AChild]:
    families = ("f1", "f1", "f1", "f2", "f2", "f3")
    forenames = chance.sample(FORENAMES, len(families))
    flagged = chance.choice([-1] * 36 + [0, 2, 3, 4, 5])
    return {
        f"{prefix}c{n}": AChild(
            f"{prefix}{family}",
            chance.choice("QXZV") + chance.choice("QXZV"),
            forenames[n],
            nhs_number(serial + n * 3),
            n == flagged,
        )
        for n, family in enumerate(families)
    }


def circle(of: Case) -> set[str]:
    """The children of the meeting, of their households, and of those of their half-brothers and half-sisters."""
    families = {of.children[each].family for each in of.about}
    home = {each for each, child in of.children.items() if child.family in families}
    for person in of.people.values():
        raised = {each for each, (kind, responsible) in person.ties.items() if responsible or kind in PARENTS}
        if raised & home:
            families |= {of.children[each].family for each in raised}
    return {each for each, child in of.children.items() if child.family in families}


def _people(chance: Random, prefix: str, all_children: dict[str, AChild]) -> dict[str, APerson]:
    children = list(all_children)
    given = chance.sample(GIVEN, 5)
    found = {}
    for n in range(chance.randint(2, 5)):
        some = chance.sample(children[:5] if n < 3 else children, chance.randint(1, 3))
        kinds = [("mother", True), ("father", True), ("father", False), ("grandmother", False), ("step_parent", False)]
        ties = {each: chance.choice(kinds) for each in some}
        if n == 0 and chance.random() < 0.7:
            ties = dict.fromkeys(children[:3], ("mother", True))
        elif n == 1 and chance.random() < 0.6:
            ties = dict.fromkeys(children[: chance.randint(1, 3)], ("father", True))
        person = f"{prefix}p{n}"
        email = None if chance.random() < 0.08 else f"{person}.home@family.example"
        found[person] = APerson(f"{given[n]} {chance.choice(SURNAMES)}", email, ties, bounced=chance.random() < 0.05)
    if chance.random() < 0.06 and len(found) > 1:
        one, other = chance.sample(list(found), 2)
        found[one].email = found[other].email
    if chance.random() < 0.25:
        one, other = chance.sample(list(found), 2)
        found[one].not_with.add(other)
    if chance.random() < 0.4:
        oneself = chance.choice(children[:3])
        ties = {oneself: ("self", False)}
        if chance.random() < 0.3:
            ties[chance.choice([each for each in children[:3] if each != oneself])] = ("mother", True)
        name = f"{all_children[oneself].forename} {SURNAMES[0]}"
        found[f"{prefix}p9"] = APerson(name, f"{prefix}p9.own@family.example", ties)
    return found


def _agencies(chance: Random, prefix: str) -> dict[str, AnAgency]:
    kinds = ("camhs", "gp", "police", "childrens_social_care", "school", "domestic_abuse", "placement", "voluntary")
    found = {}
    for kind in kinds:
        for n in range(1, 3 if kind in ("camhs", "gp", "placement") else 2):
            each = f"{prefix}{kind}-{n}"
            name = f"{chance.choice(HOUSES)} {kind} {n}"
            address = f"{prefix}{kind}{n}.inbox@agencies.example"
            found[each] = AnAgency(kind, name, address, chance.random() < 0.93, chance.random() < 0.05)
    return found


def _entries(
    chance: Random, about: tuple[str, ...], people: dict[str, APerson], agencies: dict[str, AnAgency]
) -> list[AnEntry]:
    found = []
    for each in agencies:
        if chance.random() < 0.4:
            children = tuple(sorted(chance.sample(about, chance.randint(1, len(about)))))
            why_not = chance.choice([None] * 12 + ["no_usable_address", chance.choice(DECISIONS)])
            found.append(AnEntry(each, children, why_not, chance.random() < 0.15))
    for each, person in people.items():
        own = tuple(sorted(set(person.ties) & set(about)))
        if own and chance.random() < 0.9:
            why_not = chance.choice([None] * 40 + ["no_usable_address", *HELD_BACK, chance.choice(DECISIONS)])
            found.append(AnEntry(each, own, why_not))
    return found


def a_section(chance: Random, of: Case, number: int) -> ASection:
    """A part about some of the children, for some of those who may be readers, that may name anyone."""
    about = of.about if chance.random() < 0.95 else (*of.about, list(of.children)[2])
    children = tuple(sorted(chance.sample(sorted(set(about)), chance.randint(0, min(2, len(set(about)))))))
    audience = chance.choice(["everyone"] * 8 + ["professionals", "only", "except"])
    several = [*of.agencies, *of.people, *of.people, *of.people, *of.children]
    named = frozenset(chance.sample(several, chance.randint(1, 6)))
    holds: list[tuple[str, str]] = []
    words = [f"{mark_of(number)} was agreed"]
    for _ in range(chance.choice([0, 0, 0, 0, 1, 1, 2])):
        what, whose, written = _something(chance, of)
        holds.append((what, whose))
        words.append(f"and so was {written} then")
    text = ". ".join(words) + "."
    heading = "What was agreed"
    if chance.random() < 0.1 and holds:
        heading, text = " ".join(words[-1].split()), words[0]
        holds = holds[-1:]
    return ASection(mark_of(number), text, heading, children, audience, named, tuple(holds))


def mark_of(number: int) -> str:
    """The word by which a section is found again."""
    return f"Kestrel{'abcdefgh'[number]}mark"


def _something(chance: Random, of: Case) -> tuple[str, str, str]:
    """Something that not everyone may have: what it is, whose, and how it is written."""
    what = chance.choice(
        ["number", "number", "forename", "person", "person", "email", "place", "postcode", "telephone"]
    )
    near = of.circle
    child = chance.choice(sorted(near if what == "forename" else of.children))
    known = [each for each, person in of.people.items() if set(person.ties) & near]
    if what in ("person", "email") and not known:
        return "nothing", "", "nothing"
    person = chance.choice(known or [""])
    placed = [placed_with for each in sorted(near) if (placed_with := of.children[each].placed_with)]
    if what == "place" and placed:
        agency = chance.choice(placed)
        told = chance.choice([of.agencies[agency].name, of.agencies[agency].address])
        return what, agency, hidden(chance, told) if "@" not in told else told
    if what == "number":
        return what, child, hidden_number(chance, of.children[child].number)
    if what == "forename":
        return what, child, hidden(chance, of.children[child].forename)
    if what == "person":
        name = of.people[person].name
        return what, person, hidden(chance, chance.choice([name, name.split()[0]]))
    if what == "email" and of.people[person].email:
        return what, person, chance.choice([str.upper, str.lower])(of.people[person].email or "")
    if what == "postcode":
        return what, "", chance.choice(["LE1 2AB", "le12ab", "SW1A\u00a01AA", "LE1\n2AB"])
    if what == "telephone":
        return what, "", chance.choice(["07700 900123", "+44 7700 900123", "0116 496 0123"])
    return "nothing", "", "nothing"
