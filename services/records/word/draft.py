"""A draft of a record in Word for one meeting: what is known stands in it, what is to be decided is left open."""

from __future__ import annotations

import re
from collections.abc import Sequence

from docx import Document
from docx.document import Document as Paper
from docx.oxml.ns import qn
from docx.oxml.parser import OxmlElement
from docx.shared import Cm

from schemas.policy import Policy
from services.meetings.rules import reference, say
from services.records.readers import Around
from services.records.rules.record import DECISION, MINUTES, PLAN, PROFESSIONALS, Audience, Reader, Record
from services.records.word.form import ALL_BUT, CHILDREN, FOR, KIND, MEETING, ONLY, RECORD, VERSION
from services.records.word.naming import children_of, parties_of
from services.records.word.parties import Named
from services.records.word.template import NOTE_STYLE, SETTING_STYLE, TEMPLATE, name_it, saved

_NOT_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
KINDS = {MINUTES: "Minutes", PLAN: "Plan", DECISION: "Decision letter"}

# The three questions are the region's own: Leicester, Leicestershire and Rutland, report to conference (rules of the
# field, section 5).
_QUESTIONS = ("What is working well?", "What are we worried about?", "What needs to happen?")
SUGGESTED = {
    MINUTES: ("Why we met", *_QUESTIONS, "What the child and the family say", "For professionals only", "Decisions"),
    PLAN: (*_QUESTIONS, "Who does what, and by when", "If things do not get better", "When we meet next"),
    DECISION: ("What was decided", "Why", "What happens next", "If you disagree"),
}
_FOR_PROFESSIONALS = "For professionals only"

_ABOUT_FORM = (
    "What stands in grey down to the first heading is for you and goes to nobody. Each section is a heading (style "
    "Heading 1), two lines in blue (style Record Setting), and its text (Normal, List Bullet, List Number)."
)
_ABOUT_LINES = (
    "For: everyone, or professionals, or only: and who may read it, or all but: and who may not. Write names or ids "
    "from the list below, with ; between them. Children: initials or ids; left empty, it is about all of them. Whoever "
    "is responsible for one child alone does not get what is about another."
)
_ABOUT_THE_END = (
    "Delete the sections that you do not need, accept or reject every tracked change, and delete comments. Then see "
    "who would get what: quorate record preview, with this file."
)
_NOTES = (_ABOUT_FORM, _ABOUT_LINES, _ABOUT_THE_END)


def draft(about: Around, policy: Policy, kind: str, record_id: str, version: int, before: Record | None) -> bytes:
    """A draft as a file; with `before`, the sections of that version stand in it, to be corrected."""
    paper = Document(str(TEMPLATE))
    meeting = about.meeting
    title = f"{KINDS[kind]}: {policy.on(meeting.day).kind(meeting.kind).name}"
    name_it(paper, KINDS[kind])
    core = paper.core_properties
    core.identifier, core.category, core.subject, core.version = record_id, kind, meeting.meeting_id, str(version)
    parties, children = parties_of(about, policy), children_of(about)
    paper.add_paragraph(title, "Title")
    for name, value in ((RECORD, record_id), (KIND, kind), (MEETING, meeting.meeting_id), (VERSION, str(version))):
        paper.add_paragraph(f"{name}: {value}", SETTING_STYLE)
    called = _writable(", ".join(each.shown for each in children))
    where = f"{say(meeting.day)}, reference {reference(meeting.meeting_id)}. "
    paper.add_paragraph(f"{where}{'Child' if len(children) == 1 else 'Children'}: {called}.", NOTE_STYLE)
    for note in _NOTES:
        paper.add_paragraph(note, NOTE_STYLE)
    _table(paper, about.readers, policy)
    if before is not None:
        for section in before.sections:
            ids = "; ".join(_called(each, children) for each in section.child_ids)
            _section(paper, section.heading, _audience(section.audience, parties), ids, section.text)
    else:
        for heading in SUGGESTED[kind]:
            closed = about.matter.family_never or heading == _FOR_PROFESSIONALS
            _section(paper, heading, PROFESSIONALS if closed else "", "", "")
    return saved(paper)


def _writable(text: str) -> str:
    """Text without the few characters that no XML holds."""
    return _NOT_IN_XML.sub("\ufffd", text)


def _section(paper: Paper, heading: str, audience: str, children: str, text: str) -> None:
    paper.add_paragraph(_writable(heading), "Heading 1")
    paper.add_paragraph(_writable(f"{FOR}: {audience}"), SETTING_STYLE)
    paper.add_paragraph(_writable(f"{CHILDREN}: {children}"), SETTING_STYLE)
    for paragraph in _writable(text).replace("\r\n", "\n").replace("\r", "\n").split("\n\n"):
        paper.add_paragraph(paragraph, "Normal")


def _audience(audience: Audience, parties: Sequence[Named]) -> str:
    if audience.to is not None:
        return audience.to
    way, ids = (ONLY, audience.only) if audience.only is not None else (ALL_BUT, audience.besides)
    return f"{way}: {'; '.join(_called(each, parties) for each in sorted(ids))}"


def _called(id: str, known: Sequence[Named]) -> str:
    """What stands for somebody in a line: name and id, where the name has nothing in it that parts a list."""
    named = next((each for each in known if each.id == id), None)
    return named.shown if named is not None and not {";", "\n"} & set(named.shown) else id


def _table(paper: Paper, readers: Sequence[Reader], policy: Policy) -> None:
    """Who was asked and who came, for the writer."""
    table = paper.add_table(rows=1, cols=4, style="Table Grid")
    rows = [("Who", "What they are", "Id", "Asked, and there")]
    rows += [
        (each.name, "family" if each.is_family else policy.agency_name(each.kind), _id(each), _was_there(each))
        for each in readers
    ]
    for number, row in enumerate(rows):
        cells = table.rows[0].cells if number == 0 else table.add_row().cells
        for cell, text, width in zip(cells, row, (5.5, 3.5, 3.5, 3.5), strict=True):
            [paragraph] = cell.paragraphs
            paragraph.style = paper.styles[NOTE_STYLE]
            paragraph.add_run(_writable(text)).bold = number == 0
            cell.width = Cm(width)
    heading = OxmlElement("w:tblHeader")
    heading.set(qn("w:val"), "true")
    table.rows[0]._tr.get_or_add_trPr().append(heading)


def _id(reader: Reader) -> str:
    return reader.agency_id or reader.person_id or ""


def _was_there(reader: Reader) -> str:
    there = {"present": "was there", "apologies": "sent apologies", "absent": "was not there"}
    asked = "asked" if reader.invited else "not asked"
    return f"{asked}, {there[reader.attended]}" if reader.attended in there else asked
