"""The forms that a report can be written in, in place of a file, and what is kept of one that was sent.

All have the three headings of the area's report, which follow Signs of Safety. A practice and a child's mental health
service are asked what only they know; for a child who still waits there is a form of a minute. What is kept holds the
questions as they were put, so that it reads the same however the forms change.

Source: rules of the field, section 5.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any, Literal

MEDIA_TYPE = "application/vnd.quorate.report+json"
FORMAT = 1

# Line ends, tabs, and what joins letters in scripts that need it.
_KEPT = "\n\t\u200c\u200d"

LONGEST_LINE = 200
LONGEST_TEXT = 10_000

WELL, WORRIED, NEXT = "What is working well?", "What are we worried about?", "What needs to happen?"


@dataclass(frozen=True, slots=True)
class Question:
    """One question: answered on a `line`, in a `text`, or by one of its `choices`."""

    name: str
    words: str
    hint: str = ""
    form: Literal["line", "text", "choice"] = "text"
    choices: tuple[str, ...] = ()
    required: bool = False

    @property
    def most(self) -> int:
        """How many characters an answer may have."""
        return LONGEST_TEXT if self.form == "text" else LONGEST_LINE


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading and the questions under it."""

    words: str
    questions: tuple[Question, ...]


@dataclass(frozen=True)
class Form:
    """One form; `title` says what it is, `introduction` what it is for."""

    name: str
    title: str
    introduction: str
    headings: tuple[Heading, ...]

    @cached_property
    def questions(self) -> tuple[Question, ...]:
        """All its questions, in order."""
        return tuple(question for heading in self.headings for question in heading.questions)


ABOUT = Question(
    "about",
    "Which child or children is this about?",
    "Their initials, as in the invitation. Please write no names.",
    form="line",
)
BY = Question("by", "Your name and your role", "Whom the chair can ask about this report.", form="line")
CHILDS_VOICE = Question(
    "childs_voice",
    "What does the child say, or show?",
    "In the child’s own words where you have them. A very young child shows it in what they do.",
)

FOR_ANY_AGENCY = Form(
    "report",
    "Write a report",
    "Two questions under each of the three headings. Say what you know and what you make of it, in everyday words.",
    (
        Heading(
            WELL,
            (
                Question("strengths", "What goes well for the child, and who helps with it?"),
                Question("safety", "What keeps the child safe now, and how do you know?"),
            ),
        ),
        Heading(
            WORRIED,
            (
                Question(
                    "harm", "What has happened that worries you?", "What was seen or said, by whom, when and how often."
                ),
                Question("danger", "What could happen to the child if nothing changes?"),
            ),
        ),
        Heading(
            NEXT,
            (
                Question("goals", "What would have to be different for you to stop worrying?"),
                Question("offer", "What will your service do about it, and by when?"),
            ),
        ),
    ),
)

FOR_A_PRACTICE = Form(
    "gp",
    "Write a report from the practice",
    "This takes the practice’s part in the meeting where nobody can leave the surgery. "
    "What you make of it counts for more than a print-out.",
    (
        Heading(
            WELL,
            (
                Question(
                    "last_seen",
                    "When was the child last seen, by whom, and how often before that?",
                    "Say who brought the child. Say so too if the child has never been seen.",
                ),
                Question(
                    "health",
                    "How is the child’s health, in everyday words?",
                    "Conditions and what they mean for the child’s day, medicines, immunisations, growth, behaviour.",
                ),
                CHILDS_VOICE,
            ),
        ),
        Heading(
            WORRIED,
            (
                Question(
                    "missed",
                    "Which appointments was the child not brought to?",
                    "With you, at the hospital and elsewhere, as far as you know. How many, and what became of them.",
                ),
                Question(
                    "parents_health",
                    "What in the parents’ or carers’ health touches the child?",
                    "Only what matters for the child’s safety and care.",
                ),
            ),
        ),
        Heading(
            NEXT,
            (
                Question("analysis", "What do you make of all this for the child?"),
                Question("offer", "What can the practice do, and what do you ask of others?"),
            ),
        ),
    ),
)

FOR_CAMHS = Form(
    "camhs",
    "Write a report from CAMHS",
    "No diagnosis is needed, and nobody has to have met the child yet.",
    (
        Heading(
            WELL,
            (
                Question(
                    "status",
                    "Where is the child with your service?",
                    form="choice",
                    choices=(
                        "Waiting to be assessed",
                        "Being assessed",
                        "In treatment",
                        "Waiting for treatment",
                        "Closed",
                    ),
                ),
                Question(
                    "wait",
                    "Since when, and how long has the child waited?",
                    "When the child was referred, when the waiting list was last reviewed, and if closed, why.",
                ),
                Question("lead", "Who leads on the child’s care?", "The team, if nobody is named yet.", form="line"),
                CHILDS_VOICE,
            ),
        ),
        Heading(
            WORRIED,
            (
                Question("need", "What is the matter, in everyday words?"),
                Question("risk", "What are the risks, and what is the safety plan?"),
                Question(
                    "not_brought",
                    "How often was the child not brought?",
                    "Count what was cancelled or put off again and again.",
                    form="line",
                ),
                Question("medication", "What medication does the child take?", form="line"),
                Question("siblings", "What does this mean for brothers and sisters?"),
            ),
        ),
        Heading(
            NEXT,
            (
                Question("offer", "What can CAMHS do now?"),
                Question(
                    "care_plan",
                    "Is there a care plan?",
                    form="choice",
                    choices=("Yes, sent with this", "Yes, it will follow", "There is none yet"),
                ),
            ),
        ),
    ),
)

WHILE_WAITING = Form(
    "waiting",
    "A child who is still waiting: the one-minute form",
    "Four short answers are enough. Nobody has to have met the child.",
    (
        Heading(
            WELL,
            (
                Question("known_since", "Since when do you know of the child?", form="line", required=True),
                Question("last_reviewed", "When was the waiting list last reviewed for this child?", form="line"),
            ),
        ),
        Heading(
            WORRIED,
            (
                Question(
                    "risk_at_triage",
                    "How was the risk judged at triage?",
                    form="choice",
                    choices=("Urgent", "High", "Medium", "Low", "It is not recorded"),
                    required=True,
                ),
                Question(
                    "seen",
                    "Has anyone from your service met the child?",
                    form="choice",
                    choices=("Not yet", "Yes"),
                    required=True,
                ),
            ),
        ),
        Heading(NEXT, (Question("offer", "Is there anything that the meeting should know, or that you can do now?"),)),
    ),
)

FORMS: Mapping[str, Form] = MappingProxyType(
    {form.name: form for form in (FOR_ANY_AGENCY, FOR_A_PRACTICE, FOR_CAMHS, WHILE_WAITING)}
)


def forms_for(agency_kind: str | None, *, waits: bool) -> tuple[Form, ...]:
    """The forms for one kind of agency, the one to begin with first; `waits`: it is asked for a child on its waiting
    list.
    """
    own = {"gp": FOR_A_PRACTICE, "camhs": FOR_CAMHS}.get(agency_kind or "", FOR_ANY_AGENCY)
    return (WHILE_WAITING, own) if waits else (own,)


def cleaned(text: str) -> str:
    """What was typed, with the line ends of this house and without characters that nothing can show."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    shown = (" " if each.isspace() and each not in "\n\t" else each for each in lines)
    return "".join(each for each in shown if each.isprintable() or each in _KEPT).strip()


def on_one_line(text: str) -> str:
    """What was typed, on one line."""
    return " ".join(cleaned(text).split())


@dataclass(frozen=True, slots=True)
class Filled:
    """A form as somebody filled it in; `wrong` says by question what has to be put right before it can be sent."""

    form: Form
    fields: Mapping[str, str]
    wrong: Mapping[str, str]

    @property
    def too_long(self) -> Mapping[str, str]:
        """Of what is wrong, what is too long even to be left for later."""
        most = {question.name: question.most for question in (ABOUT, BY, *self.form.questions)}
        return {name: words for name, words in self.wrong.items() if len(self.fields[name]) > most[name]}


def fill(form: Form, typed: Mapping[str, str], *, several_children: bool = False) -> Filled:
    """Take what was typed into a form: every question has a field of its name, besides `about` and `by`."""
    fields: dict[str, str] = {}
    wrong: dict[str, str] = {}
    for question in (ABOUT, BY, *form.questions):
        text = typed.get(question.name, "")
        value = cleaned(text) if question.form == "text" else on_one_line(text)
        if question.form == "choice" and value not in question.choices:
            value = ""
        fields[question.name] = value
        required = question.required or (question is ABOUT and several_children)
        if len(value) > question.most:
            wrong[question.name] = f"“{question.words}” must be {question.most:,} characters or fewer"
        elif required and not value:
            verb = "Choose an answer to" if question.form == "choice" else "Answer"
            wrong[question.name] = f"{verb} “{question.words}”"
    if not wrong and not any(fields[question.name] for question in form.questions):
        wrong[form.questions[0].name] = "Answer at least one of the questions"
    return Filled(form, fields, wrong)


def document(filled: Filled, meeting_id: str, agency_id: str, team_id: str | None) -> bytes:
    """What is kept of a form that was sent: the same bytes for the same answers, from the same party to the same
    meeting.
    """
    headings = [
        {
            "heading": heading.words,
            "answers": [
                {"name": each.name, "question": each.words, "answer": filled.fields[each.name]}
                for each in heading.questions
                if filled.fields[each.name]
            ],
        }
        for heading in filled.form.headings
    ]
    said = {
        "format": FORMAT,
        "form": filled.form.name,
        "title": filled.form.title,
        "meeting_id": meeting_id,
        "agency_id": agency_id,
        "team_id": team_id,
        "about": filled.fields[ABOUT.name],
        "by": filled.fields[BY.name],
        "headings": headings,
    }
    return json.dumps(said, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def read_document(content: bytes) -> dict[str, Any]:
    """A document that `document` made. Raises ValueError for any other."""
    found = json.loads(content)
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise ValueError("not a report of this form")
    return found
