"""An approved record reaches everyone who was asked, each with their own copy, and nobody with a part that is not
theirs.
"""

from __future__ import annotations

from datetime import date
from email.message import EmailMessage

from sqlalchemy import select

from services.bootstrap import House
from services.foundation.outbox import outbox
from services.records.store import dispatches
from tests import events
from tests.clock import MovableClock
from tests.door import Door, Embedded
from tests.mailbox import of_kind
from tests.pdf import text_of


def copies_of(house: House) -> dict[str, EmailMessage]:
    """The letters with copies of records that have come out, by address."""
    return {str(each["To"]): each for each in of_kind(house.settings.home, "record")}


def words(message: EmailMessage) -> str:
    """The words of the document that a letter carries."""
    [attached] = message.iter_attachments()
    return text_of(attached.get_content())


async def test_a_team_with_a_child_on_its_waiting_list_gets_its_copy_of_the_minutes(door: Door) -> None:
    house = door.house
    secure = [{"kind": "email", "address": "in@camhs-1.example", "secure": True, "verified_on": date(2026, 1, 5)}]
    await door.take(
        events.agency("camhs-1", channels=secure),
        events.child("c1"),
        events.involvement(person_id="c1", agency_id="camhs-1", status="waiting"),
        events.meeting("m1", children=["c1"]),
    )
    await house.drain()
    sections = [
        events.section("The waiting list is reviewed in May.", heading="What was agreed"),
        events.section("Nobody else reads this.", heading="For the police", audience={"only": ["police-1"]}),
    ]
    await door.take(events.record(sections=sections))
    await house.drain()
    letter = copies_of(house)["in@camhs-1.example"]
    assert "The waiting list is reviewed in May." in words(letter)
    assert "Nobody else reads this" not in words(letter)
    async with house.database.read() as db:
        stands = {each.party: each for each in (await dispatches.about(db, ["r1"]))["r1"]}
    assert stands["agency:camhs-1:"].state == "sent"


async def test_of_each_copy_that_left_it_is_told_by_ids_alone(embedded: Embedded, clock: MovableClock) -> None:
    house = embedded.house
    await embedded.take(
        events.agency("camhs-1", channels=[events.secure("in@camhs-1.example", verified_on=date(2026, 1, 5))]),
        events.child("c1"),
        events.relative("p1"),
        events.involvement(person_id="c1", agency_id="camhs-1", status="waiting"),
        events.meeting("m1", children=["c1"]),
    )
    await house.drain()
    await embedded.take(events.record(checked_by="Alex Second"))
    await house.drain()
    async with house.database.read() as db:
        query = select(outbox.c.params).where(outbox.c.name == "quorate.record.distributed.v1")
        told = [params["data"] for params in (await db.execute(query)).scalars()]
    about = {"record_id": "r1", "meeting_id": "m1", "version": 1, "at": events.NOW.isoformat().replace("+00:00", "Z")}
    assert sorted(told, key=str) == sorted([about | {"agency_id": "camhs-1"}, about | {"person_id": "p1"}], key=str)
