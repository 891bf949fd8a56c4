"""What would go to whom of a record, before anything goes: each reader's copy, what is left out of it and why, and what
a person has to look at.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from schemas.policy import Policy
from services.foundation.work import Work
from services.meetings.rules import say
from services.records.by_mesh import mailbox_of
from services.records.document import content, file_name, for_reader
from services.records.handlers.copies import how, lacks_link
from services.records.printing import Printer
from services.records.readers import Around, around
from services.records.rules.copies import (
    ALL_HELD_BACK,
    FLAGGED,
    IDENTIFIES_ANOTHER,
    NO_ADDRESS,
    NOT_CHECKED,
    NOT_THE_CHAIR,
    SHARED_ADDRESS,
    Copy,
    Decided,
    copies,
)
from services.records.rules.dispatch import ATTACHMENT, MESH, NO_LINK
from services.records.rules.record import Reader, Record, Section
from services.records.rules.versions import FOR_NOW, TAKEN_BACK, Step, decide, last_had, silent
from services.records.rules.why import why_in_words
from services.records.store import dispatches, records
from services.records.taken_part import TakenPart, taken_part
from services.records.theirs import is_shut_to


@dataclass(frozen=True, slots=True)
class Foreseen:
    """One reader's copy, and the way it would go: `mailbox` is where it goes by MESH besides. `kept`: the copy that
    they have says the same, and stands. `has`: they have a copy of an earlier version, as far as anyone knows.
    `taken_back`: it is taken back.
    """

    copy: Copy
    how: str
    mailbox: str | None = None
    why_not: str | None = None
    kept: bool = False
    has: bool = False
    taken_back: bool = False

    @property
    def goes(self) -> bool:
        """Whether anything is sent to this reader."""
        return self.why_not is None and not self.kept

    @property
    def held_back(self) -> list[Decided]:
        """The parts that are left out for what they seem to give away, and would be in it else, now or later on."""
        if self.copy.why_not is not None and self.copy.why_not not in FOR_NOW:
            return []
        return [each for each in self.copy.sections if each.why_not == IDENTIFIES_ANOTHER]


@dataclass(frozen=True, slots=True)
class Preview:
    """What would go to whom. `approved` says whether this version is, `before` is the newest one before it that was;
    None where there is none.
    """

    record: Record
    approved: bool
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
    decided = copies(record, about.readers, about.matter)
    sent = (await dispatches.about(work.db, [record.record_id])).get(record.record_id, [])
    earlier = [each for each in sent if each.version < record.version]
    known = {**{each.version: each for each in older}, record.version: record}
    steps = decide(
        known,
        decided,
        [each for each in earlier if each.channel != MESH],
        (await records.recalls_of(work.db, [record.record_id])).get(record.record_id, ()),
        silent(about.matter, about.readers),
        is_shut=is_shut_to(about, known, record),
        lacks_link=partial(lacks_link, work),
    )
    have = {each.party for each in earlier if last_had([each]) is not None}
    foreseen = tuple(_foreseen(work, copy, about, steps, copy.reader.party in have) for copy in decided)
    approved = versions.get(record.version) == record
    return Preview(record, approved, about, part, foreseen, max(older, key=lambda each: each.version, default=None))


def _foreseen(work: Work, copy: Copy, about: Around, steps: Sequence[Step], has: bool) -> Foreseen:
    """One reader's copy, as the same rules as later decide on it."""
    reader = copy.reader
    own = [each for each in steps if each.copy is not None and each.copy.reader.party == reader.party]
    way, why_not = how(work, reader), copy.why_not
    if any(each.what == "recall" for each in own):
        why_not = TAKEN_BACK
    if why_not is None and lacks_link(work, reader):
        why_not = NO_LINK
    return Foreseen(
        copy,
        way,
        mailbox_of(work, reader, about.agencies) if why_not is None else None,
        why_not,
        any(each.what == "keep" for each in own),
        has,
        any(e.what == "withdraw" and e.dispatch is not None and e.dispatch.party == reader.party for e in steps),
    )


def differences(shown: Preview, now: Preview) -> list[str]:
    """What is no more as it was shown, in words: each reader's copy as it would go now, and what is for a person."""
    before, after = (
        {each.copy.reader.party: _as_json(each, of.record, of.about) for each in of.foreseen} for of in (shown, now)
    )
    found = []
    for each in now.foreseen:
        party = each.copy.reader.party
        if before.get(party) != after[party]:
            numbers = ", ".join(str(number + 1) for number in each.copy.whole)
            parts = f", sections {numbers}" if each.goes else ""
            found.append(f"{called(each.copy.reader, now.about)}: {in_words(each)}{parts}")
    found += [
        f"{called(each.copy.reader, shown.about)}: reads it no more"
        for each in shown.foreseen
        if each.copy.reader.party not in after
    ]
    return found + [each for each in now.warnings() if each not in shown.warnings()]


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
    meeting = preview.about.meeting
    if meeting.state != "held":
        yield (
            f"The meeting is not known to have been held: it is on record as {meeting.state}, on {say(meeting.day)}. "
            "See that it is the one that is meant."
        )
    reached: set[int] = set()
    for each in preview.foreseen:
        who, copy = called(each.copy.reader, preview.about), each.copy
        reached |= set(copy.whole)
        if each.why_not in (NO_ADDRESS, FLAGGED, SHARED_ADDRESS, NO_LINK):
            yield f"{who}: {_why_not(each)} A person has to decide, or bring it."
        if copy.why_not == ALL_HELD_BACK:
            yield f"{who}: nothing goes to them, since all that would be theirs is left out.{_what_they_have(each)}"
        for decided in each.held_back:
            heading = preview.record.sections[decided.number].heading
            yield f"{who}: section {decided.number + 1} “{heading}” is left out: {decided.text}"
    unchecked = sum(each.copy.why_not == NOT_CHECKED for each in preview.foreseen)
    if unchecked:
        yield (
            f"Nothing goes to {unchecked} of the family until a second person has checked what they get: approve it "
            "with --checked-by"
        )
    unlike = sum(each.copy.why_not == NOT_THE_CHAIR for each in preview.foreseen)
    if unlike:
        yield (
            f"Nothing goes to {unlike} of the family until the chair approves it, or it is said why somebody stands "
            "in: approve it with --in-place-of-chair"
        )
    for number, section in enumerate(preview.record.sections):
        if number not in reached:
            yield f"Section {number + 1} “{section.heading}” reaches nobody at all."


def _what_they_have(each: Foreseen) -> str:
    """What becomes of an earlier copy, where a reader has one and gets nothing new."""
    if each.taken_back:
        return " The copy that they have is taken back."
    return " What they have is not asked back; a link to it opens no more." if each.has else ""


def _as_json(each: Foreseen, record: Record, about: Around) -> dict[str, Any]:
    copy, reader = each.copy, each.copy.reader
    names = {"agency_id": reader.agency_id, "person_id": reader.person_id, "team_id": reader.team_id}
    return {
        **{name: value for name, value in names.items() if value is not None},
        "name": called(reader, about),
        "kind": reader.kind,
        "goes": each.goes,
        **({"how": each.how, "address": reader.address} if each.goes else {}),
        **({"mesh": each.mailbox} if each.goes and each.mailbox else {}),
        **({"kept": True} if each.kept else {}),
        **({"taken_back": True} if each.taken_back else {}),
        **({"why_not": each.why_not, "text": _why_not(each)} if each.why_not is not None else {}),
        "sections": [
            {
                "number": decided.number + 1,
                "heading": record.sections[decided.number].heading,
                "whole": each.why_not is None and decided.why_not is None,
                **({"why_not": decided.why_not, "text": decided.text} if decided.why_not else {}),
            }
            for decided in copy.sections
        ],
    }


def _why_not(each: Foreseen) -> str:
    """Why nothing goes to a reader, as a sentence."""
    if each.copy.why_not is not None:
        return each.copy.text
    words = why_in_words(each.why_not or "", each.copy.reader.is_family)
    return words[:1].upper() + words[1:]


def in_words(each: Foreseen) -> str:
    """How a copy would go, or why it would not."""
    back = " The copy that they have is taken back." if each.taken_back else ""
    if each.why_not is not None:
        return f"Nothing: {_why_not(each)}{back}"
    if each.kept:
        return "Nothing new: the copy that they have says the same."
    way = "attached, to" if each.how == ATTACHMENT else "by a link, to"
    mesh = f", and by MESH, to {each.mailbox}" if each.mailbox else ""
    return f"{way} {each.copy.reader.address}{mesh}{back}"


def print_all(preview: Preview, policy: Policy, folder: Path) -> Mapping[str, Path]:
    """Write each reader's copy into a folder, by the reader's party: as it would leave, but that it says on each page
    where nobody has approved it. Raises `OSError`, also where a file of that name is there.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    printer, found = Printer("record"), {}
    record, about = preview.record, preview.about
    name = file_name(record, about).removesuffix(".pdf")
    replaces = preview.before.version if preview.before else None
    for number, each in enumerate(preview.foreseen, 1):
        if not each.goes:
            continue
        words = content(record, each.copy, about, policy, preview.part, replaces, approved=preview.approved)
        pdf = printer.print(words, for_reader(about, policy, each.copy), int(record.approved_at.timestamp()))
        party = each.copy.reader.party.strip(":").replace(":", "-")
        path = folder / f"{name}-{number:02d}-{party}.pdf"
        with path.open("xb") as file:
            path.chmod(0o600)
            file.write(pdf)
        found[each.copy.reader.party] = path
    return found
