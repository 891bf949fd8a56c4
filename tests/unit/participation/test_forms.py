"""The forms that a report is written in."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.participation.forms import (
    ABOUT,
    BY,
    FOR_A_PRACTICE,
    FOR_ANY_AGENCY,
    FOR_CAMHS,
    FORMS,
    NEXT,
    WELL,
    WHILE_WAITING,
    WORRIED,
    Form,
    cleaned,
    document,
    fill,
    forms_for,
    on_one_line,
    read_document,
)

EVERY = pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)


@EVERY
def test_every_form_has_the_three_headings_of_the_areas_report(form: Form) -> None:
    assert [heading.words for heading in form.headings] == [WELL, WORRIED, NEXT]
    names = [question.name for question in (ABOUT, BY, *form.questions)]
    assert len(names) == len(set(names))
    assert all(question.choices for question in form.questions if question.form == "choice")


def test_any_agency_is_asked_two_questions_under_each_heading() -> None:
    assert [len(heading.questions) for heading in FOR_ANY_AGENCY.headings] == [2, 2, 2]


@pytest.mark.parametrize(
    ("kind", "waits", "forms"),
    [
        ("police", False, (FOR_ANY_AGENCY,)),
        (None, False, (FOR_ANY_AGENCY,)),
        ("gp", False, (FOR_A_PRACTICE,)),
        ("camhs", False, (FOR_CAMHS,)),
        ("camhs", True, (WHILE_WAITING, FOR_CAMHS)),
        ("paediatrics", True, (WHILE_WAITING, FOR_ANY_AGENCY)),
    ],
)
def test_who_is_asked_for_a_child_that_still_waits_begins_with_the_form_of_a_minute(
    kind: str | None, waits: bool, forms: tuple[Form, ...]
) -> None:
    assert forms_for(kind, waits=waits) == forms


@EVERY
def test_a_form_with_nothing_in_it_is_not_sent(form: Form) -> None:
    for typed in ({}, {question.name: " \r\n\t" for question in form.questions}, {"by": "Dr Example"}):
        assert fill(form, typed).wrong


@EVERY
def test_a_form_with_each_question_answered_is_kept_with_its_questions(form: Form) -> None:
    typed = {each.name: each.choices[0] if each.choices else f"Says {each.name}." for each in form.questions}
    filled = fill(form, {**typed, "about": "AB", "by": "Dr Example", "unheard_of": "x"}, several_children=True)
    assert filled.wrong == {}
    kept = read_document(document(filled, "m1", "camhs-1", None))
    said = {answer["question"]: answer["answer"] for heading in kept["headings"] for answer in heading["answers"]}
    assert said == {question.words: typed[question.name] for question in form.questions}
    assert (kept["about"], kept["by"], kept["meeting_id"]) == ("AB", "Dr Example", "m1")
    assert "unheard_of" not in json.dumps(kept)


def test_one_answer_is_enough_but_for_the_form_of_a_minute_which_asks_for_three() -> None:
    assert fill(FOR_ANY_AGENCY, {"offer": "We visit each week."}).wrong == {}
    assert set(fill(WHILE_WAITING, {"offer": "None."}).wrong) == {"known_since", "risk_at_triage", "seen"}


def test_where_it_is_about_several_children_it_has_to_be_said_which() -> None:
    assert set(fill(FOR_ANY_AGENCY, {"offer": "x"}, several_children=True).wrong) == {"about"}


def test_a_choice_that_was_not_offered_is_none() -> None:
    filled = fill(FOR_CAMHS, {"status": "Cured", "offer": "x"})
    assert filled.fields["status"] == ""


def test_what_is_too_long_is_said_and_kept_as_it_was_typed() -> None:
    filled = fill(FOR_ANY_AGENCY, {"offer": "x" * 10_001})
    assert filled.wrong == {
        "offer": "“What will your service do about it, and by when?” must be 10,000 characters or fewer"
    }
    assert len(filled.fields["offer"]) == 10_001
    assert fill(FOR_ANY_AGENCY, {"offer": "x" * 10_000}).wrong == {}
    assert set(fill(FOR_ANY_AGENCY, {"offer": "x", "by": "x" * 201}).wrong) == {"by"}


def test_the_same_answers_are_the_same_document_and_another_partys_are_not() -> None:
    filled = fill(FOR_ANY_AGENCY, {"offer": "Ça va", "by": "A"})
    again = fill(FOR_ANY_AGENCY, {"by": " A ", "offer": "Ça va\r\n"})
    assert document(filled, "m1", "a", None) == document(again, "m1", "a", None)
    assert len({document(filled, m, a, t) for m in ("m1", "m2") for a in ("a", "b") for t in (None, "t")}) == 8


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"format":2}', b"\xff"])
def test_what_is_no_such_document_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match=r".*"):
        read_document(content)


def test_a_space_that_does_not_break_is_a_space_all_the_same() -> None:
    assert cleaned("Dr\u00a0Example\u202e\x00") == "Dr Example"


@given(st.text())
def test_what_was_typed_comes_out_in_lines_that_can_be_shown(text: str) -> None:
    assert all(each in "\n\t\u200c\u200d" or each.isprintable() for each in cleaned(text))
    assert not set(on_one_line(text)) & set("\n\t\r\x00\u2028\u202e")
    assert cleaned(cleaned(text)) == cleaned(text)
