"""The answer page as a person meets it: the link out of a message, the form on the page, and what is sent back."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import httpx2

from services.bootstrap import House
from services.intake.accept import Arrival
from services.running.process import Process
from services.web.app import make_app
from tests import events
from tests.mailbox import messages

LINK = re.compile(r"/answer/[0-9a-f-]+")
CAMHS, GP, MOTHER = "camhs-1@agencies.gov.example", "gp-1@agencies.gov.example", "p1@family.example"


def links(home: Path) -> dict[str, str]:
    """The path of the answer page in the newest message to each address."""
    found: dict[str, str] = {}
    for message in messages(home):
        body = message.get_body(("plain",))
        link = LINK.search(body.get_content()) if body is not None else None
        if link is not None:
            found[str(message["Delivered-To"])] = link[0]
    return found


async def accept(house: House, *raws: bytes) -> None:
    """Take events in, each of which must be accepted."""
    verdicts = await house.intake.accept([Arrival(raw, {"http": "test"}) for raw in raws])
    assert {verdict.state for verdict in verdicts} == {"accepted"}, verdicts


async def invite(house: House, *more: bytes, **meeting: Any) -> dict[str, str]:
    """Ask CAMHS (for a child on its waiting list), the practice and the mother to a conference; returns their links."""
    await accept(
        house,
        events.agency("camhs-1"),
        events.agency("gp-1"),
        events.child("c1"),
        events.relative("p1"),
        events.involvement(agency_id="camhs-1", status="waiting"),
        events.involvement(agency_id="gp-1"),
        *more,
        events.meeting("m1", **meeting),
    )
    await house.drain()
    return links(house.settings.home)


@asynccontextmanager
async def browsing(house: House, **options: Any) -> AsyncIterator[httpx2.AsyncClient]:
    """Ask the application of a house, as a browser on the machine would."""
    transport = httpx2.ASGITransport(app=make_app(Process(house)), **options)
    async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
        yield client


class Fields(HTMLParser):
    """The fields of the forms on a page, as they stand in it: by the action of the form."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.forms: dict[str, dict[str, str]] = {}
        self.now: dict[str, str] = {}
        self.area: str | None = None
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.now = self.forms.setdefault(values["action"], {})
        elif tag == "input" and values.get("type") in {"radio", "checkbox"}:
            if "checked" in values:
                self.now[values["name"]] = values["value"]
        elif tag == "input":
            self.now[values["name"]] = values.get("value", "")
        elif tag == "textarea":
            self.area = values["name"]
            self.now[self.area] = ""

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea":
            self.area = None

    def handle_data(self, data: str) -> None:
        if self.area is not None:
            self.now[self.area] += data


async def answer(client: httpx2.AsyncClient, link: str, typed: Mapping[str, str]) -> httpx2.Response:
    """Open the page, fill it in, and send it."""
    page = await client.get(link)
    assert page.status_code == 200, page.text
    return await client.post(link, data={**Fields(page.text).forms[link], **typed})


def journal_of(explained: Mapping[str, Any], party: str) -> dict[str, Any]:
    """How the invitation of one party stands."""
    [found] = [
        entry["invitation"]
        for entry in explained["entries"]
        if party in (entry.get("agency_id"), entry.get("person_id")) and "invitation" in entry
    ]
    return dict(found)
