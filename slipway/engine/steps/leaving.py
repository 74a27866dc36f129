"""What leaves an environment with a plan, as the plan tells it."""

from collections.abc import Collection, Iterator

from ...domain.plan import Change, Preview
from ...domain.pruning import Deletion
from ...effects.cluster import Departed, is_custom

KINDS_NAMED = 8
"""Most kinds that one reason for not searching them names."""
WITH_ITS_DATA = "what its operator keeps for it goes with it, data included, unless the operator says otherwise"


def with_what_leaves(preview: Preview, departed: Departed, kinds: Collection[str]) -> Preview:
    """`kinds` are those of which there may be objects: of any other nothing can be left, and nothing is said."""
    changes = (*preview.changes, *_changes(departed))
    return preview.evolve(changes=changes, unsearched=tuple(_unsearched(departed, kinds)))


def _changes(departed: Departed) -> Iterator[Change]:
    for going in departed.deletions:
        yield Change(kind=going.kind, name=going.name, change="deleted", warnings=_warnings(going))
    for staying in departed.staying:
        yield Change(kind=staying.kind, name=staying.name, change="left", why=staying.why)


def _warnings(deletion: Deletion) -> tuple[str, ...]:
    return (WITH_ITS_DATA,) if is_custom(deletion.api_version, deletion.kind) else ()


def _unsearched(departed: Departed, kinds: Collection[str]) -> Iterator[str]:
    """By reason, since there may be dozens of kinds."""
    by_reason: dict[str, list[str]] = {}
    for each in departed.unsearched:
        if not each.concerns(kinds):
            continue
        by_reason.setdefault(each.why, []).append(each.kind)
    for why, unknown in by_reason.items():
        more = f" and {len(unknown) - KINDS_NAMED} more" if len(unknown) > KINDS_NAMED else ""
        yield f"{', '.join(unknown[:KINDS_NAMED])}{more}: {why}"
