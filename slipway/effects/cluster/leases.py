"""The Lease that holds a fence: reading and writing it."""

from collections.abc import Mapping
from typing import Any, Final

from slipway.domain.fence import Claim, LeaseState

from .connection import Connection
from .errors import Missing
from .kinds import BUILT_IN
from .names import APPLICATION_LABEL, ENVIRONMENT_LABEL, FENCE_ANNOTATION, MANAGED_BY, MANAGED_BY_LABEL
from .records import Json

_LEASE: Final = BUILT_IN["coordination.k8s.io/v1", "Lease"]


def read_lease(connection: Connection, namespace: str, name: str) -> LeaseState | None:
    """Raises `ClusterError`."""
    try:
        live = connection.send("GET", _LEASE.path(namespace, name), what=f"read Lease/{name}").body
    except Missing as missing:
        if missing.name == name:
            return None
        raise
    metadata = live["metadata"]
    text = (metadata.get("annotations") or {}).get(FENCE_ANNOTATION)
    return LeaseState(
        text=text,
        written_by=_last_writer(metadata),
        uid=metadata["uid"],
        version=metadata["resourceVersion"],
    )


def lease_document(claim: Claim, before: LeaseState | None) -> Json:
    """The Lease with the claim's order, in place of the one that was read."""
    fence = claim.fence
    version = {"uid": before.uid, "resourceVersion": before.version} if before is not None else {}
    return {
        "apiVersion": _LEASE.api_version,
        "kind": _LEASE.kind,
        "metadata": {
            "name": claim.lease,
            "labels": {
                MANAGED_BY_LABEL: MANAGED_BY,
                APPLICATION_LABEL: fence.application,
                ENVIRONMENT_LABEL: fence.environment,
            },
            "annotations": {FENCE_ANNOTATION: fence.text},
            **version,
        },
        "spec": {"holderIdentity": f"{claim.release} order {claim.order}"},
    }


def _last_writer(metadata: Mapping[str, Any]) -> str:
    """The manager of its newest managed field: `kubectl-edit at 2026-11-28T09:30:00Z`."""
    entries = [entry for entry in metadata.get("managedFields") or () if isinstance(entry, dict)]
    newest = max(entries, key=lambda entry: str(entry.get("time") or ""), default=None)
    return f"{newest.get('manager')} at {newest.get('time')}"[:200] if newest else "nobody"
