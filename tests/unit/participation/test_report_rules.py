"""What is owed in writing, until when, and what is said of what has not come."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.directory.rules import Cause
from services.invitations.rules import CANCELLED, QUEUED, SENT, UNDELIVERED, Invitation, Told
from services.meetings.policy import load_policy
from services.meetings.rules import Meeting
from services.participation.report_terms import remind_at
from services.participation.rules.answers import Answer
from services.participation.rules.missing_reports import missing
from services.participation.rules.reports import (
    CARE_PLAN,
    FOR_APOLOGIES,
    FOR_THE_MEETING,
    REPORT,
    Apologies,
    Owed,
    Report,
    Request,
    Terms,
    apologies_of,
    came,
    last_asked,
    may_be_written_to,
    owed,
    reminder_is_owed,
    state,
)

POLICY = load_policy()
SCHEDULED = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
ASKED = SCHEDULED + timedelta(hours=1)
BY = datetime(2026, 3, 30, 23, 0, tzinfo=UTC)
STARTS = datetime(2026, 4, 1, 9, 0, tzinfo=UTC)
MEETING = Meeting(
    "m1",
    "initial_conference",
    "leicester",
    "f1",
    "scheduled",
    ("c1",),
    STARTS,
    STARTS + timedelta(hours=2),
    date(2026, 4, 1),
    None,
    (),
    (),
    Cause("s", "e"),
)
INVITATION = Invitation(
    "i" * 26,
    "m1",
    "agency:camhs-1:",
    "camhs-1",
    None,
    None,
    "duty@camhs.example",
    SENT,
    0,
    0,
    SCHEDULED,
    SCHEDULED,
    Told(STARTS, STARTS + timedelta(hours=2), None, None),
)
EVERYONE, NOBODY = Terms(BY, BY), Terms(None, BY)


def said(answer: str = "declined", at: datetime = ASKED + timedelta(hours=1), **more: object) -> Answer:
    made = Answer("m1", "camhs-1", None, None, answer, at, "s", f"{answer} {at:%d %H %M}", at)
    return replace(made, **more)  # type: ignore[arg-type]


def wants(
    terms: Terms = EVERYONE,
    *answers: Answer,
    invitation: Invitation = INVITATION,
    meeting: Meeting = MEETING,
    asked_at: datetime | None = ASKED,
    gives_care_plan: bool = True,
) -> tuple[Owed, ...]:
    apologies = apologies_of(invitation, answers)
    return owed(meeting, terms, invitation, asked_at, apologies, gives_care_plan=gives_care_plan)


def report(kind: str = REPORT, at: datetime = ASKED, team_id: str | None = None, agency_id: str = "camhs-1") -> Report:
    return Report("m1", agency_id, team_id, f"{kind} {at:%d}", kind, at, None, "s", f"{kind} {at}", at)


def test_whoever_was_asked_owes_what_the_kind_of_meeting_asks_everyone_for() -> None:
    assert wants() == (Owed(REPORT, FOR_THE_MEETING, ASKED, BY),)
    assert wants(NOBODY) == ()


@pytest.mark.parametrize("asked_at", [None, ASKED])
def test_apologies_of_whoever_was_asked_or_not_owe_a_report_and_where_the_policy_says_so_a_care_plan(
    asked_at: datetime | None,
) -> None:
    known = said().known_at
    report_alone = wants(NOBODY, said(), asked_at=asked_at, gives_care_plan=False)
    assert report_alone == (Owed(REPORT, FOR_APOLOGIES, known, BY),)
    assert wants(NOBODY, said(), asked_at=asked_at) == (*report_alone, Owed(CARE_PLAN, FOR_APOLOGIES, known, BY))


@pytest.mark.parametrize("answer", ["accepted", "tentative", "delegated"])
def test_no_other_answer_asks_for_more_than_everyone_owes(answer: str) -> None:
    assert wants(EVERYONE, said(answer, will_report=True)) == wants()
    assert wants(NOBODY, said(answer, will_report=True)) == ()


def test_whose_message_went_nowhere_was_not_asked() -> None:
    assert wants(asked_at=None) == ()
    assert wants(invitation=replace(INVITATION, state=UNDELIVERED)) == ()


@pytest.mark.parametrize(
    "nothing",
    [
        {"invitation": replace(INVITATION, state=CANCELLED)},
        {"meeting": replace(MEETING, state="cancelled")},
        {"invitation": replace(INVITATION, agency_id=None, person_id="p1", party="person:p1")},
    ],
)
def test_an_invitation_taken_back_a_cancelled_meeting_and_a_relative_owe_nothing(nothing: dict[str, object]) -> None:
    assert wants(EVERYONE, said(), replace(said(), agency_id=None, person_id="p1"), **nothing) == ()  # type: ignore[arg-type]


def test_whoever_is_asked_after_the_policys_day_has_until_the_meeting_begins() -> None:
    [late] = wants(asked_at=BY)
    assert late.due_at == STARTS
    [no_number] = wants(Terms(None, None), said(), gives_care_plan=False)
    assert no_number.due_at == STARTS


def test_nothing_is_due_after_the_meeting_begins() -> None:
    [early] = wants(Terms(STARTS + timedelta(hours=14), None))
    assert early.due_at == STARTS


def test_a_new_time_is_asked_for_anew() -> None:
    moved = replace(INVITATION, since=BY + timedelta(hours=1), sequence=1, state=QUEUED)
    [again] = wants(invitation=moved)
    assert (again.asked_at, again.due_at) == (moved.since, STARTS)


def test_apologies_said_again_count_from_the_first_time_and_apologies_after_another_answer_from_then() -> None:
    first, again = said(), said(at=ASKED + timedelta(days=3))
    assert apologies_of(INVITATION, [again, first]) == Apologies(first.known_at, answered=True)
    between = said("accepted", at=ASKED + timedelta(days=1))
    assert apologies_of(INVITATION, [again, between, first]) == Apologies(again.known_at, answered=True)
    assert apologies_of(INVITATION, [first, between]) is None


def test_whoever_was_there_sent_no_apologies_and_the_register_tells_of_those_that_no_answer_did() -> None:
    held_since = STARTS + timedelta(hours=3)
    assert apologies_of(INVITATION, [said()], "present", held_since) is None
    assert apologies_of(INVITATION, [said()], "apologies", held_since) == Apologies(said().known_at, answered=True)
    noted_alone = apologies_of(INVITATION, [], "apologies", held_since)
    assert noted_alone == Apologies(held_since, answered=False)
    assert apologies_of(INVITATION, [said("accepted")], "absent", held_since) is None
    for terms, due_at, because_asked in ((EVERYONE, BY, ASKED), (NOBODY, STARTS, held_since)):
        found = owed(MEETING, terms, INVITATION, ASKED, noted_alone, gives_care_plan=True)
        assert found == (Owed(REPORT, FOR_APOLOGIES, because_asked, due_at),)


def test_of_apologies_that_only_the_register_knows_it_is_not_said_that_a_report_was_due() -> None:
    noted_alone = Apologies(STARTS + timedelta(hours=3), answered=False)
    made = replace(request(because=FOR_APOLOGIES, due_at=STARTS), asked_at=noted_alone.since)
    found = missing(POLICY, MEETING, made, INVITATION, (), noted_alone, noted_alone.since, date(2026, 4, 1))
    assert found is not None
    assert (found.kind, found.text) == (
        "apologies_without_report",
        (
            "They sent apologies (so says the register) for the initial child protection conference on 1 April 2026. "
            "No report of theirs has come."
        ),
    )


def test_what_comes_from_a_team_or_its_agency_settles_what_the_other_was_asked_for_and_no_other_teams() -> None:
    of_team = replace(INVITATION, team_id="duty")
    for invitation, sent, settles in (
        (INVITATION, report(team_id="duty"), True),
        (of_team, report(), True),
        (of_team, report(team_id="duty"), True),
        (of_team, report(team_id="other"), False),
        (of_team, report(agency_id="gp-1"), False),
    ):
        assert (came(REPORT, invitation, [sent]) is not None) is settles


def test_neither_a_care_plan_nor_a_report_stands_for_the_other() -> None:
    assert came(REPORT, INVITATION, [report(CARE_PLAN)]) is None
    assert came(CARE_PLAN, INVITATION, [report(REPORT)]) is None


def test_of_several_the_first_counts() -> None:
    in_time, late = report(at=BY), report(at=BY + timedelta(days=1))
    assert state(BY, came(REPORT, INVITATION, [late, in_time]), MEETING, STARTS) == "received"
    assert state(BY, came(REPORT, INVITATION, [late]), MEETING, STARTS) == "late"


def test_what_was_not_owed_and_came_is_received() -> None:
    assert state(None, report(), MEETING, STARTS) == "received"
    assert state(None, None, MEETING, STARTS) is None


def test_there_is_time_until_the_moment_it_is_due_or_the_meeting_was_held() -> None:
    just_before = BY - timedelta(microseconds=1)
    assert state(BY, None, MEETING, just_before) == "asked"
    assert state(BY, None, MEETING, BY) == "late"
    assert state(BY, None, replace(MEETING, state="held"), just_before) == "late"


def test_nobody_is_written_to_once_the_meeting_has_begun_or_where_nothing_arrives() -> None:
    assert may_be_written_to(MEETING, INVITATION, STARTS - timedelta(seconds=1))
    assert not may_be_written_to(MEETING, INVITATION, STARTS)
    for wrong in ({"address": None}, {"state": UNDELIVERED}, {"state": CANCELLED}):
        assert not may_be_written_to(MEETING, replace(INVITATION, **wrong), ASKED)
    assert not may_be_written_to(replace(MEETING, state="held"), INVITATION, ASKED)


def test_a_reminder_is_owed_once_in_its_time_and_again_only_for_a_later_day() -> None:
    wanted, moment = Owed(REPORT, FOR_THE_MEETING, ASKED, BY), BY - timedelta(days=2)
    assert reminder_is_owed(wanted, moment, None, moment)
    assert not reminder_is_owed(wanted, moment, None, moment - timedelta(microseconds=1))
    assert not reminder_is_owed(wanted, moment, None, BY)
    assert not reminder_is_owed(wanted, moment, moment, moment + timedelta(hours=1))
    assert reminder_is_owed(wanted, moment, moment - timedelta(days=9), moment)
    assert not reminder_is_owed(wanted, None, None, moment)


@pytest.mark.parametrize(
    ("asked_at", "is_reminded"),
    [
        (datetime(2026, 3, 24, 17, 0, tzinfo=UTC), True),
        (datetime(2026, 3, 25, 9, 0, tzinfo=UTC), False),
        (datetime(2026, 3, 26, 8, 58, tzinfo=UTC), False),
    ],
)
def test_a_whole_working_day_lies_between_what_is_asked_for_and_its_reminder(
    asked_at: datetime, is_reminded: bool
) -> None:
    moment = datetime(2026, 3, 26, 9, 0, tzinfo=UTC)
    assert remind_at(POLICY, MEETING.day, BY, asked_at) == (moment if is_reminded else None)
    by_apologies = Owed(REPORT, FOR_APOLOGIES, ASKED, BY)
    assert last_asked(by_apologies, Apologies(asked_at, answered=True)) == asked_at
    assert last_asked(by_apologies, None) == ASKED


def request(kind: str = REPORT, because: str = FOR_THE_MEETING, due_at: datetime = BY) -> Request:
    return Request(INVITATION.invitation_id, kind, "m1", "camhs-1", None, because, ASKED, due_at)


@pytest.mark.parametrize(
    ("made", "answers", "kind", "text"),
    [
        (
            request(),
            (),
            "report_late",
            (
                "Their report for the initial child protection conference on 1 April 2026 was due by 30 March 2026 and "
                "has not come."
            ),
        ),
        (
            request(because=FOR_APOLOGIES),
            (said(will_report=True),),
            "apologies_without_report",
            (
                "They sent apologies (known since 2 March 2026) for the initial child protection conference on 1 April "
                "2026. Their report was due by 30 March 2026 and has not come. They said that they would send one."
            ),
        ),
        (
            request(CARE_PLAN, FOR_APOLOGIES, due_at=STARTS),
            (said(will_report=True),),
            "care_plan_not_received",
            (
                "They sent apologies (known since 2 March 2026) for the initial child protection conference on 1 April "
                "2026. Their care plan was due before the meeting and has not come."
            ),
        ),
    ],
)
def test_what_has_not_come_is_one_exception_with_its_dates(
    made: Request, answers: tuple[Answer, ...], kind: str, text: str
) -> None:
    apologies = apologies_of(INVITATION, answers)
    found = missing(POLICY, MEETING, made, INVITATION, answers, apologies, STARTS, date(2026, 3, 30))
    assert found is not None
    assert (found.kind, found.text, found.agency_id) == (kind, text, "camhs-1")
    assert found.about == f"invitation:{INVITATION.invitation_id}"
    assert missing(POLICY, MEETING, made, INVITATION, answers, apologies, ASKED, date(2026, 3, 30)) is None


def test_that_nobody_could_be_asked_is_told_before_it_is_late() -> None:
    unreached = replace(request(because=FOR_APOLOGIES), failure="address_refused")
    apologies = apologies_of(INVITATION, [said()])
    found = missing(POLICY, MEETING, unreached, INVITATION, (said(),), apologies, ASKED, date(2026, 3, 30))
    assert found is not None
    assert found.kind == "apologies_without_report"
    assert found.text.endswith("The letter that asks them for the report has not reached them: ask them another way.")


@given(
    st.lists(
        st.tuples(st.sampled_from(["accepted", "declined", "tentative"]), st.integers(1, 40)), unique_by=lambda a: a[1]
    ),
    st.randoms(use_true_random=False),
)
def test_what_is_owed_hangs_on_what_was_said_and_not_on_the_order_in_which_it_was_learnt(
    script: list[tuple[str, int]], chance: Random
) -> None:
    answers = [said(answer, at=ASKED + timedelta(hours=hours)) for answer, hours in script]
    shuffled = list(answers)
    chance.shuffle(shuffled)
    for terms in (EVERYONE, NOBODY):
        found = wants(terms, *shuffled)
        assert found == wants(terms, *answers)
        last = max(script, key=lambda each: each[1])[0] if script else None
        assert (CARE_PLAN in {each.kind for each in found}) == (last == "declined")
        assert len({each.kind for each in found}) == len(found)
