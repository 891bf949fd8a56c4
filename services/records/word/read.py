"""What a record written in Word says: its sections with their audiences, or everything that keeps it from being one."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any
from xml.etree.ElementTree import Element  # what `package` has read

from pydantic import ValidationError

from schemas.record import RecordApproved
from schemas.wording import words_for
from services.records.rules.plain_text import plain
from services.records.word.form import (
    ALL_BUT,
    BODY,
    BODY_IN_WORDS,
    BULLET,
    CHILDREN,
    CHOICES,
    EVERYONE,
    FACTS,
    FOOT,
    FOR,
    HEADING,
    KIND,
    MARKING,
    MEETING,
    NOTE,
    ONLY,
    PROFESSIONALS,
    RECORD,
    SETTING,
    TITLE,
    VERSION,
)
from services.records.word.lines import WRONG, Line, faults, lines, tag
from services.records.word.package import REFERENCE, NotRead, W, open_package
from services.records.word.parties import CannotTell, Named, audience_of, children_of

_IN_PROPERTIES = {RECORD: "identifier", KIND: "category", MEETING: "subject", VERSION: "version"}
_KINDS = ("minutes", "plan", "decision")
_SHAPES = {"drawing", "pict", "object"}
_DRAWN = {"shape", "rect", "roundrect", "oval", "line", "polyline", "curve", "arc", "image"}  # one by one, of old
_DRAWN |= {"wsp", "pic", "cxnSp", "graphicFrame", "contentPart"}  # and as they are drawn now
_MOST_FAULTS = 200
_MOST_PARAGRAPHS = 20_000
_LONGEST_NAME = 40
_MOST_WRONG_LINES = 10  # of one paragraph
ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")
# What sets words apart within one paragraph, so that they look like a line of their own: a break, a tab, some spaces.
_GAP = re.compile("\\s{2,}|[^\\S \u00a0]")
# A line that says whom a section is for, whatever list it stands in and however it is spaced; and the same in the midst
# of a line that was several before it was pasted.
_DECIDES = re.compile(
    rf"^(?:(?!\n)[\W\d_])*(?:{FOR}|{CHILDREN})\s*[:∶]"
    rf"|\b{FOR}\s*[:∶]\s*(?:{EVERYONE}|{PROFESSIONALS}|{ONLY}|{ALL_BUT})\b",
    re.IGNORECASE | re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that keeps a document from being a record, where it is, and what to do. `section` counts from 1."""

    message: str
    section: int | None = None
    heading: str | None = None
    line: str | None = None

    def __str__(self) -> str:
        where = [f"section {self.section} “{self.heading}”"] if self.section is not None else []
        where += [f"line “{self.line}:”"] if self.line is not None else []
        return f"{', '.join(where)}: {self.message}" if where else self.message


class DoesNotFit(Exception):
    """A document that is no record as it stands; `faults` are all that is wrong with it."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("; ".join(map(str, faults)))
        self.faults = tuple(faults)


@dataclass(slots=True)
class Part:
    """One section as it is written; `settings` are its lines, by their names."""

    number: int
    heading: str
    settings: dict[str, str] = field(default_factory=dict)
    blocks: list[list[str]] = field(default_factory=list)
    has_body: bool = False
    in_list: bool = False

    @property
    def text(self) -> list[str]:
        """Its paragraphs; the items of a list are one, right below each other."""
        return ["\n".join(each) for each in self.blocks]


@dataclass(slots=True)
class Paper:
    """A document taken apart, with what is wrong with its form."""

    facts: dict[str, str] = field(default_factory=dict)
    parts: list[Part] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)

    @property
    def meeting_id(self) -> str | None:
        """The meeting that it says it is about, where it says one."""
        return self.facts.get(MEETING)


@dataclass(frozen=True, slots=True)
class Written:
    """A record as a document says it, in the form of the contract. `version` is what it was drafted as."""

    record_id: str
    meeting_id: str
    kind: str
    version: int
    sections: tuple[Mapping[str, Any], ...]


def take_apart(content: bytes) -> Paper:
    """What stands in a document, not yet held to a meeting. Raises `package.NotRead` where it is no document at all."""
    package = open_package(content)
    paper = Paper(faults=[Fault(f"the document {each}") for each in (*package.faults, *faults(package))])
    if len(package.body) > _MOST_PARAGRAPHS:
        raise NotRead("holds many more paragraphs than a record does: it is not read")
    found = list(lines(package))
    for line in found:
        _place(paper, line)
    _close(paper)
    has_comments = package.comments is not None and package.comments.find(f"{W}comment") is not None
    if has_comments and not any("comment" in line.wrong for line in found):
        paper.faults.append(Fault(f"the document {WRONG['comment']}"))
    for margin in package.margins:
        said = " ".join("".join(each.text or "" for each in margin.iter(f"{W}t")).split())
        marks = [" ".join(str(each.get("string", "")).split()) for each in margin.iter() if tag(each) == "textpath"]
        mark = next((each for each in marks if each not in ("", MARKING)), None)
        if mark is not None:
            message = f"“{mark[:60]}” is a watermark, which no reader gets: take it off, or write it in a section"
            paper.faults.append(Fault(message))
        if _holds_picture(margin):
            paper.faults.append(
                Fault("the header or footer holds a picture or shape, which no reader gets: take it out")
            )
        if said not in ("", MARKING, " ".join(FOOT.split())):
            paper.faults.append(
                Fault(f"“{said[:60]}” stands in the header or footer, which no reader gets: move it into a section")
            )
    _take_facts(paper, package.properties)
    if not paper.parts:
        paper.faults.append(Fault("has no section: each begins with a heading (style Heading 1)"))
    return paper


def _holds_picture(margin: Element) -> bool:
    """Whether a header or footer shows more than words: a shape without any, or one that is filled with a picture."""
    for each in margin.iter():
        if tag(each) in _SHAPES | _DRAWN:
            inside = list(each.iter())
            if not any(one.tag == f"{W}t" or (tag(one) == "textpath" and one.get("string")) for one in inside):
                return True
            if any(name.startswith(REFERENCE) for one in inside for name in one.attrib):
                return True
    return False


def _place(paper: Paper, line: Line) -> None:
    """Put a line where it belongs."""
    part = paper.parts[-1] if paper.parts else None
    is_front_table = part is None and line.style == NOTE
    if line.style == HEADING and line.text.strip():
        _close(paper)
        heading = " ".join((line.mark + line.text).split())
        part = Part(len(paper.parts) + 1, heading)
        paper.parts.append(part)
        _tell_of_lines_that_decide(paper, part, line.text.strip(), in_heading=True)
    for each in sorted(line.wrong - ({"table"} if is_front_table else set())):
        _wrong_look(paper, part, line, WRONG[each])
    if not line.text.strip() or line.style == HEADING:
        return
    if line.style == SETTING:
        for one in line.text.splitlines():
            if one.strip():
                _set(paper, part, one)
    elif part is None:
        if line.style not in (NOTE, TITLE):
            _wrong(paper, None, f"“{_short(line.text)}” stands before the first heading: put it under one")
    elif line.style == NOTE:
        _wrong(paper, part, f"“{_short(line.text)}” is still a note for the writer: delete it, or give it style Normal")
    elif line.style in BODY:
        _write(paper, part, line)
    elif "table" not in line.wrong and line.shown:
        hint = "only Heading 1 begins a section" if line.style.startswith("heading") else "the form does not know it"
        _wrong(paper, part, f"“{_short(line.text)}” has the style “{line.shown}”, and {hint}: use {BODY_IN_WORDS}")


def _write(paper: Paper, part: Part, line: Line) -> None:
    """A paragraph of a section's text."""
    name, value = _setting(line.text)
    if not part.has_body and name.casefold() in (FOR.casefold(), CHILDREN.casefold()):
        message = "has lost its style: give it the style Record Setting, else it would be read as text"
        _wrong(paper, part, message, name)
        part.settings.setdefault(name.capitalize(), value)
        return
    _tell_of_lines_that_decide(paper, part, f"{line.mark}\n{line.text}")
    part.has_body = True
    mark = line.mark or ("• " if line.style == BULLET else "")
    text = line.text.strip().replace("\t", " ")
    # What goes on below an item of a list is set in, as the printer takes it; items stand right below each other.
    said = mark + text.replace("\n", "\n  ") if mark else text
    if mark and part.in_list:
        part.blocks[-1].append(said)
    else:
        part.blocks.append([said])
    part.in_list = bool(mark)


def _tell_of_lines_that_decide(paper: Paper, part: Part, text: str, in_heading: bool = False) -> None:
    """Refuse a paragraph that says in the midst of a section whom what follows is for. A heading may begin so."""
    read = _GAP.sub("\n", plain(_GAP.sub("\n", text)))
    for match in islice(_DECIDES.finditer(read), _MOST_WRONG_LINES):
        if in_heading and match.start() == 0:
            continue
        said, _, _ = read[match.start() : match.start() + 2 * _LONGEST_NAME].partition("\n")
        _wrong(
            paper,
            part,
            f"“{_short(said)}” stands in its {'heading' if in_heading else 'text'}, and whoever gets this section "
            "would get what follows: where a section begins there, give its heading the style Heading 1 and this line "
            "the style Record Setting; where it is text, write it in other words",
        )


def _set(paper: Paper, part: Part | None, text: str) -> None:
    """A line that decides: what the document is, or whom a section is for."""
    written, value = _setting(text)
    known = (FOR, CHILDREN) if part is not None else FACTS
    name = next((each for each in known if each.casefold() == written.casefold()), None)
    if name is None:
        _wrong(paper, part, f"“{_short(text)}” has the style Record Setting and is none of {', '.join(known)}")
        return
    settings = paper.facts if part is None else part.settings
    if name in settings:
        _wrong(paper, part, "stands there twice: leave one", name)
    elif part is not None and part.has_body:
        _wrong(paper, part, "stands below the text: put it right under the heading", name)
    settings.setdefault(name, value)


def _setting(text: str) -> tuple[str, str]:
    """The name and the value of a line that may be a setting; no name where it is none."""
    name, colon, value = text.partition(":")
    return (name.strip(), value.strip()) if colon and len(name.strip()) <= _LONGEST_NAME else ("", "")


def _close(paper: Paper) -> None:
    """The section that was being read is at its end."""
    if not paper.parts:
        return
    part = paper.parts[-1]
    if FOR not in part.settings:
        _wrong(paper, part, f"is missing: write it under the heading, with one of {CHOICES}", FOR)
    if CHILDREN not in part.settings:
        _wrong(paper, part, "is missing: write it under the heading; left empty it means all of them", CHILDREN)
    if not part.blocks:
        _wrong(paper, part, "is empty: write it, or delete its heading and lines")


def _wrong_look(paper: Paper, part: Part | None, line: Line, message: str) -> None:
    """What may not be in a section is told of once, with the words that the first such line begins with."""
    number = part.number if part else None
    if not any(each.section == number and each.message.endswith(message) for each in paper.faults):
        _wrong(paper, part, f"“{_short(line.plain)}” {message}" if line.plain.strip() else message)


def _wrong(paper: Paper, part: Part | None, message: str, line: str | None = None) -> None:
    fault = Fault(message, part.number if part else None, part.heading if part else None, line)
    if fault not in paper.faults and len(paper.faults) < _MOST_FAULTS:
        paper.faults.append(fault)


def _take_facts(paper: Paper, properties: Mapping[str, str]) -> None:
    """What record it is: as it stands in the text, and in the document's properties, which must say the same."""
    for name in FACTS:
        said, kept = paper.facts.get(name), properties.get(_IN_PROPERTIES[name])
        if said and kept and said != kept:
            message = f"says {_short(said)}, and the document was made for {_short(kept)}: put that back, or draft anew"
            paper.faults.append(Fault(message, line=name))
        if not said and kept:
            paper.facts[name] = said = kept
        if not said:
            paper.faults.append(Fault("is missing: begin with quorate record draft MEETING", line=name))
    for name in (RECORD, MEETING):
        if (said := paper.facts.get(name)) and not ID.fullmatch(said):
            paper.faults.append(Fault("is no id: begin with quorate record draft MEETING", line=name))
            del paper.facts[name]
    if (said := paper.facts.get(KIND)) and said not in _KINDS:
        paper.faults.append(Fault(f"must be one of {', '.join(_KINDS)}", line=KIND))
    if (said := paper.facts.get(VERSION)) and not re.fullmatch(r"[1-9][0-9]{0,3}", said):
        paper.faults.append(Fault("must be a number from 1", line=VERSION))


def understand(paper: Paper, parties: Sequence[Named], children: Sequence[Named]) -> Written:
    """The record that a document is, with everyone whom its lines name. Raises `DoesNotFit` with all that is wrong."""
    faults = list(paper.faults)
    sections = []
    for part in paper.parts:
        if len(faults) >= _MOST_FAULTS:
            break
        said: dict[str, Any] = {"heading": part.heading, "children": [], "audience": "", "text": "\n\n".join(part.text)}
        for name, key, read, known in (
            (FOR, "audience", audience_of, parties),
            (CHILDREN, "children", children_of, children),
        ):
            try:
                said[key] = read(part.settings[name], known) if name in part.settings else said[key]
            except CannotTell as slip:
                faults.append(Fault(str(slip), part.number, part.heading, name))
        sections.append(said)
    if not faults:
        faults += _as_contract(paper.facts, sections)
    if faults:
        raise DoesNotFit(sorted(faults, key=lambda each: (each.section or 0, each.line or "")))
    facts = paper.facts
    return Written(facts[RECORD], facts[MEETING], facts[KIND], int(facts[VERSION]), tuple(sections))


def _as_contract(facts: Mapping[str, str], sections: Sequence[Mapping[str, Any]]) -> list[Fault]:
    """What the contract has against a record that otherwise fits: a heading too long, a character that nobody sees."""
    about = {"record_id": facts[RECORD], "meeting_id": facts[MEETING], "kind": facts[KIND]}
    try:
        RecordApproved.model_validate({**about, "version": 1, "approved_by": "x", "sections": list(sections)})
    except ValidationError as wrong:
        found = []
        for each in wrong.errors():
            at = next((n for n in each["loc"] if isinstance(n, int)), None)
            heading = str(sections[at]["heading"])[:60] if at is not None else None
            name = str(each["loc"][2]) if len(each["loc"]) > 2 else "record"
            number = at + 1 if at is not None else None
            found.append(Fault(f"the {name} does not fit: it {words_for(each)}", number, heading))
        return found
    return []


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 50 else line[:49] + "…"
