"""The answer page in a browser that runs no script: on a phone, by keyboard alone, from the link in a message to what
the coordinator reads.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests import events
from tests.answering import CAMHS, GP, MOTHER, links
from tests.browser import DESK, PHONE, fits, press_until, without_script
from tests.files import pdf
from tests.running import Up

pytestmark = pytest.mark.browser

MEETING_AT = datetime.now(UTC).replace(hour=10, minute=0, second=0, microsecond=0) + timedelta(days=30)


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    with Up(tmp_path_factory.mktemp("answer"), mail_from_name="Meeting invitations") as running:
        running.send_all(
            [
                events.agency("camhs-1", name="Riverside CAMHS"),
                events.agency("gp-1", name="Mill Lane Surgery"),
                events.child("c1"),
                events.relative("p1"),
                events.involvement(agency_id="camhs-1", status="waiting"),
                events.involvement(agency_id="gp-1"),
                events.meeting("m1", starts_at=MEETING_AT, joining_url="https://meet.example/j/1"),
            ]
        )
        yield running


@pytest.fixture(scope="module")
def addresses(up: Up) -> dict[str, str]:
    """Where each of those who were asked answers, by their address."""
    finish_by = time.monotonic() + 60
    while len(found := links(up.home)) < 3 and time.monotonic() < finish_by:
        time.sleep(0.05)
    assert set(found) == {CAMHS, GP, MOTHER}
    return {address: up.url + path for address, path in found.items()}


@pytest.fixture(params=[PHONE], ids=["phone"])
def page(browser: Browser, request: pytest.FixtureRequest, up: Up) -> Iterator[Page]:
    """A page without script, on a phone unless said otherwise."""
    with without_script(browser, request.param, up.url, refusals=True) as opened:
        yield opened


@pytest.mark.parametrize("page", [PHONE, DESK], ids=["phone", "desk"], indirect=True)
def test_every_page_fits_the_screen_and_labels_its_fields(page: Page, addresses: dict[str, str], up: Up) -> None:
    of_agencies = ("", "/report", "/write/camhs", "/write/waiting", "/nope")
    for url in (*(addresses[CAMHS] + each for each in of_agencies), addresses[MOTHER], f"{up.url}/answer/x"):
        page.goto(url)
        fits(page)


def test_what_belongs_to_a_choice_shows_once_it_is_chosen(page: Page, addresses: dict[str, str]) -> None:
    page.goto(addresses[CAMHS])
    expect(page.get_by_label("Who will come?")).to_be_hidden()
    page.get_by_label("Someone else will come in our place").check()
    expect(page.get_by_label("Who will come?")).to_be_visible()
    page.get_by_label("Nobody can come").check()
    expect(page.get_by_label("Who will come?")).to_be_hidden()
    expect(page.get_by_label("We were asked too late")).to_be_visible()


def test_an_error_is_in_the_title_and_leads_to_its_field(page: Page, addresses: dict[str, str]) -> None:
    page.goto(addresses[GP])
    page.get_by_label("Someone else will come in our place").check()
    page.get_by_role("button", name="Send your answer").click()
    assert page.title().startswith("Error: ")
    fits(page)
    summary = page.get_by_role("alert")
    expect(summary).to_contain_text("There is a problem")
    summary.get_by_role("link", name="Say who will come").click()
    expect(page).to_have_url(re.compile("#delegate_name$"))
    expect(page.get_by_label("Who will come?")).to_be_focused()
    described = page.get_by_label("Who will come?").get_attribute("aria-describedby") or ""
    assert "delegate_name-error" in described


def test_by_keyboard_alone_somebody_sends_apologies_and_writes_the_form_of_a_minute(
    page: Page, addresses: dict[str, str], up: Up
) -> None:
    page.goto(addresses[CAMHS])
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to main content")).to_be_focused()
    press_until(page, "#answer")
    page.keyboard.press("ArrowUp")
    expect(page.get_by_label("Nobody can come")).to_be_checked()
    press_until(page, "#reason")
    page.keyboard.press("ArrowDown")
    expect(page.get_by_label("We were asked too late")).to_be_checked()
    press_until(page, "#will_report")
    page.keyboard.press("Space")
    press_until(page, "button[type=submit]")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Your answer has been sent")
    fits(page)
    press_until(page, "a[role=button]")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Send a report")
    press_until(page, "a[role=button]")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("one-minute form")
    press_until(page, "#known_since")
    page.keyboard.type("September")
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_contain_text("not sent yet")
    expect(page.get_by_label("Since when do you know of the child?")).to_have_value("September")
    press_until(page, "#risk_at_triage")
    page.keyboard.press("ArrowDown")
    press_until(page, "#seen")
    page.keyboard.press("Space")
    press_until(page, "button[value=send]")
    page.keyboard.press("Enter")
    expect(page.get_by_text("What you sent has arrived")).to_be_visible()
    fits(page)
    page.goto(f"{up.url}/meetings/m1")
    expect(page.locator("main")).to_contain_text("Apologies")


def test_a_relative_answers_and_changes_their_mind(page: Page, addresses: dict[str, str]) -> None:
    page.goto(addresses[MOTHER])
    page.get_by_label("Yes, by phone").check()
    page.get_by_label("When can we ring you").fill("after 5pm, 01632 960 001")
    page.get_by_label("Is there anything you want to tell us?").fill("I need an interpreter.")
    page.get_by_role("button", name="Send your answer").click()
    expect(page.locator(".govuk-panel")).to_contain_text("You will come by phone")
    fits(page)
    page.get_by_role("link", name="Change your answer").click()
    expect(page.locator("main")).to_contain_text("You have answered: you will come by phone")
    page.get_by_label("No", exact=True).check()
    page.get_by_role("button", name="Send your answer").click()
    expect(page.locator(".govuk-panel")).to_contain_text("You will not come")


def test_a_file_is_refused_with_words_or_taken_and_saved_by_the_coordinator_unopened(
    page: Page, addresses: dict[str, str], up: Up
) -> None:
    report = pdf(before=f"% {page.viewport_size}\n".encode())
    page.goto(addresses[GP] + "/report")
    page.get_by_role("button", name="Send the file").click()
    expect(page.get_by_role("alert")).to_contain_text("Choose a file")
    page.get_by_label("The file").set_input_files(
        {"name": "report.pdf", "mimeType": "application/pdf", "buffer": b"<html><script>alert(1)</script>"}
    )
    page.get_by_role("button", name="Send the file").click()
    expect(page.get_by_role("alert")).to_contain_text("of a kind that is not taken")
    page.get_by_label("The file").set_input_files({"name": "report.html", "mimeType": "text/html", "buffer": report})
    page.get_by_role("button", name="Send the file").click()
    expect(page.get_by_text("What you sent has arrived")).to_be_visible()
    page.goto(f"{up.url}/meetings/m1")
    with page.expect_download() as saving:
        page.locator("a[href^='/documents/']").last.click()
    assert saving.value.suggested_filename == "report-html.pdf"
    assert Path(saving.value.path()).read_bytes().startswith(b"%PDF")
    expect(page).to_have_url(f"{up.url}/meetings/m1")
