"""The link to a copy in a browser that runs no script: on a small phone, by keyboard alone, from the link in a message
and the code in the next one to the PDF, and to the click that says it is filed.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from pypdf import PdfReader

from tests import events
from tests.browser import DESK, PHONE, fits, press_until, without_script
from tests.forwarded import CAMHS, GP, MOTHER, TEXT, code_in, code_letters, letters_with_links
from tests.running import Up

pytestmark = pytest.mark.browser

TODAY = datetime.now(UTC).replace(hour=10, minute=0, second=0, microsecond=0)


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    with Up(tmp_path_factory.mktemp("record"), mail_from_name="Meeting records") as running:
        running.send_all(
            [
                events.agency("camhs-1", name="Riverside CAMHS"),
                events.agency("gp-1", name="Mill Lane Surgery"),
                events.child("c1"),
                events.relative("p1"),
                events.involvement(agency_id="camhs-1", status="waiting"),
                events.involvement(agency_id="gp-1"),
                events.meeting("m1", starts_at=TODAY + timedelta(days=30)),
                events.plan_started(on=TODAY.date() - timedelta(days=200)),
                events.record(checked_by="Kim Checker", sections=[events.section(TEXT)]),
            ]
        )
        yield running


def until(found: Callable[[], bool]) -> None:
    """Wait until something has come."""
    finish_by = time.monotonic() + 60
    while not found() and time.monotonic() < finish_by:
        time.sleep(0.05)
    assert found()


@pytest.fixture(scope="module")
def addresses(up: Up) -> dict[str, str]:
    """Where each reader opens their copy, by their address."""
    until(lambda: set(letters_with_links(up.home, "record")) == {CAMHS, GP, MOTHER})
    return {address: up.url + path for address, path in letters_with_links(up.home, "record").items()}


@pytest.fixture(params=[PHONE], ids=["phone"])
def page(browser: Browser, request: pytest.FixtureRequest, up: Up) -> Iterator[Page]:
    """A page without script, on a phone unless said otherwise."""
    with without_script(browser, request.param, up.url, refusals=True) as opened:
        yield opened


def new_code(up: Up, page: Page, press: Callable[[], None]) -> str:
    """Press the button that sends a code; returns the one that came."""
    before = len(code_letters(up.home))
    press()
    expect(page.get_by_role("heading", level=1)).to_have_text("Enter your code")
    until(lambda: len(code_letters(up.home)) > before)
    return code_in(code_letters(up.home)[-1])


@pytest.mark.parametrize("page", [PHONE, DESK], ids=["phone", "desk"], indirect=True)
def test_every_page_that_opens_without_a_code_fits_the_screen(page: Page, addresses: dict[str, str], up: Up) -> None:
    until(lambda: CAMHS in letters_with_links(up.home, "notice"))
    notice = up.url + letters_with_links(up.home, "notice")[CAMHS]
    agency = addresses[GP]
    for url in (agency, f"{agency}/code", f"{agency}/filed", f"{agency}/nope", addresses[MOTHER], notice):
        page.goto(url)
        fits(page)
    for url in (f"{up.url}/record/x", f"{up.url}/notice/x"):
        page.goto(url)
        fits(page)
        expect(page.get_by_role("heading", level=1)).to_have_text("This link does not work")


def test_by_keyboard_alone_an_agency_opens_its_copy_and_says_that_it_is_filed(
    page: Page, addresses: dict[str, str], up: Up
) -> None:
    page.goto(addresses[CAMHS])
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to main content")).to_be_focused()
    press_until(page, "button[type=submit]")
    code = new_code(up, page, lambda: page.keyboard.press("Enter"))
    fits(page)
    press_until(page, "#code")
    page.keyboard.type(f"{(int(code) + 1) % 1_000_000:06}")
    page.keyboard.press("Enter")
    expect(page).to_have_title(re.compile("^Error: "))
    fits(page)
    summary = page.get_by_role("alert")
    summary.get_by_role("link", name="You can try 4 more times").click()
    expect(page.get_by_label("Code", exact=True)).to_be_focused()
    expect(page.get_by_label("Code", exact=True)).to_have_value("")
    assert "code-error" in (page.get_by_label("Code", exact=True).get_attribute("aria-describedby") or "")
    page.keyboard.type(f"{code[:3]} {code[3:]}")
    page.keyboard.press("Enter")
    expect(page).to_have_url(addresses[CAMHS])
    expect(page.get_by_role("heading", level=1)).to_have_text("Minutes")
    fits(page)
    press_until(page, "a[role=button]")
    with page.expect_download() as saving:
        page.keyboard.press("Enter")
    assert re.fullmatch(r"minutes-[A-Z2-7]{4}-[A-Z2-7]{4}-v1\.pdf", saving.value.suggested_filename)
    found = PdfReader(Path(saving.value.path()))
    assert TEXT in "".join(each.extract_text() for each in found.pages)
    press_until(page, "button[type=submit]")
    page.keyboard.press("Enter")
    expect(page.locator(".govuk-panel")).to_contain_text("It is filed in your record")
    fits(page)
    page.goto(addresses[CAMHS])
    expect(page.locator("main")).to_contain_text("You told us")
    [cookie] = page.context.cookies()
    assert (cookie["httpOnly"], cookie["sameSite"], cookie["secure"]) == (True, "Strict", False)
    assert addresses[CAMHS].endswith(cookie["path"])


def test_a_relative_opens_theirs_and_is_asked_to_file_nothing(page: Page, addresses: dict[str, str], up: Up) -> None:
    page.goto(addresses[MOTHER])
    code = new_code(up, page, page.get_by_role("button", name="Send me a code").click)
    page.get_by_label("Code", exact=True).fill(code)
    page.get_by_role("button", name="Continue").click()
    expect(page.locator("main")).to_contain_text("If others use it, delete the file")
    fits(page)
    for word in ("filed", "conference", "OFFICIAL"):
        expect(page.locator("body")).not_to_contain_text(word)
    with page.expect_download() as saving:
        page.get_by_role("button", name="Open the PDF").click()
    assert Path(saving.value.path()).read_bytes().startswith(b"%PDF")


def test_an_agency_says_that_its_copy_is_filed_without_a_code(page: Page, addresses: dict[str, str]) -> None:
    page.goto(f"{addresses[GP]}/filed")
    page.get_by_label("Your name (optional)").fill("Sam Example")
    page.get_by_role("button", name="It is filed in our record").click()
    expect(page.locator(".govuk-panel")).to_contain_text("Thank you")
    page.reload()
    expect(page.locator("main")).to_contain_text("You need do nothing more")


def test_an_agency_says_that_a_flag_is_on_its_record(page: Page, up: Up) -> None:
    until(lambda: CAMHS in letters_with_links(up.home, "notice"))
    page.goto(up.url + letters_with_links(up.home, "notice")[CAMHS])
    page.get_by_role("button", name="The flag is on the record").click()
    expect(page.locator(".govuk-panel")).to_contain_text("The flag is on the record")
    fits(page)
