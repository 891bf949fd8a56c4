"""A partnership with a GP practice that has a mailbox on MESH."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from sqlalchemy import select

from services.bootstrap import House
from services.foundation.outbox import MESH, outbox
from services.intake.store import journal
from services.oversight.views import list_exceptions
from services.post.mesh.receiver import Fetched
from services.records.rules.dispatch import Dispatch
from services.records.store import dispatches
from services.running.mail_in import sorter_of
from tests import events
from tests.clock import MovableClock
from tests.door import Embedded
from tests.mesh.sandbox import ANSWERS, OURS, PRACTICE

SECTIONS = [events.section("The practice is asked to see Ali within two weeks.", heading="What was agreed")]


def practice(mailbox: str | None = PRACTICE, *, email: bool = True) -> bytes:
    """A GP practice as recorded."""
    channels: list[dict[str, Any]] = []
    if email:
        channels.append(
            {"kind": "email", "address": "in@rowan.example", "secure": True, "verified_on": events.NOW.date()}
        )
    if mailbox is not None:
        channels.append({"kind": "mesh", "address": mailbox, "secure": True})
    return events.agency("gp-1", kind="gp", name="Rowan Medical Practice", channels=channels)


async def decided(
    house: House, *more: bytes, mailbox: str | None = PRACTICE, email: bool = True, record: bool = True
) -> None:
    """Minutes are approved of a meeting that the practice and CAMHS were asked to; without `record`, they are not."""
    secure = [{"kind": "email", "address": "in@camhs-1.example", "secure": True, "verified_on": events.NOW.date()}]
    taken = await Embedded(house).take(
        practice(mailbox, email=email),
        events.agency("camhs-1", channels=secure),
        events.child("c1"),
        events.involvement(person_id="c1", agency_id="gp-1", service="gp"),
        events.involvement(person_id="c1", agency_id="camhs-1"),
        events.meeting("m1", children=["c1"]),
        *([events.record(sections=SECTIONS)] if record else []),
        *more,
    )
    assert {verdict.state for verdict in taken} == {"accepted"}


async def sent(house: House, clock: MovableClock, **about: Any) -> Dispatch:
    """The copy that has gone to the practice by MESH."""
    await decided(house, **about)
    await house.drain()
    clock.advance(timedelta(minutes=10))
    return await by_mesh(house)


async def by_mesh(house: House, version: int = 1) -> Dispatch:
    """The practice's dispatch by MESH."""
    return (await standing(house))["gp-1", MESH, version]


async def standing(house: House) -> dict[tuple[str | None, str, int], Dispatch]:
    """All dispatches of the record, by agency, channel and version."""
    async with house.database.read() as db:
        some = (await dispatches.about(db, ["r1"])).get("r1", [])
    return {(each.agency_id, each.channel, each.version): each for each in some}


async def hear(house: House) -> Fetched:
    """Take in what came by MESH, tell it apart, and ask after what was sent."""
    async with house.mesh() as mesh:
        assert mesh is not None
        came = await mesh.receiver.fetch()
        await sorter_of(house).sort()
        await mesh.receiver.look()
    return came


async def rows(house: House) -> list[Any]:
    """The rows for MESH in the outbox."""
    query = select(outbox).where(outbox.c.channel == MESH).order_by(outbox.c.outbox_id)
    async with house.database.read() as db:
        return list((await db.execute(query)).mappings())


async def heard(house: House) -> list[tuple[str, dict[str, Any]]]:
    """What was told of dispatches."""
    query = select(journal.c.raw).where(journal.c.type.like("quorate.dispatch.%")).order_by(journal.c.seq)
    async with house.database.read() as db:
        told = [json.loads(raw) for raw in (await db.execute(query)).scalars()]
    return [(each["type"].split(".")[2], each["data"]) for each in told]


async def exceptions(house: House) -> list[dict[str, Any]]:
    """What a coordinator is told of, and is not resolved."""
    async with house.database.read() as db:
        return [dict(each) for each in await list_exceptions(db)]


def answer(dispatch_id: str, what: Any = "filed", **more: Any) -> dict[str, Any]:
    """What a practice's system sends back, as `send_message` takes it."""
    told = {"data": json.dumps({"what": what, **more}).encode(), "workflow_id": ANSWERS, "local_id": dispatch_id}
    return {**told, "recipient": OURS, "subject": "Filed", "content_type": "application/json"}
