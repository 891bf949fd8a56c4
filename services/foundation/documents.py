"""Documents: what came in as a file, kept once under the SHA-256 of its content.

A document is on the disk before anything speaks of it, and is never changed. A file that nothing speaks of (the process
died in between) does no harm. Every process that takes documents in or shows them uses the same folder.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

PIECE = 1 << 20


class Kept(NamedTuple):
    """A document by the SHA-256 of its content (64 hexadecimal digits), and its size in bytes."""

    document_id: str
    size: int


class TooLarge(Exception):
    """The content is longer than it may be; nothing of it was kept."""


class Damaged(Exception):
    """What stands on the disk is not what was kept."""


class Documents:
    """The folder with the documents; made where it is missing, for this user alone."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def keep(self, pieces: Iterable[bytes], most: int | None = None) -> Kept:
        """Keep a document, given piece by piece; it is on the disk when this returns. Raises `TooLarge` once there are
        more than `most` bytes, and `OSError` where the disk does not take it.
        """
        fresh = self.made() / f".{secrets.token_hex(16)}"
        digest, size = hashlib.sha256(), 0
        try:
            descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                for piece in pieces:
                    size += len(piece)
                    if most is not None and size > most:
                        raise TooLarge(f"more than {most} bytes")
                    digest.update(piece)
                    file.write(piece)
                file.flush()
                os.fsync(file.fileno())
            kept = Kept(digest.hexdigest(), size)
            path = self.path(kept.document_id)
            path.parent.mkdir(mode=0o700, exist_ok=True)
            os.replace(fresh, path)
            for folder in (path.parent, self.folder):
                _settle(folder)
        except BaseException:
            with suppress(OSError):
                fresh.unlink(missing_ok=True)
            raise
        return kept

    def made(self) -> Path:
        """The folder, made where it is missing."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return self.folder

    def path(self, document_id: str) -> Path:
        """Where a document is, or would be."""
        return self.folder / document_id[:2] / document_id[2:]

    def pieces(self, document_id: str) -> Iterator[bytes]:
        """A document, piece by piece. Raises `FileNotFoundError`, and `Damaged` at its end where the content is not
        what was kept.
        """
        digest = hashlib.sha256()
        with self.path(document_id).open("rb") as file:
            while piece := file.read(PIECE):
                digest.update(piece)
                yield piece
        if digest.hexdigest() != document_id:
            raise Damaged(document_id)

    def read(self, document_id: str) -> bytes:
        """A document whole. Raises as `pieces` does."""
        return b"".join(self.pieces(document_id))


def _settle(folder: Path) -> None:
    """Have the system write down what the folder holds."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
