"""The codes that a notice suggests are data with a source, none is confirmed by itself, and none has a slip in it."""

from __future__ import annotations

from datetime import date

import pytest
from pydantic import ValidationError

from schemas.code import RecordCode, checks
from services.meetings.policy import load_policy, shown

DAY = date(2026, 11, 2)
# As the table of the rules of the field lists them: child and household, started and ended.
LISTED = {
    ("child", "started"): ("342191000000101", "13Iv.", "XaOnx"),
    ("child", "ended"): ("342891000000105", "13Iw.", "XaOtl"),
    ("household", "started"): ("375041000000100", "13Iy.", "XaPkF"),
    ("household", "ended"): (None, "13Iz.", "XaPkG"),
}


def test_the_codes_are_those_that_were_read_and_nobody_has_confirmed_them_yet() -> None:
    codes = load_policy().on(DAY).codes.values()
    assert {(each.of, each.when): (each.snomed_ct, each.read_v2, each.ctv3) for each in codes} == LISTED
    assert not any(each.confirmed for each in codes)
    assert all(each.source for each in codes)
    assert {each["id"] for each in shown(load_policy(), DAY)["codes"]} == set(load_policy().on(DAY).codes)


@pytest.mark.parametrize("identifier", ["342191000000101", "342891000000105", "375041000000100", "836881000000105"])
def test_one_wrong_digit_or_two_that_changed_places_are_noticed(identifier: str) -> None:
    assert checks(identifier)
    for place, digit in enumerate(identifier):
        for other in set("0123456789") - {digit}:
            assert not checks(identifier[:place] + other + identifier[place + 1 :])
        after = identifier[place + 1 : place + 2]
        if after and after != digit:
            assert not checks(identifier[:place] + after + digit + identifier[place + 2 :])


def code(**more: object) -> RecordCode:
    given = {"id": "one", "from": DAY, "source": "a test", "confirmed": False, "meaning": "On a plan"}
    return RecordCode.model_validate(given | {"of": "child", "when": "ended"} | more)


def test_a_policy_with_a_slip_in_a_code_is_refused() -> None:
    assert code(snomed_ct="342891000000105").snomed_ct
    with pytest.raises(ValidationError, match="check digit"):
        code(snomed_ct="342891000000106")
    with pytest.raises(ValidationError, match="must have a code"):
        code()
