"""Finds what Slipway applied for one application in one environment, of any kind, and says where it could not look.

The labels select, and the field manager proves: a copy of an object has its labels, but was not applied as `slipway`.
Only metadata is read.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Self

from slipway.domain.drift import APPLIED_BY, applied_too
from slipway.domain.model import NAME_PATTERN, Name, Record

from .discovery import namespaced_kinds
from .errors import AccessDenied, ClusterUnreachable, Missing, ObjectRefused
from .kinds import BUILT_IN, Kind, ManifestTarget
from .names import APPLICATION_LABEL, ENVIRONMENT_LABEL, FIELD_MANAGER, MANAGED_BY, MANAGED_BY_LABEL
from .objects import Objects, map_in_threads
from .records import Json, Unsearched


class Owner(Record):
    """The owner of applied objects."""

    application: Name
    environment: Name

    @classmethod
    def of(cls, application: str, environment: str) -> Self:
        return cls(application=application, environment=environment)

    @property
    def selector(self) -> str:
        return ",".join(f"{name}={value}" for name, value in self.labels.items())

    @property
    def labels(self) -> Mapping[str, str]:
        return {
            MANAGED_BY_LABEL: MANAGED_BY,
            APPLICATION_LABEL: self.application,
            ENVIRONMENT_LABEL: self.environment,
        }

    def __str__(self) -> str:
        return f"{self.application} in {self.environment}"

    def owns(self, metadata: Mapping[str, Any]) -> bool:
        labels = metadata.get("labels") or {}
        return all(labels.get(name) == value for name, value in self.labels.items())


class Owned(Record):
    """One live object; only its metadata is known."""

    kind: Kind
    metadata: Json

    @property
    def name(self) -> str:
        return str(self.metadata["name"])

    @property
    def uid(self) -> str:
        return str(self.metadata["uid"])

    @property
    def also_applied(self) -> str:
        return also_applied(self.metadata)


class Search(Record):
    """The objects found, and the kinds that could not be searched."""

    owned: tuple[Owned, ...]
    unsearched: tuple[Unsearched, ...] = ()


def search(objects: Objects, namespace: str, owner: Owner) -> Search:
    """All objects of the owner in the namespace. Raises `ClusterError` if the cluster itself does not answer."""
    kinds = namespaced_kinds(objects.connection)
    results = map_in_threads(lambda kind: _search_kind(objects, kind, namespace, owner), kinds.kinds)
    owned_objects = [owned for result in results for owned in result.owned]
    return Search(owned=tuple(owned_objects), unsearched=(*(u for r in results for u in r.unsearched), *kinds.unknown))


def check_owner(target: ManifestTarget, live: Mapping[str, Any]) -> None:
    """Raises `ObjectRefused` for an object that Slipway applied for another application or environment.

    Checked when a plan is made, and again before each write.
    """
    theirs, ours = (_owner(each) for each in (live, target.manifest))
    if theirs is None or ours is None or theirs == ours:
        return
    raise ObjectRefused(
        f"{target.label} belongs to {theirs}: two applications, or two environments, that apply one object undo each "
        f"other's rollouts; take it out of the manifests of one of them. To hand it over to {ours}: "
        f"kubectl label {target.kind.plural} {target.name} --overwrite "
        + " ".join(f"{name}={value}" for name, value in ours.labels.items())
    )


def _owner(live: Mapping[str, Any]) -> Owner | None:
    """The owner by the labels; None if they name none."""
    labels = (live.get("metadata") or {}).get("labels") or {}
    labelled = (labels.get(APPLICATION_LABEL), labels.get(ENVIRONMENT_LABEL))
    if labels.get(MANAGED_BY_LABEL) != MANAGED_BY or not all(
        re.fullmatch(NAME_PATTERN, str(name)) for name in labelled
    ):
        return None
    return Owner.of(*map(str, labelled))


def appliers(metadata: Mapping[str, Any]) -> frozenset[str]:
    """The field managers that applied the object, server-side or in Argo CD's way; Slipway is among them if it did."""
    entries = [entry for entry in metadata.get("managedFields") or () if isinstance(entry, Mapping)]
    return frozenset(
        str(entry.get("manager"))
        for entry in entries
        if (entry.get("operation") == "Apply" or entry.get("manager") in APPLIED_BY) and not entry.get("subresource")
    )


def also_applied(metadata: Mapping[str, Any]) -> str:
    """Another tool that has set the object to its own manifest since Slipway's last apply, or that would after one;
    empty if there is none. Each apply of Slipway's has its own time, since it marks the object with its order."""
    entries = [entry for entry in metadata.get("managedFields") or () if not entry.get("subresource")]
    ours = max((str(e.get("time")) for e in entries if e.get("manager") == FIELD_MANAGER), default="")
    later = (str(e.get("manager")) for e in entries if str(e.get("time")) >= ours)
    return next(filter(None, map(applied_too, later)), "")


def is_applied(metadata: Mapping[str, Any]) -> bool:
    """Whether Slipway applied it."""
    return FIELD_MANAGER in appliers(metadata)


def _search_kind(objects: Objects, kind: Kind, namespace: str, owner: Owner) -> Search:
    def failed(why: str) -> Search:
        return Search(owned=(), unsearched=(Unsearched(kind=kind.qualified, why=why),))

    try:
        page = objects.page(kind, namespace, selector=owner.selector)
    except AccessDenied:
        return failed("Slipway's identity may not list it")
    except Missing:  # its definition was deleted after the kinds were read, and its objects with it
        return Search(owned=())
    except ClusterUnreachable:
        if (kind.api_version, kind.kind) in BUILT_IN:
            raise
        return failed("its server does not answer")
    owned_objects = tuple(Owned(kind=kind, metadata=item["metadata"]) for item in page.items)
    more = (Unsearched(kind=kind.qualified, why=f"there are more than {len(owned_objects)}"),) if page.more else ()
    return Search(owned=owned_objects, unsearched=more)


def sorted_by_place(owned_objects: Sequence[Owned]) -> list[Owned]:
    return sorted(owned_objects, key=lambda owned: (owned.kind.qualified, owned.name))
