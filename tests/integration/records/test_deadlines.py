"""Records are approved in time, copies reach their readers and are filed; else somebody is reminded, and then told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import permutations
from pathlib import Path

import pytest

from services.bootstrap import House
from services.foundation.letters import PATIENCE
from services.foundation.servers import SmtpServer
from services.meetings.policy import load_policy
from services.records.rules.dispatch import dispatch_id
from tests import events
from tests.clock import MovableClock
from tests.door import Door, Embedded
from tests.integration.records.copies import (
    APPROVED_AT,
    CAMHS_COPY,
    COUNCIL,
    DECISION_DUE,
    DECISION_REMINDED,
    FIRST,
    HELD_AT,
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
from tests.mail_server import DROP, mail_server
from tests.mailbox import plain, words

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
MINUTES_DUE = datetime(2026, 4, 24, 23, 0, tzinfo=UTC)
# Of a copy that was sent on the second of April; Good Friday and Easter Monday lie between.
FILING_REMINDED = datetime(2026, 4, 13, 8, 0, tzinfo=UTC)
FILING_DUE = datetime(2026, 4, 20, 23, 0, tzinfo=UTC)


async def held(door: Door, clock: MovableClock, **more: object) -> None:
    """The meeting is told to have been held."""
    clock.set(max(clock.now(), HELD_AT + 3 * HOUR))
    await door.take(events.held("m1", **{"time": HELD_AT, **more}))  # type: ignore[arg-type]


async def overdue(house: House, record: str = "decision letter") -> list[str]:
    """What is said of records that nobody has approved."""
    found = [each for each in await missing(house) if "agency_id" not in each and "person_id" not in each]
    return [each["text"] for each in found if record in each["text"]]


async def of_camhs(house: House, *kinds: str) -> list[str]:
    """What is said of the copies of CAMHS."""
    return [each["text"] for each in await missing(house, *kinds) if each.get("agency_id") == "camhs-1"]


async def at(door: Door, clock: MovableClock, moment: datetime) -> None:
    """Do what is due at a moment, and send what there is to send."""
    clock.set(moment)
    await door.house.drain()


async def test_a_decision_that_nobody_has_approved_by_the_end_of_the_next_working_day_is_told(
    door: Door, clock: MovableClock
) -> None:
    await invited(door, clock)
    await held(door, clock)
    await at(door, clock, DECISION_DUE - MINUTE)
    assert await overdue(door.house) == []
    await at(door, clock, DECISION_DUE)
    [text] = await overdue(door.house)
    assert text == (
        "The decision letter of the initial child protection conference held on 1 April 2026 was due by 2 April 2026, "
        "and nobody has approved one: nobody who was asked has got anything."
    )
    states = {each["kind"]: each["state"] for each in (await explained(door.house))["deadlines"]}
    assert states == {"decision": "missed", "minutes": "to_come"}
    await approved(door, clock, at=DECISION_DUE + DAY)
    assert await overdue(door.house) == []
    decision, _ = (await explained(door.house))["deadlines"]
    assert (decision["state"], decision["last_day"]) == ("late", "2026-04-02")
    assert set(decision["event"]) == {"source", "id"}
    await at(door, clock, MINUTES_DUE)
    assert len(await overdue(door.house, "minutes")) == 1


@pytest.mark.parametrize("way", ["cancelled", "adjourned", "to_come"])
async def test_of_a_meeting_that_was_not_held_to_its_end_no_record_is_due(
    embedded: Embedded, clock: MovableClock, way: str
) -> None:
    await invited(embedded, clock)
    if way == "cancelled":
        await embedded.take(events.cancelled("m1", time=HELD_AT))
    if way == "adjourned":
        await held(embedded, clock, outcome=["adjourned"])
    await at(embedded, clock, MINUTES_DUE + DAY)
    assert await missing(embedded.house, "not_distributed", every=True) == []
    if way == "adjourned":  # it was corrected since
        await held(embedded, clock, outcome=["plan_made"], time=HELD_AT + DAY)
        assert len(await overdue(embedded.house)) == 1
        await held(embedded, clock, outcome=["adjourned"], time=HELD_AT + 2 * DAY)
        assert await overdue(embedded.house) == []


async def test_days_are_counted_from_when_the_meeting_was_held_whenever_that_is_learnt(
    embedded: Embedded, clock: MovableClock
) -> None:
    await invited(embedded, clock)
    clock.set(DECISION_DUE + 5 * DAY)
    await embedded.house.drain()
    assert await overdue(embedded.house) == []
    await held(embedded, clock)
    assert len(await overdue(embedded.house)) == 1
    # It was approved in time, which is learnt later still.
    await embedded.take(events.record(kind="decision", time=DECISION_DUE - MINUTE))
    assert await overdue(embedded.house) == []
    assert (await explained(embedded.house))["deadlines"][0]["state"] == "approved"


@pytest.mark.parametrize("order", list(permutations(range(4)))[::6])
async def test_what_is_missing_in_the_end_is_the_same_in_whatever_order_it_is_learnt(
    embedded: Embedded, clock: MovableClock, order: tuple[int, ...]
) -> None:
    await invited(embedded, clock)
    clock.set(MINUTES_DUE + DAY)
    told = [
        events.held("m1", time=HELD_AT),
        events.rescheduled("m1", starts_at=HELD_AT + HOUR, time=HELD_AT - DAY),
        events.cancelled("m1", time=HELD_AT - 2 * DAY),
        events.record(kind="decision", time=APPROVED_AT, sections=[events.section(audience={"only": ["gp-9"]})]),
    ]
    for each in order:
        await embedded.take(told[each])
        await embedded.house.tick()
    found = [(each["kind"], each.get("agency_id")) for each in await missing(embedded.house)]
    assert found == [("not_distributed", None)]
    assert len(await overdue(embedded.house, "minutes")) == 1


async def test_a_decision_that_was_taken_back_from_everyone_is_due_again(
    embedded: Embedded, clock: MovableClock
) -> None:
    await forwarded(embedded, clock)
    await at(embedded, clock, DECISION_DUE + HOUR)
    assert await overdue(embedded.house) == []
    await embedded.take(events.recalled("r1", time=clock.now()))
    await embedded.house.drain()
    assert len(await overdue(embedded.house)) == 1
    assert await of_camhs(embedded.house) == []


async def test_a_coordinator_is_reminded_once_before_a_record_is_due(embedded: Embedded, clock: MovableClock) -> None:
    await invited(embedded, clock)
    await held(embedded, clock)
    await at(embedded, clock, DECISION_REMINDED - MINUTE)
    assert letters(embedded.house, "coordinator_reminder") == []
    for moment in (DECISION_REMINDED, DECISION_REMINDED + HOUR):
        await at(embedded, clock, moment)
        await held(embedded, clock, time=moment)
        [letter] = letters(embedded.house, "coordinator_reminder")
    assert letter["To"] == "pat@council.gov.example"
    assert str(letter["Subject"]).startswith("Due by Thursday 2 April 2026: the decision letter: initial child")
    for never in ("AB", "999", "c1", "2014"):
        assert never not in str(letter["Subject"])
        assert never not in plain(letter)
    await at(embedded, clock, datetime(2026, 4, 22, 8, 0, tzinfo=UTC))
    assert [str(each["Subject"])[:27] for each in letters(embedded.house, "coordinator_reminder")] == [
        "Due by Thursday 2 April 202",
        "Due by Friday 24 April 2026",
    ]


async def test_a_coordinator_is_not_reminded_of_what_has_been_approved(embedded: Embedded, clock: MovableClock) -> None:
    await invited(embedded, clock)
    await held(embedded, clock)
    await approved(embedded, clock, at=DECISION_REMINDED - HOUR)
    await at(embedded, clock, DECISION_REMINDED)
    assert letters(embedded.house, "coordinator_reminder") == []


async def test_a_reminder_that_is_not_true_any_more_when_it_would_go_does_not_go(
    embedded: Embedded, clock: MovableClock
) -> None:
    await invited(embedded, clock)
    await held(embedded, clock)
    clock.set(DECISION_REMINDED)
    await embedded.house.tick()
    await embedded.take(events.record(kind="decision", time=DECISION_REMINDED))
    await embedded.house.drain()
    assert letters(embedded.house, "coordinator_reminder") == []


@pytest.mark.parametrize(
    "organiser", ["pat@elsewhere.example", "pat@camhs-1.nhs.example", "pat@evil-council.gov.example"]
)
async def test_nothing_goes_to_an_organiser_whose_address_is_not_of_the_areas_social_care(
    embedded: Embedded, clock: MovableClock, organiser: str
) -> None:
    await invited(embedded, clock)
    named = {"name": "Pat Coordinator", "email": organiser}
    await embedded.take(events.meeting("m1", children=["c1"], organiser=named))
    await held(embedded, clock)
    await at(embedded, clock, DECISION_REMINDED)
    assert letters(embedded.house, "coordinator_reminder") == []
    await at(embedded, clock, DECISION_DUE)
    assert len(await overdue(embedded.house)) == 1


@pytest.mark.parametrize("when", ["before it falls due", "while it waits"])
async def test_no_coordinator_is_reminded_where_family_reads(
    embedded: Embedded, clock: MovableClock, when: str
) -> None:
    await invited(embedded, clock)
    await held(embedded, clock)
    clock.set(DECISION_REMINDED - MINUTE if when == "before it falls due" else DECISION_REMINDED)
    await embedded.house.tick()
    await embedded.take(events.relative("p1", email="Pat@council.gov.example", time=clock.now()))
    await at(embedded, clock, DECISION_REMINDED)
    assert letters(embedded.house, "coordinator_reminder") == []
    await at(embedded, clock, DECISION_DUE)
    assert len(await overdue(embedded.house)) == 1


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
@pytest.mark.parametrize(("organiser", "reminded"), [("team@nhs.net", 1), ("pat@nhs.net", 0)])
async def test_a_domain_that_many_agencies_share_makes_nobody_a_coordinator(
    embedded: Embedded, clock: MovableClock, organiser: str, reminded: int
) -> None:
    shared = events.agency("childrens-social-care-1", channels=[events.secure("team@nhs.net")], time=events.NOW)
    await invited(embedded, clock, shared)
    named = {"name": "Pat Coordinator", "email": organiser}
    await embedded.take(events.meeting("m1", children=["c1"], organiser=named))
    await held(embedded, clock)
    await at(embedded, clock, DECISION_REMINDED)
    assert len(letters(embedded.house, "coordinator_reminder")) == reminded


async def test_a_copy_that_is_not_filed_is_reminded_of_once_and_then_told(
    embedded: Embedded, clock: MovableClock
) -> None:
    await forwarded(embedded, clock)
    house = embedded.house
    await at(embedded, clock, FILING_REMINDED - MINUTE)
    assert letters(house, "record_reminder") == []
    for moment in (FILING_REMINDED, FILING_REMINDED + HOUR, FILING_REMINDED + DAY):
        await at(embedded, clock, moment)
        assert sorted(each["To"] for each in letters(house, "record_reminder")) == [FIRST, COUNCIL]
    letter = next(each for each in letters(house, "record_reminder") if each["To"] == FIRST)
    said = words(letter)
    assert "On Thursday 2 April 2026 we sent you your copy of the decision letter" in said
    assert "Please file it by Monday 20 April 2026" in said
    assert "reply to this message with the word Filed" in said
    assert not list(letter.iter_attachments())
    await at(embedded, clock, FILING_DUE - MINUTE)
    assert await of_camhs(house) == []
    await at(embedded, clock, FILING_DUE)
    [text] = await of_camhs(house, "not_filed")
    assert "was sent on 2 April 2026, and they were to say by 20 April 2026" in text
    await embedded.take(events.dispatch_confirmed(CAMHS_COPY, at=FILING_DUE))
    assert await of_camhs(house) == []
    resolved = await missing(house, "not_filed", every=True)
    assert {each.get("agency_id"): each["state"] for each in resolved}["camhs-1"] == "resolved"


async def test_who_may_not_be_written_to_when_a_reminder_falls_due_is_reminded_once_they_may_be(
    embedded: Embedded, clock: MovableClock
) -> None:
    await forwarded(embedded, clock)
    house = embedded.house
    leave_out = [{"agency_id": "camhs-1", "reason": "chairs_restriction", "note": "The chair decided so."}]
    await embedded.take(events.meeting("m1", children=["c1"], do_not_invite=leave_out, time=APPROVED_AT + HOUR))
    await at(embedded, clock, FILING_REMINDED)
    assert [each["To"] for each in letters(house, "record_reminder")] == [COUNCIL]
    assert (await copy_of(house)).reminded_at is None
    clock.advance(HOUR)
    await embedded.take(events.meeting("m1", children=["c1"], time=FILING_REMINDED))
    await at(embedded, clock, FILING_REMINDED + 2 * HOUR)
    assert sorted(each["To"] for each in letters(house, "record_reminder")) == [FIRST, COUNCIL]
    assert (await copy_of(house)).reminded_at == FILING_REMINDED + HOUR


async def test_who_has_filed_in_time_is_neither_reminded_nor_told_of(embedded: Embedded, clock: MovableClock) -> None:
    await forwarded(embedded, clock)
    await embedded.take(events.dispatch_confirmed(CAMHS_COPY, at=APPROVED_AT + HOUR))
    await at(embedded, clock, FILING_DUE + DAY)
    assert [each["To"] for each in letters(embedded.house, "record_reminder")] == [COUNCIL]
    assert await of_camhs(embedded.house) == []


async def test_that_it_was_filed_before_is_enough_when_it_is_learnt_late(
    embedded: Embedded, clock: MovableClock
) -> None:
    await forwarded(embedded, clock)
    await at(embedded, clock, FILING_DUE + DAY)
    assert len(await of_camhs(embedded.house, "not_filed")) == 1
    await embedded.take(events.dispatch_confirmed(CAMHS_COPY, at=APPROVED_AT + HOUR))
    assert await of_camhs(embedded.house) == []


async def test_a_reminder_to_file_does_not_go_to_an_address_that_has_left_the_record(
    embedded: Embedded, clock: MovableClock
) -> None:
    await forwarded(embedded, clock)
    clock.set(FILING_REMINDED)
    await embedded.house.tick()
    await embedded.take(camhs(SECOND))
    await embedded.house.drain()
    assert [each["To"] for each in letters(embedded.house, "record_reminder")] == [COUNCIL]
    await at(embedded, clock, FILING_DUE)
    assert len(await of_camhs(embedded.house, "not_filed")) == 1


@pytest.mark.parametrize("when", ["before it falls due", "while it waits"])
async def test_a_reminder_to_file_does_not_go_where_family_reads_by_now_and_a_person_asks(
    embedded: Embedded, clock: MovableClock, when: str
) -> None:
    await forwarded(embedded, clock)
    clock.set(FILING_REMINDED - HOUR if when == "before it falls due" else FILING_REMINDED)
    await embedded.house.tick()
    father = events.relative("p2", email=FIRST, relationship=[events.tie("c1", "father")], time=clock.now())
    await embedded.take(father)
    await at(embedded, clock, FILING_REMINDED)
    assert [each["To"] for each in letters(embedded.house, "record_reminder")] == [COUNCIL]
    assert ((await copy_of(embedded.house)).reminded_at is None) == (when == "before it falls due")
    await at(embedded, clock, FILING_DUE)
    assert len(await of_camhs(embedded.house, "not_filed")) == 1


@pytest.mark.parametrize("when", ["before it falls due", "after"])
async def test_of_who_was_excluded_since_nobody_is_asked_to_chase_the_copy_and_a_person_decides(
    embedded: Embedded, clock: MovableClock, when: str
) -> None:
    await forwarded(embedded, clock)
    house = embedded.house
    leave_out = [{"agency_id": "camhs-1", "reason": "conflict_of_interest", "note": "The chair decided so."}]
    if when == "after":
        await at(embedded, clock, FILING_DUE)
        [text] = await of_camhs(house, "not_filed")
        assert text.endswith("They have not: ask them.")
    clock.advance(MINUTE)
    await embedded.take(events.meeting("m1", children=["c1"], do_not_invite=leave_out, time=clock.now()))
    await at(embedded, clock, FILING_DUE + MINUTE)
    [text] = await of_camhs(house, "not_filed")
    assert "Do not ask them to file it: decide whether it is taken back from them." in text
    assert "ask them." not in text.replace("Do not ask them to file it", "")
    await embedded.take(events.recalled("r1", agency_id="camhs-1", time=clock.now()))
    await house.drain()
    assert await of_camhs(house, "not_filed") == []


async def test_a_newer_version_takes_the_place_of_what_was_not_filed(embedded: Embedded, clock: MovableClock) -> None:
    await forwarded(embedded, clock)
    await at(embedded, clock, FILING_DUE)
    assert len(await of_camhs(embedded.house, "not_filed")) == 1
    corrected = [events.section("The plan is reviewed in June.")]
    await approved(embedded, clock, at=FILING_DUE + HOUR, version=2, sections=corrected)
    assert await of_camhs(embedded.house) == []
    newest = await copy_of(embedded.house, version=2)
    assert newest.state == "sent"
    assert [each["state"] for each in await shown(embedded.house)] == ["overtaken", "sent"]


async def test_a_relative_is_asked_to_file_nothing(embedded: Embedded, clock: MovableClock) -> None:
    await forwarded(embedded, clock, events.relative("p1"), checked_by="Sam Checker")
    copy = await copy_of(embedded.house, "person:p1")
    assert copy.state == "sent"
    await at(embedded, clock, FILING_DUE + DAY)
    assert "p1@family.example" not in [each["To"] for each in letters(embedded.house, "record_reminder")]
    assert [each for each in await missing(embedded.house) if each.get("person_id")] == []


async def test_a_relative_whose_copy_nobody_has_checked_is_told_of(embedded: Embedded, clock: MovableClock) -> None:
    await forwarded(embedded, clock, events.relative("p1"))
    [found] = [each for each in await missing(embedded.house) if each.get("person_id") == "p1"]
    assert "no second person has checked" in found["text"]
    again = events.record(
        kind="decision",
        sections=[events.section("The plan is reviewed in May.")],
        checked_by="Sam Checker",
        time=APPROVED_AT + HOUR,
    )
    clock.set(APPROVED_AT + HOUR)
    await embedded.take(again)
    await embedded.house.drain()
    assert [each for each in await missing(embedded.house) if each.get("person_id")] == []


@pytest.mark.parametrize("why", ["flagged", "never"])
async def test_what_is_rightly_kept_from_family_is_shown_and_is_no_exception(
    embedded: Embedded, clock: MovableClock, why: str
) -> None:
    kind = "strategy_discussion" if why == "never" else "initial_conference"
    flags = ["fabricated_or_induced_illness"] if why == "flagged" else []
    await invited(embedded, clock, events.relative("p1"), kind=kind)
    if flags:
        await embedded.take(events.child("c1", flags=flags))
    await held(embedded, clock)
    await approved(embedded, clock, checked_by="Sam Checker")
    assert [each for each in await missing(embedded.house) if each.get("person_id")] == []


async def test_an_agency_without_an_address_that_may_be_used_is_told_of(
    embedded: Embedded, clock: MovableClock
) -> None:
    await invited(embedded, clock)
    await held(embedded, clock)
    await embedded.take(events.agency("camhs-1", channels=[events.insecure("in@camhs-1.example")]))
    await approved(embedded, clock)
    assert [each["state"] for each in await shown(embedded.house)] == ["withheld"]
    [text] = await of_camhs(embedded.house, "not_distributed")
    assert "no address" in text


async def test_who_was_there_and_has_no_copy_is_told_of(embedded: Embedded, clock: MovableClock) -> None:
    """That they were there is learnt after the copies have gone."""
    await forwarded(embedded, clock, events.agency("housing-1"))
    there = [events.attended("childrens-social-care-1"), events.attended("housing-1")]
    await held(embedded, clock, attendance=there, time=HELD_AT + HOUR)
    [found] = [each for each in await missing(embedded.house) if each.get("agency_id") == "housing-1"]
    assert "none was made for them" in found["text"]


async def test_a_copy_that_does_not_go_is_told_of_after_a_while_and_no_longer_once_it_has_gone(
    embedded: Embedded, clock: MovableClock
) -> None:
    house = embedded.house
    await invited(embedded, clock)
    await held(embedded, clock)
    clock.set(APPROVED_AT)
    await embedded.take(events.record(kind="decision", time=APPROVED_AT))
    async with mail_server() as server:
        server.always["greeting"] = DROP

        async def send() -> None:
            await house.tick()
            await house.press.drain()
            async with house.mailer(SmtpServer(f"smtp://127.0.0.1:{server.port}?tls=none")) as mailer:
                await mailer.drain()

        await send()
        assert await of_camhs(house) == []
        clock.advance(PATIENCE + MINUTE)
        await send()
        [text] = await of_camhs(house, "not_distributed")
        assert "it waits still" in text
        server.heal()
        clock.advance(3 * HOUR)
        await send()
    assert (await copy_of(house)).state == "sent"
    assert await of_camhs(house) == []


async def test_a_copy_that_nobody_takes_in_hand_is_told_of_after_a_day(embedded: Embedded, clock: MovableClock) -> None:
    await invited(embedded, clock)
    await held(embedded, clock)
    clock.set(APPROVED_AT)
    await embedded.take(events.record(kind="decision", time=APPROVED_AT))
    clock.advance(DAY - MINUTE)
    await embedded.house.tick()
    assert await of_camhs(embedded.house) == []
    clock.advance(MINUTE)
    await embedded.house.tick()
    assert len(await of_camhs(embedded.house, "not_distributed")) == 1


async def test_another_number_in_the_policy_counts_from_the_next_look(
    embedded: Embedded, clock: MovableClock, tmp_path: Path
) -> None:
    await invited(embedded, clock)
    await held(embedded, clock)
    await at(embedded, clock, DECISION_DUE)
    assert len(await overdue(embedded.house)) == 1
    overlay = tmp_path / "area.toml"
    overlay.write_text(
        'format = 1\ntitle = "An area"\n[[number]]\nid = "decision_after_conference"\nfrom = 2018-04-01\nvalue = 5\n'
        'unit = "working_days"\nsource = "Wales and Highland"\nconfirmed = true\n'
    )
    embedded.house.intake.policy = load_policy(overlay)
    await held(embedded, clock, time=HELD_AT + MINUTE)
    assert await overdue(embedded.house) == []
    await at(embedded, clock, datetime(2026, 4, 10, 23, 0, tzinfo=UTC))
    assert len(await overdue(embedded.house)) == 1


async def test_a_timer_costs_one_look_for_each_moment_and_ends(embedded: Embedded, clock: MovableClock) -> None:
    """Once everything is filed and approved, nothing is looked at any more."""
    await forwarded(embedded, clock)
    await approved(embedded, clock, at=APPROVED_AT + HOUR, record_id="r2", kind="minutes")
    for record_id in ("r1", "r2"):
        for party in ("agency:camhs-1:", "agency:childrens-social-care-1:"):
            name = dispatch_id("record", record_id, 1, party)
            await embedded.take(events.dispatch_confirmed(name, at=APPROVED_AT + 2 * HOUR))
    clock.set(MINUTES_DUE + 60 * DAY)
    await embedded.house.drain()
    assert await missing(embedded.house) == []
    assert letters(embedded.house, "record_reminder") == []
    due = await embedded.house.next_due()
    assert due is None


async def test_meetings_of_years_ago_that_are_handed_over_owe_nothing(embedded: Embedded, clock: MovableClock) -> None:
    await invited(embedded, clock)
    clock.set(MINUTES_DUE + 60 * DAY)
    await held(embedded, clock)
    assert await missing(embedded.house, "not_distributed", every=True) == []
    assert (await explained(embedded.house))["deadlines"] == []


async def test_a_correction_that_comes_long_after_lets_nothing_be_forgotten(
    embedded: Embedded, clock: MovableClock
) -> None:
    await invited(embedded, clock)
    await held(embedded, clock)
    clock.set(MINUTES_DUE + 60 * DAY)
    await embedded.house.drain()
    await held(embedded, clock, time=HELD_AT + MINUTE, attendance=[events.attended("camhs-1")])
    assert len(await overdue(embedded.house)) == 1
