"""Definitions: names are accepted, the kind is served a moment later, and its objects go before it does."""

import copy
from datetime import datetime, timedelta

from ..resources import DEFINITIONS, Json
from ..store import Store
from ..structural import ESTABLISHED, defined

CLEANS_UP = "customresourcecleanup.apiextensions.k8s.io"
_MOMENT = timedelta(milliseconds=200)
"""The time until a new kind is served: a client that asks earlier is told that it does not exist."""


_ACCEPTED = "the initial names have been accepted"


class Definitions:
    """Serves each definition's kind."""

    resource = DEFINITIONS

    def __init__(self, store: Store) -> None:
        self._store = store
        self._seen: dict[str, datetime] = {}
        """When each was first seen, by uid."""

    def reconcile(self, thing: Json) -> None:
        if "deletionTimestamp" in thing["metadata"]:
            self._clean_up(thing)
            return
        uid = thing["metadata"]["uid"]
        began = self._seen.setdefault(uid, self._store.clock())
        if defined(thing) is None and self._store.clock() - began >= _MOMENT:
            if CLEANS_UP not in (thing["metadata"].get("finalizers") or []):
                new = copy.deepcopy(thing)
                new["metadata"]["finalizers"] = [*(new["metadata"].get("finalizers") or []), CLEANS_UP]
                thing = self._store.update(DEFINITIONS, thing, new, manager="kube-apiserver")
            self._establish(thing)

    def _establish(self, thing: Json) -> None:
        spec = thing["spec"]
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
        self._store.set_status(DEFINITIONS, thing, status, manager="kube-apiserver")

    def _clean_up(self, thing: Json) -> None:
        kind = defined(thing)
        found = self._store.find(kind) if kind is not None else []
        for each in found:
            if kind is not None and "deletionTimestamp" not in each["metadata"]:
                self._store.delete(kind, each)
        if not found and CLEANS_UP in (thing["metadata"].get("finalizers") or []):
            new = copy.deepcopy(thing)
            new["metadata"]["finalizers"] = [one for one in new["metadata"]["finalizers"] if one != CLEANS_UP]
            self._store.update(DEFINITIONS, thing, new, manager="kube-apiserver")
