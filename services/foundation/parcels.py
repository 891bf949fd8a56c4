"""What a room hands to the post room for MESH, the NHS's message exchange: one file to one mailbox."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from services.foundation.letters import Attempt
from services.foundation.outbox import OutboxRow
from services.foundation.settings import Settings
from services.foundation.work import Work


class Parcel(NamedTuple):
    """One file to one mailbox. `local_id` is the same however often it is sent: whoever gets it twice can tell.

    Neither `subject` nor `file_name` says anything of anyone: MESH shows both to those who run it.
    """

    to: str
    local_id: str
    subject: str
    file_name: str
    media_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class ParcelKind:
    """Who makes the parcel of one kind of outbox row, who says whether it may still go and whether its reader may still
    have it, and who is told how it went.
    """

    render: Callable[[Mapping[str, Any], Settings], Parcel]
    withheld: Callable[[AsyncConnection, Sequence[OutboxRow], datetime], Awaitable[Mapping[int, str]]]
    settled: Callable[[Work, Sequence[Attempt]], Awaitable[None]]
    permitted: Callable[[Work, Sequence[OutboxRow]], Awaitable[Mapping[int, str]]]
