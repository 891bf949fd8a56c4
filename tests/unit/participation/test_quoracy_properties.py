"""What holds for every register and every rule of quoracy, beside a second reckoning that tries every way."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import product
from random import Random
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from schemas.quoracy import Quoracy
from services.directory.rules import Agency, Involvement
from services.meetings.rules import AlsoInvite
from services.participation.rules.quoracy import Held
from services.participation.rules.register import Attended, noted
from tests.unit.meetings.partnership import DAY, ELSEWHERE, HERE, agency, cause, involvement, meeting
from tests.unit.participation.held import TODAY, assessed, held, rule

AGENCIES = tuple(
    f"{kind}-{number}"
    for kind in ("childrens_social_care", "police", "camhs", "gp", "school", "acute_hospital", "legal")
    for number in (1, 2)
)
KINDS = [each.rsplit("-", 1)[0] for each in AGENCIES[::2]]
MODES = ("in_person", "video", "phone", None)
KIND = "initial_conference"
# Of an area itself, these are expected at such a conference: taken by hand from the policy.
EXPECTED = {"childrens_social_care", "police", "health_visiting", "school_nursing", "midwifery", "reviewing_officer"}


def some(chance: Random, of: tuple[str, ...] | list[str], most: int) -> list[str]:
    return chance.sample(list(of), chance.randint(0, min(most, len(of))))


def a_rule(chance: Random) -> Quoracy:
    kinds = chance.sample(KINDS, len(KINDS))
    required: list[dict[str, Any]] = []
    for name in ("first", "second"):
        if chance.random() < 0.5:
            taken = [kinds.pop() for _ in range(chance.randint(1, 3))]
            flags = {flag: chance.random() < 0.4 for flag in ("of_the_area", "waiting_counts")}
            required.append({"name": name, "any_of": taken, **flags})
    first = {kind for each in required for kind in each["any_of"]}
    group = [*some(chance, sorted(first), 1), *some(chance, kinds, 3)]
    return rule(
        required=required,
        others=chance.randint(0 if required else 1, 3),
        modes=chance.sample(["in_person", "video", "phone", "not_noted"], chance.randint(1, 4)),
        unrecorded_contact=chance.choice(["counts", "does_not_count"]),
        not_counted=chance.choice([[], ["legal"]]),
        count_as_one=[group] if group else [],
        report_counts=chance.random() < 0.3,
    )


def a_line(chance: Random) -> Attended:
    status = chance.choice(["present", "present", "present", "apologies", "absent"])
    return Attended(chance.choice(AGENCIES), None, status, chance.choice(MODES))


def an_involvement(chance: Random, number: int) -> Involvement:
    return involvement(
        chance.choice(AGENCIES),
        status=chance.choice(["open"] * 5 + ["waiting", "referred", "closed"]),
        direct_contact=chance.choice([True, False, None]),
        involvement_id=f"i{number}",
        since=DAY + timedelta(days=chance.choice([-300, -300, -1, 0, 1])),
        until=chance.choice([None, None, DAY - timedelta(days=1), DAY]),
    )


def an_agency(chance: Random, agency_id: str) -> Agency:
    return agency(agency_id, authority=chance.choice([HERE, HERE, ELSEWHERE, None]))


def a_held(seed: int) -> tuple[Held, Quoracy]:
    """A held meeting and a rule. Made from a seed: drawn piece by piece it takes longer to draw than to judge."""
    chance = Random(seed)
    also = tuple(AlsoInvite(each, "Needed.") for each in some(chance, AGENCIES, 1))
    one = held(
        [a_line(chance) for _ in range(chance.randint(0, 14))],
        [an_involvement(chance, number) for number in range(chance.randint(0, 12))],
        of=meeting(KIND, state="held", also_invite=also),
        agencies={each: an_agency(chance, each) for each in AGENCIES if chance.random() < 0.9},
        placed_with=dict.fromkeys(some(chance, AGENCIES, 1), cause("placed")),
        in_hospital=chance.choice([None, cause("admitted")]),
        core_group=dict.fromkeys(some(chance, AGENCIES, 2), cause("named")),
        areas=frozenset(chance.choice([(HERE,), (HERE, ELSEWHERE)])),
        reports=dict.fromkeys(some(chance, AGENCIES, 3), cause("report")),
    )
    return one, a_rule(chance)


def contact_of(one: Held, by: Quoracy, agency_id: str) -> str:
    """Reckoned apart: yes, unknown, waits or no; from a table of what is so, read from the top."""
    found = one.agencies[agency_id]
    own = list(one.involvements.get(agency_id, ()))
    going = [
        (each.status, each.direct_contact)
        for each in own
        if each.status != "closed" and each.since <= DAY and (each.until is None or each.until >= DAY)
    ]
    open_ones = [direct for status, direct in going if status == "open"]
    away = found.authority == ELSEWHERE and any(r.of_the_area and found.kind in r.any_of for r in by.required)
    named = agency_id in (one.core_group or {})
    asked = agency_id in {also.agency_id for also in one.meeting.also_invite}
    expected = found.kind in EXPECTED and (found.authority is None or found.authority in one.areas)
    table: list[tuple[bool, str]] = [
        (away, "away"),
        (found.kind in by.not_counted, "no"),
        (True in open_ones, "yes"),
        (agency_id in (one.placed_with or {}), "yes"),
        (one.in_hospital is not None and found.kind == "acute_hospital", "yes"),
        (None in open_ones, "unknown"),
        (bool(open_ones), "no"),
        (bool(going), "waits"),
        (named, "unknown"),
        (bool(own), "no"),
        (asked or expected, "unknown"),
        (True, "no"),
    ]
    return next(answer for so, answer in table if so)


def is_quorate(one: Held, by: Quoracy) -> bool:
    """Reckoned apart: is there any way to let one party stand for each that is required, so that enough are left?"""
    present = set()
    for each, line in one.noted.items():
        modes = line.modes or ("not_noted",)
        if line.status == "present" and any(mode in by.modes for mode in modes):
            present.add(each)
    with_report = set(one.reports or {}) & set(one.noted) if by.report_counts else set()
    count = {"yes", "unknown"} if by.unrecorded_contact == "counts" else {"yes"}

    def unit(agency_id: str) -> object:
        kind = one.agencies[agency_id].kind
        return next((number for number, group in enumerate(by.count_as_one) if kind in group), agency_id)

    counting = {unit(each) for each in present | with_report if contact_of(one, by, each) in count}
    able = []
    for required in by.required:
        refused = {"away"} if required.waiting_counts else {"away", "waits"}
        able.append(
            {
                unit(each)
                for each in present
                if one.agencies[each].kind in required.any_of and contact_of(one, by, each) not in refused
            }
        )
    ways = (set(way) for way in product(*able))
    return any(len(way) == len(by.required) and len(counting - way) >= by.others for way in ways)


@given(st.integers(0, 2**32))
@settings(max_examples=600)
def test_the_verdict_is_that_of_a_second_reckoning(seed: int) -> None:
    one, by = a_held(seed)
    assert assessed(one, by).quorate is is_quorate(one, by)


def test_both_verdicts_and_every_reason_come_up_among_what_is_tried() -> None:
    found = [assessed(*a_held(seed)) for seed in range(600)]
    quorate = sum(each.quorate for each in found)
    assert 60 < quorate < 540
    reasons = {party.why for each in found for party in each.parties}
    assert reasons == {
        *("required", "in_contact", "contact_not_recorded", "not_there", "mode_does_not_count", "not_needed"),
        *("waiting", "no_direct_contact", "involvement_over", "not_yet", "advises", "nothing_on_record"),
        "of_another_area",
    }


@given(st.integers(0, 2**32), st.sampled_from(AGENCIES), st.sampled_from(MODES), st.sampled_from([True, False, None]))
@settings(max_examples=400)
def test_whoever_comes_as_well_never_makes_a_quorate_meeting_inquorate(
    seed: int, agency_id: str, mode: str | None, direct_contact: bool | None
) -> None:
    one, by = a_held(seed)
    assume(agency_id not in one.noted and agency_id not in one.involvements)
    comes = noted([Attended(agency_id, None, "present", mode)])[f"agency:{agency_id}"]
    works = involvement(agency_id, direct_contact=direct_contact, involvement_id="more")
    after = replace(one, noted={**one.noted, agency_id: comes}, involvements={**one.involvements, agency_id: [works]})
    assert assessed(after, by).quorate or not assessed(one, by).quorate


@given(st.integers(0, 2**32), st.randoms(use_true_random=False))
@settings(max_examples=200)
def test_the_order_in_which_things_are_told_does_not_matter(seed: int, chance: Random) -> None:
    one, by = a_held(seed)
    lines = list(one.noted.items())
    chance.shuffle(lines)
    shuffled = {each: chance.sample(list(own), len(own)) for each, own in reversed([*one.involvements.items()])}
    assert assessed(replace(one, noted=dict(lines), involvements=shuffled), by).parties == assessed(one, by).parties


@given(st.integers(0, 2**32))
@settings(max_examples=200)
def test_everyone_in_the_register_has_a_line_and_only_they_count(seed: int) -> None:
    one, by = a_held(seed)
    found = assessed(one, by)
    assert {each.agency_id for each in found.parties} == set(one.noted)
    counts = {each.agency_id for each in found.parties if each.counts}
    assert {each for some in found.others for each in some} <= counts
    assert {each for met in found.met for each in met.by} <= counts
    assert all(each.text and each.causes for each in found.parties)


def test_the_kinds_that_the_reckoning_expects_are_those_of_the_policy() -> None:
    kind = TODAY.kind(KIND)
    named = [TODAY.expectations[name] for name in kind.expects]
    of_area = {each.agency_kind for each in named if each.find == "involvement_or_authority"}
    assert (
        of_area | {k for each in named if each.find == "involvement_or_authority" for k in each.satisfied_by}
        == EXPECTED
    )
