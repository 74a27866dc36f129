"""Applies a manifest and leaves an autoscaler its replicas: a release is no reason to go back to fewer pods.

A workload that sets replicas is first applied without force, so that the server names the fields of other managers.
Usually there are none, and this one request is enough. Otherwise it is applied with force like any other object, but
without its replicas if the server named them and a HorizontalPodAutoscaler scales the workload. If somebody else set
them, such as a person with `kubectl scale`, the manifest's count comes back.

A manifest that no longer sets replicas leaves the count as it is. That is how a workload is handed to an autoscaler,
which may come with the same release or later. Without this, an apply would fall back to the server's default of one
pod.
"""

from typing import Any, Final

from .connection import ApiServerResponse
from .errors import ObjectConflict
from .kinds import ManifestTarget
from .names import FIELD_MANAGER
from .objects import Objects, built_in
from .records import Json

_AUTOSCALER = built_in("autoscaling/v2", "HorizontalPodAutoscaler")
_REPLICAS = ".spec.replicas"
_SCALED: Final = frozenset(
    {("apps", "Deployment"), ("apps", "StatefulSet"), ("apps", "ReplicaSet"), ("argoproj.io", "Rollout")}
)
"""Kinds that get one pod if the manifest does not set replicas."""


def apply_scaled(objects: Objects, target: ManifestTarget, *, dry_run: bool = False) -> ApiServerResponse:
    """Apply the target. Raises `ClusterError`."""
    if "replicas" not in (target.manifest.get("spec") or {}):
        return objects.apply(target, dry_run=dry_run)
    try:
        return objects.apply(target, dry_run=dry_run, force=False)
    except ObjectConflict as conflict:
        if not conflict.fields:
            raise
        if _REPLICAS in conflict.fields and _is_autoscaled(objects, target):
            return objects.apply(_without_replicas(target), dry_run=dry_run)
    return objects.apply(target, dry_run=dry_run)


def with_live_replicas(target: ManifestTarget, live: Json | None) -> ManifestTarget:
    """The target with the live replicas, if Slipway set them before and the manifest does not set them. Pure."""
    spec, live_spec = target.manifest.get("spec"), (live or {}).get("spec")
    if live is None or not isinstance(spec, dict) or not isinstance(live_spec, dict):
        return target
    if (target.kind.group, target.kind.kind) not in _SCALED or "replicas" in spec or "replicas" not in live_spec:
        return target
    if _owners_of_replicas(live) != {FIELD_MANAGER}:  # others' replicas stay by themselves
        return target
    return target.evolve(manifest={**target.manifest, "spec": {**spec, "replicas": live_spec["replicas"]}})


def _owners_of_replicas(live: Json) -> set[Any]:
    entries = live["metadata"].get("managedFields") or ()
    return {
        entry.get("manager")
        for entry in entries
        if entry.get("subresource") != "status" and "f:replicas" in ((entry.get("fieldsV1") or {}).get("f:spec") or {})
    }


def _is_autoscaled(objects: Objects, target: ManifestTarget) -> bool:
    if target.namespace is None:
        return False
    return any(scales(autoscaler, target) for autoscaler in objects.list(_AUTOSCALER, target.namespace, selector=""))


def scales(autoscaler: Json, target: ManifestTarget) -> bool:
    """Whether the autoscaler is for the target, in any version of its group."""
    scaled = (autoscaler.get("spec") or {}).get("scaleTargetRef") or {}
    scaled_kind = (_group(str(scaled.get("apiVersion") or "")), scaled.get("kind"), scaled.get("name"))
    return scaled_kind == (_group(target.kind.api_version), target.kind.kind, target.name)


def _group(api_version: str) -> str:
    return api_version.rpartition("/")[0]


def _without_replicas(target: ManifestTarget) -> ManifestTarget:
    spec = {field: value for field, value in target.manifest["spec"].items() if field != "replicas"}
    return target.evolve(manifest={**target.manifest, "spec": spec})
