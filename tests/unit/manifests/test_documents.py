"""YAML as plain values with lines, and what is refused however it is written."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipway.manifests.documents import MAX_BYTES, Document, read_file, read_text
from slipway.manifests.problems import ConfigError


def read(text: str) -> Document:
    (document,) = read_text(text.encode(), name="a.yaml")
    return document


def problems(data: str | bytes) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        read_text(data if isinstance(data, bytes) else data.encode(), name="a.yaml")
    return [str(problem) for problem in caught.value.problems]


def test_every_value_knows_its_line_and_column() -> None:
    document = read("a: 1\nb:\n  - x\n  - c: 2\n")
    assert document.value == {"a": 1, "b": ["x", {"c": 2}]}
    at = {steps: (place.line, place.column) for steps, place in document.positions.items()}
    assert at["a",] == (1, 1)
    assert at["b", 0] == (3, 5)
    assert at["b", 1, "c"] == (4, 5)


def test_a_value_that_is_missing_is_placed_where_it_should_be() -> None:
    document = read("a:\n  b:\n    c: 1\n")
    assert document.position(("a", "b", "missing", "deeper")).line == 2


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("~", None), ("true", True), ("False", False), ("12", 12), ("-7", -7), ("1.5", 1.5), ("1e3", 1000.0),
        ("0644", 0o644), ("0o17", 15), ("0x1F", 31), ("22:22", "22:22"), ("2026-11-23", "2026-11-23"),
        ("1.2.3", "1.2.3"), ("0123.5", "0123.5"), ("yes", "yes"), ("Off", "Off"), ("'12'", "12"), ("!!str 12", "12"),
        ("-", [None]), ("+", "+"), (".", "."), ("1_000", "1_000"), ("089", "089"),
    ],
)  # fmt: skip
def test_plain_scalars_mean_what_kubectl_reads_and_never_a_date_or_a_time(text: str, value: object) -> None:
    actual = read(f"a: {text}\n" if text != "-" else "a:\n-\n").value["a"]
    assert actual == value
    assert type(actual) is type(value)


@pytest.mark.parametrize("word", ["yes", "No", "ON", "off", "y", "N"])
def test_words_that_some_readers_take_for_booleans_are_marked_where_they_are_not_quoted(word: str) -> None:
    assert read(f"a: {word}").ambiguous == {("a",): word}
    assert read(f"a: '{word}'").ambiguous == {}


def test_keys_are_text_whatever_they_look_like() -> None:
    assert read("8080: a\non: b\n~: c\n").value == {"8080": "a", "on": "b", "~": "c"}


def test_a_key_that_is_there_twice_is_reported_with_both_lines() -> None:
    assert problems("a: 1\nb: 2\na: 3\n") == ["a.yaml:3: a: duplicate key, first used on line 1"]


def test_all_duplicate_keys_of_all_documents_are_reported_together() -> None:
    assert len(problems("a: 1\na: 2\n---\nb: {c: 1, c: 2}\n")) == 2


def test_anchors_aliases_and_merges_give_what_yaml_says() -> None:
    document = read("base: &base {a: 1, b: 2}\nuse:\n  <<: *base\n  b: 3\nagain: *base\n")
    assert document.value["use"] == {"a": 1, "b": 3}
    assert document.value["again"] == {"a": 1, "b": 2}
    assert document.position(("use", "b")).line == 4
    assert document.position(("use", "a")).line == 1


def test_earlier_mappings_win_where_several_are_merged() -> None:
    assert read("use: {<<: [{a: 1}, {a: 2, b: 3}]}").value["use"] == {"a": 1, "b": 3}


def test_a_bomb_of_nested_aliases_is_refused_before_it_is_expanded() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    assert "values once aliases are put in, got more" in problems("\n".join(lines))[0]


def test_a_long_text_that_is_repeated_by_aliases_is_refused() -> None:
    text = f"a: &a {'x' * 100_000}\nb: [{', '.join(['*a'] * 50)}]"
    assert "of text once aliases are put in" in problems(text)[0]


def test_an_alias_to_itself_is_refused() -> None:
    assert "levels of nesting" in problems("a: &a [*a]")[0]


def test_an_alias_that_merges_itself_is_refused() -> None:
    assert problems("a: &a {<<: *a}")


@pytest.mark.parametrize("text", ["[" * 20_000, "- " * 20_000, "{a: " * 5_000])
def test_deep_nesting_is_refused_without_deep_recursion(text: str) -> None:
    assert "nesting" in problems(text)[0]


def test_a_file_that_is_too_large_is_refused() -> None:
    assert problems(b"#" * (MAX_BYTES + 1)) == ["a.yaml:1: expected at most 1536 KiB, got a larger file"]


def test_too_many_documents_are_refused() -> None:
    assert "documents, got more" in problems("---\na: 1\n" * 201)[0]


@pytest.mark.parametrize(
    ("text", "line"),
    [("a: [1\nb: 2\n", 2), ("a: b: c", 1), ("x: 1\n\ty: 2", 2), ("a: *nobody", 1), ("a: 'open", 1)],
)
def test_text_that_is_not_yaml_is_reported_with_its_line(text: str, line: int) -> None:
    (problem,) = problems(text)
    assert problem.startswith(f"a.yaml:{line}: not valid YAML: ")


@pytest.mark.parametrize(
    "text", ["a: !!python/object/apply:os.system [ls]", "a: !mine 5", "a: !!binary aGk=", "a: !!set {x}"]
)
def test_tags_other_than_yamls_plain_ones_are_refused(text: str) -> None:
    assert "expected plain YAML without a tag" in problems(text)[0]


def test_bytes_that_are_not_utf8_are_reported_with_their_line() -> None:
    assert problems(b"a: 1\nb: \xff\n") == ["a.yaml:2: expected text in UTF-8, got the byte 0xff"]


@pytest.mark.parametrize("number", [".inf", "-.INF", ".nan", "1e999", "9" * 30])
def test_numbers_that_json_cannot_hold_are_refused(number: str) -> None:
    assert problems(f"a: {number}")[0].startswith("a.yaml:1: a: expected ")


def test_a_mapping_as_a_key_is_refused() -> None:
    assert "expected a key that is text" in problems("? {a: 1}\n: 2\n")[0]


def test_empty_documents_are_left_out() -> None:
    assert [d.value for d in read_text(b"---\n---\na: 1\n---\n# nothing\n", name="a.yaml")] == [{"a": 1}]


def test_a_file_that_is_not_there_is_a_problem(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"a\.yaml:1: there is no such file"):
        read_file(tmp_path / "no.yaml", name="a.yaml")


yaml_like = st.text(alphabet="ab:-[]{}&*!|>'\"#%@,? \n<~0.", max_size=80).map(str.encode)


@given(st.one_of(st.binary(max_size=200), yaml_like))
def test_any_bytes_give_documents_or_problems(data: bytes) -> None:
    try:
        documents = read_text(data, name="a.yaml")
    except ConfigError:
        return
    assert all(document.value is not None for document in documents)
