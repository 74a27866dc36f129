"""A registry is unreachable or refuses: the step tries again until its time is over, and says why meanwhile."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from slipway.api.releases import ReleaseWithProgress
from slipway.domain.release import Phase
from slipway.domain.steps import STEP_TIME
from slipway.testing import ADA, Installation
from slipway.testing.registry import RegistryReply, Request, error
from slipway.web.release import show_release
from tests.unit.web.visitors import DORA

REFUSALS: dict[str, Callable[[], RegistryReply]] = {
    "its role is still spreading": lambda: error(403, "DENIED", "requested access to the resource is denied"),
    "it takes no token yet": lambda: RegistryReply(status=401),
    "it is starting": lambda: RegistryReply(status=503),
    "it is throttled": lambda: RegistryReply(status=429, headers={"Retry-After": "30"}),
}


@pytest.fixture(params=list(REFUSALS))
def answer(request: pytest.FixtureRequest) -> Callable[[], RegistryReply]:
    return REFUSALS[request.param]


def waits(installation: Installation) -> str:
    """What the release waits for, as recorded with its step."""
    under_way = installation.app.reader.under_way(installation.release(1))
    return under_way.waits if under_way else ""


def test_a_registry_that_refuses_for_nine_minutes_costs_the_release_only_time(
    installation: Installation, answer: Callable[[], RegistryReply]
) -> None:
    healed_at = installation.now + STEP_TIME - timedelta(minutes=1)
    healthy = installation.nonprod.pool.hosts["nonprod.test"]

    def refusing(request: Request) -> RegistryReply:
        reply: RegistryReply = answer() if installation.now < healed_at else healthy(request)
        return reply

    installation.nonprod.pool.hosts["nonprod.test"] = refusing
    installation.push("1.0")
    installation.settle(until=lambda: bool(waits(installation)))
    assert installation.phase(1) is Phase.PLANNING

    release = installation.release(1)
    subject = "nonprod.test/team/shop"
    progress = ReleaseWithProgress.of_release(release, installation.app.reader.under_way(release))
    assert subject in progress.waits_for
    assert subject in installation.explain(1).headline
    plan_rule = next(rule for rule in installation.explain(1).rules[0].rules if rule.name == "plan-is-current")
    assert subject in plan_rule.reason
    page = show_release(installation.app.reader, "shop-1", visitor=DORA).body.decode()
    assert subject in page

    installation.settle()
    assert installation.phase(1) is Phase.AWAITING_APPROVAL
    assert installation.app.reader.under_way(installation.release(1)) is None
    installation.vote(1, ADA)
    installation.settle()
    assert installation.phase(1) is Phase.COMPLETED


def test_a_registry_that_refuses_for_good_ends_the_release_when_the_steps_time_is_over(
    installation: Installation,
) -> None:
    began = installation.now
    installation.nonprod.pool.hosts["nonprod.test"] = lambda request: RegistryReply(status=503)
    installation.push("1.0")
    installation.settle()
    assert installation.phase(1) is Phase.FAILED
    assert "nonprod.test/team/shop" in installation.release(1).reason
    assert "(tried " in installation.release(1).reason
    assert installation.now - began >= STEP_TIME


def test_a_target_that_refuses_while_it_is_copied_to_keeps_the_vote(installation: Installation) -> None:
    installation.push("1.0")
    installation.settle()
    healed_at = installation.now + timedelta(minutes=40)
    healthy = installation.prod.pool.hosts["prod.test"]

    def refusing(request: Request) -> RegistryReply:
        reply: RegistryReply = RegistryReply(status=503) if installation.now < healed_at else healthy(request)
        return reply

    installation.prod.pool.hosts["prod.test"] = refusing
    installation.vote(1, ADA)
    installation.settle(until=lambda: bool(waits(installation)))
    assert installation.phase(1) is Phase.COPYING
    assert "it waits: prod.test/team/shop" in installation.explain(1).headline
    installation.settle()
    assert installation.phase(1) is Phase.COMPLETED
    assert installation.actions().count("vote.approved") == 1
