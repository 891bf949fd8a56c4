"""From event to entries: what changes later is resolved again, for meetings still to come, and nobody vanishes."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import pytest

from services.bootstrap import House
from services.invitations import store as invitations
from services.meetings import store as meetings
from services.meetings.facts import resolve_all
from services.meetings.handlers import AT_ONCE
from services.meetings.rules import Entry
from services.participation.views import explain
from tests import events
from tests.clock import MovableClock
from tests.door import Door

DUTY, COMMUNITY = events.team("duty", "waiting"), events.team("community", "open")
DIRECTORY = [
    events.agency("childrens_social_care-1"),
    events.agency("police-1"),
    events.agency("school_nursing-1"),
    events.agency("gp-1"),
    events.agency("school-1"),
    events.agency("camhs-1", teams=[DUTY, COMMUNITY]),
    events.child(),
    events.relative(),
    events.involvement(agency_id="gp-1"),
    events.involvement(agency_id="school-1"),
]
AFTER = events.MEETING_AT + timedelta(days=100)


async def take(door: Door, *raw: bytes) -> None:
    """Take events in, as one batch where the door does; all are accepted."""
    verdicts = await door.take(*raw)
    assert {verdict.state for verdict in verdicts} == {"accepted"}, verdicts


async def entries(house: House, meeting_id: str = "m1", as_of: datetime | None = None) -> dict[str, Entry]:
    async with house.database.read() as db:
        return (await meetings.entries_of(db, [meeting_id], as_of)).get(meeting_id, {})


async def asked(house: House, meeting_id: str = "m1") -> set[str]:
    """The agencies and persons who are asked, with the team."""
    found = await entries(house, meeting_id)
    return {party.removeprefix("agency:") for party, entry in found.items() if entry.decision == "invited"}


async def invited(house: House, meeting_id: str = "m1") -> dict[str, Any]:
    """The invitations that have been written, by party."""
    async with house.database.read() as db:
        return (await invitations.of_meetings(db, [meeting_id])).get(meeting_id, {})


async def test_a_child_who_joins_the_waiting_list_after_the_invitations_went_out_brings_camhs(
    house: House, door: Door
) -> None:
    await take(door, *DIRECTORY, events.meeting())
    assert "agency:camhs-1:duty" not in await invited(house)
    await take(door, events.involvement(status="waiting"))
    assert "camhs-1:duty" in await asked(house)
    assert "agency:camhs-1:duty" in await invited(house)


async def test_in_one_batch_and_one_by_one_the_same_are_asked(house: House, embedded: Door) -> None:
    story = [*DIRECTORY, events.involvement(status="waiting"), events.meeting(), events.meeting("m2", "core_group")]
    for raw in story:
        await take(embedded, raw)
    again = [raw.replace(b'"c1"', b'"c7"').replace(b'"f1"', b'"f7"').replace(b'"p1"', b'"p7"') for raw in story[6:]]
    again = [raw.replace(b'"i-c1-', b'"i-c7-').replace(b'"m1"', b'"m7"').replace(b'"m2"', b'"m8"') for raw in again]
    again = [raw.replace(b'"/tests/case-management"', b'"/tests/other"') for raw in again]
    await take(embedded, *again)
    for one, other in (("m1", "m7"), ("m2", "m8")):
        expected = {party.replace("p1", "p7").replace("c1", "c7") for party in await asked(house, one)}
        assert await asked(house, other) == expected


async def test_a_review_in_the_same_batch_as_its_conference_asks_whoever_was_asked_to_it(
    house: House, embedded: Door
) -> None:
    named = [{"agency_id": "legal-1", "reason": "Advice is needed."}]
    await take(
        embedded,
        *DIRECTORY,
        events.agency("legal-1"),
        events.meeting("m2", "review_conference", starts_at=AFTER),
        events.meeting("m1", also_invite=named),
    )
    assert "legal-1:" in await asked(house, "m2")


async def test_when_the_gp_changes_the_new_practice_is_asked_and_the_old_one_stays(house: House, door: Door) -> None:
    await take(door, *DIRECTORY, events.agency("gp-2"), events.meeting())
    await take(
        door,
        events.involvement(agency_id="gp-1", status="closed", until=date(2026, 3, 2)),
        events.involvement(agency_id="gp-2"),
    )
    assert {"gp-1:", "gp-2:"} <= await asked(house)
    kept = (await entries(house))["agency:gp-1:"]
    assert [reason.rule for reason in kept.reasons] == ["involved", "asked_before"]


async def test_when_the_status_changes_the_new_team_is_asked_and_the_old_one_stays(house: House, door: Door) -> None:
    await take(door, *DIRECTORY, events.involvement(status="waiting"), events.meeting())
    await take(door, events.involvement(status="open"))
    assert {"camhs-1:duty", "camhs-1:community"} <= await asked(house)


async def test_a_placement_in_another_area_brings_the_services_there(house: House, door: Door) -> None:
    away = {"authority": "rutland", "since": "2026-03-01"}
    await take(door, *DIRECTORY, events.agency("camhs-9", authority="rutland"))
    await take(door, events.involvement(status="open"), events.meeting())
    await take(door, events.child(circumstances=["looked_after"], placement=away))
    assert {"camhs-1:community", "camhs-9:"} <= await asked(house)


async def test_a_new_address_reaches_the_entry_and_one_that_is_not_secure_any_more_ends_it(
    house: House, door: Door
) -> None:
    await take(door, *DIRECTORY, events.meeting())
    await take(door, events.agency("gp-1", channels=[events.secure("moved@surgery.nhs.example")]))
    assert (await entries(house))["agency:gp-1:"].address == "moved@surgery.nhs.example"
    await take(door, events.agency("gp-1", channels=[events.insecure("moved@surgery.nhs.example")]))
    entry = (await entries(house))["agency:gp-1:"]
    assert (entry.why_not, entry.address) == ("no_usable_address", None)
    assert "asked_before" in {reason.rule for reason in entry.reasons}


async def test_an_agency_that_is_recorded_later_fills_the_gap(house: House, door: Door) -> None:
    await take(door, *[raw for raw in DIRECTORY if b'"police-1"' not in raw], events.meeting())
    assert "missing:police:c1" in await entries(house)
    await take(door, events.agency("police-1"))
    found = await entries(house)
    assert "missing:police:c1" not in found
    assert found["agency:police-1:"].decision == "invited"


async def test_an_agency_that_belongs_to_no_authority_fills_the_gap_too(house: House, door: Door) -> None:
    await take(door, *[raw for raw in DIRECTORY if b'"police-1"' not in raw], events.meeting())
    await take(door, events.agency("police-7", authority=None))
    assert "police-7:" in await asked(house)


async def test_an_agency_that_the_coordinator_names_before_it_is_recorded_is_asked_when_it_is(
    house: House, door: Door
) -> None:
    named = [{"agency_id": "legal-1", "reason": "Advice is needed."}]
    await take(door, *DIRECTORY, events.meeting(also_invite=named))
    assert (await entries(house))["agency:legal-1:"].why_not == "agency_not_recorded"
    await take(door, events.agency("legal-1"))
    assert "legal-1:" in await asked(house)


async def test_a_child_who_is_recorded_after_the_meeting_brings_its_own(house: House, door: Door) -> None:
    await take(door, *DIRECTORY, events.meeting(children=["c1", "c2"]))
    await take(door, events.agency("school-2"), events.child("c2", initials="CD"))
    await take(door, events.involvement(person_id="c2", agency_id="school-2"))
    assert (await entries(house))["agency:school-2:"].child_ids == ("c2",)


async def test_an_admission_brings_the_ward_and_a_discharge_takes_nobody_off(house: House, door: Door) -> None:
    await take(door, *DIRECTORY, events.agency("acute_hospital-1"), events.meeting("m1", "strategy_discussion"))
    await take(door, events.circumstance())
    assert "acute_hospital-1:" in await asked(house)
    await take(door, events.circumstance(what="hospital_discharge", at=events.START + timedelta(hours=1)))
    assert "acute_hospital-1:" in await asked(house)


async def test_a_parents_service_that_is_recorded_later_is_asked(house: House, door: Door) -> None:
    await take(door, *DIRECTORY, events.agency("probation-1"), events.meeting("m1", "strategy_discussion"))
    await take(door, events.involvement(person_id="p1", agency_id="probation-1"))
    assert "probation-1:" in await asked(house)


async def test_a_father_who_is_recorded_in_another_family_is_asked_about_his_child_with_his_services(
    house: House,
    door: Door,
) -> None:
    await take(door, *DIRECTORY, events.agency("probation-1"), events.meeting())
    father = [events.tie("c1", "father"), events.tie("c5", "father")]
    await take(door, events.relative("p5", family_id="f5", relationship=father))
    assert "person:p5" in await asked(house)
    await take(door, events.involvement(person_id="p5", agency_id="probation-1", partition_key="f5"))
    assert "probation-1:" in await asked(house)


async def test_an_involvement_that_was_filed_under_the_wrong_child_concerns_both(house: House, door: Door) -> None:
    await take(door, *DIRECTORY, events.child("c2", family_id="f2", initials="CD"))
    await take(door, events.meeting("m1"), events.meeting("m2", children=["c2"], partition_key="f2"))
    await take(door, events.involvement("i9", person_id="c1"))
    await take(door, events.involvement("i9", person_id="c2"))
    assert "camhs-1:community" in await asked(house, "m2")
    mistaken = (await entries(house, "m1"))["agency:camhs-1:community"]
    assert "asked_before" in {reason.rule for reason in mistaken.reasons}


async def test_a_child_who_moves_to_another_family_concerns_the_one_it_leaves_and_the_one_it_joins(
    house: House,
    door: Door,
) -> None:
    flags = ["fabricated_or_induced_illness"]
    other = events.child("c8", family_id="f8"), events.meeting("m8", children=["c8"], partition_key="f8")
    tie = [events.tie("c8")]
    await take(door, *DIRECTORY, events.meeting(), *other, events.relative("p8", family_id="f8", relationship=tie))
    for family_id, asked_to_one, asked_to_other in (("f1", False, True), ("f8", True, False)):
        await take(door, events.child("c9", family_id=family_id, flags=flags))
        assert ("person:p1" in await asked(house)) is asked_to_one
        assert ("person:p8" in await asked(house, "m8")) is asked_to_other


async def test_a_meeting_that_has_begun_is_left_alone(house: House, door: Door, clock: MovableClock) -> None:
    await take(door, *DIRECTORY, events.meeting("m1"), events.meeting("m2", "core_group", starts_at=AFTER))
    before = await entries(house, "m1")
    clock.set(events.MEETING_AT + timedelta(minutes=1))
    await take(door, events.involvement(status="waiting"))
    assert await entries(house, "m1") == before
    assert "camhs-1:duty" in await asked(house, "m2")


@pytest.mark.parametrize("closing", [events.cancelled, events.held])
async def test_a_meeting_that_is_cancelled_or_held_is_left_alone(house: House, door: Door, closing: Any) -> None:
    await take(door, *DIRECTORY, events.meeting())
    await take(door, closing())
    before = await entries(house)
    await take(door, events.involvement(status="waiting"), events.agency("gp-1", channels=[]))
    assert await entries(house) == before


async def test_the_core_group_that_a_conference_names_is_asked_to_the_next_core_group(house: House, door: Door) -> None:
    await take(door, *DIRECTORY, events.agency("voluntary-1"), events.meeting("m1"))
    await take(door, events.meeting("m2", "core_group", starts_at=AFTER))
    assert "voluntary-1:" not in await asked(house, "m2")
    await take(door, events.held("m1", core_group=["voluntary-1"]))
    assert "voluntary-1:" in await asked(house, "m2")


async def test_who_is_invited_to_the_conference_later_is_asked_to_the_review_that_was_there_already(
    house: House,
    door: Door,
) -> None:
    named = [{"agency_id": "legal-1", "reason": "Advice is needed."}]
    await take(door, *DIRECTORY, events.agency("legal-1"), events.meeting("m1"))
    await take(door, events.meeting("m2", "review_conference", starts_at=AFTER))
    await take(door, events.meeting("m1", also_invite=named))
    assert "legal-1:" in await asked(house, "m2")


async def test_the_meeting_that_takes_the_place_of_a_cancelled_one_inherits_its_list(house: House, door: Door) -> None:
    named = [{"agency_id": "legal-1", "reason": "Advice is needed."}]
    await take(door, *DIRECTORY, events.agency("legal-1"), events.meeting("m1", also_invite=named))
    await take(door, events.cancelled("m1"), events.meeting("m2", starts_at=AFTER, follows="m1"))
    assert "legal-1:" in await asked(house, "m2")


async def test_a_meeting_that_moves_across_a_birthday_is_resolved_for_the_age_on_its_day(
    house: House, door: Door
) -> None:
    eighteen_months_before = date(2008, 10, 15)
    await take(door, *DIRECTORY, events.agency("adult_mental_health-1"))
    await take(door, events.child(date_of_birth=eighteen_months_before), events.involvement(), events.meeting())
    assert "adult_mental_health-1:" not in await asked(house)
    await take(door, events.rescheduled(starts_at=events.MEETING_AT + timedelta(days=30)))
    assert "adult_mental_health-1:" in await asked(house)


async def test_a_meeting_that_moves_to_a_day_before_the_policy_began_is_still_resolved(
    house: House, door: Door
) -> None:
    await take(door, *DIRECTORY, events.meeting())
    await take(door, events.rescheduled(starts_at=events.MEETING_AT - timedelta(days=365 * 12)))
    assert "gp-1:" in await asked(house)


async def test_more_meetings_than_one_transaction_takes_go_through_timers_and_end_resolved(
    house: House, embedded: Door, clock: MovableClock
) -> None:
    many = AT_ONCE + 20
    await take(embedded, *DIRECTORY)
    await take(embedded, *(events.meeting(f"m{number}", "gateway") for number in range(many)))
    channels = [events.secure("moved@council.gov.example")]
    await take(embedded, events.agency("childrens_social_care-1", channels=channels))

    async def moved() -> int:
        ids = [f"m{number}" for number in range(many)]
        async with house.database.read() as db:
            found = await meetings.entries_of(db, ids)
        return sum(entry.address == "moved@council.gov.example" for some in found.values() for entry in some.values())

    assert await moved() == AT_ONCE
    await house.tick()
    assert await moved() == many


async def test_what_is_explained_as_of_a_past_moment_is_what_was_stored_then(
    house: House, door: Door, clock: MovableClock
) -> None:
    story = [
        [*DIRECTORY, events.meeting("m1")],
        [events.involvement(status="waiting")],
        [events.agency("gp-2"), events.involvement(agency_id="gp-2")],
        [events.involvement(agency_id="gp-1", status="closed", until=date(2026, 3, 2))],
        [events.meeting("m2", "review_conference", starts_at=AFTER)],
        [events.involvement(status="open"), events.relative(email=None)],
        [events.child(flags=["fabricated_or_induced_illness"])],
        [events.rescheduled("m1", starts_at=events.MEETING_AT + timedelta(days=3))],
        [events.agency("police-1", closed_on=date(2026, 3, 1))],
        [events.agency("police-2")],
        [events.cancelled("m1")],
    ]
    moments = []
    for some in story:
        clock.advance(timedelta(hours=1))
        await take(door, *some)
        moments.append(clock.now())
    for moment in moments:
        for meeting_id in ("m1", "m2"):
            stored = await entries(house, meeting_id, moment)
            async with house.database.read() as db:
                found = await meetings.meetings_by_id(db, [meeting_id], moment)
                standing = [meeting for meeting in found.values() if meeting.state == "scheduled"]
                resolved = await resolve_all(db, standing, house.intake.policy, moment)
                told = await explain(db, house.intake.policy, meeting_id, moment, clock.now())
            for resolution, _ in resolved.values():
                assert {entry.party: entry for entry in resolution.entries} == stored, (moment, meeting_id)
            assert (told is None) is (not found)
            if told is not None:
                assert [each["decision"] for each in told["entries"]].count("invited") == sum(
                    entry.decision == "invited" for entry in stored.values()
                )


async def test_a_flag_of_induced_illness_sends_nothing_more_to_family_and_tells_that_they_were_asked(
    house: House,
    door: Door,
) -> None:
    await take(door, *DIRECTORY, events.meeting())
    assert "person:p1" in await asked(house)
    await take(door, events.child(flags=["fabricated_or_induced_illness"]))
    entry = (await entries(house))["person:p1"]
    assert (entry.why_not, entry.address) == ("held_for_a_person", None)
    await take(door, events.rescheduled(starts_at=events.MEETING_AT + timedelta(days=1)))
    assert (await invited(house))["person:p1"].told.starts_at == events.MEETING_AT


async def test_an_address_that_a_relative_of_anyone_in_the_household_gave_is_no_agencys(
    house: House, door: Door
) -> None:
    theirs = [events.secure("in@school-1.example")]
    await take(door, *DIRECTORY, events.agency("school-1", channels=theirs, time=events.NOW), events.meeting())
    assert (await entries(house))["agency:school-1:"].address == "in@school-1.example"
    father = events.relative("p2", relationship=[events.tie("c2", "father")], email="IN@school-1.example")
    await take(door, events.child("c2"), father)
    school = (await entries(house))["agency:school-1:"]
    assert (school.decision, school.why_not, school.address) == ("not_invited", "no_usable_address", None)
