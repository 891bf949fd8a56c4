"""Keeping what came in: the message on the disk, then a row that says so; and nobody is told that it was taken before.

Whoever hands a message over may believe what `note` has done: it is on the disk and in the database, and is told apart
later, by this process or by another. A message that is handed over again (the answer got lost, the process died) is the
same document and the same row.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from services.foundation.clock import Clock
from services.foundation.database import Database
from services.foundation.documents import Documents, Kept
from services.post.inbox import store


@dataclass(frozen=True, slots=True)
class Came:
    """A message that is on the disk: whom the envelope names, and which way it came."""

    document: Kept
    recipients: tuple[str, ...]
    origin: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Keeper:
    """Keeps messages, whichever way they come."""

    database: Database
    documents: Documents
    clock: Clock

    def write(
        self,
        pieces: Iterable[bytes],
        origin: Mapping[str, Any],
        *,
        sender: str | None = None,
        recipients: Sequence[str] = (),
        most: int | None = None,
    ) -> Came:
        """Put a message on the disk, given piece by piece: for a thread, since it waits for the disk.

        An envelope is put on top of it, as a mail server does that puts a message into a mailbox. Raises `TooLarge`
        where there are more than `most` bytes, and `OSError` where the disk does not take it; then nothing is kept.
        """
        top = [b"Return-Path: <%s>\r\n" % sender.encode("utf-8", "surrogateescape")] if sender is not None else []
        top += [b"Delivered-To: %s\r\n" % each.encode("utf-8", "surrogateescape") for each in recipients]
        document = self.documents.keep(chain(top, pieces), None if most is None else most + sum(map(len, top)))
        return Came(document, tuple(_text(each) for each in recipients), origin)

    async def note(self, some: Sequence[Came]) -> int:
        """Note messages that are on the disk; returns how many had not come before. Raises `DatabaseTrouble`."""
        now = self.clock.now()
        rows = [
            {
                "mail_id": each.document.document_id,
                "size": each.document.size,
                "recipients": list(each.recipients),
                "origin": dict(each.origin),
                "received_at": now,
            }
            for each in some
        ]
        async with self.database.write(alone=False) as db:
            return await store.add_kept(db, rows)


def _text(address: str) -> str:
    """An address as text that can be stored: what is no UTF-8 in it is replaced, and no zero byte is left."""
    return address.encode("utf-8", "surrogateescape").decode("utf-8", "replace").replace("\0", "\ufffd")


def counted(pieces: Iterable[bytes], at_most: int) -> Iterator[bytes]:
    """The first `at_most` bytes of what comes in pieces."""
    for piece in pieces:
        if at_most <= 0:
            return
        yield piece[:at_most]
        at_most -= len(piece)
