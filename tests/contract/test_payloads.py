"""What each payload may and may not say, and what its sender is told."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from schemas.agency import AgencyRecorded
from schemas.child import ChildRecorded
from schemas.meeting import MeetingScheduled
from schemas.plan import PlanStarted
from schemas.record import DispatchConfirmed, Except, Only, RecordApproved
from schemas.registry import TYPES
from schemas.relative import RelativeRecorded
from tests.contract.events import ALL_TYPES, MISSING, At, accepted, changed, example, refused, the_error

AGENCY = "quorate.agency.recorded.v1"
CHILD = "quorate.child.recorded.v1"
RELATIVE = "quorate.relative.recorded.v1"
INVOLVEMENT = "quorate.involvement.recorded.v1"
SCHEDULED = "quorate.meeting.scheduled.v1"
RESCHEDULED = "quorate.meeting.rescheduled.v1"
CANCELLED = "quorate.meeting.cancelled.v1"
HELD = "quorate.meeting.held.v1"
ANSWERED = "quorate.invitation.answered.v1"
COUNTERED = "quorate.invitation.countered.v1"
REQUESTED = "quorate.invitation.requested.v1"
BOUNCED = "quorate.invitation.bounced.v1"
RECEIVED = "quorate.invitation.received.v1"
EXCEPTED = "quorate.quoracy.excepted.v1"
OBSERVED = "quorate.invitation.observed.v1"
REPORT = "quorate.report.received.v1"
RECORD = "quorate.record.approved.v1"
RECALLED = "quorate.record.recalled.v1"
OPENED, CONFIRMED = "quorate.dispatch.opened.v1", "quorate.dispatch.confirmed.v1"
CAME_BACK, CAME_IN = "quorate.dispatch.bounced.v1", "quorate.dispatch.received.v1"
PLAN = "quorate.plan.started.v1"
CIRCUMSTANCE = "quorate.circumstance.changed.v1"
RESOLVED = "quorate.invitees.resolved.v1"
UNDELIVERED = "quorate.invitation.undelivered.v1"
RAISED = "quorate.exception.raised.v1"

NOT_AN_ID = "has a character that an id may not have"
NO_CONTROLS = "must be on one line, without line breaks or control characters"
ONE_PARTY = "must have exactly one of agency_id and person_id"


def path_of(at: At) -> str:
    return "$.data" + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in at)


def one_change(type_: str, at: At, value: object) -> tuple[str, str]:
    return the_error(changed(example(type_), ("data", *at), value))


@pytest.mark.parametrize(
    ("type_", "at", "value", "says"),
    [
        (AGENCY, ("agency_id",), "a b", NOT_AN_ID),
        (AGENCY, ("agency_id",), "", "is empty: an id has 1 to 64 characters"),
        (AGENCY, ("agency_id",), "x" * 65, "is 65 characters long: an id has at most 64"),
        (AGENCY, ("agency_id",), 12, "must be a string, not a number"),
        (AGENCY, ("agency_id",), "camhs\n", NOT_AN_ID),
        (AGENCY, ("kind",), "Child Health", '"Child Health" is not a kind: write it in small letters'),
        (AGENCY, ("kind",), "x", '"x" is not a kind'),
        (AGENCY, ("kind",), "x" * 65, f'"{"x" * 40}…" is not a kind'),
        (AGENCY, ("name",), "", "must not be blank"),
        (AGENCY, ("name",), " \u00a0", "must not be blank"),
        (AGENCY, ("name",), "CAMHS\r\nBcc: all@northshire.example", NO_CONTROLS),
        (AGENCY, ("name",), "CAMHS\x00", NO_CONTROLS),
        (AGENCY, ("name",), "CAMHS\x85North", NO_CONTROLS),
        (AGENCY, ("name",), "CAMHS\u2028North", NO_CONTROLS),
        (AGENCY, ("name",), "CAMHS \u202enorth", NO_CONTROLS),
        (AGENCY, ("name",), "x" * 501, "is 501 characters long: at most 500"),
        (AGENCY, ("name",), "\ud800", "half of a character"),
        (AGENCY, ("authority",), ["northshire"], "must be a string, not a list"),
        (AGENCY, ("channels",), "duty@camhs.example", "must be a list, not a string"),
        (AGENCY, ("channels",), None, "must be a list, not null"),
        (AGENCY, ("channels", 0), "duty@camhs.example", "must be an object, not a string"),
        (AGENCY, ("channels", 0, "kind"), "fax", 'must be one of email, mesh, portal, not "fax"'),
        (AGENCY, ("channels", 0, "kind"), ["email"], "must be one of email, mesh, portal, not a list"),
        (AGENCY, ("channels", 0, "secure"), "true", "must be true or false, without quotes, not a string"),
        (AGENCY, ("channels", 0, "secure"), 1, "must be true or false, without quotes, not a number"),
        (AGENCY, ("channels", 0, "secure"), None, "must be true or false, without quotes, not null"),
        (AGENCY, ("channels", 0, "secure"), MISSING, "is missing: it is required"),
        (AGENCY, ("channels", 0, "verified_on"), "2026-02-30", "a day that does not exist"),
        (AGENCY, ("channels", 1, "address"), "X26 NS", "must not have spaces, line breaks or control characters"),
        (AGENCY, ("channels", 1, "address"), "", "is empty"),
        (AGENCY, ("teams", 0, "serves", 1), "In transition", "is not a kind"),
        (AGENCY, ("teams", 0, "channels"), MISSING, "is missing: it is required"),
        (AGENCY, ("teams", 1, "team_id"), "camhs-duty", "is the id of an earlier team too"),
        (AGENCY, ("closed_on",), "soon", 'must be a date, as in "2026-03-02"'),
        (CHILD, ("initials",), "ABCDEFGHIJK", "is 11 characters long: at most 10"),
        (CHILD, ("initials",), "", "must not be blank"),
        (CHILD, ("nhs_number",), "999 000 0124", "whose last digit is its check digit"),
        (CHILD, ("nhs_number",), "9990000140", "whose last digit is its check digit"),
        (CHILD, ("nhs_number",), "999000012", "must be an NHS number: ten digits"),
        (CHILD, ("nhs_number",), "٩٩٩0000123", "must be an NHS number: ten digits"),
        (CHILD, ("nhs_number",), 9990000123, "must be an NHS number in a string, not a number"),
        (CHILD, ("date_of_birth",), "2014-02-30", "a day that does not exist"),
        (CHILD, ("date_of_birth",), "2014-02-28T10:00:00", "must be a date"),
        (CHILD, ("date_of_birth",), "2014-02-30T10:00:00Z", "does not exist"),
        (CHILD, ("date_of_birth",), "28/02/2014", "must be a date"),
        (CHILD, ("date_of_birth",), "0014-02-28", "in the years 1900 to 2199"),
        (CHILD, ("date_of_birth",), "0001-01-01T00:00:00+14:00", "in the years 1900 to 2199"),
        (CHILD, ("date_of_birth",), 20140509, "must be a date in a string"),
        (CHILD, ("circumstances",), "looked_after", "must be a list, not a string"),
        (CHILD, ("circumstances",), {"looked_after": True}, "must be a list, not an object"),
        (CHILD, ("circumstances", 0), "Looked after", '"Looked after" is not a kind'),
        (CHILD, ("circumstances",), ["a1"] * 501, "has 501 entries: at most 500"),
        (CHILD, ("flags", 0), None, "must be a string, not null"),
        (CHILD, ("placement", "since"), MISSING, "is missing"),
        (CHILD, ("placement",), [], "must be an object, not a list"),
        (RELATIVE, ("relationship",), [], "must have at least one entry"),
        (RELATIVE, ("relationship",), None, "must be a list, not null"),
        (RELATIVE, ("relationship", 1, "parental_responsibility"), "yes", "must be true or false, without quotes"),
        (RELATIVE, ("relationship", 1, "kind"), "Step-father", "is not a kind"),
        (RELATIVE, ("needs", 0), "interpreter:", "or a language, as in interpreter:so"),
        (RELATIVE, ("needs", 1), "Easy read", "must be a word in small letters"),
        (RELATIVE, ("not_with", 0), "p 2", NOT_AN_ID),
        (INVOLVEMENT, ("status",), "active", 'must be one of referred, waiting, open, closed, not "active"'),
        (INVOLVEMENT, ("since",), MISSING, "is missing"),
        (INVOLVEMENT, ("service",), "", '"" is not a kind'),
        (INVOLVEMENT, ("key_worker", "email"), MISSING, "is missing"),
        (INVOLVEMENT, ("direct_contact",), 0, "must be true or false, without quotes, not a number"),
        (SCHEDULED, ("kind",), MISSING, "is missing"),
        (SCHEDULED, ("children",), [], "must have at least one entry"),
        (SCHEDULED, ("children",), MISSING, "is missing"),
        (SCHEDULED, ("children",), "child-01", "must be a list, not a string"),
        (SCHEDULED, ("children", 1), "child-01", "is there twice: each id once"),
        (SCHEDULED, ("children", 0), {"child_id": "child-01"}, "must be a string, not an object"),
        (SCHEDULED, ("ends_at",), "2026-03-30T10:00:00+01:00", "must be later than starts_at"),
        (SCHEDULED, ("ends_at",), "2026-03-30T08:59:59Z", "must be later than starts_at"),
        (SCHEDULED, ("ends_at",), "2026-03-31T10:00:01+01:00", "must be within 24 hours of starts_at"),
        (SCHEDULED, ("starts_at",), "2026-03-30T10:00:00", "an offset is needed"),
        (SCHEDULED, ("place",), "Room\x00 4", NO_CONTROLS),
        (SCHEDULED, ("joining_url",), "javascript:alert(1)", "must be a link that begins with https://"),
        (SCHEDULED, ("joining_url",), "https://meet.example/a b", "must be a link"),
        (SCHEDULED, ("joining_url",), "https://meet.example/a\r\nX: y", "must be a link"),
        (SCHEDULED, ("joining_url",), 'https://meet.example/"onclick=', "must be a link"),
        (SCHEDULED, ("joining_url",), "https://" + "x" * 2041, "is 2049 characters long: at most 2048"),
        (SCHEDULED, ("organiser",), MISSING, "is missing"),
        (SCHEDULED, ("organiser", "name"), "A\nB", NO_CONTROLS),
        (SCHEDULED, ("also_invite", 0, "reason"), " \n", "must not be blank"),
        (SCHEDULED, ("do_not_invite", 0, "reason"), "other", "must be one of childs_wish, chairs_restriction, "),
        (SCHEDULED, ("do_not_invite", 0, "note"), MISSING, "is missing"),
        (SCHEDULED, ("do_not_invite", 0, "note"), "a\x1b[2J", "must not have control characters"),
        (RESCHEDULED, ("ends_at",), "2026-03-31T08:00:00Z", "must be later than starts_at"),
        (RESCHEDULED, ("meeting_id",), MISSING, "is missing"),
        (CANCELLED, ("reason",), MISSING, "is missing"),
        (CANCELLED, ("reason",), None, "must be a string, not null"),
        (HELD, ("attendance", 0, "status"), "late", 'must be one of present, apologies, absent, not "late"'),
        (HELD, ("attendance", 0, "mode"), "zoom", 'must be one of in_person, video, phone, not "zoom"'),
        (HELD, ("attendance",), MISSING, "is missing"),
        (HELD, ("outcome", 0), "plan made", '"plan made" is not a kind'),
        (HELD, ("held_at",), "2026-03-31", "a time of day and an offset are needed"),
        (ANSWERED, ("answer",), "yes", "must be one of accepted, declined, tentative, delegated"),
        (ANSWERED, ("delegate", "email"), "kit", "one @"),
        (ANSWERED, ("will_report",), "false", "must be true or false"),
        (ANSWERED, ("sequence",), -1, "must be 0 or more"),
        (ANSWERED, ("reason",), "busy", "must be one of clinic_or_surgery_hours, late_notice"),
        (COUNTERED, ("ends_at",), "2026-03-31T09:00:00Z", "must be later than starts_at"),
        (BOUNCED, ("status",), "550", "is not an enhanced status code"),
        (EXCEPTED, ("allows",), "anything", "must be one of inquorate_again, plan_ended_inquorate"),
        (OBSERVED, ("address",), "practice@gp-1.example\r\n", "must not have spaces, line breaks"),
        (REPORT, ("kind",), "letter", 'must be one of report, care_plan, not "letter"'),
        (REPORT, ("document_id",), "C:\\doc", NOT_AN_ID),
        (RECORD, ("kind",), "note", 'must be one of minutes, plan, decision, not "note"'),
        (RECORD, ("version",), "2", "must be a whole number, not a string"),
        (RECORD, ("version",), 1.5, "must be a whole number, not one with a decimal point"),
        (RECORD, ("version",), True, "must be a whole number, not true or false"),
        (RECORD, ("version",), 0, "must be 1 or more"),
        (RECORD, ("version",), 10_000, "must be 9999 or less"),
        (RECORD, ("version",), 10**80, "must be 9999 or less"),
        (RECORD, ("sections",), [], "must have at least one entry"),
        (RECORD, ("sections", 0, "audience"), "family", 'an object with only or except, not "family"'),
        (RECORD, ("sections", 0, "audience"), {"only": ["a"], "except": ["b"]}, "exactly one of only and except"),
        (RECORD, ("sections", 0, "audience"), {}, "exactly one of only and except"),
        (RECORD, ("sections", 0, "audience"), ["school-3"], "must be everyone, professionals, or an object with"),
        (RECORD, ("sections", 0, "audience"), MISSING, "is missing"),
        (RECORD, ("sections", 2, "audience", "except"), [], "must have at least one entry"),
        (RECORD, ("sections", 3, "audience", "only", 1), "school-3", "is there twice"),
        (RECORD, ("sections", 3, "audience", "only", 1), "a b", NOT_AN_ID),
        (RECORD, ("sections", 3, "audience", "only"), "school-3", "must be a list, not a string"),
        (RECORD, ("sections", 0, "heading"), "a\nb", NO_CONTROLS),
        (RECORD, ("sections", 0, "text"), "", "must not be blank"),
        (RECORD, ("checked_by",), " sam  HALE", "must be another person than approved_by"),
        (RECALLED, ("version",), 0, "must be 1 or more"),
        (RECALLED, ("reason",), "", "must not be blank"),
        (RECALLED, ("by",), MISSING, "is missing"),
        (CONFIRMED, ("what",), "read", "must be one of filed, flag_changed, no_flag, noted"),
        (CONFIRMED, ("how",), "fax", "must be one of page, mail, mesh, told"),
        (CAME_BACK, ("permanent",), "yes", "must be true or false, without quotes"),
        (CAME_IN, ("address",), "a b", "must not have spaces"),
        (PLAN, ("on",), "31.3.2026", "must be a date"),
        (PLAN, ("household", 0), "", "is empty"),
        (
            CIRCUMSTANCE,
            ("what",),
            "moved",
            "must be one of placement, hospital_admission, hospital_discharge, missing,",
        ),
        (RESOLVED, ("entries", 0, "name"), "Ana Bright", "is not a field of this event"),
        (RESOLVED, ("email",), "ana@mail.example", "is not a field of this event"),
        (UNDELIVERED, ("reason",), "Bounced", "must be one of address_refused, gave_up, not_permitted, too_late"),
        (UNDELIVERED, ("code",), 42, "must be 200 or more"),
        (UNDELIVERED, ("code",), 600, "must be 599 or less"),
        (RAISED, ("kind",), "forgotten", "must be one of not_invited, no_usable_address,"),
        (RAISED, ("text",), "Ana Bright did not answer", "is not a field of this event"),
    ],
)
def test_a_wrong_value_is_refused_at_its_place_with_what_would_be_right(
    type_: str, at: At, value: object, says: str
) -> None:
    path, message = one_change(type_, at, value)
    assert path == path_of(at)
    assert says in message
    assert "pydantic" not in message


@pytest.mark.parametrize(
    ("type_", "at", "value", "path", "says"),
    [
        (SCHEDULED, ("do_not_invite", 0, "agency_id"), "gp-1", "$.data.do_not_invite[0]", ONE_PARTY),
        (SCHEDULED, ("do_not_invite", 0, "person_id"), MISSING, "$.data.do_not_invite[0]", ONE_PARTY),
        (SCHEDULED, ("do_not_invite", 0, "person_id"), None, "$.data.do_not_invite[0]", ONE_PARTY),
        (HELD, ("attendance", 0, "person_id"), "person-01", "$.data.attendance[0]", ONE_PARTY),
        (HELD, ("attendance", 2, "agency_id"), MISSING, "$.data.attendance[2]", ONE_PARTY),
        (ANSWERED, ("agency_id",), MISSING, "$.data", ONE_PARTY),
        (ANSWERED, ("person_id",), "mother-01", "$.data", ONE_PARTY),
        (RESOLVED, ("entries", 0, "agency_id"), MISSING, "$.data.entries[0]", ONE_PARTY),
        (RESOLVED, ("entries", 1, "why_not"), MISSING, "$.data.entries[1].why_not", "exactly when the decision is"),
        (RESOLVED, ("entries", 0, "why_not"), "duplicate", "$.data.entries[0].why_not", "exactly when the decision is"),
        (UNDELIVERED, ("agency_id",), MISSING, "$.data", ONE_PARTY),
        (RAISED, ("person_id",), "person-01", "$.data", "must have at most one of agency_id and person_id"),
        (RECORD, ("sections", 0, "text"), "- a\n\n" * 5_001, "$.data.sections", "a record has at most 5000"),
        (RECORD, ("sections", 0, "text"), "a" * 80 * 5_000 + "b", "$.data.sections", "has about 50"),
    ],
)
def test_fields_that_do_not_go_together_are_refused_where_they_are(
    type_: str, at: At, value: object, path: str, says: str
) -> None:
    where, message = one_change(type_, at, value)
    assert where == path
    assert says in message


@pytest.mark.parametrize(
    "address",
    [
        "duty@camhs.example",
        "first.last+tag@sub.camhs.example",
        "o'neill_1@camhs-north.example",
        "DUTY@CAMHS.Example",
        "x" * 64 + "@camhs.example",
        "duty@xn--bcher-kva.example",
    ],
)
def test_a_bare_address_is_taken_as_it_stands(address: str) -> None:
    relative = accepted(changed(example(RELATIVE), ("data", "email"), address)).data
    assert isinstance(relative, RelativeRecorded)
    assert relative.email == address


def test_a_domain_in_other_letters_is_taken_in_its_ascii_form() -> None:
    relative = accepted(changed(example(RELATIVE), ("data", "email"), "duty@bücher.example")).data
    assert isinstance(relative, RelativeRecorded)
    assert relative.email == "duty@xn--bcher-kva.example"


@pytest.mark.parametrize(
    "address",
    [
        "",
        "duty",
        "@camhs.example",
        "duty@",
        "duty@camhs",
        "duty@@camhs.example",
        "duty@a@camhs.example",
        "duty@camhs..example",
        "duty@.example",
        "duty@camhs.example.",
        "duty@-camhs.example",
        "duty@camhs_north.example",
        "duty@192.0.2.1",
        "duty@[192.0.2.1]",
        ".duty@camhs.example",
        "duty.@camhs.example",
        "du..ty@camhs.example",
        " duty@camhs.example",
        "duty@camhs.example ",
        "duty @camhs.example",
        "duty@camhs.example\n",
        "duty@camhs.example\r\nBcc: other@camhs.example",
        "duty@camhs.example\x00",
        "duty\t@camhs.example",
        "duty@camhs.example,other@camhs.example",
        "duty@camhs.example;other@camhs.example",
        "Duty <duty@camhs.example>",
        "<duty@camhs.example>",
        "mailto:duty@camhs.example",
        '"duty"@camhs.example',
        "duty(x)@camhs.example",
        "dutý@camhs.example",
        "duty@cam＠hs.example",
        "duty@ca\u200bmhs\u2028.example",
        "duty@" + "ü" * 70 + ".example",
        "duty@" + "a" * 64 + ".example",
        "x" * 65 + "@camhs.example",
        "duty@" + "a." * 125 + "example",
        "\ud800@camhs.example",
        7,
        ["duty@camhs.example"],
        {"email": "duty@camhs.example"},
    ],
)
def test_what_is_not_one_bare_address_is_refused(address: object) -> None:
    for type_, at in (
        (RELATIVE, ("email",)),
        (SCHEDULED, ("organiser", "email")),
        (AGENCY, ("channels", 0, "address")),
    ):
        path, message = one_change(type_, at, address)
        assert path == path_of(at)
        assert "camhs" not in message.replace("duty@camhs.example", "")


# In each of these fields stands something that could identify a person.
IDENTIFYING: list[tuple[str, At]] = [
    (AGENCY, ("channels", 0, "address")),
    (CHILD, ("initials",)),
    (CHILD, ("nhs_number",)),
    (CHILD, ("date_of_birth",)),
    (CHILD, ("expected_on",)),
    (CHILD, ("preferred_name",)),
    (CHILD, ("pronouns",)),
    (CHILD, ("child_id",)),
    (CHILD, ("family_id",)),
    (RELATIVE, ("name",)),
    (RELATIVE, ("email",)),
    (RELATIVE, ("needs", 0)),
    (INVOLVEMENT, ("key_worker", "name")),
    (INVOLVEMENT, ("key_worker", "email")),
    (INVOLVEMENT, ("key_worker",)),
    (SCHEDULED, ("place",)),
    (SCHEDULED, ("joining_url",)),
    (SCHEDULED, ("chair",)),
    (SCHEDULED, ("organiser", "name")),
    (SCHEDULED, ("children", 0)),
    (SCHEDULED, ("do_not_invite", 0, "note")),
    (HELD, ("attendance", 0, "name")),
    (ANSWERED, ("by",)),
    (ANSWERED, ("delegate", "email")),
    (OBSERVED, ("evidence",)),
    (RECORD, ("approved_by",)),
    (RECORD, ("sections", 0, "text")),
    (PLAN, ("category",)),
    (CIRCUMSTANCE, ("detail",)),
]


@pytest.mark.parametrize(("type_", "at"), IDENTIFYING)
@pytest.mark.parametrize("value", ["Zebedee\x00 9990000123 2014-05-09", ["Zebedee"], {"Zebedee": "9990000123"}])
def test_no_message_repeats_what_could_identify_a_person(type_: str, at: At, value: object) -> None:
    for error in refused(changed(example(type_), ("data", *at), value)):
        assert "Zebedee" not in error.message + error.path
        assert "999" not in error.message
        assert "2014" not in error.message


@pytest.mark.parametrize("at", [("kind",), ("starts_at",)])
@pytest.mark.parametrize("value", ["999 000 0123", "Ana 9990000123", "ana.bright@mail.example"])
def test_a_number_or_address_of_a_person_in_the_wrong_field_is_not_repeated(at: At, value: str) -> None:
    message = one_change(SCHEDULED, at, value)[1]
    assert "…" in message
    assert "999 000" not in message
    assert "9990" not in message
    assert "bright" not in message


def test_an_nhs_number_is_kept_without_its_spaces() -> None:
    child = accepted(example(CHILD)).data
    assert isinstance(child, ChildRecorded)
    assert child.nhs_number == "9990000123"


@pytest.mark.parametrize("number", ["9990000018", "9990000026", " 9990 0000 34 ", "9990000050"])
def test_an_nhs_number_with_its_check_digit_is_taken(number: str) -> None:
    accepted(changed(example(CHILD), ("data", "nhs_number"), number))


@pytest.mark.parametrize("what", ["filed", "flag_changed", "no_flag", "noted"])
def test_a_reader_says_one_of_a_few_things_of_what_they_were_sent(what: str) -> None:
    confirmed = accepted(changed(example(CONFIRMED), ("data", "what"), what)).data
    assert isinstance(confirmed, DispatchConfirmed)
    assert confirmed.what == what


@pytest.mark.parametrize("field", ["date_of_birth", "expected_on"])
def test_a_child_may_be_born_or_expected_or_neither(field: str) -> None:
    event = changed(example(CHILD), ("data", "date_of_birth"), MISSING)
    accepted(event)
    accepted(changed(event, ("data", field), "2026-05-01"))


def test_a_child_may_not_be_both_born_and_expected() -> None:
    path, message = one_change(CHILD, ("expected_on",), "2026-05-01")
    assert path == "$.data.expected_on"
    assert "born or expected" in message


@pytest.mark.parametrize(
    ("written", "day"),
    [
        ("2026-03-31", date(2026, 3, 31)),
        ("2026-03-31T00:00:00+01:00", date(2026, 3, 31)),
        ("2026-03-30T23:00:00Z", date(2026, 3, 31)),
        ("2026-01-12T00:00:00Z", date(2026, 1, 12)),
    ],
)
def test_a_time_in_the_place_of_a_date_stands_for_the_day_in_england(written: str, day: date) -> None:
    plan = accepted(changed(example(PLAN), ("data", "on"), written)).data
    assert isinstance(plan, PlanStarted)
    assert plan.on == day


def test_a_meeting_may_last_a_day_across_a_clock_change_but_no_second_more() -> None:
    event = changed(example(SCHEDULED), ("data", "starts_at"), "2026-03-28T12:00:00+00:00")
    meeting = accepted(changed(event, ("data", "ends_at"), "2026-03-29T13:00:00+01:00")).data
    assert isinstance(meeting, MeetingScheduled)
    assert meeting.ends_at == datetime(2026, 3, 29, 12, tzinfo=UTC)
    assert the_error(changed(event, ("data", "ends_at"), "2026-03-29T13:00:01+01:00"))[0] == "$.data.ends_at"


def test_when_the_start_cannot_be_read_the_end_is_not_blamed() -> None:
    assert one_change(SCHEDULED, ("starts_at",), "noon")[0] == "$.data.starts_at"


@pytest.mark.parametrize("line_break", ["\n", "\r\n", ",\n", " \n "])
def test_a_place_on_several_lines_is_put_on_one(line_break: str) -> None:
    event = changed(example(SCHEDULED), ("data", "place"), f"Civic Centre{line_break}Room 4\n")
    meeting = accepted(event).data
    assert isinstance(meeting, MeetingScheduled)
    assert meeting.place == "Civic Centre, Room 4"


def test_white_space_around_a_name_is_taken_off() -> None:
    agency = accepted(changed(example(AGENCY), ("data", "name"), "  Northshire CAMHS \n")).data
    assert isinstance(agency, AgencyRecorded)
    assert agency.name == "Northshire CAMHS"


@pytest.mark.parametrize("name", ["Zoë O’Neill", "Σοφία", "王小明", "Ṣẹ́gun", "جون", "D'Arcy-Smith (duty)"])
def test_a_name_may_be_in_any_letters(name: str) -> None:
    accepted(changed(example(RELATIVE), ("data", "name"), name))


@pytest.mark.parametrize(
    "need", ["interpreter:so", "interpreter:bfi", "interpreter:zh-Hant", "easy_read", "large_print"]
)
def test_a_need_is_a_word_or_a_language(need: str) -> None:
    accepted(changed(example(RELATIVE), ("data", "needs"), [need]))


def test_two_ties_to_one_child_are_taken_unless_they_differ_in_responsibility() -> None:
    event = changed(example(RELATIVE), ("data", "relationship", 1, "child_id"), "child-01")
    accepted(changed(event, ("data", "relationship", 1, "kind"), "carer"))
    path, message = the_error(changed(event, ("data", "relationship", 1, "parental_responsibility"), False))
    assert path == "$.data.relationship[1].parental_responsibility"
    assert "contradicts" in message


def test_each_audience_is_read_as_what_it_is() -> None:
    record = accepted(example(RECORD)).data
    assert isinstance(record, RecordApproved)
    audiences = [section.audience for section in record.sections]
    assert audiences == [
        "everyone",
        "professionals",
        Except(**{"except": ("person-02",)}),
        Only(only=("school-3", "camhs-north")),
    ]


@pytest.mark.parametrize("type_", TYPES)
def test_a_field_that_the_contract_does_not_know_is_passed_over(type_: str) -> None:
    event = example(type_)
    assert accepted(changed(event, ("data", "from_elsewhere"), {"deep": [1, None]})).data == accepted(event).data


@pytest.mark.parametrize("type_", ALL_TYPES)
def test_a_payload_cannot_be_changed(type_: str) -> None:
    data = accepted(example(type_)).data
    name = next(iter(type(data).model_fields))
    with pytest.raises(ValueError, match="frozen"):
        setattr(data, name, "other")
    assert hash(data) == hash(accepted(example(type_)).data)


NEEDS: dict[str, Any] = {
    AGENCY: (),
    CHILD: (),
    RELATIVE: (("child", {"child-01", "child-02"}),),
    INVOLVEMENT: (("person", {"child-01"}), ("agency", {"camhs-north"})),
    SCHEDULED: (("child", {"child-01", "child-02"}),),
    RESCHEDULED: (("meeting", {"meeting-01"}),),
    CANCELLED: (("meeting", {"meeting-01"}),),
    HELD: (("meeting", {"meeting-01"}),),
    ANSWERED: (("meeting", {"meeting-01"}),),
    COUNTERED: (("meeting", {"meeting-01"}),),
    REQUESTED: (("meeting", {"meeting-01"}),),
    BOUNCED: (("meeting", {"meeting-01"}),),
    RECEIVED: (("meeting", {"meeting-01"}),),
    EXCEPTED: (("meeting", {"meeting-01"}),),
    OBSERVED: (("meeting", {"meeting-01"}),),
    REPORT: (("meeting", {"meeting-01"}),),
    RECORD: (("meeting", {"meeting-01"}),),
    RECALLED: (("meeting", {"meeting-01"}),),
    OPENED: (),
    CONFIRMED: (),
    CAME_BACK: (),
    CAME_IN: (),
    PLAN: (("child", {"child-01"}),),
    "quorate.plan.ended.v1": (("child", {"child-01"}),),
    CIRCUMSTANCE: (("child", {"child-01"}),),
}

PROVIDES = {
    AGENCY: (("agency", "camhs-north"),),
    CHILD: (("child", "child-01"), ("person", "child-01")),
    RELATIVE: (("person", "person-01"),),
    SCHEDULED: (("meeting", "meeting-01"),),
}


@pytest.mark.parametrize("type_", ALL_TYPES)
def test_a_payload_says_what_it_needs_and_what_it_makes_known(type_: str) -> None:
    data = accepted(example(type_)).data
    assert data.needs() == tuple((noun, frozenset(ids)) for noun, ids in NEEDS.get(type_, ()))
    assert data.provides() == PROVIDES.get(type_, ())


def test_the_needs_of_every_type_that_is_taken_are_written_down_here() -> None:
    assert set(NEEDS) == set(TYPES)
