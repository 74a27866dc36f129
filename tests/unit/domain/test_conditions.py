"""The conditions of a gate: tests that must have passed, and time that must have gone by."""

from datetime import timedelta

from slipway.domain.application import Application
from slipway.domain.environment import Soak
from slipway.domain.explain import Explained
from slipway.domain.gate import AutoGate
from slipway.domain.release import Phase
from slipway.domain.steps import StepKind
from tests.unit.domain.samples import ADA, PROBED, application, approval, environment, production, staging
from tests.unit.domain.world import World

MINUTE = timedelta(minutes=1)


SOAK = Soak(time=30 * MINUTE)


def conditional(*, tests_passed: tuple[str, ...] = (), soak: Soak | None = None) -> Application:
    return application(staging(), production(gate=AutoGate(tests_passed=tests_passed), soak=soak))


def pushed(delivered: Application, tag: str = "v1") -> World:
    world = World(delivered)
    world.push(tag)
    world.settle()
    return world


def results(world: World, action: str) -> dict[str, bool]:
    return {result["rule"]: result["verdict"] == "pass" for result in world.last(action).details["results"]}


def explained(world: World, number: int = 1) -> tuple[str, str, dict[str, Explained]]:
    explanation = world.explain(number)
    rules = {rule.name: rule for part in explanation.rules if part.environment == "production" for rule in part.rules}
    return explanation.headline, explanation.next, rules


def test_a_release_whose_tests_passed_goes_on_by_itself_and_the_rule_is_recorded() -> None:
    world = pushed(conditional(tests_passed=("staging",)))
    assert world.phase(1) is Phase.COMPLETED
    assert results(world, "gate.passed") == {"tests-passed": True}


def test_a_release_without_test_results_is_cancelled_by_the_name_of_the_rule() -> None:
    world = World(application(staging(verification=PROBED.evolve(http=())), production(gate=AutoGate())))
    world.push("v1")
    while world.releases[1].environment != "production":
        world.deliver(world.outbox.popleft())
    world.change(conditional(tests_passed=("staging",)))
    world.settle()
    assert world.phase(1) is Phase.CANCELLED
    assert world.releases[1].reason == "tests-passed: staging: no results yet"
    assert results(world, "gate.refused") == {"tests-passed": False}
    assert not [step for step in world.steps(StepKind.DEPLOY) if step.environment == "production"]


def test_a_release_shows_that_it_soaks_and_then_goes_on_by_itself() -> None:
    world = pushed(conditional(soak=SOAK))
    assert world.phase(1) is Phase.SOAKING
    assert results(world, "gate.soaking") == {"soaked": False}
    headline, following, rules = explained(world)
    assert headline == "shop-1 waits in production until it has soaked in staging until 2026-11-23 08:30 UTC."
    assert following == "Nothing to do: it continues automatically once every condition of the gate holds."
    assert not rules["soaked"].passed
    assert rules["soaked"].reason == "its soak in staging is over at 2026-11-23 08:30:00 UTC"
    world.wait(29 * MINUTE)
    world.settle()
    assert world.phase(1) is Phase.SOAKING
    world.wait(MINUTE)
    world.settle()
    assert world.phase(1) is Phase.COMPLETED
    assert results(world, "gate.passed") == {"soaked": True}


def test_a_soak_whose_message_is_lost_is_ended_by_the_reconcile_timer() -> None:
    world = pushed(conditional(soak=SOAK))
    world.outbox.clear()
    world.wait(30 * MINUTE)
    assert explained(world)[1] == "Its wait was over at 2026-11-23 08:30 UTC: the next reconcile run moves it on."
    world.reconcile()
    world.settle()
    assert world.phase(1) is Phase.COMPLETED


def test_a_newer_release_takes_the_place_of_one_that_soaks() -> None:
    world = pushed(conditional(soak=SOAK))
    world.wait(10 * MINUTE)
    world.push("v2")
    world.settle()
    assert world.phase(1) is Phase.SUPERSEDED
    assert world.phase(2) is Phase.SOAKING
    world.wait(20 * MINUTE)
    world.settle()
    assert world.phase(2) is Phase.SOAKING
    world.wait(10 * MINUTE)
    world.settle()
    assert world.phase(2) is Phase.COMPLETED


def three_stages() -> Application:
    canary = environment("canary", gate=approval(ADA))
    soak = Soak(environment="staging", time=30 * MINUTE)
    return application(staging(), canary, production(gate=AutoGate(), soak=soak))


def test_a_soak_may_be_in_any_earlier_environment_and_counts_from_there() -> None:
    world = pushed(three_stages())
    world.wait(20 * MINUTE)
    world.vote(1, ADA)
    world.settle()
    assert (world.phase(1), world.releases[1].environment) == (Phase.SOAKING, "production")
    world.wait(10 * MINUTE)
    world.settle()
    assert world.phase(1) is Phase.COMPLETED


def test_a_release_that_is_replaced_in_staging_during_its_soak_is_superseded() -> None:
    world = pushed(three_stages())
    world.vote(1, ADA)
    world.settle()
    world.wait(10 * MINUTE)
    world.push("v2")
    world.settle()
    assert world.phase(1) is Phase.SOAKING
    world.wait(20 * MINUTE)
    world.settle()
    assert world.phase(1) is Phase.SUPERSEDED
    assert world.releases[1].superseded_by == 2
    assert world.releases[1].reason == "soaked: shop-2 took its place in staging before its soak was over"


def test_a_plan_that_became_outdated_while_soaking_is_made_again() -> None:
    world = pushed(conditional(soak=SOAK))
    world.change()
    world.wait(30 * MINUTE)
    world.settle()
    assert world.phase(1) is Phase.COMPLETED
    assert world.last("plan.outdated").release == "shop-1"


def test_a_plan_that_became_outdated_while_people_are_asked_is_made_again_by_the_timer() -> None:
    world = pushed(application(staging(), production(gate=approval(ADA))))
    gate_before = world.releases[1].gate
    world.change()
    world.reconcile()
    assert world.phase(1) is Phase.PLANNING
    world.settle()
    gate_after = world.releases[1].gate
    assert world.phase(1) is Phase.AWAITING_APPROVAL
    assert gate_before is not None
    assert gate_after is not None
    assert world.releases[1].plan_definition == world.delivery
    world.vote(1, ADA)
    world.settle()
    assert world.phase(1) is Phase.COMPLETED


def test_a_release_at_its_gate_survives_any_number_of_changes_of_its_application() -> None:
    world = pushed(application(staging(), production(gate=approval(ADA))))
    for _ in range(60):
        world.change()
        world.reconcile()
        world.settle()
    assert world.phase(1) is Phase.AWAITING_APPROVAL


def test_an_approval_gate_that_is_added_during_a_soak_asks_people() -> None:
    world = pushed(conditional(soak=SOAK))
    world.change(application(staging(), production(gate=approval(ADA))))
    world.wait(30 * MINUTE)
    world.settle()
    assert world.phase(1) is Phase.AWAITING_APPROVAL


def test_people_are_asked_about_a_plan_that_is_made_after_the_soak() -> None:
    world = pushed(application(staging(), production(gate=approval(ADA), soak=SOAK)))
    assert world.phase(1) is Phase.SOAKING
    assert explained(world)[1] == "Nothing to do: people are asked once every condition of the gate holds."
    assert not explained(world)[2]["soaked"].passed
    world.wait(30 * MINUTE)
    world.settle()
    assert world.phase(1) is Phase.AWAITING_APPROVAL
    assert [record.action for record in world.audit if record.environment == "production"][-3:] == [
        "plan.requested",
        "plan.made",
        "gate.opened",
    ]
    world.vote(1, ADA)
    world.settle()
    assert world.phase(1) is Phase.COMPLETED


def test_nobody_is_asked_about_a_release_that_was_replaced_before_its_soak_was_over() -> None:
    world = pushed(application(staging(), production(gate=approval(ADA), soak=SOAK)))
    world.push("v2")
    world.settle()
    assert world.phase(1) is Phase.SUPERSEDED
    world.wait(30 * MINUTE)
    world.settle()
    assert world.phase(2) is Phase.AWAITING_APPROVAL


def test_both_conditions_are_reported_when_one_of_them_cannot_hold() -> None:
    world = World(conditional(tests_passed=("staging",), soak=SOAK))
    world.effects.answer(StepKind.VERIFY, "staging", evidence=[])
    world.push("v1")
    world.settle()
    assert world.phase(1) is Phase.CANCELLED
    assert results(world, "gate.refused") == {"tests-passed": False, "soaked": False}
