"""What a record written in Word says, and what keeps a document from being one: every fault at once, with its place."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from docx.document import Document as Paper
from docx.enum.style import WD_STYLE_TYPE
from docx.enum.text import WD_BREAK
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls, qn
from docx.shared import Pt, RGBColor

from services.records.rules.plain_text import plain
from services.records.word.parties import Named
from services.records.word.read import DoesNotFit, Fault, Written, take_apart, understand
from tests.word import Section, blank, inside, paragraph, written

PARTIES = (
    Named("camhs-1", ("Riverside CAMHS", "camhs", "CAMHS")),
    Named("gp-1", ("Mill Lane Surgery, Northtown", "gp", "GP practice")),
    Named("gp-2", ("Harbour Surgery", "gp", "GP practice")),
    Named("p1", ("Dana Bellweather",)),
    Named("p2", ("Dana  Bellweather",)),
)
CHILDREN = (Named("c1", ("AB",)), Named("c2", ("CD",)), Named("c3", ("CD",)))
FINE: list[Section] = [("Why we met", "everyone", "", ["He was not at school."])]


def read(document: bytes) -> Written:
    return understand(take_apart(document), PARTIES, CHILDREN)


def faults(document: bytes) -> list[Fault]:
    with pytest.raises(DoesNotFit) as refused:
        read(document)
    return list(refused.value.faults)


def one(sections: list[Section] = FINE, spoil: Callable[[Paper], None] | None = None) -> bytes:
    return written(blank(), sections, spoil)


def audience(line: str) -> object:
    return read(one([("Why we met", line, "", ["x"])])).sections[0]["audience"]


def test_a_document_says_which_record_it_is_and_what_each_section_is_for() -> None:
    found = read(
        one(
            [
                ("Why we met", "Everyone", "", ["He was not at school.", "Zoë Łukasz said: „nie” — 子."]),
                ("Risks", "all but: Dana Bellweather (p1)", "AB", ["One.", "* First", "* Second"]),
            ]
        )
    )
    assert (found.record_id, found.meeting_id, found.kind, found.version) == ("m1.minutes", "m1", "minutes", 1)
    assert found.sections == (
        {
            "heading": "Why we met",
            "audience": "everyone",
            "children": [],
            "text": "He was not at school.\n\nZoë Łukasz said: „nie” — 子.",
        },
        {
            "heading": "Risks",
            "audience": {"except": ["p1"]},
            "children": ["c1"],
            "text": "One.\n\n• First\n• Second",
        },
    )


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("EVERYONE.", "everyone"),
        ("professionals", "professionals"),
        ("only: camhs-1", {"only": ["camhs-1"]}),
        ("Only: riverside camhs; GP‑1; camhs-1", {"only": ["camhs-1", "gp-1"]}),
        ("only CAMHS", {"only": ["camhs-1"]}),
        ("only: Mill Lane Surgery, Northtown", {"only": ["gp-1"]}),
        ("all but: CAMHS, Harbour Surgery", {"except": ["camhs-1", "gp-2"]}),
        ("everyone except: p2", {"except": ["p2"]}),
    ],
)
def test_whom_a_section_is_for_is_said_by_name_by_id_or_by_kind(line: str, meant: object) -> None:
    assert audience(line) == meant


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("", "says nothing"),
        ("all", "is none of everyone; professionals"),
        ("everyone and the press", "is none of"),
        ("only:", "names nobody after “only”"),
        ("only: GP", "may be gp-1 or gp-2: write the id"),
        ("only: Dana Bellweather", "may be p1 or p2: write the id"),
        ("only: riverside", "no agency or person called “riverside”: write Riverside CAMHS (camhs-1)"),
        ("only: camhs-1; nobody-1", "called “nobody-1”"),
        ("only: " + "camhs-1; " * 201, "names more than 200"),
        ("only: " + "".join(f"nobody-{each}; " for each in range(20)), "there is more in this line"),
    ],
)
def test_what_does_not_say_for_certain_whom_it_is_for_is_refused_with_what_would(line: str, told: str) -> None:
    [fault] = faults(one([("Why we met", line, "", ["x"])]))
    assert (fault.section, fault.heading, fault.line) == (1, "Why we met", "For")
    assert told in fault.message


@pytest.mark.parametrize(("line", "told"), [("CD", "may be c2 or c3"), ("EF", "there is no child called “EF”")])
def test_a_child_is_named_for_certain_or_the_document_is_refused(line: str, told: str) -> None:
    assert read(one([("x", "everyone", "ab; c2", ["x"])])).sections[0]["children"] == ["c1", "c2"]
    [fault] = faults(one([("Why we met", "everyone", line, ["x"])]))
    assert fault.line == "Children"
    assert told in fault.message


def drop(text: str) -> Callable[[Paper], None]:
    def spoil(paper: Paper) -> None:
        found = paragraph(paper, text)._p
        found.getparent().remove(found)

    return spoil


def restyle(text: str, style: str) -> Callable[[Paper], None]:
    def spoil(paper: Paper) -> None:
        if style not in [each.name for each in paper.styles]:
            paper.styles.add_style(style, WD_STYLE_TYPE.PARAGRAPH)
        paragraph(paper, text).style = paper.styles[style]

    return spoil


@pytest.mark.parametrize(
    ("spoil", "line", "told"),
    [
        (drop("For: everyone"), "For", "is missing"),
        (drop("Children: "), "Children", "is missing"),
        (drop("He was not at school."), None, "is empty"),
        (restyle("For: everyone", "Normal"), "For", "has lost its style"),
        (restyle("He was not at school.", "Quote Of Mine"), None, "has the style “Quote Of Mine”"),
        (restyle("He was not at school.", "Heading 2"), None, "only Heading 1 begins a section"),
        (restyle("He was not at school.", "Record Note"), None, "is still a note for the writer"),
        (restyle("He was not at school.", "Record Setting"), None, "is none of For, Children"),
        (lambda paper: paper.add_paragraph("For: police", "Record Setting"), "For", "stands there twice"),
        (lambda paper: paper.add_table(1, 1), None, "has a table"),
    ],
)
def test_what_does_not_fit_the_form_is_refused_with_its_place(
    spoil: Callable[[Paper], None], line: str | None, told: str
) -> None:
    found = faults(one(spoil=spoil))
    assert [each for each in found if told in each.message and (each.section, each.line) == (1, line)], found


@pytest.mark.parametrize(
    "line", ["For: professionals", " children :AB", "For\u00a0: police", "• F\u200bor： x", "1. FOR: x"]
)
@pytest.mark.parametrize(
    "written",
    ["{}", "The police look into it.\n{}", "The police look into it.\t{}\tThey ring."],
    ids=["alone", "after a line break", "between tabs"],
)
@pytest.mark.parametrize("style", ["Normal", "List Bullet"])
def test_a_line_that_decides_is_no_text_of_the_section_above_it(line: str, written: str, style: str) -> None:
    def paste(paper: Paper) -> None:
        paper.add_paragraph("For professionals only", "Normal")
        paper.add_paragraph(written.format(line), style)

    found = faults(one([*FINE, ("Rest", "everyone", "", ["x"])], paste))
    assert [(each.section, each.heading) for each in found] == [(2, "Rest")], found
    assert f"“{' '.join(plain(line).split())}" in found[0].message
    assert "stands in its text" in found[0].message


@pytest.mark.parametrize(
    ("said", "choice"),
    [
        ("The police know.\x0c{}", "everyone"),
        ("The police know.  {}", "for us"),
        ("The police know.\u2003{}", "for us"),
        ("For professionals only {}", "Professionals"),
        ("For professionals only {}", "only: the police"),
        ("For professionals only {}", "all but: him"),
    ],
)
def test_a_line_that_decides_is_found_in_the_midst_of_a_paragraph(said: str, choice: str) -> None:
    """As where the lines of a section were pasted into one, or a page ends in it."""

    def paste(paper: Paper) -> None:
        before, new_page, after = said.format(f"For: {choice} They ring on Monday.").partition("\x0c")
        run = paper.add_paragraph("", "Normal").add_run(before)
        if new_page:
            run.add_break(WD_BREAK.PAGE)
            run.add_text(after)

    [found] = faults(one([*FINE, ("Rest", "everyone", "", ["x"])], paste))
    assert (found.section, "stands in its text" in found.message, f"“For: {choice}" in found.message) == (2, True, True)


@pytest.mark.parametrize("heading", ["Safety\tFor: professionals", "Safety For: professionals", "Safety  Children: AB"])
def test_a_heading_does_not_go_on_with_a_line_that_decides(heading: str) -> None:
    [found] = faults(one([(heading, "everyone", "", ["x"])]))
    assert (found.section, "stands in its heading" in found.message) == (1, True)
    assert (
        read(one([("Children: their views", "everyone", "", ["x"])])).sections[0]["heading"] == "Children: their views"
    )


def test_words_that_only_begin_like_a_line_that_decides_are_text() -> None:
    said = [
        "For now: nothing.",
        "Children are asleep: hush.",
        "He asked for: a dog.",
        "Before: none.",
        "Mondays for: him.",
    ]
    assert read(one([("Views", "everyone", "", said)])).sections[0]["text"] == "\n\n".join(said)


TEXT = "He was not at school."
HIDDEN = "<w:r><w:rPr>{}</w:rPr><w:t>Deleted sentence.</w:t></w:r>"
BLACKED_OUT = "take the words out: what is covered up can be read by anyone"
RUN = "<w:r><w:t>Deleted sentence.</w:t></w:r>"


@pytest.mark.parametrize(
    ("xml", "told"),
    [
        (f'<w:del w:id="1" w:author="x">{RUN.replace("w:t>", "w:delText>")}</w:del>', "tracked changes"),
        (f'<w:ins w:id="1" w:author="x">{RUN}</w:ins>', "tracked changes"),
        (f'<w:moveFrom w:id="1" w:author="x">{RUN}</w:moveFrom>', "tracked changes"),
        ('<w:r><w:rPr><w:rPrChange w:id="1" w:author="x"/></w:rPr><w:t>x</w:t></w:r>', "tracked changes"),
        ('<w:r><w:commentReference w:id="1"/></w:r>', "a comment"),
        ('<w:commentRangeStart w:id="1"/>', "a comment"),
        (HIDDEN.format("<w:vanish/>"), "hidden text"),
        (HIDDEN.format('<w:webHidden w:val="1"/>'), "hidden text"),
        (HIDDEN.format("<w:strike/>"), "struck through"),
        (HIDDEN.format('<w:dstrike w:val="true"/>'), "struck through"),
        (HIDDEN.format('<w:color w:val="FFFFFF"/>'), "too pale, too small"),
        (HIDDEN.format('<w:color w:val="FFFF00"/>'), "too pale, too small"),
        (HIDDEN.format('<w:color w:val="000000" w:themeColor="background1"/>'), "too pale, too small"),
        (HIDDEN.format('<w:sz w:val="2"/>'), "too pale, too small"),
        (HIDDEN.format('<w:w w:val="1"/>'), "too pale, too small"),
        (HIDDEN.format('<w:fitText w:val="1"/>'), "too pale, too small"),
        (HIDDEN.format('<w:spacing w:val="-200"/>'), "too far off"),
        (HIDDEN.format('<w:position w:val="-3000"/>'), "too far off"),
        (HIDDEN.format('<w:highlight w:val="black"/>'), BLACKED_OUT),
        (HIDDEN.format('<w:highlight w:val="darkBlue"/>'), BLACKED_OUT),
        (HIDDEN.format('<w:color w:val="C0C0C0"/><w:highlight w:val="lightGray"/>'), BLACKED_OUT),
        (HIDDEN.format('<w:color w:val="FF0000"/><w:highlight w:val="red"/>'), BLACKED_OUT),
        (HIDDEN.format('<w:shd w:val="clear" w:color="auto" w:fill="000000"/>'), BLACKED_OUT),
        (HIDDEN.format('<w:shd w:val="clear" w:fill="FFFFFF" w:themeFill="text1"/>'), BLACKED_OUT),
        (HIDDEN.format('<w:shd w:val="solid" w:color="auto" w:fill="FFFFFF"/>'), BLACKED_OUT),
        (HIDDEN.format('<w:shd w:val="pct90" w:color="101010" w:fill="FFFFFF"/>'), BLACKED_OUT),
        (HIDDEN.format('<w:color w:val="FFFFFF"/><w:highlight w:val="black"/>'), BLACKED_OUT),
        (HIDDEN.format('<w:rFonts w:ascii="Wingdings" w:hAnsi="Wingdings"/>'), "a symbol font"),
        (HIDDEN.format('<w:rFonts w:cs="Webdings"/>'), "a symbol font"),
        ("<w:r><w:drawing/></w:r>", "a picture"),
        ("<w:r><w:pict/></w:r>", "a picture"),
        ("<w:r><w:object/></w:r>", "an embedded object"),
        ('<w:r><w:footnoteReference w:id="2"/></w:r>', "a footnote"),
        ('<w:r><w:endnoteReference w:id="2"/></w:r>', "a footnote"),
        (f'<w:fldSimple w:instr="AUTHOR">{RUN}</w:fldSimple>', "a field"),
        ('<w:r><w:fldChar w:fldCharType="begin"/></w:r>', "a field"),
        (f'<w:hyperlink w:anchor="x">{RUN}</w:hyperlink>', "a link"),
        (f"<w:sdt><w:sdtContent>{RUN}</w:sdtContent></w:sdt>", "a form field"),
        ('<w:r><w:sym w:font="Wingdings" w:char="F04A"/></w:r>', "a symbol"),
        (f"<w:smartTag>{RUN}</w:smartTag>", "not plain text"),
        ('<mc:AlternateContent xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006"/>', "a text box"),
        ('<m:oMath xmlns:m="http://schemas.openxmlformats.org/officeDocument/2006/math"/>', "an equation"),
    ],
)
def test_what_is_not_plain_text_in_plain_sight_is_refused(xml: str, told: str) -> None:
    [fault] = faults(one(spoil=inside(TEXT, xml)))
    assert (fault.section, told in fault.message) == (1, True)
    assert "Deleted" not in str(fault)


def test_what_is_formatted_as_it_may_not_be_is_told_of_once_with_the_words_of_its_paragraph() -> None:
    hidden = "<w:r><w:rPr><w:vanish/></w:rPr><w:t>Hidden.</w:t></w:r>"

    def spoil(paper: Paper) -> None:
        for each in ("Second words.", "Third words."):
            inside(each, hidden)(paper)
        inside("Old notes", hidden)(paper)

    sections: list[Section] = [*FINE, ("Views", "everyone", "", [TEXT, "Second words.", "Third words."])]
    found = faults(one([*sections, ("Old notes", "everyone", "", ["x"])], spoil))
    assert [(each.section, each.message.partition(" has ")[0]) for each in found] == [
        (2, "“Second words.”"),
        (3, "“Old notes”"),
    ]


def test_text_that_a_style_hides_or_strikes_is_refused_unless_a_run_shows_it_again() -> None:
    def by_style(paper: Paper) -> None:
        base = paper.styles.add_style("Hidden Base", WD_STYLE_TYPE.CHARACTER)
        base.font.hidden = True
        derived = paper.styles.add_style("Derived", WD_STYLE_TYPE.CHARACTER)
        derived.base_style = base
        paragraph(paper, TEXT).add_run(" Deleted sentence.", "Derived")

    def shown_again(paper: Paper) -> None:
        by_style(paper)
        paragraph(paper, f"{TEXT} Deleted sentence.").runs[-1].font.hidden = False

    def whole_style(paper: Paper) -> None:
        paper.styles["Normal"].font.strike = True

    [fault] = faults(one(spoil=by_style))
    assert "hidden text" in fault.message
    assert read(one(spoil=shown_again)).sections[0]["text"] == f"{TEXT} Deleted sentence."
    [*found] = faults(one(spoil=whole_style))
    assert all("struck through" in each.message for each in found)


def own(xml: str) -> Callable[[Paper], None]:
    """Properties of the paragraph itself."""

    def spoil(paper: Paper) -> None:
        paragraph(paper, TEXT)._p.get_or_add_pPr().append(parse_xml(f"<w:x {nsdecls('w')}>{xml}</w:x>")[0])

    return spoil


def of_base(runs: str = "", paragraphs: str = "") -> Callable[[Paper], None]:
    """Properties of a style on which the paragraph's own is based."""

    def spoil(paper: Paper) -> None:
        base = paper.styles.add_style("Far Below", WD_STYLE_TYPE.PARAGRAPH)
        paper.styles["Body Text"].base_style = base
        paragraph(paper, TEXT).style = paper.styles["Body Text"]
        for xml, to in ((runs, base.element.get_or_add_rPr()), (paragraphs, base.element.get_or_add_pPr())):
            to.extend(parse_xml(f"<w:x {nsdecls('w')}>{xml}</w:x>"))

    return spoil


def of_all(paper: Paper) -> None:
    defaults = paper.styles.element.find(f"{qn('w:docDefaults')}/{qn('w:rPrDefault')}/{qn('w:rPr')}")
    defaults.append(parse_xml(f'<w:highlight {nsdecls("w")} w:val="black"/>'))


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (own('<w:shd w:val="clear" w:color="auto" w:fill="000000"/>'), BLACKED_OUT),
        (own('<w:framePr w:w="1" w:h="1" w:hRule="exact" w:x="-20000"/>'), "a text box"),
        (own('<w:spacing w:line="1" w:lineRule="exact"/>'), "too pale, too small"),
        (own('<w:spacing w:line="3pt" w:lineRule="exact"/>'), "too pale, too small"),
        (own('<w:ind w:left="-20000"/>'), "too far off"),
        (of_base(paragraphs='<w:shd w:val="clear" w:fill="0B0C0C"/>'), BLACKED_OUT),
        (of_base(paragraphs='<w:framePr w:w="1"/>'), "a text box"),
        (of_base(paragraphs='<w:spacing w:line="20" w:lineRule="exact"/>'), "too pale, too small"),
        (of_base('<w:highlight w:val="black"/>'), BLACKED_OUT),
        (of_base('<w:w w:val="1"/>'), "too pale, too small"),
        (of_base('<w:rFonts w:ascii="Wingdings 2"/>'), "a symbol font"),
        (of_base("<w:vanish/>"), "hidden text"),
        (of_all, BLACKED_OUT),
    ],
)
def test_words_that_are_covered_up_are_refused_wherever_that_is_said(spoil: Callable[[Paper], None], told: str) -> None:
    found = faults(one(spoil=spoil))
    assert all(told in each.message for each in found), [str(each) for each in found]


@pytest.mark.parametrize(
    "xml",
    [
        '<w:highlight w:val="yellow"/>',
        '<w:highlight w:val="none"/><w:shd w:val="nil"/>',
        '<w:shd w:val="clear" w:color="auto" w:fill="D9D9D9"/>',
        '<w:shd w:val="pct10" w:color="000000" w:fill="FFFFFF"/>',
        '<w:w w:val="90"/><w:spacing w:val="-10"/><w:position w:val="6"/><w:rFonts w:ascii="Arial"/>',
    ],
)
def test_words_that_are_marked_so_that_they_can_be_read_are_text(xml: str) -> None:
    shown = inside(TEXT, f"<w:r><w:rPr>{xml}</w:rPr><w:t> More.</w:t></w:r>")
    assert read(one(spoil=shown)).sections[0]["text"] == f"{TEXT} More."


def test_bold_coloured_and_large_text_is_text() -> None:
    def spoil(paper: Paper) -> None:
        run = paragraph(paper, TEXT).add_run(" More.")
        run.bold, run.font.size, run.font.color.rgb = True, Pt(30), RGBColor(0xD4, 0x35, 0x1C)

    assert read(one(spoil=spoil)).sections[0]["text"] == f"{TEXT} More."


def test_letters_that_are_shown_as_capitals_are_capitals_in_the_record() -> None:
    """A name that is a word too is looked for with a capital: as grace it would be let through, shown as GRACE."""

    def spoil(paper: Paper) -> None:
        base = paper.styles.add_style("Loud", WD_STYLE_TYPE.CHARACTER)
        base.font.all_caps = True
        quiet = paper.styles.add_style("Quiet", WD_STYLE_TYPE.CHARACTER)
        quiet.base_style, quiet.font.all_caps = base, False
        text = paragraph(paper, TEXT)
        text.add_run(" seen by grace.").font.all_caps = True
        text.add_run(" Then hope.", "Loud").font.small_caps = False
        text.add_run(" And joy.", "Quiet")  # of styles, one that is off lets the other stand
        text.add_run(" Not lily.", "Loud").font.all_caps = False
        text.add_run(" Mr King.").font.small_caps = True
        paragraph(paper, "Why we met").runs[0].font.all_caps = True
        for name in ("For: everyone", "Record: m1.minutes"):  # ids and choices are what they are
            paragraph(paper, name).runs[0].font.all_caps = True

    found = read(one(spoil=spoil))
    assert found.record_id == "m1.minutes"
    assert found.sections[0]["heading"] == "WHY WE MET"
    assert found.sections[0]["text"] == f"{TEXT} SEEN BY GRACE. THEN HOPE. AND JOY. Not lily. MR KING."


def test_every_fault_is_told_at_once() -> None:
    def spoil(paper: Paper) -> None:
        drop("For: everyone")(paper)
        inside(TEXT, HIDDEN.format("<w:vanish/>"))(paper)
        paper.add_paragraph("Risks", "Heading 1")

    told = "\n".join(map(str, faults(written(blank(), [*FINE, ("x", "only: nobody-1", "XY", ["x"])], spoil))))
    for each in ("is missing", "hidden text", "nobody-1", "“XY”", "section 3 “Risks”: is empty"):
        assert each in told


def test_text_before_the_first_heading_is_refused_and_notes_for_the_writer_are_not() -> None:
    def spoil(paper: Paper) -> None:
        first = paragraph(paper, "Why we met")
        first.insert_paragraph_before("A note.", "Record Note")
        first.insert_paragraph_before("Not in any section.", "Normal")

    [fault] = faults(one(spoil=spoil))
    assert "“Not in any section.” stands before the first heading" in str(fault)


def test_a_document_of_more_lines_than_a_record_may_hold_is_refused() -> None:
    [fault] = faults(one([("Why we met", "everyone", "", ["x\n" * 5_001])]))
    assert str(fault) == "the record does not fit: it has about 5001 lines in print: a record has at most 5000"


def test_a_document_without_a_section_is_none() -> None:
    assert any("has no section" in each.message for each in faults(one([])))


def test_what_record_it_is_stands_in_the_text_and_in_the_properties_and_is_the_same() -> None:
    def moved(paper: Paper) -> None:
        paper.core_properties.identifier = "m2.minutes"

    def only_in_properties(paper: Paper) -> None:
        core = paper.core_properties
        core.identifier, core.category, core.subject, core.version = "m1.minutes", "minutes", "m1", "3"
        for each in ("Record: m1.minutes", "Kind: minutes", "Meeting: m1", "Version: 1"):
            drop(each)(paper)

    [fault] = faults(one(spoil=moved))
    assert (fault.line, "made for m2.minutes" in fault.message) == ("Record", True)
    assert read(one(spoil=only_in_properties)).version == 3
    found = faults(one(spoil=lambda paper: drop("Meeting: m1")(paper)))
    assert [each.line for each in found] == ["Meeting"]


@pytest.mark.parametrize(
    ("facts", "line"),
    [({"record_id": "a b"}, "Record"), ({"kind": "novel"}, "Kind"), ({"version": "0"}, "Version")],
)
def test_what_no_draft_says_of_its_record_is_refused(facts: dict[str, str], line: str) -> None:
    assert line in [each.line for each in faults(written(blank(**facts), FINE))]


KIND_OF_LIST = (
    '<w:abstractNum w:abstractNumId="90"><w:lvl w:ilvl="0"><w:start w:val="1"/><w:numFmt w:val="decimal"/>'
    '<w:lvlText w:val="%1."/></w:lvl><w:lvl w:ilvl="1"><w:start w:val="1"/><w:numFmt w:val="lowerLetter"/>'
    '<w:lvlText w:val="%1.%2)"/></w:lvl></w:abstractNum>'
)
LISTS = (
    '<w:num w:numId="91"><w:abstractNumId w:val="90"/></w:num><w:num w:numId="92"><w:abstractNumId w:val="90"/>'
    '<w:lvlOverride w:ilvl="0"><w:startOverride w:val="7"/></w:lvlOverride></w:num>'
)


def test_numbers_and_bullets_that_word_shows_stand_in_the_text() -> None:
    places = ((91, 0), (91, 1), (91, 1), (91, 0), (91, 1), (92, 0))

    def spoil(paper: Paper) -> None:
        numbering = paper.part.numbering_part.element
        [*some] = parse_xml(f"<w:numbering {nsdecls('w')}>{KIND_OF_LIST}{LISTS}</w:numbering>")
        numbering.insert(0, some[0])
        numbering.extend(some[1:])
        for number, (of_list, depth) in enumerate(places):
            properties = paragraph(paper, f"Do {number}")._p.get_or_add_pPr().get_or_add_numPr()
            properties.get_or_add_ilvl().val, properties.get_or_add_numId().val = depth, of_list

    document = one([("Actions", "everyone", "", [f"Do {number}" for number in range(len(places))])], spoil)
    text = read(document).sections[0]["text"]
    assert text.split("\n") == ["1. Do 0", "1.a) Do 1", "1.b) Do 2", "2. Do 3", "2.a) Do 4", "7. Do 5"]


def test_words_in_a_number_that_nobody_sees_are_refused() -> None:
    hidden = '<w:lvlText w:val="They live at 5 Elm Road %1."/><w:rPr><w:vanish/></w:rPr>'

    def spoil(paper: Paper) -> None:
        numbering = paper.part.numbering_part.element
        kind = KIND_OF_LIST.replace('<w:lvlText w:val="%1."/>', hidden)
        [*some] = parse_xml(f"<w:numbering {nsdecls('w')}>{kind}{LISTS}</w:numbering>")
        numbering.insert(0, some[0])
        numbering.extend(some[1:])
        paragraph(paper, TEXT)._p.get_or_add_pPr().get_or_add_numPr().get_or_add_numId().val = 91

    [fault] = faults(one(spoil=spoil))
    assert "hidden text" in fault.message


def test_what_is_written_into_the_header_is_refused_for_no_reader_gets_it() -> None:
    def spoil(paper: Paper) -> None:
        paper.sections[0].header.paragraphs[0].text = "Not for father"

    [fault] = faults(one(spoil=spoil))
    assert "header or footer" in fault.message


VML = 'xmlns:v="urn:schemas-microsoft-com:vml"'
WATERMARK = f'<w:r><w:pict><v:shape {VML}><v:textpath string="{{}}"/></v:shape></w:pict></w:r>'
OWN = WATERMARK.format("OFFICIAL-SENSITIVE")
PICTURE = f'<w:r><w:pict><v:shape {VML}><v:imagedata r:id="rId9"/></v:shape></w:pict></w:r>'
GROUP = OWN.replace(f"<v:shape {VML}>", f"<v:group {VML}><v:shape>").replace("</w:pict>", "{}</v:group></w:pict>")


@pytest.mark.parametrize(
    ("xml", "told"),
    [
        (WATERMARK.format("NOT AGREED BY THE CHAIR"), ["“NOT AGREED BY THE CHAIR” is a watermark"]),
        (f"<w:r><w:pict><v:shape {VML}><v:imagedata/></v:shape></w:pict></w:r>", ["a picture or shape"]),
        ("<w:r><w:drawing/></w:r>", ["a picture or shape"]),
        (OWN, []),
        (f"{OWN}{PICTURE}", ["a picture or shape"]),
        (f"{WATERMARK.format('DRAFT')}{PICTURE}", ["“DRAFT” is a watermark", "a picture or shape"]),
        (GROUP.format(""), []),
        (GROUP.format('<v:polyline points="0,0 9,9"/>'), ["a picture or shape"]),
        (OWN.replace("<v:textpath", '<v:fill r:id="rId9"/><v:textpath'), ["a picture or shape"]),
        ("<w:r><w:pict><w:txbxContent><w:p><w:r><w:t> </w:t></w:r></w:p></w:txbxContent></w:pict></w:r>", []),
    ],
)
def test_a_watermark_or_a_picture_in_the_header_is_refused_for_no_reader_gets_it(xml: str, told: list[str]) -> None:
    def spoil(paper: Paper) -> None:
        paper.sections[0].header.paragraphs[0]._p.extend(parse_xml(f"<w:p {nsdecls('w', 'r')}>{xml}</w:p>"))

    found = take_apart(one(spoil=spoil)).faults
    assert [each in fault.message for each, fault in zip(told, found, strict=True)] == [True] * len(told)


@pytest.mark.parametrize("look", ['<w:vertAlign w:val="superscript"/>', '<w:position w:val="6"/>'])
def test_a_figure_that_is_raised_is_refused_for_it_would_be_part_of_another_number(look: str) -> None:
    raised = f"<w:r><w:rPr>{look}</w:rPr><w:t>{{}}</w:t></w:r>"
    [fault] = faults(one(spoil=inside(TEXT, raised.format("9"))))
    assert (fault.section, "raised or lowered figures" in fault.message) == (1, True)
    assert read(one(spoil=inside(TEXT, raised.format("st")))).sections[0]["text"] == f"{TEXT}st"


def test_a_comment_anywhere_refuses_the_document() -> None:
    def spoil(paper: Paper) -> None:
        paper.add_comment(paragraph(paper, "Why we met").runs, "Really?", "x", "x")

    found = faults(one(spoil=spoil))
    assert any("comment" in each.message for each in found)
