"""Who gets which part of a record, and why not the others: one copy for each reader.

Everyone who was asked to the meeting or was there gets the record, less what they may not have. Every part that is
left out, and every reader to whom nothing goes, has a reason that the coordinator sees before anything leaves.

Source: rules of the field, sections 2.5, 2.6 and 4 (the breaches listed there).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

from services.records.rules.forbidden import Forbidden, forbidden_to, own_children
from services.records.rules.given_away import given_away, in_words
from services.records.rules.record import PLAN, PROFESSIONALS, Matter, Reader, Record, Section

# Why a whole copy is not sent.
FAMILY_NEVER, FLAGGED, NOT_CHECKED = "family_never", "flagged", "not_checked"
NOTHING_FOR_THEM, NO_RESPONSIBILITY, NO_ADDRESS = "nothing_for_them", "no_responsibility", "no_address"
SHARED_ADDRESS, NOT_THE_CHAIR, ALL_HELD_BACK = "shared_address", "not_the_chair", "all_held_back"

# Why a section is left out.
NOT_FOR_FAMILY, NOT_NAMED, EXCLUDED = "not_for_family", "not_named", "excluded"
OTHER_CHILDREN, IDENTIFIES_ANOTHER = "other_children", "identifies_another"

# Why somebody who was not asked, or is asked no more, gets nothing, in a coordinator's words.
_DECIDED = "They are not asked, by a decision that a person gave"
NOT_ASKED = {
    "childs_wish": f"{_DECIDED}: the child's wish.",
    "chairs_restriction": f"{_DECIDED}: the chair's restriction.",
    "conflict_of_interest": f"{_DECIDED}: a conflict of interest.",
    "duplicate": f"{_DECIDED}: a duplicate of another.",
    "held_for_a_person": "They were not asked: a person has to decide what the family is told.",
    "not_with": "They were not asked, for they are not to be with somebody who was: the chair decides.",
    "excluded_before": "They were kept from a meeting before this one: the chair decides what they are told.",
    "family_not_asked": "They are not asked any more: this kind of meeting asks no family.",
    "no_longer_part": "They were asked before, and would not be asked by what is recorded now.",
    "agency_closed": "The agency was asked, and has closed.",
    "no_reader": "They came to have to do with a child of the meeting after it, and have not any more.",
}
_NOT_ASKED = "They were not asked: a person has to decide what they are told."


@dataclass(frozen=True, slots=True)
class Decided:
    """What is decided of one section: whole where `why_not` is None, else left out for that reason, in words."""

    number: int
    why_not: str | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class Copy:
    """One reader's copy. `why_not` is why nothing is sent to them at all, `text` says it in a coordinator's words."""

    reader: Reader
    sections: tuple[Decided, ...]
    why_not: str | None = None
    text: str = ""

    @property
    def whole(self) -> tuple[int, ...]:
        """The numbers of the sections that are in the copy."""
        return tuple(each.number for each in self.sections if each.why_not is None) if self.why_not is None else ()


def copies(record: Record, readers: Sequence[Reader], matter: Matter) -> list[Copy]:
    """The copy of each reader, in their order."""
    return [copy_of(record, reader, matter) for reader in readers_of(record, readers)]


def readers_of(record: Record, readers: Sequence[Reader]) -> list[Reader]:
    """Who reads a record at all, by whichever channel: whoever came later reads the plan, and nothing else."""
    return [reader for reader in readers if not reader.came_later or record.kind == PLAN]


def copy_of(record: Record, reader: Reader, matter: Matter) -> Copy:
    """What one reader gets of a record."""
    forbidden = forbidden_to(reader, matter)
    decided = tuple(_section(*each, reader, matter, forbidden) for each in enumerate(record.sections))
    for why_not, text in _nothing(record, reader, matter):
        return Copy(reader, decided, why_not, text)
    held_back = [each for each in decided if each.why_not == IDENTIFIES_ANOTHER]
    if held_back and all(each.why_not is not None for each in decided):
        found = " ".join(dict.fromkeys(each.text for each in held_back))
        return Copy(reader, decided, ALL_HELD_BACK, f"All that would be theirs is left out. {found}")
    if all(each.why_not is not None for each in decided):
        return Copy(reader, decided, NOTHING_FOR_THEM, "No section of it is for them.")
    return Copy(reader, decided)


def _nothing(record: Record, reader: Reader, matter: Matter) -> list[tuple[str, str]]:
    """Why nothing goes to a reader, the weightiest reason first; empty where something may."""
    found: list[tuple[str, str]] = []
    if reader.is_family:
        if matter.family_never:
            found.append((FAMILY_NEVER, "Nothing of this kind of meeting goes to family."))
        if matter.flagged:
            found.append((FLAGGED, "A child is flagged so that nothing goes to family by itself."))
        if reader.why_not is not None:
            found.append((reader.why_not, NOT_ASKED.get(reader.why_not, _NOT_ASKED)))
        if not reader.child_ids:
            found.append((NO_RESPONSIBILITY, "They hold parental responsibility for none of the children."))
        if not record.is_in_order(matter.chair):
            found.append((NOT_THE_CHAIR, "The meeting has a chair, and somebody else approved it without saying why."))
        if not record.is_checked:
            found.append((NOT_CHECKED, "No second person has checked what the family gets."))
        if _shares_address(reader, matter):
            found.append((SHARED_ADDRESS, "Somebody else, of the family or an agency, reads mail at the same address."))
    elif reader.why_not is not None:
        found.append((reader.why_not, NOT_ASKED.get(reader.why_not, _NOT_ASKED)))
    if reader.address is None:
        found.append((NO_ADDRESS, "There is no address for them that may be used: tell them another way."))
    return found


def _shares_address(reader: Reader, matter: Matter) -> bool:
    """Whether somebody else of the family gave the same address, or an agency reads mail there: what is sent there
    reaches them both.
    """
    own = (reader.address or "").casefold()
    others = (each for each in matter.people.values() if each.person_id != reader.person_id and each.email)
    return own in matter.agency_addresses or any((each.email or "").casefold() == own for each in others)


def _section(number: int, section: Section, reader: Reader, matter: Matter, forbidden: Forbidden) -> Decided:
    """What is decided of one section for one reader."""
    audience = section.audience
    if audience.besides & reader.ids:
        return Decided(number, EXCLUDED, "They are excluded from this part.")
    if audience.only is not None and not audience.only & reader.ids:
        return Decided(number, NOT_NAMED, "It is for those whom it names, and they are not among them.")
    why_not = _of_family(section, reader, matter) if reader.is_family else _of_an_agency(section, reader)
    if why_not is not None:
        return Decided(number, *why_not)
    found = given_away(section.heading, section.text, forbidden)
    return Decided(number, IDENTIFIES_ANOTHER, in_words(found)) if found else Decided(number)


def _of_family(section: Section, reader: Reader, matter: Matter) -> tuple[str, str] | None:
    """Why a member of the family does not get a section. Of a part about themselves a child gets what names them, and
    of one about a child of their own what a parent gets.
    """
    if section.audience.to == PROFESSIONALS:
        return NOT_FOR_FAMILY, "It is for professionals."
    about = frozenset(section.child_ids or matter.child_ids)
    if not about <= own_children(reader, matter):
        return OTHER_CHILDREN, "It is about a child for whom they hold no responsibility."
    if about & reader.oneself and section.audience.only is None:
        return NOT_NAMED, "A child gets what the chair names them for."
    return None


def _of_an_agency(section: Section, reader: Reader) -> tuple[str, str] | None:
    """Why an agency does not get a section."""
    if section.child_ids and reader.child_ids.isdisjoint(section.child_ids):
        return OTHER_CHILDREN, "It is about a child on whose account they were not asked."
    return None


def content_name(record: Record, copy: Copy) -> str:
    """The name of what a copy holds, whoever it is for: the same for the same parts."""
    parts = [record.record_id, record.version, [[s.heading, s.text] for s in (record.sections[n] for n in copy.whole)]]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
