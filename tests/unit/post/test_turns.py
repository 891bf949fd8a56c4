"""Domains take turns, and of each at most so many messages are out at once."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from services.foundation.outbox import OutboxRow
from services.post.turns import Turns, domain


def row(number: int, name: str) -> OutboxRow:
    return OutboxRow(number, "invitation", f"k{number}", {"to": f"someone@{name}.example"}, 0)


def rows(*names: str) -> list[OutboxRow]:
    return [row(number, name) for number, name in enumerate(names)]


def test_domains_take_turns() -> None:
    turns = Turns(rows("a", "a", "a", "b", "c"), 5)
    taken = [turns.take() for _ in range(5)]
    assert [domain(each)[0] for each in taken if each] == ["a", "b", "c", "a", "a"]


def test_a_domain_at_its_limit_does_not_hold_up_the_others() -> None:
    turns = Turns(rows(*"aaaaaa", "b", "b"), 2)
    taken = [turns.take() for _ in range(6)]
    assert [domain(each)[0] for each in taken if each] == ["a", "b", "a", "b"]


def test_one_that_was_given_back_is_the_first_of_its_domain_again() -> None:
    turns = Turns(rows("a", "a"), 1)
    first = turns.take()
    assert first is not None
    assert turns.take() is None
    turns.give_back(first)
    assert turns.take() == first


def test_upper_and_lower_case_are_one_domain() -> None:
    turns = Turns([row(1, "A"), row(2, "a")], 1)
    assert turns.take() is not None
    assert turns.take() is None


@given(st.lists(st.sampled_from("abcde"), max_size=40), st.integers(1, 4), st.integers(1, 9), st.data())
def test_all_are_taken_once_and_never_more_than_the_limit_of_one_domain(
    names: list[str], limit: int, hands: int, data: st.DataObject
) -> None:
    turns = Turns(rows(*names), limit)
    out: list[OutboxRow] = []
    taken: list[int] = []
    while True:
        while len(out) < hands and (each := turns.take()) is not None:
            out.append(each)
        if not out:
            break
        busiest = max(sum(domain(a) == domain(b) for a in out) for b in out)
        assert busiest <= limit
        # Nobody is idle while a domain with room waits.
        idle = {domain(each) for each in turns.rest()} if len(out) < hands else set()
        assert all(sum(domain(each) == name for each in out) == limit for name in idle)
        ended = out.pop(data.draw(st.integers(0, len(out) - 1)))
        if data.draw(st.booleans()) or not data.draw(st.booleans()):
            turns.done(ended)
            taken.append(ended.outbox_id)
        else:
            turns.give_back(ended)
    assert sorted(taken) == list(range(len(names)))
    assert turns.rest() == []
