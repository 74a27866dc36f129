"""Operations on objects, one request each: get and list, and dry runs. `fencing.py` has everything that writes."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum
from typing import Any

from slipway.domain.errors import Inconsistent
from slipway.domain.model import Record

from .connection import ApiServerResponse, Connection
from .errors import Missing
from .kinds import BUILT_IN, Kind, KindLookup, ManifestTarget
from .names import FIELD_MANAGER
from .records import Json

MOST_LISTED = 10_000
"""The most objects of one list: a workload may have thousands of pods."""
_PAGE = 500

_AT_ONCE = 8
_STRICT = ("fieldValidation", "Strict")
_ALL_METADATA = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"
_METADATA = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json"


class Propagation(StrEnum):
    """What happens to an object's dependents when it is deleted."""

    BACKGROUND = "Background"
    """They are deleted after it."""
    FOREGROUND = "Foreground"
    """It is deleted after them."""


class ObjectPage(Record):
    """The first objects of a list, and whether there are more."""

    items: tuple[Json, ...]
    more: bool = False


class Objects:
    """Objects of one cluster. Only `FencedObjects` writes."""

    def __init__(self, connection: Connection, kinds: KindLookup | None = None) -> None:
        self.connection = connection
        self.kinds = kinds or KindLookup(self._resources_of, self._versions_of)

    def get(self, kind: Kind, name: str, namespace: str | None) -> Json | None:
        """The live object; None if there is none. Raises `Missing` for a missing kind or namespace."""
        what = f"read {kind.kind}/{name}"
        try:
            path, withhold = kind.path(namespace, name), kind.kind == "Secret"
            return self.connection.send("GET", path, what=what, withhold=withhold).body
        except Missing as missing:
            if missing.name == name:
                return None
            raise

    def metadata(self, kind: Kind, name: str, namespace: str | None) -> Json | None:
        """The metadata of the live object; None if there is none. Raises `Missing` for a missing kind or namespace."""
        try:
            answer = self.connection.send(
                "GET", kind.path(namespace, name), what=f"look for {kind.kind}/{name}", headers={"Accept": _METADATA}
            )
        except Missing as missing:
            if missing.name == name:
                return None
            raise
        return dict(answer.body["metadata"])

    def list(self, kind: Kind, namespace: str, *, selector: str, fields: str = "") -> list[Json]:
        """The first `MOST_LISTED` objects that match a label selector and a field selector (all if they are empty)."""
        return [*self._pages(kind, namespace, selector=selector, fields=fields).items]

    def page(self, kind: Kind, namespace: str, *, selector: str) -> ObjectPage:
        """The metadata of the first `MOST_LISTED` objects that match a label selector."""
        return self._pages(kind, namespace, selector=selector, headers={"Accept": _ALL_METADATA})

    def _pages(
        self, kind: Kind, namespace: str, *, selector: str, fields: str = "", headers: Mapping[str, str] | None = None
    ) -> ObjectPage:
        """All pages up to the limit. A full page may be the last one: only asking for the next one tells."""
        items, following = list[Json](), ""
        while True:
            answer = self._page(kind, namespace, selector=selector, fields=fields, following=following, headers=headers)
            items += _items(answer)
            following = _next_page_token(answer)
            if not following or len(items) >= MOST_LISTED:
                return ObjectPage(items=tuple(items), more=bool(following))

    def _page(
        self,
        kind: Kind,
        namespace: str,
        *,
        selector: str,
        fields: str = "",
        following: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> ApiServerResponse:
        return self.connection.send(
            "GET",
            kind.path(namespace),
            what=f"list {kind.plural} in namespace {namespace}",
            query=(
                *((("labelSelector", selector),) if selector else ()),
                *((("fieldSelector", fields),) if fields else ()),
                ("limit", str(_PAGE)),
                *((("continue", following),) if following else ()),
            ),
            headers=headers,
        )

    def apply(
        self, target: ManifestTarget, *, dry_run: bool = False, force: bool = True, manager: str = FIELD_MANAGER
    ) -> ApiServerResponse:
        """Server-side apply: create the object, or set the manifest's fields.

        With `force`, the fields are taken over from other managers; without it the answer is a `Conflict` that names
        them.
        """
        _demand_dry_run(target.label, dry_run=dry_run)
        return self._send_apply(target, dry_run=True, force=force, manager=manager)

    def patch(
        self, target: ManifestTarget, operations: Sequence[Mapping[str, Any]], *, dry_run: bool = False
    ) -> ApiServerResponse:
        """A JSON patch (RFC 6902)."""
        _demand_dry_run(target.label, dry_run=dry_run)
        return self._send_patch(target, operations, dry_run=True)

    def _send_apply(
        self, target: ManifestTarget, *, dry_run: bool = False, force: bool, manager: str
    ) -> ApiServerResponse:
        return self.connection.send(
            "PATCH",
            target.path,
            what=f"{'check' if dry_run else 'apply'} {target.label}",
            query=(
                ("fieldManager", manager),
                _STRICT,
                *((("force", "true"),) if force else ()),
                *((("dryRun", "All"),) if dry_run else ()),
            ),
            body=target.manifest,
            headers={"Content-Type": "application/apply-patch+yaml"},
            withhold=target.is_secret,
        )

    def _send_patch(
        self, target: ManifestTarget, operations: Sequence[Mapping[str, Any]], *, dry_run: bool = False
    ) -> ApiServerResponse:
        return self.connection.send(
            "PATCH",
            target.path,
            what=f"{'check' if dry_run else 'change'} {target.label}",
            query=(("fieldManager", FIELD_MANAGER), *((("dryRun", "All"),) if dry_run else ())),
            body=list(operations),
            headers={"Content-Type": "application/json-patch+json"},
            withhold=target.is_secret,
        )

    def _send_create(self, target: ManifestTarget) -> ApiServerResponse:
        return self.connection.send(
            "POST",
            target.kind.path(target.namespace),
            what=f"create {target.label}",
            query=(("fieldManager", FIELD_MANAGER), _STRICT),
            body=target.manifest,
        )

    def delete(
        self,
        kind: Kind,
        name: str,
        namespace: str | None,
        metadata: Mapping[str, Any],
        propagation: Propagation = Propagation.BACKGROUND,
        *,
        dry_run: bool = False,
    ) -> Json:
        """Delete exactly the object and version that this metadata is of. Returns the object while something still
        holds it. Raises `ClusterError`."""
        _demand_dry_run(f"{kind.kind}/{name}", dry_run=dry_run)
        return self._send_delete(kind, name, namespace, metadata, propagation, dry_run=True)

    def _send_delete(
        self,
        kind: Kind,
        name: str,
        namespace: str | None,
        metadata: Mapping[str, Any],
        propagation: Propagation,
        *,
        dry_run: bool = False,
    ) -> Json:
        options = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "propagationPolicy": str(propagation),
            "preconditions": {field: metadata[field] for field in ("uid", "resourceVersion") if field in metadata},
            # If there is a body, the server ignores the parameter of that name, and deletes.
            **({"dryRun": ["All"]} if dry_run else {}),
        }
        answer = self.connection.send(
            "DELETE",
            kind.path(namespace, name),
            what=f"{'check the deletion of' if dry_run else 'delete'} {kind.kind}/{name}",
            body=options,
        )
        return answer.body

    def _resources_of(self, api_version: str) -> Iterable[Mapping[str, Any]]:
        root = "/apis/" if "/" in api_version else "/api/"
        try:
            answer = self.connection.send("GET", root + api_version, what=f"look up the kinds of {api_version}")
        except Missing:
            return ()
        return [resource for resource in answer.body.get("resources") or () if isinstance(resource, dict)]

    def _versions_of(self, group: str) -> Iterable[str]:
        try:
            answer = self.connection.send("GET", f"/apis/{group}", what=f"look up the versions of {group}")
        except Missing:
            return ()
        return [str(version.get("groupVersion")) for version in answer.body.get("versions") or ()]


def _next_page_token(answer: ApiServerResponse) -> str:
    """The token for the next page of a list; empty for the last page."""
    return str((answer.body.get("metadata") or {}).get("continue") or "")


def _items(answer: ApiServerResponse) -> list[Json]:
    return [item for item in answer.body.get("items") or () if isinstance(item, dict)]


def _demand_dry_run(label: str, *, dry_run: bool) -> None:
    if not dry_run:
        raise Inconsistent(f"{label} would be written without the fence of a rollout")


def built_in(api_version: str, kind: str) -> Kind:
    """A kind from the table of built-in kinds."""
    return BUILT_IN[api_version, kind]


def map_in_threads[I, O](work: Callable[[I], O], items: Sequence[I]) -> list[O]:
    """Map `work` over the items in parallel. Results are in the order of the items; the first error is raised."""
    if len(items) <= 1:
        return [work(item) for item in items]
    with ThreadPoolExecutor(min(_AT_ONCE, len(items)), thread_name_prefix="cluster") as threads:
        return list(threads.map(work, items))
