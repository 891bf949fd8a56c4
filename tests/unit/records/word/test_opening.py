"""Files that are no Word document, or one that no word processor wrote: each is refused in words, in little time."""

from __future__ import annotations

import io
import zipfile
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.records.word.form import LARGEST
from services.records.word.package import NotRead
from services.records.word.read import DoesNotFit, take_apart, understand
from services.records.word.template import TEMPLATE, build
from tests.word import blank, packed, parts_of, written

FINE = written(blank(), [("Why we met", "everyone", "", ["He was not at school."])])
ENTITY = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>'
OLE = bytes.fromhex("d0cf11e0a1b11ae1")


def spoilt(name: str, *, old: bytes = b"", new: bytes = b"", **added: bytes) -> bytes:
    """The document with one part changed, and others added."""
    parts = parts_of(FINE)
    parts[name] = parts[name].replace(old, new, 1) if old else new
    return packed(parts | added)


def bomb() -> bytes:
    """A small file whose text is a hundred megabytes of spaces."""
    return spoilt("word/document.xml", new=b"<w:document>" + b" " * 100_000_000)


def lying_bomb() -> bytes:
    """The same, where the file says that it is small."""
    made = bytearray(bomb())
    at = made.find(b"word/document.xml")
    while at != -1:  # the sizes stand 8 bytes before the name in the entry, and 22 bytes before it in the list
        for before in (8, 26):
            if int.from_bytes(made[at - before : at - before + 4], "little") > 90_000_000:
                made[at - before : at - before + 4] = (1_000).to_bytes(4, "little")
        at = made.find(b"word/document.xml", at + 1)
    return bytes(made)


def twice() -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, content in parts_of(FINE).items():
            archive.writestr(name, content)
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr("word/document.xml", b"<other/>")
    return made.getvalue()


def beside(of: bytes, kind: bytes) -> bytes:
    """The document with another part that is said to be its styles, numbering, …"""
    relation = b'<Relationship Id="rId98" Type="%s/%s" Target="other.xml"/></Relationships>' % (of, kind)
    added = {"word/other.xml": parts_of(FINE)["word/styles.xml"]}
    changed = {RELATIONS: parts_of(FINE)[RELATIONS].replace(b"</Relationships>", relation, 1)}
    return packed(parts_of(FINE) | changed | added)


def with_body(body: str) -> bytes:
    """The document with this at the end of its text."""
    return spoilt(DOCUMENT, old=b"<w:sectPr", new=body.encode() + b"<w:sectPr")


RELATIONS = "word/_rels/document.xml.rels"
COMPATIBILITY = "http://schemas.openxmlformats.org/markup-compatibility/2006"
OFFICE = b"http://schemas.openxmlformats.org/officeDocument/2006/relationships"
DOCUMENT = "word/document.xml"
TYPES = "[Content_Types].xml"
MAIN = b"wordprocessingml.document.main+xml"
OTHERS = {
    "nothing": (b"", "not a Word document"),
    "text": (b"Minutes of the meeting", "not a Word document"),
    "half a file": (FINE[: len(FINE) // 2], "not a Word document"),
    "the old kind": (OLE + b"\0" * 600, "old kind (.doc)"),
    "a password": (OLE + "EncryptedPackage".encode("utf-16-le"), "protected by a password"),
    "too large": (b"PK" + b"\0" * LARGEST, "larger than 10 MB"),
    "a zip bomb": (bomb(), "much more than a record"),
    "a zip bomb that says it is small": (lying_bomb(), ""),
    "another file": (packed({"a.txt": b"x"}), "not a Word document"),
    "a part twice": (twice(), "no word processor"),
    "macros": (
        spoilt(TYPES, old=MAIN, new=b"ms-word.document.macroEnabled.main+xml"),
        "macros",
    ),
    "macros that are not told of": (packed(parts_of(FINE) | {"word/vbaProject.bin": b"x"}), "macros"),
    "a template": (spoilt(TYPES, old=MAIN, new=b"wordprocessingml.template.main+xml"), "not as a template"),
    "entities": (spoilt(DOCUMENT, old=b"<w:document", new=ENTITY + b"<w:document"), "definitions of its own"),
    "entities in the styles": (spoilt("word/styles.xml", old=b"<w:styles", new=ENTITY + b"<w:styles"), "definitions"),
    "another encoding": (
        spoilt(DOCUMENT, new=parts_of(FINE)[DOCUMENT].decode().replace("UTF-8", "UTF-16").encode("utf-16")),
        "not written as a word processor",
    ),
    "broken XML": (spoilt(DOCUMENT, old=b"</w:p>", new=b"</w:q>"), "damaged"),
    "no text": (spoilt(DOCUMENT, old=b"w:body>", new=b"w:bodies>"), "damaged"),
    "styles of another kind": (beside(b"urn:not-word", b"styles"), "no word processor"),
    "styles twice": (beside(OFFICE, b"styles"), "no word processor"),
    "numbering twice": (beside(OFFICE, b"numbering"), "no word processor"),
    "the strict kind": (
        with_body('<w:p><w:r><w:rPr><s:vanish xmlns:s="http://purl.oclc.org/ooxml/x"/></w:rPr></w:r></w:p>'),
        "the strict kind",
    ),
    "what is to be read in another way": (
        with_body(f'<w:p xmlns:c="{COMPATIBILITY}" xmlns:x="urn:x" c:Ignorable="x" c:ProcessContent="x:wrap"/>'),
        "how else it may be read",
    ),
    "text beside the text": (spoilt(DOCUMENT, old=b"<w:body", new=b"<w:body/><w:body"), "damaged"),
    "empty paragraphs without end": (with_body("<w:p/>" * 25_000), "many more paragraphs"),
    "a part of a million elements": (with_body("<w:p>" + "<w:r/>" * 1_000_000 + "</w:p>"), "many more paragraphs"),
    "depth": (spoilt(DOCUMENT, new=b"<a>" * 5_000 + b"</a>" * 5_000), "nested deeper"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_no_word_document_is_refused_with_what_to_do(name: str) -> None:
    content, told = OTHERS[name]
    with pytest.raises(NotRead) as refused:
        take_apart(content)
    assert told in str(refused.value)


@pytest.mark.parametrize(
    ("background", "is_fine"),
    [
        (b'<w:background w:color="000000"/>', False),
        (b'<w:background w:color="FFFFFF" w:themeColor="text1"/>', False),
        (b'<w:background w:color="FFFFFF"/>', True),
    ],
)
def test_a_page_of_another_colour_than_paper_is_refused(background: bytes, is_fine: bool) -> None:
    paper = take_apart(spoilt(DOCUMENT, old=b"<w:body>", new=background + b"<w:body>"))
    assert ["page colour" in each.message for each in paper.faults] == ([] if is_fine else [True])


def test_a_long_list_and_a_line_of_nothing_but_spaces_cost_what_they_are_long() -> None:
    item = '<w:p><w:pPr><w:pStyle w:val="ListBullet"/></w:pPr><w:r><w:t>One.</w:t></w:r></w:p>'
    spaces = '<w:p><w:r><w:t xml:space="preserve">' + " " * 50_000 + "x</w:t></w:r></w:p>"
    paper = take_apart(with_body(spaces + item * 15_000))
    assert not paper.faults
    assert paper.parts[-1].text[-1].count("\n") == 14_999


OUTSIDE = (
    b'<Relationship Id="rId99" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/%s" '
    b'Target="https://elsewhere.example/x" TargetMode="External"/></Relationships>'
)


@pytest.mark.parametrize("kind", [b"attachedTemplate", b"image", b"oleObject", b"frame"])
def test_what_refers_to_something_outside_is_refused(kind: bytes) -> None:
    paper = take_apart(spoilt(RELATIONS, old=b"</Relationships>", new=OUTSIDE % kind))
    assert [each.message for each in paper.faults if "outside of itself" in each.message]


@pytest.mark.parametrize("part", ["word/embeddings/oleObject1.bin", "word/activeX/activeX1.xml"])
def test_what_holds_another_file_is_refused(part: str) -> None:
    paper = take_apart(packed(parts_of(FINE) | {part: b"x"}))
    assert [each.message for each in paper.faults if "embedded file" in each.message]


@settings(max_examples=300)
@given(st.lists(st.tuples(st.integers(0, len(FINE) - 1), st.integers(0, 255)), min_size=1, max_size=20))
def test_a_damaged_file_is_refused_or_read_and_never_trips_the_reader(slips: list[tuple[int, int]]) -> None:
    content = bytearray(FINE)
    for place, value in slips:
        content[place] = value
    with suppress(NotRead, DoesNotFit):
        understand(take_apart(bytes(content)), (), ())


TAGS = ("w:p", "w:r", "w:t", "w:tbl", "w:tr", "w:tc", "w:sdt", "w:ins", "w:pPr", "w:rPr", "w:bookmarkStart", "x")
TREES = st.recursive(
    st.sampled_from(TAGS).map(lambda tag: f"<{tag}>{'Secret.' if tag == 'w:t' else ''}</{tag}>"),
    lambda inner: st.tuples(st.sampled_from(TAGS), st.lists(inner, max_size=4)).map(
        lambda both: f"<{both[0]}>{''.join(both[1])}</{both[0]}>"
    ),
    max_leaves=12,
)


@settings(max_examples=200)
@given(TREES, st.booleans())
def test_whatever_stands_in_a_section_is_in_the_record_or_a_fault(tree: str, in_a_paragraph: bool) -> None:
    inside = f"<w:p>{tree}</w:p>" if in_a_paragraph else tree
    body = parts_of(FINE)[DOCUMENT].replace(b"<w:sectPr", inside.encode() + b"<w:sectPr", 1)
    paper = take_apart(packed(parts_of(FINE) | {DOCUMENT: body}))
    said = "\n".join(line for part in paper.parts for line in part.text)
    assert paper.faults or said.count("Secret.") == tree.count("Secret.")


def test_the_template_that_ships_is_what_its_script_writes() -> None:
    assert parts_of(TEMPLATE.read_bytes()) == parts_of(build())
    assert build() == build()


def test_the_template_says_nothing_of_anyone_and_of_no_other_program() -> None:
    parts = parts_of(TEMPLATE.read_bytes())
    assert not [name for name in parts if "thumbnail" in name or "customXml" in name]
    assert b"python-docx" not in b"".join(parts.values())
    with zipfile.ZipFile(io.BytesIO(TEMPLATE.read_bytes())) as archive:
        assert {each.date_time for each in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
