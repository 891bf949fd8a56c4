"""Whether two names are one person's: for certain, or as far as anyone can tell from how they are written."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

_TITLES = frozenset(
    {
        *("mr", "mrs", "ms", "miss", "mx", "dr", "prof", "professor", "rev", "reverend", "sir", "cllr", "councillor"),
        *("hhj", "rt", "hon", "his", "her", "honour", "phd", "msc", "bsc", "mbe", "obe", "cbe"),
    }
)
_BRACKETS = re.compile(r"\([^()]*\)|\[[^\[\]]*\]|\{[^{}]*\}")
_NO_ACCENT = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ħ": "h", "ı": "i", "æ": "ae", "œ": "oe", "þ": "th", "ð": "d"}
)
_ONE_FOR_ANOTHER = str.maketrans("i1|0", "lllo")  # as they look in one face or another: I, l, 1
_APOSTROPHES = re.compile(r"['’‘ʼ`´.]")


def same_person(one: str, other: str) -> bool:
    """Whether two names are surely one person's: the same words in any order, or all of the words of one and at least
    two of them, without titles, what is in brackets, accents, and signs that take no room. An e-mail address counts by
    what stands before the @.
    """
    some, others = _name(one, without_brackets=True), _name(other, without_brackets=True)
    shared = set(some) & set(others)
    is_within = len(shared) > 1 and shared in (set(some), set(others))
    return sorted(some) == sorted(others) or "".join(some) == "".join(others) or is_within


def may_be_same_person(one: str, other: str) -> bool:
    """Whether two names may be one person's: in doubt they are. So it is with a name that is the other shortened, to a
    word or to initials, or written as one word; and letters of another alphabet may be any that they look like.
    """
    if same_person(one, other):
        return True
    return any(
        _may_be(_looks(_name(one, without_brackets=without)), _looks(_name(other, without_brackets=without)))
        for without in (True, False)
    ) or _may_be_address(one, other)


def _name(text: str, *, without_brackets: bool) -> list[str]:
    """The words that tell a name from others; all that there are, where none does."""
    local, at, _ = text.partition("@")
    if at and not re.search(r"\s", local.strip()):
        text = re.sub(r"[0-9]+", "", local) or local
    words = _words(_BRACKETS.sub(" ", text) if without_brackets else text)
    return [each for each in words if each not in _TITLES] or words or _words(text)


def _words(text: str) -> list[str]:
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", text).casefold()).translate(_NO_ACCENT)
    seen = "".join(each for each in plain if unicodedata.category(each) not in {"Cf", "Mn", "Me", "Cc"})
    return re.findall(r"[^\W_]+", _APOSTROPHES.sub(_dot_or_nothing, seen))


def _dot_or_nothing(sign: re.Match[str]) -> str:
    return " " if sign[0] == "." else ""


def _looks(words: Sequence[str]) -> list[str]:
    return [each.translate(_ONE_FOR_ANOTHER) for each in words]


def _may_be(some: Sequence[str], others: Sequence[str]) -> bool:
    short, long = sorted((list(some), list(others)), key=len)
    if not short or _alike("".join(short), "".join(long)) or short == ["".join(each[0] for each in long)]:
        return True
    left = list(long)
    for word in sorted(short, key=len, reverse=True):
        found = next((each for each in left if _alike(word, each)), None)
        found = found or next((each for each in left if _is_initial(word, each)), None)
        if found is None:
            return False
        left.remove(found)
    return True


def _is_initial(one: str, other: str) -> bool:
    return 1 in (len(one), len(other)) and _alike(one[0], other[0])


def _alike(one: str, other: str) -> bool:
    """Whether two words may be the same; a letter of another alphabet may be any."""
    return len(one) == len(other) and all(a == b or a.isascii() != b.isascii() for a, b in zip(one, other, strict=True))


def _may_be_address(one: str, other: str) -> bool:
    """Whether one is an address with a part of the other's name in it, as in alee@ for Ann Lee."""
    for address, name in ((one, other), (other, one)):
        if "@" in address and any(
            len(word) > 2 and word in "".join(_name(address, without_brackets=False))
            for word in _name(name, without_brackets=True)
        ):
            return True
    return False
