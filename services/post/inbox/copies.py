"""What two copies of a message share that came by different ways: what its sender wrote, without what mail servers put
on top of it or made of its line ends.
"""

from __future__ import annotations

import hashlib
import re

_OF_THE_SENDER = (b"from", b"to", b"cc", b"date", b"message-id", b"subject", b"content-type", b"in-reply-to")
_END_OF_HEADER = re.compile(rb"\n\n")
_FOLD = re.compile(rb"\n[ \t]+")


def content_id(raw: bytes) -> str:
    """The SHA-256 of what the sender wrote, in hexadecimal digits."""
    plain = raw.replace(b"\r\n", b"\n")
    end = _END_OF_HEADER.search(plain)
    header, body = (plain[: end.start()], plain[end.end() :]) if end else (plain, b"")
    lines = []
    for line in _FOLD.sub(b" ", header).split(b"\n"):
        name, _, value = line.partition(b":")
        if name.strip().lower() in _OF_THE_SENDER:
            lines.append(name.strip().lower() + b":" + b" ".join(value.split()))
    digest = hashlib.sha256(b"\n".join(sorted(lines)) + b"\n\n")
    digest.update(body.rstrip())
    return digest.hexdigest()
