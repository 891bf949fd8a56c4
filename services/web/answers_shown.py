"""What the meeting's page shows of answers: who comes and how, who does not, and who has not said so."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

# The groups in the order in which they are shown, each with its words for one party and its colour.
GROUPS = {
    "comes": ("Comes", "green"),
    "delegates": ("Delegated", "turquoise"),
    "may_come": ("May come", "yellow"),
    "apologies": ("Apologies", "orange"),
    "proposes": ("Proposes another time", "purple"),
    "none": ("No answer yet", "grey"),
    "not_reached": ("Not reached", "red"),
}
OF_ANSWERS = {"accepted": "comes", "delegated": "delegates", "tentative": "may_come", "declined": "apologies"}
WAYS = {"in_person": "in person", "video": "by video", "phone": "by phone"}
# Why somebody does not come, in a coordinator's words.
REASONS = {
    "clinic_or_surgery_hours": "clinic or surgery hours",
    "late_notice": "told too late",
    "place": "too far, or hard to get to",
    "no_video_or_phone": "no way to join by video or phone",
    "leave": "on leave",
    "no_capacity": "nobody is free",
    "not_involved": "says that it is not involved",
    "other": "another one",
}

# The same counted, for the line at the top.
COUNTED = {
    "comes": ("comes", "come"),
    "delegates": ("sends someone else", "send someone else"),
    "may_come": ("may come", "may come"),
    "apologies": ("sends apologies", "send apologies"),
    "proposes": ("proposes another time", "propose another time"),
    "none": ("has not answered", "have not answered"),
    "not_reached": ("was not reached", "were not reached"),
}


def answers(shown: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The parties that were asked with what they said, those who come first. `shown` are the page's own entries."""
    asked = [each for each in shown if each.get("invitation") and each["invitation"]["state"] != "cancelled"]
    rows = [{**each, "group": group(each["invitation"]), "heard": each["invitation"]} for each in asked]
    order = list(GROUPS)
    for row in rows:
        row["said"], row["colour"] = GROUPS[row["group"]]
        row["way"] = WAYS.get(row["heard"].get("mode", ""), "")
    rows.sort(key=lambda row: order.index(row["group"]))
    for number, row in enumerate(rows, 1):
        row["row"] = f"answer-{number}"
    return rows


def group(invitation: Mapping[str, Any]) -> str:
    """How a party stands."""
    if "answer" in invitation:
        return OF_ANSWERS[invitation["answer"]]
    if invitation["state"] == "undelivered" or invitation.get("asked_at") is None:
        return "not_reached"
    return "proposes" if invitation.get("proposed") else "none"


def counted(rows: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """How many of each group there are, in words: "3 come (1 in person, 2 by video)"; each with the anchor of its first
    row.
    """
    found = []
    for name, (one, many) in COUNTED.items():
        some = [row for row in rows if row["group"] == name]
        if not some:
            continue
        ways = Counter(row["way"] for row in some if name == "comes" and row["way"])
        in_ways = ", ".join(f"{count} {way}" for way, count in sorted(ways.items()))
        words = f"{len(some)} {one if len(some) == 1 else many}{f' ({in_ways})' if in_ways else ''}"
        found.append((some[0]["row"], words))
    return found
