"""What a coordinator sees of reports and care plans on a meeting's page, and of the letters about them."""

from __future__ import annotations

import re
from hashlib import sha256
from typing import Any

import httpx2

from services.bootstrap import House
from services.intake.accept import Arrival
from services.participation.store import documents
from services.participation.store.documents import CLEAN, INFECTED, WAITING, Document
from services.running.process import Process
from services.web.app import make_app
from services.web.reports_shown import counted, reports
from tests import events


async def take(house: House, *raw: bytes) -> None:
    verdicts = await house.intake.accept([Arrival(each, {"http": "request"}) for each in raw])
    assert {verdict.state for verdict in verdicts} == {"accepted"}


def shown(html: str) -> str:
    """The words of a page, on one line."""
    return " ".join(re.sub("<[^>]+>", " ", html).split())


async def test_a_meetings_page_says_who_owes_what_until_when_and_what_came(house: House) -> None:
    held, checked, harmful = (sha256(word.encode()).hexdigest() for word in ("one", "two", "three"))
    await take(
        house,
        *(events.agency(each) for each in ("camhs-1", "gp-1", "school-1", "voluntary-1")),
        events.child(),
        *(events.involvement(agency_id=each) for each in ("camhs-1", "gp-1", "school-1")),
        events.meeting(),
    )
    await house.drain()
    async with house.database.write() as db:
        for document_id, scan in ((held, CLEAN), (checked, WAITING), (harmful, INFECTED)):
            await documents.keep(db, Document(document_id, "r.pdf", "application/pdf", 9, events.NOW, scan))
    await take(
        house,
        events.report(document_id=held, by="Sam Worker"),
        events.report(document_id=checked),
        events.report(document_id=harmful),
        events.report(agency_id="gp-1", document_id="elsewhere-1"),
        events.report(agency_id="voluntary-1", document_id="elsewhere-2"),
    )
    await take(house, events.answered(answer="declined"))
    await house.drain()
    transport = httpx2.ASGITransport(app=make_app(Process(house)))
    async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
        page = (await client.get("/meetings/m1")).text
        asked = re.search(r'To camhs-1@.*?href="([^"]+)"', page)
        assert asked is not None
        letters = shown((await client.get(asked[1])).text)
    section = page[page.index('id="reports"') : page.index('id="invited"')]
    words = shown(section)
    assert "Reports (2 of 4)" in words
    assert "Care plan by Monday 30 March 2026: Asked" in words
    assert "Report by Monday 30 March 2026: Received" in words
    assert "from Sam Worker" in words
    assert re.findall(r'href="/documents/([^"]+)"', section) == [held, checked]  # the second to have it scanned again
    assert "It is being checked" in words
    assert "it may do harm" in words
    assert "It is kept elsewhere, as elsewhere-1." in words
    assert "Sent without having been asked (1)" in words
    assert "request for a report (this one)" in letters
    assert "Report and care plan wanted" not in letters  # the report had come
    assert "Care plan wanted: " in letters


def test_what_is_missing_stands_before_what_has_come() -> None:
    def entry(name: str, how: str, came: bool) -> dict[str, Any]:
        invitation = {"report": how, "report_due": "2026-03-30T23:00:00+00:00"}
        document = {"document_id": "d", "kind": "report", "at": "2026-03-30T12:00:00+00:00", "held": False}
        return {"who": name, "invitation": invitation, "documents": [document] if came else []}

    some: list[dict[str, Any]] = [
        entry("in time", "received", True),
        entry("came late", "late", True),
        entry("asked", "asked", False),
        entry("late", "late", False),
        {"who": "owes nothing", "invitation": {}},
    ]
    rows = reports(some, {"starts_at": "2026-04-01T09:00:00+00:00"})
    assert [row["who"] for row in rows] == ["late", "asked", "came late", "in time"]
    assert counted(rows) == (2, 4)
