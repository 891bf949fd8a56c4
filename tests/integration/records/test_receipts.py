"""Sent, delivered, opened and filed are told apart, and what comes back goes to the next address."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

import pytest
from sqlalchemy import select

from services.bootstrap import House
from services.foundation.outbox import OUTCOME, outbox
from services.intake.store import journal
from services.records.rules.dispatch import NOTICE, Dispatch
from services.records.store import dispatches, receipts
from tests import events
from tests.clock import MovableClock
from tests.door import Door, Embedded
from tests.integration.records.copies import (
    APPROVED_AT,
    CAMHS_COPY,
    FIRST,
    SECOND,
    approved,
    camhs,
    copy_of,
    explained,
    forwarded,
    invited,
    letters,
    missing,
    shown,
)

LATER = APPROVED_AT + timedelta(hours=1)


async def outcomes(house: House, name: str) -> list[dict[str, Any]]:
    """What was told of one kind, in order."""
    async with house.database.read() as db:
        query = select(outbox.c.params).where(outbox.c.channel == OUTCOME, outbox.c.name == name)
        return [params["data"] for params in (await db.execute(query.order_by(outbox.c.outbox_id))).scalars()]


async def test_each_step_to_the_file_is_shown_with_the_event_behind_it(door: Door, clock: MovableClock) -> None:
    await forwarded(door, clock)
    [copy] = await shown(door.house)
    assert (copy["kind"], copy["version"], copy["state"]) == ("decision", 1, "sent")
    for number, (event, state) in enumerate(
        [
            (events.dispatch_received(CAMHS_COPY, address=FIRST, at=LATER), "delivered"),
            (events.dispatch_opened(CAMHS_COPY, at=LATER + timedelta(minutes=1)), "opened"),
            (events.dispatch_confirmed(CAMHS_COPY, at=LATER + timedelta(minutes=2)), "filed"),
        ]
    ):
        clock.set(LATER + timedelta(minutes=5))
        await door.take(event)
        [copy] = await shown(door.house)
        assert copy["state"] == state
        assert datetime.fromisoformat(copy["at"]) == LATER + timedelta(minutes=number)
        told = json.loads(event)
        assert copy["moments"][-1]["event"] == {"source": told["source"], "id": told["id"]}
    assert [each["what"] for each in copy["moments"]] == [
        "approved",
        "written",
        "sent",
        "received",
        "opened",
        "filed",
    ]
    before = await shown(door.house, as_of=LATER + timedelta(seconds=90))
    assert before[0]["state"] == "opened"


async def test_that_nothing_is_heard_of_a_copy_is_neither_success_nor_failure(
    embedded: Embedded, clock: MovableClock
) -> None:
    await forwarded(embedded, clock)
    clock.advance(timedelta(days=3))
    await embedded.house.drain()
    assert [each["state"] for each in await shown(embedded.house)] == ["sent"]
    assert not [each for each in await missing(embedded.house) if each.get("agency_id") == "camhs-1"]


async def test_the_first_moment_counts_in_whatever_order_it_is_learnt(embedded: Embedded, clock: MovableClock) -> None:
    """Each order is one of several copies of the same version, one for each reader."""
    house = embedded.house
    orders = list(permutations(range(5)))[::24]
    others = []
    for number in range(len(orders)):
        agency_id = f"gp-{number + 1}"
        channels = [events.secure(f"in@{agency_id}.example", verified_on=APPROVED_AT.date() - timedelta(days=9))]
        others += [
            events.agency(agency_id, channels=channels),
            events.involvement(person_id="c1", agency_id=agency_id),
        ]
    await forwarded(embedded, clock, *others)
    clock.set(LATER + timedelta(days=1))
    ends = set()
    for number, order in enumerate(orders):
        copy = await copy_of(house, f"agency:gp-{number + 1}:")
        name, address = copy.dispatch_id, copy.address
        assert address is not None
        heard = [
            events.dispatch_opened(name, at=LATER + timedelta(minutes=9)),
            events.dispatch_opened(name, at=LATER + timedelta(minutes=3)),
            events.dispatch_confirmed(name, "noted", at=LATER + timedelta(minutes=4), how="mail"),
            events.dispatch_confirmed(name, at=LATER + timedelta(minutes=8)),
            events.dispatch_bounced(name, address=address, permanent=False, status="4.4.7", at=LATER),
        ]
        for each in order:
            await embedded.take(heard[each])
        await embedded.take(*heard)
        copy = await copy_of(house, f"agency:gp-{number + 1}:")
        ends.add((copy.state, copy.why, copy.opened_at, copy.confirmed, copy.confirmed_at, copy.ended_at))
        async with house.database.read() as db:
            kept = (await receipts.of_dispatches(db, [name]))[name]
        assert sorted(each.what for each in kept) == ["delayed", "filed", "noted", "opened", "opened"]
    opened_at, filed_at = LATER + timedelta(minutes=3), LATER + timedelta(minutes=8)
    assert ends == {("sent", None, opened_at, "filed", filed_at, None)}


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 0, 2), (2, 1, 0)])
async def test_what_came_back_was_undelivered_unless_it_was_read(
    embedded: Embedded, clock: MovableClock, order: tuple[int, ...]
) -> None:
    await forwarded(embedded, clock, addresses=[FIRST])
    clock.set(LATER + timedelta(days=1))
    heard = [
        events.dispatch_received(CAMHS_COPY, address=FIRST, at=LATER),
        events.dispatch_bounced(CAMHS_COPY, address=FIRST.upper(), at=LATER + timedelta(minutes=1)),
        events.dispatch_bounced(CAMHS_COPY, address=FIRST, at=LATER + timedelta(minutes=2)),
    ]
    for each in order:
        await embedded.take(heard[each])
    copy = await copy_of(embedded.house)
    assert (copy.state, copy.why, copy.delivered_at) == ("undelivered", "bounced", LATER)
    [open_one] = [each for each in await missing(embedded.house) if each.get("agency_id") == "camhs-1"]
    assert "came back" in open_one["text"]
    await embedded.take(events.dispatch_opened(CAMHS_COPY, at=LATER + timedelta(seconds=5)))
    assert [each["state"] for each in await shown(embedded.house)] == ["opened"]
    assert not [each for each in await missing(embedded.house) if each.get("agency_id") == "camhs-1"]
    await embedded.take(events.dispatch_bounced(CAMHS_COPY, address=FIRST, at=LATER + timedelta(hours=1)))
    assert [each["state"] for each in await shown(embedded.house)] == ["opened"]


async def test_a_copy_that_comes_back_goes_to_the_next_address_and_so_does_the_next_invitation(
    door: Door, clock: MovableClock
) -> None:
    await forwarded(door, clock)
    house = door.house
    assert [each["To"] for each in letters(house) if "camhs" in each["To"]] == [FIRST]
    clock.set(LATER)
    await door.take(events.dispatch_bounced(CAMHS_COPY, address=FIRST, at=LATER))
    assert (await copy_of(house)).state == "queued"
    await house.drain()
    copy = await copy_of(house)
    assert (copy.state, copy.address, copy.sent_at) == ("sent", SECOND, LATER)
    assert [each["To"] for each in letters(house) if "camhs" in each["To"]] == [FIRST, SECOND]
    assert not [each for each in await missing(house) if each.get("agency_id") == "camhs-1"]
    # What is heard of the first address now is about a copy that was sent past it.
    await door.take(
        events.dispatch_bounced(CAMHS_COPY, address=FIRST, at=LATER, status="5.2.1"),
        events.dispatch_received(CAMHS_COPY, address=FIRST, at=LATER),
    )
    assert [each["state"] for each in await shown(house)] == ["sent"]
    await door.take(events.meeting("m2", "review_conference", starts_at=LATER + timedelta(days=60)))
    asked = next(each for each in (await explained(house, "m2"))["entries"] if each.get("agency_id") == "camhs-1")
    assert asked["invitation"]["address"] == SECOND


async def test_a_copy_goes_nowhere_twice_and_then_a_person_is_told(embedded: Embedded, clock: MovableClock) -> None:
    await forwarded(embedded, clock)
    for address, status in ((FIRST, "5.2.2"), (SECOND, "5.2.2")):
        clock.advance(timedelta(hours=1))
        await embedded.take(events.dispatch_bounced(CAMHS_COPY, address=address, status=status, at=clock.now()))
        await embedded.house.drain()
    copy = await copy_of(embedded.house)
    assert (copy.state, copy.address) == ("undelivered", SECOND)
    [raised] = [each for each in await missing(embedded.house) if each.get("agency_id") == "camhs-1"]
    assert raised["kind"] == "not_distributed"
    assert "there is no other address" in raised["text"]


async def test_what_is_heard_of_something_that_was_never_sent_is_kept_and_changes_nothing(embedded: Embedded) -> None:
    unknown = "0" * 26
    verdicts = await embedded.take(
        events.dispatch_opened(unknown),
        events.dispatch_confirmed(unknown),
        events.dispatch_bounced(unknown, address="in@somebody.example"),
        events.dispatch_received(unknown, address="in@somebody.example"),
    )
    assert {verdict.state for verdict in verdicts} == {"accepted"}
    async with embedded.house.database.read() as db:
        kept = (await db.execute(select(journal.c.type).where(journal.c.subject == unknown))).scalars().all()
        assert len(kept) == 4
        assert not await receipts.of_dispatches(db, [unknown])


async def test_that_a_copy_was_opened_or_filed_is_told_once(embedded: Embedded, clock: MovableClock) -> None:
    await forwarded(embedded, clock)
    clock.set(LATER + timedelta(days=1))
    await embedded.take(
        events.dispatch_opened(CAMHS_COPY, at=LATER),
        events.dispatch_opened(CAMHS_COPY, at=LATER - timedelta(minutes=1)),
        events.dispatch_confirmed(CAMHS_COPY, "noted", at=LATER),
    )
    assert await outcomes(embedded.house, "quorate.record.filed.v1") == []
    await embedded.take(events.dispatch_confirmed(CAMHS_COPY, at=LATER + timedelta(minutes=1)))
    await embedded.take(
        events.dispatch_opened(CAMHS_COPY, at=LATER),
        events.dispatch_confirmed(CAMHS_COPY, at=LATER, how="mail"),
    )
    for name in ("opened", "filed"):
        [told] = await outcomes(embedded.house, f"quorate.record.{name}.v1")
        assert (told["record_id"], told["agency_id"], told["version"]) == ("r1", "camhs-1", 1)


async def test_a_notice_that_is_taken_note_of_is_told_once_and_the_flag_outweighs_the_note(
    embedded: Embedded, clock: MovableClock
) -> None:
    house, name = embedded.house, "a" * 26
    notice = Dispatch(
        dispatch_id=name,
        kind=NOTICE,
        about="n1",
        version=1,
        meeting_id=None,
        child_id="c1",
        partition_key="f1",
        party="agency:gp-1:",
        agency_id="gp-1",
        person_id=None,
        team_id=None,
        channel="email",
        address="in@gp-1.example",
        how="body",
        state="sent",
        why=None,
        decided=None,
        content=None,
        document_id=None,
        written_at=clock.now(),
        sent_at=clock.now(),
    )
    async with house.database.write() as db:
        await dispatches.put(db, [notice])
    first, second = clock.now() + timedelta(minutes=1), clock.now() + timedelta(minutes=2)
    await embedded.take(events.dispatch_confirmed(name, "noted", at=first, child_id="c1"))
    await embedded.take(events.dispatch_confirmed(name, "flag_changed", at=second, child_id="c1"))
    await embedded.take(events.dispatch_confirmed(name, "filed", at=first, child_id="c1"))
    async with house.database.read() as db:
        kept = (await dispatches.by_ids(db, [name]))[name]
    assert (kept.confirmed, kept.confirmed_at) == ("flag_changed", second)
    [told] = await outcomes(house, "quorate.notice.acknowledged.v1")
    assert (told["notice_id"], told["child_id"], told["agency_id"]) == ("n1", "c1", "gp-1")
    assert datetime.fromisoformat(told["at"]).astimezone(UTC) == first


async def test_a_copy_that_came_back_goes_to_an_address_that_is_recorded_later(
    embedded: Embedded, clock: MovableClock
) -> None:
    await forwarded(embedded, clock, addresses=[FIRST])
    await embedded.take(events.dispatch_bounced(CAMHS_COPY, address=FIRST, at=LATER))
    clock.set(LATER + timedelta(days=1))
    await embedded.take(camhs(FIRST))
    assert (await copy_of(embedded.house)).state == "undelivered"
    await embedded.take(camhs(FIRST, SECOND))
    await embedded.house.drain()
    copy = await copy_of(embedded.house)
    assert (copy.state, copy.address) == ("sent", SECOND)
    assert not [each for each in await missing(embedded.house) if each.get("agency_id") == "camhs-1"]


async def test_a_copy_for_whom_there_was_no_address_goes_as_it_was_decided_once_there_is_one(
    embedded: Embedded, clock: MovableClock
) -> None:
    await invited(embedded, clock)
    await embedded.take(events.held("m1", time=APPROVED_AT - timedelta(days=1)))
    await embedded.take(events.agency("camhs-1", channels=[events.insecure(FIRST)]))
    await approved(embedded, clock)
    assert [each["state"] for each in await shown(embedded.house)] == ["withheld"]
    await embedded.take(camhs())
    await embedded.house.drain()
    assert [each["state"] for each in await shown(embedded.house)] == ["sent"]
    assert [each["To"] for each in letters(embedded.house) if "camhs" in each["To"]] == [FIRST]
    assert not [each for each in await missing(embedded.house) if each.get("agency_id") == "camhs-1"]


async def test_a_copy_that_was_taken_back_goes_to_no_address_that_is_recorded_later(
    embedded: Embedded, clock: MovableClock
) -> None:
    await invited(embedded, clock)
    await embedded.take(events.agency("camhs-1", channels=[events.insecure(FIRST)]))
    await approved(embedded, clock)
    await embedded.take(events.recalled("r1", time=LATER))
    await embedded.take(camhs())
    await embedded.house.drain()
    assert not [each for each in letters(embedded.house) if "camhs" in each["To"]]


async def test_nothing_goes_by_itself_to_a_relative_who_gives_an_address_later(
    embedded: Embedded, clock: MovableClock
) -> None:
    await forwarded(embedded, clock, events.relative("p1", email=None), checked_by="Sam Checker")
    await embedded.take(events.relative("p1", email="p1@family.example"))
    await embedded.house.drain()
    assert not [each for each in letters(embedded.house) if each["To"] == "p1@family.example"]


async def test_that_a_copy_is_taken_back_and_the_letter_that_says_so_came_back_is_told(
    embedded: Embedded, clock: MovableClock
) -> None:
    await forwarded(embedded, clock)
    clock.set(LATER)
    await embedded.take(events.recalled("r1", time=LATER))
    await embedded.house.drain()
    assert not [each for each in await missing(embedded.house) if each.get("agency_id") == "camhs-1"]
    await embedded.take(events.dispatch_bounced(CAMHS_COPY, address=FIRST, at=LATER))
    await embedded.house.drain()
    [found] = [each for each in await missing(embedded.house) if each.get("agency_id") == "camhs-1"]
    assert "was taken back, and nothing could be sent to them about that" in found["text"]
    assert [each["To"] for each in letters(embedded.house) if "camhs" in each["To"]] == [FIRST]


@pytest.mark.parametrize("letter", ["reminder", "code"])
async def test_a_letter_about_a_copy_that_comes_back_says_something_of_the_address_and_nothing_of_the_copy(
    embedded: Embedded, clock: MovableClock, letter: str
) -> None:
    house = embedded.house
    await forwarded(embedded, clock)
    clock.set(LATER)
    await embedded.take(
        events.dispatch_received(CAMHS_COPY, address=FIRST, at=LATER, letter=letter),
        events.dispatch_bounced(CAMHS_COPY, address=FIRST, at=LATER, letter=letter),
    )
    await house.drain()
    copy = await copy_of(house)
    assert (copy.state, copy.address, copy.delivered_at) == ("sent", FIRST, None)
    assert [each["To"] for each in letters(house) if "camhs" in each["To"]] == [FIRST]
    async with house.database.read() as db:
        kept = (await receipts.of_dispatches(db, [CAMHS_COPY]))[CAMHS_COPY]
    assert sorted((each.what, each.detail) for each in kept) == [
        ("bounced", f"5.1.1 ({letter})"),
        ("received", letter),
    ]
    await embedded.take(events.meeting("m2", "review_conference", starts_at=LATER + timedelta(days=60)))
    asked = next(each for each in (await explained(house, "m2"))["entries"] if each.get("agency_id") == "camhs-1")
    assert asked["invitation"]["address"] == SECOND


async def test_the_letter_that_takes_a_copy_back_is_the_one_whose_return_a_person_hears_of(
    embedded: Embedded, clock: MovableClock
) -> None:
    house = embedded.house
    await forwarded(embedded, clock)
    clock.set(LATER)
    await embedded.take(events.recalled("r1", time=LATER))
    await house.drain()
    for letter, said in (("reminder", 0), ("recall", 1)):
        await embedded.take(events.dispatch_bounced(CAMHS_COPY, address=FIRST, at=LATER, letter=letter))
        assert len([each for each in await missing(house) if each.get("agency_id") == "camhs-1"]) == said
    assert (await copy_of(house)).why == "recall_not_told"
