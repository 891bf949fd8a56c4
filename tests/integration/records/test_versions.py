"""A record comes in versions: each reader ends with the newest, whatever the order, and nobody gets one that is
overtaken.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from email import message_from_bytes
from email.policy import default
from itertools import permutations
from typing import Any
from unittest.mock import patch

import pytest
from sqlalchemy import select

from services.bootstrap import House
from services.foundation.outbox import MAIL, outbox
from services.records.letters.queueing import COPY_LETTER
from services.records.press import Press
from services.records.rules.dispatch import Dispatch
from services.records.store import dispatches, records
from tests import events
from tests.clock import MovableClock
from tests.door import Door, Embedded
from tests.integration.records.copies import (
    APPROVED_AT,
    CAMHS,
    COUNCIL,
    FIRST,
    camhs,
    copy_of,
    invited,
    letters,
    missing,
)
from tests.integration.records.test_forwarding import words
from tests.mailbox import html, plain

MOTHER = "person:p1"
SOCIAL_CARE = "agency:childrens-social-care-1:"


def version(number: int, *sections: dict[str, Any], **more: Any) -> bytes:
    """A version of the decision letter, each approved an hour after the one before."""
    some = sections or (events.section(f"Text {number}.", heading="What was agreed"),)
    values: dict[str, Any] = {"kind": "decision", "time": APPROVED_AT + timedelta(hours=number)}
    return events.record(version=number, sections=list(some), **{"checked_by": "Alex Second", **values, **more})


async def states(house: House, number: int) -> dict[str, tuple[str, str | None]]:
    """How the copies of one version stand, by party."""
    async with house.database.read() as db:
        some = (await dispatches.about(db, ["r1"])).get("r1", [])
    return {each.party: (each.state, each.why) for each in some if each.version == number}


async def ready(door: Door, clock: MovableClock) -> None:
    """A meeting about a small child with CAMHS, the council and the mother, the day after it."""
    small = events.child("c1", date_of_birth=date(2020, 5, 5), time=events.START + timedelta(hours=1))
    await invited(door, clock, small, events.relative("p1"), addresses=(FIRST,))
    clock.set(APPROVED_AT + timedelta(days=1))


def body(house: House, address: str) -> str:
    """The words of the last letter to an address that is about a record."""
    message = [each for each in letters(house) if each["To"] == address][-1]
    return plain(message)


async def test_a_reader_who_has_the_first_version_is_told_what_the_second_changes_in_their_own_copy(
    door: Door, clock: MovableClock
) -> None:
    await ready(door, clock)
    for_police = events.section("The bail address.", heading="For the police", audience={"only": ["police-1"]})
    for_camhs = {"only": ["camhs-1"]}
    await door.take(
        version(
            1,
            events.section("The plan is reviewed in May.", heading="Plan"),
            events.section("4 Example Road.", heading="Where they live", audience=for_camhs),
            for_police,
        )
    )
    await door.house.drain()
    await door.take(
        version(
            2,
            events.section("The plan is reviewed in June.", heading="Plan"),
            events.section("Seen weekly.", heading="Health", audience=for_camhs),
            events.section("The other address.", heading="For the police", audience={"only": ["police-1"]}),
        )
    )
    await door.house.drain()
    told = body(door.house, FIRST)
    assert "This takes the place of version 1" in told
    assert "- new: Health" in told
    assert "- changed: Plan" in told
    assert "- a part was taken out" in told
    assert "Where they live" not in told
    assert "police" not in told
    [first, second] = [each for each in letters(door.house) if each["To"] == FIRST]
    assert ", corrected" in second["Subject"]
    assert ", corrected" not in first["Subject"]
    assert "June" in words(second)
    of_council = body(door.house, COUNCIL)
    assert "- changed: Plan" in of_council
    assert "Health" not in of_council
    assert "taken out" not in of_council
    assert (await states(door.house, 1))[CAMHS] == ("overtaken", None)
    assert (await states(door.house, 2))[CAMHS] == ("sent", None)


async def test_family_is_told_that_something_changed_and_not_under_which_heading(
    embedded: Embedded, clock: MovableClock
) -> None:
    await ready(embedded, clock)
    await embedded.take(version(1))
    await embedded.house.drain()
    await embedded.take(version(2))
    await embedded.house.drain()
    told = body(embedded.house, "p1@family.example")
    assert "This takes the place of what we sent you before" in told
    assert "Some of what it says is new or different." in told
    assert "What was agreed" not in told
    assert "conference" not in told.lower()
    assert "protection" not in told.lower()


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("second", "told"),
    [
        (["Plan", "AB: self-harm at 12 Hill Road"], "Some of what it says is new or different."),
        (["AB: self-harm at 12 Hill Road"], "new or different, and something was taken out of it. Please do not use"),
        ([], "Something was taken out of it. Please do not use that any more."),
    ],
    ids=["added", "added and taken out", "taken out"],
)
async def test_who_gets_a_link_is_told_that_something_changed_and_not_under_which_heading(
    embedded: Embedded, clock: MovableClock, second: list[str], told: str
) -> None:
    house = embedded.house
    await invited(embedded, clock, camhs(FIRST, verified_on=None, time=events.NOW))
    clock.set(APPROVED_AT + timedelta(days=1))
    kept = events.section("The plan is reviewed in May.", heading="Summary")
    await embedded.take(version(1, kept, events.section("Plan.", heading="Plan")))
    await house.drain()
    await embedded.take(version(2, kept, *(events.section(f"{each}.", heading=each) for each in second)))
    await house.drain()
    [_, letter] = [each for each in letters(house) if each["To"] == FIRST]
    assert not list(letter.iter_attachments())
    for form in (plain(letter), html(letter)):
        assert "This takes the place of version 1, which you were sent" in form
        for heading in ("self-harm", "Plan", "In your copy"):
            assert heading not in form
    assert told in " ".join(plain(letter).split())
    assert told in html(letter)
    async with house.database.read() as db:
        found = await db.execute(select(outbox.c.params).where(outbox.c.name == COPY_LETTER))
    assert "self-harm" not in str([each for each in found.scalars() if each["to"] == FIRST])


async def test_a_correction_that_changes_nothing_in_a_readers_copy_is_not_sent_to_them(
    embedded: Embedded, clock: MovableClock
) -> None:
    await ready(embedded, clock)
    both = [events.section("For all.", heading="All")]
    await embedded.take(version(1, *both, events.section("Seen daily.", heading="C", audience={"only": ["camhs-1"]})))
    await embedded.house.drain()
    await embedded.take(version(2, *both, events.section("Seen weekly.", heading="C", audience={"only": ["camhs-1"]})))
    await embedded.house.drain()
    assert [each["To"] for each in letters(embedded.house)].count(FIRST) == 2
    assert [each["To"] for each in letters(embedded.house)].count(COUNCIL) == 1
    assert (await states(embedded.house, 2))[SOCIAL_CARE] == ("kept", None)
    assert (await states(embedded.house, 1))[SOCIAL_CARE] == ("sent", None), "the copy that they have still counts"
    assert await missing(embedded.house) == []


async def test_whoever_may_have_nothing_of_the_new_version_is_asked_to_delete_the_old_one(
    embedded: Embedded, clock: MovableClock
) -> None:
    await ready(embedded, clock)
    await embedded.take(version(1))
    await embedded.house.drain()
    await embedded.take(version(2, events.section("For them alone.", audience={"only": ["childrens-social-care-1"]})))
    await embedded.house.drain()
    assert (await states(embedded.house, 1))[CAMHS] == ("recalled", "withdrawn")
    assert (await states(embedded.house, 2))[CAMHS] == ("withheld", "nothing_for_them")
    [letter] = [each for each in letters(embedded.house, "recall") if each["To"] == FIRST]
    assert "are taken back" not in plain(letter)
    assert "is taken back" in plain(letter)
    assert "For them alone" not in str(letter)


async def test_whoever_is_new_in_the_second_version_gets_it_as_new(embedded: Embedded, clock: MovableClock) -> None:
    await ready(embedded, clock)
    await embedded.take(version(1, events.section("For them.", audience={"only": ["childrens-social-care-1"]})))
    await embedded.house.drain()
    await embedded.take(version(2))
    await embedded.house.drain()
    told = body(embedded.house, FIRST)
    assert "which you were sent" not in told
    assert "It takes the place of any earlier one." in told
    assert (await states(embedded.house, 2))[CAMHS] == ("sent", None)


async def test_the_first_version_arriving_after_the_second_goes_to_nobody(door: Door, clock: MovableClock) -> None:
    await ready(door, clock)
    await door.take(version(2))
    await door.take(version(1))
    await door.house.drain()
    assert [(each["To"], "Text 2" in words(each)) for each in letters(door.house) if each["To"] == FIRST] == [
        (FIRST, True)
    ]
    assert await states(door.house, 1) == {}


@pytest.mark.parametrize("how_far", ["printing", "queued", "in hand"])
async def test_a_version_overtaken_on_its_way_does_not_go_and_each_reader_ends_with_the_newest(
    embedded: Embedded, clock: MovableClock, how_far: str
) -> None:
    house = embedded.house
    await ready(embedded, clock)
    await embedded.take(version(1))
    if how_far != "printing":
        await house.press.drain()
    async with house.mailer() as mailer:
        if how_far == "in hand":
            rows = await mailer._claim()
            assert {row.name for row in rows} == {"record_copy"}
        await embedded.take(version(3), version(2))
        await house.press.drain()
        if how_far == "in hand":  # it was about to be handed over when the next came
            await mailer._send_all(rows, float("inf"), lambda: None)
            await mailer._note(lambda: None)
        await mailer.drain()
    of_camhs = [words(each) for each in letters(house) if each["To"] == FIRST]
    assert "Text 3" in of_camhs[-1]
    assert len(of_camhs) == (2 if how_far == "in hand" else 1)
    assert "version 1, which you were sent" in body(house, FIRST) or how_far != "in hand"
    for party in (CAMHS, SOCIAL_CARE, MOTHER):
        assert (await states(house, 3))[party] == ("sent", None)
        assert (await states(house, 1))[party][0] == "overtaken"
    assert not any("Text 2" in each for each in of_camhs)


class TestTheSameNumberAgain:
    async def test_the_check_by_a_second_person_lets_the_family_have_theirs(
        self, embedded: Embedded, clock: MovableClock
    ) -> None:
        await ready(embedded, clock)
        await embedded.take(version(1, checked_by=None))
        await embedded.house.drain()
        assert (await states(embedded.house, 1))[MOTHER] == ("withheld", "not_checked")
        [told] = await missing(embedded.house)
        assert "no second person has checked" in told["text"]
        checked_at = APPROVED_AT + timedelta(hours=5)
        await embedded.take(version(1, checked_by="Alex Second", time=checked_at))
        await embedded.house.drain()
        assert (await states(embedded.house, 1))[MOTHER] == ("sent", None)
        assert [each["To"] for each in letters(embedded.house)].count(FIRST) == 1, "nobody gets anything twice"
        assert await missing(embedded.house) == []
        async with embedded.house.database.read() as db:
            [row] = (await db.execute(records.records.select())).mappings().all()
        assert (row["checked_by"], row["checked_at"]) == ("Alex Second", checked_at)

    async def test_another_text_goes_to_nobody_and_a_person_is_told(
        self, embedded: Embedded, clock: MovableClock
    ) -> None:
        await ready(embedded, clock)
        await embedded.take(version(1))
        await embedded.take(version(1, events.section("Quite another text.")))
        await embedded.house.drain()
        assert not any("Quite another" in words(each) for each in letters(embedded.house) if each["To"] == FIRST)
        [told] = await missing(embedded.house)
        assert "(version 1), which are taken" in told["text"]
        await embedded.take(version(2, events.section("Quite another text.")))
        await embedded.house.drain()
        assert await missing(embedded.house) == [], "approved under the next number it is put right"

    async def test_whoever_approved_it_does_not_check_it_under_another_name_for_the_chair(
        self, embedded: Embedded, clock: MovableClock
    ) -> None:
        await ready(embedded, clock)
        await embedded.take(version(1, approved_by="Pat Chair", checked_by=None))
        await embedded.take(version(1, approved_by="Sam Other", checked_by="pat  chair"))
        await embedded.house.drain()
        assert (await states(embedded.house, 1))[MOTHER] == ("withheld", "not_checked")


ENDS = {CAMHS: "sent", SOCIAL_CARE: "sent", MOTHER: "sent"}


async def test_any_order_with_repeats_ends_in_the_same_and_nothing_overtaken_or_taken_back_goes_on_the_way(
    embedded: Embedded, clock: MovableClock, counted: Callable[[str], None]
) -> None:
    """Version 1 and 2, a recall of both, version 3 and its check come in many orders, each once and one of them again;
    now and then what is due is printed, or printed and sent.
    """
    house = embedded.house
    await ready(embedded, clock)
    fixed = {
        "1": version(1),
        "2": version(2),
        "back": events.recalled("r1", time=APPROVED_AT + timedelta(hours=2, minutes=30)),
        "3": version(3, checked_by=None),
        "checked": version(3, time=APPROVED_AT + timedelta(hours=4)),
    }
    orders = random.Random(6).sample(list(permutations(fixed)), 8)
    sent = 0
    for number, order in enumerate(orders):
        name, known = f"r{number + 100}", set[str]()
        for place, each in enumerate((*order, order[number % 5])):
            raw = fixed[each].replace(b'"r1"', f'"{name}"'.encode()).replace(b'"id":"', f'"id":"{name}-'.encode())
            await embedded.take(raw)
            known.add(each)
            if (number >> place) & 1:
                await house.press.drain()
            if (number * 7 >> place) & 1:
                sent += await _sent_and_right(house, known)
        sent += await _sent_and_right(house, known)
        async with house.database.read() as db:
            some = (await dispatches.about(db, [name]))[name]
        assert {each.party: each.state for each in some if each.version == 3} == ENDS, order
        assert {each.state for each in some if each.version < 3} <= {"overtaken", "recalled"}, order
    counted(f"{len(orders)} orders, {sent} letters with a text looked at, none overtaken or taken back")
    assert sent >= len(orders)


async def _sent_and_right(house: House, known: set[str]) -> int:
    """Send what is due; returns how many letters CAMHS got, all of them with the text that counts by what is known."""
    folder = house.settings.home / "mailbox"
    before = set(folder.glob("*.eml"))
    await house.drain()
    got = [message_from_bytes(path.read_bytes(), policy=default) for path in set(folder.glob("*.eml")) - before]
    texts = [words(each) for each in got if each["To"] == FIRST and ".record@" in str(each["Message-ID"])]
    number = "3" if known & {"3", "checked"} else "2" if "2" in known else "1"
    assert number == "3" or "back" not in known or not texts, "it was taken back"
    assert all(f"Text {number}." in each for each in texts), "it was overtaken"
    return len(texts)


class _Killed(Exception):
    """The process is gone."""


async def test_a_press_that_dies_between_printing_and_queueing_leaves_one_letter_for_each_reader(
    embedded: Embedded, clock: MovableClock
) -> None:
    house = embedded.house
    await ready(embedded, clock)
    await embedded.take(version(1))

    async def killed(*_: object) -> None:
        raise _Killed

    dying = Press(house.intake)
    with patch.object(Press, "_settle", killed), pytest.raises(_Killed):
        await dying.drain()
    kept = sorted((house.settings.home / "documents").rglob("*"))
    assert kept, "the documents were made"
    async with house.database.read() as db:
        waiting = (await db.execute(outbox.select().where(outbox.c.channel == MAIL, outbox.c.state == "pending"))).all()
    assert waiting == [], "and no letter was queued"
    clock.advance(timedelta(hours=1))
    await house.drain()
    assert sorted(str(each["To"]) for each in letters(house)) == sorted([FIRST, COUNCIL, "p1@family.example"])
    assert {each.state for each in await _all(house)} == {"sent"}
    assert sorted((house.settings.home / "documents").rglob("*")) == kept, "made again, they are the same files"


async def _all(house: House) -> Sequence[Dispatch]:
    return [await copy_of(house, party) for party in (CAMHS, SOCIAL_CARE, MOTHER)]
