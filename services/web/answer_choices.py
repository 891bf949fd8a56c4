"""What can be answered on the page: how a party takes part, in the words of the field, and what each choice comes to.

Pure: fields as they were typed go in, the payload of an answer or what has to be put right comes out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic_core import PydanticCustomError

from schemas.vocabulary import read_email
from services.participation.forms import cleaned, on_one_line

LONGEST_NOTE = 2_000
LONGEST_LINE = 100

IN_PERSON, VIDEO, PHONE = "in_person", "video", "phone"
SOMEONE_ELSE, NOT_YET_KNOWN, APOLOGIES = "someone_else", "not_yet_known", "apologies"

ANSWERS = {
    IN_PERSON: "accepted",
    VIDEO: "accepted",
    PHONE: "accepted",
    SOMEONE_ELSE: "delegated",
    NOT_YET_KNOWN: "tentative",
    APOLOGIES: "declined",
}
"""Each choice on the page, and the answer that it is."""
OF_FAMILY = (IN_PERSON, VIDEO, PHONE, NOT_YET_KNOWN, APOLOGIES)

REASONS = {
    "clinic_or_surgery_hours": "It is during a clinic or surgery",
    "late_notice": "We were asked too late",
    "place": "The place is too far away or hard to get to",
    "no_video_or_phone": "There is no way to join by video or phone",
    "leave": "The person who would come is on leave or ill",
    "no_capacity": "Nobody can be spared",
    "not_involved": "We are not involved with this family",
    "other": "Another reason",
}
"""Why nobody can come: the closed list of the contract, in words."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """What was typed, as it is shown again; what is wrong with it by field, and the payload where nothing is."""

    typed: Mapping[str, str]
    wrong: Mapping[str, str] = field(default_factory=dict)
    payload: Mapping[str, Any] = field(default_factory=dict)


FIELDS = ("answer", "slot", "delegate_name", "delegate_email", "reason", "will_report", "note", "by")


def choose(fields: Mapping[str, str], *, of_family: bool) -> Chosen:
    """Judge what was typed into the answer page."""
    typed = {name: on_one_line(fields.get(name, "")) for name in FIELDS}
    typed["note"] = cleaned(fields.get("note", ""))
    choice = typed["answer"]
    wrong: dict[str, str] = {}
    if choice not in (OF_FAMILY if of_family else ANSWERS):
        return Chosen(
            {**typed, "answer": ""},
            {"answer": "Choose if you can come" if of_family else "Choose how you will take part"},
        )
    payload: dict[str, Any] = {"answer": ANSWERS[choice]}
    if ANSWERS[choice] == "accepted":
        payload["mode"] = choice
    note = [typed["note"]]
    if choice == PHONE:
        _required(typed, wrong, "slot", "Say when you can be rung, and on which number")
        note.insert(0, f"To be rung: {typed['slot']}")
    if choice == SOMEONE_ELSE:
        payload["delegate"] = _delegate(typed, wrong)
    if choice == APOLOGIES and not of_family:
        if typed["reason"] in REASONS:
            payload["reason"] = typed["reason"]
        else:
            wrong["reason"] = "Choose why nobody can come"
    if typed["will_report"] == "yes" and not of_family:
        payload["will_report"] = True
    if len(typed["note"]) > LONGEST_NOTE:
        wrong["note"] = f"What you add must be {LONGEST_NOTE:,} characters or fewer"
    if len(typed["by"]) > LONGEST_LINE:
        wrong["by"] = f"Your name must be {LONGEST_LINE} characters or fewer"
    said = "\n".join(part for part in note if part)
    payload |= {name: value for name, value in (("note", said), ("by", typed["by"])) if value}
    return Chosen(typed, wrong, {} if wrong else payload)


def _required(typed: Mapping[str, str], wrong: dict[str, str], name: str, words: str) -> None:
    if not typed[name]:
        wrong[name] = words
    elif len(typed[name]) > LONGEST_LINE:
        wrong[name] = f"This must be {LONGEST_LINE} characters or fewer: {words[0].lower()}{words[1:]}"


def _delegate(typed: Mapping[str, str], wrong: dict[str, str]) -> dict[str, str]:
    _required(typed, wrong, "delegate_name", "Say who will come")
    try:
        read_email(typed["delegate_email"])
    except PydanticCustomError:
        wrong["delegate_email"] = "Enter their e-mail address at work, like name@agency.example"
    return {"name": typed["delegate_name"], "email": typed["delegate_email"]}
