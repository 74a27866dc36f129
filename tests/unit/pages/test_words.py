"""Plain words: every phase and every audit action that the product writes has some; times read well."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import slipway
from slipway.domain.release import Phase
from slipway.domain.stages import BEGINS
from slipway.pages import words
from slipway.pages.text import short, visible, web_address
from slipway.pages.times import duration, relative

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
DECIDE = Path(slipway.__file__).parent / "domain" / "decide"


def test_every_action_that_a_decision_records_has_words() -> None:
    source = "".join(path.read_text() for path in DECIDE.glob("*.py"))
    prefixes = {name.partition(".")[0] for name in words.ACTIONS}
    written = {a for a in re.findall(r'"([a-z]+\.[a-z-]+)"', source) if a.partition(".")[0] in prefixes}
    assert len(written) > 20
    assert written <= set(words.ACTIONS)


def test_every_end_of_a_release_has_words() -> None:
    ends = {f"release.{str(phase).replace('_', '-')}" for phase in Phase if phase.final}
    assert ends <= set(words.ACTIONS)


def test_every_phase_has_a_word_and_a_mark_of_its_own_kind() -> None:
    assert all(phase.word and len(phase.mark) == 1 for phase in Phase)


def test_an_action_that_is_not_known_yet_is_said_by_its_name() -> None:
    assert words.action("freeze.was-set")[0] == "Freeze was set"


@pytest.mark.parametrize(
    ("length", "expected"),
    [
        (timedelta(0), "0.0 s"),
        (timedelta(seconds=-5), "0.0 s"),
        (timedelta(seconds=0.44), "0.4 s"),
        (timedelta(seconds=42), "42 s"),
        (timedelta(seconds=59.7), "1 min"),
        (timedelta(minutes=3, seconds=5), "3 min 5 s"),
        (timedelta(hours=2), "2 h"),
        (timedelta(days=3, hours=2, minutes=59), "3 d 2 h"),
    ],
)
def test_durations_are_told_in_the_two_largest_units(length: timedelta, expected: str) -> None:
    assert duration(length) == expected


@pytest.mark.parametrize(
    ("distance", "expected"),
    [
        (timedelta(hours=23, minutes=40), "in 23 h"),
        (timedelta(seconds=-5), "5 s ago"),
        (timedelta(minutes=-4, seconds=-59), "4 min ago"),
        (timedelta(days=-400), "400 d ago"),
        (timedelta(milliseconds=300), "just now"),
    ],
)
def test_relative_times_are_told_in_one_unit(distance: timedelta, expected: str) -> None:
    assert relative(NOW + distance, NOW) == expected


@pytest.mark.parametrize(
    "address",
    ["javascript:alert(1)", "data:text/html,x", "//evil.example.com", "https://", "ftp://a/b", "", None, "http://[x"],
)
def test_only_web_addresses_become_links(address: str | None) -> None:
    assert web_address(address) is None


def test_a_web_address_becomes_a_link() -> None:
    assert web_address("https://dev.azure.com/x?a=1&b=2") == "https://dev.azure.com/x?a=1&b=2"


def test_text_keeps_its_lines_and_tabs_and_other_scripts() -> None:
    assert visible("a\tb\r\nc ünï 日本 🍏") == "a\tb\nc ünï 日本 🍏"
    assert visible("\x1b[1;31mred\x1b[0m\x00\u200b") == "red\\u0000\\u200b"


def test_a_digest_is_said_by_its_first_digits() -> None:
    assert short("sha256:" + "ab" * 32) == "abababababab"
    assert short(None) == ""


def test_every_action_that_begins_or_ends_a_stage_is_one_that_is_recorded() -> None:
    assert set(BEGINS) - set(words.ACTIONS) == set()
