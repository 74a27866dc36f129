"""Two texts are compared line by line, as long as that takes no longer than people wait."""

import difflib

import pytest

from slipway.text import line_changes


def changes(old: list[str], new: list[str]) -> list[str]:
    return list(line_changes(old, new, "live", "wanted", around=1))


def test_a_usual_text_is_compared_line_by_line() -> None:
    old = [f"line {number}" for number in range(20_000)]
    new = [line for line in old if line not in ("line 7", "line 19000")]
    assert changes(old, new) == list(difflib.unified_diff(old, new, "live", "wanted", n=1, lineterm=""))
    assert changes(old, old) == []


@pytest.mark.parametrize("size", [9_900, 100_000])
@pytest.mark.usefixtures("fails_after_a_minute")
def test_texts_of_many_repeated_lines_are_compared_within_a_minute(size: int) -> None:
    """Finding the shortest difference of these would take hours. The one that is returned is right, but longer."""
    old = ["first", *(str(number * 7919 % 101) for number in range(size)), "last"]
    new = ["first", *(str(number * 104729 % 101) for number in range(1, size)), "last"]
    difference = changes(old, new)
    assert difference[:3] == ["--- live", "+++ wanted", f"@@ -2,{size} +2,{size - 1} @@"]
    assert [line[1:] for line in difference[3:] if line.startswith("-")] == old[1:-1]
    assert [line[1:] for line in difference[3:] if line.startswith("+")] == new[1:-1]


def test_a_single_line_added_between_equal_ones_is_all_that_is_shown() -> None:
    old = [str(number % 101) for number in range(20_000)]
    assert changes(old, [*old[:9], "new", *old[9:]])[3:] == ["+new"]
