"""The local catcher: a mail server on loopback that keeps each message as an `.eml` file, for where no real one is
set.
"""

from __future__ import annotations

import asyncio
import os
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from aiosmtpd.smtp import SMTP, Envelope, Session


class _Keeper:
    """Writes what comes in under the lines that a mail server puts on top."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._number = count(1)

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802  # the library's name
        content = envelope.original_content or b""
        for recipient in envelope.rcpt_tos:
            top = f"Return-Path: <{envelope.mail_from}>\r\nDelivered-To: {recipient}\r\n".encode()
            name = f"{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}-{os.getpid()}-{next(self._number):06d}.eml"
            try:
                await asyncio.to_thread(_write, self.folder / name, top + content)
            except OSError as wrong:
                return f"452 4.3.1 cannot keep the message: {wrong.strerror}"
        return "250 2.0.0 kept"


def _write(path: Path, content: bytes) -> None:
    """Write a file that is there whole or not at all, and to stay."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    try:
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.rename(path)
    except OSError:
        part.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


class Catcher:
    """The server, for as long as the block lasts: `async with Catcher(folder) as catcher: … catcher.port`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = 0
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        keeper = _Keeper(self.folder)

        def session() -> Any:
            return SMTP(keeper, hostname="localhost", ident="Quorate catcher", enable_SMTPUTF8=False)

        self._server = await asyncio.get_running_loop().create_server(session, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        if self._server is not None:
            self._server.close()
