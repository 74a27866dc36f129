"""The objects, their versions and what happened to them: the double's etcd, in memory.

Everything is done under one lock, which is also the condition that watchers and controllers wait on. A stored
object is never changed in place: readers may keep it, writers store a new one.
"""

import copy
import secrets
import threading
import uuid
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from . import defaults, structural, validation
from .errors import already_exists, modified, not_found
from .ownership import record_update
from .resources import DEFINITIONS, NAMESPACES, RESOURCES, Json, Resource, by_kind, by_path
from .selectors import fields_match, labels_match

KEPT_EVENTS = 5000
REVISION = "deployment.kubernetes.io/revision"
SYSTEM_MANAGER = "kube-controller-manager"
_NAME_CHARACTERS = "bcdfghjklmnpqrstvwxz2456789"

type ObjectKey = tuple[str, str, str, str]
"""(apiVersion, plural, namespace or "", name)"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """One event of the history that watches are served from."""

    version: int
    type: str
    resource: Resource
    object: Json
    before: Json | None


def name_suffix() -> str:
    """Five characters, as generateName adds."""
    return "".join(secrets.choice(_NAME_CHARACTERS) for _ in range(5))


class Store:
    """Create, read, replace, delete, and the history of it."""

    def __init__(
        self, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC), kept_events: int = KEPT_EVENTS
    ) -> None:
        self.changed = threading.Condition(threading.RLock())
        self.clock = clock
        self.version = 100
        self.oldest = self.version
        self.history: deque[Change] = deque()
        self._kept_events = kept_events
        self._objects: dict[ObjectKey, Json] = {}

    def timestamp(self) -> str:
        return self.clock().strftime("%Y-%m-%dT%H:%M:%SZ")

    # ---- reading

    def get(self, resource: Resource, namespace: str | None, name: str) -> Json | None:
        with self.changed:
            return self._objects.get((resource.api_version, resource.plural, namespace or "", name))

    def need(self, resource: Resource, namespace: str | None, name: str) -> Json:
        stored = self.get(resource, namespace, name)
        if stored is None:
            raise not_found(resource, name)
        return stored

    def find(
        self, resource: Resource, namespace: str | None = None, *, labels: str | None = None, fields: str | None = None
    ) -> list[Json]:
        """All of a kind, in one namespace or everywhere, by namespace and name."""
        with self.changed:
            keys = sorted(
                k
                for k in self._objects
                if k[:2] == (resource.api_version, resource.plural) and namespace in (None, k[2])
            )
            matching = [self._objects[k] for k in keys]
        return [
            o for o in matching if labels_match(labels, o["metadata"].get("labels") or {}) and fields_match(fields, o)
        ]

    def everything(self) -> Iterator[tuple[Resource, Json]]:
        with self.changed:
            entries = list(self._objects.items())
        for (api_version, plural, _, _), thing in entries:
            resource = self.at_path(api_version, plural)
            if resource is not None:
                yield resource, thing

    # ---- kinds

    def custom(self) -> list[Resource]:
        """The kinds that definitions add, once they are served."""
        return [resource for each in self.find(DEFINITIONS) if (resource := structural.defined(each)) is not None]

    def resources(self) -> tuple[Resource, ...]:
        return (*RESOURCES, *self.custom())

    def at_path(self, api_version: str, plural: str) -> Resource | None:
        if (found := by_path(api_version, plural)) is not None:
            return found
        return next((r for r in self.custom() if (r.api_version, r.plural) == (api_version, plural)), None)

    def of_kind(self, api_version: str, kind: str) -> Resource | None:
        if (found := by_kind(api_version, kind)) is not None:
            return found
        return next((r for r in self.custom() if (r.api_version, r.kind) == (api_version, kind)), None)

    # ---- keeping

    def dump(self) -> list[Json]:
        """Every object. They are never changed in place, so they may be written after the lock is released."""
        with self.changed:
            return list(self._objects.values())

    def load(self, version: int, objects: list[Json]) -> None:
        """Take in what was kept, before anything else happens. Watches start over after it."""
        # Definitions first: without them the custom objects have no kind.
        for each in sorted(objects, key=lambda one: one["kind"] != DEFINITIONS.kind):
            resource = self.of_kind(each["apiVersion"], each["kind"])
            if resource is not None:
                self._objects[object_key(resource, each)] = each
        self.version = self.oldest = version

    # ---- writing

    def create(self, resource: Resource, namespace: str | None, body: Json, *, dry_run: bool = False) -> Json:
        thing = copy.deepcopy(body) | {"apiVersion": resource.api_version, "kind": resource.kind}
        metadata = thing.setdefault("metadata", {})
        validation.check_generate_name(resource, metadata)
        if not metadata.get("name"):
            metadata["name"] = metadata["generateName"] + name_suffix()
        metadata |= {"uid": str(uuid.uuid4()), "creationTimestamp": self.timestamp()}
        if resource.namespaced:
            metadata["namespace"] = namespace
        if resource.generation:
            metadata["generation"] = 1
        if resource.has_status:
            thing.pop("status", None)
        if resource is NAMESPACES:
            thing["status"] = {"phase": "Active"}
        if resource.kind == "Pod":
            thing["status"] = {"phase": "Pending"}
        _merge_string_data(resource, thing)
        thing = _filled(resource, thing)
        validation.check_object(resource, thing)
        with self.changed:
            self._check_place(resource, namespace, metadata["name"])
            if dry_run:
                return thing
            return self._commit("ADDED", resource, thing, None)

    def replace(
        self, resource: Resource, old: Json, new: Json, *, subresource: str = "", dry_run: bool = False
    ) -> Json:
        """Store a changed object; nothing happens when nothing differs."""
        thing = self._successor(resource, old, new, subresource)
        if not subresource:
            _merge_string_data(resource, thing)
            thing = _filled(resource, thing)
            validation.check_object(resource, thing)
            validation.check_change(resource, old, thing)
        with self.changed:
            key = object_key(resource, old)
            current = self._objects.get(key)
            if current is None:
                raise not_found(resource, key[3])
            if current is not old:
                raise modified(resource, key[3])
            if _without_times(thing) == _without_times(old):
                return old
            if dry_run:
                return thing
            stored = self._commit("MODIFIED", resource, thing, old)
            metadata = stored["metadata"]
            released = metadata.get("deletionTimestamp") and not metadata.get("finalizers")
            if released and resource.kind not in ("Pod", "Namespace"):  # these two end when they are empty
                self.remove(resource, stored)
            return stored

    def set_status(self, resource: Resource, thing: Json, status: Json, *, manager: str = SYSTEM_MANAGER) -> Json:
        """Write the status of the version that was looked at, as controllers and the kubelet do."""
        if thing.get("status") == status:
            return thing
        new = copy.deepcopy(thing) | {"status": status}
        record_update(thing, new, manager=manager, subresource="status", time=self.timestamp())
        return self.replace(resource, thing, new, subresource="status")

    def update(self, resource: Resource, thing: Json, new: Json, *, manager: str = SYSTEM_MANAGER) -> Json:
        """Replace on behalf of a controller."""
        record_update(thing, new, manager=manager, subresource="", time=self.timestamp())
        return self.replace(resource, thing, new)

    def delete(self, resource: Resource, thing: Json, *, grace: int | None = None) -> Json:
        """Ask for deletion. Pods end first, finalizers are waited for, namespaces are emptied."""
        metadata = thing["metadata"]
        waits = bool(metadata.get("finalizers")) or resource is NAMESPACES
        if resource.kind == "Pod":
            seconds = (thing.get("spec") or {}).get("terminationGracePeriodSeconds", 30) if grace is None else grace
            waits = waits or seconds > 0
        if not waits:
            return self.remove(resource, thing)
        if metadata.get("deletionTimestamp"):
            return thing
        new = copy.deepcopy(thing)
        new["metadata"]["deletionTimestamp"] = self.timestamp()
        if resource is not DEFINITIONS:
            new["metadata"]["deletionGracePeriodSeconds"] = seconds if resource.kind == "Pod" else 0
        if resource is NAMESPACES:
            new["status"] = {"phase": "Terminating"}
        with self.changed:
            return self._commit("MODIFIED", resource, new, thing)

    def remove(self, resource: Resource, thing: Json) -> Json:
        """The object is gone."""
        with self.changed:
            gone = self._objects.pop(object_key(resource, thing), None)
            if gone is None:
                return thing
            self.version += 1
            last = copy.deepcopy(gone)
            last["metadata"]["resourceVersion"] = str(self.version)
            self._remember(Change(version=self.version, type="DELETED", resource=resource, object=last, before=gone))
            return last

    # ---- inside

    def _check_place(self, resource: Resource, namespace: str | None, name: str) -> None:
        if resource.namespaced:
            home = self.need(NAMESPACES, None, namespace or "")
            if home["metadata"].get("deletionTimestamp"):
                raise validation.terminating(namespace or "", resource, name)
        if self.get(resource, namespace, name) is not None:
            raise already_exists(resource, name)

    def _successor(self, resource: Resource, old: Json, new: Json, subresource: str) -> Json:
        if subresource == "status":
            thing = copy.deepcopy(old)
            thing["status"] = copy.deepcopy(new.get("status", {}))
            thing["metadata"]["managedFields"] = new["metadata"].get("managedFields", [])
            return thing
        thing = copy.deepcopy(new) | {"apiVersion": resource.api_version, "kind": resource.kind}
        fixed = ("uid", "creationTimestamp", "name", "namespace", "deletionTimestamp", "deletionGracePeriodSeconds")
        for name in fixed:
            thing["metadata"].pop(name, None)
        thing["metadata"] |= {k: old["metadata"][k] for k in fixed if k in old["metadata"]}
        if resource.has_status:
            thing.pop("status", None)
            thing |= {"status": old["status"]} if "status" in old else {}
        if resource.kind == "Service" and "clusterIP" in (old.get("spec") or {}):
            (thing.get("spec") or {}).setdefault("clusterIP", old["spec"]["clusterIP"])
        if resource.generation:
            thing = _filled(resource, thing)
            grown = _decides(resource, thing) != _decides(resource, old) or _annotated(resource, old, thing)
            thing["metadata"]["generation"] = old["metadata"].get("generation", 1) + grown
        return thing

    def _commit(self, kind: str, resource: Resource, thing: Json, before: Json | None) -> Json:
        self.version += 1
        thing["metadata"]["resourceVersion"] = str(self.version)
        self._objects[object_key(resource, thing)] = thing
        self._remember(Change(version=self.version, type=kind, resource=resource, object=thing, before=before))
        return thing

    def _remember(self, change: Change) -> None:
        self.history.append(change)
        while len(self.history) > self._kept_events:
            self.oldest = self.history.popleft().version
        self.changed.notify_all()


def _decides(resource: Resource, thing: Json) -> Any:
    """The part of an object whose changes its generation counts."""
    if resource.structural is None:
        return thing.get("spec")
    return {name: value for name, value in thing.items() if name not in ("metadata", *resource.subresources)}


def _annotated(resource: Resource, old: Json, new: Json) -> bool:
    """A Deployment counts a change of its annotations too, but for the one that its controller writes as status."""
    if resource.kind != "Deployment":
        return False
    before, after = ({**(thing["metadata"].get("annotations") or {})} for thing in (old, new))
    for annotations in (before, after):
        annotations.pop(REVISION, None)
    return before != after


def object_key(resource: Resource, thing: Json) -> ObjectKey:
    metadata = thing["metadata"]
    return (resource.api_version, resource.plural, metadata.get("namespace") or "", metadata["name"])


def _filled(resource: Resource, thing: Json) -> Json:
    """With what a server fills in."""
    if resource.structural is not None:
        return dict(structural.with_defaults(resource.structural, thing))
    defaults.fill(thing)
    if resource is DEFINITIONS:
        structural.fill_definition(thing)
    return thing


def _merge_string_data(resource: Resource, thing: Json) -> None:
    if resource.kind == "Secret":
        defaults.secret(thing)


def _without_times(thing: Json) -> Json:
    """For comparing: owners without their times, no version."""
    metadata = {k: v for k, v in thing["metadata"].items() if k != "resourceVersion"}
    metadata["managedFields"] = [
        {k: v for k, v in entry.items() if k != "time"} for entry in metadata.get("managedFields") or []
    ]
    return thing | {"metadata": metadata}
