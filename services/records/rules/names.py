"""Names to look for, in each of the ways in which they are spelt: joined or apart, with an apostrophe or without."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from services.records.rules.plain_text import ways
from services.records.rules.words_of_names import FIRST_NAMES, LITTLE, ONLY_NAMES, SAY_NOTHING, SURNAMES, WORDS_TOO

_CHUNK = re.compile(r"[^\W_]+(?:['-][^\W_]+)*")
_PIECES = re.compile(r"['-]|(?<=[a-z])(?=[A-Z])")
_MR = frozenset({"mr", "mrs", "ms", "miss", "mx", "dr"})
_SHORT = 5  # two words written as one count from so many letters on: "Li Na" is not "Lina"


@dataclass(frozen=True, slots=True)
class Names:
    """Names to look for, in small letters: `whole` as the words that they consist of, `alone` each word that tells
    as much by itself, `capitals` what does so with a capital alone, `initials`, and `initials_and_name` as they
    stand before a surname; `surnames` count where somebody is called by them. `first_and_last` stand with one name
    more between them too, or the other way round. Of `places` each word may have an s more or less, and of
    `places_in_capitals` each begins with a capital. `known` are words that their reader may read: what may be one
    of these is taken for it, unless it is one of the names letter by letter. `others` is a pattern of other names,
    each with one of the words that are `shared`: what stands within one of these is none to look for.
    """

    whole: frozenset[tuple[str, ...]] = frozenset()
    alone: frozenset[str] = frozenset()
    capitals: frozenset[str] = frozenset()
    initials: frozenset[str] = frozenset()
    initials_and_name: frozenset[tuple[str, str]] = frozenset()
    surnames: frozenset[str] = frozenset()
    first_and_last: frozenset[tuple[str, str]] = frozenset()
    places: frozenset[tuple[str, ...]] = frozenset()
    places_in_capitals: frozenset[tuple[str, ...]] = frozenset()
    known: frozenset[str] = frozenset()
    others: str = ""
    shared: frozenset[str] = frozenset()


@lru_cache(maxsize=2048)
def told(name: str, *, of_somebody: bool = True) -> tuple[tuple[str, ...], ...]:
    """The words of a name in small letters, in each of the ways in which they are read. What an apostrophe divides is
    one word: "Mary's" is Marys, or Mary if what is somebody's is not to be read of.
    """
    found = []
    for chunks in _of(name):
        words = [each.casefold() for chunk in chunks for each in chunk.split("-")]
        found.append(tuple(_whose(each, of_somebody=of_somebody).replace("'", "") for each in words))
    return tuple(each for each in dict.fromkeys(found) if each)


def _whose(word: str, *, of_somebody: bool) -> str:
    """A word as it is, or without "'s"; always so where it names nobody, as in "the father's partner"."""
    short = word.removesuffix("'s")
    return word if of_somebody and not says_nothing(short) else short


def every_word(names: Iterable[str]) -> frozenset[str]:
    """The words of these names, and those that two of them are written as."""
    some = list(names)
    return frozenset(word for name in some for words in told(name) for word in words) | frozenset(
        word for name in some for word in joined(name)
    )


@lru_cache(maxsize=2048)
def joined(name: str) -> frozenset[str]:
    """What is one word where two that follow one another are written as one: Al-Hassan as Alhassan."""
    found = {"".join(each) for each in compounds(name) if not all(map(says_nothing, each))}
    pairs = (pair for words in told(name) if len(words) > 2 for pair in pairwise(words))
    found |= {one + other for one, other in pairs if not says_nothing(one) and not says_nothing(other)}
    return frozenset(each for each in found if len(each) >= _SHORT and each not in WORDS_TOO)


@lru_cache(maxsize=2048)
def compounds(name: str) -> frozenset[tuple[str, ...]]:
    """Parts of a name that are one, of which it shows what they are made of: Al-Hassan, O'Rourke, McDonald."""
    found = set()
    for chunk in (chunk for some in _of(name) for chunk in some):
        pieces = [each.casefold() for each in _PIECES.split(chunk)]
        if len(pieces) > 1 and pieces[-1] == "s":
            pieces.pop()
        if len(pieces) > 1:
            found.add(tuple(pieces))
    return frozenset(found)


def says_nothing(word: str) -> bool:
    """Whether a word of a name says what somebody is, and not who."""
    return word in SAY_NOTHING


def first_and_last(name: str) -> frozenset[tuple[str, str]]:
    """The first and the last word of a name that say who it is, in each of the ways in which they are read."""
    some = [tuple(word for word in words if _tells(word)) for words in told(name)]
    found = {(each[0], each[-1]) for each in some if len(each) > 1}
    return frozenset(found | {(each[0], last) for each in some if len(each) == 1 for last in surnames(name)})


def surnames(name: str) -> frozenset[str]:
    """Words of a name that say nothing elsewhere and are a surname here: beside a word that tells, or after "mr"."""
    found = set()
    for words in told(name):
        for before, word, after in zip(("", *words), words, (*words[1:], ""), strict=False):
            if word in SURNAMES and (before in _MR or any(each and _tells(each) for each in (before, after))):
                found.add(word)
    return frozenset(found)


def _first_names(name: str) -> frozenset[str]:
    """As above, what is a first name, or the whole of it: Junior."""
    return frozenset(
        words[0]
        for words in told(name)
        if (len(words) == 1 and words[0] in ONLY_NAMES)
        or (len(words) == 2 and words[0] in FIRST_NAMES and not says_nothing(words[1]))
    )


def personal(names: Iterable[str], allowed: Collection[str]) -> Names:
    """What to look for to find people of these names, where those that are allowed may be read."""
    known = every_word(allowed)
    free = {words for name in allowed for words in told(name)}
    whole: set[tuple[str, ...]] = set()
    alone: set[str] = set()
    called: set[str] = set()
    capitals: set[str] = set()
    for name in names:
        if any(words not in free for words in told(name)):
            called |= surnames(name)
            capitals |= _first_names(name)
        some = [words for words in told(name) if words not in free and not all(map(says_nothing, words))]
        if not some:
            continue
        whole |= {words for words in some if len(words) > 1}
        whole |= {
            each
            for each in compounds(name)
            if "".join(each) not in known
            and not all(map(says_nothing, each))
            and not known.issuperset(each)
            and not all(len(piece) < 3 or piece in LITTLE or piece in WORDS_TOO for piece in each)
        }
        alone |= {word for words in some for word in words if _tells(word)} - known
        alone |= joined(name) - known
    for name in allowed:
        called -= surnames(name)
        capitals -= _first_names(name)
    return Names(
        whole=frozenset(whole),
        alone=frozenset(alone),
        capitals=frozenset(capitals),
        surnames=frozenset(called),
        known=known,
    )


def _tells(word: str) -> bool:
    """Whether a word of a name tells whose it is by itself: one letter does only where it is a word."""
    return (len(word) > 1 or word >= "\u2e80") and not word.isdigit() and not says_nothing(word)


def _of(name: str) -> list[list[str]]:
    return [_CHUNK.findall(text) for text in ways(name)]
