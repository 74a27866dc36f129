"""`${NAME}` in manifests: what it becomes, and what it cannot do."""

import copy
import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipway.catalogue import ConfigError
from slipway.catalogue.substitution import substitute
from slipway.manifests.documents import read_text
from slipway.manifests.problems import Findings
from tests.unit.catalogue.samples import VALUES


def substituted(text: str, own: Mapping[str, str]) -> Any:
    (document,) = read_text(text.encode(), name="a.yaml")
    findings = Findings()
    content = substitute(document, findings, built_ins=VALUES, own=own)
    findings.raise_any()
    return content


def test_an_unquoted_name_takes_the_type_of_its_value_and_a_quoted_one_is_text() -> None:
    text = "a: ${N}\nb: '${N}'\nc: ${YES}\nd: x${N}\ne: ${WORD}\nf:\n- \"${N}\"\n- ${N}\n"
    assert substituted(text, {"N": "3", "YES": "true", "WORD": "1.10"}) == {
        "a": 3, "b": "3", "c": True, "d": "x3", "e": "1.10", "f": ["3", 3],
    }  # fmt: skip


@pytest.mark.parametrize("value", ["007", "1_0", "٣", "1e3", "", " 3", "9" * 30])
def test_a_value_that_is_not_plainly_a_whole_number_stays_text(value: str) -> None:
    assert substituted("a: ${N}", {"N": value}) == {"a": value}


def test_a_tag_of_digits_is_still_a_name() -> None:
    (document,) = read_text(b"a: ${SLIPWAY_VERSION}", name="a.yaml")
    assert substitute(document, Findings(), built_ins={**VALUES, "SLIPWAY_VERSION": "20261123"}, own={}) == {
        "a": "20261123"
    }


def test_a_value_cannot_add_structure() -> None:
    evil = "x\nprivileged: true\n- {a: b} # \" '"
    assert substituted('a: ${E}\nb: "${E}"\nc: >\n  ${E}\n', {"E": evil}) == {"a": evil, "b": evil, "c": evil + "\n"}


def test_a_value_is_not_looked_at_again() -> None:
    assert substituted("a: x${A}", {"A": "${B}", "B": "never"}) == {"a": "x${B}"}


def test_a_doubled_dollar_stands_for_the_text_itself() -> None:
    assert substituted("a: echo $${HOME} $HOME $(HOME) ${lower} ${A:-b}", {}) == {
        "a": "echo ${HOME} $HOME $(HOME) ${lower} ${A:-b}"
    }


def test_a_name_in_a_key_is_refused() -> None:
    with pytest.raises(ConfigError, match="in values only"):
        substituted("${A}: 1", {"A": "b"})


def test_text_that_grows_beyond_measure_is_refused() -> None:
    with pytest.raises(ConfigError, match="once names are replaced"):
        substituted("a: '" + "${A}" * 3000 + "'", {"A": "x" * 1024})


@given(st.text(max_size=40), st.text(alphabet="${}AB\n\"':-", max_size=30))
def test_substitution_changes_texts_and_nothing_else(value: str, around: str) -> None:
    document = read_text(json.dumps({"a": [around, 1, {"b": None}]}).encode(), name="a.yaml")[0]
    before = copy.deepcopy(document.value)
    try:
        after = substitute(document, Findings(), built_ins={}, own={"A": value, "B": value})
    except ConfigError:
        after = before
    assert isinstance(after["a"][0], str)
    assert after["a"][1:] == [1, {"b": None}]
    assert document.value == before
