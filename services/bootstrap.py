"""Where the parts are put together: for the command line, the pages, the tests and the benchmarks alike.

The dictionaries below are the whole of how rooms act on each other. Read `HANDLERS` to see what an event causes.
"""

from __future__ import annotations

import asyncio
import fcntl
import gc
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cache, cached_property
from typing import IO, Any

from services.directory import handlers as directory
from services.directory import store as directory_store
from services.foundation import letters, outbox, timers
from services.foundation.clock import Clock, SystemClock
from services.foundation.database import Database
from services.foundation.documents import Documents
from services.foundation.letters import LetterKind
from services.foundation.parcels import ParcelKind
from services.foundation.servers import SmtpServer
from services.foundation.settings import Settings, WrongSettings
from services.foundation.work import Handlers
from services.intake.accept import Check, Intake, Known
from services.intake.ticks import Acts, Ticker
from services.invitations import handlers as invitations
from services.invitations import render as invitation_letters
from services.invitations import returned
from services.meetings import begun
from services.meetings import handlers as meetings
from services.meetings import store as meetings_store
from services.meetings.policy import load_policy
from services.oversight import handlers as oversight
from services.oversight import learnt_later, letters_back, not_gone, not_invited
from services.oversight import notices as oversight_notices
from services.participation import report_letters
from services.participation.handlers import answers, asking, quoracy, refusals, reports
from services.participation.store import documents as documents_store  # noqa: F401  # its tables
from services.post.attempts import Tally
from services.post.catcher import Catcher
from services.post.inbox import sort
from services.post.inbox.keep import Keeper
from services.post.mailer import Mailer
from services.post.mesh.receiver import MeshReceiver
from services.post.mesh.sender import MeshSender
from services.records import by_mesh, codes, reminders
from services.records.handlers import (
    addresses,
    again,
    care_plans,
    changed_meetings,
    copies,
    newcomers,
    notices,
    plans,
    recalls,
    receipts,
    review,
)
from services.records.letters import care_plans as care_plan_letters
from services.records.letters import codes as code_letters
from services.records.letters import copies as copy_letters
from services.records.letters import notices as notice_letters
from services.records.letters import parcels, permits, queueing
from services.records.letters import reminders as reminder_letters
from services.records.press import Press

# Event type → the handlers that react, in order.
HANDLERS: Handlers = {
    "quorate.agency.recorded.v1": (directory.agencies_recorded, quoracy.agencies_told),
    "quorate.child.recorded.v1": (directory.children_recorded, quoracy.children_told),
    "quorate.relative.recorded.v1": (directory.relatives_recorded, quoracy.relatives_told),
    "quorate.involvement.recorded.v1": (directory.involvements_recorded, quoracy.involvements_told),
    "quorate.circumstance.changed.v1": (directory.circumstances_changed, quoracy.circumstances_told),
    "quorate.meeting.scheduled.v1": (meetings.scheduled, quoracy.told_of_meetings, review.told_of_meetings),
    "quorate.meeting.rescheduled.v1": (meetings.rescheduled, quoracy.told_of_meetings, review.told_of_meetings),
    "quorate.meeting.cancelled.v1": (meetings.cancelled,),
    "quorate.meeting.held.v1": (meetings.held, quoracy.told_of_meetings),
    "quorate.invitation.answered.v1": (answers.answered,),
    "quorate.invitation.countered.v1": (asking.countered,),
    "quorate.invitation.requested.v1": (asking.requested,),
    "quorate.invitation.bounced.v1": (directory.addresses_bounced, returned.bounced),
    "quorate.invitation.received.v1": (returned.received,),
    "quorate.quoracy.excepted.v1": (quoracy.excepted, plans.allowed),
    "quorate.plan.started.v1": (plans.started,),
    "quorate.plan.ended.v1": (quoracy.plans_ended, plans.ended),
    "quorate.record.approved.v1": (copies.approved,),
    "quorate.record.recalled.v1": (recalls.recalled,),
    copies.DECIDED: (review.look_again, plans.decided),
    "quorate.record.distributed.v1": (review.look_again,),
    "quorate.dispatch.opened.v1": (receipts.opened, plans.heard, care_plans.heard),
    "quorate.dispatch.confirmed.v1": (receipts.confirmed, plans.heard, care_plans.heard),
    "quorate.dispatch.bounced.v1": (receipts.bounced, plans.heard, care_plans.heard),
    "quorate.dispatch.received.v1": (receipts.received,),
    directory.CHANGED: (meetings.resolve_again, begun.look_back, plans.directory_changed, addresses.directory_changed),
    plans.CONCERNED: (notices.look, newcomers.look, care_plans.plans_changed),
    notices.REVIEWED: (oversight_notices.note_notices,),
    returned.CAME_BACK: (returned.tell_came_back,),
    returned.LETTER_CAME_BACK: (letters_back.note_letter_came_back, reports.came_back),
    "quorate.report.received.v1": (reports.received, quoracy.told_of_meetings, care_plans.received),
    meetings.RESOLVED: (
        invitations.write,
        oversight.note_left_out,
        asking.await_answers,
        reports.resolved,
        changed_meetings.resolved,
    ),
    begun.LEARNT_LATER: (learnt_later.note_learnt_later,),
    begun.CORRECTED: (learnt_later.note_corrected,),
    meetings.CLOSED: (
        invitations.close,
        oversight.note_closed,
        asking.close,
        reports.closed,
        changed_meetings.closed,
    ),
    answers.HEARD: (asking.heard_back, reports.heard, refusals.heard, quoracy.told_of_meetings, not_invited.note_heard),
    invitations.SEND_AGAIN: (invitations.send_again,),
    invitations.STANDS: (oversight.note_sent,),
    quoracy.CONCERNED: (quoracy.judge_again,),
    answers.REVIEWED: (oversight.note_missing, plans.judged),
    letters.SETTLED: (not_gone.note_settled,),
    sort.WAITS: (oversight.note_mail_waits,),
    sort.SETTLED: (oversight.note_mail_settled,),
    "quorate.invitation.sent.v1": (oversight.note_sent, reports.tried),
    "quorate.invitation.delivered.v1": (oversight.note_delivered,),
    "quorate.invitation.undelivered.v1": (oversight.note_undelivered, reports.tried, quoracy.told_of_meetings),
}

# Event type → what it is held to before it is accepted, beyond its own form.
CHECKS: Mapping[str, Check] = {"quorate.meeting.scheduled.v1": meetings.check_kind}

# Noun → who knows which of these ids exist.
KNOWN: Known = {
    "child": directory_store.known_children,
    "person": directory_store.known_people,
    "agency": directory_store.known_agencies,
    "meeting": meetings_store.known_meetings,
}

# Outbox row → who renders it, says whether it may still go, and is told how it went.
LETTERS: Mapping[str, LetterKind] = {
    invitations.LETTER: LetterKind(invitation_letters.render, asking.withheld, invitations.settled),
    reports.REQUEST_LETTER: LetterKind(report_letters.render_request, report_letters.withheld, reports.settled),
    reports.REMINDER_LETTER: LetterKind(report_letters.render_reminder, report_letters.withheld, reports.settled),
    queueing.COPY_LETTER: LetterKind(
        copy_letters.render_copy, permits.withheld, copies.settled, copy_letters.permitted
    ),
    queueing.RECALL_LETTER: LetterKind(
        copy_letters.render_recall, copy_letters.recall_withheld, recalls.settled, copy_letters.recall_permitted
    ),
    reminders.READER_LETTER: LetterKind(
        reminder_letters.render_to_reader,
        reminder_letters.to_reader_withheld,
        reminder_letters.settled,
        reminder_letters.to_reader_permitted,
    ),
    reminders.COORDINATOR_LETTER: LetterKind(
        reminder_letters.render_to_coordinator, reminder_letters.to_coordinator_withheld, reminder_letters.settled
    ),
    notices.NOTICE_LETTER: LetterKind(
        notice_letters.render, notice_letters.withheld, notices.settled, notice_letters.permitted
    ),
    care_plans.CARE_PLAN_LETTER: LetterKind(
        care_plan_letters.render, permits.withheld, care_plans.settled, care_plan_letters.permitted
    ),
    codes.CODE_LETTER: LetterKind(
        code_letters.render_code, code_letters.withheld, code_letters.settled, code_letters.permitted
    ),
}

# Row for MESH → who makes the parcel, says whether it may still go, and is told how it went.
PARCELS: Mapping[str, ParcelKind] = {
    by_mesh.COPY_PARCEL: ParcelKind(parcels.render_copy, parcels.withheld, again.parcels_settled, parcels.permitted),
}

# Timer → what happens when it is due, given the keys.
TIMERS: Acts = {
    meetings.RESOLVE_LATER: meetings.resolve_later,
    begun.LOOK_BACK: begun.look_back_later,
    meetings.STARTS: not_invited.meetings_start,
    letters.GONE: not_gone.still_there,
    asking.LOOK: asking.look,
    reports.DUE: reports.due,
    review.LOOK: review.due,
    notices.DUE: notices.due,
    newcomers.DUE: newcomers.due,
}


@dataclass(frozen=True, slots=True)
class Mesh:
    """What speaks to MESH, the NHS's message exchange: both ways."""

    sender: MeshSender
    receiver: MeshReceiver

    def stop(self) -> None:
        """Begin nothing more."""
        self.sender.stopping = self.receiver.stopping = True


@dataclass
class House:
    """The whole of Quorate on one database."""

    settings: Settings
    clock: Clock
    database: Database
    intake: Intake

    async def tick(self, progress: Callable[[], None] = lambda: None) -> int:
        """Do what timers have fallen due for; returns how many. `progress` is called after every transaction."""
        return await self.ticker.tick(progress)

    @cached_property
    def ticker(self) -> Ticker:
        """What acts on timers."""
        return Ticker(self.intake, TIMERS)

    def wants_the_documents_of_all(self) -> None:
        """What a process makes, keeps, sends or shows lies where all others find it. Raises `WrongSettings` where it is
        not said where: in a database that is shared, but for a rehearsal.
        """
        if self.settings.shared and self.settings.documents is None and isinstance(self.clock, SystemClock):
            raise WrongSettings(
                "QUORATE_DOCUMENTS is not set. On a database that is shared, what one process makes or keeps another "
                "one sends or shows: name the folder that all of them share"
            )

    @asynccontextmanager
    async def mailer(self, server: SmtpServer | None = None) -> AsyncIterator[Mailer]:
        """A mailer with the mail server of the settings, or the local catcher where none is set. Raises `WrongSettings`
        where what others wait for would go to the catcher: in a database that is shared, but for a rehearsal.
        """
        async with AsyncExitStack() as stack:
            server = server or self.settings.smtp_server
            if server is None:
                if self.settings.shared and isinstance(self.clock, SystemClock):
                    raise WrongSettings(
                        "QUORATE_SMTP is not set. In a database that is shared, what never left this machine would be "
                        "noted as sent: name the mail server, or set QUORATE_AS_OF for a rehearsal"
                    )
                catcher = await stack.enter_async_context(Catcher(self.settings.home / "mailbox"))
                server = SmtpServer(f"smtp://127.0.0.1:{catcher.port}?tls=none")
            mailer = Mailer(self.intake, LETTERS, server, self.settings)
            stack.push_async_callback(mailer.close)
            self.press.name = mailer.name  # so that both are taken over where this process dies
            if self.database.is_sqlite:
                place = stack.enter_context(_place_of_mailers(self.settings))
                if _alone(place):
                    await mailer.release()
                await asyncio.to_thread(fcntl.flock, place, fcntl.LOCK_SH)
                mailer.stood_by.set()
            else:
                await stack.enter_async_context(_meanwhile(mailer.stand_by()))
            yield mailer

    @asynccontextmanager
    async def mesh(self) -> AsyncIterator[Mesh | None]:
        """What speaks to MESH, for as long as this process alone does; None where the settings name no mailbox there,
        or another process speaks to it.
        """
        receiver = self.mesh_receiver
        async with AsyncExitStack() as stack:
            if receiver is None or not await self._alone_on_mesh(stack):
                yield None
                return
            receiver.stopping = False
            mesh = Mesh(MeshSender(self.intake, PARCELS, receiver.place), receiver)
            await mesh.sender.release()
            yield mesh

    @cached_property
    def mesh_receiver(self) -> MeshReceiver | None:
        """What hears by MESH: one for as long as the house is open, whatever the database does meanwhile, since it
        alone knows for how long a message could not be had.
        """
        if (place := self.settings.mesh_mailbox) is None:
            return None
        keeper = Keeper(self.database, Documents(self.settings.documents_folder), self.clock)
        return MeshReceiver(self.intake, keeper, place)

    async def _alone_on_mesh(self, stack: AsyncExitStack) -> bool:
        if not self.database.is_sqlite:
            return await stack.enter_async_context(self.database.sole(outbox.MESH)) is not None
        self.settings.make_home()
        return _alone(stack.enter_context((self.settings.home / "mesh.lock").open("w")))

    @cached_property
    def press(self) -> Press:
        """The press that makes documents."""
        return Press(self.intake)

    async def drain(self) -> Tally:
        """Tick, print and send all that is due, by mail and by MESH. Raises `WrongSettings` as `mailer` does."""
        self.wants_the_documents_of_all()
        async with self.mailer() as mailer, self.mesh() as mesh:
            await mailer.stood_by.wait()  # else what is just being taken over would be passed by
            tallies = [mailer.tally, *([mesh.sender.tally] if mesh is not None else [])]
            while True:
                ticked = await self.tick() + await self.press.drain()
                before = sum(each.sent + each.failed for each in tallies)
                await mailer.drain()
                if mesh is not None:
                    await mesh.sender.drain()
                if not ticked and sum(each.sent + each.failed for each in tallies) == before:
                    return Tally.of(tallies)

    async def next_due(self) -> datetime | None:
        """When something falls due next; None where nothing waits."""
        async with self.database.read() as db:
            moments = [
                await timers.next_due(db),
                await outbox.next_due(db, outbox.MAIL, LETTERS),
                await outbox.next_due(db, outbox.PRINT, (copies.PRINT,)),
                await outbox.next_due(db, outbox.MESH, PARCELS if self.settings.mesh else ()),
            ]
        return min((moment for moment in moments if moment is not None), default=None)


@asynccontextmanager
async def _meanwhile(doing: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Do something beside what is in the block, for as long as that lasts."""
    task = asyncio.create_task(doing)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _place_of_mailers(settings: Settings) -> IO[str]:
    """The file whose lock mailers share."""
    settings.make_home()
    return (settings.home / "mailer.lock").open("w")


def _alone(place: IO[str]) -> bool:
    """Whether no other mailer works on this embedded database: each holds a share of this lock while it works, and the
    system takes it back however a process ends.
    """
    try:
        fcntl.flock(place, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _database(settings: Settings) -> Database:
    return Database(
        settings.database_url, settings.lock_timeout, settings.statement_timeout, settings.database_connections
    )


async def migrate(settings: Settings) -> str:
    """Bring the database's tables up to date; returns what was done, in words. Raises `DatabaseTrouble`."""
    database = _database(settings)
    try:
        before, after = await database.migrate()
    finally:
        await database.close()
    if before == after:
        return f"The database {database.name} is up to date (schema {after})."
    done = f"brought from schema {before} to {after}" if before else f"given its tables (schema {after})"
    return f"The database {database.name} was {done}."


@cache
def _let_rows_come_and_go() -> None:
    """Collect garbage less eagerly, once a process: a batch makes thousands of rows, gone after it and free of cycles.

    What is loaded by now stays, and is not looked through again. Measured: a fifth off the cost of taking events in.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


@asynccontextmanager
async def open_house(settings: Settings, clock: Clock | None = None) -> AsyncIterator[House]:
    """Put Quorate together; the embedded default migrates its database by itself.

    Raises `DatabaseTrouble` where the database cannot be used, `WrongPolicy` where the policy cannot.
    """
    clock = clock or SystemClock()
    _let_rows_come_and_go()
    database = _database(settings)
    try:
        if database.is_sqlite:
            await database.migrate()
        else:
            await database.require_current_schema()
        intake = Intake(database, clock, load_policy(settings.policy), settings, HANDLERS, KNOWN, CHECKS)
        yield House(settings, clock, database, intake)
    finally:
        await database.close()
