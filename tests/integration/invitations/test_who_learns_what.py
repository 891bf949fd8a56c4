"""Marked values go in; every message that comes out is searched for those that its reader may not have."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from services.bootstrap import House, open_house
from services.foundation import outbox
from services.foundation.settings import Settings
from tests import events
from tests.clock import MovableClock
from tests.door import Embedded
from tests.integration.invitations.mailbox import Mail, after, sent, take_in

STARTS = datetime(2027, 3, 29, 9, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
PLACE, ROOM = "77 Hidden Close, Markedtown", "Marked Room, Council House"
LINK = "https://meet.example/j/marked-link"

FIRST, SECOND = "QZA", "QZB"
OF_CHILDREN = {
    FIRST,
    SECOND,
    "5 May 2014",
    "6 June 2016",
    *(f"{n[:3]} {n[3:6]} {n[6:]}" for n in (events.nhs_number(1), events.nhs_number(2))),
    events.nhs_number(1),
    events.nhs_number(2),
}
PREFERRED = {"Markedname", "xe/xem"}
RUN_BY = {"Orla Marked-Organiser", "Char Marked-Chair"}
WORKERS = {"Wanda Marked-Worker", "Piet Marked-Officer"}
RELATIVES = {"Moira Marked-Mother", "Fred Marked-Father", "Self Marked-Child"}
NOTES = {"marked-note", "marked-reason"}
AGENCIES = {"Marked Practice", "Marked CAMHS", "Marked School", "Marked Care", "Marked Duty"}
ADDRESSES = {
    "organiser@marked.example",
    "chair@marked.example",
    "wanda@marked.example",
    "piet@marked.example",
    "gp@marked.example",
    "camhs@marked.example",
    "duty@marked.example",
    "school@marked.example",
    "care@marked.example",
    "mother@marked.example",
    "father@marked.example",
    "child@marked.example",
}
GP, CAMHS, SCHOOL, CARE = (f"{each}@marked.example" for each in ("gp", "duty", "school", "care"))
FAMILY = {"mother@marked.example", "father@marked.example", "child@marked.example"}


@pytest.fixture
def store() -> str:
    """What a message says does not hang on where state is kept."""
    return "sqlite"


def partnership() -> list[bytes]:
    """Two children of one family, with every value marked."""

    def agency(agency_id: str, kind: str, name: str, address: str, **more: Any) -> bytes:
        return events.agency(agency_id, kind, name=name, channels=[events.secure(address)], **more)

    duty = events.team("duty", "waiting", name="Marked Duty", channels=[events.secure(CAMHS)])
    chair = {"kind": "self", "child_id": "c1", "parental_responsibility": False}
    return [
        agency("a1", "gp", "Marked Practice", GP),
        agency("a2", "camhs", "Marked CAMHS", "camhs@marked.example", teams=[duty]),
        agency("a3", "school", "Marked School", SCHOOL),
        agency("a4", "childrens_social_care", "Marked Care", CARE),
        events.child(
            "c1", initials=FIRST, date_of_birth=date(2014, 5, 5), preferred_name="Markedname", pronouns="xe/xem"
        ),
        events.child("c2", initials=SECOND, date_of_birth=date(2016, 6, 6)),
        events.relative(
            "p1",
            name="Moira Marked-Mother",
            email="mother@marked.example",
            relationship=[events.tie("c1"), events.tie("c2")],
        ),
        events.relative(
            "p2", name="Fred Marked-Father", email="father@marked.example", relationship=[events.tie("c1", "father")]
        ),
        events.relative("p3", name="Self Marked-Child", email="child@marked.example", relationship=[chair]),
        events.involvement(agency_id="a1", service="gp"),
        events.involvement(agency_id="a2", service="camhs", status="waiting"),
        events.involvement(person_id="c2", agency_id="a3", service="school"),
        events.involvement(
            agency_id="a4",
            service="childrens_social_care",
            key_worker={"name": "Wanda Marked-Worker", "email": "wanda@marked.example"},
        ),
    ]


def conference(**others: Any) -> bytes:
    values: dict[str, Any] = {
        "children": ["c1", "c2"],
        "starts_at": STARTS,
        "ends_at": STARTS + HOUR,
        "place": PLACE,
        "joining_url": LINK,
        "organiser": {"name": "Orla Marked-Organiser", "email": "organiser@marked.example"},
        "chair": {"name": "Char Marked-Chair", "email": "chair@marked.example"},
        "also_invite": [{"agency_id": "a3", "reason": "marked-reason"}],
    }
    return events.meeting(**{**values, **others})


async def every_message(house: House) -> list[Mail]:
    """One message and more of each kind to each kind of reader."""
    note = {"person_id": "p2", "reason": "chairs_restriction", "note": "marked-note"}
    steps: list[Callable[[], list[bytes]]] = [
        lambda: [*partnership(), conference()],
        lambda: [
            events.rescheduled(starts_at=STARTS, ends_at=STARTS + HOUR, place=PLACE + " 2", joining_url=LINK + "2")
        ],
        lambda: [events.rescheduled(starts_at=STARTS + HOUR, ends_at=STARTS + 2 * HOUR)],
        lambda: [conference(do_not_invite=[note])],
        lambda: [events.agency("a3", "school", name="Marked School", channels=[events.secure(GP)])],
        lambda: [events.cancelled(reason="marked-reason")],
        lambda: [events.rescheduled(starts_at=STARTS + 3 * HOUR, ends_at=STARTS + 4 * HOUR)],
    ]
    mails = []
    for step in steps:
        await take_in(Embedded(house), *step())
        mails += await sent(house)
    subjects = " ".join(mail.subject for mail in mails)
    for word in ("Invitation", "New place", "New time", "Cancelled", "do not need to come", "is cancelled"):
        assert word in subjects
    assert {mail.to for mail in mails} == {GP, CAMHS, SCHOOL, CARE, *FAMILY}
    return mails


def everything(mail: Mail) -> str:
    """All that is in a message, decoded: heads, parts, calendars unfolded."""
    pieces = []
    for part in mail.message.walk():
        pieces += [f"{name}: {value}" for name, value in part.items()]
        content = part.get_payload(decode=True)
        if isinstance(content, bytes):
            pieces.append(content.decode().replace("\r\n ", "").replace("\\,", ","))
    return "\n".join(pieces)


def on_the_outside(mail: Mail) -> Iterator[str]:
    """What is seen without opening the message: subject, calendar entry, names of files, ids, boundaries."""
    yield mail.subject
    yield str(mail.message["Message-ID"])
    for name in ("summary", "location", "description", "uid"):
        yield str(mail.event[name])
    for part in mail.message.walk():
        yield part.get_filename() or ""
        yield part.get_boundary() or ""
        yield str(part["Content-Type"])


async def test_no_message_holds_an_address_but_its_readers_and_our_own(house: House) -> None:
    for mail in await every_message(house):
        found = set(re.findall(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+", everything(mail)))
        assert {each for each in found if not each.endswith("@quorate.example")} == {mail.to}
        attendees = mail.event["attendee"]
        assert str(attendees) == f"mailto:{mail.to}"
        assert not any(address in everything(mail) for address in ADDRESSES - {mail.to})


async def test_nothing_on_the_outside_says_whom_it_is_about_who_comes_or_where(house: House) -> None:
    marked = (
        OF_CHILDREN | PREFERRED | RUN_BY | WORKERS | RELATIVES | NOTES | AGENCIES | ADDRESSES | {"Hidden", "Markedtown"}
    )
    for mail in await every_message(house):
        for text in on_the_outside(mail):
            assert not [value for value in marked if value in text]


async def test_a_familys_message_names_no_child_no_relative_but_the_reader_and_no_professional_but_two(
    house: House,
) -> None:
    own = {"mother@marked.example": {"Moira Marked-Mother"}, "father@marked.example": {"Fred Marked-Father"}}
    seen = set()
    for mail in await every_message(house):
        if mail.to not in FAMILY:
            continue
        seen.add(mail.to)
        text = everything(mail)
        hidden = (OF_CHILDREN | PREFERRED | WORKERS | RELATIVES | NOTES | AGENCIES) - own.get(mail.to, set())
        assert not [value for value in hidden if value in text]
        assert not re.search(r"child protection|conference|multi-agency|social care", text, re.IGNORECASE)
    assert seen == FAMILY


async def test_an_agencys_message_names_no_relative_no_other_agency_and_no_other_worker(house: House) -> None:
    own = {
        GP: {"Marked Practice", "Marked School"},  # the school's new address is the practice's
        CAMHS: {"Marked CAMHS", "Marked Duty"},
        SCHOOL: {"Marked School"},
        CARE: {"Marked Care", "Wanda Marked-Worker"},
    }
    for mail in await every_message(house):
        if mail.to in own:
            text = everything(mail)
            assert not [value for value in (RELATIVES | AGENCIES | WORKERS) - own[mail.to] if value in text]
            assert "marked-note" not in text


async def test_the_number_and_the_preferred_name_go_to_the_kinds_that_the_policy_names(house: House) -> None:
    first = {mail.to: everything(mail) for mail in await every_message(house) if mail.sequence == 0}
    number = "{} {} {}".format(*(events.nhs_number(1)[a:b] for a, b in ((0, 3), (3, 6), (6, 10))))
    assert {to for to, text in first.items() if number in text} == {GP, CAMHS}
    assert {to for to, text in first.items() if "Markedname" in text} == {CAMHS, CARE}
    assert {to for to, text in first.items() if "xe/xem" in text} == {CAMHS, CARE}


async def test_an_agency_reads_only_of_the_children_for_whom_it_is_asked(house: House) -> None:
    mails = await after(Embedded(house), *partnership(), conference(also_invite=[]))
    assert SECOND not in everything(mails[GP])
    assert FIRST not in everything(mails[SCHOOL])


async def test_what_is_told_of_messages_sent_holds_no_name_and_no_address(house: House) -> None:
    await every_message(house)
    async with house.database.read() as db:
        query = select(outbox.outbox.c.name, outbox.outbox.c.params).where(outbox.outbox.c.channel == outbox.OUTCOME)
        told = (await db.execute(query)).all()
    assert {"quorate.invitation.sent.v1", "quorate.invitees.resolved.v1"} <= {each.name for each in told}
    hidden = OF_CHILDREN | PREFERRED | RUN_BY | WORKERS | RELATIVES | NOTES | AGENCIES | ADDRESSES | {PLACE, LINK}
    for each in told:
        assert not [value for value in hidden if value in str(each.params)]


async def test_a_strategy_discussion_says_nothing_to_the_family(house: House) -> None:
    mails = await after(Embedded(house), *partnership(), conference(kind="strategy_discussion"))
    assert {GP, CAMHS} <= set(mails)
    assert not set(mails) & FAMILY
    assert all("DO NOT TELL THE FAMILY YET" in mail.text for mail in mails.values())


@pytest.mark.parametrize("place", [ROOM, PLACE])
async def test_only_a_venue_that_the_areas_policy_lists_stands_in_the_calendar(
    make_settings: Callable[..., Awaitable[Settings]], clock: MovableClock, tmp_path: Path, place: str
) -> None:
    policy = tmp_path / "area.toml"
    policy.write_text(f'format = 1\ntitle = "An area"\nvenues = ["{ROOM}"]\n', encoding="utf-8")
    async with open_house(await make_settings(policy=policy), clock) as house:
        mails = await after(Embedded(house), *partnership(), conference(place=place))
    for mail in mails.values():
        assert str(mail.event["location"]) == (ROOM if place == ROOM else "The place is in the message")
        assert f"{place}" in mail.text
        assert mail.calendar.count(b"Hidden") == 0
