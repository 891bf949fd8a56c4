"""The coordinator's pages about records and plans, on both stores: what they say, and what they cost."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from typing import Any

import httpx2
from sqlalchemy import Engine, event

from services.bootstrap import House
from services.foundation.documents import Documents
from services.intake.accept import Arrival
from services.records.shown import shown_record
from services.records.shown_plans import shown_plans
from services.records.store import dispatches
from services.running.process import Process
from services.web.app import make_app
from tests import events

SECTIONS = [
    events.section("He was <b>not</b> at school.", heading="Why we met"),
    events.section("Police checks were read out.", heading="Risks", audience="professionals"),
    events.section("Of the waiting list.", heading="Health", audience={"only": ["camhs-1"]}, children=["c1"]),
]


async def take(house: House, *raws: bytes) -> None:
    verdicts = await house.intake.accept([Arrival(raw, {"http": "request"}) for raw in raws])
    assert {each.state for each in verdicts} <= {"accepted", "known"}
    await house.drain()


async def forwarded(house: House, agencies: int = 2) -> None:
    """Minutes of a conference, approved and sent."""
    names = [f"school-{number}" for number in range(1, agencies)]
    await take(
        house,
        *(
            events.agency(each, channels=[events.secure(f"{each}@in.example", verified_on=date(2026, 1, 5))])
            for each in ("camhs-1", *names)
        ),
        events.child("c1"),
        events.relative("p1", name="Dana Bellweather"),
        *(events.involvement(agency_id=each) for each in ("camhs-1", *names)),
        events.meeting("m1"),
    )
    await take(house, events.record(sections=SECTIONS, checked_by="Ann Other"))


@contextmanager
def counting() -> Iterator[list[str]]:
    """The statements that are run meanwhile."""
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        seen.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(Engine, "before_cursor_execute", note)


def client_of(house: House, **given: Any) -> httpx2.AsyncClient:
    transport = httpx2.ASGITransport(app=make_app(Process(house)), **given)
    return httpx2.AsyncClient(transport=transport, base_url="http://localhost")


async def copies_of(house: House) -> dict[str, Any]:
    async with house.database.read() as db:
        found = await shown_record(db, house.intake.policy, "r1")
    assert found is not None
    return {each["name"]: each for each in found["copies"] if each["version"] == found["versions"][0]["version"]}


async def test_a_record_says_how_far_each_copy_has_come_and_opens_down_to_the_events(house: House) -> None:
    await forwarded(house)
    copies = await copies_of(house)
    at = house.clock.now()
    await take(
        house,
        events.dispatch_opened(copies["Dana Bellweather"]["dispatch_id"], at=at, id="opened-1", meeting_id="m1"),
        events.dispatch_opened(
            copies["Dana Bellweather"]["dispatch_id"], at=at + timedelta(minutes=1), id="opened-2", meeting_id="m1"
        ),
        events.dispatch_confirmed(copies["Example camhs 1"]["dispatch_id"], at=at, id="filed-1", meeting_id="m1"),
    )
    copies = await copies_of(house)
    assert (copies["Dana Bellweather"]["state"], len(copies["Dana Bellweather"]["openings"])) == ("opened", 2)
    assert copies["Example camhs 1"]["state"] == "filed"
    assert "file_by" not in copies["Example camhs 1"]
    assert "file_by" in copies["Example school 1"]
    async with client_of(house) as client:
        page = (await client.get("/records/r1")).text
        for event_id in ("opened-1", "opened-2", "filed-1"):
            assert f"id={event_id}" in page
        assert "Only Example camhs 1" in page
        meeting = (await client.get("/meetings/m1")).text
        assert 'href="/records/r1"' in meeting
        assert "1 filed, 1 opened, 1 sent, 1 nothing sent" in " ".join(meeting.split())


async def test_the_page_of_a_copy_shows_what_is_in_it_and_what_is_left_out(house: House) -> None:
    await forwarded(house)
    mother = (await copies_of(house))["Dana Bellweather"]
    async with client_of(house) as client:
        page = (await client.get(f"/records/r1/copies/{mother['dispatch_id']}")).text
    assert "He was &lt;b&gt;not&lt;/b&gt; at school." in page
    assert "It is for professionals." in page
    assert "Police checks were read out." not in page


async def test_the_document_is_the_very_one_that_was_sent_and_is_saved_and_never_opened(house: House) -> None:
    await forwarded(house)
    camhs = (await copies_of(house))["Example camhs 1"]
    path = f"/records/r1/copies/{camhs['dispatch_id']}/document"
    folder = Documents(house.settings.documents_folder)
    async with client_of(house) as client:
        answer = await client.get(path)
        assert answer.content == folder.read(camhs["document_id"])
        assert answer.headers["content-type"] == "application/octet-stream"
        assert answer.headers["content-disposition"].startswith('attachment; filename="minutes-')
        folder.path(camhs["document_id"]).write_bytes(b"something else")
        assert (await client.get(path)).status_code == 500
        folder.path(camhs["document_id"]).unlink()
        assert (await client.get(path)).status_code == 500


async def test_what_is_not_there_is_said_to_be(house: House) -> None:
    await forwarded(house)
    async with client_of(house) as client:
        for path in ("/records/r9", "/records/r1/copies/none", "/records/r1/copies/none/document", "/plans/c9"):
            answer = await client.get(path)
            assert (answer.status_code, "Page not found" in answer.text) == (404, True), path


async def test_the_pages_open_on_this_machine_alone(house: House) -> None:
    await forwarded(house)
    camhs = (await copies_of(house))["Example camhs 1"]
    paths = ["/records/r1", f"/records/r1/copies/{camhs['dispatch_id']}", "/plans/c1"]
    async with client_of(house, client=("192.0.2.7", 4711)) as client:
        for path in [*paths, f"{paths[1]}/document"]:
            assert (await client.get(path)).status_code == 403


async def test_what_a_page_costs_does_not_hang_on_how_many_readers_there_are(house: House) -> None:
    await forwarded(house, agencies=2)
    costs = []
    for some in ((), tuple(f"school-{number}" for number in range(2, 12))):
        if some:
            await take(
                house,
                *(events.agency(each) for each in some),
                *(events.involvement(agency_id=each) for each in some),
                events.record(sections=SECTIONS[:2], version=2, checked_by="Ann Other"),
            )
        async with house.database.read() as db:
            with counting() as seen:
                await shown_record(db, house.intake.policy, "r1")
        costs.append(len(seen))
    assert len(await copies_of(house)) > 10
    assert costs[0] == costs[1]


async def test_a_childs_plans_say_who_was_told_and_who_took_it_up(house: House) -> None:
    await forwarded(house)
    day = house.clock.now().date()
    await take(
        house,
        events.plan_started("plan-1", on=day - timedelta(days=9), category="neglect", time=events.START),
        events.plan_ended("plan-1", on=day, time=house.clock.now()),
    )
    async with house.database.read() as db:
        some = (await dispatches.of_children(db, ["c1"]))["c1"]
    ended = {each.agency_id: each.dispatch_id for each in some if each.state == "sent"}
    await take(
        house,
        events.dispatch_confirmed(ended["camhs-1"], "flag_changed", at=house.clock.now(), child_id="c1"),
    )
    async with house.database.read() as db:
        [plan] = await shown_plans(db, house.intake.policy, "c1")
    [notice] = [each for each in plan["notices"] if each["kind"] == "ended"]
    stands = {each["agency_id"]: each["text"] for each in notice["to"]}
    assert stands["camhs-1"] == "flag changed"
    assert stands["school-1"] == "sent"
    async with client_of(house) as client:
        page = " ".join((await client.get("/plans/c1")).text.split())
    assert "The plan ended" in page
    assert f"1 of {len(notice['to'])} have taken it up" in page


async def test_an_end_of_a_plan_that_does_not_count_is_no_end_on_its_page(house: House) -> None:
    await forwarded(house)
    day = house.clock.now().date()
    await take(
        house,
        events.plan_started("plan-1", on=day - timedelta(days=9), time=events.START),
        events.plan_ended("plan-1", on=day, meeting_id="m1", time=house.clock.now()),
    )
    async with house.database.read() as db:
        [plan] = await shown_plans(db, house.intake.policy, "c1")
    assert "nobody has been told to clear a flag" in plan["does_not_count"]
    assert "ended" not in {each["kind"] for each in plan["notices"]}
    async with client_of(house) as client:
        page = " ".join((await client.get("/plans/c1")).text.split())
    assert ", stands</h2>" in page
    assert plan["does_not_count"] in page
