"""Reads NDJSON a piece at a time, in constant memory whatever the length of the file or of a line."""

from __future__ import annotations

import select
from codecs import BOM_UTF8
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import UnsupportedOperation
from typing import Protocol

PIECE = 1 << 20

# How files begin that hold no lines of text at all, and what to do with them.
_NOT_LINES = {
    b"\x1f\x8b": "is compressed (gzip): unpack it on the way, as in gunzip -c FILE | quorate ingest -",
    b"PK\x03\x04": "is a zip file or a spreadsheet: unpack it, or export it as NDJSON, one event a line",
    b"BZh": "is compressed (bzip2): unpack it on the way, as in bunzip2 -c FILE | quorate ingest -",
    b"\xfd7zXZ\x00": "is compressed (xz): unpack it on the way, as in xz -dc FILE | quorate ingest -",
    b"\x28\xb5\x2f\xfd": "is compressed (zstd): unpack it on the way, as in zstd -dc FILE | quorate ingest -",
    b"\xff\xfe": "is in UTF-16: save it as UTF-8",
    b"\xfe\xff": "is in UTF-16: save it as UTF-8",
}


class Readable(Protocol):
    """A file opened for reading bytes."""

    def read1(self, size: int, /) -> bytes: ...

    def fileno(self) -> int: ...


class NotLines(Exception):
    """The file holds no lines of text; the message says what it holds and what to do."""


class Unreadable(Exception):
    """The file cannot be read, or not any further; the message is the system's reason."""


class Stopped(Exception):
    """Someone asked to stop while the next piece was awaited."""


@dataclass(slots=True)
class Stop:
    """Whether someone asked to stop, and whether the reader waits for input just now."""

    asked: bool = False
    reading: bool = False

    def ask(self) -> None:
        """Ask to stop: raises `Stopped` out of a read, and leaves everything else to end what it has begun."""
        self.asked = True
        if self.reading:
            raise Stopped


@dataclass(frozen=True, slots=True)
class Line:
    """One line within the limit: its number, and its bytes without the line break."""

    number: int
    raw: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class TooLong:
    """A line over the limit: its bytes come in pieces, to be read to the end before the next line."""

    number: int
    pieces: Iterator[bytes] = field(repr=False)


class Lull:
    """Nothing more is there at the moment: a good time to deal with what has come."""


@dataclass(slots=True)
class Lines:
    """The lines of a file that hold anything; `longest` is the limit in bytes.

    Raises `NotLines` where the file begins like something else, `Stopped` as `Stop` says, and `Unreadable`. `number` is
    that of the line read last, `begun` whether anything could be read.
    """

    file: Readable
    longest: int
    stop: Stop = field(default_factory=Stop)
    number: int = 0
    begun: bool = False
    _held: list[bytes] = field(default_factory=list, repr=False)

    def __iter__(self) -> Iterator[Line | TooLong | Lull]:
        held = 0
        while True:
            if self._would_wait():
                yield Lull()
            piece = self._read()
            if not piece:
                break
            first, *others = piece.split(b"\n")
            self._held.append(first)
            held += len(first)
            for rest in others:
                whole = b"".join(self._held)
                self._held, held = [rest], len(rest)
                yield from self._line(whole)
            if held > self.longest + 1:  # one more than the limit may be half a line break
                self.number += 1
                yield TooLong(self.number, self._pieces())
                held = sum(map(len, self._held))
                # what stands behind the long line in its last piece was put back as one
                *whole_lines, last = b"".join(self._held).split(b"\n")
                for whole in whole_lines:
                    yield from self._line(whole)
                self._held, held = [last], len(last)
        if any(self._held):
            yield from self._line(b"".join(self._held))

    def _line(self, whole: bytes) -> Iterator[Line | TooLong]:
        self.number += 1
        raw = whole.rstrip(b"\r")
        if len(raw) > self.longest:
            yield TooLong(self.number, iter((raw,)))
        elif raw.strip() and raw != BOM_UTF8:
            yield Line(self.number, raw)

    def _pieces(self) -> Iterator[bytes]:
        """The pieces of a line whose start is held; what follows it in its last piece is held instead."""
        held, self._held = self._held, []
        yield from held
        while piece := self._read():
            line, end, rest = piece.partition(b"\n")
            yield line
            if end:
                self._held = [rest]
                return

    def _read(self) -> bytes:
        if self.stop.asked:
            raise Stopped
        self.stop.reading = True
        try:
            piece = self.file.read1(PIECE)
        except OSError as wrong:
            raise Unreadable(wrong.strerror or str(wrong)) from wrong
        finally:
            self.stop.reading = False
        if not self.begun:
            self.begun = True
            for begins, message in _NOT_LINES.items():
                if piece.startswith(begins):
                    raise NotLines(message)
        return piece

    def _would_wait(self) -> bool:
        try:
            return not select.select([self.file.fileno()], [], [], 0)[0]
        except (UnsupportedOperation, ValueError):
            return False
