"""The whole line at scale, beside what this machine's mail path can do at most and beside Celery.

python -m tests.bench.scale [--quick] [--rounds 5] [--meetings 2000] [--connections 8]
python -m tests.bench.scale --memory [--events 200000]

Meetings go in at Kafka, invitations are accepted at a local smtp-sink; Kafka, PostgreSQL, `quorate worker` and `quorate
mailer` are processes of their own on this machine, which the sink and the benchmark share with them. In each round, in
turn:
- the line: `meetings` events are produced into Kafka while worker and mailer wait there; eight invitations each. The
  clock runs from before the first event is handed to the producer to when the sink has counted the last message.
- the ceiling: the very messages of that round, built beforehand, sent by bare `aiosmtplib` in one process over as many
  connections to the same sink.
- Celery: the same messages made and sent by the pipeline in `celery_pipeline`, a row of persistence each. All its tasks
  are in Redis before its clock starts, nothing has to be found out about a meeting, and nothing is journalled: it does
  a part of the job, and is charged for that part alone.

Then the same with two mailers, which share the connections, and with two workers beside; then, at a steady rate, how
long an event takes from before it is handed to the producer until each of its messages has been accepted, by a sink
that notes the time.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from itertools import count
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from services.foundation.outbox import MAIL, outbox
from services.intake.store import journal
from services.invitations.render import message_id, render
from services.post.mime import assemble
from tests.bench import celery_pipeline, partnership
from tests.bench.celery_pipeline import Pipeline, Setup
from tests.bench.embedded import take_in
from tests.bench.machine import postgres, redis, resident
from tests.bench.mail import Sink, bare, built, last_row, noting_sink, sink
from tests.bench.whole_line import INVITED, SECRET, Stretch, WholeLine, as_records, whole_line

WARM_UP = 200  # meetings
CELERYS = "celery"  # the database of the comparison
BLOCK = 250  # families


@dataclass(frozen=True, slots=True)
class Chosen:
    """What the command line asks for."""

    rounds: int
    meetings: int
    celery_meetings: int
    connections: int
    rate: int
    seconds: int
    events: int


@dataclass(slots=True)
class Rounds:
    """What the rounds gave, each list in the order of the rounds."""

    ours: list[Stretch] = field(default_factory=list)
    ceiling: list[float] = field(default_factory=list)
    celery: list[float] = field(default_factory=list)

    def of_ceiling(self) -> list[float]:
        return [ours.rate / most for ours, most in zip(self.ours, self.ceiling, strict=True)]

    def of_celery(self) -> list[float]:
        return [ours.rate / theirs for ours, theirs in zip(self.ours, self.celery, strict=True)]


def said(values: Sequence[float], form: str = ",.0f") -> str:
    """The median, and the range."""
    return f"{statistics.median(values):{form}} ({min(values):{form}} to {max(values):{form}})"


class Meetings:
    """Meetings that no stretch before has had: each about one child of `families` families."""

    def __init__(self, families: int) -> None:
        self.families = families
        self.numbers = count()

    def next(self, how_many: int) -> list[bytes]:
        numbers = [next(self.numbers) for _ in range(how_many)]
        return [partnership.meeting(number, number % self.families) for number in numbers]


async def prepared(line: WholeLine, families: int) -> None:
    """Record the directory."""
    start = time.perf_counter()
    events = [*partnership.agencies(), *(each for number in range(families) for each in partnership.family(number))]
    await take_in(line.house, events)
    seconds = time.perf_counter() - start
    print(f"directory: {len(events):,} events accepted, {len(events) / seconds:,.0f}/s", flush=True)


async def warmed_up(line: WholeLine, meetings: Meetings, taker: Sink) -> None:
    """Send some that do not count; then PostgreSQL knows its tables, as it would after a night."""
    await line.stretch(meetings.next(WARM_UP), taker)
    await line.postgres.run("VACUUM ANALYZE", str(line.house.database.url.database))


async def params_after(line: WholeLine, row: int, limit: int) -> list[dict[str, Any]]:
    """What the messages of the outbox rows after `row` are made of."""
    query = select(outbox.c.params).where(outbox.c.outbox_id > row, outbox.c.channel == MAIL)
    async with line.house.database.read() as db:
        return list((await db.execute(query.order_by(outbox.c.outbox_id).limit(limit))).scalars())


def contents(raw: bytes) -> list[Any]:
    """What a reader sees of a message."""
    message = message_from_bytes(raw, policy=policy.default)
    assert isinstance(message, EmailMessage)
    parts = [part.get_content() for part in message.walk() if not part.is_multipart()]
    # Where the library begins a long subject on a line of its own, its reader puts a space before it.
    return [str(message["Subject"]).strip(), str(message["To"]), str(message["Message-ID"]), *map(_lines, parts)]


def _lines(content: str | bytes) -> str:
    text = content.decode() if isinstance(content, bytes) else content
    return text.replace("\r\n", "\n")


def same_message(line: WholeLine, params: Mapping[str, Any]) -> None:
    """The comparison is one only where both make the same message."""
    ours = contents(assemble(render(params, line.settings)))
    theirs = contents(celery_pipeline.written(params, line.settings).as_bytes())
    if ours != theirs:
        raise RuntimeError("Celery's pipeline makes another message")


async def by_celery(pipeline: Pipeline, rows: Sequence[dict[str, Any]], taker: Sink) -> float:
    """Send these by Celery; returns messages a second."""
    await asyncio.to_thread(pipeline.queue, rows)
    expected = taker.taken + len(rows)
    start = time.perf_counter()
    pipeline.let_go()
    return len(rows) / (await taker.until(expected, 300) - start)


async def measured(
    line: WholeLine, chosen: Chosen, meetings: Meetings, taker: Sink, pipeline: Pipeline | None
) -> Rounds:
    """The rounds, each printed as it ends."""
    found = Rounds()
    for turn in range(chosen.rounds):
        before = await last_row(line.house)
        ours = await line.stretch(meetings.next(chosen.meetings), taker)
        messages = await built(line.house, before)
        assert len(messages) == ours.mails, (len(messages), ours.mails)
        ceiling = len(messages) / await bare(messages, taker.port, chosen.connections)
        size = sum(len(content) for _, _, content in messages) / len(messages)
        found.ours.append(ours)
        found.ceiling.append(ceiling)
        words = (
            f"round {turn + 1}: {ours.mails:,} invitations of {size:,.0f} bytes; the line {ours.rate:,.0f}/s "
            f"(meetings taken in within {ours.taken_in:.1f} of {ours.seconds:.1f} s); "
            f"bare aiosmtplib {ceiling:,.0f}/s; ratio {ours.rate / ceiling:.2f}"
        )
        if pipeline is not None:
            rows = await params_after(line, before, chosen.celery_meetings * INVITED)
            same_message(line, rows[0])
            found.celery.append(await by_celery(pipeline, rows, taker))
            words += f"; Celery {found.celery[-1]:,.0f}/s; ratio {ours.rate / found.celery[-1]:.1f}"
        print(words, flush=True)
    return found


def summed_up(title: str, found: Rounds) -> None:
    """Print medians and ranges, and where the time went."""
    print(f"\n{title}, median (range) of {len(found.ours)}")
    print(f"  the line        {said([each.rate for each in found.ours])} invitations/s")
    print(f"  bare aiosmtplib {said(found.ceiling)} messages/s; the line is {said(found.of_ceiling(), '.2f')} of it")
    if found.celery:
        print(
            f"  Celery          {said(found.celery)} messages/s; the line is {said(found.of_celery(), '.1f')} times it"
        )
    cores = os.cpu_count() or 1
    print(f"  CPU seconds of {cores} cores while the clock ran, per 1,000 invitations:")
    left = [cores * each.seconds - sum(each.costs.values()) for each in found.ours]
    shares = {name: [each.costs[name] for each in found.ours] for name in found.ours[0].costs} | {
        "idle, and others": left
    }
    whole = sum(cores * each.seconds for each in found.ours)
    for name, spent in shares.items():
        each = [seconds / stretch.mails * 1e3 for seconds, stretch in zip(spent, found.ours, strict=True)]
        print(f"    {name:34} {statistics.median(each):6.3f}   {sum(spent) / whole:4.0%}")


def spread(seconds: Iterable[float]) -> str:
    """How long things took, in milliseconds."""
    every = sorted(seconds)
    marks = {f"p{share * 100:.0f}": every[min(len(every) - 1, int(share * len(every)))] for share in (0.5, 0.9, 0.99)}
    return ", ".join(f"{name} {value * 1e3:.0f}" for name, value in (marks | {"longest": every[-1]}).items()) + " ms"


async def latency(line: WholeLine, chosen: Chosen, meetings: Meetings) -> None:
    """Meetings at a steady rate: how long until each of their messages was accepted."""
    records = as_records(meetings.next(chosen.rate * chosen.seconds))
    expected = len(records) * INVITED
    before = await last_row(line.house)
    with noting_sink(line.settings.home) as noted, line.mailer(noted.url):
        costs = line.costs(noted.pid)
        handed: dict[str, float] = {}
        start = time.perf_counter()
        for number, record in enumerate(records):
            await asyncio.sleep(max(0.0, start + number / chosen.rate - time.perf_counter()))
            handed[record.event_id] = time.time()
            await line.send(record)  # not waited for: one that is slow must not make the next one late
        limit = time.monotonic() + 60
        while len(accepted := noted.accepted()) < expected and time.monotonic() < limit:  # noqa: ASYNC110  # a file
            await asyncio.sleep(0.2)
        await line.settled()
        spent, seconds = costs.since(), time.perf_counter() - start
    query = select(outbox.c.params, outbox.c.written_at).where(outbox.c.outbox_id > before, outbox.c.channel == MAIL)
    async with line.house.database.read() as db:
        written = {message_id(row.params, line.settings): row for row in await db.execute(query)}
    if written.keys() != accepted.keys() or len(written) != expected:
        raise RuntimeError(f"{len(accepted)} messages accepted, {len(written)} written, {expected} expected")
    told = {each: handed[row.params["meeting_id"]] for each, row in written.items()}
    begun = {each: row.written_at.timestamp() for each, row in written.items()}
    whole = spread(accepted[each] - told[each] for each in told)
    before_that = spread(begun[each] - told[each] for each in told)
    after_that = spread(accepted[each] - begun[each] for each in told)
    print(f"\nlatency at {chosen.rate} meetings/s over {chosen.seconds} s, for each of {expected:,} messages")
    print(f"  from before its event is handed to the producer to its acceptance: {whole}")
    print(f"  of that until the worker's transaction began: {before_that}; and from then on: {after_that}")
    print("  CPU, share of one core: " + ", ".join(f"{name} {used / seconds:.0%}" for name, used in spent.items()))


async def memory(line: WholeLine, events: int, taker: Sink) -> None:
    """What a worker and a mailer hold after so many events: families, and a meeting about each."""
    await prepared(line, 0)
    print(f"\nmemory over {events:,} events (a child, six involvements and a meeting for each family)")
    print("     events   invitations   worker MB   mailer MB", flush=True)
    marks = [int(events * share) for share in (0.05, 0.25, 0.5, 0.75, 1.0)]
    begun = await taken_in(line)
    families, produced = events // 8, 0
    with line.worker() as worker, line.mailer() as mailer:
        sent_before = taker.taken
        for first in range(0, families + BLOCK, BLOCK):
            some = [
                each for number in range(first, min(first + BLOCK, families)) for each in partnership.family(number)
            ]
            some += [
                partnership.meeting(number, number) for number in range(max(0, first - BLOCK), min(first, families))
            ]
            await line.produce(as_records(some))
            produced += len(some)
            least = produced - BLOCK * 16 if first < families else produced
            while (done := await taken_in(line) - begun) < least or (marks and done >= marks[0]):
                if marks and done >= marks[0]:
                    marks.pop(0)
                    held = f"{resident(worker):9.0f}   {resident(mailer):9.0f}"
                    print(f"  {done:9,}   {taker.taken - sent_before:11,}   {held}", flush=True)
                await asyncio.sleep(0.05)
        await line.settled()
        held = f"{resident(worker):9.0f}   {resident(mailer):9.0f}"
        print(f"  all sent    {taker.taken - sent_before:11,}   {held}")


async def taken_in(line: WholeLine) -> int:
    """How many events the journal holds."""
    async with line.house.database.read() as db:
        return (await db.execute(select(func.max(journal.c.seq)))).scalar() or 0


async def run(chosen: Chosen) -> None:
    """Print the figures."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="quorate-bench-")))
        server = stack.enter_context(postgres())
        taker = stack.enter_context(sink())
        async with whole_line(folder, server, taker.url, chosen.connections) as line:
            print(f"{os.cpu_count()} cores; {await server.durability()}; Kafka on one node, acks=all; ", end="")
            print(f"{chosen.connections} connections to smtp-sink from each mailer")
            if chosen.events:
                await memory(line, chosen.events, taker)
                return
            await prepared(line, chosen.meetings)
            await compared(line, chosen, taker, folder)


async def compared(line: WholeLine, chosen: Chosen, taker: Sink, folder: Path) -> None:
    """Everything but memory."""
    meetings = Meetings(chosen.meetings)
    await line.postgres.run(f"CREATE DATABASE {CELERYS}")
    await line.postgres.run(celery_pipeline.TABLE, CELERYS)
    half = chosen.connections // 2
    with line.worker():
        with line.mailer(), redis(folder) as (url, _):
            setup = Setup(url, line.postgres.folder, CELERYS, taker.port, str(line.settings.home), SECRET)
            pipeline = Pipeline(setup)
            await warmed_up(line, meetings, taker)
            with pipeline.running(folder / "celery.log"):
                alone = await measured(line, chosen, meetings, taker, pipeline)
        summed_up("one worker and one mailer", alone)
        with line.mailer(connections=half), line.mailer(connections=half):
            await line.stretch(meetings.next(WARM_UP), taker)
            one = await measured(line, chosen, meetings, taker, None)
            summed_up("one worker and two mailers, half of the connections each", one)
            with line.worker():
                await line.stretch(meetings.next(WARM_UP), taker)
                two = await measured(line, chosen, meetings, taker, None)
                summed_up("two workers and two mailers, half of the connections each", two)
    gain = statistics.median(each.rate for each in two.ours) / statistics.median(each.rate for each in one.ours)
    print(f"  two workers give {gain:.2f} times what one gives")
    with line.worker():
        await latency(line, chosen, meetings)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a trial: one round of everything, small")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--meetings", type=int)
    parser.add_argument("--celery-meetings", type=int, help="so many of a round's meetings are sent by Celery")
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--rate", type=int, default=20, help="meetings a second where latency is measured")
    parser.add_argument("--seconds", type=int, help="for how long it is")
    parser.add_argument("--memory", action="store_true", help="only the memory of a worker and a mailer")
    parser.add_argument("--events", type=int)
    given = parser.parse_args()
    usual = {"rounds": 5, "meetings": 2000, "celery_meetings": 500, "seconds": 60, "events": 200_000}
    small = {"rounds": 1, "meetings": 300, "celery_meetings": 60, "seconds": 5, "events": 8_000}
    sizes = {name: getattr(given, name) or (small if given.quick else usual)[name] for name in usual}
    sizes["events"] *= given.memory
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what was started is ended on the way out
    asyncio.run(run(Chosen(connections=given.connections, rate=given.rate, **sizes)))


if __name__ == "__main__":
    main()
