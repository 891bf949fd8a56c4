"""The press: makes the documents of what was decided, outside of every transaction, and has them queued.

A document is on the disk before the letter that carries it is queued. A press that dies in between has its claim run
out; the next one makes the same documents again, which are the same files.
"""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import structlog

from schemas.policy import Policy
from services.foundation import outbox
from services.foundation.documents import Documents
from services.foundation.outbox import OutboxRow, Settlement
from services.intake.accept import Intake
from services.records.document import content, for_reader
from services.records.handlers.copies import PRINT, printed
from services.records.printing import Printer
from services.records.readers import Around, around
from services.records.rules.copies import Copy, Decided
from services.records.rules.dispatch import PRINTING, Dispatch
from services.records.rules.record import Record
from services.records.store import dispatches, records
from services.records.taken_part import TakenPart, taken_part

log = structlog.get_logger()

BATCH = 10
LEASE = timedelta(minutes=10)


@dataclass(slots=True)
class Press:
    """One press; as many as needed may run beside each other on a shared database."""

    intake: Intake
    name: str = field(default_factory=lambda: f"press-{os.getpid()}-{secrets.token_hex(4)}")
    printer: Printer | None = None

    async def drain(self, progress: Callable[[], None] = lambda: None) -> int:
        """Make all that is due; returns how many documents were made."""
        count = 0
        while rows := await self._claim():
            for row in rows:
                made = await self._make(row)
                await self._note(row, made)
                count += len(made)
                progress()
        return count

    async def _claim(self) -> list[OutboxRow]:
        now = self.intake.clock.now()
        async with self.intake.database.write(alone=False) as db:
            return await outbox.claim(db, outbox.PRINT, (PRINT,), self.name, BATCH, now, LEASE)

    async def _make(self, row: OutboxRow) -> dict[str, str]:
        """The documents of one version, by dispatch; they are on the disk when this returns."""
        async with self.intake.database.read() as db:
            versions = await records.of_records(db, [row.params["record_id"]])
            record = versions[row.params["record_id"]][row.params["version"]]
            some = await dispatches.about(db, [record.record_id])
            about = await around(db, self.intake.policy, [record.meeting_id])
            part = await taken_part(db, [record.meeting_id])
        replaces = max((number for number in versions[record.record_id] if number < record.version), default=None)
        wanted = [each for each in some[record.record_id] if each.state == PRINTING and each.version == record.version]
        around_it, took = about[record.meeting_id], part[record.meeting_id]
        return await asyncio.to_thread(self._print, record, wanted, around_it, self.intake.policy, took, replaces)

    def _print(
        self,
        record: Record,
        some: Sequence[Dispatch],
        about: Around,
        policy: Policy,
        part: TakenPart,
        replaces: int | None,
    ) -> dict[str, str]:
        self.printer = self.printer or Printer("record")
        kept = Documents(self.intake.settings.documents_folder)
        readers = {reader.party: reader for reader in about.readers}
        found: dict[str, str] = {}
        for each in some:
            if each.party not in readers:
                continue
            decided = tuple(Decided(d["number"], d["why_not"], d["text"]) for d in each.decided or ())  # type: ignore[arg-type]
            copy = Copy(readers[each.party], decided)
            words = content(record, copy, about, policy, part, replaces)
            moment = int(record.approved_at.timestamp())
            pdf = self.printer.print(words, for_reader(about, policy, copy), moment)
            found[each.dispatch_id] = kept.keep([pdf]).document_id
        return found

    async def _note(self, row: OutboxRow, made: Mapping[str, str]) -> None:
        async with self.intake.database.write() as db:
            if not await outbox.still_claimed(db, self.name, [row.outbox_id]):
                return
            work = self.intake.work(db)
            await outbox.settle(db, [Settlement(row.outbox_id, "sent", "printed", 1, work.now)], work.now)
            await printed(work, made)
            await self.intake.finish(work)
        log.info("printed", count=len(made))
