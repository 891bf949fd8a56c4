"""Makes one-time codes and holds what is typed against them.

Neither the database nor the outbox holds a code, only what makes it together with the key.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from services.foundation.work import Work
from services.records.rules.codes import AT_ONCE, LIVES, TRIES, WEEK, Made, code_of, is_live, next_at
from services.records.rules.dispatch import Dispatch
from services.records.store import codes as store
from services.records.store.codes import Code

CODE_LETTER = "record_code"


def _made(some: Iterable[Code]) -> list[Made]:
    return [Made(each.made_at, each.tries, each.used_at is not None) for each in some]


async def may_send(db: AsyncConnection, dispatch_id: str, now: datetime) -> tuple[bool, datetime]:
    """Whether another code of a dispatch is to be made, which it is not just after the last one; and from when."""
    made = await store.made_since(db, dispatch_id, now - WEEK)
    if made and now < made[0].made_at + AT_ONCE and made[0].used_at is None and not made[0].tries:
        return False, now
    until = next_at(_made(made), now)
    return until <= now, until


async def send(work: Work, dispatch: Dispatch) -> datetime | None:
    """Make a code for a dispatch and queue the letter with it, to the address that the dispatch went to. Returns None
    where that was done, or has just been; else from when there may be another.
    """
    may, until = await may_send(work.db, dispatch.dispatch_id, work.now)
    if not may:
        return until if until > work.now else None
    code = Code(secrets.token_hex(16), dispatch.dispatch_id, work.now, 0)
    await store.put(work.db, code)
    params = {
        "dispatch_id": dispatch.dispatch_id,
        "meeting_id": dispatch.meeting_id,
        "nonce": code.nonce,
        "to": dispatch.address,
        "family": dispatch.person_id is not None,
        "stamp": work.now.isoformat(),
    }
    # A key of its own: a code does not wait behind a letter that cannot go just now.
    work.post(CODE_LETTER, f"code {dispatch.dispatch_id}", params)
    return None


async def newest(db: AsyncConnection, dispatch_id: str, now: datetime) -> Code | None:
    """The code of a dispatch that may be tried; None where there is none. Only the newest one counts."""
    made = await store.made_since(db, dispatch_id, now - LIVES)
    return made[0] if made and is_live(_made(made[:1])[0], now) else None


async def give(db: AsyncConnection, key: bytes, dispatch_id: str, code: str, now: datetime) -> tuple[Code | None, int]:
    """Try a code, and use it up where it is right; returns it, or None and how many tries are left.

    The try is counted before anything is compared, in the row that it is about: tries at the same time wait for one
    another there, and no two of them use one code.
    """
    found = await newest(db, dispatch_id, now)
    if found is None or not await store.count_try(db, found.nonce, TRIES):
        return None, 0
    if hmac.compare_digest(code_of(key, dispatch_id, found.nonce).encode(), code.encode()):
        if await store.use(db, found.nonce, now):
            return found, 0
        return None, 0
    tried = await store.one(db, found.nonce)
    return None, TRIES - tried.tries if tried is not None else 0


PASS_LIVES = timedelta(minutes=30)
"""How long what was opened by a code stays open in the same browser."""


async def opened_by(db: AsyncConnection, dispatch_id: str, nonce: str, now: datetime) -> Code | None:
    """The code that opened a dispatch, while it keeps it open."""
    code = await store.one(db, nonce)
    if code is None or code.dispatch_id != dispatch_id or code.used_at is None:
        return None
    return code if now < code.used_at + PASS_LIVES else None
