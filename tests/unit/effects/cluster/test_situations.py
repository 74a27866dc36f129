"""The table of kinds and situations: every cell is judged and played, and a rollout acts on its judgement."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from slipway.domain.release import Phase
from slipway.domain.steps import StepKind
from slipway.effects.cluster import EarlierPolls, Manifest, RolloutState
from slipway.effects.cluster.records import ProgressState
from slipway.effects.cluster.rollout import FIRST_POLL
from slipway.effects.cluster.rules import judge_workload
from slipway.effects.cluster.situations import JUDGED, Judgement, Situation, WatchedKind, state_of
from slipway.engine.steps.rollout import LASTS
from slipway.testing import Installation, MemoryCluster

from .played import PLAYED

WITHIN = timedelta(minutes=5)
"""`rollout_within` of staging in the tests' application."""
SECOND = timedelta(seconds=1)
KIND = WatchedKind.DEPLOYMENT
"""The kind that has situations of every judgement."""


def name_of(part: object) -> str:
    return part.name.lower() if isinstance(part, (WatchedKind, Situation)) else str(part)


def test_every_situation_of_every_kind_is_judged() -> None:
    assert set(JUDGED) == {(kind, situation) for kind in WatchedKind for situation in Situation}


def test_exactly_the_possible_cells_of_the_table_have_an_example() -> None:
    possible = {cell for cell, judgement in JUDGED.items() if judgement is not Judgement.NEVER}
    assert set(PLAYED) == possible


@pytest.mark.parametrize(("kind", "situation"), PLAYED, ids=name_of)
def test_a_rule_finds_the_situation_and_says_what_to_do_if_it_ends_the_rollout(
    kind: WatchedKind, situation: Situation
) -> None:
    verdict = judge_workload(kind, *PLAYED[kind, situation])
    assert verdict.situation is situation
    assert verdict.state is state_of(kind, situation)
    assert verdict.reason
    if JUDGED[kind, situation] in (Judgement.ENDS, Judgement.ENDS_IF_IT_LASTS):
        assert verdict.reason.endswith(f" ({situation.advice})")


@pytest.mark.parametrize("situation", Situation)
def test_each_situation_has_a_meaning_and_advice(situation: Situation) -> None:
    assert situation.meaning.endswith(".")
    assert situation.advice


class PlayedCluster(MemoryCluster):
    """A cluster whose rollout is in one situation until `heals_at`, and up from then on."""

    def __init__(self, situation: Situation, installation: Installation) -> None:
        super().__init__()
        self.situation, self.installation = situation, installation
        self.heals_at = installation.now + timedelta(days=1)

    def rollout(
        self, manifests: Sequence[Manifest], namespace: str, earlier: EarlierPolls = FIRST_POLL
    ) -> RolloutState:
        healed = self.installation.now >= self.heals_at
        verdict = judge_workload(KIND, *PLAYED[KIND, Situation.UP if healed else self.situation])
        return RolloutState(state=verdict.state, reason=verdict.reason)


def seconds_until_checked(installation: Installation, judgement: Judgement, *, heals_after: timedelta | None) -> float:
    """Check a release whose situation is judged so from the first poll on; the seconds until the check ends.

    One situation per judgement is enough: a rollout depends on the state alone, which is tested for each cell above.
    """
    situation = next(cell[1] for cell, judged in JUDGED.items() if (cell[0], judged) == (KIND, judgement))
    cluster = PlayedCluster(situation, installation)
    installation.staging = cluster
    installation.restart(wrap=lambda ports: replace(ports, cluster=lambda _: cluster))
    installation.push("1.0")
    step = installation.settle_at(StepKind.CHECK, "staging")
    started_at = installation.now
    if heals_after is not None:
        cluster.heals_at = started_at + heals_after
    installation.run_step(step)
    installation.settle(until=lambda: installation.phase(1) is not Phase.CHECKING)
    return (installation.now - started_at).total_seconds()


@pytest.mark.parametrize(
    ("judgement", "heals"), [(Judgement.WAITS, WITHIN - SECOND), (Judgement.ENDS_IF_IT_LASTS, LASTS - SECOND)]
)
def test_a_situation_that_heals_a_second_before_its_time_is_over_fails_no_rollout(
    installation: Installation, judgement: Judgement, heals: timedelta
) -> None:
    seconds_until_checked(installation, judgement, heals_after=heals)
    assert installation.actions().count("rollout.done") == 1
    assert "rollout.failed" not in installation.actions()


def test_a_situation_that_does_not_heal_fails_the_rollout_when_its_time_is_over(installation: Installation) -> None:
    seconds = seconds_until_checked(installation, Judgement.WAITS, heals_after=None)
    assert seconds >= WITHIN.total_seconds()
    assert installation.release(1).reason.startswith("not up within")


def test_a_situation_that_cannot_heal_fails_the_rollout_at_the_first_poll(installation: Installation) -> None:
    assert seconds_until_checked(installation, Judgement.ENDS, heals_after=None) == 0
    assert installation.phase(1) is Phase.FAILED


def test_a_hopeless_situation_fails_the_rollout_once_it_has_lasted(installation: Installation) -> None:
    seconds = seconds_until_checked(installation, Judgement.ENDS_IF_IT_LASTS, heals_after=None)
    assert LASTS.total_seconds() <= seconds < 2 * LASTS.total_seconds()
    assert installation.phase(1) is Phase.FAILED


def test_an_object_that_is_done_counts_as_done_in_later_polls(installation: Installation) -> None:
    """A Job may be removed by its TTL while a Deployment is still under way."""
    states = iter(
        [
            RolloutState.model_validate(
                {
                    "state": "waiting",
                    "reason": "slow",
                    "objects": [
                        {"kind": "Job", "name": "migrate", "state": "done", "reason": "complete"},
                        {"kind": "Deployment", "name": "shop", "state": "waiting", "reason": "slow"},
                    ],
                }
            )
        ]
    )
    done_before = list[frozenset[str]]()

    class Slow(MemoryCluster):
        def rollout(
            self, manifests: Sequence[Manifest], namespace: str, earlier: EarlierPolls = FIRST_POLL
        ) -> RolloutState:
            done_before.append(earlier.done)
            return next(states, RolloutState(state=ProgressState.DONE, reason="up"))

    installation.staging = Slow()
    installation.restart(wrap=lambda ports: replace(ports, cluster=lambda _: installation.staging))
    installation.push("1.0")
    installation.settle(until=lambda: len(done_before) == 2)
    assert done_before == [frozenset(), frozenset({"Job/migrate"})]
