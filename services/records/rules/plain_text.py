"""Text as it reads, whatever it is made of: the same letters, digits and spaces for what looks the same.

What hides a name or a number from a search hides it from no reader: letters of full width, hard and zero-width spaces,
soft hyphens, accents put together from two characters, letters of another alphabet that look like Latin ones.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

# Letters of other alphabets that look like Latin ones, and Latin ones that do not come apart into letter and accent.
_LOOKS_LIKE = dict(
    zip(
        "АВЕЅІЈКМНОРСТУХаеѕіјорсухԁһԛԝΑΒΕΖΗΙΚΜΝΟΡΤΥΧαινορυχıøØłŁđĐħĦ‐‑‒–—―−",
        "ABESIJKMHOPCTYXaesijopcyxdhqwABEZHIKMNOPTYXaivopuxioOlLdDhH-------",
        strict=True,
    )
)
_NOTHING = frozenset("\u115f\u1160\u3164\uffa0\u2800\u034f")  # take room, and are neither letter nor space
_LINES = frozenset("\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029")
_POSSESSIVE = re.compile(r"['’‘ʼ`´]([sS])\b")
_APOSTROPHE = re.compile(r"['’‘ʼ`´]")


@lru_cache(maxsize=256)
def plain(text: str) -> str:
    """The text in plain letters and digits, with its capitals, one kind of space, and its lines."""
    found = []
    for one in unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", text.replace("\r\n", "\n"))):
        category = unicodedata.category(one)
        if one in _LINES:
            found.append("\n")
        elif category in {"Cf", "Mn", "Me"} or one in _NOTHING:
            continue
        elif one.isspace():
            found.append(" ")
        elif category == "Nd":
            found.append(str(unicodedata.decimal(one)))
        else:
            found.append(_LOOKS_LIKE.get(one, one))
    return _APOSTROPHE.sub("", _POSSESSIVE.sub(r" \1", "".join(found)))


def words(text: str) -> list[str]:
    """The words of a text in plain letters."""
    return re.findall(r"[^\W_]+", plain(text))
