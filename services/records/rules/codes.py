"""One-time codes: how one is made, how long it lives, how often it may be tried, and how many there may be.

A code is six digits, so what protects it is that it cannot be tried often. Whoever holds a link has at most
`WRONG_IN_A_WEEK` wrong tries in seven days, over however many codes: one chance in 50,000.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

DIGITS = 6
LIVES = timedelta(minutes=15)
TRIES = 5
"""Tries that one code has."""
AT_ONCE = timedelta(seconds=20)
"""Within this a second request is a second click: no second code."""
AN_HOUR, A_DAY = 4, 8
"""Codes that one dispatch has."""
WEEK, WRONG_IN_A_WEEK = timedelta(days=7), 20

_TYPED = re.compile(r"[0-9]{6}")
_BETWEEN = re.compile(r"[\s-]+")


@dataclass(frozen=True, slots=True)
class Made:
    """A code that was made: when, and the tries it had, the right one among them where it was used."""

    at: datetime
    tries: int
    used: bool

    @property
    def wrong(self) -> int:
        return self.tries - self.used


def code_of(key: bytes, dispatch_id: str, nonce: str) -> str:
    """The code that belongs to a nonce. Without the key a nonce says nothing of it."""
    mark = hmac.digest(key, f"code\0{dispatch_id}\0{nonce}".encode(), "sha256")
    return str(int.from_bytes(mark[:16]) % 10**DIGITS).zfill(DIGITS)


def typed(text: str) -> str | None:
    """A code as somebody typed it, without the spaces and hyphens in it; None for what cannot be one."""
    code = _BETWEEN.sub("", text)
    return code if _TYPED.fullmatch(code) else None


def is_live(made: Made, now: datetime) -> bool:
    """Whether a code may still be tried."""
    return not made.used and made.tries < TRIES and now < made.at + LIVES


def next_at(made: Sequence[Made], now: datetime) -> datetime:
    """From when the next code may be made; `made` are those of the last seven days, the newest first."""
    waits = [now]
    for most, within in ((AN_HOUR, timedelta(hours=1)), (A_DAY, timedelta(days=1))):
        if len(made) >= most:
            waits.append(made[most - 1].at + within)
    wrong = 0
    for each in made:
        wrong += each.wrong
        if wrong > WRONG_IN_A_WEEK - TRIES:
            waits.append(each.at + WEEK)
            break
    return max(waits)
