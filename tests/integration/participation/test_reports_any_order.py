"""Whatever order an invitation, answers and reports are learnt of in, the same is asked for and the same is missing."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from services.bootstrap import House
from services.foundation.outbox import outbox
from services.intake.accept import Arrival
from services.invitations.store import invitations
from services.oversight.store import exceptions
from services.participation.rules.missing_reports import KINDS
from services.participation.store.reports import requests
from tests import events
from tests.clock import MovableClock
from tests.integration.participation.test_reports import REMINDER, TOO_LATE

SEND = "send"
AGENCIES = ("camhs-1", "gp-1")

# What may become of one agency: in which order it said what, and what came from it.
ANSWERS = st.lists(st.sampled_from(["accepted", "declined", "tentative"]), max_size=3)
CAME = st.sets(st.sampled_from(["report", "care_plan"]))


@st.composite
def learnt(draw: st.DrawFn) -> tuple[str, list[tuple[str, ...]], list[tuple[str, ...]]]:
    """A kind of meeting, what became true, and an order in which it is learnt of, some of it twice."""
    kind = draw(st.sampled_from(["initial_conference", "strategy_discussion"]))
    true: list[tuple[str, ...]] = [("meeting",), (SEND,)]
    for agency_id in AGENCIES:
        true += [("answer", agency_id, said, str(number)) for number, said in enumerate(draw(ANSWERS))]
        true += [("came", agency_id, what) for what in sorted(draw(CAME))]
    order = draw(st.permutations(true)) + draw(st.lists(st.sampled_from(true), max_size=3))
    return kind, true, list(order)


def event_of(meeting_id: str, kind: str, what: tuple[str, ...]) -> bytes:
    named: dict[str, Any] = {"id": ".".join((meeting_id, *what)), "time": events.NOW}
    if what[0] == "meeting":
        return events.meeting(meeting_id, kind, **named)
    if what[0] == "answer":
        # Each is later than the one before; all are given before the house learns of any.
        at = events.NOW.replace(second=1 + int(what[3]))
        return events.answered(meeting_id, agency_id=what[1], answer=what[2], at=at, **named)
    return events.report(meeting_id, agency_id=what[1], kind=what[2], document_id=f"d-{what[2]}", **named)


async def end_of(
    house: House, clock: MovableClock, meeting_id: str, kind: str, order: Sequence[tuple[str, ...]]
) -> dict[str, Any]:
    """Learn of it in this order, send, and let time pass until everything is due."""
    clock.set(events.NOW.replace(minute=1))
    for what in (*order, (SEND,)):
        if what == (SEND,):
            await house.drain()
        else:
            arrival = Arrival(event_of(meeting_id, kind, what), {"file": "story", "line": 1})
            [verdict] = await house.intake.accept([arrival])
            assert verdict.state in {"accepted", "known", "waiting"}, verdict.errors
    asked_once = await letters(house, meeting_id, "report_request")
    for moment in (REMINDER, TOO_LATE):
        clock.set(moment)
        await house.drain()
    async with house.database.read() as db:
        of_meeting = select(invitations.c.invitation_id, invitations.c.agency_id).where(
            invitations.c.meeting_id == meeting_id
        )
        agency = {row.invitation_id: row.agency_id for row in await db.execute(of_meeting)}
        owed = select(requests).where(requests.c.meeting_id == meeting_id, requests.c.ended_at.is_(None))
        raised = select(exceptions.c.kind, exceptions.c.agency_id, exceptions.c.text).where(
            exceptions.c.meeting_id == meeting_id, exceptions.c.state == "raised", exceptions.c.kind.in_(KINDS)
        )
        found = {
            "requests": sorted(
                (agency[row.invitation_id], row.kind, row.because, row.due_at, row.reminded_at)
                for row in await db.execute(owed)
            ),
            "exceptions": sorted(tuple(row) for row in await db.execute(raised)),
        }
    assert len(set(asked_once)) == len(asked_once)
    assert await letters(house, meeting_id, "report_request") == asked_once
    return found


async def letters(house: House, meeting_id: str, name: str) -> list[tuple[str, str]]:
    """The letters of a kind about a meeting: to which invitation, and what each asks for."""
    query = select(outbox.c.key, outbox.c.params).where(outbox.c.name == name)
    async with house.database.read() as db:
        rows = [row for row in await db.execute(query) if row.params["meeting_id"] == meeting_id]
    return [(row.key, each["kind"]) for row in rows for each in row.params["wanted"]]


_numbers = count(1)


@given(case=learnt())
@settings(
    max_examples=15,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
async def test_any_order_of_invitations_answers_and_reports_ends_in_the_same_requests_and_exceptions(
    case: tuple[str, list[tuple[str, ...]], list[tuple[str, ...]]], house: House, clock: MovableClock
) -> None:
    kind, true, order = case
    clock.set(events.NOW)
    directory = [
        *(events.agency(each, id=each, time=events.START) for each in AGENCIES),
        events.child(id="child", time=events.START),
        *(events.involvement(agency_id=each, id=f"i-{each}", time=events.START) for each in AGENCIES),
    ]
    await house.intake.accept([Arrival(each, {"file": "directory", "line": 1}) for each in directory])
    one, other = f"m{next(_numbers)}", f"m{next(_numbers)}"
    assert await end_of(house, clock, one, kind, order) == await end_of(house, clock, other, kind, true)
