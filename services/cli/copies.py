"""What became of the records of a meeting, on a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

from services.cli.terminal import out
from services.foundation.clock import LONDON
from services.meetings.rules import say
from services.meetings.rules.words import capital

_DUE = {
    "to_come": "not approved yet",
    "missed": "not approved",
    "approved": "approved in time",
    "late": "approved late",
}


def print_copies(found: Mapping[str, Any]) -> None:
    """By when records are wanted, and how far the copy of each has come; nothing where there are none."""
    for each in found.get("deadlines", ()):
        due = f"{each['kind'].capitalize()} due by {say(date.fromisoformat(each['last_day']))}: {_DUE[each['state']]}."
        out.print(due, markup=False)
    lines = [(entry, copy) for entry in found["entries"] for copy in entry.get("record", ())]
    lines += [(copy, copy) for copy in found.get("records_of_others", ())]
    if not lines:
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("copy of", "who", "state", "why"):
        table.add_column(name, overflow="fold")
    for who, copy in lines:
        name = who.get("agency_id") or who.get("person_id") or ""
        team = f"\n{who['team_id']}" if "team_id" in who else ""
        state = f"{copy['state']}\n{datetime.fromisoformat(copy['at']).astimezone(LONDON):%Y-%m-%d %H:%M}"
        why = "\n".join([*([capital(copy["text"])] if "text" in copy else []), *_left_out(copy["left_out"])])
        table.add_row(Text(f"{copy['kind']} v{copy['version']}"), Text(name + team), Text(state), Text(why))
    out.print(table)


def _left_out(some: Sequence[Mapping[str, Any]]) -> list[str]:
    """What is left out of a copy, each reason once."""
    by_reason: dict[str, list[str]] = {}
    for each in some:
        by_reason.setdefault(each["text"], []).append(str(each["section"] + 1))
    return [
        f"Section{'s' if len(numbers) > 1 else ''} {', '.join(numbers)} left out: {text}"
        for text, numbers in by_reason.items()
    ]
