"""What comes back about a copy of a record or a notice: given back, arrived, filed, or something for a person."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from services.bootstrap import House
from services.intake.store import journal
from services.invitations.tokens import local_part
from services.post.inbox.settle import CannotSettle, Given, settle
from services.records.rules.dispatch import RECALLED, Dispatch
from services.records.store import dispatches
from tests import events
from tests.clock import MovableClock
from tests.door import Embedded
from tests.integration.post.inbox.partnership import take, waiting
from tests.mail import copies
from tests.mail.copies import SHAPES
from tests.mailbox import of_kind, plain

ON_ONE_STORE = pytest.mark.parametrize("store", ["sqlite"], indirect=True)
ADA = "Ada Example <in@camhs-1.example>"


def _email(address: str, *, secure: bool = True) -> dict[str, Any]:
    return {"kind": "email", "address": address, "secure": secure, "verified_on": events.NOW.date()}


CAMHS = [_email("in@camhs-1.example"), _email("desk@camhs-1.example", secure=False)]


class Copies:
    """The copies of a record that have gone out, by party."""

    def __init__(self, house: House, some: list[Dispatch]) -> None:
        self.house = house
        self.by_party = {each.agency_id or each.person_id: each for each in some}

    def address(self, party: str, use: str = "reply") -> str:
        """A copy's own address."""
        settings = self.house.settings
        return f"{local_part(settings.key, use, self.by_party[party].dispatch_id)}@{settings.mail_domain}"

    def message_id(self, party: str, letter: str = "record") -> str:
        return f"{self.by_party[party].dispatch_id}.{letter}@{self.house.settings.mail_domain}"


async def sent(house: House, clock: MovableClock) -> Copies:
    """Minutes that have gone to CAMHS, to a school and to a mother."""
    taken = await Embedded(house).take(
        events.agency("camhs-1", channels=CAMHS),
        events.agency("school-1", channels=[_email("in@school-1.example")]),
        events.child("c1"),
        events.involvement(person_id="c1", agency_id="camhs-1"),
        events.involvement(person_id="c1", agency_id="school-1"),
        events.meeting("m1", children=["c1"]),
        events.record(sections=[events.section("The waiting list is reviewed in May.")]),
    )
    assert {verdict.state for verdict in taken} == {"accepted"}
    await house.drain()
    clock.advance(timedelta(hours=1))
    async with house.database.read() as db:
        return Copies(house, (await dispatches.about(db, ["r1"]))["r1"])


def letter(house: House) -> str:
    """The words of the letter that brought CAMHS its copy, as they stand in a mailbox."""
    [found] = [each for each in of_kind(house.settings.home, "record") if each["To"] == "in@camhs-1.example"]
    return plain(found)


async def heard(house: House) -> list[tuple[str, str | None, dict[str, Any]]]:
    """What was told of dispatches: the event, what is confirmed by it, and all that it says."""
    query = select(journal.c.raw).where(journal.c.type.like("quorate.dispatch.%")).order_by(journal.c.seq)
    async with house.database.read() as db:
        told = [json.loads(raw) for raw in (await db.execute(query)).scalars()]
    return [(each["type"].split(".")[2], each["data"].get("what"), each["data"]) for each in told]


@pytest.mark.parametrize("shape", SHAPES)
async def test_a_reply_that_says_that_it_is_filed_is_heard(house: House, clock: MovableClock, shape: str) -> None:
    copy = await sent(house, clock)
    raw = SHAPES[shape]("Filed, thanks.", sender=ADA, to=copy.address("camhs-1"), ours=letter(house))
    [row] = await take(house, raw)
    assert (row["state"], row["why"], row["meeting_id"]) == ("understood", None, "m1")
    [(what, filed, data)] = await heard(house)
    assert (what, filed, data["how"], data["meeting_id"]) == ("confirmed", "filed", "mail", "m1")
    assert data["dispatch_id"] == copy.by_party["camhs-1"].dispatch_id
    assert data["by"] == "Ada Example (in@camhs-1.example)"
    assert await waiting(house) == []


@ON_ONE_STORE
@pytest.mark.parametrize("shape", ["outlook", "apple", "nhsmail"])
async def test_what_somebody_writes_into_our_own_words_is_read_by_a_person(
    house: House, clock: MovableClock, shape: str
) -> None:
    copy = await sent(house, clock)
    ours = letter(house).splitlines()
    ours.insert(len(ours) // 2, "They have moved to Derby since.")
    raw = SHAPES[shape]("Filed.", sender=ADA, to=copy.address("camhs-1"), ours="\n".join(ours))
    [row] = await take(house, raw)
    assert (row["state"], row["why"]) == ("for_a_person", "human_text")
    assert [each[:2] for each in await heard(house)] == [("confirmed", "filed")]


@ON_ONE_STORE
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("words", ["Not filed yet.", "Who filed this?", "It will be filed tomorrow.", "Filed?"])
async def test_whatever_else_is_said_is_read_by_a_person(
    house: House, clock: MovableClock, shape: str, words: str
) -> None:
    copy = await sent(house, clock)
    [row] = await take(house, SHAPES[shape](words, sender=ADA, to=copy.address("camhs-1")))
    assert (row["state"], row["why"]) == ("for_a_person", "human_text")
    assert await heard(house) == []
    [exception] = await waiting(house)
    assert exception["meeting_id"] == "m1"


@ON_ONE_STORE
async def test_the_same_reply_by_two_ways_has_one_effect(house: House, clock: MovableClock) -> None:
    copy = await sent(house, clock)
    raw = copies.gmail("Filed", sender=ADA, to=copy.address("camhs-1"))
    await take(house, raw, b"Received: from a\r\n\tby b; now\r\n" + raw)
    await take(house, raw, recipients=[copy.address("camhs-1")])
    assert len(await heard(house)) == 1


@ON_ONE_STORE
async def test_words_beside_it_are_read_by_a_person_and_what_is_filed_is_filed(
    house: House, clock: MovableClock
) -> None:
    copy = await sent(house, clock)
    words = "Filed.\n\nTheir mother says that they move on Friday."
    [row] = await take(house, copies.gmail(words, sender=ADA, to=copy.address("camhs-1")))
    assert (row["state"], row["why"]) == ("for_a_person", "human_text")
    assert [each[:2] for each in await heard(house)] == [("confirmed", "filed")]


async def test_a_care_plan_that_answers_a_copy_is_not_lost(house: House, clock: MovableClock) -> None:
    copy = await sent(house, clock)
    [row] = await take(house, copies.with_file("Filed.", sender=ADA, to=copy.address("camhs-1")))
    assert (row["state"], row["why"], row["meeting_id"]) == ("for_a_person", "file_about_a_copy", "m1")
    assert await heard(house) == []
    assert len(await waiting(house)) == 1


@ON_ONE_STORE
async def test_a_person_enters_what_somebody_says_in_words_of_their_own(house: House, clock: MovableClock) -> None:
    copy = await sent(house, clock)
    words = "We have put it with the other letters about them."
    [row] = await take(house, copies.gmail(words, sender=ADA, to=copy.address("camhs-1")))
    done = await settle(house.intake, row, Given("Pat Coordinator", by="Ada Example", confirmed="filed"))
    assert (done["state"], done["settled_by"]) == ("settled", "Pat Coordinator")
    [(what, filed, data)] = await heard(house)
    assert (what, filed, data["how"]) == ("confirmed", "filed", "told")
    assert data["by"] == "Ada Example (entered by Pat Coordinator)"
    assert await waiting(house) == []


@ON_ONE_STORE
async def test_what_is_about_no_copy_says_of_none_that_it_is_filed(house: House, clock: MovableClock) -> None:
    await sent(house, clock)
    [row] = await take(house, copies.gmail("Filed", sender=ADA, to="meetings@quorate.example"))
    with pytest.raises(CannotSettle, match="which copy"):
        await settle(house.intake, row, Given("Pat Coordinator", confirmed="filed"))
    assert await heard(house) == []


@ON_ONE_STORE
async def test_a_program_that_answers_for_somebody_absent_says_nothing(house: House, clock: MovableClock) -> None:
    copy = await sent(house, clock)
    [row] = await take(house, copies.out_of_office(sender=ADA, to=copy.address("camhs-1")))
    assert (row["state"], row["kind"]) == ("understood", "auto_reply")
    assert await heard(house) == []


@ON_ONE_STORE
async def test_a_mark_that_was_made_up_lets_nobody_in(house: House, clock: MovableClock) -> None:
    copy = await sent(house, clock)
    address = copy.address("camhs-1")
    forged = address.replace(address[40:44], "0000" if address[40:44] != "0000" else "1111")
    changed = address.replace("reply+", "bounce+")
    rows = await take(
        house,
        copies.gmail("Filed", sender=ADA, to=forged),
        copies.given_back("in@camhs-1.example", to=changed),
    )
    assert [row["why"] for row in rows] == ["forged_token"] * 2
    assert await heard(house) == []


@ON_ONE_STORE
async def test_nobody_else_says_that_an_agencys_copy_is_filed(house: House, clock: MovableClock) -> None:
    """A domain that they share shows nothing: on `nhs.net` it is shared by most of those who get copies."""
    copy = await sent(house, clock)
    rows = await take(
        house,
        copies.gmail("Filed", sender="Someone <someone@elsewhere.example>", to=copy.address("camhs-1")),
        copies.apple("Filed", sender="office@school-1.example", to=copy.address("camhs-1")),
        copies.apple("Filed", sender="in@school-1.example", to=copy.address("camhs-1")),
        copies.gmail("Filed", sender="A colleague <colleague@camhs-1.example>", to=copy.address("camhs-1")),
        copies.gmail("Filed", sender="desk@camhs-1.example", to=copy.address("camhs-1")),
    )
    assert [row["why"] for row in rows] == ["unknown_replier"] * 5
    assert await heard(house) == []


@ON_ONE_STORE
async def test_another_secure_address_on_record_may_say_it(house: House, clock: MovableClock) -> None:
    copy = await sent(house, clock)
    channels = [*CAMHS, _email("ada@camhs-1.example")]
    await Embedded(house).take(events.agency("camhs-1", channels=channels, time=events.NOW))
    await take(house, copies.gmail("Filed", sender="ada@camhs-1.example", to=copy.address("camhs-1")))
    assert [each[:2] for each in await heard(house)] == [("confirmed", "filed")]


@ON_ONE_STORE
async def test_an_answer_to_two_copies_at_once_is_read_by_a_person(house: House, clock: MovableClock) -> None:
    copy = await sent(house, clock)
    both = f"{copy.address('camhs-1')}, {copy.address('school-1')}"
    [row] = await take(house, copies.gmail("Filed", sender=ADA, to=both))
    assert (row["why"], row["meeting_id"]) == ("several_invitations", None)
    assert await heard(house) == []


async def test_a_copy_that_comes_back_is_told_of(house: House, clock: MovableClock) -> None:
    copy = await sent(house, clock)
    raw = copies.given_back(
        "in@camhs-1.example", to=copy.address("camhs-1", "bounce"), message_id=copy.message_id("camhs-1")
    )
    [row] = await take(house, raw)
    assert (row["state"], row["kind"], row["why"]) == ("understood", "bounce", None)
    [(what, _, data)] = await heard(house)
    assert (what, data["address"], data["status"], data["permanent"]) == (
        "bounced",
        "in@camhs-1.example",
        "5.1.1",
        True,
    )


@ON_ONE_STORE
async def test_a_copy_that_arrives_and_one_that_is_late_are_told_of(house: House, clock: MovableClock) -> None:
    copy = await sent(house, clock)
    await take(
        house,
        copies.given_back(
            "in@camhs-1.example", to=copy.address("camhs-1", "bounce"), action="delivered", status="2.0.0"
        ),
        copies.given_back(
            "in@school-1.example", to=copy.address("school-1", "bounce"), action="delayed", status="4.4.1"
        ),
    )
    assert {(what, data.get("permanent")) for what, _, data in await heard(house)} == {
        ("received", None),
        ("bounced", False),
    }


@ON_ONE_STORE
@pytest.mark.parametrize(
    ("named", "letter"),
    [
        ("record", None),
        ("notice", None),
        ("plan", None),
        ("record_reminder", "reminder"),
        ("reminder", "reminder"),
        ("recall", "recall"),
        ("code.0123456789abcdef", "code"),
    ],
)
async def test_what_became_of_another_letter_is_told_of_that_letter(
    house: House, clock: MovableClock, named: str, letter: str | None
) -> None:
    copy = await sent(house, clock)
    to, message_id = copy.address("camhs-1", "bounce"), copy.message_id("camhs-1", named)
    for action, status in (("delivered", "2.0.0"), ("failed", "5.1.1")):
        await take(
            house,
            copies.given_back("in@camhs-1.example", to=to, action=action, status=status, message_id=message_id),
        )
    assert [(what, data.get("letter")) for what, _, data in await heard(house)] == [
        ("received", letter),
        ("bounced", letter),
    ]
    async with house.database.read() as db:
        now = (await dispatches.by_ids(db, [copy.by_party["camhs-1"].dispatch_id])).popitem()[1]
    if letter is not None:
        assert (now.state, now.delivered_at, now.address) == ("sent", None, "in@camhs-1.example")
    else:
        assert (now.state, now.delivered_at is not None) == ("undelivered", True)


@ON_ONE_STORE
@pytest.mark.parametrize(
    "message_id", ["1234@relay.example", "{}.other@quorate.example", "{}.record@elsewhere.example"]
)
async def test_that_a_message_arrived_that_nobody_knows_says_nothing_of_the_copy(
    house: House, clock: MovableClock, message_id: str
) -> None:
    copy = await sent(house, clock)
    named = message_id.format(copy.by_party["camhs-1"].dispatch_id)
    to = copy.address("camhs-1", "bounce")
    [row] = await take(
        house,
        copies.given_back("in@camhs-1.example", to=to, action="delivered", status="2.0.0", message_id=named),
    )
    assert (row["state"], row["why"]) == ("understood", None)
    assert await heard(house) == []


@ON_ONE_STORE
async def test_whoever_has_a_copy_cannot_say_that_it_came_back(house: House, clock: MovableClock) -> None:
    copy = await sent(house, clock)
    rows = await take(
        house,
        copies.given_back("in@camhs-1.example", to=copy.address("camhs-1")),
        copies.given_back("somebody@elsewhere.example", to=copy.address("camhs-1", "bounce")),
        copies.given_back(
            "in@camhs-1.example", to=copy.address("camhs-1", "bounce"), message_id=copy.message_id("school-1")
        ),
    )
    assert [row["why"] for row in rows] == [
        "wrong_address",
        "bounce_of_unknown_address",
        "uid_of_another_invitation",
    ]
    assert await heard(house) == []


@ON_ONE_STORE
async def test_that_a_recalled_copy_was_filed_is_told_to_a_person(house: House, clock: MovableClock) -> None:
    copy = await sent(house, clock)
    one = copy.by_party["camhs-1"]
    async with house.database.write() as db:
        await dispatches.set_columns(db, [{"dispatch_id": one.dispatch_id, "state": RECALLED}])
    [row] = await take(house, copies.gmail("Filed", sender=ADA, to=copy.address("camhs-1")))
    assert (row["state"], row["why"]) == ("for_a_person", "recalled")
    assert [each[:2] for each in await heard(house)] == [("confirmed", "filed")]
