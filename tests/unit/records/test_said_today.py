"""What is said of a copy asks first what its reader may have today, however far the copy has come."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from services.records.rules.dispatch import PRINTING, QUEUED, UNDELIVERED, WITHHELD, Dispatch
from services.records.rules.due import UNTRIED, Waits, not_distributed
from services.records.rules.own_copies import Copies, Today, goes_again
from services.records.rules.why import KEPT_FROM_THEM, why_in_words, why_in_words_today
from tests.unit.records.test_due import COPY, MEETING, NOW, version

FATHERS = replace(COPY, party="person:p2", agency_id=None, person_id="p2")


def said(each: Dispatch, today: Today | None) -> str | None:
    """What is said of a reader's one copy, which has waited for longer than anybody has to be patient."""
    waits = {each.dispatch_id: Waits(NOW - UNTRIED, True)}
    copies = Copies(version(), each.party, (each,))
    found = not_distributed(copies, MEETING, "conference", waits, timedelta(), NOW, today)
    return found.text if found is not None else None


@pytest.mark.parametrize("state", [PRINTING, QUEUED])
class TestACopyThatWaits:
    """It goes without anybody's doing, unless the last look keeps it back."""

    @pytest.mark.parametrize("why", sorted(each for each in KEPT_FROM_THEM if each))
    def test_nothing_is_said_where_its_reader_may_have_nothing(self, state: str, why: str) -> None:
        waiting = replace(COPY, state=state, sent_at=None)
        assert "reach them another way" in (said(waiting, Today()) or "")
        assert said(waiting, Today(why)) is None

    @pytest.mark.parametrize(
        "today", [Today(less=True), Today("not_checked"), Today("no_longer_part"), Today("unheard")]
    )
    def test_nobody_is_to_be_reached_who_may_have_less_or_of_whom_somebody_decides(
        self, state: str, today: Today
    ) -> None:
        text = said(replace(COPY, state=state, sent_at=None), today) or ""
        assert "it waits still, and would not go as things are" in text
        assert "each them" not in text


@pytest.mark.parametrize("why", sorted(each for each in KEPT_FROM_THEM if each))
def test_of_what_the_last_look_kept_back_the_parts_that_were_left_out_are_no_matter_any_more(why: str) -> None:
    kept_back = replace(COPY, state=WITHHELD, why="not_permitted", sent_at=None)
    text = said(kept_back, Today(why, left_out=(1,))) or ""
    assert "Look at it once more" in text
    assert "another way" not in text


def test_a_part_that_was_left_out_is_not_told_of_whoever_may_have_nothing_now() -> None:
    assert "send it to them another way" in (said(COPY, Today(left_out=(1,), owed=False)) or "")
    for why in ("excluded", "flagged", "chairs_restriction", "recalled"):
        assert said(COPY, Today(why, left_out=(1,), owed=False)) is None


@pytest.mark.parametrize("why", ["nothing_for_them", "all_held_back"])
def test_where_every_part_gives_something_away_it_is_to_be_written_otherwise_and_not_sent_another_way(why: str) -> None:
    for each in (COPY, replace(COPY, state=WITHHELD, why=why, sent_at=None)):
        text = said(each, Today(why, left_out=(0,))) or ""
        assert text.startswith("A part of the minutes (no. 1) is left out")
        assert "a name, a number, an address" in text
        assert text.endswith("have it written so that they may read it.")
        assert not goes_again(Copies(version(), COPY.party, (each,)), Today(why, left_out=(0,), less=True))


@pytest.mark.parametrize("each", [COPY, FATHERS])
@pytest.mark.parametrize("why", ["bounced", "address_refused", "gave_up", "too_late", "no_address", "shared_address"])
def test_what_did_not_arrive_is_given_to_nobody_who_may_have_less_of_it_now(each: Dispatch, why: str) -> None:
    lost = replace(each, state=UNDELIVERED, why=why, sent_at=None)
    of_family = each.person_id is not None
    assert why_in_words(why, of_family) in (said(lost, Today("no_address")) or "")
    for today in (Today(less=True), Today("no_address", less=True), Today("not_the_chair"), Today("no_longer_part")):
        text = said(lost, today) or ""
        assert "another way" not in text, today
        assert why_in_words_today(why, of_family, today) in text
        assert ("approve it as a new version" in text) is (today.less or today.why_not == "not_the_chair")


def test_a_relative_who_has_given_another_address_since_gets_the_same_words_approved_again() -> None:
    lost = replace(FATHERS, state=UNDELIVERED, why="bounced")
    assert "Give it to them another way" in (said(lost, Today("no_address")) or "")
    assert "Approve the same words again" in (said(lost, Today()) or "")
    assert goes_again(Copies(version(), FATHERS.party, (lost,)), Today())


def test_what_was_decided_to_hold_more_than_its_reader_may_have_now_is_decided_anew_with_the_same_words() -> None:
    lost = Copies(version(), COPY.party, (replace(COPY, state=UNDELIVERED, why="bounced"),))
    assert not goes_again(lost, Today())
    for why, expected in ((None, True), ("no_address", True), ("chairs_restriction", False), ("recalled", False)):
        assert goes_again(lost, Today(why, less=True)) is expected, why
    assert not goes_again(lost, Today(less=True, owed=False))
    waiting = Copies(version(), COPY.party, (replace(COPY, state=QUEUED, sent_at=None),))
    assert not goes_again(waiting, Today(less=True))
