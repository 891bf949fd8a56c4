"""What comes back from mail servers: an invitation that bounced is no invitation, and goes to the next address."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from services.bootstrap import House
from services.directory import store as directory
from services.foundation import outbox
from services.foundation.letters import Attempt
from services.foundation.outbox import OutboxRow
from services.foundation.servers import SmtpServer
from services.invitations import handlers, store
from services.invitations.rules import invitation_id
from services.oversight.views import list_exceptions
from services.participation.views import explain
from tests import events
from tests.clock import MovableClock
from tests.door import Door
from tests.integration.invitations.mailbox import Mail, after, sent, take_in
from tests.mail_server import DROP, mail_server

STARTS = events.MEETING_AT
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
TEAM, OWN, SECOND, MOTHER = (
    "duty@teams.nhs.example",
    "own@trust.nhs.example",
    "two@trust.nhs.example",
    "p1@family.example",
)
CAMHS = "camhs-1"


def camhs(*channels: Any, team: bool = True, **more: Any) -> bytes:
    """CAMHS with these channels of its own, and a team for those who wait."""
    return events.agency(CAMHS, channels=list(channels), teams=[events.team("duty", "waiting")] if team else [], **more)


def people(*channels: Any, team: bool = True) -> list[bytes]:
    waiting = events.involvement(agency_id=CAMHS, status="waiting")
    return [camhs(*channels, team=team), events.child("c1"), events.relative("p1"), waiting]


async def begin(door: Door, *channels: Any, team: bool = True) -> dict[str, Mail]:
    return await after(door, *people(*channels, team=team), events.meeting())


def bounce(address: str, **more: Any) -> bytes:
    return events.bounced(address=address, at=events.NOW + HOUR, **more)


async def shown(house: House, who: str = CAMHS, meeting_id: str = "m1") -> Mapping[str, Any]:
    """The one entry of a party."""
    async with house.database.read() as db:
        view = await explain(db, house.intake.policy, meeting_id, None, house.clock.now())
    assert view is not None
    [entry] = [e for e in view["entries"] if who in (e.get("agency_id"), e.get("person_id"))]
    return dict(entry)


async def state(house: House, who: str = CAMHS) -> tuple[str, str | None]:
    """The state of a party's invitation, and where it goes."""
    invitation = (await shown(house, who))["invitation"]
    return invitation["state"], invitation["address"]


async def listed(house: House, kind: str = "undelivered", who: str = CAMHS, **which: Any) -> list[str]:
    """What is said of a party in the exceptions of a kind."""
    async with house.database.read() as db:
        found = await list_exceptions(db, **which)
    return [e["text"] for e in found if e["kind"] == kind and who in (e.get("agency_id"), e.get("person_id"))]


async def outcomes(house: House, name: str) -> list[Mapping[str, Any]]:
    async with house.database.read() as db:
        query = select(outbox.outbox.c.params).where(outbox.outbox.c.name == f"quorate.invitation.{name}.v1")
        return [row.params["data"] for row in await db.execute(query.order_by(outbox.outbox.c.outbox_id))]


# What a bounce does


async def test_what_came_back_goes_to_the_next_address_at_once_and_is_no_exception_any_more_when_that_one_takes_it(
    house: House, door: Door, clock: MovableClock
) -> None:
    first = await begin(door, events.secure(OWN))
    assert set(first) == {TEAM, MOTHER}
    clock.advance(2 * HOUR)
    await take_in(door, bounce(TEAM, sequence=0, revision=0))
    [text] = await listed(house)
    assert text.startswith("What was sent to them came back: there is no such mailbox.")
    assert "It goes to another address that is on record" in text
    assert await state(house) == ("queued", OWN)
    [told] = await outcomes(house, "undelivered")
    expected = {"reason": "bounced", "status": "5.1.1", "sequence": 0, "method": "request", "agency_id": CAMHS}
    assert expected.items() <= told.items()
    [mail] = await sent(house)
    assert (mail.to, mail.sequence, mail.uid) == (OWN, 1, first[TEAM].uid)
    assert await listed(house) == []
    assert await state(house) == ("sent", OWN)
    entry = await shown(house)
    assert (entry["decision"], entry["team_id"]) == ("invited", "duty")
    assert any("came back (there is no such mailbox)" in reason["text"] for reason in entry["reasons"])


async def test_the_next_change_in_the_directory_does_not_bring_it_back(embedded: Door) -> None:
    await begin(embedded, events.secure(OWN))
    assert set(await after(embedded, bounce(TEAM))) == {OWN}
    assert (
        await after(embedded, camhs(events.secure(OWN), name="Renamed CAMHS"), events.child("c1", initials="CD")) == {}
    )
    moved = await after(embedded, events.rescheduled())
    assert (set(moved), moved[OWN].sequence) == ({OWN, MOTHER}, 2)


async def test_the_new_reader_is_asked_by_that_message_and_from_then_the_notice_counts(
    house: House, embedded: Door, clock: MovableClock
) -> None:
    await begin(embedded, events.secure(OWN))
    assert await listed(house, "invited_late") == []
    clock.set(STARTS - DAY)
    await after(embedded, events.bounced(address=TEAM, at=clock.now(), sequence=0, revision=0))
    [late] = await listed(house, "invited_late")
    assert "Asked on 31 March 2026 for 1 April 2026" in late
    assert (await shown(house))["invitation"]["asked_at"] == clock.now().isoformat()


async def test_where_every_address_came_back_the_invitation_stands_undelivered_and_a_person_is_told_what_to_do(
    house: House, door: Door
) -> None:
    await begin(door, events.secure(OWN))
    await after(door, bounce(TEAM))
    assert await after(door, bounce(OWN, status="5.7.1")) == {}
    assert await state(house) == ("undelivered", OWN)
    [text] = await listed(house)
    assert (
        "came back: refused as a matter of policy. There is no other address that may be used: record another" in text
    )
    entry = await shown(house)
    assert entry["decision"] == "invited"
    assert any(reason["rule"] == "came_back" for reason in entry["reasons"])
    assert await listed(house, "no_usable_address") == []


async def test_whoever_cannot_be_reached_when_the_meeting_begins_was_not_invited(
    house: House, embedded: Door, clock: MovableClock
) -> None:
    await begin(embedded)
    await after(embedded, bounce(TEAM))
    clock.set(STARTS)
    await house.tick()
    [text] = await listed(house, "not_invited")
    assert text.startswith("What was sent to them came back")


async def test_what_comes_back_after_the_meeting_began_shows_that_they_were_not_invited(
    house: House, embedded: Door, clock: MovableClock
) -> None:
    await begin(embedded, events.secure(OWN))
    clock.set(STARTS + HOUR)
    await house.tick()
    assert await listed(house, "not_invited") == []
    assert await after(embedded, events.bounced(address=TEAM, status="4.4.7", at=clock.now())) == {}
    [text] = await listed(house)
    assert "it could not be delivered in time. The meeting has begun" in text
    assert len(await listed(house, "not_invited")) == 1


async def test_to_whoever_cannot_be_reached_at_all_nothing_goes_until_there_is_an_address(
    house: House, embedded: Door
) -> None:
    await begin(embedded)
    await after(embedded, bounce(TEAM))
    assert set(await after(embedded, events.rescheduled())) == {MOTHER}
    assert await state(house) == ("undelivered", TEAM)
    mails = await after(embedded, camhs(events.secure("new@trust.nhs.example")))
    assert {to: mail.event["dtstart"].dt for to, mail in mails.items()} == {"new@trust.nhs.example": STARTS + DAY}


@pytest.mark.parametrize("status", ["5.2.2", "5.7.1", "4.4.7"])
async def test_an_address_that_did_not_take_one_message_is_tried_with_the_next_where_there_is_no_other(
    house: House, embedded: Door, status: str
) -> None:
    await begin(embedded)
    assert await after(embedded, bounce(TEAM, status=status)) == {}
    assert await after(embedded, events.child("c1", initials="CD")) == {}
    mails = await after(embedded, events.rescheduled())
    assert (mails[TEAM].sequence, mails[TEAM].event["dtstart"].dt) == (1, STARTS + DAY)
    assert await state(house) == ("sent", TEAM)


async def test_a_full_mailbox_is_passed_over_for_that_meeting_alone_and_one_that_is_not_there_for_every_one(
    house: House, embedded: Door
) -> None:
    await begin(embedded, events.secure(OWN))
    assert TEAM in await after(embedded, events.meeting("m2", "core_group", starts_at=STARTS + 10 * DAY))
    assert set(await after(embedded, bounce(TEAM, status="5.2.2"))) == {OWN}
    assert (await shown(house, meeting_id="m2"))["invitation"]["address"] == TEAM
    assert set(await after(embedded, events.bounced("m2", address=TEAM, at=events.NOW + 2 * HOUR))) == {OWN}
    mails = await after(embedded, events.meeting("m3", "core_group", starts_at=STARTS + 20 * DAY))
    assert OWN in mails
    assert TEAM not in mails


async def test_a_report_that_may_be_of_no_message_of_ours_gives_the_address_up_for_no_other_meeting(
    house: House, embedded: Door
) -> None:
    await begin(embedded, events.secure(OWN))
    assert set(await after(embedded, bounce(TEAM, for_other_meetings=False))) == {OWN}
    assert TEAM in await after(embedded, events.meeting("m2", "core_group", starts_at=STARTS + 10 * DAY))


async def test_whoever_was_asked_to_another_meeting_where_nobody_is_now_is_told_of_too(
    house: House, embedded: Door
) -> None:
    await begin(embedded)
    await after(embedded, events.meeting("m2", "core_group", starts_at=STARTS + 10 * DAY))
    assert await after(embedded, bounce(TEAM)) == {}
    [text] = await listed(house, "no_usable_address")
    assert text.startswith("They were asked, and may not have read it. What was sent to Duty team came back")
    assert (await shown(house, meeting_id="m2"))["invitation"]["state"] == "sent"
    await after(embedded, events.bounced("m2", address=TEAM, at=events.NOW + HOUR))
    assert (await listed(house, "no_usable_address"), len(await listed(house))) == ([], 2)


async def test_a_new_meeting_with_nobody_to_write_to_says_that_there_is_no_usable_address(
    house: House, embedded: Door
) -> None:
    await begin(embedded)
    await take_in(embedded, bounce(TEAM))
    await after(embedded, events.meeting("m2", "core_group", starts_at=STARTS + 10 * DAY))
    entry = await shown(house, meeting_id="m2")
    assert (entry["decision"], entry["why_not"]) == ("not_invited", "no_usable_address")
    assert "invitation" not in entry
    [text] = await listed(house, "no_usable_address")
    assert "there is no such mailbox" in text


async def test_a_relative_has_one_address_and_what_comes_back_from_it_is_for_a_person(
    house: House, embedded: Door
) -> None:
    await begin(embedded)
    assert await after(embedded, bounce(MOTHER, person_id="p1")) == {}
    assert await state(house, "p1") == ("undelivered", MOTHER)
    [text] = await listed(house, who="p1")
    assert "record one that they give, or write another way" in text
    assert set(await after(embedded, events.rescheduled())) == {TEAM}
    assert set(await after(embedded, events.relative("p1", email="new@family.example"))) == {"new@family.example"}
    assert await listed(house, who="p1") == []


async def test_an_address_that_two_agencies_share_is_passed_over_for_both(house: House, embedded: Door) -> None:
    shared = events.secure("shared@trust.nhs.example", verified_on=date(2025, 1, 1))
    paediatrics = events.agency("paediatrics-1", channels=[shared, events.secure(SECOND)])
    involved = events.involvement(agency_id="paediatrics-1")
    both = [camhs(shared, events.secure(OWN), team=False), *people()[1:], paediatrics, involved, events.meeting()]
    await take_in(embedded, *both)
    assert [mail.to for mail in await sent(house)].count("shared@trust.nhs.example") == 2
    assert set(await after(embedded, bounce("shared@trust.nhs.example"))) == {OWN, SECOND}


async def test_a_cancellation_that_comes_back_is_told_where_they_had_been_asked(house: House, embedded: Door) -> None:
    await begin(embedded, events.secure(OWN))
    await after(embedded, events.cancelled())
    assert await after(embedded, bounce(TEAM, sequence=1, revision=0)) == {}
    [text] = await listed(house)
    assert text.startswith("They were asked, and do not know that the meeting will not take place.")
    assert await state(house) == ("cancelled", TEAM)


async def test_of_whom_is_not_asked_any_more_nobody_reads_that_a_meeting_is_off_that_takes_place(
    house: House, embedded: Door
) -> None:
    await begin(embedded, events.secure(OWN))
    no = {"agency_id": CAMHS, "reason": "conflict_of_interest", "note": "A parent works there."}
    await after(embedded, events.meeting(do_not_invite=[no], time=events.START + DAY))
    assert await after(embedded, bounce(TEAM, sequence=1, revision=0)) == {}
    texts = [text for text in await listed(house) if text.startswith("They were asked")]
    assert [text.partition(".")[0] for text in texts] == [
        "They were asked, and do not know that they are not asked any more"
    ]


# Which message is meant


@pytest.mark.parametrize(
    "older",
    [
        {"address": TEAM, "sequence": 0, "revision": 0},
        {"address": TEAM, "sequence": 0},
        {"address": TEAM, "at": events.NOW - HOUR},
        {"address": "former@trust.nhs.example", "sequence": 1},
    ],
)
async def test_a_bounce_of_an_older_message_changes_nothing_and_is_kept_in_the_journal(
    house: House, embedded: Door, older: dict[str, Any]
) -> None:
    await begin(embedded)
    await after(embedded, events.rescheduled())
    assert await after(embedded, events.bounced(**older, id="older")) == {}
    assert await state(house) == ("sent", TEAM)
    assert (await outcomes(house, "undelivered"), await listed(house)) == ([], [])
    async with house.database.read() as db:
        [kept] = await directory.bounces_of(db, [older["address"]])
    assert kept.cause.id == "older"


async def test_what_is_only_delayed_changes_nothing(house: House, door: Door) -> None:
    await begin(door, events.secure(OWN))
    assert await after(door, bounce(TEAM, status="4.4.1", permanent=False)) == {}
    assert await state(house) == ("sent", TEAM)
    async with house.database.read() as db:
        assert await directory.bounces_of(db, [TEAM]) == []


async def test_the_same_bounce_told_twice_is_one(house: House, embedded: Door) -> None:
    await begin(embedded)
    await take_in(embedded, bounce(TEAM), bounce(TEAM))
    assert len(await outcomes(house, "undelivered")) == 1


async def test_a_bounce_named_by_the_agency_alone_concerns_each_of_its_teams_at_that_address(
    house: House, embedded: Door
) -> None:
    await begin(embedded)
    await take_in(embedded, bounce(TEAM.upper()))
    assert await state(house) == ("undelivered", TEAM)


# An address that works again


async def test_an_address_that_was_verified_since_is_asked_again(
    house: House, embedded: Door, clock: MovableClock
) -> None:
    await begin(embedded, events.secure(OWN, verified_on=date(2025, 1, 1)), team=False)
    await after(embedded, bounce(OWN))
    assert await state(house) == ("undelivered", OWN)
    clock.advance(DAY)
    verified = events.secure(OWN, verified_on=clock.now().date())
    mails = await after(embedded, camhs(verified, team=False, time=clock.now()))
    assert (set(mails), mails[OWN].sequence) == ({OWN}, 1)
    assert (await state(house), await listed(house)) == (("sent", OWN), [])
    clock.advance(DAY)
    assert await after(embedded, events.bounced(address=OWN, at=clock.now())) == {}
    assert await state(house) == ("undelivered", OWN)


async def test_the_same_record_once_more_asks_nobody_again(embedded: Door, clock: MovableClock) -> None:
    await begin(embedded, events.secure(OWN), team=False)
    await after(embedded, bounce(OWN))
    clock.advance(DAY)
    assert await after(embedded, camhs(events.secure(OWN), team=False, time=clock.now())) == {}


# Delivered


async def test_what_reached_the_mailbox_is_delivered(house: House, door: Door) -> None:
    await begin(door)
    await take_in(door, events.received(address=TEAM, sequence=0, revision=0), events.received(address=TEAM))
    assert await state(house) == ("delivered", TEAM)
    [told] = await outcomes(house, "delivered")
    assert (told["sequence"], told["method"], told["agency_id"]) == (0, "request", CAMHS)


async def test_a_bounce_after_the_delivery_makes_it_undelivered(house: House, embedded: Door) -> None:
    await begin(embedded)
    await take_in(embedded, events.received(address=TEAM))
    await take_in(embedded, bounce(TEAM))
    assert await state(house) == ("undelivered", TEAM)
    assert len(await listed(house)) == 1


async def test_of_a_bounce_and_a_delivery_of_the_same_message_the_bounce_counts(house: House, embedded: Door) -> None:
    await begin(embedded)
    await take_in(embedded, bounce(TEAM))
    await take_in(embedded, events.received(address=TEAM, at=events.NOW + 2 * HOUR))
    assert await state(house) == ("undelivered", TEAM)
    assert len(await listed(house)) == 1
    assert await outcomes(house, "delivered") == []


async def test_a_delivery_of_an_older_message_says_nothing_of_the_latest(house: House, embedded: Door) -> None:
    await begin(embedded)
    await after(embedded, events.rescheduled())
    await take_in(embedded, events.received(address=TEAM, sequence=0, revision=0))
    assert await state(house) == ("sent", TEAM)


async def test_word_of_delivery_ends_the_doubt_whether_the_mail_server_took_it(
    house: House, embedded: Door, clock: MovableClock
) -> None:
    await take_in(embedded, *people(), events.meeting())
    async with mail_server() as server, house.mailer(SmtpServer(f"smtp://127.0.0.1:{server.port}?tls=none")) as mailer:
        server.always["end"], server.keeps = DROP, True
        for _ in range(14):
            await mailer.drain()
            clock.advance(10 * HOUR)
    assert len(await listed(house)) == 1
    await take_in(embedded, events.received(address=TEAM, at=clock.now()))
    assert (await listed(house), (await state(house))[0]) == ([], "delivered")


# What comes back before it is noted that it went


async def claimed(house: House, to: str) -> OutboxRow:
    async with house.database.read() as db:
        columns = [outbox.outbox.c[name] for name in ("outbox_id", "name", "key", "params", "attempts")]
        query = select(*columns).where(outbox.outbox.c.channel == outbox.MAIL).order_by(outbox.outbox.c.outbox_id)
        return next(OutboxRow(*each) for each in await db.execute(query) if each.params["to"] == to)


async def settle(house: House, clock: MovableClock, row: OutboxRow) -> None:
    async with house.database.write() as db:
        work = house.intake.work(db)
        await handlers.settled(work, [Attempt(row, "sent", clock.now(), 250)])
        await house.intake.finish(work)


@pytest.mark.parametrize("elsewhere", [True, False])
async def test_what_came_back_before_it_was_noted_as_sent_stays_undelivered(
    house: House, embedded: Door, clock: MovableClock, elsewhere: bool
) -> None:
    await take_in(embedded, *people(*([events.secure(OWN)] if elsewhere else [])), events.meeting())
    await take_in(embedded, bounce(TEAM, sequence=0, revision=0))
    await settle(house, clock, await claimed(house, TEAM))
    assert await state(house) == (("queued", OWN) if elsewhere else ("undelivered", TEAM))
    assert (len(await listed(house)), await outcomes(house, "sent")) == (1, [])
    async with house.database.read() as db:
        name = invitation_id("m1", "agency:camhs-1:duty")
        assert (await store.rows_by_id(db, [name]))[name]["asked_at"] is None
    if elsewhere:
        await settle(house, clock, await claimed(house, OWN))
        assert (await state(house), await listed(house)) == (("sent", OWN), [])


async def test_what_was_delivered_before_it_was_noted_as_sent_stays_delivered(
    house: House, embedded: Door, clock: MovableClock
) -> None:
    await take_in(embedded, *people(), events.meeting())
    await take_in(embedded, events.received(address=TEAM, sequence=0, revision=0))
    await settle(house, clock, await claimed(house, TEAM))
    assert await state(house) == ("delivered", TEAM)


async def test_what_waits_for_an_address_that_bounced_does_not_go_there(house: House, embedded: Door) -> None:
    await begin(embedded, events.secure(OWN))
    await take_in(embedded, events.rescheduled())
    await take_in(embedded, bounce(TEAM, sequence=0, revision=0))
    mails = {mail.to: mail for mail in await sent(house)}
    assert set(mails) == {OWN, MOTHER}
    assert mails[OWN].sequence == 2
