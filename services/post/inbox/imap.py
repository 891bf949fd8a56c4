"""The mailbox that answers come to, read over IMAP: waits for what comes (IDLE, or looks again and again), keeps it,
and only then puts it away.

Everything in the folder is taken, whether somebody has read it or not. What was kept is moved to the folder `Quorate`
beside it, and where none can be had it is marked with the keyword `QuorateKept`; a message that is neither (the
connection broke in between) is fetched again, and is known then. No number of a message is remembered: a mailbox that
was rebuilt, with a new UIDVALIDITY, is read like any other.

All of this blocks, and runs in a thread of its own.

Source: RFC 9051, RFC 2177 (IDLE), RFC 6851 (MOVE), RFC 4315 (UIDPLUS).
"""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

import structlog
from imapclient import DELETED, SEEN, IMAPClient, SocketTimeout
from imapclient.exceptions import CapabilityError, IMAPClientError, LoginError

from services.foundation.documents import PIECE
from services.foundation.servers import ImapMailbox
from services.post.inbox.keep import Came, Keeper

log = structlog.get_logger()

KEPT_FOLDER, KEPT_KEYWORD = "Quorate", "QuorateKept"
CONNECT_WITHIN, ANSWER_WITHIN = 10.0, 60.0  # seconds
RENEW_IDLE = 60.0  # seconds after which a wait is begun anew, with a look: not every server tells of everything
LOOK_AGAIN = 15.0  # seconds between two looks at a server that has no IDLE
CHECK_STOP = 0.5  # seconds between two looks at whether to stop
ENDED_AFTER = 5  # times that there was nothing to read, and at once
WINDOW = 1_000  # messages that are asked for at once
SMALL = 1 << 18  # bytes up to which a message is fetched whole, together with others
TOGETHER, TOGETHER_BYTES = 50, 1 << 22  # how many, and how much of them, become one transaction
PROBE_AFTER, PROBE_EVERY, PROBES = 30, 10, 3  # seconds and tries until a server that is gone is noticed


class MailboxTrouble(ConnectionError):
    """The mailbox cannot be read just now; tried again, it may be."""


class MailboxRefused(Exception):
    """The mailbox cannot be read as things are, and the message says what a person must do first. To try again soon
    helps nothing. `reason` is the same in a word.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(f"QUORATE_IMAP: {message}")
        self.reason = reason


class _CutShort(MailboxTrouble):
    """A message went away, or the server gave no more of it, before its end."""


@dataclass(slots=True)
class Mailbox:
    """One mailbox. `keep` notes messages that are on the disk, `looked` is called whenever the folder was looked
    through, and `alive` while that or the wait for more goes on.
    """

    place: ImapMailbox
    keeper: Keeper
    keep: Callable[[Sequence[Came]], None]
    looked: Callable[[], None]
    alive: Callable[[], None]
    stopping: threading.Event = field(default_factory=threading.Event)
    client: IMAPClient | None = None
    folder: str = KEPT_FOLDER
    puts_away: bool = True  # into that folder; otherwise what is kept is marked
    unreadable: set[int] = field(default_factory=set)  # in this session: what the server lists and does not give

    def run(self) -> None:
        """Read until `stopping` is set. Raises `MailboxTrouble` and `MailboxRefused`, and what `keep` raises."""
        try:
            self.client = client = self._connect()
            self._log_in(client)
            self._find_where_to_put(client)
            while not self.stopping.is_set():
                self._look(client)
                self._wait(client)
        except (IMAPClientError, OSError, EOFError) as wrong:
            if self.stopping.is_set():
                return
            if isinstance(wrong, MailboxTrouble):
                raise
            raise MailboxTrouble(type(wrong).__name__) from wrong
        finally:
            self._leave()

    def stop(self) -> None:
        """Begin nothing more."""
        self.stopping.set()

    def cut(self) -> None:
        """End what waits for the server."""
        self.stopping.set()
        with suppress(OSError, AttributeError):
            if self.client is not None:
                self.client.socket().shutdown(socket.SHUT_RDWR)

    def _connect(self) -> IMAPClient:
        place = self.place
        context = ssl.create_default_context() if place.tls else None
        try:
            client = IMAPClient(
                place.host,
                place.port,
                ssl=place.tls,
                ssl_context=context,
                timeout=SocketTimeout(CONNECT_WITHIN, ANSWER_WITHIN),
            )
        except ssl.SSLCertVerificationError as wrong:
            raise MailboxRefused(
                "certificate", f"the certificate of {place.host} is not one that this machine trusts for that name"
            ) from wrong
        line = client.socket()
        line.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in (("TCP_KEEPIDLE", PROBE_AFTER), ("TCP_KEEPINTVL", PROBE_EVERY), ("TCP_KEEPCNT", PROBES)):
            if hasattr(socket, option):  # as Linux has them
                line.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
        return client

    def _log_in(self, client: IMAPClient) -> None:
        try:
            client.login(self.place.user, self.place.password)
        except LoginError as wrong:
            raise MailboxRefused(
                "login", f"{self.place.host} does not let this user in: check the name and the password"
            ) from wrong

    def _find_where_to_put(self, client: IMAPClient) -> None:
        """Find or make the folder for what was kept; where there can be none, see that messages can be marked."""
        self.folder = f"{self._prefix(client)}{KEPT_FOLDER}"
        try:
            if not client.folder_exists(self.folder):
                client.create_folder(self.folder)
            self.puts_away = True
        except IMAPClientError as refused:
            if isinstance(refused, IMAPClient.AbortError):
                raise
            self.puts_away = False
            log.warning("no_folder_for_kept_mail", reason=type(refused).__name__)

    def _prefix(self, client: IMAPClient) -> str:
        """What the names of this user's own folders begin with."""
        try:
            personal = client.namespace().personal
        except CapabilityError:
            return ""
        return str(personal[0][0] or "") if personal else ""

    def _look(self, client: IMAPClient) -> None:
        """Take everything that is in the folder."""
        try:
            found = client.select_folder(self.place.folder)
        except IMAPClientError as wrong:
            if isinstance(wrong, IMAPClient.AbortError):
                raise
            raise MailboxRefused("folder", f"there is no folder {self.place.folder}, or it may not be read") from wrong
        if b"READ-ONLY" in found:
            raise MailboxRefused("read_only", "the folder may only be read: what was kept could not be put away")
        if not self.puts_away and not {b"\\*", KEPT_KEYWORD.encode()} & set(found.get(b"PERMANENTFLAGS", ())):
            raise MailboxRefused(
                "nowhere_to_put",
                "the server lets neither a folder be made nor a message be marked: what was kept could not be told "
                f"from what is new. Make a folder named {KEPT_FOLDER}",
            )
        validity, left, first = found.get(b"UIDVALIDITY", 0), int(found[b"EXISTS"]), 1
        while first <= left and not self.stopping.is_set():
            last = min(first + WINDOW - 1, left)
            criteria: list[Any] = [f"{first}:{last}", "UNDELETED"]
            if not self.puts_away:
                criteria += ["UNKEYWORD", KEPT_KEYWORD]
            uids = [uid for uid in client.search(criteria) if uid not in self.unreadable]
            gone = self._take(client, uids, validity)
            left, first = left - gone, last + 1 - gone
        self.looked()

    def _take(self, client: IMAPClient, uids: Sequence[int], validity: int) -> int:
        """Keep these messages and put them away; returns how many have left the folder."""
        gone = 0
        for some in self._together(client, uids):
            if self.stopping.is_set():
                break
            came = dict(self._fetch(client, some, validity))
            if came:
                self.keep(list(came.values()))
                gone += self._put_away(client, list(came))
                self.alive()
        return gone

    def _together(self, client: IMAPClient, uids: Sequence[int]) -> Iterator[dict[int, int]]:
        """Messages, with their sizes, in lots that are kept together."""
        lot: dict[int, int] = {}
        for start in range(0, len(uids), WINDOW):
            sizes = client.fetch(uids[start : start + WINDOW], ["RFC822.SIZE"])
            for uid, found in sizes.items():
                size = int(found.get(b"RFC822.SIZE", SMALL + 1))
                if lot and (len(lot) == TOGETHER or sum(lot.values()) + size > TOGETHER_BYTES):
                    yield lot
                    lot = {}
                lot[uid] = size
        if lot:
            yield lot

    def _fetch(self, client: IMAPClient, lot: dict[int, int], validity: int) -> Iterator[tuple[int, Came]]:
        """Put messages on the disk. One that the server does not give is left where it is, and said."""
        small = [uid for uid, size in lot.items() if size <= SMALL]
        whole = client.fetch(small, ["BODY.PEEK[]"]) if small else {}
        for uid, size in lot.items():
            origin = {"way": "imap", "folder": self.place.folder, "uidvalidity": validity, "uid": uid}
            if size > SMALL:
                pieces: Iterable[bytes] = self._pieces(client, uid, size)
            else:
                pieces = [whole.get(uid, {}).get(b"BODY[]") or b""]
            with suppress(_CutShort):
                came = self.keeper.write(pieces, origin)
                if came.document.size:
                    yield uid, came
                    continue
            # Gone in between, or damaged on the server: the others are read, and this one in the next session.
            self.unreadable.add(uid)
            log.warning("mail_not_given", count=len(self.unreadable))

    def _pieces(self, client: IMAPClient, uid: int, size: int) -> Iterator[bytes]:
        """One message, piece by piece. It ends at a piece with nothing in it: a server may give less at once than it is
        asked for, and what it says of a size is not always right. Where it gives no piece at all, the message is whole
        only if it has the size that was said. Raises `_CutShort`.
        """
        start = 0
        while True:
            found = client.fetch([uid], [f"BODY.PEEK[]<{start}.{PIECE}>"]).get(uid, {})
            name = f"BODY[]<{start}>".encode()
            if name not in found and start != size:
                raise _CutShort("a message ended before its end")
            piece = found.get(name) or b""
            if not piece:
                return
            yield piece
            self.alive()
            start += len(piece)

    def _put_away(self, client: IMAPClient, uids: Sequence[int]) -> int:
        """Move what was kept out of the folder, or mark it; returns how many have left."""
        if not self.puts_away:
            client.add_flags(uids, [SEEN, KEPT_KEYWORD], silent=True)
            return 0
        client.add_flags(uids, [SEEN], silent=True)
        if client.has_capability("MOVE"):
            client.move(uids, self.folder)
            return len(uids)
        client.copy(uids, self.folder)
        client.add_flags(uids, [DELETED], silent=True)
        if not client.has_capability("UIDPLUS"):
            return 0  # to expunge would take along what others have marked; these are not looked at again
        client.uid_expunge(uids)
        return len(uids)

    def _wait(self, client: IMAPClient) -> None:
        """Wait until something may have come, or it is time to look again."""
        if "EXISTS" in client._imap.untagged_responses:
            return  # it came during the look: the server has told of it, and does so once
        if not client.has_capability("IDLE"):
            self.stopping.wait(LOOK_AGAIN)
            return
        client.idle()
        until = monotonic() + RENEW_IDLE
        told, at_once = False, 0
        while not (told or self.stopping.is_set()) and monotonic() < until:
            begun = monotonic()
            said = client.idle_check(timeout=CHECK_STOP)
            told = any(len(each) > 1 and each[1] == b"EXISTS" for each in said)
            # A connection that was ended has something to read at once, and it is nothing.
            at_once = at_once + 1 if not said and monotonic() - begun < CHECK_STOP / 2 else 0
            if at_once > ENDED_AFTER or any(each and each[0] == b"BYE" for each in said):
                raise MailboxTrouble("the server took its leave")
            self.alive()
        client.idle_done()

    def _leave(self) -> None:
        client, self.client = self.client, None
        self.unreadable.clear()
        if client is None:
            return
        with suppress(IMAPClientError, OSError, EOFError):
            if self.stopping.is_set():
                client.logout()
            else:
                client.shutdown()
