"""The bullets and numbers that Word shows in front of a paragraph, which stand nowhere in its text."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from xml.etree.ElementTree import Element  # what `package` has read

from services.records.word.package import W
from services.records.word.seen import SYMBOL_FONTS, Look, said

_BULLETS = ("•", "–", "•")
_PLAIN = frozenset("•o▪–-—·◦‣●○■◆❖*➢➔")
"""Bullets that say nothing but that an item begins; a tick or a cross is said as it is."""
_OF_FONTS = {"symbol": frozenset({0xB7, 0x2D}), "wingdings": frozenset({0xA7, 0x6C, 0x6E, 0x75, 0x76, 0x9F, 0xD8})}
"""The same, by their places in the fonts of signs that Word makes its lists with."""
_WORD = re.compile(r"[^\W\d_]")
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
    is_known: bool = True

    @property
    def is_plain(self) -> bool:
        """Whether it is a bullet that says nothing."""
        fonts = {self.look.get("rFonts", {}).get(name, "").casefold() for name in ("ascii", "hAnsi")} - {""}
        if self.form != "bullet" or len(self.text) > 1:
            return False
        if any(SYMBOL_FONTS.match(each) for each in fonts):
            return bool(self.text) and all(ord(self.text) & 0xFF in _OF_FONTS.get(each, ()) for each in fonts)
        return not self.text or self.text in _PLAIN


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
        if level is None:
            return ""
        counts = self.counts.setdefault(shared, {})
        counts[depth] = counts[depth] + 1 if depth in counts else level.start
        for deeper in [each for each in counts if each > depth]:
            del counts[deeper]

        def shown(match: re.Match[str]) -> str:
            at = int(match[1]) - 1
            here = levels.get(at, level)
            return "" if here.form == "none" else _FORMS.get(here.form, str)(counts.get(at, here.start))

        if level.is_plain:
            return f"{_BULLETS[min(depth, 2)]} " if level.text else ""
        said = level.text if level.form == "bullet" else re.sub(r"%([1-9])", shown, level.text)
        return f"{said.strip()} " if said.strip() else ""

    def is_told(self, number: str, depth: int) -> bool:
        """Whether what Word shows before a paragraph of a list is what `mark` gives."""
        if number not in self.lists:
            return True
        levels = self.lists[number][1]
        level = levels.get(depth)
        if level is None or not level.is_known:
            return False
        if level.form == "bullet":
            fonts = (value for name, value in level.look.get("rFonts", {}).items() if not name.endswith("Theme"))
            return level.is_plain or not (
                any(SYMBOL_FONTS.match(each) for each in fonts)
                or any("\ue000" <= each <= "\uf8ff" for each in level.text)
            )
        used = [levels.get(int(each) - 1, level).form for each in re.findall(r"%([1-9])", level.text)]
        return all(each == "none" or each in _FORMS for each in (level.form, *used))

    def has_words(self, number: str, depth: int) -> bool:
        """Whether a list has words of its own before a paragraph, which are seen even where the paragraph is empty."""
        level = self.lists[number][1].get(depth) if number in self.lists else None
        return level is not None and not level.is_plain and bool(_WORD.search(re.sub(r"%[1-9]", "", level.text)))

    def look(self, number: str, depth: int) -> Look | None:
        """How a list has its numbers look at a depth; None of plain bullets, whose form a copy does not take over."""
        level = self.lists[number][1].get(depth) if number in self.lists else None
        return level.look if level is not None and not level.is_plain else None


def _level(level: Element) -> _Level:
    return _Level(
        _value(level.find(f"{W}numFmt")) or "decimal",
        _value(level.find(f"{W}lvlText")),
        _whole(_value(level.find(f"{W}start")), 1),
        said(level.find(f"{W}rPr")),
        not any(level.find(f"{W}{each}") is not None for each in ("lvlRestart", "lvlPicBulletId", "isLgl")),
    )


def _value(element: Element | None) -> str:
    return str(element.get(f"{W}val", "")) if element is not None else ""


def _whole(text: str | None, otherwise: int) -> int:
    return int(text) if text and re.fullmatch(r"[0-9]{1,5}", text) else otherwise
