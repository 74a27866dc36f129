"""What leaves an environment with a plan, as the plan tells it."""

from collections.abc import Iterator

from ...domain.plan import Change, Preview, read_plan
from ...domain.pruning import Deletion
from ...domain.release import Live
from ...effects.cluster import Departed, Staying, is_custom
from .clients import Clients

KINDS_NAMED = 8
"""Most kinds that one reason for not searching them names."""
RUNS_AGAIN = "a roll-back from this release would run it again, so the release after this one deletes it"
NOT_KNOWN = "the plan of what is live is gone, so that nobody knows whether a roll-back would run it again"
WITH_ITS_DATA = "what its operator keeps for it goes with it, data included, unless the operator says otherwise"


def without_jobs_of_what_is_live(clients: Clients, departed: Departed, live: Live | None) -> Departed:
    """A roll-back brings back what goes, and bringing back a Job runs it: a migration of long ago, say."""
    jobs = [deletion for deletion in departed.deletions if deletion.kind == "Job"]
    if not jobs or live is None:
        return departed
    content = clients.blobs.get(live.plan_hash)
    plan = read_plan(content) if content is not None else None
    of_it = {(m.get("kind"), (m.get("metadata") or {}).get("name")) for m in plan.manifests} if plan else set()
    spared = {job: RUNS_AGAIN if plan else NOT_KNOWN for job in jobs if not plan or (job.kind, job.name) in of_it}
    staying = tuple(Staying(kind=job.kind, name=job.name, why=why) for job, why in spared.items())
    deletions = tuple(deletion for deletion in departed.deletions if deletion not in spared)
    return departed.evolve(deletions=deletions, staying=(*departed.staying, *staying))


def with_what_leaves(preview: Preview, departed: Departed) -> Preview:
    changes = (*preview.changes, *_changes(departed))
    return preview.evolve(changes=changes, unsearched=tuple(_unsearched(departed)))


def _changes(departed: Departed) -> Iterator[Change]:
    for going in departed.deletions:
        yield Change(kind=going.kind, name=going.name, change="deleted", warnings=_warnings(going))
    for staying in departed.staying:
        yield Change(kind=staying.kind, name=staying.name, change="left", why=staying.why)


def _warnings(deletion: Deletion) -> tuple[str, ...]:
    return (WITH_ITS_DATA,) if is_custom(deletion.api_version, deletion.kind) else ()


def _unsearched(departed: Departed) -> Iterator[str]:
    """By reason, since there may be dozens of kinds."""
    by_reason: dict[str, list[str]] = {}
    for each in departed.unsearched:
        by_reason.setdefault(each.why, []).append(each.kind)
    for why, kinds in by_reason.items():
        more = f" and {len(kinds) - KINDS_NAMED} more" if len(kinds) > KINDS_NAMED else ""
        yield f"{', '.join(kinds[:KINDS_NAMED])}{more}: {why}"
