"""Two agencies that were asked to one meeting, and what comes back from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select

from services.bootstrap import House
from services.intake.store import journal
from services.invitations.store import invitations
from services.invitations.tokens import local_part
from services.oversight.views import list_exceptions
from services.participation.store.answers import answers
from services.participation.views import explain
from services.post.inbox import store
from services.post.inbox.keep import Came
from services.running.mail_in import keeper_of, sorter_of
from tests import events
from tests.door import Embedded
from tests.mail.pieces import message as written
from tests.mail.pieces import multipart, part
from tests.replies import File, answer


@dataclass(frozen=True)
class Party:
    """One party that was asked."""

    house: House
    invitation_id: str
    agency_id: str
    address: str
    sequence: int

    @property
    def domain(self) -> str:
        return self.house.settings.mail_domain

    @property
    def uid(self) -> str:
        return f"{self.invitation_id}@{self.domain}"

    @property
    def reply_address(self) -> str:
        """The invitation's own address."""
        return f"{local_part(self.house.settings.key, 'reply', self.invitation_id)}@{self.domain}"

    @property
    def bounce_address(self) -> str:
        """Where a mail server gives it back to."""
        return f"{local_part(self.house.settings.key, 'bounce', self.invitation_id)}@{self.domain}"

    def gives_back(self, to: str, *named: str) -> bytes:
        """A report by somebody's mail server to an address: there is no such mailbox. `named` is the Message-ID."""
        status = f"Reporting-MTA: dns; x\n\nFinal-Recipient: rfc822; {self.address}\nAction: failed\nStatus: 5.1.1\n"
        parts = [part("text/plain", "Undelivered."), part("message/delivery-status", status)]
        parts += [part("text/rfc822-headers", f"Message-ID: <{each}>\n") for each in named]
        return written(multipart("report; report-type=delivery-status", parts), to=to, sender="mailer-daemon@x.example")

    def answers(self, partstat: str = "ACCEPTED", *, at: datetime | None = None, **more: Any) -> bytes:
        """A REPLY from this party, an hour ago unless it is said when."""
        given = {"uid": self.uid, "to": self.reply_address, "attendee": self.address, "sequence": self.sequence}
        at = at or self.house.clock.now() - timedelta(minutes=1)
        return answer(**{**given, "partstat": partstat, "at": at, **more})

    def sends(self, *files: File, **more: Any) -> bytes:
        """An answer with files."""
        return self.answers(files=files, **more)


async def asked(house: House) -> tuple[Party, Party]:
    """CAMHS and a school, asked to the meeting `m1`."""
    taken = await Embedded(house).take(
        events.agency("camhs-1"),
        events.agency("school-1"),
        events.child("c1"),
        events.involvement(person_id="c1", agency_id="camhs-1"),
        events.involvement(person_id="c1", agency_id="school-1"),
        events.meeting("m1", children=["c1"], kind="review_conference"),
    )
    assert {verdict.state for verdict in taken} == {"accepted"}
    async with house.database.read() as db:
        rows = {row["agency_id"]: row for row in (await db.execute(select(invitations))).mappings()}
    camhs, school = (
        Party(house, row["invitation_id"], each, row["address"], row["sequence"])
        for each in ("camhs-1", "school-1")
        for row in [rows[each]]
    )
    return camhs, school


async def keep(house: House, *raws: bytes, recipients: Sequence[str] = (), sender: str | None = None) -> list[Came]:
    """Keep messages, and no more."""
    keeper = keeper_of(house)
    came = [keeper.write([raw], {"way": "file"}, recipients=recipients, sender=sender) for raw in raws]
    for each in came:
        await keeper.note([each])
    return came


async def take(house: House, *raws: bytes, **envelope: Any) -> list[dict[str, Any]]:
    """Keep messages and sort them; returns their rows, in order."""
    came = await keep(house, *raws, **envelope)
    await sorter_of(house).sort()
    return [await row_of(house, each.document.document_id) for each in came]


async def row_of(house: House, mail_id: str) -> dict[str, Any]:
    async with house.database.read() as db:
        [row] = await store.by_beginning(db, mail_id)
    return dict(row)


async def rows(house: House) -> list[dict[str, Any]]:
    async with house.database.read() as db:
        return [dict(row) for row in await store.listed(db, None)]


async def waiting(house: House) -> list[dict[str, Any]]:
    """The exceptions about mail that are not resolved."""
    async with house.database.read() as db:
        return [each for each in await list_exceptions(db) if each["kind"] == "mail_not_understood"]


async def answered(house: House) -> dict[str, str]:
    """What each agency answered, as the coordinator sees it."""
    async with house.database.read() as db:
        found = await explain(db, house.intake.policy, "m1", None, house.clock.now())
    assert found is not None
    entries = {entry.get("agency_id"): entry.get("invitation", {}) for entry in found["entries"]}
    return {agency: each["answer"] for agency, each in entries.items() if agency and "answer" in each}


async def counted(house: House) -> dict[str, int]:
    """How many answers, events from the mailbox, and messages there are."""
    of_mail = select(func.count()).select_from(journal).where(journal.c.source == "/quorate/mailbox")
    async with house.database.read() as db:
        return {
            "answers": (await db.execute(select(func.count()).select_from(answers))).scalar_one(),
            "events": (await db.execute(of_mail)).scalar_one(),
            "mail": (await db.execute(select(func.count()).select_from(store.received_mail))).scalar_one(),
        }
