"""What happens to a child between meetings."""

from __future__ import annotations

from schemas.payload import Needs, Payload
from schemas.vocabulary import CircumstanceChange, Id, Instant, Text


class CircumstanceChanged(Payload):
    """`quorate.circumstance.changed.v1`."""

    child_id: Id
    what: CircumstanceChange
    at: Instant
    detail: Text | None = None

    def needs(self) -> Needs:
        return (("child", frozenset((self.child_id,))),)
