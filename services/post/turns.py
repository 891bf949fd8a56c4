"""In which order a batch goes out: recipients' domains take turns, and of each at most so many are out at once."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from services.foundation.outbox import OutboxRow


class Turns:
    """Rows that wait to be sent.

    Whoever sends takes a row with `take` and says when it is `done`. Where `take` has none, every domain that still
    waits is at its limit already, and those at work on it will see to the rest: nobody need wait for a turn.
    """

    def __init__(self, rows: Iterable[OutboxRow], limit: int) -> None:
        self._limit = limit
        self._waiting: dict[str, deque[OutboxRow]] = {}
        self._out: dict[str, int] = {}
        for row in rows:
            self._waiting.setdefault(domain(row), deque()).append(row)
        self._next = dict.fromkeys(self._waiting)  # the domains that have room, in turn

    def take(self) -> OutboxRow | None:
        """The next row of the next domain that has room."""
        if not self._next:
            return None
        name = next(iter(self._next))
        del self._next[name]
        row = self._waiting[name].popleft()
        self._out[name] = self._out.get(name, 0) + 1
        if self._waiting[name] and self._out[name] < self._limit:
            self._next[name] = None
        return row

    def done(self, row: OutboxRow) -> None:
        """One that was taken is out no more."""
        name = domain(row)
        self._out[name] -= 1
        if self._waiting[name]:
            self._next.setdefault(name)

    def give_back(self, row: OutboxRow) -> None:
        """One that was taken has not been tried: it is the first of its domain again."""
        self._waiting[domain(row)].appendleft(row)
        self.done(row)

    def rest(self) -> list[OutboxRow]:
        """Those that nobody has taken."""
        return [row for some in self._waiting.values() for row in some]


def domain(row: OutboxRow) -> str:
    """The recipient's domain; empty where the row names no recipient."""
    return str(row.params.get("to", "")).rpartition("@")[2].lower()
