"""The table of kinds and situations: every cell is filled, played, and means for a rollout what stands there."""

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
"""The one that is seen in each judgement."""


def name_of(part: object) -> str:
    return part.name.lower() if isinstance(part, (WatchedKind, Situation)) else str(part)


def test_every_situation_of_every_kind_is_judged() -> None:
    assert set(JUDGED) == {(kind, situation) for kind in WatchedKind for situation in Situation}


def test_every_cell_in_which_a_workload_can_be_is_played_and_no_other() -> None:
    possible = {cell for cell, judgement in JUDGED.items() if judgement is not Judgement.NEVER}
    assert set(PLAYED) == possible


@pytest.mark.parametrize(("kind", "situation"), PLAYED, ids=name_of)
def test_a_rule_finds_the_situation_and_says_what_to_do(kind: WatchedKind, situation: Situation) -> None:
    verdict = judge_workload(kind, *PLAYED[kind, situation])
    assert verdict.situation is situation
    assert verdict.state is state_of(kind, situation)
    assert verdict.reason


@pytest.mark.parametrize("situation", Situation)
def test_each_situation_has_a_meaning_and_advice(situation: Situation) -> None:
    assert situation.meaning.endswith(".")
    assert situation.advice


class PlayedCluster(MemoryCluster):
    """Its rollout is in one situation until a time, and up from then on."""

    def __init__(self, situation: Situation, installation: Installation) -> None:
        super().__init__()
        self.situation, self.installation = situation, installation
        self.heals = installation.now + timedelta(days=1)

    def rollout(
        self, manifests: Sequence[Manifest], namespace: str, earlier: EarlierPolls = FIRST_POLL
    ) -> RolloutState:
        healed = self.installation.now >= self.heals
        verdict = judge_workload(KIND, *PLAYED[KIND, Situation.UP if healed else self.situation])
        return RolloutState(state=verdict.state, reason=verdict.reason)


def played(installation: Installation, judgement: Judgement, *, heals: timedelta | None) -> float:
    """Check a release that is in a situation so judged from the first look; the seconds until the check has ended.

    One situation each: what a rollout does rests on the state that the rule gives, which is tested for each cell above.
    """
    situation = next(situation for (kind, situation), found in JUDGED.items() if (kind, found) == (KIND, judgement))
    cluster = PlayedCluster(situation, installation)
    installation.staging = cluster
    installation.restart(wrap=lambda ports: replace(ports, cluster=lambda _: cluster))
    installation.push("1.0")
    step = installation.settle_at(StepKind.CHECK, "staging")
    begun = installation.now
    if heals is not None:
        cluster.heals = begun + heals
    installation.run_step(step)
    installation.settle(until=lambda: installation.phase(1) is not Phase.CHECKING)
    return (installation.now - begun).total_seconds()


@pytest.mark.parametrize(
    ("judgement", "heals"), [(Judgement.WAITS, WITHIN - SECOND), (Judgement.ENDS_IF_IT_LASTS, LASTS - SECOND)]
)
def test_what_heals_one_second_before_its_time_is_over_has_ended_nothing(
    installation: Installation, judgement: Judgement, heals: timedelta
) -> None:
    played(installation, judgement, heals=heals)
    assert installation.actions().count("rollout.done") == 1
    assert "rollout.failed" not in installation.actions()


def test_what_does_not_heal_ends_when_the_time_is_over_and_says_why(installation: Installation) -> None:
    seconds = played(installation, Judgement.WAITS, heals=None)
    assert seconds >= WITHIN.total_seconds()
    assert installation.release(1).reason.startswith("not up within")


def test_what_cannot_heal_ends_the_rollout_at_the_first_look(installation: Installation) -> None:
    assert played(installation, Judgement.ENDS, heals=None) == 0
    assert installation.phase(1) is Phase.FAILED


def test_what_looks_hopeless_ends_the_rollout_once_it_has_lasted(installation: Installation) -> None:
    seconds = played(installation, Judgement.ENDS_IF_IT_LASTS, heals=None)
    assert LASTS.total_seconds() <= seconds < 2 * LASTS.total_seconds()
    assert installation.phase(1) is Phase.FAILED


def test_what_is_done_stays_done_and_is_not_asked_for_again(installation: Installation) -> None:
    """As a Job that its TTL removes while a Deployment takes its time."""
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
    asked = list[frozenset[str]]()

    class Slow(MemoryCluster):
        def rollout(
            self, manifests: Sequence[Manifest], namespace: str, earlier: EarlierPolls = FIRST_POLL
        ) -> RolloutState:
            asked.append(earlier.done)
            return next(states, RolloutState(state=ProgressState.DONE, reason="up"))

    installation.staging = Slow()
    installation.restart(wrap=lambda ports: replace(ports, cluster=lambda _: installation.staging))
    installation.push("1.0")
    installation.settle(until=lambda: len(asked) == 2)
    assert asked == [frozenset(), frozenset({"Job/migrate"})]
