"""The kinds of objects in a cluster, custom ones included, with one request however many operators there are.

Aggregated discovery (Kubernetes 1.30 and later) lists all groups, versions and kinds at once, and also the groups that
do not answer, such as one whose extension server is down.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from slipway.domain.model import Record

from .connection import Connection
from .errors import AccessDenied, ObjectRefused
from .kinds import BUILT_IN, Kind
from .records import CUSTOM_KINDS, Unsearched

_ACCEPT = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json"
_DOCUMENT = "APIGroupDiscoveryList"
MAX_KINDS = 300
"""The most kinds that are looked at; clusters with more have hundreds of cloud resources as kinds."""

_OF_CONTROLLERS = frozenset(
    {
        *("Endpoints", "EndpointSlice", "Event", "ControllerRevision", "Lease", "CSIStorageCapacity", "ResourceClaim"),
        *("PodMetrics", "PodTemplate"),
    }
)
"""Kinds whose objects are made by controllers, or that no release brings."""


class Kinds(Record):
    """The kinds in which a release may have objects, and the groups that did not answer."""

    kinds: tuple[Kind, ...]
    unknown: tuple[Unsearched, ...] = ()


def namespaced_kinds(connection: Connection) -> Kinds:
    """Every kind with a namespace that can be listed and deleted. Raises `ClusterError`."""
    built_in = [kind for kind in BUILT_IN.values() if _may_be_ours(kind)]
    try:
        answer = connection.send("GET", "/apis", what="look up the cluster's kinds", headers={"Accept": _ACCEPT}).body
    except (AccessDenied, ObjectRefused):
        answer = {}
    if answer.get("kind") != _DOCUMENT:
        return Kinds(
            kinds=tuple(built_in), unknown=(Unsearched(kind=CUSTOM_KINDS, why="the cluster does not list them"),)
        )
    core = [kind for kind in built_in if kind.api_version == "v1"]
    groups = [group for group in answer.get("items") or () if isinstance(group, Mapping)]
    kinds = dict.fromkeys([*core, *(kind for group in groups for kind in _kinds_of_group(group))])
    stale = [Unsearched(kind=f"*.{name}", why="its server does not answer") for name in _stale_groups(groups)]
    beyond = [Unsearched(kind=kind.qualified, why=f"more than {MAX_KINDS} kinds") for kind in list(kinds)[MAX_KINDS:]]
    return Kinds(kinds=tuple(kinds)[:MAX_KINDS], unknown=(*stale, *beyond))


def _kinds_of_group(group: Mapping[str, Any]) -> Iterator[Kind]:
    """Each kind of the group once, in the version that the server prefers among those that have it."""
    name, versions = str((group.get("metadata") or {}).get("name") or ""), set[str]()
    for version in group.get("versions") or ():
        for resource in version.get("resources") or ():
            kind = _kind(f"{name}/{version.get('version')}", resource)
            if kind is not None and kind.plural not in versions:
                versions.add(kind.plural)
                if _may_be_ours(kind):
                    yield kind


def _kind(api_version: str, resource: Mapping[str, Any]) -> Kind | None:
    verbs = set(resource.get("verbs") or ())
    kind, plural = (resource.get("responseKind") or {}).get("kind"), resource.get("resource")
    if not kind or not plural or not {"list", "delete"} <= verbs:
        return None
    return Kind(
        api_version=api_version,
        kind=str(kind),
        plural=str(plural),
        namespaced=resource.get("scope") == "Namespaced",
    )


def _may_be_ours(kind: Kind) -> bool:
    return kind.namespaced and kind.kind not in _OF_CONTROLLERS


def _stale_groups(groups: list[Mapping[str, Any]]) -> list[str]:
    return [
        str((group.get("metadata") or {}).get("name") or "")
        for group in groups
        if any(version.get("freshness") == "Stale" for version in group.get("versions") or ())
    ]
