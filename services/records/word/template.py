"""The template that ships with Quorate: `python -m services.records.word.template` writes it anew, always the same."""

from __future__ import annotations

import io
import zipfile
from datetime import UTC, datetime
from pathlib import Path

from docx import Document
from docx.document import Document as Paper
from docx.enum.style import WD_STYLE_TYPE
from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.oxml.ns import qn
from docx.shared import Cm, Pt, RGBColor

import services
from services.records.word.form import FOOT, MARKING

TEMPLATE = Path(services.__file__).parent.parent / "templates" / "documents" / "record.docx"
SETTING_STYLE, NOTE_STYLE = "Record Setting", "Record Note"
_UNUSED = ("/thumbnail", "/customXml", "/stylesWithEffects")
"""What the library's own template brings besides."""
_WHEN = datetime(2026, 1, 1, tzinfo=UTC)
_FONT = "Arial"
_INK, _GREY, _BLUE = RGBColor(0x0B, 0x0C, 0x0C), RGBColor(0x50, 0x5A, 0x5F), RGBColor(0x00, 0x30, 0x78)
_KEPT = {
    *("Normal", "Title", "Heading 1", "List Bullet", "List Number", "List Paragraph", "No Spacing", "Body Text"),
    *("Header", "Footer", "Table Grid", "Normal Table", "Default Paragraph Font", "No List"),
}


def build() -> bytes:
    """The template as a file."""
    paper = Document()
    _set_styles(paper)
    section = paper.sections[0]
    section.page_width, section.page_height = Cm(21), Cm(29.7)
    section.left_margin = section.right_margin = Cm(2.5)
    section.top_margin = section.bottom_margin = Cm(2.2)
    for part, text in ((section.header, MARKING), (section.footer, FOOT)):
        [paragraph] = part.paragraphs
        paragraph.text = text
        paragraph.alignment = WD_ALIGN_PARAGRAPH.CENTER
    name_it(paper, "Record of a meeting")
    for relations in (paper.part.package.rels, paper.part.rels):
        for key in [key for key, each in relations.items() if each.reltype.endswith(_UNUSED)]:
            relations.pop(key)
    return saved(paper)


def name_it(paper: Paper, title: str) -> None:
    """Set what the file says of itself: nothing of anyone, and no moment but the template's."""
    core = paper.core_properties
    core.title, core.language, core.comments, core.keywords = title, "en-GB", "", ""
    core.author = core.last_modified_by = "Quorate"
    core.created = core.modified = _WHEN
    core.revision = 1


def _set_styles(paper: Paper) -> None:
    for style in [each for each in paper.styles if each.name not in _KEPT]:
        style.delete()
    kept = {each.style_id for each in paper.styles}
    for root, tag in ((paper.styles.element, "w:link"), (paper.part.numbering_part.element, "w:pStyle")):
        for each in [each for each in root.iter(qn(tag)) if each.get(qn("w:val")) not in kept]:
            each.getparent().remove(each)
    defaults = paper.styles.element.find(f"{qn('w:docDefaults')}/{qn('w:rPrDefault')}/{qn('w:rPr')}")
    language = defaults.find(qn("w:lang"))
    language.set(qn("w:val"), "en-GB")
    for name in (SETTING_STYLE, NOTE_STYLE):
        paper.styles.add_style(name, WD_STYLE_TYPE.PARAGRAPH).base_style = paper.styles["Normal"]
    look = {
        "Normal": (11, _INK, False, 0, 8),
        "Title": (20, _INK, True, 0, 8),
        "Heading 1": (15, _INK, True, 20, 4),
        SETTING_STYLE: (10.5, _BLUE, True, 0, 2),
        NOTE_STYLE: (9.5, _GREY, False, 0, 4),
        "Header": (9.5, _INK, True, 0, 0),
        "Footer": (9, _GREY, False, 0, 0),
    }
    for name, (size, colour, bold, before, after) in look.items():
        style = paper.styles[name]
        style.font.name, style.font.size, style.font.bold = _FONT, Pt(size), bold
        style.font.color.rgb = colour
        fonts = style.element.rPr.rFonts
        for theme in [each for each in fonts.attrib if each.endswith("Theme")]:
            del fonts.attrib[theme]
        for script in ("w:eastAsia", "w:cs"):
            fonts.set(qn(script), _FONT)
        style.paragraph_format.space_before, style.paragraph_format.space_after = Pt(before), Pt(after)
        style.hidden, style.quick_style = False, True
    paper.styles["Title"].paragraph_format.element.pPr.remove_all("w:pBdr")
    for name in ("Heading 1", SETTING_STYLE):
        paper.styles[name].paragraph_format.keep_with_next = True
    paper.styles["Heading 1"].next_paragraph_style = paper.styles[SETTING_STYLE]
    paper.styles[SETTING_STYLE].next_paragraph_style = paper.styles["Normal"]


def saved(paper: Paper) -> bytes:
    """A document as a file: the same document gives the same bytes."""
    loose = io.BytesIO()
    paper.save(loose)
    fixed = io.BytesIO()
    with zipfile.ZipFile(loose) as before, zipfile.ZipFile(fixed, "w", zipfile.ZIP_DEFLATED) as after:
        for entry in before.infolist():
            after.writestr(zipfile.ZipInfo(entry.filename), before.read(entry), zipfile.ZIP_DEFLATED)
    return fixed.getvalue()


if __name__ == "__main__":
    TEMPLATE.write_bytes(build())
