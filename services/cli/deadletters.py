"""What was rejected on the way in."""

from __future__ import annotations

import base64
import codecs
import getpass
import json
import os
import sys
from collections.abc import AsyncIterator, Mapping
from typing import Annotated, Any

import typer
from rich.table import Table
from sqlalchemy.ext.asyncio import AsyncConnection

from services.bootstrap import House
from services.cli.files import named, opened
from services.cli.opening import run
from services.cli.terminal import AsJson, fail, out, print_json, tell
from services.intake import store as intake_store
from services.intake.accept import CannotReplay
from services.intake.lines import Line, Lines, Lull, NotLines, Unreadable
from services.intake.views import list_dead_letters, shown_dead_letter

deadletters = typer.Typer(
    help="What was rejected on the way in: list it, look at it, and replay it as it was or corrected.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

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
