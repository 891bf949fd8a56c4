"""Records as a writer makes them of a draft in Word, for tests: filled in, and spoilt in every way that Word offers."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Mapping, Sequence

from docx import Document
from docx.document import Document as Paper
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls
from docx.text.paragraph import Paragraph

from services.records.word.template import TEMPLATE, saved

Section = tuple[str, str, str, Sequence[str]]
"""Heading, whom it is for, the children, paragraphs."""


def blank(record_id: str = "m1.minutes", kind: str = "minutes", meeting_id: str = "m1", version: str = "1") -> bytes:
    """The template with what a draft says of which record it is, and nothing else."""
    paper = Document(str(TEMPLATE))
    for name, value in (("Record", record_id), ("Kind", kind), ("Meeting", meeting_id), ("Version", version)):
        paper.add_paragraph(f"{name}: {value}", "Record Setting")
    return saved(paper)


def written(draft: bytes, sections: Sequence[Section], spoil: Callable[[Paper], None] | None = None) -> bytes:
    """A draft with these sections in the place of those that it suggests; `spoil` does the rest to it."""
    paper = Document(io.BytesIO(draft))
    body = paper.element.body
    found = False
    for element in list(body):
        found = found or (element.tag.endswith("}p") and _style(Paragraph(element, paper)) == "Heading 1")
        if found and not element.tag.endswith("}sectPr"):
            body.remove(element)
    for heading, audience, children, paragraphs in sections:
        paper.add_paragraph(heading, "Heading 1")
        paper.add_paragraph(f"For: {audience}", "Record Setting")
        paper.add_paragraph(f"Children: {children}", "Record Setting")
        for paragraph in paragraphs:
            style = "List Bullet" if paragraph.startswith("* ") else "Normal"
            paper.add_paragraph(paragraph.removeprefix("* "), style)
    if spoil is not None:
        spoil(paper)
    saved = io.BytesIO()
    paper.save(saved)
    return saved.getvalue()


def _style(paragraph: Paragraph) -> str:
    return (paragraph.style.name or "") if paragraph.style is not None else ""


def paragraph(paper: Paper, text: str) -> Paragraph:
    """The paragraph with this text."""
    return next(each for each in paper.paragraphs if each.text == text)


def inside(text: str, xml: str) -> Callable[[Paper], None]:
    """Put something into the paragraph with this text, at its end. `w:` is Word's namespace."""

    def spoil(paper: Paper) -> None:
        [*some] = parse_xml(f"<w:p {nsdecls('w', 'r')}>{xml}</w:p>")
        for each in some:
            paragraph(paper, text)._p.append(each)

    return spoil


def parts_of(document: bytes) -> dict[str, bytes]:
    """The parts of a file by name."""
    with zipfile.ZipFile(io.BytesIO(document)) as archive:
        return {each: archive.read(each) for each in archive.namelist()}


def packed(parts: Mapping[str, bytes]) -> bytes:
    """A file of these parts."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return made.getvalue()
