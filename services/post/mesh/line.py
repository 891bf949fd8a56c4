"""A line to our mailbox on MESH. Everything here waits for the server: it is for a thread.

What the server says is told apart by its status and code, and nothing that it says is kept or logged but those.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self
from urllib.parse import urlsplit

import requests
from mesh_client import ENDPOINTS, MeshClient
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError, SSLError

from services.foundation.parcels import Parcel
from services.foundation.servers import MeshMailbox
from services.foundation.settings import Settings
from services.post.mesh.content import PIECE, Unreadable, parts_in, unpacked

CHUNK = 8 << 20  # bytes that go in one request
PAGE = 500  # names of messages that MESH is asked for at once
MOST_LISTED = 20_000  # names that are looked through, page by page
APPLICATION = "quorate"
GONE = (404, 410)  # the HTTP statuses of what is not there, or not any more
FAILURES = (requests.RequestException, HTTPError, OSError, ValueError)

_UNREGISTERED = "12"  # of MESH's own codes: there is no such mailbox


class NotTaken(Exception):
    """MESH did not take something, or did not answer.

    `of_server`: every other message meets it too. `unknown`: it may have taken it all the same. `refused`: there is no
    such mailbox. `final`: to try again would help nothing. `status` is the HTTP status, `code` is MESH's own.
    """

    def __init__(
        self,
        why: str,
        *,
        status: int | None = None,
        code: str | None = None,
        of_server: bool = False,
        unknown: bool = False,
    ) -> None:
        super().__init__(why)
        self.status, self.code, self.of_server, self.unknown = status, code, of_server, unknown

    @property
    def refused(self) -> bool:
        return self.code == _UNREGISTERED

    @property
    def may_have_left(self) -> bool:
        """Whether anybody may have got it all the same: where MESH has trouble, it does not say how far it came."""
        return self.unknown or (self.status is not None and not 400 <= self.status < 500)

    @property
    def of_all(self) -> bool:
        """Whether every other message surely meets it: who we are, or how much we ask at once."""
        return self.of_server and self.status is not None and self.status < 500

    @property
    def final(self) -> bool:
        return not self.of_server and self.status is not None and 400 <= self.status < 500


@dataclass(frozen=True, slots=True)
class Tracked:
    """How far a message of ours has come: `what` is None where nothing final is known. `said` is MESH's word for it."""

    what: Literal["collected", "failed"] | None
    said: str


class Line:
    """A session with MESH; for one thread at a time."""

    def __init__(self, place: MeshMailbox, settings: Settings, going: Callable[[], bool] = lambda: True) -> None:
        self.place, self.settings, self.going = place, settings, going
        self.client: Any = _client(place, settings)  # of whose methods half have no types

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.client.close()

    def send(self, parcel: Parcel) -> str:
        """Send a parcel in as many pieces as it takes; returns what MESH calls it. Raises `NotTaken`.

        MESH shows a message to nobody before its last piece is there.
        """
        pieces = [parcel.content[at : at + CHUNK] for at in range(0, len(parcel.content), CHUNK)] or [b""]
        about: dict[str, Any] = {
            "workflow_id": self.settings.mesh_workflow,
            "local_id": parcel.local_id,
            "subject": parcel.subject,
            "filename": parcel.file_name,
            "content_type": parcel.media_type,
        }
        first = self._asked(lambda: self.client.send_chunk(parcel.to, pieces[0], 1, len(pieces), **about))
        _check(first, (200, 202))
        message_id = _said(first).get("message_id")
        if not isinstance(message_id, str) or not 0 < len(message_id) <= 64 or not message_id.isascii():
            raise NotTaken("MESH gave the message no name", status=first.status_code, of_server=True, unknown=True)
        for number, piece in enumerate(pieces[1:], 2):
            if not self.going():
                raise NotTaken("stopped between two pieces", of_server=True)
            self._piece(parcel.to, piece, number, len(pieces), message_id, about)
        return message_id

    def _piece(self, to: str, piece: bytes, number: int, of: int, message_id: str, about: Mapping[str, Any]) -> None:
        try:
            self._asked(lambda: self.client.send_chunk(to, piece, number, of, message_id=message_id, **about))
        except NotTaken as failure:
            failure.of_server = True  # the mailbox was taken already: it is not the message
            raise

    def track(self, message_id: str) -> Tracked:
        """How far a message of ours has come. Raises `NotTaken`."""
        found = self._asked(lambda: self.client.track_message(message_id))
        status = str(found.get("status", "")).casefold()
        code = str(found.get("status_code") or "")[:16]
        said = f"{status} {code}".strip()[:40] if status.isascii() and code.isascii() else "unknown"
        if status in ("acknowledged", "undeliverable", "error"):
            return Tracked("collected" if status == "acknowledged" else "failed", said)
        return Tracked(None, said)

    def waiting(self, but: Collection[str] = ()) -> list[str]:
        """The names of the messages that wait in our mailbox, the first few hundred `but` these. Raises `NotTaken`."""

        def found() -> Iterator[str]:
            for each in islice(self.client.iterate_message_ids(batch_size=PAGE), MOST_LISTED):
                if isinstance(each, str) and 0 < len(each) <= 64 and each not in but:
                    yield each

        names: list[str] = self._asked(lambda: list(islice(found(), PAGE)))
        return names

    def fetch(self, message_id: str, take: Callable[[Mapping[str, str], Iterator[bytes]], None]) -> None:
        """Fetch a message: `take` is given its headers and its content piece by piece. Raises `NotTaken`, and what
        `take` raises; the content raises `Unreadable` where it is not what the headers say.
        """
        with closing(self._part(message_id, 1)) as first:
            named = ((str(name).lower(), str(value)) for name, value in first.headers.items())
            headers = {name.removeprefix("mex-"): value for name, value in named if name.startswith("mex-")}
            take(headers, self._content(message_id, first))

    def _content(self, message_id: str, first: requests.Response) -> Iterator[bytes]:
        yield from self._read(first)
        for number in range(2, parts_in(first.headers.get("Mex-Chunk-Range")) + 1):
            try:
                part = self._part(message_id, number)
            except NotTaken as failure:
                if failure.status in GONE:  # and the first was there
                    raise Unreadable(f"part {number} is not there") from None
                raise
            with closing(part):
                yield from self._read(part)

    def _part(self, message_id: str, number: int) -> requests.Response:
        part: requests.Response = self._asked(lambda: self.client.retrieve_message_chunk(message_id, number))
        return part

    def _read(self, part: requests.Response) -> Iterator[bytes]:
        pieces: Iterator[bytes] = iter(lambda: self._asked(lambda: part.raw.read(PIECE)), b"")
        return unpacked(pieces) if part.headers.get("Content-Encoding") == "gzip" else pieces

    def acknowledge(self, message_id: str) -> None:
        """Tell MESH that we have a message: it keeps it no longer. Raises `NotTaken`."""
        self._asked(lambda: self.client.acknowledge_message(message_id))

    def shake_hands(self) -> None:
        """See whether MESH takes us for who we are. Raises `NotTaken`."""
        self._asked(lambda: self.client.handshake())

    def _asked(self, ask: Callable[[], Any]) -> Any:
        try:
            return ask()
        except requests.HTTPError as failure:
            _check(failure.response, ())  # type: ignore[arg-type]  # one that was raised for a status has a response
        except FAILURES as failure:
            raise NotTaken(type(failure).__name__, of_server=True, unknown=_may_have_heard(failure)) from None


def _may_have_heard(failure: Exception) -> bool:
    """Whether MESH may have heard what it was asked, as it cannot where there never was a connection."""
    reason = getattr(failure.args[0] if failure.args else None, "reason", failure)
    return not isinstance(reason, NewConnectionError | ConnectTimeoutError | SSLError | requests.ConnectTimeout)


def _client(place: MeshMailbox, settings: Settings) -> MeshClient:
    """The NHS's own client, which trusts nobody but those whom it is told to, and tries nothing again by itself."""
    ours = (settings.mesh_certificate, settings.mesh_private_key)
    authorities = settings.mesh_authorities or _authorities(place.url)
    client = MeshClient(
        place.url,
        place.mailbox,
        place.password,
        shared_key=(settings.mesh_key or "").encode(),
        cert=(str(ours[0]), str(ours[1])) if place.tls and ours[0] and ours[1] else None,
        verify=str(authorities) if place.tls and authorities else None,
        max_retries=0,
        timeout=settings.mesh_timeout,
        application_name=APPLICATION,
        proxies=requests.utils.get_environ_proxies(place.url, no_proxy=None),
    )
    session = client._session
    # Else the authorities of the system, or those of a variable, would be trusted beside the ones that were named.
    session.trust_env = False
    if place.tls and authorities:
        session.verify = str(authorities)
    return client


def _authorities(url: str) -> Path | None:
    """The authorities that the NHS's client brings along for a server of the NHS."""
    host = urlsplit(url).hostname
    found = next((each.verify for _, each in ENDPOINTS if urlsplit(each.url).hostname == host), None)
    return Path(found) if isinstance(found, str) else None


def _said(response: requests.Response) -> dict[str, Any]:
    try:
        said = response.json()
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _check(response: requests.Response, right: tuple[int, ...]) -> None:
    """Raise what an answer other than a right one means."""
    status = response.status_code
    said = _said(response)
    detail = said.get("detail")
    first = detail[0] if isinstance(detail, list) and detail and isinstance(detail[0], dict) else {}
    code = str(first.get("code") or said.get("errorCode") or "")[:16] or None
    if status in right and code is None:
        return
    # Who we are, how much at once, and the server's own trouble are about every message.
    of_server = status >= 500 or status in (401, 403, 407, 408, 425, 429) or status < 400
    raise NotTaken(f"status {status}", status=status, code=code, of_server=of_server)
