"""What operators write into the status of their objects where they leave the convention, and arbitrary values."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from slipway.effects.cluster.custom_resources import GRACE_PERIOD, OPERATORS, custom_resource
from slipway.effects.cluster.records import ProgressState
from slipway.effects.cluster.situations import Situation
from slipway.effects.cluster.verdicts import WorkloadEvidence

APPLIED = datetime(2026, 3, 2, 10, tzinfo=UTC)
READY = {"type": "Ready", "status": "True"}


def an_object(group: str, kind: str, status: dict[str, Any], *, generation: int = 2, **spec: Any) -> dict[str, Any]:
    metadata = {"name": "web", "generation": generation, "creationTimestamp": "2026-01-01T00:00:00Z"}
    return {"apiVersion": f"{group}/v1", "kind": kind, "metadata": metadata, "spec": spec, "status": status}


def situation_of(live: dict[str, Any], *, elapsed: timedelta = GRACE_PERIOD) -> Situation:
    return custom_resource(live, WorkloadEvidence(asked_at=APPLIED, now=APPLIED + elapsed)).situation


@pytest.mark.parametrize(
    ("generation", "expected"),
    [
        (2, Situation.UP), ("2", Situation.UP), (1, Situation.NOT_OBSERVED), ("1", Situation.NOT_OBSERVED),
        ("6f9b5", Situation.NOT_OBSERVED), (None, Situation.NOT_OBSERVED), ("9" * 5000, Situation.UP),
    ],
)  # fmt: skip
def test_the_generation_that_an_operator_has_seen_is_a_number_or_a_number_as_text(
    generation: Any, expected: Situation
) -> None:
    status = {"observedGeneration": generation, "phase": "Healthy"}
    assert situation_of(an_object("argoproj.io", "Rollout", status)) is expected


@pytest.mark.parametrize("condition", ["ReconciliationPaused", "Unmanaged"])
def test_a_paused_or_unmanaged_topic_holds_up_no_rollout(condition: str) -> None:
    status = {"observedGeneration": 2, "conditions": [{"type": condition, "status": "True"}]}
    verdict = custom_resource(an_object("kafka.strimzi.io", "KafkaTopic", status))
    assert (verdict.situation, verdict.state, condition in verdict.reason) == (
        Situation.SUSPENDED,
        ProgressState.DONE,
        True,
    )


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({}, Situation.NOT_OBSERVED),
        ({"refreshInterval": "1h0m0s"}, Situation.NOT_OBSERVED),
        ({"refreshInterval": "0s"}, Situation.UP),
        ({"refreshPolicy": "CreatedOnce"}, Situation.UP),
        ({"refreshPolicy": "OnChange", "refreshInterval": "0s"}, Situation.NOT_OBSERVED),
    ],
)
def test_an_external_secret_waits_for_its_new_spec_to_be_synced_unless_it_syncs_only_once(
    spec: dict[str, Any], expected: Situation
) -> None:
    status = {"syncedResourceVersion": "1-0a1b2c", "conditions": [READY]}
    assert situation_of(an_object("external-secrets.io", "ExternalSecret", status, **spec)) is expected


@pytest.mark.parametrize(
    ("group", "kind", "status"),
    [
        ("postgresql.cnpg.io", "Cluster", {"conditions": [READY]}),
        ("mongodbcommunity.mongodb.com", "MongoDBCommunity", {"phase": "Running"}),
        ("argoproj.io", "Application", {"health": {"status": "Healthy"}}),
        ("acme.example", "Unknown", {"conditions": [READY]}),
    ],
)
def test_a_status_without_an_observed_generation_counts_only_after_a_grace_period(
    group: str, kind: str, status: dict[str, Any]
) -> None:
    live = an_object(group, kind, status)
    assert situation_of(live, elapsed=GRACE_PERIOD / 2) is Situation.UNDER_WAY
    assert situation_of(live) is Situation.UP


@pytest.mark.parametrize("kind", sorted(OPERATORS))
def test_a_malformed_status_keeps_the_rollout_of_any_operators_object_waiting(kind: tuple[str, str]) -> None:
    for status in ({"conditions": "x", "phase": [], "health": "x"}, {"conditions": [{"type": None}, 7, {}]}):
        assert custom_resource(an_object(*kind, status)).state is ProgressState.WAITING


ANY_VALUE: tuple[Any, ...] = (None, True, 7, "x", [], [1], [[1]], {}, {"a": [1]})


@pytest.mark.parametrize(("group", "kind"), [("example.com", "Thing"), *OPERATORS])
def test_any_value_in_a_spec_status_or_condition_leads_to_a_situation(group: str, kind: str) -> None:
    """Whoever may write in the namespace, or owns the definition, decides what is in these fields."""
    for value in ANY_VALUE:
        for fields in ({"spec": value}, {"status": value}, {"status": {"conditions": value, "phase": value}}):
            assert situation_of({**an_object(group, kind, {"conditions": [READY]}), **fields}) in Situation
        status = {"conditions": [{"type": value, "status": value}, {**READY, "observedGeneration": value}]}
        assert situation_of(an_object(group, kind, status)) in Situation
