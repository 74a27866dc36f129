"""The health of custom resources: most operators report it in conditions, others in a phase of the kind's own.

Kinds in the table here have their own entry. All others follow the convention: `Stalled`, then `Ready`, then
`Available`. An object without any of these is done once it is applied, since nothing else can be known. A new object
gets a moment in which its operator may report.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from slipway.domain.model import Record

from .conditions import condition, condition_that_holds, generation_of, reason_of, spec_of, status_of
from .situations import Situation, WatchedKind
from .verdicts import NO_EVIDENCE, WorkloadEvidence, WorkloadVerdict, verdict, verdict_with_advice

MAX_SAID = 300
GRACE_PERIOD = timedelta(seconds=10)
"""How long an operator may take before its first report about an object, or about a new spec if its reports name no
generation."""
_DIGITS = 18


class Health(Record):
    """How an operator reports on its object, if it departs from the convention."""

    condition: str = ""
    phase: tuple[str, ...] = ()
    """Path to a field of the status."""
    well: str = ""
    """The text in that field that means that the object is well."""
    instead: str = ""
    """A condition that is true instead of the other one while the object is not well."""
    rests: tuple[str, ...] = ()
    """Conditions that are true instead of the other one if somebody told the operator to leave the object alone."""
    refused: str = ""
    """A condition that is false if the operator could not carry out the spec, whatever else it reports."""
    synced: str = ""
    """A field of the status that begins with the last generation carried out, if no condition has it."""
    read: str
    """The operator, and the version whose source was read for this."""


_CERTIFICATES = Health(condition="Ready", read="cert-manager 1.21.1")
_SECRETS = Health(condition="Ready", read="External Secrets 2.9.0")
_STRIMZI = Health(condition="Ready", instead="NotReady", rests=("ReconciliationPaused",), read="Strimzi 1.2.0")
_PROMETHEUS = Health(condition="Available", refused="Reconciled", read="Prometheus Operator 0.93.0")
OPERATORS: Mapping[tuple[str, str], Health] = {
    ("argoproj.io", "Rollout"): Health(phase=("phase",), well="Healthy", read="Argo Rollouts 1.9.1"),
    ("argoproj.io", "Application"): Health(phase=("health", "status"), well="Healthy", read="Argo CD 3.5.1"),
    ("cert-manager.io", "Certificate"): _CERTIFICATES,
    ("cert-manager.io", "Issuer"): _CERTIFICATES,
    ("external-secrets.io", "ExternalSecret"): _SECRETS.evolve(synced="syncedResourceVersion"),
    ("external-secrets.io", "SecretStore"): _SECRETS,
    ("gateway.networking.k8s.io", "Gateway"): Health(condition="Programmed", read="Gateway API 1.6.1"),
    ("helm.toolkit.fluxcd.io", "HelmRelease"): Health(condition="Ready", read="helm-controller 1.6.3"),
    ("kustomize.toolkit.fluxcd.io", "Kustomization"): Health(condition="Ready", read="kustomize-controller 1.9.4"),
    ("keda.sh", "ScaledObject"): Health(condition="Ready", read="KEDA 2.20.2"),
    ("kafka.strimzi.io", "Kafka"): _STRIMZI,
    ("kafka.strimzi.io", "KafkaTopic"): _STRIMZI.evolve(rests=(*_STRIMZI.rests, "Unmanaged")),
    ("monitoring.coreos.com", "Prometheus"): _PROMETHEUS,
    ("monitoring.coreos.com", "Alertmanager"): _PROMETHEUS,
    ("postgresql.cnpg.io", "Cluster"): Health(condition="Ready", read="CloudNativePG 1.30.0"),
    ("rabbitmq.com", "RabbitmqCluster"): Health(
        condition="AllReplicasReady", refused="ReconcileSuccess", read="RabbitMQ Cluster Operator 2.22.3"
    ),
    ("elasticsearch.k8s.elastic.co", "Elasticsearch"): Health(
        phase=("phase",), well="Ready", read="Elastic Cloud on Kubernetes 3.5.0"
    ),
    ("mongodbcommunity.mongodb.com", "MongoDBCommunity"): Health(
        phase=("phase",), well="Running", read="MongoDB Controllers 1.10.0"
    ),
    ("serving.knative.dev", "Service"): Health(condition="Ready", read="Knative Serving 1.23"),
}
_CONVENTION = (Health(condition="Ready", read=""), Health(condition="Available", read=""))
_AT_WORK = ("", "Progressing", "Pending", "ApplyingChanges", "MigratingData")
_KIND = WatchedKind.CUSTOM


def is_custom(api_version: str, kind: str) -> bool:
    """Whether an object belongs to an operator, rather than to Kubernetes itself."""
    group = api_version.rpartition("/")[0]
    return (group, kind) in OPERATORS or ("." in group and not group.endswith(".k8s.io"))


def custom_resource(live: Mapping[str, Any], evidence: WorkloadEvidence = NO_EVIDENCE) -> WorkloadVerdict:
    spec, status = spec_of(live), status_of(live)
    if spec.get("suspend") is True:
        return verdict_with_advice(_KIND, Situation.SUSPENDED, "it is suspended, so its operator does nothing")
    operator_health = OPERATORS.get((str(live.get("apiVersion", "")).rpartition("/")[0], str(live.get("kind"))))
    health = operator_health or next(
        (each for each in _CONVENTION if condition(status, each.condition)), _CONVENTION[0]
    )
    refused = condition(status, health.refused) if health.refused else None
    if refused is not None and refused.get("status") == "False":
        return verdict_with_advice(
            _KIND, Situation.NOT_READY, _with_reason("its operator could not carry it out", refused)
        )
    shown_condition = next(
        (c for name in (health.condition, health.instead) if name and (c := condition(status, name))), None
    )
    if _is_of_an_older_spec(live, status, shown_condition):
        return verdict(_KIND, Situation.NOT_OBSERVED, "its operator has not seen the new spec yet")
    if spec.get("paused") is True:
        return verdict_with_advice(_KIND, Situation.PAUSED, "it is paused")
    if stalled := condition_that_holds(status, "Stalled"):
        return verdict_with_advice(_KIND, Situation.FAILED, _with_reason("it does not try again", stalled))
    if resting := next((name for name in health.rests if condition_that_holds(status, name)), None):
        return verdict(_KIND, Situation.SUSPENDED, f"somebody told its operator to leave it alone: it is {resting}")
    by_rule = _verdict_by_phase(health, status) if health.phase else _verdict_by_condition(health, shown_condition)
    if by_rule is None:
        if operator_health is not None or _is_fresh(live, evidence):
            return verdict(_KIND, Situation.UNDER_WAY, "its operator has said nothing about it yet")
        return verdict(_KIND, Situation.SAYS_NOTHING, "it has no condition that says how it is")
    if by_rule.situation is Situation.UP and (doubt := _doubt(health, live, shown_condition, evidence)):
        return doubt
    return by_rule


def _verdict_by_condition(health: Health, said: Mapping[str, Any] | None) -> WorkloadVerdict | None:
    if said is None:
        return None
    name = said.get("type")
    match said.get("status"):
        case "True" if name == health.instead:
            return verdict_with_advice(_KIND, Situation.NOT_READY, _with_reason(f"it is {name}", said))
        case "True":
            return verdict(_KIND, Situation.UP, f"it says that it is {name}")
        case "False" | "Degraded" as word:  # the second text is Prometheus Operator's, for some of its pods
            return verdict_with_advice(_KIND, Situation.NOT_READY, _with_reason(f"{name} is {word}", said))
        case _:
            return verdict(_KIND, Situation.UNDER_WAY, _with_reason(f"{name} is not known yet", said))


def _verdict_by_phase(health: Health, status: Mapping[str, Any]) -> WorkloadVerdict:
    value: Any = status
    for name in health.phase:
        value = value.get(name) if isinstance(value, Mapping) else None
    phase = str(value or "")[:MAX_SAID]
    if phase == health.well:
        return verdict(_KIND, Situation.UP, f"it says that it is {phase}")
    if phase == "Paused":
        return verdict_with_advice(_KIND, Situation.PAUSED, "it is paused")
    if phase in _AT_WORK:
        return verdict(_KIND, Situation.UNDER_WAY, f"its operator says {phase or 'nothing'}")
    message = str(status.get("message") or "")[:MAX_SAID]
    return verdict_with_advice(
        _KIND, Situation.NOT_READY, ": ".join(filter(None, (f"its operator says {phase}", message)))
    )


def _is_of_an_older_spec(live: Mapping[str, Any], status: Mapping[str, Any], said: Mapping[str, Any] | None) -> bool:
    """Whether the operator's report is about an earlier spec. Some operators write only the generation that they have
    carried out, and so never that of a failed spec; then the condition's own generation tells."""
    own = said is not None and "observedGeneration" in said
    if said is not None and own:
        if _generation(said) < generation_of(live):
            return True
        if said.get("status") == "False":
            return False
    return "observedGeneration" in status and _generation(status) < generation_of(live)


def _doubt(
    health: Health, live: Mapping[str, Any], said: Mapping[str, Any] | None, evidence: WorkloadEvidence
) -> WorkloadVerdict | None:
    """Why it does not count yet that the operator calls the object well: it may mean the previous spec."""
    status = status_of(live)
    if "observedGeneration" in status or "observedGeneration" in (said or {}) or generation_of(live) == 1:
        return None
    synced = str(status.get(health.synced) or "").partition("-")[0] if health.synced else ""
    if synced.isdecimal() and not _is_read_once(spec_of(live)):
        if int(synced[:_DIGITS]) >= generation_of(live):
            return None
        return verdict(_KIND, Situation.NOT_OBSERVED, "its operator has not carried out the new spec yet")
    if evidence.asked_at is None or evidence.now is None or evidence.now - evidence.asked_at >= GRACE_PERIOD:
        return None
    return verdict(_KIND, Situation.UNDER_WAY, "its operator does not say which spec it means, so it gets a moment")


def _is_read_once(spec: Mapping[str, Any]) -> bool:
    """Whether an ExternalSecret is never read again, so that its operator does nothing for a new spec."""
    policy, interval = spec.get("refreshPolicy"), spec.get("refreshInterval")
    never = isinstance(interval, str) and not any(digit in interval for digit in "123456789")
    return policy == "CreatedOnce" or (policy != "OnChange" and never)


def _with_reason(what: str, found: Mapping[str, Any]) -> str:
    return ": ".join(filter(None, (what, reason_of(found)[:MAX_SAID])))


def _generation(values: Mapping[str, Any]) -> int:
    """The generation. It may be any value, since no schema of Kubernetes' own covers it; Argo Rollouts writes it as
    text."""
    value = values["observedGeneration"]
    if isinstance(value, str) and value.isdecimal():
        return int(value[:_DIGITS])
    return value if isinstance(value, int) else 0


def _is_fresh(live: Mapping[str, Any], evidence: WorkloadEvidence) -> bool:
    """Whether the rollout made the object only a moment ago, by the cluster's clock and ours."""
    created = str((live.get("metadata") or {}).get("creationTimestamp") or "")
    if evidence.asked_at is None or evidence.now is None or not created:
        return False
    made_by_it = datetime.fromisoformat(created) > evidence.asked_at - timedelta(minutes=1)
    return made_by_it and evidence.now - evidence.asked_at < GRACE_PERIOD
