"""What was sent of a record, as its readers meet it: the link to it, the code in the mailbox, the form on the page."""

from __future__ import annotations

import re
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import httpx2

from services.bootstrap import House
from services.invitations.tokens import link
from services.records.rules.dispatch import Dispatch
from services.records.store import dispatches
from tests import events
from tests.answering import accept
from tests.events import NOW
from tests.mailbox import messages, plain

CAMHS, GP, MOTHER = "camhs-1@agencies.gov.example", "gp-1@agencies.gov.example", "p1@family.example"
TEXT = "The waiting list is reviewed in May."
FOR_LONG = NOW.replace(year=NOW.year + 1)


async def forward(house: House, *more: bytes, **record: Any) -> dict[str, Dispatch]:
    """Minutes of a conference go to CAMHS (for a child on its waiting list), the practice and the mother, to all of
    them by a link; returns the dispatches by address.
    """
    await accept(
        house,
        events.agency("camhs-1"),
        events.agency("gp-1"),
        events.child("c1"),
        events.relative("p1"),
        events.involvement(agency_id="camhs-1", status="waiting"),
        events.involvement(agency_id="gp-1"),
        *more,
        events.meeting("m1"),
    )
    await house.drain()
    given = {"checked_by": "Kim Checker", "sections": [events.section(TEXT)], **record}
    await accept(house, events.record(**given))
    await house.drain()
    return await sent(house)


async def sent(house: House, record_id: str = "r1", version: int = 1) -> dict[str, Dispatch]:
    """How the dispatches of a version stand, by address."""
    async with house.database.read() as db:
        found = (await dispatches.about(db, [record_id])).get(record_id, [])
    return {each.address: each for each in found if each.address and each.version == version}


def path_to(house: House, dispatch: Dispatch, use: str = "record") -> str:
    """The path of the link of a dispatch, as it stands in its letter."""
    assert dispatch.address is not None
    until = dispatch.expires_at or FOR_LONG
    return f"/{use}/{link(house.settings.key, use, dispatch.dispatch_id, dispatch.address, until)}"


def letters_with_links(home: Path, use: str) -> dict[str, str]:
    """The path of the page that the newest message to each address leads to, of those that have such a link."""
    found: dict[str, str] = {}
    for message in messages(home):
        body = message.get_body(("plain",))
        link = re.search(rf"/{use}/[0-9a-f-]+", body.get_content()) if body is not None else None
        if link is not None:
            found[str(message["Delivered-To"])] = link[0]
    return found


def code_letters(home: Path) -> list[EmailMessage]:
    """The letters with codes that have come out, in their order."""
    return [each for each in messages(home) if ".code." in str(each["Message-ID"])]


def code_in(message: EmailMessage) -> str:
    """The code in a letter."""
    [code] = re.findall(r"^Your code: ([0-9]{6})\s*$", plain(message), re.MULTILINE)
    return str(code)


async def code_for(house: House, client: httpx2.AsyncClient, link: str) -> str:
    """Ask for a code, and read it in the mailbox."""
    before = len(code_letters(house.settings.home))
    asked = await client.post(link)
    assert (asked.status_code, asked.headers.get("location")) == (303, f"{link}/code"), asked.text
    await house.drain()
    letters = code_letters(house.settings.home)
    assert len(letters) == before + 1
    return code_in(letters[-1])


async def open_by_code(house: House, client: httpx2.AsyncClient, link: str) -> httpx2.Response:
    """Ask for a code, type it, and get to the page; the client holds the pass from then on."""
    given = await client.post(f"{link}/code", data={"code": await code_for(house, client, link)})
    assert (given.status_code, given.headers.get("location")) == (303, link), given.text
    return await client.get(link)


def wrong_code(code: str) -> str:
    """Another code than this one."""
    return f"{(int(code) + 1) % 1_000_000:06}"
