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
_IN_TWO_LETTERS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ø": "oe", "å": "aa"})
_APOSTROPHES = re.compile(r"['’‘ʼ`´.]")
_LAST_NAME_FIRST = re.compile(r"\s*([^\s,]+)\s*,(.*)", re.DOTALL)

SAYS_NOTHING = frozenset("\u115f\u1160\u3164\uffa0\u2800\u034f\u0640")
"""Signs that count as letters, or take room like one, and are neither a letter nor a space to a reader."""
_WITHOUT_THESE = str.maketrans(dict.fromkeys(SAYS_NOTHING, ""))


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
    word or to initials, or written as one word; and letters of another alphabet may be any that they look like. So it
    is where one word of a name is spelt another way (`_is_near`) or shortened, as in Kath for Katherine.
    """
    if same_person(one, other):
        return True
    return any(
        _may_be(_looks(_name(some, without_brackets=without)), _looks(_name(others, without_brackets=without)))
        for without in (True, False)
        for some, others in ((one, other), (_in_two_letters(one), _in_two_letters(other)))
    ) or _may_be_address(one, other)


def _in_two_letters(text: str) -> str:
    """Müller as Mueller."""
    return unicodedata.normalize("NFKC", text).casefold().translate(_IN_TWO_LETTERS)


def _name(text: str, *, without_brackets: bool) -> list[str]:
    """The words that tell a name from others; all that there are, where none does."""
    local, at, _ = text.partition("@")
    if at and not re.search(r"\s", local.strip()):
        text = re.sub(r"[0-9]+", "", local) or local
    last_first = _LAST_NAME_FIRST.fullmatch(text)
    text = f"{last_first[2]} {last_first[1]}" if last_first else text
    words = _words(_BRACKETS.sub(" ", text) if without_brackets else text)
    return [each for each in words if each not in _TITLES] or words or _words(text)


def _words(text: str) -> list[str]:
    said = unicodedata.normalize("NFKC", text.translate(_WITHOUT_THESE)).casefold()
    plain = unicodedata.normalize("NFKD", said).translate(_NO_ACCENT)
    seen = "".join(each for each in plain if unicodedata.category(each) not in {"Cf", "Mn", "Me", "Cc"})
    return re.findall(r"[^\W_]+", _APOSTROPHES.sub(_dot_or_nothing, seen))


def _dot_or_nothing(sign: re.Match[str]) -> str:
    return " " if sign[0] == "." else ""


def _looks(words: Sequence[str]) -> list[str]:
    return [each.translate(_ONE_FOR_ANOTHER) for each in words]


def _may_be(some: Sequence[str], others: Sequence[str]) -> bool:
    short, long = sorted((list(some), list(others)), key=len)
    whole, other = "".join(short), "".join(long)
    if not short or _alike(whole, other) or short == ["".join(each[0] for each in long)]:
        return True
    if len(short) != len(long) and _is_near(whole, other):
        return True
    ends = (short[-1], long[-1]) if len(short) > 1 else None
    unlike, left = _without_alike(short, long)
    other_words = []
    for word in unlike:
        found = next((each for each in left if _is_initial(word, each)), None)
        start = left.index(found) if found is not None else _initials_in(word, left)
        if start is None:
            other_words.append(word)
        else:
            del left[start : start + (len(word) if found is None else 1)]
    return not other_words or (
        len(other_words) == 1
        and any(
            _is_near(other_words[0], each) or (_is_shortened(other_words[0], each) and (other_words[0], each) != ends)
            for each in left
        )
    )


def _without_alike(short: Sequence[str], long: Sequence[str]) -> tuple[list[str], list[str]]:
    """The words of two names that have none like them in the other."""
    unlike, left = [], list(long)
    for word in sorted(short, key=len, reverse=True):
        found = next((each for each in left if _alike(word, each)), None)
        if found is None:
            unlike.append(word)
        else:
            left.remove(found)
    return unlike, left


def _is_near(one: str, other: str) -> bool:
    """Whether two words may be one, spelt in two ways: a letter more in one of them, of three letters at least; or of
    four, one letter for another, or two that changed places. The first letter is the same in all but long words, since
    Molly and Holly are two people.
    """
    short, long = sorted((one, other), key=len)
    if short[:1] != long[:1] and len(long) < 6:
        return False
    if len(long) == len(short) + 1:
        return len(short) >= 3 and any(long[:at] + long[at + 1 :] == short for at in range(len(long)))
    if len(long) != len(short) or len(short) < 4:
        return False
    differ = [at for at, (a, b) in enumerate(zip(short, long, strict=True)) if a != b]
    if len(differ) < 2:
        return True
    return len(differ) == 2 and differ[1] == differ[0] + 1 and short[differ[0] :][:2] == long[differ[0] :][:2][::-1]


def _is_shortened(one: str, other: str) -> bool:
    """Whether a word is the other shortened, to three letters at least. A last name is not shortened."""
    short, long = sorted((one, other), key=len)
    return len(short) >= 3 and long.startswith(short)


def _initials_in(word: str, words: Sequence[str]) -> int | None:
    """Where the words begin of which a short word is the initials, as AM is of Ann Marie."""
    size = len(word)
    if size not in (2, 3):
        return None
    starts = range(len(words) - size + 1)
    return next((at for at in starts if _alike(word, "".join(each[0] for each in words[at : at + size]))), None)


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
