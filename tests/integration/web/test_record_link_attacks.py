"""Whoever tries a link that is not theirs, a code that they were not sent, or a form of another site, gets nothing."""

from __future__ import annotations

import asyncio
import itertools
import json
import re
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import httpx2
import pytest
import structlog
from sqlalchemy import Engine, event, inspect, select, text

from services.bootstrap import House
from services.foundation.settings import Settings
from services.invitations.tokens import link as make_link
from services.records.rules.codes import A_DAY, TRIES, WRONG_IN_A_WEEK
from services.records.store.codes import codes
from services.running.process import Process
from services.web.app import make_app
from tests.answering import browsing, links
from tests.clock import MovableClock
from tests.forwarded import (
    CAMHS,
    GP,
    MOTHER,
    code_for,
    code_letters,
    forward,
    open_by_code,
    path_to,
    wrong_code,
)

ONLY_SQLITE = pytest.mark.parametrize("store", ["sqlite"])
Counted = Callable[[str], None]


def forged(link: str) -> Iterator[str]:
    """A link with each of its characters another one, in turn."""
    for place in range(link.rindex("/") + 1, len(link)):
        for digit in "0f-":
            if link[place] != digit:
                yield link[:place] + digit + link[place + 1 :]


@ONLY_SQLITE
async def test_no_link_but_the_right_one_opens_anything(house: House, counted: Counted) -> None:
    sent = await forward(house)
    key, mine, other = house.settings.key, sent[CAMHS], sent[GP]
    assert mine.expires_at is not None
    right = path_to(house, mine)
    others = [
        *forged(right),
        *(make_link(key, use, mine.dispatch_id, CAMHS, mine.expires_at) for use in ("answer", "notice", "reply")),
        *(make_link(b"another key", "record", mine.dispatch_id, CAMHS, mine.expires_at),),
        *(make_link(key, "record", mine.dispatch_id, address, mine.expires_at) for address in (GP, MOTHER, "")),
        make_link(key, "record", other.dispatch_id, CAMHS, mine.expires_at),
        *(path.replace("/answer/", "/record/") for path in links(house.settings.home).values()),
    ]
    paths = [each if each.startswith("/") else f"/record/{each}" for each in others]
    async with browsing(house) as client:
        assert (await client.get(right)).status_code == 200
        pages = set()
        for path in paths:
            found = await client.get(path)
            assert found.status_code == 404, path
            pages.add(found.text)
            assert (await client.post(path)).status_code == 404
        # The link of a record answers nothing, and acknowledges nothing.
        for use in ("answer", "notice"):
            assert (await client.get(right.replace("/record/", f"/{use}/"))).status_code == 404
            assert (await client.post(right.replace("/record/", f"/{use}/"))).status_code == 404
    assert len(pages) == 1
    assert code_letters(house.settings.home) == []
    counted(f"{len(paths):,} links that are not right: 404 and one and the same page for each, no code sent")


@ONLY_SQLITE
async def test_a_pass_is_for_one_link_and_nobody_makes_one(house: House, counted: Counted) -> None:
    sent = await forward(house)
    mine, other = path_to(house, sent[CAMHS]), path_to(house, sent[GP])
    async with browsing(house) as client:
        await open_by_code(house, client, mine)
        [cookie] = client.cookies.jar
        assert (cookie.name, cookie.path) == ("record", mine)
        assert cookie.value is not None
    nonce, mark = cookie.value.split("-")
    tried = [f"{nonce}-{'0' * 64}", f"{'0' * 32}-{mark}", f"{nonce}-{mark}0", nonce, "-", "", f"{nonce}-{mark[:-1]}g"]
    tried += [f"{nonce}-{mark[:n]}{'0' if mark[n] != '0' else '1'}{mark[n + 1 :]}" for n in range(0, 64, 4)]
    # The code's row as another dispatch's: what its mark says is held to as well.
    async with house.database.read() as db:
        assert (await db.execute(select(codes.c.nonce))).scalars().all() == [nonce]
    async with browsing(house) as stranger:
        for path, values in ((other, [cookie.value, *tried]), (mine, tried)):
            for value in values:
                headers = {"cookie": f"record={value}"}
                assert (await stranger.get(f"{path}/document", headers=headers)).status_code == 303
        assert (await stranger.get(f"{mine}/document", headers={"cookie": f"record={cookie.value}"})).status_code == 200
    counted(f"{2 * len(tried) + 1} passes that are made up or another link's: none opened anything")


@ONLY_SQLITE
@pytest.mark.parametrize(
    ("named", "secure"),
    [
        ({}, False),
        ({"public_url": "http://127.0.0.1:9/q"}, False),
        ({"public_url": "https://sent.council.example"}, True),
        ({"listen": "0.0.0.0:8080"}, True),
    ],
)
async def test_a_pass_stays_in_its_browser_and_goes_over_no_open_line(
    house: House, named: dict[str, Any], secure: bool
) -> None:
    link = path_to(house, (await forward(house))[CAMHS])
    async with browsing(house) as client:
        code = await code_for(house, client, link)
    house.settings = Settings(**{**house.settings.model_dump(), **named})
    async with browsing(house) as client:
        given = (await client.post(f"{link}/code", data={"code": code})).headers["set-cookie"]
    root = "/q" if "/q" in named.get("public_url", "") else ""
    assert f"; Path={root}{link};" in given
    for part in ("HttpOnly", "SameSite=strict", "Max-Age=1800"):
        assert part in given
    assert ("Secure" in given) is secure


@ONLY_SQLITE
async def test_a_code_opens_one_dispatch_once_and_in_its_time(house: House, clock: MovableClock) -> None:
    sent = await forward(house)
    mine, other = path_to(house, sent[CAMHS]), path_to(house, sent[GP])
    async with browsing(house) as client, browsing(house) as stranger:
        of_mine, of_other = await code_for(house, client, mine), await code_for(house, client, other)
        assert of_mine != of_other
        assert (await stranger.post(f"{mine}/code", data={"code": of_other})).status_code == 422
        assert (await client.post(f"{mine}/code", data={"code": of_mine})).status_code == 303
        # Used: whoever sees it go by, or types it a second time elsewhere, has nothing.
        again = await stranger.post(f"{mine}/code", data={"code": of_mine})
        assert again.status_code == 422
        assert "You need a new code" in again.text
        assert "set-cookie" not in again.headers
        clock.advance(timedelta(minutes=15))
        late = await stranger.post(f"{other}/code", data={"code": of_other})
        assert (late.status_code, "set-cookie" in late.headers) == (422, False)


async def test_a_code_has_five_tries_however_many_try_at_once(house: House, counted: Counted) -> None:
    link = path_to(house, (await forward(house))[CAMHS])
    async with browsing(house) as client:
        code = await code_for(house, client, link)
        guesses = [f"{n:06}" for n in range(60) if f"{n:06}" != code]
        answers = await asyncio.gather(*(client.post(f"{link}/code", data={"code": guess}) for guess in guesses))
        assert {each.status_code for each in answers} == {422}
        looked_at = sum("That is not the code" in each.text for each in answers)
        assert looked_at < TRIES
        async with house.database.read() as db:
            assert (await db.execute(select(codes.c.tries))).scalars().all() == [TRIES]
        right = await client.post(f"{link}/code", data={"code": code})
        assert (right.status_code, "set-cookie" in right.headers) == (422, False)
    counted(f"{len(guesses)} guesses at once: {TRIES} were looked at, and then the right code opened nothing")


async def test_of_many_that_give_the_right_code_at_once_one_gets_in(house: House) -> None:
    link = path_to(house, (await forward(house))[CAMHS])
    async with browsing(house) as client:
        code = await code_for(house, client, link)
    async with browsing(house) as one, browsing(house) as other:
        answers = await asyncio.gather(
            *(each.post(f"{link}/code", data={"code": code}) for _ in range(4) for each in (one, other))
        )
    assert sum("set-cookie" in each.headers for each in answers) == 1


@ONLY_SQLITE
async def test_who_goes_on_guessing_has_few_tries_in_a_week(
    house: House, clock: MovableClock, counted: Counted
) -> None:
    link = path_to(house, (await forward(house))[CAMHS])
    begun, sent, looked_at, refused = clock.now(), 0, 0, 0
    async with browsing(house) as client:
        while clock.now() < begun + timedelta(days=6, hours=23):
            asked = await client.post(link)
            if asked.status_code == 429:
                assert int(asked.headers["retry-after"]) > 0
                refused += 1
            else:
                sent += 1
                await house.drain()
                newest = code_letters(house.settings.home)[-1]
                guess = wrong_code(re.findall(r"[0-9]{6}", newest.get_body(("plain",)).get_content())[0])  # type: ignore[union-attr]
                for _ in range(TRIES + 1):
                    tried = await client.post(f"{link}/code", data={"code": guess})
                    assert tried.status_code == 422
            clock.advance(timedelta(hours=1))
        async with house.database.read() as db:
            looked_at = sum((await db.execute(select(codes.c.tries))).scalars())
        assert looked_at == WRONG_IN_A_WEEK
        clock.advance(timedelta(days=1))
        assert "Open the PDF" in (await open_by_code(house, client, link)).text
    counted(f"in seven days of guessing: {sent} codes, {looked_at} guesses looked at, {refused} requests put off")


@ONLY_SQLITE
async def test_nobody_fills_a_mailbox_with_codes(house: House, clock: MovableClock, counted: Counted) -> None:
    link = path_to(house, (await forward(house))[MOTHER])
    asked = 0
    async with browsing(house) as client:
        for minutes in (*[10] * 12, *[60] * 21):
            await asyncio.gather(*(client.post(link) for _ in range(3)))
            asked += 3
            await house.drain()
            clock.advance(timedelta(minutes=minutes))
    assert len(code_letters(house.settings.home)) == A_DAY
    counted(f"{asked} codes asked for in a day: {len(code_letters(house.settings.home))} sent")


@ONLY_SQLITE
async def test_a_form_of_another_site_is_refused(house: House) -> None:
    link = path_to(house, (await forward(house))[CAMHS])
    async with browsing(house) as client:
        code = await code_for(house, client, link)
        foreign: list[dict[str, str]] = [
            {"sec-fetch-site": "cross-site"},
            {"sec-fetch-site": "same-site"},
            {"origin": "https://elsewhere.example"},
            {"origin": "http://localhost.elsewhere.example"},
            {"origin": "null", "sec-fetch-site": "cross-site"},
        ]
        for headers, path in itertools.product(foreign, (link, f"{link}/code", f"{link}/filed")):
            refused = await client.post(path, data={"code": code}, headers=headers)
            assert refused.status_code == 403
            assert "set-cookie" not in refused.headers
        ours = {"origin": "http://localhost", "sec-fetch-site": "same-origin"}
        assert (await client.post(f"{link}/code", data={"code": code}, headers=ours)).status_code == 303
    assert len(code_letters(house.settings.home)) == 1


@ONLY_SQLITE
async def test_what_is_sent_gets_into_no_header_and_no_page_as_it_is(house: House) -> None:
    link = path_to(house, (await forward(house))[CAMHS])
    script = "\"'><script>alert(1)</script>{{7*7}}"
    async with browsing(house) as client:
        await open_by_code(house, client, link)
        for path in (f"{link}%0d%0aset-cookie:%20a=b", "/record/%0d%0aset-cookie:%20a=b", f"{link}/code%0d%0aa:b"):
            found = await client.get(path)
            assert found.status_code == 404
            assert not {"a", "set-cookie"} & set(found.headers)
        for by in (script, "a\r\nset-cookie: a=b", "x" * 101 + script):
            found = await client.post(f"{link}/filed", data={"by": by})
            assert "set-cookie" not in found.headers
            assert "<script" not in found.text
            assert "49" not in re.sub(r"<[^>]+>", "", found.text)
        document = await client.get(f"{link}/document")
        assert re.fullmatch(
            r'attachment; filename="minutes-[A-Z2-7-]+-v1\.pdf"', document.headers["content-disposition"]
        )


@ONLY_SQLITE
@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [
        ("text/plain", b"code=123456", 415),
        ("multipart/form-data; boundary=x", b"--x--", 415),
        ("application/x-www-form-urlencoded", b"code=" + b"1" * 600_000, 413),
        ("application/x-www-form-urlencoded", b"\xff=\xff", 422),
        ("application/x-www-form-urlencoded", b"&".join(b"code=1" for _ in range(100)), 400),
        ("application/x-www-form-urlencoded", "code=１２３４５６".encode(), 422),
        ("application/x-www-form-urlencoded", b"code=12345%00", 422),
    ],
)
async def test_what_is_no_form_or_no_code_costs_no_try(house: House, kind: str, body: bytes, status: int) -> None:
    link = path_to(house, (await forward(house))[CAMHS])
    async with browsing(house) as client:
        code = await code_for(house, client, link)
        refused = await client.post(f"{link}/code", content=body, headers={"content-type": kind})
        assert refused.status_code == status
        async with house.database.read() as db:
            assert (await db.execute(select(codes.c.tries))).scalars().all() == [0]
        assert (await client.post(f"{link}/code", data={"code": code})).status_code == 303


async def everything_kept(house: House) -> str:
    """Every row of every table, as text."""
    async with house.database.read() as db:
        names = await db.run_sync(lambda connection: inspect(connection).get_table_names())
        assert {"codes", "outbox", "journal", "dispatches"} <= set(names)
        rows = [[list(row) for row in await db.execute(text(f'SELECT * FROM "{name}"'))] for name in names]
        return json.dumps(rows, default=str)


async def test_no_code_stands_in_the_database_and_no_code_link_or_address_in_a_log(house: House) -> None:
    link = path_to(house, (await forward(house))[CAMHS])
    async with browsing(house) as client:
        with structlog.testing.capture_logs() as logged:
            code = await code_for(house, client, link)
            for guess in (wrong_code(code), "123", code):
                await client.post(f"{link}/code", data={"code": guess})
            await client.get(f"{link}/document")
            await client.post(f"{link}/filed", data={"by": "Bellweather"})
            await client.get(link[:-1] + "x")
        measures = (await client.get("/metrics")).text
        cookies = [cookie.value for cookie in client.cookies.jar]
    alone = re.compile(rf"(?<![0-9a-z.]){code}(?![0-9a-z])")
    assert not alone.search(await everything_kept(house))
    assert {"http_request", "mail_sent"} & {entry["event"] for entry in logged}
    name, _, mark = link.removeprefix("/record/").split("-")
    for told in (str(logged), measures):
        assert not alone.search(told)
        for inside in (name, mark, link, CAMHS, "Bellweather", *filter(None, cookies)):
            assert inside not in told


@contextmanager
def statements() -> Iterator[list[str]]:
    """What is asked of the database meanwhile."""
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        seen.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(Engine, "before_cursor_execute", note)


async def test_a_wrong_link_takes_the_same_steps_whether_or_not_there_is_something_behind_it(
    house: House, counted: Counted
) -> None:
    dispatch = (await forward(house))[CAMHS]
    assert dispatch.expires_at is not None
    right = path_to(house, dispatch)
    known = right[:-1] + ("0" if right[-1] != "0" else "1")
    unknown = "/record/" + make_link(house.settings.key, "record", "0" * 26, CAMHS, dispatch.expires_at)
    took: dict[str, list[float]] = {known: [], unknown: []}
    asked: dict[str, set[tuple[str, ...]]] = {known: set(), unknown: set()}
    async with browsing(house) as client:
        for path in [known, unknown] * 60:
            with statements() as seen:
                begun = time.perf_counter()
                await client.get(path)
                took[path].append(time.perf_counter() - begun)
            asked[path].add(tuple(seen))
    assert asked[known] == asked[unknown]
    first, second = (1000 * statistics.median(took[path]) for path in (known, unknown))
    counted(f"a wrong mark: {first:.2f} ms; a name of nothing: {second:.2f} ms (medians of 60)")


@ONLY_SQLITE
async def test_behind_a_proxy_the_link_opens_by_its_public_name_and_no_other(house: House) -> None:
    await forward(house)
    house.settings = Settings(**{**house.settings.model_dump(), "public_url": "https://sent.council.example/q"})
    transport = httpx2.ASGITransport(app=make_app(Process(house)), client=("127.0.0.1", 40_000))
    async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as asking:
        for path in ("/record/x", "/record/x/document", "/notice/x"):
            for host, status in (("sent.council.example", 404), ("localhost", 404), ("rebound.example", 421)):
                found = await asking.get(path, headers={"host": host, "x-forwarded-for": "192.0.2.7"})
                assert found.status_code == status
                assert found.headers["cache-control"] == "no-store"
                assert found.headers["referrer-policy"] == "no-referrer"
        # A slash too many leads nowhere: a redirect would be made of the Host header, and hold the link.
        assert (await asking.get("/record/x/", headers={"host": "sent.council.example"})).status_code == 404
