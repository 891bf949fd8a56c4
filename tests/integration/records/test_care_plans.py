"""A care plan that comes in is forwarded to the core group: to professionals who were asked on account of the child,
and to no member of the family by any route.
"""

from __future__ import annotations

from datetime import date, timedelta
from email.message import EmailMessage
from typing import Any

import pytest

from services.bootstrap import House
from services.foundation.documents import Documents
from services.oversight.views import list_exceptions
from services.participation.store import documents
from services.participation.store.documents import CLEAN, INFECTED, NOT_SCANNED, WAITING, Document
from services.participation.uploads import PDF
from services.records.handlers import care_plans
from services.records.opening import Shut, what_opens
from services.records.rules.dispatch import QUEUED, SENT, UNDELIVERED, WITHHELD, Dispatch
from services.records.store import dispatches
from services.records.views import explain
from tests import events
from tests.door import Door, Embedded
from tests.mailbox import of_kind

PLAN = b"%PDF-1.7 What CAMHS and the child agreed."
CAMHS, GP, SCHOOL, POLICE = "camhs-1", "gp-1", "school-1", "police-1"
TODAY = date(2026, 2, 16)


def verified(agency_id: str, **more: Any) -> bytes:
    """An agency whose address was verified lately."""
    channel = events.secure(f"in@{agency_id}.example", verified_on=TODAY)
    return events.agency(agency_id, channels=[channel], **more)


def known(*children: str) -> list[bytes]:
    """Children of one family with their services, and their mother, who is asked too."""
    found = [verified(each) for each in (CAMHS, GP, SCHOOL, POLICE)]
    found += [events.child(each) for each in children]
    found += [events.involvement(person_id=each, agency_id=of) for each in children for of in (CAMHS, GP)]
    found += [events.involvement(person_id=children[0], agency_id=SCHOOL)]
    found += [events.relative(relationship=[events.tie(each) for each in children])]
    return [*found, events.meeting(children=list(children))]


async def held_here(house: House, scan: str = NOT_SCANNED, content: bytes = PLAN, media_type: str = PDF) -> str:
    """A document that Quorate holds."""
    kept = Documents(house.settings.documents_folder).keep([content])
    async with house.database.write() as db:
        await documents.keep(
            db, Document(kept.document_id, "Robin's plan.pdf", media_type, len(content), house.clock.now(), scan)
        )
    return kept.document_id


async def sent_on(house: House, document_id: str) -> dict[str, Dispatch]:
    """What became of a care plan, by agency."""
    async with house.database.read() as db:
        return {each.agency_id or "": each for each in (await dispatches.about(db, [document_id])).get(document_id, ())}


async def states(house: House, document_id: str) -> dict[str, tuple[str, str | None]]:
    return {each: (one.state, one.why) for each, one in (await sent_on(house, document_id)).items()}


def letters(house: House) -> dict[str, EmailMessage]:
    """The letters with care plans that have come out, by address."""
    return {str(each["To"]): each for each in of_kind(house.settings.home, "plan")}


async def asked_of_a_person(house: House) -> list[str]:
    async with house.database.read() as db:
        found = await list_exceptions(db)
    return [each["text"] for each in found if each["kind"] == "care_plan_not_forwarded"]


async def test_a_care_plan_goes_to_all_who_were_asked_on_account_of_the_child_but_its_sender(door: Door) -> None:
    house = door.house
    await door.take(*known("c1"))
    plan = await held_here(house)
    await door.take(events.report(document_id=plan, kind="care_plan"))
    await house.drain()
    assert await states(house, plan) == dict.fromkeys((GP, SCHOOL, POLICE), (SENT, None))
    assert set(letters(house)) == {f"in@{each}.example" for each in (GP, SCHOOL, POLICE)}
    letter = letters(house)["in@gp-1.example"]
    [attached] = letter.iter_attachments()
    assert attached.get_content() == PLAN
    assert str(attached.get_filename()).startswith("care-plan-")
    assert "robin" not in letter.as_string().lower()
    assert await asked_of_a_person(house) == []


async def test_a_report_is_no_care_plan_and_goes_to_nobody(house: House) -> None:
    door = Embedded(house)
    await door.take(*known("c1"))
    plan = await held_here(house)
    await door.take(events.report(document_id=plan, kind="report"))
    await house.drain()
    assert await states(house, plan) == {}
    assert letters(house) == {}


async def test_no_member_of_the_family_gets_it_by_any_route(house: House) -> None:
    door = Embedded(house)
    await door.take(*known("c1"), events.held(core_group=[GP], attendance=[{"person_id": "p1", "status": "present"}]))
    plan = await held_here(house)
    await door.take(events.report(document_id=plan, kind="care_plan"))
    await house.drain()
    async with house.database.read() as db:
        every = (await dispatches.about(db, [plan]))[plan]
    assert [each.person_id for each in every] == [None]
    assert set(letters(house)) == {"in@gp-1.example"}


async def test_once_a_core_group_is_named_it_goes_to_that_and_to_nobody_else(house: House) -> None:
    door = Embedded(house)
    await door.take(*known("c1"), events.held(core_group=[GP, SCHOOL, CAMHS]))
    plan = await held_here(house)
    await door.take(events.report(document_id=plan, kind="care_plan"))
    assert set(await states(house, plan)) == {GP, SCHOOL}


async def test_a_core_group_named_at_an_earlier_meeting_gets_it_too(house: House) -> None:
    door = Embedded(house)
    later = events.meeting("m2", "core_group", starts_at=events.MEETING_AT + timedelta(days=9))
    await door.take(*known("c1"), events.held(core_group=[GP, POLICE]), later)
    plan = await held_here(house)
    await door.take(events.report("m2", document_id=plan, kind="care_plan"))
    assert set(await states(house, plan)) == {GP, POLICE}


async def test_an_agency_of_the_core_group_that_was_not_asked_for_the_child_is_for_a_person(house: House) -> None:
    door = Embedded(house)
    await door.take(*known("c1", "c2"), events.held(core_group=[GP, SCHOOL]))
    plan = await held_here(house)
    await door.take(events.report(document_id=plan, kind="care_plan", child_id="c2"))
    assert set(await states(house, plan)) == {GP}
    [text] = await asked_of_a_person(house)
    assert "Example school 1 of the core group was not asked on account of the child" in text


async def test_of_several_children_one_has_to_be_named_and_else_a_person_is_asked(house: House) -> None:
    door = Embedded(house)
    await door.take(*known("c1", "c2"))
    plan = await held_here(house)
    await door.take(events.report(document_id=plan, kind="care_plan"))
    assert await states(house, plan) == {}
    [text] = await asked_of_a_person(house)
    assert "none of the children" in text
    await door.take(events.report(document_id=plan, kind="care_plan", child_id="c1"))
    assert set(await states(house, plan)) == {GP, SCHOOL, POLICE}
    assert await asked_of_a_person(house) == []


async def test_a_child_whom_the_meeting_is_not_about_is_none(house: House) -> None:
    door = Embedded(house)
    await door.take(*known("c1"), events.child("c9", family_id="f9"))
    plan = await held_here(house)
    await door.take(events.report(document_id=plan, kind="care_plan", child_id="c9"))
    assert await states(house, plan) == {}
    assert len(await asked_of_a_person(house)) == 1


async def test_a_plan_that_waits_for_the_scanner_goes_once_it_is_found_clean(house: House) -> None:
    door = Embedded(house)
    await door.take(*known("c1"))
    plan = await held_here(house, WAITING)
    await door.take(events.report(document_id=plan, kind="care_plan"))
    await house.drain()
    assert set((await states(house, plan)).values()) == {(WITHHELD, "not_scanned")}
    assert letters(house) == {}
    assert len(await asked_of_a_person(house)) == 1
    await found(house, plan, CLEAN)
    await house.drain()
    assert await states(house, plan) == dict.fromkeys((GP, SCHOOL, POLICE), (SENT, None))
    assert await asked_of_a_person(house) == []


async def test_a_plan_in_which_something_harmful_was_found_never_goes(house: House) -> None:
    door = Embedded(house)
    await door.take(*known("c1"))
    plan = await held_here(house, WAITING)
    await door.take(events.report(document_id=plan, kind="care_plan"))
    await found(house, plan, INFECTED)
    await house.drain()
    assert letters(house) == {}
    [text] = await asked_of_a_person(house)
    assert "harmful" in text
    await door.take(events.report(document_id=plan, kind="care_plan", at=events.NOW + timedelta(days=1)))
    await house.drain()
    assert letters(house) == {}


async def test_a_plan_that_turns_out_to_do_harm_is_stopped_before_it_leaves(house: House) -> None:
    door = Embedded(house)
    await door.take(*known("c1"))
    plan = await held_here(house)
    await door.take(events.report(document_id=plan, kind="care_plan"))
    assert {state for state, _ in (await states(house, plan)).values()} == {QUEUED}
    await found(house, plan, INFECTED)
    await house.drain()
    assert set((await states(house, plan)).values()) == {(WITHHELD, "not_permitted")}
    assert letters(house) == {}


async def found(house: House, document_id: str, scan: str) -> None:
    """The scanner has decided."""
    async with house.database.write() as db:
        await documents.note_scan(db, document_id, scan)
        work = house.intake.work(db)
        await care_plans.scanned(work, [document_id])
        await house.intake.finish(work)


async def test_whom_a_person_excludes_before_it_leaves_gets_nothing(house: House) -> None:
    door = Embedded(house)
    await door.take(*known("c1"))
    plan = await held_here(house)
    await door.take(events.report(document_id=plan, kind="care_plan"))
    refused = [{"agency_id": SCHOOL, "reason": "conflict_of_interest", "note": "A parent works there."}]
    await door.take(events.meeting(do_not_invite=refused))
    await house.drain()
    assert (await states(house, plan))[SCHOOL] == (WITHHELD, "not_permitted")
    assert set(letters(house)) == {"in@gp-1.example", "in@police-1.example"}


async def test_to_an_address_that_nobody_verified_goes_a_link(house: House) -> None:
    door = Embedded(house)
    await door.take(*known("c1"), events.agency(GP, channels=[events.secure("in@gp-1.example")]))
    plan = await held_here(house)
    await door.take(events.report(document_id=plan, kind="care_plan"))
    await house.drain()
    letter = letters(house)["in@gp-1.example"]
    assert list(letter.iter_attachments()) == []
    assert "/record/" in letter.as_string()
    assert (await sent_on(house, plan))[GP].how == "link"


async def test_what_is_not_held_here_is_for_a_person(house: House) -> None:
    door = Embedded(house)
    await door.take(*known("c1"))
    await door.take(events.report(document_id="elsewhere-1", kind="care_plan"))
    await house.drain()
    assert set((await states(house, "elsewhere-1")).values()) == {(WITHHELD, "not_held")}
    [text] = await asked_of_a_person(house)
    assert "not held here" in text


async def test_the_coordinator_sees_to_whom_it_was_passed_on(house: House) -> None:
    door = Embedded(house)
    await door.take(*known("c1"))
    plan = await held_here(house)
    refused = [{"agency_id": SCHOOL, "reason": "conflict_of_interest", "note": "A parent works there."}]
    await door.take(events.meeting(do_not_invite=refused), events.report(document_id=plan, kind="care_plan"))
    await house.drain()
    async with house.database.read() as db:
        shown = await explain(db, house.intake.policy, "m1", None, house.clock.now())
    assert shown is not None
    [entry] = [each for each in shown["entries"] if each.get("agency_id") == CAMHS]
    [document] = entry["documents"]
    told = {each["agency_id"]: (each["state"], each.get("why")) for each in document["forwarded"]}
    assert told == {GP: ("sent", None), POLICE: ("sent", None), SCHOOL: ("withheld", "conflict_of_interest")}


async def test_the_same_plan_told_of_twice_goes_once(house: House) -> None:
    door = Embedded(house)
    await door.take(*known("c1"))
    plan = await held_here(house)
    for days in (0, 1):
        await door.take(events.report(document_id=plan, kind="care_plan", at=events.NOW + timedelta(days=days)))
        await house.drain()
    sent = [each for each in (house.settings.home / "mailbox").glob("*.eml") if b".plan@" in each.read_bytes()]
    assert len(sent) == 3


async def test_an_agency_that_it_comes_back_from_is_for_a_person(house: House) -> None:
    door = Embedded(house)
    await door.take(*known("c1"))
    plan = await held_here(house)
    await door.take(events.report(document_id=plan, kind="care_plan"))
    await house.drain()
    lost = (await sent_on(house, plan))[GP]
    await door.take(events.dispatch_bounced(lost.dispatch_id, address="in@gp-1.example", meeting_id="m1"))
    assert (await states(house, plan))[GP][0] == UNDELIVERED
    [text] = await asked_of_a_person(house)
    assert "did not reach Example gp 1" in text
    barred = [{"agency_id": GP, "reason": "conflict_of_interest", "note": "A relative works there."}]
    await door.take(
        events.meeting("m1", children=["c1"], do_not_invite=barred, time=events.NOW + timedelta(hours=1)),
    )
    assert await asked_of_a_person(house) == [], "nobody is to bring it to whoever may not have it by now"


@pytest.mark.parametrize("size", [11 << 20])
async def test_a_file_that_is_too_large_for_mail_goes_as_a_link(house: House, size: int) -> None:
    door = Embedded(house)
    await door.take(*known("c1"))
    plan = await held_here(house, content=PLAN + b" " * size)
    await door.take(events.report(document_id=plan, kind="care_plan"))
    assert {each.how for each in (await sent_on(house, plan)).values()} == {"link"}


async def test_who_is_taken_out_of_the_core_group_before_it_leaves_gets_nothing(door: Door) -> None:
    house = door.house
    await door.take(*known("c1"), events.held(core_group=[GP, SCHOOL]))
    plan = await held_here(house)
    await door.take(events.report(document_id=plan, kind="care_plan"))
    assert {state for state, _ in (await states(house, plan)).values()} == {QUEUED}
    await door.take(events.held(core_group=[GP], time=events.NOW + timedelta(minutes=5)))
    await house.drain()
    assert (await states(house, plan))[SCHOOL] == (WITHHELD, "not_permitted")
    assert set(letters(house)) == {"in@gp-1.example"}
    assert await asked_of_a_person(house) == []


async def test_who_is_taken_out_of_the_core_group_can_open_it_no_more(house: House) -> None:
    door = Embedded(house)
    by_link = [events.agency(each, channels=[events.secure(f"in@{each}.example")]) for each in (GP, SCHOOL)]
    await door.take(*known("c1"), *by_link, events.held(core_group=[GP, SCHOOL]))
    plan = await held_here(house)
    await door.take(events.report(document_id=plan, kind="care_plan"))
    await house.drain()
    for core_group, opening in (([GP, SCHOOL], {GP, SCHOOL}), ([GP], {GP})):
        at = events.NOW + timedelta(minutes=9 - len(core_group))
        await door.take(events.held(core_group=core_group, time=at))
        await house.drain()
        assert {each for each, one in (await sent_on(house, plan)).items() if await opens(house, one)} == opening


async def opens(house: House, dispatch: Dispatch) -> bool:
    """Whether the link to a care plan leads anywhere today."""
    async with house.database.read() as db:
        try:
            await what_opens(db, house.intake.policy, dispatch)
        except Shut:
            return False
    return True


async def test_a_service_of_a_parent_does_not_get_the_childs_plan(house: House) -> None:
    door = Embedded(house)
    father = events.relative("p2", relationship=[events.tie("c1", "father", True)], name="Tomasz Nowak")
    await door.take(verified("probation-1"), father)
    await door.take(events.involvement(person_id="p2", agency_id="probation-1", service="probation"), *known("c1"))
    plan = await held_here(house)
    await door.take(events.report(document_id=plan, kind="care_plan"))
    await house.drain()
    assert set(letters(house)) == {f"in@{each}.example" for each in (GP, SCHOOL, POLICE)}
    assert "probation-1" not in await states(house, plan)
