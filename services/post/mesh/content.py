"""The content of a message on MESH: in one part or several, each of which its sender may have compressed.

What says of itself how it is to be read is a sender's word: where it cannot be read like that to its very end, none of
it is taken for the content.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator

PIECE = 57 << 10

_EITHER = 47  # a header of gzip or of zlib, and the largest window


class Unreadable(Exception):
    """A message's content is not what its headers say: damaged, cut off, or made so."""


def parts_in(chunk_range: str | None) -> int:
    """In how many parts a message is, by the header that says it: `1:3` is the first of three. Raises `Unreadable`."""
    if chunk_range is None:
        return 1
    try:
        _, count = map(int, chunk_range.split(":"))
    except ValueError:
        raise Unreadable("it does not say in how many parts it is") from None
    return max(count, 1)


def unpacked(packed: Iterable[bytes]) -> Iterator[bytes]:
    """What was compressed, never much of it at once. Raises `Unreadable`, also where its end is missing."""
    unpacker = zlib.decompressobj(_EITHER)
    for piece in packed:
        found = b""
        while piece or len(found) == PIECE:
            if unpacker.eof:
                if not piece:
                    break
                unpacker = zlib.decompressobj(_EITHER)  # one compressed file may follow on another
            try:
                found = unpacker.decompress(piece, PIECE)
            except zlib.error:
                raise Unreadable("it cannot be unpacked") from None
            piece = unpacker.unused_data if unpacker.eof else unpacker.unconsumed_tail
            if found:
                yield found
    if not unpacker.eof:
        raise Unreadable("its end is missing")
