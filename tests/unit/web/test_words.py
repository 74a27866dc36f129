"""Plain words: every phase has some; times read well."""

from datetime import UTC, datetime, timedelta

import pytest

from slipway.domain.release import Phase
from slipway.domain.tones import Tone
from slipway.text import duration, no_formula, short, visible, web_address
from slipway.web import words
from slipway.web.templating import STYLESHEET
from slipway.web.times import relative

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


def test_every_phase_has_words_of_its_own_and_a_mark_of_one_character() -> None:
    assert all(phase.word and len(phase.mark) == 1 for phase in Phase)
    assert len({phase.word for phase in Phase}) == len(Phase)


def test_pages_show_each_tone_in_a_look_of_its_own() -> None:
    rules = STYLESHEET.read_text(encoding="utf-8")
    looks = {words.css(tone) for tone in Tone if tone is not Tone.QUIET}  # which looks like everything else
    assert len(looks) == len(Tone) - 1
    for look in looks:
        assert f".badge.{look} {{" in rules
        assert f".timeline > .{look}::before {{" in rules


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
def test_durations_are_shown_in_the_two_largest_units(length: timedelta, expected: str) -> None:
    assert duration(length) == expected


@pytest.mark.parametrize(
    ("distance", "expected"),
    [
        (timedelta(hours=24), "in 24 h"),
        (timedelta(hours=23, minutes=59, seconds=58), "in 24 h"),
        (timedelta(hours=-47), "47 h ago"),
        (timedelta(days=2), "in 2 d"),
        (timedelta(minutes=100), "in 100 min"),
        (timedelta(seconds=-5), "5 s ago"),
        (timedelta(minutes=-4, seconds=-59), "5 min ago"),
        (timedelta(days=-400), "400 d ago"),
        (timedelta(milliseconds=300), "just now"),
    ],
)
def test_relative_times_are_shown_in_one_unit(distance: timedelta, expected: str) -> None:
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


UNSEEN = [
    *"\u00ad\u034f\u115f\u1160\u17b4\u180b\u180e\u200b\u2028\u202e\u2060\u2800\u3164\ufe0f\ufeff\uffa0\ufff9",
    *"\U0001d173\U000e0020\U000e0100",
    *"\x00\x07\x1b\x7f\x85\r",
]


@pytest.mark.parametrize("unseen", UNSEEN, ids=lambda unseen: f"U+{ord(unseen):04X}")
def test_characters_that_are_not_seen_are_spelt_out(unseen: str) -> None:
    assert visible(f"1{unseen}0") == f"1\\u{ord(unseen):04x}0"
    assert web_address(f"https://example.com/{unseen}") is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("p\u0430ypal", "p\\u0430ypal"),
        ("shop/\u0455hop", "shop/\\u0455hop"),
        ("he\u03bfllo", "he\\u03bfllo"),
        ("\uff41dmin", "\\uff41dmin"),
        ("привет, hello, καλημέρα, 日本 ünï", "привет, hello, καλημέρα, 日本 ünï"),
    ],
)
def test_a_letter_that_looks_like_another_is_spelt_out_in_a_word_of_mixed_scripts(text: str, expected: str) -> None:
    assert visible(text) == expected


@pytest.mark.parametrize("cell", ["=1+1", " =1+1", "\n=1+1", "\u00a0=1+1", "\t-2", "@x", "+1"])
def test_a_cell_that_a_spreadsheet_would_run_is_quoted(cell: str) -> None:
    assert no_formula(cell) == f"'{cell}"


def test_a_cell_without_a_formula_stays_as_it_is() -> None:
    assert no_formula("shop = 1") == "shop = 1"


def test_a_digest_is_shown_by_its_first_digits() -> None:
    assert short("sha256:" + "ab" * 32) == "abababababab"
    assert short(None) == ""
