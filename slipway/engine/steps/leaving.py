"""The objects that a plan removes from an environment, as its preview lists them."""

from collections.abc import Collection, Iterator

from ...domain.plan import Change, Preview
from ...domain.pruning import Deletion
from ...effects.cluster import RemovedFromManifests, is_custom

KINDS_NAMED = 8
"""The most kinds that are named with one reason for not searching them."""
WITH_ITS_DATA = "what its operator keeps for it goes with it, data included, unless the operator says otherwise"


def with_removed_objects(preview: Preview, departed: RemovedFromManifests, kinds: Collection[str]) -> Preview:
    """The preview with those objects added. `kinds` are the kinds of which the application may have objects; a kind
    that is not among them, and could not be searched, is not mentioned."""
    changes = (*preview.changes, *_changes(departed))
    return preview.evolve(changes=changes, unsearched=tuple(_unsearched(departed, kinds)))


def _changes(departed: RemovedFromManifests) -> Iterator[Change]:
    for going in departed.deletions:
        yield Change(kind=going.kind, name=going.name, change="deleted", warnings=_warnings(going))
    for staying in departed.staying:
        yield Change(kind=staying.kind, name=staying.name, change="left", why=staying.why)


def _warnings(deletion: Deletion) -> tuple[str, ...]:
    return (WITH_ITS_DATA,) if is_custom(deletion.api_version, deletion.kind) else ()


def _unsearched(departed: RemovedFromManifests, kinds: Collection[str]) -> Iterator[str]:
    """The kinds that could not be searched, grouped by reason, since there may be dozens."""
    by_reason: dict[str, list[str]] = {}
    for each in departed.unsearched:
        if not each.concerns(kinds):
            continue
        by_reason.setdefault(each.why, []).append(each.kind)
    for why, unknown in by_reason.items():
        more = f" and {len(unknown) - KINDS_NAMED} more" if len(unknown) > KINDS_NAMED else ""
        yield f"{', '.join(unknown[:KINDS_NAMED])}{more}: {why}"
