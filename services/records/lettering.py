"""Which letters can be printed, and what stands for those that cannot: nothing that was written is lost silently.

A document is set in one family of fonts that is shipped with it, so that the same words give the same bytes everywhere.
It has the letters of Latin (with all that Welsh, Polish, Vietnamese or Yoruba need), Greek, Cyrillic, Arabic (with
Urdu, Persian, Kurdish and Pashto), Hebrew, Armenian and Georgian. What it lacks is named where it stood, in square
brackets: the script of letters, the name of a sign.
"""

from __future__ import annotations

import re
import struct
import unicodedata
from functools import lru_cache
from pathlib import Path

LONGEST_WORD = 30  # letters after which a word may be broken over two lines
_BREAK = "\u200b"
_NAMES = {"Cjk": "Chinese", "Fullwidth": "wide", "Hiragana": "Japanese", "Katakana": "Japanese", "Hangul": "Korean"}
# Signs that change the order in which letters around them are shown, so that what is read is not what was written.
_REORDERING = dict.fromkeys((0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)))
# Letters and digits of scripts that run from right to left turn the groups of a number near them, too: it is set apart.
_TURNING = frozenset({"R", "AL", "AN"})
_APART, _END_APART, _GOES_ON = "\u2066", "\u2069", "\u200e"
_IGNORABLE: tuple[range, ...] = (range(0xAD, 0xAE), range(0x61C, 0x61D), range(0x180B, 0x1810), range(0x200B, 0x2010))
_IGNORABLE += (range(0x202A, 0x202F), range(0x2060, 0x2070), range(0xFE00, 0xFE10), range(0xFEFF, 0xFF00))
_IGNORABLE += (range(0x1BCA0, 0x1BCA4), range(0x1D173, 0x1D17B), range(0xE0000, 0xE1000))
_IN_GROUPS = re.compile(r"(?<!\d)\d+(?:(?:[^\w\n]|_)+\d+)+")
_NUMBER_OF_ITEM = re.compile(r"(?m)^(\s*\d+[.)]\s+)")
# Control characters, and halves of characters.
_SAYS_NOTHING = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_LINE_ENDS = re.compile("\r\n|[\r\u2028\u2029\u0085\v\f]")
_LONG = re.compile(rf"[^\s{_BREAK}]{{{LONGEST_WORD + 1},}}")


@lru_cache(maxsize=4)
def letters_of(font: Path) -> frozenset[int]:
    """The characters for which a TrueType font has a shape.

    Source: OpenType 1.9, the table `cmap`, formats 4 and 12.
    """
    data = font.read_bytes()
    tables = {
        data[at : at + 4]: struct.unpack(">I", data[at + 8 : at + 12])[0]
        for at in range(12, 12 + 16 * struct.unpack(">H", data[4:6])[0], 16)
    }
    start = tables[b"cmap"]
    found: set[int] = set()
    for number in range(struct.unpack(">H", data[start + 2 : start + 4])[0]):
        (offset,) = struct.unpack(">I", data[start + 8 + 8 * number : start + 12 + 8 * number])
        table = data[start + offset :]
        match struct.unpack(">H", table[:2])[0]:
            case 4:
                found |= _segments(table)
            case 12:
                found |= _groups(table)
    return frozenset(found)


def _segments(table: bytes) -> set[int]:
    count = struct.unpack(">H", table[6:8])[0] // 2
    ends, starts, deltas, offsets = (
        struct.unpack(f">{count}H", table[at : at + 2 * count])
        for at in (14, 16 + 2 * count, 16 + 4 * count, 16 + 6 * count)
    )
    found = set()
    for number, (first, last, delta, offset) in enumerate(zip(starts, ends, deltas, offsets, strict=True)):
        for code in range(first, last + 1):
            glyph = code
            if offset:
                at = 16 + 6 * count + 2 * number + offset + 2 * (code - first)
                glyph = struct.unpack(">H", table[at : at + 2])[0] if at + 2 <= len(table) else 0
            if (glyph + delta) & 0xFFFF and (glyph or not offset):
                found.add(code)
    return found - {0xFFFF}


def _groups(table: bytes) -> set[int]:
    (count,) = struct.unpack(">I", table[12:16])
    groups = (struct.unpack(">III", table[at : at + 12]) for at in range(16, 16 + 12 * count, 12))
    return {code for first, last, _ in groups for code in range(first, last + 1)}


@lru_cache(maxsize=4)
def _letters_of_all(fonts: tuple[Path, ...]) -> frozenset[str]:
    """The characters that each of these fonts can print."""
    return frozenset(map(chr, frozenset.intersection(*(letters_of(font) for font in fonts)))) | {"\n"}


class Lettering:
    """Makes words fit for print with one font; `marked` says whether anything had to be named for want of a shape."""

    def __init__(self, *fonts: Path) -> None:
        self.letters = _letters_of_all(fonts)
        self.marked = False

    def line(self, text: str) -> str:
        """Text for one line: a name, a heading."""
        return " ".join(self.fit(text).split())

    def fit(self, text: str) -> str:
        """Text as it can be printed, with the lines that it has."""
        text = _LINE_ENDS.sub("\n", text.replace("\t", " ")).translate(_REORDERING)
        text = unicodedata.normalize("NFC", _SAYS_NOTHING.sub("", text))
        if not all(map(self._has, set(text))):
            self.marked = True
            text = re.sub(r"[^\s]+", self._word, text)
        if any(unicodedata.bidirectional(letter) in _TURNING for letter in set(text)):
            text = "".join(_in_order(each) for each in _NUMBER_OF_ITEM.split(text))
        return _LONG.sub(lambda each: _breakable(each[0]), text)

    def _has(self, letter: str) -> bool:
        return letter in self.letters or _unseen(letter)

    def _word(self, word: re.Match[str]) -> str:
        """A word with what cannot be printed of it named instead, each name once where it stands side by side."""
        pieces: list[str] = []
        lacking: list[str] = []
        for letter in (*word[0], ""):
            if letter and (not self._has(letter) or (lacking and _goes_with(letter))):
                lacking.append(letter)
                continue
            if lacking:
                alone = all(map(_goes_with, lacking))
                names = dict.fromkeys(_name(each) for each in lacking if alone or not _goes_with(each))
                pieces.append(f"[{', '.join(names)}]")
                lacking = []
            pieces.append(letter)
        return "".join(pieces)


def _in_order(text: str) -> str:
    """Text in which the groups of each number are shown in the order in which they were written."""
    return _IN_GROUPS.sub(lambda each: _APART + re.sub(r"(?<!\d)(?=\d)", _GOES_ON, each[0]) + _END_APART, text)


def _unseen(letter: str) -> bool:
    """Whether a character is no more than an instruction to whoever sets it: it needs no shape. Some of that kind are
    signs that are seen, as the one that ends a verse.

    Source: Unicode 15, Default_Ignorable_Code_Point.
    """
    is_instruction = unicodedata.category(letter) == "Cf" or 0xFE00 <= ord(letter) <= 0xFE0F
    return is_instruction and any(ord(letter) in some for some in _IGNORABLE)


def _goes_with(letter: str) -> bool:
    """Whether a character is part of the one before: a mark over it, a colour of skin, what joins two signs."""
    return _unseen(letter) or unicodedata.category(letter)[0] == "M" or 0x1F3FB <= ord(letter) <= 0x1F3FF


def _name(letter: str) -> str:
    """What stands for a character that cannot be printed."""
    name = unicodedata.name(letter, "")
    if not name:
        return f"character U+{ord(letter):04X}"
    if unicodedata.category(letter)[0] in "LN":
        script = name.split()[0].capitalize()
        return f"in {_NAMES.get(script, script)} letters"
    return name.lower()


def _breakable(word: str) -> str:
    """A word that may be broken now and then, but never between a letter and the marks on it."""
    broken, since = [], 0
    for letter in word:
        if since >= LONGEST_WORD and not _goes_with(letter):
            broken.append(_BREAK)
            since = 0
        broken.append(letter)
        since += 1
    return "".join(broken)
