"""Which versions are lower than others, and which are compared at all."""

import pytest
from pydantic import ValidationError

from slipway.catalogue.tags import downgrade, fault_of_versions, is_lower
from slipway.domain.application import TagRule, VersionOrder, Versions

RANGE = Versions(range=">=1.0.0")
LINES = Versions(range=">=1.0.0", lines=("1.4.x", "2.x"))


@pytest.mark.parametrize(
    ("versions", "tag", "higher", "lower"),
    [
        (RANGE, "1.4.3", "2.0.0", True),
        (RANGE, "v1.9.1", "1.10.0", True),
        (RANGE, "2.0.0-rc.1", "2.0.0", True),
        (RANGE, "2.0.0", "2.0.0", False),
        (RANGE, "2.0.0", "1.4.3", False),
        (RANGE, "2.0.0", "latest", False),
        (RANGE, "nightly", "2.0.0", False),
        (Versions(range=">=1.0.0", order=VersionOrder.TIME), "1.4.3", "2.0.0", False),
        (Versions(tags=TagRule(glob="*")), "1.4.3", "2.0.0", False),
        (Versions(), "1.4.3", "2.0.0", False),
        (LINES, "1.4.3", "2.0.0", False),
        (LINES, "1.4.2", "1.4.3", True),
        (LINES, "2.0.0-rc.1", "2.1.0", True),
        (LINES, "1.5.0", "1.6.0", True),
        (LINES, "1.5.0", "1.4.9", False),
    ],
)
def test_a_version_is_lower_than_a_higher_of_its_line(versions: Versions, tag: str, higher: str, lower: bool) -> None:
    assert is_lower(versions, tag, higher) is lower


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"order": "semver"}, "expected a range of versions with semver"),
        ({"lines": ["1.x"]}, "expected a range of versions and the order semver with them"),
        ({"range": ">=1", "order": "time", "lines": ["1.x"]}, "expected a range of versions and the order semver"),
    ],
)
def test_an_order_or_lines_without_what_they_depend_on_are_refused(fields: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Versions.model_validate(fields)


def test_a_line_that_is_not_a_range_is_named() -> None:
    field, problem = fault_of_versions(Versions(range=">=1.0.0", lines=("1.x", "one.x"))) or ((), "")
    assert (field, "'one.x'" in problem) == (("lines",), True)


def test_a_downgrade_is_reported_with_the_version_that_is_live() -> None:
    assert downgrade("1.4.3", "2.0.0") == "1.4.3 is a downgrade: 2.0.0 is live here"
    assert downgrade("2.0.0", "1.4.3") == ""
    assert downgrade("2.0.0", "2.0.0") == ""
    assert downgrade("2.0.0", "latest") == ""
