"""Watches: the history of the store as a stream of JSON lines, for as long as the client listens."""

import json
import time
from collections.abc import Callable, Iterator

from .errors import expired
from .exchange import Request
from .resources import Json, Resource
from .selectors import fields_match, labels_match
from .store import Change, Store

LONGEST = 1800.0
_PAUSE = 1.0
"""Seconds between checks whether the client is still there, while nothing happens."""


class Watch:
    """One watch; iterate over `lines` for what to send."""

    def __init__(
        self, store: Store, resource: Resource, namespace: str | None, request: Request, *, name: str | None = None
    ) -> None:
        self._store = store
        self._resource = resource
        self._namespace = namespace
        self._labels = request.query.get("labelSelector")
        self._fields = request.query.get("fieldSelector") or (f"metadata.name={name}" if name else None)
        self._since = request.query.get("resourceVersion") or "0"
        self._initial = request.flag("sendInitialEvents")
        self._bookmarks = request.flag("allowWatchBookmarks")
        self._seconds = min(float(request.number("timeoutSeconds") or LONGEST), LONGEST)

    def lines(self, listening: Callable[[], bool]) -> Iterator[bytes]:
        """The stream, until the time is up or nobody listens any more."""
        end = time.monotonic() + self._seconds
        with self._store.changed:
            position = self._store.version
            oldest = self._store.oldest
            fresh = self._since == "0" or self._initial
            present = (
                self._store.find(self._resource, self._namespace, labels=self._labels, fields=self._fields)
                if fresh
                else []
            )
        if not fresh:
            if not self._since.isdigit() or int(self._since) < oldest:
                yield _line("ERROR", expired(self._since, oldest).status())
                return
            position = int(self._since)
        yield from (_line("ADDED", api_object) for api_object in present)
        if self._initial:
            yield self._bookmark(position, {"k8s.io/initial-events-end": "true"})
        while (seconds_left := end - time.monotonic()) > 0 and listening():
            changes, position = self._next(position, min(seconds_left, _PAUSE))
            yield from (line for change in changes for line in self._lines_for(change))
        if self._bookmarks:
            yield self._bookmark(position, {})

    def _next(self, position: int, timeout: float) -> tuple[list[Change], int]:
        with self._store.changed:
            if self._store.version <= position:
                self._store.changed.wait(timeout)
            newer: list[Change] = []
            for change in reversed(self._store.history):
                if change.version <= position:
                    break
                newer.append(change)
            return newer[::-1], self._store.version

    def _lines_for(self, change: Change) -> Iterator[bytes]:
        """The change as the selectors see it: an object that begins to match was added, one that ceases to was
        deleted."""
        if change.resource is not self._resource:
            return
        is_matching = change.type != "DELETED" and self._matches(change.object)
        was_matching = change.before is not None and self._matches(change.before)
        if is_matching:
            yield _line("MODIFIED" if was_matching else "ADDED", change.object)
        elif was_matching:
            last = change.object if change.type == "DELETED" else change.before or change.object
            metadata = last["metadata"] | {"resourceVersion": str(change.version)}
            yield _line("DELETED", last | {"metadata": metadata})

    def _matches(self, api_object: Json) -> bool:
        metadata = api_object["metadata"]
        if self._namespace not in (None, metadata.get("namespace")):
            return False
        return labels_match(self._labels, metadata.get("labels") or {}) and fields_match(self._fields, api_object)

    def _bookmark(self, position: int, annotations: dict[str, str]) -> bytes:
        metadata: Json = {"resourceVersion": str(position)} | ({"annotations": annotations} if annotations else {})
        body = {"kind": self._resource.kind, "apiVersion": self._resource.api_version, "metadata": metadata}
        return _line("BOOKMARK", body)


def _line(kind: str, api_object: Json) -> bytes:
    return json.dumps({"type": kind, "object": api_object}).encode() + b"\n"
