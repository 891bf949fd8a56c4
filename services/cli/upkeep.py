"""What is done once and by hand: send what is due, bring the tables up to date."""

from __future__ import annotations

import asyncio

import typer

from services.bootstrap import migrate
from services.cli.opening import AsOf, run
from services.cli.terminal import AsJson, fail, out, print_json
from services.foundation.database import DatabaseTrouble
from services.foundation.settings import WrongSettings, load_settings


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


def migrate_database() -> None:
    """Bring the database's tables up to date. The embedded default does it by itself."""
    try:
        out.print(asyncio.run(migrate(load_settings())), markup=False, soft_wrap=True)
    except (WrongSettings, DatabaseTrouble) as wrong:
        fail(str(wrong))
