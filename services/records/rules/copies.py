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

from services.records.rules.record import EVERYONE, PROFESSIONALS, Matter, Reader, Record, Section

# Why a whole copy is not sent.
FAMILY_NEVER, FLAGGED, NOT_CHECKED = "family_never", "flagged", "not_checked"
NOTHING_FOR_THEM, NO_RESPONSIBILITY, NO_ADDRESS = "nothing_for_them", "no_responsibility", "no_address"

# Why a section is left out.
NOT_FOR_FAMILY, NOT_NAMED, EXCLUDED = "not_for_family", "not_named", "excluded"
OTHER_CHILDREN, IDENTIFIES_ANOTHER = "other_children", "identifies_another"


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
    return [copy_of(record, reader, matter) for reader in readers]


def copy_of(record: Record, reader: Reader, matter: Matter) -> Copy:
    """What one reader gets of a record."""
    decided = tuple(_section(number, section, reader, matter) for number, section in enumerate(record.sections))
    for why_not, text in _nothing(record, reader, matter):
        return Copy(reader, decided, why_not, text)
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
        if record.checked_by is None:
            found.append((NOT_CHECKED, "No second person has checked what the family gets."))
        if not reader.child_ids:
            found.append((NO_RESPONSIBILITY, "They hold parental responsibility for none of the children."))
    if reader.why_not is not None:
        found.append((reader.why_not, "They are not asked, by a decision that a person gave."))
    elif reader.address is None:
        found.append((NO_ADDRESS, "There is no address for them that may be used."))
    return found


def _section(number: int, section: Section, reader: Reader, matter: Matter) -> Decided:
    """What is decided of one section for one reader."""
    audience = section.audience
    if audience.besides & reader.ids:
        return Decided(number, EXCLUDED, "They are excluded from this part.")
    if audience.only is not None and not audience.only & reader.ids:
        return Decided(number, NOT_NAMED, "It is for those whom it names, and they are not among them.")
    if reader.is_family and audience.to == PROFESSIONALS:
        return Decided(number, NOT_FOR_FAMILY, "It is for professionals.")
    about = set(section.child_ids or matter.child_ids)
    if reader.is_family:
        if not about <= reader.child_ids:
            return Decided(number, OTHER_CHILDREN, "It is about a child for whom they hold no responsibility.")
        if reader.kind == "child" and audience.only is None:
            return Decided(number, NOT_NAMED, "A child gets what the chair names them for.")
    elif section.child_ids and not about & reader.child_ids:
        return Decided(number, OTHER_CHILDREN, "It is about a child on whose account they were not asked.")
    assert audience.to in (None, EVERYONE, PROFESSIONALS)
    return Decided(number)


def content_name(record: Record, copy: Copy) -> str:
    """The name of what a copy holds, whoever it is for: the same for the same parts."""
    parts = [record.record_id, record.version, [[s.heading, s.text] for s in (record.sections[n] for n in copy.whole)]]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
