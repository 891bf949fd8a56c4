"""MESH, the NHS's message exchange, as a part of a process: what is due goes, what comes is kept, and what was sent is
asked after. On a shared database one process does it, and others stand by.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog

from services.bootstrap import House, Mesh
from services.foundation import outbox
from services.post.inbox import store
from services.post.mesh.line import NotTaken
from services.post.mesh.receiver import Fetched
from services.post.rules import server_wait
from services.running.process import STAND_BY, CannotStart, Part, Process, until
from services.running.rounds import LOOK_AGAIN, counting

log = structlog.get_logger()


def by_mesh(house: House) -> list[Part]:
    """The part that the settings ask for, if they name a mailbox on MESH."""
    return [Meshing(house)] if house.settings.mesh_mailbox is not None else []


class Meshing:
    """What speaks to MESH."""

    name = outbox.MESH

    def __init__(self, house: House) -> None:
        self.house = house
        self.mesh: Mesh | None = None
        self.failures = 0

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        settings = self.house.settings
        self.house.wants_the_documents_of_all()
        for path in (settings.mesh_certificate, settings.mesh_private_key, settings.mesh_authorities):
            if path is not None and not path.is_file():
                raise CannotStart(f"{path}, which the settings for MESH name, is not there or cannot be read")
        yield

    def stop(self) -> None:
        if self.mesh is not None:
            self.mesh.stop()

    async def run(self, process: Process) -> None:
        """Speak to MESH until the process stops."""
        while not process.stopping.is_set():
            async with self.house.mesh() as self.mesh:
                if self.mesh is not None:
                    await self._work(process, self.mesh)
            process.pulses[self.name].beat()
            await until(process.stopping, STAND_BY)

    async def _work(self, process: Process, mesh: Mesh) -> None:
        woken, pulse = process.woken[self.name], process.pulses[self.name]
        heard_at: float | None = None
        while not process.stopping.is_set():
            woken.clear()
            await self._send(process, mesh)
            now = time.monotonic()
            if heard_at is None or now - heard_at >= self._pause():
                await self._hear(process, mesh)
                heard_at = time.monotonic()
            if not self.failures:
                rest = mesh.sender.rest
                pulse.beat(rest.why if rest.lasts(self.house.clock.now()) else None)
            if not process.stopping.is_set():
                await until(woken, LOOK_AGAIN)

    def _pause(self) -> float:
        """Seconds until MESH is listened to again: longer, the longer it has not answered."""
        poll = self.house.settings.mesh_poll
        return max(poll, server_wait(self.failures).total_seconds()) if self.failures else poll

    async def _send(self, process: Process, mesh: Mesh) -> None:
        pulse, sender = process.pulses[self.name], mesh.sender

        def progress() -> None:  # what it waited for stands until MESH takes and says something again
            pulse.beat(pulse.waits if self.failures or sender.rest.failures else None)

        with counting(sender.tally, process.metrics.parcels, "parcels_sent"):
            await sender.drain(progress)

    async def _hear(self, process: Process, mesh: Mesh) -> None:
        pulse, receiver = process.pulses[self.name], mesh.receiver
        came, failure = Fetched(), None
        try:
            await receiver.fetch(pulse.beat, came)
        except NotTaken as not_taken:
            failure = not_taken
        try:  # whatever came of that: what was sent is asked after
            await receiver.look(pulse.beat)
        except NotTaken as not_taken:
            failure = failure or not_taken
        process.metrics.mail_in.labels("mesh", "fresh").inc(came.fresh)
        process.metrics.mail_in.labels("mesh", "known").inc(came.known)
        if came.fresh:
            log.info("mesh_messages_kept", count=came.fresh, known=came.known, left=came.left)
            process.wake(store.CAME)
        if failure is not None:
            self.failures += 1
            log.warning("mesh_not_heard", reason=str(failure), failures=self.failures)
            pulse.waits = f"MESH does not answer as it should ({failure})"
            return
        self.failures = 0
        process.metrics.mesh_seen.set_to_current_time()
