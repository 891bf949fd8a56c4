"""A draft of a version that was approved says what that version says, whoever it names and however it was written."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from types import MappingProxyType

from hypothesis import given, settings
from hypothesis import strategies as st

from services.directory.rules import Cause
from services.meetings.policy import load_policy
from services.meetings.rules import Meeting
from services.records.readers import Around
from services.records.rules.record import Audience, ChildFacts, Matter, PersonFacts, Reader, Record, Section
from services.records.word.draft import draft
from services.records.word.naming import children_of, parties_of
from services.records.word.parties import Named, audience_of
from services.records.word.read import take_apart, understand
from tests.word import parts_of

POLICY = load_policy(None)
AT = datetime(2026, 4, 1, 9, tzinfo=UTC)
NAMES = {
    "camhs-1": "Riverside CAMHS; the duty team",
    "gp-1": "Dr. O’Neill & Partners, Mill Lane",
    "gp-2": "Dr. O'Neill & Partners, Mill Lane",
    "school-1": "Only: Infants",
    "p1": "Zoë Łukasz <zoe>",
    "p2": "everyone",
}


def reader(id: str) -> Reader:
    is_family = id.startswith("p")
    return Reader(
        f"person:{id}" if is_family else f"agency:{id}:",
        "relative" if is_family else id.partition("-")[0],
        None if is_family else id,
        id if is_family else None,
        None,
        NAMES[id],
        frozenset({"c1"}),
        True,
        "present",
        f"{id}@in.example",
        date(2026, 1, 5),
    )


MEETING = Meeting(
    "m1",
    "initial_conference",
    "leicester",
    "f1",
    "held",
    ("c1", "c2"),
    AT,
    AT + timedelta(hours=2),
    AT.date(),
    None,
    (),
    (),
    Cause("/x", "e1"),
)
MATTER = Matter(
    "m1",
    ("c1", "c2"),
    False,
    False,
    MappingProxyType({"c1": ChildFacts("c1", "AB", (), None), "c2": ChildFacts("c2", "AB", ("Sam",), None)}),
    MappingProxyType({"p3": PersonFacts("p3", "Somebody Else", None, frozenset({"c2"}))}),
)
AROUND = Around(MEETING, MATTER, tuple(map(reader, NAMES)), {}, {})
KNOWN = (*NAMES, "p3")

some_ids = st.frozensets(st.sampled_from(KNOWN), min_size=1, max_size=4)
audiences = st.one_of(
    st.sampled_from(["everyone", "professionals"]).map(lambda to: Audience(to=to)),
    some_ids.map(lambda ids: Audience(only=ids)),
    some_ids.map(lambda ids: Audience(besides=ids)),
)
letters = st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp", "Cn"), exclude_characters="\u00ad")
words = st.text(letters, min_size=1, max_size=30).map(lambda text: " ".join(text.split())).filter(bool)
paragraphs = st.lists(st.lists(words, min_size=1, max_size=3).map("\n".join), min_size=1, max_size=3).map("\n\n".join)
sections = st.builds(
    Section,
    words,
    st.sampled_from([(), ("c1",), ("c2",), ("c1", "c2")]),
    audiences,
    paragraphs.filter(lambda text: not text.casefold().startswith(("for", "children"))),
)


@settings(max_examples=60)
@given(st.lists(sections, min_size=1, max_size=4))
def test_a_draft_of_a_version_says_what_that_version_says(some: list[Section]) -> None:
    before = Record("m1.minutes", "m1", "minutes", 3, "Pat", None, tuple(some), AT, Cause("/x", "e2"))
    document = draft(AROUND, POLICY, "minutes", "m1.minutes", 4, before)
    found = understand(take_apart(document), parties_of(AROUND, POLICY), children_of(AROUND))
    assert (found.record_id, found.version) == ("m1.minutes", 4)
    said = []
    for section in some:
        audience: object = section.audience.to
        if section.audience.only is not None:
            audience = {"only": set(section.audience.only)}
        elif section.audience.to is None:
            audience = {"except": set(section.audience.besides)}
        said.append((section.heading, section.child_ids, audience, section.text))
    assert [
        (
            each["heading"],
            tuple(each["children"]),
            each["audience"]
            if isinstance(each["audience"], str)
            else {way: set(ids) for way, ids in each["audience"].items()},
            each["text"],
        )
        for each in found.sections
    ] == said


def test_what_no_file_of_word_can_hold_does_not_stop_a_draft() -> None:
    spoilt = Section("What \uffff said", (), Audience(to="everyone"), "One\ufffe.\r\nTwo.")
    before = Record("m1.minutes", "m1", "minutes", 1, "Pat", None, (spoilt,), AT, Cause("/x", "e2"))
    text = parts_of(draft(AROUND, POLICY, "minutes", "m1.minutes", 2, before))["word/document.xml"].decode()
    assert "What \ufffd said" in text


def test_in_a_meeting_that_no_family_hears_of_every_section_is_for_professionals() -> None:
    matter = Matter("m1", ("c1",), True, False, {}, {})
    around = Around(MEETING, matter, (), {}, {})
    text = parts_of(draft(around, POLICY, "minutes", "m1.minutes", 1, None))["word/document.xml"].decode()
    assert re.findall(r">For: (\w*)<", text) == ["professionals"] * 7


def test_a_name_that_reads_like_a_choice_is_not_taken_for_one() -> None:
    known = [Named("p2", ("everyone",)), Named("school-1", ("Only: Infants",))]
    assert audience_of("everyone", known) == "everyone"
    assert audience_of("only: everyone", known) == {"only": ["p2"]}
    assert audience_of("only: Only: Infants", known) == {"only": ["school-1"]}
