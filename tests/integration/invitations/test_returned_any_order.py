"""Bounces among other events, in whatever order they arrive: the same address stands in the end, numbers only rise, and
nothing is written to an address that bounced while there is another.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from services.bootstrap import House, open_house
from services.foundation import outbox
from services.foundation.settings import Settings
from services.intake.accept import Arrival
from services.invitations import store as invitations
from services.meetings import store as meetings
from services.oversight.views import list_exceptions
from tests import events
from tests.clock import MovableClock

TEAM, OWN, SECOND = "duty@teams.nhs.example", "own@trust.nhs.example", "two@trust.nhs.example"
IN_TURN = (TEAM, OWN, SECOND)
MORNING = datetime.fromisoformat("2026-02-02T09:00:00+00:00")


def at(days: int, id: str) -> dict[str, Any]:
    return {"time": MORNING + timedelta(days=days), "id": id}


def camhs(days: int, name: str, verified: str = "") -> bytes:
    """CAMHS as it is recorded on a day; `verified` is an address that was found to work on that day."""
    when = (MORNING + timedelta(days=days)).date()

    def channel(address: str) -> dict[str, Any]:
        return events.secure(address, **({"verified_on": when} if address == verified else {}))

    team = events.team("duty", "waiting", channels=[channel(TEAM)])
    return events.agency("camhs-1", name=name, teams=[team], channels=[channel(OWN), channel(SECOND)], **at(days, name))


def bounced(days: int, address: str, status: str) -> bytes:
    on = at(days, f"bounced-{days}")
    return events.bounced(address=address, status=status, **{"at": on["time"], **on})


ALWAYS = [
    camhs(0, "CAMHS"),
    events.child("c1", **at(0, "child")),
    events.involvement(status="referred", **at(1, "referred")),
    events.meeting(**at(2, "meeting")),
    events.involvement(status="waiting", **at(4, "waiting")),
    events.rescheduled(**at(5, "moved")),
    camhs(7, "Renamed"),
    events.rescheduled(starts_at=events.MEETING_AT + timedelta(days=3), **at(8, "moved-again")),
    events.child("c1", initials="CD", **at(10, "initials")),
]


def moment(event: Mapping[str, Any]) -> datetime:
    """When an event became true."""
    return datetime.fromisoformat(event["time"])


@dataclass
class Story:
    """What happened, the events by id; and which addresses had given mail back by what is known of it."""

    told: dict[str, bytes]
    known: list[Mapping[str, Any]] = field(default_factory=list)

    def back(self) -> set[str]:
        """The addresses that are not to be used, as far as is known."""
        records = [e for e in self.known if e["type"] == "quorate.agency.recorded.v1"]
        record = max(records, key=lambda record: (moment(record), record["id"]))
        verified = {c["address"]: c.get("verified_on", "") for c in self._channels(record["data"])}
        return {
            e["data"]["address"]
            for e in self.known
            if e["type"] == "quorate.invitation.bounced.v1"
            and not (verified[e["data"]["address"]] >= e["data"]["at"][:10] and moment(record) > moment(e))
        }

    def usable(self) -> list[str]:
        """The addresses that may be used, in the order in which they are: the team's, then the agency's own."""
        records = [e for e in self.known if e["type"] == "quorate.agency.recorded.v1"]
        own = max(records, key=lambda record: (moment(record), record["id"]))["data"]["channels"]
        own = sorted(own, key=lambda channel: channel.get("verified_on", ""), reverse=True)
        return [each for each in (TEAM, *(channel["address"] for channel in own)) if each not in self.back()]

    def _channels(self, agency: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        return [*agency["channels"], *(c for team in agency["teams"] for c in team["channels"])]


@st.composite
def stories(draw: st.DrawFn) -> tuple[Story, list[str]]:
    """A story with some bounces in it, and the order in which it arrives."""
    days = draw(st.lists(st.integers(3, 12), max_size=5, unique=True))
    some = [
        bounced(day, draw(st.sampled_from(IN_TURN)), draw(st.sampled_from(["5.1.1", "5.2.2", "5.7.1"]))) for day in days
    ]
    if draw(st.booleans()):
        some.append(camhs(draw(st.integers(6, 14)), "Verified", draw(st.sampled_from(IN_TURN))))
    told = {json.loads(raw)["id"]: raw for raw in [*ALWAYS, *some]}
    return Story(told), draw(st.permutations(list(told)))


_homes: Iterator[int] = count(1)


async def written(house: House) -> list[Mapping[str, Any]]:
    """The messages to CAMHS, oldest first."""
    query = select(outbox.outbox.c.key, outbox.outbox.c.params).where(outbox.outbox.c.channel == outbox.MAIL)
    async with house.database.read() as db:
        rows = await db.execute(query.order_by(outbox.outbox.c.outbox_id))
        return [{"key": row.key, **row.params} for row in rows if row.params["to"] in IN_TURN]


@given(told=stories())
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
async def test_in_any_order_the_same_address_stands_and_nothing_goes_where_mail_came_back_from(
    told: tuple[Story, list[str]], store: str, make_settings: Callable[..., Awaitable[Settings]]
) -> None:
    story, order = told
    async with open_house(await make_settings(home=f"home-{next(_homes)}"), MovableClock()) as house:
        waiting: list[str] = []
        seen = 0
        for id in order:
            [verdict] = await house.intake.accept([Arrival(story.told[id], {"file": "story", "line": 1})])
            assert verdict.state in {"accepted", "waiting"}
            waiting.append(id)
            mails = await written(house)
            if any(json.loads(story.told[each])["type"] == "quorate.agency.recorded.v1" for each in waiting):
                story.known = [json.loads(story.told[each]) for each in waiting]
                back = story.back()
                for mail in mails[seen:][-1:]:  # an earlier one of the same transaction does not go any more
                    assert mail["to"] not in back or back == set(IN_TURN), (id, mail["to"])
            seen = len(mails)
        numbers: dict[str, list[tuple[int, int]]] = {}
        for mail in mails:
            numbers.setdefault(mail["key"], []).append((mail["sequence"], mail["revision"]))
        assert all(each == sorted(set(each)) for each in numbers.values())
        async with house.database.read() as db:
            entry = (await meetings.entries_of(db, ["m1"]))["m1"]["agency:camhs-1:duty"]
            invitation = (await invitations.of_meetings(db, ["m1"])).get("m1", {}).get("agency:camhs-1:duty")
            exceptions = {e["kind"] for e in await list_exceptions(db) if e.get("agency_id") == "camhs-1"}
        usable = story.usable()
        event(f"{len(usable)} addresses left")
        if usable:
            assert (entry.decision, entry.address, entry.back) == ("invited", usable[0], None)
            assert mails[-1]["to"] == usable[0]
        else:
            assert entry.back is not None or entry.why_not == "no_usable_address"
            waits = invitation is not None and invitation.state == "queued"
            assert waits or exceptions & {"undelivered", "no_usable_address"}
