"""Telling kept mail apart, and handing on what it says.

Three steps, each of which can be done again: messages are claimed, read and decided on; the events that follow go to
intake like any other; what each message was is noted. A process that dies in between leaves the message kept, and
whoever sorts next does the same: an event has the same id however often its message comes and whichever way, and one
that the journal has is not handed over again.
"""

from __future__ import annotations

import asyncio
import io
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import structlog
from sqlalchemy.exc import OperationalError

from services.foundation.documents import Damaged, Documents
from services.foundation.letters import LetterKind
from services.foundation.trouble import DatabaseTrouble
from services.foundation.work import Derived
from services.intake import store as journal
from services.intake.accept import Arrival, Intake
from services.meetings import store as meetings
from services.oversight.rules import Unread
from services.participation.scanning import scan
from services.participation.store import documents as documents_store
from services.participation.store import reports as reports_store
from services.participation.store.documents import INFECTED, NOT_SCANNED, Document
from services.participation.uploads import Refused, check
from services.post.inbox import store
from services.post.inbox.asked import dispatches_sent, invitations_asked, letters_of
from services.post.inbox.copies import content_id
from services.post.inbox.keep import counted
from services.post.inbox.reading import read
from services.post.inbox.reading.found import Reading
from services.post.inbox.reading.words import plain, said_before
from services.post.inbox.rules import Asked, Decision, Sent, decide, mentions
from services.post.inbox.rules.decided import SOURCE, NewEvent, NewReport
from services.post.inbox.store import FOR_A_PERSON, UNDERSTOOD
from services.post.inbox.words import what_and_why
from services.post.mesh import store as mesh_store
from services.post.mesh.rules import Received, decide_parcel, dispatch_named, kind_of, linked
from services.post.mesh.wrapped import WAY, unwrapped

log = structlog.get_logger()

WAITS = "post.mail_waits"  # a message waits for a person: `services.oversight.rules.Unread`
SETTLED = "post.mail_settled"  # it does no more

AT_ONCE, AT_ONCE_BYTES = 50, 8 << 20  # how many messages, and how much of them, are sorted together
READ_AT_MOST = 24 << 20  # bytes of a message that is read; of a larger one the beginning is
BEGINNING = 1 << 18
TRIES = 3  # after which a message that the process does not survive is a person's


@dataclass(slots=True)
class Letter:
    """One message on its way through. `reading` is None where it could not be read, and `why` says why not; of one that
    came by MESH there is `parcel` in its place, and `is_linked` says that it is linked to what a dispatch went as.
    """

    row: Mapping[Any, Any]
    parcel: Received | None = None
    is_linked: bool = False
    content_id: str | None = None
    reading: Reading | None = None
    mentions: frozenset[str] = frozenset()
    decision: Decision = field(default_factory=Decision)
    why: str | None = None
    events: list[NewEvent] = field(default_factory=list)
    documents: list[Document] = field(default_factory=list)  # files that are kept
    refused: list[str] = field(default_factory=list)  # why files are not taken
    copy_of: str | None = None
    told_kind: str = "unknown"

    @property
    def mail_id(self) -> str:
        return str(self.row["mail_id"])

    @property
    def kind(self) -> str:
        return self.reading.kind if self.reading is not None else self.told_kind


def _is_of_no_message(wrong: Exception) -> bool:
    """Whether it is the disk or the database that could not be used: then the system says so, and any message might
    have met it. A library says `OSError` of content too, and names no error of the system then.
    """
    return not isinstance(wrong, OSError) or isinstance(wrong, TimeoutError) or wrong.errno is not None


@dataclass(slots=True)
class Sorter:
    """Sorts what is kept; as many as like may do so beside each other. `kinds` counts what was told apart, by kind.
    `letters` says what our own letters said, which come back below the answers to them.
    """

    intake: Intake
    documents: Documents
    letters: Mapping[str, LetterKind] = field(default_factory=dict)
    stopping: bool = False
    kinds: Counter[str] = field(default_factory=Counter)

    async def sort(self, progress: Callable[[], None] = lambda: None) -> int:
        """Sort all that is kept; returns how many messages. `progress` is called after every lot. Raises
        `DatabaseTrouble`, and `OSError` where the disk cannot be used: what is kept then stays so.
        """
        done = 0
        while not self.stopping:
            letters = await self._claim()
            if not letters:
                break
            try:
                await self._read_all(letters)
                await self._decide(letters)
                await self._keep_files(letters)
                await self._hand_over(letters)
                await self._note(letters)
            except (DatabaseTrouble, OperationalError, OSError) as wrong:
                if _is_of_no_message(wrong):
                    await self._give_back(letters)
                raise
            done += len(letters)
            progress()
        return done

    async def _claim(self) -> list[Letter]:
        """Claim messages; none while their folder is away: that is no try."""
        async with self.intake.database.read() as db:
            if await store.oldest_kept(db) is None:
                return []
        if not await asyncio.to_thread(self.documents.folder.is_dir):
            raise FileNotFoundError("the folder of the documents is not there")
        async with self.intake.database.write(alone=False) as db:
            rows = await store.claim(db, AT_ONCE, AT_ONCE_BYTES)
        return [Letter(row) for row in rows]

    async def _give_back(self, letters: Sequence[Letter]) -> None:
        """Let a try not count that no message is to blame for."""
        try:
            async with self.intake.database.write(alone=False) as db:
                await store.give_back(db, [letter.mail_id for letter in letters])
        except (DatabaseTrouble, OperationalError, OSError) as wrong:
            log.warning("mail_try_counts", count=len(letters), reason=type(wrong).__name__)

    async def _read_all(self, letters: Sequence[Letter]) -> None:
        for letter in letters:
            if letter.row["tries"] >= TRIES:
                letter.why = "fault"
                log.error("mail_given_up", attempts=letter.row["tries"])
            else:
                await asyncio.to_thread(self._read, letter)

    def _read(self, letter: Letter) -> None:
        """Read a message; a slip of the software over it makes it a person's, and does not stop the others."""
        recipients = letter.row["recipients"]
        try:
            pieces = self.documents.pieces(letter.mail_id)
            if letter.row["origin"].get("way") == WAY:
                letter.parcel = unwrapped(b"".join(counted(pieces, BEGINNING)))
                letter.told_kind = kind_of(letter.parcel, self.intake.settings.mesh_answer_workflow)
                return
            if letter.row["size"] > READ_AT_MOST:
                letter.why = "too_large"
                letter.reading = read(b"".join(counted(pieces, BEGINNING)), recipients)
            else:
                raw = b"".join(pieces)
                letter.content_id = content_id(raw)
                letter.reading = read(raw, recipients)
            letter.mentions = frozenset(mentions(letter.reading, *self._key_and_domain()))
        except (FileNotFoundError, Damaged) as gone:
            letter.why = "missing"
            log.error("mail_missing", reason=type(gone).__name__)
        except (OSError, MemoryError):
            raise
        except Exception as slip:
            letter.why, letter.reading = "fault", None
            log.error("mail_tripped_over", exc_info=slip)

    def _key_and_domain(self) -> tuple[bytes, str]:
        return self.intake.settings.key, self.intake.settings.mail_domain

    async def _decide(self, letters: Sequence[Letter]) -> None:
        content_ids = {letter.content_id for letter in letters if letter.content_id}
        parcels = [letter.parcel for letter in letters if letter.parcel is not None]
        async with self.intake.database.read() as db:
            went_as = await mesh_store.dispatches_of(db, {each.said("linkedmsgid") for each in parcels} - {""})
            for letter in letters:
                if letter.parcel is not None:
                    named = dispatch_named(letter.parcel, went_as)
                    letter.mentions = frozenset((named,) if named else ())
                    letter.is_linked = linked(letter.parcel, went_as) is not None
            wanted = {each for letter in letters for each in letter.mentions}
            asked = await invitations_asked(db, wanted)
            sent = await dispatches_sent(db, self.intake.policy, wanted - asked.keys())
            before = await store.copies(db, content_ids)
            below = {each for letter in letters if letter.reading and letter.reading.below for each in letter.mentions}
            ours = await letters_of(db, below & sent.keys())
        await asyncio.to_thread(self._pass_over_our_own, letters, ours)
        seen = {
            (row["content_id"], _about(row["document"])): row["mail_id"]
            for row in before
            if "copy_of" not in row["document"]  # a copy does not wait: what it is a copy of may be sorted once more
        }
        for letter in letters:
            self._decide_one(letter, asked, sent)
            if letter.content_id is not None:
                name = (letter.content_id, tuple(sorted(letter.mentions)))
                first = seen.setdefault(name, letter.mail_id)
                letter.copy_of = first if first != letter.mail_id else None

    def _pass_over_our_own(
        self, letters: Sequence[Letter], ours: Mapping[str, Sequence[tuple[str, Mapping[str, Any]]]]
    ) -> None:
        """Where nothing stands below an answer but what our own letter said, nobody need look at it."""
        for letter in letters:
            if letter.reading is None or not letter.reading.below:
                continue
            some = [each for mentioned in letter.mentions for each in ours.get(mentioned, ())]
            said = [text for name, params in some for text in self._said(name, params)]
            if said and said_before(letter.reading.below, said):
                letter.reading = replace(letter.reading, incomplete=letter.reading.besides)

    def _said(self, name: str, params: Mapping[str, Any]) -> list[str]:
        """What one of our letters says, in either of its versions."""
        kind = self.letters.get(name)
        if kind is None:
            return []
        try:
            written = kind.render(params, self.intake.settings)
        except Exception as wrong:  # then a person looks at the answer
            log.warning("letter_not_written_again", reason=type(wrong).__name__)
            return []
        return [f"{written.subject}\n{written.text}", plain(written.html)]

    def _decide_parcel(self, letter: Letter, parcel: Received, sent: Mapping[str, Sent]) -> None:
        about = next((sent[each] for each in letter.mentions if each in sent), None)
        answers = self.intake.settings.mesh_answer_workflow
        letter.decision = decide_parcel(
            parcel, answers, about, letter.row["received_at"], letter.mail_id, is_linked=letter.is_linked
        )
        letter.why = letter.decision.why
        letter.events = list(letter.decision.events)

    def _decide_one(self, letter: Letter, asked: Mapping[str, Asked], sent: Mapping[str, Sent]) -> None:
        if letter.parcel is not None and letter.why is None:
            self._decide_parcel(letter, letter.parcel, sent)
        if letter.reading is None:
            return
        about = {each: asked[each] for each in letter.mentions if each in asked}
        copies = {each: sent[each] for each in letter.mentions if each in sent}
        if letter.why is not None:
            [only] = letter.mentions if len(letter.mentions) == 1 else [None]
            if only in about:
                letter.decision = Decision(invitation_id=only, meeting_id=about[only].meeting_id)
            elif only in copies:
                letter.decision = Decision(dispatch_id=only, meeting_id=copies[only].meeting_id)
            return
        try:
            letter.decision = decide(
                letter.reading,
                *self._key_and_domain(),
                about,
                letter.row["received_at"],
                letter.content_id or letter.mail_id,
                copies,
            )
        except Exception as slip:
            letter.why = "fault"
            log.error("mail_tripped_over", exc_info=slip)
            return
        letter.why = letter.decision.why
        letter.events = list(letter.decision.events)

    async def _keep_files(self, letters: Sequence[Letter]) -> None:
        """Keep the files that are taken as reports, before anything speaks of them."""
        sent = [letter for letter in letters if letter.decision.reports]
        if not sent:
            return
        async with self.intake.database.read() as db:
            found = await reports_store.of_meetings(db, {str(each.decision.meeting_id) for each in sent})
        had: dict[tuple[Any, ...], set[str]] = {}
        for some in found.values():
            for each in some:
                had.setdefault((each.meeting_id, each.agency_id, each.team_id), set()).add(each.document_id)
        for letter in sent:
            for report in letter.decision.reports:
                data: Any = report.event.data
                those = had.setdefault((data.meeting_id, data.agency_id, data.team_id), set())
                if data.document_id not in those and len(those) >= self.intake.settings.max_reports:
                    letter.why = "too_many_reports"
                elif await self._keep_file(letter, report):
                    those.add(data.document_id)
        async with self.intake.database.write() as db:
            for letter in sent:
                for document in letter.documents:
                    await documents_store.keep(db, document)

    async def _keep_file(self, letter: Letter, report: NewReport) -> bool:
        """Keep a file if it is of a kind that is taken; returns whether it counts as sent."""
        settings = self.intake.settings
        attachment = report.attachment
        content = io.BytesIO(attachment.content)
        judged = await asyncio.to_thread(check, attachment.name, content, settings.max_report_bytes)
        if isinstance(judged, Refused):
            letter.why = "report_refused"
            letter.refused.append(judged.reason)
            return False
        kept = await asyncio.to_thread(self.documents.keep, [attachment.content])
        found = NOT_SCANNED
        if settings.scan is not None:
            found = await scan(settings.scan, self.documents.path(kept.document_id))
        received_at = letter.row["received_at"]
        letter.documents.append(
            Document(kept.document_id, judged.name, judged.media_type, kept.size, received_at, found)
        )
        if found == INFECTED:
            letter.why = "report_infected"
            return False
        letter.events.append(report.event)
        return True

    async def _hand_over(self, letters: Sequence[Letter]) -> None:
        """Hand the events to intake, but for those that it has: of these another copy may say something else."""
        by_id = {event.id: (event, letter) for letter in letters for event in letter.events}
        if not by_id:
            return
        async with self.intake.database.read() as db:
            known = await journal.known_raw(db, [(SOURCE, each) for each in by_id])
        fresh = [pair for each, pair in by_id.items() if (SOURCE, each) not in known]
        arrivals = [Arrival(event.encoded(), {"mail": letter.mail_id}) for event, letter in fresh]
        verdicts = await self.intake.accept(arrivals)
        for (_, letter), verdict in zip(fresh, verdicts, strict=True):
            if verdict.state == "rejected":
                letter.why = "rejected"

    async def _note(self, letters: Sequence[Letter]) -> None:
        """Note what each message was, and tell of those that wait for a person."""
        noted = []
        async with self.intake.database.write() as db:
            work = self.intake.work(db)
            about = await meetings.meetings_by_id(db, {d.meeting_id for e in letters if (d := e.decision).meeting_id})
            for letter in letters:
                waits = letter.why is not None and letter.copy_of is None
                if not await store.note_told(db, letter.mail_id, self._found(letter, waits)):
                    continue
                noted.append(letter)
                if waits:
                    meeting_id = letter.decision.meeting_id
                    text = what_and_why(letter.mail_id, letter.kind, letter.why or "")
                    key = about[meeting_id].partition_key if meeting_id in about else letter.mail_id[:20]
                    work.emit(Derived(WAITS, letter.mail_id, key, Unread(letter.mail_id, meeting_id, text)))
            await self.intake.finish(work)
        self.kinds.update(letter.kind for letter in noted)
        waiting = sum(letter.why is not None and letter.copy_of is None for letter in noted)
        log.info("mail_sorted", count=len(noted), waiting=waiting)

    def _found(self, letter: Letter, waits: bool) -> dict[str, Any]:
        """What a message's row says of it: ids and kinds, and no word of its text."""
        decision = letter.decision
        about_copies = {decision.dispatch_id} - {None}
        found = {
            "invitations": sorted(letter.mentions - about_copies),
            "dispatches": sorted(letter.mentions & about_copies),
            "perhaps": sorted(decision.perhaps),
            "events": [{"source": SOURCE, "id": event.id} for event in letter.events],
            "documents": [each.document_id for each in letter.documents],
            "refused": letter.refused,
            "copy_of": letter.copy_of,
        }
        return {
            "state": FOR_A_PERSON if waits else UNDERSTOOD,
            "content_id": letter.content_id,
            "kind": letter.kind,
            "why": letter.why,
            "invitation_id": decision.invitation_id,
            "meeting_id": decision.meeting_id,
            "document": {name: value for name, value in found.items() if value},
        }


def _about(document: Mapping[str, Any]) -> tuple[str, ...]:
    """The invitations and dispatches that a message was found to have the token of."""
    return tuple(sorted((*document.get("invitations", ()), *document.get("dispatches", ()))))
