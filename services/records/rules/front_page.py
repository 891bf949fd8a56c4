"""What stands in a copy before its sections: the children whom it is about, and who was asked and who took part.

No section says it, and it tells as much: that there is a brother, where a child is placed, whom the mother sees. What a
copy shows is kept with it, by ids, and held against what its reader may be told whenever it is to leave or to be
opened. It shuts a copy only where it shows more than its reader may be told now: not for who came after all, or whose
report has arrived.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from services.records.rules.participants import Seen, may_see
from services.records.rules.record import Matter, Reader

Shown = Mapping[str, Any]
"""`children` by id, and `rows`: for each party whether it is named, as what it stands there to which children, and on
whose account it does. As it is stored: nothing but what JSON holds.
"""


def party(reader: Reader) -> str:
    """Who stands in one row: the teams of an agency stand together."""
    return f"person:{reader.person_id}" if reader.is_family else f"agency:{reader.agency_id}"


def seen_by(reader: Reader, readers: Iterable[Reader], matter: Matter) -> dict[str, list[tuple[Reader, Seen]]]:
    """Whom a reader is told of, by party, with what of each of its teams."""
    found: dict[str, list[tuple[Reader, Seen]]] = {}
    for other in readers:
        told = may_see(reader, other, matter)
        if told is not None:
            found.setdefault(party(other), []).append((other, told))
    return found


def front_page(reader: Reader, readers: Iterable[Reader], matter: Matter) -> dict[str, Any]:
    """What the front page of a reader's copy shows."""
    rows = [
        {
            "party": name,
            "kind": told.kind,
            "named": told.name is not None,
            "relations": list(told.relations),
            "child_ids": sorted(other.child_ids),
            "for_a_relative": other.serves_a_relative,
            "serves": sorted(other.serves),
        }
        for name, some in seen_by(reader, readers, matter).items()
        for other, told in some[:1]
    ]
    return {"children": [each for each in matter.child_ids if each in reader.child_ids], "rows": rows}


def may_be_shown(shown: Shown | None, reader: Reader, readers: Sequence[Reader], matter: Matter) -> bool:
    """Whether a reader may be told today all that the front page of their copy shows. Of one of which that is not known
    nothing may be said.
    """
    if shown is None or not set(shown["children"]) <= reader.child_ids:
        return False
    by_party: dict[str, list[Reader]] = {}
    for other in readers:
        by_party.setdefault(party(other), []).append(other)
    return all(
        any(_allows(each, reader, other, matter) for other in by_party.get(each["party"]) or [_as_shown(each)])
        for each in shown["rows"]
    )


def _allows(row: Mapping[str, Any], reader: Reader, other: Reader, matter: Matter) -> bool:
    """Whether a row says no more of somebody than the reader may be told: that they were asked, it says already."""
    told = may_see(reader, replace(other, invited=True), matter)
    return (
        told is not None and (told.name is not None or not row["named"]) and set(row["relations"]) <= {*told.relations}
    )


def _as_shown(row: Mapping[str, Any]) -> Reader:
    """Somebody who stands in a copy and is no reader any more, since the register has been put right, say."""
    what, _, who = row["party"].partition(":")
    return Reader(
        party=row["party"],
        kind=row["kind"],
        agency_id=who if what == "agency" else None,
        person_id=who if what == "person" else None,
        team_id=None,
        name=who,
        child_ids=frozenset(row["child_ids"]),
        invited=True,
        attended=None,
        address=None,
        verified_on=None,
        serves_a_relative=row["for_a_relative"],
        serves=frozenset(row["serves"]),
    )
