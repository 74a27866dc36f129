"""The objects, their versions and their history: the double's etcd, in memory.

Everything happens under one lock, which is also the condition on which watchers and controllers wait. A stored object
is never changed in place: readers may keep it, writers store a new one.
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
    """One event of the history from which watches are served."""

    version: int
    type: str
    resource: Resource
    object: Json
    before: Json | None


def name_suffix() -> str:
    """Five characters, as generateName appends them."""
    return "".join(secrets.choice(_NAME_CHARACTERS) for _ in range(5))


class Store:
    """Creates, reads, replaces and deletes objects, and keeps their history."""

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
        """All objects of a kind, in one namespace or everywhere, sorted by namespace and name."""
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
        for (api_version, plural, _, _), api_object in entries:
            resource = self.at_path(api_version, plural)
            if resource is not None:
                yield resource, api_object

    # ---- kinds

    def custom(self) -> list[Resource]:
        """The kinds that definitions add, once they are served."""
        return [
            resource
            for definition in self.find(DEFINITIONS)
            if (resource := structural.resource_of(definition)) is not None
        ]

    def resources(self) -> tuple[Resource, ...]:
        return (*RESOURCES, *self.custom())

    def at_path(self, api_version: str, plural: str) -> Resource | None:
        if (built_in := by_path(api_version, plural)) is not None:
            return built_in
        return next((r for r in self.custom() if (r.api_version, r.plural) == (api_version, plural)), None)

    def of_kind(self, api_version: str, kind: str) -> Resource | None:
        if (built_in := by_kind(api_version, kind)) is not None:
            return built_in
        return next((r for r in self.custom() if (r.api_version, r.kind) == (api_version, kind)), None)

    # ---- dump and load

    def dump(self) -> list[Json]:
        """Every object. They are never changed in place, so they may be written after the lock is released."""
        with self.changed:
            return list(self._objects.values())

    def load(self, version: int, objects: list[Json]) -> None:
        """Load what was stored, before anything else happens. Watches start over after it."""
        # Definitions first: without them the custom objects have no kind.
        for stored in sorted(objects, key=lambda one: one["kind"] != DEFINITIONS.kind):
            resource = self.of_kind(stored["apiVersion"], stored["kind"])
            if resource is not None:
                self._objects[object_key(resource, stored)] = stored
        self.version = self.oldest = version

    # ---- writing

    def create(self, resource: Resource, namespace: str | None, body: Json, *, dry_run: bool = False) -> Json:
        api_object = copy.deepcopy(body) | {"apiVersion": resource.api_version, "kind": resource.kind}
        metadata = api_object.setdefault("metadata", {})
        validation.check_generate_name(resource, metadata)
        if not metadata.get("name"):
            metadata["name"] = metadata["generateName"] + name_suffix()
        metadata |= {"uid": str(uuid.uuid4()), "creationTimestamp": self.timestamp()}
        if resource.namespaced:
            metadata["namespace"] = namespace
        if resource.generation:
            metadata["generation"] = 1
        if resource.has_status:
            api_object.pop("status", None)
        if resource is NAMESPACES:
            api_object["status"] = {"phase": "Active"}
        if resource.kind == "Pod":
            api_object["status"] = {"phase": "Pending"}
        _merge_string_data(resource, api_object)
        api_object = _with_defaults(resource, api_object)
        validation.check_object(resource, api_object)
        with self.changed:
            self._check_place(resource, namespace, metadata["name"])
            if dry_run:
                return api_object
            return self._commit("ADDED", resource, api_object, None)

    def replace(
        self, resource: Resource, old: Json, new: Json, *, subresource: str = "", dry_run: bool = False
    ) -> Json:
        """Store a changed object; nothing happens if nothing differs."""
        api_object = self._successor(resource, old, new, subresource)
        if not subresource:
            _merge_string_data(resource, api_object)
            api_object = _with_defaults(resource, api_object)
            validation.check_object(resource, api_object)
            validation.check_change(resource, old, api_object)
        with self.changed:
            key = object_key(resource, old)
            current = self._objects.get(key)
            if current is None:
                raise not_found(resource, key[3])
            if current is not old:
                raise modified(resource, key[3])
            if _without_times(api_object) == _without_times(old):
                return old
            if dry_run:
                return api_object
            stored = self._commit("MODIFIED", resource, api_object, old)
            metadata = stored["metadata"]
            released = metadata.get("deletionTimestamp") and not metadata.get("finalizers")
            if released and resource.kind not in ("Pod", "Namespace"):  # these two are removed once they have ended
                self.remove(resource, stored)
            return stored

    def set_status(self, resource: Resource, api_object: Json, status: Json, *, manager: str = SYSTEM_MANAGER) -> Json:
        """Write the status to the version that was read, as controllers and the kubelet do."""
        if api_object.get("status") == status:
            return api_object
        changed = copy.deepcopy(api_object) | {"status": status}
        record_update(api_object, changed, manager=manager, subresource="status", time=self.timestamp())
        return self.replace(resource, api_object, changed, subresource="status")

    def update(self, resource: Resource, api_object: Json, new: Json, *, manager: str = SYSTEM_MANAGER) -> Json:
        """Replace on behalf of a controller."""
        record_update(api_object, new, manager=manager, subresource="", time=self.timestamp())
        return self.replace(resource, api_object, new)

    def delete(self, resource: Resource, api_object: Json, *, grace: int | None = None) -> Json:
        """Request deletion. Pods end first, finalizers are waited for, namespaces are emptied."""
        metadata = api_object["metadata"]
        waits = bool(metadata.get("finalizers")) or resource is NAMESPACES
        if resource.kind == "Pod":
            seconds = (
                (api_object.get("spec") or {}).get("terminationGracePeriodSeconds", 30) if grace is None else grace
            )
            waits = waits or seconds > 0
        if not waits:
            return self.remove(resource, api_object)
        if metadata.get("deletionTimestamp"):
            return api_object
        changed = copy.deepcopy(api_object)
        changed["metadata"]["deletionTimestamp"] = self.timestamp()
        if resource is not DEFINITIONS:
            changed["metadata"]["deletionGracePeriodSeconds"] = seconds if resource.kind == "Pod" else 0
        if resource is NAMESPACES:
            changed["status"] = {"phase": "Terminating"}
        with self.changed:
            return self._commit("MODIFIED", resource, changed, api_object)

    def remove(self, resource: Resource, api_object: Json) -> Json:
        """Remove the object for good."""
        with self.changed:
            removed = self._objects.pop(object_key(resource, api_object), None)
            if removed is None:
                return api_object
            self.version += 1
            last = copy.deepcopy(removed)
            last["metadata"]["resourceVersion"] = str(self.version)
            self._remember(Change(version=self.version, type="DELETED", resource=resource, object=last, before=removed))
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
            api_object = copy.deepcopy(old)
            api_object["status"] = copy.deepcopy(new.get("status", {}))
            api_object["metadata"]["managedFields"] = new["metadata"].get("managedFields", [])
            return api_object
        api_object = copy.deepcopy(new) | {"apiVersion": resource.api_version, "kind": resource.kind}
        fixed = ("uid", "creationTimestamp", "name", "namespace", "deletionTimestamp", "deletionGracePeriodSeconds")
        for name in fixed:
            api_object["metadata"].pop(name, None)
        api_object["metadata"] |= {k: old["metadata"][k] for k in fixed if k in old["metadata"]}
        if resource.has_status:
            api_object.pop("status", None)
            api_object |= {"status": old["status"]} if "status" in old else {}
        if resource.kind == "Service" and "clusterIP" in (old.get("spec") or {}):
            (api_object.get("spec") or {}).setdefault("clusterIP", old["spec"]["clusterIP"])
        if resource.generation:
            api_object = _with_defaults(resource, api_object)
            grown = _counted_part(resource, api_object) != _counted_part(resource, old) or _annotations_changed(
                resource, old, api_object
            )
            api_object["metadata"]["generation"] = old["metadata"].get("generation", 1) + grown
        return api_object

    def _commit(self, kind: str, resource: Resource, api_object: Json, before: Json | None) -> Json:
        self.version += 1
        api_object["metadata"]["resourceVersion"] = str(self.version)
        self._objects[object_key(resource, api_object)] = api_object
        self._remember(Change(version=self.version, type=kind, resource=resource, object=api_object, before=before))
        return api_object

    def _remember(self, change: Change) -> None:
        self.history.append(change)
        while len(self.history) > self._kept_events:
            self.oldest = self.history.popleft().version
        self.changed.notify_all()


def _counted_part(resource: Resource, api_object: Json) -> Any:
    """The part of an object whose changes increase its generation."""
    if resource.structural is None:
        return api_object.get("spec")
    return {name: value for name, value in api_object.items() if name not in ("metadata", *resource.subresources)}


def _annotations_changed(resource: Resource, old: Json, new: Json) -> bool:
    """Changes of a Deployment's annotations count too, except for the one that its controller writes as status."""
    if resource.kind != "Deployment":
        return False
    before, after = ({**(api_object["metadata"].get("annotations") or {})} for api_object in (old, new))
    for annotations in (before, after):
        annotations.pop(REVISION, None)
    return before != after


def object_key(resource: Resource, api_object: Json) -> ObjectKey:
    metadata = api_object["metadata"]
    return (resource.api_version, resource.plural, metadata.get("namespace") or "", metadata["name"])


def _with_defaults(resource: Resource, api_object: Json) -> Json:
    """The object with a server's defaults."""
    if resource.structural is not None:
        return dict(structural.with_defaults(resource.structural, api_object))
    defaults.fill(api_object)
    if resource is DEFINITIONS:
        structural.fill_definition(api_object)
    return api_object


def _merge_string_data(resource: Resource, api_object: Json) -> None:
    if resource.kind == "Secret":
        defaults.secret(api_object)


def _without_times(api_object: Json) -> Json:
    """The object for a comparison: without its version and without the owners' times."""
    metadata = {k: v for k, v in api_object["metadata"].items() if k != "resourceVersion"}
    metadata["managedFields"] = [
        {k: v for k, v in entry.items() if k != "time"} for entry in metadata.get("managedFields") or []
    ]
    return api_object | {"metadata": metadata}
