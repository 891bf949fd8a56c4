"""The parameters of an invitation's outbox row, as the handlers leave them there."""

from __future__ import annotations

from typing import Any

STARTS, ENDS = "2026-12-01T10:00:00+00:00", "2026-12-01T11:30:00+00:00"
AUDIENCES = ("professional", "team", "relative", "child")
AGENCY, FAMILY = AUDIENCES[:2], AUDIENCES[2:]
CHANGES = (
    *("new", "again", "address", "time", "details", "cancelled", "withdrawn"),
    *("earlier_answer", "reminder", "requested"),
)


def row(audience: str = "professional", change: str = "new", **others: Any) -> dict[str, Any]:
    """The row of a message to one kind of reader about one kind of change."""
    family = audience in FAMILY
    cancel = change in {"cancelled", "withdrawn"}
    changed = {"time": ["time"], "details": ["place"]}.get(change, [])
    was = {"time": "2026-11-30T14:30:00+00:00", "details": STARTS, "cancelled": STARTS, "withdrawn": STARTS}
    was["earlier_answer"] = "2026-11-30T14:30:00+00:00"
    child = {
        "initials": "KJ",
        "age": "born 5 May 2014",
        "nhs_number": "999 000 0018",
        "preferred_name": "Sam",
        "pronouns": "they/them",
    }
    about = {
        "agency_kind": "camhs",
        "children": [child],
        "waiting": "KJ",
        "reasons": ["KJ has been on the waiting list of Example CAMHS since 3 March 2026."],
        "attention": "Dr Ada Example" if audience == "professional" else None,
    }
    nothing: dict[str, Any] = {"children": [], "reasons": [], "attention": None}
    readers = {"relative": "Mary Example", "child": ""}
    return {
        "invitation_id": "7najl2zr7wqstcrg2cfofvlako",
        "to": "reader@place.example",
        "method": "cancel" if cancel else "request",
        "change": change,
        "changed": changed,
        "was": was.get(change),
        "answer_by": "2026-11-25" if change == "reminder" else None,
        "sequence": 0,
        "revision": 0,
        "stamp": "2026-11-02T09:00:00+00:00",
        "starts_at": STARTS,
        "ends_at": ENDS,
        "place": "Room 1, Council House",
        "joining_url": "https://meet.council.example/j/1?p=a&q=b",
        "meeting_id": "m1",
        "partition_key": "f1",
        "reference": "ABCD-EFGH",
        "kind_name": "initial child protection conference",
        "authority": "leicester",
        "organiser": "Pat Coordinator",
        "chair": "Alex Chair",
        "venue_is_known": False,
        "report_by": "2026-11-26",
        "notice": 20,
        "family_told": True,
        "audience": audience,
        "reader": readers.get(audience, "Example CAMHS, Duty team"),
        **(nothing if family else about),
        **others,
    }
