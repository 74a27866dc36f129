"""ControllerRevisions: the history of templates that StatefulSets and DaemonSets keep."""

import copy

from ..resources import CONTROLLER_REVISIONS, Json
from ..store import Store
from .common import owned, owner_reference, template_hash

LABEL = "controller-revision-hash"


def revisions(store: Store, owner: Json) -> list[Json]:
    """The owner's revisions, oldest first."""
    return sorted(owned(store, CONTROLLER_REVISIONS, owner), key=lambda r: int(r["revision"]))


def current_revision(store: Store, owner: Json) -> Json:
    """The revision of the owner's current template: created, or made the newest again."""
    history = revisions(store, owner)
    digest = template_hash(owner["spec"]["template"])
    name = f"{owner['metadata']['name']}-{digest}"
    newest = history[-1]["revision"] if history else 0
    revision = next((r for r in history if r["metadata"]["name"] == name), None)
    if revision is None:
        return store.create(
            CONTROLLER_REVISIONS,
            owner["metadata"]["namespace"],
            {
                "metadata": {
                    "name": name,
                    "labels": dict(owner["spec"]["template"]["metadata"].get("labels") or {}) | {LABEL: digest},
                    "ownerReferences": [owner_reference(owner)],
                },
                "revision": newest + 1,
                "data": {"spec": {"template": copy.deepcopy(owner["spec"]["template"])}},
            },
        )
    if revision["revision"] < newest:
        return store.update(CONTROLLER_REVISIONS, revision, copy.deepcopy(revision) | {"revision": newest + 1})
    return revision


def trim(store: Store, owner: Json, in_use: set[str]) -> None:
    """Delete the oldest revisions beyond revisionHistoryLimit that no pod uses."""
    unused = [r for r in revisions(store, owner) if r["metadata"]["name"] not in in_use]
    for revision in unused[: max(len(unused) - owner["spec"]["revisionHistoryLimit"], 0)]:
        store.delete(CONTROLLER_REVISIONS, revision)
