"""Reports that are sent on the answer page: files, forms, drafts, and what must not get in."""

from __future__ import annotations

import asyncio
import hashlib
import re
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
import structlog
from sqlalchemy import func, select

from services.bootstrap import House
from services.foundation.documents import Documents
from services.foundation.settings import Settings
from services.intake.store import dead_letters
from services.oversight.store import exceptions
from services.participation.store.documents import drop_drafts_of_meetings_before
from services.participation.store.reports import documents, drafts, reports
from services.participation.uploads import WORDS
from services.post.inbox.store import add_kept
from services.web import answer_body
from tests import events
from tests.answering import CAMHS, GP, Fields, accept, answer, browsing, invite
from tests.clock import MovableClock
from tests.files import archive, docx, jpeg, odt, pdf, png

SCRIPT = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>{{7*7}}"
ONLY_SQLITE = pytest.mark.parametrize("store", ["sqlite"])


def settle(house: House, **others: Any) -> None:
    house.settings = Settings(**{**house.settings.model_dump(), **others})
    house.intake.settings = house.settings


async def send(
    client: httpx2.AsyncClient, link: str, content: bytes, name: str = "report.pdf", **typed: str
) -> httpx2.Response:
    page = await client.get(f"{link}/report")
    fields = {**Fields(page.text).forms[f"{link}/report"], **typed}
    fields.pop("file", None)
    return await client.post(f"{link}/report", data=fields, files={"file": (name, content, "text/html")})


async def rows(house: House, table: Any) -> list[dict[str, Any]]:
    async with house.database.read() as db:
        return [dict(row) for row in (await db.execute(select(table))).mappings()]


async def kept(house: House) -> set[str]:
    """The names of the files in the folder of documents."""
    folder = house.settings.documents_folder
    return {path.parent.name + path.name for path in folder.rglob("*") if path.is_file()}


async def test_a_file_is_kept_under_its_content_and_told_of_once_it_is_there(house: House) -> None:
    link = (await invite(house))[CAMHS]
    content = pdf()
    name = hashlib.sha256(content).hexdigest()
    async with browsing(house) as client:
        sent = await send(client, link, content, "../Report on J. Example.PDF", by="Dr Example")
        assert (sent.status_code, sent.headers["location"]) == (303, f"{link}/report/sent")
        page = (await client.get(f"{link}/report/sent")).text
        assert "has arrived" in page
        assert "Example" not in page.replace("Example CAMHS", "")
        assert "You have not said yet how you will take part" in page
    [report] = await rows(house, reports)
    [document] = await rows(house, documents)
    assert (report["document_id"], report["agency_id"], report["kind"]) == (name, "camhs-1", "report")
    assert report["by"] == "Dr Example"
    assert document["name"] == "Report on J- Example.pdf"
    assert (document["media_type"], document["size"], document["scan"]) == ("application/pdf", len(content), "none")
    assert await kept(house) == {name}
    assert Documents(house.settings.documents_folder).read(name) == content


@ONLY_SQLITE
async def test_whoever_may_owe_a_care_plan_can_send_one_and_no_other_can(house: House) -> None:
    sent = await invite(house)
    async with browsing(house) as client:
        assert "care plan" in (await client.get(f"{sent[CAMHS]}/report")).text
        assert "care plan" not in (await client.get(f"{sent[GP]}/report")).text
        await send(client, sent[CAMHS], pdf(), kind="care_plan")
        await send(client, sent[GP], docx(), kind="care_plan")
    assert {(row["agency_id"], row["kind"]) for row in await rows(house, reports)} == {
        ("camhs-1", "care_plan"),
        ("gp-1", "report"),
    }


WRONG: dict[str, tuple[bytes, int, Any]] = {
    "empty": (b"", 422, "empty"),
    "html": (b"<!DOCTYPE html><script>alert(1)</script>", 422, "not_a_kind_taken"),
    "program": (b"MZ\x90\x00" + bytes(64), 422, "not_a_kind_taken"),
    "locked": (pdf(trailer=b"/Encrypt 5 0 R"), 422, "locked"),
    "bomb": (docx({"word/media/a.xml": bytes(300 << 20)}), 422, "swells"),
    "nested": (docx({"word/media/a.zip": archive({"a": b"a"})}), 422, "holds_files"),
    "macros": (docx({"word/vbaProject.bin": b"x"}), 422, "macros"),
    "polyglot": (png() + archive({"a.html": b"<script>"}), 422, "holds_files"),
    "half": (pdf()[:-30], 422, "damaged"),
    "1.2 MB": (b"words " * 200_000, 413, "too_large"),
    "50 MB": (b"x" * 50_000_000, 413, "too_large"),
}


@ONLY_SQLITE
async def test_what_is_no_report_is_refused_with_what_to_do_and_nothing_of_it_is_kept(house: House) -> None:
    settle(house, max_report_bytes=1_000_000)
    link = (await invite(house))[CAMHS]
    async with browsing(house) as client:
        for case, (content, status, reason) in WRONG.items():
            refused = await send(client, link, content, "report.pdf")
            assert refused.status_code == status, case
            assert "<title>Error: Send a report" in refused.text
            assert refused.text.count(WORDS[reason]) == 2, case
            assert 'href="#file"' in refused.text
    assert await kept(house) == set()
    assert await rows(house, documents) == await rows(house, reports) == []


@ONLY_SQLITE
@pytest.mark.parametrize(
    ("name", "content"),
    [("a.pdf", pdf()), ("a.html", docx()), ("", odt()), ("a.txt", b"words"), ("a.exe", jpeg()), ("a", png())],
)
async def test_whatever_it_is_called_a_file_of_a_kind_that_is_taken_comes_out_as_bytes_to_be_saved(
    house: House, name: str, content: bytes
) -> None:
    link = (await invite(house))[CAMHS]
    async with browsing(house) as client:
        sent = await send(client, link, content, name)
        if not name:
            assert sent.status_code == 422
            return
        out = await client.get(f"/documents/{hashlib.sha256(content).hexdigest()}")
    assert out.status_code == 200
    assert out.content == content
    assert out.headers["content-type"] == "application/octet-stream"
    assert out.headers["x-content-type-options"] == "nosniff"
    assert out.headers["content-disposition"].startswith('attachment; filename="a')
    assert "sandbox" in out.headers["content-security-policy"]
    assert not re.search(r"\.(html|exe)\b", out.headers["content-disposition"])


@ONLY_SQLITE
async def test_a_name_in_other_letters_comes_out_whole_and_breaks_no_header(house: House) -> None:
    link = (await invite(house))[CAMHS]
    async with browsing(house) as client:
        await send(client, link, pdf(), 'Łódź"; x="\u202egpj.exe')
        out = await client.get(f"/documents/{hashlib.sha256(pdf()).hexdigest()}")
    header = out.headers["content-disposition"]
    assert header.isascii()
    assert "filename*=UTF-8''%C5%81%C3%B3d%C5%BA" in header
    assert header.count('"') == 2


async def test_a_second_click_on_send_is_one_report(house: House) -> None:
    link = (await invite(house))[CAMHS]
    async with browsing(house) as client:
        fields = Fields((await client.get(f"{link}/report")).text).forms[f"{link}/report"]
        fields.pop("file")
        both = await asyncio.gather(
            *(client.post(f"{link}/report", data=fields, files={"file": ("a.pdf", pdf())}) for _ in range(4))
        )
        assert {each.status_code for each in both} == {303}
    assert len(await rows(house, reports)) == len(await rows(house, documents)) == 1
    assert await rows(house, dead_letters) == []


@ONLY_SQLITE
async def test_an_invitation_takes_so_many_documents_and_no_more(house: House) -> None:
    settle(house, max_reports=2)
    link = (await invite(house))[CAMHS]
    async with browsing(house) as client:
        assert (await send(client, link, b"one")).status_code == 303
        assert (await send(client, link, b"two")).status_code == 303
        assert (await send(client, link, b"one")).status_code == 303, "it is there already"
        refused = await send(client, link, b"three")
        assert refused.status_code == 409
        assert "You have sent 2 documents" in refused.text
        form = await answer_form(client, link, "camhs", {"offer": "We see her weekly."})
        assert form.status_code == 409
        assert "We see her weekly." in form.text
    assert (
        await kept(house)
        == {row["document_id"] for row in await rows(house, reports)}
        == {hashlib.sha256(each).hexdigest() for each in (b"one", b"two")}
    )


@ONLY_SQLITE
async def test_however_many_documents_are_sent_at_once_no_more_are_taken(house: House) -> None:
    settle(house, max_reports=3)
    link = (await invite(house))[CAMHS]
    async with browsing(house) as client:
        answers = await asyncio.gather(*(send(client, link, f"report {number}".encode()) for number in range(8)))
    assert sorted(each.status_code for each in answers) == [303] * 3 + [409] * 5
    assert len(await rows(house, reports)) == 3


def scanner(folder: Path, does: str) -> str:
    """A scanner that does this with the path it is given."""
    script = folder / "scanner.py"
    script.write_text(f"import os, sys, time\npath = sys.argv[-1]\n{does}\n")
    return f"{sys.executable} {script}"


@ONLY_SQLITE
async def test_a_file_that_the_scanner_passes_is_given_out_and_the_scanner_learns_nothing_but_its_path(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QUORATE_SECRET", "not for scanners")
    seen = tmp_path / "seen"
    does = f"open({str(seen)!r}, 'wb').write(open(path, 'rb').read() + repr(dict(os.environ)).encode())"
    settle(house, scan=scanner(tmp_path, does))
    link = (await invite(house))[CAMHS]
    async with browsing(house) as client:
        assert (await send(client, link, pdf())).status_code == 303
        assert (await client.get(f"/documents/{hashlib.sha256(pdf()).hexdigest()}")).content == pdf()
    assert [row["scan"] for row in await rows(house, documents)] == ["clean"]
    assert seen.read_bytes().startswith(pdf())
    assert b"not for scanners" not in seen.read_bytes()


async def test_a_file_that_does_harm_is_refused_and_a_person_is_told_until_something_else_comes(
    house: House, tmp_path: Path, clock: MovableClock
) -> None:
    settle(house, scan=scanner(tmp_path, "sys.exit(b'EICAR' in open(path, 'rb').read())"))
    link = (await invite(house))[CAMHS]
    async with browsing(house) as client:
        for name in ("first.txt", "again.txt"):
            refused = await send(client, link, b"EICAR and words", name)
            assert refused.status_code == 422
            assert "The scanner found something harmful" in refused.text
        gone = await client.get(f"/documents/{hashlib.sha256(b'EICAR and words').hexdigest()}")
        assert gone.status_code == 410
        assert b"EICAR" not in gone.content
        assert await rows(house, reports) == []
        assert await kept(house) == set()
        [raised] = [row for row in await rows(house, exceptions) if row["kind"] == "report_refused"]
        assert (raised["agency_id"], raised["state"]) == ("camhs-1", "raised")
        assert "something harmful" in raised["text"]
        clock.advance(timedelta(minutes=5))
        assert (await send(client, link, b"Nothing but words")).status_code == 303
    [raised] = [row for row in await rows(house, exceptions) if row["kind"] == "report_refused"]
    assert raised["state"] == "resolved"


@ONLY_SQLITE
@pytest.mark.parametrize("does", ["sys.exit(2)", "os.kill(os.getpid(), 9)"])
async def test_what_the_scanner_does_not_decide_on_came_and_is_not_given_out_until_it_does(
    house: House, tmp_path: Path, does: str
) -> None:
    settle(house, scan=scanner(tmp_path, does))
    link = (await invite(house))[CAMHS]
    where = f"/documents/{hashlib.sha256(pdf()).hexdigest()}"
    async with browsing(house) as client:
        assert (await send(client, link, pdf())).status_code == 303
        assert len(await rows(house, reports)) == 1
        held = await client.get(where)
        assert held.status_code == 409
        assert "has not been scanned yet" in held.text
        assert b"%PDF" not in held.content
        again = await client.post(f"{where}/scan")
        assert (again.status_code, again.headers["location"]) == (303, where)
        assert (await client.get(where)).status_code == 409
        settle(house, scan=scanner(tmp_path, "sys.exit(0)"))
        await client.post(f"{where}/scan")
        assert (await client.get(where)).content == pdf()


@ONLY_SQLITE
async def test_a_scanner_that_does_not_decide_takes_back_nothing_that_it_has_passed(
    house: House, tmp_path: Path
) -> None:
    links = await invite(house)
    where = f"/documents/{hashlib.sha256(pdf()).hexdigest()}"
    async with browsing(house) as client:
        for party, does in ((CAMHS, "sys.exit(0)"), (GP, "sys.exit(2)")):
            settle(house, scan=scanner(tmp_path, does))
            assert (await send(client, links[party], pdf())).status_code == 303
            assert (await client.get(where)).content == pdf()


@ONLY_SQLITE
async def test_what_does_harm_and_came_as_a_message_too_stays_that_message(house: House, tmp_path: Path) -> None:
    message = b"From: a@camhs.example\n\nEICAR\n"
    mail_id = Documents(house.settings.documents_folder).keep([message]).document_id
    async with house.database.write() as db:
        about = {"mail_id": mail_id, "size": len(message), "recipients": [], "origin": {"file": "message.eml"}}
        await add_kept(db, [{**about, "received_at": house.clock.now()}])
    settle(house, scan=scanner(tmp_path, "sys.exit(1)"))
    link = (await invite(house))[CAMHS]
    async with browsing(house) as client:
        assert (await send(client, link, message, "report.txt")).status_code == 422
    assert Documents(house.settings.documents_folder).read(mail_id) == message


@ONLY_SQLITE
async def test_a_scanner_that_is_not_there_or_is_a_shells_command_line_keeps_the_file_back(
    house: House, tmp_path: Path
) -> None:
    made = tmp_path / "made"
    link = (await invite(house))[CAMHS]
    async with browsing(house) as client:
        for number, command in enumerate(("/nowhere/scanner", f"true; touch {made} #", "unclosed '")):
            settle(house, scan=command)
            assert (await send(client, link, f"words {number}".encode())).status_code == 303
    assert {row["scan"] for row in await rows(house, documents)} == {"waiting"}
    assert not made.exists()


async def answer_form(
    client: httpx2.AsyncClient, link: str, form: str, typed: dict[str, str], do: str = "send"
) -> httpx2.Response:
    where = f"{link}/write/{form}"
    page = await client.get(where)
    assert page.status_code == 200
    return await client.post(where, data={**Fields(page.text).forms[where], **typed, "do": do})


@ONLY_SQLITE
async def test_whoever_a_child_waits_for_begins_with_the_form_of_a_minute_and_others_with_their_own(
    house: House,
) -> None:
    sent = await invite(house, events.agency("school-1"), events.involvement(agency_id="school-1"))
    async with browsing(house) as client:
        page = (await client.get(f"{sent[CAMHS]}/report")).text
        assert page.index("Start the one-minute form") < page.index("Write a full report instead")
        assert "one-minute" not in (await client.get(f"{sent[GP]}/report")).text
        titles = {
            f"{sent[CAMHS]}/write/waiting": "one-minute form",
            f"{sent[CAMHS]}/write/camhs": "report from CAMHS",
            f"{sent[GP]}/write/gp": "report from the practice",
            f"{sent['school-1@agencies.gov.example']}/write/report": "Write a report",
        }
        for path, title in titles.items():
            assert title in (await client.get(path)).text
        for party, form in ((GP, "camhs"), (GP, "waiting"), (CAMHS, "gp"), (GP, "x")):
            path = f"{sent[party]}/write/{form}"
            assert (await client.get(path)).status_code == 404
            assert (await client.post(path, data={"do": "send"})).status_code == 404


async def test_a_form_is_saved_gone_on_with_sent_and_read_by_the_coordinator(house: House, clock: MovableClock) -> None:
    link = (await invite(house))[CAMHS]
    async with browsing(house) as client:
        first = await answer_form(client, link, "waiting", {"known_since": "September 2025"}, "save")
        assert (first.status_code, first.headers["location"]) == (303, f"{link}/write/waiting")
        page = (await client.get(f"{link}/write/waiting")).text
        assert "not sent yet" in page
        assert Fields(page).forms[f"{link}/write/waiting"]["known_since"] == "September 2025"
        assert "Go on with what you began" in (await client.get(f"{link}/report")).text
        assert await rows(house, reports) == []
        clock.advance(timedelta(days=1))
        short = await answer_form(client, link, "waiting", {"offer": "One line\r\nand another"})
        assert short.status_code == 422
        assert set(re.findall(r'href="#(\w+)"', short.text)) >= {"risk_at_triage", "seen"}
        assert "One line\nand another" in short.text
        typed = {"risk_at_triage": "High", "seen": "Not yet", "offer": "One line\r\nand another", "by": "Dr A"}
        sent = await answer_form(client, link, "waiting", typed)
        assert (sent.status_code, sent.headers["location"]) == (303, f"{link}/report/sent")
        assert await rows(house, drafts) == []
        assert "not sent yet" not in (await client.get(f"{link}/write/waiting")).text
        [report] = await rows(house, reports)
        shown = await client.get(f"/documents/{report['document_id']}")
        assert (shown.status_code, shown.headers["location"]) == (303, f"/reports/{report['document_id']}")
        page = (await client.get(f"/reports/{report['document_id']}")).text
        for said in ("September 2025", "High", "Not yet", "One line<br>and another", "Dr A", "Example camhs 1"):
            assert said in page, said


async def test_a_draft_is_the_invitations_own_and_is_replaced_and_forgotten(house: House, clock: MovableClock) -> None:
    sent = await invite(house)
    async with browsing(house) as client:
        await answer_form(client, sent[GP], "gp", {"health": "Asthma."}, "save")
        await answer_form(client, sent[GP], "gp", {"health": "Asthma, well held.", "by": "Dr B"}, "save")
        [draft] = await rows(house, drafts)
        assert draft["fields"] == {"health": "Asthma, well held.", "by": "Dr B"}
        assert "Asthma" not in (await client.get(f"{sent[CAMHS]}/write/camhs")).text
        too_long = await answer_form(client, sent[GP], "gp", {"health": "x" * 10_001}, "save")
        assert too_long.status_code == 422
        assert len(await rows(house, drafts)) == 1
    async with house.database.write() as db:
        await drop_drafts_of_meetings_before(db, events.MEETING_AT)
    assert len(await rows(house, drafts)) == 1
    async with house.database.write() as db:
        await drop_drafts_of_meetings_before(db, events.MEETING_AT + timedelta(days=1))
    assert await rows(house, drafts) == []


@ONLY_SQLITE
async def test_where_several_children_are_meant_it_has_to_be_said_which(house: House) -> None:
    more = (events.child("c2", initials="CD"), events.involvement(agency_id="gp-1", person_id="c2"))
    link = (await invite(house, *more, children=["c1", "c2"]))[GP]
    async with browsing(house) as client:
        page = (await client.get(f"{link}/write/gp")).text
        assert "Which child or children is this about?" in page
        assert ">AB<" not in page
        assert (await answer_form(client, link, "gp", {"health": "Well."})).status_code == 422
        assert (await answer_form(client, link, "gp", {"health": "Well.", "about": "AB"})).status_code == 303


@ONLY_SQLITE
async def test_what_is_written_is_never_taken_for_markup(house: House) -> None:
    link = (await invite(house))[CAMHS]
    where = f"{link}/write/camhs"
    async with browsing(house) as client:
        names = set(re.findall(r'name="(\w+)"', (await client.get(where)).text)) - {"do", "nonce"}
        assert len(names) > 10
        typed = dict.fromkeys(names, SCRIPT)
        await answer_form(client, link, "camhs", typed, "save")
        draft = (await client.get(where)).text
        assert (await answer_form(client, link, "camhs", typed)).status_code == 303
        [report] = await rows(house, reports)
        read = (await client.get(f"/reports/{report['document_id']}")).text
        meeting = (await client.get("/meetings/m1")).text
        for page in (draft, read, meeting):
            assert "<script" not in page
            assert "<img" not in page
        assert "&lt;script&gt;" in draft
        assert "&lt;script&gt;" in read
        assert "{{7*7}}" in read


@ONLY_SQLITE
async def test_reports_are_taken_after_the_meeting_until_the_link_expires(house: House, clock: MovableClock) -> None:
    link = (await invite(house))[CAMHS]
    async with browsing(house) as client:
        await accept(house, events.held("m1"))
        clock.set(events.MEETING_AT + timedelta(days=10))
        assert (await send(client, link, pdf())).status_code == 303
        page = (await client.get(f"{link}/report/sent")).text
        assert "You have not said yet" not in page
        clock.set(events.MEETING_AT + timedelta(days=15))
        assert (await client.post(f"{link}/report", files={"file": ("a.pdf", pdf())})).status_code == 410


@ONLY_SQLITE
async def test_no_document_is_given_to_another_machine_or_under_a_made_up_name(house: House) -> None:
    link = (await invite(house))[CAMHS]
    async with browsing(house) as client:
        await send(client, link, pdf())
        name = hashlib.sha256(pdf()).hexdigest()
        for path in ("/documents/nope", f"/documents/{name[:-1]}", "/documents/..%2f..%2fsecret", f"/reports/{name}"):
            assert (await client.get(path)).status_code == 404
    async with browsing(house, client=("192.0.2.7", 40_000)) as client:
        for path in (f"/documents/{name}", f"/reports/{name}"):
            assert (await client.get(path)).status_code == 403
        assert (await client.post(f"/documents/{name}/scan")).status_code == 403
        assert (await client.get(link)).status_code == 200


@ONLY_SQLITE
async def test_a_document_that_was_changed_or_taken_from_the_disk_is_not_given_out_as_if_it_were_right(
    house: House,
) -> None:
    link = (await invite(house))[CAMHS]
    async with browsing(house) as client:
        await send(client, link, pdf())
        name = hashlib.sha256(pdf()).hexdigest()
        path = Documents(house.settings.documents_folder).path(name)
        path.write_bytes(b"another")
        damaged = await client.get(f"/documents/{name}")
        assert damaged.status_code == 500
        assert "damaged" in damaged.text
        path.unlink()
        missing = await client.get(f"/documents/{name}")
        assert missing.status_code == 500
        assert "missing" in missing.text


@ONLY_SQLITE
async def test_where_the_disk_takes_no_more_the_sender_is_told_and_nothing_is_said_to_have_come(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    link = (await invite(house))[CAMHS]
    monkeypatch.setattr(Documents, "keep", full)
    async with browsing(house) as client:
        refused = await send(client, link, pdf())
        assert refused.status_code == 503
        assert "try again later" in refused.text
        assert (await answer_form(client, link, "camhs", {"offer": "x"})).status_code == 503
    assert await rows(house, reports) == await rows(house, documents)


@ONLY_SQLITE
async def test_an_upload_that_stops_coming_or_is_none_is_ended_with_a_page(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answer_body, "PIECE_WITHIN", 0.05)
    link = (await invite(house))[CAMHS]

    async def stalls() -> Any:
        yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.pdf"\r\n\r\n%PDF'
        await asyncio.Event().wait()

    async with browsing(house) as client:
        kind = {"content-type": "multipart/form-data; boundary=x"}
        slow = await client.post(f"{link}/report", content=stalls(), headers=kind)
        assert slow.status_code == 408
        assert "Try again" in slow.text
        for content, status in ((b"", 422), (b"nothing of the kind", 400), (b"--x\r\n\r\n\r\n--x--", 400)):
            assert (await client.post(f"{link}/report", content=content, headers=kind)).status_code == status
        none = await client.post(f"{link}/report", content=b"a=b", headers={"content-type": "text/plain"})
        assert none.status_code == 415
        files = [("file", ("a.txt", b"a")), ("file", ("b.txt", b"b"))]
        assert (await client.post(f"{link}/report", files=files)).status_code == 400
    assert await rows(house, reports) == []


@ONLY_SQLITE
async def test_no_name_and_nothing_of_a_report_is_in_a_log(house: House) -> None:
    link = (await invite(house))[CAMHS]
    async with browsing(house) as client:
        with structlog.testing.capture_logs() as logged:
            await send(client, link, b"Bellweather", "Bellweather.txt", by="Bellweather")
            await send(client, link, b"\x00Bellweather", "Bellweather.txt")
            await answer_form(client, link, "camhs", {"offer": "Bellweather"})
            await answer_form(client, link, "camhs", {"offer": "Bellweather"}, "save")
            await client.get(f"/documents/{hashlib.sha256(b'Bellweather').hexdigest()}")
    assert logged
    for inside in ("Bellweather", link, link.rpartition("-")[2]):
        assert inside not in str(logged)


async def test_apologies_and_then_a_report_leave_nothing_missing(house: House) -> None:
    """The whole of it: from the link in the message to nothing that a person has to look at."""
    link = (await invite(house))[GP]
    async with browsing(house) as client:
        await answer(client, link, {"answer": "apologies", "reason": "clinic_or_surgery_hours", "will_report": "yes"})
        assert "Your report takes your part" in (await client.get(f"{link}/done")).text
        assert (await answer_form(client, link, "gp", {"health": "Well.", "analysis": "Safe."})).status_code == 303
        assert "Report" in (await client.get("/meetings/m1")).text
    async with house.database.read() as db:
        count = select(func.count()).select_from(exceptions).where(exceptions.c.agency_id == "gp-1")
        assert (await db.execute(count)).scalar_one() == 0
