"""How a message that came by MESH is kept: as a mail with one file, so that a person reads it where they read mail.

The same message gives the same bytes however often it is fetched, and so is one document.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator, Mapping

from services.post.mesh.rules import Received

WAY = "mesh"
"""What `received_mail` says of the way that such a message came."""

LONGEST_VALUE = 300
LONGEST_ANSWER = 64 * 1024  # bytes of content beyond which nothing is an answer

_KEPT = (
    *("messageid", "messagetype", "from", "to", "workflowid", "localid", "subject", "filename", "linkedmsgid"),
    *("statuscode", "statusevent", "statussuccess", "content-encrypted", "content-compressed", "content-type"),
)
_BOUNDARY = "=_quorate_mesh"
_LINE = 57 * 1000  # bytes of content whose base64 is written at once
_PLAIN = re.compile(r"[ -~]*")
_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9._ ()-]+")


def wrapped(headers: Mapping[str, str], content: Iterable[bytes]) -> Iterator[bytes]:
    """A message as a mail, piece by piece."""
    lines = [f"Mex-{name}: {_value(headers[name])}" for name in _KEPT if headers.get(name)]
    shown = {"From": "from", "To": "to", "Subject": "subject"}
    lines += [f"{name}: {_value(headers.get(of, ''))}" for name, of in shown.items()]
    name = _NOT_IN_A_NAME.sub("_", headers.get("filename", ""))[:100].strip() or "content"
    lines += ["MIME-Version: 1.0", f'Content-Type: multipart/mixed; boundary="{_BOUNDARY}"', "", f"--{_BOUNDARY}"]
    lines += ["Content-Type: application/octet-stream", "Content-Transfer-Encoding: base64"]
    lines += [f'Content-Disposition: attachment; filename="{name}"', "", ""]
    yield "\r\n".join(lines).encode()
    for piece in _even(content):
        encoded = b64encode(piece)
        yield b"".join(encoded[at : at + 76] + b"\r\n" for at in range(0, len(encoded), 76))
    yield f"--{_BOUNDARY}--\r\n".encode()


def unwrapped(raw: bytes) -> Received:
    """The message again, from the bytes or from their beginning; without content that is longer than any answer."""
    head, _, rest = raw.partition(b"\r\n\r\n")
    headers: dict[str, str] = {}
    for line in head.decode("ascii", "replace").split("\r\n"):
        name, colon, value = line.partition(": ")
        if colon and name.startswith("Mex-"):
            headers.setdefault(name[4:], _plain(value))
    body = rest.partition(b"\r\n\r\n")[2]
    encoded, end, _ = body.partition(f"--{_BOUNDARY}--".encode())
    if not end or len(encoded) > 2 * LONGEST_ANSWER:
        return Received(headers)
    return Received(headers, b64decode(encoded))


def _even(content: Iterable[bytes]) -> Iterator[bytes]:
    """The same content in pieces whose base64 is the same wherever it was cut before."""
    held = bytearray()
    for piece in content:
        held += piece
        while len(held) >= _LINE:
            yield bytes(held[:_LINE])
            del held[:_LINE]
    if held:
        yield bytes(held)


def _value(value: str) -> str:
    """A value on one line of ASCII."""
    short = " ".join(value[:LONGEST_VALUE].split())
    if _PLAIN.fullmatch(short) and not short.startswith("=?"):
        return short
    return f"=?utf-8?b?{b64encode(short.encode('utf-8', 'replace')).decode()}?="


def _plain(value: str) -> str:
    if value.startswith("=?utf-8?b?") and value.endswith("?="):
        return b64decode(value[10:-2]).decode("utf-8", "replace")
    return value
