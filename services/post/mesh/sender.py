"""Sends by MESH what is due, asks after what was sent, and notes how it went.

No transaction is open while MESH is waited for. A process that dies between MESH's word and the note leaves its claim,
which whoever sends next takes over: then the message is sent again under the same local id, subject and file name, so
that whoever gets it twice can tell. One process at a time speaks to MESH.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from services.foundation import claims, outbox
from services.foundation.claims import Rest
from services.foundation.letters import Attempt
from services.foundation.outbox import OutboxRow
from services.foundation.parcels import Parcel, ParcelKind
from services.foundation.servers import MeshMailbox
from services.foundation.threads import in_a_thread
from services.intake.accept import Intake
from services.post import attempts
from services.post.attempts import Suspects, Tally
from services.post.mesh import store
from services.post.mesh.line import Line, NotTaken
from services.post.rules import server_wait, wait_after

log = structlog.get_logger()

BATCH = 10
LEASE = timedelta(hours=1)
# Of a claim's time: none of a batch is begun after this part of it.
TO_BEGIN = LEASE / 2
FIRST_LOOK = timedelta(minutes=5)  # after which it is asked whether a message was collected


@dataclass(slots=True)
class MeshSender:
    """What sends by MESH; one at a time."""

    intake: Intake
    kinds: Mapping[str, ParcelKind]
    place: MeshMailbox
    name: str = field(default_factory=claims.worker_name)
    stopping: bool = False
    rest: Rest = field(default_factory=Rest)
    suspects: Suspects = field(default_factory=Suspects)
    tally: Tally = field(default_factory=Tally)

    async def release(self) -> None:
        """Take over what one that is no more had claimed: only for a process that knows that it is alone."""
        async with self.intake.database.write() as db:
            count = await outbox.release(db, outbox.MESH, self.intake.clock.now())
        if count:
            log.warning("claims_taken_over", count=count)

    async def drain(self, progress: Callable[[], None] = lambda: None) -> Tally:
        """Send all that is due, until nothing more is, or until MESH fails; returns what was done."""
        while self._goes_on() and (rows := await self._claim()):
            begin_by = asyncio.get_running_loop().time() + TO_BEGIN.total_seconds()
            for row in rows:
                late = asyncio.get_running_loop().time() > begin_by
                if late or not self._goes_on():
                    await self._note(Attempt(row, "pending", self.intake.clock.now(), counts=False), None)
                else:
                    await self._note(*await self._send(row))
                progress()
        return self.tally

    def _goes_on(self) -> bool:
        return not (self.stopping or self.rest.lasts(self.intake.clock.now()))

    async def _claim(self) -> list[OutboxRow]:
        """Claim the next rows; what of it may not be sent has ended already."""
        rows, ended = await attempts.claim(self.intake, outbox.MESH, self.kinds, self.name, BATCH, LEASE)
        for attempt in ended:
            await self._note(attempt, None)
        return self.suspects.in_turn(rows)

    async def _send(self, row: OutboxRow) -> tuple[Attempt, tuple[Parcel, str] | None]:
        """Send one parcel; returns how it went, and under which name MESH has it."""
        try:
            parcel = await in_a_thread(lambda: self.kinds[row.name].render(row.params, self.intake.settings), "parcel")
        except Exception as wrong:  # whatever is wrong with one, the others go
            log.exception("parcel_cannot_be_made", outbox_id=row.outbox_id)
            return attempts.cannot_be_made(row, wrong, self.intake.clock.now(), "cannot be made"), None
        try:
            message_id = await in_a_thread(lambda: self._hand_over(parcel), "mesh")
        except NotTaken as failure:
            return self._failed(row, failure), None
        self.rest.end()
        now = self.intake.clock.now()
        self.suspects.took(row, now)
        return Attempt(row, "sent", now, code=202, text=message_id), (parcel, message_id)

    def _hand_over(self, parcel: Parcel) -> str:
        with Line(self.place, self.intake.settings, lambda: not self.stopping) as line:
            return line.send(parcel)

    def _failed(self, row: OutboxRow, failure: NotTaken) -> Attempt:
        now = self.intake.clock.now()
        of_server = failure.of_server and (failure.of_all or not self.suspects.failed(row, now))
        text = f"{failure} {failure.code or ''}".strip()
        if of_server and not self.stopping:
            until = now + server_wait(self.rest.failures + 1)
            self.rest.begin(until, f"MESH takes nothing ({text})")
            log.warning("mesh_left_alone", failures=self.rest.failures, reason=text, until=until.isoformat())
        counts = not of_server or failure.unknown
        exhausted = counts and wait_after(row.attempts + 1) is None
        if failure.refused or failure.final or exhausted:
            reason = "address_refused" if failure.refused else "gave_up"
            return Attempt(row, "failed", now, failure.status, reason, text, counts, failure.may_have_left)
        return Attempt(row, "pending", now, failure.status, None, text, counts, failure.may_have_left)

    async def _note(self, attempt: Attempt, went: tuple[Parcel, str] | None) -> None:
        """Note how an attempt ended, again and again while the database is away."""
        await claims.note(self.intake.database, partial(self._settle, attempt, went), 1)
        self.tally.count([attempt])

    async def _settle(self, attempt: Attempt, went: tuple[Parcel, str] | None, db: AsyncConnection) -> None:
        if went is not None:  # MESH has it, whoever holds the row by now: what becomes of it is heard
            parcel, message_id = went
            look_at = attempt.at + FIRST_LOOK
            await store.note_sent(db, message_id, parcel.local_id, parcel.to, attempt.at, look_at)
        await attempts.settle(self.intake, db, self.kinds, [attempt], self.rest.until)
