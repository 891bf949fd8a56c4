"""The sample partnership, run as a newcomer runs it, and looked at with the ordinary commands and a calendar parser."""

from __future__ import annotations

import fcntl
import json
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from icalendar import Calendar
from pypdf import PdfReader
from typer.testing import CliRunner

from schemas.envelope import Event, decode
from schemas.vocabulary import MEETING_KINDS
from services.cli import app
from services.rehearsal import SAMPLE, read_story

ROOT = Path(__file__).parents[2]
QUORATE = Path(sys.executable).parent / "quorate"
STRATEGY = ("strategy-01", "strategy-08")


def environment(**settings: str) -> dict[str, str]:
    """This process's environment without any setting of Quorate but these."""
    return {name: value for name, value in os.environ.items() if not name.startswith("QUORATE_")} | settings


def run_demo(home: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [QUORATE, "demo", *options],
        env=environment(QUORATE_HOME=str(home), COLUMNS="80"),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@cache
def sample() -> tuple[dict[str, Any], ...]:
    """The events that ship, as JSON."""
    lines = [line for path in sorted(SAMPLE.glob("*.ndjson")) for line in path.read_text().splitlines()]
    return tuple(json.loads(line) for line in lines)


def sample_of(noun: str) -> list[dict[str, Any]]:
    return [event["data"] for event in sample() if event["type"] == f"quorate.{noun}.v1"]


def relative(person_id: str) -> dict[str, Any]:
    return next(each for each in sample_of("relative.recorded") if each["person_id"] == person_id)


@dataclass(frozen=True, slots=True)
class Message:
    """One message of the mailbox, with what its calendar says; `event` is None for a letter without one."""

    mail: EmailMessage
    to: str
    uid: str
    sequence: int
    method: str
    event: Any
    text: str

    @property
    def reminds(self) -> bool:
        """Whether it reminds its reader of an answer that has not come."""
        return str(self.mail["Subject"]).startswith("Reminder: ") and self.event is not None


@dataclass(frozen=True, slots=True)
class Done:
    """A demo that has been run: what it said, and where it left everything."""

    home: Path
    status: int
    said: dict[str, Any]
    everything: tuple[Message, ...]

    @property
    def messages(self) -> tuple[Message, ...]:
        """The messages that put something into a calendar, or take it out."""
        return tuple(each for each in self.everything if each.event is not None)

    def ask(self, *command: str) -> Any:
        """What a command says of the rehearsal, as JSON."""
        names = {f"QUORATE_{name}": None for name in ("HOME", "SMTP", "DATABASE", "POLICY", "AS_OF")}
        config = {"QUORATE_CONFIG": str(self.home / "demo" / "settings.env")}
        result = CliRunner().invoke(app, [*command, "--json"], env={**names, **config})
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    def entries(self, meeting: str) -> dict[tuple[str | None, str | None], dict[str, Any]]:
        """Who is asked to a meeting or not, by agency or person and team."""
        return {
            (each.get("agency_id") or each.get("person_id"), each.get("team_id")): each
            for each in self.ask("explain", meeting)["entries"]
        }

    def of_uid(self, uid: str) -> list[Message]:
        """The messages of an invitation but reminders, oldest first."""
        name = uid.partition("@")[0]
        found = [each for each in self.messages if each.uid.partition("@")[0] == name and not each.reminds]
        return sorted(found, key=lambda each: (each.sequence, each.event.decoded("dtstamp")))


def read(path: Path) -> Message:
    mail = message_from_bytes(path.read_bytes(), policy=default)
    assert isinstance(mail, EmailMessage)
    bodies = [part for part in mail.walk() if part.get_content_type() in {"text/plain", "text/html"}]
    text = "\n".join(part.get_content() for part in bodies)
    calendars = [part for part in mail.walk() if part.get_content_type() == "text/calendar"]
    if not calendars:
        named = re.fullmatch(r"<([0-9a-z]+)\.(?:([0-9]+)\.)?(\w+)[\w.]*@.*>", str(mail["Message-ID"]))
        assert named is not None, mail["Message-ID"]
        return Message(mail, str(mail["Delivered-To"]), named[1], int(named[2] or 0), named[3], None, text)
    data = calendars[0].get_payload(decode=True)
    assert isinstance(data, bytes)
    read_calendar = Calendar.from_ical(data)
    (event,) = read_calendar.walk("VEVENT")
    return Message(
        mail,
        str(mail["Delivered-To"]),
        str(event["UID"]),
        int(event.decoded("SEQUENCE")),
        str(read_calendar["METHOD"]),
        event,
        text,
    )


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Done:
    home = tmp_path_factory.mktemp("a newcomer's #1")
    ran = run_demo(home, "--json")
    assert ran.stderr == ""
    messages = tuple(read(path) for path in sorted(home.glob("demo/mailbox/*.eml")))
    return Done(home, ran.returncode, json.loads(ran.stdout), messages)


def test_the_demo_ends_as_its_story_says(done: Done) -> None:
    assert (done.status, done.said["unexpected"]) == (0, [])
    assert [day["title"] for day in done.said["days"]] == [day.title for day in read_story().days]
    assert done.said["messages"] == len(done.everything) == sum(day["sent"] for day in done.said["days"])


def test_a_newcomer_reads_it_at_eighty_columns_and_may_run_it_again(done: Done) -> None:
    again = run_demo(done.home)
    assert again.returncode == 0, again.stdout + again.stderr
    paths = (str(done.home), "settings.env")
    assert [line for line in again.stdout.splitlines() if len(line) > 80 and not any(p in line for p in paths)] == []
    for told in ("waiting list", "duty team", "exceptions", "mailbox", "explain core-group-01", "make up"):
        assert told in again.stdout
    second = [read(path) for path in (done.home / "demo" / "mailbox").glob("*.eml")]
    assert {(m.uid, m.sequence, m.to) for m in second} == {(m.uid, m.sequence, m.to) for m in done.everything}


def test_the_sample_has_eleven_children_five_five_and_one() -> None:
    last = {child["child_id"]: child["authority"] for child in sample_of("child.recorded")}
    assert sorted(list(last.values()).count(area) for area in set(last.values())) == [1, 5, 5]


def test_the_sample_schedules_every_kind_of_meeting() -> None:
    assert {meeting["kind"] for meeting in sample_of("meeting.scheduled")} == set(MEETING_KINDS)


def test_everything_in_the_sample_is_invented() -> None:
    text = "".join(path.read_text() for path in SAMPLE.iterdir())
    assert [address for address in re.findall(r"[\w.-]+@[\w.-]+", text) if not address.endswith(".example")] == []
    assert [url for url in re.findall(r"https?://([\w.-]+)", text) if not url.endswith(".example")] == []
    numbers = [child["nhs_number"] for child in sample_of("child.recorded") if "nhs_number" in child]
    assert numbers
    assert all(number.startswith("999") for number in numbers)


def test_of_the_sample_only_the_one_event_that_shows_it_is_refused() -> None:
    judged = [decode(json.dumps(event).encode()) for event in sample()]
    refused = [each for each in judged if not isinstance(each, Event)]
    assert [(each.id, [error.path for error in each.errors]) for each in refused] == [
        ("transfer-in-11.scheduled", ["$.data.starts_at", "$.data.organiser.email"])
    ]


@pytest.mark.parametrize("meeting", ["strategy-01", "conference-01", "core-group-01"])
def test_camhs_is_asked_at_its_duty_team_for_a_child_who_only_waits_for_it(done: Done, meeting: str) -> None:
    entry = done.entries(meeting)["northmere-camhs", "duty"]
    assert entry["decision"] == "invited"
    assert entry["invitation"]["address"] == "camhs-duty@northmere-health.nhs.example"
    assert entry["counts_for_quoracy"] is False
    causes = {event["id"] for reason in entry["reasons"] for event in reason["events"]}
    assert "involvement.01-camhs" in causes
    assert done.of_uid(entry["invitation"]["uid"])[0].to == entry["invitation"]["address"]


def test_after_a_change_of_practice_both_are_asked_each_with_a_diary_entry_of_its_own(done: Done) -> None:
    entries = done.entries("conference-04")
    practices = [entries[practice, None] for practice in ("northmere-gp-mill", "northmere-gp-canal")]
    assert [entry["decision"] for entry in practices] == ["invited", "invited"]
    uids = {entry["invitation"]["uid"] for entry in practices}
    assert len(uids) == 2
    assert [[message.method for message in done.of_uid(uid)] for uid in uids] == [["REQUEST"], ["REQUEST"]]


def test_a_child_who_joins_the_waiting_list_brings_camhs_in_after_the_invitations_went_out(done: Done) -> None:
    entries = done.entries("conference-09")
    newcomer = entries["eastwold-camhs", "duty"]["invitation"]
    (message,) = done.of_uid(newcomer["uid"])
    assert (message.method, message.sequence) == ("REQUEST", 0)
    others = [entry["invitation"] for entry in entries.values() if entry["decision"] == "invited"]
    assert len({each["uid"] for each in others}) == len(others)
    assert max(others, key=lambda each: each["asked_at"]) == newcomer
    assert [len(done.of_uid(each["uid"])) for each in others] == [1] * len(others)


def test_whoever_was_asked_to_a_cancelled_meeting_is_told_with_a_higher_sequence(done: Done) -> None:
    asked = [entry["invitation"] for entry in done.entries("risk-02").values() if "invitation" in entry]
    assert asked
    for invitation in asked:
        assert invitation["state"] == "cancelled"
        first, last = done.of_uid(invitation["uid"])
        assert (first.method, last.method) == ("REQUEST", "CANCEL")
        assert last.sequence > first.sequence
        assert last.to == first.to == invitation["address"]


def test_a_moved_meeting_is_asked_anew_and_a_new_room_is_not(done: Done) -> None:
    moved = done.entries("gateway-07")["eastwold-camhs", "young-people"]["invitation"]
    assert [message.sequence for message in done.of_uid(moved["uid"])] == [0, 1]
    other_room = done.entries("pre-birth-06")["eastwold-midwifery", None]["invitation"]
    first, second = done.of_uid(other_room["uid"])
    assert (first.sequence, second.sequence) == (0, 0)
    assert second.event.decoded("dtstamp") > first.event.decoded("dtstamp")
    assert (first.event["LOCATION"], second.event["LOCATION"]) == (
        "Eastwold County Hall, Wold Room",
        "Eastwold County Hall, Marsh Room",
    )


def test_an_answer_to_the_old_time_is_answered_with_the_new_one(done: Done) -> None:
    school = done.entries("gateway-07")["eastwold-larkfield", None]["invitation"]
    assert "answer" not in school
    assert [each["why"] for each in school["earlier_answers"]] == ["answered_an_earlier_time"]
    asked = done.of_uid(school["uid"])
    assert [message.sequence for message in asked] == [0, 1, 1]
    assert "You answered for Tuesday 15 September 2026 at 11:00am." in " ".join(asked[-1].text.split())


def test_whoever_has_not_answered_is_reminded_once_and_whoever_has_is_not(done: Done) -> None:
    reminded = [message for message in done.messages if message.reminds]
    assert len(reminded) > 10
    assert len({(message.uid, message.sequence) for message in reminded}) == len(reminded)
    conference = done.entries("conference-01")
    for party in ("northmere-police", "northmere-academy", "northmere-gp-harbour"):
        assert conference[party, None]["invitation"]["uid"] not in {each.uid.partition("@")[0] for each in reminded}
    assert conference["northmere-school-nursing", None]["invitation"]["uid"] in {
        each.uid.partition("@")[0] for each in reminded
    }


def test_ten_in_the_morning_is_ten_in_summer_and_in_winter(done: Done) -> None:
    police = ("northmere-police", None)
    in_summer, in_winter = (
        done.of_uid(done.entries(meeting)[police]["invitation"]["uid"])[0] for meeting in ("conference-01", "review-01")
    )
    assert in_summer.event.decoded("dtstart") == datetime(2026, 9, 18, 9, 0, tzinfo=UTC)
    assert in_winter.event.decoded("dtstart") == datetime(2026, 12, 8, 10, 0, tzinfo=UTC)
    assert "10:00am" in in_summer.text
    assert "10:00am" in in_winter.text


@pytest.mark.parametrize("meeting", STRATEGY)
def test_a_strategy_discussion_reaches_no_member_of_the_family(done: Done, meeting: str) -> None:
    entries = done.entries(meeting).values()
    assert [entry for entry in entries if "person_id" in entry] == []
    family = {each["email"] for each in sample_of("relative.recorded") if "email" in each}
    uids = [entry["invitation"]["uid"] for entry in entries if "invitation" in entry]
    sent = {message.to for uid in uids for message in done.of_uid(uid)}
    assert sent
    assert sent & family == set()


def test_with_a_perplexing_presentation_nothing_at_all_goes_to_the_family(done: Done) -> None:
    family = {relative(person)["email"] for person in ("mother-08", "father-08")}
    assert len(family) == 2
    assert [message.to for message in done.everything if message.to in family] == []


def test_a_parent_who_is_kept_out_gets_nothing_and_another_child_is_not_named_to_a_parent(done: Done) -> None:
    assert [message for message in done.everything if message.to == relative("father-05")["email"]] == []
    to_father = [message for message in done.everything if message.to == relative("father-04")["email"]]
    assert to_father
    assert [message for message in to_father if re.search(r"\bJM\b", message.text)] == []


def test_a_preferred_name_goes_only_to_those_who_are_told_it(done: Done) -> None:
    kinds = {agency["agency_id"]: agency["kind"] for agency in sample_of("agency.recorded")}
    told = set()
    for meeting in ("professionals-02", "risk-02"):
        for (party, _team), entry in done.entries(meeting).items():
            messages = done.of_uid(entry["invitation"]["uid"]) if "invitation" in entry else []
            if any("Robin" in message.text for message in messages):
                told.add(kinds[str(party)])
    assert told == {"childrens_social_care", "camhs"}
    everyone = [message for message in done.everything if "Robin" in message.text]
    assert {message.to.partition("@")[0] for message in everyone} == {"childrens-social-care", "camhs-community"}


def test_apologies_are_answered_by_asking_for_a_report_and_camhs_for_the_care_plan(done: Done) -> None:
    asked = [each for each in done.everything if each.method == "report_request"]
    to_camhs = [each for each in asked if "camhs" in each.to]
    assert to_camhs
    for each in to_camhs:
        assert str(each.mail["Subject"]).startswith("Report and care plan wanted: ")
        assert "What are we worried about?" in each.text


def test_nobody_is_reminded_whose_report_has_come(done: Done) -> None:
    reminded = [each for each in done.everything if each.method == "report_reminder"]
    assert reminded
    came = {
        entry["invitation"]["uid"]: datetime.fromisoformat(document["at"])
        for meeting in ("conference-01", "conference-04", "conference-08", "pre-birth-06", "transfer-in-11")
        for entry in done.entries(meeting).values()
        for document in entry.get("documents", ())
        if document["kind"] == "report"
    }
    assert {each.uid for each in reminded} & set(came)
    for each in reminded:
        assert each.uid not in came or each.mail["Date"].datetime < came[each.uid]


def test_each_message_has_one_attendee_who_is_its_reader(done: Done) -> None:
    assert done.messages
    for message in done.messages:
        attendees = message.event["ATTENDEE"]
        assert not isinstance(attendees, list)
        assert str(attendees).removeprefix("mailto:") == message.to == str(message.mail["To"])
        kinds = {"text/calendar", "application/ics"}
        parts = [part for part in message.mail.walk() if part.get_content_type() in kinds]
        assert len({part.get_payload(decode=True) for part in parts}) == 1
        assert parts[0].get_param("method") == message.method


def test_a_repeat_of_an_invitation_has_a_message_id_of_its_own(done: Done) -> None:
    ids = [str(message.mail["Message-ID"]) for message in done.everything]
    assert len(set(ids)) == len(ids)


def identifying() -> Iterator[str]:
    """What would say who a child of the sample is, as patterns."""
    for child in sample_of("child.recorded"):
        yield rf"\b{child['initials']}\b"
        yield rf"\b{child['child_id']}\b"
        number = child.get("nhs_number", "")
        if number:
            yield rf"{number[:3]} ?{number[3:6]} ?{number[6:]}"
        if "preferred_name" in child:
            yield rf"\b{child['preferred_name']}\b"
        born = child.get("date_of_birth") or child.get("expected_on")
        if born:
            day = date.fromisoformat(born)
            yield rf"{born}|\b{day.day} {day:%B %Y}\b|{day:%d/%m/%Y}"
    for person in sample_of("relative.recorded"):
        yield from (rf"\b{part}\b" for part in person["name"].split())


def test_no_subject_summary_or_location_says_who_the_child_is(done: Done) -> None:
    pattern = re.compile("|".join(identifying()), re.IGNORECASE)
    assert pattern.search("Strategy discussion about KB")
    shown = [
        str(value)
        for message in done.messages
        for value in (message.event["SUMMARY"], message.event.get("LOCATION", ""))
    ]
    shown += [str(message.mail["Subject"]) for message in done.everything]
    assert [value for value in shown if pattern.search(value)] == []


def test_only_places_that_the_area_lists_stand_in_a_calendar(done: Done) -> None:
    places = {message.event["LOCATION"] for message in done.messages}
    assert "Northmere Civic Centre, Room 4" in places
    telling = ("Juniper Lane", "Larkfield", "Ward 7", "Sandpiper", "Northmere Academy")
    assert [place for place in places if any(word in place for word in telling)] == []
    said = [message for message in done.messages if "Juniper Lane Family Centre" in message.text]
    assert said


def test_the_exceptions_are_the_ones_that_the_sample_is_made_to_have(done: Done) -> None:
    found = {
        (each["kind"], each.get("meeting_id"), each.get("agency_id") or each.get("person_id") or each.get("child_id"))
        for each in done.ask("exceptions")
    }
    assert found >= {
        ("no_usable_address", "conference-04", "northmere-lantern"),  # an address that is not secure
        ("no_usable_address", "professionals-02", "northmere-gp-quay"),  # a practice without e-mail
        ("no_usable_address", "conference-01", "father-01"),  # a parent who gave no address
        ("not_invited", "in-need-review-07", "eastwold-gp-ferry"),  # a practice that has closed
        ("not_invited", "conference-08", "mother-08"),  # held for a person
        ("not_invited", "core-group-04", "mother-04"),  # two who must not meet
        ("not_invited", "core-group-04", "father-05"),
        ("invited_late", "transfer-in-11", "eastwold-camhs"),
        ("sibling_without_entry", "review-04", "child-05"),
        ("apologies_without_report", "transfer-in-11", "eastwold-camhs"),  # the care plan came, and no report
        ("report_late", "transfer-in-11", "eastwold-gp-green"),
        ("not_distributed", "conference-04", None),  # a decision letter that nobody wrote
        ("not_distributed", "conference-01", "father-01"),
        ("flag_not_cleared", None, "eastwold-gp-market"),  # told of the end of a plan, and keeps the flag
    }
    assert not [each for each in found if each[0] == "undelivered"]
    assert not [each for each in found if each[1] == "risk-02"]


def test_what_a_person_decided_is_shown_and_is_no_exception(done: Done) -> None:
    decided = {
        ("looked-after-review-03", "eastwold-wold-vale"): "childs_wish",
        ("conference-04", "father-05"): "chairs_restriction",
        ("professionals-02", "northmere-academy"): "conflict_of_interest",
        ("mdt-10", "eastwold-paediatrics"): "duplicate",
    }
    excepted = {
        (each.get("meeting_id"), each.get("agency_id") or each.get("person_id")) for each in done.ask("exceptions")
    }
    for (meeting, party), reason in decided.items():
        assert done.entries(meeting)[party, None]["why_not"] == reason
        assert (meeting, party) not in excepted


def test_the_refused_event_is_there_with_each_field_that_is_wrong(done: Done) -> None:
    (letter,) = done.ask("deadletters", "list")
    assert letter["id"] == "transfer-in-11.scheduled"
    assert [error["path"] for error in letter["errors"]] == ["$.data.starts_at", "$.data.organiser.email"]


def test_the_event_that_came_too_early_took_effect(done: Done) -> None:
    entry = done.entries("transfer-in-11")["oakmarsh-gp", None]
    causes = {event["id"] for reason in entry["reasons"] for event in reason["events"]}
    assert "involvement.11-gp-oakmarsh" in causes


def copies(done: Done, title: str) -> dict[str, list[str]]:
    """The letters with copies of a record, by address: the words of each document, "" where a link leads to it."""
    found: dict[str, list[str]] = {}
    for message in done.everything:
        if message.method == "record" and str(message.mail["Subject"]).startswith(title):
            files = [part.get_content() for part in message.mail.iter_attachments()]
            words = [page.extract_text() for file in files for page in PdfReader(BytesIO(file)).pages]
            found.setdefault(message.to, []).append(" ".join(" ".join(words).split()))
    return found


def test_each_reader_of_the_minutes_gets_what_is_theirs_and_a_correction_goes_to_whom_it_concerns(done: Done) -> None:
    minutes = copies(done, "Minutes")
    of_health = {
        "camhs-duty@northmere-health.nhs.example",
        "safeguarding@harbour-street.nhs.example",
        "school-nursing@northmere-health.nhs.example",
        "childrens-social-care@northmere.gov.example",
    }
    assert {address for address, some in minutes.items() if len(some) == 2} == of_health
    assert {address for address, some in minutes.items() if "14 October" in some[-1]} == of_health
    police = [some for address, some in minutes.items() if "police" in address]
    assert len(police) == 1
    assert "waiting list is looked at again" not in police[0][0]
    assert "nothing on record of the past twelve months" in police[0][0]
    to_mother = [
        each for each in done.everything if each.to == relative("mother-01")["email"] and each.method == "record"
    ]
    assert len(to_mother) == 2  # the decision letter and the minutes, each by a link
    assert [part for each in to_mother for part in each.mail.iter_attachments()] == []


def test_a_corrected_version_stands_as_it_was_approved(done: Done) -> None:
    found = done.ask("record", "show", "conference-01.minutes")
    assert [each["version"] for each in found["versions"]] == [2, 1]
    assert {each["checked_by"] for each in found["versions"]} == {"Wendell Ashgrove"}
    of_mother = {each["version"]: each for each in found["copies"] if each.get("person_id") == "mother-01"}
    assert (of_mother[2]["state"], len(of_mother[1]["openings"])) == ("kept", 2)


def test_the_end_of_a_plan_reaches_everyone_who_was_asked_and_camhs_and_the_practice(done: Done) -> None:
    told = {message.to for message in done.everything if message.method == "notice"}
    for each in ("eating-disorder", "market", "hospital", "paediatrics"):
        assert [address for address in told if each in address], each


def test_the_demo_wipes_no_folder_that_it_did_not_make(tmp_path: Path) -> None:
    kept = tmp_path / "demo" / "quorate.db"
    kept.parent.mkdir()
    kept.write_text("somebody's")
    refused = run_demo(tmp_path)
    assert refused.returncode == 1
    assert "was not made by `quorate demo`" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert kept.read_text() == "somebody's"


def test_the_demo_leaves_a_rehearsal_alone_that_somebody_works_on(tmp_path: Path) -> None:
    home = tmp_path / "demo"
    home.mkdir()
    (home / "settings.env").write_text("# Written by `quorate demo`, which makes this folder anew each time it runs.\n")
    with (home / "mailer.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        refused = run_demo(tmp_path)
    assert refused.returncode == 1
    assert "is in use" in refused.stderr


def test_what_is_installed_holds_the_sample(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    held = set(zipfile.ZipFile(wheel).namelist())
    assert {f"templates/sample/{path.name}" for path in SAMPLE.iterdir()} <= held
