"""The unit of work: what a handler is given, and where it leaves what follows from what it did.

Everything that a handler leaves here is written in the transaction that holds its state, or not at all.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeAlias

from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.policy import Policy
from services.foundation import outbox, timers
from services.foundation.database import announce
from services.foundation.settings import Settings


@dataclass(frozen=True, slots=True)
class Derived:
    """An event that follows from others: handled in the same transaction.

    Those whose type is in the contract's outgoing catalogue leave through the outbox as well.
    """

    type: str
    subject: str
    partition_key: str
    data: Any


@dataclass(slots=True)
class Work:
    """One transaction's work: the connection, the moment, the policy, and what is to follow."""

    db: AsyncConnection
    now: datetime
    policy: Policy
    settings: Settings
    derived: list[Derived] = field(default_factory=list)
    rows: list[dict[str, Any]] = field(default_factory=list)
    alarms: list[timers.Timer] = field(default_factory=list)

    def emit(self, event: Derived) -> None:
        """Leave an event for the handlers registered for its type."""
        self.derived.append(event)

    def post(self, name: str, key: str, params: Mapping[str, Any]) -> None:
        """Queue a message: `name` says who renders it, rows with the same `key` leave in this order."""
        self.rows.append(outbox.row(outbox.MAIL, name, key, params, self.now))

    def print(self, name: str, key: str, params: Mapping[str, Any]) -> None:
        """Queue documents to be made: `name` says which press makes them."""
        self.rows.append(outbox.row(outbox.PRINT, name, key, params, self.now))

    def hand_over(self, name: str, key: str, params: Mapping[str, Any]) -> None:
        """Queue a file for MESH: `name` says who makes the parcel, rows with the same `key` leave in this order."""
        self.rows.append(outbox.row(outbox.MESH, name, key, params, self.now))

    def arm(self, name: str, key: str, due_at: datetime, params: Mapping[str, Any] | None = None) -> None:
        """Set a timer, in place of an earlier one with the same name and key."""
        self.alarms.append(timers.Timer(name, key, due_at, params or {}))

    async def flush(self) -> None:
        """Write what was left, before the commit."""
        rows, self.rows = self.rows, []
        await outbox.write(self.db, rows)
        alarms, self.alarms = self.alarms, []
        await timers.arm(self.db, alarms)
        await announce(self.db, *{row["channel"] for row in rows}, *((timers.ARMED,) if alarms else ()))


Handler: TypeAlias = Callable[[Work, Sequence[Any]], Awaitable[None]]
Handlers: TypeAlias = Mapping[str, tuple[Handler, ...]]
