"""The link to a copy: a code that goes to the same mailbox opens it, each opening is an event, filing is one click."""

from __future__ import annotations

import asyncio
import itertools
import json
import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from services.bootstrap import House
from services.foundation.documents import Documents
from services.foundation.outbox import outbox
from services.intake.store import dead_letters, journal
from services.participation.rules.reports import Report
from services.participation.store import documents, reports
from services.participation.store.documents import Document
from services.participation.uploads import DOCX
from services.records.store import dispatches as dispatch_store
from services.records.store.codes import codes
from services.records.store.dispatches import dispatches
from tests import events
from tests.answering import accept, browsing
from tests.clock import MovableClock
from tests.forwarded import CAMHS, GP, MOTHER, TEXT, code_for, code_letters, forward, open_by_code, path_to, sent
from tests.pdf import text_of

ONLY_SQLITE = pytest.mark.parametrize("store", ["sqlite"])


async def told(house: House, what: str) -> list[dict[str, Any]]:
    """The events that the pages have written of this kind."""
    async with house.database.read() as db:
        query = select(journal.c.raw).where(journal.c.type == f"quorate.dispatch.{what}.v1").order_by(journal.c.seq)
        return [json.loads(raw) for raw in (await db.execute(query)).scalars()]


async def rows(house: House) -> dict[str, int]:
    """How many rows there are of all that these pages could change."""
    async with house.database.read() as db:
        tables = (journal, codes, outbox, dispatches, dead_letters)
        counts = {each.name: select(func.count()).select_from(each) for each in tables}
        return {name: (await db.execute(query)).scalar_one() for name, query in counts.items()}


async def test_a_copy_opens_with_a_code_that_goes_to_the_mailbox_of_the_link(house: House) -> None:
    link = path_to(house, (await forward(house))[CAMHS])
    async with browsing(house) as client:
        start = await client.get(link)
        assert "Send me a code" in start.text
        assert "conference" not in start.text.lower()
        assert (await client.get(f"{link}/document")).status_code == 303
        page = await open_by_code(house, client, link)
        assert page.status_code == 200
        assert "Open the PDF" in page.text
        assert "initial child protection conference" in page.text.lower()
        assert (await client.head(f"{link}/document")).status_code == 200
        assert await told(house, "opened") == []
        document = await client.get(f"{link}/document")
    assert document.status_code == 200
    assert TEXT in text_of(document.content)
    assert document.headers["content-disposition"].startswith('attachment; filename="minutes-')
    assert document.headers["cache-control"] == "no-store"
    assert document.headers["x-content-type-options"] == "nosniff"
    [event] = await told(house, "opened")
    [dispatch] = [each for address, each in (await sent(house)).items() if address == CAMHS]
    assert event["data"]["dispatch_id"] == event["subject"] == dispatch.dispatch_id
    assert dispatch.opened_at is not None


async def test_what_is_opened_again_within_a_minute_was_opened_once(house: House, clock: MovableClock) -> None:
    link = path_to(house, (await forward(house))[GP])
    async with browsing(house) as client:
        await open_by_code(house, client, link)
        for seconds, count in ((0, 1), (20, 1), (39, 1), (1, 2), (59, 2), (1, 3)):
            clock.advance(timedelta(seconds=seconds))
            assert (await client.head(f"{link}/document")).status_code == 200
            for _ in range(2):
                assert (await client.get(f"{link}/document")).status_code == 200
            assert len(await told(house, "opened")) == count


@ONLY_SQLITE
async def test_a_copy_closes_again_after_half_an_hour(house: House, clock: MovableClock) -> None:
    link = path_to(house, (await forward(house))[CAMHS])
    async with browsing(house) as client:
        await open_by_code(house, client, link)
        clock.advance(timedelta(minutes=29, seconds=59))
        assert (await client.get(f"{link}/document")).status_code == 200
        clock.advance(timedelta(seconds=1))
        assert (await client.get(f"{link}/document")).status_code == 303
        assert "Send me a code" in (await client.get(link)).text


@ONLY_SQLITE
async def test_a_relative_reads_the_least_that_serves(house: House) -> None:
    link = path_to(house, (await forward(house))[MOTHER])
    async with browsing(house) as client:
        pages = [(await client.get(link)).text]
        pages.append((await open_by_code(house, client, link)).text)
        assert (await client.get(f"{link}/filed")).status_code == 404
        assert (await client.post(f"{link}/filed", data={"by": ""})).status_code == 404
        document = await client.get(f"{link}/document")
    assert document.status_code == 200
    for page in pages:
        for word in ("conference", "child protection", "OFFICIAL", "Relative p1", MOTHER, "AB", "c1"):
            assert not re.search(rf"\b{word}\b", re.sub(r"<[^>]+>", " ", page), re.IGNORECASE), word
    assert await told(house, "confirmed") == []


async def test_one_click_says_that_a_copy_is_filed_and_the_first_one_counts(house: House, clock: MovableClock) -> None:
    link = path_to(house, (await forward(house))[CAMHS])
    async with browsing(house) as client:
        assert "It is filed in our record" in (await client.get(f"{link}/filed")).text
        assert await told(house, "confirmed") == []
        first = clock.now()
        for minutes, by in ((0, ""), (0, ""), (5, "Dr  A\tExample"), (60, "")):
            clock.advance(timedelta(minutes=minutes))
            done = await client.post(f"{link}/filed", data={"by": by})
            assert (done.status_code, done.headers["location"]) == (303, f"{link}/filed")
            assert "Thank you" in (await client.get(f"{link}/filed")).text
    [event] = await told(house, "confirmed")
    about = {"dispatch_id": event["subject"], "meeting_id": "m1", "at": first.isoformat()}
    assert event["data"] == {**about, "what": "filed", "how": "page"}
    dispatch = (await sent(house))[CAMHS]
    assert (dispatch.confirmed, dispatch.confirmed_at) == ("filed", first)


@ONLY_SQLITE
async def test_who_filed_it_may_say_so_in_a_line(house: House) -> None:
    link = path_to(house, (await forward(house))[CAMHS])
    async with browsing(house) as client:
        refused = await client.post(f"{link}/filed", data={"by": "x" * 101})
        assert refused.status_code == 422
        assert "100 characters or fewer" in refused.text
        await client.post(f"{link}/filed", data={"by": "Dr  A\tExample\r\n"})
    [event] = await told(house, "confirmed")
    assert event["data"]["by"] == "Dr A Example"


@ONLY_SQLITE
async def test_looking_changes_nothing_however_often_and_by_whatever_machine(house: House, counted: Any) -> None:
    links = [path_to(house, each) for each in (await forward(house)).values()]
    before = await rows(house)
    asked = 0
    paths = [path for link in links for path in (link, f"{link}/code", f"{link}/document", f"{link}/filed")]
    some = list(itertools.product(("GET", "HEAD"), paths))
    async with browsing(house) as client:
        while asked < 1_000:
            headers = {"purpose": "prefetch"}
            answers = await asyncio.gather(*(client.request(method, path, headers=headers) for method, path in some))
            assert {each.status_code for each in answers} <= {200, 303, 404}
            asked += len(answers)
        for path in paths[:4]:
            for method in ("OPTIONS", "PUT", "DELETE", "PATCH"):
                assert (await client.request(method, path)).status_code == 405
    assert await rows(house) == before
    counted(f"{asked:,} looks at links changed nothing in {len(before)} tables")


@ONLY_SQLITE
async def test_a_second_click_brings_no_second_code_and_the_newest_code_alone_counts(
    house: House, clock: MovableClock
) -> None:
    link = path_to(house, (await forward(house))[CAMHS])
    async with browsing(house) as client:
        first = await code_for(house, client, link)
        assert (await client.post(link)).headers["location"] == f"{link}/code"
        await house.drain()
        assert (await rows(house))["codes"] == 1
        clock.advance(timedelta(seconds=21))
        second = await code_for(house, client, link)
        assert (await rows(house))["codes"] == 2
        if first != second:
            assert (await client.post(f"{link}/code", data={"code": first})).status_code == 422
        spaced = f" {second[:3]} {second[3:]}"
        assert (await client.post(f"{link}/code", data={"code": spaced})).status_code == 303


@ONLY_SQLITE
async def test_who_shares_a_computer_can_close_what_they_opened(house: House) -> None:
    link = path_to(house, (await forward(house))[MOTHER])
    async with browsing(house) as client:
        await open_by_code(house, client, link)
        assert (await client.post(f"{link}/close")).headers["location"] == link
        assert "Send me a code" in (await client.get(link)).text
        assert (await client.get(f"{link}/document")).status_code == 303


@ONLY_SQLITE
async def test_a_document_that_is_missing_is_told_of_and_counts_as_opened_by_nobody(house: House) -> None:
    dispatch = (await forward(house))[CAMHS]
    link = path_to(house, dispatch)
    kept = Documents(house.settings.documents_folder)
    async with browsing(house) as client:
        await open_by_code(house, client, link)
        path = kept.path(dispatch.document_id or "")
        path.write_bytes(path.read_bytes() + b"x")
        for _ in range(2):
            found = await client.get(f"{link}/document")
            assert found.status_code == 500
            assert "It cannot be opened just now" in found.text
            path.unlink(missing_ok=True)
    assert await told(house, "opened") == []


@ONLY_SQLITE
async def test_a_care_plan_that_came_in_goes_on_as_a_file_once_it_was_looked_through(
    house: House, clock: MovableClock
) -> None:
    """Other rooms write such dispatches; here it is one as they would."""
    of_a_record = (await forward(house))[CAMHS]
    kept = Documents(house.settings.documents_folder).keep([b"%PDF-1.7 a care plan"])
    document = Document(kept.document_id, "Alex Example.docx", DOCX, kept.size, clock.now(), "waiting")
    name = kept.document_id
    of_the_child = replace(of_a_record, dispatch_id="c" * 26, child_id="c1")
    dispatch = replace(of_the_child, kind="care_plan", about=name, document_id=name)
    async with house.database.write() as db:
        await documents.keep(db, document)
        at = clock.now()
        await reports.put(db, [Report("m1", "camhs-1", None, name, "care_plan", at, None, "camhs", "e1", at, "c1")])
        await dispatch_store.put(db, [dispatch])
    link = path_to(house, dispatch)
    async with browsing(house) as client:
        assert (await client.get(link)).status_code == 410
        async with house.database.write() as db:
            await documents.note_scan(db, kept.document_id, "clean")
        assert "Care plan" in (await open_by_code(house, client, link)).text
        given = await client.get(f"{link}/document")
        assert given.content == b"%PDF-1.7 a care plan"
        assert given.headers["content-type"] == "application/octet-stream"
        assert re.fullmatch(r'attachment; filename="care-plan-[A-Z2-7-]+\.docx"', given.headers["content-disposition"])
        assert "care plan" in (await client.get(f"{link}/filed")).text
        assert (await client.post(f"{link}/filed", data={"by": ""})).status_code == 303
    assert [each["data"]["what"] for each in await told(house, "confirmed")] == ["filed"]


@ONLY_SQLITE
async def test_a_code_that_would_open_nothing_does_not_go(house: House, clock: MovableClock) -> None:
    sent_to = await forward(house)
    async with browsing(house) as client:
        late, flagged, overtaken = (path_to(house, sent_to[address]) for address in (GP, MOTHER, CAMHS))
        assert (await client.post(late)).status_code == 303
        clock.advance(timedelta(minutes=15))
        for link in (flagged, overtaken):
            assert (await client.post(link)).status_code == 303
        clock.advance(timedelta(seconds=30))
        assert (await client.post(overtaken)).status_code == 303
        await accept(house, events.child("c1", flags=["fabricated_or_induced_illness"]))
        await house.drain()
    assert [str(letter["Delivered-To"]) for letter in code_letters(house.settings.home)] == [CAMHS]


async def test_the_letter_with_a_code_says_what_it_is_for_and_no_more(house: House) -> None:
    link = path_to(house, (await forward(house))[CAMHS])
    async with browsing(house) as client:
        code = await code_for(house, client, link)
    [letter] = code_letters(house.settings.home)
    assert letter["Subject"] == "Your code"
    assert letter["To"] == CAMHS
    for part in letter.walk():
        if part.get_content_maintype() == "text":
            said = part.get_content()
            assert code in said
            assert "none of us ever asks you for it by phone" in " ".join(said.split())
            for inside in ("http", "/record/", "conference", "Minutes", "Example camhs", "AB", "c1"):
                assert inside not in said.replace("<!doctype html>", "")
    for name, value in letter.items():
        assert code not in value, name
