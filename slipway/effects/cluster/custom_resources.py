"""How a custom resource says that it is well: by its conditions, as most operators do, or by a phase of its own.

What an operator's own table says here comes first; for all others the convention counts: `Stalled`, then `Ready`, then
`Available`. An object without any of them is done once it is applied, as nothing tells more; one that the rollout has
just made gets a moment in which its operator may say something.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from slipway.domain.model import Record

from .conditions import condition, condition_that_holds, count, generation_of, reason_of, spec_of, status_of
from .situations import Situation, Watched
from .verdicts import NO_EVIDENCE, WorkloadEvidence, WorkloadVerdict, advised, verdict

MAX_SAID = 300
MOMENT = timedelta(seconds=10)
"""How long an operator may take before its first word about an object that it never saw before."""


class Health(Record):
    """What an operator sets when its object is well."""

    condition: str = ""
    phase: tuple[str, ...] = ()
    """Path in the status to a word."""
    well: str = ""
    """That word."""


READY, AVAILABLE = Health(condition="Ready"), Health(condition="Available")
OPERATORS: Mapping[tuple[str, str], Health] = {
    ("argoproj.io", "Rollout"): Health(phase=("phase",), well="Healthy"),
    ("argoproj.io", "Application"): Health(phase=("health", "status"), well="Healthy"),
    ("cert-manager.io", "Certificate"): READY,
    ("cert-manager.io", "Issuer"): READY,
    ("external-secrets.io", "ExternalSecret"): READY,
    ("external-secrets.io", "SecretStore"): READY,
    ("gateway.networking.k8s.io", "Gateway"): Health(condition="Programmed"),
    ("helm.toolkit.fluxcd.io", "HelmRelease"): READY,
    ("kustomize.toolkit.fluxcd.io", "Kustomization"): READY,
    ("keda.sh", "ScaledObject"): READY,
    ("kafka.strimzi.io", "Kafka"): READY,
    ("kafka.strimzi.io", "KafkaTopic"): READY,
    ("monitoring.coreos.com", "Prometheus"): AVAILABLE,
    ("monitoring.coreos.com", "Alertmanager"): AVAILABLE,
    ("postgresql.cnpg.io", "Cluster"): READY,
    ("rabbitmq.com", "RabbitmqCluster"): Health(condition="AllReplicasReady"),
    ("elasticsearch.k8s.elastic.co", "Elasticsearch"): Health(phase=("phase",), well="Ready"),
    ("mongodbcommunity.mongodb.com", "MongoDBCommunity"): Health(phase=("phase",), well="Running"),
    ("serving.knative.dev", "Service"): READY,
}
_BY_CONVENTION = ("Ready", "Available")
_KIND = Watched.CUSTOM


def is_custom(api_version: str, kind: str) -> bool:
    """Whether an object is of an operator, rather than of Kubernetes itself."""
    group = api_version.rpartition("/")[0]
    return (group, kind) in OPERATORS or ("." in group and not group.endswith(".k8s.io"))


def custom_resource(live: Mapping[str, Any], evidence: WorkloadEvidence = NO_EVIDENCE) -> WorkloadVerdict:
    spec, status = spec_of(live), status_of(live)
    if spec.get("suspend") is True:
        return advised(_KIND, Situation.SUSPENDED, "it is suspended, so its operator does nothing")
    if "observedGeneration" in status and _generation(status) < generation_of(live):
        return verdict(_KIND, Situation.NOT_OBSERVED, "its operator has not seen the new spec yet")
    if spec.get("paused") is True:
        return advised(_KIND, Situation.PAUSED, "it is paused")
    if stalled := condition_that_holds(status, "Stalled"):
        return advised(_KIND, Situation.FAILED, _said("it does not try again", stalled))
    known = OPERATORS.get((str(live.get("apiVersion", "")).rpartition("/")[0], str(live.get("kind"))))
    if known is not None and known.phase:
        return _by_phase(known, status)
    names = (known.condition,) if known else _BY_CONVENTION
    first = next((c for name in names if (c := condition(status, name))), None)
    if first is not None:
        return _by_condition(first, live)
    if known is not None or _is_fresh(live, evidence):
        return verdict(_KIND, Situation.UNDER_WAY, "its operator has said nothing about it yet")
    return verdict(_KIND, Situation.SAYS_NOTHING, "it has no condition that says how it is")


def _by_condition(found: Mapping[str, Any], live: Mapping[str, Any]) -> WorkloadVerdict:
    if "observedGeneration" in found and _generation(found) < generation_of(live):
        return verdict(_KIND, Situation.NOT_OBSERVED, "its operator has not seen the new spec yet")
    name = found.get("type")
    match found.get("status"):
        case "True":
            return verdict(_KIND, Situation.UP, f"it says that it is {name}")
        case "False":
            return advised(_KIND, Situation.NOT_READY, _said(f"{name} is False", found))
        case _:
            return verdict(_KIND, Situation.UNDER_WAY, _said(f"{name} is not known yet", found))


def _by_phase(known: Health, status: Mapping[str, Any]) -> WorkloadVerdict:
    value: Any = status
    for name in known.phase:
        value = value.get(name) if isinstance(value, Mapping) else None
    phase = str(value or "nothing")[:MAX_SAID]
    if value == known.well:
        return verdict(_KIND, Situation.UP, f"it says that it is {phase}")
    if value == "Paused":
        return advised(_KIND, Situation.PAUSED, "it is paused")
    if value in (None, "", "Progressing", "Pending", "ApplyingChanges"):
        return verdict(_KIND, Situation.UNDER_WAY, f"its operator says {phase}")
    return advised(_KIND, Situation.NOT_READY, f"its operator says {phase}")


def _said(what: str, found: Mapping[str, Any]) -> str:
    return ": ".join(filter(None, (what, reason_of(found)[:MAX_SAID])))


def _generation(values: Mapping[str, Any]) -> int:
    """Any value may stand there, since no schema of Kubernetes' own covers it."""
    return count(values, "observedGeneration") if isinstance(values["observedGeneration"], int) else 0


def _is_fresh(live: Mapping[str, Any], evidence: WorkloadEvidence) -> bool:
    """Whether the rollout made the object only a moment ago, by the cluster's clock and ours."""
    created = str((live.get("metadata") or {}).get("creationTimestamp") or "")
    if evidence.asked_at is None or evidence.now is None or not created:
        return False
    made_by_it = datetime.fromisoformat(created) > evidence.asked_at - timedelta(minutes=1)
    return made_by_it and evidence.now - evidence.asked_at < MOMENT
