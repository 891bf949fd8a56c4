"""Copies can be read by everyone: each is a tagged PDF that veraPDF, a program of others, finds to keep to PDF/UA-1."""

from __future__ import annotations

import json
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import typst
from pypdf import PdfReader

from services.foundation.documents import Documents
from services.records.document import blocks
from services.records.lettering import Lettering
from services.records.printing import DOCUMENTS, FACES, FONTS, Printer, literal
from services.records.store import dispatches
from tests import conference, events
from tests.clock import MovableClock
from tests.door import Embedded
from tests.verapdf.check import verdicts
from tests.verapdf.jars import VERAPDF

pytestmark = pytest.mark.slow

WRITTEN = (
    "Siân Ŵyn, Łucja Żółć, عائشة محمد, ڈاکٹر گلزار, שרה, Анна, Nguyễn Thị Hồng and আমিনা came 👍🏽.\n\n"
    "- one\n- two\n  goes on\n\n1. first\n4. fourth\n\n" + "x" * 400
)


@pytest.fixture
def store() -> str:
    return "sqlite"


@pytest.fixture
def ua(require: Callable[[str, bool, str], None]) -> Callable[[list[Path]], dict[Path, str]]:
    """veraPDF."""
    require("veraPDF", *VERAPDF.missing())
    return verdicts


def long() -> dict[str, Any]:
    """A document of many pages, whose table goes on from page to page."""
    fit = Lettering(*FACES)
    rows = [[f"Agency {number} {'name ' * (number % 9)}", "Yes", "Came", "None arrived"] for number in range(90)]
    return {
        "marking": "OFFICIAL-SENSITIVE",
        "handling": "Keep this securely.",
        "author": "Leicester",
        "title": "Minutes: Core group",
        "reference": "ABCD-EFGH",
        "version": 3,
        "facts": [["Date", "Monday 4 May 2026"], ["Children", "AB\nCD"]],
        "notes": ["Version 3 takes the place of version 2.", "This is your own copy."],
        "participants": {"heading": "Who", "columns": ["Who", "Invited", "Took part", "Report"], "rows": rows},
        "sections": [
            {"heading": fit.line(f"Part {number} " + "of many " * number), "blocks": blocks(fit.fit(WRITTEN * 3))}
            for number in range(25)
        ],
    }


async def test_every_copy_of_a_real_record_keeps_to_pdf_ua(
    embedded: Embedded, clock: MovableClock, tmp_path: Path, ua: Callable[[list[Path]], dict[Path, str]]
) -> None:
    house = embedded.house
    await embedded.take(*conference.directory(), conference.meeting())
    await house.drain()
    clock.set(conference.APPROVED_AT)
    some = [*conference.sections(), events.section(WRITTEN, heading="Names 👍🏽 and lists")]
    await embedded.take(conference.held(), conference.record(sections=some))
    await house.drain()
    async with house.database.read() as db:
        made = [each for each in (await dispatches.about(db, ["r1"]))["r1"] if each.document_id]
    assert len(made) == 12
    files = {}
    for each in made:
        assert each.document_id is not None
        file = tmp_path / f"{each.agency_id or each.person_id}.pdf"
        file.write_bytes(Documents(house.settings.documents_folder).read(each.document_id))
        files[each.party] = file
    others = [tmp_path / f"{name}.pdf" for name in ("long", "untagged", "bare")]
    others[0].write_bytes(Printer("record").print(long(), "A reader", 1))
    # The same without its tags, and one that keeps to nothing: were these to pass, the others would prove nothing.
    source = f'#import "/record.typ": record\n#record(json(bytes({literal(json.dumps(long()))})), "A reader")'
    compiler = typst.Compiler(root=DOCUMENTS, font_paths=[FONTS], ignore_system_fonts=True)
    untagged = compiler.compile(source.encode(), pdf_tags=False)
    assert isinstance(untagged, bytes)
    others[1].write_bytes(untagged)
    bare = typst.compile(b"= A heading", ignore_system_fonts=True)
    others[2].write_bytes(bare)
    said = {file.name: verdict for file, verdict in ua([*files.values(), *others]).items()}
    wrong = {"untagged.pdf": "FAIL", "bare.pdf": "FAIL"}
    assert said == dict.fromkeys(said, "PASS") | wrong
    assert len(said) == len(made) + 3

    pdf = PdfReader(files["agency:camhs-1:"])
    assert pdf.metadata is not None
    assert pdf.metadata.title == "Minutes: initial child protection conference"
    root: Any = pdf.root_object
    assert root["/Lang"] == "en-GB"
    assert root["/ViewerPreferences"]["/DisplayDocTitle"]
    tags = _tags(pdf)
    assert {"H1", "H2", "Table", "TH", "TD", "L", "LI", "P"} <= tags.keys()
    assert tags["H1"] == 1
    assert tags["TH"] == 4


def _tags(pdf: PdfReader) -> dict[str, int]:
    """How often each tag stands in a document."""
    found: dict[str, int] = {}

    def look(node: Any) -> None:
        node = node.get_object()
        if isinstance(node, list):
            for each in node:
                look(each)
        elif isinstance(node, dict):
            if "/S" in node:
                name = str(node["/S"])[1:]
                found[name] = found.get(name, 0) + 1
            if "/K" in node and not isinstance(node["/K"], int):
                look(node["/K"])

    root: Any = pdf.root_object
    look(root["/StructTreeRoot"])
    return found


async def test_each_page_names_its_reader_and_no_other(embedded: Embedded, clock: MovableClock) -> None:
    house = embedded.house
    await embedded.take(*conference.directory(), conference.meeting())
    await house.drain()
    clock.set(conference.APPROVED_AT)
    await embedded.take(conference.held(), conference.record(paragraphs=8))
    await house.drain()
    async with house.database.read() as db:
        made = [each for each in (await dispatches.about(db, ["r1"]))["r1"] if each.agency_id and each.document_id]
    assert len(made) == 11
    for each in made:
        assert each.document_id is not None
        pages = PdfReader(BytesIO(Documents(house.settings.documents_folder).read(each.document_id))).pages
        assert len(pages) > 3
        for page in pages:
            said = page.extract_text().split("\n")[0]
            assert said.startswith("OFFICIAL-SENSITIVE Copy for Example ")
            name = f"Example {each.agency_id}".replace("-", " ")
            assert name in said.replace("-", " ")
