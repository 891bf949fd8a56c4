"""Taking events in, and what waits of them."""

from __future__ import annotations

import os
import signal
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BufferedReader
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn
from rich.table import Table

from services.bootstrap import House
from services.cli.files import named, opened
from services.cli.opening import AsOf, run
from services.cli.terminal import AsJson, err, fail, out, print_json, tell
from services.intake.ingest import Counts
from services.intake.ingest import ingest as take_in
from services.intake.lines import NotLines, Stop, Unreadable
from services.intake.views import list_waiting


def ingest(file: Annotated[str, typer.Argument(metavar="FILE|-")], as_of: AsOf = None, as_json: AsJson = False) -> None:
    """Take in a file of events: NDJSON, one CloudEvent a line; - reads standard input.

    Rejected events are kept as dead letters, and the others take effect all the same. Events that refer to something
    not known yet are taken in and wait: they are counted and are no failure, since nothing remains to be done for them
    but to take in what they wait for. The exit status is 0 when every line was taken in, 1 when some were rejected or
    the file was not read to its end, 2 when there is no such file. The same file can be taken in again at any time.
    """
    with opened(file) as source, watched(source) as progress, told_to_stop() as stop:
        try:
            counts = run(lambda house: take_in(house.intake, source, named(file), progress, stop), as_of)
        except NotLines as wrong:
            message = str(wrong) if file == "-" else str(wrong).replace("FILE", named(file))
            fail(f"{named(file)} {message}", 2)
        except Unreadable as wrong:
            fail(f"{named(file)}: cannot be read: {wrong}")
    tell_of_rejections(named(file), counts)
    figures: dict[str, Any] = {name: getattr(counts, name) for name in ("accepted", "known", "waiting", "rejected")}
    if as_json:
        print_json(figures | ({"cut_short": counts.cut_short, "line": counts.line} if counts.cut_short else {}))
    else:
        out.print(
            "{accepted} accepted, {known} already known, {waiting} waiting, {rejected} rejected".format(**figures)
        )
    if counts.cut_short:
        fail(
            f"{named(file)}: {counts.cut_short}, after line {counts.line}; what came in until then is kept: "
            "take the same file in again for the rest"
        )
    if counts.rejected:
        raise typer.Exit(1)


def tell_of_rejections(name: str, counts: Counts) -> None:
    """Each failing field of the first rejected events, and where to find the others."""
    for line, errors in counts.rejections:
        for error in errors:
            tell(f"{name}:{line}: {error.path}: {error.message}")
    if more := counts.rejected - len(counts.rejections):
        tell(f"and {more:,} more rejected events")
    if counts.rejected:
        tell("Rejected events are kept: quorate deadletters list")


@contextmanager
def told_to_stop() -> Iterator[Stop]:
    """Ctrl-C asks to stop; a second one stops at once."""
    stop = Stop()
    before = signal.getsignal(signal.SIGINT)

    def ask(_number: int, _frame: object) -> None:
        signal.signal(signal.SIGINT, before)
        stop.ask()

    if before is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, ask)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def watched(file: BufferedReader) -> Iterator[Callable[[int], None]]:
    """A progress bar on standard error where a person watches it; given is what to tell of bytes dealt with."""
    if not err.is_terminal:
        yield lambda _bytes: None
        return
    about = os.fstat(file.fileno())
    size = about.st_size if stat.S_ISREG(about.st_mode) else None
    with Progress(BarColumn(), DownloadColumn(), TimeRemainingColumn(), console=err, transient=True) as bar:
        task = bar.add_task("", total=size)
        yield lambda done: bar.advance(task, done)


def waiting(as_json: AsJson = False) -> None:
    """List the events that wait for something not known yet, what for, and since when."""

    async def go(house: House) -> Any:
        async with house.database.read() as db:
            return await list_waiting(db)

    found = run(go)
    if as_json:
        print_json(found)
        return
    table = Table(title=f"{len(found)} waiting events")
    for column in ("event", "about", "waits for", "since"):
        table.add_column(column, overflow="fold")
    for each in found:
        table.add_row(
            f"{each['type']}\n{each['source']} {each['id']}",
            each["subject"],
            "\n".join(f"{thing['noun']} {thing['id']}" for thing in each["waits_for"]),
            each["since"][:16],
        )
    out.print(table)
