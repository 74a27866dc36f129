"""Several instances at once: each caches the catalogue for a moment, and nothing is refused because of that."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from slipway.bootstrap import App
from slipway.commands.saying import CommandRequest
from slipway.domain.commands import Verb
from slipway.domain.errors import present
from slipway.domain.release import Phase
from slipway.domain.steps import StepKind
from slipway.engine.outcome import Outcome, Requeue
from slipway.engine.run_step import BEGUN_AT_MOST, Outdated, Work
from slipway.testing import write_application
from tests.unit.commands.live import OLGA, Live


@pytest.fixture
def live(tmp_path: Path) -> Live:
    write_application(tmp_path)
    return Live(tmp_path)


def other_instance(live: Live) -> App:
    """Another instance, which has just read the catalogue."""
    instance = live.another()
    assert instance.catalogue.entries.keys() == live.app.catalogue.entries.keys()
    return instance


def change_application(live: Live) -> None:
    live.edit_environment("staging", rollout_within="4m")
    assert live.apply()["application:shop"].outcome == "changed"


def change_project(live: Live) -> None:
    live.edit_project(lambda value: value.update(repositories=["team/*", "shops/*"]))
    assert live.apply()["project:team"].outcome == "changed"


def test_a_push_of_an_application_that_another_instance_has_just_applied_is_taken(live: Live) -> None:
    another = other_instance(live)
    live.apply()
    (receipt,) = another.door.take(live.pushed("1.0"))
    assert receipt.actions


def test_a_step_of_an_application_that_another_instance_has_just_applied_is_run(live: Live) -> None:
    another = other_instance(live)
    live.apply()
    live.push("1.0")
    another.step_runner.run(live.settle_at(StepKind.PLAN, "staging"))
    assert live.phase(1) is not Phase.PLANNING


def test_a_command_for_an_environment_that_another_instance_has_just_applied_is_taken(live: Live) -> None:
    live.apply()
    another = other_instance(live)
    file = live.deliveries / "shop" / "application.yaml"
    staging, production = file.read_text().split("  - name: production")
    between = "  - name: between\n    clusters: [staging]\n    namespace: between\n"
    file.write_text(f"{staging}{between}  - name: production{production}")
    live.edit_project(lambda value: value["environments"].update(between=value["environments"]["staging"]))
    assert live.apply()["application:shop"].outcome == "changed"
    freeze_request = CommandRequest(verb=Verb.FREEZE, application="shop", environment="between", reason="not yet")
    another.inbox_writer.command(freeze_request, OLGA)
    live.hear()
    freeze = live.lane("between").freeze
    assert freeze is not None
    assert freeze.reason == "not yet"


@pytest.mark.parametrize("change", [change_application, change_project])
@pytest.mark.parametrize(
    ("kind", "environment"),
    [
        (StepKind.PLAN, "staging"),
        (StepKind.DEPLOY, "staging"),
        (StepKind.COPY, "production"),
        (StepKind.DEPLOY, "production"),
    ],
)
def test_a_step_right_after_a_change_is_judged_by_what_is_in_force_now(
    live: Live, change: Callable[[Live], None], kind: StepKind, environment: str
) -> None:
    live.apply()
    live.push("1.0")
    if environment == "production":
        live.settle()
        live.vote(1)
    step = live.settle_at(kind, environment)
    another = other_instance(live)
    change(live)
    another.step_runner.run(step)
    live.settle()
    assert live.phase(1) is (Phase.COMPLETED if environment == "production" else Phase.AWAITING_APPROVAL)
    assert live.verify().intact


def test_a_step_uses_the_version_in_force_even_if_the_catalogue_was_read_just_before(live: Live) -> None:
    live.apply()
    live.push("1.0")
    step, another = live.settle_at(StepKind.CHECK, "staging"), other_instance(live)
    change_application(live)
    performed = list[Work]()

    def perform(work: Work) -> Outcome:
        performed.append(work)
        return Requeue(after=timedelta(seconds=1), reason="looking")

    replace(another.step_runner, effects={StepKind.CHECK: perform}).run(step)
    assert [work.entry.versions for work in performed] == [present(live.app.catalogue.get("shop"), "shop").versions]


def test_steps_within_ten_seconds_ask_once_whether_the_catalogue_has_changed(live: Live) -> None:
    live.apply()
    catalogue = other_instance(live).catalogue
    live.wait(timedelta(seconds=9))
    assert catalogue.of_step("shop") is not None
    change_project(live)
    stale, fresh = catalogue.of_step("shop"), catalogue.get("shop")
    assert stale != fresh == live.app.catalogue.get("shop")
    change_application(live)
    live.wait(timedelta(seconds=10))
    assert catalogue.of_step("shop") == live.app.catalogue.get("shop")


@pytest.mark.parametrize("change", [change_application, change_project])
def test_a_change_while_a_deployment_prepares_does_not_end_the_release(
    live: Live, change: Callable[[Live], None]
) -> None:
    live.apply()
    live.push("1.0")
    live.settle()
    live.vote(1)
    step, runner = live.settle_at(StepKind.DEPLOY, "production"), live.another().step_runner
    deploy, performed = runner.effects[StepKind.DEPLOY], list[Work]()

    def deploy_interrupted(work: Work) -> Outcome:
        performed.append(work)
        if len(performed) == 1:
            change(live)
        return deploy(work)

    replace(runner, effects={**runner.effects, StepKind.DEPLOY: deploy_interrupted}).run(step)
    live.settle()
    assert live.phase(1) is Phase.COMPLETED
    first, second = performed
    assert first.entry.versions != second.entry.versions


def test_a_step_whose_version_changes_whenever_it_begins_is_tried_again_later(live: Live) -> None:
    live.apply()
    live.push("1.0")
    step = live.settle_at(StepKind.PLAN, "staging")
    performed = list[Work]()

    def always_outdated(work: Work) -> Outcome:
        performed.append(work)
        live.edit_environment("staging", rollout_within=f"{len(performed) + 1}m")
        live.apply()
        raise Outdated("another version is in force by now")

    runner = live.app.step_runner
    replace(runner, effects={**runner.effects, StepKind.PLAN: always_outdated}).run(step)
    assert len(performed) == BEGUN_AT_MOST
    assert [waiting.tries for waiting in live.steps() if waiting.id == step.id] == [step.tries + 1]
