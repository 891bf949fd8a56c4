"""What the meeting's page shows of its records in short, and in whose words a section says whom it is for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from services.records.shown import STATES
from services.records.word.draft import KINDS

COLOURS = {
    "filed": "green",
    "acknowledged": "green",
    "opened": "turquoise",
    "delivered": "blue",
    "sent": "blue",
    "kept": "blue",
    "queued": "yellow",
    "undelivered": "red",
    "withheld": "grey",
    "overtaken": "grey",
    "recalled": "purple",
}
DUE = {
    "to_come": ("Wanted by", "yellow"),
    "missed": ("Missed", "red"),
    "approved": ("In time", "green"),
    "late": ("Late", "orange"),
}


def in_short(found: Mapping[str, Any]) -> dict[str, Any]:
    """The records of a meeting in short: by when each is wanted, and how far the copies of the newest version of each
    have come. `found` is the meeting in the form of the contract.
    """
    copies = [copy for entry in found["entries"] for copy in entry.get("record", ())]
    copies += found.get("records_of_others", [])
    newest = {copy["record_id"]: copy["version"] for copy in sorted(copies, key=lambda copy: int(copy["version"]))}
    rows = []
    for record_id, version in sorted(newest.items()):
        some = [copy for copy in copies if (copy["record_id"], copy["version"]) == (record_id, version)]
        if some[0]["kind"] not in KINDS:
            continue
        rows.append(
            {
                "record_id": record_id,
                "version": version,
                "called": KINDS[some[0]["kind"]],
                "copies": counted([copy["state"] for copy in some]),
                "approved_at": next((m["at"] for m in some[0]["moments"] if m["what"] == "approved"), None),
            }
        )
    due = [
        {
            "called": KINDS[each["kind"]],
            "last_day": date.fromisoformat(each["last_day"]),
            "said": DUE[each["state"]][0],
            "colour": DUE[each["state"]][1],
        }
        for each in found.get("deadlines", ())
    ]
    return {"rows": rows, "due": due}


def counted(states: Sequence[str]) -> list[tuple[str, int]]:
    """How many copies stand how, those that came furthest first: for example ("filed", 2)."""
    count = Counter(states)
    return [(STATES.get(name, name), count[name]) for name in COLOURS if name in count]


def whom(audience: Any, names: Mapping[str, str]) -> str:
    """Whom a section is for, in words."""
    if isinstance(audience, str):
        return audience.capitalize()
    way, ids = ("Only", audience["only"]) if "only" in audience else ("Everyone but", audience["except"])
    return f"{way} {', '.join(names.get(each, each) for each in ids)}"
