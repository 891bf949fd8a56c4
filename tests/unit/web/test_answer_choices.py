"""What is made of the fields of the answer page: whatever was typed, an answer that the contract takes, or words."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import get_args

from hypothesis import given
from hypothesis import strategies as st

from schemas.envelope import Event, decode, encode
from schemas.vocabulary import ApologyReason
from services.web.answer_choices import ANSWERS, FIELDS, REASONS, choose

TYPED = st.dictionaries(
    st.sampled_from(FIELDS),
    st.one_of(st.text(max_size=200), st.sampled_from([*ANSWERS, *REASONS, "yes", "sam@camhs.example", "x" * 2_100])),
)


@given(TYPED, st.booleans())
def test_whatever_is_typed_gives_an_answer_that_the_contract_takes_or_words(
    typed: dict[str, str], of_family: bool
) -> None:
    chosen = choose(typed, of_family=of_family)
    assert bool(chosen.wrong) != bool(chosen.payload)
    assert set(chosen.wrong) <= set(FIELDS)
    if chosen.payload:
        party = {"person_id": "p1"} if of_family else {"agency_id": "a1"}
        now = datetime(2026, 3, 2, tzinfo=UTC)
        data = {"meeting_id": "m1", **party, "at": now.isoformat(), "sequence": 0, **chosen.payload}
        raw = encode(
            source="/quorate/answer-page",
            id="e1",
            type="quorate.invitation.answered.v1",
            time=now,
            subject="m1",
            partition_key="f1",
            data=data,
        )
        assert isinstance(decode(raw), Event)
        assert not of_family or not {"reason", "delegate", "will_report"} & set(chosen.payload)


def test_every_reason_of_the_contract_can_be_chosen() -> None:
    assert set(REASONS) == set(get_args(ApologyReason))


def test_what_belongs_to_another_choice_is_not_said() -> None:
    typed = dict.fromkeys(FIELDS, "sam@camhs.example") | {"reason": "leave", "answer": "video"}
    assert set(choose(typed, of_family=False).payload) == {"answer", "mode", "note", "by"}
