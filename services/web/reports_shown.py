"""What the meeting's page shows of reports and care plans: who owes one, until when, and what came."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from services.participation.report_terms import last_day
from services.participation.rules.reports import ASKED, CARE_PLAN, LATE, REPORT
from services.participation.store.documents import MAY_BE_READ

NAMES = {REPORT: "Report", CARE_PLAN: "Care plan"}
_HAS_GONE = frozenset({"sent", "delivered", "opened", "filed"})
COLOURS = {"Late": "red", "Asked": "yellow", "Came late": "orange", "Received": "green"}


def reports(shown: Sequence[Mapping[str, Any]], meeting: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The parties that owe something in writing or sent something, those who owe it still first. `shown` are the page's
    own entries, `meeting` is what is known of it in the form of the contract.
    """
    rows = []
    for entry in shown:
        documents = [_document(each) for each in entry.get("documents", ())]
        wanted = _wanted(entry.get("invitation") or {}, documents, meeting["starts_at"])
        if wanted or documents:
            rows.append({**entry, "wanted": wanted, "documents": documents})
    order = list(COLOURS)
    return sorted(rows, key=lambda row: min((order.index(each["said"]) for each in row["wanted"]), default=len(order)))


def unasked(meeting: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What came from agencies that nobody thought of asking."""
    return [_document(each) for each in meeting.get("documents", ())]


def counted(rows: Sequence[Mapping[str, Any]]) -> tuple[int, int]:
    """Of how much that is owed so much has come."""
    owed = [each for row in rows for each in row["wanted"]]
    return sum(each["said"] in {"Received", "Came late"} for each in owed), len(owed)


def _wanted(
    invitation: Mapping[str, Any], documents: Sequence[Mapping[str, Any]], starts_at: str
) -> list[dict[str, Any]]:
    found = []
    for kind, name in NAMES.items():
        if f"{kind}_due" not in invitation:
            continue
        has_come = any(each["kind"] == kind for each in documents)
        how = invitation[kind]
        said = ("Came late" if how == LATE else "Received") if has_come else "Asked" if how == ASKED else "Late"
        due_at = invitation[f"{kind}_due"]
        until = None if due_at == starts_at else last_day(datetime.fromisoformat(due_at))
        found.append({"name": name, "said": said, "colour": COLOURS[said], "until": until})
    return found


def _document(each: Mapping[str, Any]) -> dict[str, Any]:
    """A document with its name in words, and whether it can be opened from here."""
    opens = each["held"] and each.get("scan") in MAY_BE_READ
    gone = [one for one in each.get("forwarded", ()) if one["state"] in _HAS_GONE]
    return {**each, "called": NAMES[each["kind"]], "opens": opens, "passed_on": len(gone)}
