"""What becomes of mail once it is kept: an answer that the coordinator sees, a report, or something for a person."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from errno import EACCES, ENOSPC
from typing import Any
from unittest.mock import patch

import pytest

from services.bootstrap import House
from services.directory import store as directory
from services.foundation.documents import Documents
from services.foundation.trouble import DatabaseTrouble
from services.participation.store import documents as documents_store
from services.participation.store import reports as reports_store
from services.participation.uploads import DOCX, PDF
from services.post.inbox import sort as sorting
from services.post.inbox.rules import decide
from services.post.inbox.settle import CannotSettle, Given, again, settle
from services.post.inbox.sort import TRIES, Sorter
from services.running.mail_in import keeper_of, sorter_of
from tests import events
from tests.clock import MovableClock
from tests.door import Embedded
from tests.files import docx, pdf
from tests.integration.post.inbox.partnership import answered, asked, counted, keep, row_of, rows, take, waiting
from tests.replies import message, with_files

ON_ONE_STORE = pytest.mark.parametrize("store", ["sqlite"], indirect=True)


async def test_an_answer_by_mail_is_what_the_coordinator_sees(house: House) -> None:
    camhs, school = await asked(house)
    [row] = await take(house, camhs.answers("DECLINED", text="We are short of people."))
    assert (row["state"], row["kind"], row["why"], row["meeting_id"]) == ("understood", "reply", None, "m1")
    assert await answered(house) == {"camhs-1": "declined"}
    await take(house, school.answers("TENTATIVE", number=2))
    assert await answered(house) == {"camhs-1": "declined", "school-1": "tentative"}
    assert await waiting(house) == []


async def test_the_same_message_twice_and_by_two_ways_has_one_effect(house: House, clock: MovableClock) -> None:
    camhs, _ = await asked(house)
    raw = camhs.answers(dated=False)  # without a date of its own, when it came is when it was written
    for each in (raw, raw, raw.replace(b"\r\n", b"\n"), b"Received: from a\r\n\tby b; now\r\n" + raw):
        clock.advance(timedelta(minutes=1))
        await take(house, each)
    await take(house, raw, recipients=[camhs.reply_address], sender=camhs.address)
    assert await counted(house) == {"answers": 1, "events": 1, "mail": 4}
    assert await answered(house) == {"camhs-1": "accepted"}
    assert {row["state"] for row in await rows(house)} == {"understood"}


@ON_ONE_STORE
async def test_a_message_for_a_person_that_comes_twice_waits_once(house: House) -> None:
    camhs, _ = await asked(house)
    words = message(to=camhs.reply_address, sender=camhs.address, at=house.clock.now(), text="Please ring me.")
    await take(house, words.as_bytes(), b"X-Way: another\r\n" + words.as_bytes())
    assert sorted(row["state"] for row in await rows(house)) == ["for_a_person", "understood"]
    assert len(await waiting(house)) == 1


@ON_ONE_STORE
async def test_one_message_to_two_invitations_in_two_deliveries_reaches_both(house: House) -> None:
    camhs, school = await asked(house)
    words = message(to="meetings@quorate.example", sender=camhs.address, at=house.clock.now(), text="Hello.").as_bytes()
    [first] = await take(house, words, recipients=[camhs.reply_address])
    [second] = await take(house, words, recipients=[school.reply_address])
    assert (first["invitation_id"], second["invitation_id"]) == (camhs.invitation_id, school.invitation_id)
    assert [first["state"], second["state"]] == ["for_a_person"] * 2


async def test_whoever_is_not_invited_any_more_answers_a_person(house: House, clock: MovableClock) -> None:
    camhs, _ = await asked(house)
    excluded = {"agency_id": "camhs-1", "reason": "conflict_of_interest", "note": "One of them is a witness."}
    clock.advance(timedelta(hours=1))
    await Embedded(house).take(
        events.meeting("m1", children=["c1"], kind="review_conference", do_not_invite=[excluded])
    )
    clock.advance(timedelta(hours=1))
    sent = (
        camhs.answers("DECLINED"),
        camhs.answers(number=2).replace(b"REPLY", b"REFRESH"),
        camhs.sends(("Report.pdf", "application/pdf", pdf()), partstat="NEEDS-ACTION", number=3),
    )
    rows = await take(house, *sent)
    assert [(row["state"], row["why"], row["meeting_id"]) for row in rows] == [
        ("for_a_person", "no_longer_asked", "m1")
    ] * 3
    assert await counted(house) == {"answers": 0, "events": 0, "mail": 3}
    assert len(await waiting(house)) == 3
    [bounce] = await take(house, camhs.gives_back(camhs.bounce_address))
    assert (bounce["state"], len(bounce["document"]["events"])) == ("understood", 1)


@ON_ONE_STORE
async def test_a_forged_token_lets_nobody_in(house: House) -> None:
    camhs, _ = await asked(house)
    address = camhs.reply_address
    forged = address.replace(address[40:44], "0000" if address[40:44] != "0000" else "1111")
    [row] = await take(house, camhs.answers(to=forged))
    assert (row["state"], row["why"]) == ("for_a_person", "forged_token")
    assert await counted(house) == {"answers": 0, "events": 0, "mail": 1}


@ON_ONE_STORE
async def test_whoever_has_an_invitation_cannot_say_that_it_came_back(house: House, clock: MovableClock) -> None:
    camhs, _ = await asked(house)
    clock.advance(timedelta(hours=1))
    made_up = camhs.reply_address.replace("reply+", "bounce+")
    rows = await take(house, camhs.gives_back(camhs.reply_address), camhs.gives_back(made_up))
    assert [(row["state"], row["why"]) for row in rows] == [
        ("for_a_person", "wrong_address"),
        ("for_a_person", "forged_token"),
    ]
    assert await counted(house) == {"answers": 0, "events": 0, "mail": 2}


@ON_ONE_STORE
@pytest.mark.parametrize("names_it", [True, False])
async def test_what_came_back_is_believed_where_it_came_to_and_of_other_meetings_only_with_a_message_of_ours(
    house: House, clock: MovableClock, names_it: bool
) -> None:
    camhs, _ = await asked(house)
    clock.advance(timedelta(hours=1))
    named = [f"{camhs.invitation_id}.{camhs.sequence}.0@{camhs.domain}"] if names_it else []
    [row] = await take(house, camhs.gives_back(camhs.bounce_address, *named))
    assert (row["state"], row["kind"]) == ("understood", "bounce")
    async with house.database.read() as db:
        [bounce] = await directory.bounces_of(db, [camhs.address])
    assert bounce.meeting_id == (None if names_it else "m1")


@ON_ONE_STORE
async def test_the_token_of_another_invitation_lets_nobody_in(house: House) -> None:
    camhs, school = await asked(house)
    [row] = await take(house, camhs.answers(to=school.reply_address))
    assert (row["state"], row["why"]) == ("for_a_person", "uid_of_another_invitation")
    assert await answered(house) == {}


@ON_ONE_STORE
async def test_a_person_reads_what_kind_of_message_waits_and_why_and_never_a_word_of_it(house: House) -> None:
    camhs, _ = await asked(house)
    words = message(to=camhs.reply_address, sender=camhs.address, at=house.clock.now(), text="Zebra Quince was seen.")
    [row] = await take(house, words.as_bytes())
    [exception] = await waiting(house)
    assert exception["meeting_id"] == "m1"
    assert exception["text"] == (
        "A message in words waits for a person. Somebody wrote in words, which only a person understands. "
        f"Look at message {row['mail_id'][:12]} and settle it."
    )
    told = str(exception) + str(row["document"])
    assert not any(word in told for word in ("Zebra", "Quince", "@", "Alex", "Message 1"))


async def test_mail_about_no_meeting_is_an_exception_too_and_is_over_when_a_person_settles_it(house: House) -> None:
    [row] = await take(house, message(to="x@quorate.example", sender="a@b.example", at=house.clock.now()).as_bytes())
    [exception] = await waiting(house)
    assert "meeting_id" not in exception
    settled = await settle(house.intake, row, Given("Sam Example", note="Not for us"))
    assert (settled["state"], settled["settled_by"]) == ("settled", "Sam Example")
    assert settled["document"]["settled"] == {"what": "nothing_to_do", "note": "Not for us"}
    assert await waiting(house) == []
    with pytest.raises(CannotSettle, match="Sam Example settled it"):
        await settle(house.intake, await row_of(house, row["mail_id"]), Given("Kim Example"))


async def test_an_answer_that_a_person_enters_is_an_answer_like_any_other(house: House) -> None:
    camhs, school = await asked(house)
    words = message(to=camhs.reply_address, sender=camhs.address, at=house.clock.now(), text="We will come.")
    [row] = await take(house, words.as_bytes())
    await settle(house.intake, row, Given("Sam Example", "accepted", by="Alex Example"))
    assert await answered(house) == {"camhs-1": "accepted"}
    assert await waiting(house) == []
    [other] = await take(house, message(to="x@quorate.example", sender="a@b.example", at=house.clock.now()).as_bytes())
    with pytest.raises(CannotSettle, match="name the invitation"):
        await settle(house.intake, other, Given("Sam Example", "declined"))
    await settle(house.intake, other, Given("Sam Example", "declined", school.uid))
    assert await answered(house) == {"camhs-1": "accepted", "school-1": "declined"}


@ON_ONE_STORE
async def test_mail_waits_for_a_person_though_its_meeting_is_cancelled(house: House) -> None:
    camhs, _ = await asked(house)
    words = message(to=camhs.reply_address, sender=camhs.address, at=house.clock.now(), text="Please ring me.")
    await take(house, words.as_bytes())
    await Embedded(house).take(events.cancelled("m1"))
    assert len(await waiting(house)) == 1


async def test_a_file_from_the_party_that_was_asked_is_its_report(house: House) -> None:
    camhs, _ = await asked(house)
    report, plan = pdf(), docx()
    [row] = await take(
        house,
        camhs.sends(("Report.pdf", "application/pdf", report), ("Care plan.docx", "application/octet-stream", plan)),
    )
    assert row["state"] == "understood"
    async with house.database.read() as db:
        found = (await reports_store.of_meetings(db, ["m1"]))["m1"]
        held = await documents_store.some(db, [each.document_id for each in found])
    documents = Documents(house.settings.documents_folder)
    assert {each.kind: documents.read(each.document_id) for each in found} == {"report": report, "care_plan": plan}
    assert {(each.agency_id, held[each.document_id].media_type) for each in found} == {
        ("camhs-1", PDF),
        ("camhs-1", DOCX),
    }


@ON_ONE_STORE
async def test_a_zip_bomb_is_not_taken_and_a_person_looks(house: House) -> None:
    camhs, _ = await asked(house)
    bomb = docx({"word/media/image1.xml": b"\0" * (64 << 20)})
    assert len(bomb) < 100_000
    [row] = await take(house, camhs.sends(("Report.docx", "application/msword", bomb)))
    assert (row["state"], row["why"], row["document"]["refused"]) == ("for_a_person", "report_refused", ["swells"])
    assert await answered(house) == {"camhs-1": "accepted"}  # what it says besides is heard all the same


@ON_ONE_STORE
async def test_an_invitation_has_no_more_reports_than_it_may(
    house: House,
) -> None:
    camhs, _ = await asked(house)
    most = house.settings.max_reports
    files = [(f"{n}.pdf", "application/pdf", pdf(before=b"%%%d\n" % n)) for n in range(most + 1)]
    [row] = await take(house, camhs.sends(*files))
    assert (row["state"], row["why"], len(row["document"]["documents"])) == ("for_a_person", "too_many_reports", most)


@pytest.mark.parametrize("step", ["_read_all", "_decide", "_keep_files", "_hand_over", "_note"])
async def test_a_sorter_that_ends_before_any_step_leaves_what_another_one_finishes(
    house: House, clock: MovableClock, step: str
) -> None:
    camhs, _ = await asked(house)
    raw = camhs.sends(("Report.pdf", "application/pdf", pdf()), dated=False)

    async def end(*_: Any) -> None:
        raise Ended

    with patch.object(Sorter, step, end), pytest.raises(Ended):
        await take(house, raw)
    clock.advance(timedelta(minutes=1))
    assert await sorter_of(house).sort() == 1
    assert await counted(house) == {"answers": 1, "events": 2, "mail": 1}
    assert [row["state"] for row in await rows(house)] == ["understood"]


class Ended(Exception):
    """Stands for the end of the process."""


async def test_two_who_sort_the_same_mail_at_once_do_it_once(house: House) -> None:
    camhs, _ = await asked(house)
    words = message(to=camhs.reply_address, sender=camhs.address, at=house.clock.now(), number=2, text="Hello.")
    await keep(house, camhs.answers(), words.as_bytes())
    one, other = sorter_of(house), sorter_of(house)
    letters = await one._claim()
    assert await other.sort() == 2
    await one._read_all(letters)
    await one._decide(letters)
    await one._hand_over(letters)
    await one._note(letters)
    assert await counted(house) == {"answers": 1, "events": 1, "mail": 2}
    assert len(await waiting(house)) == 1


@ON_ONE_STORE
async def test_mail_that_the_process_does_not_survive_is_a_persons_and_holds_up_nothing(house: House) -> None:
    camhs, school = await asked(house)
    await keep(house, camhs.answers(), school.answers(number=2))
    deadly = (await rows(house))[0]["mail_id"]

    def reading(self: Sorter, letter: Any) -> None:
        if letter.mail_id == deadly:
            raise MemoryError
        read(self, letter)

    read: Callable[[Sorter, Any], None] = Sorter._read
    ends = 0
    with patch.object(Sorter, "_read", reading):
        for _ in range(10):
            try:
                await sorter_of(house).sort()
                break
            except MemoryError:
                ends += 1
    by_id = {row["mail_id"]: row for row in await rows(house)}
    assert ends == 3
    assert (by_id[deadly]["state"], by_id[deadly]["why"]) == ("for_a_person", "fault")
    assert {row["state"] for each, row in by_id.items() if each != deadly} == {"understood"}


@ON_ONE_STORE
async def test_mail_that_the_software_stumbles_over_is_a_persons_and_the_rest_goes_on(house: House) -> None:
    camhs, school = await asked(house)
    await keep(house, camhs.answers(), school.answers(number=2))
    stumbles = iter([True, False])

    def deciding(*given: Any) -> Any:
        if next(stumbles):
            raise KeyError("what it choked on")
        return decide(*given)

    with patch.object(sorting, "decide", deciding):
        await sorter_of(house).sort()
    assert sorted(str(row["why"]) for row in await rows(house)) == ["None", "fault"]
    assert len(await answered(house)) == 1
    assert len(await waiting(house)) == 1


@ON_ONE_STORE
async def test_a_message_that_is_not_on_the_disk_any_more_is_told_of(house: House) -> None:
    [came] = await keep(house, b"From: a@b.example\r\n\r\nHello\r\n")
    documents = keeper_of(house).documents
    documents.path(came.document.document_id).unlink()
    await sorter_of(house).sort()
    [row] = await rows(house)
    assert (row["state"], row["why"]) == ("for_a_person", "missing")


@ON_ONE_STORE
async def test_nothing_is_given_up_while_the_folder_of_the_documents_is_away(house: House) -> None:
    camhs, _ = await asked(house)
    await keep(house, camhs.answers())
    folder = keeper_of(house).documents.folder
    folder.rename(folder.with_name("elsewhere"))
    for _ in range(TRIES + 1):
        with pytest.raises(FileNotFoundError):
            await sorter_of(house).sort()
    folder.with_name("elsewhere").rename(folder)
    await sorter_of(house).sort()
    assert await answered(house) == {"camhs-1": "accepted"}


@ON_ONE_STORE
@pytest.mark.parametrize(
    ("where", "what", "trouble"),
    [
        (Documents, "keep", OSError(ENOSPC, "no space left")),
        (Documents, "pieces", PermissionError(EACCES, "not now")),
        (Sorter, "_note", DatabaseTrouble("the database is away", passes=True)),
    ],
)
async def test_no_message_is_given_up_for_a_disk_or_database_that_cannot_be_used(
    house: House, where: type, what: str, trouble: Exception
) -> None:
    camhs, _ = await asked(house)
    await keep(house, camhs.answers("DECLINED", files=[("Report.pdf", "application/pdf", pdf())]))
    with patch.object(where, what, side_effect=trouble):
        for _ in range(TRIES + 1):
            with pytest.raises(type(trouble)):
                await sorter_of(house).sort()
    await sorter_of(house).sort()
    [row] = await rows(house)
    assert (row["state"], len(row["document"]["documents"])) == ("understood", 1)
    assert await answered(house) == {"camhs-1": "declined"}


@ON_ONE_STORE
async def test_a_message_that_a_library_takes_for_a_broken_disk_holds_up_nothing_for_ever(house: House) -> None:
    camhs, _ = await asked(house)
    await keep(house, camhs.answers())
    with patch.object(Documents, "pieces", side_effect=OSError("Invalid data stream")):
        for _ in range(TRIES):
            with pytest.raises(OSError, match="Invalid"):
                await sorter_of(house).sort()
        await sorter_of(house).sort()
    [row] = await rows(house)
    assert (row["state"], row["why"]) == ("for_a_person", "fault")


async def test_what_waits_for_a_fault_of_ours_is_told_apart_again_and_waits_for_nobody_then(house: House) -> None:
    camhs, _ = await asked(house)
    raw = camhs.answers("DECLINED")
    with patch.object(sorting, "decide", side_effect=KeyError):
        rows = await take(house, raw, b"X-Way: another\r\n" + raw)
    row = next(each for each in rows if each["state"] == "for_a_person")
    assert (row["why"], len(await waiting(house))) == ("fault", 1)
    await again(house.intake, row)
    assert await waiting(house) == []
    await sorter_of(house).sort()
    found = await row_of(house, row["mail_id"])
    assert (found["state"], found["kind"], found["why"]) == ("understood", "reply", None)
    assert await answered(house) == {"camhs-1": "declined"}
    with pytest.raises(CannotSettle, match="does not wait"):
        await again(house.intake, found)


@ON_ONE_STORE
async def test_what_is_for_a_person_after_another_try_waits_again_though_there_is_a_copy(house: House) -> None:
    camhs, _ = await asked(house)
    words = message(
        to=camhs.reply_address, sender=camhs.address, at=house.clock.now(), text="Please ring me."
    ).as_bytes()
    with patch.object(sorting, "decide", side_effect=KeyError):
        rows = await take(house, words, b"X-Way: another\r\n" + words)
    row = next(each for each in rows if each["state"] == "for_a_person")
    await again(house.intake, row)
    await sorter_of(house).sort()
    found = await row_of(house, row["mail_id"])
    assert (found["state"], found["why"], len(await waiting(house))) == ("for_a_person", "human_text", 1)
    with pytest.raises(CannotSettle, match="no fault of Quorate's"):
        await again(house.intake, found)


@ON_ONE_STORE
async def test_of_a_message_that_is_too_large_the_beginning_is_read_and_a_person_looks(house: House) -> None:
    camhs, _ = await asked(house)
    made = message(to=camhs.reply_address, sender=camhs.address, at=house.clock.now(), text="Here is our film.")
    raw = with_files(made, [("film.mp4", "video/mp4", b"\0" * (20 << 20))])
    [row] = await take(house, raw)
    assert (row["state"], row["why"], row["meeting_id"]) == ("for_a_person", "too_large", "m1")
