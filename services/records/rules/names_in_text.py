"""Whether a name stands in a text, however it is spelt there.

A name is looked for among the letters of a text alone. Where they are found in a row, what stands around and between
them says whether it is the name, and not a part of another word or of several.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cached_property, lru_cache
from itertools import pairwise

from services.records.rules.names import Names
from services.records.rules.plain_text import ways
from services.records.rules.words_of_names import BEFORE_NAMES, LITTLE, SAY_NOTHING, TITLES, WORDS_TOO

_NOT_A_LETTER = re.compile(r"[\W_]+")
_FIGURES = str.maketrans("OoIil", "00111")
_ALMOST_FIGURES = re.compile(r"(?<![^\W_])[0-9OIl][0-9OoIl]*(?![^\W_])")
_WITHIN = re.compile(r"'{1,2}|-[ \n]*")
_WITHIN_LONG = re.compile(r"'{1,2}|-[ \n]*|\n *")
_APART = re.compile(r"[ .\n]{1,2}")
_BEFORE = re.compile(r"([^\W\d_]+)[. \n]{1,3}$")
_BEGINS = re.compile(r"(?:^|[.!?:;*\n-])[\W_]*$")
_BETWEEN = re.compile(r"[ \n]{1,2}[^\W\d_a-z][^\W\d_]{0,14}(?:\.[ \n]{0,2}|[ \n]{1,2})")
_LONGEST = 15
_FAMILY = re.compile(r"s(?![^\W_])|s?'?[ \n]{1,2}(?:family|household|children|boys|girls|brothers|sisters)(?![^\W_])")
_SMALL_WORDS = LITTLE | {"against", "without", "within", "beyond", "through"}
_SCRIPTS_WITHOUT_SPACES = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")


class Reading:
    """A text in one of the ways in which it reads: with its capitals, without them, and its letters alone."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.small = text.casefold()
        self.letters = _NOT_A_LETTER.sub("", self.small)

    @cached_property
    def where(self) -> list[int]:
        """Where in the text each of the letters stands."""
        return [at for at, one in enumerate(self.small) if one.isalnum()]

    @cached_property
    def figures(self) -> str:
        """The text with figures where letters among figures look like them: O7700 9OO 123."""
        return _ALMOST_FIGURES.sub(_as_figures, self.text)

    @cached_property
    def in_figures(self) -> str:
        """The letters alone, with a figure for each that looks like one."""
        return self.letters.translate(_FIGURES)

    @cached_property
    def squeezed(self) -> str:
        """All but its spaces and lines."""
        return "".join(self.small.split())


def _at(text: str, at: int) -> str:
    return text[at] if 0 <= at < len(text) else ""


def _as_figures(found: re.Match[str]) -> str:
    """In figures what holds one, or stands between two."""
    word, around = found[0], (_at(found.string, found.start() - 2), _at(found.string, found.end() + 1))
    if not word.isdigit() and (any(map(str.isdigit, word)) or all(map(str.isdigit, around))):
        return word.translate(_FIGURES)
    return word


@lru_cache(maxsize=128)
def readings(text: str) -> tuple[Reading, ...]:
    """All ways in which a text reads."""
    return tuple(map(Reading, ways(text)))


def stands_in(reading: Reading, names: Names) -> bool:
    """Whether any of these names stands in the text."""
    if any(word in reading.letters for word in names.shared):
        reading = _without(reading, names.others)
    letters = reading.letters
    return (
        any("".join(name) in letters and _whole(reading, name) for name in names.whole)
        or any(word in letters and _alone(reading, word, names.known) for word in names.alone)
        or any(word in letters and _alone(reading, word, names.known, with_capital=True) for word in names.capitals)
        or any(each in letters and _initials(each).search(reading.text) for each in names.initials)
        or any(one + name in letters and _with_initials(reading, one, name) for one, name in names.initials_and_name)
        or any(word in letters and _called(reading, word) for word in names.surnames)
        or any(_first_and_last(reading, *each, names) for each in names.first_and_last)
        or any(_place(reading, place) for place in names.places)
        or any(_place(reading, place, in_capitals=True) for place in names.places_in_capitals)
    )


def _without(reading: Reading, others: str) -> Reading:
    """The text with a figure, of which no name is made, for what stands there as the name of somebody else."""
    text = _pattern(others).sub(" 0 ", reading.text)
    return reading if text == reading.text else Reading(text)


@lru_cache(maxsize=512)
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text, re.IGNORECASE)


def _rows(letters: str, name: str) -> Iterator[int]:
    at = letters.find(name)
    while at >= 0:
        yield at
        at = letters.find(name, at + 1)


def _whole(reading: Reading, name: Sequence[str]) -> bool:
    """Whether these words stand there one after the other, whatever is between them."""
    return any(
        _begins(reading, at, name[0])
        and _ends(reading, at + sum(map(len, name)) - 1, at, name[-1])
        and _hold_together(reading, at, name)
        for at in _rows(reading.letters, "".join(name))
    )


def _alone(reading: Reading, word: str, known: frozenset[str], *, with_capital: bool = False) -> bool:
    """Whether a single name stands there. One that is a word too, or has but two letters, counts with a capital, and as
    a surname after "mr".
    """
    a_word = with_capital or word in WORDS_TOO or len(word) < 3
    return any(
        _begins(reading, at, word)
        and (not a_word or _has_a_capital(reading, at, word) or _is_addressed(reading, at))
        and _ends(reading, at + len(word) - 1, at, word)
        and _hold_together(reading, at, (word,))
        and _is_meant(reading, at, word, known)
        for at in _rows(reading.letters, word)
    )


def _has_a_capital(reading: Reading, at: int, word: str) -> bool:
    """Whether a word has a capital; one of every sentence, as To and An are, has it at the beginning anyhow."""
    where = reading.where[at]
    begins = word in SAY_NOTHING & LITTLE and _BEGINS.search(reading.small[max(0, where - 20) : where]) is not None
    return _is_capital(reading.text[where]) and not begins


def _called(reading: Reading, name: str) -> bool:
    """Whether somebody is called by a name that says nothing elsewhere: Mr Foster, the Young family, the Youngs."""
    for at in _rows(reading.letters, name):
        if not _is_there(reading, at, name):
            continue
        where, last = reading.where[at], reading.where[at + len(name) - 1]
        before = _BEFORE.search(reading.small[max(0, where - 20) : where])
        nearest = before[1] if before is not None else ""
        is_capital = reading.text[where].isupper()
        if _is_addressed(reading, at) or (is_capital and nearest in TITLES):
            return True
        if is_capital and nearest == "the" and _FAMILY.match(reading.small, last + 1):
            return True
    return False


def _is_addressed(reading: Reading, at: int) -> bool:
    """Whether somebody is called by what stands there, in small letters though it is."""
    where = reading.where[at]
    before = _BEFORE.search(reading.small[max(0, where - 20) : where])
    return before is not None and before[1] in {"mr", "mrs", "ms"}


def _with_initials(reading: Reading, initials: str, name: str) -> bool:
    """Whether a surname stands there after initials in capitals."""
    for at in _rows(reading.letters, initials + name):
        where = reading.where[at : at + len(initials)]
        apart = [reading.text[one + 1 : other] for one, other in pairwise(where)]
        if (
            all(reading.text[each].isupper() for each in where)
            and (name not in SAY_NOTHING or reading.text[reading.where[at + len(initials)]].isupper())
            and all(len(each) <= 2 and not each.strip(" .") for each in apart)
            and _begins(reading, at, initials)
            and _ends(reading, at + len(initials) + len(name) - 1, at, name)
            and _hold_together(reading, at + len(initials), (name,))
        ):
            return True
    return False


def _first_and_last(reading: Reading, first: str, last: str, names: Names) -> bool:
    """Whether these two stand there as one name, also with one more between them in capitals, or the surname first."""
    if last not in reading.letters or first[0] not in reading.letters:
        return False
    if _whole(reading, (first, last)):
        return True
    ends = {at for at in _rows(reading.letters, last) if _is_there(reading, at, last)}
    if any(_is_before(reading, at + len(last), first, names, last) for at in ends if _may_be_first(reading, at, names)):
        return True
    return any(
        _BETWEEN.fullmatch(reading.text[reading.where[after - 1] + 1 : reading.where[end]]) is not None
        for at in _rows(reading.letters, first)
        if _is_there(reading, at, first) and _is_capital(reading.text[reading.where[at]])
        for after in [at + len(first)]
        for end in ends.intersection(range(after, after + _LONGEST))
    )


def _is_there(reading: Reading, at: int, word: str) -> bool:
    return (
        _begins(reading, at, word)
        and _ends(reading, at + len(word) - 1, at, word)
        and _hold_together(reading, at, (word,))
    )


def _may_be_first(reading: Reading, at: int, names: Names) -> bool:
    """Whether what stands there may be a surname before the name: not in "Mary Smith, John", or "Mrs Smith, John"."""
    where = reading.where[at]
    before = _BEFORE.search(reading.small[max(0, where - 20) : where])
    nearest = before[1] if before is not None else ""
    return _is_capital(reading.text[where]) and not (nearest in TITLES | names.known or len(nearest) == 1)


def _is_before(reading: Reading, end: int, first: str, names: Names, last: str) -> bool:
    """Whether a name, or the initial of it, follows what ends there: "Smith, John", "SMITH J."; and not "Smith, I"."""
    initial = (first[0], last) in names.initials_and_name and first[0] not in "ai"
    return _following(first, initial).match(reading.text, reading.where[end - 1] + 1) is not None


@lru_cache(maxsize=512)
def _following(first: str, initial: bool) -> re.Pattern[str]:
    or_initial = rf"|{re.escape(first[0].upper())}(?![\w'])" if initial else ""
    return re.compile(rf"[, \n-]{{1,3}}(?:(?i:{re.escape(first)})(?!\w){or_initial})")


def _place(reading: Reading, place: Sequence[str], *, in_capitals: bool = False) -> bool:
    """Whether the name of a place stands there. It is given without what may be there or not."""
    if not all(word in reading.letters or word == "st" for word in place):
        return False
    for found in _place_in_letters(tuple(place)).finditer(reading.letters):
        spans = [found.span(number) for number in range(1, len(place) + 1)]
        if (
            _begins(reading, spans[0][0], place[0])
            and _is_end(reading.small, reading.where[spans[-1][1] - 1]) is not None
            and all(_hold_together(reading, one, (reading.letters[one:other],)) for one, other in spans)
            and (not in_capitals or _each_has_a_capital(reading, [one for one, _ in spans], place))
        ):
            return True
    return False


def _each_has_a_capital(reading: Reading, beginnings: Sequence[int], words: Sequence[str]) -> bool:
    """Whether each of these words has a capital, where it is not joined to the one before: Hope for All, Meadowbank.
    Within a sentence the first of them is enough.
    """
    where = [reading.where[at] for at in beginnings]
    first = where[0]
    if _is_capital(reading.text[first]) and _BEGINS.search(reading.small[max(0, first - 20) : first]) is None:
        return True
    return all(
        _is_capital(reading.text[at]) or word in _SMALL_WORDS or (number > 0 and reading.text[at - 1].isalpha())
        for number, (at, word) in enumerate(zip(where, words, strict=True))
    )


@lru_cache(maxsize=512)
def _place_in_letters(place: tuple[str, ...]) -> re.Pattern[str]:
    some = ["(saint|st)" if each == "st" else f"({re.escape(each)})" for each in place]
    return re.compile(f"(?={'s?(?:and)?'.join(some)})")


@lru_cache(maxsize=512)
def _initials(letters: str) -> re.Pattern[str]:
    each = r"[ .]{0,2}".join(re.escape(each.upper()) for each in letters)
    return re.compile(rf"(?<![^\W_]){each}\.?s?(?![^\W_])")


def _is_capital(one: str) -> bool:
    """Whether a letter is a capital, or of an alphabet that has none."""
    return one == one.upper()


def _goes_on(one: str, other: str) -> bool:
    """Whether two characters that stand side by side are of one word. A figure after a name makes it no other."""
    return (
        one.isalnum()
        and other.isalnum()
        and one.isdigit() == other.isdigit()
        and not _SCRIPTS_WITHOUT_SPACES.match(one)
        and not _SCRIPTS_WITHOUT_SPACES.match(other)
    )


def _begins(reading: Reading, at: int, word: str) -> bool:
    where = reading.where[at]
    before = reading.small[where - 1] if where else " "
    return not (before.isalnum() if len(word) < 3 and word.isascii() else _goes_on(before, reading.small[where]))


def _is_end(small: str, last: int) -> str | None:
    """What was put to a word that ends there: nothing or an s; None where it does not end. "Don't" is no Don's."""
    after = small[last + 1 : last + 2]
    if after == "'" and small[last + 2 : last + 3] == "t" and not small[last + 3 : last + 4].isalpha():
        return None
    if not after or not _goes_on(small[last], after):
        return ""
    return "s" if after == "s" and not small[last + 2 : last + 3].isalnum() else None


def _ends(reading: Reading, last_letter: int, first_letter: int, word: str) -> bool:
    """Whether a name ends there. With an s and no apostrophe it counts with a capital, and not as the surname of
    somebody else; and of a word too within a sentence alone.
    """
    last, first = reading.where[last_letter], reading.where[first_letter]
    after = reading.small[last + 1 : last + 2]
    if len(word) < 3 and word.isascii() and after.isalnum():
        return False
    added = _is_end(reading.small, last)
    if not added:
        return added is not None
    before = reading.small[max(0, first - 20) : first]
    title = _BEFORE.search(before)
    return (
        reading.text[first].isupper()
        and not (title is not None and title[1] in TITLES)
        and (word not in WORDS_TOO or _BEGINS.search(before) is None)
    )


def _hold_together(reading: Reading, at: int, words: Sequence[str]) -> bool:
    """Whether the letters of each word are those of a word, also where a line ends within it or they are spaced out."""
    for word in words:
        where = reading.where[at : at + len(word)]
        at += len(word)
        if where[-1] - where[0] != len(word) - 1 and not _is_one(reading.text, where, word):
            return False
    return True


def _is_one(text: str, where: Sequence[int], word: str) -> bool:
    between = [text[one + 1 : other] for one, other in pairwise(where)]
    if len(word) > 2 and all(0 < len(each) <= 3 for each in between):
        return True
    within = _WITHIN if len(word) < 5 else _WITHIN_LONG
    others = [number for number, each in enumerate(between) if each and not within.fullmatch(each)]
    return not others or (
        len(others) == 1
        and _APART.fullmatch(between[others[0]]) is not None
        and _was_parted(word, others[0] + 1, text[where[0]] + text[where[others[0] + 1]])
    )


def _was_parted(word: str, at: int, first_letters: str) -> bool:
    """Whether a name that is one word may be written as two: Al Hassan, Jo Ann; and not "has an"."""
    one, other = word[:at], word[at:]
    if len(word) < 5 or other in LITTLE:
        return False
    if one in BEFORE_NAMES:
        return len(other) > 2
    return first_letters.isupper() and len(one) > 1 < len(other) and one not in LITTLE


def _is_meant(reading: Reading, at: int, word: str, known: frozenset[str]) -> bool:
    """Whether the name is meant, and not one that the reader may read: "Robin's" is of Robin before it is of Robins."""
    small, first, last = reading.small, reading.where[at], reading.where[at + len(word) - 1]
    while first and (small[first - 1].isalpha() or small[first - 1] == "'"):
        first -= 1
    while last + 1 < len(small) and (small[last + 1].isalpha() or small[last + 1] == "'"):
        last += 1
    found = small[first : last + 1].strip("'")
    nearest = _NOT_A_LETTER.sub("", found.removesuffix("'s"))
    parts = [each for each in re.findall(r"[^\W_]+", found.removesuffix("'s")) if len(each) > 1]
    if len(parts) > 1 and known.issuperset(parts):
        return False
    if nearest == word:
        return True
    if nearest in known or _NOT_A_LETTER.sub("", found) in known:
        return False
    return nearest not in WORDS_TOO or _is_capital(reading.text[first])
