"""ControllerRevisions: the history of templates that StatefulSets and DaemonSets keep."""

import copy

from ..resources import CONTROLLER_REVISIONS, Json
from ..store import Store
from .common import owned, owner_reference, template_hash

LABEL = "controller-revision-hash"


def revisions(store: Store, owner: Json) -> list[Json]:
    """Oldest first."""
    return sorted(owned(store, CONTROLLER_REVISIONS, owner), key=lambda r: int(r["revision"]))


def current_revision(store: Store, owner: Json) -> Json:
    """The revision of the owner's template as it is now: made, or made the newest again."""
    known = revisions(store, owner)
    digest = template_hash(owner["spec"]["template"])
    name = f"{owner['metadata']['name']}-{digest}"
    newest = known[-1]["revision"] if known else 0
    found = next((r for r in known if r["metadata"]["name"] == name), None)
    if found is None:
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
    if found["revision"] < newest:
        return store.update(CONTROLLER_REVISIONS, found, copy.deepcopy(found) | {"revision": newest + 1})
    return found


def trim(store: Store, owner: Json, in_use: set[str]) -> None:
    """Forget the oldest revisions beyond revisionHistoryLimit that no pod uses."""
    unused = [r for r in revisions(store, owner) if r["metadata"]["name"] not in in_use]
    for revision in unused[: max(len(unused) - owner["spec"]["revisionHistoryLimit"], 0)]:
        store.delete(CONTROLLER_REVISIONS, revision)
