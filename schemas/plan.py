"""Child protection plans: started and ended."""

from __future__ import annotations

from schemas.payload import Needs, Payload
from schemas.vocabulary import Day, Id, Line, ListedIfAny


class _AboutAPlan(Payload):
    plan_id: Id
    child_id: Id
    on: Day
    category: Line | None = None
    household: ListedIfAny[Id] = ()
    meeting_id: Id | None = None

    def needs(self) -> Needs:
        return (("child", frozenset((self.child_id,))),)


class PlanStarted(_AboutAPlan):
    """`quorate.plan.started.v1`. Told again of the same plan with another category, it is a change of category."""


class PlanEnded(_AboutAPlan):
    """`quorate.plan.ended.v1`."""
