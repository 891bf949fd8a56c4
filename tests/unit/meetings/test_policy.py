"""What a policy may say, from when it counts, what an area's file changes, and how every fault is named."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import get_args

import pytest
from typer.testing import CliRunner

from schemas.policy import NUMBERS_IN_RULES, Number, RuleName
from schemas.vocabulary import AGENCY_KINDS, MEETING_KINDS
from services.cli import app
from services.meetings.policy import NATIONAL_DEFAULT, WrongPolicy, load_policy
from services.meetings.rules.resolution import RULES
from tests.unit.meetings.partnership import DAY, POLICY, Partnership, agency, child, involvement

HEAD = 'format = 1\ntitle = "An area"\n'
NUMBER = (
    '[[number]]\nid = "{id}"\nfrom = {day}\nvalue = {value}\nunit = "{unit}"\nsource = "the board"\nconfirmed = true\n'
)


def number(id: str = "notice_core_group", day: str = "2026-01-01", value: str = "7", unit: str = "working_days") -> str:
    return NUMBER.format(id=id, day=day, value=value, unit=unit)


def expectation(**more: str) -> str:
    fields = {
        "id": '"housing_here"',
        "from": "2026-01-01",
        "agency_kind": '"housing"',
        "because": '"housing is asked here"',
        "find": '"involvement_or_authority"',
        "source": '"the board"',
        "confirmed": "true",
    } | more
    return "[[expectation]]\n" + "".join(f"{name} = {value}\n" for name, value in fields.items())


def kind(**more: str) -> str:
    fields = {
        "id": '"core_group"',
        "from": "2026-01-01",
        "name": '"core group"',
        "family": '"invited"',
        "source": '"the board"',
        "confirmed": "true",
    } | more
    return "[[meeting_kind]]\n" + "".join(f"{name} = {value}\n" for name, value in fields.items())


@pytest.fixture
def area(tmp_path: Path) -> Path:
    return tmp_path / "area.toml"


def faults(area: Path, text: str) -> list[str]:
    """The faults of a file that says this, each without the file's name."""
    area.write_text(text, encoding="utf-8")
    with pytest.raises(WrongPolicy) as raised:
        load_policy(area)
    assert all(fault.file == str(area) for fault in raised.value.faults)
    return [str(fault).removeprefix(str(area)) for fault in raised.value.faults]


def test_the_national_default_can_be_used_and_nothing_in_it_is_confirmed() -> None:
    [default] = POLICY.layers
    entries = (*default.numbers, *default.expectations, *default.kinds)
    assert entries
    assert not [each.id for each in entries if each.confirmed]


def test_the_national_default_holds_every_kind_of_meeting_of_the_contract() -> None:
    assert set(POLICY.on(DAY).kinds) == set(MEETING_KINDS)


def test_the_national_default_has_words_for_every_kind_of_agency_of_the_contract() -> None:
    assert set(POLICY.agency_names) == set(AGENCY_KINDS)


def test_every_number_that_rules_ask_for_is_in_the_national_default() -> None:
    assert set(NUMBERS_IN_RULES) <= set(POLICY.on(DAY).numbers)


def test_every_rule_that_a_policy_may_name_is_one_that_acts() -> None:
    assert set(get_args(RuleName)) == {*RULES, "earlier_invitees", "siblings_considered"}


def test_every_rule_is_in_use_in_the_national_default() -> None:
    named = {rule for each in POLICY.on(DAY).kinds.values() for rule in each.rules}
    assert named == set(get_args(RuleName))


@pytest.mark.parametrize("name", MEETING_KINDS)
def test_every_kind_of_meeting_asks_whoever_is_involved(name: str) -> None:
    assert "involved" in POLICY.on(DAY).kinds[name].rules


def test_a_number_counts_from_its_day_until_the_next_edition(area: Path) -> None:
    area.write_text(HEAD + number(day="2026-01-01", value="7") + number(day="2026-06-01", value="9"), encoding="utf-8")
    policy = load_policy(area)
    values = {}
    for day in (date(2025, 12, 31), date(2026, 1, 1), date(2026, 5, 31), date(2026, 6, 1)):
        found = policy.on(day).number("notice_core_group")
        assert found is not None
        values[day.isoformat()] = found.value
    assert values == {"2025-12-31": 5, "2026-01-01": 7, "2026-05-31": 7, "2026-06-01": 9}


def test_an_areas_number_beats_the_defaults_and_leaves_the_others_alone(area: Path) -> None:
    area.write_text(HEAD + number(day="2010-01-01"), encoding="utf-8")
    found = load_policy(area).on(DAY).numbers
    assert (found["notice_core_group"].value, found["notice_core_group"].confirmed) == (7, True)
    assert found["core_group_interval"] == POLICY.on(DAY).numbers["core_group_interval"]


def test_an_areas_list_of_agencies_takes_the_place_of_the_defaults_and_other_lists_stay(area: Path) -> None:
    area.write_text(HEAD + '[groups]\nplacement_area = ["camhs", "gp"]\n', encoding="utf-8")
    found = load_policy(area).groups
    assert found.placement_area == ("camhs", "gp")
    assert found.parents_services == POLICY.groups.parents_services


def test_an_areas_own_kinds_of_meeting_and_agency_can_be_used(area: Path) -> None:
    text = HEAD + '[agency_names]\nfire_service = "fire and rescue"\n'
    text += expectation(id='"fire"', agency_kind='"fire_service"', because='"fire and rescue is asked"')
    text += kind(id='"fire_setting_panel"', name='"fire setting panel"', family='"never"', expects='["fire"]')
    area.write_text(text, encoding="utf-8")
    policy = load_policy(area)
    there = Partnership(agencies=[agency("fire_service-1")], policy=policy)
    assert "fire_service-1" in there.ask("fire_setting_panel").invited()
    there = Partnership(policy=policy)
    assert there.ask("fire_setting_panel").one("fire_service").reasons[0].text == (
        "Fire and rescue is asked. No agency is recorded for fire and rescue in leicester."
    )


def test_an_areas_kind_of_meeting_takes_the_place_of_the_defaults_whole(area: Path) -> None:
    area.write_text(HEAD + kind(rules='["involved"]'), encoding="utf-8")
    there = Partnership(agencies=[agency("gp-1")], involvements=[involvement("gp-1")], policy=load_policy(area))
    answer = there.ask("core_group")
    assert answer.gaps() == set()
    assert "gp-1" in answer.invited()


@pytest.mark.parametrize(("unit", "value"), [("months", "198"), ("years", "16.5"), ("years", "16")])
def test_the_age_for_transition_is_the_areas_in_months_or_years(area: Path, unit: str, value: str) -> None:
    area.write_text(HEAD + number("transition_from_age", unit=unit, value=value), encoding="utf-8")
    there = Partnership(
        children=[child(date_of_birth=date(2009, 10, 1))],
        agencies=[agency("camhs-1"), agency("adult_mental_health-1")],
        involvements=[involvement("camhs-1")],
        policy=load_policy(area),
    )
    assert "adult_mental_health-1" in there.ask().invited()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            number(value='"7"'),
            ":6: number notice_core_group value: must be a number, not a string",
        ),
        (number(value="-1"), ":6: number notice_core_group value: must be 0 or more"),
        (number(value="inf"), ":6: number notice_core_group value: must be a number, not one that is not finite"),
        (number(value="1e9"), ":6: number notice_core_group value: must be 10000 or less"),
        (number(value="true"), ":6: number notice_core_group value: must be a number, not true or false"),
        (number(value="2.5"), ":6: number notice_core_group value: 2.5 working days is not a whole number of them"),
        (
            number(unit="fortnights"),
            ":7: number notice_core_group unit: must be one of working_days, calendar_days, weeks, months, years",
        ),
        (
            number(day='"2026-01-01"'),
            ":5: number notice_core_group from: must be a date without quotes and time, as in 2018-04-01",
        ),
        (
            number(day="2026-01-01T00:00:00Z"),
            ":5: number notice_core_group from: must be a date without quotes and time, as in 2018-04-01",
        ),
        (
            number().replace("confirmed = true", 'confirmed = "yes"'),
            ":9: number notice_core_group confirmed: must be true or false, without quotes, not a string",
        ),
        (
            number().replace("confirmed = true\n", ""),
            ":3: number notice_core_group confirmed: is missing: it is required",
        ),
        (
            number().replace("source", "sauce"),
            ":3: number notice_core_group source: is missing: it is required",
        ),
        (number("Notice"), None),
        (
            number() + number(),
            ":12: number notice_core_group from: notice_core_group has two editions from 2026-01-01: keep one",
        ),
        (
            number("notice_core_grup"),
            ":4: number notice_core_grup id: nothing uses notice_core_grup: did you mean notice_core_group?",
        ),
        (
            number("transition_from_age", unit="weeks"),
            ":7: number transition_from_age unit: must be one of years, months, not weeks,",
        ),
        (
            number("notice_core_group", unit="months"),
            ":7: number notice_core_group unit: must be one of working_days, calendar_days, weeks, not months,",
        ),
        (
            number("report_reminder_before_due", unit="years", value="1"),
            ":7: number report_reminder_before_due unit: must be one of working_days, calendar_days, weeks, not years,",
        ),
        (
            number("report_before_on_apology"),
            ":4: number report_before_on_apology id: nothing uses report_before_on_apology: did you mean report_bef",
        ),
        (
            '[groups]\ncare_plan_on_apologies = ["cahms"]\n',
            ":4: groups care_plan_on_apologies: there is no kind of agency called cahms: did you mean camhs?",
        ),
        (
            kind(expects='["gpp"]'),
            ":10: meeting_kind core_group expects: there is no expectation called gpp: did you mean gp?",
        ),
        (
            kind(follows='["initial_confrence"]'),
            ":10: meeting_kind core_group follows: there is no kind of meeting called initial_confrence",
        ),
        (
            kind(notice='"notice_core_groups"'),
            ":10: meeting_kind core_group notice: there is no number called notice_core_groups",
        ),
        (
            kind(notice='"later"') + number("later", day="2027-01-01"),
            ":10: meeting_kind core_group notice: later counts only from 2027-01-01, and is named from 2026-01-01",
        ),
        (kind(rules='["involvd"]'), None),
        (
            kind(family='"sometimes"'),
            ':7: meeting_kind core_group family: must be one of invited, never, not "sometimes"',
        ),
        (
            kind(famly='"never"'),
            ":10: meeting_kind core_group famly: is not a field of a policy here: check its spelling",
        ),
        (
            expectation(),
            ":4: expectation housing_here id: no meeting_kind expects housing_here",
        ),
        (
            expectation(agency_kind='"camsh"') + kind(expects='["housing_here"]'),
            ":6: expectation housing_here agency_kind: there is no kind of agency called camsh: did you mean camhs?",
        ),
        (
            expectation(because='"housing is asked here."') + kind(expects='["housing_here"]'),
            ":7: expectation housing_here because: must be a sentence without the full stop, as in: the",
        ),
        (
            expectation(from_age="9", below_age="9") + kind(expects='["housing_here"]'),
            ":12: expectation housing_here below_age: from_age 9 and below_age 9 leave no child",
        ),
        (
            '[groups]\nplacement_area = ["camsh"]\n',
            ":4: groups placement_area: there is no kind of agency called camsh: did you mean camhs?",
        ),
    ],
)
def test_a_fault_is_named_with_its_line_its_entry_and_what_is_wrong(area: Path, text: str, said: str | None) -> None:
    found = faults(area, HEAD + text)
    if said is None:
        assert len(found) == 1
    else:
        assert any(each.startswith(said) for each in found), found


def test_all_faults_are_named_at_once(area: Path) -> None:
    found = faults(area, HEAD + number(value='"x"') + number(id="core_group_interval", unit="fortnights"))
    assert len(found) == 2


def test_broken_toml_is_named_with_its_line(area: Path) -> None:
    [said] = faults(area, HEAD + "[[number]]\nid = \n")
    assert said == ":4: column 6: is not TOML: Invalid value"


def test_toml_that_breaks_off_is_named_with_its_last_line(area: Path) -> None:
    [said] = faults(area, HEAD + 'venues = ["Room 1"')
    assert said == ":3: is not TOML: Unclosed array"


def test_a_file_that_is_not_utf8_is_named_with_its_line(area: Path) -> None:
    area.write_bytes(HEAD.encode() + b"# caf\xe9\n")
    with pytest.raises(WrongPolicy) as raised:
        load_policy(area)
    assert str(raised.value) == f"{area}:3: is not text in UTF-8"


def test_a_file_that_an_editor_has_put_a_byte_order_mark_in_front_of_is_read(area: Path) -> None:
    area.write_text(HEAD + number(), encoding="utf-8-sig")
    assert load_policy(area).on(DAY).numbers["notice_core_group"].value == 7


def test_a_file_that_is_not_there_is_named(area: Path) -> None:
    with pytest.raises(WrongPolicy) as raised:
        load_policy(area)
    assert str(raised.value) == f"{area}: cannot be read: No such file or directory"


def test_another_format_is_refused(area: Path) -> None:
    assert faults(area, 'format = 2\ntitle = "An area"\n') == [
        ":1: format: must be 1: there is no other form of a policy yet"
    ]


def run(*words: str, env: dict[str, str] | None = None) -> tuple[int, str, str]:
    found = CliRunner().invoke(app, ["policy", *words], env=env)
    return found.exit_code, found.stdout, found.stderr


def test_show_prints_every_number_and_rule_with_value_unit_source_confirmation_and_day(area: Path) -> None:
    area.write_text(HEAD + number(), encoding="utf-8")
    status, printed, _ = run("show", "--on", DAY.isoformat(), "--json", env={"QUORATE_POLICY": str(area)})
    found = json.loads(printed)
    assert status == 0
    [mine] = [each for each in found["numbers"] if each["id"] == "notice_core_group"]
    assert mine == {
        "id": "notice_core_group",
        "from": "2026-01-01",
        "source": "the board",
        "confirmed": True,
        "value": 7.0,
        "unit": "working_days",
        "file": "An area",
    }
    today = POLICY.on(DAY)
    assert [each["id"] for each in found["numbers"]] == sorted(today.numbers)
    assert [each["id"] for each in found["expectations"]] == sorted(today.expectations)
    assert [each["id"] for each in found["meeting_kinds"]] == sorted(today.kinds)
    fields = {"from", "source", "confirmed", "file"}
    assert all(fields <= set(each) for name in ("expectations", "meeting_kinds") for each in found[name])


def test_show_says_in_words_what_counts(area: Path) -> None:
    area.write_text(HEAD + number(value="1"), encoding="utf-8")
    status, printed, _ = run("show", "--on", DAY.isoformat(), env={"QUORATE_POLICY": str(area)})
    assert status == 0
    assert "notice_core_group: 1 working day\n    from 2026-01-01, confirmed, An area; source: the board\n" in printed


def test_show_of_a_day_that_is_none_is_wrong_use() -> None:
    status, _, said = run("show", "--on", "tomorrow")
    assert status == 2
    assert "--on tomorrow: write a date, for example 2026-04-01" in said


def test_check_of_a_good_file_ends_with_0_and_counts_what_is_not_confirmed(area: Path) -> None:
    area.write_text(HEAD + number() + number("core_group_interval", unit="weeks").replace("true", "false"))
    status, printed, _ = run("check", str(area))
    assert status == 0
    assert "can be used: 2 numbers" in printed
    assert "not confirmed: 1" in printed


def test_check_of_a_bad_file_ends_with_1_and_names_every_fault(area: Path) -> None:
    area.write_text(HEAD + number(value='"x"') + number(id="core_group_interval", unit="fortnights"))
    status, printed, said = run("check", str(area))
    assert (status, printed) == (1, "")
    assert f"{area}:6: number notice_core_group value: must be a number" in said
    assert f"{area}:14: number core_group_interval unit: must be one of" in said
    status, printed, _ = run("check", str(area), "--json")
    assert status == 1
    assert [each["line"] for each in json.loads(printed)["faults"]] == [6, 14]


def test_check_without_a_file_is_of_the_one_in_the_settings(area: Path) -> None:
    area.write_text("format = 1\n")
    status, _, said = run("check", env={"QUORATE_POLICY": str(area)})
    assert status == 1
    assert f"{area}: title: is missing" in said


def test_the_national_default_passes_its_own_check() -> None:
    assert run("check", str(NATIONAL_DEFAULT))[0] == 0


def test_a_number_in_years_may_have_half_a_year_and_nothing_that_is_no_month() -> None:
    plain = {"id": "age", "from": DAY, "source": "the board", "confirmed": True, "unit": "years"}
    assert Number.model_validate({**plain, "value": 17.5}).months == 210
    with pytest.raises(ValueError, match="not a whole number"):
        Number.model_validate({**plain, "value": 17.55})
