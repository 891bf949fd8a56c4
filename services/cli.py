"""The operator's door: the `quorate` command."""

from __future__ import annotations

import asyncio
import base64
import codecs
import getpass
import json
import os
import re
import signal
import stat
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import date, datetime
from io import BufferedReader
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar, cast

import typer
from rich import box
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn
from rich.table import Table
from rich.text import Text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.policy import PolicyFile
from services.bootstrap import House, migrate, open_house
from services.foundation import logs
from services.foundation.clock import Clock, FixedClock, SystemClock, london_date
from services.foundation.database import DatabaseTrouble
from services.foundation.settings import WrongSettings, load_settings
from services.intake import store as intake_store
from services.intake.accept import CannotReplay
from services.intake.ingest import Counts
from services.intake.ingest import ingest as take_in
from services.intake.journal import verify
from services.intake.lines import Line, Lines, Lull, NotLines, Stop, Unreadable
from services.intake.views import list_dead_letters, list_waiting, shown_dead_letter
from services.invitations.render import clock_time, long_day
from services.invitations.views import explain as explain_meeting
from services.meetings.policy import NATIONAL_DEFAULT, PolicyFault, WrongPolicy, load_policy, read_policy
from services.meetings.policy import shown as shown_policy
from services.oversight.rules import age
from services.oversight.views import list_exceptions
from services.process import CannotStart
from services.rehearsal import NotForRehearsals, make_home, read_story, rehearse, show, shown
from services.web.process import Running, serve_all

app = typer.Typer(
    help="Finds every agency involved with a child, invites each to the meeting, and says who was left out and why.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
out = Console(highlight=False)
err = Console(stderr=True, highlight=False)

T = TypeVar("T")

AsOf = Annotated[
    str | None, typer.Option("--as-of", metavar="TIME", help="Behave as if it were this moment (RFC 3339 with offset).")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]


def fail(message: str, status: int = 1) -> NoReturn:
    """Say what went wrong, and end."""
    tell(message)
    raise typer.Exit(status)


def tell(message: str) -> None:
    """A line to standard error."""
    err.print(message, markup=False, soft_wrap=True)


def moment(text: str | None) -> datetime | None:
    """The moment of `--as-of`."""
    if text is None:
        return None
    try:
        value: datetime | None = datetime.fromisoformat(text)
    except ValueError:
        value = None
    if value is None or value.tzinfo is None:
        fail(f"--as-of {text}: write a time with its offset, for example 2026-11-20T09:00:00+00:00", 2)
    return value


def run(what: Callable[[House], Awaitable[T]], as_of: str | None = None) -> T:
    """Open the house, do one thing, close it."""
    asked = moment(as_of)

    async def go() -> T:
        settings = load_settings()
        logs.configure(settings.log_level)
        at = asked or settings.as_of
        if at is not None and settings.smtp_server is not None:
            fail("--as-of is for rehearsals: it is refused while QUORATE_SMTP names a real mail server", 2)
        clock: Clock = FixedClock(at) if at else SystemClock()
        async with open_house(settings, clock) as house:
            return await what(house)

    try:
        return asyncio.run(go())
    except (WrongSettings, WrongPolicy, DatabaseTrouble) as wrong:
        fail(str(wrong))
    except SQLAlchemyError as wrong:
        fail(f"the database cannot be used: {getattr(wrong, 'orig', None) or type(wrong).__name__}")


def print_json(value: Any) -> None:
    """JSON to standard output."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2) + "\n")


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


def named(file: str) -> str:
    """What to call a file: a name may hold bytes that no text has."""
    return "standard input" if file == "-" else os.fsencode(file).decode(errors="backslashreplace")


def opened(file: str) -> AbstractContextManager[BufferedReader]:
    """A file for reading, or standard input for -."""
    if file == "-":
        if sys.stdin is None:
            fail("standard input is closed: give a FILE, or pipe the events in", 2)
        return nullcontext(cast(BufferedReader, sys.stdin.buffer))
    try:
        return Path(file).open("rb")
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError, ValueError) as wrong:
        what = "is a folder: give a file" if isinstance(wrong, IsADirectoryError) else "there is no such file"
        fail(f"{named(file)}: {what}", 2)
    except OSError as wrong:
        fail(f"{named(file)}: cannot be read: {wrong.strerror}")


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


@app.command()
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


@app.command()
def drain(as_of: AsOf = None, as_json: AsJson = False) -> None:
    """Send and tick all that is due, then exit."""
    tally = run(lambda house: house.drain(), as_of)
    figures = {"sent": tally.sent, "failed": tally.failed, "put_off": tally.put_off}
    if as_json:
        print_json(figures)
    else:
        out.print("{sent} sent, {failed} failed, {put_off} put off".format(**figures))
    if tally.failed or tally.put_off:
        raise typer.Exit(1)


@app.command()
def explain(
    meeting: Annotated[str, typer.Argument(metavar="MEETING")], as_of: AsOf = None, as_json: AsJson = False
) -> None:
    """Say who is asked to a meeting and why, and who is not and why not."""

    async def go(house: House) -> Any:
        async with house.database.read() as db:
            return await explain_meeting(db, house.intake.policy, meeting, moment(as_of), house.clock.now())

    found = run(go, as_of)
    if found is None:
        fail(f"no meeting {meeting} is known" + (f" as of {as_of}" if as_of else ""))
    if as_json:
        print_json(found)
        return
    starts_at = datetime.fromisoformat(found["starts_at"])
    out.print(f"{found['kind'].replace('_', ' ').capitalize()} {meeting}, {found['state']}", markup=False)
    out.print(f"{long_day(starts_at)}, {clock_time(starts_at)}, {found['authority']}", markup=False)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("who", max_width=26, overflow="fold")
    table.add_column("why", overflow="fold")
    table.add_column("invitation", max_width=14)
    for entry in found["entries"]:
        who = entry.get("agency_id") or entry.get("person_id") or f"({entry['kind'].replace('_', ' ')})"
        team = f"\n{entry['team_id']}" if "team_id" in entry else ""
        state = entry.get("invitation", {}).get("state", "")
        if entry["decision"] != "invited":
            told = f" ({state})" if state else ""
            state = f"not invited: {entry.get('why_not', '').replace('_', ' ')}{told}"
        reasons = "\n".join(dict.fromkeys(reason["text"] for reason in entry["reasons"]))
        table.add_row(Text(who + team), Text(reasons), Text(state))
    out.print(table)


@app.command()
def exceptions(
    every: Annotated[bool, typer.Option("--all", help="The resolved ones too.")] = False,
    as_of: AsOf = None,
    as_json: AsJson = False,
) -> None:
    """List what did not happen: who was expected and is not asked, or was not reached, or was asked late."""

    async def go(house: House) -> tuple[Any, datetime]:
        async with house.database.read() as db:
            return await list_exceptions(db, every=every, as_of=moment(as_of)), house.clock.now()

    found, now = run(go, as_of)
    if as_json:
        print_json(found)
        return
    table = Table(title=f"{len(found)} exceptions")
    table.add_column("kind", max_width=14)
    table.add_column("meeting", max_width=16, overflow="fold")
    table.add_column("what", overflow="fold")
    table.add_column("age", no_wrap=True)
    for each in found:
        how_long = age(datetime.fromisoformat(each["raised_at"]), now)
        kind = each["kind"].replace("_", " ") + (" (resolved)" if each["state"] == "resolved" else "")
        table.add_row(kind, each.get("meeting_id", ""), each["text"], how_long)
    out.print(table)


@app.command()
def demo(as_json: AsJson = False) -> None:
    """Run the sample partnership to its end, in a home of its own below QUORATE_HOME, and show what happened."""
    try:
        settings = load_settings()
        logs.configure(settings.log_level)
        story = read_story()
        done = asyncio.run(rehearse(make_home(settings, story), story))
    except (DatabaseTrouble, NotForRehearsals, WrongPolicy, WrongSettings) as wrong:
        fail(str(wrong))
    if as_json:
        print_json(done.document())
    else:
        show(out, done, shown(Path(sys.argv[0])))
    if done.unexpected:
        raise typer.Exit(1)


@app.command()
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


deadletters = typer.Typer(
    help="What was rejected on the way in: list it, look at it, and replay it as it was or corrected.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.add_typer(deadletters, name="deadletters")

LetterId = Annotated[int, typer.Argument(metavar="ID", min=1)]


@deadletters.command("list")
def tabulate_dead_letters(
    every: Annotated[bool, typer.Option("--all", help="The replayed ones too.")] = False, as_json: AsJson = False
) -> None:
    """List the dead letters: where each came from, and what is wrong with it."""

    async def go(house: House) -> Any:
        async with house.database.read() as db:
            return await list_dead_letters(db, every=every)

    found = run(go)
    if as_json:
        print_json(found)
        return
    table = Table(title=f"{len(found)} dead letters")
    for column in ("id", "from", "event", "what is wrong", "received", *(["state"] if every else [])):
        table.add_column(column, overflow="fold")
    for each in found:
        told = [f"{error['path']}: {error['message']}" for error in each["errors"]]
        table.add_row(
            str(each["deadletter_id"]),
            came_from(each["from"]),
            " ".join(each[name] for name in ("source", "id") if name in each),
            "\n".join([*told[:3], *([f"and {len(told) - 3} more"] if len(told) > 3 else [])]),
            each["received_at"][:16],
            *([each["state"]] if every else []),
        )
    out.print(table, markup=False)


def came_from(origin: Mapping[str, Any]) -> str:
    """Where a dead letter came from, for people."""
    if "file" in origin:
        return f"{origin['file']}:{origin['line']}"
    return " ".join(f"{name} {value}" for name, value in origin.items())


@deadletters.command("show")
def show_dead_letter(number: LetterId, as_json: AsJson = False) -> None:
    """Print the whole of what came in to standard output, and what is wrong with it to standard error."""

    async def go(house: House) -> None:
        async with house.database.read() as db:
            row = await intake_store.dead_letter(db, number)
            if row is None:
                fail(f"there is no dead letter {number}")
            letter = shown_dead_letter(row)
            if as_json:
                async for text in letter_as_json(db, letter):
                    sys.stdout.write(text)
                return
            head = f"Dead letter {number}, {letter['state']}, from {came_from(letter['from'])}, "
            tell(head + f"received {letter['received_at'][:16]}, {letter['size']:,} bytes")
            for error in letter["errors"]:
                tell(f"{error['path']}: {error['message']}")
            async for piece in intake_store.dead_letter_content(db, number):
                sys.stdout.buffer.write(piece)
            sys.stdout.buffer.write(b"\n")

    run(go)


async def letter_as_json(db: AsyncConnection, letter: Mapping[str, Any]) -> AsyncIterator[str]:
    """A dead letter with its `content` (`content_base64` where it is not UTF-8), piece by piece whatever its size."""
    number = letter["deadletter_id"]
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        async for piece in intake_store.dead_letter_content(db, number):
            decoder.decode(piece)
        decoder.decode(b"", True)
        is_text = True
    except UnicodeDecodeError:
        is_text = False
    yield json.dumps(letter, ensure_ascii=False, indent=2).removesuffix("\n}")
    yield ',\n  "content": "' if is_text else ',\n  "content_base64": "'
    decoder.reset()
    rest = b""
    async for piece in intake_store.dead_letter_content(db, number):
        if is_text:
            yield json.dumps(decoder.decode(piece), ensure_ascii=False)[1:-1]
        else:
            rest += piece
            whole = len(rest) // 3 * 3
            yield base64.b64encode(rest[:whole]).decode()
            rest = rest[whole:]
    yield base64.b64encode(rest).decode() + '"\n}\n'


@deadletters.command("replay")
def replay_dead_letters(
    numbers: Annotated[list[int] | None, typer.Argument(metavar="[ID]...", min=1)] = None,
    every: Annotated[bool, typer.Option("--all", help="Every open dead letter.")] = False,
    corrected: Annotated[
        str | None,
        typer.Option(
            "--with",
            metavar="FILE|-",
            help="The corrected event in place of what came in; for several, one a line in the order of the IDs.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Try dead letters again: as they came in (after a change of policy, say), or as corrected.

    What takes effect is settled, once, and no longer listed. What is still rejected stays, and the exit status is 1.
    """
    numbers = list(dict.fromkeys(numbers or []))
    if every == bool(numbers):
        fail("give the IDs of dead letters (quorate deadletters list), or --all", 2)
    if every and corrected is not None:
        fail("--with needs the IDs of the dead letters that it corrects", 2)
    by = user()

    async def go(house: House) -> list[dict[str, Any]]:
        corrections = read_corrections(corrected, numbers, house.settings.max_event_bytes) if corrected else {}
        wanted = numbers
        if every:
            async with house.database.read() as db:
                wanted = await intake_store.open_dead_letters(db)
        told = []
        for number in wanted:
            each: dict[str, Any] = {"deadletter_id": number}
            try:
                verdict = await house.intake.replay(number, corrections.get(number), by)
            except CannotReplay as wrong:
                was_done = wrong.settled and not corrections
                each |= {"state": "settled_before" if was_done else "not_replayed", "message": str(wrong)}
            else:
                errors = [{"path": error.path, "message": error.message} for error in verdict.errors]
                each |= {"state": verdict.state, **({"errors": errors} if errors else {})}
            told.append(each)
        return told

    told = run(go)
    if as_json:
        print_json(told)
    else:
        for each in told:
            tell_of_replay(each)
        if not told:
            out.print("There are no open dead letters.")
    if any(each["state"] in {"rejected", "not_replayed"} for each in told):
        raise typer.Exit(1)


def tell_of_replay(each: Mapping[str, Any]) -> None:
    """What became of one dead letter."""
    number, state = each["deadletter_id"], each["state"]
    if "message" in each:
        tell(f"dead letter {number}: {each['message']}")
    for error in each.get("errors", ()):
        tell(f"dead letter {number}: still rejected: {error['path']}: {error['message']}")
    words = {"accepted": "accepted", "waiting": "accepted; it waits", "known": "already known"}
    if state in words:
        out.print(f"dead letter {number}: {words[state]}")


def read_corrections(file: str, numbers: list[int], longest: int) -> dict[int, bytes]:
    """The corrected events by the number of the dead letter: for a single one the whole file, else one a line."""
    with opened(file) as source:
        if len(numbers) == 1:
            raw = source.read(longest + 1)
            if len(raw) > longest:
                fail(f"{named(file)}: is too long: an event has at most {longest:,} bytes", 2)
            return {numbers[0]: raw.strip()}
        events = []
        try:
            for line in Lines(source, longest):
                if isinstance(line, Line):
                    events.append(line.raw)
                elif not isinstance(line, Lull):
                    fail(f"{named(file)}:{line.number}: is too long: an event has at most {longest:,} bytes", 2)
        except (NotLines, Unreadable) as wrong:
            fail(f"{named(file)}: {wrong}", 2)
    if len(events) != len(numbers):
        fail(f"{named(file)} has {len(events)} events for {len(numbers)} dead letters: one line for each", 2)
    return dict(zip(numbers, events, strict=True))


def user() -> str:
    """Who gives the command, as far as this machine knows."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return f"user {os.getuid()}"


journal = typer.Typer(help="The journal of everything that was taken in.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(journal, name="journal")


@journal.callback()
def _journal() -> None:
    """The journal of everything that was taken in."""


@journal.command("verify")
def verify_journal(
    expect: Annotated[
        str | None,
        typer.Option(
            "--expect", metavar="SEQ:HASH", help="What an earlier verification printed: that row must still stand."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Find rows of the journal that were changed, are missing, were put in or change places; exit status 1 if any.

    Prints the number and hash of the last row: note them elsewhere, and give them to --expect next time. Only so can a
    journal be told whose every row was made anew.
    """
    noted: tuple[int, str] | None = None
    if expect is not None:
        parts = re.fullmatch(r"(\d{1,18}):([0-9a-f]{64})", expect)
        if parts is None:
            fail(f"--expect {expect}: write SEQ:HASH as an earlier verification printed it", 2)
        noted = int(parts[1]), parts[2]
    walk, faults = run(lambda house: verify(house.database, noted))
    if as_json:
        print_json(
            {
                "rows": walk.rows,
                "seq": walk.seq,
                "hash": walk.hash,
                "faults": [{"seq": fault.seq, "message": fault.message} for fault in faults],
                "more": walk.uncounted,
            }
        )
    else:
        for fault in faults:
            tell(f"row {fault.seq}: {fault.message}")
        if walk.uncounted:
            tell(f"and {walk.uncounted:,} more rows that do not follow from the row before them")
        out.print(f"{walk.rows} rows, {'as they were written' if not faults else 'not as they were written'}")
        out.print(f"last: {walk.seq}:{walk.hash}", soft_wrap=True)
    if faults:
        raise typer.Exit(1)


policy = typer.Typer(
    help="Who is expected in which meeting, and the numbers that apply.", no_args_is_help=True, rich_markup_mode=None
)
app.add_typer(policy, name="policy")


@policy.command("show")
def show_policy(
    on: Annotated[
        str | None,
        typer.Option("--on", metavar="DATE", help="What counts on this day, as in 2026-04-01; today if absent."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show every number and rule with its source, whether it is confirmed, and from when it counts."""
    try:
        day = date.fromisoformat(on) if on else london_date(SystemClock().now())
    except ValueError:
        fail(f"--on {on}: write a date, for example 2026-04-01", 2)
    try:
        found = shown_policy(load_policy(load_settings().policy), day)
    except (WrongPolicy, WrongSettings) as wrong:
        fail(str(wrong))
    if as_json:
        print_json(found)
        return
    out.print(f"On {found['on']}: {', then '.join(found['files'])}", markup=False, soft_wrap=True)
    for heading, entries in (
        ("Numbers", found["numbers"]),
        ("Kinds of agency that are expected", found["expectations"]),
        ("Kinds of meeting", found["meeting_kinds"]),
    ):
        out.print(f"\n{heading}", style="bold")
        for each in entries:
            out.print(f"{each['id']}: {in_words(each)}", markup=False, soft_wrap=True)
            confirmed = "confirmed" if each["confirmed"] else "not confirmed"
            origin = f"from {each['from']}, {confirmed}, {each['file']}; source: {each['source']}"
            out.print(f"    {origin}", markup=False, soft_wrap=True)
    out.print("\nKinds treated alike", style="bold")
    for name, kinds in found["groups"].items():
        out.print(f"{name}: {', '.join(kinds)}", markup=False, soft_wrap=True)


def in_words(entry: Mapping[str, Any]) -> str:
    """What a number, an expectation or a kind of meeting says."""
    if "value" in entry:
        unit = entry["unit"].replace("_", " ")
        return f"{entry['value']:g} {unit[:-1] if entry['value'] == 1 else unit}"
    told = {"id", "from", "source", "confirmed", "file", "because", "name"}
    fields = {name: value for name, value in entry.items() if name not in told and value not in ([], False)}
    said = ", ".join(
        f"{name} {' '.join(value) if isinstance(value, list) else str(value).lower()}" for name, value in fields.items()
    )
    return f"{entry.get('because') or entry.get('name')} ({said})"


@policy.command("check")
def check_policy(
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="The area's file; the one in the settings if absent.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Say everything that is wrong with an area's policy file, with its line; exit status 1 if anything is."""
    said: PolicyFile | None = None
    faults: tuple[PolicyFault, ...] = ()
    try:
        file = file or load_settings().policy or NATIONAL_DEFAULT
        said = read_policy(file)
    except WrongSettings as wrong:
        fail(str(wrong))
    except WrongPolicy as wrong:
        faults = wrong.faults
    if as_json:
        found = [
            {"file": each.file, "line": each.line, "place": each.place, "message": each.message} for each in faults
        ]
        print_json({"file": str(file), "faults": found})
    elif said is not None:
        entries = (*said.numbers, *said.expectations, *said.kinds)
        counted = (
            f"{len(said.numbers)} numbers, {len(said.expectations)} kinds of agency expected, "
            f"{len(said.kinds)} kinds of meeting; not confirmed: {sum(not each.confirmed for each in entries)}"
        )
        out.print(f"{file} can be used: {counted}", markup=False, soft_wrap=True)
    else:
        for fault in faults:
            tell(str(fault))
    if faults:
        raise typer.Exit(1)


@app.command("migrate")
def migrate_database() -> None:
    """Bring the database's tables up to date. The embedded default does it by itself."""
    try:
        out.print(asyncio.run(migrate(load_settings())), markup=False, soft_wrap=True)
    except (WrongSettings, DatabaseTrouble) as wrong:
        fail(str(wrong))


@app.command()
def up() -> None:
    """Keep Quorate running: the HTTP door, the pages, the mailer and the timers, until Ctrl-C or SIGTERM."""
    try:
        settings = load_settings()
        logs.configure(settings.log_level)
        asyncio.run(serve_all(settings, tell_where_to_look))
    except (CannotStart, DatabaseTrouble, WrongPolicy, WrongSettings) as wrong:
        fail(str(wrong))


def tell_where_to_look(running: Running) -> None:
    """What to look at once Quorate runs."""
    outgoing = f"{running.mailbox}/ (no QUORATE_SMTP is set: nothing leaves this machine)"
    token = f"the token in {running.token}" if running.token else "the token of QUORATE_TOKEN"
    for what, where in (
        ("Pages", running.url),
        ("Events", f"POST {running.url}events, with {token}"),
        ("Mail", outgoing if running.mailbox else "to the server of QUORATE_SMTP"),
        ("Stop", "Ctrl-C"),
    ):
        out.print(f"{what:8}{where}", markup=False, soft_wrap=True)


def main() -> None:
    """The console script."""
    app()
