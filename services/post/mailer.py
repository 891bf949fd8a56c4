"""The mailer: claims what is due, renders it, hands it to the mail server, and notes how it went.

No transaction is open while a message is on its way. While one batch is being sent, how the last one went is noted and
the next is claimed; a claim waits for nobody, since on a shared database it goes beside the others that write. While
the database is away, how attempts ended is kept and noted when it is back. A process that dies between the server's
word and the note leaves its claim, which another mailer takes over after `GRACE`, and which runs out after `LEASE`:
then the message is sent again, with the same Message-ID and UID, so that it lands on the same diary entry.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from itertools import count

import aiosmtplib
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from services.foundation import claims, outbox
from services.foundation.claims import Rest
from services.foundation.database import announce, nobody_is
from services.foundation.letters import Attempt, LetterKind
from services.foundation.outbox import OutboxRow
from services.foundation.servers import SmtpServer
from services.foundation.settings import Settings
from services.intake.accept import Intake
from services.post import attempts
from services.post.attempts import Suspects, Tally
from services.post.handover import Line, LostWithContent
from services.post.mime import assemble
from services.post.rules import RETRY, Stage, meaning, server_wait, wait_after
from services.post.turns import Turns

log = structlog.get_logger()

BATCH = 400
LEASE = outbox.LEASE
# Of a claim's time: none of a batch is begun after the first part, and none takes longer than the second. What is left
# is for noting how it went, so that nobody else claims what a mailer that is alive has in hand.
TO_BEGIN, TO_SEND = LEASE / 2, LEASE / 3
NOTE_WHEN_STOPPING = 1.5  # seconds that a mailer that stops may take to note how the last messages went
LOOK_EVERY = 10.0  # seconds between two looks for claims of mailers that are gone
STAND_AGAIN = 1.0  # seconds after which a lost connection is tried again
GRACE = timedelta(minutes=1)  # for which no claim is taken over
IN_HAND = (outbox.MAIL, outbox.PRINT)  # what is claimed under a mailer's name: its own, and its process's press's
FAILURES = (aiosmtplib.SMTPException, OSError, TimeoutError)


@dataclass(slots=True)
class Mailer:
    """One mailer; as many as needed may run beside each other on a shared database."""

    intake: Intake
    letters: Mapping[str, LetterKind]
    server: SmtpServer
    settings: Settings
    name: str = field(default_factory=claims.worker_name)
    kept: list[Line] = field(default_factory=list)  # open connections that nobody uses just now
    in_use: int = 0  # those that are open and used, or being opened
    tls: ssl.SSLContext | None = None
    under_way: set[asyncio.Timeout] = field(default_factory=set)
    ended: list[Attempt] = field(default_factory=list)  # attempts not noted yet
    numbers: Iterator[int] = field(default_factory=count)  # of its claims
    stopping: bool = False
    note_by: float | None = None  # on the loop's clock, once it stops
    rest: Rest = field(default_factory=Rest)
    suspects: Suspects = field(default_factory=Suspects)
    stood_by: asyncio.Event = field(default_factory=asyncio.Event)  # it was looked once what others have left
    tally: Tally = field(default_factory=Tally)

    @property
    def heard(self) -> bool:
        """Whether what mail servers say of a message is read here."""
        return self.settings.imap is not None or self.settings.lmtp_listen is not None

    async def drain(self, progress: Callable[[], None] = lambda: None) -> Tally:
        """Send all that is due, until nothing more is, or until the server fails; returns what was done.

        `progress` is called after every batch, and while the database is waited for. Raises `DatabaseTrouble` where
        that takes too long; what has not been noted by then is kept, and the first thing that is done the next time.
        """
        sending: asyncio.Task[None] | None = None
        noting: asyncio.Task[None] | None = None
        try:
            await self._note(progress)
            while True:
                rows = await self._claim()
                if sending is not None:
                    await asyncio.shield(sending)
                until = asyncio.get_running_loop().time() + TO_BEGIN.total_seconds()
                sending = asyncio.create_task(self._send_all(rows, until, progress)) if rows else None
                if noting is not None:
                    await asyncio.shield(noting)
                noting = asyncio.create_task(self._note(progress)) if self.ended else None
                progress()
                if not rows:
                    if noting is None:
                        return self.tally
                    await asyncio.shield(noting)  # before looking again: something may wait behind what is noted
        except asyncio.CancelledError:
            self.stop(within=0)
            raise
        finally:
            await asyncio.gather(*(task for task in (sending, noting) if task is not None), return_exceptions=True)
            if noting is None or noting.exception() is None:
                await self._note(progress)

    def stop(self, within: float) -> None:
        """Begin nothing more. What is with the server may take `within` seconds yet; the rest falls due again."""
        self.stopping = True
        until = asyncio.get_running_loop().time() + within
        self.note_by = until + NOTE_WHEN_STOPPING
        for deadline in self.under_way:
            deadline.reschedule(until)

    async def close(self) -> None:
        """Take leave of the mail server."""
        kept, self.kept = self.kept, []
        for connection in kept:
            try:
                await connection.quit()
            except FAILURES:
                connection.close()

    async def release(self) -> None:
        """Take over what a mailer that is no more had claimed: only for a process that knows that it is alone."""
        async with self.intake.database.write() as db:
            for channel in IN_HAND:
                await outbox.release(db, channel, self.intake.clock.now())

    async def stand_by(self) -> None:
        """Show for as long as this runs that this mailer is at work, and take over what others had claimed who are not:
        on a shared database, where a process that died would keep its claims until their lease ends.

        What is shown goes with the connection that it is shown on. So a claim is left alone for `GRACE`, in which a
        mailer that lost its connection has another.
        """
        while True:
            try:
                async with self.intake.database.sole(f"mailer {self.name}") as connection:
                    while connection is not None:
                        async with connection.begin():
                            await self._take_over(connection)
                        self.stood_by.set()
                        await asyncio.sleep(LOOK_EVERY)
            except Exception as lost:
                log.warning("not_standing_by", reason=type(lost).__name__)
            self.stood_by.set()  # nobody waits for it for longer
            await asyncio.sleep(STAND_AGAIN)

    async def _take_over(self, db: AsyncConnection) -> None:
        now = self.intake.clock.now()
        for channel in IN_HAND:
            by_mailer: dict[str, list[str]] = {}
            for claim in await outbox.claims_in_hand(db, channel, now + LEASE - GRACE):
                by_mailer.setdefault(claims.worker_of(claim), []).append(claim)
            for mailer, its_own in by_mailer.items():
                if mailer != self.name and await nobody_is(db, f"mailer {mailer}"):
                    count = await outbox.release(db, channel, now, its_own)
                    await announce(db, channel)
                    log.warning("claims_taken_over", count=count)

    async def _claim(self) -> list[OutboxRow]:
        """Claim the next batch; what of it may not be sent has ended already."""
        if self.stopping or self._rests():
            return []
        claim = claims.claim_of(self.name, next(self.numbers))
        rows, ended = await attempts.claim(self.intake, outbox.MAIL, self.letters, claim, BATCH, LEASE)
        self.ended += ended
        return self.suspects.in_turn(rows)

    async def _note(self, progress: Callable[[], None]) -> None:
        """Note how attempts ended, again and again while the database is away. What was noted although no answer came
        is not this mailer's any more, and so is noted once.
        """
        some = list(self.ended)
        if some:
            settle = partial(self._settle, some)
            await claims.note(self.intake.database, settle, len(some), lambda: self.note_by, progress)
        del self.ended[: len(some)]
        self.tally.count(some)

    async def _settle(self, some: Sequence[Attempt], db: AsyncConnection) -> None:
        await attempts.settle(self.intake, db, self.letters, some, self.rest.until)

    async def _send_all(self, rows: Sequence[OutboxRow], begin_by: float, progress: Callable[[], None]) -> None:
        """Send a batch over all connections, beginning none after `begin_by` on the loop's clock.

        Once the server itself fails, or the mailer is told to stop, the rest is put off untried.
        """
        turns = Turns(rows, self.settings.smtp_per_domain)
        loop = asyncio.get_running_loop()
        failed: Attempt | None = None  # by the server's own fault

        async def one_after_the_other() -> None:
            nonlocal failed
            while not (failed or self.stopping or loop.time() > begin_by) and (row := turns.take()):
                attempt, of_server = await self._send(row)
                progress()
                if attempt is None:
                    turns.give_back(row)
                    return
                turns.done(row)
                self.ended.append(attempt)
                if of_server:
                    failed = attempt

        hands = 0 if self._rests() else min(self.settings.smtp_connections, len(rows))
        await asyncio.gather(*(one_after_the_other() for _ in range(hands)))
        if failed and not self.stopping:  # a mailer that stops breaks off what hangs, whosever fault it is
            until = self.intake.clock.now() + server_wait(self.rest.failures + 1)
            self.rest.begin(until, f"the mail server takes nothing ({failed.result or 'no connection'})")
            log.warning("mail_server_left_alone", failures=self.rest.failures, until=until.isoformat())
        now = self.intake.clock.now()
        self.ended += [Attempt(row, "pending", now, counts=False) for row in turns.rest()]

    def _rests(self) -> bool:
        return self.rest.lasts(self.intake.clock.now())

    async def _send(self, row: OutboxRow) -> tuple[Attempt | None, bool]:
        """Send one message; returns how it went (None: not tried, there is no connection for it beside those that are
        open), and whether the trouble is the server's.
        """
        try:
            letter = self.letters[row.name].render(row.params, self.settings)
            content = assemble(letter)
        except Exception as wrong:  # whatever is wrong with one message, the others go
            log.exception("message_cannot_be_written", outbox_id=row.outbox_id)
            return attempts.cannot_be_made(row, wrong, self.intake.clock.now(), "cannot be written"), False
        connection: Line | None = None
        self.in_use += 1
        try:
            async with asyncio.timeout(TO_SEND.total_seconds()) as deadline:
                self.under_way.add(deadline)
                connection = await self._connection()
                name = letter.message_id.strip("<>").partition("@")[0]
                await connection.hand_over(letter.sender, letter.to, content, name, tell_of_arrival=self.heard)
        except (*FAILURES, ValueError) as failure:
            return self._failed(row, failure, connection)
        finally:
            self.under_way.discard(deadline)
            self.in_use -= 1
            if connection is not None:
                self.kept.append(connection)
        self.rest.end()
        now = self.intake.clock.now()
        self.suspects.took(row, now)
        return Attempt(row, "sent", now, code=250), False

    async def _connection(self) -> Line:
        """A connection that was kept and that the server has not closed since, or a new one."""
        while self.kept:
            kept = self.kept.pop()
            if kept.is_connected:
                return kept
        server = self.server
        if self.tls is None and server.tls != "none":
            self.tls = ssl.create_default_context()
        client = aiosmtplib.SMTP(
            hostname=server.host,
            port=server.port,
            timeout=self.settings.smtp_timeout,
            use_tls=server.tls == "required",
            start_tls=server.tls == "starttls",
            username=server.user,
            password=server.password,
            tls_context=self.tls,
        )
        return await Line.open(client, self.settings.smtp_timeout)

    def _failed(self, row: OutboxRow, failure: Exception, connection: Line | None) -> tuple[Attempt | None, bool]:
        now = self.intake.clock.now()
        if connection is None and self.in_use > 1:
            return None, False
        if connection is not None and isinstance(failure, ValueError):
            text = "the address cannot be written"
            return Attempt(row, "failed", now, reason="address_refused", text=text, may_have_left=False), False
        code, stage = code_of(failure), stage_of(failure) if connection is not None else "opening"
        what = meaning(code, stage)
        if what.of_server and stage != "opening" and self.suspects.failed(row, now):
            what = RETRY
        if connection is not None and (code is None or meaning(code, stage).of_server):
            connection.close()
        if what.of_server:
            log.warning("mail_server_failed", stage=stage, code=code, failure=type(failure).__name__)
        text = "" if connection is None else type(failure).__name__  # of what never began, nothing is kept
        given = connection is not None and may_have_been_given(failure)
        exhausted = what.counts and wait_after(row.attempts + 1) is None
        if what.action == "retry" and not exhausted:
            return Attempt(row, "pending", now, code, None, text, what.counts, given), what.of_server
        return Attempt(row, "failed", now, code, what.reason, text, may_have_left=given), what.of_server


def code_of(failure: Exception) -> int | None:
    """The server's reply code behind a failure; None where the connection broke, timed out or was never there, or
    where the reply makes no sense.
    """
    if isinstance(failure, aiosmtplib.SMTPRecipientsRefused):
        code = failure.recipients[0].code
    elif isinstance(failure, aiosmtplib.SMTPResponseException):
        code = failure.code
    else:
        return None
    return code if 400 <= code <= 599 else None


def stage_of(failure: Exception) -> Stage:
    """How far a message had come on an open connection when it failed."""
    if isinstance(failure, aiosmtplib.SMTPDataError | LostWithContent):
        return "content"
    if isinstance(failure, aiosmtplib.SMTPSenderRefused):
        return "sender"
    return "opening" if isinstance(failure, aiosmtplib.SMTPHeloError) else "recipient"


def may_have_been_given(failure: Exception) -> bool:
    """Whether the server was given the message itself before this on an open connection, or may have been: what breaks
    off from without, as when time is up, tells no stage.
    """
    return stage_of(failure) == "content" or not isinstance(failure, aiosmtplib.SMTPException)
