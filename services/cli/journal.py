"""The journal of everything that was taken in."""

from __future__ import annotations

import re
from typing import Annotated

import typer

from services.cli.opening import run
from services.cli.terminal import AsJson, fail, out, print_json, tell
from services.intake.journal import verify

journal = typer.Typer(help="The journal of everything that was taken in.", no_args_is_help=True, rich_markup_mode=None)


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
