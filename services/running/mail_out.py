"""Mail out, as parts of a process: the mailer, and the press that makes what it attaches."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from functools import partial

from sqlalchemy.ext.asyncio import AsyncConnection

from services.bootstrap import LETTERS, House
from services.foundation import outbox
from services.foundation.claims import Rest
from services.records.handlers import copies
from services.running.process import Process
from services.running.rounds import LOOK_AGAIN, Rounds, counting


class Mailing(Rounds):
    """The mailer as a part of a process."""

    MAIL_WITHIN = 3.0  # seconds that messages under way may take once the process stops

    def __init__(self, house: House, look_again: float = LOOK_AGAIN) -> None:
        due = partial(outbox.next_due, channel=outbox.MAIL, names=LETTERS)
        super().__init__(outbox.MAIL, due, self.mail, look_again)
        self.house = house

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        async with self.house.mailer() as self.mailer:
            yield

    def stop(self) -> None:
        self.mailer.stop(self.MAIL_WITHIN)

    def rest(self) -> Rest:
        return self.mailer.rest

    async def mail(self, process: Process) -> None:
        """Send what is due."""
        with counting(self.mailer.tally, process.metrics.mails, "mail_sent"):
            await self.mailer.drain(partial(self.beat, process))


class Printing(Rounds):
    """The press as a part of a process that has a mailer."""

    def __init__(self, house: House, look_again: float = LOOK_AGAIN) -> None:
        super().__init__(outbox.PRINT, self.due, self.make, look_again)
        self.house, self.press, self.clock = house, house.press, house.clock

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        self.house.wants_the_documents_of_all()
        self.press.stopping = False
        yield

    def stop(self) -> None:
        self.press.stop()

    def rest(self) -> Rest:
        return self.press.rest

    async def due(self, db: AsyncConnection) -> datetime | None:
        """When something falls due: at once where something is made that is not noted."""
        if self.press.ended:
            return self.clock.now()
        return await outbox.next_due(db, outbox.PRINT, (copies.PRINT,))

    async def make(self, process: Process) -> None:
        """Make what is due."""
        try:
            with counting(self.press.tally, process.metrics.documents, "documents_made") as done:
                await self.press.drain(partial(self.beat, process))
        finally:
            if any(done.values()):
                process.wake(outbox.MAIL)
