"""From what is heard back to what goes out once more and what a coordinator is told: answers to earlier times, silence,
other times that are proposed, invitations that are asked for again.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.bootstrap import House
from services.invitations import store
from services.oversight.views import list_exceptions
from services.participation.views import explain
from tests import events
from tests.clock import MovableClock
from tests.door import Door, Embedded
from tests.integration.invitations.mailbox import Mail, read, take_in

DUTY, GP, MOTHER = "duty@teams.nhs.example", "gp-1@agencies.gov.example", "p1@family.example"
DEL = {"name": "Del Example", "email": "del@surgery.nhs.example"}
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
STARTS = datetime(2026, 3, 27, 10, 0, tzinfo=UTC)  # a Friday; asked on Monday 2 March
REMINDED = datetime(2026, 3, 23, 9, 0, tzinfo=UTC)  # four working days before
MISSED = datetime(2026, 3, 25, 9, 0, tzinfo=UTC)  # the morning after three working days before


def people() -> list[bytes]:
    """A child who waits for CAMHS and has a practice, and the child's mother."""
    return [
        events.agency("camhs-1", teams=[events.team("duty", "waiting")]),
        events.agency("gp-1"),
        events.child("c1"),
        events.relative("p1"),
        events.involvement(agency_id="camhs-1", status="waiting"),
        events.involvement(agency_id="gp-1"),
    ]


def conference(**others: Any) -> bytes:
    return events.meeting(**{"starts_at": STARTS, "ends_at": STARTS + HOUR, **others})


def moved(**others: Any) -> bytes:
    return events.rescheduled(**{"starts_at": STARTS + HOUR, "ends_at": STARTS + 2 * HOUR, **others})


async def sent(house: House) -> dict[str, Mail]:
    """Send all that is due: the invitations among what has come out of the mailbox since, by reader, of which each has
    one at most.
    """
    await house.drain()
    files = sorted((house.settings.home / "mailbox").glob("*.eml"))
    found = [read(raw) for raw in (file.read_bytes() for file in files) if b"text/calendar" in raw]
    for file in files:
        file.unlink()
    by_reader = {mail.to: mail for mail in found}
    assert len(by_reader) == len(found)
    return by_reader


async def after(door: Door, *events: bytes) -> dict[str, Mail]:
    await take_in(door, *events)
    return await sent(door.house)


async def begin(door: Door, **others: Any) -> dict[str, Mail]:
    return await after(door, *people(), conference(**others))


async def shown(house: House, who: str = "camhs-1", as_of: datetime | None = None) -> dict[str, Any]:
    """The invitation of a party as `explain` has it."""
    view = await explained(house, as_of)
    [entry] = [e for e in view["entries"] if who in (e.get("agency_id"), e.get("person_id"))]
    return dict(entry["invitation"])


async def explained(house: House, as_of: datetime | None = None) -> dict[str, Any]:
    async with house.database.read() as db:
        view = await explain(db, house.intake.policy, "m1", as_of, house.clock.now())
    assert view is not None
    return view


async def silent(house: House, *, every: bool = False) -> dict[str | None, str]:
    """Whose answer is missed, with what is said of it."""
    async with house.database.read() as db:
        found = await list_exceptions(db, every=every)
    return {
        each.get("agency_id") or each.get("person_id"): each["text"] for each in found if each["kind"] == "no_answer"
    }


async def at(house: House, clock: MovableClock, moment: datetime) -> dict[str, Mail]:
    """What has gone out once all that is due by then has been done."""
    clock.set(moment)
    return await sent(house)


async def test_an_answer_to_an_earlier_time_is_answered_with_the_present_one_once(
    house: House, door: Door, clock: MovableClock
) -> None:
    first = await begin(door)
    clock.advance(HOUR)
    second = await after(door, moved())
    assert (first[DUTY].sequence, second[DUTY].sequence) == (0, 1)
    clock.advance(HOUR)
    again = await after(door, events.answered(at=clock.now(), sequence=0, by="Ada Example"))
    assert set(again) == {DUTY}
    mail = again[DUTY]
    assert (mail.method, mail.uid, mail.sequence) == ("REQUEST", first[DUTY].uid, 1)
    assert mail.stamp > second[DUTY].stamp
    assert mail.event["dtstart"].dt == STARTS + HOUR
    assert "The time has changed since your answer" in mail.text
    assert "You answered for Friday 27 March 2026 at 10:00am." in mail.text
    assert mail.message["Message-ID"] != second[DUTY].message["Message-ID"]

    # Once for each time that the meeting has, whoever answers the old one how often.
    clock.advance(HOUR)
    assert await after(door, events.answered(answer="declined", at=clock.now(), sequence=0)) == {}
    view = await shown(house)
    assert "answer" not in view
    assert [each["answer"] for each in view["earlier_answers"]] == ["accepted", "declined"]
    assert {each["why"] for each in view["earlier_answers"]} == {"answered_an_earlier_time"}
    assert (await after(door, moved(starts_at=STARTS + 2 * HOUR, ends_at=STARTS + 3 * HOUR)))[DUTY].sequence == 2
    clock.advance(HOUR)
    assert set(await after(door, events.answered(at=clock.now(), sequence=1))) == {DUTY}

    clock.advance(HOUR)
    assert await after(door, events.answered(at=clock.now(), sequence=2)) == {}
    assert (await shown(house))["answer"] == "accepted"


async def test_whoever_answered_before_the_new_time_reached_them_is_not_asked_twice(
    house: House, embedded: Embedded, clock: MovableClock
) -> None:
    """The new time is on its way to them: an answer that crossed it is no reason for another message."""
    await begin(embedded)
    clock.advance(HOUR)
    await take_in(embedded, moved())
    await take_in(embedded, events.answered(at=clock.now(), sequence=0))
    clock.advance(HOUR)
    assert {to: mail.sequence for to, mail in (await sent(house)).items()} == {DUTY: 1, GP: 1, MOTHER: 1}
    crossed = events.answered(agency_id="gp-1", at=clock.now() - HOUR / 2, sequence=0)
    assert await after(embedded, crossed) == {}
    assert "answer" not in await shown(house)
    assert "answer" not in await shown(house, "gp-1")


async def test_nobody_is_asked_again_for_a_meeting_that_is_off_has_begun_or_no_longer_asks_them(
    house: House, embedded: Embedded, clock: MovableClock
) -> None:
    await begin(embedded)
    clock.advance(HOUR)
    await after(embedded, moved())
    clock.advance(HOUR)
    await after(embedded, events.agency("camhs-1", teams=[events.team("duty", "waiting", channels=[])], channels=[]))
    assert await after(embedded, events.answered(at=clock.now(), sequence=0)) == {}
    clock.set(STARTS + HOUR)
    assert await after(embedded, events.answered(agency_id="gp-1", at=clock.now(), sequence=0)) == {}
    clock.set(STARTS - HOUR)
    await after(embedded, events.cancelled())
    assert await after(embedded, events.answered(agency_id="gp-1", at=clock.now(), sequence=0)) == {}


async def test_an_answer_that_echoes_the_requests_stamp_is_ordered_by_its_moment_though_the_room_has_changed(
    house: House, embedded: Embedded, clock: MovableClock
) -> None:
    await begin(embedded)
    clock.advance(HOUR)
    second = (await after(embedded, events.rescheduled(starts_at=STARTS, ends_at=STARTS + HOUR, place="Room 2")))[DUTY]
    clock.advance(HOUR)
    await take_in(embedded, events.answered(answer="tentative", at=clock.now()))
    clock.advance(HOUR)
    echo = events.answered(answer="declined", at=clock.now(), sequence=0, stamp=second.stamp, reason="leave")
    await take_in(embedded, echo)
    view = await shown(house)
    assert (view["answer"], view["reason"]) == ("declined", "leave")
    assert [(each["answer"], each["why"]) for each in view["earlier_answers"]] == [("tentative", "answered_again")]


async def test_a_party_that_was_never_asked_is_shown_and_not_believed(house: House, embedded: Embedded) -> None:
    await begin(embedded)
    await take_in(
        embedded, events.agency("housing-9", "housing"), events.answered(agency_id="housing-9", by="A stranger")
    )
    view = await explained(house)
    assert [each["agency_id"] for each in view["others_answered"]] == ["housing-9"]
    assert all("answer" not in entry.get("invitation", {}) for entry in view["entries"])


async def test_whoever_has_not_answered_is_reminded_once_and_then_told_of(
    house: House, door: Door, clock: MovableClock
) -> None:
    first = await begin(door)
    clock.advance(HOUR)
    await take_in(door, events.answered(agency_id="gp-1", at=clock.now(), mode="video"))
    assert await at(house, clock, REMINDED - HOUR) == {}
    reminded = await at(house, clock, REMINDED)
    assert set(reminded) == {DUTY, MOTHER}
    mail = reminded[DUTY]
    assert (mail.uid, mail.sequence, mail.method) == (first[DUTY].uid, 0, "REQUEST")
    assert mail.stamp > first[DUTY].stamp
    assert mail.subject.startswith("Reminder: initial child protection conference")
    assert "A reminder: please answer by Tuesday 24 March 2026" in mail.text
    assert "Please tell us by Tuesday 24 March 2026, if you can." in reminded[MOTHER].text
    assert await silent(house) == {}
    assert await at(house, clock, MISSED - HOUR) == {}

    assert await at(house, clock, MISSED) == {}
    text = "Asked on 2 March 2026, and no answer by 24 March 2026."
    assert await silent(house) == {"camhs-1": text, "p1": text}
    await take_in(door, events.answered(at=clock.now(), sequence=0))
    assert set(await silent(house)) == {"p1"}
    assert (await shown(house, "p1"))["reminded_at"] == REMINDED.isoformat()
    assert await at(house, clock, STARTS + DAY) == {}


async def test_a_change_that_comes_before_the_timers_on_the_day_keeps_nobody_from_being_reminded(
    house: House, embedded: Embedded, clock: MovableClock
) -> None:
    """What resolves the meeting again takes the place of the timer that was due in the morning."""
    await begin(embedded)
    clock.set(REMINDED + HOUR)
    reminded = await after(embedded, events.agency("gp-1", name="Renamed"))
    assert set(reminded) == {DUTY, GP, MOTHER}
    assert all(mail.subject.startswith("Reminder: ") for mail in reminded.values())
    clock.advance(HOUR)
    assert await after(embedded, events.agency("gp-1", name="Renamed again")) == {}

    clock.set(MISSED + HOUR)
    await take_in(embedded, events.agency("gp-1", name="Renamed once more"))
    assert await sent(house) == {}
    assert set(await silent(house)) == {"camhs-1", "gp-1", "p1"}
    assert await house.next_due() is not None
    assert await house.tick() == 0


async def test_nobody_is_reminded_of_a_day_that_is_over(house: House, embedded: Embedded, clock: MovableClock) -> None:
    """Where nothing ran in between: what is missed is told, and no reminder goes."""
    await begin(embedded)
    assert await at(house, clock, MISSED) == {}
    assert set(await silent(house)) == {"camhs-1", "gp-1", "p1"}


async def test_a_new_time_begins_the_wait_anew(house: House, embedded: Embedded, clock: MovableClock) -> None:
    await begin(embedded)
    await at(house, clock, MISSED)
    assert set(await silent(house)) == {"camhs-1", "gp-1", "p1"}
    week = timedelta(days=7)
    assert set(await after(embedded, moved(starts_at=STARTS + week, ends_at=STARTS + week + HOUR))) == {
        DUTY,
        GP,
        MOTHER,
    }
    assert await silent(house) == {}
    late = events.answered(agency_id="gp-1", at=clock.now() - DAY, sequence=0)
    assert await after(embedded, late) == {}
    assert await silent(house) == {}
    reminded = await at(house, clock, REMINDED + week)
    assert {mail.sequence for mail in reminded.values()} == {1}
    assert set(reminded) == {DUTY, GP, MOTHER}
    await at(house, clock, MISSED + week)
    silence = await silent(house)
    assert silence["camhs-1"] == "Asked on 25 March 2026, and no answer by 31 March 2026."
    assert silence["gp-1"].endswith("the one that they gave was to an earlier time.")


@pytest.mark.parametrize("ends", ["cancelled", "held"])
async def test_a_meeting_that_is_cancelled_or_has_been_held_waits_for_no_answer(
    house: House, embedded: Embedded, clock: MovableClock, ends: str
) -> None:
    await begin(embedded)
    await at(house, clock, MISSED)
    assert len(await silent(house)) == 3
    if ends == "held":
        clock.set(STARTS + HOUR)
    await after(embedded, events.cancelled() if ends == "cancelled" else events.held(held_at=STARTS))
    assert await silent(house) == {}
    await sent(house)
    assert await at(house, clock, STARTS + 10 * DAY) == {}
    assert await silent(house) == {}


async def test_no_reminder_goes_where_the_meeting_was_cancelled_in_time(
    house: House, embedded: Embedded, clock: MovableClock
) -> None:
    await begin(embedded)
    await after(embedded, events.cancelled())
    assert await at(house, clock, MISSED + DAY) == {}
    assert await silent(house) == {}


async def test_whom_nothing_reached_owes_no_answer(house: House, embedded: Embedded, clock: MovableClock) -> None:
    """Undelivered is another thing than silence; and to an address that is not right any more nothing is sent."""
    await begin(embedded)
    await take_in(embedded, events.agency("camhs-1", teams=[events.team("duty", "waiting", channels=[])], channels=[]))
    async with house.database.write() as db:
        await store.note_failed(db, [((await _ids(db))["agency:gp-1:"], "address_refused")])
    assert set(await at(house, clock, REMINDED)) == {MOTHER}
    await at(house, clock, MISSED)
    assert set(await silent(house)) == {"p1"}


async def _ids(db: Any) -> dict[str, str]:
    return {party: each.invitation_id for party, each in (await store.of_meetings(db, ["m1"]))["m1"].items()}


async def test_whoever_is_asked_late_has_a_working_day_to_answer(
    house: House, embedded: Embedded, clock: MovableClock
) -> None:
    await begin(embedded)
    answers = [events.answered(agency_id=each, at=clock.now()) for each in ("camhs-1", "gp-1")]
    await take_in(embedded, *answers, events.answered(agency_id=None, person_id="p1", at=clock.now()))
    clock.set(MISSED)
    mails = await after(embedded, events.agency("school-1"), events.involvement(agency_id="school-1"))
    assert set(mails) == {"school-1@agencies.gov.example"}
    assert await at(house, clock, MISSED + DAY) == {}
    assert await silent(house) == {}
    assert await at(house, clock, MISSED + 2 * DAY) == {}
    assert await silent(house) == {"school-1": "Asked on 25 March 2026, and no answer by 26 March 2026."}


async def test_a_meeting_for_which_the_policy_sets_no_day_waits_for_no_answer(
    house: House, embedded: Embedded, clock: MovableClock
) -> None:
    mails = await begin(embedded, kind="strategy_discussion")
    assert MOTHER not in mails
    assert await at(house, clock, STARTS) == {}
    assert await silent(house, every=True) == {}


async def test_the_invitation_goes_again_to_whoever_asks_for_it_and_not_more_than_once_an_hour(
    house: House, embedded: Embedded, clock: MovableClock
) -> None:
    first = await begin(embedded)
    clock.advance(HOUR)
    again = await after(embedded, *(events.requested(at=clock.now()) for _ in range(20)))
    assert set(again) == {DUTY}
    assert (again[DUTY].uid, again[DUTY].sequence) == (first[DUTY].uid, 0)
    assert again[DUTY].stamp > first[DUTY].stamp
    assert "The invitation once more, as you asked" in again[DUTY].text
    clock.advance(HOUR / 2)
    assert await after(embedded, events.requested(at=clock.now())) == {}
    clock.advance(HOUR / 2)
    assert set(await after(embedded, events.requested(at=clock.now()))) == {DUTY}
    await after(embedded, events.cancelled())
    clock.advance(2 * HOUR)
    assert await after(embedded, events.requested(at=clock.now())) == {}
    assert await after(embedded, events.requested(agency_id="housing-9", at=clock.now())) == {}


async def test_another_time_that_is_proposed_is_shown_and_moves_nothing(
    house: House, embedded: Embedded, clock: MovableClock
) -> None:
    await begin(embedded)
    clock.advance(HOUR)
    other: dict[str, Any] = {"starts_at": STARTS + 5 * HOUR, "ends_at": STARTS + 6 * HOUR}
    assert (
        await after(embedded, events.countered(**other, at=clock.now(), by="Ada Example", note="Clinic till two")) == {}
    )
    view = await shown(house)
    assert view["proposed"] == [
        {
            "starts_at": (STARTS + 5 * HOUR).isoformat(),
            "ends_at": (STARTS + 6 * HOUR).isoformat(),
            "at": clock.now().isoformat(),
            "by": "Ada Example",
            "note": "Clinic till two",
            "event": view["proposed"][0]["event"],
        }
    ]
    assert "answer" not in view
    assert set(await at(house, clock, REMINDED)) == {GP, MOTHER}
    await at(house, clock, MISSED)
    assert "they propose another time" in (await silent(house))["camhs-1"]


async def test_what_was_known_of_answers_at_a_moment_can_be_asked_for_afterwards(
    house: House, embedded: Embedded, clock: MovableClock
) -> None:
    await begin(embedded)
    clock.advance(HOUR)
    await take_in(embedded, events.answered(at=clock.now(), sequence=0, delegate=DEL))
    heard_at = clock.now()
    clock.advance(DAY)
    await after(embedded, moved())
    clock.advance(DAY)
    assert "answer" not in await shown(house)
    then = await shown(house, as_of=heard_at)
    assert (then["answer"], then["delegate"], then["sequence"]) == ("accepted", DEL, 0)
    assert "answer" not in await shown(house, as_of=heard_at - HOUR / 2)
