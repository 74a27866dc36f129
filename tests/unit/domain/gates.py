"""Stories that begin at an open gate; the tests about voters, reminders and withdrawals share them."""

from typing import Any

from slipway.domain.application import Application
from slipway.domain.decide import Decision
from slipway.domain.release import Phase, Run
from tests.unit.domain.samples import ADA, BEN, CLEO, application, approval, ci_run, production, staging
from tests.unit.domain.world import World


def gated(*approvers: str, **fields: Any) -> Application:
    """Production asks people and notifies the channels `team` and `mail`."""
    gate = approval(*(approvers or (ADA, BEN, CLEO)), **fields)
    return application(staging(), production(gate=gate), notify=("team", "mail"))


def at_the_gate(delivered: Application | None = None, *, run: Run | None = None) -> World:
    """shop-1 waits for approval in production; its CI run is known if `run` is given."""
    world = World(delivered or gated())
    world.push("v1")
    if run is not None:
        world.run(run)
    world.settle()
    assert world.phase(1) is Phase.AWAITING_APPROVAL
    return world


def built(**fields: Any) -> Run:
    """The CI run of shop-1; its requester is unknown unless given."""
    return ci_run("v1", **({"by": ""} | fields))


def refusals(decision: Decision) -> list[str]:
    return [rule.name for rule in decision.rules if rule.blocks]


def reason_of(decision: Decision, rule: str) -> str:
    return next(result.reason for result in decision.rules if result.name == rule)


def voters(world: World, number: int = 1) -> list[str]:
    gate = world.releases[number].gate
    return [vote.voter for vote in gate.votes] if gate else []
