"""Mail in, as parts of a process: the mailbox that is read, the listener that mail is handed over to, and the sorting
of what was kept.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import structlog

from services.bootstrap import LETTERS, House
from services.foundation.documents import Documents
from services.foundation.servers import ImapMailbox
from services.foundation.threads import in_a_thread
from services.post.inbox import store
from services.post.inbox.imap import Mailbox, MailboxRefused
from services.post.inbox.keep import Came, Keeper
from services.post.inbox.lmtp import Listener
from services.post.inbox.sort import Sorter
from services.running.answering import listening
from services.running.process import STAND_BY, Part, Process, until
from services.running.rounds import LOOK_AGAIN, Rounds

log = structlog.get_logger()

REFUSED_AGAIN = 60.0  # seconds between two tries where a person must do something first
CUT_AFTER = 2.0  # seconds that a server may take for its answer once the process stops
FINISH_WITHIN = 3.0  # seconds that messages under way may take once the process stops


def keeper_of(house: House) -> Keeper:
    """What keeps the mail of a house, where all its processes find it. Raises `WrongSettings`."""
    house.wants_the_documents_of_all()
    return Keeper(house.database, Documents(house.settings.documents_folder), house.clock)


def sorter_of(house: House) -> Sorter:
    """What tells the mail of a house apart, kept where all its processes find it. Raises `WrongSettings`."""
    house.wants_the_documents_of_all()
    return Sorter(house.intake, Documents(house.settings.documents_folder), LETTERS)


def mail_in(house: House) -> list[Part]:
    """The parts that the settings ask for; what was kept is sorted wherever it came in."""
    parts: list[Part] = [Sorting(house)]
    if house.settings.imap_mailbox is not None:
        parts.append(Fetching(house, house.settings.imap_mailbox))
    if house.settings.lmtp_listen is not None:
        parts.append(TakingOver(house, house.settings.lmtp_listen))
    return parts


class Sorting(Rounds):
    """The sorting of kept mail. It wakes where mail was kept."""

    def __init__(self, house: House, look_again: float = LOOK_AGAIN) -> None:
        super().__init__(store.CAME, store.oldest_kept, self.sort, look_again)
        self.sorter = sorter_of(house)

    def stop(self) -> None:
        self.sorter.stopping = True

    async def sort(self, process: Process) -> None:
        """Sort what is kept."""
        before = dict(self.sorter.kinds)
        try:
            await self.sorter.sort(process.pulses[self.name].beat)
        finally:
            for kind, count in self.sorter.kinds.items():
                process.metrics.mail_sorted.labels(kind).inc(count - before.get(kind, 0))


class Fetching:
    """The mailbox that answers come to. On a shared database one process reads it, and others stand by."""

    name = "imap"

    def __init__(self, house: House, place: ImapMailbox) -> None:
        self.house, self.place = house, place
        self.keeper = keeper_of(house)
        self.mailbox: Mailbox | None = None

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        yield

    def stop(self) -> None:
        if self.mailbox is not None:
            self.mailbox.stop()
            asyncio.get_running_loop().call_later(CUT_AFTER, self.mailbox.cut)

    async def run(self, process: Process) -> None:
        """Read the mailbox until the process stops."""
        pulse = process.pulses[self.name]
        while not process.stopping.is_set():
            if self.house.database.is_sqlite:
                await self._read(process)
                continue
            async with self.house.database.sole(self.name) as connection:
                if connection is not None:
                    await self._read(process)
            pulse.beat()
            await until(process.stopping, STAND_BY)

    async def _read(self, process: Process) -> None:
        pulse, loop = process.pulses[self.name], asyncio.get_running_loop()

        async def note(some: Sequence[Came]) -> None:
            fresh = await self.keeper.note(some)
            process.metrics.mail_in.labels("imap", "fresh").inc(fresh)
            process.metrics.mail_in.labels("imap", "known").inc(len(some) - fresh)
            log.info("mail_kept", count=len(some), known=len(some) - fresh)
            process.wake(store.CAME)

        def keep(some: Sequence[Came]) -> None:
            asyncio.run_coroutine_threadsafe(note(some), loop).result()

        def looked() -> None:
            process.metrics.mailbox_seen.set_to_current_time()
            pulse.beat()

        self.mailbox = Mailbox(self.place, self.keeper, keep, looked, pulse.beat)
        try:
            await in_a_thread(self.mailbox.run, "mailbox")
        except MailboxRefused as refused:
            log.error("mailbox_refused", reason=refused.reason)
            pulse.waits = str(refused)
            await until(process.stopping, REFUSED_AGAIN)


class TakingOver:
    """The listener that a mail server on this machine hands messages over to."""

    name = "lmtp"

    def __init__(self, house: House, address: str) -> None:
        self.house, self.address = house, address

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        with listening("QUORATE_LMTP_LISTEN", self.address) as self.socket:
            yield

    def stop(self) -> None:
        self.listener.stop()

    async def run(self, process: Process) -> None:
        """Take messages over until the process stops."""
        pulse = process.pulses[self.name]

        def came(how: str) -> None:
            process.metrics.mail_in.labels("lmtp", how).inc()
            if how == "fresh":
                process.wake(store.CAME)

        self.listener = Listener(keeper_of(self.house), self.house.settings.max_mail_bytes, came)
        server = await self.listener.listen(self.socket.dup())
        try:
            while not process.stopping.is_set():
                pulse.beat()
                await until(process.stopping, LOOK_AGAIN)
        finally:
            server.close()
        await until(self.listener.idle, FINISH_WITHIN)
