"""Opens the link of an invitation: whose it is, which meeting it is about, and what may be done by it now."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.policy import Policy
from services.directory import store as directory
from services.foundation.outbox import OutboxRow
from services.foundation.settings import Settings
from services.invitations import store as invitations
from services.invitations.handlers import LETTER, withheld
from services.invitations.rules import CANCELLED, REQUEST, Invitation
from services.invitations.tokens import is_right, read_link
from services.meetings import store as meetings
from services.meetings.rules import Entry, Meeting, reference
from services.participation.rules.answers import Answer, heard
from services.participation.store import answers
from services.running.process import Process

WAITING_LIST = "waiting_list"  # the rule that asks whoever a child waits for


class NotOpened(Exception):
    """A link that opens nothing. One that was made up, that is another's and that is not right any more are told in the
    same words (`unknown`): whoever tries learns nothing. `expired` and `not_asked` are told to its reader alone.
    """

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why

    @property
    def status(self) -> int:
        return 404 if self.why == "unknown" else 410


@dataclass(frozen=True, slots=True)
class Opened:
    """What a link leads to. `counts` is the answer that counts now, `superseded` whether one was given to another
    time.
    """

    link: str
    expires: datetime
    now: datetime
    invitation: Invitation
    meeting: Meeting
    entry: Entry | None
    agency_kind: str | None
    counts: Answer | None
    superseded: bool

    @property
    def of_family(self) -> bool:
        return self.invitation.person_id is not None

    @property
    def can_be_answered(self) -> bool:
        """Whether an answer still says something: not once the meeting was held or is over."""
        return self.meeting.state == "scheduled" and self.now < self.meeting.ends_at

    @property
    def waits(self) -> bool:
        """Whether the party is asked for a child on its waiting list."""
        return self.entry is not None and any(reason.rule == WAITING_LIST for reason in self.entry.reasons)

    @property
    def several_children(self) -> bool:
        return self.entry is not None and len(self.entry.child_ids) > 1

    def shown(self, policy: Policy) -> dict[str, Any]:
        """What the pages say of the meeting: no more than its reader was told in the letter, and no child by any
        name. A place is named where the policy lists it as a venue; any other could be where somebody lives.
        """
        told = self.invitation.told
        kind = policy.on(self.meeting.day).kind(self.meeting.kind)
        return {
            "of_family": self.of_family,
            "reference": reference(self.meeting.meeting_id),
            "kind_name": None if self.of_family else kind.name,
            "starts_at": told.starts_at,
            "ends_at": told.ends_at,
            "place": told.place if told.place in policy.venues else None,
            "in_person": told.place is not None or told.joining_url is None,
            "in_the_message": told.place is not None or told.joining_url is not None,
            "expires": self.expires,
            "can_be_answered": self.can_be_answered,
            "counts": self.counts,
            "superseded": self.superseded,
            "waits": self.waits,
            "care_plans": self.agency_kind in policy.groups.care_plan_on_apologies,
        }


def root_of(settings: Settings) -> str:
    """What stands before the paths of the answer page where others reach it: the public address may have one."""
    after_host = (settings.public_url or "").partition("://")[2].partition("/")[2].rstrip("/")
    return f"/{after_host}" if after_host else ""


async def open_link(process: Process, link: str) -> Opened:
    """Open a link, or say why it opens nothing (`NotOpened`)."""
    house = process.house
    async with house.database.read() as db:
        return await _open(db, house.intake.policy, house.settings, link, house.clock.now())


async def _open(db: AsyncConnection, policy: Policy, settings: Settings, link: str, now: datetime) -> Opened:
    named = read_link(link)
    if named is None:
        raise NotOpened("unknown")
    invitation_id, expires = named
    row = (await invitations.rows_by_id(db, [invitation_id])).get(invitation_id)
    if row is None or row["address"] is None or not is_right(settings.key, link, row["address"]):
        raise NotOpened("unknown")
    if now >= expires:
        raise NotOpened("expired")
    invitation = (await invitations.of_meetings(db, [row["meeting_id"]]))[row["meeting_id"]][row["party"]]
    meeting = (await meetings.meetings_by_id(db, [invitation.meeting_id]))[invitation.meeting_id]
    if invitation.state == CANCELLED or meeting.state == CANCELLED:
        raise NotOpened("not_asked")
    await _still_permitted(db, policy, invitation, meeting, now)
    entry = (await meetings.entries_of(db, [meeting.meeting_id])).get(meeting.meeting_id, {}).get(invitation.party)
    said = (await answers.of_meetings(db, [meeting.meeting_id])).get(meeting.meeting_id, [])
    from_party = heard(invitation, said)
    agencies = await directory.agencies_by_id(db, [invitation.agency_id] if invitation.agency_id else [])
    agency = agencies.get(invitation.agency_id or "")
    return Opened(
        link,
        expires,
        now,
        invitation,
        meeting,
        entry,
        agency.kind if agency else None,
        from_party.counts,
        bool(from_party.superseded) and from_party.counts is None,
    )


async def _still_permitted(
    db: AsyncConnection, policy: Policy, invitation: Invitation, meeting: Meeting, now: datetime
) -> None:
    """What may not be sent to the address any more may not be opened from it either; and a meeting that no family is
    asked to has no page for family, whatever invitation there may be.
    """
    if invitation.person_id is not None and policy.on(meeting.day).kind(meeting.kind).family != "invited":
        raise NotOpened("unknown")
    params = {"to": invitation.address, "meeting_id": meeting.meeting_id, "method": REQUEST}
    forbidden = await withheld(db, [OutboxRow(0, LETTER, invitation.invitation_id, params, 0)], now)
    if forbidden.get(0) == "not_permitted":
        raise NotOpened("unknown")


def open_until(settings: Settings) -> timedelta:
    """How long after its meeting a link still opens."""
    return timedelta(days=settings.answer_days)
