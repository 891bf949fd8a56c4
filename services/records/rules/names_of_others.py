"""Names of agencies and people in which a word of a secret place stands: they may be read, and the word alone may not.

A home is called Oakfield, and so is a school; Thornbury House, and so is a father. Where all of their name stands, or
enough of it, it is theirs. "AB lives at Oakfield" says where AB lives, whatever schools there are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Set

from services.records.rules.names import says_nothing, told
from services.records.rules.words_of_names import LITTLE, TITLES

_GAP = "(?: {1,3}|-)"
# A first name alone is not somebody's where it is said to be a place.
_NOT_WHERE = "".join(rf"(?<!\b{each}[ \n])" for each in ("at", "in", "the", "into", "near", "called", "moved to"))
_SAINT = frozenset({"st", "saint"})
_Words = tuple[str, ...]


def names_of_others(
    secret: Set[_Words], generic: frozenset[str], agencies: Iterable[_Words], people: Iterable[str]
) -> tuple[str, frozenset[str]]:
    """A pattern of what stands in a text as the name of one of these, and the words of which one is in each of them;
    empty where none has a word of a secret one.
    """
    words = {word for name in secret for word in name} | _SAINT
    shared = words - generic - _SAINT
    theirs = [each for name in agencies for each in _of_an_agency(name, words, generic)]
    theirs += _of_people(list(people), shared, secret)
    if not theirs:
        return "", frozenset()
    goes_on = "|".join(map(re.escape, sorted(words)))
    pattern = rf"(?<!\w)(?:{'|'.join(sorted(set(theirs)))})(?![\w'])(?!{_GAP}(?:{goes_on})(?!\w))"
    return pattern, frozenset(word for word in shared if not word.isdigit())


def _of_an_agency(name: _Words, words: Set[str], generic: frozenset[str]) -> Iterator[str]:
    """The whole name, and what is shared with a word of its own after it: Oakfield School of Oakfield Primary School.
    One that has no word of its own is no other name: Oakfield House, of a home and of a surgery.
    """
    shared = [each for each in name if each in words]
    own = [each for each in name if not (each in words or each in generic or each in LITTLE)]
    if own and not (generic | _SAINT).issuperset(shared):
        yield _spelt(name)
        if shared == list(name[: len(shared)]):
            yield f"{_spelt(shared)}(?:{_GAP}(?:{'|'.join(map(_word, own))}))+"


def _of_people(names: list[str], telling: set[str], secret: Set[_Words]) -> Iterator[str]:
    """A name with a title, an initial or a first name before it; a first name alone but where it is a place."""
    whole = [words for name in names for words in told(name)]
    some = [tuple(word for word in words if not says_nothing(word)) for words in whole]
    called = {each[0] for each in some if each and each[0] not in LITTLE} | TITLES
    before = "|".join(sorted({re.escape(way) for each in called for way in (each.capitalize(), each.upper())}))
    called_by: set[str] = set()
    alone: set[str] = set()
    for words, first in zip(some, (each[0] for each in whole), strict=True):
        theirs = telling.intersection(words)
        called_by |= theirs
        alone |= {each for each in theirs if each == words[0] == first and (each,) not in secret and len(each) > 2}
        if len(words) > 1 and theirs:
            yield _spelt(words)
    if called_by:
        yield rf"(?:mrs?|ms|(?-i:{before}|[B-HJ-Z]))\.?{_GAP}{{0,2}}(?<!\w){_one_of(called_by)}"
    if alone:
        yield f"{_NOT_WHERE}{_one_of(alone)}"


def _one_of(words: Iterable[str]) -> str:
    return f"(?:{'|'.join(map(_word, sorted(words)))})"


def _spelt(words: Iterable[str]) -> str:
    return f"{_GAP}(?:(?:&|and){_GAP})?".join(_word(each) for each in words if each != "and")


def _word(word: str) -> str:
    return r"(?:st\.?|saint)" if word in _SAINT else "'?".join(map(re.escape, word)) + "(?:'?s)?'?"
