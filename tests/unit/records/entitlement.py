"""Who may have what, worked out from the rules in words over the facts as they are told. Nothing that decides it in the
product is used here.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from tests.unit.records.families import CHAIR, Case

# From the rules of the field and the default policy.
KNOW_PLACEMENTS = {
    *("childrens_social_care", "reviewing_officer", "looked_after_health", "placement", "legal", "police"),
}

PLACES = {"placement", "domestic_abuse"}  # whoever names them says where somebody lives


_NEITHER = re.compile(r"[\W_]+")


def bare(text: str) -> str:
    """Only the letters and digits of a text, as anyone would read them."""
    plain = text if text.isascii() else unicodedata.normalize("NFKC", text)
    return _NEITHER.sub("", plain).casefold()


@dataclass
class Entitlement:
    """What one party may have of a record: the marks of the sections, and what must not stand in anything it gets."""

    marks: frozenset[str]
    forbidden: frozenset[str]


def parties(of: Case) -> set[str]:
    """Everyone to whom a record might go."""
    return {each.who for each in of.entries} | set(of.present)


def entitled(of: Case, who: str) -> Entitlement:
    """What one agency or person may have."""
    allowed = frozenset(each.mark for n, each in enumerate(of.sections) if _may_have(of, who, n))
    told = {whose for each in of.sections if each.mark in allowed for what, whose in each.holds if what == "place"}
    secrets = {each.mark for each in of.sections} - allowed | _secrets(of, who)
    secrets -= {of.agencies[each].address for each in told}
    return Entitlement(allowed, frozenset(bare(each) for each in secrets if each))


def _may_have(of: Case, who: str, number: int) -> bool:
    if not _gets_anything(of, who):
        return False
    section = of.sections[number]
    names = {who, *oneself(of, who)}
    if section.audience == "except" and names & section.named:
        return False
    if section.audience == "only" and not names & section.named:
        return False
    about = set(section.children) or set(of.about)
    if who in of.people:
        if section.audience == "professionals" or not about <= own(of, who):
            return False
        if about & oneself(of, who) and section.audience != "only":
            return False
    elif section.children and not about & own(of, who):
        return False
    return all(_may_read(of, who, what, whose) for what, whose in section.holds)


def _gets_anything(of: Case, who: str) -> bool:
    entry = next((each for each in of.entries if each.who == who), None)
    if who in of.refused or (entry is not None and _held_back(of, who, entry.why_not)):
        return False
    if who in of.agencies:
        agency = of.agencies[who]
        families = {person.email for person in of.people.values()}
        return agency.secure and not agency.bounced and agency.address not in families
    person = of.people[who]
    shared = any(each != who and of.people[each].email == person.email for each in _circle_people(of))
    shared |= any(of.agencies[each].address == person.email for each in _around(of))
    return (
        of.kind != "strategy_discussion"
        and not any(of.children[each].flagged for each in of.circle)
        and of.checked_by not in (None, CHAIR, CHAIR.lower())
        and bool(own(of, who) & set(of.about))
        and person.email is not None
        and not any(each.bounced and each.email == person.email for each in of.people.values())
        and not shared
    )


def _held_back(of: Case, who: str, why_not: str | None) -> bool:
    if why_not in ("not_with", "no_longer_part"):
        return who not in of.present
    return why_not not in (None, "no_usable_address")


def oneself(of: Case, who: str) -> set[str]:
    """The child that a person is."""
    ties = of.people[who].ties if who in of.people else {}
    return {each for each, (kind, _) in ties.items() if kind == "self"}


def own(of: Case, who: str) -> set[str]:
    """The children whom a party is there for: of a person those they are responsible for, and themselves."""
    if who in of.people:
        return {each for each, (kind, responsible) in of.people[who].ties.items() if responsible or kind == "self"}
    entry = next((each for each in of.entries if each.who == who), None)
    return set(entry.children if entry is not None else of.about)


def _circle_people(of: Case) -> set[str]:
    return {each for each, person in of.people.items() if set(person.ties) & of.circle}


def _around(of: Case) -> set[str]:
    """The agencies that the meeting has to do with: whoever was asked, came, or looks after a child."""
    placing = {child.placed_with for each, child in of.children.items() if each in of.circle}
    return {each for each in ({entry.who for entry in of.entries} | set(of.present) | placing) if each in of.agencies}


def _may_read(of: Case, who: str, what: str, whose: str) -> bool:
    """Whether a party may read this, which a text names."""
    family = who in of.people
    if what == "number":
        return whose in own(of, who)
    if what == "forename":
        return not family or whose in own(of, who)
    if what == "person":
        return not family or _may_know(of, who, whose)
    if what == "email":
        return family and of.people[whose].email == of.people[who].email
    if what == "place":
        return _may_know_place(of, who, whose)
    return not family or what == "nothing"


def _may_know(of: Case, who: str, other: str) -> bool:
    if who == other:
        return True
    here, there = of.people[who], of.people[other]
    if here.not_with & {other, *oneself(of, other)} or there.not_with & {who, *oneself(of, who)}:
        return False
    return bool(set(there.ties) & own(of, who)) and oneself(of, other) <= own(of, who)


def _may_know_place(of: Case, who: str, agency: str) -> bool:
    if who == agency:
        return True
    lives_there = {each for each, child in of.children.items() if child.placed_with == agency and each in of.circle}
    if not lives_there and who in of.agencies:
        if of.agencies[agency].kind in PLACES and agency in _around(of):
            return of.agencies[who].kind in KNOW_PLACEMENTS
        return True  # nobody whom the meeting is about, or who belongs to them, lives there
    return who in of.agencies and of.agencies[who].kind in KNOW_PLACEMENTS and bool(lives_there & own(of, who))


def _secrets(of: Case, who: str) -> set[str]:
    """What must not stand in anything that a party gets, whatever section it comes from."""
    near = of.circle
    found = {of.children[each].number for each in near if each not in own(of, who)}
    found |= {agency.address for each, agency in of.agencies.items() if each != who}
    for each in _circle_people(of):
        person = of.people[each]
        if person.email and not (who in of.people and person.email == of.people[who].email):
            found.add(person.email)
        if who in of.people and not _may_know(of, who, each):
            found |= {person.name, *person.name.split()[:1]}
    if who in of.people:
        found |= {of.children[each].forename for each in near if each not in own(of, who)}
        found |= {agency.name for agency in of.agencies.values()}
    else:
        placing = {of.children[each].placed_with for each in near} - {None}
        placing |= {each for each in _around(of) if of.agencies[each].kind in PLACES}
        found |= {of.agencies[e].name for e in placing if e is not None and not _may_know_place(of, who, e)}
    return found
