"""A reader may have nothing of a copy any more, or less of it, while it waits, after it came back, or once they have
it: nobody is told then to reach them another way.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from services.bootstrap import House
from services.records.rules.dispatch import PRINTING, QUEUED, SENT, UNDELIVERED, WITHHELD, Dispatch
from services.records.shown import shown_record
from services.records.store import dispatches
from tests import events
from tests.clock import MovableClock
from tests.door import Embedded
from tests.integration.records.copies import COUNCIL, camhs, copy_of, forwarded, letters, missing
from tests.integration.records.test_lifted import (
    FATHER,
    HOUR,
    NOT_THE_SCHOOL,
    SCHOOL,
    agency,
    approve_again,
    approved,
    conference,
    father,
    said_of,
    states,
    take,
)

pytestmark = pytest.mark.parametrize("store", ["sqlite"], indirect=True)

ILL = ["fabricated_or_induced_illness"]
NOTHING_MORE = [
    ("p2", lambda at: events.child("c1", flags=ILL, time=at)),
    ("p2", lambda at: events.meeting("m1", "strategy_discussion", children=["c1"], time=at)),
    ("p2", lambda at: father(False, time=at)),
    ("school-1", lambda at: conference(do_not_invite=NOT_THE_SCHOOL, time=at)),
]
IDS = ["a flag", "a kind of meeting", "responsibility lost", "a chair's restriction"]


async def asked(house: House, *more: bytes) -> None:
    both = (agency("school-1"), events.child("c1"), father(), events.involvement(person_id="c1", agency_id="school-1"))
    await take(house, *both, *more, conference())


async def own(house: House, party: str) -> Dispatch:
    async with house.database.read() as db:
        [found] = [each for each in (await dispatches.about(db, ["r1"]))["r1"] if each.party == party]
    return found


async def shown_of(house: House, whom: str) -> str:
    """What the page says of one reader's copy."""
    async with house.database.read() as db:
        page = await shown_record(db, house.intake.policy, "r1")
    assert page is not None
    return next(str(e["text"]) for e in page["copies"] if whom in (e.get("agency_id"), e.get("person_id")))


@pytest.mark.parametrize("printed", [False, True], ids=["nothing is printed", "the mail server is down"])
@pytest.mark.parametrize(("whom", "then"), NOTHING_MORE, ids=IDS)
async def test_of_a_copy_that_waits_nobody_is_told_to_reach_whoever_may_have_nothing_of_it(
    house: House, clock: MovableClock, printed: bool, whom: str, then: Any
) -> None:
    await asked(house)
    clock.advance(HOUR)
    await Embedded(house).take(approved(time=clock.now()))
    if printed:
        await house.press.drain()
    clock.advance(timedelta(days=1))
    await house.tick()
    assert "reach them another way" in (await said_of(house, whom) or "")
    await Embedded(house).take(then(clock.now()))
    party = SCHOOL if whom == "school-1" else FATHER
    assert (await states(house))[party] == (QUEUED if printed else PRINTING)
    assert await said_of(house, whom) is None
    other = "p2" if whom == "school-1" else "school-1"
    assert "reach them another way" in (await said_of(house, other) or ""), "what is another's is said still"


@pytest.mark.parametrize(("whom", "then"), [NOTHING_MORE[0], NOTHING_MORE[3]], ids=[IDS[0], IDS[3]])
@pytest.mark.parametrize("when", ["while it waits", "once they have it"])
async def test_a_part_that_was_left_out_is_sent_to_nobody_who_may_have_nothing_any_more(
    house: House, clock: MovableClock, whom: str, then: Any, when: str
) -> None:
    zenobia = events.child("c2", initials="ZQ", preferred_name="Zenobia")
    await asked(house, zenobia)
    secure = events.secure("in@school-1.example", verified_on=date(2026, 3, 1))
    await take(house, events.agency("school-1", channels=[secure], time=clock.now()))
    clock.advance(HOUR)
    sections = [
        events.section("They are well."),
        events.section(f"Zenobia {events.nhs_number(2)}.", heading="Other"),
    ]
    await Embedded(house).take(events.record(checked_by="Alex Second", sections=sections, time=clock.now()))
    await (house.press.drain() if when == "while it waits" else house.drain())
    assert "A part of the minutes (no. 2)" in (await said_of(house, whom) or "")
    clock.advance(HOUR)
    if when == "once they have it":
        opened = (await own(house, FATHER)).dispatch_id
        await take(house, events.dispatch_opened(opened, at=clock.now(), time=clock.now()))
        assert (await own(house, SCHOOL)).how == "attachment"
        assert "A part of the minutes (no. 2)" in (await said_of(house, whom) or "")
    await take(house, then(clock.now()))
    party = SCHOOL if whom == "school-1" else FATHER
    assert (await states(house))[party] == (WITHHELD if when == "while it waits" else SENT)
    text = await said_of(house, whom)
    assert text is None if when == "once they have it" else "Look at it once more" in (text or "")
    assert "another way" not in (text or "")


async def test_what_came_back_is_given_to_nobody_who_may_have_less_of_it_now_and_goes_when_approved_again(
    house: House, clock: MovableClock
) -> None:
    def of_both(responsible: bool = True, **more: Any) -> bytes:
        ties = [events.tie("c1", "father"), events.tie("c2", "father", responsible)]
        return events.relative("p2", relationship=ties, name="Tomasz Nowak", **more)

    children = (events.child("c2", initials="ZQ"), of_both(time=clock.now()))
    await asked(house, *children, events.involvement(person_id="c2", agency_id="school-1"))
    clock.advance(HOUR)
    await take(house, events.meeting("m1", children=["c1", "c2"], time=clock.now()))
    sections = [
        events.section("One is well.", heading="One", children=["c1"]),
        events.section("Two is ill.", heading="Two", children=["c2"]),
    ]
    await take(house, events.record(checked_by="Alex Second", sections=sections, time=clock.now()))
    copy = await own(house, FATHER)
    assert copy.address is not None
    clock.advance(HOUR)
    back = events.dispatch_bounced(copy.dispatch_id, address=copy.address, at=clock.now(), time=clock.now())
    await take(house, back)
    assert (await states(house))[FATHER] == UNDELIVERED
    assert "Give it to them another way" in (await said_of(house, "p2") or "")
    assert "Give it to them another way" in await shown_of(house, "p2")
    clock.advance(HOUR)
    await take(house, of_both(False, time=clock.now()))
    for text in (await said_of(house, "p2") or "", await shown_of(house, "p2")):
        assert "they may have less of it now" in text
        assert "another way" not in text
    clock.advance(HOUR)
    await take(house, of_both(False, email="new@family.example", time=clock.now()))
    assert "they may have less of it now" in (await said_of(house, "p2") or "")
    clock.advance(HOUR)
    assert await approve_again(house) == 2
    assert (await states(house, 2))[FATHER] == SENT
    assert await said_of(house, "p2") is None


PLACED = {"agency_id": "rosebank", "authority": "leicester", "since": date(2026, 4, 2)}
LESS = "less of it now than when it was decided. Look at it once more, and approve it as a new version"
NO_MORE: dict[str, tuple[Callable[[datetime], tuple[bytes, ...]], str]] = {
    "a part of it": (
        lambda at: (
            events.agency("rosebank", "placement", name="Rosebank Lodge", time=at),
            events.child("c1", placement=PLACED, time=at),
        ),
        f"They have not, but they may have {LESS}, or take it back from them.",
    ),
    "the agency has closed": (
        lambda at: (camhs(closed_on=date(2026, 4, 3), time=at),),
        "They have not, but the agency was asked, and has closed. Find who has taken its place, and reach them.",
    ),
}


@pytest.mark.parametrize("what", NO_MORE)
async def test_nobody_is_asked_to_file_what_holds_more_than_they_may_have_nor_an_agency_that_has_closed(
    embedded: Embedded, clock: MovableClock, what: str
) -> None:
    house = embedded.house
    then, words = NO_MORE[what]
    sections = [
        events.section("The plan is reviewed in May."),
        events.section("AB is safe at Rosebank Lodge in Hinckley.", heading="Where"),
    ]
    await forwarded(embedded, clock, sections=sections)
    assert (await copy_of(house)).how == "attachment"
    clock.advance(HOUR)
    await embedded.take(*then(clock.now()))
    await house.drain()
    for _ in range(20):
        clock.advance(timedelta(days=1))
        await house.drain()
    [text] = [each["text"] for each in await missing(house, "not_filed") if each.get("agency_id") == "camhs-1"]
    assert text.endswith(words)
    reminded = [each["To"] for each in letters(house, "record_reminder")]
    assert reminded == [COUNCIL]
    if what == "a part of it":
        clock.advance(HOUR)
        at = clock.now()
        await embedded.take(events.record(kind="decision", version=2, sections=sections, time=at))
        await house.drain()
        assert [each["agency_id"] for each in await missing(house, "not_filed")] == ["childrens-social-care-1"]
