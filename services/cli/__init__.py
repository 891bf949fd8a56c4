"""The operator's door: the `quorate` command. Read `COMMANDS` to see what it can do and where each of it stands.

A command's module is loaded when it is asked for: what a worker needs takes a second to load, and `--help` none of it.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator, MutableMapping
from typing import Any

import typer
from typer.core import TyperGroup

# Command → where it stands below this package, and what it does in a line: the first sentence of its own help.
COMMANDS = {
    "up": (
        "processes:up",
        "Keep Quorate running: the HTTP door, the pages, mail out and in, and the timers, until Ctrl-C or SIGTERM.",
    ),
    "ingest": (
        "intake:ingest",
        "Take in a file of events: NDJSON, one CloudEvent a line; - reads standard input.",
    ),
    "drain": ("upkeep:drain", "Send and tick all that is due, then exit."),
    "resend": (
        "upkeep:resend",
        "Send again what the mail server or MESH refused for good, once the reason is gone.",
    ),
    "explain": (
        "meetings:explain",
        "Say who is asked to a meeting and why, who is not and why not, and of a held one who came.",
    ),
    "record": (
        "records:record",
        "The records of meetings: draft one in Word, see who would get what, approve it, and see where each copy is.",
    ),
    "exceptions": (
        "meetings:exceptions",
        "List what did not happen: who was expected and is not asked, or was not reached, or was asked late.",
    ),
    "waiting": (
        "intake:waiting",
        "List the events that wait for something not known yet, what for, and since when.",
    ),
    "deadletters": (
        "deadletters:deadletters",
        "What was rejected on the way in: list it, look at it, and replay it as it was or corrected.",
    ),
    "journal": ("journal:journal", "The journal of everything that was taken in."),
    "policy": ("policy:policy", "Who is expected in which meeting, and the numbers that apply."),
    "demo": (
        "rehearsals:demo",
        "Run the sample partnership to its end, in a home of its own below QUORATE_HOME, and show what happened.",
    ),
    "web": ("processes:web", "Keep the pages and the HTTP door running, beside as many others as are needed."),
    "mailer": ("processes:mailer", "Keep sending what is due, beside as many other mailers as are needed."),
    "scheduler": (
        "processes:scheduler",
        "Keep acting on timers as they fall due, beside as many others as are needed.",
    ),
    "mailbox": (
        "mailbox:mailbox",
        "Keep taking mail in: from the mailbox of QUORATE_IMAP, and over LMTP where QUORATE_LMTP_LISTEN says.",
    ),
    "mesh": ("mesh:mesh", "Keep sending by MESH what is due, and taking in what comes by it."),
    "worker": (
        "worker:worker",
        "Keep taking events from Kafka and handing outcomes to it, beside as many other workers as are needed.",
    ),
    "topics": ("streams:topics", "The topics on Kafka: make them, and see how much waits on them."),
    "migrate": ("upkeep:migrate_database", "Bring the database's tables up to date."),
}


class _Commands(MutableMapping[str, Any]):
    """The commands by name, each loaded once it is looked at."""

    def __init__(self) -> None:
        self.loaded: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self.loaded:
            found = pkgutil.resolve_name(f"{__name__}.{COMMANDS[name][0]}")
            if not isinstance(found, typer.Typer):
                one = typer.Typer(add_completion=False, rich_markup_mode=None)
                one.command(name)(found)
                found = one
            self.loaded[name] = typer.main.get_command(found)
        return self.loaded[name]

    def __contains__(self, name: object) -> bool:
        return name in COMMANDS

    def __iter__(self) -> Iterator[str]:
        return iter(COMMANDS)

    def __len__(self) -> int:
        return len(COMMANDS)

    def __setitem__(self, name: str, command: Any) -> None:
        raise TypeError(f"write {name} into COMMANDS")

    def __delitem__(self, name: str) -> None:
        raise TypeError(f"take {name} out of COMMANDS")


class _Door(TyperGroup):
    """The commands, listed without loading them."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.commands = _Commands()

    def list_commands(self, ctx: Any) -> list[str]:
        return list(self.commands)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


app = typer.Typer(
    cls=_Door, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None
)


@app.callback()
def _quorate() -> None:
    """Finds every agency involved with a child, invites each to the meeting, and says who was left out and why."""


def main() -> None:
    """The console script."""
    app()
