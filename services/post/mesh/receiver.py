"""Hears what comes by MESH: what waits in our mailbox is kept first, then acknowledged, and told apart with the mail;
and what was sent is asked after until it is known what became of it.

One message that cannot be read, or with which MESH fails, keeps none of those behind it waiting.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import structlog

from schemas.envelope import encode
from schemas.record import DispatchBounced, DispatchReceived
from services.foundation.documents import TooLarge
from services.foundation.servers import MeshMailbox
from services.foundation.threads import in_a_thread
from services.intake import store as journal
from services.intake.accept import Arrival, Intake
from services.post.inbox.keep import Came, Keeper
from services.post.mesh import store
from services.post.mesh.content import Unreadable
from services.post.mesh.line import GONE, Line, NotTaken, Tracked
from services.post.mesh.wrapped import WAY, wrapped
from services.records.store import dispatches

log = structlog.get_logger()

SOURCE = "/quorate/mesh"
RECEIVED, BOUNCED = "quorate.dispatch.received.v1", "quorate.dispatch.bounced.v1"
AT_ONCE = 50
TOLD_AFTER = timedelta(hours=6)
"""For how long MESH may fail with a message before a person is told. Only a process that runs for so long finds that
out: it stands nowhere since when a message fails. MESH keeps it for five days.
"""
NOT_HAD = "Not the message itself: MESH has failed with it for hours, and keeps it for five days. Ask its sender for it"
IN_A_ROW = 3  # messages with which MESH fails, one after the other: then it is MESH
LOOK_AFTER = tuple(timedelta(minutes=minutes) for minutes in (10, 30, 60, 120, 240, 360))
"""The waits between two questions about a message; the last one goes on."""
GIVEN_UP_AFTER = timedelta(days=7)
"""MESH gives up what is not collected after five days, and says so. A message of which nothing was heard by then is
taken to be lost.
"""


@dataclass(slots=True)
class Fetched:
    """How one look into our mailbox ended."""

    fresh: int = 0
    known: int = 0
    left: int = 0  # messages that are too large to be kept, or cannot be read, and so stay with MESH


@dataclass(slots=True)
class _Patience:
    """Tells one message with which MESH fails from a MESH that fails."""

    failure: NotTaken | None = None
    in_a_row: int = 0
    again: int = 0  # of those that failed at another look, how many did at this one
    answered: bool = False

    def went_well(self) -> None:
        self.in_a_row, self.answered = 0, True

    def failed(self, failure: NotTaken, *, again: bool = False) -> None:
        """Bear with a failure; or raise it, where the next message would meet it, too. A message with which MESH failed
        before says nothing of that.
        """
        self.in_a_row += not again
        self.again += again
        if failure.of_all or (failure.of_server and self.in_a_row >= IN_A_ROW):
            raise failure
        if failure.of_server:
            self.failure = failure
        log.warning("mesh_message_put_off", reason=str(failure))

    def end(self) -> None:
        """Raise what failed, where nothing went well."""
        if self.failure is not None and not self.answered:
            raise self.failure


@dataclass(slots=True)
class MeshReceiver:
    """What hears; one at a time."""

    intake: Intake
    keeper: Keeper
    place: MeshMailbox
    stopping: bool = False
    left: dict[str, datetime] = field(default_factory=dict)
    """The messages that stay with MESH, and since when that is known: they are not fetched at every look again."""
    failed: dict[str, datetime] = field(default_factory=dict)
    """The messages that could not be had, and since when: their turn is after all others, the one that was tried the
    longest ago first. Once `IN_A_ROW` of them fail at one look, the others wait for the next: each may cost a time-out,
    and nothing is sent meanwhile.
    """
    told: set[str] = field(default_factory=set)
    """Those of them that a person is told of: that they cannot be had, or by what they hold, where MESH fails with no
    more than to hear that we have them.
    """

    def _goes_on(self) -> bool:
        return not self.stopping

    def _line(self) -> Line:
        return Line(self.place, self.intake.settings, self._goes_on)

    async def fetch(self, progress: Callable[[], None] = lambda: None, done: Fetched | None = None) -> Fetched:
        """Take in all that waits in our mailbox, and note in `done` what came, also where it ends with an error. Raises
        `NotTaken`, `DatabaseTrouble`, and `OSError` where the disk cannot be used: what was not acknowledged then still
        waits there.
        """
        done = Fetched() if done is None else done
        now = self.intake.clock.now()
        self.left = {each: since for each, since in self.left.items() if now - since < GIVEN_UP_AFTER}
        self.failed = {each: since for each, since in self.failed.items() if now - since < GIVEN_UP_AFTER}
        self.told &= self.failed.keys()
        again = list(self.failed)
        seen: set[str] = set()
        patience = _Patience()
        while self._goes_on():
            waiting = await in_a_thread(partial(self._list, seen | self.left.keys() | self.failed.keys()), "mesh")
            if not waiting:
                break
            seen.update(waiting)
            for message_id in waiting:
                await self._try(message_id, done, patience, progress)
        for message_id in again:
            if patience.again < IN_A_ROW:
                await self._try(message_id, done, patience, progress)
        patience.end()
        return done

    async def _try(self, message_id: str, done: Fetched, patience: _Patience, progress: Callable[[], None]) -> None:
        """Take a message; or note that it cannot be had, and after which others its turn is next."""
        if not self._goes_on():
            return
        try:
            await self._take(message_id, done)
        except NotTaken as failure:
            now = self.intake.clock.now()
            again = message_id in self.failed
            self.failed[message_id] = since = self.failed.pop(message_id, now)  # at the end of them
            if not failure.of_all and now - since >= TOLD_AFTER:
                await self._tell_of(message_id, done)
            patience.failed(failure, again=again)
        else:
            self.failed.pop(message_id, None)
            patience.went_well()
        progress()

    def _list(self, but: Collection[str]) -> list[str]:
        with self._line() as line:
            return line.waiting(but)

    async def _take(self, message_id: str, done: Fetched) -> None:
        """Keep one message, and acknowledge it once it is on the disk and in the database."""
        try:
            came = await in_a_thread(lambda: self._keep(message_id), "mesh")
        except NotTaken as failure:
            if failure.status in GONE:  # somebody else took it meanwhile
                return
            raise
        fresh = await self.keeper.note([came])
        self.told.add(message_id)
        done.fresh += fresh
        done.known += 1 - fresh
        if came.origin.get("left"):
            done.left += 1
            self.left[message_id] = self.intake.clock.now()
            return
        await in_a_thread(lambda: self._acknowledge(message_id), "mesh")

    async def _tell_of(self, message_id: str, done: Fetched) -> None:
        """Keep word of a message that cannot be had, for a person, once however often it is tried yet."""
        if message_id in self.told:
            return
        named = {"messageid": message_id, "subject": NOT_HAD}
        origin = {"way": WAY, "message_id": message_id, "left": "not_had"}
        came = await in_a_thread(lambda: self.keeper.write(wrapped(named, ()), origin), "mesh")
        done.fresh += await self.keeper.note([came])
        self.told.add(message_id)
        log.warning("mesh_message_told_of")

    def _keep(self, message_id: str) -> Came:
        found: list[Came] = []
        origin = {"way": WAY, "message_id": message_id}
        most = self.intake.settings.max_mail_bytes

        def take(headers: Mapping[str, str], content: Iterator[bytes]) -> None:
            named = dict(headers) | {"messageid": message_id}
            try:
                found.append(self.keeper.write(wrapped(named, content), origin, most=most))
            except (TooLarge, Unreadable) as trouble:
                left = "too_large" if isinstance(trouble, TooLarge) else "unreadable"
                found.append(self.keeper.write(wrapped(named, ()), {**origin, "left": left}))

        with self._line() as line:
            line.fetch(message_id, take)
        return found[0]

    def _acknowledge(self, message_id: str) -> None:
        with self._line() as line:
            line.acknowledge(message_id)

    async def look(self, progress: Callable[[], None] = lambda: None) -> int:
        """Ask after messages of ours whose turn it is; returns of how many it is known now what became of them. Raises
        as `fetch` does.
        """
        ended = 0
        patience = _Patience()
        while self._goes_on():
            async with self.intake.database.read() as db:
                some = await store.to_look_at(db, self.intake.clock.now(), AT_ONCE)
            for row in some:
                if not self._goes_on():
                    break
                try:
                    ended += await self._look_at(row)
                except NotTaken as failure:
                    patience.failed(failure)
                    await self._later(row, LOOK_AFTER[0])
                else:
                    patience.went_well()
                progress()
            if len(some) < AT_ONCE:
                break
        patience.end()
        return ended

    async def _look_at(self, row: Mapping[Any, Any]) -> bool:
        now, message_id = self.intake.clock.now(), row["message_id"]
        try:
            tracked = await in_a_thread(lambda: self._track(message_id), "mesh")
        except NotTaken as failure:
            if failure.of_server:
                raise
            tracked = Tracked(None, f"status {failure.status}")
        if tracked.what is None and now - row["sent_at"] >= GIVEN_UP_AFTER:
            tracked = Tracked("failed", "nothing heard")
        if tracked.what is None:
            await self._later(row, LOOK_AFTER[min(row["looks"], len(LOOK_AFTER) - 1)])
            return False
        await self._tell(row, tracked, now)
        async with self.intake.database.write(alone=False) as db:
            await store.ended(db, message_id, tracked.said)
        log.info("mesh_message_ended", dispatch_id=row["dispatch_id"], outcome=tracked.what)
        return True

    async def _later(self, row: Mapping[Any, Any], wait: timedelta) -> None:
        async with self.intake.database.write(alone=False) as db:
            await store.look_later(db, row["message_id"], self.intake.clock.now() + wait)

    def _track(self, message_id: str) -> Tracked:
        with self._line() as line:
            return line.track(message_id)

    async def _tell(self, row: Mapping[Any, Any], tracked: Tracked, now: datetime) -> None:
        """Hand the event to intake that says what became of a message, unless it has it."""
        name = hashlib.sha256(f"{row['message_id']} {tracked.what}".encode()).hexdigest()[:40]
        async with self.intake.database.read() as db:
            about = (await dispatches.by_ids(db, [row["dispatch_id"]])).get(row["dispatch_id"])
            known = await journal.known_raw(db, [(SOURCE, name)])
        if about is None or known:
            return
        said: dict[str, Any] = {
            "dispatch_id": about.dispatch_id,
            "meeting_id": about.meeting_id,
            "child_id": about.child_id,
            "address": row["address"],
            "at": now,
        }
        data: DispatchReceived | DispatchBounced
        if tracked.what == "collected":
            type_, data = RECEIVED, DispatchReceived.model_validate(said)
        else:
            said |= {"status": f"mesh {tracked.said}", "permanent": True}
            type_, data = BOUNCED, DispatchBounced.model_validate(said)
        raw = encode(
            source=SOURCE,
            id=name,
            type=type_,
            time=now,
            subject=about.dispatch_id,
            partition_key=about.partition_key,
            data=data,
        )
        [verdict] = await self.intake.accept([Arrival(raw, {"mesh": row["message_id"]})])
        if verdict.state == "rejected":
            log.error("mesh_outcome_rejected", dispatch_id=about.dispatch_id)
