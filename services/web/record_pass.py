"""The pass that a browser holds once the right code was typed in it: a cookie for one link, for half an hour.

It names the code that it was given for, and bears a mark over that and the link: no other dispatch's pass opens this
one, and nobody makes one without the key. When it ends is kept here, not in the browser.
"""

from __future__ import annotations

import hmac
import re
from urllib.parse import urlsplit

from fastapi import Request, Response

from services.foundation.servers import is_loopback
from services.foundation.settings import Settings
from services.records.codes import PASS_LIVES, opened_by
from services.records.store.codes import Code
from services.running.process import Process
from services.web.answer_link import root_of
from services.web.record_link import Opened

COOKIE = "record"
_PASS = re.compile(r"([0-9a-f]{32})-([0-9a-f]{64})")


def _mark(settings: Settings, opened: Opened, nonce: str) -> str:
    about = "\0".join(("pass", opened.dispatch.dispatch_id, opened.address.casefold(), opened.link, nonce))
    return hmac.digest(settings.key, about.encode(), "sha256").hex()


def path_of(settings: Settings, opened: Opened) -> str:
    """Where others reach the page of a link."""
    return f"{root_of(settings)}/{opened.use}/{opened.link}"


def give_pass(settings: Settings, response: Response, opened: Opened, code: Code) -> None:
    """Give the browser its pass. It goes over https alone, or to this machine."""
    public = urlsplit(settings.links_begin_with)
    response.set_cookie(
        COOKIE,
        f"{code.nonce}-{_mark(settings, opened, code.nonce)}",
        max_age=round(PASS_LIVES.total_seconds()),
        path=path_of(settings, opened),
        httponly=True,
        samesite="strict",
        secure=public.scheme == "https" or not is_loopback(public.hostname or ""),
    )


def take_pass(settings: Settings, response: Response, opened: Opened) -> None:
    """Have the browser drop its pass."""
    response.delete_cookie(COOKIE, path=path_of(settings, opened), httponly=True, samesite="strict")


async def passed(process: Process, request: Request, opened: Opened) -> Code | None:
    """The code that this browser was given its pass for, while that counts; None where it has none."""
    found = _PASS.fullmatch(request.cookies.get(COOKIE, ""))
    if found is None:
        return None
    nonce, mark = found[1], found[2]
    if not hmac.compare_digest(mark, _mark(process.house.settings, opened, nonce)):
        return None
    async with process.house.database.read() as db:
        return await opened_by(db, opened.dispatch.dispatch_id, nonce, opened.now)
