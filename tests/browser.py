"""A browser that runs no script, and what every page that it shows is held to."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Page, expect, sync_playwright

PHONE, DESK = (360, 740), (1280, 800)


@contextmanager
def chromium(require: Callable[[str, bool, str], None]) -> Iterator[Browser]:
    """The Chromium of this machine."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    require("Chromium", found is not None, "install the package chromium")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield opened
        opened.close()


@contextmanager
def without_script(browser: Browser, size: tuple[int, int], url: str, *, refusals: bool = False) -> Iterator[Page]:
    """A page of this size without script. It asks no machine but `url` for anything, and nothing fails behind it but,
    with `refusals`, what the person did wrong.
    """
    width, height = size
    context = browser.new_context(viewport={"width": width, "height": height}, java_script_enabled=False)
    page = context.new_page()
    asked: list[str] = []
    wrong: list[str] = []
    page.on("request", lambda each: asked.append(each.url))
    page.on("console", lambda message: wrong.append(message.text))
    page.on("response", lambda answer: wrong.append(f"status of {answer.status}") if answer.status >= 400 else None)
    yield page
    context.close()
    assert {each for each in asked if not each.startswith(url)} == set()
    assert [each for each in wrong if not (refusals and "status of 4" in each)] == []


def fits(page: Page, lang: str = "en-GB") -> None:
    """The page is as wide as the screen, has one main heading and no script, every field has a label, nothing is too
    small to touch, and no two things have one name.
    """
    page.wait_for_load_state()
    size = page.viewport_size
    assert size is not None
    assert page.evaluate("document.documentElement.scrollWidth") <= size["width"], page.url
    expect(page.locator("h1")).to_have_count(1)
    expect(page.locator("script")).to_have_count(0)
    assert page.locator("html").get_attribute("lang") == lang, page.url
    for field in page.locator("input:not([type=hidden]), textarea, select").all():
        assert page.locator(f"label[for='{field.get_attribute('id')}']").count() == 1, field
    for control in page.locator("button:visible, a[role=button]:visible, .govuk-radios__item:visible").all():
        box = control.bounding_box()
        assert box is None or box["width"] < 2 or box["height"] >= 24, "too small to touch"
    names = page.evaluate("[...document.querySelectorAll('[id]')].map(each => each.id)")
    assert len(names) == len(set(names)), page.url


def press_until(page: Page, wanted: str) -> None:
    """Press Tab until the element with this selector is focused, as somebody without a mouse does."""
    for _ in range(80):
        page.keyboard.press("Tab")
        if page.locator(f"{wanted}:focus").count():
            return
    raise AssertionError(f"{wanted} cannot be reached by keyboard")
