"""The canonical form is that of RFC 8785: two of its own examples, comparison with a library, and values without a
canonical form."""

import math
from typing import Any

import pytest
import rfc8785
from hypothesis import example, given
from hypothesis import strategies as st

from slipway.domain.model import canonical
from slipway.domain.release import Phase


def test_keys_are_sorted_by_utf_16_code_units() -> None:
    # RFC 8785, section 3.2.3
    value = {
        "\u20ac": "Euro Sign",
        "\r": "Carriage Return",
        "\ufb33": "Hebrew Letter Dalet With Dagesh",
        "1": "One",
        "\U0001f600": "Emoji: Grinning Face",
        "\u0080": "Control",
        "\u00f6": "Latin Small Letter O With Diaeresis",
    }
    order = [canonical(text) for text in ("\r", "1", "\u0080", "\u00f6", "\u20ac", "\U0001f600", "\ufb33")]
    encoded = canonical(value)
    places = [encoded.index(key + b":") for key in order]
    assert places == sorted(places)


def test_numbers_and_texts_are_written_as_the_standard_says() -> None:
    # RFC 8785, section 3.2.2
    value = {
        "numbers": [333333333.33333329, 1e30, 4.50, 2e-3, 0.000000000000000000000000001],
        "string": '\u20ac$\u000f\nA\'B"\\\\"/',
        "literals": [None, True, False],
    }
    assert (
        canonical(value)
        == (
            '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],'
            '"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
        ).encode()
    )


def nested(leaves: st.SearchStrategy[Any], keys: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    return st.recursive(
        leaves,
        lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(keys, inner, max_size=8),
        max_leaves=12,
    )


ASCII = st.text(st.characters(max_codepoint=0x7F))
SAFE = st.integers(-(2**53) + 1, 2**53 - 1)
ANY = (
    st.none()
    | st.booleans()
    | SAFE
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.sampled_from(Phase)
)


@given(nested(st.none() | st.booleans() | SAFE | ASCII, ASCII) | nested(ANY, st.text()))
@example("".join(map(chr, range(0x81))))
@example({"\x7f": 1, "~": 2, "": 3, '"': 4, "\\": 5, "\n": 6, "\x00": 7, "A": 8, "a": 9})
@example({"\ufb33": 1, "\U0001f600": 2})
@example([1.0, -0.0, 1e21, 1e-7, 2**53 - 1, -(2**53) + 1, True, Phase.JOINING, {Phase.JOINING: None}])
def test_the_canonical_form_of_a_value_equals_that_of_the_reference_library(value: Any) -> None:
    assert canonical(value) == rfc8785.dumps(value)


@pytest.mark.parametrize("value", [2**53, -(2**53), math.nan, math.inf, "\ud800", {1: "a number as key"}], ids=repr)
def test_a_value_without_a_canonical_form_is_refused(value: object) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - each kind has its own message
        canonical([value])
