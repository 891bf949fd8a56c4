"""Held meetings from event to page: register, verdict, what is refused and who released it, in any order of events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from itertools import product
from random import Random
from typing import Any

import pytest
from sqlalchemy import select

from services.bootstrap import House
from services.oversight.views import list_exceptions
from services.participation.rules.verdict import Verdict, may_follow
from services.participation.store.quoracy import attendances, verdicts, verdicts_of
from services.participation.views import explain
from services.web.pages import render
from services.web.views import one_meeting
from tests import events
from tests.clock import MovableClock
from tests.door import Door, Embedded

SOCIAL_CARE, POLICE, SCHOOL, GP, CAMHS, NURSE = (
    "childrens_social_care-1",
    "police-1",
    "school-1",
    "gp-1",
    "camhs-1",
    "school_nursing-1",
)
FIRST, SECOND = events.MEETING_AT, events.MEETING_AT + timedelta(days=21)
QUORUM = [events.attended(each, mode="in_person") for each in (SOCIAL_CARE, SCHOOL, GP)]
TOO_FEW = [events.attended(SOCIAL_CARE), events.attended(SCHOOL), events.attended(CAMHS, "apologies")]
CHAIR = {"by": "Sam Chair", "reason": "The child is not safe at home."}


def agencies() -> list[bytes]:
    return [events.agency(each) for each in (SOCIAL_CARE, POLICE, SCHOOL, GP, CAMHS, NURSE)]


def child(child_id: str = "c1") -> list[bytes]:
    works = [
        events.involvement(person_id=child_id, agency_id=each, direct_contact=True) for each in (SCHOOL, GP, NURSE)
    ]
    return [events.child(child_id), *works, events.involvement(person_id=child_id, agency_id=CAMHS, status="waiting")]


def directory() -> list[bytes]:
    return [*agencies(), *child(), events.relative()]


def held(meeting_id: str = "m1", attendance: Sequence[Any] = QUORUM, **more: Any) -> bytes:
    return events.held(meeting_id, attendance=attendance, **{"held_at": FIRST if meeting_id == "m1" else SECOND} | more)


def second(kind: str = "initial_conference", **more: Any) -> bytes:
    return events.meeting("m2", kind, **{"starts_at": SECOND} | more)


async def take(door: Door, *raws: bytes) -> None:
    verdicts = await door.take(*raws)
    assert {verdict.state for verdict in verdicts} <= {"accepted", "waiting"}


async def shown(house: House, meeting_id: str = "m1", as_of: datetime | None = None) -> dict[str, Any]:
    async with house.database.read() as db:
        found = await explain(db, house.intake.policy, meeting_id, as_of, house.clock.now())
    assert found is not None
    return found


async def kept(house: House, meeting_id: str = "m1") -> Verdict | None:
    async with house.database.read() as db:
        return (await verdicts_of(db, [meeting_id])).get(meeting_id)


async def raised(house: House, **which: Any) -> dict[tuple[str, str], str]:
    """The exceptions that are about quoracy, by meeting and kind."""
    async with house.database.read() as db:
        found = await list_exceptions(db, **which)
    about = {"inquorate", "attendance_required_missing"}
    return {(each["meeting_id"], each["kind"]): each["text"] for each in found if each["kind"] in about}


def register(found: Mapping[str, Any]) -> dict[str, str]:
    return {
        each.get("agency_id") or each.get("person_id") or each["kind"]: each["status"]
        for each in found["attendance"]["parties"]
    }


async def refused(house: House, meeting_id: str = "m1") -> set[str]:
    verdict = await kept(house, meeting_id)
    assert verdict is not None
    return {each.what for each in verdict.refused}


async def test_a_held_conference_has_a_register_and_a_verdict(house: House, door: Door) -> None:
    await take(door, *directory(), events.meeting())
    await house.drain()
    await take(door, held(attendance=[*QUORUM, events.attended(CAMHS, "apologies"), events.attended("housing-7")]))
    found = await shown(house)
    assert found["quoracy"]["quorate"] is True
    assert found["quoracy"]["rule"] == "conference"
    assert found["quoracy"]["text"].startswith("Quorate: children's social care and 2 other agencies")
    assert register(found) == {
        **dict.fromkeys((SOCIAL_CARE, SCHOOL, GP, "housing-7"), "present"),
        CAMHS: "apologies",
        **dict.fromkeys((POLICE, NURSE, "p1"), "not_noted"),
        "c1": "not_asked",
    }
    uninvited = [each["agency_id"] for each in found["attendance"]["parties"] if each.get("uninvited")]
    assert uninvited == ["housing-7"]
    attended = {
        each["agency_id"]: each["invitation"].get("attendance") for each in found["entries"] if "agency_id" in each
    }
    assert attended == {
        **dict.fromkeys((SOCIAL_CARE, SCHOOL, GP), "present"),
        CAMHS: "apologies",
        **dict.fromkeys((POLICE, NURSE), None),
    }
    for party in found["quoracy"]["parties"]:
        assert party["text"]
        assert party["events"]
    assert await raised(house) == {}


async def test_nobody_is_absent_whom_nothing_shows_to_have_been_asked(house: House, embedded: Embedded) -> None:
    unreachable = events.agency(CAMHS, channels=[])
    await take(embedded, *directory(), unreachable, events.meeting())
    await take(
        embedded, held(attendance=[*QUORUM, events.attended(CAMHS, "absent"), events.attended(POLICE, "absent")])
    )
    found = register(await shown(house))
    assert (found[CAMHS], found[POLICE]) == ("not_asked", "not_asked")  # the message to the police has not gone
    await take(embedded, events.answered(agency_id=POLICE))
    assert register(await shown(house))[POLICE] == "absent"


async def test_an_inquorate_conference_is_an_exception_unless_the_chair_let_it_go_on(
    house: House, embedded: Embedded, clock: MovableClock
) -> None:
    await take(embedded, *directory(), events.meeting(), held(attendance=TOO_FEW))
    assert list(await raised(house)) == [("m1", "inquorate")]
    clock.advance(timedelta(hours=1))
    await take(embedded, held(attendance=TOO_FEW, chairs_exception=CHAIR))
    assert await raised(house) == {}
    found = (await shown(house))["quoracy"]
    assert (found["quorate"], found["went_on"]["by"]) == (False, "Sam Chair")
    assert [each["what"] for each in found["refused"]] == ["plan_ended"]


async def test_what_a_person_allows_afterwards_does_as_the_chair_does(house: House, embedded: Embedded) -> None:
    await take(embedded, *directory(), events.meeting(), held(attendance=TOO_FEW))
    await take(embedded, events.excepted("m1", "proceed_inquorate"))
    assert await raised(house) == {}
    assert "Head of safeguarding let it go on" in (await shown(house))["quoracy"]["text"]


async def test_a_strategy_discussion_without_the_police_tells_of_them(house: House, embedded: Embedded) -> None:
    await take(embedded, *directory(), events.meeting(kind="strategy_discussion"))
    await house.drain()
    there = [events.attended(SOCIAL_CARE), events.attended(NURSE), events.attended(POLICE, "apologies")]
    await take(embedded, held(attendance=there))
    found = await raised(house)
    assert set(found) == {("m1", "inquorate"), ("m1", "attendance_required_missing")}
    assert "Example police 1 sent apologies" in found["m1", "attendance_required_missing"]
    await take(embedded, held(attendance=[*there, events.attended(POLICE, mode="phone")]))
    assert await raised(house) == {}


async def test_that_a_required_party_had_been_asked_is_said_whenever_it_is_learnt(
    house: House, embedded: Embedded
) -> None:
    await take(embedded, *directory(), events.meeting(kind="strategy_discussion"))
    there = [events.attended(SOCIAL_CARE), events.attended(NURSE), events.attended(POLICE, "absent")]
    await take(embedded, held(attendance=there))
    missing = ("m1", "attendance_required_missing")
    assert "No invitation to Example police 1 is on record" in (await raised(house))[missing]
    await take(embedded, events.answered(agency_id=POLICE))
    assert "Example police 1 was asked, and was not there" in (await raised(house))[missing]


async def test_a_corrected_register_counts_whichever_comes_first(house: House, embedded: Embedded) -> None:
    wrong, right = held(attendance=TOO_FEW), held()
    await take(embedded, *directory(), events.meeting(), right, wrong)
    verdict = await kept(house)
    assert verdict is not None
    assert verdict.quorate
    await take(embedded, held(attendance=TOO_FEW))
    verdict = await kept(house)
    assert verdict is not None
    assert not verdict.quorate


async def test_what_was_so_at_the_meeting_counts_whenever_it_is_learnt(
    house: House, door: Door, clock: MovableClock
) -> None:
    some = [each for each in directory() if b"i-c1-gp-1" not in each]
    await take(door, *some, events.meeting(), held())
    assert ("m1", "inquorate") in await raised(house)
    clock.advance(timedelta(days=60))
    was_so = events.involvement(agency_id=GP, direct_contact=True, time=FIRST - timedelta(days=100))
    await take(door, was_so)
    assert await raised(house) == {}
    # And what became so afterwards changes nothing of the meeting.
    for after in (
        events.involvement(agency_id=GP, status="closed", until=FIRST.date(), time=FIRST + timedelta(days=3)),
        events.involvement(agency_id=SCHOOL, direct_contact=False, time=FIRST + timedelta(days=3)),
        events.agency(GP, "legal", time=FIRST + timedelta(days=3)),
    ):
        await take(door, after)
    await take(door, held(chairs_exception=CHAIR))  # judged once more, long after
    verdict = await kept(house)
    assert verdict is not None
    assert verdict.quorate


async def test_an_agency_first_recorded_after_the_meeting_is_known_from_then_on(
    house: House, embedded: Embedded, clock: MovableClock
) -> None:
    some = [each for each in directory() if b'"police"' not in each]
    assert len(some) == len(directory()) - 1
    there = [events.attended(each) for each in (SOCIAL_CARE, SCHOOL, POLICE)]
    await take(embedded, *some, events.meeting(), held(attendance=there))
    assert ("m1", "inquorate") in await raised(house)
    clock.advance(timedelta(days=60))
    await take(embedded, events.agency(POLICE, time=FIRST + timedelta(days=50)))
    assert await raised(house) == {}


async def test_two_inquorate_conferences_running_are_refused_until_somebody_allows_it(
    house: House, embedded: Embedded
) -> None:
    await take(embedded, *directory(), events.meeting(), second("review_conference"))
    await take(embedded, held(attendance=TOO_FEW), held("m2", TOO_FEW, chairs_exception=CHAIR))
    assert await refused(house, "m2") == {"plan_ended", "second_inquorate"}
    assert "Two running are not allowed" in (await raised(house))["m2", "inquorate"]
    await take(embedded, events.excepted("m2", "inquorate_again"))
    assert await refused(house, "m2") == {"plan_ended"}
    assert ("m2", "inquorate") not in await raised(house)
    assert [each["by"] for each in (await shown(house, "m2"))["quoracy"]["allowed"]] == ["Head of safeguarding"]


async def test_the_word_for_it_counts_as_well_where_it_came_before(house: House, embedded: Embedded) -> None:
    await take(embedded, *directory(), events.meeting(), second(), events.excepted("m2", "inquorate_again"))
    await take(embedded, held("m2", TOO_FEW, chairs_exception=CHAIR), held(attendance=TOO_FEW))
    assert await refused(house, "m2") == {"plan_ended"}


async def test_the_first_of_two_told_later_makes_the_second_one_the_second(house: House, embedded: Embedded) -> None:
    await take(embedded, *directory(), events.meeting(), second(), held("m2", TOO_FEW))
    assert await refused(house, "m2") == {"plan_ended"}
    await take(embedded, held(attendance=TOO_FEW))
    assert await refused(house, "m2") == {"plan_ended", "second_inquorate"}
    await take(embedded, held())  # corrected: it was quorate
    assert await refused(house, "m2") == {"plan_ended"}


async def test_only_meetings_that_took_place_stand_between_two(house: House, embedded: Embedded) -> None:
    third = SECOND + timedelta(days=21)
    between = {
        "c1": [],
        "c2": [held("c2-2", QUORUM)],
        "c3": [held("c3-2", TOO_FEW, outcome=["adjourned"])],
        "c4": [held("c4-2", QUORUM, outcome=["adjourned"])],
        "c5": [events.cancelled("c5-2")],
    }
    await take(embedded, *agencies())
    for each, happens in between.items():
        booked = [
            events.meeting(f"{each}-{number}", children=[each], starts_at=at)
            for number, at in enumerate((FIRST, SECOND, third), 1)
        ]
        last = events.held(f"{each}-3", attendance=TOO_FEW, held_at=third)
        await take(embedded, *child(each), *booked, held(f"{each}-1", TOO_FEW), *happens, last)
    runs = {each for each in between if "second_inquorate" in await refused(house, f"{each}-3")}
    assert runs == {"c1", "c3", "c4", "c5"}


async def test_an_adjourned_meeting_is_not_judged_and_a_kind_without_a_rule_neither(
    house: House, embedded: Embedded
) -> None:
    await take(embedded, *directory(), events.meeting(), second("looked_after_review"))
    await take(embedded, held(attendance=TOO_FEW), held("m2", TOO_FEW))
    assert ("m1", "inquorate") in await raised(house)
    await take(embedded, held(attendance=TOO_FEW, outcome=["adjourned"]))
    assert await raised(house) == {}
    assert [await kept(house, each) for each in ("m1", "m2")] == [None, None]
    found = [await shown(house, each) for each in ("m1", "m2")]
    assert ["quoracy" in each for each in found] == [False, False]
    assert [each["attendance"]["not_judged"].split(",")[0] for each in found] == [
        "The meeting was adjourned",
        "No rule of quoracy is set for this kind of meeting.",
    ]


async def test_meetings_of_another_line_or_child_do_not_run_on(house: House, embedded: Embedded) -> None:
    await take(embedded, *directory(), *child("c2"), events.meeting())
    await take(embedded, second("core_group"), events.meeting("m3", children=["c2"], starts_at=SECOND))
    await take(embedded, held(attendance=TOO_FEW), held("m2", TOO_FEW), held("m3", TOO_FEW))
    assert await refused(house, "m2") == {"plan_ended"}
    assert await refused(house, "m3") == {"plan_ended"}


async def test_a_meeting_runs_on_from_the_one_that_it_follows_whichever_child_that_names(
    house: House, embedded: Embedded
) -> None:
    await take(embedded, *directory(), *child("c2"), events.meeting(), second(children=["c2"], follows="m1"))
    await take(embedded, held("m2", TOO_FEW), held(attendance=TOO_FEW))
    assert "second_inquorate" in await refused(house, "m2")


async def test_before_birth_a_second_one_is_no_fault(house: House, embedded: Embedded) -> None:
    await take(embedded, *directory(), events.child(expected_on=date(2026, 8, 1)))
    await take(embedded, events.meeting(kind="pre_birth_conference"), second("pre_birth_conference"))
    await take(embedded, held(attendance=TOO_FEW), held("m2", TOO_FEW))
    assert await refused(house, "m2") == {"plan_ended"}


async def test_an_inquorate_meeting_cannot_end_a_plan_until_somebody_allows_it(
    house: House, embedded: Embedded
) -> None:
    await take(embedded, *agencies())
    for told_by, word_first in product(("outcome", "event"), (True, False)):
        name = f"{told_by}-{word_first}"
        word = events.excepted(name, "plan_ended_inquorate")
        ended = events.plan_ended(name, child_id=name, on=FIRST.date(), meeting_id=name, partition_key="f1")
        outcome = ["plan_ended"] if told_by == "outcome" else []
        meeting = held(name, TOO_FEW, chairs_exception=CHAIR, outcome=outcome)
        await take(embedded, *child(name), events.meeting(name, children=[name]), *([word] if word_first else []))
        await take(embedded, *([ended] if told_by == "event" else []), meeting)
        if not word_first:
            assert await refused(house, name) == {"plan_ended"}
            assert not may_follow("plan_ended", await kept(house, name))
            assert "It is recorded that the plan ended there" in (await raised(house))[name, "inquorate"]
            await take(embedded, word)
        assert may_follow("plan_ended", await kept(house, name))
        assert await raised(house) == {}


async def test_the_end_of_a_plan_may_be_corrected_to_another_meeting(house: House, embedded: Embedded) -> None:
    await take(embedded, *directory(), events.meeting(), second(), held(attendance=TOO_FEW, chairs_exception=CHAIR))
    await take(embedded, held("m2"), events.plan_ended(on=FIRST.date(), meeting_id="m1", partition_key="f1"))
    assert ("m1", "inquorate") in await raised(house)
    await take(embedded, events.plan_ended(on=SECOND.date(), meeting_id="m2", partition_key="f1"))
    assert await raised(house) == {}
    assert may_follow("plan_ended", await kept(house, "m2"))


async def test_a_past_moment_is_shown_as_it_was_known_then(
    house: House, embedded: Embedded, clock: MovableClock
) -> None:
    clock.advance(FIRST - clock.now() + timedelta(hours=3))
    await take(embedded, *directory(), events.meeting())
    before = clock.now()
    clock.advance(timedelta(hours=1))
    await take(embedded, held(attendance=TOO_FEW))
    first = clock.now()
    clock.advance(timedelta(hours=1))
    await take(embedded, held(), events.excepted("m1", "proceed_inquorate"))
    assert "attendance" not in await shown(house, as_of=before)
    then = (await shown(house, as_of=first))["quoracy"]
    assert (then["quorate"], then["allowed"]) == (False, [])
    now = (await shown(house, as_of=clock.now()))["quoracy"]
    assert now == (await shown(house))["quoracy"]
    assert now["quorate"] is True


ANY_ORDER = [
    *directory(),
    events.involvement(agency_id=GP, direct_contact=True, time=events.START - timedelta(days=1)),
    events.involvement(agency_id=GP, direct_contact=False, time=FIRST + timedelta(days=2)),
    events.involvement(agency_id=CAMHS, direct_contact=True, time=SECOND + timedelta(days=2)),
    events.relative("p2", relationship=[events.tie("c1", "father")]),
    events.involvement("i-father", person_id="p2", agency_id="probation-1", direct_contact=True),
    events.agency("probation-1"),
    events.circumstance("c1", what="hospital_admission", at=FIRST - timedelta(days=2)),
    events.agency("acute_hospital-1"),
    events.meeting(),
    events.meeting(also_invite=[{"agency_id": "housing-1", "reason": "Rent."}]),
    events.agency("housing-1", time=FIRST + timedelta(days=5)),
    second("review_conference"),
    events.meeting("m3", "review_conference", starts_at=SECOND + timedelta(days=30), follows="m2"),
    held(attendance=TOO_FEW),
    held(attendance=[*TOO_FEW, events.attended("acute_hospital-1", mode="phone")], chairs_exception=CHAIR),
    held(
        "m2",
        [*TOO_FEW, events.attended(CAMHS), events.attended("housing-1")],
        outcome=["plan_ended"],
        core_group=[SOCIAL_CARE, "housing-1"],
    ),
    events.held("m3", attendance=[*TOO_FEW, events.attended("housing-1")], held_at=SECOND + timedelta(days=30)),
    events.excepted("m2", "inquorate_again"),
    events.plan_ended(on=SECOND.date(), meeting_id="m2", partition_key="f1"),
    events.plan_ended("plan-2", on=SECOND.date(), meeting_id="m3", partition_key="f1"),
]


async def all_kept(house: House) -> list[Any]:
    columns = [verdicts.c[name] for name in ("meeting_id", "quorate", "rule", "text", "document", "refused")]
    async with house.database.read() as db:
        rows = (await db.execute(select(*columns).order_by(verdicts.c.meeting_id))).all()
        listed = (
            await db.execute(select(attendances).order_by(attendances.c.meeting_id, attendances.c.agency_id))
        ).all()
    found = await raised(house)
    return [[tuple(row) for row in rows], [tuple(row) for row in listed], sorted(key for key in found)]


EXPECTED: dict[str, Any] = {}


@pytest.mark.parametrize("seed", range(5))
async def test_in_any_order_and_any_batches_the_verdicts_are_the_same(
    house: House, embedded: Embedded, seed: int
) -> None:
    chance = Random(seed)
    order = list(ANY_ORDER)
    if seed:
        chance.shuffle(order)
    while order:
        size = chance.choice([1, 1, 2, 5, len(order)]) if seed else len(order)
        await take(embedded, *order[:size])
        del order[:size]
    found = await all_kept(house)
    assert [(row[0], row[1]) for row in found[0]] == [("m1", False), ("m2", False), ("m3", True)]
    assert EXPECTED.setdefault("found", found) == found


async def rendered(house: House, meeting_id: str) -> str:
    async with house.database.read() as db:
        found = await one_meeting(db, house.intake.policy, meeting_id, house.clock.now())
    assert found is not None
    return bytes(render("meeting.html", here="meetings", now=house.clock.now(), **found).body).decode()


async def test_a_page_shows_the_register_and_the_verdict(house: House, embedded: Embedded) -> None:
    hostile = CHAIR | {"reason": "<script>alert(1)</script>"}
    await take(embedded, *directory(), events.meeting(), second(), held("m2", TOO_FEW, outcome=["adjourned"]))
    await take(embedded, held(attendance=TOO_FEW, chairs_exception=hostile, outcome=["plan_ended"]))
    async with house.database.read() as db:
        found = await one_meeting(db, house.intake.policy, "m1", house.clock.now())
    assert found is not None
    lines = {line.get("agency_id"): line for line in found["held"]["lines"]}
    assert lines[SCHOOL]["who"] == "Example school 1"
    assert lines[SCHOOL]["party"]["counts"]
    assert [event["type"] for event in lines[SCHOOL]["events"]] == [
        "quorate.meeting.held.v1",
        "quorate.involvement.recorded.v1",
    ]
    page = await rendered(house, "m1")
    assert "Not quorate" in page
    assert "Sam Chair: &lt;script&gt;" in page
    assert "<script" not in page
    assert "takes no effect until somebody with the right to decide allows it" in page
    assert "which nobody has confirmed for this area yet" in page
    [raised_at] = [each for each in found["exceptions"] if each["kind"] == "inquorate"]
    assert raised_at["anchor"] == "quoracy"
    assert 'id="quoracy"' in page
    assert "The meeting was adjourned" in await rendered(house, "m2")
