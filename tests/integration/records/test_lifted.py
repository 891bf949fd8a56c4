"""What kept a copy from its reader is lifted, or comes only after it has gone: what a person is told to do then."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import pytest

from services.bootstrap import House
from services.records import approving
from services.records.approving import Given
from services.records.readers import around
from services.records.rules.dispatch import RECALLED, SENT, UNDELIVERED, WITHHELD
from services.records.shown import shown_record
from services.records.store import dispatches, records
from services.records.word.draft import draft
from tests import events
from tests.clock import MovableClock
from tests.door import Embedded
from tests.integration.records.copies import missing

pytestmark = pytest.mark.parametrize("store", ["sqlite"], indirect=True)

PAT = Given("Pat Coordinator", "Alex Second")
FATHER, SCHOOL = "person:p2", "agency:school-1:"
NOT_THE_SCHOOL = [
    {"agency_id": "school-1", "reason": "chairs_restriction", "by": "Pat Coordinator", "note": "The chair decided so."}
]
HOUR = timedelta(hours=1)


def agency(agency_id: str, **more: Any) -> bytes:
    return events.agency(agency_id, channels=[events.secure(f"in@{agency_id}.example")], **more)


def father(responsible: bool = True, **more: Any) -> bytes:
    return events.relative("p2", relationship=[events.tie("c1", "father", responsible)], name="Tomasz Nowak", **more)


def approved(version: int = 1, **more: Any) -> bytes:
    return events.record(version=version, checked_by="Alex Second", sections=[events.section("They are well.")], **more)


def conference(**more: Any) -> bytes:
    return events.meeting("m1", children=["c1"], **more)


async def held(house: House, clock: MovableClock, *then: bytes, **meeting: Any) -> None:
    """A father and a school are asked, then it is said what keeps something from them, and the record is approved."""
    await take(
        house,
        agency("school-1"),
        events.child("c1"),
        father(),
        events.involvement(person_id="c1", agency_id="school-1"),
        conference(),
    )
    clock.advance(HOUR)
    await take(house, *then, conference(**meeting, time=clock.now()))
    clock.advance(HOUR)
    await take(house, approved(time=clock.now()))


async def take(house: House, *some: bytes) -> None:
    await Embedded(house).take(*some)
    await house.drain()


async def states(house: House, version: int = 1) -> Mapping[str, str]:
    async with house.database.read() as db:
        some = (await dispatches.about(db, ["r1"]))["r1"]
    return {each.party: each.state for each in some if each.version == version}


async def said_of(house: House, whom: str) -> str | None:
    """What is said of one reader's copy."""
    found = [each["text"] for each in await missing(house) if whom in (each.get("agency_id"), each.get("person_id"))]
    return " ".join(found) or None


async def approve_again(house: House) -> int:
    """What `record approve` does with the same words: the version that comes of it."""
    policy = house.intake.policy
    async with house.database.read() as db:
        versions = (await records.of_records(db, ["r1"]))["r1"]
        newest, about = versions[max(versions)], (await around(db, policy, ["m1"]))["m1"]
        found = await approving.read(db, policy, draft(about, policy, newest.kind, "r1", newest.version + 1, newest))
    meant = approving.proposed(found, PAT, house.clock.now())
    await approving.approve(house.intake, meant, PAT, found.about, "test")
    await house.drain()
    return meant.version


@pytest.mark.parametrize(
    ("whom", "before", "meeting", "then"),
    [
        (
            "school-1",
            lambda at: events.child("c1", time=at),
            {"do_not_invite": NOT_THE_SCHOOL},
            lambda at: conference(time=at),
        ),
        (
            "p2",
            lambda at: events.child("c1", flags=["fabricated_or_induced_illness"], time=at),
            {},
            lambda at: events.child("c1", time=at),
        ),
        ("p2", lambda at: events.child("c1", time=at), {"kind": "strategy_discussion"}, lambda at: conference(time=at)),
        ("p2", lambda at: father(False, time=at), {}, lambda at: father(time=at)),
    ],
    ids=["a chair's restriction", "a flag", "a kind of meeting", "responsibility recorded late"],
)
async def test_a_copy_that_was_kept_back_for_what_is_lifted_is_told_of_and_goes_with_the_same_words_approved_again(
    house: House, clock: MovableClock, whom: str, before: Any, meeting: dict[str, Any], then: Any
) -> None:
    party = SCHOOL if whom == "school-1" else FATHER
    await held(house, clock, before(clock.now() + HOUR), **meeting)
    assert (await states(house))[party] == WITHHELD
    assert await said_of(house, whom) is None, "it is rightly kept back"
    clock.advance(HOUR)
    await take(house, then(clock.now()))
    assert "nothing known forbids it any more. Approve the same words again" in (await said_of(house, whom) or "")
    assert (await states(house))[party] == WITHHELD, "nothing goes by itself"
    clock.advance(HOUR)
    assert await approve_again(house) == 2
    others = {"kept"} if party == SCHOOL or not meeting else {"kept", SENT}
    now = dict(await states(house, 2))
    assert now.pop(party) == SENT
    assert {state for each, state in now.items() if each in (SCHOOL, FATHER)} <= others
    assert await said_of(house, whom) is None


async def test_a_link_that_is_shut_is_told_of_until_the_same_words_are_approved_again(
    house: House, clock: MovableClock
) -> None:
    home = events.agency("voluntary-1", name="Meadowbank House")
    await held(house, clock, home, events.involvement(person_id="c1", agency_id="voluntary-1"))
    assert await said_of(house, "school-1") is None
    clock.advance(HOUR)
    placed = {"agency_id": "voluntary-1", "authority": "leicester", "since": date(2026, 3, 20)}
    await take(house, events.child("c1", placement=placed, time=clock.now()))
    for whom in ("school-1", "p2"):
        assert "opens for them no more" in (await said_of(house, whom) or ""), whom
    clock.advance(timedelta(days=40))
    await house.tick()
    assert "they were to say" not in (await said_of(house, "school-1") or ""), "nobody files what they cannot open"
    assert await approve_again(house) == 2
    assert {each: (await states(house, 2))[each] for each in (SCHOOL, FATHER)} == {SCHOOL: SENT, FATHER: SENT}
    assert {await said_of(house, whom) for whom in ("school-1", "p2")} == {None}


async def test_of_a_copy_that_came_back_nobody_is_told_to_reach_a_reader_who_may_not_have_it_any_more(
    house: House, clock: MovableClock
) -> None:
    await held(house, clock)
    async with house.database.read() as db:
        [copy] = [each for each in (await dispatches.about(db, ["r1"]))["r1"] if each.party == SCHOOL]
    assert copy.address is not None
    clock.advance(HOUR)
    back = events.dispatch_bounced(copy.dispatch_id, address=copy.address, time=clock.now())
    await take(house, back)
    assert (await states(house))[SCHOOL] == UNDELIVERED
    assert "reach them another way" in (await said_of(house, "school-1") or "")
    clock.advance(HOUR)
    await take(house, conference(do_not_invite=NOT_THE_SCHOOL, time=clock.now()))
    assert await said_of(house, "school-1") is None
    assert (await states(house))[SCHOOL] not in (SENT, RECALLED)
    async with house.database.read() as db:
        page = await shown_record(db, house.intake.policy, "r1")
    assert page is not None
    [text] = [each["text"] for each in page["copies"] if each.get("agency_id") == "school-1"]
    assert text == "not delivered: they are not asked, by a decision that a person gave."


async def test_a_flag_of_a_half_brother_ends_what_is_said_of_a_copy_that_came_back(
    house: House, clock: MovableClock
) -> None:
    half: dict[str, Any] = {"family_id": "f2", "partition_key": "f2"}
    ties = [events.tie("c1", "father"), events.tie("c7", "father")]
    both = events.relative("p2", relationship=ties, name="Tomasz Nowak", time=clock.now() + HOUR)
    await held(house, clock, events.child("c7", **half), both)
    async with house.database.read() as db:
        [own] = [each for each in (await dispatches.about(db, ["r1"]))["r1"] if each.party == FATHER]
    assert own.address is not None
    clock.advance(HOUR)
    back = events.dispatch_bounced(own.dispatch_id, address=own.address, at=clock.now(), time=clock.now())
    await take(house, back)
    assert "Give it to them another way" in (await said_of(house, "p2") or "")
    clock.advance(HOUR)
    await take(house, events.child("c7", flags=["fabricated_or_induced_illness"], time=clock.now(), **half))
    assert await said_of(house, "p2") is None
