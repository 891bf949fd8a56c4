"""The pages of mail that waits for a person: plain text and files to save, whatever was sent."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import httpx2
import pytest

from services.bootstrap import House
from services.running.process import Process
from services.web.app import make_app
from tests.integration.post.inbox.partnership import asked, take
from tests.replies import message, with_files

SCRIPT = '<script>document.title = "taken over"</script>'


@pytest.fixture
async def client(house: House) -> AsyncIterator[httpx2.AsyncClient]:
    transport = httpx2.ASGITransport(app=make_app(Process(house)))
    async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as opened:
        yield opened


async def test_what_waits_is_listed_with_why_and_leads_to_the_message_and_its_meeting(
    house: House, client: httpx2.AsyncClient
) -> None:
    camhs, _ = await asked(house)
    words = message(to=camhs.reply_address, sender=camhs.address, at=house.clock.now(), text="Please ring me.")
    [row] = await take(house, words.as_bytes())
    listed = (await client.get("/mail")).text
    assert "1 message waits for a person" in listed
    assert "Somebody wrote in words, which only a person understands." in listed
    assert "Please ring me" not in listed
    assert f'href="/mail/{row["mail_id"]}"' in listed
    assert 'href="/meetings/m1"' in listed
    shown = (await client.get(f"/mail/{row['mail_id']}")).text
    assert "Please ring me." in shown
    assert "reply+…@quorate.example" in shown
    assert camhs.reply_address not in shown
    assert "Alex Example &lt;camhs-1@agencies.gov.example&gt;" in shown
    exceptions = (await client.get("/exceptions?kind=mail_not_understood")).text
    assert row["mail_id"][:12] in exceptions
    assert f"quorate_mail_for_a_person {1.0}" in (await client.get("/metrics")).text


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
async def test_nothing_that_was_sent_becomes_part_of_the_page(house: House, client: httpx2.AsyncClient) -> None:
    html = f'<p onclick="x()">Good &amp; well</p>{SCRIPT}<img src="https://elsewhere.example/seen.png">&lt;b&gt;bold'
    made = message(to="x@quorate.example", sender="a@b.example", at=house.clock.now(), text=SCRIPT, html=html)
    made.replace_header("Subject", SCRIPT)
    [row] = await take(house, with_files(made, [('"><script>.html', "text/html", SCRIPT.encode())]))
    answer = await client.get(f"/mail/{row['mail_id']}")
    page = answer.text
    assert "<script" not in page.lower()
    assert "elsewhere.example" not in page
    assert "<b>" not in page
    assert not re.search(r"<[^>]+\sonclick", page)
    assert "Good &amp; well" in page
    assert "&lt;script&gt;document.title" in page
    assert "script-src" not in answer.headers["content-security-policy"]
    assert "default-src 'none'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
async def test_files_can_only_be_saved(house: House, client: httpx2.AsyncClient) -> None:
    made = message(to="x@quorate.example", sender="a@b.example", at=house.clock.now(), text="See below.")
    name = 'a"b\u202e/../Zoë.html'
    [row] = await take(house, raw := with_files(made, [(name, "text/html", SCRIPT.encode())]))
    for path, content in (
        (f"/mail/{row['mail_id']}/files/1", SCRIPT.encode()),
        (f"/mail/{row['mail_id']}/message", raw),
    ):
        answer = await client.get(path)
        assert answer.content == content
        assert answer.headers["content-type"] == "application/octet-stream"
        assert answer.headers["content-disposition"].startswith("attachment; ")
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "sandbox" in answer.headers["content-security-policy"]
    assert (await client.get(f"/mail/{row['mail_id']}/files/2")).status_code == 404
    assert (await client.get(f"/mail/{'0' * 64}")).status_code == 404
    assert (await client.get("/mail/x")).status_code == 404


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
async def test_what_the_scanner_does_not_pass_is_not_given_out(house: House, client: httpx2.AsyncClient) -> None:
    made = message(to="x@quorate.example", sender="a@b.example", at=house.clock.now(), text="See below.")
    [row] = await take(house, with_files(made, [("a.bin", "application/octet-stream", b"harm")]))
    house.settings.__dict__["scan"] = "grep -qv harm"
    path = f"/mail/{row['mail_id']}/files/1"
    assert (await client.get(path)).status_code == 409
    house.settings.__dict__["scan"] = "grep -q harm"
    assert (await client.get(path)).content == b"harm"
