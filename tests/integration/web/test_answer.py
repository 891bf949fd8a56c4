"""The answer page: what it shows, what an answer becomes, and what a wrong link gets."""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta
from typing import Any

import httpx2
import pytest
import structlog
from sqlalchemy import func, select, update

from services.bootstrap import House
from services.foundation.settings import Settings
from services.intake.store import dead_letters, journal
from services.invitations.store import invitations
from services.invitations.tokens import answer_link
from services.participation.store.answers import answers
from services.participation.store.documents import sendings
from services.participation.store.reports import documents, drafts
from services.participation.views import explain
from services.running.process import Process
from services.web.app import make_app
from tests import events
from tests.answering import CAMHS, GP, MOTHER, Fields, accept, answer, browsing, invite, journal_of, links
from tests.clock import MovableClock

ONLY_SQLITE = pytest.mark.parametrize("store", ["sqlite"])
SAYS = "This link does not work"
SCRIPT = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>{{7*7}}"


async def counted(house: House) -> dict[str, int]:
    """How many rows there are of all that an answer could change."""
    tables = (journal, answers, sendings, drafts, documents, dead_letters, invitations)
    async with house.database.read() as db:
        counts = {each.name: select(func.count()).select_from(each) for each in tables}
        return {name: (await db.execute(query)).scalar_one() for name, query in counts.items()}


async def standing(house: House, party: str) -> dict[str, Any]:
    async with house.database.read() as db:
        found = await explain(db, house.intake.policy, "m1", None, house.clock.now())
    assert found is not None
    return journal_of(found, party)


@ONLY_SQLITE
async def test_looking_changes_nothing_however_often_and_by_whatever_machine(house: House) -> None:
    sent = await invite(house)
    before = await counted(house)
    async with browsing(house) as client:
        for link in sent.values():
            for path in (link, f"{link}/done", f"{link}/report", f"{link}/report/sent", f"{link}/write/waiting"):
                for method in ("GET", "HEAD") * 10:
                    status = (await client.request(method, path, headers={"purpose": "prefetch"})).status_code
                    assert status in {200, 303, 404}
                assert (await client.request("OPTIONS", path)).status_code == 405
                assert (await client.request("PUT", path)).status_code == 405
    assert await counted(house) == before


SAID: list[tuple[dict[str, str], dict[str, Any]]] = [
    ({"answer": "in_person"}, {"answer": "accepted", "mode": "in_person"}),
    (
        {"answer": "video", "by": "Dr  A\tExample"},
        {"answer": "accepted", "mode": "video", "by": "Dr A Example"},
    ),
    (
        {"answer": "phone", "slot": "11am, 01632 960 123", "note": "Ask for me.\r\n"},
        {"answer": "accepted", "mode": "phone", "note": "To be rung: 11am, 01632 960 123\nAsk for me."},
    ),
    ({"answer": "not_yet_known", "slot": "x", "delegate_name": "x", "reason": "leave"}, {"answer": "tentative"}),
    (
        {"answer": "someone_else", "delegate_name": "Sam Example", "delegate_email": "sam@camhs.example"},
        {"answer": "delegated", "delegate": {"name": "Sam Example", "email": "sam@camhs.example"}},
    ),
    (
        {"answer": "apologies", "reason": "late_notice", "will_report": "yes"},
        {"answer": "declined", "reason": "late_notice", "will_report": True},
    ),
]


async def test_an_answer_is_an_event_that_counts_at_once(house: House, clock: MovableClock) -> None:
    link = (await invite(house))[CAMHS]
    async with browsing(house) as client:
        for typed, says in SAID:
            clock.advance(timedelta(minutes=1))
            sent = await answer(client, link, typed)
            assert (sent.status_code, sent.headers["location"]) == (303, f"{link}/done")
            assert "Your answer has been sent" in (await client.get(f"{link}/done")).text
            assert "You have answered" in (await client.get(link)).text
            found = await standing(house, "camhs-1")
            for name, value in says.items():
                assert found[name] == value
            assert not {"note", "reason", "delegate", "mode"} & (found.keys() - says.keys())
    async with house.database.read() as db:
        query = select(journal).where(journal.c.source == "/quorate/answer-page").order_by(journal.c.seq)
        rows = (await db.execute(query)).mappings().all()
    assert len(rows) == len(SAID)
    assert {row["subject"] for row in rows} == {"m1"}
    assert all('"sequence":0' in row["raw"] for row in rows)


@ONLY_SQLITE
async def test_one_teams_answer_is_not_anothers(house: House) -> None:
    link = (await invite(house))[GP]
    async with browsing(house) as client:
        await answer(client, link, {"answer": "video"})
    assert "answer" not in await standing(house, "camhs-1")
    assert (await standing(house, "gp-1"))["answer"] == "accepted"


@ONLY_SQLITE
async def test_a_relative_answers_in_plain_words_and_is_asked_for_no_reason_and_no_report(house: House) -> None:
    link = (await invite(house))[MOTHER]
    async with browsing(house) as client:
        page = (await client.get(link)).text
        assert "Can you come to this meeting?" in page
        for word in ("conference", "child protection", "OFFICIAL", "report", "agency", "delegate", "Relative p1", "AB"):
            assert word.lower() not in re.sub(r"<[^>]+>", " ", page).lower(), word
        assert (await client.get(f"{link}/report")).status_code == 404
        assert (await client.get(f"{link}/write/report")).status_code == 404
        assert (await client.post(f"{link}/report", files={"file": ("a.txt", b"words")})).status_code == 404
        typed = {"answer": "apologies", "reason": "leave", "will_report": "yes", "note": "I need an interpreter."}
        assert (await answer(client, link, typed)).status_code == 303
        assert "You will not come" in (await client.get(f"{link}/done")).text
        refused = await answer(client, link, {"answer": "someone_else", "delegate_name": "x"})
        assert refused.status_code == 422
    found = await standing(house, "p1")
    assert (found["answer"], found["note"]) == ("declined", "I need an interpreter.")
    assert not {"reason", "will_report"} & found.keys()


@ONLY_SQLITE
async def test_the_page_says_the_least_that_serves(house: House) -> None:
    """No child by any name or number, nobody else, no place that the policy does not list, no link to join by."""
    refuge = "12 Example Close"
    link = (await invite(house, place=refuge, joining_url="https://meet.example/j/1"))[CAMHS]
    async with browsing(house) as client:
        for path in (link, f"{link}/report", f"{link}/write/waiting", f"{link}/write/camhs"):
            page = (await client.get(path)).text
            for inside in (refuge, "meet.example", "999 000", "gp-1", "Relative p1", "Pat Coordinator", ">AB<", "2014"):
                assert inside not in page, (path, inside)
        page = (await client.get(link)).text
        assert "Initial child protection conference" in page
        assert "Wednesday 1 April 2026, 10:00am to 12:00pm" in page


@ONLY_SQLITE
async def test_every_answer_of_these_pages_forbids_keeping_framing_referring_and_fetching_elsewhere(
    house: House,
) -> None:
    sent = await invite(house)
    async with browsing(house) as client:
        for path in (*sent.values(), "/answer/x", f"{sent[CAMHS]}/write/camhs", f"{sent[CAMHS]}/nope"):
            page = await client.get(path)
            assert page.headers["cache-control"] == "no-store"
            assert page.headers["referrer-policy"] == "no-referrer"
            assert page.headers["x-frame-options"] == "DENY"
            policy = page.headers["content-security-policy"]
            assert "default-src 'none'" in policy
            assert "unsafe" not in policy
            assert "set-cookie" not in page.headers
            assert "<script" not in page.text
            assert " style=" not in page.text
            outside = set(re.findall(r"(?:src|href|action)=\"(?!/|#)([^\"]*)", page.text))
            assert outside == set()


@ONLY_SQLITE
async def test_a_wrong_link_opens_nothing_and_all_wrong_links_are_told_the_same(
    house: House, clock: MovableClock
) -> None:
    sent = await invite(house)
    mine, yours = sent[CAMHS].removeprefix("/answer/"), sent[GP].removeprefix("/answer/")
    name, until, mark = mine.split("-")
    flipped = mark[:-1] + ("0" if mark[-1] != "0" else "1")
    wrong = {
        "forged": f"{name}-{until}-{flipped}",
        "longer": f"{name}-{int(until, 16) + 86_400:x}-{mark}",
        "of another": f"{yours.split('-')[0]}-{until}-{mark}",
        "unknown": answer_link(house.settings.key, "0" * 26, CAMHS, clock.now() + timedelta(days=9)),
        "of another key": answer_link(b"another key", name, CAMHS, clock.now() + timedelta(days=9)),
        "of another address": answer_link(house.settings.key, name, "x@agencies.gov.example", clock.now()),
        "empty mark": f"{name}-{until}-",
        "nothing like it": "x" * 4_000,
    }
    before = await counted(house)
    async with browsing(house) as client:
        told = set()
        for link in wrong.values():
            for method, path in (
                ("GET", ""),
                ("HEAD", ""),
                ("POST", ""),
                ("GET", "/done"),
                ("GET", "/report"),
                ("POST", "/report"),
                ("GET", "/write/camhs"),
                ("POST", "/write/camhs"),
                ("GET", "/report/sent"),
            ):
                found = await client.request(method, f"/answer/{link}{path}")
                assert found.status_code == 404
                assert SAYS in found.text or method == "HEAD"
                told.add(found.text)
        assert len(told - {""}) == 1
    assert await counted(house) == before


async def test_a_link_expires_some_days_after_the_meeting_and_says_what_to_do(
    house: House, clock: MovableClock
) -> None:
    sent = await invite(house)
    ends = events.MEETING_AT + timedelta(hours=2)
    async with browsing(house) as client:
        clock.moment = ends - timedelta(seconds=1)
        page = await client.get(sent[CAMHS])
        clock.moment = ends
        over = await client.get(sent[CAMHS])
        late = await client.post(sent[CAMHS], data={**Fields(page.text).forms[sent[CAMHS]], "answer": "video"})
        assert (over.status_code, late.status_code) == (200, 409)
        assert "This meeting has taken place" in over.text
        assert "This meeting has taken place" in late.text
        assert "Send a report" in over.text
        assert "report" not in (await client.get(sent[MOTHER])).text
        assert (await client.get(f"{sent[CAMHS]}/report")).status_code == 200
        clock.moment = ends + timedelta(days=14)
        for link in sent.values():
            gone = await client.get(link)
            assert gone.status_code == 410
            assert "The time for this link is over" in gone.text
            assert (await client.post(link, data={"answer": "video"})).status_code == 410
    assert "answer" not in await standing(house, "camhs-1")


async def test_a_link_to_a_cancelled_meeting_or_a_withdrawn_invitation_says_so(house: House) -> None:
    sent = await invite(house)
    exclusion = {"agency_id": "gp-1", "reason": "conflict_of_interest", "note": "Works there"}
    async with browsing(house) as client:
        await accept(house, events.meeting("m1", do_not_invite=[exclusion], at=None))
        await house.drain()
        gone = await client.get(sent[GP])
        assert gone.status_code in {404, 410}
        assert "conflict" not in gone.text
        assert (await client.get(sent[CAMHS])).status_code == 200
        await accept(house, events.cancelled("m1"))
        for link in sent.values():
            gone = await client.get(link)
            assert gone.status_code == 410 or link == sent[GP]
            assert "chair" not in gone.text
        assert (await client.post(sent[CAMHS], data={"answer": "video"})).status_code == 410


async def test_a_link_in_a_mailbox_that_is_not_the_right_one_any_more_opens_nothing(house: House) -> None:
    sent = await invite(house)
    new = {"kind": "email", "address": "new@agencies.gov.example", "secure": True}
    async with browsing(house) as client:
        await accept(house, events.agency("camhs-1", channels=[new]))
        await house.drain()
        gone = await client.get(sent[CAMHS])
        assert gone.status_code == 404
        assert SAYS in gone.text
        fresh = links(house.settings.home)["new@agencies.gov.example"]
        assert (await client.get(fresh)).status_code == 200
        await accept(house, events.relative("p1", email="elsewhere@family.example"))
        await house.drain()
        assert (await client.get(sent[MOTHER])).status_code == 404


@ONLY_SQLITE
async def test_family_opens_nothing_once_a_person_is_to_decide_what_they_are_told(house: House) -> None:
    sent = await invite(house)
    async with browsing(house) as client:
        assert (await client.get(sent[MOTHER])).status_code == 200
        await accept(house, events.child("c1", flags=["fabricated_or_induced_illness"]))
        assert (await client.get(sent[MOTHER])).status_code == 404
        assert (await client.get(sent[CAMHS])).status_code == 200


@ONLY_SQLITE
async def test_a_strategy_discussion_has_no_page_for_family_even_for_a_link_that_is_right(house: House) -> None:
    sent = await invite(house)
    await accept(house, events.meeting("m1", "strategy_discussion"))
    async with house.database.write() as db:
        whose = invitations.c.person_id == "p1"
        await db.execute(update(invitations).where(whose).values(address=MOTHER, state="sent"))
    async with browsing(house) as client:
        assert (await client.get(sent[MOTHER])).status_code == 404
        assert (await client.post(sent[MOTHER], data={"answer": "video"})).status_code == 404
        assert (await client.get(sent[CAMHS])).status_code == 200


async def test_an_answer_to_a_time_that_has_changed_since_is_not_taken_but_asked_again(house: House) -> None:
    link = (await invite(house))[CAMHS]
    async with browsing(house) as client:
        old = Fields((await client.get(link)).text).forms[link]
        await accept(house, events.rescheduled("m1"))
        again = await client.post(link, data={**old, "answer": "video", "note": "On the way."})
        assert again.status_code == 409
        assert "The meeting has changed since you opened this page" in again.text
        assert "Thursday 2 April 2026" in again.text
        assert "<title>Error: " in again.text
        assert "answer" not in await standing(house, "camhs-1")
        typed = Fields(again.text).forms[link]
        assert (typed["answer"], typed["note"], typed["sequence"]) == ("video", "On the way.", "1")
        assert (await client.post(link, data=typed)).status_code == 303
    assert (await standing(house, "camhs-1"))["answer"] == "accepted"


@ONLY_SQLITE
async def test_an_answer_to_an_earlier_time_is_asked_for_again_on_the_page(house: House) -> None:
    link = (await invite(house))[CAMHS]
    async with browsing(house) as client:
        await answer(client, link, {"answer": "video"})
        await accept(house, events.rescheduled("m1"))
        page = (await client.get(link)).text
        assert "Your answer was to another time" in page
        assert "You have answered" not in page
        assert (await client.get(f"{link}/done")).status_code == 303


async def test_a_second_click_is_the_same_event(house: House) -> None:
    link = (await invite(house))[CAMHS]
    async with browsing(house) as client:
        typed = {**Fields((await client.get(link)).text).forms[link], "answer": "phone", "slot": "11am"}
        both = await asyncio.gather(*(client.post(link, data=typed) for _ in range(5)))
        assert {each.status_code for each in both} == {303}
    async with house.database.read() as db:
        assert (await db.execute(select(func.count()).select_from(answers))).scalar_one() == 1
        assert (await db.execute(select(func.count()).select_from(dead_letters))).scalar_one() == 0


@ONLY_SQLITE
@pytest.mark.parametrize("between", [timedelta(minutes=1), timedelta(0)], ids=["later", "at_the_same_moment"])
async def test_an_answer_can_be_changed_as_often_as_wanted_also_back_to_what_it_was(
    house: House, clock: MovableClock, between: timedelta
) -> None:
    link = (await invite(house))[CAMHS]
    async with browsing(house) as client:
        for typed in ({"answer": "video"}, {"answer": "apologies", "reason": "leave"}, {"answer": "video"}):
            clock.moment += between
            assert (await answer(client, link, typed)).status_code == 303
        assert (await standing(house, "camhs-1"))["mode"] == "video"


async def test_an_old_page_that_is_sent_once_more_after_the_answer_was_changed_does_not_pass_as_new(
    house: House, clock: MovableClock
) -> None:
    link = (await invite(house))[CAMHS]
    async with browsing(house) as client:
        old = {**Fields((await client.get(link)).text).forms[link], "answer": "video"}
        assert (await client.post(link, data=old)).status_code == 303
        clock.moment += timedelta(minutes=1)
        await answer(client, link, {"answer": "apologies", "reason": "leave"})
        again = await client.post(link, data=old)
        assert again.status_code == 409
        assert (await standing(house, "camhs-1"))["answer"] == "declined"
        clock.moment += timedelta(minutes=1)
        assert (await client.post(link, data=Fields(again.text).forms[link])).status_code == 303
    assert (await standing(house, "camhs-1"))["answer"] == "accepted"


@ONLY_SQLITE
async def test_what_is_missing_or_wrong_is_said_at_the_top_with_a_link_to_each_field(house: House) -> None:
    link = (await invite(house))[CAMHS]
    cases: list[tuple[dict[str, str], dict[str, str]]] = [
        ({}, {"answer": "Choose how you will take part"}),
        ({"answer": "maybe"}, {"answer": "Choose how you will take part"}),
        ({"answer": "phone"}, {"slot": "Say when you can be rung"}),
        ({"answer": "phone", "slot": "x" * 101}, {"slot": "100 characters or fewer"}),
        (
            {"answer": "someone_else", "delegate_email": "a@b@c"},
            {"delegate_name": "Say who will come", "delegate_email": "e-mail address at work"},
        ),
        (
            {"answer": "someone_else", "delegate_name": "A", "delegate_email": "a@b.example\r\nBcc: c@d.example"},
            {"delegate_email": "e-mail address at work"},
        ),
        ({"answer": "apologies"}, {"reason": "Choose why nobody can come"}),
        ({"answer": "apologies", "reason": "tired"}, {"reason": "Choose why nobody can come"}),
        ({"answer": "video", "note": "x" * 2_001, "by": "x" * 101}, {"note": "2,000", "by": "100"}),
    ]
    before = await counted(house)
    async with browsing(house) as client:
        for typed, wrong in cases:
            page = await answer(client, link, typed)
            assert page.status_code == 422
            assert "<title>Error: How will you take part" in page.text
            summary = page.text[page.text.index("govuk-error-summary") : page.text.index("<h1")]
            assert set(re.findall(r'href="#(\w+)"', summary)) == set(wrong)
            for name, words in wrong.items():
                assert words in summary
                assert f'id="{name}-error"' in page.text
                assert f' id="{name}"' in page.text
            kept = Fields(page.text).forms[link]
            assert all(kept[name] == value for name, value in typed.items() if name == "note")
    assert await counted(house) == before


@ONLY_SQLITE
async def test_what_is_typed_is_never_taken_for_markup(house: House) -> None:
    link = (await invite(house))[CAMHS]
    names = ("slot", "delegate_name", "delegate_email", "reason", "note", "by", "answer")
    async with browsing(house) as client:
        page = await answer(client, link, dict.fromkeys(names, SCRIPT))
        assert page.status_code == 422
        for choice in ("someone_else", "phone"):
            page = await answer(client, link, {**dict.fromkeys(names, SCRIPT), "answer": choice, "by": "x" * 101})
            assert page.status_code == 422
            assert "<script" not in page.text
            assert "<img" not in page.text
            assert "&lt;script&gt;" in page.text
        assert (await answer(client, link, {"answer": "video", "note": SCRIPT, "by": SCRIPT})).status_code == 303
        for path in (link, f"{link}/done", "/meetings/m1"):
            shown = (await client.get(path)).text
            assert "<script" not in shown
            assert "<img" not in shown
    assert (await standing(house, "camhs-1"))["note"] == SCRIPT


ODD: list[tuple[bytes, str, int]] = [
    (b'{"answer":"video"}', "application/json", 415),
    (b"answer=video", "text/plain", 415),
    (b"answer=video", "", 415),
    (b"answer=video", "multipart/form-data", 415),
    (b"answer=video", "application/x-www-form-urlencoded", 409),
    (b"answer=video&sequence=0", "application/x-www-form-urlencoded", 400),
    (b"answer=video&sequence=0&nonce=../../x", "application/x-www-form-urlencoded", 400),
    (b"answer=%00%ff%fe&sequence=0&nonce=" + b"a" * 32, "application/x-www-form-urlencoded", 422),
    (b"&".join(b"f%d=1" % number for number in range(100)), "application/x-www-form-urlencoded", 400),
    (b"note=" + b"x" * 200_000, "application/x-www-form-urlencoded", 400),
    (b"note=" + b"x" * 1_000_000, "application/x-www-form-urlencoded", 413),
]


@ONLY_SQLITE
async def test_what_no_page_sends_is_refused_with_a_page(house: House) -> None:
    link = (await invite(house))[CAMHS]
    before = await counted(house)
    async with browsing(house) as client:
        for content, kind, status in ODD:
            found = await client.post(link, content=content, headers={"content-type": kind} if kind else {})
            assert found.status_code == status, (content[:40], kind)
            assert "<h1" in found.text
    assert await counted(house) == before


@ONLY_SQLITE
async def test_no_link_and_nothing_that_is_typed_is_in_a_log_or_a_measure(house: House) -> None:
    link = (await invite(house))[CAMHS]
    mark = link.rpartition("-")[2]
    async with browsing(house) as client:
        with structlog.testing.capture_logs() as logged:
            await answer(client, link, {"answer": "video", "note": "Bellweather", "by": "Bellweather"})
            await client.get(f"{link}/done")
            await client.get(link[:-1] + "x")
            await client.post(link, content=b"Bellweather", headers={"content-type": "text/plain"})
        measures = (await client.get("/metrics")).text
    routes = {entry["route"] for entry in logged if entry["event"] == "http_request"}
    assert routes == {"/answer/{link}", "/answer/{link}/done"}
    for text in (str(logged), measures):
        for inside in (mark, link, link.split("-")[0].removeprefix("/answer/"), "Bellweather"):
            assert inside not in text


@ONLY_SQLITE
async def test_behind_a_path_every_link_and_form_leads_to_that_path(house: House) -> None:
    link = (await invite(house))[CAMHS]
    house.settings = Settings(**{**house.settings.model_dump(), "public_url": "https://asked.council.example/q/"})
    async with browsing(house) as client:
        page = (await client.get(link)).text
        own = set(re.findall(r'(?:href|action)="(/[^"]*)"', page))
        assert own
        assert all(each.startswith("/q/") for each in own)
        typed = {**Fields(page).forms[f"/q{link}"], "answer": "video"}
        assert (await client.post(link, data=typed)).headers["location"] == f"/q{link}/done"


@ONLY_SQLITE
async def test_a_link_with_a_slash_too_many_leads_nowhere_and_least_of_all_to_a_host_that_was_asked_for(
    house: House,
) -> None:
    link = (await invite(house))[CAMHS]
    async with browsing(house) as client:
        for path in (f"{link}/", f"{link}/report/", "/mail/"):
            answered = await client.get(path, headers={"Host": "localhost"})
            assert answered.status_code == 404
            assert "location" not in answered.headers


@ONLY_SQLITE
async def test_a_process_that_stops_takes_no_answer_and_says_so(house: House) -> None:
    link = (await invite(house))[CAMHS]
    process = Process(house)
    transport = httpx2.ASGITransport(app=make_app(process))
    async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
        typed = {**Fields((await client.get(link)).text).forms[link], "answer": "video"}
        process.stopping.set()
        refused = await client.post(link, data=typed)
        assert refused.status_code == 503
        assert refused.headers["retry-after"]
    assert "answer" not in await standing(house, "camhs-1")
