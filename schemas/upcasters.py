"""How an event of an older form is read as its successor: old type → a function giving the new type and data.

A type gets an entry here when its form changes so much that new fields with defaults do not do; the old model then
goes. Steps are taken one after the other until a current type is reached.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Upcaster = Callable[[dict[str, Any]], tuple[str, dict[str, Any]]]

UPCASTERS: dict[str, Upcaster] = {}
