"""The paragraphs of a document, each with its style and its text, and with what may not be in it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element  # what `package` has read

from services.records.word.form import NOTE, SETTING
from services.records.word.numbering import Numbering
from services.records.word.package import Package, W
from services.records.word.seen import (
    Look,
    is_collapsed,
    is_in_capitals,
    is_odd,
    is_of_word,
    is_raised,
    over,
    said,
    styled,
    what_hides,
)

AS_TEXT = "copy the words into a new draft, as text only, and give each heading and each line below it its style again"
_LONGEST_CHAIN = 20  # of styles that are based on one another: Word allows eleven
# What may not stand in a record → what to do about it.
WRONG = {
    "tracked": "has tracked changes: accept or reject all of them (Review, Accept), so that nothing deleted is left",
    "comment": "has a comment: delete all comments (Review, Delete)",
    "hidden": "has hidden text: show it (Home, ¶) and delete it, or make it visible",
    "collapsed": (
        "has a heading that is collapsed, so that what stands under it is hidden: expand it (right click, "
        "Expand/Collapse, Expand All Headings), and see that none is collapsed by default (Home, Paragraph)"
    ),
    "struck": "has text that is struck through: delete it, or take the line away; a copy would show it plain",
    "unseen": "has text too pale, too small or too far off to see: delete it, or make it black and plain",
    "covered": (
        "has words that are covered up, by a dark colour or one like their own: take the words out: what is covered "
        "up can be read by anyone"
    ),
    "themed": "has text in a colour of a theme, which may be any: make it black, or choose one of the standard colours",
    "raised": (
        "has raised or lowered figures, which a copy would show as part of another number: write them out, as in "
        "“1½”, “10 to the power of 9” or “see note 2”"
    ),
    "table": "has a table: write it as paragraphs or a list",
    "picture": "has a picture: say in words what it shows",
    "shape": "has a text box or shape: move what it says into the text",
    "object": "has an embedded object or control: say in words what it shows",
    "field": "has a field, which Word fills in by itself: write what it says as text (select it, Ctrl+Shift+F9)",
    "link": "has a link: write it as text (right click, Remove Hyperlink)",
    "footnote": "has a footnote: move what it says into the text",
    "control": "has a form field: write what it says as text",
    "equation": "has an equation: write it as text",
    "symbol": "has a symbol of a symbol font: write it as a letter, or in words, in a font of letters",
    "odd": f"is formatted as no word processor does it: {AS_TEXT}",
    "list": "has a bullet or number that cannot be written as it looks: choose a plain one, or write it as text",
    "style": "has a style that the document does not know: give it one of the form",
    "other": "has something that is not plain text: take it out",
}

_TRACKED = {"ins", "del", "moveFrom", "moveTo", "delText", "delInstrText", "cellIns", "cellDel", "cellMerge"}
_KINDS = {
    "tbl": "table",
    "drawing": "picture",
    "pict": "picture",
    "object": "object",
    "control": "object",
    "altChunk": "object",
    "subDoc": "object",
    "AlternateContent": "shape",
    "txbxContent": "shape",
    "fldChar": "field",
    "fldSimple": "field",
    "instrText": "field",
    "pgNum": "field",
    "hyperlink": "link",
    "footnoteReference": "footnote",
    "endnoteReference": "footnote",
    "footnoteRef": "footnote",
    "endnoteRef": "footnote",
    "commentReference": "comment",
    "commentRangeStart": "comment",
    "commentRangeEnd": "comment",
    "annotationRef": "comment",
    "sdt": "control",
    "oMath": "equation",
    "oMathPara": "equation",
    "sym": "symbol",
}
_LEAVES = {"t", "tab", "br", "cr", "noBreakHyphen", "softHyphen", "lastRenderedPageBreak", "ptab"}
_NOTHING = {"proofErr", "bookmarkStart", "bookmarkEnd", "permStart", "permEnd", "sectPr"}
_PROPERTIES = {"pPr", "rPr"}
_TEXT = {"tab": "\t", "ptab": "\t", "cr": "\n", "noBreakHyphen": "‑"}


@dataclass(frozen=True, slots=True)
class Line:
    """A paragraph, or a table. `style` is its style's name in small letters, `shown` the name as Word shows it; `text`
    has no bullet or number, which is `mark`, and a tab where it goes on further right or on another page. `wrong` are
    names of `WRONG`, `plain` is what of the text hides nothing.
    """

    style: str
    shown: str
    text: str
    mark: str = ""
    wrong: frozenset[str] = frozenset()
    plain: str = ""


@dataclass(frozen=True, slots=True)
class _Style:
    """A style, with what it takes from those that it is based on: how it has runs and paragraphs look."""

    name: str
    run: Look = field(default_factory=dict)
    paragraph: Look = field(default_factory=dict)
    list_number: str = ""
    depth: int = 0


@dataclass(slots=True)
class _Styles:
    """The styles of a document by id, and what goes for all of it."""

    of_id: dict[str, _Style] = field(default_factory=dict)
    of_paragraphs: str = ""
    of_letters: str = ""
    everywhere: _Style = field(default_factory=lambda: _Style(""))

    @classmethod
    def read(cls, part: Element | None) -> _Styles:
        found = cls()
        if part is None:
            return found
        defaults = f"{W}docDefaults/{W}"
        run, paragraph = part.find(f"{defaults}rPrDefault/{W}rPr"), part.find(f"{defaults}pPrDefault/{W}pPr")
        found.everywhere = _Style("", said(run), said(paragraph))
        elements = {str(each.get(f"{W}styleId")): each for each in part.findall(f"{W}style")}
        for each, element in elements.items():
            if element.get(f"{W}type") == "paragraph" and element.get(f"{W}default") in ("1", "true", "on"):
                found.of_paragraphs = each
            if element.get(f"{W}type") == "character" and element.get(f"{W}default") in ("1", "true", "on"):
                found.of_letters = each
            found.of_id[each] = _style(element, elements)
        return found

    def of_runs(self, style: _Style, properties: Element | None) -> Look:
        """How runs with these properties look in paragraphs of a style."""
        named = properties.find(f"{W}rStyle") if properties is not None else None
        of_run = self.of_id.get(str(named.get(f"{W}val")) if named is not None else self.of_letters)
        some = styled(self.everywhere.run, style.run, of_run.run if of_run is not None else {})
        return over(some, said(properties))


def _style(element: Element, elements: dict[str, Element]) -> _Style:
    name, number, depth = element.find(f"{W}name"), "", 0
    seen: list[Element] = []
    at: Element | None = element
    while at is not None and len(seen) < _LONGEST_CHAIN and all(at is not each for each in seen):
        seen.append(at)
        found = at.find(f"{W}pPr/{W}numPr")
        if found is not None and not number:
            number, depth = _place(found)
        based = at.find(f"{W}basedOn")
        at = elements.get(str(based.get(f"{W}val"))) if based is not None else None
    run = styled(*(said(each.find(f"{W}rPr")) for each in reversed(seen)))
    paragraph = styled(*(said(each.find(f"{W}pPr")) for each in reversed(seen)))
    return _Style(str(name.get(f"{W}val", "")) if name is not None else "", run, paragraph, number, depth)


def faults(package: Package) -> Iterator[str]:
    """What keeps the styles and the lists of a document from meaning one thing."""
    styles, lists = package.styles, package.numbering
    if styles is not None:
        some = styles.findall(f"{W}style")
        owners = [*some, *styles.iterfind(f"{W}docDefaults/*")]
        named = [each.get(f"{W}styleId") for each in some]
        is_twice = len(set(named)) != len(named) or len(styles.findall(f"{W}docDefaults")) > 1
        is_twice |= any(len(each.findall(f"{W}{name}")) > 1 for each in some for name in ("name", "basedOn"))
        if (
            is_twice
            or _is_chain_too_long(some)
            or not is_of_word(styles)
            or any(_has_odd_look(each) for each in owners)
        ):
            yield f"has styles that no word processor makes: {AS_TEXT}"
    if lists is not None:
        ids = [
            [each.get(f"{W}{name}") for each in lists.findall(f"{W}{kind}")]
            for kind, name in (("abstractNum", "abstractNumId"), ("num", "numId"))
        ]
        kinds = [each for each in lists if each.tag != f"{W}numPicBullet"]
        ids += [[each.get(f"{W}ilvl") for each in kind.findall(f"{W}lvl")] for kind in kinds]
        if any(len(set(each)) != len(each) for each in ids) or not all(is_of_word(each) for each in kinds):
            yield f"has lists that are not only of text: {AS_TEXT}"


def _is_chain_too_long(styles: Sequence[Element]) -> bool:
    """Whether a style is based on another, that on a third, and so on, further than a word processor goes."""
    based = {each.get(f"{W}styleId"): each.find(f"{W}basedOn") for each in styles}
    above = {name: at.get(f"{W}val") for name, at in based.items() if at is not None}
    for name in above:
        at: str | None = name
        for _ in range(_LONGEST_CHAIN):
            at = above.get(at)
            if at is None:
                break
        else:
            return True
    return False


def _has_odd_look(style: Element) -> bool:
    """Whether a style's own properties are none that a word processor writes; they follow on its name and more."""
    for name in _PROPERTIES:
        for each in (found := style.findall(f"{W}{name}")):
            tags = [inner.tag for inner in each]
            if len(found) > 1 or len(set(tags)) != len(tags):
                return True
    return False


def lines(package: Package) -> Iterator[Line]:
    """What stands in a document, from its top to its end."""
    styles = _Styles.read(package.styles)
    numbering = Numbering.read(package.numbering)
    for block in package.body:
        if block.tag == f"{W}p":
            yield _line(block, styles, numbering)
        elif block.tag == f"{W}tbl":
            inside = [_line(each, styles, numbering) for each in block.iter(f"{W}p")]
            is_note = all(each.style == NOTE or not each.text.strip() for each in inside)
            wrong = frozenset[str]().union(*(each.wrong for each in inside), *_wrong_in_table(block))
            text = " ".join(each.text for each in inside)
            yield Line(NOTE if is_note else "table", "a table", text, "", wrong | {"table"})
        else:
            strange = {"tracked"} if _tracked(block) else _strange(block, set())
            if strange:
                text = " ".join(each.text or "" for each in block.iter(f"{W}t"))
                yield Line("", "", text, "", frozenset(strange))


def _wrong_in_table(table: Element) -> Iterator[frozenset[str]]:
    """What is tracked in a table, or stands in it beside its paragraphs."""
    if _tracked(table):
        yield frozenset({"tracked"})
    names = {tag(each) for each in table.iter()}
    yield frozenset(kind for name, kind in _KINDS.items() if name in names and name != "tbl")


def _line(paragraph: Element, styles: _Styles, numbering: Numbering) -> Line:
    properties = paragraph.find(f"{W}pPr")
    named = properties.find(f"{W}pStyle") if properties is not None else None
    style_id = str(named.get(f"{W}val")) if named is not None else styles.of_paragraphs
    style = styles.of_id.get(style_id, _Style("" if named is not None else "Normal"))
    of_paragraph = over(styled(styles.everywhere.paragraph, style.paragraph), said(properties))
    wrong = set(_wrong(paragraph))
    if is_odd(paragraph, "pPr") or (properties is not None and _has_odd_look(properties)):
        wrong.add("odd")
    if is_collapsed(of_paragraph):
        wrong.add("collapsed")
    text = plain = ""
    for run in paragraph.findall(f"{W}r"):
        if is_odd(run, "rPr"):
            wrong.add("odd")
        words = "".join(_said(run))
        of_run = styles.of_runs(style, run.find(f"{W}rPr"))
        if is_in_capitals(of_run) and _key(style.name) != SETTING:  # ids stand in settings as they are
            words = words.upper()
        hidden = what_hides(of_run, of_paragraph) if words.strip() else set()
        wrong |= hidden
        if is_raised(of_run) and any(map(str.isdigit, words)):
            wrong.add("raised")
        plain += " " if hidden else words
        text += words
    if text.strip() and not style.name.strip():
        wrong.add("style")
    found = properties.find(f"{W}numPr") if properties is not None else None
    number, depth = _place(found) if found is not None else (style.list_number, style.depth)
    number = number or style.list_number
    is_item = number not in ("", "0")
    mark = numbering.mark(number, depth) if is_item else ""  # an empty item is counted, too
    if is_item and not text.strip():
        mark = ""
        wrong |= {"list"} if numbering.has_words(number, depth) else set()
    elif is_item and not numbering.is_told(number, depth):
        wrong.add("list")
    if mark and (look := numbering.look(number, depth)) is not None:  # it looks as the paragraph's end does
        end = styles.of_runs(style, properties.find(f"{W}rPr") if properties is not None else None)
        wrong |= what_hides(over(end, look), of_paragraph)
        mark = mark.upper() if is_in_capitals(over(end, look)) else mark
    return Line(_key(style.name), style.name, text, mark, frozenset(wrong), plain)


def _key(name: str) -> str:
    return " ".join(name.casefold().split())


def _place(properties: Element) -> tuple[str, int]:
    """The list and the depth that a paragraph's properties name."""
    number, depth = properties.find(f"{W}numId"), properties.find(f"{W}ilvl")
    level = str(depth.get(f"{W}val", "0")) if depth is not None else "0"
    return (
        str(number.get(f"{W}val", "")) if number is not None else "",
        int(level) if re.fullmatch(r"[0-8]", level) else 0,
    )


def _said(run: Element) -> Iterator[str]:
    """The text of a run."""
    for each in run:
        name = tag(each)
        if name == "t":
            yield each.text or ""
        elif name == "br":
            yield "\n" if each.get(f"{W}type", "textWrapping") == "textWrapping" else "\t"
        else:
            yield _TEXT.get(name, "")


def _tracked(element: Element) -> bool:
    """Whether a change is noted anywhere in an element, of its text or of how it looks."""
    return any(_is_tracked(tag(each)) for each in element.iter())


def _is_tracked(name: str) -> bool:
    return name in _TRACKED or (name.endswith(("Change", "RangeStart", "RangeEnd")) and not name.startswith("comment"))


def _wrong(paragraph: Element) -> frozenset[str]:
    """What may not be in a paragraph: everything but runs, and in them everything but text."""
    found = {"tracked"} if _tracked(paragraph) else set()
    for each in paragraph:
        if each.tag == f"{W}r":
            for inner in each:
                found |= _strange(inner, _LEAVES if not len(inner) else set())
        else:
            found |= _strange(each, set())
    return frozenset(found)


def _strange(element: Element, plain: set[str]) -> set[str]:
    """What an element is, where it is neither plain nor one that holds no text."""
    name = tag(element)
    if name in _KINDS:
        return {_KINDS[name]}
    if _is_tracked(name) or (element.tag == f"{W}{name}" and name in plain):
        return set()
    holds_text = any(tag(each) in _LEAVES for each in element.iter() if each is not element)
    is_known = element.tag == f"{W}{name}" and name in _PROPERTIES | _NOTHING
    return {"other"} if holds_text or not is_known else set()


def tag(element: Element) -> str:
    """What an element is called, whatever its namespace."""
    return str(element.tag).rpartition("}")[2]
