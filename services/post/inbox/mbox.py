"""The messages in a file: one raw message, or an mbox with many, which its first line tells apart.

An mbox has a From_ line before each message: "From ", an address, and a date as C writes it, after an empty line. Only
a line of that whole form begins a message: words that begin with "From " do not. What a mail program did to such lines
within a message (a `>` before them) is left as it is.

Source: RFC 4155.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from io import BufferedReader
from itertools import chain

LONGEST_LINE = 1 << 16
_FROM = re.compile(
    rb"From \S+ +(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) (?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) [ \d]?\d "
    rb"\d\d:\d\d(?::\d\d)?(?: \S+)? \d{4}[^\n]*\r?\n?"
)
_HEADER = re.compile(rb"[!-9;-~]+[ \t]*:")


class NotMail(Exception):
    """A file is no message; said is what it is."""


def messages(source: BufferedReader, *, whatever: bool = False) -> Iterator[Iterator[bytes]]:
    """The messages in a file, one after the other, each piece by piece; each must be read to its end before the next.
    What does not begin as mail does is refused, but for `whatever` a mail server hands over. Raises `NotMail`.
    """
    first = source.readline(LONGEST_LINE)
    if not first:
        raise NotMail("there is nothing in it: give a raw message or an mbox")
    if not _FROM.fullmatch(first):
        if not (whatever or _HEADER.match(first)):
            raise NotMail("it is not mail: a raw message begins with a header, as in From: or Received:")
        yield chain([first], iter(lambda: source.read(LONGEST_LINE), b""))
        return
    more = True
    while more:
        rest = _Message(source)
        yield rest.pieces()
        more = rest.followed


class _Message:
    """One message of an mbox; `followed` says, once it was read, whether another comes after it."""

    def __init__(self, source: BufferedReader) -> None:
        self.source = source
        self.followed = False

    def pieces(self) -> Iterator[bytes]:
        empty: bytes | None = None  # the line before, where it is empty: the last one belongs to the mbox
        begins = True
        while line := self.source.readline(LONGEST_LINE):
            if begins and empty is not None and _FROM.fullmatch(line):
                self.followed = True
                return
            if empty is not None:
                yield empty
            empty = line if begins and line in (b"\n", b"\r\n") else None
            if empty is None:
                yield line
            begins = line.endswith(b"\n")
