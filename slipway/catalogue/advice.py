"""Advice about applications that are valid but may not do what their author expects."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from slipway.domain.application import Application
from slipway.domain.gate import ApprovalGate
from slipway.domain.project import ProvenanceLevel

from ..manifests.problems import Problem, look_up
from .conflicts import Claims

_NO_RUN = "{what}, and the application names no pipeline: without a waiver every release waits here until it expires"
_AUTOSCALERS = frozenset({"HorizontalPodAutoscaler", "ScaledObject"})
_REPLICAS = (
    "{workload} sets replicas, but {autoscaler} in the same folder scales it: the number counts only until the first "
    "scaling; leave it out, and the live workload keeps its number of replicas"
)


def advice(claims: Iterable[Claims]) -> Iterator[Problem]:
    """The advice for applications without problems, each piece once per application."""
    for claim in claims:
        objects, application = set[str](), claim.definition.application
        for index, text in _about_runs(application):
            yield claim.document.problem(("environments", index, "gate"), text)
        for index, environment in enumerate(application.environments):
            for text in _about_replicas(claim.objects(environment.name)):
                if text not in objects:
                    objects.add(text)
                    yield claim.document.problem(("environments", index, "manifests"), text)


def _about_runs(application: Application) -> Iterator[tuple[int, str]]:
    """Environments that wait for facts which only a CI run gives, while no run counts."""
    for index, environment in enumerate(application.environments if application.pipeline is None else ()):
        gate = environment.gate
        if environment.provenance is ProvenanceLevel.ARTIFACT:
            yield index, _NO_RUN.format(what="this environment accepts only what a CI run is proved to have built")
        elif isinstance(gate, ApprovalGate) and gate.require_known:
            yield index, _NO_RUN.format(what="nobody may approve until a CI run shows who is behind the change")


def _about_replicas(objects: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Replicas in a manifest whose workload has an autoscaler in the same folder."""
    objects = tuple(objects)
    counted = {(o["kind"], o["metadata"]["name"]) for o in objects if look_up(o, ("spec", "replicas")) is not None}
    for autoscaler in (each for each in objects if each["kind"] in _AUTOSCALERS):
        scaled = look_up(autoscaler, ("spec", "scaleTargetRef"))
        scaled = scaled if isinstance(scaled, dict) else {}
        kind, name = scaled.get("kind", "Deployment"), scaled.get("name")
        if (kind, name) in counted:
            scaler = f"{autoscaler['kind']} {autoscaler['metadata']['name']}"
            yield _REPLICAS.format(workload=f"{kind} {name}", autoscaler=scaler)
