"""The invitations: one for each meeting and party."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Index, Integer, Row, String, Table, Text, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from services.foundation.database import Instant, metadata
from services.foundation.outbox import MAIL, outbox
from services.foundation.statements import add, among, change, chunks
from services.invitations.rules import BOUNCED, REQUEST, Invitation, Message, Told

ID = String(64)

invitations = Table(
    "invitations",
    metadata,
    Column("invitation_id", String(26), primary_key=True),
    Column("meeting_id", ID, nullable=False),
    Column("party", Text, nullable=False),
    Column("agency_id", ID),
    Column("person_id", ID),
    Column("team_id", ID),
    Column("address", Text),
    Column("state", String(16), nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("stamp", Instant, nullable=False),
    Column("since", Instant, nullable=False),
    Column("starts_at", Instant, nullable=False),
    Column("ends_at", Instant, nullable=False),
    Column("place", Text),
    Column("joining_url", Text),
    Column("written_at", Instant, nullable=False),
    Column("asked_at", Instant),
    Column("failure", Text),
)
Index("ix_invitations_meeting_id", invitations.c.meeting_id)


def _invitation(row: Mapping[Any, Any]) -> Invitation:
    return Invitation(
        row["invitation_id"],
        row["meeting_id"],
        row["party"],
        row["agency_id"],
        row["person_id"],
        row["team_id"],
        row["address"],
        row["state"],
        row["sequence"],
        row["revision"],
        row["stamp"],
        row["since"],
        Told(row["starts_at"], row["ends_at"], row["place"], row["joining_url"]),
        row["failure"],
    )


async def rows_of_meetings(db: AsyncConnection, meeting_ids: Iterable[str]) -> list[Mapping[Any, Any]]:
    """The rows of the invitations to meetings."""
    found: list[Mapping[Any, Any]] = []
    for some in chunks(set(meeting_ids)):
        rows = await db.execute(select(invitations).where(among(db, invitations.c.meeting_id, some)))
        found += rows.mappings()
    return found


def by_meeting(rows: Iterable[Mapping[Any, Any]]) -> dict[str, dict[str, Invitation]]:
    """The invitations of these rows, by meeting and party."""
    found: dict[str, dict[str, Invitation]] = {}
    for row in rows:
        found.setdefault(row["meeting_id"], {})[row["party"]] = _invitation(row)
    return found


async def of_meetings(db: AsyncConnection, meeting_ids: Iterable[str]) -> dict[str, dict[str, Invitation]]:
    """The invitations to meetings, by meeting and party."""
    return by_meeting(await rows_of_meetings(db, meeting_ids))


# What is asked of every message that was tried, and no more.
_STANDING = (
    "invitation_id",
    "meeting_id",
    "agency_id",
    "person_id",
    "sequence",
    "revision",
    "asked_at",
    "failure",
    "state",
    "address",
)


async def addresses(db: AsyncConnection, ids: Iterable[str]) -> dict[str, str | None]:
    """Where invitations go to, by id; None where nothing more may go."""
    found: dict[str, str | None] = {}
    for some in chunks(set(ids)):
        query = select(invitations.c.invitation_id, invitations.c.address).where(
            among(db, invitations.c.invitation_id, some)
        )
        found.update((row.invitation_id, row.address) for row in await db.execute(query))
    return found


async def standing(db: AsyncConnection, ids: Iterable[str]) -> dict[str, Row[Any]]:
    """How invitations stand, by id: whose they are, their latest message, and whether anybody was ever asked by it."""
    found: dict[str, Row[Any]] = {}
    for some in chunks(set(ids)):
        query = select(*(invitations.c[name] for name in _STANDING)).where(among(db, invitations.c.invitation_id, some))
        found.update((row.invitation_id, row) for row in await db.execute(query))
    return found


async def rows_by_id(db: AsyncConnection, ids: Iterable[str]) -> dict[str, Mapping[Any, Any]]:
    """The rows of invitations, by id."""
    found: dict[str, Mapping[Any, Any]] = {}
    for some in chunks(set(ids)):
        rows = await db.execute(select(invitations).where(among(db, invitations.c.invitation_id, some)))
        found.update((row["invitation_id"], row) for row in rows.mappings())
    return found


LETTER = "invitation"


async def messages_of(db: AsyncConnection, ids: Iterable[str]) -> dict[str, list[Message]]:
    """The messages that were written for invitations, by id and oldest first."""
    found: dict[str, list[Message]] = {}
    columns = (outbox.c.key, outbox.c.params, outbox.c.state, outbox.c.written_at, outbox.c.settled_at)
    for some in chunks(set(ids)):
        query = select(*columns).where(among(db, outbox.c.key, some), outbox.c.channel == MAIL, outbox.c.name == LETTER)
        for row in (await db.execute(query.order_by(outbox.c.outbox_id))).mappings():
            if "stamp" in row["params"]:
                found.setdefault(row["key"], []).append(_message(row))
    return found


def _message(row: Mapping[Any, Any]) -> Message:
    params = row["params"]
    starts_at, ends_at, stamp = (datetime.fromisoformat(params[name]) for name in ("starts_at", "ends_at", "stamp"))
    return Message(
        params["sequence"],
        params["revision"],
        params.get("method", REQUEST),
        params.get("change", "new"),
        stamp,
        Told(starts_at, ends_at, params.get("place"), params.get("joining_url")),
        row["written_at"],
        row["state"] == "pending",
        row["settled_at"] if row["state"] == "sent" else None,
    )


async def put(db: AsyncConnection, fresh: Sequence[Invitation], changed: Sequence[Invitation], now: datetime) -> None:
    """Write new invitations, and others as they stand after a change."""
    await add(db, invitations, [{**_columns(each), "written_at": now} for each in fresh])
    await change(db, invitations, ["invitation_id"], [_columns(each) for each in changed])


def _columns(each: Invitation) -> dict[str, Any]:
    return {
        "invitation_id": each.invitation_id,
        "meeting_id": each.meeting_id,
        "party": each.party,
        "agency_id": each.agency_id,
        "person_id": each.person_id,
        "team_id": each.team_id,
        "address": each.address,
        "state": each.state,
        "sequence": each.sequence,
        "revision": each.revision,
        "stamp": each.stamp,
        "since": each.since,
        "starts_at": each.told.starts_at,
        "ends_at": each.told.ends_at,
        "place": each.told.place,
        "joining_url": each.told.joining_url,
    }


async def stop_address(db: AsyncConnection, ids: Iterable[str]) -> None:
    """Nothing more may go to the address that these invitations went to."""
    for some in chunks(ids):
        await db.execute(update(invitations).where(among(db, invitations.c.invitation_id, some)).values(address=None))


async def note_sent(db: AsyncConnection, asked: Sequence[tuple[str, datetime]], settled: Iterable[str]) -> None:
    """Note when a request was first taken by the mail server, and which invitations have nothing more under way."""
    over = set(settled)
    sent = [{"invitation_id": each, "asked_at": at, **_SENT} for each, at in asked if each in over]
    await change(db, invitations, ["invitation_id"], sent, fill="asked_at")
    others = [{"invitation_id": each, "asked_at": at} for each, at in asked if each not in over]
    await change(db, invitations, ["invitation_id"], others, fill="asked_at")


_SENT = {"state": "sent", "failure": None}


async def note_failed(db: AsyncConnection, failures: Sequence[tuple[str, str]]) -> None:
    """Note invitations that did not reach anyone, with the reason."""
    rows = [{"invitation_id": each, "state": "undelivered", "failure": why} for each, why in failures]
    await change(db, invitations, ["invitation_id"], rows)


async def note_returned(db: AsyncConnection, bounced: Iterable[str], unasked: Iterable[str]) -> None:
    """Note invitations whose latest message came back; and of these the ones by which, then, nobody has been asked."""
    rows = [{"invitation_id": each, "state": "undelivered", "failure": BOUNCED} for each in bounced]
    await change(db, invitations, ["invitation_id"], rows)
    await change(db, invitations, ["invitation_id"], [{"invitation_id": each, "asked_at": None} for each in unasked])


async def note_delivered(db: AsyncConnection, delivered: Sequence[tuple[str, datetime]]) -> None:
    """Note invitations whose latest message has reached the mailbox."""
    rows = [{"invitation_id": each, "asked_at": at, "state": "delivered", "failure": None} for each, at in delivered]
    await change(db, invitations, ["invitation_id"], rows, fill="asked_at")
