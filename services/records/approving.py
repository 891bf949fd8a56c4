"""From a document in Word to an approved record: what it says, which version it is, and who may approve it.

What follows is an event like any other: this writes none of the tables.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.envelope import encode
from schemas.persons import may_be_same_person, same_person
from schemas.policy import Policy
from services.directory.rules import Cause
from services.foundation.clock import london_date
from services.intake.accept import Arrival, Intake, Verdict
from services.participation.store.quoracy import held_facts
from services.records.due import held_at
from services.records.readers import Around, around
from services.records.rules.dispatch import RECORD as COPY_OF_RECORD
from services.records.rules.due import in_force, is_early
from services.records.rules.own_copies import copies_of, goes_again
from services.records.rules.record import PLAN, Record
from services.records.rules.versions import Recall, is_taken_back
from services.records.store import dispatches, records
from services.records.today import today
from services.records.word.form import KIND, MEETING, RECORD, VERSION
from services.records.word.naming import children_of, parties_of
from services.records.word.read import DoesNotFit, Fault, Written, take_apart, understand

SOURCE = "/quorate/record"
APPROVED, RECALLED = "quorate.record.approved.v1", "quorate.record.recalled.v1"
CHAIR, SECOND_PERSON = "(the chair)", "(a second person)"
"""Who approves and checks what is only looked at so far."""


class MayNot(Exception):
    """This person may not approve this record; the message says why, and what would be right."""


@dataclass(frozen=True, slots=True)
class Given:
    """Who approves: `by`, in place of the chair for a reason or not, and `checked_by`, the second person."""

    by: str
    checked_by: str | None = None
    in_place_of_chair: str | None = None


@dataclass(frozen=True, slots=True)
class Read:
    """A document that fits, with its meeting and the versions of the record that are known."""

    written: Written
    about: Around
    versions: Mapping[int, Record]
    recalls: Sequence[Recall] = ()
    without: frozenset[str] = frozenset()
    """The readers of whom the newest version was never decided: they came, or are asked, only since it was approved;
    and those who may have it by now and have none that they can read.
    """
    held_on: date | None = None
    """The day on which the meeting was held; None where it is not known to have been."""

    @property
    def newest(self) -> Record | None:
        """The newest version that was approved."""
        return self.versions[max(self.versions)] if self.versions else None

    @property
    def is_taken_back(self) -> bool:
        """Whether the newest version was taken back from everyone: the same words can only go as another."""
        return self.newest is not None and is_taken_back(self.newest, self.recalls)

    def is_early(self, now: datetime) -> bool:
        """Whether a decision or minutes in force were approved before the meeting alone, and it has been held by now:
        then the same words are due still.
        """
        some = [each for each in in_force(self.versions.values(), self.recalls) if each.kind != PLAN]
        if self.held_on is None or london_date(now) < self.held_on:
            return False
        return bool(some) and all(is_early(each, self.held_on) for each in some)


async def read(db: AsyncConnection, policy: Policy, content: bytes) -> Read:
    """What a document says. Raises `word.package.NotRead` where it is none, and `DoesNotFit` with all that is wrong."""
    paper = take_apart(content)
    if paper.meeting_id is None:
        raise DoesNotFit(paper.faults)
    about = (await around(db, policy, [paper.meeting_id])).get(paper.meeting_id)
    if about is None:
        raise DoesNotFit([*paper.faults, Fault(f"no meeting {paper.meeting_id} is known here", line=MEETING)])
    record_id = paper.facts.get(RECORD)
    versions = (await records.of_records(db, [record_id])).get(record_id, {}) if record_id else {}
    for line, known in (
        (MEETING, {each.meeting_id for each in versions.values()}),
        (KIND, {each.kind for each in versions.values()}),
    ):
        if known and paper.facts.get(line) not in known:
            paper.faults.append(Fault(f"is another one than that of record {record_id}: draft anew", line=line))
    recalls = (await records.recalls_of(db, [record_id])).get(record_id, []) if record_id else []
    without = await _without(db, about, versions, recalls) if versions else frozenset()
    held = held_at((await held_facts(db, [paper.meeting_id])).get(paper.meeting_id))
    written = understand(paper, parties_of(about, policy), children_of(about))
    return Read(written, about, versions, recalls, without, london_date(held) if held else None)


async def _without(
    db: AsyncConnection, about: Around, versions: Mapping[int, Record], recalls: Sequence[Recall]
) -> frozenset[str]:
    """Who was asked to the meeting or was there, and of whose copy of the newest version nothing was decided; and who
    may have theirs and has none that they can read: it was kept back for what holds no more, or opens no more.
    """
    newest = versions[max(versions)]
    sent = [
        e
        for e in (await dispatches.about(db, [newest.record_id])).get(newest.record_id, ())
        if e.kind == COPY_OF_RECORD
    ]
    decided = {each.party for each in sent if each.version == newest.version}
    wanted = {
        each.party
        for each in about.readers
        if (each.invited or each.attended == "present") and (not each.came_later or newest.kind == PLAN)
    }
    again = {
        each.party
        for each in copies_of(versions.values(), sent, ())
        if goes_again(each, today(each, versions, about, recalls))
    }
    return frozenset(wanted - decided | again)


def proposed(read: Read, given: Given | None, now: datetime) -> Record:
    """The version that approving a document makes: the newest one, where it says the same and is decided for everyone,
    else the one after it. Of the same words as the next version whoever has them keeps them, and the others get theirs.
    The same words are another version too where what was approved of them, before the meeting was held, does not count.
    Raises `DoesNotFit` where the document was not made from the newest version: it would bring back what that one took
    out.
    """
    newest, written = read.newest, read.written
    sections = records.sections_of(written.sections)
    if newest is not None and newest.sections != sections and written.version != newest.version + 1:
        message = (
            f"was drafted as version {written.version}, and version {newest.version} has been approved: draft anew"
        )
        raise DoesNotFit([Fault(message, line=VERSION)])
    chair = read.about.meeting.chair
    who = given or Given(chair or CHAIR, SECOND_PERSON)
    by, checked_by = " ".join(who.by.split()), " ".join(who.checked_by.split()) if who.checked_by else None
    number = newest.version + 1 if newest else 1
    if newest is not None and newest.sections == sections and not read.is_taken_back and not read.is_early(now):
        is_checked_now = checked_by is not None and not newest.is_checked
        stands = newest.is_in_order(chair)
        if given is None or (stands and not is_checked_now):
            if not read.without:
                return newest  # nothing new is said of it, and nobody is without
        elif same_person(by, newest.approved_by):
            # The same words, and now somebody has checked them, or says why it is not the chair who approves.
            by, number = newest.approved_by, newest.version
    about = (written.record_id, written.meeting_id, written.kind, number)
    fresh = Record(*about, by, checked_by, sections, now, Cause(SOURCE, ""), who.in_place_of_chair)
    return replace(fresh, cause=Cause(SOURCE, _event_id(fresh)))


def _event_id(record: Record) -> str:
    """The name of an approval: the same for the same words by the same people."""
    who = [record.approved_by, record.checked_by, record.in_place_of_chair]
    said = json.dumps([_sections(record), *who], sort_keys=True, ensure_ascii=False)
    return _named(f"{record.record_id}.{record.version}", said)


def _named(about: str, said: str) -> str:
    """The id of an event about a record, which has room for 64 characters."""
    digest = hashlib.sha256(f"{about} {said}".encode()).hexdigest()
    return f"{about}.{digest[:20]}" if len(about) <= 40 else digest[:40]


def _sections(record: Record) -> list[dict[str, Any]]:
    found = []
    for each in record.sections:
        audience: Any = each.audience.to
        if each.audience.only is not None:
            audience = {"only": sorted(each.audience.only)}
        elif each.audience.to is None:
            audience = {"except": sorted(each.audience.besides)}
        found.append(
            {"heading": each.heading, "children": list(each.child_ids), "audience": audience, "text": each.text}
        )
    return found


def must_be_allowed(about: Around, given: Given) -> None:
    """Raises `MayNot` where the same person would approve and check, or somebody would who is not the chair."""
    if given.checked_by is not None and may_be_same_person(given.by, given.checked_by):
        raise MayNot(
            f"nobody checks what they approved, and {given.checked_by} may be {given.by}: --checked-by must name a "
            "second person. Give both names in full, with middle names where they are alike, or let another check it"
        )
    chair = about.meeting.chair
    if chair is not None and not same_person(chair, given.by) and given.in_place_of_chair is None:
        raise MayNot(
            f"the chair of this meeting is {chair}, and {given.by} is not: let the chair approve it, or say why "
            "somebody stands in with --in-place-of-chair REASON"
        )


async def approve(intake: Intake, record: Record, given: Given, about: Around, user: str) -> Verdict:
    """Send the approval on the one path. The same version by the same people is one event, however often it is sent."""
    data = {
        "record_id": record.record_id,
        "meeting_id": record.meeting_id,
        "kind": record.kind,
        "version": record.version,
        "approved_by": record.approved_by,
        **({"checked_by": record.checked_by} if record.checked_by else {}),
        **({"in_place_of_chair": record.in_place_of_chair} if record.in_place_of_chair else {}),
        "sections": _sections(record),
    }
    raw = encode(
        source=record.cause.source,
        id=record.cause.id,
        type=APPROVED,
        time=record.approved_at,
        subject=record.record_id,
        partition_key=about.meeting.partition_key,
        data=data,
    )
    [verdict] = await intake.accept([Arrival(raw, {"command": "record approve", "entered_by": user})])
    return verdict


async def stands(db: AsyncConnection, record: Record) -> bool:
    """Whether an approval that was taken in is what its number stands for: of two approvals at once the first one
    counts, and what the other says goes to nobody.
    """
    known = (await records.of_records(db, [record.record_id])).get(record.record_id, {}).get(record.version)
    return (
        known is not None
        and (known.meeting_id, known.kind) == (record.meeting_id, record.kind)
        and known.sections == record.sections
        and same_person(known.approved_by, record.approved_by)
    )


async def recall(intake: Intake, record: Record, about: Around, said: Mapping[str, Any], user: str) -> Verdict:
    """Take back what was sent of a record; `said` is what the event says besides which record it is."""
    now = intake.clock.now()
    data = {"record_id": record.record_id, "meeting_id": record.meeting_id, **said}
    raw = encode(
        source=SOURCE,
        id=_named(f"{record.record_id}.recalled", json.dumps([data, now.isoformat()], sort_keys=True)),
        type=RECALLED,
        time=now,
        subject=record.record_id,
        partition_key=about.meeting.partition_key,
        data=data,
    )
    [verdict] = await intake.accept([Arrival(raw, {"command": "record recall", "entered_by": user})])
    return verdict


def new_record_id(meeting_id: str, kind: str) -> str:
    """What a meeting's first record of a kind is called."""
    name = f"{meeting_id}.{kind}"
    return name if len(name) <= 64 else f"{hashlib.sha256(name.encode()).hexdigest()[:24]}.{kind}"
