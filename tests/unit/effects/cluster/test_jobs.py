"""How a Job of acceptance tests is labelled, and how the end of a log is cut."""

from hypothesis import given
from hypothesis import strategies as st

from slipway.effects.cluster.jobs import last_bytes, with_random_name


def test_a_test_job_is_labelled_and_the_given_manifest_stays_unchanged() -> None:
    manifest = {"metadata": {"name": "t", "labels": {"a": "b"}}, "spec": {}}
    renamed = with_random_name(manifest)
    assert renamed["metadata"]["labels"] == {"a": "b", "slipway.dev/verification": "true"}
    assert manifest == {"metadata": {"name": "t", "labels": {"a": "b"}}, "spec": {}}


def test_a_short_log_is_whole() -> None:
    assert last_bytes([b"one\n", b"two\n"], 100) == (b"one\ntwo\n", False)


def test_the_last_whole_lines_of_a_long_log_are_kept() -> None:
    assert last_bytes([b"first line\nsecond line\nthird\n"], 15) == (b"third\n", True)


def test_the_end_of_one_endless_line_is_kept() -> None:
    assert last_bytes([b"a" * 50, b"b" * 10], 20) == (b"a" * 10 + b"b" * 10, True)


@given(st.lists(st.binary(max_size=40), max_size=20), st.integers(min_value=1, max_value=100))
def test_the_tail_is_the_end_of_what_came_and_never_longer_than_asked(pieces: list[bytes], limit: int) -> None:
    log = b"".join(pieces)
    tail, cut = last_bytes(pieces, limit)
    assert log.endswith(tail)
    assert len(tail) <= limit
    assert cut == (len(log) > limit)
    assert cut or tail == log
