"""Takes a file of events in, and counts what became of them."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import IO

from schemas.envelope import FieldError
from services.intake import store
from services.intake.accept import Arrival, Intake, Verdict
from services.intake.lines import PIECE, Line, Lines, Readable, Stop, Stopped, TooLong, Unreadable

BATCH_EVENTS = 500
BATCH_BYTES = 4 << 20
SHOWN = 20  # rejections told of one by one; all of them are dead letters


@dataclass(slots=True)
class Counts:
    """What became of a file's events. `waiting` counts those that still wait at the end.

    `line` is the last line that was dealt with; where the file was not read to its end, `cut_short` says why.
    """

    accepted: int = 0
    known: int = 0
    waiting: int = 0
    rejected: int = 0
    rejections: list[tuple[int, tuple[FieldError, ...]]] = field(default_factory=list)
    line: int = 0
    cut_short: str | None = None


@dataclass(slots=True)
class _Batch:
    arrivals: list[Arrival] = field(default_factory=list)
    size: int = 0

    @property
    def full(self) -> bool:
        return len(self.arrivals) >= BATCH_EVENTS or self.size >= BATCH_BYTES


async def ingest(
    intake: Intake,
    file: Readable,
    name: str,
    progress: Callable[[int], None] = lambda _bytes: None,
    stop: Stop | None = None,
) -> Counts:
    """Take in every line of `file`; `name` stands in dead letters as where they came from.

    Events are taken in batches, and as soon as no more input is there. Where `stop` is asked, or the file cannot be
    read any further, the batch in hand is finished; taking the same file in again is harmless, since what came in is
    known. Raises `NotLines` for a file that holds no lines, `Unreadable` for one that cannot be read at all, and what
    the database raises when it cannot be used.
    """
    counts = Counts()
    spans: list[tuple[int, int]] = []
    batch = _Batch()
    stop = stop or Stop()
    lines = Lines(file, intake.settings.max_event_bytes, stop)
    try:
        for line in lines:
            if isinstance(line, Line):
                batch.arrivals.append(Arrival(line.raw, {"file": name, "line": line.number}))
                batch.size += len(line.raw) + 1
                if not batch.full:
                    continue
            batch = await _send(intake, batch, counts, spans, progress)
            if isinstance(line, TooLong):
                await _keep_too_long(intake, line, name, counts, progress)
            if stop.asked:
                raise Stopped
    except Stopped:
        counts.cut_short = "stopped as asked"
    except Unreadable as wrong:
        if not lines.begun:
            raise
        counts.cut_short = f"cannot be read any further: {wrong}"
    await _send(intake, batch, counts, spans, progress)
    if counts.waiting:
        async with intake.database.read() as db:
            still = await store.still_waiting(db, spans)
        counts.accepted += counts.waiting - still
        counts.waiting = still
    return counts


async def _send(
    intake: Intake, batch: _Batch, counts: Counts, spans: list[tuple[int, int]], progress: Callable[[int], None]
) -> _Batch:
    """Take a batch in and count; returns an empty one."""
    if not batch.arrivals:
        return batch
    verdicts = await intake.accept(batch.arrivals)
    for arrival, verdict in zip(batch.arrivals, verdicts, strict=True):
        _count(counts, verdict, arrival.origin["line"])
    _note(spans, [each.seq for each in verdicts if each.seq is not None and each.state in ("accepted", "waiting")])
    progress(batch.size)
    return _Batch()


def _note(spans: list[tuple[int, int]], seqs: list[int]) -> None:
    """Note the numbers that events got in the journal; without another intake at the same time they are one span."""
    for seq in seqs:
        if spans and spans[-1][1] == seq - 1:
            spans[-1] = (spans[-1][0], seq)
        else:
            spans.append((seq, seq))


def _count(counts: Counts, verdict: Verdict, line: int) -> None:
    setattr(counts, verdict.state, getattr(counts, verdict.state) + 1)
    counts.line = line
    if verdict.state == "rejected" and len(counts.rejections) < SHOWN:
        counts.rejections.append((line, verdict.errors))


async def _keep_too_long(
    intake: Intake, line: TooLong, name: str, counts: Counts, progress: Callable[[int], None]
) -> None:
    """Keep a line over the limit whole.

    It is put on disk first, so that no transaction stays open while its end is awaited.
    """
    intake.settings.home.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=intake.settings.home) as spool:
        digest = hashlib.sha256()
        for piece in line.pieces:
            digest.update(piece)
            spool.write(piece)
        size = spool.tell()
        error = FieldError(
            "$",
            f"is {size:,} bytes long: an event has at most {intake.settings.max_event_bytes:,} "
            "(QUORATE_MAX_EVENT_BYTES); is a line break missing?",
        )
        rejected = store.Rejected({"file": name, "line": line.number}, (error,), size, digest.hexdigest())
        verdict = await intake.keep_too_long(_spooled(spool), rejected)
    _count(counts, verdict, line.number)
    progress(size + 1)


def _spooled(spool: IO[bytes]) -> Iterator[bytes]:
    spool.seek(0)
    while piece := spool.read(PIECE):
        yield piece
