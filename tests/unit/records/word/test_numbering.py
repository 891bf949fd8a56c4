"""What Word shows before the items of a list: it is said as it is seen, or the document is refused."""

from __future__ import annotations

import pytest

from services.records.word.read import take_apart
from tests.word import blank, packed, parts_of, written

FINE = written(blank(), [("Contact", "everyone", "", ["He may see his father.", "He may see his brother."])])
DOCUMENT, NUMBERING = "word/document.xml", "word/numbering.xml"
ITEM = '<w:p><w:pPr><w:numPr><w:ilvl w:val="0"/><w:numId w:val="77"/></w:numPr></w:pPr>'


def listed(form: str, text: str, more: str = "", between: str = "") -> bytes:
    """The document with its two paragraphs as items of a list of this form."""
    kind = (
        '<w:abstractNum w:abstractNumId="77"><w:lvl w:ilvl="0"><w:start w:val="1"/>'
        f'<w:numFmt w:val="{form}"/><w:lvlText w:val="{text}"/>{more}</w:lvl></w:abstractNum>'
    )
    parts = parts_of(FINE)
    numbering, document = parts[NUMBERING].decode(), parts[DOCUMENT].decode()
    numbering = numbering.replace("<w:abstractNum ", f"{kind}<w:abstractNum ", 1)
    numbering = numbering.replace(
        "</w:numbering>", '<w:num w:numId="77"><w:abstractNumId w:val="77"/></w:num></w:numbering>'
    )
    plain = "<w:p><w:pPr/><w:r><w:t>He may see his"
    assert document.count(plain) == 2
    first, second, third = document.split(plain)
    item = plain.replace("<w:p><w:pPr/>", ITEM)
    document = f"{first}{item}{second}{between}{item}{third}"
    return packed(parts | {NUMBERING: numbering.encode(), DOCUMENT: document.encode()})


def fonts(name: str) -> str:
    return f'<w:rPr><w:rFonts w:ascii="{name}" w:hAnsi="{name}"/></w:rPr>'


@pytest.mark.parametrize(
    ("form", "text", "more", "marks"),
    [
        ("none", "Must not:", "", ("Must not:", "Must not:")),
        ("bullet", "NOT:", "", ("NOT:", "NOT:")),
        ("bullet", "\u2717", "", ("\u2717", "\u2717")),
        ("bullet", "\u2713", "", ("\u2713", "\u2713")),
        ("bullet", "o", fonts("Courier New"), ("•", "•")),
        ("bullet", "\uf0b7", fonts("Symbol"), ("•", "•")),
        ("bullet", "\uf0a7", fonts("Wingdings"), ("•", "•")),
        ("decimal", "No contact %1", "", ("No contact 1", "No contact 2")),
        ("lowerLetter", "Not %1)", "<w:rPr><w:caps/></w:rPr>", ("NOT A)", "NOT B)")),
    ],
)
def test_what_stands_before_an_item_is_said_as_it_is_seen(
    form: str, text: str, more: str, marks: tuple[str, str]
) -> None:
    paper = take_apart(listed(form, text, more))
    assert not paper.faults
    assert "\n".join(paper.parts[0].text) == f"{marks[0]} He may see his father.\n{marks[1]} He may see his brother."


@pytest.mark.parametrize(
    ("form", "text", "more"),
    [
        ("ordinal", "%1", ""),
        ("cardinalText", "%1", ""),
        ("bullet", "\uf0fc", fonts("Wingdings")),
        ("bullet", "\uf0fb", fonts("Wingdings")),
        ("bullet", "\uf0d8", fonts("Symbol")),
        ("bullet", "\uf0b7", ""),
        ("bullet", "•", '<w:lvlPicBulletId w:val="0"/>'),
        ("decimal", "%1.", '<w:lvlRestart w:val="0"/>'),
    ],
)
def test_what_cannot_be_said_as_it_is_seen_is_refused(form: str, text: str, more: str) -> None:
    found = take_apart(listed(form, text, more)).faults
    assert [each.section for each in found if "bullet or number" in each.message] == [1]


def test_no_list_makes_lines_that_decide_of_its_items() -> None:
    [found] = take_apart(listed("bullet", "For:")).faults
    assert (found.section, "“For:” stands in its text" in found.message) == (1, True)


def test_an_item_without_words_is_counted() -> None:
    paper = take_apart(listed("decimal", "%1.", between=f"{ITEM}</w:p>"))
    assert paper.parts[0].text == ["1. He may see his father.\n3. He may see his brother."]


def test_words_of_a_list_before_nothing_are_refused() -> None:
    assert take_apart(listed("none", "He may not.", between=f"{ITEM}</w:p>")).faults
