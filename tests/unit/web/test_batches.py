"""How a batch is taken apart."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.web.door import split_array

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)
space = st.text(alphabet=" \t\r\n", max_size=3)


@st.composite
def written(draw: st.DrawFn) -> list[str]:
    """JSON values, each written in one of several ways."""
    return [
        json.dumps(value, ensure_ascii=draw(st.booleans()), indent=draw(st.sampled_from([None, 0, 2])))
        for value in draw(st.lists(values))
    ]


@given(written(), space, space)
def test_each_element_comes_out_as_it_was_written(elements: list[str], before: str, after: str) -> None:
    text = before + "[" + ",".join(before + each + after for each in elements) + after + "]" + after
    assert split_array(text) == elements


def test_numbers_keep_their_digits_whatever_their_length() -> None:
    elements = ["1.50", "-0", "1e400", "9" * 5_000, '{"n":0.10}']
    assert split_array(f"[{','.join(elements)}]") == elements


@given(st.text(alphabet='[]{},:" \\1a', max_size=12))
def test_what_json_cannot_read_is_never_a_batch(text: str) -> None:
    try:
        read = json.loads(text)
    except ValueError:
        with pytest.raises(ValueError):  # noqa: PT011  # JSONDecodeError, or the number that is none
            split_array(text)
    else:
        if isinstance(read, list):
            assert [json.loads(each) for each in split_array(text)] == read
        else:
            with pytest.raises(TypeError):
                split_array(text)
