"""Formatting that two programs show each in its way, or that hides words from the eye alone: it is refused."""

from __future__ import annotations

import pytest

from services.records.word.read import take_apart
from tests.word import blank, packed, parts_of, written

FINE = written(blank(), [("Why we met", "everyone", "", ["He was not at school.", "They live at 5 Elm Road."])])
DOCUMENT, STYLES, NUMBERING = "word/document.xml", "word/styles.xml", "word/numbering.xml"
RUN = "<w:r><w:t>They live"
PARAGRAPH = f"<w:p><w:pPr/>{RUN}"
CHOICE = (
    '<c:AlternateContent xmlns:c="http://schemas.openxmlformats.org/markup-compatibility/2006" '
    'xmlns:w14="http://schemas.microsoft.com/office/word/2010/wordml">{}</c:AlternateContent>'
)
FIRST = CHOICE.format('<c:Choice Requires="w14">{}</c:Choice>')
FALLBACK = CHOICE.format("<c:Fallback>{}</c:Fallback>")
OF_OTHERS = 'xmlns:x="urn:x"'


def spoilt(part: str, old: str, new: str) -> bytes:
    parts = parts_of(FINE)
    text = parts[part].decode()
    assert old in text
    return packed(parts | {part: text.replace(old, new, 1).encode()})


def run(properties: str) -> bytes:
    """The document with these before the words of a run."""
    return spoilt(DOCUMENT, RUN, RUN.replace("<w:t>", f"{properties}<w:t>"))


def look(properties: str) -> bytes:
    return run(f"<w:rPr>{properties}</w:rPr>")


def told(document: bytes) -> list[tuple[int | None, str]]:
    return [(each.section, each.message) for each in take_apart(document).faults]


ODD = "formatted as no word processor does it"


@pytest.mark.parametrize(
    ("document", "what"),
    [
        (look(FIRST.format("<w:vanish/>")), ODD),
        (look(FALLBACK.format("<w:vanish/>")), ODD),
        (look(f"<x:wrap {OF_OTHERS}><w:vanish/></x:wrap>"), ODD),
        (look("<w:vanish/><w:vanish w:val='0'/>"), ODD),
        (run("<w:rPr/><w:rPr><w:vanish/></w:rPr>"), ODD),
        (spoilt(DOCUMENT, "They live at 5 Elm Road.</w:t>", "x</w:t><w:rPr><w:b/></w:rPr>"), ODD),
        (spoilt(DOCUMENT, PARAGRAPH, f'<w:p><w:pPr/><w:pPr><w:framePr w:w="1"/></w:pPr>{RUN}'), ODD),
        (spoilt(DOCUMENT, PARAGRAPH, f"<w:p><w:pPr>{FIRST.format('<w:keepNext/>')}</w:pPr>{RUN}"), ODD),
        (look(f"<w:vanish x:val='0' {OF_OTHERS}/>"), "hidden text"),
        (look("<w:vanish val='0'/>"), "hidden text"),
        (look("<w:vanish w:val='none'/>"), "hidden text"),
        (look(f"<w:color w:val='FFFFFF' x:val='000000' {OF_OTHERS}/>"), "too pale"),
        (look("<w:cs/><w:sz w:val='24'/><w:szCs w:val='2'/>"), "too pale, too small"),
        (look("<w:color w:val='FFFFFF' w:themeColor='text1'/>"), "too pale"),
        (look("<w:shd w:val='clear' w:fill='000000' w:themeFill='background1'/>"), "covered up"),
        (look("<w:color w:val='000000' w:themeColor='accent1'/>"), "a colour of a theme"),
        (look("<w:color w:val='000000' w:themeColor='text1' w:themeTint='00'/>"), "a colour of a theme"),
        (look("<w:shd w:val='clear' w:fill='FFFFFF' w:themeFill='accent1' w:themeFillShade='00'/>"), "covered up"),
        (look("<w:shd w:val='clear' w:fill='FFFFFF' w:themeFill='background1' w:themeFillShade='0A'/>"), "covered up"),
    ],
)
def test_what_may_hide_words_is_refused_with_its_section(document: bytes, what: str) -> None:
    [(section, message)] = told(document)
    assert section == 1
    assert what in message


@pytest.mark.parametrize(
    "properties",
    [
        "<w:vanish w:val='0'/>",
        "<w:color w:val='0B0C0C' w:themeColor='text1'/>",
        "<w:color w:val='000000' w:themeColor='dark1' w:themeShade='BF'/>",
        "<w:shd w:val='clear' w:fill='D9D9D9' w:themeFill='background1' w:themeFillShade='D9'/>",
        "<w14:ligatures xmlns:w14='http://schemas.microsoft.com/office/word/2010/wordml' w14:val='standard'/>",
    ],
)
def test_what_word_writes_of_plain_text_is_plain_text(properties: str) -> None:
    assert told(look(properties)) == []


def test_a_paragraph_of_another_language_than_words_is_no_text() -> None:
    document = spoilt(DOCUMENT, "<w:sectPr", f"<x:p {OF_OTHERS}><w:r><w:t>Unseen.</w:t></w:r></x:p><w:sectPr")
    assert [section for section, _ in told(document)] == [1]
    assert not any("Unseen." in line for part in take_apart(document).parts for line in part.text)


TWICE = '<w:style w:type="paragraph" w:styleId="Normal"><w:name w:val="Normal"/></w:style>'


@pytest.mark.parametrize(
    ("part", "old", "new"),
    [
        (STYLES, "</w:rPr></w:style>", f"{FIRST.format('<w:vanish/>')}</w:rPr></w:style>"),
        (STYLES, "</w:rPr></w:style>", "</w:rPr><w:rPr><w:vanish/></w:rPr></w:style>"),
        (STYLES, "</w:styles>", f"{TWICE}</w:styles>"),
        (STYLES, "</w:styles>", "<w:docDefaults/></w:styles>"),
        (NUMBERING, '<w:num w:numId="1"', '<w:num w:numId="2"'),
        (NUMBERING, "</w:lvl>", f"{FIRST.format('<w:pPr/>')}</w:lvl>"),
    ],
)
def test_styles_and_lists_that_no_word_processor_makes_are_refused(part: str, old: str, new: str) -> None:
    [(_, message)] = told(spoilt(part, old, new))
    assert "as text only" in message


def test_what_the_style_of_all_letters_hides_is_refused() -> None:
    hidden = '<w:style w:type="character" w:default="1" w:styleId="All"><w:rPr><w:vanish/></w:rPr></w:style>'
    [other] = [each for each in parts_of(FINE)[STYLES].decode().split("<w:style ") if 'type="character"' in each][:1]
    document = spoilt(STYLES, f"<w:style {other}", hidden)
    assert {"hidden text" in message for _, message in told(document)} == {True}


@pytest.mark.parametrize("name", ["title", "heading 1", "Normal "])
def test_a_style_that_the_document_does_not_know_is_refused_for_it_is_none_of_the_form(name: str) -> None:
    unknown = f'<w:p><w:pPr><w:pStyle w:val="{name}"/></w:pPr>'
    assert any("does not know" in message for _, message in told(spoilt(DOCUMENT, PARAGRAPH, f"{unknown}{RUN}")))
    first = spoilt(
        DOCUMENT,
        '<w:p><w:pPr><w:pStyle w:val="Heading1"',
        f'{unknown}{RUN}</w:t></w:r></w:p><w:p><w:pPr><w:pStyle w:val="Heading1"',
    )
    assert any("does not know" in message for _, message in told(first))


COLLAPSED = '<w15:collapsed xmlns:w15="http://schemas.microsoft.com/office/word/2012/wordml"{}/>'
HEADING = '<w:pStyle w:val="Heading1"/>'
STYLE_OF_HEADINGS = '<w:spacing w:before="400"'


@pytest.mark.parametrize(
    "document",
    [
        spoilt(DOCUMENT, HEADING, HEADING + COLLAPSED.format("")),
        spoilt(DOCUMENT, HEADING, HEADING + COLLAPSED.format(" w:val='1'")),
        spoilt(STYLES, STYLE_OF_HEADINGS, COLLAPSED.format("") + STYLE_OF_HEADINGS),
    ],
    ids=["a heading", "a heading, said so", "the style of headings"],
)
def test_what_a_collapsed_heading_keeps_out_of_sight_is_hidden(document: bytes) -> None:
    [message] = [each for _, each in told(document)]
    assert "hidden: expand it" in message


def test_a_heading_that_was_expanded_again_hides_nothing() -> None:
    assert told(spoilt(DOCUMENT, HEADING, HEADING + COLLAPSED.format(" w:val='0'"))) == []


def chain(length: int, first: str = "") -> bytes:
    """The document with so many styles, each based on the one before."""
    based = [first, *(f'<w:basedOn w:val="s{number}"/>' for number in range(length - 1))]
    some = "".join(
        f'<w:style w:type="paragraph" w:styleId="s{number}"><w:name w:val="s{number}"/>{on}</w:style>'
        for number, on in enumerate(based)
    )
    return spoilt(STYLES, "</w:styles>", f"{some}</w:styles>")


def test_styles_that_are_based_on_one_another_without_end_are_refused_before_they_cost_anything() -> None:
    assert told(chain(20)) == []
    for document in (chain(21), chain(2, '<w:basedOn w:val="s1"/>'), chain(2_000)):
        [(_, message)] = told(document)
        assert "styles that no word processor makes" in message
