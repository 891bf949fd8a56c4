"""What comes back about a notice: a flag was changed as it asks, or a person reads it."""

from __future__ import annotations

import json
from datetime import date, timedelta

import pytest
from sqlalchemy import select

from services.bootstrap import House
from services.intake.store import journal
from services.invitations.tokens import local_part
from services.records.rules.dispatch import Dispatch
from services.records.store import dispatches
from services.records.store.plans import notices
from tests import events
from tests.clock import MovableClock
from tests.door import Embedded
from tests.integration.post.inbox.partnership import take, waiting
from tests.mail.copies import SHAPES, gmail
from tests.mailbox import of_kind, plain

pytestmark = pytest.mark.parametrize("store", ["sqlite"], indirect=True)
ADA = "Ada Example <in@gp-1.example>"
STARTED_ON, ENDED_ON = date(2026, 1, 12), date(2026, 3, 2)

TAKEN_OFF = ("The flag has been removed, thanks.", "Code \u201cno longer subject to child protection plan\u201d added.")
PUT_ON = ("The flag has been added to our records.", "CP flag set.", "Alert put on.", "Flag put back.")
NEITHER = (
    *("Flag not yet removed.", "We cannot remove the flag.", "Flag removed and alert added.", "Done.", "Code removed."),
    *("Flag removed.\n\nAlert added.", "Is the flag to be added?", "Flag not added."),
)


async def told(house: House, clock: MovableClock, *more: bytes) -> dict[str, tuple[Dispatch, str]]:
    """What a practice was told of a plan: that it started and, an hour later, `more`; by kind, each with the words of
    its letter as they stand in a mailbox.
    """
    channels = [{"kind": "email", "address": "in@gp-1.example", "secure": True}]
    taken = await Embedded(house).take(
        events.agency("gp-1", channels=channels),
        events.child("c1"),
        events.involvement(agency_id="gp-1", person_id="c1"),
        events.plan_started(on=STARTED_ON),
    )
    await house.drain()
    clock.advance(timedelta(hours=1))
    taken += await Embedded(house).take(*more)
    assert {verdict.state for verdict in taken} == {"accepted"}
    await house.drain()
    clock.advance(timedelta(hours=1))
    async with house.database.read() as db:
        kinds = {row.notice_id: row.kind for row in await db.execute(select(notices))}
        some = (await dispatches.of_children(db, ["c1"]))["c1"]
    letters = {str(each["Message-ID"])[1:27]: plain(each) for each in of_kind(house.settings.home, "notice")}
    return {kinds[each.about]: (each, letters[each.dispatch_id]) for each in some if each.dispatch_id in letters}


def address(house: House, each: Dispatch) -> str:
    return f"{local_part(house.settings.key, 'reply', each.dispatch_id)}@{house.settings.mail_domain}"


async def said(house: House) -> list[tuple[str, str]]:
    """What was said of dispatches: which one, and what."""
    query = select(journal.c.raw).where(journal.c.type == "quorate.dispatch.confirmed.v1").order_by(journal.c.seq)
    async with house.database.read() as db:
        found = [json.loads(raw)["data"] for raw in (await db.execute(query)).scalars()]
    return [(each["dispatch_id"], each["what"]) for each in found]


@pytest.mark.parametrize("shape", SHAPES)
async def test_only_what_says_that_a_flag_is_off_answers_that_a_plan_has_ended(
    house: House, clock: MovableClock, shape: str
) -> None:
    ended, ours = (await told(house, clock, events.plan_ended(on=ENDED_ON, time=clock.now() + timedelta(hours=1))))[
        "ended"
    ]
    assert all(each in ours for each in ("Flag removed", "added"))

    def reply(words: str) -> bytes:
        return SHAPES[shape](words, sender=ADA, to=address(house, ended), ours=ours)

    rows = await take(house, *(reply(each) for each in (*PUT_ON, *NEITHER)))
    assert {(row["state"], row["why"]) for row in rows} == {("for_a_person", "human_text")}
    assert await said(house) == []
    assert len(await waiting(house)) == len(rows)
    rows = await take(house, *(reply(each) for each in (*TAKEN_OFF, "Our records carry no such flag.")))
    assert {(row["state"], row["why"]) for row in rows} == {("understood", None)}
    heard = [*["flag_changed"] * len(TAKEN_OFF), "no_flag"]
    assert sorted(await said(house)) == [(ended.dispatch_id, each) for each in heard]


@pytest.mark.parametrize("shape", SHAPES)
async def test_only_what_says_that_a_flag_is_on_answers_that_a_plan_has_started(
    house: House, clock: MovableClock, shape: str
) -> None:
    started, ours = (await told(house, clock))["started"]

    def reply(words: str) -> bytes:
        return SHAPES[shape](words, sender=ADA, to=address(house, started), ours=ours)

    rows = await take(house, *(reply(each) for each in (*TAKEN_OFF, *NEITHER)))
    assert {(row["state"], row["why"]) for row in rows} == {("for_a_person", "human_text")}
    assert await said(house) == []
    rows = await take(house, *(reply(each) for each in PUT_ON))
    assert {(row["state"], row["why"]) for row in rows} == {("understood", None)}
    assert await said(house) == [(started.dispatch_id, "flag_changed")] * len(PUT_ON)


@pytest.mark.parametrize("shape", SHAPES)
async def test_our_own_words_that_come_back_say_nothing_of_a_flag(
    house: House, clock: MovableClock, shape: str
) -> None:
    ended, ours = (await told(house, clock, events.plan_ended(on=ENDED_ON, time=clock.now() + timedelta(hours=1))))[
        "ended"
    ]
    to = address(house, ended)
    below = SHAPES[shape]("", sender=ADA, to=to, ours=ours)
    above = gmail(ours, sender=ADA, to=to)
    first = gmail(f"Flag removed\n\n{ours}", sender=ADA, to=to)
    rows = await take(house, below, above, first)
    assert await said(house) == []
    assert [row["state"] for row in rows[1:]] == ["for_a_person"] * 2


@pytest.mark.parametrize("is_told", [True, False])
async def test_that_a_flag_is_off_while_another_plan_stands_is_read_by_a_person(
    house: House, clock: MovableClock, is_told: bool
) -> None:
    later = clock.now() + timedelta(hours=1)
    other = events.plan_started("plan-2", on=ENDED_ON, time=later)
    if not is_told:  # of that one only an end is known, which does not count
        other = events.plan_ended("plan-2", on=ENDED_ON, meeting_id="m9", time=later)
    ended, ours = (await told(house, clock, other, events.plan_ended(on=ENDED_ON, time=later)))["ended"]
    [row] = await take(house, gmail("Flag removed.", sender=ADA, to=address(house, ended), ours=ours))
    assert (row["state"], row["why"]) == ("for_a_person", "human_text")
    assert await said(house) == []
    await take(house, gmail("Noted.", sender=ADA, to=address(house, ended), ours=ours))
    assert await said(house) == [(ended.dispatch_id, "noted")]


async def test_nobody_of_the_family_answers_a_notice_from_an_address_that_the_agency_has_too(
    house: House, clock: MovableClock
) -> None:
    ended, ours = (await told(house, clock, events.plan_ended(on=ENDED_ON, time=clock.now() + timedelta(hours=1))))[
        "ended"
    ]
    ties = [events.tie("c1", "father")]
    father = events.relative("p2", relationship=ties, email="In@gp-1.example", time=clock.now())
    assert [each.state for each in await Embedded(house).take(father)] == ["accepted"]
    [row] = await take(house, gmail("Flag removed.", sender=ADA, to=address(house, ended), ours=ours))
    assert (row["state"], row["why"]) == ("for_a_person", "unknown_replier")
    assert await said(house) == []
