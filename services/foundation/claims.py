"""What workers that claim rows of the outbox have alike: what they and their claims are called, how they note what
became of what they claimed, also where the database is away just then, and what keeps them from their work.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import structlog
from sqlalchemy import String, func, literal, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.foundation.database import Database
from services.foundation.outbox import outbox
from services.foundation.trouble import DatabaseTrouble

log = structlog.get_logger()

NOTE_FIRST_WAIT, NOTE_LONGEST_WAIT = 0.1, 1.0  # seconds between two tries of noting while the database is away
NOTE_FOR = 60.0  # seconds after which the worker is told that it could not be noted


def worker_name() -> str:
    """A name that no other worker has."""
    return f"{socket.gethostname()[:40]}-{os.getpid()}-{secrets.token_hex(4)}"


def claim_of(worker: str, number: int) -> str:
    """What a worker claims rows by, each time with another number: what it lost to itself, it has lost too."""
    return f"{worker}-{number}"


class Held(NamedTuple):
    """What of the outbox workers have in hand: how many rows, and until when the last of their claims holds, if none
    ends before.
    """

    rows: int
    until: datetime | None


async def held(db: AsyncConnection, channels: Collection[str]) -> Held:
    """What workers have in hand, as things stand: workers that are at work, and any that died."""
    rows = outbox.c
    pending = literal("pending", String(16), literal_execute=True)  # as in the index on what is in hand
    query = select(func.count(), func.max(rows.due_at)).where(
        rows.channel.in_(channels), rows.state == pending, rows.claimed_by.is_not(None)
    )
    return Held(*(await db.execute(query)).one())


def worker_of(claim: str) -> str:
    """Who claimed rows by this."""
    return claim.rpartition("-")[0]


@dataclass(slots=True)
class Rest:
    """What is left alone for a while since it takes nothing: a server, a disk."""

    failures: int = 0  # since it last took something
    until: datetime | None = None
    why: str = ""

    def begin(self, until: datetime, why: str) -> None:
        """It took nothing; `why` says what it is too, and nothing of anyone."""
        self.failures, self.until, self.why = self.failures + 1, until, why

    def end(self) -> None:
        """It took something."""
        self.failures, self.until, self.why = 0, None, ""

    def lasts(self, now: datetime) -> bool:
        return self.until is not None and now < self.until


async def note(
    database: Database,
    settle: Callable[[AsyncConnection], Awaitable[None]],
    count: int,
    by: Callable[[], float | None] = lambda: None,
    progress: Callable[[], None] = lambda: None,
) -> None:
    """Note in one transaction what became of so many rows, again and again while the database is away. `settle` notes
    what is still the worker's to note, and so nothing twice where only the answer was lost.

    Nobody tries after `by` on the loop's clock, asked each time, since a worker may be told to stop meanwhile; nor
    after `NOTE_FOR` where it is None. `progress` is called before every wait. Raises `DatabaseTrouble`.
    """
    loop = asyncio.get_running_loop()
    begun, wait = loop.time(), NOTE_FIRST_WAIT
    while True:
        try:
            async with database.write() as db:
                await settle(db)
        except DatabaseTrouble as trouble:
            until = by()
            if not trouble.passes or loop.time() + wait > (begun + NOTE_FOR if until is None else until):
                log.warning("not_noted", count=count)
                raise
            log.warning("not_noted_yet", count=count, wait_s=wait)
            progress()
            await asyncio.sleep(wait)
            wait = min(2 * wait, NOTE_LONGEST_WAIT)
        else:
            return
