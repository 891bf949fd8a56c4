"""The pages and measures on both stores, without a process around them."""

from __future__ import annotations

import re

import httpx2

from services.bootstrap import House
from services.intake.accept import Arrival
from services.running.process import Process
from services.web.app import make_app
from tests import events


async def test_every_page_is_there_on_both_stores(house: House) -> None:
    raws = [
        events.agency("camhs-1"),
        events.agency("gp-1", channels=[]),
        events.child("c1"),
        events.relative("p1", email=None),
        events.involvement(agency_id="camhs-1", status="waiting"),
        events.involvement(agency_id="gp-1"),
        events.meeting("m1"),
        events.rescheduled("m1"),
        events.involvement("i-waits", person_id="c-unknown"),
        b"{}",
    ]
    await house.intake.accept([Arrival(raw, {"http": "request"}) for raw in raws])
    await house.drain()
    transport = httpx2.ASGITransport(app=make_app(Process(house)))
    async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:

        async def page(path: str) -> str:
            answer = await client.get(path)
            assert answer.status_code == 200, path
            return answer.text

        assert "1 meeting, the next one first" in await page("/?authority=leicester&kind=initial_conference&page=9")
        meeting = await page("/meetings/m1")
        links = {link.replace("&amp;", "&") for link in re.findall(r'href="(/(?:meetings/m1/|event)[^"#]+)"', meeting)}
        assert len(links) >= 5
        pages = [await page(link) for link in sorted(links)]
        assert any("As a formatted message" in each for each in pages)
        assert any("What came in" in each for each in pages)
        assert "no usable address" in (await page("/exceptions?kind=no_usable_address")).lower()
        assert "c-unknown" in await page("/waiting")
        assert "$.type" in await page("/dead-letters")
        assert 'quorate_exceptions_open{kind="no_usable_address"}' in await page("/metrics")
        assert (await client.get("/readyz")).status_code == 200


async def test_an_error_nobody_thought_of_is_told_without_a_trace_of_the_inside(house: House) -> None:
    class Broken:
        def now(self) -> None:
            raise ZeroDivisionError("Dana Bellweather")

    house.clock = Broken()  # type: ignore[assignment]  # as wrong as can be
    transport = httpx2.ASGITransport(app=make_app(Process(house)))
    async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
        answer = await client.get("/")
        assert answer.status_code == 500
        assert "Sorry, there is a problem" in answer.text
        assert answer.headers["x-request-id"] in answer.text
        machine = await client.get("/metrics")
    assert machine.status_code == 500
    assert machine.headers["content-type"] == "application/problem+json"
    for inside in ("ZeroDivisionError", "Dana", "Traceback"):
        assert inside not in answer.text + machine.text
