"""What a policy says of quoracy: the default, what an area may change, and how every fault is named."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from typer.testing import CliRunner

from services.cli import app
from services.meetings.policy import WrongPolicy, load_policy
from services.participation.rules.quoracy import rule_of
from tests.unit.meetings.partnership import DAY, POLICY

HEAD = 'format = 1\ntitle = "An area"\n'
RULED = {
    "strategy_discussion": "strategy_discussion",
    "initial_conference": "conference",
    "review_conference": "conference",
    "transfer_in_conference": "conference",
    "pre_birth_conference": "conference",
    "core_group": "core_group",
    "discharge_planning": "discharge_planning",
}


def quoracy(**more: str) -> str:
    fields = {
        "id": '"conference"',
        "from": "2026-01-01",
        "required": '[{ name = "social care", any_of = ["childrens_social_care"] }]',
        "others": "3",
        "source": '"the board"',
        "confirmed": "true",
    } | more
    return "[[quoracy]]\n" + "".join(f"{name} = {value}\n" for name, value in fields.items() if value)


def kind(rule: str) -> str:
    return (
        '[[meeting_kind]]\nid = "initial_conference"\nfrom = 2026-01-01\nname = "conference"\nfamily = "invited"\n'
        f'quoracy = "{rule}"\nsource = "the board"\nconfirmed = true\n'
    )


@pytest.fixture
def area(tmp_path: Path) -> Path:
    return tmp_path / "area.toml"


def faults(area: Path, text: str) -> list[str]:
    area.write_text(HEAD + text, encoding="utf-8")
    with pytest.raises(WrongPolicy) as raised:
        load_policy(area)
    return [str(fault).removeprefix(str(area)) for fault in raised.value.faults]


def test_the_kinds_of_meeting_that_decide_on_a_child_have_a_rule_and_a_looked_after_review_has_none() -> None:
    today = POLICY.on(DAY)
    assert {each: today.kinds[each].quoracy for each in today.kinds if today.kinds[each].quoracy} == RULED
    assert rule_of(today, "looked_after_review") is None


def test_no_rule_is_confirmed_and_each_says_that_it_is_not_verified_for_the_area() -> None:
    rules = POLICY.on(DAY).quoracy.values()
    assert rules
    assert not [each.id for each in rules if each.confirmed]
    assert [each.id for each in rules if "Not verified for LLR" not in each.source] == []


def test_before_a_rule_counts_there_is_none() -> None:
    assert rule_of(POLICY.on(date(2017, 1, 1)), "initial_conference") is None


def test_an_area_changes_a_rule_from_its_day_on(area: Path) -> None:
    area.write_text(HEAD + quoracy(), encoding="utf-8")
    policy = load_policy(area)
    before, after = policy.on(date(2025, 12, 31)), policy.on(date(2026, 1, 1))
    assert [rule_of(each, "review_conference").others for each in (before, after)] == [2, 3]  # type: ignore[union-attr]


def test_an_area_gives_one_kind_of_meeting_a_rule_of_its_own(area: Path) -> None:
    area.write_text(HEAD + quoracy(id='"strict"') + kind("strict"), encoding="utf-8")
    today = load_policy(area).on(DAY)
    assert rule_of(today, "initial_conference") == today.quoracy["strict"]
    assert rule_of(today, "review_conference") == today.quoracy["conference"]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (kind("conferense"), ":8: meeting_kind initial_conference quoracy: there is no quoracy rule called conferense"),
        (quoracy(id='"strict"'), "no meeting_kind names strict as its quoracy"),
        (quoracy(required='[{ name = "police", any_of = ["polise"] }]'), "there is no kind of agency called polise"),
        (quoracy(not_counted='["leggal"]'), "quoracy conference not_counted: there is no kind of agency called leggal"),
        (quoracy(count_as_one='[["gpp"]]'), "quoracy conference count_as_one: there is no kind of agency called gpp"),
        (quoracy(required="[]", others="0"), "asks for nobody"),
        (quoracy(others="true"), "others"),
        (quoracy(others="-1"), "must be 0 or more"),
        (quoracy(modes="[]"), "modes"),
        (quoracy(modes='["letter"]'), "modes"),
        (
            quoracy(required='[{ name = "one", any_of = ["gp"] }, { name = "two", any_of = ["camhs", "gp"] }]'),
            "names gp for two parties",
        ),
        (quoracy(count_as_one='[["gp"], ["gp", "camhs"]]'), "has gp in two lists"),
        (
            quoracy(
                required='[{ name = "one", any_of = ["gp"] }, { name = "two", any_of = ["camhs"] }]',
                count_as_one='[["gp", "camhs"]]',
            ),
            "counts as one what is required as two",
        ),
        (quoracy() + quoracy(), "conference has two editions from 2026-01-01: keep one"),
        (quoracy(quorum="3"), "is not a field of a policy here"),
    ],
)
def test_every_fault_is_named_with_its_place(area: Path, text: str, fault: str) -> None:
    found = faults(area, text)
    assert any(fault in each for each in found), found
    assert all(each.startswith(":") for each in found), found


def test_a_kind_may_not_name_a_rule_that_counts_only_later(area: Path) -> None:
    later = quoracy(id='"strict"', **{"from": "2027-01-01"}) + kind("strict")
    assert "strict counts only from 2027-01-01, and is named from 2026-01-01" in faults(area, later)[0]


def test_show_says_in_words_when_a_meeting_is_quorate(area: Path) -> None:
    area.write_text(HEAD + quoracy(count_as_one='[["gp", "camhs"]]', report_counts="true"), encoding="utf-8")
    environment = {"QUORATE_POLICY": str(area)}
    shown = CliRunner().invoke(app, ["policy", "show", "--on", DAY.isoformat()], env=environment).stdout
    assert "conference: social care, 3 agencies in direct contact beside them; there in person or video" in shown
    assert "counted as one: gp, camhs; a report in time counts like being there" in shown
    assert "from 2026-01-01, confirmed, An area; source: the board" in shown
    checked = CliRunner().invoke(app, ["policy", "check", str(area)])
    assert "1 rules of quoracy" in checked.stdout
