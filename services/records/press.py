"""The press: makes the documents of what was decided, outside of every transaction, and has them queued.

A document is on the disk before the letter that carries it is queued. A press that dies in between leaves its claim,
which is taken over or runs out; the next one makes the same documents again, which are the same files. One that cannot
be made keeps no other back. While the disk takes none, or the database is away, what is to be made waits.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import Any

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from services.foundation import claims, outbox
from services.foundation.claims import Rest
from services.foundation.documents import Documents
from services.foundation.outbox import LEASE, OutboxRow, Settlement
from services.foundation.trouble import DatabaseTrouble
from services.foundation.work import Work
from services.intake.accept import Intake
from services.records.document import content, for_reader
from services.records.handlers.copies import PRINT, printed
from services.records.handlers.printing import withhold
from services.records.printing import CannotPrint, Printer
from services.records.readers import Around, around
from services.records.rules.dispatch import PRINTING, Dispatch
from services.records.rules.front_page import front_page, may_be_shown
from services.records.rules.printing import CANNOT_BE_PRINTED, NOT_AS_DECIDED, still_allowed, wait_after
from services.records.rules.record import Record
from services.records.rules.versions import last_had, whole
from services.records.store import dispatches, records
from services.records.taken_part import TakenPart, taken_part

log = structlog.get_logger()

BATCH = 10
TO_BEGIN = LEASE / 2  # of a claim's time: no document is begun after it
PRINTERS = 2  # at work on one version at the same time
NOTE_WHEN_STOPPING = 4.0  # seconds that a press that stops may take to note what it made


@dataclass(slots=True)
class Tally:
    """What a press did: documents made, copies for which none can or may be made, and rows that were put off."""

    made: int = 0
    withheld: int = 0
    put_off: int = 0


@dataclass(slots=True)
class Job:
    """The copies of one version: what there is to make, and what became of it."""

    row: OutboxRow
    record: Record
    some: Sequence[Dispatch]
    about: Around
    part: TakenPart
    replaces: Mapping[str, int]  # for each party the newest version before that they had
    made: dict[str, str] = field(default_factory=dict)
    shown: dict[str, dict[str, Any]] = field(default_factory=dict)
    withheld: dict[str, str] = field(default_factory=dict)
    left: bool = False  # not all of it was begun
    trouble: str | None = None  # why the disk took no document


@dataclass(slots=True)
class Press:
    """One press; as many as needed may run beside each other on a shared database."""

    intake: Intake
    name: str = field(default_factory=claims.worker_name)
    printers: list[Printer] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=count)  # of its claims
    ended: list[tuple[OutboxRow, Job | None]] = field(default_factory=list)  # what is not noted yet
    stopping: bool = False
    rest: Rest = field(default_factory=Rest)  # of the disk
    tally: Tally = field(default_factory=Tally)

    async def drain(self, progress: Callable[[], None] = lambda: None) -> int:
        """Make all that is due; returns how many documents were made. Raises `DatabaseTrouble` where the database is
        away for too long; what was made by then is kept, and noted first of all the next time.
        """
        before = self.tally.made
        await self._note(progress)
        while rows := await self._claim():
            try:
                await self._make(rows, progress)
            finally:
                begun = {row.outbox_id for row, _ in self.ended}
                self.ended += [(row, None) for row in rows if row.outbox_id not in begun]
            await self._note(progress)
            progress()
        return self.tally.made - before

    def stop(self) -> None:
        """Begin no other document; what is not made falls due again."""
        self.stopping = True

    async def _claim(self) -> list[OutboxRow]:
        if self.stopping:
            return []
        now = self.intake.clock.now()
        async with self.intake.database.write(alone=False) as db:
            claim = claims.claim_of(self.name, next(self.numbers))
            return await outbox.claim(db, outbox.PRINT, (PRINT,), claim, BATCH, now, LEASE)

    async def _make(self, rows: Sequence[OutboxRow], progress: Callable[[], None]) -> None:
        """Make the documents of a batch; they are on the disk when this returns."""
        until = asyncio.get_running_loop().time() + TO_BEGIN.total_seconds()
        for job in await self._jobs(rows):
            if self.stopping or asyncio.get_running_loop().time() > until:
                return
            try:
                await self._print(job)
            except asyncio.CancelledError:
                self.stop()
                raise
            self.ended.append((job.row, job))
            progress()

    async def _jobs(self, rows: Sequence[OutboxRow]) -> list[Job]:
        """What there is to make for these rows, read in one go, as things stand."""
        policy = self.intake.policy
        ids = {row.params["record_id"] for row in rows}
        async with self.intake.database.read() as db:
            known = await records.of_records(db, ids)
            waiting = await dispatches.about(db, ids)
            meeting_ids = {record.meeting_id for versions in known.values() for record in versions.values()}
            about = await around(db, policy, meeting_ids)
            part = await taken_part(db, meeting_ids)
        jobs = []
        for row in rows:
            versions = known[row.params["record_id"]]
            record = versions[row.params["version"]]
            some = [e for e in waiting.get(record.record_id, ()) if e.state == PRINTING and e.version == record.version]
            replaces = _had_before(record, waiting.get(record.record_id, ()))
            jobs.append(Job(row, record, some, about[record.meeting_id], part[record.meeting_id], replaces))
        return jobs

    async def _print(self, job: Job) -> None:
        """Make the documents of one version, up to the first that the disk does not take. They are shared among
        printers, each in a thread of its own; those in which the same parts stand go to one, which lays them out once.
        """
        some = sorted(job.some, key=whole)
        share = max(1, -(-len(some) // PRINTERS))
        shares = [some[start : start + share] for start in range(0, len(some), share)]
        self.printers += [Printer("record") for _ in shares[len(self.printers) :]]
        under_way = [
            asyncio.to_thread(self._print_with, printer, job, own)
            for printer, own in zip(self.printers, shares, strict=False)
        ]
        await asyncio.gather(*under_way)

    def _print_with(self, printer: Printer, job: Job, some: Sequence[Dispatch]) -> None:
        kept = Documents(self.intake.settings.documents_folder)
        readers = {reader.party: reader for reader in job.about.readers}
        policy, moment = self.intake.policy, int(job.record.approved_at.timestamp())
        for each in some:
            if job.trouble is not None:
                return
            if self.stopping:
                job.left = True
                return
            try:
                copy = still_allowed(job.record, each, readers.get(each.party), job.about.matter)
                if copy is None:
                    job.withheld[each.dispatch_id] = NOT_AS_DECIDED
                    continue
                words = content(job.record, copy, job.about, policy, job.part, job.replaces.get(each.party))
                pdf = printer.print(words, for_reader(job.about, policy, copy), moment)
                job.made[each.dispatch_id] = kept.keep([pdf]).document_id
                job.shown[each.dispatch_id] = front_page(copy.reader, job.about.readers, job.about.matter)
            except OSError as trouble:
                log.warning("document_not_kept", dispatch_id=each.dispatch_id, reason=trouble.strerror)
                job.trouble = trouble.strerror or type(trouble).__name__
                return
            except Exception as wrong:  # whatever is wrong with one document, the others are made
                reason = str(wrong) if isinstance(wrong, CannotPrint) else type(wrong).__name__
                log.error("document_cannot_be_made", dispatch_id=each.dispatch_id, reason=reason)
                job.withheld[each.dispatch_id] = CANNOT_BE_PRINTED

    async def _note(self, progress: Callable[[], None]) -> None:
        """Note what was made, again and again while the database is away."""
        begun = asyncio.get_running_loop().time()
        at_once = len(self.ended)
        wrong: Exception | None = None

        def by() -> float | None:
            return begun + NOTE_WHEN_STOPPING if self.stopping else None

        while self.ended:
            some = self.ended[:at_once]
            try:
                await claims.note(self.intake.database, partial(self._settle, some), len(some), by, progress)
            except DatabaseTrouble:
                raise
            except Exception as failure:  # whatever is wrong with one, the others are noted
                if at_once == 1:
                    wrong = failure
                    del self.ended[:1]  # its claim runs out, and it is made again
                at_once = 1
            else:
                del self.ended[: len(some)]
                self._count(some)
        if wrong is not None:
            raise wrong

    async def _settle(self, some: Sequence[tuple[OutboxRow, Job | None]], db: AsyncConnection) -> None:
        """Note what became of rows, as far as they are still this press's to note."""
        work = self.intake.work(db)
        mine = await outbox.still_claimed(db, [row for row, _ in some])
        done = [(row, job) for row, job in some if row.outbox_id in mine]
        await outbox.settle(work.db, [_settlement(row, job, work) for row, job in done], work.now)
        jobs = [job for _, job in done if job is not None]
        now = await dispatches.by_ids(work.db, {each.dispatch_id for job in jobs for each in job.some})
        # What was decided anew meanwhile is not what was printed: it has a row of its own, and is printed for that.
        same = {e.dispatch_id for job in jobs for e in job.some if _as_printed(e, now[e.dispatch_id])}
        too_much = await _shows_too_much(work, jobs)
        why = {each: why for job in jobs for each, why in job.withheld.items()} | dict.fromkeys(
            too_much, NOT_AS_DECIDED
        )
        made = {
            each.dispatch_id: job.made[each.dispatch_id]
            for job in jobs
            for each in job.some  # in this order, whichever printer was first
            if each.dispatch_id in job.made and each.dispatch_id not in too_much
        }
        shown = {each: found for job in jobs for each, found in job.shown.items()}
        await withhold(work, {each: why[each] for each in why if each in same})
        await printed(work, {each: made[each] for each in made if each in same}, shown)
        await self.intake.finish(work)

    def _count(self, some: Sequence[tuple[OutboxRow, Job | None]]) -> None:
        for row, job in some:
            self.tally.put_off += job is None or job.left or job.trouble is not None
            if job is not None:
                self.tally.made += len(job.made)
                self.tally.withheld += len(job.withheld)
                if job.trouble is not None:
                    until = self.intake.clock.now() + wait_after(row.attempts + 1)
                    self.rest.begin(until, f"the folder of documents takes none ({job.trouble})")
                elif job.made:
                    self.rest.end()


async def _shows_too_much(work: Work, jobs: Sequence[Job]) -> set[str]:
    """Which of the copies that were made show something on their front page that their readers may not be told any
    more, since something was recorded while they were printed.
    """
    about = await around(work.db, work.policy, {job.record.meeting_id for job in jobs if job.made})
    found = set()
    for job in jobs:
        where = about.get(job.record.meeting_id)
        readers = {reader.party: reader for reader in where.readers} if where is not None else {}
        for each in job.some:
            if each.dispatch_id in job.made:
                reader, shown = readers.get(each.party), job.shown[each.dispatch_id]
                if where is None or reader is None or not may_be_shown(shown, reader, where.readers, where.matter):
                    found.add(each.dispatch_id)
    return found


def _had_before(record: Record, standing: Iterable[Dispatch]) -> dict[str, int]:
    """The newest version before this one that each party has, and that was not taken back: the one whose place theirs
    takes.
    """
    by_party: dict[str, list[Dispatch]] = {}
    for each in standing:
        if each.version < record.version:
            by_party.setdefault(each.party, []).append(each)
    had = {party: last_had(some) for party, some in by_party.items()}
    return {party: each.version for party, each in had.items() if each is not None}


def _as_printed(before: Dispatch, now: Dispatch) -> bool:
    """Whether a dispatch is still decided as it was when its document was made."""
    names = ("state", "address", "decided", "written_at")
    return all(getattr(before, name) == getattr(now, name) for name in names)


def _settlement(row: OutboxRow, job: Job | None, work: Work) -> Settlement:
    if job is None or job.left:
        return Settlement(row.outbox_id, "pending", "", row.attempts, work.now)
    attempts = row.attempts + 1
    if job.trouble is not None:
        return Settlement(row.outbox_id, "pending", "could not be kept", attempts, work.now + wait_after(attempts))
    if job.withheld and not job.made:
        return Settlement(row.outbox_id, "failed", ", ".join(sorted(set(job.withheld.values()))), attempts, work.now)
    return Settlement(row.outbox_id, "sent", f"{len(job.made)} made", attempts, work.now)
