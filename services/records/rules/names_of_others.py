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
) -> str:
    """A pattern of what stands in a text as the name of one of these; empty where none has a word of a secret one."""
    words = {word for name in secret for word in name} | _SAINT
    theirs = [each for name in agencies for each in _of_an_agency(name, words, generic)]
    theirs += _of_people(list(people), words - generic - _SAINT, secret)
    if not theirs:
        return ""
    goes_on = "|".join(map(re.escape, sorted(words)))
    return rf"(?<!\w)(?:{'|'.join(sorted(set(theirs)))})(?![\w'])(?!{_GAP}(?:{goes_on})(?!\w))"


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


def _of_people(names: list[str], telling: Set[str], secret: Set[_Words]) -> Iterator[str]:
    """A name with a title, an initial or a first name before it; a first name alone but where it is a place."""
    whole = [words for name in names for words in told(name)]
    some = [tuple(word for word in words if not says_nothing(word)) for words in whole]
    called = {each[0] for each in some if each and each[0] not in LITTLE} | TITLES
    before = "|".join(sorted({re.escape(way) for each in called for way in (each.capitalize(), each.upper())}))
    for words, first in zip(some, (each[0] for each in whole), strict=True):
        for number, word in enumerate(words):
            if word not in telling:
                continue
            yield rf"(?:mrs?|ms|(?-i:{before}|[B-HJ-Z]))\.?{_GAP}{{0,2}}(?<!\w){_word(word)}"
            if number == 0 and word == first and (word,) not in secret and len(word) > 2:
                yield f"{_NOT_WHERE}{_word(word)}"
        if len(words) > 1 and not telling.isdisjoint(words):
            yield _spelt(words)


def _spelt(words: Iterable[str]) -> str:
    return f"{_GAP}(?:(?:&|and){_GAP})?".join(_word(each) for each in words if each != "and")


def _word(word: str) -> str:
    return r"(?:st\.?|saint)" if word in _SAINT else "'?".join(map(re.escape, word)) + "(?:'?s)?'?"
