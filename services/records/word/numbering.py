"""The bullets and numbers that Word shows in front of a paragraph, which stand nowhere in its text."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from xml.etree.ElementTree import Element  # what `package` has read

from services.records.word.package import W
from services.records.word.seen import Look, said

_BULLETS = ("•", "–", "•")
_LEVELS = 9


def _letters(number: int) -> str:
    """As Word counts: a to z, then aa, bb."""
    return chr(ord("a") + (number - 1) % 26) * ((number - 1) // 26 + 1) if number > 0 else "0"


def _roman(number: int) -> str:
    found = ""
    for value, letters in zip(
        (1000, 900, 500, 400, 100, 90, 50, 40, 10, 9, 5, 4, 1),
        ("m", "cm", "d", "cd", "c", "xc", "l", "xl", "x", "ix", "v", "iv", "i"),
        strict=True,
    ):
        while number >= value:
            found, number = found + letters, number - value
    return found


_FORMS: dict[str, Callable[[int], str]] = {
    "decimal": str,
    "decimalZero": lambda number: f"{number:02d}",
    "lowerLetter": _letters,
    "upperLetter": lambda number: _letters(number).upper(),
    "lowerRoman": _roman,
    "upperRoman": lambda number: _roman(number).upper(),
}


@dataclass(frozen=True, slots=True)
class _Level:
    form: str
    text: str
    start: int
    look: Look = field(default_factory=dict)


@dataclass(slots=True)
class Numbering:
    """The lists of one document, and how far each has been counted."""

    lists: dict[str, tuple[str, dict[int, _Level]]] = field(default_factory=dict)
    counts: dict[str, dict[int, int]] = field(default_factory=dict)
    begun: set[str] = field(default_factory=set)

    @classmethod
    def read(cls, part: Element | None) -> Numbering:
        """The lists that a document defines."""
        found = cls()
        if part is None:
            return found
        kinds = {
            str(each.get(f"{W}abstractNumId")): {
                _whole(level.get(f"{W}ilvl"), 0): _level(level) for level in each.findall(f"{W}lvl")
            }
            for each in part.findall(f"{W}abstractNum")
        }
        for each in part.findall(f"{W}num"):
            kind = _value(each.find(f"{W}abstractNumId"))
            levels = dict(kinds.get(kind, {}))
            shared = kind
            for override in each.findall(f"{W}lvlOverride"):
                number = _whole(override.get(f"{W}ilvl"), 0)
                own, start = override.find(f"{W}lvl"), override.find(f"{W}startOverride")
                level = _level(own) if own is not None else levels.get(number, _Level("decimal", "%1.", 1))
                if start is not None:
                    level = replace(level, start=_whole(_value(start), 1))
                    shared = f"{kind} {each.get(f'{W}numId')}"  # it begins anew, on its own
                levels[number] = level
            found.lists[str(each.get(f"{W}numId"))] = (shared, levels)
        return found

    def mark(self, number: str, depth: int) -> str:
        """What stands before the next paragraph of a list at a depth from 0, with a space; "" where nothing does."""
        if number not in self.lists or not 0 <= depth < _LEVELS:
            return ""
        shared, levels = self.lists[number]
        level = levels.get(depth)
        if level is None or level.form == "none":
            return ""
        if level.form == "bullet":
            return f"{_BULLETS[min(depth, 2)]} "
        counts = self.counts.setdefault(shared, {})
        counts[depth] = counts[depth] + 1 if depth in counts else level.start
        for deeper in [each for each in counts if each > depth]:
            del counts[deeper]

        def shown(match: re.Match[str]) -> str:
            at = int(match[1]) - 1
            here = levels.get(at, level)
            return _FORMS.get(here.form, str)(counts.get(at, here.start))

        return f"{re.sub(r'%([1-9])', shown, level.text).strip()} "

    def look(self, number: str, depth: int) -> Look | None:
        """How a list has its numbers look at a depth; None of bullets, whose form a copy does not take over."""
        level = self.lists[number][1].get(depth) if number in self.lists else None
        return level.look if level is not None and level.form != "bullet" else None


def _level(level: Element) -> _Level:
    return _Level(
        _value(level.find(f"{W}numFmt")) or "decimal",
        _value(level.find(f"{W}lvlText")),
        _whole(_value(level.find(f"{W}start")), 1),
        said(level.find(f"{W}rPr")),
    )


def _value(element: Element | None) -> str:
    return str(element.get(f"{W}val", "")) if element is not None else ""


def _whole(text: str | None, otherwise: int) -> int:
    return int(text) if text and re.fullmatch(r"[0-9]{1,5}", text) else otherwise
