"""The link of a notice about a plan: one click says that the flag was changed, or that it was noted."""

from __future__ import annotations

import json
import re
from datetime import date, timedelta
from typing import Any

import pytest
from httpx2 import Response
from sqlalchemy import func, select

from services.bootstrap import House
from services.intake.store import journal
from services.invitations.tokens import link
from services.records.rules.dispatch import NOTICE, Dispatch
from services.records.store import dispatches
from services.records.store.plans import notices
from tests import events
from tests.answering import accept, browsing
from tests.clock import MovableClock
from tests.forwarded import CAMHS, path_to

ONLY_SQLITE = pytest.mark.parametrize("store", ["sqlite"])
STARTED_ON, ENDED_ON = date(2026, 1, 12), date(2026, 3, 2)


def told(*of_plan: bytes) -> list[bytes]:
    """CAMHS is involved with a child of whose plan this is told."""
    return [
        events.agency("camhs-1"),
        events.child("c1"),
        events.relative("p1"),
        events.involvement(agency_id="camhs-1", status="waiting"),
        *of_plan,
    ]


async def notices_to_camhs(house: House) -> dict[str, Dispatch]:
    """The notices that have gone to CAMHS, by kind."""
    await house.drain()
    async with house.database.read() as db:
        kinds = {row.notice_id: row.kind for row in await db.execute(select(notices))}
        found = await dispatches.of_children(db, ["c1"])
    return {kinds[each.about]: each for each in found["c1"] if each.kind == NOTICE and each.address == CAMHS}


async def confirmed(house: House) -> list[dict[str, Any]]:
    async with house.database.read() as db:
        kind = journal.c.type == "quorate.dispatch.confirmed.v1"
        return [json.loads(raw)["data"] for raw in (await db.execute(select(journal.c.raw).where(kind))).scalars()]


def words(page: str) -> str:
    return re.sub(r"<[^>]+>", " ", page)


async def test_one_click_says_that_the_flag_is_off_the_record(house: House, clock: MovableClock) -> None:
    await accept(house, *told(events.plan_started(on=STARTED_ON)))
    await notices_to_camhs(house)
    clock.advance(timedelta(hours=1))
    await accept(house, events.plan_ended(on=ENDED_ON, time=clock.now()))
    notice = (await notices_to_camhs(house))["ended"]
    path = path_to(house, notice, "notice")
    async with house.database.read() as db:
        before = (await db.execute(select(func.count()).select_from(journal))).scalar_one()
    async with browsing(house) as client:
        for method in ("GET", "HEAD") * 20:
            assert (await client.request(method, path)).status_code == 200
        async with house.database.read() as db:
            assert (await db.execute(select(func.count()).select_from(journal))).scalar_one() == before
        page = (await client.get(path)).text
        assert "Has the flag been removed?" in page
        for inside in ("AB", "c1", "Relative p1", "Example", "999", "plan-1", CAMHS, "camhs"):
            assert not re.search(rf"\b{inside}\b", words(page), re.IGNORECASE), inside
        for minutes in (0, 5):
            clock.advance(timedelta(minutes=minutes))
            done = await client.post(path, data={"by": "Dr A Example", "what": "flag_changed"})
            assert (done.status_code, done.headers["location"]) == (303, path)
        assert "The flag has been removed" in (await client.get(path)).text
    [said] = await confirmed(house)
    assert (said["what"], said["how"], said["by"]) == ("flag_changed", "page", "Dr A Example")
    assert (said["dispatch_id"], said["child_id"]) == (notice.dispatch_id, "c1")
    async with house.database.read() as db:
        [stands] = (await dispatches.by_ids(db, [notice.dispatch_id])).values()
    assert stands.confirmed == "flag_changed"


async def plan_ended(house: House, clock: MovableClock) -> Dispatch:
    """The notice to CAMHS that a plan has ended."""
    await accept(house, *told(events.plan_started(on=STARTED_ON)))
    await notices_to_camhs(house)
    clock.advance(timedelta(hours=1))
    await accept(house, events.plan_ended(on=ENDED_ON, time=clock.now()))
    return (await notices_to_camhs(house))["ended"]


@ONLY_SQLITE
async def test_who_has_no_such_flag_says_so_and_need_do_nothing_more(house: House, clock: MovableClock) -> None:
    path = path_to(house, await plan_ended(house, clock), "notice")
    async with browsing(house) as client:
        assert "Our records carry no such flag" in (await client.get(path)).text
        for what in ("filed", "noted", ""):
            assert (await client.post(path, data={"what": what})).status_code == 409
        assert (await client.post(path, data={"by": "Dr A Example"})).status_code == 409
        assert await confirmed(house) == []
        for _ in range(2):
            assert (await client.post(path, data={"what": "no_flag"})).status_code == 303
        page = (await client.get(path)).text
        assert "Your records carry no such flag" in page
        assert "You need do nothing more" in page
        assert "<form" not in page
    assert [said["what"] for said in await confirmed(house)] == ["no_flag"]


@ONLY_SQLITE
async def test_where_a_flag_should_be_that_there_is_none_leaves_the_button_there(house: House) -> None:
    await accept(house, *told(events.plan_started(on=STARTED_ON)))
    path = path_to(house, (await notices_to_camhs(house))["started"], "notice")
    async with browsing(house) as client:
        assert "Is the flag on the record?" in (await client.get(path)).text
        assert (await client.post(path, data={"what": "no_flag"})).status_code == 303
        page = (await client.get(path)).text
        assert "that your records carry no such flag" in page
        assert "nothing more" not in page
        assert 'value="flag_changed"' in page
        assert (await client.post(path, data={"what": "flag_changed"})).status_code == 303
        assert "You need do nothing more" in (await client.get(path)).text
    assert [said["what"] for said in await confirmed(house)] == ["no_flag", "flag_changed"]


@ONLY_SQLITE
@pytest.mark.parametrize("before", ["noted", "filed"])
@pytest.mark.parametrize("what", ["flag_changed", "no_flag"])
async def test_whoever_took_note_of_a_notice_may_still_say_what_became_of_the_flag(
    house: House, clock: MovableClock, before: str, what: str
) -> None:
    notice = await plan_ended(house, clock)
    at = clock.now() + timedelta(minutes=1)
    clock.advance(timedelta(days=3))
    await accept(house, events.dispatch_confirmed(notice.dispatch_id, before, how="mail", at=at, child_id="c1"))
    path = path_to(house, notice, "notice")
    async with browsing(house) as client:
        page = (await client.get(path)).text
        assert "Has the flag been removed?" in page
        assert "that you have noted it" in page
        assert "nothing more" not in page
        assert all(f'value="{each}"' in page for each in ("flag_changed", "no_flag"))
        assert (await client.post(path, data={"what": what})).status_code == 303
        page = (await client.get(path)).text
        assert "You need do nothing more" in page
        assert ("The flag has been removed" in page) == (what == "flag_changed")
        assert ("Your records carry no such flag" in page) == (what == "no_flag")
    assert [said["what"] for said in await confirmed(house)] == [before, what]
    async with house.database.read() as db:
        [stands] = (await dispatches.by_ids(db, [notice.dispatch_id])).values()
    assert stands.confirmed == what


@ONLY_SQLITE
async def test_while_another_plan_stands_nobody_is_asked_to_take_a_flag_off(house: House, clock: MovableClock) -> None:
    await accept(house, *told(events.plan_started(on=STARTED_ON), events.plan_started("plan-2", on=ENDED_ON)))
    await notices_to_camhs(house)
    clock.advance(timedelta(hours=1))
    await accept(house, events.plan_ended(on=ENDED_ON, time=clock.now()))
    path = path_to(house, (await notices_to_camhs(house))["ended"], "notice")
    async with browsing(house) as client:
        page = (await client.get(path)).text
        assert "Has the flag been removed?" not in page
        assert "Any flag stays as it is" in page
        assert (await client.post(path, data={"what": "flag_changed"})).status_code == 409
        assert (await client.post(path, data={"by": ""})).status_code == 303
    assert [said["what"] for said in await confirmed(house)] == ["noted"]


def not_taken(page: Response) -> str:
    """What stands in the summary of what is wrong, above all else; it leads to something on the page."""
    assert page.status_code == 409
    above, _, rest = page.text.partition("<h1")
    summary = above[above.index("govuk-error-summary") :]
    [target] = re.findall(r'href="#([a-z]+)"', summary)
    assert f'id="{target}"' in rest
    assert "<title>Error: " in page.text
    return " ".join(words(summary[summary.index("href") :].partition(">")[2]).split())


@ONLY_SQLITE
async def test_whoever_answers_what_is_asked_no_more_is_told_that_it_was_not_taken_and_what_to_do(
    house: House, clock: MovableClock
) -> None:
    path = path_to(house, await plan_ended(house, clock), "notice")
    async with browsing(house) as client:
        assert "Has the flag been removed?" in (await client.get(path)).text
        clock.advance(timedelta(hours=1))
        await accept(house, events.plan_started("plan-2", on=ENDED_ON, time=clock.now()))
        for what in ("flag_changed", "no_flag"):
            said = not_taken(await client.post(path, data={"what": what}))
            assert said.startswith("Your answer was not taken: no flag is to be taken off any more.")
            assert "put it back on, then press the button below" in said
        assert "govuk-error-summary" not in (await client.get(path)).text
        assert await confirmed(house) == []
        assert (await client.post(path, data={"what": "noted"})).status_code == 303
        page = await client.post(path, data={"what": "flag_changed"})
        assert not_taken(page).endswith("If you have taken it off, put it back on")
        assert "nothing more" not in page.text
        assert "nothing more" in (await client.get(path)).text
        clock.advance(timedelta(hours=1))
        await accept(house, events.plan_ended("plan-2", on=ENDED_ON, time=clock.now()))
        said = not_taken(await client.post(path, data={"what": "noted"}))
        assert said.startswith("Your answer was not taken: what this notice asks has changed")
        assert (await client.post(path, data={"what": "no_flag"})).status_code == 303
        assert not_taken(await client.post(path, data={"what": "noted"})).endswith("nothing more is asked")
    assert [said["what"] for said in await confirmed(house)] == ["noted", "no_flag"]


@ONLY_SQLITE
async def test_a_plan_whose_end_alone_was_told_and_does_not_count_keeps_the_flag(
    house: House, clock: MovableClock
) -> None:
    await accept(house, *told(events.plan_started(on=STARTED_ON)))
    clock.advance(timedelta(hours=1))
    nowhere = events.plan_ended("plan-2", on=ENDED_ON, meeting_id="m9", time=clock.now())
    await accept(house, nowhere, events.plan_ended(on=ENDED_ON, time=clock.now()))
    path = path_to(house, (await notices_to_camhs(house))["ended"], "notice")
    async with browsing(house) as client:
        assert "Any flag stays as it is" in (await client.get(path)).text
        assert (await client.post(path, data={"what": "flag_changed"})).status_code == 409
    assert await confirmed(house) == []


@ONLY_SQLITE
async def test_a_plan_that_was_long_over_before_word_of_its_beginning_had_left_keeps_no_flag(
    house: House, clock: MovableClock
) -> None:
    old = date(2024, 1, 10)
    await accept(house, *told(events.plan_started("plan-2", on=old)))
    clock.advance(timedelta(minutes=1))
    await accept(house, events.plan_ended("plan-2", on=old, time=clock.now()), events.plan_started(on=STARTED_ON))
    await notices_to_camhs(house)
    clock.advance(timedelta(hours=1))
    await accept(house, events.plan_ended(on=ENDED_ON, time=clock.now()))
    path = path_to(house, (await notices_to_camhs(house))["ended"], "notice")
    async with browsing(house) as client:
        assert "Has the flag been removed?" in (await client.get(path)).text
        assert (await client.post(path, data={"what": "flag_changed"})).status_code == 303
    assert [said["what"] for said in await confirmed(house)] == ["flag_changed"]


@ONLY_SQLITE
async def test_word_that_a_plan_stands_asks_for_no_flag_once_it_has_ended(house: House, clock: MovableClock) -> None:
    await accept(house, *told(events.plan_started(on=STARTED_ON)))
    path = path_to(house, (await notices_to_camhs(house))["started"], "notice")
    async with browsing(house) as client:
        assert "flag on the record" in (await client.get(path)).text
        clock.advance(timedelta(hours=1))
        await accept(house, events.plan_ended(on=ENDED_ON, time=clock.now()))
        for method in ("GET", "POST"):
            shut = await client.request(method, path, data={"what": "flag_changed"} if method == "POST" else None)
            assert shut.status_code == 410
            assert "You have had newer word of this" in shut.text
    assert await confirmed(house) == []


@ONLY_SQLITE
async def test_a_notice_that_is_not_so_any_more_asks_nothing(house: House, clock: MovableClock) -> None:
    await accept(house, *told(events.plan_started(on=STARTED_ON)))
    started = (await notices_to_camhs(house))["started"]
    clock.advance(timedelta(hours=1))
    await accept(house, events.plan_ended(on=ENDED_ON, time=clock.now()))
    async with house.database.write() as db:
        await dispatches.set_columns(db, [{"dispatch_id": started.dispatch_id, "state": "overtaken"}])
    async with browsing(house) as client:
        for method in ("GET", "POST"):
            shut = await client.request(method, path_to(house, started, "notice"))
            assert shut.status_code == 410
            assert "You have had newer word of this" in shut.text
    assert await confirmed(house) == []


@ONLY_SQLITE
@pytest.mark.parametrize("of", ["the child", "a sister", "the household of its plan"])
async def test_a_notice_opens_no_more_at_an_address_that_somebody_of_the_family_has_given_since(
    house: House, clock: MovableClock, of: str
) -> None:
    named = ["p2"] if of == "the household of its plan" else []
    more = [events.child("c2"), events.child("c9", family_id="f9")]
    await accept(house, *more, *told(events.plan_started(on=STARTED_ON, household=named)))
    path = path_to(house, (await notices_to_camhs(house))["started"], "notice")
    theirs = {"the child": "c1", "a sister": "c2"}.get(of, "c9")
    father = events.relative(
        "p2",
        family_id="f9",
        relationship=[events.tie(theirs, "father")],
        email=CAMHS.capitalize(),
        time=clock.now() + timedelta(hours=1),
    )
    async with browsing(house) as client:
        assert (await client.get(path)).status_code == 200
        clock.advance(timedelta(hours=1))
        await accept(house, father)
        shut = [await client.get(path), await client.post(path, data={"what": "flag_changed"})]
    assert [each.status_code for each in shut] == [410, 410]
    assert not any("flag" in words(each.text) for each in shut)
    assert await confirmed(house) == []


@ONLY_SQLITE
async def test_that_somebody_elses_family_reads_there_shuts_no_notice(house: House, clock: MovableClock) -> None:
    await accept(house, events.child("c9", family_id="f9"), *told(events.plan_started(on=STARTED_ON)))
    path = path_to(house, (await notices_to_camhs(house))["started"], "notice")
    clock.advance(timedelta(hours=1))
    ties = [events.tie("c9", "father")]
    await accept(house, events.relative("p9", family_id="f9", relationship=ties, email=CAMHS, time=clock.now()))
    async with browsing(house) as client:
        assert (await client.get(path)).status_code == 200


@ONLY_SQLITE
async def test_only_the_right_link_of_a_notice_to_an_address_that_may_be_used_confirms(house: House) -> None:
    await accept(house, *told(events.plan_started(on=STARTED_ON)))
    notice = (await notices_to_camhs(house))["started"]
    right = path_to(house, notice, "notice")
    assert notice.expires_at is not None
    for_record = link(house.settings.key, "record", notice.dispatch_id, CAMHS, notice.expires_at)
    async with browsing(house) as client:
        for path in (
            f"/notice/{for_record}",
            f"/record/{for_record}",
            right[:-1] + "x",
            right.replace("notice", "record"),
        ):
            for method in ("GET", "POST"):
                assert (await client.request(method, path)).status_code == 404
        assert (await client.post(right, headers={"sec-fetch-site": "cross-site"})).status_code == 403
        await accept(house, events.agency("camhs-1", channels=[events.secure("other@agencies.gov.example")]))
        for method in ("GET", "POST"):
            assert (await client.request(method, right)).status_code == 410
    assert await confirmed(house) == []
