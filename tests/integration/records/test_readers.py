"""Who reads the record of a meeting, and where it goes, with what is known of everyone at the time."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from services.bootstrap import House
from services.records.readers import Around, around
from services.records.rules.copies import FLAGGED, NO_ADDRESS, NO_RESPONSIBILITY, SHARED_ADDRESS, Copy, copies
from services.records.rules.participants import may_see
from services.records.rules.record import Reader
from services.records.store.there import records_about
from tests import events
from tests.door import Embedded
from tests.unit.records.people import record, section

CAMHS, GP = "camhs-1", "gp-1"
ON_ONE_STORE = pytest.mark.parametrize("store", ["sqlite"], indirect=True)


def family() -> list[bytes]:
    """A child with two services, and a mother."""
    return [
        *(events.agency(each) for each in (CAMHS, GP)),
        events.child("c1"),
        *(events.involvement(agency_id=each) for each in (CAMHS, GP)),
        events.relative(),
    ]


async def known(house: House) -> Around:
    async with house.database.read() as db:
        return (await around(db, house.intake.policy, ["m1"]))["m1"]


async def reader(house: House, party: str) -> Reader:
    """One reader of the meeting."""
    [found] = [each for each in (await known(house)).readers if party in (each.agency_id, each.person_id)]
    return found


async def copy_for(house: House, party: str) -> Copy:
    """What one reader would get of a record that everybody may have."""
    about = await known(house)
    own = [each for each in about.readers if party in (each.agency_id, each.person_id)]
    [found] = copies(record(section("As agreed.")), own, about.matter)
    return found


def there(party: str, **more: Any) -> dict[str, Any]:
    return {"person_id" if party.startswith(("p", "c1")) else "agency_id": party, "status": "present", **more}


async def test_an_agency_with_a_child_on_its_waiting_list_that_did_not_come_reads_the_record(house: House) -> None:
    await Embedded(house).take(*family(), events.involvement(status="waiting"), events.meeting())
    await Embedded(house).take(events.held(attendance=[events.attended(CAMHS, "absent")]))
    assert (await copy_for(house, CAMHS)).whole == (0,)


async def test_an_agency_that_came_unasked_reads_it_once_however_often_it_is_in_the_register(house: House) -> None:
    await Embedded(house).take(*family(), events.agency("housing-1"), events.meeting())
    lines = [events.attended("housing-1", "apologies"), events.attended("housing-1"), events.attended("housing-1")]
    await Embedded(house).take(events.held(attendance=lines))
    assert (await copy_for(house, "housing-1")).whole == (0,)
    assert (await reader(house, "housing-1")).attended == "present"


async def test_a_parent_who_came_unasked_reads_it_and_whoever_has_no_responsibility_does_not(house: House) -> None:
    aunt = events.relative("p2", relationship=[events.tie(kind="aunt", parental_responsibility=False)])
    await Embedded(house).take(*family(), aunt, events.meeting())
    father = events.relative("p3", relationship=[events.tie(kind="father")])
    await Embedded(house).take(events.held(attendance=[there("p2"), there("p3")]), father)
    assert (await copy_for(house, "p3")).whole == (0,)
    assert (await copy_for(house, "p2")).why_not == NO_RESPONSIBILITY


async def test_an_address_that_gave_mail_back_for_good_is_not_used_and_the_next_one_is(house: House) -> None:
    second = [events.secure("first@camhs.example", verified_on=date(2026, 1, 2)), events.secure("next@camhs.example")]
    await Embedded(house).take(*family(), events.agency(CAMHS, channels=second), events.meeting())
    assert (await reader(house, CAMHS)).address == "first@camhs.example"
    await Embedded(house).take(
        events.bounced(address="first@camhs.example", agency_id=CAMHS),
        events.bounced(address="p1@family.example", person_id="p1"),
        events.bounced(address="gp-1@agencies.gov.example", agency_id=GP),
    )
    assert (await reader(house, CAMHS)).address == "next@camhs.example"
    assert (await copy_for(house, "p1")).why_not == NO_ADDRESS
    assert (await copy_for(house, GP)).why_not == NO_ADDRESS


async def test_an_address_that_is_not_secure_any_more_is_not_used_after_the_meeting_either(house: House) -> None:
    await Embedded(house).take(*family(), events.meeting())
    await Embedded(house).take(events.held())
    later = [events.insecure("camhs-1@agencies.gov.example", verified_on=date(2026, 2, 1))]
    await Embedded(house).take(events.agency(CAMHS, channels=later))
    copy = await copy_for(house, CAMHS)
    assert (copy.why_not, copy.reader.verified_on) == (NO_ADDRESS, None)


async def test_an_address_that_somebody_of_the_family_gave_is_no_agencys(house: House) -> None:
    await Embedded(house).take(*family(), events.meeting())
    await Embedded(house).take(events.held())
    await Embedded(house).take(
        events.relative("p2", relationship=[events.tie(kind="father")], email="CAMHS-1@agencies.gov.example")
    )
    assert (await copy_for(house, CAMHS)).why_not == NO_ADDRESS


async def test_an_address_that_two_parents_share_is_used_for_neither(house: House) -> None:
    father = events.relative("p2", relationship=[events.tie(kind="father")], email="P1@family.example")
    await Embedded(house).take(*family(), father, events.meeting())
    assert {(await copy_for(house, each)).why_not for each in ("p1", "p2")} == {SHARED_ADDRESS}


async def test_a_flag_that_is_set_after_the_meeting_counts(house: House) -> None:
    await Embedded(house).take(*family(), events.meeting())
    await Embedded(house).take(events.held())
    assert (await copy_for(house, "p1")).whole == (0,)
    await Embedded(house).take(events.child("c1", flags=["fabricated_or_induced_illness"]))
    assert (await copy_for(house, "p1")).why_not == FLAGGED
    assert (await copy_for(house, GP)).whole == (0,)


async def test_a_flag_of_a_half_sister_in_another_household_counts(house: House) -> None:
    half = events.child("c9", family_id="f9", flags=["fabricated_or_induced_illness"])
    ties = [events.tie(), events.tie("c9")]
    await Embedded(house).take(*family(), half, events.relative(relationship=ties), events.meeting())
    assert (await copy_for(house, "p1")).why_not == FLAGGED


async def test_whatever_is_recorded_of_a_half_sister_or_of_whoever_belongs_to_her_concerns_a_record(
    house: House,
) -> None:
    hers = events.relative("p9", family_id="f9", relationship=[events.tie("c9", "father")])
    others = [events.child("c5", family_id="f5"), events.relative("p5", relationship=[events.tie("c5")])]
    mother = events.relative(relationship=[events.tie(), events.tie("c9")])
    half = events.child("c9", family_id="f9")
    await Embedded(house).take(*family(), half, mother, hers, *others, events.meeting(), events.record())
    async with house.database.read() as db:
        for people, families in ((set(), {"f9"}), ({"c9"}, set()), ({"p9"}, set()), ({"p1"}, {"f5"})):
            assert await records_about(db, people, families) == {"m1"}, (people, families)
        assert await records_about(db, {"p5", "c5"}, {"f5"}) == set()


async def test_responsibility_that_ended_after_the_meeting_is_none(house: House) -> None:
    await Embedded(house).take(*family(), events.meeting())
    await Embedded(house).take(events.held(), events.relative(relationship=[events.tie(parental_responsibility=False)]))
    assert (await copy_for(house, "p1")).why_not == NO_RESPONSIBILITY


async def test_a_decision_not_to_ask_that_was_made_after_the_meeting_counts(house: House) -> None:
    await Embedded(house).take(*family(), events.meeting())
    await Embedded(house).take(events.held())
    refused = [{"person_id": "p1", "reason": "chairs_restriction", "note": "Threats."}]
    refused += [{"agency_id": GP, "reason": "conflict_of_interest", "note": "A parent works there."}]
    await Embedded(house).take(events.meeting(do_not_invite=refused, time=events.START + timedelta(days=40)))
    assert (await copy_for(house, "p1")).why_not == "chairs_restriction"
    assert (await copy_for(house, GP)).why_not == "conflict_of_interest"


async def test_a_parent_who_is_a_key_worker_too_is_two_readers_with_addresses_of_their_own(house: House) -> None:
    worker = {"name": "Relative p1", "email": "p1@family.example"}
    await Embedded(house).take(*family(), events.involvement(agency_id=GP, key_worker=worker), events.meeting())
    assert (await reader(house, GP)).address == "gp-1@agencies.gov.example"
    assert (await reader(house, "p1")).address == "p1@family.example"


async def test_a_service_to_a_relative_is_known_as_one(house: House) -> None:
    hers = events.agency("substance_misuse-1")
    service = events.involvement(person_id="p1", agency_id="substance_misuse-1")
    await Embedded(house).take(*family(), hers, service, events.meeting())
    assert (await reader(house, "substance_misuse-1")).serves_a_relative
    assert not (await reader(house, GP)).serves_a_relative


async def test_whom_a_strategy_discussion_does_not_ask_is_no_reader_of_it(house: House) -> None:
    await Embedded(house).take(*family(), events.meeting(kind="strategy_discussion"))
    about = await known(house)
    assert about.matter.family_never
    assert not [each for each in about.readers if each.is_family]


async def seen_by(house: House, party: str) -> set[str]:
    """The kinds of agency that a member of the family reads of in their copy."""
    about, own = await known(house), await reader(house, party)
    return {told.kind for other in about.readers if (told := may_see(own, other, about.matter)) and not other.is_family}


MOTHERS = "substance-misuse-1"


def mothers_service() -> list[bytes]:
    """A father, and a service of the mother's that is no service of the child's."""
    return [
        events.agency(MOTHERS),
        events.relative("p2", relationship=[events.tie(kind="father")]),
        events.involvement(person_id="p1", agency_id=MOTHERS),
    ]


@ON_ONE_STORE
async def test_no_parent_is_told_of_the_others_service_when_it_was_asked_before_as_well(embedded: Embedded) -> None:
    await embedded.take(*family(), *mothers_service(), events.meeting("m0"))
    await embedded.house.drain()
    later = events.NOW + timedelta(days=80)
    await embedded.take(events.meeting("m1", "review_conference", starts_at=later))
    await embedded.house.drain()
    asked = await reader(embedded.house, MOTHERS)
    assert asked.invited
    assert await seen_by(embedded.house, "p2") == {"camhs", "gp"}


@ON_ONE_STORE
async def test_no_parent_is_told_of_the_others_service_that_came_unasked(embedded: Embedded) -> None:
    await embedded.take(*family(), events.agency(MOTHERS), events.agency("police-1"), events.meeting())
    lines = [events.attended(each) for each in (MOTHERS, "police-1")]
    await embedded.take(*mothers_service()[1:], events.held(attendance=lines))
    assert await seen_by(embedded.house, "p2") == {"camhs", "gp", "police"}


@ON_ONE_STORE
async def test_of_an_agency_that_came_unasked_nothing_tells_that_it_was_there_for_the_child(embedded: Embedded) -> None:
    await embedded.take(*family(), events.agency(MOTHERS), events.meeting())
    await embedded.take(events.held(attendance=[events.attended(MOTHERS)]))
    assert MOTHERS.rsplit("-", 1)[0].replace("-", "_") not in await seen_by(embedded.house, "p1")


@ON_ONE_STORE
async def test_a_service_of_the_mothers_that_is_the_childs_too_is_told(embedded: Embedded) -> None:
    await embedded.take(*family(), *mothers_service(), events.involvement(agency_id=MOTHERS), events.meeting())
    assert "substance_misuse" in await seen_by(embedded.house, "p2")
    closed = events.involvement(agency_id=MOTHERS, status="closed", until=date(2026, 4, 30))
    await embedded.take(closed)
    assert "substance_misuse" in await seen_by(embedded.house, "p2"), "it was the child's when the meeting was"


def gets(text: str, own: Reader, about: Around) -> bool:
    """Whether a reader gets a section that says this."""
    [found] = copies(record(section(text)), [own], about.matter)
    return found.whole == (0,)


@ON_ONE_STORE
async def test_where_a_parent_found_refuge_is_named_to_nobody_who_need_not_know(embedded: Embedded) -> None:
    refuge = events.agency("domestic-abuse-1", name="Juniper Refuge", channels=[events.secure("in@juniper.example")])
    await embedded.take(
        *family(),
        refuge,
        events.agency("police-1"),
        events.relative("p2", relationship=[events.tie(kind="father")]),
        events.involvement(person_id="p1", agency_id="domestic-abuse-1", status="closed", until=date(2026, 1, 1)),
        events.involvement(agency_id="police-1"),
        events.meeting(),
    )
    about = await known(embedded.house)
    for text in ("They stay at Juniper Refuge.", "They are at Juniper now.", "Write to in@juniper.example."):
        allowed = {each.kind for each in about.readers if gets(text, each, about)}
        assert allowed == {"police"}, text
    everyone = {each.kind for each in about.readers if gets("There was domestic abuse.", each, about)}
    assert everyone == {"police", "camhs", "gp", "relative"}


@ON_ONE_STORE
async def test_the_name_of_a_placement_is_kept_from_whoever_need_not_know_wherever_a_child_lives_yet(
    embedded: Embedded,
) -> None:
    home = events.agency("placement-1", name="Larkrise Fostering")
    await embedded.take(*family(), home, events.involvement(agency_id="placement-1"), events.meeting())
    about = await known(embedded.house)
    assert {each.kind for each in about.readers if gets("AB goes to Larkrise on Monday.", each, about)} == {"placement"}


@ON_ONE_STORE
async def test_a_foster_carer_is_named_to_nobody_who_need_not_know_where_the_child_is(embedded: Embedded) -> None:
    carer = events.relative(
        "p9", relationship=[events.tie("c1", "foster_carer", False)], name="Jacinta Hollowell", email=None
    )
    await embedded.take(
        *family(), carer, events.agency("police-1"), events.involvement(agency_id="police-1"), events.meeting()
    )
    about = await known(embedded.house)
    for text in ("AB lives with Jacinta Hollowell.", "Mrs Hollowell came.", "Jacinta is kind."):
        assert {each.kind for each in about.readers if gets(text, each, about)} == {"police"}, text
    own = replace(await reader(embedded.house, "p1"), person_id="p9", address="p9@family.example")
    assert gets("AB lives with Jacinta Hollowell.", own, about)


@ON_ONE_STORE
async def test_an_address_that_an_agency_reads_is_no_parents(embedded: Embedded) -> None:
    both = events.secure("in@school.example")
    await embedded.take(
        *family(),
        events.agency("school-1", channels=[both]),
        events.involvement(agency_id="school-1"),
        events.relative(email="In@school.example"),
        events.meeting(),
    )
    assert (await copy_for(embedded.house, "p1")).why_not == SHARED_ADDRESS
    assert (await copy_for(embedded.house, "school-1")).why_not == NO_ADDRESS
