"""Reports and care plans from event to letter, list and exception: asked for, reminded of, received, late, missed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from services.bootstrap import House
from services.foundation import timers
from services.foundation.servers import SmtpServer
from services.oversight.views import list_exceptions
from services.participation.handlers.reports import DUE
from services.participation.views import explain
from tests import events
from tests.clock import MovableClock
from tests.door import Door
from tests.mail_server import mail_server
from tests.mailbox import Mail, messages

CAMHS, GP = "camhs-1", "gp-1"
KINDS = {"report_late", "apologies_without_report", "care_plan_not_received"}

# The conference is on Wednesday 1 April 2026: its reports are due by Monday 30 March, and reminded of on Thursday 26.
REMINDER = datetime(2026, 3, 26, 9, 0, tzinfo=UTC)
LAST_DAY = datetime(2026, 3, 30, 12, 0, tzinfo=UTC)
TOO_LATE = datetime(2026, 3, 30, 23, 0, tzinfo=UTC)  # midnight in England


def plan() -> bytes:
    return events.report(document_id="d-plan", kind="care_plan")


async def take(door: Door, *raw: bytes) -> None:
    verdicts = await door.take(*raw)
    assert {verdict.state for verdict in verdicts} <= {"accepted", "known"}


async def take_early(door: Door, *raw: bytes) -> None:
    """Take events in of which the last waits for something."""
    verdicts = await door.take(*raw)
    assert [verdict.state for verdict in verdicts] == [*["accepted"] * (len(raw) - 1), "waiting"]


async def sent(house: House) -> list[Mail]:
    """Send all that is due; the letters about reports that have come out since the last time."""
    tally = await house.drain()
    assert not tally.put_off
    found = messages(house.settings.home)
    for path in (house.settings.home / "mailbox").glob("*.eml"):
        path.unlink()
    return [Mail(each) for each in found if not any(p.get_content_type() == "text/calendar" for p in each.walk())]


def directory(status: str = "open") -> list[bytes]:
    return [
        events.agency(CAMHS),
        events.agency(GP),
        events.child(),
        events.relative(),
        events.involvement(agency_id=CAMHS, status=status),
        events.involvement(agency_id=GP),
    ]


async def invited(door: Door, kind: str = "initial_conference", status: str = "open", **more: Any) -> None:
    """Everyone is asked to a meeting, and has been told."""
    await take(door, *directory(status), events.meeting("m1", kind, **more))
    assert await sent(door.house) == []


async def asked_of(house: House, agency_id: str = CAMHS, as_of: datetime | None = None) -> dict[str, Any]:
    """What `explain` says of an agency's invitation, of reports and care plans."""
    async with house.database.read() as db:
        found = await explain(db, house.intake.policy, "m1", as_of, house.clock.now())
    assert found is not None
    [entry] = [each for each in found["entries"] if each.get("agency_id") == agency_id]
    names = ("report", "report_due", "care_plan", "care_plan_due")
    said = {name: entry.get("invitation", {})[name] for name in names if name in entry.get("invitation", {})}
    return said | {"documents": [each["document_id"] for each in entry.get("documents", ())]}


async def raised(house: House, agency_id: str = CAMHS) -> dict[str, str]:
    """The open exceptions about reports of an agency, each kind with its text."""
    async with house.database.read() as db:
        found = [each for each in await list_exceptions(db) if each["kind"] in KINDS]
    of_agency = [each for each in found if each["agency_id"] == agency_id]
    assert len({each["kind"] for each in of_agency}) == len(of_agency)
    return {each["kind"]: each["text"] for each in of_agency}


async def at(house: House, clock: MovableClock, moment: datetime) -> list[Mail]:
    """Let time pass, and what falls due by then be done."""
    clock.set(moment)
    return await sent(house)


async def test_whoever_was_asked_to_a_conference_owes_a_report_from_the_moment_the_invitation_went_out(
    house: House, embedded: Door
) -> None:
    await take(embedded, *directory(), events.meeting())
    assert await asked_of(house) == {"documents": []}
    await sent(house)
    due = TOO_LATE.isoformat()
    assert await asked_of(house) == {"report": "asked", "report_due": due, "documents": []}
    assert await asked_of(house, GP) == {"report": "asked", "report_due": due, "documents": []}
    assert await raised(house) == {}


async def test_nothing_is_owed_in_writing_where_the_kind_of_meeting_asks_for_nothing(
    house: House, embedded: Door
) -> None:
    await invited(embedded, "strategy_discussion")
    assert await asked_of(house) == {"documents": []}


async def test_relatives_owe_no_report(house: House, embedded: Door) -> None:
    await invited(embedded)
    apologies = events.answered(agency_id=None, person_id="p1", answer="declined")
    await take(embedded, apologies)
    assert await sent(house) == []
    async with house.database.read() as db:
        found = await explain(db, house.intake.policy, "m1", None, house.clock.now())
    assert found is not None
    [mother] = [each for each in found["entries"] if each.get("person_id") == "p1"]
    assert (mother["invitation"]["answer"], "report" in mother["invitation"]) == ("declined", False)


async def test_apologies_of_camhs_ask_at_once_for_a_report_and_the_care_plan(house: House, door: Door) -> None:
    await invited(door, "strategy_discussion")
    await take(door, events.answered(answer="declined", note="We are full."))
    [letter] = await sent(house)
    assert letter.to == "camhs-1@agencies.gov.example"
    assert letter.subject.startswith("Report and care plan wanted: strategy discussion, Wednesday 1 April 2026, ref ")
    for words in (
        "Thank you for telling us that you cannot come",
        "a short report, by Tuesday 31 March 2026",
        "your care plan for the child, by Tuesday 31 March 2026",
        "What is working well? What are we worried about? What needs to happen?",
        "OFFICIAL-SENSITIVE",
        "DO NOT TELL THE FAMILY YET",
    ):
        assert words in letter.text
    said = await asked_of(house)
    assert (said["report"], said["care_plan"]) == ("asked", "asked")
    assert said["report_due"] == said["care_plan_due"] == "2026-03-31T23:00:00+00:00"


async def test_apologies_of_others_ask_for_a_report_alone(house: House, embedded: Door) -> None:
    await invited(embedded, "strategy_discussion")
    await take(embedded, events.answered(agency_id=GP, answer="declined"))
    [letter] = await sent(house)
    assert letter.subject.startswith("Report wanted: ")
    assert "care plan" not in letter.text
    assert "when the child was last seen and how often" in letter.text
    assert "care_plan" not in await asked_of(house, GP)


async def test_a_child_who_only_waits_gets_a_short_form(house: House, embedded: Door) -> None:
    await invited(embedded, status="waiting")
    await take(embedded, events.answered(answer="declined"))
    [letter] = await sent(house)
    assert "Known to us since: Last reviewed: Risk at triage: Not yet seen, because:" in letter.text


async def test_a_letter_about_a_report_names_no_child_in_its_subject_and_carries_the_invitations_own_addresses(
    house: House, embedded: Door
) -> None:
    await invited(embedded)
    await take(embedded, events.answered(answer="declined"))
    [letter] = await sent(house)
    assert "AB" not in letter.subject
    assert letter.message["From"].addresses[0].username.startswith("reply+")
    assert letter.message["Return-Path"].startswith("<bounce+")


async def test_the_same_apologies_again_ask_for_nothing_more(house: House, embedded: Door, clock: MovableClock) -> None:
    await invited(embedded)
    apologies = events.answered(answer="declined")
    await take(embedded, apologies)
    assert len(await sent(house)) == 1
    clock.advance(timedelta(days=1))
    await take(embedded, apologies)
    await take(embedded, events.answered(answer="declined", note="As I said", at=clock.now()))
    assert await sent(house) == []
    assert (await asked_of(house))["care_plan_due"] == TOO_LATE.isoformat()


async def test_whoever_comes_after_all_owes_no_care_plan(house: House, embedded: Door, clock: MovableClock) -> None:
    await invited(embedded)
    await take(embedded, events.answered(answer="declined"))
    assert len(await sent(house)) == 1
    clock.advance(timedelta(hours=1))
    await take(embedded, events.answered(answer="accepted", at=clock.now()))
    assert "care_plan" not in await asked_of(house)
    assert (await asked_of(house))["report"] == "asked"
    await at(house, clock, TOO_LATE)
    assert set(await raised(house)) == {"report_late"}


async def test_apologies_that_were_overtaken_before_they_were_learnt_of_ask_for_nothing(
    house: House, embedded: Door, clock: MovableClock
) -> None:
    await invited(embedded, "strategy_discussion")
    clock.advance(timedelta(hours=1))
    await take(embedded, events.answered(answer="accepted", at=events.NOW + timedelta(minutes=2)))
    await take(embedded, events.answered(answer="declined", at=events.NOW + timedelta(minutes=1)))
    assert await sent(house) == []
    assert await asked_of(house) == {"documents": []}


async def test_apologies_that_are_learnt_of_before_the_meeting_itself_ask_for_a_report_after_the_invitation(
    house: House, embedded: Door
) -> None:
    await take_early(embedded, *directory(), events.answered(agency_id=GP, answer="declined"))
    await take(embedded, events.meeting("m1", "strategy_discussion"))
    [letter] = await sent(house)
    assert (letter.to, letter.subject[:15]) == ("gp-1@agencies.gov.example", "Report wanted: ")


async def test_a_reminder_goes_once_and_not_to_those_whose_report_has_come(
    house: House, embedded: Door, clock: MovableClock
) -> None:
    await invited(embedded)
    await take(embedded, events.report(agency_id=GP))
    assert await at(house, clock, REMINDER - timedelta(minutes=1)) == []
    [letter] = await at(house, clock, REMINDER)
    assert letter.to == "camhs-1@agencies.gov.example"
    assert letter.subject.startswith("Reminder: report wanted: initial child protection conference, ")
    assert "your report, by Monday 30 March 2026" in letter.text
    for moment in (REMINDER + timedelta(hours=1), LAST_DAY, TOO_LATE, events.MEETING_AT):
        assert await at(house, clock, moment) == []


async def test_a_report_that_comes_while_the_reminder_waits_keeps_it_from_going(
    house: House, embedded: Door, clock: MovableClock
) -> None:
    await invited(embedded)
    clock.set(REMINDER)
    await house.tick()
    await take(embedded, events.report(), events.report(agency_id=GP))
    assert await sent(house) == []


async def test_nobody_is_reminded_at_an_address_that_is_not_the_right_one_any_more(
    house: House, embedded: Door, clock: MovableClock
) -> None:
    await invited(embedded)
    clock.set(REMINDER)
    await house.tick()
    await take(embedded, events.agency(CAMHS, channels=[]))
    assert [each.to for each in await sent(house)] == ["gp-1@agencies.gov.example"]


async def test_a_report_in_time_is_received_and_one_after_the_time_is_late(
    house: House, door: Door, clock: MovableClock
) -> None:
    await invited(door)
    await at(house, clock, LAST_DAY)
    await take(door, events.report(at=clock.now()))
    assert (await asked_of(house))["report"] == "received"
    await at(house, clock, TOO_LATE + timedelta(hours=9))
    assert await raised(house) == {}
    text = (await raised(house, GP))["report_late"]
    assert text == (
        "Their report for the initial child protection conference on 1 April 2026 was due by 30 March 2026 "
        "and has not come."
    )
    assert (await asked_of(house, GP))["report"] == "late"
    await take(door, events.report(agency_id=GP, document_id="d2", at=clock.now()))
    assert await raised(house, GP) == {}
    said = await asked_of(house, GP)
    assert (said["report"], said["documents"]) == ("late", ["d2"])
    assert (await asked_of(house, GP, as_of=LAST_DAY))["report"] == "asked"


async def test_apologies_without_a_report_are_one_exception_and_not_two(
    house: House, embedded: Door, clock: MovableClock
) -> None:
    await invited(embedded)
    await at(house, clock, TOO_LATE)
    assert set(await raised(house)) == {"report_late"}
    await take(embedded, events.answered(answer="declined", at=clock.now(), will_report=True))
    assert set(await raised(house)) == {"apologies_without_report"}
    [letter] = await sent(house)
    assert "a short report, as soon as you can, before the meeting begins" in letter.text
    assert (await raised(house))["apologies_without_report"] == (
        "They sent apologies (known since 31 March 2026) for the initial child protection conference on 1 April 2026. "
        "Their report was due by 30 March 2026 and has not come. They said that they would send one."
    )
    await at(house, clock, events.MEETING_AT)
    assert set(await raised(house)) == {"apologies_without_report", "care_plan_not_received"}


async def test_a_care_plan_is_not_a_report_and_each_settles_its_own(
    house: House, embedded: Door, clock: MovableClock
) -> None:
    await invited(embedded)
    await take(embedded, events.answered(answer="declined"))
    await at(house, clock, TOO_LATE)
    assert set(await raised(house)) == {"apologies_without_report", "care_plan_not_received"}
    await take(embedded, plan())
    assert set(await raised(house)) == {"apologies_without_report"}
    await take(embedded, events.report(document_id="d-report"))
    assert await raised(house) == {}
    assert (await asked_of(house))["documents"] == ["d-plan", "d-report"]


async def test_a_new_time_moves_the_dates_and_answers_to_the_old_one_ask_for_nothing(
    house: House, embedded: Door, clock: MovableClock
) -> None:
    await invited(embedded)
    await take(embedded, events.answered(answer="declined"))
    assert len(await sent(house)) == 1
    clock.advance(timedelta(days=1))
    await take(embedded, events.rescheduled(starts_at=events.MEETING_AT + timedelta(days=20)))
    await sent(house)
    said = await asked_of(house)
    assert said == {"report": "asked", "report_due": "2026-04-17T23:00:00+00:00", "documents": []}
    assert await at(house, clock, TOO_LATE) == []
    assert await raised(house) == {}
    assert len(await at(house, clock, datetime(2026, 4, 15, 8, 0, tzinfo=UTC))) == 2
    await take(embedded, events.answered(answer="declined", at=clock.now()))
    [letter] = await sent(house)
    assert "a short report, by Friday 17 April 2026" in letter.text


async def test_a_meeting_that_moves_into_reach_takes_reports_until_it_begins(
    house: House, embedded: Door, clock: MovableClock
) -> None:
    await invited(embedded)
    soon = events.NOW + timedelta(days=1)
    await take(embedded, events.rescheduled(starts_at=soon))
    await sent(house)
    assert (await asked_of(house))["report_due"] == soon.isoformat()
    await take(embedded, events.answered(answer="declined"))
    [letter] = await sent(house)
    assert "a short report, as soon as you can, before the meeting begins" in letter.text
    await at(house, clock, soon)
    assert "was due before the meeting and has not come" in (await raised(house))["apologies_without_report"]


async def test_a_cancelled_meeting_asks_for_nothing_more(house: House, embedded: Door, clock: MovableClock) -> None:
    await invited(embedded)
    await take(embedded, events.answered(answer="declined"))
    assert len(await sent(house)) == 1
    await take(embedded, events.cancelled())
    assert await at(house, clock, REMINDER) == []
    assert await at(house, clock, events.MEETING_AT) == []
    assert await raised(house) == {}
    assert await asked_of(house) == {"documents": []}


async def test_a_held_meeting_stops_reminders_and_keeps_what_is_missing(
    house: House, embedded: Door, clock: MovableClock
) -> None:
    await invited(embedded)
    clock.set(REMINDER - timedelta(hours=1))
    await take(embedded, events.held(held_at=clock.now()))
    assert set(await raised(house)) == {"report_late"}
    assert await at(house, clock, REMINDER) == []
    await take(embedded, events.report(at=clock.now()))
    assert await raised(house) == {}
    assert set(await raised(house, GP)) == {"report_late"}


async def test_apologies_that_only_the_register_of_the_meeting_knows_are_seen_and_nobody_is_written_to(
    house: House, embedded: Door, clock: MovableClock
) -> None:
    await invited(embedded, "strategy_discussion")
    await take(embedded, events.answered(agency_id=GP, answer="declined"))
    assert len(await sent(house)) == 1
    clock.set(events.MEETING_AT + timedelta(hours=3))
    lines = [events.attended(CAMHS, "apologies"), events.attended(GP, "present")]
    await take(embedded, events.held(attendance=lines))
    assert await sent(house) == []
    assert await raised(house, GP) == {}
    assert await raised(house) == {
        "apologies_without_report": "They sent apologies (so says the register) for the strategy discussion on 1 April "
        "2026. No report of theirs has come."
    }
    await take(embedded, events.report(at=clock.now()))
    assert await raised(house) == {}


async def test_whose_invitation_a_person_took_back_owes_nothing(
    house: House, embedded: Door, clock: MovableClock
) -> None:
    await invited(embedded)
    taken_back = {"agency_id": CAMHS, "reason": "conflict_of_interest", "note": "Decided by the chair"}
    await take(embedded, events.meeting(do_not_invite=[taken_back]))
    await sent(house)
    assert "report" not in await asked_of(house)
    await at(house, clock, TOO_LATE)
    assert (await raised(house), set(await raised(house, GP))) == ({}, {"report_late"})


async def test_a_report_of_an_agency_that_was_not_asked_is_kept_and_shown(house: House, embedded: Door) -> None:
    await take(embedded, events.agency("voluntary-1"))
    await invited(embedded)
    await take(embedded, events.report(agency_id="voluntary-1", document_id="d9"))
    async with house.database.read() as db:
        found = await explain(db, house.intake.policy, "m1", None, house.clock.now())
    assert found is not None
    [document] = found["documents"]
    assert (document["agency_id"], document["document_id"], document["held"]) == ("voluntary-1", "d9", False)


async def test_a_letter_that_does_not_reach_whoever_sent_apologies_is_told_of_at_once(
    house: House, embedded: Door
) -> None:
    await invited(embedded, "strategy_discussion")
    await take(embedded, events.answered(answer="declined"))
    async with mail_server() as server:
        server.script["RCPT"] = ["550 5.1.1 no such mailbox"]
        async with house.mailer(SmtpServer(f"smtp://127.0.0.1:{server.port}?tls=none")) as mailer:
            await mailer.drain()
    text = (await raised(house))["apologies_without_report"]
    assert text.endswith("The letter that asks them for the report has not reached them: ask them another way.")
    await take(embedded, events.report(), plan())
    assert await raised(house) == {}


async def test_handlers_that_run_again_write_no_second_letter(
    house: House, embedded: Door, clock: MovableClock
) -> None:
    await invited(embedded)
    await take(embedded, events.answered(answer="declined"))
    clock.set(REMINDER)
    first = await sent(house)
    async with house.database.write() as db:
        work = house.intake.work(db)
        work.arm(DUE, "m1", clock.now())
        await house.intake.finish(work)
    assert await sent(house) == []
    ids = [str(each.message["Message-ID"]) for each in first]
    assert len(set(ids)) == len(ids) == 3  # what apologies ask for, and a reminder to both


async def test_a_meeting_waits_for_its_next_moment_with_one_timer(
    house: House, embedded: Door, clock: MovableClock
) -> None:
    async def armed() -> list[datetime]:
        query = select(timers.timers.c.due_at).where(timers.timers.c.name == DUE)
        async with house.database.read() as db:
            return list((await db.execute(query)).scalars())

    await invited(embedded)
    assert await armed() == [REMINDER]
    await at(house, clock, REMINDER)
    assert await armed() == [TOO_LATE]
    await at(house, clock, TOO_LATE)
    assert await armed() == []


@pytest.mark.parametrize("order", [lambda some: some, lambda some: some[::-1]], ids=["in order", "backwards"])
async def test_an_event_that_comes_twice_is_one(
    house: House, door: Door, order: Callable[[list[bytes]], list[bytes]]
) -> None:
    await invited(door)
    some = [events.answered(answer="declined"), events.report(), plan()]
    for each in order(some) + some:
        await take(door, each)
    assert (await asked_of(house))["documents"].count("d1") == 1
    assert await raised(house) == {}
