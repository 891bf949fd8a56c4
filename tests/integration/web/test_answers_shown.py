"""The meeting's page tells who comes and how, who does not, who has not said so, and who was never asked; each figure
leads to the event behind it.
"""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape

import httpx2

from services.bootstrap import House
from services.intake.accept import Arrival
from services.running.process import Process
from services.web.app import make_app
from tests import events
from tests.clock import MovableClock

HOUR = timedelta(hours=1)
AGENCIES = ("gp-1", "school-1", "midwifery-1", "police-1", "housing-1", "camhs-1", "legal-1")


async def take(house: House, *raws: bytes) -> None:
    verdicts = await house.intake.accept([Arrival(raw, {"http": "request"}) for raw in raws])
    assert {verdict.state for verdict in verdicts} == {"accepted"}
    await house.drain()


async def page(house: House, path: str = "/meetings/m1") -> str:
    transport = httpx2.ASGITransport(app=make_app(Process(house)))
    async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
        answer = await client.get(path)
    assert answer.status_code == 200, path
    return answer.text


def rows(html: str) -> dict[str, str]:
    """The rows of the table of answers: who, and the rest in words."""
    section = html.partition('id="answers"')[2].partition("<h2")[0]
    found = {}
    for row in re.findall(r"<tr.*?</tr>", section, re.DOTALL):
        words = " ".join(unescape(re.sub(r"<[^>]+>", " ", row)).split())
        if "Who" not in words[:4]:
            found[words.partition("-1 agency")[0].lower()] = words
    return found


def agency(agency_id: str) -> bytes:
    return events.agency(agency_id, name=f"{agency_id} agency")


async def test_every_way_to_answer_is_told_in_plain_words_with_its_event(house: House, clock: MovableClock) -> None:
    await take(
        house,
        *map(agency, (*AGENCIES, "voluntary-1")),
        events.child("c1"),
        *(events.involvement(agency_id=each) for each in AGENCIES),
        events.meeting("m1"),
    )
    clock.advance(HOUR)
    delegate = {"name": "Jo Marsh", "email": "jo.marsh@police.example"}
    await take(
        house,
        events.answered(agency_id="gp-1", mode="video", by="Dr Lee Penn", at=clock.now()),
        events.answered(agency_id="gp-1", answer="tentative", at=clock.now() - HOUR / 2),
        events.answered(agency_id="school-1", mode="in_person", at=clock.now()),
        events.answered(agency_id="police-1", answer="delegated", delegate=delegate, at=clock.now()),
        events.answered(agency_id="midwifery-1", answer="tentative", at=clock.now()),
        events.answered(
            agency_id="camhs-1",
            answer="declined",
            reason="no_capacity",
            will_report=True,
            note="<script>alert(1)</script> & more",
            at=clock.now(),
        ),
        events.countered(
            agency_id="housing-1",
            starts_at=events.MEETING_AT + 3 * HOUR,
            ends_at=events.MEETING_AT + 4 * HOUR,
            note="Clinic until noon",
            at=clock.now(),
        ),
        events.answered(agency_id="voluntary-1", by="Kim Stray", at=clock.now()),
    )
    html = await page(house)
    found = rows(html)
    assert "Comes By video" in found["gp"]
    assert "Dr Lee Penn, Monday 2 March 2026, 1:00pm." in found["gp"]
    assert "1 earlier answer" in found["gp"]
    assert "May come, Monday 2 March 2026, 12:30pm: answered again since." in found["gp"]
    assert "Comes In person" in found["school"]
    assert "Delegated" in found["police"]
    assert "Delegated to Jo Marsh , jo.marsh@police.example. Nothing is sent to this address" in found["police"]
    assert "May come" in found["midwifery"]
    assert "Apologies" in found["camhs"]
    assert "Reason: nobody is free Will send a report" in found["camhs"]
    assert "“<script>alert(1)</script> & more”" in found["camhs"]
    assert "<script" not in html
    assert "Proposes another time" in found["housing"]
    assert "Proposes Wednesday 1 April 2026, 1:00pm to 2:00pm" in found["housing"]
    assert "“Clinic until noon”" in found["housing"]
    assert "No answer yet Asked on Monday 2 March 2026, 12:00pm." in found["legal"]
    assert "Says that they come Kim Stray, Monday 2 March 2026, 1:00pm." in found["voluntary"]
    assert "Answered without having been asked (1)" in html

    [counts] = re.findall(r"Answers</dt>(.*?)</dd>", html, re.DOTALL)
    links = re.findall(r'href="#([\w-]+)">([^<]+)<', counts)
    assert [words for _, words in links] == [
        "2 come (1 by video, 1 in person)",
        "1 sends someone else",
        "1 may come",
        "1 sends apologies",
        "1 proposes another time",
        "1 has not answered",
        "1 answered without having been asked",
    ]
    assert all(f'id="{anchor}"' in html for anchor, _ in links)
    section = html.partition('id="answers"')[2].partition("<h2")[0]
    behind = re.findall(r'href="(/event[^"]+)">The event', section)
    assert len(behind) == 8
    for link in behind:
        assert "What came in" in await page(house, unescape(link))


async def test_whoever_was_not_reached_and_whoever_answered_the_old_time_are_told_apart(
    house: House, clock: MovableClock
) -> None:
    await take(
        house,
        *map(agency, ("gp-1", "school-1")),
        events.child("c1"),
        *(events.involvement(agency_id=each) for each in ("gp-1", "school-1")),
        events.meeting("m1"),
    )
    clock.advance(HOUR)
    await take(house, events.rescheduled("m1"))
    clock.advance(HOUR)
    await take(house, events.answered(agency_id="gp-1", at=clock.now(), sequence=0))
    bounce = events.bounced(
        agency_id="school-1", address="school-1@agencies.gov.example", at=clock.now(), sequence=1, revision=0
    )
    await take(house, bounce)
    html = await page(house)
    found = rows(html)
    assert "Asked again on Monday 2 March 2026, 2:00pm, since the answer was to an earlier time." in found["gp"]
    assert "Comes, Monday 2 March 2026, 2:00pm: to an earlier time of the meeting, and does not count." in found["gp"]
    assert "Answers (0 of 2)" in html
    assert "Not reached" in found["school"]


async def test_a_meeting_that_nobody_was_asked_to_says_so(house: House) -> None:
    await take(house, events.child("c1"), events.meeting("m1", "strategy_discussion"))
    html = await page(house)
    assert "Nobody has been asked." in html
    assert "Answers are wanted by" not in html
