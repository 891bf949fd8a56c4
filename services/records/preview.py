"""What would go to whom of a record, before anything goes: each reader's copy, what is left out of it and why, and what
a person has to look at.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from schemas.policy import Policy
from services.foundation.work import Work
from services.records.document import content, file_name, for_reader
from services.records.handlers.copies import how
from services.records.printing import Printer
from services.records.readers import Around, around
from services.records.rules.copies import (
    FLAGGED,
    IDENTIFIES_ANOTHER,
    NO_ADDRESS,
    NOT_CHECKED,
    Copy,
    copies,
)
from services.records.rules.dispatch import ATTACHMENT
from services.records.rules.record import Reader, Record, Section
from services.records.store import records
from services.records.taken_part import TakenPart, taken_part


@dataclass(frozen=True, slots=True)
class Foreseen:
    """One reader's copy, and the way it would go."""

    copy: Copy
    how: str


@dataclass(frozen=True, slots=True)
class Preview:
    """What would go to whom. `before` is the newest version that was approved, None where there is none."""

    record: Record
    about: Around
    part: TakenPart
    foreseen: tuple[Foreseen, ...]
    before: Record | None

    def warnings(self) -> list[str]:
        """What a person has to look at before it goes."""
        return list(dict.fromkeys(_warnings(self)))

    def document(self) -> dict[str, Any]:
        """The same as JSON."""
        record = self.record
        return {
            "record_id": record.record_id,
            "meeting_id": record.meeting_id,
            "kind": record.kind,
            "version": record.version,
            **({"replaces": self.before.version} if self.before else {}),
            **({"changes": changes(self.before, record)} if self.before else {}),
            "copies": [_as_json(each, self.record, self.about) for each in self.foreseen],
            "for_a_person": self.warnings(),
        }


async def foresee(work: Work, record: Record) -> Preview:
    """What would go to whom, as things stand; nothing is stored or sent. The meeting must be known."""
    about = (await around(work.db, work.policy, [record.meeting_id]))[record.meeting_id]
    part = (await taken_part(work.db, [record.meeting_id]))[record.meeting_id]
    versions = (await records.of_records(work.db, [record.record_id])).get(record.record_id, {})
    older = [each for number, each in versions.items() if number < record.version]
    foreseen = tuple(Foreseen(copy, how(work, copy.reader)) for copy in copies(record, about.readers, about.matter))
    return Preview(record, about, part, foreseen, max(older, key=lambda each: each.version, default=None))


def changes(before: Record | None, record: Record) -> list[str]:
    """What differs from an earlier version, by headings, in words."""
    if before is None:
        return []
    old = {(each.heading, _number_of(before, n)): each for n, each in enumerate(before.sections)}
    new = {(each.heading, _number_of(record, n)): each for n, each in enumerate(record.sections)}
    found = [f"added: {name[0]}" for name in new if name not in old]
    found += [f"gone: {name[0]}" for name in old if name not in new]
    for name, each in new.items():
        if name in old:
            found += [f"{what}: {name[0]}" for what in _differs(old[name], each)]
    return found


def _number_of(record: Record, number: int) -> int:
    """Which of the sections with the same heading this is."""
    return sum(each.heading == record.sections[number].heading for each in record.sections[:number])


def _differs(old: Section, new: Section) -> Iterator[str]:
    if old.text != new.text:
        yield "text changed"
    if old.audience != new.audience:
        yield "other readers"
    if set(old.child_ids) != set(new.child_ids):
        yield "other children"


def called(reader: Reader, about: Around) -> str:
    """What to call a reader to a coordinator; a child by its initials."""
    child = about.children.get(reader.person_id or "")
    return reader.name or (child.initials if child else reader.agency_id or reader.person_id or reader.party)


def _warnings(preview: Preview) -> Iterator[str]:
    reached: set[int] = set()
    for each in preview.foreseen:
        who, copy = called(each.copy.reader, preview.about), each.copy
        reached |= set(copy.whole)
        if copy.why_not in (NO_ADDRESS, FLAGGED):
            yield f"{who}: {copy.text} A person has to decide, or bring it."
        for decided in copy.sections:
            if decided.why_not == IDENTIFIES_ANOTHER and copy.why_not is None:
                heading = preview.record.sections[decided.number].heading
                yield f"{who}: section {decided.number + 1} “{heading}” is left out: {decided.text}"
    unchecked = sum(each.copy.why_not == NOT_CHECKED for each in preview.foreseen)
    if unchecked:
        yield (
            f"Nothing goes to {unchecked} of the family until a second person has checked what they get: approve it "
            "with --checked-by"
        )
    for number, section in enumerate(preview.record.sections):
        if number not in reached:
            yield f"Section {number + 1} “{section.heading}” reaches nobody at all."


def _as_json(each: Foreseen, record: Record, about: Around) -> dict[str, Any]:
    copy, reader = each.copy, each.copy.reader
    goes = copy.why_not is None
    names = {"agency_id": reader.agency_id, "person_id": reader.person_id, "team_id": reader.team_id}
    return {
        **{name: value for name, value in names.items() if value is not None},
        "name": called(reader, about),
        "kind": reader.kind,
        "goes": goes,
        **({"how": each.how, "address": reader.address} if goes else {"why_not": copy.why_not, "text": copy.text}),
        "sections": [
            {
                "number": decided.number + 1,
                "heading": record.sections[decided.number].heading,
                "whole": goes and decided.why_not is None,
                **({"why_not": decided.why_not, "text": decided.text} if decided.why_not else {}),
            }
            for decided in copy.sections
        ],
    }


def in_words(each: Foreseen) -> str:
    """How a copy would go, or why it would not."""
    if each.copy.why_not is not None:
        return f"Nothing: {each.copy.text}"
    way = "attached, to" if each.how == ATTACHMENT else "by a link, to"
    return f"{way} {each.copy.reader.address}"


def print_all(preview: Preview, policy: Policy, folder: Path) -> Mapping[str, Path]:
    """Write each reader's copy into a folder, as it would leave, by the reader's party. Raises `OSError`, also where a
    file of that name is there.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    printer, found = Printer("record"), {}
    record, about = preview.record, preview.about
    name = file_name(record, about).removesuffix(".pdf")
    replaces = preview.before.version if preview.before else None
    for number, each in enumerate(preview.foreseen, 1):
        if each.copy.why_not is not None:
            continue
        words = content(record, each.copy, about, policy, preview.part, replaces)
        pdf = printer.print(words, for_reader(about, policy, each.copy), int(record.approved_at.timestamp()))
        party = each.copy.reader.party.strip(":").replace(":", "-")
        path = folder / f"{name}-{number:02d}-{party}.pdf"
        with path.open("xb") as file:
            path.chmod(0o600)
            file.write(pdf)
        found[each.copy.reader.party] = path
    return found
