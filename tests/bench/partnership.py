"""A made-up partnership of any size for the benchmarks: eight agencies are asked to each meeting."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from schemas.envelope import encode

SOURCE = "/bench/council"
AUTHORITY = "benchshire"
RECORDED = datetime(2026, 1, 5, 9, tzinfo=UTC)
MEETING = datetime(2027, 3, 1, 10, tzinfo=UTC)

EVERYWHERE = ("childrens_social_care", "police")
INVOLVED = ("camhs", "gp", "school", "school_nursing", "paediatrics", "youth_justice")
PRACTICES = 50  # agencies of each involved kind, unless practices are given


def _event(number: str, kind: str, key: str, data: dict[str, Any]) -> bytes:
    return encode(
        source=SOURCE, id=number, type=f"quorate.{kind}.v1", time=RECORDED, subject=key, partition_key=key, data=data
    )


def agencies() -> Iterator[bytes]:
    """Every agency: one of each kind that is everywhere, `PRACTICES` of each that is involved."""
    for kind in EVERYWHERE + INVOLVED:
        for number in range(1 if kind in EVERYWHERE else PRACTICES):
            yield agency(f"{kind}-{number}", kind, f"Bench {kind} {number}")


def agency(agency_id: str, kind: str, name: str) -> bytes:
    """One agency with one secure address."""
    address = {"kind": "email", "address": f"inbox@{agency_id.replace('_', '-').lower()}.example", "secure": True}
    data = {"agency_id": agency_id, "kind": kind, "name": name, "authority": AUTHORITY, "channels": [address]}
    return _event(f"agency-{agency_id}", "agency.recorded", agency_id, data)


def family(number: int, gp: str | None = None) -> Iterator[bytes]:
    """One child and the six services involved: CAMHS by its waiting list, the others open."""
    child, key = f"child-{number}", f"family-{number}"
    about = {
        "child_id": child,
        "family_id": key,
        "authority": AUTHORITY,
        "initials": "AB",
        "date_of_birth": "2015-04-01",
    }
    yield _event(f"{child}", "child.recorded", key, about)
    for kind in INVOLVED:
        agency_id = gp if gp and kind == "gp" else f"{kind}-{number % PRACTICES}"
        data = {
            "involvement_id": f"{child}-{kind}",
            "person_id": child,
            "agency_id": agency_id,
            "service": kind,
            "status": "waiting" if kind == "camhs" else "open",
            "since": "2025-11-03",
        }
        yield _event(f"{child}-{kind}", "involvement.recorded", key, data)


def meeting(number: int, of_family: int) -> bytes:
    """A strategy discussion about the child of one family."""
    starts_at = MEETING + timedelta(hours=number % 2000)
    data = {
        "meeting_id": f"meeting-{number}",
        "kind": "strategy_discussion",
        "authority": AUTHORITY,
        "children": [f"child-{of_family}"],
        "starts_at": starts_at.isoformat(),
        "ends_at": (starts_at + timedelta(hours=1)).isoformat(),
        "place": "Committee room 2",
        "joining_url": f"https://meet.example/{number}",
        "organiser": {"name": "Bench Coordinator", "email": "coordinator@benchshire.example"},
    }
    return _event(f"meeting-{number}", "meeting.scheduled", f"family-{of_family}", data)
