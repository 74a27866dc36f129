"""What would stop a copy fails the plan, before anybody is asked: the tag, a platform, a layer."""

from pathlib import Path

import pytest

from slipway.domain.phases import Phase
from slipway.domain.steps import StepKind
from slipway.effects.registry import ErrorSubject, Limits, Unreachable
from slipway.testing import APPLICATION, Installation, write_application
from slipway.testing.artifacts import digest_of, image


def attempt_plan_for_production(installation: Installation) -> None:
    """shop-1 is live in staging, and its plan for production was just attempted."""
    installation.push("1.0")
    step = installation.settle_at(StepKind.PLAN, "production")
    installation.run_step(step)


def take_tag(installation: Installation) -> None:
    installation.prod.held.seed("team/shop", image(b"another"), "1.0")


def test_a_tag_that_is_taken_fails_the_plan_and_nobody_is_asked(installation: Installation) -> None:
    take_tag(installation)
    attempt_plan_for_production(installation)
    assert installation.phase(1) is Phase.FAILED
    assert "prod.test/team/shop:1.0: it names sha256:" in installation.release(1).reason
    assert installation.release(1).reason.endswith("or have it moved (promotion.tag: move)")
    installation.settle()
    assert [message.notice for message in installation.inbox.messages] == ["ended"]


def test_a_tag_that_may_be_moved_does_not_fail_the_plan(tmp_path: Path) -> None:
    text = APPLICATION.replace("    gate: ", "    promotion: {{ tag: move }}\n    gate: ")
    write_application(tmp_path / "moving", text=text)
    installation = Installation(tmp_path / "moving")
    take_tag(installation)
    attempt_plan_for_production(installation)
    assert installation.phase(1) is Phase.AWAITING_APPROVAL


def test_a_layer_that_is_not_there_fails_the_plan_by_its_digest(installation: Installation) -> None:
    installation.push("1.0")
    step = installation.settle_at(StepKind.PLAN, "production")
    layer = digest_of(b"layer of shop 1.0")
    del installation.nonprod.held.blobs["team/shop", layer]
    installation.run_step(step)
    assert installation.phase(1) is Phase.FAILED
    assert (
        f"nonprod.test/team/shop@{layer}: these 17 bytes of the image are not there" in installation.release(1).reason
    )


def test_a_registry_of_the_environment_that_is_away_is_waited_for(installation: Installation) -> None:
    installation.push("1.0")
    step = installation.settle_at(StepKind.PLAN, "production")
    installation.prod.errors += [Unreachable(ErrorSubject("prod.test"), "no answer")] * Limits().attempts
    installation.run_step(step)
    assert installation.phase(1) is Phase.PLANNING
    installation.settle()
    assert installation.phase(1) is Phase.AWAITING_APPROVAL


def test_planning_writes_to_neither_registry(installation: Installation) -> None:
    attempt_plan_for_production(installation)
    assert installation.phase(1) is Phase.AWAITING_APPROVAL
    assert installation.prod.held.writes() == installation.nonprod.held.writes() == []


@pytest.mark.parametrize("environment", ["staging", "production"])
def test_layers_are_checked_in_planning_for_production_and_not_for_ungated_staging(
    installation: Installation, environment: str
) -> None:
    installation.push("1.0")
    step = installation.settle_at(StepKind.PLAN, environment)
    requests_before = len(installation.nonprod.held.log)
    installation.run_step(step)
    paths = [request.path for request in installation.nonprod.held.log[requests_before:]]
    assert any("/blobs/" in path for path in paths) is (environment == "production")


def test_a_missing_layer_also_fails_the_plan_of_a_gated_environment_that_copies_nothing(tmp_path: Path) -> None:
    after_the_gate = "    rollout_within: 5m\n    verification:\n      job"
    assert after_the_gate in APPLICATION
    gate = '    gate: {{ kind: approval, approvers: ["role:testers"] }}\n'
    write_application(tmp_path / "gated", text=APPLICATION.replace(after_the_gate, gate + after_the_gate))
    installation = Installation(tmp_path / "gated")
    installation.push("1.0")
    step = installation.settle_at(StepKind.PLAN, "staging")
    layer = digest_of(b"layer of shop 1.0")
    del installation.nonprod.held.blobs["team/shop", layer]
    installation.run_step(step)
    assert installation.phase(1) is Phase.FAILED
    assert f"@{layer}: these 17 bytes of the image are not there" in installation.release(1).reason
    installation.settle()
    assert [message.notice for message in installation.inbox.messages] == ["ended"]
