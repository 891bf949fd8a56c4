"""The sample partnership."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import typer

from services.cli.terminal import AsJson, fail, out, print_json
from services.foundation import logs
from services.foundation.settings import WrongSettings, load_settings
from services.foundation.trouble import DatabaseTrouble
from services.meetings.policy import WrongPolicy
from services.rehearsal import NotForRehearsals, make_home, read_story, rehearse, show, shown


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
