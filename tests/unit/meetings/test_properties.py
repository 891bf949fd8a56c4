"""What holds for every family and every meeting."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date, timedelta
from random import Random
from typing import TypeVar

from hypothesis import given, settings
from hypothesis import strategies as st

from services.directory.rules import Agency, Child, Involvement, Placement, Relationship, Relative
from services.meetings.rules import DECIDED_BY_A_PERSON, INVITED, AlsoInvite, DoNotInvite, Facts, Meeting, resolve
from tests.unit.meetings.partnership import (
    DAY,
    ELSEWHERE,
    HERE,
    POLICY,
    Partnership,
    agency,
    bounce,
    cause,
    child,
    involvement,
    meeting,
    not_to_be_asked,
    relative,
    team,
)

KINDS = sorted(POLICY.on(DAY).kinds)
FII = "fabricated_or_induced_illness"
CHILDREN, PEOPLE = ("c1", "c2", "c3"), ("p1", "p2", "p3")
NAMED = tuple(
    f"{kind}-{number}"
    for kind in ("camhs", "gp", "school", "acute_hospital", "probation", "placement", "paediatrics")
    for number in (1, 2)
)
ROUTES = ("waiting", "open", "looked_after", "eating_disorder", "transition")


ADDRESSES = (
    *(f"{each}@agencies.example" for each in NAMED),
    *(f"{each}@teams.example" for each in ROUTES),
    *(f"{each}@family.example" for each in PEOPLE),
)


def some(chance: Random, of: Sequence[str], most: int = 3) -> tuple[str, ...]:
    return tuple(chance.sample(of, chance.randint(0, most)))


def a_child(chance: Random, child_id: str) -> Child:
    placement = Placement(chance.choice([None, "placement-1"]), chance.choice([HERE, ELSEWHERE]), DAY)
    return child(
        child_id,
        date_of_birth=chance.choice([None, DAY - timedelta(days=chance.randint(0, 19 * 366))]),
        expected_on=chance.choice([None, date(2026, 6, 1)]),
        authority=chance.choice([HERE, ELSEWHERE]),
        circumstances=some(chance, ("looked_after", "eating_disorder", "home_educated")),
        placement=chance.choice([None, placement]),
        flags=chance.choice([(), (), (), (FII,)]),
        in_hospital=chance.choice([None, cause("admission")]),
    )


def an_agency(chance: Random, agency_id: str) -> Agency:
    return agency(
        agency_id,
        authority=chance.choice([HERE, ELSEWHERE, None]),
        teams=[team(each, each, secure=chance.random() < 0.7) for each in some(chance, ROUTES)],
        secure=chance.random() < 0.8,
        closed_on=chance.choice([None, None, date(2026, 1, 1)]),
    )


def a_relative(chance: Random, person_id: str) -> Relative:
    kinds = ["mother", "father", "self", "aunt"]
    ties = [
        Relationship(chance.choice(CHILDREN), chance.choice(kinds), chance.random() < 0.5)
        for _ in range(chance.randint(1, 3))
    ]
    return relative(person_id, *ties, email=chance.choice(["", None]), not_with=some(chance, PEOPLE, 1))


def an_involvement(chance: Random, number: int) -> Involvement:
    return involvement(
        chance.choice(NAMED),
        chance.choice(CHILDREN + PEOPLE),
        chance.choice(["referred", "waiting", "open", "closed"]),
        involvement_id=f"i{number}",
        until=chance.choice([None, None, date(2026, 3, 1), date(2026, 5, 1)]),
        team_id=chance.choice([None, "open", "gone"]),
    )


def a_restriction(chance: Random) -> DoNotInvite:
    who = chance.choice(NAMED + PEOPLE + CHILDREN)
    return not_to_be_asked(who, chance.choice(sorted(DECIDED_BY_A_PERSON)), person=who in PEOPLE + CHILDREN)


def a_partnership(chance: Random) -> Partnership:
    return Partnership(
        children=[a_child(chance, each) for each in CHILDREN],
        agencies=[an_agency(chance, each) for each in some(chance, NAMED, 10)],
        involvements=[an_involvement(chance, number) for number in range(chance.randint(0, 10))],
        relatives=[a_relative(chance, each) for each in PEOPLE],
        bounced=[bounce(each, chance.choice(["5.1.1", "5.2.2"])) for each in some(chance, ADDRESSES, 12)],
    )


def a_meeting(chance: Random) -> Meeting:
    return meeting(
        chance.choice(KINDS),
        authority=chance.choice([HERE, ELSEWHERE]),
        child_ids=tuple(chance.sample(CHILDREN, chance.randint(1, 3))),
        also_invite=tuple(AlsoInvite(each, "Needed.") for each in some(chance, NAMED, 1)),
        do_not_invite=tuple(a_restriction(chance) for _ in range(chance.randint(0, 2))),
        follows=chance.choice([None, "m0"]),
    )


def a_question(seed: int) -> tuple[Partnership, Meeting]:
    """A meeting in a partnership that has a past: an earlier meeting, and entries from when other things were known.

    Made from a seed, since a family of this size drawn piece by piece takes longer to draw than to judge.
    """
    chance = Random(seed)
    there, asked = a_partnership(chance), a_meeting(chance)
    past = replace(a_meeting(chance), meeting_id="m0", follows=None)
    shift = timedelta(days=chance.choice([-31, -31, 31]))
    there.then(there.ask(replace(past, starts_at=past.starts_at + shift, day=past.day + shift)))
    if chance.random() < 0.7:
        then = a_partnership(chance)
        there.before = then.ask(replace(a_meeting(chance), child_ids=asked.child_ids)).entries
    return there, asked


questions = st.integers(0, 2**32).map(a_question)
every = settings(max_examples=300)


def about(there: Partnership, asked: Meeting) -> list[Involvement]:
    """The involvements of the children of a meeting and of their parents, as far as these bring their services."""
    people = set(asked.child_ids)
    parents = POLICY.groups.parents
    for each in there.relatives:
        for tie in each.relationships:
            if (
                tie.child_id in asked.child_ids
                and tie.kind != "self"
                and (tie.parental_responsibility or tie.kind in parents)
            ):
                people.add(each.person_id)
    return [
        each
        for each in there.involvements
        if each.person_id in people
        and (each.person_id in asked.child_ids or each.service in POLICY.groups.parents_services)
    ]


@every
@given(questions)
def test_every_involvement_that_is_not_closed_leads_to_an_entry_with_a_reason(
    question: tuple[Partnership, Meeting],
) -> None:
    there, asked = question
    answer = there.ask(asked)
    for each in about(there, asked):
        if each.status != "closed":
            assert any(entry.reasons for entry in answer.of(each.agency_id)), each


@every
@given(questions)
def test_whoever_is_open_or_waiting_at_the_day_and_can_be_written_to_is_invited_unless_a_person_decided_otherwise(
    question: tuple[Partnership, Meeting],
) -> None:
    there, asked = question
    answer = there.ask(asked)
    faults = {None, "no_usable_address", "agency_closed", "agency_not_recorded", "excluded_before"}
    for each in about(there, asked):
        if each.counts_on(asked.day):
            for entry in answer.of(each.agency_id):
                assert entry.why_not in faults | DECIDED_BY_A_PERSON, each


@every
@given(questions)
def test_no_entry_is_without_reasons_and_each_is_a_sentence_with_the_events_behind_it(
    question: tuple[Partnership, Meeting],
) -> None:
    for entry in question[0].ask(question[1]).entries:
        assert entry.reasons
        assert entry.child_ids
        for reason in entry.reasons:
            assert reason.text[0].isupper(), reason.text
            assert reason.text.endswith("."), reason.text
            assert "  " not in reason.text
            assert ".." not in reason.text
            assert reason.causes, reason.rule


@every
@given(questions)
def test_an_invited_entry_has_an_address_and_no_other_has_one(question: tuple[Partnership, Meeting]) -> None:
    for entry in question[0].ask(question[1]).entries:
        assert (entry.decision == INVITED) is (entry.address is not None) is (entry.why_not is None)


@every
@given(questions)
def test_whoever_is_asked_where_mail_came_back_from_was_asked_there_before_and_has_no_other_address(
    question: tuple[Partnership, Meeting],
) -> None:
    there, asked = question
    gone = {each.address for each in there.bounced}
    stood = {entry.party: entry.address for entry in there.before}
    for entry in there.ask(asked).entries:
        assert (entry.back is not None) is (entry.address in gone)
        if entry.back is not None:
            assert stood[entry.party] == entry.address
            own = {each.agency_id: each for each in there.agencies}.get(entry.agency_id or "")
            assert own is None or all(each.address in gone for each in own.channels if each.secure)


@every
@given(questions)
def test_a_bounce_changes_nobody_who_has_another_address_but_where_to(question: tuple[Partnership, Meeting]) -> None:
    there, asked = question
    found = {entry.party: entry for entry in there.ask(asked).entries}
    there.bounced = []
    for party, entry in {entry.party: entry for entry in there.ask(asked).entries}.items():
        assert party in found
        if found[party].decision != entry.decision:
            assert (found[party].why_not, entry.decision) == ("no_usable_address", INVITED)


@every
@given(questions)
def test_nobody_has_two_entries(question: tuple[Partnership, Meeting]) -> None:
    parties = [entry.party for entry in question[0].ask(question[1]).entries]
    assert len(parties) == len(set(parties))


@every
@given(questions)
def test_a_kind_that_never_asks_family_invites_none_and_has_no_entry_but_for_who_was_asked_before(
    question: tuple[Partnership, Meeting],
) -> None:
    there, asked = question
    if POLICY.on(DAY).kinds[asked.kind].family == "never":
        before = {entry.person_id for entry in there.before}
        for entry in there.ask(asked).entries:
            assert entry.person_id is None or (entry.decision != INVITED and entry.person_id in before)


@every
@given(questions)
def test_with_suspected_induced_illness_no_member_of_the_family_is_invited(
    question: tuple[Partnership, Meeting],
) -> None:
    there, asked = question
    there.children = [replace(each, flags=(FII,)) for each in there.children]
    assert all(entry.decision != INVITED for entry in there.ask(asked).entries if entry.person_id)


@every
@given(questions)
def test_whom_a_person_has_excluded_is_never_invited(question: tuple[Partnership, Meeting]) -> None:
    there, asked = question
    excluded = {each.agency_id or each.person_id for each in asked.do_not_invite}
    assert not there.ask(asked).invited() & excluded


@every
@given(questions)
def test_who_was_invited_before_has_an_entry_now(question: tuple[Partnership, Meeting]) -> None:
    there, asked = question
    now = {entry.party for entry in there.ask(asked).entries}
    assert {entry.party for entry in there.before if entry.decision == INVITED} <= now


@every
@given(questions)
def test_an_agency_that_was_invited_before_is_still_invited_unless_a_person_or_its_record_says_it_cannot_be(
    question: tuple[Partnership, Meeting],
) -> None:
    there, asked = question
    now = {entry.party: entry for entry in there.ask(asked).entries}
    allowed = {None, "no_usable_address", "agency_closed", "agency_not_recorded", "no_longer_part"}
    for entry in there.before:
        if entry.decision == INVITED and entry.agency_id:
            assert now[entry.party].why_not in allowed | DECIDED_BY_A_PERSON


@every
@given(questions)
def test_asked_again_with_its_own_entries_a_resolution_gives_itself(question: tuple[Partnership, Meeting]) -> None:
    there, asked = question
    first = there.ask(asked)
    there.before = first.entries
    assert there.ask(asked).entries == first.entries


T = TypeVar("T")


def mixed(values: Iterable[T], chance: Random) -> list[T]:
    """The same values in another order."""
    found = list(values)
    chance.shuffle(found)
    return found


def shuffled(facts: Facts, chance: Random) -> Facts:
    """The same facts in another order."""
    return Facts(
        dict(mixed(facts.children.items(), chance)),
        {key: mixed(some, chance) for key, some in mixed(facts.families.items(), chance)},
        mixed(facts.relatives, chance),
        {key: mixed(some, chance) for key, some in mixed(facts.involvements.items(), chance)},
        dict(mixed(facts.agencies.items(), chance)),
        {key: mixed(some, chance) for key, some in mixed(facts.by_authority.items(), chance)},
        mixed(facts.earlier, chance),
        mixed(facts.before, chance),
        dict(mixed(facts.bounced.items(), chance)),
        facts.family_addresses,
    )


@every
@given(questions, st.randoms(use_true_random=False))
def test_the_order_of_the_facts_changes_nothing(question: tuple[Partnership, Meeting], chance: Random) -> None:
    there, asked = question
    facts = there.facts()
    assert resolve(asked, shuffled(facts, chance), POLICY) == resolve(asked, facts, POLICY)


@every
@given(questions)
def test_no_child_of_another_family_and_no_adult_is_told_as_a_sibling(question: tuple[Partnership, Meeting]) -> None:
    there, asked = question
    for sibling in there.ask(asked).resolution.siblings_without_entry:
        assert sibling.child_id not in asked.child_ids
        assert (sibling.months_old_on(asked.day) or 0) < 18 * 12
