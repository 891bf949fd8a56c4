"""What a version means for whoever has an earlier one, and what is taken back."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.policy import Number
from services.records.rules.copies import copies
from services.records.rules.dispatch import (
    EMAIL,
    KEPT,
    LINK,
    OVERTAKEN,
    PRINTING,
    QUEUED,
    RECALLED,
    RECORD,
    SENT,
    UNDELIVERED,
    WITHHELD,
    Dispatch,
    dispatch_id,
    opens_until,
)
from services.records.rules.record import Audience, Matter, Reader, Record, Section
from services.records.rules.versions import (
    NOT_TOLD,
    TAKEN_BACK,
    WITHDRAWN,
    Changes,
    Recall,
    Step,
    changes,
    decide,
    may_have,
    silent,
    taken_back,
)
from tests.unit.records.people import APPROVED, agency, child, matter, person, record, relative, section

MATTER = matter([child("c1")], [relative("p1", {"c1": "mother"})])
CAMHS, MOTHER = agency("camhs-1", "c1"), person("p1", "c1")
LATER = APPROVED + timedelta(days=1)


def version(number: int, *sections: Section, **more: Any) -> Record:
    """A version of the record, each approved an hour after the one before."""
    made = record(*sections, version=number, **more)
    return replace(made, approved_at=APPROVED + timedelta(hours=number))


def sent(of: Record, reader: Reader, state: str = SENT, about: Matter = MATTER, **more: Any) -> Dispatch:
    """The copy of a version as it stands for a reader: sent, unless it says otherwise."""
    [copy] = copies(of, [reader], about)
    decided: list[dict[str, object]] = [{"number": e.number, "why_not": e.why_not, "text": ""} for e in copy.sections]
    left = state in (SENT, OVERTAKEN)
    values: dict[str, Any] = {"why": None, "sent_at": APPROVED if left else None, "address": reader.address}
    return Dispatch(
        dispatch_id=dispatch_id(RECORD, of.record_id, of.version, reader.party),
        kind=RECORD,
        about=of.record_id,
        version=of.version,
        meeting_id="m1",
        child_id=None,
        partition_key="f1",
        party=reader.party,
        agency_id=reader.agency_id,
        person_id=reader.person_id,
        team_id=None,
        channel=EMAIL,
        how=LINK,
        state=state,
        decided=decided,
        content=None,
        document_id=None,
        written_at=APPROVED,
        **values | more,
    )


def decided(
    versions: Sequence[Record],
    standing: Sequence[Dispatch],
    *readers: Reader,
    recalls: Sequence[Recall] = (),
    about: Matter = MATTER,
    unsure: Collection[str] = (),
    lacks_link: bool = False,
) -> list[tuple[str, str, int, str | None]]:
    """What becomes of each dispatch: what, whose, of which version, and why."""
    known = {each.version: each for each in versions}
    newest = known[max(known)]
    made = copies(newest, readers, about)
    steps = decide(known, made, standing, recalls, silent(about, readers), unsure, lacks_link=lambda _: lacks_link)
    return [_said(each, newest) for each in steps]


def _said(step: Step, newest: Record) -> tuple[str, str, int, str | None]:
    if step.dispatch is not None:
        return step.what, step.dispatch.party, step.dispatch.version, step.why
    assert step.copy is not None
    return step.what, step.copy.reader.party, newest.version, step.why


def recall(version: int | None = None, at: datetime = LATER, **party: str) -> Recall:
    return Recall("r1", version, party.get("agency_id"), party.get("person_id"), at)


def ended(
    versions: Sequence[Record],
    standing: Sequence[Dispatch],
    *recalls: Recall,
    is_silent: Callable[[Dispatch], bool] = lambda _: False,
) -> list[tuple[str, int, str | None, bool]]:
    """What recalls do: to whose copy of which version, why, and whether its reader is told."""
    steps = taken_back({each.version: each for each in versions}, standing, recalls, is_silent)
    assert all(step.what == "withdraw" and step.dispatch is not None for step in steps)
    return [(s.dispatch.party, s.dispatch.version, s.why, s.told) for s in steps if s.dispatch is not None]


class TestWhoGetsANewVersion:
    first, second = version(1), version(2, section("The date was wrong."))

    def test_whoever_has_the_first_gets_the_second_and_the_first_is_overtaken(self) -> None:
        assert decided([self.first, self.second], [sent(self.first, CAMHS)], CAMHS) == [
            ("overtake", CAMHS.party, 1, None),
            ("write", CAMHS.party, 2, None),
        ]

    @pytest.mark.parametrize("state", [PRINTING, QUEUED, WITHHELD])
    def test_an_older_version_that_has_not_gone_is_overtaken(self, state: str) -> None:
        steps = decided([self.first, self.second], [sent(self.first, CAMHS, state)], CAMHS)
        assert ("overtake", CAMHS.party, 1, None) in steps

    def test_nothing_more_happens_to_what_was_decided(self) -> None:
        standing = [sent(self.first, CAMHS, OVERTAKEN), sent(self.second, CAMHS)]
        assert decided([self.first, self.second], standing, CAMHS) == []

    def test_a_copy_in_which_nothing_has_changed_stands(self) -> None:
        both = section("For all."), section("For CAMHS.", only=["camhs-1"])
        after = both[0], section("For CAMHS, put right.", only=["camhs-1"])
        first, second = version(1, *both), version(2, *after)
        school = agency("school-1", "c1")
        standing = [sent(first, CAMHS), sent(first, school)]
        assert decided([first, second], standing, CAMHS, school) == [
            ("overtake", CAMHS.party, 1, None),
            ("write", CAMHS.party, 2, None),
            ("keep", school.party, 2, None),
        ]

    @pytest.mark.parametrize("state", [QUEUED, PRINTING, UNDELIVERED, RECALLED, OVERTAKEN])
    def test_a_copy_stands_only_where_its_reader_has_it_and_may_open_it(self, state: str) -> None:
        first, second = version(1), version(2)
        steps = decided([first, second], [sent(first, CAMHS, state)], CAMHS)
        assert ("write", CAMHS.party, 2, None) in steps

    def test_a_correction_that_no_second_person_has_checked_leaves_an_unchanged_family_copy_standing(self) -> None:
        both = section("For all."), section("For them.", to="professionals")
        first = version(1, *both)
        second = version(2, both[0], section("Put right.", to="professionals"), checked_by=None)
        assert decided([first, second], [sent(first, MOTHER)], MOTHER) == [("keep", MOTHER.party, 2, None)]

    def test_an_earlier_copy_is_not_withdrawn_while_the_new_one_waits_for_its_check(self) -> None:
        second = replace(self.second, checked_by=None)
        assert decided([self.first, second], [sent(self.first, MOTHER)], MOTHER) == [
            ("overtake", MOTHER.party, 1, None),
            ("withhold", MOTHER.party, 2, "not_checked"),
        ]

    def test_the_check_lets_the_family_have_what_waited_for_it_and_nobody_else_anything_twice(self) -> None:
        standing = [sent(self.first, CAMHS), sent(self.first, MOTHER, WITHHELD, why="not_checked")]
        assert decided([self.first], standing, CAMHS, MOTHER) == [("write", MOTHER.party, 1, None)]

    def test_whoever_may_have_nothing_of_the_new_version_is_asked_to_give_the_old_one_back(self) -> None:
        second = version(2, section("For the police.", only=["police-1"]))
        assert decided([self.first, second], [sent(self.first, CAMHS)], CAMHS) == [
            ("withdraw", CAMHS.party, 1, WITHDRAWN),
            ("withhold", CAMHS.party, 2, "nothing_for_them"),
        ]

    def test_an_earlier_copy_is_not_withdrawn_for_what_the_new_one_seems_to_give_away(self) -> None:
        second = version(2, section("Ring Sam Field on 0116 496 0123."))
        assert decided([self.first, second], [sent(self.first, MOTHER)], MOTHER) == [
            ("overtake", MOTHER.party, 1, None),
            ("withhold", MOTHER.party, 2, "all_held_back"),
        ]

    uncle, well = section("What his uncle did.", heading="Uncle"), section("All is well.", heading="Home")

    @pytest.mark.parametrize("waits", ["not_checked", "not_the_chair", "no_address", "all_held_back", "no_link"])
    def test_an_earlier_copy_with_what_is_theirs_no_more_is_withdrawn_whatever_the_new_one_waits_for(
        self, waits: str
    ) -> None:
        chaired = replace(MATTER, chair="Pat Chair")
        rest = "Ring Sam Field on 0116 496 0123." if waits == "all_held_back" else "All is better."
        first, had = version(1, self.uncle, self.well), sent(version(1, self.uncle, self.well), MOTHER)
        second = version(
            2,
            replace(self.uncle, audience=Audience(only=frozenset({"police-1"}))),
            replace(self.well, text=rest),
            checked_by=None if waits == "not_checked" else "Alex Second",
            approved_by="Sam Deputy" if waits == "not_the_chair" else "Pat Chair",
        )
        reader = replace(MOTHER, address=None) if waits == "no_address" else MOTHER
        new = ("write", MOTHER.party, 2, None) if waits == "no_link" else ("withhold", MOTHER.party, 2, waits)
        some: dict[str, Any] = {"about": chaired, "lacks_link": waits == "no_link"}
        assert decided([first, second], [had], reader, **some) == [("withdraw", MOTHER.party, 1, WITHDRAWN), new]
        again = decided([first, second], [replace(had, state=RECALLED)], reader, **some)
        assert again == [new], "they are told once"

    @pytest.mark.parametrize(
        ("now", "what"),
        [
            ((replace(uncle, audience=Audience(only=frozenset({"p2"}))), well), "withdraw"),
            ((section("What his uncle did.", heading="Family", only=["p2"]), well), "withdraw"),
            ((section("Put otherwise.", heading="Uncle", only=["p2"]), replace(well, heading="House")), "withdraw"),
            ((section("What his uncle did.", only=["p2"]), section("Grew up.", heading="Uncle"), well), "withdraw"),
            ((well,), "withdraw"),
            ((section("For the police.", only=["police-1"]),), "withdraw"),
            ((uncle, replace(well, text="All is well now.")), "overtake"),
            ((replace(uncle, heading="Family"), well), "overtake"),
            ((uncle, well, section("More.")), "overtake"),
            ((replace(uncle, text="Ring Sam Field on 0116 496 0123."), well), "overtake"),
        ],
    )
    def test_while_the_new_one_waits_the_old_one_is_withdrawn_for_what_is_taken_out_and_not_for_what_is_put_right(
        self, now: tuple[Section, ...], what: str
    ) -> None:
        first, second = version(1, self.uncle, self.well), version(2, *now, checked_by=None)
        assert decided([first, second], [sent(first, MOTHER)], MOTHER)[0][:3] == (what, MOTHER.party, 1)

    def test_of_a_part_that_was_taken_out_long_ago_nothing_is_said_again(self) -> None:
        first, second = version(1, self.uncle, self.well), version(2, self.well)
        third = version(3, replace(self.well, text="All is well now."), checked_by=None)
        standing = [sent(first, MOTHER, OVERTAKEN), sent(second, MOTHER)]
        assert decided([first, second, third], standing, MOTHER) == [
            ("overtake", MOTHER.party, 2, None),
            ("withhold", MOTHER.party, 3, "not_checked"),
        ]

    def test_whoever_never_had_the_old_one_is_told_nothing(self) -> None:
        second = version(2, section("For the police.", only=["police-1"]))
        assert decided([self.first, second], [sent(self.first, CAMHS, QUEUED)], CAMHS) == [
            ("overtake", CAMHS.party, 1, None),
            ("withhold", CAMHS.party, 2, "nothing_for_them"),
        ]

    def test_what_a_mailer_has_in_hand_counts_as_had(self) -> None:
        second = version(2, section("For the police.", only=["police-1"]))
        queued = sent(self.first, CAMHS, QUEUED)
        steps = decided([self.first, second], [queued], CAMHS, unsure={queued.dispatch_id})
        assert ("withdraw", CAMHS.party, 1, WITHDRAWN) in steps

    def test_whoever_reads_the_record_no_more_is_asked_to_give_back_what_they_have(self) -> None:
        school = agency("school-1", "c1")
        steps = decided([self.first, self.second], [sent(self.first, school)], CAMHS)
        assert ("withdraw", school.party, 1, WITHDRAWN) in steps

    def test_family_is_told_of_nothing_where_a_child_is_flagged(self) -> None:
        flagged = replace(MATTER, flagged=True)
        steps = decided([self.first, self.second], [sent(self.first, MOTHER)], MOTHER, about=flagged)
        assert ("withdraw", MOTHER.party, 1, NOT_TOLD) in steps

    def test_what_has_left_of_the_newest_version_is_not_withdrawn_by_itself(self) -> None:
        standing = [sent(self.first, CAMHS, OVERTAKEN), sent(self.second, CAMHS)]
        lost = replace(CAMHS, why_not="chairs_restriction")
        assert decided([self.first, self.second], standing, lost) == []


class TestWhatIsTakenBack:
    first, second = version(1), version(2, section("The date was wrong."))

    def test_everyone_who_has_it_is_told_once(self) -> None:
        standing = [sent(self.first, CAMHS, OVERTAKEN), sent(self.second, CAMHS), sent(self.second, MOTHER)]
        assert ended([self.first, self.second], standing, recall()) == [
            (CAMHS.party, 1, TAKEN_BACK, False),
            (CAMHS.party, 2, TAKEN_BACK, True),
            (MOTHER.party, 2, TAKEN_BACK, True),
        ]

    def test_one_party_alone_where_one_is_named(self) -> None:
        standing = [sent(self.first, CAMHS), sent(self.first, MOTHER)]
        assert ended([self.first], standing, recall(person_id="p1")) == [(MOTHER.party, 1, TAKEN_BACK, True)]

    def test_one_version_alone_where_one_is_named(self) -> None:
        standing = [sent(self.first, CAMHS, OVERTAKEN), sent(self.second, CAMHS)]
        assert ended([self.first, self.second], standing, recall(1)) == [(CAMHS.party, 1, TAKEN_BACK, True)]

    @pytest.mark.parametrize("state", [PRINTING, QUEUED, WITHHELD])
    def test_whoever_does_not_have_it_hears_nothing(self, state: str) -> None:
        assert ended([self.first], [sent(self.first, CAMHS, state)], recall()) == [(CAMHS.party, 1, TAKEN_BACK, False)]

    def test_a_version_approved_after_a_recall_of_every_version_goes_out(self) -> None:
        recalls = [recall(at=self.first.approved_at)]
        standing = [sent(self.first, CAMHS, RECALLED, sent_at=APPROVED)]
        assert ended([self.first, self.second], standing, *recalls) == []
        assert decided([self.first, self.second], standing, CAMHS, recalls=recalls) == [("write", CAMHS.party, 2, None)]

    def test_a_version_that_was_taken_back_before_it_was_known_never_goes(self) -> None:
        assert decided([self.first], [], CAMHS, MOTHER, recalls=[recall(agency_id="camhs-1")]) == [
            ("recall", CAMHS.party, 1, TAKEN_BACK),
            ("write", MOTHER.party, 1, None),
        ]

    def test_whoever_kept_an_earlier_copy_has_the_version_that_is_taken_back_by_it(self) -> None:
        same = version(2)
        standing = [sent(self.first, CAMHS), sent(same, CAMHS, KEPT)]
        assert ended([self.first, same], standing, recall(2)) == [
            (CAMHS.party, 2, TAKEN_BACK, False),
            (CAMHS.party, 1, TAKEN_BACK, True),
        ]

    def test_whoever_kept_an_earlier_copy_gets_the_new_one_where_the_earlier_one_is_taken_back(self) -> None:
        same = version(2)
        standing = [sent(self.first, CAMHS, RECALLED, sent_at=APPROVED), sent(same, CAMHS, KEPT)]
        steps = decided([self.first, same], standing, CAMHS, recalls=[recall(1)])
        assert steps == [("write", CAMHS.party, 2, None)]

    def test_a_person_reaches_whoever_may_be_sent_nothing(self) -> None:
        steps = ended([self.first], [sent(self.first, MOTHER)], recall(), is_silent=lambda _: True)
        assert steps == [(MOTHER.party, 1, NOT_TOLD, False)]

    @pytest.mark.parametrize(
        "around",
        [
            replace(MATTER, flagged=True),
            replace(MATTER, family_never=True),
            matter([child("c1")], [relative("p1", {"c1": "mother"}, email="new@family.example")]),
            matter([child("c1")], [relative("p1", {"c1": "mother"}, email=None)]),
            matter(
                [child("c1")],
                [relative("p1", {"c1": "mother"}), relative("p2", {"c1": "father"}, email="P1@family.example")],
            ),
        ],
        ids=["flagged", "never", "another address by now", "no address any more", "an address that two read"],
    )
    def test_nothing_goes_to_family_that_could_reach_another_or_must_not_be(self, around: Matter) -> None:
        assert silent(around, [MOTHER])(sent(self.first, MOTHER))
        assert not silent(around, [MOTHER])(sent(self.first, CAMHS))

    @pytest.mark.parametrize("given", ["camhs@camhs.example", "CAMHS@camhs.example"])
    def test_nothing_goes_to_an_agency_where_family_reads(self, given: str) -> None:
        around = matter(
            [child("c1")], [relative("p1", {"c1": "mother"}), relative("p2", {"c1": "father"}, email=given)]
        )
        has_it = replace(sent(self.first, CAMHS), address="camhs@camhs.example")
        assert silent(around, [CAMHS, MOTHER])(has_it)
        assert not silent(MATTER, [CAMHS, MOTHER])(has_it)

    def test_nothing_goes_to_a_relative_whom_a_person_left_out(self) -> None:
        assert silent(MATTER, [replace(MOTHER, why_not="chairs_restriction")])(sent(self.first, MOTHER))
        assert not silent(MATTER, [MOTHER])(sent(self.first, MOTHER))


class TestWhatHasChanged:
    def test_headings_of_what_was_added_and_changed_and_only_the_number_of_what_was_taken_out(self) -> None:
        before = [("Who came", "Two."), ("Where they live", "4 Example Road."), ("Plan", "To be made.")]
        after = [("Plan", "Made."), ("Next time", "In May."), ("Who came", "Two.")]
        assert changes(before, after) == Changes(("Next time",), ("Plan",), 1)

    def test_nothing_where_the_words_are_the_same(self) -> None:
        assert not changes([("Plan", "Made.")], [("Plan", "Made.")]).any

    def test_the_same_words_under_a_new_heading_have_changed(self) -> None:
        assert changes([("Plan", "Made.")], [("The plan", "Made.")]) == Changes(changed=("The plan",))

    def test_another_order_is_a_change(self) -> None:
        assert changes([("A", "1"), ("B", "2")], [("B", "2"), ("A", "1")]) == Changes(reordered=True)

    def test_two_parts_with_one_heading_are_told_apart(self) -> None:
        before = [("Health", "AB: well."), ("Health", "CD: ill.")]
        assert changes(before, [("Health", "AB: well.")]) == Changes(taken_out=1)
        assert changes(before, [*before, ("Health", "EF: well.")]) == Changes(added=("Health",))

    parts = st.lists(st.tuples(st.sampled_from("ABCD"), st.sampled_from("1234")), max_size=6)

    @given(parts, parts)
    def test_no_heading_is_named_that_does_not_stand_in_the_new_copy(
        self, before: list[tuple[str, str]], after: list[tuple[str, str]]
    ) -> None:
        found = changes(before, after)
        assert {*found.added, *found.changed} <= {heading for heading, _ in after}
        assert found.any == (before != after)
        assert found.taken_out <= len(before)
        assert not found.reordered or sorted(before) == sorted(after)


@pytest.mark.parametrize(
    ("state", "more", "had"),
    [
        (SENT, {}, True),
        (OVERTAKEN, {}, True),
        (OVERTAKEN, {"sent_at": None}, False),
        (QUEUED, {}, False),
        (UNDELIVERED, {"why": "address_refused"}, False),
        (UNDELIVERED, {"why": "bounced", "sent_at": APPROVED}, False),
        (UNDELIVERED, {"why": "bounced", "sent_at": APPROVED, "opened_at": APPROVED}, True),
        (UNDELIVERED, {"why": "gave_up"}, True),
        (UNDELIVERED, {"why": "may_have_gone"}, True),
    ],
)
def test_who_has_a_copy_as_far_as_anyone_can_know(state: str, more: dict[str, Any], had: bool) -> None:
    assert may_have(sent(version(1), CAMHS, state, **more)) is had


@pytest.mark.parametrize(
    ("value", "unit", "until"),
    [
        (28, "calendar_days", datetime(2026, 2, 28, 9, tzinfo=UTC)),
        (2, "weeks", datetime(2026, 2, 14, 9, tzinfo=UTC)),
        (1, "months", datetime(2026, 2, 28, 9, tzinfo=UTC)),
        (1, "years", datetime(2027, 1, 31, 9, tzinfo=UTC)),
    ],
)
def test_a_link_opens_for_as_long_as_the_policy_says(value: float, unit: Any, until: datetime) -> None:
    said = {"id": "record_link_opens_for", "from": date(2018, 4, 1), "source": "a test", "confirmed": False}
    number = Number.model_validate({**said, "value": value, "unit": unit})
    assert opens_until(datetime(2026, 1, 31, 9, tzinfo=UTC), number) == until


@pytest.mark.parametrize(
    ("approved", "known", "taken_back", "recall_known", "is_meant"),
    [
        (0, 0, 1, 1, True),
        (3, 0, 1, 1, True),  # a clock that is ahead
        (900, 0, 1, 2, True),  # by far
        (0, 0, -2, 1, True),  # a recall by a clock that is behind
        (60, 61, 30, 90, False),  # a late recall: a newer version, approved after it and known before it came
        (60, 61, 30, 31, False),  # the same in the order in which it was
        (60, 20, 30, 19, False),  # known after the recall, and approved after it
        (10, 90, 30, 31, True),  # a late version, approved before it
    ],
)
def test_a_recall_of_everything_is_about_what_was_approved_by_then_whatever_clock_says_so(
    approved: int, known: int, taken_back: int, recall_known: int, is_meant: bool
) -> None:
    def at(minutes: int) -> datetime:
        return LATER + timedelta(minutes=minutes)

    version = replace(record(), approved_at=at(approved), known_at=at(known))
    assert replace(recall(at=at(taken_back)), known_at=at(recall_known)).concerns(version) is is_meant
