"""Copies, notices and care plans that a mail server refused go again once a person says so: only what may, and once."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from typer.testing import CliRunner

from services.bootstrap import House
from services.cli import app
from services.foundation.servers import SmtpServer
from services.foundation.settings import Settings
from services.post.again import GivenUp, given_up, send_again
from services.records.rules.dispatch import NOTICE, PRINTING, QUEUED, RECALLED, SENT, UNDELIVERED, Dispatch
from tests import events
from tests.clock import MovableClock
from tests.door import Embedded
from tests.integration.records import noticed
from tests.integration.records.copies import (
    CAMHS,
    COUNCIL,
    FIRST,
    HELD_AT,
    SECOND,
    camhs,
    copy_of,
    council,
    invited,
    missing,
)
from tests.integration.records.test_care_plans import (
    CAMHS as SENDER,
)
from tests.integration.records.test_care_plans import (
    GP,
    POLICE,
    SCHOOL,
    asked_of_a_person,
    held_here,
    known,
    sent_on,
    states,
)
from tests.mail_server import MailServer, mail_server

ON_ONE_STORE = pytest.mark.parametrize("store", ["sqlite"], indirect=True)

DENIED, NO_MAILBOX = "554 5.7.1 relay access denied", "550 5.1.1 no such mailbox"
MOTHER, EMAIL = "person:p1", "mother@family.example"
SOCIAL_CARE = "agency:childrens-social-care-1:"


async def send(house: House, server: MailServer) -> None:
    """Print and send all that is due."""
    async with house.mailer(SmtpServer(f"smtp://127.0.0.1:{server.port}?tls=none")) as mailer:
        for _ in range(3):
            await house.tick()
            await house.press.drain()
            await mailer.drain()


async def refuse(house: House, server: MailServer, answer: str = DENIED, stage: str = "RCPT") -> None:
    """A server that is set up wrongly refuses everybody; then it is put right."""
    server.always[stage] = answer
    await send(house, server)
    server.heal()


async def again(house: House, *meeting_ids: str, codes: tuple[int, ...] = ()) -> list[GivenUp]:
    async with house.database.write() as db:
        work = house.intake.work(db)
        going = await send_again(work, await given_up(db, work.now, meeting_ids, codes))
        await house.intake.finish(work)
    return going


async def forwarded(house: House, clock: MovableClock, *others: bytes, **more: Any) -> Embedded:
    """The meeting was held, and its decision letter waits to be sent."""
    door = Embedded(house)
    await invited(door, clock, *others)
    await door.take(events.held("m1", attendance=[events.attended("childrens-social-care-1")], time=HELD_AT))
    clock.set(HELD_AT + timedelta(days=1))
    values: dict[str, Any] = {"kind": "decision", "time": clock.now(), "sections": [events.section("Agreed.")], **more}
    await door.take(events.record(**values))
    return door


def to(server: MailServer) -> list[str]:
    return sorted(each.to for each in server.taken)


async def not_distributed(house: House) -> int:
    return len(await missing(house, "not_distributed"))


class TestCopies:
    async def test_they_go_again_to_whom_they_were_for_and_are_missed_until_they_have_gone(
        self, house: House, clock: MovableClock
    ) -> None:
        mother = events.relative("p1", email=EMAIL)
        await forwarded(house, clock, mother, checked_by="Sam Other")
        async with mail_server() as server:
            await refuse(house, server)
            assert (await copy_of(house)).state == (await copy_of(house, MOTHER)).state == UNDELIVERED
            assert await not_distributed(house) == 3
            assert {each.row.name for each in await again(house)} == {"record_copy"}
            assert await again(house) == [], "once is enough"
            assert await not_distributed(house) == 3, "none has gone yet"
            await send(house, server)
            assert to(server) == sorted([FIRST, COUNCIL, EMAIL])
            assert await not_distributed(house) == 0
            assert await again(house) == []
        assert {(await copy_of(house, each)).state for each in (CAMHS, SOCIAL_CARE, MOTHER)} == {SENT}

    @ON_ONE_STORE
    async def test_the_same_copy_to_the_same_address_is_the_same_message(
        self, house: House, clock: MovableClock
    ) -> None:
        await forwarded(house, clock)
        async with mail_server() as server:
            server.keeps = True  # it says no to what it has taken: whoever reads gets it twice, and has to see that
            await refuse(house, server, DENIED, "end")
            first = {each.to: each.content for each in server.taken}
            server.taken.clear()
            clock.advance(timedelta(hours=20))
            await again(house)
            await send(house, server)
        assert {each.to: each.content for each in server.taken} == first
        assert set(first) == {FIRST, COUNCIL}

    async def test_a_server_that_knew_no_mailbox_at_all_drove_them_from_address_to_address_and_they_go_to_the_first(
        self, house: House, clock: MovableClock
    ) -> None:
        await forwarded(house, clock)
        async with mail_server() as server:
            await refuse(house, server, NO_MAILBOX)
            lost = await copy_of(house)
            assert (lost.state, lost.address) == (UNDELIVERED, SECOND)
            assert len(await again(house)) == 2
            assert await again(house) == [], "it is being printed"
            await send(house, server)
            assert to(server) == sorted([FIRST, COUNCIL])
            assert {each.message_id.split(".record@")[0] for each in server.taken} == {
                f"<{(await copy_of(house, each)).dispatch_id}" for each in (CAMHS, SOCIAL_CARE)
            }
            assert await not_distributed(house) == 0

    @ON_ONE_STORE
    async def test_what_is_refused_once_more_is_missed_as_before(self, house: House, clock: MovableClock) -> None:
        await forwarded(house, clock)
        async with mail_server() as server:
            await refuse(house, server)
            await again(house)
            await refuse(house, server)
            assert await not_distributed(house) == 2
            assert len(await again(house)) == 2

    @ON_ONE_STORE
    async def test_only_the_meetings_and_codes_that_were_named(self, house: House, clock: MovableClock) -> None:
        await forwarded(house, clock)
        async with mail_server() as server:
            await refuse(house, server)
        assert await again(house, "m2") == []
        assert await again(house, codes=(550,)) == []
        assert len(await again(house, "m1", codes=(554,))) == 2

    @ON_ONE_STORE
    @pytest.mark.parametrize(
        "what",
        [
            events.agency("camhs-1", channels=[events.insecure(FIRST)], time=HELD_AT),
            events.meeting(
                children=["c1"],
                do_not_invite=[{"agency_id": "camhs-1", "reason": "chairs_restriction", "note": "A relative."}],
                time=HELD_AT,
            ),
            events.recalled(agency_id="camhs-1", time=HELD_AT + timedelta(days=2)),
        ],
        ids=["no address", "excluded", "taken back"],
    )
    async def test_nothing_goes_to_whom_it_may_not_go_any_more(
        self, house: House, clock: MovableClock, what: bytes
    ) -> None:
        door = await forwarded(house, clock)
        async with mail_server() as server:
            await refuse(house, server)
            clock.advance(timedelta(days=1))
            await door.take(what)
            assert [each.row.params["to"] for each in await again(house)] == [COUNCIL]
            await send(house, server)
            assert [each.to for each in server.taken if ".record@" in each.message_id] == [COUNCIL]
        assert (await copy_of(house)).state in (UNDELIVERED, RECALLED)

    @ON_ONE_STORE
    async def test_nothing_goes_of_which_they_may_have_another_part_by_now(
        self, house: House, clock: MovableClock
    ) -> None:
        door = Embedded(house)
        await door.take(
            camhs(FIRST),
            events.child("c1"),
            events.child("c2"),
            events.involvement(person_id="c1", agency_id="camhs-1"),
            events.meeting("m1", children=["c1", "c2"]),
            events.record(sections=[events.section("For all."), events.section("Of one.", children=["c2"])]),
        )
        async with mail_server() as server:
            await refuse(house, server)
            assert (await copy_of(house)).state == UNDELIVERED
            await door.take(events.involvement(person_id="c2", agency_id="camhs-1", time=clock.now()))
            assert "record_copy" not in {each.row.name for each in await again(house)}
        assert (await copy_of(house)).state == UNDELIVERED

    @ON_ONE_STORE
    async def test_an_older_version_stays_where_it_is(self, house: House, clock: MovableClock) -> None:
        door = await forwarded(house, clock)
        async with mail_server() as server:
            await refuse(house, server)
            await approved_again(door, clock)
            assert await again(house) == []
            await send(house, server)
            assert to(server) == sorted([FIRST, COUNCIL])
        assert (await copy_of(house, version=2)).state == SENT

    @ON_ONE_STORE
    async def test_they_go_in_the_way_that_is_right_today_with_a_link_that_opens(
        self, house: House, clock: MovableClock
    ) -> None:
        await forwarded(house, clock)
        async with mail_server() as server:
            await refuse(house, server)
            before = await copy_of(house)
            clock.set(datetime(2028, 3, 1, 10, tzinfo=UTC))
            await again(house)
            await send(house, server)
        after = await copy_of(house)
        assert (before.how, after.how) == ("attachment", "link")
        assert before.expires_at is not None
        assert after.expires_at is not None
        assert before.expires_at < clock.now() < after.expires_at

    @ON_ONE_STORE
    async def test_what_came_back_from_a_server_that_took_it_is_not_meant(
        self, house: House, clock: MovableClock
    ) -> None:
        door = await forwarded(house, clock)
        async with mail_server() as server:
            await send(house, server)
            lost = await copy_of(house, SOCIAL_CARE)
            await door.take(events.dispatch_bounced(lost.dispatch_id, address=COUNCIL, at=clock.now()))
            assert (await copy_of(house, SOCIAL_CARE)).state == UNDELIVERED
            assert await again(house) == []

    @ON_ONE_STORE
    async def test_what_went_to_another_address_meanwhile_stays_there(self, house: House, clock: MovableClock) -> None:
        door = await forwarded(house, clock)
        async with mail_server() as server:
            await refuse(house, server)
            await door.take(camhs("new@camhs-1.nhs.example", time=clock.now()))
            assert [each.row.params["to"] for each in await again(house)] == [COUNCIL]
            await send(house, server)
            assert to(server) == sorted(["new@camhs-1.nhs.example", COUNCIL])


async def test_the_command_says_what_goes_again_and_a_dry_run_leaves_it_as_it_is(
    house: House, settings: Settings, clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await forwarded(house, clock)
    async with mail_server() as server:
        await refuse(house, server, NO_MAILBOX)
    for name in ("home", "database", "secret", "token"):
        if getattr(settings, name) is not None:
            monkeypatch.setenv(f"QUORATE_{name.upper()}", str(getattr(settings, name)))
    monkeypatch.setenv("QUORATE_AS_OF", clock.now().isoformat())

    async def said(*arguments: str) -> str:
        done = await asyncio.to_thread(CliRunner().invoke, app, ["resend", *arguments])
        assert done.exit_code == 0, done.output
        return done.stdout

    about = {"meeting_id": "m1", "letter": "record_copy", "channel": "mail", "answer": "550 SMTPRecipientsRefused"}
    expected = [about | {"agency_id": each} for each in ("camhs-1", "childrens-social-care-1")]
    before = await copy_of(house), await copy_of(house, SOCIAL_CARE)
    told = json.loads(await said("m1", "--dry-run", "--json"))
    assert sorted(told, key=lambda each: str(each["agency_id"])) == expected
    assert (await copy_of(house), await copy_of(house, SOCIAL_CARE)) == before
    channels = [events.insecure(COUNCIL)]
    await Embedded(house).take(events.agency("childrens-social-care-1", channels=channels, time=clock.now()))
    assert "missed still: 1" in await said("--all", "--dry-run")
    await Embedded(house).take(council(time=clock.now() + timedelta(seconds=1)))
    lines = await said("--all", "--code", "550")
    assert "m1, record copy to camhs-1: 550 SMTPRecipientsRefused" in lines
    assert "2 messages go again" in lines
    assert (await copy_of(house)).state == PRINTING, "it goes to another address than it went to last"
    assert (await copy_of(house, SOCIAL_CARE)).state == QUEUED
    assert "0 messages" in await said("--all")


async def approved_again(door: Embedded, clock: MovableClock) -> None:
    """A second version is approved, and waits to be sent."""
    clock.advance(timedelta(hours=1))
    sections = [events.section("Agreed otherwise.")]
    await door.take(events.record(kind="decision", version=2, sections=sections, time=clock.now()))


@ON_ONE_STORE
async def test_whom_a_letter_told_after_all_that_a_copy_is_taken_back_nobody_has_to_reach(
    house: House, clock: MovableClock
) -> None:
    door = await forwarded(house, clock)
    async with mail_server() as server:
        await send(house, server)
        clock.advance(timedelta(hours=1))
        await door.take(events.recalled(agency_id="camhs-1", time=clock.now()))
        await refuse(house, server)
        assert (await copy_of(house)).why == "recall_not_told"
        assert await not_distributed(house) == 1
        assert [each.row.name for each in await again(house)] == ["record_recall"]
        await send(house, server)
        assert (server.taken[-1].to, ".recall@" in server.taken[-1].message_id) == (FIRST, True)
    assert (await copy_of(house)).why == "recalled"
    assert await not_distributed(house) == 0


class TestNotices:
    async def ended(self, house: House, clock: MovableClock, server: MailServer) -> Embedded:
        """A plan ended, and the server refused to tell anyone."""
        door = Embedded(house)
        await door.take(*noticed.directory(), noticed.conference())
        await door.take(events.plan_started(household=["p1"], category="neglect"))
        await send(house, server)
        clock.set(noticed.AFTER)
        await door.take(events.plan_ended())
        server.taken.clear()
        await refuse(house, server)
        return door

    async def test_they_go_again_and_are_missed_until_they_have_gone(self, house: House, clock: MovableClock) -> None:
        async with mail_server() as server:
            await self.ended(house, clock, server)
            assert len(await noticed.missing(house)) == len(noticed.EVERYONE)
            assert len(await again(house)) == len(noticed.EVERYONE)
            assert await again(house) == []
            assert len(await noticed.missing(house)) == len(noticed.EVERYONE), "none has gone yet"
            await send(house, server)
            assert {each.to.partition("@")[0] for each in server.taken} == set(noticed.EVERYONE)
            assert all(".notice@" in each.message_id for each in server.taken)
            assert await noticed.missing(house) == []
            assert await again(house) == []

    @ON_ONE_STORE
    async def test_what_is_not_so_any_more_is_not_told(self, house: House, clock: MovableClock) -> None:
        async with mail_server() as server:
            door = Embedded(house)
            await door.take(*noticed.directory(), noticed.conference())
            await door.take(events.plan_started(household=["p1"], category="neglect"))
            await refuse(house, server)
            clock.set(noticed.AFTER)
            await door.take(events.plan_ended())
            assert [each.row.params["notice"] for each in await again(house) if each.row.name == "notice"] == []

    @ON_ONE_STORE
    async def test_who_is_excluded_since_is_told_only_once_that_is_lifted(
        self, house: House, clock: MovableClock
    ) -> None:
        async with mail_server() as server:
            door = await self.ended(house, clock, server)
            no = [{"agency_id": noticed.SCHOOL, "reason": "conflict_of_interest", "note": "A parent works there."}]
            clock.advance(timedelta(hours=1))
            await door.take(noticed.conference(do_not_invite=no, time=clock.now()))
            [text] = [e["text"] for e in await noticed.missing(house) if e.get("agency_id") == noticed.SCHOOL]
            assert "a person has excluded them since" in text
            assert len(await again(house)) == len(noticed.EVERYONE) - 1
            await send(house, server)
            told = {each.to.partition("@")[0] for each in server.taken if ".notice@" in each.message_id}
            assert told == {*noticed.EVERYONE} - {noticed.SCHOOL}
            clock.advance(timedelta(hours=1))
            await door.take(noticed.conference(time=clock.now()))
            assert len(await again(house)) == 1
            await send(house, server)
            to_school = [e for e in server.taken if ".notice@" in e.message_id and e.to.startswith(noticed.SCHOOL)]
            assert len(to_school) == 1
            assert await noticed.missing(house) == []

    @ON_ONE_STORE
    async def test_a_notice_whose_link_has_expired_is_written_anew(self, house: House, clock: MovableClock) -> None:
        async with mail_server() as server:
            await self.ended(house, clock, server)
            clock.advance(timedelta(days=800))
            going = await again(house)
            assert len(going) == len(noticed.EVERYONE)
            await send(house, server)
            assert len({each.to for each in server.taken}) == len(server.taken) == len(noticed.EVERYONE)
        after = [each for each in await noticed.written(house) if each.kind == NOTICE and each.state == SENT]
        assert len([each for each in after if each.expires_at and each.expires_at > clock.now()]) == len(going)


class TestCarePlans:
    async def refused(self, house: House, server: MailServer, answer: str = DENIED) -> tuple[Embedded, str]:
        """A care plan came, and the server refused to pass it on."""
        door = Embedded(house)
        await door.take(*known("c1"))
        plan = await held_here(house)
        await door.take(events.report(document_id=plan, kind="care_plan", agency_id=SENDER))
        await send(house, server)
        return door, plan

    async def test_they_go_again_and_are_missed_until_they_have_gone(self, house: House, clock: MovableClock) -> None:
        async with mail_server() as server:
            server.always["RCPT"] = DENIED
            _, plan = await self.refused(house, server)
            server.heal()
            assert {state for state, _ in (await states(house, plan)).values()} == {UNDELIVERED}
            before = await asked_of_a_person(house)
            assert len(before) == 1
            going = await again(house, codes=(554,))
            assert [each.row.name for each in going].count("care_plan") == 3
            assert await again(house) == []
            assert await asked_of_a_person(house) == before, "none has gone yet"
            await send(house, server)
            assert await states(house, plan) == dict.fromkeys((GP, SCHOOL, POLICE), (SENT, None))
            plans = [each for each in server.taken if ".plan@" in each.message_id]
            assert sorted(each.to for each in plans) == sorted(f"in@{each}.example" for each in (GP, SCHOOL, POLICE))
            assert await asked_of_a_person(house) == []

    @ON_ONE_STORE
    async def test_one_that_may_not_go_to_its_reader_any_more_stays(self, house: House, clock: MovableClock) -> None:
        async with mail_server() as server:
            server.always["RCPT"] = DENIED
            door, plan = await self.refused(house, server)
            server.heal()
            clock.advance(timedelta(hours=1))
            refused = [{"agency_id": SCHOOL, "reason": "conflict_of_interest", "note": "A parent works there."}]
            await door.take(events.meeting(do_not_invite=refused, time=clock.now()))
            going = [each for each in await again(house) if each.row.name == "care_plan"]
            assert {each.row.params["to"] for each in going} == {f"in@{each}.example" for each in (GP, POLICE)}
            await send(house, server)
            assert (await states(house, plan))[SCHOOL][0] == UNDELIVERED

    @ON_ONE_STORE
    async def test_one_whose_address_is_to_get_links_by_now_is_written_anew(
        self, house: House, clock: MovableClock
    ) -> None:
        async with mail_server() as server:
            server.always["RCPT"] = DENIED
            door, plan = await self.refused(house, server)
            server.heal()
            clock.advance(timedelta(hours=1))
            old = events.secure(f"in@{GP}.example", verified_on=date(2020, 1, 1))
            await door.take(events.agency(GP, channels=[old], time=clock.now()))
            assert (await sent_on(house, plan))[GP].state == UNDELIVERED
            before = await asked_of_a_person(house)
            await again(house)
            assert (await sent_on(house, plan))[GP].state == QUEUED
            assert await asked_of_a_person(house) == before
            await send(house, server)
        gp: Dispatch = (await sent_on(house, plan))[GP]
        assert (gp.state, gp.how) == (SENT, "link")
        assert await asked_of_a_person(house) == []
