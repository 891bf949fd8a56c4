"""A large message is read piece by piece: it is kept whole, or not at all. No real server can be made to do this."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest
from imapclient import IMAPClient

from services.foundation.clock import Clock
from services.foundation.database import Database
from services.foundation.documents import PIECE, Documents
from services.foundation.servers import ImapMailbox
from services.post.inbox.imap import Mailbox
from services.post.inbox.keep import Keeper

UID = 7
CONTENT = b"".join(b"%07d\n" % number for number in range(5 * PIECE // 8))


@dataclass
class Server:
    """A server that has one message. It gives at most `at_once` bytes, says a size that may be wrong, and `then` is
    what becomes of its answer with each number.
    """

    content: bytes = CONTENT
    at_once: int = PIECE
    then: Callable[[int, dict[int, Any]], dict[int, Any]] = lambda _, answer: answer
    asked: int = 0

    def fetch(self, uids: Sequence[int], what: Sequence[str]) -> dict[int, Any]:
        """The answer to `UID FETCH 7 BODY.PEEK[]<start.count>`."""
        start, count = map(int, what[0].partition("<")[2].rstrip(">").split("."))
        piece = self.content[start : start + min(count, self.at_once)]
        self.asked += 1
        return self.then(self.asked, {uids[0]: {b"SEQ": 1, f"BODY[]<{start}>".encode(): piece}})


def mailbox(folder: Path) -> Mailbox:
    keeper = Keeper(cast(Database, None), Documents(folder), cast(Clock, None))
    place = ImapMailbox("imap://somebody:secret@localhost:143/INBOX")
    return Mailbox(place, keeper, lambda _: None, lambda: None, lambda: None)


def fetched(folder: Path, server: Server, said: int) -> tuple[list[bytes], set[int], int]:
    """What is kept of the message, what is left on the server, and how many files there are then."""
    reader = mailbox(folder)
    came = dict(reader._fetch(cast(IMAPClient, server), {UID: said}, 1))
    kept = [Documents(folder).read(each.document.document_id) for each in came.values()]
    files = sum(path.is_file() for path in folder.rglob("*")) if folder.exists() else 0
    return kept, reader.unreadable, files


@pytest.mark.parametrize("at_once", [PIECE, PIECE - 1, 300_000])
@pytest.mark.parametrize("off_by", [0, -1_000, 1_000])
def test_a_message_is_kept_whole_however_much_a_server_gives_at_once_and_whatever_size_it_says(
    tmp_path: Path, at_once: int, off_by: int
) -> None:
    found = fetched(tmp_path / "documents", Server(at_once=at_once), len(CONTENT) + off_by)
    assert found == ([CONTENT], set(), 1)


@pytest.mark.parametrize("answer", [{}, {UID: {b"SEQ": 1, b"FLAGS": ()}}], ids=["no answer", "flags alone"])
def test_nothing_is_kept_of_a_message_that_goes_away_before_its_end(tmp_path: Path, answer: dict[int, Any]) -> None:
    server = Server(then=lambda number, whole: whole if number <= 2 else answer)
    assert fetched(tmp_path / "documents", server, len(CONTENT)) == ([], {UID}, 0)


def test_a_message_that_goes_away_after_its_last_piece_is_kept(tmp_path: Path) -> None:
    server = Server(then=lambda number, whole: whole if number <= 5 else {})
    assert fetched(tmp_path / "documents", server, len(CONTENT)) == ([CONTENT], set(), 1)
