"""From an event to the messages in the mailbox, change after change."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.event import listen

from services.bootstrap import House
from services.foundation import outbox
from services.foundation.letters import Attempt
from services.foundation.outbox import OutboxRow
from services.foundation.servers import SmtpServer
from services.invitations import handlers, store
from services.oversight.views import list_exceptions
from services.participation.views import explain
from tests import events
from tests.clock import MovableClock
from tests.door import Door, Embedded
from tests.integration.invitations.mailbox import Mail, after, sent, take_in
from tests.mail_server import mail_server

STARTS = datetime(2027, 3, 29, 9, 0, tzinfo=UTC)
DUTY, GP, MOTHER = "duty@teams.nhs.example", "gp-1@agencies.gov.example", "p1@family.example"
HOUR = timedelta(hours=1)


def people(**child: Any) -> list[bytes]:
    """A child who waits for CAMHS and has a practice, and the child's mother."""
    return [
        events.agency("camhs-1", teams=[events.team("duty", "waiting")]),
        events.agency("gp-1"),
        events.child("c1", **child),
        events.relative("p1"),
        events.involvement(agency_id="camhs-1", status="waiting"),
        events.involvement(agency_id="gp-1"),
    ]


def conference(**others: Any) -> bytes:
    return events.meeting(**{"starts_at": STARTS, "ends_at": STARTS + HOUR, **others})


async def begin(door: Door, **others: Any) -> dict[str, Mail]:
    return await after(door, *people(), conference(**others))


async def shown(house: House, clock: MovableClock, who: str) -> Mapping[str, Any]:
    async with house.database.read() as db:
        view = await explain(db, house.intake.policy, "m1", None, clock.now())
    assert view is not None
    [entry] = [e for e in view["entries"] if who in (e.get("agency_id"), e.get("person_id"))]
    return dict(entry)


async def exceptions(house: House) -> set[tuple[str, str | None]]:
    async with house.database.read() as db:
        return {(each["kind"], each.get("agency_id") or each.get("person_id")) for each in await list_exceptions(db)}


async def test_one_uid_from_the_first_message_to_the_last_and_numbers_that_only_rise(door: Door) -> None:
    """The clock stands still all along."""
    steps = [await begin(door)]
    steps.append(await after(door, events.rescheduled(starts_at=STARTS, ends_at=STARTS + HOUR, place="Room 2")))
    link = "https://meet.example/1"
    steps.append(await after(door, events.rescheduled(starts_at=STARTS, ends_at=STARTS + HOUR, joining_url=link)))
    steps.append(await after(door, events.rescheduled(starts_at=STARTS + HOUR, ends_at=STARTS + 2 * HOUR)))
    steps.append(await after(door, events.cancelled()))
    steps.append(await after(door, events.rescheduled(starts_at=STARTS + 2 * HOUR, ends_at=STARTS + 3 * HOUR)))
    for reader in (DUTY, GP, MOTHER):
        mails = [step[reader] for step in steps]
        assert [mail.method for mail in mails] == ["REQUEST"] * 4 + ["CANCEL", "REQUEST"]
        assert [mail.sequence for mail in mails] == [0, 0, 0, 1, 2, 3]
        assert len({mail.uid for mail in mails}) == 1
        assert len({str(mail.event["organizer"]) for mail in mails}) == 1
        assert len({mail.message["Message-ID"] for mail in mails}) == 6
        stamps = [mail.stamp for mail in mails]
        assert stamps == sorted(set(stamps))
        assert [str(mail.event["status"]) for mail in mails] == ["CONFIRMED"] * 4 + ["CANCELLED", "CONFIRMED"]
    assert len({step[DUTY].uid for step in steps} | {step[GP].uid for step in steps}) == 2
    words = [step[DUTY].subject.partition(":")[0] for step in steps]
    assert words == ["Invitation", "New place", "New joining link", "New time", "Cancelled", "Invitation"]
    assert "The meeting was to begin on Monday 29 March 2027 at 10:00am." in steps[3][DUTY].text
    assert "You are invited again" in steps[5][DUTY].text


async def test_a_place_and_a_link_count_until_another_one_is_given(house: House, door: Door) -> None:
    await begin(door)
    link = "https://meet.example/1"
    same: dict[str, Any] = {"starts_at": STARTS, "ends_at": STARTS + HOUR}
    await take_in(door, events.rescheduled(place="Room 2", **same), events.rescheduled(joining_url=link, **same))
    await sent(house)
    moved = await after(door, events.rescheduled(starts_at=STARTS + HOUR, ends_at=STARTS + 2 * HOUR))
    assert f"Where: Room 2 Video link: {link}" in moved[GP].text


async def test_the_same_again_sends_nothing(door: Door) -> None:
    await begin(door)
    same = events.rescheduled(starts_at=STARTS, ends_at=STARTS + HOUR)
    assert await after(door, same, conference(), *people()) == {}


async def test_reschedules_that_arrive_out_of_order_leave_the_latest_to_count(door: Door) -> None:
    await begin(door)
    early = events.rescheduled(starts_at=STARTS + HOUR, ends_at=STARTS + 2 * HOUR)
    late = events.rescheduled(starts_at=STARTS + 3 * HOUR, ends_at=STARTS + 4 * HOUR)
    mails = await after(door, late)
    assert mails[DUTY].event["dtstart"].dt == STARTS + 3 * HOUR
    assert await after(door, early) == {}


async def test_a_newcomer_later_on_begins_at_sequence_0_and_nobody_else_hears_of_it(door: Door) -> None:
    await begin(door)
    await after(door, events.rescheduled(starts_at=STARTS + HOUR, ends_at=STARTS + 2 * HOUR))
    mails = await after(door, events.agency("school-1"), events.involvement(agency_id="school-1"))
    assert set(mails) == {"school-1@agencies.gov.example"}
    assert mails["school-1@agencies.gov.example"].sequence == 0
    assert mails["school-1@agencies.gov.example"].event["dtstart"].dt == STARTS + HOUR


TEN_OCLOCK = {
    "Saturday 27 March 2027, 10:00am": datetime(2027, 3, 27, 10, 0, tzinfo=UTC),
    "Sunday 28 March 2027, 10:00am": datetime(2027, 3, 28, 9, 0, tzinfo=UTC),
    "Monday 29 March 2027, 10:00am": datetime(2027, 3, 29, 9, 0, tzinfo=UTC),
    "Saturday 30 October 2027, 10:00am": datetime(2027, 10, 30, 9, 0, tzinfo=UTC),
    "Sunday 31 October 2027, 10:00am": datetime(2027, 10, 31, 10, 0, tzinfo=UTC),
}


async def test_ten_in_london_is_right_in_calendar_and_words_on_both_sides_of_the_clock_changes(
    house: House,
    embedded: Door,
) -> None:
    meetings = [
        conference(meeting_id=f"m{number}", starts_at=instant, ends_at=instant + HOUR)
        for number, instant in enumerate(TEN_OCLOCK.values())
    ]
    await take_in(embedded, *people(), *meetings)
    to_practice = [mail for mail in await sent(house) if mail.to == GP]
    for local, instant in TEN_OCLOCK.items():
        [mail] = [mail for mail in to_practice if mail.event["dtstart"].dt == instant]
        assert f"DTSTART:{instant:%Y%m%dT%H%M%SZ}\r\n".encode() in mail.calendar
        assert f"When: {local} to 11:00am (time in London)" in mail.text


async def test_a_new_address_before_the_message_has_gone_sends_it_there_and_nowhere_else(
    house: House, door: Door
) -> None:
    await take_in(door, *people(), conference())
    await take_in(door, events.agency("gp-1", channels=[events.secure("new@surgery.nhs.example")]))
    mails = await sent(house)
    assert [mail.to for mail in mails if "gp-1" in mail.to or "surgery" in mail.to] == ["new@surgery.nhs.example"]
    assert await exceptions(house) & {("undelivered", "gp-1")} == set()


async def test_a_new_address_after_the_message_has_gone_asks_there_with_the_next_sequence(door: Door) -> None:
    first = (await begin(door))[GP]
    mails = await after(door, events.agency("gp-1", channels=[events.secure("new@surgery.nhs.example")]))
    assert set(mails) == {"new@surgery.nhs.example"}
    second = mails["new@surgery.nhs.example"]
    assert (second.uid, second.sequence, second.method) == (first.uid, 1, "REQUEST")
    assert "This takes the place of any earlier invitation" in second.text


async def test_without_a_secure_address_nothing_goes_out_nothing_is_cancelled_and_a_person_is_told(
    house: House, door: Door, clock: MovableClock
) -> None:
    await take_in(door, *people(), conference())
    await take_in(door, events.agency("gp-1", channels=[events.insecure("gp-1@agencies.gov.example")]))
    assert GP not in {mail.to for mail in await sent(house)}
    assert ("no_usable_address", "gp-1") in await exceptions(house)
    moved = await after(door, events.rescheduled(starts_at=STARTS + HOUR, ends_at=STARTS + 2 * HOUR))
    assert set(moved) == {DUTY, MOTHER}
    assert (await shown(house, clock, "gp-1"))["decision"] == "not_invited"
    cancelled = await after(door, events.cancelled())
    assert set(cancelled) == {DUTY, MOTHER}
    assert (await shown(house, clock, "gp-1"))["invitation"]["state"] == "cancelled"


async def test_what_waits_for_the_family_stays_when_a_flag_says_that_a_person_decides_first(
    house: House, door: Door
) -> None:
    await take_in(door, *people(), conference())
    await take_in(door, events.child("c1", flags=["fabricated_or_induced_illness"]))
    mails = {mail.to: mail for mail in await sent(house)}
    assert set(mails) == {DUTY, GP}
    assert await after(door, events.cancelled()) != {}


async def test_a_flag_after_the_family_was_asked_sends_it_nothing_more_not_even_a_cancellation(door: Door) -> None:
    await begin(door)
    assert await after(door, events.child("c1", flags=["fabricated_or_induced_illness"])) == {}
    moved = await after(door, events.rescheduled(starts_at=STARTS + HOUR, ends_at=STARTS + 2 * HOUR))
    assert set(moved) == {DUTY, GP}
    assert "DO NOT TELL THE FAMILY YET" in moved[GP].text
    assert set(await after(door, events.cancelled())) == {DUTY, GP}


@pytest.mark.parametrize("of_child", ["c1", "c2"], ids=["of the child", "of another child of the household"])
async def test_a_cancellation_that_still_waits_goes_to_no_agency_where_family_reads_by_then(
    embedded: Embedded, of_child: str
) -> None:
    await take_in(embedded, events.child("c2"))
    await begin(embedded)
    await take_in(embedded, events.cancelled())
    await take_in(embedded, events.relative("p2", relationship=[events.tie(of_child, "father")], email=GP.upper()))
    assert {mail.to for mail in await sent(embedded.house)} == {DUTY, MOTHER}
    assert ("undelivered", "gp-1") in await exceptions(embedded.house)


@pytest.mark.parametrize(
    ("change", "who", "left"),
    [
        (lambda: events.agency("gp-1", channels=[events.insecure(GP)]), "gp-1", {DUTY, MOTHER}),
        (lambda: events.relative("p1", email=None), "p1", {DUTY, GP}),
        (lambda: events.child("c1", flags=["fabricated_or_induced_illness"]), "p1", {DUTY, GP}),
    ],
)
async def test_a_cancellation_that_still_waits_goes_to_nobody_who_may_have_nothing_by_then(
    house: House, embedded: Door, change: Callable[[], bytes], who: str, left: set[str]
) -> None:
    await begin(embedded)
    await take_in(embedded, events.cancelled())
    assert set(await after(embedded, change())) == left
    assert ("undelivered", who) in await exceptions(house)


async def test_a_withdrawal_that_still_waits_does_not_go_to_an_address_that_is_not_secure_any_more(
    house: House,
    door: Door,
) -> None:
    await begin(door)
    restricted = {"agency_id": "gp-1", "reason": "conflict_of_interest", "note": "A relative works there."}
    await take_in(door, conference(do_not_invite=[restricted]))
    assert await after(door, events.agency("gp-1", channels=[events.insecure(GP)])) == {}
    assert ("undelivered", "gp-1") in await exceptions(house)


async def test_what_still_waits_when_the_meeting_begins_does_not_go_to_an_address_that_is_not_secure_any_more(
    door: Door, clock: MovableClock
) -> None:
    await take_in(door, *people(), conference())
    clock.set(STARTS + HOUR / 2)
    assert GP not in await after(door, events.agency("gp-1", channels=[events.insecure(GP)]))


async def test_what_still_waits_when_the_meeting_has_been_held_before_its_time_does_not_go_and_a_person_is_told(
    house: House,
    door: Door,
) -> None:
    await take_in(door, *people(), conference())
    assert await after(door, events.held(held_at=events.NOW)) == {}
    assert {("undelivered", "gp-1"), ("undelivered", "p1")} <= await exceptions(house)


async def test_nothing_goes_to_an_address_that_is_not_secure_any_more_while_the_meeting_waits_to_be_resolved(
    house: House, embedded: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.meetings.handlers.AT_ONCE", 0)
    await take_in(embedded, *people(), conference())
    await take_in(embedded, events.agency("gp-1", channels=[events.insecure(GP)]))
    async with house.mailer() as mailer:
        await mailer.drain()
    assert GP not in {mail.to for mail in await sent(house)}


@pytest.mark.parametrize("restricts", [True, False])
async def test_whoever_was_asked_and_cannot_be_told_that_they_are_not_to_come_is_an_exception(
    house: House, embedded: Door, restricts: bool
) -> None:
    await begin(embedded)
    await after(embedded, events.relative("p1", email=None))
    restricted = {"person_id": "p1", "reason": "chairs_restriction", "note": "Not safe."}
    ends = conference(do_not_invite=[restricted]) if restricts else events.cancelled()
    assert MOTHER not in await after(embedded, ends)
    assert ("undelivered", "p1") in await exceptions(house)


async def test_whoever_never_was_asked_and_cannot_be_told_is_no_exception(house: House, door: Door) -> None:
    await take_in(door, *people(), conference())
    await take_in(door, events.relative("p1", email=None))
    await take_in(door, events.cancelled())
    assert MOTHER not in {mail.to for mail in await sent(house)}
    assert ("undelivered", "p1") not in await exceptions(house)


async def test_a_persons_decision_takes_back_the_invitation_of_that_one_alone(
    house: House, door: Door, clock: MovableClock
) -> None:
    first = await begin(door)
    restricted = {"agency_id": "gp-1", "reason": "conflict_of_interest", "note": "A relative works there."}
    mails = await after(door, conference(do_not_invite=[restricted]))
    assert set(mails) == {GP}
    assert (mails[GP].method, mails[GP].sequence, mails[GP].uid) == ("CANCEL", 1, first[GP].uid)
    assert str(mails[GP].event["attendee"]) == f"mailto:{GP}"
    assert mails[GP].subject.startswith("Withdrawn: ")
    assert "works there" not in mails[GP].raw.decode()
    assert (await shown(house, clock, "gp-1"))["invitation"]["state"] == "cancelled"
    assert set(await after(door, events.cancelled())) == {DUTY, MOTHER}


async def test_whoever_a_person_excluded_before_anything_had_gone_never_hears_of_the_meeting(
    house: House, door: Door
) -> None:
    await take_in(door, *people(), conference())
    restricted = {"person_id": "p1", "reason": "chairs_restriction", "note": "Not safe."}
    await take_in(door, conference(do_not_invite=[restricted]))
    assert {mail.to for mail in await sent(house)} == {DUTY, GP}
    assert await exceptions(house) & {("undelivered", "p1")} == set()


async def test_nor_does_whoever_a_person_excluded_while_the_mail_server_put_them_off(
    house: House, embedded: Door, clock: MovableClock
) -> None:
    await take_in(embedded, *people(), conference())
    async with mail_server() as server:
        server.always["RCPT"] = "451 4.7.1 greylisted"
        async with house.mailer(SmtpServer(f"smtp://127.0.0.1:{server.port}?tls=none")) as mailer:
            assert (await mailer.drain()).put_off == 3
    restricted = {"person_id": "p1", "reason": "chairs_restriction", "note": "Not safe."}
    await take_in(embedded, conference(do_not_invite=[restricted]))
    clock.advance(HOUR)
    assert {mail.to for mail in await sent(house)} == {DUTY, GP}


async def test_nor_does_whoever_a_person_excluded_while_the_mail_server_was_about_to_refuse_them(
    house: House, embedded: Door
) -> None:
    await take_in(embedded, *people(), conference())
    restricted = {"person_id": "p1", "reason": "chairs_restriction", "note": "Not safe."}
    async with mail_server() as server:
        server.always["RCPT"] = "550 5.1.1 no such mailbox"
        async with house.mailer(SmtpServer(f"smtp://127.0.0.1:{server.port}?tls=none")) as mailer:
            in_hand = await mailer._claim()
            await take_in(embedded, conference(do_not_invite=[restricted]))
            await mailer._send_all(in_hand, float("inf"), lambda: None)
            server.always.clear()
            await mailer.drain()
        assert MOTHER not in {each.to for each in server.taken}


async def test_whoever_may_have_been_reached_is_sent_the_cancellation(
    house: House, embedded: Door, clock: MovableClock
) -> None:
    """The message was in a mailer's hand when the decision came: nobody knows whether it has gone."""
    await take_in(embedded, *people(), conference())
    async with house.database.write() as db:
        claimed = await outbox.claim(db, outbox.MAIL, [handlers.LETTER], "another", 100, clock.now(), HOUR)
    assert {row.params["to"] for row in claimed} == {DUTY, GP, MOTHER}
    restricted = {"person_id": "p1", "reason": "chairs_restriction", "note": "Not safe."}
    await take_in(embedded, conference(do_not_invite=[restricted]))
    async with house.database.write() as db:
        await outbox.release(db, outbox.MAIL, clock.now())
    to_mother = [mail for mail in await sent(house) if mail.to == MOTHER]
    assert to_mother[-1].method == "CANCEL"


async def test_asked_again_after_a_decision_was_lifted_has_a_higher_sequence_than_the_cancellation(
    door: Door,
) -> None:
    await begin(door)
    restricted = {"agency_id": "gp-1", "reason": "conflict_of_interest", "note": "A relative works there."}
    await after(door, conference(do_not_invite=[restricted]))
    again = await after(door, conference())
    assert set(again) == {GP}
    assert (again[GP].method, again[GP].sequence) == ("REQUEST", 2)


async def test_nothing_goes_out_about_a_meeting_that_is_over(door: Door, clock: MovableClock) -> None:
    await begin(door)
    clock.set(STARTS + HOUR)
    moved = events.rescheduled(starts_at=STARTS - HOUR, ends_at=STARTS + HOUR)
    assert await after(door, moved, events.agency("gp-1", channels=[events.secure("new@surgery.example")])) == {}
    assert await after(door, events.cancelled()) == {}


async def test_what_had_not_gone_when_the_meeting_was_over_stays_and_a_person_is_told(
    house: House, embedded: Door, clock: MovableClock
) -> None:
    await take_in(embedded, *people(), conference())
    clock.set(STARTS + HOUR)
    assert await sent(house) == []
    assert {("undelivered", "gp-1"), ("undelivered", "camhs-1"), ("undelivered", "p1")} <= await exceptions(house)


async def test_a_meeting_of_which_two_events_of_a_batch_tell_is_asked_to_once(house: House, embedded: Door) -> None:
    """An earlier conference is noted as held in the batch that schedules the one after it."""
    before = conference(meeting_id="m0", starts_at=STARTS - 48 * HOUR, ends_at=STARTS - 47 * HOUR)
    await take_in(embedded, *people(), before)
    await sent(house)
    held = events.held("m0", held_at=STARTS - 48 * HOUR, partition_key="another")
    mails = await after(embedded, conference(kind="review_conference", follows="m0"), held)
    assert {GP, DUTY, MOTHER} <= set(mails)
    assert all(mail.sequence == 0 for mail in mails.values())


async def test_a_cancellation_never_leaves_before_the_request_under_the_same_key(
    house: House, embedded: Door, clock: MovableClock
) -> None:
    await take_in(embedded, *people(), conference())
    await take_in(embedded, events.cancelled())
    async with house.database.write() as db:
        first = await outbox.claim(db, outbox.MAIL, [handlers.LETTER], "one", 100, clock.now(), HOUR)
        second = await outbox.claim(db, outbox.MAIL, [handlers.LETTER], "two", 100, clock.now(), HOUR)
    assert {row.params["method"] for row in first} == {"request"}
    assert second == []
    async with house.database.write() as db:
        await outbox.release(db, outbox.MAIL, clock.now())
    mails = await sent(house)
    for reader in (DUTY, GP, MOTHER):
        assert [mail.method for mail in mails if mail.to == reader] == ["REQUEST", "CANCEL"]


async def test_a_message_that_is_sent_twice_is_the_same_message(
    house: House, embedded: Door, clock: MovableClock
) -> None:
    first = await begin(embedded)
    async with house.database.write() as db:
        await db.execute(outbox.outbox.update().values(state="pending", due_at=clock.now()))
    clock.advance(timedelta(minutes=5))
    second = {mail.to: mail for mail in await sent(house)}
    assert {to: mail.raw.partition(b"\r\n\r\n")[0] for to, mail in second.items()} == {
        to: mail.raw.partition(b"\r\n\r\n")[0] for to, mail in first.items()
    }
    assert {to: mail.calendar for to, mail in second.items()} == {to: mail.calendar for to, mail in first.items()}


# How attempts at sending end


async def mail_rows(house: House) -> list[OutboxRow]:
    """What has been written to the practice, oldest first."""
    async with house.database.read() as db:
        columns = [outbox.outbox.c[name] for name in ("outbox_id", "name", "key", "params", "attempts")]
        query = select(*columns).where(outbox.outbox.c.channel == outbox.MAIL).order_by(outbox.outbox.c.outbox_id)
        return [OutboxRow(*each) for each in await db.execute(query) if each.params["to"] == GP]


async def invitation(house: House, key: str) -> Mapping[Any, Any]:
    async with house.database.read() as db:
        return (await store.rows_by_id(db, [key]))[key]


async def settle(house: House, clock: MovableClock, *ends: tuple[OutboxRow, str]) -> list[str]:
    """Settle rows one after the other; returns what was told of it."""
    told = []
    async with house.database.write() as db:
        work = house.intake.work(db)
        for row, state in ends:
            code, reason = (550, "address_refused") if state == "failed" else (250, None)
            await handlers.settled(work, [Attempt(row, state, clock.now(), code, reason)])
        told = [f"{each.type.split('.')[2]} {each.data.method} {each.data.sequence}" for each in work.derived]
    return told


async def two_messages(house: House, second: Callable[[], bytes]) -> Sequence[OutboxRow]:
    await take_in(Embedded(house), *people(), conference())
    await take_in(Embedded(house), second())
    return await mail_rows(house)


def moved() -> bytes:
    return events.rescheduled(starts_at=STARTS + HOUR, ends_at=STARTS + 2 * HOUR)


async def test_what_was_sent_is_noted_with_the_moment_of_the_first_request(house: House, clock: MovableClock) -> None:
    first, second = await two_messages(house, moved)
    assert await settle(house, clock, (first, "sent")) == ["sent request 0"]
    assert (await invitation(house, first.key))["state"] == "queued"
    asked_at = clock.now()
    clock.advance(HOUR)
    assert await settle(house, clock, (second, "sent")) == ["sent request 1"]
    standing = await invitation(house, first.key)
    assert (standing["state"], standing["asked_at"]) == ("sent", asked_at)


async def test_what_is_put_off_changes_nothing(house: House, clock: MovableClock) -> None:
    first, _ = await two_messages(house, moved)
    assert await settle(house, clock, (first, "pending")) == []
    standing = await invitation(house, first.key)
    assert (standing["state"], standing["asked_at"]) == ("queued", None)


async def test_an_older_message_that_failed_says_nothing_where_a_newer_one_is_on_its_way(
    house: House, clock: MovableClock
) -> None:
    first, second = await two_messages(house, moved)
    assert await settle(house, clock, (first, "failed")) == []
    assert (await invitation(house, first.key))["state"] == "queued"
    assert await settle(house, clock, (second, "failed")) == ["undelivered request 1"]
    standing = await invitation(house, first.key)
    assert (standing["state"], standing["failure"], standing["asked_at"]) == ("undelivered", "address_refused", None)


async def test_an_older_message_that_settles_late_does_not_undo_a_cancellation(
    house: House, clock: MovableClock
) -> None:
    first, second = await two_messages(house, events.cancelled)
    assert await settle(house, clock, (first, "sent"), (second, "sent")) == ["sent request 0", "sent cancel 1"]
    assert (await invitation(house, first.key))["state"] == "cancelled"


async def test_a_cancellation_that_failed_is_told_and_stays_a_cancellation(house: House, clock: MovableClock) -> None:
    first, second = await two_messages(house, events.cancelled)
    assert await settle(house, clock, (first, "sent"), (second, "failed")) == [
        "sent request 0",
        "undelivered cancel 1",
    ]
    assert (await invitation(house, first.key))["state"] == "cancelled"


async def test_a_message_that_is_sent_after_one_failed_is_not_undelivered_any_more(
    house: House, embedded: Door, clock: MovableClock
) -> None:
    await take_in(embedded, *people(), conference())
    [first] = await mail_rows(house)
    await settle(house, clock, (first, "failed"))
    await take_in(embedded, moved())
    second = (await mail_rows(house))[-1]
    await settle(house, clock, (second, "sent"))
    standing = await invitation(house, first.key)
    assert (standing["state"], standing["failure"]) == ("sent", None)


async def test_a_batch_costs_as_many_statements_whether_it_writes_to_few_or_to_many(
    house: House, embedded: Door
) -> None:
    counted: list[str] = []
    listen(house.database.engine.sync_engine, "before_cursor_execute", lambda *args: counted.append(args[2]))
    costs = {}
    await take_in(embedded, events.agency("camhs-1", teams=[events.team("duty", "waiting")]), events.agency("gp-1"))
    for many in (2, 20):
        families = [f"f{many}-{number}" for number in range(many)]
        children = [events.child(f"c-{each}", family_id=each) for each in families]
        waits = [events.involvement(person_id=f"c-{each}", status="waiting", partition_key=each) for each in families]
        await take_in(embedded, *children, *waits)

        def meetings(change: Callable[..., bytes], some: Sequence[str] = families, **values: Any) -> list[bytes]:
            return [change(f"m-{each}", partition_key=each, **values) for each in some]

        asked = [
            events.meeting(f"m-{each}", children=[f"c-{each}"], starts_at=STARTS, partition_key=each)
            for each in families
        ]
        moved_on = meetings(events.rescheduled, starts_at=STARTS + HOUR)
        for what, batch in (("asked", asked), ("moved", moved_on), ("gone", meetings(events.cancelled))):
            counted.clear()
            await take_in(embedded, *batch)
            costs[what, many] = len(counted)
    for what in ("asked", "moved", "gone"):
        assert 0 < costs[what, 2] == costs[what, 20], costs
