"""What is to be written of the plans of some children, worked out before any of it is written."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from services.foundation.clock import london_date
from services.foundation.work import Work
from services.meetings.rules.words import earlier
from services.records.notices.facts import Standing
from services.records.rules.dispatch import (
    BODY,
    EMAIL,
    LEFT,
    NOTICE,
    QUEUED,
    SENT,
    WITHHELD,
    Dispatch,
    dispatch_id,
    may_have_been_read,
)
from services.records.rules.notices import ENDED, Notice, Recipient, counting, notice_id
from services.records.rules.plans import Plan


@dataclass(slots=True)
class Sheet:
    """What is to be written of the plans of some children."""

    work: Work
    standing: Standing
    unsure: set[str]  # what has to be taken back, and may have left all the same
    notices: list[Notice] = field(default_factory=list)
    added: dict[str, Dispatch] = field(default_factory=dict)
    changed: dict[str, Dispatch] = field(default_factory=dict)
    reminders: list[tuple[Plan, Notice, Dispatch]] = field(default_factory=list)

    def set(self, before: Dispatch, **columns: Any) -> Dispatch:
        """Change a dispatch, whether it is new or stands."""
        after = replace(before, **columns)
        (self.added if before.dispatch_id in self.added else self.changed)[before.dispatch_id] = after
        return after

    def write(self, plan: Plan, notice: Notice, some: Iterable[Recipient]) -> None:
        """Write one notice to these."""
        for each in some:
            goes = each.why_not is None
            dispatch = Dispatch(
                dispatch_id=dispatch_id(NOTICE, notice.notice_id, 1, each.party),
                kind=NOTICE,
                about=notice.notice_id,
                version=1,
                meeting_id=None,
                child_id=plan.child_id,
                partition_key=plan.partition_key,
                party=each.party,
                agency_id=each.agency.agency_id,
                person_id=None,
                team_id=each.team_id,
                channel=EMAIL,
                address=each.address,
                how=BODY,
                state=QUEUED if goes else WITHHELD,
                why=each.why_not,
                decided=None,
                content=None,
                document_id=None,
                written_at=self.work.now,
                ended_at=None if goes else self.work.now,
                expires_at=expires(self.work),
            )
            if (before := self._known(dispatch)) is not None:
                self._write_again(before, dispatch)
            else:
                self.added[dispatch.dispatch_id] = dispatch

    def _known(self, dispatch: Dispatch) -> Dispatch | None:
        """What was written of the same notice to the same reader before."""
        kept = self.standing.dispatches.get(dispatch.child_id or "", ())
        found = next((each for each in kept if each.dispatch_id == dispatch.dispatch_id), None)
        return self.changed.get(found.dispatch_id, found) if found is not None else None

    def _write_again(self, before: Dispatch, now: Dispatch) -> None:
        """What had been overtaken is to be told after all; who got it all the same has it."""
        if before.sent_at is not None:
            self.set(before, state=SENT, ended_at=None)
        else:
            goes = {"state": now.state, "why": now.why, "ended_at": now.ended_at, "expires_at": now.expires_at}
            self.set(before, **goes, address=now.address, content=None)

    def notice(self, plan: Plan, kind: str, number: int, before: Notice | None) -> Notice:
        """A new notice about a plan."""
        last = plan.started if kind != ENDED and plan.started is not None else plan.last
        told = before.category if before is not None else None
        name = notice_id(plan.plan_id, plan.child_id, kind, number)
        made = Notice(
            name, kind, plan.plan_id, plan.child_id, number, plan.category, told, last.cause, last.at, self.work.now
        )
        self.notices.append(made)
        return made

    def notices_of(self, plan: Plan) -> list[Notice]:
        """What was told of a plan, with what is told now."""
        return [each for each in self.notices_about(plan.child_id) if each.plan_id == plan.plan_id]

    def notices_about(self, child_id: str) -> list[Notice]:
        """What was told of the plans of a child, with what is told now."""
        kept = self.standing.notices.get(child_id, ())
        return [*kept, *(each for each in self.notices if each.child_id == child_id)]

    def written(self, plan: Plan, notices: Sequence[Notice]) -> list[Dispatch]:
        """The dispatches of these notices about a plan, as they stand by now."""
        ids = {each.notice_id for each in notices}
        kept = self.standing.dispatches.get(plan.child_id, ())
        now = [self.changed.get(each.dispatch_id, each) for each in kept] + list(self.added.values())
        return [each for each in now if each.about in ids]

    def may_have_left(self, each: Dispatch) -> bool:
        """Whether a reader has it, or may have."""
        return each.state in LEFT or each.sent_at is not None or each.dispatch_id in self.unsure

    def told(self, plan: Plan, notices: Sequence[Notice]) -> list[Dispatch]:
        """What readers may have of what was told of a plan."""
        return [
            each for each in self.written(plan, notices) if may_have_been_read(each) or each.dispatch_id in self.unsure
        ]

    def counting(self, plan: Plan) -> list[tuple[Notice, Dispatch]]:
        """What was written of a plan and counts."""
        notices = self.notices_of(plan)
        return counting(notices, self.written(plan, notices))


def expires(work: Work) -> datetime | None:
    """Until when a link in a notice that is written now opens."""
    today = london_date(work.now)
    number = work.policy.on(today).number("record_link_opens_for")
    return work.now.replace(microsecond=0) + (today - earlier(today, number)) if number is not None else None
