"""Opens a Word file without trusting it: how large it may be, what may be in it, and its parts as XML.

Nothing is looked up, run, or expanded: entities, macros, embedded files and references to elsewhere are refused.
"""

from __future__ import annotations

import io
import posixpath
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.etree import ElementTree  # no document type, hence no entity, gets as far as the parser
from xml.etree.ElementTree import Element

from services.records.word.form import LARGEST

W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_RELATIONSHIP = "{http://schemas.openxmlformats.org/package/2006/relationships}Relationship"
_OVERRIDE = "{http://schemas.openxmlformats.org/package/2006/content-types}Override"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/"
REFERENCE = f"{{{_OFFICE.rstrip('/')}}}"
"""What the names of attributes begin with that refer to another part, as to a picture."""
_PROPERTIES = "http://schemas.openxmlformats.org/package/2006/relationships/metadata/"
_READ = {
    **{_OFFICE + kind: kind for kind in ("officeDocument", "styles", "numbering", "header", "footer", "comments")},
    f"{_PROPERTIES}core-properties": "core-properties",
}
"""The parts that are read, by the whole name of how they are referred to."""
_MANY = {"header", "footer"}
_STRICT = "{http://purl.oclc.org/ooxml/"
_COMPATIBILITY = "{http://schemas.openxmlformats.org/markup-compatibility/2006}"
_DC = "{http://purl.org/dc/elements/1.1/}"
_CORE = "{http://schemas.openxmlformats.org/package/2006/metadata/core-properties}"
_MAIN = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"

_OLE = bytes.fromhex("d0cf11e0a1b11ae1")
_DEEPEST = 100
_MOST_PARTS, _LARGEST_PART, _LARGEST_WHOLE = 1_000, 20_000_000, 60_000_000
_MOST_ELEMENTS = 200_000  # in all parts together: a full page has some hundreds
_ENCODING = re.compile(rb"<\?xml[^>]*encoding\s*=\s*[\"']([A-Za-z0-9._-]+)[\"']")
_DOCTYPE = re.compile(rb"<!\s*(DOCTYPE|ENTITY)", re.IGNORECASE)
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError)
_BROKEN += (ValueError, OverflowError, struct.error, IndexError)  # type: ignore[assignment]  # a longer tuple of the same


class NotRead(Exception):
    """A file is no Word document that can be read; the message says why and what to do."""


@dataclass(slots=True)
class Package:
    """The parts of a document that matter, and what is wrong with it as a whole."""

    body: Element
    styles: Element | None = None
    numbering: Element | None = None
    margins: list[Element] = field(default_factory=list)
    comments: Element | None = None
    properties: dict[str, str] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)


def open_package(content: bytes) -> Package:
    """The document that a file holds. Raises `NotRead`."""
    if len(content) > LARGEST:
        raise NotRead(f"is larger than {LARGEST // 1_000_000} MB: take out pictures and what else is not text")
    if content.startswith(_OLE):
        if "EncryptedPackage".encode("utf-16-le") in content:
            raise NotRead("is protected by a password: save it without one (File, Info, Protect Document)")
        raise NotRead("is a document of an old kind (.doc): save it as Word document (.docx)")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return _Reader(archive).package()
    except _BROKEN:
        raise NotRead("is not a Word document, or is damaged: save it again as Word document (.docx)") from None


class _Bounded(ElementTree.TreeBuilder):
    """Builds a tree that is no deeper and no larger than a record's can be, in the one language that is read."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.depth, self.left = 0, most

    def start(self, tag: str, attrs: dict[str, str]) -> Element:
        self.depth += 1
        self.left -= 1
        if self.depth > _DEEPEST:
            raise NotRead("is nested deeper than any text is: save it again as Word document (.docx)")
        if self.left < 0:
            raise NotRead("holds many more paragraphs than a record does: it is not read")
        if tag.startswith(_STRICT) or any(name.startswith(_STRICT) for name in attrs):
            raise NotRead("is of the strict kind: save it as Word document (.docx), not as Strict Open XML Document")
        if any(name.startswith(_COMPATIBILITY) and name != f"{_COMPATIBILITY}Ignorable" for name in attrs):
            raise NotRead("says of itself how else it may be read: save it again as Word document (.docx)")
        return super().start(tag, attrs)

    def end(self, tag: str) -> Element:
        self.depth -= 1
        return super().end(tag)


class _Reader:
    """Reads one archive, and keeps to the limits whatever it says of itself."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self.archive = archive
        self.left = _LARGEST_WHOLE
        self.elements = _MOST_ELEMENTS
        entries = archive.infolist()
        names = [each.filename for each in entries]
        if len(entries) > _MOST_PARTS or len({each.lower() for each in names}) != len(names):
            raise NotRead("has parts that no word processor makes: save it again as Word document (.docx)")
        if sum(each.file_size for each in entries) > _LARGEST_WHOLE:
            raise NotRead("holds much more than a record does: take out pictures and what else is not text")
        if any(each.flag_bits & 1 for each in entries):
            raise NotRead("is protected by a password: save it without one (File, Info, Protect Document)")
        self.names = set(names)

    def package(self) -> Package:
        types = self._xml("[Content_Types].xml")
        kinds = {str(each.get("PartName")): str(each.get("ContentType")) for each in types.iter(_OVERRIDE)}
        if any("macroEnabled" in kind or "vbaProject" in kind for kind in kinds.values()) or self._has(
            "vbaproject.bin"
        ):
            raise NotRead("holds macros (.docm): save it as Word document (.docx), which has none")
        [*mains] = [target for kind, target, _ in self._related("") if kind == "officeDocument"]
        if len(mains) != 1 or kinds.get("/" + mains[0]) != _MAIN:
            raise NotRead("is not a Word document: save it as Word document (.docx), not as a template or strict")
        main = mains[0]
        document = self._xml(main)
        body = document.find(f"{W}body")
        beside = [each for each in document if each is not body]
        if document.tag != f"{W}document" or body is None or any(each.tag != f"{W}background" for each in beside):
            raise NotRead("is not a Word document, or is damaged: save it again as Word document (.docx)")
        found = Package(body)
        if any(not _is_white(each) for each in beside):
            found.faults.append("has a page colour, which may hide words: take it off (Design, Page Color, No Color)")
        related = self._related(main)
        once = [kind for kind, _, _ in related if kind in _READ.values() and kind not in _MANY]
        if len(set(once)) != len(once):
            raise NotRead("has parts that no word processor makes: save it again as Word document (.docx)")
        for kind, target, _ in related:
            if kind == "styles":
                found.styles = self._xml(target)
            elif kind == "numbering":
                found.numbering = self._xml(target)
            elif kind in ("header", "footer"):
                found.margins.append(self._xml(target))
            elif kind == "comments":
                found.comments = self._xml(target)
        found.properties = self._properties()
        found.faults += self._faults()
        return found

    def _has(self, ending: str) -> bool:
        return any(name.lower().endswith(ending) for name in self.names)

    def _faults(self) -> Iterator[str]:
        if any("/embeddings/" in name or "/activex/" in name.lower() for name in self.names):
            yield "holds an embedded file or control: take it out, or write what it says as text"
        if any("/afchunk" in name.lower() for name in self.names):
            yield "holds another document that is not part of the text: paste it as text"
        outside = {
            kind for name in self.names if name.endswith(".rels") for kind, _, out in self._read(name, "") if out
        }
        for kind in sorted(outside - {f"{_OFFICE}hyperlink"}):
            short = kind.rpartition("/")[2]
            yield f"refers to something outside of itself ({short}): take that out; a record holds all that it says"

    def _properties(self) -> dict[str, str]:
        """What the document's own properties say of which record it is."""
        found = {}
        for kind, target, _ in self._related(""):
            if kind == "core-properties" and target in self.names:
                core = self._xml(target)
                for name in (f"{_DC}identifier", f"{_CORE}version", f"{_DC}subject", f"{_CORE}category"):
                    text = (core.findtext(name) or "").strip()
                    if text:
                        found[name.rpartition("}")[2]] = text
        return found

    def _related(self, part: str) -> list[tuple[str, str, bool]]:
        folder, _, name = part.rpartition("/")
        path = f"{folder}/_rels/{name}.rels" if folder else f"_rels/{name}.rels"
        return [each for each in self._read(path, folder) if not each[2]] if path in self.names else []

    def _read(self, path: str, folder: str) -> list[tuple[str, str, bool]]:
        """What a part refers to: the kind, by its whole name or as in `_READ`, the path within the file, and whether it
        is outside of it.
        """
        found = []
        for each in self._xml(path).iter(_RELATIONSHIP):
            target = str(each.get("Target"))
            inside = (
                target.lstrip("/") if target.startswith("/") else posixpath.normpath(posixpath.join(folder, target))
            )
            outside = each.get("TargetMode", "Internal") != "Internal"
            kind = str(each.get("Type"))
            if kind not in _READ and kind.rpartition("/")[2] in _READ.values():
                raise NotRead("has parts that no word processor makes: save it again as Word document (.docx)")
            found.append((_READ.get(kind, kind), inside, outside))
        return found

    def _xml(self, name: str) -> Element:
        """A part as XML. Raises `NotRead` where it is missing, too large, or not what a word processor writes."""
        if name not in self.names:
            raise NotRead("is not a Word document, or is damaged: save it again as Word document (.docx)")
        with self.archive.open(name) as file:
            raw = file.read(min(_LARGEST_PART, self.left) + 1)
        self.left -= len(raw)
        if len(raw) > _LARGEST_PART or self.left < 0:
            raise NotRead("holds much more than a record does: take out pictures and what else is not text")
        declared = _ENCODING.match(raw.removeprefix(b"\xef\xbb\xbf"))
        is_utf8 = not raw.startswith((b"\xff\xfe", b"\xfe\xff")) and b"\x00" not in raw[:4]
        if not is_utf8 or (declared and declared[1].lower() not in (b"utf-8", b"us-ascii")):
            raise NotRead("is not written as a word processor writes it: save it again as Word document (.docx)")
        if _DOCTYPE.search(raw):
            raise NotRead("holds definitions of its own (entities), which a record has no use for: it is not read")
        try:
            # Without a document type there is nothing to expand.
            tree = _Bounded(self.elements)
            found = ElementTree.fromstring(raw, ElementTree.XMLParser(target=tree))  # noqa: S314
        except ElementTree.ParseError:
            raise NotRead("is damaged: save it again as Word document (.docx)") from None
        self.elements = tree.left
        return found


def _is_white(background: Element) -> bool:
    """Whether a page's colour is that of paper."""
    said = {name: value.casefold() for name, value in background.attrib.items()}
    return not len(background) and set(said) <= {f"{W}color"} and set(said.values()) <= {"ffffff", "auto"}
