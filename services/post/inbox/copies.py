"""What two copies of a message share that came by different ways: what its sender wrote, without what mail servers put
on top of it or made of its line ends.
"""

from __future__ import annotations

import hashlib
import re

_OF_THE_SENDER = (b"from", b"to", b"cc", b"date", b"message-id", b"subject", b"content-type", b"in-reply-to")
_OF_ONE_MESSAGE = (b"date", b"message-id")
_END_OF_HEADER = re.compile(rb"\n\n")
_FOLD = re.compile(rb"\n[ \t]+")


def content_id(raw: bytes) -> str | None:
    """The SHA-256 of what the sender wrote, in hexadecimal digits; None where it has neither a Message-ID nor a date:
    somebody who writes the same words again, weeks later, sends no copy.
    """
    plain = raw.replace(b"\r\n", b"\n")
    end = _END_OF_HEADER.search(plain)
    header, body = (plain[: end.start()], plain[end.end() :]) if end else (plain, b"")
    lines: list[bytes] = []
    is_one = False
    for line in _FOLD.sub(b" ", header).split(b"\n"):
        name, _, value = line.partition(b":")
        if name.strip().lower() in _OF_THE_SENDER:
            lines.append(name.strip().lower() + b":" + b" ".join(value.split()))
            is_one = is_one or (name.strip().lower() in _OF_ONE_MESSAGE and bool(value.strip()))
    if not is_one:
        return None
    digest = hashlib.sha256(b"\n".join(sorted(lines)) + b"\n\n")
    digest.update(body.rstrip())
    return digest.hexdigest()
