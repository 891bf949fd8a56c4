"""What is taken back: what has not gone does not go, whoever has it is asked to delete it, and no link opens it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import date, timedelta
from email import message_from_bytes
from email.policy import default
from typing import Any
from unittest.mock import patch

import pytest

from services.bootstrap import House
from services.foundation.letters import NOT_WANTED
from services.foundation.outbox import TAKEN_BACK, OutboxRow, outbox
from services.records.letters.permits import withheld
from services.records.letters.queueing import COPY_LETTER
from services.records.rules.dispatch import Dispatch
from services.records.store import dispatches
from tests import events
from tests.clock import MovableClock
from tests.door import Door, Embedded
from tests.integration.records.copies import APPROVED_AT, CAMHS, COUNCIL, FIRST, camhs, copy_of, letters, missing
from tests.integration.records.test_versions import MOTHER, SOCIAL_CARE, ready, version
from tests.mailbox import plain
from tests.pdf import text_of

EMAIL = "p1@family.example"
BACK_AT = APPROVED_AT + timedelta(hours=1, minutes=30)
"""After the first version was approved, and before the second."""


def recall(**more: object) -> bytes:
    """What was approved by then is taken back, from everyone unless it says otherwise."""
    return events.recalled(**{"record_id": "r1", "time": BACK_AT, **more})  # type: ignore[arg-type]  # as the builder takes them


async def standing(house: House) -> dict[tuple[str, int], Dispatch]:
    """The copies of the record, by party and version."""
    async with house.database.read() as db:
        return {(each.party, each.version): each for each in (await dispatches.about(db, ["r1"])).get("r1", [])}


async def test_whoever_has_it_is_asked_to_delete_it_and_told_nothing_of_what_stood_in_it(
    door: Door, clock: MovableClock
) -> None:
    await ready(door, clock)
    await door.take(version(1))
    await door.house.drain()
    await door.take(recall(reason="It names the father's new address."))
    await door.house.drain()
    told = {str(each["To"]): each for each in letters(door.house, "recall")}
    assert set(told) == {FIRST, COUNCIL, EMAIL}
    assert "take it out of the child's record" in plain(told[FIRST])
    assert "OFFICIAL-SENSITIVE" in plain(told[FIRST])
    assert "please delete it or throw it away" in plain(told[EMAIL])
    for letter in told.values():
        assert not list(letter.iter_attachments())
        for words in ("Text 1", "What was agreed", "new address", "/record/"):
            assert words not in plain(letter), "of the record and of why it is taken back it says nothing"
    assert "conference" not in plain(told[EMAIL])
    assert {(each.state, each.why) for each in (await standing(door.house)).values()} == {("recalled", "recalled")}
    assert await missing(door.house) == []


@pytest.mark.parametrize(("party", "address", "waits"), [(MOTHER, EMAIL, "not_checked"), (CAMHS, FIRST, "no_link")])
async def test_whoever_has_what_is_theirs_no_more_is_asked_to_delete_it_whatever_the_new_version_waits_for(
    embedded: Embedded, clock: MovableClock, party: str, address: str, waits: str
) -> None:
    house = embedded.house
    await ready(embedded, clock)
    theirs, well = events.section("What his uncle did."), events.section("All is well.", heading="Home")
    await embedded.take(version(1, theirs, well))
    await house.drain()
    await embedded.take(camhs(FIRST, verified_on=date(2020, 1, 5), time=APPROVED_AT))  # too long ago: a link
    alone = theirs | {"audience": {"only": ["childrens-social-care-1"]}}
    with patch.dict(vars(house.settings), links_can_be_opened=waits != "no_link"):
        await embedded.take(version(2, alone, well, checked_by=None))
        await house.drain()
    found = await standing(house)
    assert [(found[party, number].state, found[party, number].why) for number in (1, 2)] == [
        ("recalled", "withdrawn"),
        ("withheld", waits),
    ]
    assert [each["To"] for each in letters(house, "recall")].count(address) == 1


async def test_from_one_party_alone_nobody_else_hears_of_it(embedded: Embedded, clock: MovableClock) -> None:
    await ready(embedded, clock)
    await embedded.take(version(1))
    await embedded.house.drain()
    await embedded.take(recall(person_id="p1"))
    await embedded.house.drain()
    assert [str(each["To"]) for each in letters(embedded.house, "recall")] == [EMAIL]
    found = await standing(embedded.house)
    assert [found[each, 1].state for each in (CAMHS, SOCIAL_CARE, MOTHER)] == ["sent", "sent", "recalled"]


@pytest.mark.parametrize("how_far", ["printing", "queued", "sent back by the server"])
async def test_what_has_not_gone_does_not_go(embedded: Embedded, clock: MovableClock, how_far: str) -> None:
    house = embedded.house
    await ready(embedded, clock)
    await embedded.take(version(1))
    if how_far != "printing":
        await house.press.drain()
    if how_far == "sent back by the server":
        async with house.mailer() as mailer:
            await mailer._claim()  # and is no more: nothing was handed over
        async with house.mailer() as mailer:
            await mailer.release()
    await embedded.take(recall())
    await house.drain()
    assert letters(house) == []
    may_have = {FIRST, COUNCIL, EMAIL} if how_far == "sent back by the server" else set[str]()
    assert {str(each["To"]) for each in letters(house, "recall")} == may_have
    assert {each.state for each in (await standing(house)).values()} == {"recalled"}


@pytest.mark.parametrize("by", ["recall", "the next version"])
async def test_a_letter_that_waits_leaves_the_outbox_and_would_not_pass_the_last_look_either(
    embedded: Embedded, clock: MovableClock, by: str
) -> None:
    house = embedded.house
    await ready(embedded, clock)
    await embedded.take(version(1))
    await house.press.drain()
    await embedded.take(recall() if by == "recall" else version(2))
    async with house.database.read() as db:
        found = (await db.execute(outbox.select().where(outbox.c.name == COPY_LETTER))).all()
        assert [each.state for each in found] == [TAKEN_BACK] * 3
        rows = [OutboxRow(each.outbox_id, each.name, each.key, each.params, 0) for each in found]
        assert set((await withheld(db, rows, clock.now())).values()) == {NOT_WANTED}


async def test_what_a_mailer_had_in_hand_is_followed_by_the_letter_that_takes_it_back(
    embedded: Embedded, clock: MovableClock
) -> None:
    house = embedded.house
    await ready(embedded, clock)
    await embedded.take(version(1))
    await house.press.drain()
    async with house.mailer() as mailer:
        rows = await mailer._claim()
        await embedded.take(recall())
        assert await mailer._claim() == [], "the letter waits until it is known how the copy ended"
        await mailer._send_all(rows, float("inf"), lambda: None)
        await mailer._note(lambda: None)
        await mailer.drain()
    assert {str(each["To"]) for each in letters(house)} == {FIRST, COUNCIL, EMAIL}
    assert {str(each["To"]) for each in letters(house, "recall")} == {FIRST, COUNCIL, EMAIL}
    for each in (await standing(house)).values():
        assert (each.state, each.sent_at) == ("recalled", clock.now())


async def test_whenever_it_comes_whoever_got_a_copy_is_told_and_nobody_else(
    embedded: Embedded, clock: MovableClock, counted: Callable[[str], None]
) -> None:
    """Beside a mailer at work, a recall comes earlier or later from one record to the next."""
    house = embedded.house
    await ready(embedded, clock)
    got_it = 0
    turns = [None, (0, 0), (30, 0), (3, 0), (0, 200)]
    for number, each_has in enumerate(turns):
        name = f"r{number + 20}"
        before = set((house.settings.home / "mailbox").glob("*.eml"))
        await embedded.take(version(1, record_id=name))
        await house.press.drain()
        async with house.mailer() as mailer:
            if each_has is None:  # the recall is there before the mailer begins
                await embedded.take(recall(record_id=name))
            else:
                of_mailer, of_recall = each_has
                await asyncio.gather(
                    _after(of_mailer, mailer.drain), _after(of_recall, embedded.take, recall(record_id=name))
                )
            await mailer.drain()
        new = set((house.settings.home / "mailbox").glob("*.eml")) - before
        some = [message_from_bytes(path.read_bytes(), policy=default) for path in new]
        copies = {each["To"] for each in some if ".record@" in str(each["Message-ID"])}
        assert {each["To"] for each in some if ".recall@" in str(each["Message-ID"])} == copies, name
        got_it += len(copies)
    counted(f"{len(turns)} recalls beside a mailer; {got_it} of {3 * len(turns)} copies had gone, each was asked back")
    assert got_it < 3 * len(turns)


async def _after(turns: int, do: Callable[..., Awaitable[object]], *given: object) -> None:
    """Do something after others have had so many turns."""
    for _ in range(turns):
        await asyncio.sleep(0)
    await do(*given)


async def test_a_recall_that_arrives_before_what_it_takes_back_keeps_it_from_going(
    door: Door, clock: MovableClock
) -> None:
    await ready(door, clock)
    await door.take(recall(agency_id="camhs-1"))
    await door.take(version(1))
    await door.house.drain()
    assert {str(each["To"]) for each in letters(door.house)} == {COUNCIL, EMAIL}
    assert letters(door.house, "recall") == []
    assert (await copy_of(door.house)).state == "recalled"


async def test_taken_back_twice_it_is_told_once(embedded: Embedded, clock: MovableClock) -> None:
    await ready(embedded, clock)
    await embedded.take(version(1))
    await embedded.house.drain()
    await embedded.take(recall())
    await embedded.house.drain()
    await embedded.take(recall(time=BACK_AT + timedelta(minutes=5)), recall(version=1))
    await embedded.house.drain()
    assert len(letters(embedded.house, "recall")) == 3


async def test_a_version_approved_later_goes_out_as_ever_and_compares_itself_with_nothing(
    embedded: Embedded, clock: MovableClock
) -> None:
    await ready(embedded, clock)
    await embedded.take(version(1))
    await embedded.house.drain()
    await embedded.take(recall(), version(2))
    await embedded.house.drain()
    [second] = [each for each in letters(embedded.house) if each["To"] == FIRST and "version 2" in plain(each)]
    assert "which you were sent" not in plain(second)
    [document] = [part.get_payload(decode=True) for part in second.iter_attachments()]
    assert isinstance(document, bytes)
    assert "takes the place of" not in text_of(document), "nobody has what was taken back"
    assert (await copy_of(embedded.house, version=2)).state == "sent"
    assert len(letters(embedded.house, "recall")) == 3


async def test_other_records_of_the_meeting_stay(embedded: Embedded, clock: MovableClock) -> None:
    await ready(embedded, clock)
    await embedded.take(version(1), version(1, record_id="r2", kind="plan"))
    await embedded.house.drain()
    await embedded.take(recall())
    await embedded.house.drain()
    assert (await copy_of(embedded.house, record_id="r2")).state == "sent"


async def test_family_is_told_of_no_recall_once_a_child_is_flagged_and_a_person_is(
    embedded: Embedded, clock: MovableClock
) -> None:
    await ready(embedded, clock)
    await embedded.take(version(1))
    await embedded.house.drain()
    flagged = events.child("c1", flags=["fabricated_or_induced_illness"], time=events.START + timedelta(hours=2))
    await embedded.take(flagged)
    await embedded.take(recall())
    await embedded.house.drain()
    assert EMAIL not in {str(each["To"]) for each in letters(embedded.house, "recall")}
    assert ((await standing(embedded.house))[MOTHER, 1].state) == "recalled"
    [told] = [each for each in await missing(embedded.house) if each.get("person_id") == "p1"]
    assert "was taken back" in told["text"]


@pytest.mark.parametrize("when", ["before it is taken back", "while the letter waits"])
async def test_no_agency_is_told_of_a_recall_where_family_reads_by_now_and_a_person_is(
    embedded: Embedded, clock: MovableClock, when: str
) -> None:
    house = embedded.house
    await ready(embedded, clock)
    await embedded.take(version(1))
    await house.drain()
    father = events.relative("p2", email=FIRST, relationship=[events.tie("c1", "father")], time=events.NOW)
    for each in [father, recall()] if when == "before it is taken back" else [recall(), father]:
        await embedded.take(each)
    await house.drain()
    assert {str(each["To"]) for each in letters(house, "recall")} == {COUNCIL, EMAIL}
    found = (await standing(house))[CAMHS, 1]
    assert (found.state, found.why) == ("recalled", "recall_not_told")
    [told] = [each for each in await missing(house) if each.get("agency_id") == "camhs-1"]
    assert "was taken back, and nothing could be sent to them about that" in told["text"]


async def test_a_child_flagged_while_the_letter_waits_keeps_it_from_going(
    embedded: Embedded, clock: MovableClock
) -> None:
    house = embedded.house
    await ready(embedded, clock)
    await embedded.take(version(1))
    await house.drain()
    await embedded.take(recall())
    await embedded.take(
        events.child("c1", flags=["fabricated_or_induced_illness"], time=events.START + timedelta(hours=2))
    )
    await house.drain()
    assert {str(each["To"]) for each in letters(house, "recall")} == {FIRST, COUNCIL}
    [told] = [each for each in await missing(house) if each.get("person_id") == "p1"]
    assert "was taken back" in told["text"]


@pytest.mark.parametrize("slip", [{"version": 7}, {"agency_id": "camhs-9"}, {"record_id": "r7"}])
async def test_a_recall_that_takes_nothing_back_is_told_of(
    embedded: Embedded, clock: MovableClock, slip: dict[str, Any]
) -> None:
    house = embedded.house
    await ready(embedded, clock)
    await embedded.take(version(1))
    await house.drain()
    await embedded.take(events.recalled(**{"record_id": "r1", "time": BACK_AT, **slip}))
    await house.drain()
    [told] = await missing(house)
    assert "has taken nothing back" in told["text"]
    assert letters(house, "recall") == []


async def test_nothing_goes_to_others_on_the_occasion_of_a_recall(embedded: Embedded, clock: MovableClock) -> None:
    house = embedded.house
    await ready(embedded, clock)
    flags: dict[str, Any] = {"date_of_birth": date(2020, 5, 5), "flags": ["fabricated_or_induced_illness"]}
    await embedded.take(events.child("c1", time=events.START + timedelta(hours=2), **flags))
    await embedded.take(version(1))
    await house.drain()
    await embedded.take(events.child("c1", time=events.START + timedelta(hours=3), **flags | {"flags": []}))
    await embedded.take(recall(agency_id="camhs-1"))
    await house.drain()
    copy = await copy_of(house, MOTHER)
    assert (copy.state, copy.why) == ("withheld", "flagged"), "it goes to family by a person's doing"


async def test_a_version_under_the_id_of_another_meetings_record_goes_to_nobody(
    embedded: Embedded, clock: MovableClock
) -> None:
    house = embedded.house
    await ready(embedded, clock)
    await embedded.take(events.meeting("m2", children=["c1"], starts_at=events.MEETING_AT + timedelta(days=60)))
    await embedded.take(version(1))
    await house.drain()
    await embedded.take(version(2, meeting_id="m2"))
    await house.drain()
    assert {each.state for each in (await standing(house)).values()} == {"sent"}
    [told] = await missing(house)
    assert "if it is another record, under an id of its own" in told["text"]
