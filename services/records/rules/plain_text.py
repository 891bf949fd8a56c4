"""Text as it reads, whatever it is made of: the same letters, digits and spaces for what looks the same.

What hides a name or a number from a search hides it from no reader: letters of full width, hard and zero-width spaces,
soft hyphens, accents put together from two characters, letters of another alphabet that look like Latin ones.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from schemas.persons import SAYS_NOTHING

# How one and the same text may be read. Most texts read the same in each of these ways.
AS_CAPITALS, AS_SMALL, LETTER_BY_LETTER = WAYS = ("as capitals look", "as small letters look", "ö is oe, and å is aa")

# Letters of other alphabets that look like Latin ones, in both cases alike: a name in capitals is the same name.
_LOOKS_LIKE = dict(zip("авеѕіјкмнорстухԁһԛԝүӏαβεζηικμνορτυχ", "abesijkmhopctyxdhqwylabezhikmnoptyx", strict=True))
_SMALL_LOOKS_LIKE = _LOOKS_LIKE | dict(zip("ηνυγω", "nvuyw", strict=True))
# Latin letters that do not come apart into letter and accent, and Arabic ones that are written in more ways than one.
_OTHERS = {"æ": "ae", "œ": "oe", "þ": "th", "ð": "d", "ĸ": "k", "ŋ": "n", "ı": "i", "ſ": "s", "ɑ": "a", "ɡ": "g"}
_OTHERS |= {"ی": "ي", "ى": "ي", "ک": "ك", "ة": "ه"}
_IN_TWO_LETTERS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ø": "oe", "å": "aa"})
_IN_TWO_LETTERS |= str.maketrans({"Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "Ø": "Oe", "Å": "Aa"})
_LATIN = re.compile(r"LATIN (?:(?:SMALL|CAPITAL) LETTER|LETTER SMALL CAPITAL) ([A-Z])(?: WITH .+)?")

_LINES = frozenset("\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029")
_APOSTROPHES = str.maketrans(dict.fromkeys("‘’‚‛`´ʹʻʼʽˈˊˋ′‵＇｀᾽᾿´΄՚ߴߵꞋꞌ", "'"))
_REMEMBERED = 10_000


class _Letters(dict[int, str]):
    """What each character reads as, worked out when it is first met."""

    def __init__(self, looks_like: dict[str, str]) -> None:
        super().__init__()
        self.looks_like = looks_like

    def __missing__(self, code: int) -> str:
        found = _reads_as(chr(code), self.looks_like)
        if len(self) < _REMEMBERED:
            self[code] = found
        return found


def _reads_as(one: str, looks_like: dict[str, str]) -> str:
    category = unicodedata.category(one)
    if one in _LINES:
        return "\n"
    if one.isspace():
        return " "
    if category in {"Cf", "Cc", "Mn", "Mc", "Me"} or one in SAYS_NOTHING:
        return ""
    if category == "Nd":
        return str(unicodedata.decimal(one))
    if category == "Pd" or one in "−⁃":
        return "-"
    return _letter(one, looks_like)


def _letter(one: str, looks_like: dict[str, str]) -> str:
    """A letter, capital if it was one, such that folding its case changes nothing about how many letters there are."""
    small = one.casefold()
    found = _OTHERS.get(one) or _OTHERS.get(small) or looks_like.get(small) or _latin(one) or _latin(small) or small
    if one == found or (one.isupper() and small == found and len(found) == 1):
        return one
    return found.upper() if one.isupper() and len(found.upper()) == len(found) else found


def _latin(one: str) -> str | None:
    """The letter of the English alphabet that this one is, with whatever was put on it."""
    found = None if one.isascii() else _LATIN.fullmatch(unicodedata.name(one, "") if len(one) == 1 else "")
    return found[1].lower() if found is not None else None


_TABLES = {
    AS_CAPITALS: _Letters(_LOOKS_LIKE),
    AS_SMALL: _Letters(_SMALL_LOOKS_LIKE),
    LETTER_BY_LETTER: _Letters(_LOOKS_LIKE),
}


@lru_cache(maxsize=512)
def plain(text: str, way: str = AS_CAPITALS) -> str:
    """The text in plain letters and digits, with its capitals, one kind of space and of apostrophe, and its lines. As
    many characters are in it with its case folded.
    """
    text = text.replace("\r\n", "\n")
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text.translate(_APOSTROPHES))
        if way == LETTER_BY_LETTER:
            text = text.translate(_IN_TWO_LETTERS)
        text = unicodedata.normalize("NFKD", text)
    else:
        text = text.replace("`", "'")
    return text.translate(_TABLES[way])


def ways(text: str) -> list[str]:
    """The text in plain letters in each of the ways in which it may be read, the most likely first."""
    if text.isascii():
        return [plain(text)]
    return list(dict.fromkeys(plain(text, way) for way in WAYS))
