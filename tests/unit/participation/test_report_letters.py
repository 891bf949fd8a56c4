"""What is said to whoever is asked for a report or a care plan, or reminded of one."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from services.foundation.letters import Letter
from services.foundation.settings import Settings
from services.invitations.tokens import local_part
from services.participation.report_letters import render_reminder, render_request
from tests.unit.invitations.rows import row

SETTINGS = Settings(home=Path("nowhere"), secret="a-key-for-tests-alone")
BOTH = ("report", "care_plan")
Render = Callable[[Mapping[str, Any], Settings], Letter]
LETTERS: dict[str, Render] = {"report_request": render_request, "report_reminder": render_reminder}
EVERY = list(product(LETTERS, [("report",), ("care_plan",), BOTH], ["2026-11-26", None]))


def params(
    name: str, kinds: tuple[str, ...] = ("report",), by: str | None = "2026-11-26", **others: Any
) -> dict[str, Any]:
    wanted = [{"kind": kind, "due_at": "2026-11-27T00:00:00+00:00", "by": by} for kind in kinds]
    return {**row("professional", change="new"), "change": name, "wanted": wanted, **others}


def letter(name: str, kinds: tuple[str, ...] = ("report",), by: str | None = "2026-11-26", **others: Any) -> Letter:
    return LETTERS[name](params(name, kinds, by, **others), SETTINGS)


def words(text: str) -> str:
    return " ".join(text.split())


def in_html(found: Letter) -> str:
    return words(re.sub("<[^>]+>", " ", found.html)).replace("&#39;", "'").replace(" ,", ",")


@pytest.mark.parametrize(("name", "kinds", "by"), EVERY)
def test_text_and_html_say_the_same_of_what_is_wanted_and_until_when(
    name: str, kinds: tuple[str, ...], by: str | None
) -> None:
    found = letter(name, kinds, by)
    until = "by Thursday 26 November 2026" if by else "as soon as you can, before the meeting begins"
    said = {"report": "a short report" if name == "report_request" else "your report", "care_plan": "your care plan"}
    for shown in (words(found.text), in_html(found)):
        for kind in kinds:
            assert re.search(rf"{said[kind]}[a-z ]*, {until}", shown)
        assert ("What is working well?" in shown) == ("report" in kinds)
        assert ("the plan for staying safe" in shown) == ("care_plan" in kinds)
        assert shown.count("OFFICIAL-SENSITIVE") == 2
        assert "reply to this message" in shown.lower()


@pytest.mark.parametrize(("name", "kinds", "by"), EVERY)
def test_a_subject_says_what_is_wanted_for_which_meeting_and_nothing_of_anyone(
    name: str, kinds: tuple[str, ...], by: str | None
) -> None:
    what = {("report",): "report", ("care_plan",): "care plan", BOTH: "report and care plan"}[kinds]
    begins = f"{what.capitalize()} wanted" if name == "report_request" else f"Reminder: {what} wanted"
    meeting = "initial child protection conference, Tuesday 1 December 2026, ref ABCD-EFGH"
    assert letter(name, kinds, by).subject == f"{begins}: {meeting}"


@pytest.mark.parametrize("name", LETTERS)
def test_no_line_of_the_text_is_longer_than_a_mail_program_shows(name: str) -> None:
    for line in letter(name, BOTH).text.splitlines():
        assert len(line) <= 78 or " " not in line


def test_whoever_sends_apologies_is_thanked_and_a_reminder_thanks_nobody() -> None:
    assert "Thank you for telling us that you cannot come" in words(letter("report_request").text)
    assert "Thank you" not in letter("report_reminder").text


def test_the_short_form_is_for_a_child_who_waits_alone() -> None:
    form = "Known to us since: Last reviewed: Risk at triage: Not yet seen, because:"
    assert form in words(letter("report_request").text)
    assert form not in words(letter("report_request", waiting="").text)
    assert form not in words(letter("report_request", ("care_plan",)).text)


@pytest.mark.parametrize("name", LETTERS)
def test_where_the_family_is_not_told_yet_the_letter_says_so(name: str) -> None:
    told, not_told = letter(name).text, letter(name, family_told=False).text
    assert ("DO NOT TELL THE FAMILY" in told, "Go through it with the family first" in told) == (False, True)
    assert ("DO NOT TELL THE FAMILY" in not_told, "Go through it with the family first" in not_told) == (True, False)


def test_what_comes_from_outside_is_never_html() -> None:
    found = letter("report_request", reader="<script>alert(1)</script>", organiser="<b>Pat</b>")
    assert "<script" not in found.html
    assert "&lt;b&gt;Pat&lt;/b&gt;" in found.html


@pytest.mark.parametrize("name", LETTERS)
def test_the_same_parameters_are_the_same_message(name: str) -> None:
    assert letter(name, BOTH) == letter(name, BOTH)


def test_each_thing_asked_for_at_each_time_of_the_meeting_has_a_message_id_of_its_own() -> None:
    def of(name: str, kinds: tuple[str, ...], sequence: int) -> str:
        return letter(name, kinds, sequence=sequence).message_id

    ids = [of(*each) for each in product(LETTERS, [("report",), ("care_plan",), BOTH], [0, 1])]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"<[a-z0-9._]+@[a-z.]+>", each) for each in ids)


def test_a_reminder_of_another_day_is_another_message() -> None:
    wanted = [{"kind": "report", "due_at": "2026-12-10T00:00:00+00:00", "by": None}]
    assert letter("report_reminder").message_id != letter("report_reminder", wanted=wanted).message_id


def test_a_letter_carries_no_diary_entry_and_answers_come_to_the_invitations_own_address() -> None:
    found = letter("report_request")
    assert (found.calendar, found.method) == (None, None)
    assert found.from_address.startswith("reply+7najl2zr7wqstcrg2cfofvlako")
    invitation_id = "7najl2zr7wqstcrg2cfofvlako"
    assert found.sender == f"{local_part(SETTINGS.key, 'bounce', invitation_id)}@{SETTINGS.mail_domain}"
