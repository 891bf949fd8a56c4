"""The press makes each copy once, whatever happens to it: nothing is lost, nothing held back by what is wrong with
another, and nothing printed that may not go any more.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, event, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.bootstrap import House, open_house
from services.directory import handlers as directory
from services.foundation import outbox
from services.foundation.documents import Documents
from services.foundation.metrics import Metrics
from services.foundation.outbox import LEASE
from services.foundation.settings import Settings
from services.foundation.trouble import DatabaseTrouble
from services.oversight.views import list_exceptions, standing
from services.post.inbox.views import mail_standing
from services.post.mailer import GRACE
from services.records.press import Press
from services.records.printing import CannotPrint, Printer
from services.records.rules.dispatch import PRINTING, QUEUED, SENT, WITHHELD, Dispatch
from services.records.rules.printing import WAITS
from services.records.store import dispatches
from services.running.mail_out import Printing
from services.running.process import Process
from tests import conference, events
from tests.clock import MovableClock
from tests.door import Embedded

ON_POSTGRESQL = pytest.mark.parametrize("store", [pytest.param("postgresql", marks=pytest.mark.postgres)])
COPIES = 12
NEVER = 3600.0


@pytest.fixture
async def approved(embedded: Embedded, clock: MovableClock) -> House:
    """A record is approved and decided upon; nothing is printed yet."""
    await embedded.take(*conference.directory(), conference.meeting())
    clock.set(conference.APPROVED_AT)
    await embedded.take(conference.held(), conference.record())
    return embedded.house


async def copies(house: House, *record_ids: str) -> list[Dispatch]:
    """The copies that were to go, as they stand."""
    async with house.database.read() as db:
        found = await dispatches.about(db, record_ids or ["r1"])
    return [each for some in found.values() for each in some if each.why != "no_address"]


async def states(house: House, *record_ids: str) -> Counter[str]:
    return Counter(each.state for each in await copies(house, *record_ids))


async def rows(house: House) -> list[Mapping[str, Any]]:
    """What there is to print, or was."""
    async with house.database.read() as db:
        query = "SELECT state, attempts, claimed_by, result FROM outbox WHERE channel = 'print' ORDER BY outbox_id"
        return [dict(row) for row in (await db.execute(text(query))).mappings()]


async def letters(house: House) -> Counter[str]:
    """How many letters with a copy are queued or have left, by dispatch."""
    async with house.database.read() as db:
        found = await db.execute(outbox.outbox.select().where(outbox.outbox.c.name == "record_copy"))
        return Counter(row["params"]["dispatch_id"] for row in found.mappings())


async def until(what: Callable[[], Any]) -> None:
    async with asyncio.timeout(30):
        while not await what():  # noqa: ASYNC110  # what another connection commits sets no event here
            await asyncio.sleep(0.01)


async def test_every_copy_is_on_the_disk_before_its_letter_is_queued(approved: House) -> None:
    assert await approved.press.drain() == COPIES
    for each in await copies(approved):
        assert each.state == QUEUED
        assert each.document_id is not None
        assert Documents(approved.settings.documents_folder).read(each.document_id).startswith(b"%PDF")
    assert await letters(approved) == Counter({each.dispatch_id: 1 for each in await copies(approved)})
    assert await approved.press.drain() == 0


async def test_one_document_that_cannot_be_made_keeps_no_other_back_and_is_told_to_a_person(
    approved: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Printer.print

    def printed(printer: Printer, content: Mapping[str, Any], reader: str, moment: int) -> bytes:
        if "police" in reader:
            raise CannotPrint("TypstError")
        if "housing" in reader:
            raise ZeroDivisionError  # our own mistake is no other than typst's
        return whole(printer, content, reader, moment)

    monkeypatch.setattr(Printer, "print", printed)
    await approved.drain()
    stands = {each.party: each for each in await copies(approved)}
    wrong = [stands.pop("agency:police-1:"), stands.pop("agency:housing-1:")]
    assert [(each.state, each.why) for each in wrong] == [(WITHHELD, "cannot_be_printed")] * 2
    assert {each.state for each in stands.values()} == {SENT}
    async with approved.database.read() as db:
        told = [each for each in await list_exceptions(db) if each["kind"] == "not_distributed"]
    assert {"police-1", "housing-1"} <= {each.get("agency_id") for each in told}
    assert [row["state"] for row in await rows(approved)] == ["sent"]


async def test_while_the_disk_takes_nothing_all_waits_and_nothing_is_lost(approved: House, clock: MovableClock) -> None:
    folder = approved.settings.documents_folder
    folder.write_text("no folder")  # what is written below it fails as on a disk that is full
    for tries, wait in enumerate((*WAITS, WAITS[-1]), 1):
        assert await approved.press.drain() == 0
        assert await approved.press.drain() == 0  # not before it is time
        [row] = await rows(approved)
        assert (row["state"], row["attempts"], row["claimed_by"]) == ("pending", tries, None)
        assert await states(approved) == {PRINTING: COPIES}
        clock.advance(wait)
    folder.unlink()
    assert await approved.press.drain() == COPIES
    assert await states(approved) == {QUEUED: COPIES}


async def test_what_was_kept_before_the_disk_was_full_goes(
    approved: House, clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, kept = Documents.keep, 0

    def keep(self: Documents, *given: Any) -> Any:
        nonlocal kept
        if kept == 5:
            raise OSError(28, "No space left on device")
        kept += 1
        return whole(self, *given)

    with monkeypatch.context() as patch:
        patch.setattr(Documents, "keep", keep)
        assert await approved.press.drain() == 5
    assert await states(approved) == {QUEUED: 5, PRINTING: COPIES - 5}
    clock.advance(WAITS[0])
    assert await approved.press.drain() == COPIES - 5
    assert set((await letters(approved)).values()) == {1}


async def test_what_may_not_go_any_more_is_not_printed_and_a_person_is_told(
    approved: House, embedded: Embedded, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Whoever hears of the change first would decide anew: here it is the press that finds it.
    alone = {
        **approved.intake.handlers,
        "quorate.child.recorded.v1": (directory.children_recorded,),
        directory.CHANGED: (),
    }
    monkeypatch.setattr(approved.intake, "handlers", alone)
    await embedded.take(events.child("c1", flags=["fabricated_or_induced_illness"]))
    await approved.drain()
    [mother] = [each for each in await copies(approved) if each.person_id == "p1"]
    assert (mother.state, mother.why, mother.document_id) == (WITHHELD, "not_as_decided", None)
    async with approved.database.read() as db:
        told = [each for each in await list_exceptions(db) if each["kind"] == "not_distributed"]
    assert [each for each in told if each.get("person_id") == "p1"]
    others = [each for each in await copies(approved) if each.person_id is None]
    assert {each.state for each in others} == {SENT}


async def test_a_copy_that_was_decided_anew_while_it_was_printed_is_printed_again(approved: House) -> None:
    press = approved.press
    found = await press._claim()
    await press._make(found, lambda: None)
    one = (await copies(approved))[0]
    async with approved.database.write() as db:
        less = [dict(each) for each in one.decided or ()]
        less[0]["why_not"] = "excluded"
        await dispatches.set_columns(db, [{"dispatch_id": one.dispatch_id, "decided": less}])
        work = approved.intake.work(db)
        work.print("record", "r1:1", {"record_id": "r1", "version": 1, "meeting_id": "m1"})
        await work.flush()
    await press._note(lambda: None)
    assert await states(approved) == {QUEUED: COPIES - 1, PRINTING: 1}
    assert await press.drain() == 1
    assert await states(approved) == {QUEUED: COPIES}


async def test_what_was_made_is_noted_once_the_database_is_back(
    approved: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, tries = Press._settle, 0

    async def settle(self: Press, *given: Any) -> None:
        nonlocal tries
        tries += 1
        if tries <= 3:
            raise DatabaseTrouble("gone for a while", passes=True)
        await whole(self, *given)

    monkeypatch.setattr(Press, "_settle", settle)
    monkeypatch.setattr("services.foundation.claims.NOTE_FIRST_WAIT", 0.001)
    assert await approved.press.drain() == COPIES
    assert tries == 4
    assert await states(approved) == {QUEUED: COPIES}


async def test_what_could_not_be_noted_for_long_is_noted_by_the_next_drain(
    approved: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def settle(self: Press, *given: Any) -> None:
        raise DatabaseTrouble("gone", passes=True)

    with monkeypatch.context() as patch:
        patch.setattr(Press, "_settle", settle)
        patch.setattr("services.foundation.claims.NOTE_FOR", 0.0)
        with pytest.raises(DatabaseTrouble):
            await approved.press.drain()
    assert await states(approved) == {PRINTING: COPIES}
    assert await approved.press.drain() == COPIES
    assert await states(approved) == {QUEUED: COPIES}


async def test_a_row_that_cannot_be_noted_keeps_no_other_back(
    approved: House, embedded: Embedded, clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await embedded.take(conference.record("r2"))
    whole = Press._settle

    async def settle(self: Press, some: Any, db: Any) -> None:
        if any(row.params["record_id"] == "r1" for row, _ in some):
            raise ZeroDivisionError
        await whole(self, some, db)

    with monkeypatch.context() as patch:
        patch.setattr(Press, "_settle", settle)
        with pytest.raises(ZeroDivisionError):
            await approved.press.drain()
    assert await states(approved, "r1") == {PRINTING: COPIES}
    assert await states(approved, "r2") == {QUEUED: COPIES}
    clock.advance(LEASE)
    assert await approved.press.drain() == COPIES


async def test_a_press_that_stops_notes_what_it_made_and_leaves_the_rest_due(
    approved: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    press, whole, made = approved.press, Printer.print, 0

    def printed(printer: Printer, *given: Any) -> bytes:
        nonlocal made
        made += 1
        if made == 4:
            press.stop()
        return whole(printer, *given)

    with monkeypatch.context() as patch:
        patch.setattr(Printer, "print", printed)
        assert await press.drain() == 4
    assert await states(approved) == {QUEUED: 4, PRINTING: COPIES - 4}
    [row] = await rows(approved)
    assert (row["state"], row["attempts"], row["claimed_by"]) == ("pending", 0, None)
    assert await press.drain() == 0  # it stays stopped
    assert await Press(approved.intake).drain() == COPIES - 4
    assert set((await letters(approved)).values()) == {1}


async def test_the_same_copy_made_again_is_the_same_file(approved: House, clock: MovableClock) -> None:
    lost = Press(approved.intake)
    found = await lost._claim()
    await lost._make(found, lambda: None)  # and is no more before it notes it
    before = sorted(each for each in approved.settings.documents_folder.rglob("*") if each.is_file())
    assert await approved.press.drain() == 0
    clock.advance(LEASE)
    assert await approved.press.drain() == COPIES
    assert sorted(each for each in approved.settings.documents_folder.rglob("*") if each.is_file()) == before
    await lost._note(lambda: None)  # too late: the claim is another's
    assert set((await letters(approved)).values()) == {1}


async def test_however_many_records_wait_what_is_read_of_them_is_read_once(
    approved: House, embedded: Embedded, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []

    def note(*given: Any) -> None:
        if given[2].lstrip().upper().startswith("SELECT"):
            read.append(given[2])

    async def counted() -> int:
        read.clear()
        found = await approved.press._claim()
        event.listen(Engine, "before_cursor_execute", note)
        try:
            await approved.press._jobs(found)
        finally:
            event.remove(Engine, "before_cursor_execute", note)
        return len(read)

    one = await counted()
    await embedded.take(*(conference.record(f"r{number}") for number in range(2, 8)))
    assert 0 < await counted() <= one


@asynccontextmanager
async def running(process: Process, *parts: Any) -> AsyncIterator[None]:
    task = asyncio.create_task(process.run(*parts))
    try:
        await until(_started(process, len(parts)))
        yield
    finally:
        process.stop()
        await task


def _started(process: Process, count: int) -> Callable[[], Any]:
    async def started() -> bool:
        return len(process.parts) == count

    return started


async def test_the_process_prints_counts_and_gets_on(approved: House) -> None:
    process = Process(approved)
    async with running(process, Printing(approved)):
        await until(lambda: _all_queued(approved))
        await until(lambda: _counts(process, "made", COPIES))
        assert process.alive() == {}


async def _counts(process: Process, outcome: str, wanted: int) -> bool:
    found = process.metrics.registry.get_sample_value("quorate_documents_total", {"outcome": outcome})
    return found == wanted


async def _all_queued(house: House, *record_ids: str) -> bool:
    return set(await states(house, *record_ids)) == {QUEUED}


@ON_POSTGRESQL
async def test_a_record_that_another_process_takes_in_is_printed_because_it_is_announced(
    approved: House, settings: Settings, clock: MovableClock
) -> None:
    process = Process(approved)
    looks = 0

    class Counted(Printing):
        async def due(self, db: AsyncConnection) -> Any:
            nonlocal looks
            looks += 1
            return await super().due(db)

    async def listens() -> bool:
        query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'"
        async with approved.database.read() as db:
            return bool((await db.execute(text(query))).scalar_one())

    async with open_house(settings, clock) as other, running(process, Counted(approved, look_again=NEVER)):
        await until(lambda: _all_queued(approved, "r1"))
        await until(listens)
        await Embedded(other).take(conference.record("r2"))
        await until(lambda: _all_queued(approved, "r2"))
    assert looks < 50


@ON_POSTGRESQL
async def test_two_presses_beside_each_other_make_each_copy_once(
    approved: House, embedded: Embedded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.records.press.BATCH", 1)
    names = [f"r{number}" for number in range(1, 9)]
    await embedded.take(*(conference.record(name) for name in names[1:]))
    presses = [Press(approved.intake) for _ in range(2)]
    made = await asyncio.gather(*(press.drain() for press in presses))
    assert sum(made) == COPIES * len(names)
    assert min(made) > 0
    assert await states(approved, *names) == {QUEUED: COPIES * len(names)}
    found = await letters(approved)
    assert set(found.values()) == {1}
    assert len(found) == COPIES * len(names)


async def test_claims_of_a_press_that_died_are_taken_over_long_before_the_lease_ends(
    approved: House, settings: Settings, clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.post.mailer.LOOK_EVERY", 0.02)
    async with open_house(settings, clock) as dead, dead.mailer():
        assert len(await dead.press._claim()) == 1
    clock.advance(GRACE)
    async with approved.mailer():
        await until(approved.press.drain)
    assert await states(approved) == {QUEUED: COPIES}


async def test_what_waits_to_be_printed_is_measured(approved: House, clock: MovableClock) -> None:
    clock.advance(timedelta(seconds=90))

    async def measures() -> str:
        async with approved.database.read() as db:
            return Metrics().exposition(await standing(db, clock.now()), await mail_standing(db, clock.now())).decode()

    found = await measures()
    assert "quorate_outbox_print_waiting 1.0" in found
    assert "quorate_outbox_print_oldest_seconds 90.0" in found
    await approved.press.drain()
    assert "quorate_outbox_print_waiting 0.0" in await measures()


async def test_a_press_says_that_it_waits_while_the_disk_takes_nothing(approved: House, clock: MovableClock) -> None:
    folder = approved.settings.documents_folder
    folder.write_text("no folder")
    process = Process(approved)

    async def waits() -> bool:
        return "waits for print: the folder of documents takes none (" in (await process.ready() or "")

    async def ready() -> bool:
        return await process.ready() is None

    async with running(process, Printing(approved, look_again=0.01)):
        await until(waits)
        folder.unlink()
        clock.advance(WAITS[0])
        await until(lambda: _all_queued(approved))
        await until(ready)
