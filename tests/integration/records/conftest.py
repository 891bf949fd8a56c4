"""Which of these tests run on both stores.

Everything that the room asks of a database is asked in the files named here. The others are about what follows from it,
which is the same on either store, and run on SQLite alone: on both they would take as long as all other rooms together.
"""

from __future__ import annotations

import pytest

ON_BOTH = {
    "test_forwarding",
    "test_front_page",
    "test_plan_ends",
    "test_press",
    "test_put_back",
    "test_readers",
    "test_receipts",
    "test_versions",
    "test_who_gets_what",
}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    here = [
        each for each in items if each.path.parent.name == "records" and each.path.parent.parent.name == "integration"
    ]
    left_out = [
        each
        for each in here
        if each.path.stem not in ON_BOTH
        and isinstance(each, pytest.Function)
        and hasattr(each, "callspec")
        and each.callspec.params.get("store") == "postgresql"
    ]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        out = set(left_out)
        items[:] = [each for each in items if each not in out]
