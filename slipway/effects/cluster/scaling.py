"""Applies a manifest and leaves an autoscaler its replicas: a release is no reason to go back to fewer pods.

A workload that sets replicas is first applied without force, so that the server names what other managers own. Usually
that is nothing, and the one request has done it. Otherwise it is applied with force as any other object, without its
replicas if they are among what it names and a HorizontalPodAutoscaler scales the workload. Where somebody else set
them, such as a person by `kubectl scale`, the manifest's count comes back.
"""

from .connection import ApiServerResponse
from .errors import ObjectConflict
from .kinds import ManifestTarget
from .objects import Objects, built_in
from .records import Json

_AUTOSCALER = built_in("autoscaling/v2", "HorizontalPodAutoscaler")
_REPLICAS = ".spec.replicas"


def apply(objects: Objects, target: ManifestTarget, *, dry_run: bool = False) -> ApiServerResponse:
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


def _is_autoscaled(objects: Objects, target: ManifestTarget) -> bool:
    if target.namespace is None:
        return False
    return any(scales(autoscaler, target) for autoscaler in objects.list(_AUTOSCALER, target.namespace, selector=""))


def scales(autoscaler: Json, target: ManifestTarget) -> bool:
    """Whether the autoscaler is for the target, of whichever version of its group."""
    scaled = (autoscaler.get("spec") or {}).get("scaleTargetRef") or {}
    named = (_group(str(scaled.get("apiVersion") or "")), scaled.get("kind"), scaled.get("name"))
    return named == (_group(target.kind.api_version), target.kind.kind, target.name)


def _group(api_version: str) -> str:
    return api_version.rpartition("/")[0]


def _without_replicas(target: ManifestTarget) -> ManifestTarget:
    spec = {field: value for field, value in target.manifest["spec"].items() if field != "replicas"}
    return target.evolve(manifest={**target.manifest, "spec": spec})
