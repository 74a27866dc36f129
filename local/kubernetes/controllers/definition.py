"""CustomResourceDefinitions: their names are accepted, their kind is served soon after, and on deletion its objects go
first."""

import copy
from datetime import datetime, timedelta

from ..resources import DEFINITIONS, Json
from ..store import Store
from ..structural import ESTABLISHED, resource_of

CLEANS_UP = "customresourcecleanup.apiextensions.k8s.io"
_MOMENT = timedelta(milliseconds=200)
"""The time until a new kind is served: to a client that asks earlier, it does not exist."""


_ACCEPTED = "the initial names have been accepted"


class Definitions:
    """Serves each definition's kind."""

    resource = DEFINITIONS

    def __init__(self, store: Store) -> None:
        self._store = store
        self._first_seen: dict[str, datetime] = {}
        """When each definition was first seen, by uid."""

    def reconcile(self, definition: Json) -> None:
        if "deletionTimestamp" in definition["metadata"]:
            self._clean_up(definition)
            return
        uid = definition["metadata"]["uid"]
        began = self._first_seen.setdefault(uid, self._store.clock())
        if resource_of(definition) is None and self._store.clock() - began >= _MOMENT:
            if CLEANS_UP not in (definition["metadata"].get("finalizers") or []):
                changed = copy.deepcopy(definition)
                changed["metadata"]["finalizers"] = [*(changed["metadata"].get("finalizers") or []), CLEANS_UP]
                definition = self._store.update(DEFINITIONS, definition, changed, manager="kube-apiserver")
            self._establish(definition)

    def _establish(self, definition: Json) -> None:
        spec = definition["spec"]
        true = {"status": "True", "lastTransitionTime": self._store.timestamp()}
        status = {
            "acceptedNames": dict(spec["names"]),
            "conditions": [
                {**true, "type": "NamesAccepted", "reason": "NoConflicts", "message": "no conflicts found"},
                {
                    **true,
                    "type": ESTABLISHED,
                    "reason": "InitialNamesAccepted",
                    "message": _ACCEPTED,
                },
            ],
            "storedVersions": [version["name"] for version in spec["versions"] if version["storage"]],
        }
        self._store.set_status(DEFINITIONS, definition, status, manager="kube-apiserver")

    def _clean_up(self, definition: Json) -> None:
        kind = resource_of(definition)
        objects = self._store.find(kind) if kind is not None else []
        for custom_object in objects:
            if kind is not None and "deletionTimestamp" not in custom_object["metadata"]:
                self._store.delete(kind, custom_object)
        if not objects and CLEANS_UP in (definition["metadata"].get("finalizers") or []):
            changed = copy.deepcopy(definition)
            changed["metadata"]["finalizers"] = [
                finalizer for finalizer in changed["metadata"]["finalizers"] if finalizer != CLEANS_UP
            ]
            self._store.update(DEFINITIONS, definition, changed, manager="kube-apiserver")
