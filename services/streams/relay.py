"""The relay: hands outcomes on to Kafka, in the order they were written, at least once.

One relay works at a time, whichever worker it runs in: it holds a lock of the database's on the connection that it
also notes its progress on, so that one that has lost the lock can note nothing. What it sent and could not note is sent
again, under the same ids.

Source: CloudEvents 1.0, Kafka protocol binding (structured content mode).
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.envelope import encode
from services.bootstrap import House
from services.foundation import outbox
from services.foundation.outbox import Kept
from services.running.process import Process, until
from services.running.rounds import LOOK_AGAIN
from services.streams.connection import Sender
from services.streams.topics import OUTCOMES, topic_name

log = structlog.get_logger()

AT_ONCE = 500
STRUCTURED = [("content-type", b"application/cloudevents+json; charset=utf-8")]
SOURCE = "/quorate"


class Relaying:
    """The relay as a part of a process. It wakes where outcomes are announced."""

    name = outbox.OUTCOME

    def __init__(self, house: House) -> None:
        self.house = house
        self.relayed = 0
        self.leads = False  # this relay is the one that works

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        self.sender = Sender(self.house.settings)
        async with aclosing(self.sender):
            yield

    def stop(self) -> None:
        """The round in hand ends by itself."""

    async def run(self, process: Process) -> None:
        """Hand on what there is until the process stops; while another relay works, wait for its place."""
        woken, pulse = process.woken[self.name], process.pulses[self.name]
        while not process.stopping.is_set():
            async with self.house.database.sole("relay") as connection:
                self.leads = connection is not None
                while connection is not None and not process.stopping.is_set():
                    woken.clear()
                    count = await self._hand_on(connection)
                    pulse.beat()
                    if count < AT_ONCE:
                        await until(woken, LOOK_AGAIN)
            pulse.beat()
            await until(process.stopping, LOOK_AGAIN)

    async def _hand_on(self, connection: AsyncConnection) -> int:
        """Send the next rows, and note how far that went once the broker has them all."""
        async with connection.begin():
            rows = await outbox.to_relay(connection, outbox.OUTCOME, AT_ONCE)
        if not rows:
            return 0
        await self._send(rows)
        async with connection.begin():
            await outbox.relayed_up_to(connection, outbox.OUTCOME, rows[-1].outbox_id)
        self.relayed += len(rows)
        log.debug("outcomes_relayed", count=len(rows))
        return len(rows)

    async def _send(self, rows: Sequence[Kept]) -> None:
        records = [(row.params["partition_key"].encode(), as_event(row), STRUCTURED) for row in rows]
        await self.sender.send(topic_name(self.house.settings, OUTCOMES), records)


def as_event(row: Kept) -> bytes:
    """An outcome as a CloudEvent. Its id is the same whenever it is sent, and another's never, even where a database
    was put back from a copy and numbers its rows anew.
    """
    told = f"{row.outbox_id} {row.name} {row.params['subject']} {row.written_at.isoformat()}"
    return encode(
        source=SOURCE,
        id=f"{row.outbox_id}-{hashlib.sha256(told.encode()).hexdigest()[:16]}",
        type=row.name,
        time=row.written_at,
        subject=row.params["subject"],
        partition_key=row.params["partition_key"],
        data=row.params["data"],
    )
