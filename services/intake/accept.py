"""The one path: every event takes it, whichever door it came through.

One transaction drops what was accepted before, appends to the journal, calls the handlers, and commits state, outbox
rows and what follows from them together. A batch of one and a batch of five hundred are the same code.
"""

from __future__ import annotations

import traceback
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, TypeAlias

import structlog
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.envelope import Event, FieldError, Refused, decode
from schemas.policy import Policy
from schemas.registry import OUT_TYPES
from services.foundation import outbox
from services.foundation.clock import Clock
from services.foundation.database import Database
from services.foundation.settings import Settings
from services.foundation.trouble import DatabaseTrouble
from services.foundation.work import Derived, Handlers, Work
from services.intake import store
from services.intake.rules import same_content, waves

log = structlog.get_logger()

Check: TypeAlias = Callable[[Policy, Event], tuple[FieldError, ...]]
Known: TypeAlias = Mapping[str, Callable[[AsyncConnection, Iterable[str]], Awaitable[set[str]]]]


@dataclass(frozen=True, slots=True)
class Arrival:
    """Something that came in: the bytes, and where from: {file, line}, {topic, partition, offset} or {http}."""

    raw: bytes
    origin: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one arrival. `seq` is its place in the journal where it has one."""

    state: Literal["accepted", "known", "waiting", "rejected"]
    errors: tuple[FieldError, ...] = ()
    source: str | None = None
    event_id: str | None = None
    seq: int | None = None
    deadletter_id: int | None = None


@dataclass(slots=True)
class Intake:
    """The path with what it needs: where state is kept, who reacts to what, and who knows which things exist."""

    database: Database
    clock: Clock
    policy: Policy
    settings: Settings
    handlers: Handlers
    known: Known
    checks: Mapping[str, Check]

    async def accept(self, arrivals: Sequence[Arrival]) -> list[Verdict]:
        """Take a batch in; returns a verdict for each arrival, in order, once the effects are durable.

        Where the software itself trips over an event, that event alone is kept as a dead letter, to be replayed when
        the software is mended; the others take effect. Raises what the database raises when it cannot be used: then
        nothing of the batch has happened, or all of it, where the answer to the commit was what got lost. Whoever
        takes the same batch in again is right either way.
        """
        decoded = [self._decoded(arrival.raw) for arrival in arrivals]
        try:
            async with self.database.write() as db:
                work = self.work(db)
                verdicts = await self._take(work, decoded)
                return await self._bury(work, arrivals, verdicts)
        except Exception as slip:
            if not is_ours(slip):
                raise
            if len(arrivals) > 1:
                middle = len(arrivals) // 2
                return await self.accept(arrivals[:middle]) + await self.accept(arrivals[middle:])
            event = decoded[0]
            log.error("event_tripped_over", type=event.type, exc_info=slip)
            verdict = Verdict("rejected", (_fault_of_ours(slip),), event.source, event.id)
        async with self.database.write() as db:
            await store.hold_end(db)
            return await self._bury(self.work(db), arrivals, [verdict])

    async def replay(self, number: int, corrected: bytes | None, by: str) -> Verdict:
        """Try a dead letter again, as it came in or as `corrected`; `by` names the person who asked.

        Its effect and the note that it is settled are one transaction. A dead letter that is still rejected stays open,
        with its new errors; the errors of a correction are only returned, since what is kept is what came in. Raises
        `CannotReplay` where there is nothing to try.
        """
        try:
            async with self.database.write() as db:
                work = self.work(db)
                letter = await self._open_letter(db, number)
                raw = await self._content(db, letter) if corrected is None else corrected
                [verdict] = await self._take(work, [self._decoded(raw)])
                if verdict.state != "rejected":
                    await store.settle_dead_letter(db, number, work.now, by, verdict.seq)
                elif corrected is None:
                    await store.set_dead_letter_errors(db, number, verdict.errors)
        except Exception as slip:
            if not is_ours(slip):
                raise
            log.error("dead_letter_tripped_over", deadletter_id=number, exc_info=slip)
            verdict = Verdict("rejected", (_fault_of_ours(slip),))
        return replace(verdict, deadletter_id=number)

    async def _open_letter(self, db: AsyncConnection, number: int) -> Mapping[Any, Any]:
        letter = await store.dead_letter(db, number, hold=True)
        if letter is None:
            raise CannotReplay("there is no such dead letter")
        if letter["state"] != store.OPEN:
            raise CannotReplay(
                f"was settled on {letter['settled_at']:%Y-%m-%d at %H:%M} UTC by {letter['settled_by']}", settled=True
            )
        return letter

    async def _content(self, db: AsyncConnection, letter: Mapping[Any, Any]) -> bytes:
        if letter["size"] > self.settings.max_event_bytes:
            raise CannotReplay(
                f"is {letter['size']:,} bytes long and an event has at most {self.settings.max_event_bytes:,}: "
                "it cannot be replayed as it is; replay it with a correction (--with FILE)"
            )
        return b"".join([piece async for piece in store.dead_letter_content(db, letter["deadletter_id"])])

    async def keep_too_long(self, pieces: Iterable[bytes], rejected: store.Rejected) -> Verdict:
        """Keep something over the limit whole, piece by piece, as the dead letter `rejected`."""
        async with self.database.write() as db:
            await store.hold_end(db)
            known = await store.known_dead_letters(db, [rejected])
            verdict, is_new = self._buried(rejected, known)
            if is_new:
                [number] = await store.add_dead_letters(db, [rejected], self.clock.now())
                for part, piece in enumerate(pieces):
                    await store.add_dead_letter_parts(db, [(number, part, piece)])
                verdict = replace(verdict, deadletter_id=number)
        return verdict

    async def _take(self, work: Work, decoded: Sequence[Event | Refused]) -> list[Verdict]:
        """Journal what is new and let it act; what is rejected is only judged here."""
        end = await store.hold_end(work.db)
        verdicts: list[Verdict | None] = [None] * len(decoded)
        fresh = await self._fresh(work.db, decoded, verdicts)
        seqs = await store.append(work.db, end, [event for _, event in fresh], work.now)
        ready, held_back = await self._ready(work.db, {seq: event for seq, (_, event) in zip(seqs, fresh, strict=True)})
        for seq, (index, event) in zip(seqs, fresh, strict=True):
            state: Literal["waiting", "accepted"] = "waiting" if seq in held_back else "accepted"
            verdicts[index] = Verdict(state, source=event.source, event_id=event.id, seq=seq)
        await self.take_effect(work, ready)
        return [verdict for verdict in verdicts if verdict is not None]

    def _decoded(self, raw: bytes) -> Event | Refused:
        event = decode(raw)
        if isinstance(event, Event) and event.type in self.checks:
            errors = self.checks[event.type](self.policy, event)
            if errors:
                return Refused(errors, event.source, event.id, event.type, raw)
        return event

    def work(self, db: AsyncConnection) -> Work:
        """A unit of work on an open transaction."""
        return Work(db, self.clock.now(), self.policy, self.settings)

    async def take_effect(self, work: Work, events: Sequence[Event]) -> None:
        """Let events act, wave after wave, and write what follows from them."""
        for wave in waves(events):
            await self._dispatch(work, wave)
            await self._follow(work)
        await work.flush()

    async def finish(self, work: Work) -> None:
        """Handle what was derived outside of an event (a message sent, a timer due), and write what follows from it."""
        await self._follow(work)
        await work.flush()

    async def _follow(self, work: Work) -> None:
        while work.derived:
            derived, work.derived = work.derived, []
            work.rows += [_outcome(event, work) for event in derived if event.type in OUT_TYPES]
            await self._dispatch(work, derived)

    async def _dispatch(self, work: Work, events: Sequence[Event | Derived]) -> None:
        by_type: dict[str, list[Event | Derived]] = {}
        for event in events:
            by_type.setdefault(event.type, []).append(event)
        for name, some in by_type.items():
            for handler in self.handlers.get(name, ()):
                await handler(work, some)

    async def _fresh(
        self, db: AsyncConnection, decoded: Sequence[Event | Refused], verdicts: list[Verdict | None]
    ) -> list[tuple[int, Event]]:
        """The events not seen before, with their place in the batch; notes a verdict for all others."""
        names = [(event.source, event.id) for event in decoded if isinstance(event, Event)]
        known = await store.known_raw(db, names)
        seen: dict[tuple[str, str], Event] = {}
        fresh = []
        for index, event in enumerate(decoded):
            if isinstance(event, Refused):
                verdicts[index] = Verdict("rejected", event.errors, event.source, event.id)
                continue
            name = (event.source, event.id)
            if name not in known and name not in seen:
                seen[name] = event
                fresh.append((index, event))
                continue
            seq, raw = known.get(name, (None, ""))
            if event.raw.decode() == raw or _repeats(event, seen.get(name) or decode(raw.encode())):
                verdicts[index] = Verdict("known", source=event.source, event_id=event.id, seq=seq)
            else:
                error = FieldError(
                    "$.id", "this source has used this id before for a different event: give it an id of its own"
                )
                verdicts[index] = Verdict("rejected", (error,), event.source, event.id)
        return fresh

    async def _ready(self, db: AsyncConnection, fresh: Mapping[int, Event]) -> tuple[list[Event], set[int]]:
        """The events that can take effect, those that waited for them included, and the numbers of the fresh ones that
        must wait.
        """
        candidates = dict(fresh)
        awaiting: dict[int, Event] = {}  # waited before this batch, and for something that it brings
        known = await self._already_known(db, candidates.values())
        ready: dict[int, Event] = {}
        something_waits = await store.anything_waits(db)
        while True:
            turned = {seq: event for seq, event in candidates.items() if not _unmet(event, known)}
            if not turned:
                break
            ready |= turned
            candidates = {seq: event for seq, event in candidates.items() if seq not in turned}
            provided = {thing for event in turned.values() for thing in event.data.provides()} - known
            known |= provided
            if provided and something_waits:
                raws = await store.waiting_for(db, provided)
                again = {seq: decode(raw) for seq, raw in raws.items() if seq not in awaiting}
                released = {seq: event for seq, event in again.items() if isinstance(event, Event)}
                known |= await self._already_known(db, released.values())
                awaiting |= released
                candidates |= released
        await store.stop_waiting(db, awaiting)
        await store.wait(db, [(seq, _unmet(event, known)) for seq, event in sorted(candidates.items())])
        return [ready[seq] for seq in sorted(ready)], candidates.keys() & fresh.keys()

    async def _already_known(self, db: AsyncConnection, events: Iterable[Event]) -> set[tuple[str, str]]:
        wanted: dict[str, set[str]] = {}
        for event in events:
            for noun, ids in event.data.needs():
                wanted.setdefault(noun, set()).update(ids)
        return {(noun, ref) for noun, ids in wanted.items() for ref in await self.known[noun](db, ids)}

    async def _bury(self, work: Work, arrivals: Sequence[Arrival], verdicts: Sequence[Verdict]) -> list[Verdict]:
        """Keep rejected arrivals whole, each once: the same bytes from the same place are the same dead letter."""
        after = list(verdicts)
        letters = {
            index: store.Rejected(
                arrivals[index].origin,
                verdict.errors,
                len(arrivals[index].raw),
                store.digest(arrivals[index].raw),
                verdict.source,
                verdict.event_id,
            )
            for index, verdict in enumerate(verdicts)
            if verdict.state == "rejected"
        }
        if not letters:
            return after
        known = await store.known_dead_letters(work.db, letters.values())
        new = []
        for index, letter in letters.items():
            after[index], is_new = self._buried(letter, known)
            if is_new:
                new.append(index)
        numbers = await store.add_dead_letters(work.db, [letters[index] for index in new], work.now)
        parts = [(number, 0, arrivals[index].raw) for number, index in zip(numbers, new, strict=True)]
        await store.add_dead_letter_parts(work.db, parts)
        for number, index in zip(numbers, new, strict=True):
            after[index] = replace(after[index], deadletter_id=number)
        return after

    def _buried(self, letter: store.Rejected, known: Mapping[tuple[str, str], tuple[int, str]]) -> tuple[Verdict, bool]:
        """The verdict on something rejected, and whether it is to be kept: what was settled since is known."""
        number, state = known.get((letter.digest, store.place(letter.origin)), (None, None))
        if state == store.REPLAYED:
            return Verdict("known", source=letter.source, event_id=letter.event_id, deadletter_id=number), False
        verdict = Verdict("rejected", tuple(letter.errors), letter.source, letter.event_id, deadletter_id=number)
        return verdict, number is None


class CannotReplay(Exception):
    """There is nothing to try again, and why. `settled` where it was replayed before."""

    def __init__(self, message: str, *, settled: bool = False) -> None:
        super().__init__(message)
        self.settled = settled


def _unmet(event: Event, known: set[tuple[str, str]]) -> list[tuple[str, str]]:
    """What an event waits for, as (noun, id): the things of each of its needs that no known thing meets."""
    unmet = {
        (noun, ref) for noun, ids in event.data.needs() if not any((noun, ref) in known for ref in ids) for ref in ids
    }
    return sorted(unmet)


def _repeats(event: Event, first: Event | Refused) -> bool:
    return isinstance(first, Event) and same_content(event, first)


def is_ours(slip: Exception) -> bool:
    """Whether the software tripped over an event; otherwise the machine or the database cannot be used."""
    if isinstance(slip, DBAPIError):
        state = getattr(slip.orig, "sqlstate", None)
        return state[:2] in {"22", "23"} if state else isinstance(slip, DataError | IntegrityError)
    return not isinstance(slip, SQLAlchemyError | DatabaseTrouble | OSError | MemoryError | CannotReplay)


def _told(slip: Exception) -> str:
    """What tripped and where, without what it said: that may hold what identifies a person."""
    ours = [frame for frame in traceback.extract_tb(slip.__traceback__) if _SERVICES in Path(frame.filename).parents]
    where = f" in {Path(ours[-1].filename).relative_to(_SERVICES)}, line {ours[-1].lineno}" if ours else ""
    return type(slip).__name__ + where


def _fault_of_ours(slip: Exception) -> FieldError:
    return FieldError(
        "$",
        f"could not take effect ({_told(slip)}): this is a fault of the software, not of the event; "
        "replay it when that is mended",
    )


_SERVICES = Path(__file__).parents[1]


def _outcome(event: Derived, work: Work) -> dict[str, Any]:
    params = {
        "subject": event.subject,
        "partition_key": event.partition_key,
        "data": event.data.model_dump(mode="json", exclude_none=True),
    }
    return outbox.row(outbox.OUTCOME, event.type, event.partition_key, params, work.now, state="kept")
