"""Applies a Deployment that goes from RollingUpdate to Recreate, which a plain apply cannot do.

The server has filled in `spec.strategy.rollingUpdate`. Nobody owns that field, so no apply removes it, and the server
refuses it beside `type: Recreate` (422; kubernetes/kubernetes#24198). So a second field manager first applies the live
strategy, which makes it the owner of `rollingUpdate`, and then applies `type: Recreate` alone, which removes the fields
that it owned. It gives up the strategy once the manifest has been applied. No pod is replaced on the way, since the
strategy is not part of the pods' template.
"""

from collections.abc import Mapping
from typing import Any

from . import scaling
from .connection import ApiServerResponse
from .errors import ObjectRefused
from .kinds import ManifestTarget
from .objects import Objects
from .records import Json

MANAGER = "slipway-strategy"
_RECREATE: Json = {"type": "Recreate"}
_IN_THE_WAY = "spec.strategy.rollingUpdate"


def apply_or_recreate(objects: Objects, target: ManifestTarget, *, dry_run: bool = False) -> ApiServerResponse:
    """Apply the target, as `scaling.apply_scaled` does. Raises `ClusterError`."""
    try:
        return scaling.apply_scaled(objects, target, dry_run=dry_run)
    except ObjectRefused as refused:
        if not _is_held_up(target, refused):
            raise
        live = objects.get(target.kind, target.name, target.namespace)
        if live is None:
            raise
    if dry_run:
        return _dry_run_without_strategy(objects, target)
    for strategy in ((live.get("spec") or {}).get("strategy") or {}, _RECREATE):
        objects.apply(_strategy_alone(target, live, strategy), manager=MANAGER)
    answer = scaling.apply_scaled(objects, target)
    objects.apply(_strategy_alone(target, answer.body, None), manager=MANAGER)
    return answer


def _is_held_up(target: ManifestTarget, refused: ObjectRefused) -> bool:
    """Whether the refused field is the server's own, rather than one of the manifest."""
    strategy = (target.manifest.get("spec") or {}).get("strategy") or {}
    recreates = target.kind.kind == "Deployment" and strategy.get("type") == _RECREATE["type"]
    return recreates and not strategy.get("rollingUpdate") and refused.fields == (_IN_THE_WAY,)


def _dry_run_without_strategy(objects: Objects, target: ManifestTarget) -> ApiServerResponse:
    """A dry run of everything but the strategy, with the future strategy put in."""
    spec = {field: value for field, value in target.manifest["spec"].items() if field != "strategy"}
    answer = scaling.apply_scaled(objects, target.evolve(manifest={**target.manifest, "spec": spec}), dry_run=True)
    body = {**answer.body, "spec": {**(answer.body.get("spec") or {}), "strategy": dict(_RECREATE)}}
    return answer.evolve(body=body)


def _strategy_alone(
    target: ManifestTarget, live: Mapping[str, Any], strategy: Mapping[str, Any] | None
) -> ManifestTarget:
    """Apply the strategy to the object that was read: an apply with its uid creates none."""
    metadata = {"name": target.name, "uid": live["metadata"]["uid"]}
    spec = {} if strategy is None else {"spec": {"strategy": dict(strategy)}}
    identity = {field: target.manifest[field] for field in ("apiVersion", "kind")}
    return target.evolve(manifest={**identity, "metadata": metadata, **spec})
