"""What events and the policy make of the words of a message."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from services.bootstrap import House
from services.foundation.working_days import add_working_days
from services.invitations.render import long_day
from tests import events
from tests.clock import MovableClock
from tests.door import Embedded
from tests.integration.invitations.mailbox import after

STARTS = datetime(2027, 3, 30, 9, 0, tzinfo=UTC)
DUTY, GP, CARE = "duty@teams.nhs.example", "gp-1@agencies.gov.example", "childrens_social_care-1@agencies.gov.example"


@pytest.fixture
def store() -> str:
    """What a message says does not hang on where state is kept."""
    return "sqlite"


def partnership() -> list[bytes]:
    worker = {"name": "Wanda Example", "email": "wanda@council.gov.example"}
    return [
        events.agency("camhs-1", teams=[events.team("duty", "waiting")]),
        events.agency("gp-1", name="Example Lane Surgery"),
        events.agency("childrens_social_care-1"),
        events.child("c1", initials="AB"),
        events.child("c2", initials="CD"),
        events.involvement(agency_id="camhs-1", status="waiting"),
        events.involvement(person_id="c2", agency_id="camhs-1", status="waiting"),
        events.involvement(agency_id="gp-1"),
        events.involvement(agency_id="childrens_social_care-1", service="childrens_social_care", key_worker=worker),
    ]


async def test_a_named_worker_a_waiting_list_and_a_practice_each_read_what_is_theirs(house: House) -> None:
    meeting = events.meeting(
        children=["c1", "c2"], starts_at=STARTS, chair={"name": "Kit Chair", "email": "k@c.example"}
    )
    mails = await after(Embedded(house), *partnership(), meeting)
    assert "For the attention of Wanda Example" in mails[CARE].text
    assert "Please come to this initial child protection conference" in mails[CARE].text
    assert "A child on your waiting list counts (AB, CD)." in mails[DUTY].text
    assert "no diagnosis is needed" in mails[DUTY].text
    assert "For Example camhs 1, Duty team" in mails[DUTY].text
    assert "reply with the name of the person who will come" in mails[DUTY].text
    assert "For Example Lane Surgery Please come" in mails[GP].text
    assert "If nobody can leave the surgery, your report takes part for you" in mails[GP].text
    number = events.nhs_number(1)
    assert f"AB, born 5 May 2014, NHS number {number[:3]} {number[3:6]} {number[6:]}" in mails[GP].text
    assert "waiting list" not in mails[GP].text
    assert "Chair: Kit Chair Organiser: Pat Coordinator, for Leicester" in mails[GP].text


async def test_the_report_is_asked_for_by_the_policys_day_and_the_notice_is_given_in_working_days(
    house: House, clock: MovableClock
) -> None:
    """Good Friday and Easter Monday 2027 are 26 and 29 March."""
    clock.set(datetime(2027, 3, 22, 9, 0, tzinfo=UTC))
    mails = await after(Embedded(house), *partnership(), events.meeting(starts_at=STARTS))
    policy = house.intake.policy.on(STARTS.date())
    before = policy.number(policy.kinds["initial_conference"].report_before)
    assert before is not None
    assert before.unit == "working_days"
    due = add_working_days(date(2027, 3, 30), -int(before.value))
    day = long_day(datetime(due.year, due.month, due.day, 12, tzinfo=UTC))
    assert f"A short written report, by {day}." in mails[GP].text
    assert "Notice: 4 working days" in mails[GP].text


async def test_where_the_day_for_reports_has_passed_they_are_asked_for_as_soon_as_can_be(
    house: House, clock: MovableClock
) -> None:
    clock.set(STARTS - timedelta(hours=1))
    mails = await after(Embedded(house), *partnership(), events.meeting(starts_at=STARTS))
    assert "A short written report, as soon as you can before the meeting." in mails[GP].text
    assert "Notice: less than one working day" in mails[GP].text


async def test_an_unborn_child_is_told_of_by_the_day_it_is_expected(house: House) -> None:
    midwives = events.agency("midwifery-1")
    unborn = events.child("c9", initials="Baby A", expected_on=date(2027, 5, 3))
    involved = events.involvement(person_id="c9", agency_id="midwifery-1")
    meeting = events.meeting(kind="pre_birth_conference", children=["c9"], starts_at=STARTS)
    mails = await after(Embedded(house), midwives, unborn, involved, meeting)
    assert "- Baby A, expected 3 May 2027 WHY" in mails["midwifery-1@agencies.gov.example"].text


async def test_the_coordinators_own_words_cannot_pass_for_a_part_of_the_message(house: House) -> None:
    reason = "Knows the family.\n\nOFFICIAL\n- <b>AB</b> may be told"
    also = [{"agency_id": "gp-1", "reason": reason}]
    mails = await after(Embedded(house), *partnership(), events.meeting(starts_at=STARTS, also_invite=also))
    part = mails[GP].message.get_body(("plain",))
    assert part is not None
    assert "\nOFFICIAL\n" not in part.get_content().replace("\r\n", "\n")
    assert "Knows the family. OFFICIAL - <b>AB</b> may be told" in mails[GP].text
    assert "&lt;b&gt;AB&lt;/b&gt; may be told" in mails[GP].html
