"""Whom a line in a record names: an agency or a person by id, by name, or by what kind it is where that is only one."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

from services.records.word.form import ALL, ALL_BUT, CHOICES, EVERYONE, ONLY, PROFESSIONALS

_DASHES = re.compile("[\u2010-\u2015\u2212]")
_QUOTES = str.maketrans({"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"'})
_WITH_LIST = re.compile(
    r"(only|all but|everyone but|all except|everyone except)\b\s*:?\s*(.*)", re.IGNORECASE | re.DOTALL
)
_MOST_SHOWN = 6
_MOST_NAMED, _MOST_WRONG = 200, 10  # of one line


@dataclass(frozen=True, slots=True)
class Named:
    """Somebody or something that a line may name: `words` are what it goes by besides its id."""

    id: str
    words: tuple[str, ...]

    @property
    def shown(self) -> str:
        """How a person finds it in the list."""
        return f"{self.words[0]} ({self.id})" if self.words else self.id


class CannotTell(Exception):
    """A line does not say for certain whom it means; the message says what would."""


def plain(text: str) -> str:
    """Words without what a word processor makes of them: capitals, curly quotes, long dashes, odd spaces."""
    text = unicodedata.normalize("NFKC", _DASHES.sub("-", text)).translate(_QUOTES)
    return " ".join(text.casefold().split()).strip(" .,;")


def audience_of(line: str, known: Sequence[Named]) -> Any:
    """The audience that a line means, in the form of the contract. Raises `CannotTell`."""
    said = plain(line)
    if said in (EVERYONE, PROFESSIONALS):
        return said
    if not said:
        raise CannotTell(f"says nothing: write one of {CHOICES}")
    match = _WITH_LIST.match(unicodedata.normalize("NFKC", line).strip())
    if match is None:
        raise CannotTell(f"“{_short(line)}” is none of {CHOICES}")
    way = ONLY if match[1].casefold() == ONLY else ALL_BUT
    ids = _ids(match[2], known, "agency or person")
    if not ids:
        raise CannotTell(f"names nobody after “{way}”: write {_listed(known, '')}, several with ; between them")
    return {"only" if way == ONLY else "except": ids}


def children_of(line: str, known: Sequence[Named]) -> list[str]:
    """The children that a line names, by id; none where it is left empty: then all of them are meant. Raises
    `CannotTell`.
    """
    return [] if plain(line) in ("", ALL) else _ids(line, known, "child")


def in_words(audience: Any, known: Sequence[Named]) -> str:
    """An audience as a line says it, so that reading the line gives the audience again."""
    if isinstance(audience, str):
        return audience
    way, ids = (ONLY, audience["only"]) if "only" in audience else (ALL_BUT, audience["except"])
    return f"{way}: {'; '.join(ids)}"


def _ids(text: str, known: Sequence[Named], what: str) -> list[str]:
    """The ids that a list names, each once, in the order of the list."""
    found: list[str] = []
    wrong: list[str] = []
    by_word = _by_word(known)
    parts = _parts(text, by_word)
    if len(parts) > _MOST_NAMED:
        raise CannotTell(f"names more than {_MOST_NAMED}: write each once, or all but those who are not to have it")
    for part in parts:
        if len(wrong) == _MOST_WRONG:
            wrong.append("and there is more in this line that is not in the list")
            break
        try:
            one = _id(part, known, by_word, what)
        except CannotTell as slip:
            wrong.append(str(slip))
        else:
            found.append(one)
    if wrong:
        raise CannotTell("; ".join(wrong))
    return list(dict.fromkeys(found))


def _parts(text: str, by_word: Mapping[str, set[str]]) -> list[str]:
    """The names in a list: parted by semicolons or lines; by commas too, where a name with its commas is none."""
    found: list[str] = []
    for each in re.split(r"[;\n]", text):
        whole = plain(each)
        found += [each] if whole in by_word or "," not in each else each.split(",")
    return [each.strip() for each in found if plain(each)]


def _by_word(known: Sequence[Named]) -> Mapping[str, set[str]]:
    found: dict[str, set[str]] = {}
    for each in known:
        for word in (each.id, *each.words, each.shown):
            found.setdefault(plain(word), set()).add(each.id)
    return found


def _id(part: str, known: Sequence[Named], by_word: Mapping[str, set[str]], what: str) -> str:
    written = _DASHES.sub("-", unicodedata.normalize("NFKC", part)).strip(" .,")
    if written in {each.id for each in known}:
        return written
    ids = by_word.get(plain(part), set())
    if len(ids) == 1:
        return next(iter(ids))
    if ids:
        raise CannotTell(f"“{_short(part)}” may be {' or '.join(sorted(ids))}: write the id")
    raise CannotTell(f"there is no {what} called “{_short(part)}”: write {_listed(known, part)}")


def _listed(known: Sequence[Named], like: str) -> str:
    """Some of those who may be named, the nearest to what was written first."""
    written = plain(_short(like))

    def near(each: Named) -> float:
        return max(SequenceMatcher(None, written, plain(word)).ratio() for word in (each.id, *each.words))

    shown = sorted(known, key=near, reverse=True)[:_MOST_SHOWN] if written else known[:_MOST_SHOWN]
    more = " or another of the list in the draft" if len(known) > _MOST_SHOWN else ""
    return f"{'; '.join(each.shown for each in shown)}{more}" if known else "everyone or professionals"


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 60 else line[:59] + "…"
