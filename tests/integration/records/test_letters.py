"""The letters about records: whether a copy is attached or opened by a link, what stands in them, and the last look
before they leave.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import date, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from sqlalchemy import event

from services.bootstrap import House, open_house
from services.foundation.servers import SmtpServer
from services.foundation.settings import Settings
from services.invitations.tokens import is_right, read_link
from services.records.letters.copies import permitted, render_copy
from tests import events
from tests.clock import MovableClock
from tests.door import Embedded
from tests.integration.records.copies import (
    APPROVED_AT,
    CAMHS,
    COUNCIL,
    FIRST,
    SECOND,
    VERIFIED,
    camhs,
    copy_of,
    invited,
    letters,
    missing,
)
from tests.integration.records.test_recall import EMAIL
from tests.integration.records.test_versions import MOTHER, ready, version
from tests.mail_server import mail_server
from tests.mailbox import html, plain

PUBLIC = "https://quorate.council.gov.example"
NHS = events.nhs_number(1)
NHS_AS_PRINTED = f"{NHS[:3]} {NHS[3:6]} {NHS[6:]}"


@pytest.fixture
async def settings(make_settings: Callable[..., Awaitable[Settings]]) -> Settings:
    return await make_settings(public_url=PUBLIC)


async def letter_to(house: House, address: str) -> EmailMessage:
    """The one letter with a copy that came to an address."""
    [found] = [each for each in letters(house) if each["To"] == address]
    return found


def urls(message: EmailMessage) -> list[str]:
    """What a letter links to, each once; its two forms link to the same."""
    found = [word for word in plain(message).split() if word.startswith("http")]
    assert all(f'href="{each}"' in html(message) for each in found)
    return found


async def printed(embedded: Embedded, clock: MovableClock) -> House:
    """The first version is approved and its copies are made; no letter with one has gone."""
    await ready(embedded, clock)
    await embedded.take(version(1))
    await embedded.house.press.drain()
    return embedded.house


async def printed_for_two_addresses(embedded: Embedded, clock: MovableClock) -> House:
    """The same, where CAMHS has two addresses and nobody else is asked but the council."""
    await invited(embedded, clock, addresses=(FIRST, SECOND))
    clock.set(APPROVED_AT)
    await embedded.take(version(1))
    await embedded.house.press.drain()
    return embedded.house


class TestAttachedOrByLink:
    @pytest.mark.parametrize(
        ("verified_on", "how"),
        [(APPROVED_AT.date(), "attachment"), (date(2025, 4, 3), "attachment"), (date(2025, 4, 1), "link")],
    )
    async def test_a_copy_is_attached_only_where_the_address_was_verified_within_the_policys_time(
        self, embedded: Embedded, clock: MovableClock, verified_on: date, how: str
    ) -> None:
        await invited(embedded, clock, camhs(FIRST, verified_on=verified_on, time=events.NOW))
        clock.set(APPROVED_AT)
        await embedded.take(version(1))
        await embedded.house.drain()
        message = await letter_to(embedded.house, FIRST)
        assert len(list(message.iter_attachments())) == (1 if how == "attachment" else 0)
        assert (await copy_of(embedded.house)).how == how
        assert (NHS_AS_PRINTED in plain(message)) == (how == "attachment"), (
            "an address nobody verified is told of no child"
        )

    async def test_an_address_that_nobody_ever_verified_gets_a_link(
        self, embedded: Embedded, clock: MovableClock
    ) -> None:
        await invited(embedded, clock, camhs(FIRST, verified_on=None, time=events.NOW))
        clock.set(APPROVED_AT)
        await embedded.take(version(1))
        await embedded.house.drain()
        message = await letter_to(embedded.house, FIRST)
        assert list(message.iter_attachments()) == []
        [copy, filed] = urls(message)
        assert filed == f"{copy}/filed"

    @pytest.mark.parametrize("group", ['record_by_link = ["camhs"]', 'record_by_link_to = ["camhs-1"]'])
    async def test_whoever_the_policy_gives_links_to_gets_nothing_attached(
        self,
        make_settings: Callable[..., Awaitable[Settings]],
        clock: MovableClock,
        tmp_path: Path,
        group: str,
    ) -> None:
        policy = tmp_path / "area.toml"
        policy.write_text(f'format = 1\ntitle = "Area"\n[groups]\n{group}\n')
        settings = await make_settings(home="area", public_url=PUBLIC, policy=policy)
        async with open_house(settings, clock) as house:
            await ready(Embedded(house), clock)
            await Embedded(house).take(version(1))
            await house.drain()
            assert list((await letter_to(house, FIRST)).iter_attachments()) == []
            assert len(list((await letter_to(house, COUNCIL)).iter_attachments())) == 1

    async def test_the_link_is_of_this_reader_and_address_alone_and_opens_for_as_long_as_the_policy_says(
        self, embedded: Embedded, clock: MovableClock
    ) -> None:
        house = embedded.house
        await ready(embedded, clock)
        await embedded.take(version(1))
        await house.drain()
        [url] = urls(await letter_to(house, EMAIL))
        copy = await copy_of(house, MOTHER)
        assert url.startswith(f"{PUBLIC}/record/")
        link = urlsplit(url).path.removeprefix("/record/")
        assert read_link(link) == (copy.dispatch_id, copy.expires_at)
        assert copy.expires_at == clock.now() + timedelta(days=28)
        assert is_right(house.settings.key, link, EMAIL, "record")
        assert not is_right(house.settings.key, link, FIRST, "record")
        assert not is_right(house.settings.key, link, EMAIL), "it answers no invitation"

    @pytest.mark.parametrize("public", [None, "http://quorate.council.gov.example"])
    async def test_where_no_link_can_be_made_nothing_goes_by_link_and_nothing_is_attached_instead(
        self, make_settings: Callable[..., Awaitable[Settings]], clock: MovableClock, public: str | None
    ) -> None:
        async with mail_server() as server:
            smtp = f"smtp://127.0.0.1:{server.port}?tls=none"
            settings = await make_settings(home="real", smtp=smtp, public_url=public, mail_domain="mail.example")
            async with open_house(settings, clock) as house:
                await ready(Embedded(house), clock)
                await Embedded(house).take(version(1))
                await house.drain()
                taken = {each.to: each.parsed for each in server.taken if ".record@" in each.message_id}
                assert set(taken) == {FIRST, COUNCIL}
                assert "reply to this message with the word Filed" in plain(taken[FIRST])
                assert urls(taken[FIRST]) == []
                copy = await copy_of(house, MOTHER)
                assert (copy.state, copy.why, copy.document_id) == ("withheld", "no_link", None)
                [told] = await missing(house)
                assert told["person_id"] == "p1"
                assert "none can be made" in told["text"]


class TestWhatStandsInThem:
    async def test_family_gets_a_message_that_says_the_least_that_serves(
        self, embedded: Embedded, clock: MovableClock
    ) -> None:
        house = embedded.house
        await ready(embedded, clock)
        await embedded.take(version(1))
        await house.drain()
        message = await letter_to(house, EMAIL)
        assert list(message.iter_attachments()) == []
        source = message.as_string() + plain(message)
        for words in ("conference", "protection", "Decision", "decision", "AB", NHS, NHS_AS_PRINTED, "camhs", "Filed"):
            assert words not in source.replace("multipart/alternative", "")
        assert "Text 1" not in source
        assert "What was agreed" not in source
        assert str(message["Subject"]).startswith("Something for you to read: the meeting on Wednesday 1 April 2026")

    async def test_no_letter_names_another_reader_and_no_subject_names_a_child(
        self, embedded: Embedded, clock: MovableClock
    ) -> None:
        house = embedded.house
        await ready(embedded, clock)
        await embedded.take(version(1))
        await house.drain()
        await embedded.take(version(2))
        await house.drain()
        await embedded.take(events.recalled("r1", time=APPROVED_AT + timedelta(hours=5)))
        await house.drain()
        readers = {FIRST: "camhs", COUNCIL: "social", EMAIL: "p1"}
        found = [*letters(house), *letters(house, "recall")]
        assert len(found) == 9
        for message in found:
            for address, name in readers.items():
                if address != message["To"]:
                    assert address not in message.as_string()
                    assert name not in plain(message).lower()
            for words in ("AB", NHS, NHS_AS_PRINTED, "Relative"):
                assert words not in str(message["Subject"])

    async def test_a_surgery_is_warned_that_what_is_scanned_may_be_seen_online(
        self, embedded: Embedded, clock: MovableClock
    ) -> None:
        gp = events.agency("gp-1", channels=[events.secure("in@gp-1.example", verified_on=VERIFIED)])
        await invited(embedded, clock, gp, events.involvement(person_id="c1", agency_id="gp-1"))
        clock.set(APPROVED_AT)
        await embedded.take(version(1))
        await embedded.house.drain()
        told = " ".join(plain(await letter_to(embedded.house, "in@gp-1.example")).split())
        assert "File it so that it cannot be seen online." in told
        assert "a patient or a parent may see it there" in told
        assert "KEEP THIS FROM THE FAMILY" not in told
        assert "seen online" not in plain(await letter_to(embedded.house, FIRST))

    @pytest.mark.parametrize("why", ["flagged", "a strategy discussion"])
    async def test_where_nothing_goes_to_family_everyone_is_told_to_keep_it_from_them(
        self, embedded: Embedded, clock: MovableClock, why: str
    ) -> None:
        others = [events.child("c1", flags=["fabricated_or_induced_illness"], time=events.START + timedelta(hours=1))]
        kind = "strategy_discussion" if why != "flagged" else "initial_conference"
        await invited(embedded, clock, events.relative("p1"), *(others if why == "flagged" else []), kind=kind)
        clock.set(APPROVED_AT)
        await embedded.take(version(1))
        await embedded.house.drain()
        assert {str(each["To"]) for each in letters(embedded.house)} == {FIRST, COUNCIL}
        told = " ".join(plain(await letter_to(embedded.house, FIRST)).split())
        assert "keep it out of any record that they can see online" in told

    async def test_camhs_is_asked_to_file_it_for_a_child_on_its_waiting_list_too(
        self, embedded: Embedded, clock: MovableClock
    ) -> None:
        await ready(embedded, clock)
        await embedded.take(version(1, kind="minutes"))
        await embedded.house.drain()
        message = await letter_to(embedded.house, FIRST)
        assert "For a child on your waiting list too" in plain(message)
        assert str(message["Subject"]).startswith("Minutes: initial child protection conference, Wednesday 1 April")
        assert all(len(line) <= 78 for line in plain(message).splitlines() if not line.startswith("http"))

    async def test_a_heading_stands_in_a_letter_as_it_was_written_and_makes_nothing_of_it(
        self, embedded: Embedded, clock: MovableClock
    ) -> None:
        await ready(embedded, clock)
        await embedded.take(version(1))
        await embedded.house.drain()
        heading = '<img src=x onerror="alert(1)"> {{ 7 * 7 }}'
        await embedded.take(version(2, events.section("Text 2.", heading=heading)))
        await embedded.house.drain()
        message = [each for each in letters(embedded.house) if each["To"] == FIRST][-1]
        assert f"- new: {heading}" in plain(message)
        html = message.get_body(("html",))
        assert html is not None
        assert "&lt;img src=x onerror=&#34;alert(1)&#34;&gt; {{ 7 * 7 }}" in html.get_content()


class TestTheLastLook:
    @pytest.mark.parametrize(
        ("what", "party"),
        [
            (events.child("c1", flags=["fabricated_or_induced_illness"], time=events.NOW), MOTHER),
            (events.relative("p1", relationship=[events.tie("c1", "mother", False)], time=events.NOW), MOTHER),
            (events.relative("p1", email="other@family.example", time=events.NOW), MOTHER),
            (events.relative("p2", email=EMAIL, relationship=[events.tie("c1", "father")], time=events.NOW), MOTHER),
            (events.agency("camhs-1", channels=[events.insecure(FIRST)], time=events.NOW), CAMHS),
            (events.agency("camhs-1", channels=[events.secure(SECOND, verified_on=VERIFIED)], time=events.NOW), CAMHS),
            (camhs(FIRST, verified_on=date(2020, 1, 1), time=events.NOW), CAMHS),
        ],
        ids=["flagged", "not responsible", "moved", "shared", "not secure", "another address", "verified long ago"],
    )
    async def test_whoever_may_have_less_by_now_does_not_get_it_and_a_person_is_told(
        self, embedded: Embedded, clock: MovableClock, what: bytes, party: str
    ) -> None:
        house = await printed(embedded, clock)
        assert (await copy_of(house, party)).state == "queued"
        await embedded.take(what)
        await house.drain()
        lost = {MOTHER: EMAIL, CAMHS: FIRST}[party]
        assert {str(each["To"]) for each in letters(house)} == {FIRST, COUNCIL, EMAIL} - {lost}
        copy = await copy_of(house, party)
        assert (copy.state, copy.why, copy.sent_at) == ("withheld", "not_permitted", None)
        [told] = await missing(house)
        assert str(told.get("agency_id") or told.get("person_id")) in party
        assert "kept back" in told["text"]

    @pytest.mark.parametrize("given", [FIRST, FIRST.upper()])
    async def test_an_agencys_copy_does_not_leave_for_an_address_that_family_has_given_since(
        self, embedded: Embedded, clock: MovableClock, given: str
    ) -> None:
        house = await printed_for_two_addresses(embedded, clock)
        father = events.relative("p2", email=given, relationship=[events.tie("c1", "father")], time=events.NOW)
        await embedded.take(camhs(SECOND, FIRST, time=events.NOW), father)
        await house.drain()
        assert [str(each["To"]) for each in letters(house)] == [COUNCIL]
        copy = await copy_of(house)
        assert (copy.state, copy.why, copy.address) == ("withheld", "not_permitted", FIRST)
        [told] = await missing(house)
        assert told["agency_id"] == "camhs-1"
        assert "an address that may not be used any more" in told["text"]
        await embedded.take(version(2))
        await house.drain()
        assert {str(each["To"]) for each in letters(house) if "version 2" in plain(each)} == {SECOND, COUNCIL}
        assert await missing(house, "not_distributed") == []

    async def test_what_a_second_look_lets_go_goes_when_it_is_approved_anew(
        self, embedded: Embedded, clock: MovableClock
    ) -> None:
        house = await printed(embedded, clock)
        await embedded.take(events.relative("p1", email="other@family.example", time=events.NOW))
        await house.drain()
        await embedded.take(version(2))
        await house.drain()
        assert (await copy_of(house, MOTHER, version=2)).state == "sent"
        assert await letter_to(house, "other@family.example")
        assert await missing(house) == []

    async def test_it_reads_as_much_for_many_as_for_one(self, embedded: Embedded, clock: MovableClock) -> None:
        house = await printed(embedded, clock)
        async with house.mailer() as mailer:
            rows = await mailer._claim()
            assert len(rows) == 3
            counts = []
            for some in (rows[:1], rows):
                statements: list[str] = []
                async with house.database.read() as db:
                    assert db.sync_connection is not None

                    def note(_c: Any, _cursor: Any, said: str, *_: Any, told: list[str] = statements) -> None:
                        told.append(said)

                    event.listen(db.sync_connection, "before_cursor_execute", note)
                    await permitted(house.intake.work(db), some)
                counts.append(len(statements))
        assert 0 < counts[0] == counts[1]


class TestOnTheWay:
    async def test_killed_between_the_servers_word_and_the_note_the_same_message_goes_again(
        self, embedded: Embedded, clock: MovableClock
    ) -> None:
        house = await printed(embedded, clock)
        async with mail_server() as server:
            url = SmtpServer(f"smtp://127.0.0.1:{server.port}?tls=none")
            async with house.mailer(url) as mailer:
                rows = await mailer._claim()
                await mailer._send_all(rows, float("inf"), lambda: None)
                mailer.ended.clear()  # nothing of it was noted
                mailer.numbers = iter(range(100, 200))
            clock.advance(timedelta(hours=1))
            async with house.mailer(url) as mailer, asyncio.timeout(60):
                while mailer.tally.sent < len(rows):  # what it is just taking over from the other, it steps over
                    await mailer.drain()
            by_address: dict[str, list[bytes]] = {}
            for each in server.taken:
                by_address.setdefault(each.to, []).append(each.content)
        assert set(by_address) == {FIRST, COUNCIL, EMAIL}
        for twice in by_address.values():
            assert len(twice) == 2
            assert twice[0] == twice[1], "byte for byte, and so with the same Message-ID"

    async def test_an_address_that_the_mail_server_refuses_is_followed_by_the_next_of_the_agency(
        self, embedded: Embedded, clock: MovableClock
    ) -> None:
        house = await printed_for_two_addresses(embedded, clock)
        async with mail_server() as server:
            url = SmtpServer(f"smtp://127.0.0.1:{server.port}?tls=none")
            server.script["RCPT"] = ["550 5.1.1 no such mailbox"]
            async with house.mailer(url) as mailer:
                mailer.settings = house.settings.model_copy(update={"smtp_connections": 1})
                await mailer.drain()
            assert [each.to for each in server.taken] == [COUNCIL, SECOND]
        copy = await copy_of(house)
        assert (copy.state, copy.why, copy.address) == ("sent", None, SECOND)
        assert await missing(house) == []

    async def test_where_every_address_is_refused_a_person_is_told(
        self, embedded: Embedded, clock: MovableClock
    ) -> None:
        house = await printed_for_two_addresses(embedded, clock)
        async with mail_server() as server:
            server.always["RCPT"] = "550 5.1.1 no such mailbox"
            async with house.mailer(SmtpServer(f"smtp://127.0.0.1:{server.port}?tls=none")) as mailer:
                await mailer.drain()
            assert server.taken == []
            assert server.seen["RCPT"] == 3, "each address once"
        assert (await copy_of(house)).state == "undelivered"
        assert {each["agency_id"] for each in await missing(house)} == {"camhs-1", "childrens-social-care-1"}

    async def test_the_same_row_gives_the_same_letter(self, embedded: Embedded, clock: MovableClock) -> None:
        house = await printed(embedded, clock)
        async with house.mailer() as mailer:
            for row in await mailer._claim():
                assert render_copy(row.params, house.settings) == render_copy(row.params, house.settings)


async def test_a_readers_newest_copy_is_the_last_thing_they_hear(embedded: Embedded, clock: MovableClock) -> None:
    await ready(embedded, clock)
    for number in (1, 2, 3):
        await embedded.take(version(number))
        await embedded.house.drain()
    assert [f"version {n}" in plain(each) for n, each in enumerate(_of(embedded.house, FIRST), 1)] == [True] * 3


def _of(house: House, address: str) -> list[EmailMessage]:
    return [each for each in letters(house) if each["To"] == address]
