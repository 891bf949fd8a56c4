"""Tokens: what shows that an answer belongs to an invitation, whoever it seems to come from.

An invitation has an address of its own to reply to and one for what comes back, and a link to answer by. Each holds
the invitation's name and a mark that nobody can make without the key. The mark is of one use: whoever reads an
invitation, or has it handed on, knows where to reply to and not where a mail server gives it back to.
"""

from __future__ import annotations

import hmac
import re
from datetime import UTC, datetime

_NAME, _MARK = 26, 26
_ADDRESS = re.compile(rf"(reply|bounce)\+([0-9a-f]{{{_NAME}}})([0-9a-f]{{{_MARK}}})@(.+)", re.IGNORECASE)
_LINK = re.compile(rf"([0-9a-f]{{{_NAME}}})-([0-9a-f]{{1,9}})-([0-9a-f]{{{_MARK}}})")


def _mark(key: bytes, *about: str) -> str:
    return hmac.digest(key, "\0".join(about).encode(), "sha256").hex()[:_MARK]


def local_part(key: bytes, use: str, invitation_id: str) -> str:
    """What stands before the @ of an invitation's own address; `use` is `reply` or `bounce`. At most 64 characters."""
    return f"{use}+{invitation_id}{_mark(key, use, invitation_id)}"


def own_address(key: bytes, domain: str, use: str, invitation_id: str) -> str:
    """An invitation's own address; `use` is `reply` or `bounce`."""
    return f"{local_part(key, use, invitation_id)}@{domain}"


def use_and_invitation(key: bytes, domain: str, address: str) -> tuple[str, str] | None:
    """What an address is for (`reply` or `bounce`), and the invitation that it belongs to; None for an address that is
    none of ours, or that was made up.
    """
    found = _ADDRESS.fullmatch(address.strip())
    if found is None or found[4].lower() != domain:
        return None
    use, invitation_id, mark = (found[number].lower() for number in (1, 2, 3))
    return (use, invitation_id) if hmac.compare_digest(mark, _mark(key, use, invitation_id)) else None


def invitation_of(key: bytes, domain: str, address: str) -> str | None:
    """The invitation that an address belongs to, whatever it is for."""
    found = use_and_invitation(key, domain, address)
    return found[1] if found is not None else None


def looks_like_ours(domain: str, address: str) -> bool:
    """Whether an address has the form of an invitation's own, be its mark right or not."""
    found = _ADDRESS.fullmatch(address.strip())
    return found is not None and found[4].lower() == domain


def answer_link(key: bytes, invitation_id: str, address: str, expires: datetime) -> str:
    """The last part of the link by which an invitation is answered until `expires` (whole seconds count)."""
    return link(key, "answer", invitation_id, address, expires)


def link(key: bytes, use: str, name: str, address: str, expires: datetime) -> str:
    """The last part of a link for one use (`answer`, `record`, `notice`) to what has this name (26 hexadecimal digits),
    until `expires` (whole seconds count).

    It is bound to the address that it was sent to: once that is no longer the right one, the link that stands in its
    mailbox opens nothing.
    """
    until = f"{int(expires.timestamp()):x}"
    return f"{name}-{until}-{_mark(key, use, name, address.lower(), until)}"


def read_link(text: str) -> tuple[str, datetime] | None:
    """What a link names, and until when it says that it counts: to be checked by `is_right`."""
    found = _LINK.fullmatch(text)
    return (found[1], datetime.fromtimestamp(int(found[2], 16), UTC)) if found is not None else None


def is_right(key: bytes, text: str, address: str, use: str = "answer") -> bool:
    """Whether a link was made with the key, for what and the time that it names, for this address and this use."""
    found = read_link(text)
    return found is not None and hmac.compare_digest(text, link(key, use, found[0], address, found[1]))
