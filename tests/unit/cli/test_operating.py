"""The operator's verbs on the command line, as far as they answer before the app is asked."""

import pytest

from tests.unit.cli.conftest import Command


@pytest.mark.parametrize("verb", ["rollback", "override"])
def test_a_release_in_the_place_of_the_environment_is_told_the_right_order(slipway: Command, verb: str) -> None:
    given = slipway(verb, "shop-1", "production", "--reason", "it loses orders")
    assert given.exit_code == 2
    assert "expected ENVIRONMENT, then RELEASE: production shop-1" in given.stderr
