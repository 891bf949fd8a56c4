"""The names of homes, refuges and those who run them, as a register has them and as people say them.

A register says more of a home than its name: who runs it, in which town it is, in brackets, after a comma or a dash.
Nobody says all of that. So each part counts by itself, with what stands before "house" or "home", and each word that is
like no other. Words of every day count with capitals alone: "Stay Safe" is a service, and to stay safe is a plan. With
"house" after them they are a house, "hope house" too: if it is not "his own house", as every sentence has it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import groupby

from services.records.rules.names import Names, told
from services.records.rules.names_of_others import names_of_others
from services.records.rules.words_of_names import (
    ABBREVIATIONS,
    BEFORE_HOUSES,
    EVERYDAY,
    LITTLE,
    OF_HOUSES,
    OF_PLACEMENTS,
    OF_TEAMS,
    TOWNS,
    WORDS_TOO,
)

_PARTS = re.compile(
    r"\bt/a\b|\bc/o\b|\b(?:trading as|part of|run by|formerly|previously|also known as|known as)\b"
    r"|[()\[\]{},;:/|\n\u2013\u2014]|\s-|-\s",
    re.IGNORECASE,
)

_HOMES = frozenset({"house", "home", "homes", "lodge", "refuge"})
_COMMON = EVERYDAY | WORDS_TOO | LITTLE | TOWNS | ABBREVIATIONS
_IN_CAPITALS = re.compile(r"[A-Z]{3,6}")
_Words = tuple[str, ...]


@lru_cache(maxsize=128)
def names_of_places(
    secret: frozenset[str],
    generic: frozenset[str],
    free: frozenset[str],
    agencies: frozenset[str],
    people: frozenset[str],
) -> Names:
    """What to look for to find places of these names. `free` are the names of places that the reader may read: what is
    found within one of these is not taken for a part of a secret one. Names of other `agencies` and of `people` may
    stand as theirs.
    """
    may_read = _all_runs(_told(free))
    several: set[_Words] = set()
    alone: set[str] = set()
    capitals: set[str] = set()
    initials: set[str] = set()
    for name in secret:
        for words in _told([name]):
            if not set(words) <= generic:
                several |= {each for each in (words, _shortened(words)) if not set(each) <= generic}
                alone |= {words[0]} if len(words) == 1 else _for_short(words, generic)
        parts = _told(each for each in _PARTS.split(name) if each and each != name)
        for words in (each for each in parts if _is_a_name(each, generic)):
            some = {each for each in (words, _shortened(words)) if not set(each) <= generic}
            several |= {each for each in some if each not in may_read}
            alone |= {each for each in _for_short(words, generic) - TOWNS if (each,) not in may_read}
        begins = _PARTS.split(name)[0].strip()
        if not _IN_CAPITALS.fullmatch(begins):
            own = {words for words in _told([begins]) if len(words) == 1 and _is_like_no_other(words[0], "", generic)}
            alone |= {each[0] for each in own - may_read}
        initials |= {each.casefold() for each in map(str.strip, _PARTS.split(name)) if _IN_CAPITALS.fullmatch(each)}
        for words in _told([name]) | parts:
            found = {each for each in (*_within(words, generic), *_houses(words, generic)) if each not in may_read}
            several |= found
            capitals |= {each[0] for each in found if len(each) == 1}
    together: dict[bool, set[_Words]] = {True: set(), False: set()}
    for words in (each for each in several if len(each) > 1):
        stems = tuple(_stem(each) for each in words if each != "and")
        together[_is_of_everyday(words, generic)].add(stems if len(stems) > 1 else words)
    everyday = {each for each in alone if not _says_which((each,), generic)}
    theirs, shared = names_of_others(_told(secret), generic, _told(agencies), people)
    return Names(
        alone=frozenset(alone - everyday),
        capitals=frozenset(capitals - alone | everyday),
        initials=frozenset(each for each in initials if _says_which((each,), generic) and (each,) not in may_read),
        places=frozenset(together[False]),
        places_in_capitals=frozenset(together[True] - together[False]),
        others=theirs,
        shared=shared,
    )


def is_of_a_home(name: str) -> bool:
    """Whether this is the name of a house, by what it is called."""
    return any(not _HOMES.isdisjoint(words) for words in _told([name]))


def is_of_any_team(name: str) -> bool:
    """Whether a team is called for what it does, or by its town, and is no house: Duty Team; but Haven may be one."""
    every_day = OF_TEAMS | OF_PLACEMENTS | LITTLE | TOWNS
    words = {word for some in _told([name]) for word in some if not word.isdigit()}
    return words <= every_day and not is_of_a_home(name)


def _told(names: Iterable[str]) -> set[_Words]:
    some = [name.replace("&", " and ") for name in names]
    return {words for name in some for words in (*told(name), *told(name, of_somebody=False))}


def _for_short(words: _Words, generic: frozenset[str]) -> frozenset[str]:
    """The one word that is left of a name without what stands at the end of many."""
    short = _shortened(words)
    tells = len(short) == 1 < len(words) and len(short[0]) > 3 and short[0] not in WORDS_TOO and short[0] not in generic
    return frozenset(short if tells else ())  # and "domestic abuse" names nobody


def _within(words: _Words, generic: frozenset[str]) -> Iterator[_Words]:
    """What stands before words that many names have, with these and without; and each word that is like no other."""
    runs = [(which, tuple(some)) for which, some in groupby(words, lambda each: each not in generic)]
    for number, (tells, run) in enumerate(runs):
        if not tells:
            continue
        after = runs[number + 1][1] if number + 1 < len(runs) else ()
        some = [run + after[:more] for more in range(len(after) + 1)]
        yield from (each for each in some if len(each) > 1 and each[-1] not in LITTLE and _says_which(each, generic))
        before = ("", *run)
        yield from ((each,) for each, last in zip(run, before, strict=False) if _is_like_no_other(each, last, generic))


def _houses(words: _Words, generic: frozenset[str]) -> Iterator[_Words]:
    """What is a house by itself, with one word more or several: Hope House of Acme Hope House Children's Home."""
    for end, word in enumerate(words):
        start = end
        while word in OF_HOUSES and start and words[start - 1] not in generic and words[start - 1] not in LITTLE:
            start -= 1
            if _is_a_house(words[start : end + 1], generic):
                yield words[start : end + 1]


def _is_a_house(words: _Words, generic: frozenset[str]) -> bool:
    """Whether these words are a house of a name of its own, and not what every sentence has: his own house."""
    return words[-1] in OF_HOUSES and not all(
        (each in BEFORE_HOUSES and not (words[-1] == "aid" and each in {"women", "womens"}))
        or each in generic
        or each in LITTLE
        for each in words[:-1]
    )


def _is_like_no_other(word: str, before: str, generic: frozenset[str]) -> bool:
    return len(word) > 3 and before not in {"st", "saint"} and _says_which((word,), generic)


def _says_which(words: _Words, generic: frozenset[str]) -> bool:
    """Whether among these words is one that is neither of every day nor the name of a town."""
    return not all(_is_common(each, generic) or _is_common(_stem(each), generic) for each in words)


def _is_common(word: str, generic: frozenset[str]) -> bool:
    return word.isdigit() or word in _COMMON or word in generic


def _is_of_everyday(words: _Words, generic: frozenset[str]) -> bool:
    """Whether these words may stand in a sentence and name nothing. Nobody says the whole of a long name by chance."""
    return not (_says_which(words, generic) or _is_a_house(words, generic)) and (
        len(words) < 4 or not any(map(str.isdigit, words))
    )


def _is_a_name(words: _Words, generic: frozenset[str]) -> bool:
    """Whether a part of a name is one too, and no town: of a home, or with a word that is not of every day."""
    return not set(words) <= generic and (
        not _HOMES.isdisjoint(words) or (len(words) > 1 and _says_which(words, generic))
    )


def _all_runs(names: Iterable[_Words]) -> frozenset[_Words]:
    """Each of these, and whatever stands within one of them."""
    return frozenset(name[at:end] for name in names for at in range(len(name)) for end in range(at + 1, len(name) + 1))


def _stem(word: str) -> str:
    """A word of the name of a place without an s at its end, and a saint as he is written for short."""
    if word == "saint":
        return "st"
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


def _shortened(name: _Words) -> _Words:
    """The name of a placement as people say it: without what stands at the end of many such names."""
    while name and name[-1] in OF_PLACEMENTS:
        name = name[:-1]
    while name and name[0] == "the":
        name = name[1:]
    return name
