"""Which tags start a release."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from semver import Version

from slipway.catalogue.ranges import parse_range, parse_version
from slipway.catalogue.tags import check_tag, fault_of_versions
from slipway.domain.application import TagRule, Versions

NODE_SEMVER = json.loads((Path(__file__).parent / "node_semver.json").read_text())


@pytest.mark.parametrize("text", NODE_SEMVER["taken"])
def test_a_range_takes_what_node_semver_takes(text: str) -> None:
    accepted = [v for v in NODE_SEMVER["versions"] if Version.parse(v) in parse_range(text)]
    assert accepted == NODE_SEMVER["taken"][text]


def test_a_leading_v_in_the_tag_is_accepted() -> None:
    assert check_tag(Versions(range="^1.4"), "v1.5.0").passed


@pytest.mark.parametrize("tag", ["latest", "1.2", "v", "vv1.0.0", "01.2.3", "1.2.3.4", "1.0.0 ", "", "1.٢.3"])
def test_a_tag_that_is_not_a_semantic_version_is_outside_every_range(tag: str) -> None:
    assert not check_tag(Versions(range="*"), tag).passed


def test_a_reason_names_the_tag_and_why_it_is_within_the_range_or_not() -> None:
    rule = Versions(range=">=1.0.0 <2.0.0")
    assert check_tag(rule, "1.4.2").reason == "tag 1.4.2 is within semver >=1.0.0 <2.0.0"
    assert check_tag(rule, "2.0.0").reason == "tag 2.0.0 is not within semver >=1.0.0 <2.0.0"
    assert "pre-release" in check_tag(rule, "1.5.0-rc.1").reason
    assert "not a semantic version" in check_tag(rule, "latest").reason
    assert check_tag(rule, "1.4.2").name == "tag-matches"


@pytest.mark.parametrize("tag", ["v1.2", "v10.20"])
def test_a_regex_must_match_the_whole_tag(tag: str) -> None:
    rule = Versions(tags=TagRule(regex=r"v\d+\.\d+"))
    assert check_tag(rule, tag).passed
    assert not check_tag(rule, tag + "-x").passed
    assert not check_tag(rule, "x" + tag).passed
    assert not check_tag(rule, tag + "\n").passed


@pytest.mark.parametrize("expression", ["(a+)+b", "(a|a)*b", "(a|aa)+$x", "(.*a){30}b", "^(([a-z])+.)+[A-Z]([a-z])+$"])
def test_a_regex_on_which_others_backtrack_for_ever_is_matched_at_once(expression: str) -> None:
    """On these, an engine that backtracks would take longer than any worker runs."""
    assert not check_tag(Versions(tags=TagRule(regex=expression)), "a" * 128).passed


def test_a_glob_of_many_stars_costs_no_more_than_another() -> None:
    assert not check_tag(Versions(tags=TagRule(glob="*a" * 60 + "b")), "a" * 128).passed


def test_a_glob_is_case_sensitive() -> None:
    rule = Versions(tags=TagRule(glob="main-[0-9]*"))
    assert check_tag(rule, "main-17").passed
    assert not check_tag(rule, "Main-17").passed


def test_a_push_without_a_tag_starts_nothing() -> None:
    result = check_tag(Versions(tags=TagRule(glob="*")), "")
    assert not result.passed
    assert "without a tag" in result.reason


def test_a_tag_longer_than_a_registry_allows_is_not_looked_at() -> None:
    assert not check_tag(Versions(tags=TagRule(glob="*")), "a" * 129).passed


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (Versions(range=">=1.0.0, <2"), "expected terms such as"),
        (Versions(range="1.0.0 ||"), "expected a range on each side of ||"),
        (Versions(range="1.0.0 - 2.0.0"), "expected terms such as"),
        (Versions(range="   "), "expected a range"),
        (Versions(range="1.2-beta"), "expected terms such as"),
        (Versions(range="1.2.x-beta"), "expected all three numbers before a pre-release"),
        (Versions(range="1.2.3-01"), "expected a valid pre-release"),
        (Versions(tags=TagRule(regex="v(1")), "expected a regular expression as RE2 reads it, got 'v(1'"),
        (Versions(tags=TagRule(regex=r"(v)\1")), "expected a regular expression as RE2 reads it, got"),
        (
            Versions(tags=TagRule(regex="(?:(?:x{1,30}){1,30}){1,30}")),
            "expected a regular expression as RE2 reads it, got",
        ),
        (Versions(tags=TagRule(glob="main-[0-9")), "expected a ] after the last ["),
    ],
)
def test_a_rule_that_cannot_be_read_is_a_fault(rule: Versions, message: str) -> None:
    fault = fault_of_versions(rule)
    assert fault is not None
    assert fault[1].startswith(message)


@pytest.mark.parametrize(
    "rule",
    [Versions(range="^1 || ~2.3"), Versions(tags=TagRule(regex=r"v\d+")), Versions(tags=TagRule(glob="main-[ab]*"))],
)
def test_a_rule_that_can_be_read_has_no_fault(rule: Versions) -> None:
    assert fault_of_versions(rule) is None


@given(st.text(alphabet="0123456789.xX*^~<>=|v-ab +", min_size=1, max_size=40))
def test_every_text_is_either_a_range_or_a_fault(text: str) -> None:
    if fault_of_versions(Versions(range=text)) is None:
        assert check_tag(Versions(range=text), "1.2.3").name == "tag-matches"


numbers = st.integers(min_value=0, max_value=30)
versions = st.builds(Version, numbers, numbers, numbers)


@given(versions, versions)
def test_a_caret_takes_the_same_versions_as_its_definition(base: Version, second: Version) -> None:
    numbers = (base.major, base.minor, base.patch)
    width = next((i for i, n in enumerate(numbers) if n), 2) + 1
    within = second >= base and (second.major, second.minor, second.patch)[:width] == numbers[:width]
    assert (second in parse_range(f"^{base}")) is within


@given(versions, versions)
def test_each_version_is_in_exactly_one_of_a_range_and_its_opposite(base: Version, second: Version) -> None:
    assert (second in parse_range(f">={base}")) is not (second in parse_range(f"<{base}"))
    assert parse_version(f"v{second}") == second
