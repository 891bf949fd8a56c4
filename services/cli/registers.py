"""The register of a held meeting on a terminal, and whether it was quorate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

from services.cli.terminal import out


def print_register(found: Mapping[str, Any]) -> None:
    """Who was there, and whether that was quorate; nothing for a meeting that has not been held."""
    if "attendance" not in found:
        return
    quoracy = found.get("quoracy", {})
    counted = {each["agency_id"]: each for each in quoracy.get("parties", ())}
    out.print(quoracy.get("text") or found["attendance"]["not_judged"], markup=False, soft_wrap=True)
    for each in quoracy.get("refused", ()):
        out.print(each["text"], markup=False, soft_wrap=True)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("who", "there", "quoracy"):
        table.add_column(name, overflow="fold")
    for line in found["attendance"]["parties"]:
        who = line.get("agency_id") or line.get("person_id") or f"({line['kind'].replace('_', ' ')})"
        party = counted.get(line.get("agency_id", ""))
        said = f"{'Counts' if party['counts'] else 'Does not count'}. {party['text']}" if party else ""
        table.add_row(Text(who), Text(line["text"]), Text(said))
    out.print(table)
