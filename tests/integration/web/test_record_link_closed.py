"""When a link to a copy opens nothing: what its reader is told, and that nobody else is told anything."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

import httpx2
import pytest

from services.bootstrap import House
from services.records.rules.dispatch import RECALLED, Dispatch
from services.records.store import dispatches
from tests import events
from tests.answering import accept, browsing
from tests.clock import MovableClock
from tests.forwarded import CAMHS, GP, MOTHER, TEXT, code_letters, forward, open_by_code, path_to, sent

ONLY_SQLITE = pytest.mark.parametrize("store", ["sqlite"])

NOT_KNOWN = "This link does not work"
SHUT, RECALLED_PAGE, NEWER = "This link has been closed", "We have taken this back", "There is a newer version"
EXPIRED, EARLY = "The time for this link is over", "This is not ready yet"


async def closed(client: httpx2.AsyncClient, house: House, link: str, status: int, title: str) -> str:
    """Every door behind a link is closed, in the same words, also to a browser that holds a pass; no code is sent."""
    before = len(code_letters(house.settings.home))
    pages = set()
    for path in (link, f"{link}/code", f"{link}/document", f"{link}/filed"):
        for method in ("GET", "POST"):
            if (method, path) != ("POST", f"{link}/document"):
                found = await client.request(method, path, data={"code": "123456"} if method == "POST" else None)
                assert found.status_code == status, (method, path, found.status_code)
                assert f'<h1 class="govuk-heading-l">{title}</h1>' in found.text, (method, path)
                pages.add(found.text)
    assert len(pages) == 1
    await house.drain()
    assert len(code_letters(house.settings.home)) == before
    [page] = pages
    for inside in (TEXT, "conference", "Example camhs", CAMHS, MOTHER, "Relative p1", "m1", "r1"):
        assert inside.lower() not in page.lower()
    return str(page)


FLAG = "fabricated_or_induced_illness"


def flagged() -> list[bytes]:
    return [events.child("c1", flags=[FLAG])]


def other_address_of_the_mother() -> list[bytes]:
    return [events.relative("p1", email="new@family.example")]


def no_responsibility() -> list[bytes]:
    return [events.relative("p1", relationship=[events.tie("c1", parental_responsibility=False)])]


def one_address_for_two() -> list[bytes]:
    return [events.relative("p2", relationship=[events.tie("c1", "father")], email=MOTHER)]


def address_not_secure_now() -> list[bytes]:
    return [events.agency("camhs-1", channels=[events.secure("other@agencies.gov.example")])]


def address_that_family_reads() -> list[bytes]:
    return [events.relative("p2", relationship=[events.tie("c1", "father")], email=CAMHS)]


def agency_closed() -> list[bytes]:
    return [events.agency("camhs-1", closed_on=events.NOW.date())]


LATER = {
    "flagged since": (MOTHER, flagged),
    "another address": (MOTHER, other_address_of_the_mother),
    "responsibility lost": (MOTHER, no_responsibility),
    "an address that two read": (MOTHER, one_address_for_two),
    "an agency's address that is none any more": (CAMHS, address_not_secure_now),
    "an agency's address that family reads": (CAMHS, address_that_family_reads),
    "an agency that has closed": (CAMHS, agency_closed),
}


@ONLY_SQLITE
@pytest.mark.parametrize("why", LATER)
async def test_what_may_not_be_sent_any_more_is_shut_in_one_and_the_same_words(
    house: House, why: str, clock: MovableClock
) -> None:
    address, change = LATER[why]
    link = path_to(house, (await forward(house))[address])
    clock.advance(timedelta(hours=1))
    async with browsing(house) as client:
        await open_by_code(house, client, link)
        assert (await client.get(f"{link}/document")).status_code == 200
        await accept(house, *change())
        page = await closed(client, house, link, 410, SHUT)
    for word in ("address", "flag", "illness", "responsib", "permission", "agency"):
        assert word not in re.sub(r"<[^>]+>", " ", page).lower(), word


async def test_a_newer_version_shuts_the_link_to_the_one_before_and_is_never_led_to(house: House) -> None:
    before = await forward(house)
    async with browsing(house) as client:
        for address in (CAMHS, MOTHER):
            await open_by_code(house, client, path_to(house, before[address]))
        newer = events.record(version=2, checked_by="Kim Checker", sections=[events.section("It is in June.")])
        await accept(house, newer)
        for address in (CAMHS, MOTHER):
            page = await closed(client, house, path_to(house, before[address]), 410, NEWER)
            assert "/record/" not in page
        await house.drain()
        after = await sent(house, version=2)
        for address in (CAMHS, MOTHER):
            assert (await client.get(path_to(house, after[address]))).status_code == 200
            assert "Send me a code" in (await client.get(path_to(house, after[address]))).text


@pytest.mark.parametrize(
    ("named", "titles"),
    [({}, [RECALLED_PAGE, RECALLED_PAGE]), ({"agency_id": "camhs-1"}, [RECALLED_PAGE, NEWER])],
)
async def test_a_newer_version_that_was_taken_back_is_not_spoken_of_as_there(
    house: House, clock: MovableClock, named: dict[str, str], titles: list[str]
) -> None:
    before = await forward(house)
    clock.advance(timedelta(hours=1))
    newer = events.record(
        version=2, checked_by="Kim Checker", sections=[events.section("It is in June.")], time=clock.now()
    )
    async with browsing(house) as client:
        await accept(house, newer)
        await house.drain()
        await accept(house, events.recalled(version=2, time=clock.now(), **named))
        for address, title in zip((CAMHS, MOTHER), titles, strict=True):
            await closed(client, house, path_to(house, before[address]), 410, title)


@ONLY_SQLITE
async def test_a_newer_version_that_a_reader_may_not_have_is_not_told_of(house: House) -> None:
    link = path_to(house, (await forward(house))[MOTHER])
    professional = [events.section("It is in June.", audience="professionals")]
    async with browsing(house) as client:
        await accept(house, events.record(version=2, checked_by="Kim Checker", sections=professional))
        await closed(client, house, link, 410, SHUT)


@ONLY_SQLITE
@pytest.mark.parametrize(
    ("text", "checked_by", "title"),
    [
        ("It is in June. Ring 0116 496 0123.", "Kim Checker", SHUT),
        ("It is in June.", None, NEWER),
    ],
    ids=["all of it is held back", "it waits for its check"],
)
async def test_a_newer_version_is_said_to_be_sent_only_where_it_was_or_waits_for_no_more_than_its_check(
    house: House, text: str, checked_by: str | None, title: str
) -> None:
    link = path_to(house, (await forward(house))[MOTHER])
    async with browsing(house) as client:
        await accept(house, events.record(version=2, checked_by=checked_by, sections=[events.section(text)]))
        page = await client.get(link)
        assert (page.status_code, f">{title}</h1>" in page.text) == (410, True), page.text


@ONLY_SQLITE
async def test_a_copy_in_which_nothing_has_changed_stays_open_under_its_own_link(house: House) -> None:
    link = path_to(house, (await forward(house))[MOTHER])
    sections = [events.section(TEXT), events.section("More.", heading="More", audience="professionals")]
    async with browsing(house) as client:
        await accept(house, events.record(version=2, checked_by="Kim Checker", sections=sections))
        await house.drain()
        assert "Version" in (await open_by_code(house, client, link)).text


async def stands(house: House, dispatch: Dispatch, **columns: object) -> None:
    """As a dispatch stands once what changes it has happened."""
    async with house.database.write() as db:
        await dispatches.set_columns(db, [{"dispatch_id": dispatch.dispatch_id, **columns}])


async def test_what_was_taken_back_opens_no_more(house: House, clock: MovableClock) -> None:
    before = await forward(house)
    clock.advance(timedelta(hours=1))
    async with browsing(house) as client:
        await open_by_code(house, client, path_to(house, before[GP]))
        await accept(house, events.recalled(at=clock.now(), time=clock.now()))
        for address in (CAMHS, GP, MOTHER):
            await closed(client, house, path_to(house, before[address]), 410, RECALLED_PAGE)


@ONLY_SQLITE
@pytest.mark.parametrize("why", ["withdrawn", "recall_not_told", None])
async def test_what_was_withdrawn_without_a_word_is_shut_without_one(house: House, why: str | None) -> None:
    dispatch = (await forward(house))[MOTHER]
    await stands(house, dispatch, state=RECALLED, why=why)
    async with browsing(house) as client:
        await closed(client, house, path_to(house, dispatch), 410, SHUT)


@ONLY_SQLITE
async def test_a_link_ends_with_its_last_day(house: House, clock: MovableClock) -> None:
    dispatch = (await forward(house))[CAMHS]
    link = path_to(house, dispatch)
    assert dispatch.expires_at is not None
    async with browsing(house) as client:
        await open_by_code(house, client, link)
        clock.advance(dispatch.expires_at - clock.now() - timedelta(seconds=1))
        assert (await client.get(link)).status_code == 200
        clock.advance(timedelta(seconds=1))
        await closed(client, house, link, 410, EXPIRED)


@ONLY_SQLITE
async def test_what_has_not_left_yet_is_not_ready(house: House) -> None:
    dispatch = (await forward(house))[CAMHS]
    async with browsing(house) as client:
        for state in ("printing", "queued"):
            await stands(house, dispatch, state=state)
            await closed(client, house, path_to(house, dispatch), 409, EARLY)


@ONLY_SQLITE
async def test_what_came_back_and_is_opened_all_the_same_opens(house: House) -> None:
    dispatch = (await forward(house))[CAMHS]
    await stands(house, dispatch, state="undelivered", why="gave_up")
    async with browsing(house) as client:
        assert (await open_by_code(house, client, path_to(house, dispatch))).status_code == 200


ASIDE: dict[str, Callable[[str], str]] = {
    "of no dispatch": lambda link: link.replace(link[8:34], "0" * 26),
    "with another mark": lambda link: link[:-1] + ("0" if link[-1] != "0" else "1"),
    "for longer": lambda link: re.sub("-([0-9a-f]+)-", lambda found: f"-{int(found[1], 16) + 1:x}-", link),
    "too long": lambda link: link + "0",
    "in capitals": lambda link: "/record/" + link.removeprefix("/record/").upper(),
    "no link": lambda _: "/record/x",
}


@ONLY_SQLITE
async def test_a_link_that_is_not_right_gets_one_page_whatever_there_is_behind_it(house: House) -> None:
    dispatch = (await forward(house))[CAMHS]
    link = path_to(house, dispatch)
    wrong = {make(link) for make in ASIDE.values()}
    assert len(wrong) == len(ASIDE)
    assert link not in wrong
    pages = set()
    async with browsing(house) as client:
        for columns in ({}, {"state": RECALLED, "why": "recalled"}, {"state": "overtaken"}, {"state": "queued"}):
            if columns:
                await stands(house, dispatch, **columns)
            for each in wrong:
                pages.add(await closed(client, house, each, 404, NOT_KNOWN))
    assert len(pages) == 1
