"""Copies of a record decided, printed and queued a second, beside bare typst that compiles the same documents.

python -m tests.bench.records [--rounds 7] [--postgres]

A round is one record of five pages for 12 readers, who get four different copies of it. Our clock runs from the event
to the commit by which every letter is queued: deciding, reading who took part, making the documents, keeping each on
the disk (fsync), queueing. Then a process that does nothing else compiles the very same 12 documents with typst, and
keeps nothing; another does so with a new compiler for each. They are processes of their own since typst remembers what
it laid out: after ours they would find the work done. That the bytes are the same is checked. Ratios are within a
round, on the wall and of the processes' own time.

Then, in a process of its own again, what typst's memory gives: 12 readers of one and the same copy beside 12 copies of
different words.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import typst
from pypdf import PdfReader

from services.bootstrap import House, migrate, open_house
from services.foundation.settings import Settings
from services.intake.accept import Arrival
from services.records.press import PRINTERS
from services.records.printing import DOCUMENTS, FONTS, Printer, source
from tests import conference
from tests.bench.machine import postgres
from tests.clock import MovableClock

READERS, COPIES, PAGES = 12, 4, 5
PARAGRAPHS = 4
SEEN_BEFORE = 900  # which paragraphs stand in the documents that only warm up


class Taken(NamedTuple):
    """Seconds on the wall, and of this process's own time on all cores."""

    wall: float
    own: float


class Clocks:
    """Both clocks, from now on."""

    def __init__(self) -> None:
        self.began = Taken(time.perf_counter(), time.process_time())

    def taken(self) -> Taken:
        return Taken(time.perf_counter() - self.began.wall, time.process_time() - self.began.own)


class Bare:
    """A process that compiles documents with typst and does nothing else."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.records", "--bare"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def compile(self, jobs: Sequence[Mapping[str, Any]], *, anew: bool) -> tuple[Taken, list[str]]:
        """What it took, and the SHA-256 of each document."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps({"jobs": list(jobs), "anew": anew}) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        return Taken(*answer["taken"]), answer["documents"]

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


def compile_bare() -> None:
    """What that process does."""
    one = typst.Compiler(root=DOCUMENTS, font_paths=[FONTS], ignore_system_fonts=True)
    for line in sys.stdin:
        order = json.loads(line)
        sources = [(source("record", job["content"], job["reader"]), job["moment"]) for job in order["jobs"]]
        began = Clocks()
        made = []
        for text, moment in sources:
            compiler = one
            if order["anew"]:
                compiler = typst.Compiler(root=DOCUMENTS, font_paths=[FONTS], ignore_system_fonts=True)
            made.append(compiler.compile(text, pdf_standards=["ua-1"], timestamp=moment))
        taken = began.taken()
        documents = [hashlib.sha256(each).hexdigest() for each in made if isinstance(each, bytes)]
        sys.stdout.write(json.dumps({"taken": taken, "documents": documents}) + "\n")
        sys.stdout.flush()


class Noting(Printer):
    """A printer of the house, which notes what it was given, and what it made of that."""

    def __init__(self, noted: list[tuple[dict[str, Any], bytes]]) -> None:
        super().__init__("record")
        self.noted = noted

    def print(self, content: Mapping[str, Any], reader: str, moment: int) -> bytes:
        made = super().print(content, reader, moment)
        self.noted.append(({"content": content, "reader": reader, "moment": moment}, made))
        return made


async def take(house: House, *raws: bytes) -> None:
    verdicts = await house.intake.accept([Arrival(raw, {"file": "bench", "line": n}) for n, raw in enumerate(raws)])
    assert {verdict.state for verdict in verdicts} == {"accepted"}


def record(number: int) -> bytes:
    """A record of its own: no paragraph of it stands in another."""
    sections = conference.sections(PARAGRAPHS, of=100 * number)
    return conference.record(f"r{number}", meeting_id=f"m{number}", sections=sections)


async def measured(store: str, settings: Settings, rounds: int) -> None:
    """Print the figures of one store."""
    await migrate(settings)
    clock = MovableClock()
    bare = {False: Bare(), True: Bare()}
    noted: list[tuple[dict[str, Any], bytes]] = []
    total: list[Taken] = []
    decided: list[Taken] = []
    beside: dict[bool, list[Taken]] = {False: [], True: []}
    async with open_house(settings, clock) as house:
        house.press.printers = [Noting(noted) for _ in range(PRINTERS)]
        await take(house, *conference.directory())
        for number in range(rounds + 1):
            clock.set(conference.APPROVED_AT)
            await take(house, conference.meeting(f"m{number}"), conference.held(f"m{number}"))
            await house.tick()
            noted.clear()
            event = record(number)
            began = Clocks()
            await take(house, event)
            known = began.taken()
            assert await house.press.drain() == READERS
            ended = began.taken()
            order = (False, True) if number % 2 else (True, False)
            alone = {}
            for anew in order:
                alone[anew], documents = bare[anew].compile([job for job, _ in noted], anew=anew)
                assert documents == [hashlib.sha256(each).hexdigest() for _, each in noted]
            if number == 0:
                whole = [len(PdfReader(BytesIO(each)).pages) for _, each in noted]
                kinds = len({json.dumps(job["content"]["sections"]) for job, _ in noted})
                assert (max(whole), kinds) == (PAGES, COPIES), (whole, kinds)
                continue
            total.append(ended)
            decided.append(known)
            for anew, taken in alone.items():
                beside[anew].append(taken)
    for process in bare.values():
        process.close()
    print(f"{store}: {READERS} readers, {COPIES} different copies of up to {PAGES} pages, median of {rounds} rounds")
    wall = statistics.median(each.wall for each in total)
    deciding = statistics.median(each.wall for each in decided)
    print(f"  decided, printed and queued: {READERS / wall:,.0f} copies a second")
    print(f"    {1000 * wall:.0f} ms a record, {1000 * deciding:.0f} of it to decide")
    for anew, name in ((False, "one compiler for all"), (True, "a new compiler for each")):
        rate = READERS / statistics.median(each.wall for each in beside[anew])
        print(f"  bare typst, {name}: {rate:,.0f} a second")
        for clock_name, what in (("wall", "on the wall"), ("own", "of processor time")):
            pairs = zip(beside[anew], total, strict=True)
            ratios = [getattr(alone, clock_name) / getattr(ours, clock_name) for alone, ours in pairs]
            print(f"    ratio {what}: {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")


def _others(content: Mapping[str, Any], mark: str) -> dict[str, Any]:
    """The same document in other words of the same length: every paragraph begins with a number that no other has."""
    return json.loads(json.dumps(content).replace('"text": "', f'"text": "{mark} '))  # type: ignore[no-any-return]


def remembered(rounds: int) -> None:
    """Print what typst's memory gives where copies differ in their reader alone."""
    process = Bare()
    found: dict[str, list[float]] = {"one copy for all": [], "a copy for each": []}
    base = _job()
    process.compile([base], anew=False)
    for number in range(rounds):
        one = _others(base["content"], f"{number} same")
        same = [base | {"content": one, "reader": f"Reader {number} {each}"} for each in range(READERS)]
        differ = [
            base | {"content": _others(base["content"], f"{number} {each}"), "reader": f"Reader {number} {each}"}
            for each in range(READERS)
        ]
        for name, jobs in (("one copy for all", same), ("a copy for each", differ)):
            found[name].append(process.compile(jobs, anew=False)[0].own / READERS)
    process.close()
    print(f"What typst remembers: {READERS} readers, {PAGES} pages each")
    for name, seconds in found.items():
        print(f"  {name}: {1000 * statistics.median(seconds):.1f} ms of processor time a document")


def _job() -> dict[str, Any]:
    """One document of the whole record."""
    noted: list[tuple[dict[str, Any], bytes]] = []

    async def made() -> None:
        clock = MovableClock(conference.APPROVED_AT)
        with tempfile.TemporaryDirectory(prefix="quorate-bench-") as folder:
            async with open_house(Settings(home=Path(folder)), clock) as house:
                house.press.printers = [Noting(noted) for _ in range(PRINTERS)]
                await take(house, *conference.directory(), conference.meeting("m0"), conference.held("m0"), record(0))
                await house.press.drain()

    asyncio.run(made())
    return max((job for job, _ in noted), key=lambda job: len(json.dumps(job)))


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--postgres", action="store_true", help="on PostgreSQL too")
    parser.add_argument("--bare", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.bare:
        compile_bare()
        return
    with tempfile.TemporaryDirectory(prefix="quorate-bench-") as folder:
        asyncio.run(measured("SQLite", Settings(home=Path(folder)), chosen.rounds))
    if chosen.postgres:
        with postgres() as server, tempfile.TemporaryDirectory(prefix="quorate-bench-") as folder:
            key = {"secret": "a-key-for-tests-alone", "token": "a-token-for-tests-alone"}
            settings = Settings(home=Path(folder), database=server.url("postgres"), **key)
            asyncio.run(measured("PostgreSQL", settings, chosen.rounds))
    remembered(chosen.rounds)


if __name__ == "__main__":
    main()
