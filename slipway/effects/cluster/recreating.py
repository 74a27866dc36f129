"""Applies a Deployment that goes from RollingUpdate to Recreate, which a plain apply cannot do.

The server has filled in `spec.strategy.rollingUpdate`. That belongs to nobody, so no apply removes it, and beside
`type: Recreate` the server refuses it (422; kubernetes/kubernetes#24198). So a second field manager first applies the
live strategy, which makes it the owner of `rollingUpdate`, and then applies `type: Recreate` alone, which removes the
fields that it owned. It lets go of the strategy once the manifest has been applied. No pod is replaced on the way,
since the strategy is not part of the pods' template.
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
    """Apply the target, as `scaling.apply` does. Raises `ClusterError`."""
    try:
        return scaling.apply_scaled(objects, target, dry_run=dry_run)
    except ObjectRefused as refused:
        if not _is_held_up(target, refused):
            raise
        live = objects.get(target.kind, target.name, target.namespace)
        if live is None:
            raise
    if dry_run:
        return _as_checked(objects, target)
    for strategy in ((live.get("spec") or {}).get("strategy") or {}, _RECREATE):
        objects.apply(_strategy_alone(target, live, strategy), manager=MANAGER)
    answer = scaling.apply_scaled(objects, target)
    objects.apply(_strategy_alone(target, answer.body, None), manager=MANAGER)
    return answer


def _is_held_up(target: ManifestTarget, refused: ObjectRefused) -> bool:
    """Whether the field that is refused is the server's own, and not one that the manifest has."""
    strategy = (target.manifest.get("spec") or {}).get("strategy") or {}
    recreates = target.kind.kind == "Deployment" and strategy.get("type") == _RECREATE["type"]
    return recreates and not strategy.get("rollingUpdate") and refused.fields == (_IN_THE_WAY,)


def _as_checked(objects: Objects, target: ManifestTarget) -> ApiServerResponse:
    """A dry run of all but the strategy, with the strategy that there will be."""
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
