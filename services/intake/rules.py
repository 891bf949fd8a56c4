"""In which order a batch takes effect, when two events say the same, and how the journal is chained and judged."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from schemas.envelope import Event
from schemas.registry import TYPES
from schemas.vocabulary import read_instant

START_OF_CHAIN = hashlib.sha256(b"quorate journal 1").hexdigest()

# Events that say how things are: any order among them ends in the same state, so they go first and together.
_STATE = ("quorate.agency.", "quorate.child.", "quorate.relative.", "quorate.involvement.", "quorate.circumstance.")


def waves(events: Sequence[Event]) -> list[list[Event]]:
    """Split a batch into waves; the events of one wave can be handled together, wave after wave.

    First everything that says how things are, then of each family one event a wave, in the order of the events' own
    time; between events of one moment their names decide, as they do between versions of one thing.
    """
    first = [event for event in events if event.type.startswith(_STATE)]
    lines: dict[str, list[Event]] = {}
    others = (event for event in events if not event.type.startswith(_STATE))
    for event in sorted(others, key=lambda event: (event.time, event.source, event.id)):
        lines.setdefault(event.partition_key, []).append(event)
    split = [first] if first else []
    depth = max(map(len, lines.values()), default=0)
    split += [[line[step] for line in lines.values() if step < len(line)] for step in range(depth)]
    return split


def same_content(first: Event, second: Event) -> bool:
    """Whether two events say the same, however they are written.

    White space, the order of fields, escapes, the composition of accented letters and the spelling of the time do not
    count; neither do attributes outside the contract, which a gateway may add on the way (`traceparent`). Every field
    of `data` counts, those that are not known too.
    """
    if first.raw == second.raw:
        return True
    return _said(first) == _said(second)


def _said(event: Event) -> tuple[object, ...]:
    body = json.loads(event.raw)
    return (
        event.source,
        event.id,
        body["type"],
        event.time,
        event.subject,
        event.partition_key,
        _composed(body["data"]),
    )


def _composed(value: Any) -> Any:
    """A value to compare by: true is not 1, and an accented letter is one letter."""
    match value:
        case str():
            return unicodedata.normalize("NFC", value)
        case bool() | None:
            return ("constant", value)
        case list():
            return [_composed(each) for each in value]
        case dict():
            return {unicodedata.normalize("NFC", name): _composed(each) for name, each in value.items()}
    return value


@dataclass(frozen=True, slots=True)
class JournalRow:
    """One row of the journal. Instants are text in UTC with microseconds, as they go into the hash."""

    seq: int
    source: str
    event_id: str
    type: str
    subject: str
    partition_key: str
    event_time: str
    recorded_at: str
    raw: str = field(repr=False)
    hash: str = ""


def link(previous: str, row: JournalRow, seq: int | None = None) -> str:
    """The hash of one journal row over the hash of the row before it; with `seq`, as if that were its number.

    Each part goes in with its length, so that none can run into the next.
    """
    digest = hashlib.sha256()
    for part in (
        previous,
        str(row.seq if seq is None else seq),
        row.source,
        row.event_id,
        row.type,
        row.subject,
        row.partition_key,
        row.event_time,
        row.recorded_at,
        row.raw,
    ):
        data = part.encode("utf-8", "surrogatepass")
        digest.update(b"%d:" % len(data))
        digest.update(data)
    return digest.hexdigest()


def chained(previous: str, first: int, events: Iterable[Event], recorded_at: str) -> Iterator[JournalRow]:
    """The rows of events at the end of a chain whose last hash is `previous`; the first gets the number `first`."""
    for seq, event in enumerate(events, first):
        row = JournalRow(
            seq,
            event.source,
            event.id,
            event.type,
            event.subject,
            event.partition_key,
            event.time.isoformat(timespec="microseconds"),
            recorded_at,
            event.raw.decode(),
        )
        row = replace(row, hash=link(previous, row))
        previous = row.hash
        yield row


def at_odds(row: JournalRow) -> list[str]:
    """The columns that do not say what the event itself, kept whole in `raw`, says."""
    try:
        body = json.loads(row.raw)
        told = {
            "source": body["source"],
            "event_id": body["id"],
            "subject": body["subject"],
            "partition_key": body["partitionkey"],
            "event_time": read_instant(body["time"]).isoformat(timespec="microseconds"),
        }
        if body["type"] in TYPES:  # an older form was noted under its successor's name
            told["type"] = body["type"]
    except (ValueError, KeyError, TypeError):
        return ["raw"]
    return [name for name, value in told.items() if getattr(row, name) != value]


@dataclass(frozen=True, slots=True)
class Fault:
    """Something wrong with the journal. `seq` is the number of the row that it is about."""

    seq: int
    message: str


@dataclass(frozen=True, slots=True)
class Suspect:
    """A row that does not follow from the row before it, or comes after a gap, so that it cannot be told.

    `before` is the hash of the row that stands before it, whatever its number.
    """

    row: JournalRow
    before: str
    after_gap: bool


KEPT_SUSPECTS = 20  # looked into one by one; of the rest only the number is told


@dataclass(slots=True)
class Inspection:
    """Walks the journal row by row in constant memory and gathers what is wrong.

    `noted` is a number and hash that someone wrote down elsewhere: it must still stand. The last row's number and hash
    are `seq` and `hash`.
    """

    noted: tuple[int, str] | None = None
    seq: int = 0
    hash: str = START_OF_CHAIN
    rows: int = 0
    gaps: list[tuple[int, int]] = field(default_factory=list)
    suspects: list[Suspect] = field(default_factory=list)
    odd: list[Fault] = field(default_factory=list)
    uncounted: int = 0

    def see(self, row: JournalRow) -> None:
        """Take the next row, in the order of `seq`."""
        self.rows += 1
        gap = row.seq != self.seq + 1
        if gap:
            self._keep(self.gaps, (self.seq + 1, row.seq - 1))
        if gap or link(self.hash, row) != row.hash:
            self._keep(self.suspects, Suspect(row, self.hash, gap))
        elif columns := at_odds(row):
            self._keep(self.odd, Fault(row.seq, f"{_and(columns)} not what the event itself says"))
        if self.noted is not None and row.seq == self.noted[0]:
            if row.hash != self.noted[1]:
                self.odd.append(
                    Fault(row.seq, "does not have the hash that was noted: it, or a row before it, was changed")
                )
            self.noted = None
        self.seq, self.hash = row.seq, row.hash

    def _keep(self, among: list[Any], one: Any) -> None:
        if len(among) < KEPT_SUSPECTS:
            among.append(one)
        else:
            self.uncounted += 1

    def faults(self, end: tuple[int, str] | None) -> list[Fault]:
        """What is wrong, by number; `end` is the last number and hash as noted apart from the journal."""
        found = [*self.odd, *self._explained(end[1] if end else "")]
        found += [Fault(first, _missing(first, last)) for first, last in self.gaps]
        if end is None:
            found.append(Fault(self.seq, "the note of where the journal ends is missing"))
        elif end[0] > self.seq:
            found.append(Fault(self.seq + 1, _missing(self.seq + 1, end[0]) + " at the end"))
        elif end[0] < self.seq:
            first = end[0] + 1
            which = f"rows {first} to {self.seq} stand" if first < self.seq else f"row {first} stands"
            found.append(Fault(first, f"{which} after the noted end of the journal ({end[0]}): added past the intake"))
        elif end[1] != self.hash and not any(fault.seq == self.seq for fault in found):
            found.append(Fault(self.seq, "is not the row that was noted as the last"))
        if self.noted not in (None, (0, START_OF_CHAIN)):
            found.append(Fault(self.noted[0], "was noted elsewhere and is missing"))
        return sorted(found, key=lambda fault: fault.seq)

    def _explained(self, end: str) -> Iterator[Fault]:
        """Tell the rows that were tampered with from those that only stand next to one."""
        hashes = {self.hash, end, START_OF_CHAIN}
        for suspect in self.suspects:
            hashes |= {suspect.before, suspect.row.hash, link(suspect.before, suspect.row)}
        numbers = {suspect.row.seq for suspect in self.suspects}
        numbers |= {each for first, last in self.gaps for each in (first, last)}
        numbers |= {number + step for number in numbers for step in (-1, 1)}
        signs = {suspect.row.hash: suspect.row.seq for suspect in self.suspects}
        for suspect in self.suspects:
            row = suspect.row
            written = {link(previous, row): None for previous in hashes}
            if row.hash in written:
                # It follows from a hash that stood before it once: the fault is in that neighbour.
                if not any(other.row.seq == row.seq - 1 for other in self.suspects) and not suspect.after_gap:
                    yield Fault(row.seq, f"does not follow from row {row.seq - 1}: one of the two was changed")
                continue
            elsewhere = self._place_of(row, numbers, hashes, signs)
            if elsewhere is not None:
                yield Fault(row.seq, f"holds what was written as row {elsewhere}: it was put in another place")
            elif columns := at_odds(row):
                yield Fault(row.seq, f"was changed: {_and(columns)} not what the event itself says")
            elif not suspect.after_gap:
                yield self._changed(suspect, end)

    def _place_of(self, row: JournalRow, numbers: set[int], hashes: set[str], signs: dict[str, int]) -> int | None:
        for number in sorted(numbers - {row.seq}):
            for previous in hashes:
                made = link(previous, row, number)
                if made == row.hash or signs.get(made) == number:
                    return number
        return None

    def _changed(self, suspect: Suspect, end: str) -> Fault:
        row = suspect.row
        right = link(suspect.before, row)
        after = [other for other in self.suspects if other.row.seq == row.seq + 1]
        if right == end or any(link(right, other.row) == other.row.hash for other in after):
            return Fault(row.seq, "was changed: its hash is not the one it was written with")
        return Fault(
            row.seq,
            f"was changed after it was written, or put in; else row {row.seq - 1} was changed and its hash with it",
        )


def _and(columns: Sequence[str]) -> str:
    if len(columns) == 1:
        return f"{columns[0]} is"
    return f"{', '.join(columns[:-1])} and {columns[-1]} are"


def _missing(first: int, last: int) -> str:
    return f"row {first} is missing" if first == last else f"rows {first} to {last} are missing"
