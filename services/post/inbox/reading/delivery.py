"""What mail servers say became of a message.

Source: RFC 3464 (delivery status), RFC 3463 (status codes). What servers get wrong was measured: Exim's Status says
5.0.0 where its Diagnostic-Code knows better, and Exchange may leave the original message out.
"""

from __future__ import annotations

import logging
import re
from email import message_from_bytes
from itertools import islice
from typing import Literal
from urllib.parse import unquote

from flufl.bounce import all_failures

from services.post.inbox.reading.found import Bounce
from services.post.inbox.reading.headers import message_ids, own_message_id
from services.post.inbox.reading.parts import LONGEST_HEADERS, Message, Part

Action = Literal["failed", "delayed", "delivered", "relayed", "expanded"]

MOST_RECIPIENTS = 50
LONGEST_UNKNOWN = 24 * 1024

_OF_STATUS = ("message/delivery-status", "message/global-delivery-status")
_OF_ORIGINAL = ("message/rfc822", "text/rfc822-headers", "message/global", "message/global-headers")
_RECIPIENT = ("original-recipient", "final-recipient", "x-actual-recipient")
_ACTIONS: tuple[Action, ...] = ("failed", "delayed", "delivered", "relayed", "expanded")
_BY_CLASS: dict[str, Action] = {"5": "failed", "4": "delayed", "2": "relayed"}
_STATUS = re.compile(r"(?<![0-9.])([245])\.([0-9]{1,3})\.([0-9]{1,3})(?![0-9.])")
_BLANK = re.compile(r"\n[ \t]*+\n")
_XTEXT = re.compile(r"\+([0-9A-F]{2})")
_OLD_MESSAGE_ID = re.compile(rb"^[ \t>]*message-id: *<([^<>\s]{1,300})>", re.IGNORECASE | re.MULTILINE)

# What this library logs may hold addresses.
logging.getLogger("flufl.bounce").setLevel(logging.CRITICAL + 1)


def delivery_reports(message: Message) -> tuple[bool, list[Bounce]]:
    """Whether the message is a delivery report, and what it says of each recipient."""
    found: list[Bounce] = []
    is_one = False
    for each in message.reports:
        if each.parameters.get("report-type", "delivery-status").lower() == "delivery-status":
            status = [part for part in each.walk() if part.media_type in _OF_STATUS]
            is_one = is_one or bool(status) or "report-type" in each.parameters
            original = _original(message, each)
            for part in status:
                found += _recipients(message.text(part), original)
    return is_one, found[:MOST_RECIPIENTS]


def _original(message: Message, report: Part) -> str | None:
    """The Message-ID of the message that came back, or else of the one that the report says to answer."""
    for part in report.walk():
        if part.media_type in _OF_ORIGINAL:
            inner = Message(message.content(part)[:LONGEST_HEADERS] + b"\n\n")
            found = own_message_id(inner.top.headers)
            if found is not None:
                return found
    return next(iter(message_ids(message.top.headers)), None)


def _recipients(text: str, message_id: str | None) -> list[Bounce]:
    """What the fields of a report say. Each recipient has a block; the first block is about the message."""
    found = []
    text = text[:LONGEST_HEADERS].replace("\r\n", "\n").replace("\r", "\n")
    for block in islice(_BLANK.split(text), 2 * MOST_RECIPIENTS):
        fields = _fields(block)
        addresses = [_address(fields[name]) for name in _RECIPIENT if name in fields]
        status = _STATUS.search(fields.get("status", ""))
        said = fields.get("action", "").lower().lstrip()
        action = next((each for each in _ACTIONS if said.startswith(each)), None)
        if action is None and status is not None and addresses and not said:
            action = _BY_CLASS[status[1]]
        if action is None and said.startswith("error"):
            action = "failed"
        if action is not None:
            named = tuple(dict.fromkeys(each for one in addresses for each in one if each))
            found.append(Bounce(named, action, _code(status, fields.get("diagnostic-code", "")), message_id))
    return found


def _fields(block: str) -> dict[str, str]:
    found: dict[str, str] = {}
    name = ""
    for line in block.split("\n", 200)[:200]:
        if line[:1] in (" ", "\t") and name:
            found[name] = (found[name] + " " + line.strip())[:2_000]
        else:
            name, colon, value = line[:2_000].partition(":")
            name = name.strip().lower() if colon else ""
            if name and name not in found:
                found[name] = value.strip()
            else:
                name = ""
    return found


def _address(value: str) -> tuple[str, ...]:
    """The address of a recipient field, and what it is without the escapes of SMTP."""
    kind, semicolon, address = value.partition(";")
    bare = (address if semicolon else kind).strip().strip("<>").lower()[:320]
    if not _XTEXT.search(bare.upper()):
        return (bare,)
    return bare, _XTEXT.sub(lambda escaped: unquote("%" + escaped[1]), bare.upper()).lower()


def _code(status: re.Match[str] | None, diagnostic: str) -> str | None:
    """The status code, out of the diagnostic where the other one says no more than that it failed."""
    if status is not None and (status[2], status[3]) != ("0", "0"):
        return status[0]
    better = _STATUS.search(diagnostic)
    if better is not None and (status is None or better[1] == status[1]):
        return better[0]
    return status[0] if status is not None else None


def returned_otherwise(raw: bytes) -> list[Bounce]:
    """What a second opinion finds in a message of a mail server that is no report by the book. Only its beginning is
    looked at.
    """
    beginning = raw[:LONGEST_UNKNOWN]
    try:
        delayed, failed = all_failures(message_from_bytes(beginning))
    except Exception:  # it takes whatever mail servers write, and trips over some of it
        return []
    original = _OLD_MESSAGE_ID.findall(beginning)
    message_id = original[-1].decode("ascii", "replace") if original else None
    both: tuple[tuple[Action, frozenset[bytes]], ...] = (("failed", failed), ("delayed", delayed))
    return [
        Bounce((address.decode("ascii", "replace").lower(),), action, None, message_id)
        for action, addresses in both
        for address in sorted(addresses)[:MOST_RECIPIENTS]
    ]
