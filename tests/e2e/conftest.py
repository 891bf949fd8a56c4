"""What the tests of the whole stand on."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser

from tests.browser import chromium


@pytest.fixture(scope="module")
def browser(require: Callable[[str, bool, str], None]) -> Iterator[Browser]:
    """Chromium, for the tests of one file: while it runs, no other event loop can."""
    with chromium(require) as opened:
        yield opened
