"""A new epoch after the ledger was restored: every gate is opened again, and no earlier vote counts.

Anchors still show part of what was lost, and that part counts: a release that an anchor names as rejected stays
rejected until a person sends it out again. A release that is being copied ends, since nothing of it is in the cluster
yet. A rollout that has begun is finished. If it has not written its first object, it finds that its gate is no longer
on record, and ends.
"""

from ..actions import Action
from ..errors import present
from ..events import CommandGiven
from ..release import Phase, Release
from ..restored import Restored
from .commands import accepted, common_details, reason_rule
from .lanes import end_release, request_plan
from .notices import void
from .state import Draft


def reset_fence(draft: Draft, event: CommandGiven) -> None:
    if not accepted(draft, event, tuple(reason_rule(event))):
        return
    restored = present(event.restored, "what the anchors show")
    before, active = draft.head.epoch, draft.head.active
    draft.begin_epoch(restored)
    draft.record(
        Action.LEDGER_RESET,
        actor=event.actor,
        reason=event.reason,
        before=before,
        newest=restored.anchor or None,
        lost=restored.lost or None,
        gates=[gate.model_dump(mode="json") for gate in restored.gates] or None,
        **common_details(draft, event),
    )
    for number in active:
        if (release := draft.release(number)) is not None:
            _reopen_gate(draft, release, restored)


def _reopen_gate(draft: Draft, release: Release, restored: Restored) -> None:
    rejection = restored.rejected(release.number)
    stops = Phase.REJECTED in release.phase.followers and not release.phase.has_begun
    if rejection is not None and stops and rejection.environment == release.environment:
        end_release(draft, release, Phase.REJECTED, "an anchor from before the restore names it as rejected")
        return
    if release.phase is Phase.COPYING:  # nothing of it is in the cluster yet
        end_release(
            draft,
            release,
            Phase.FAILED,
            "a new epoch began after a restore, and its gate is no longer on record",
        )
        return
    if Phase.PLANNING not in release.phase.followers or release.phase.holds_lane or draft.environment(release) is None:
        return
    if release.gate is not None:
        void(draft, release, release.gate.votes, "a new epoch began after a restore")
    release = draft.put(draft.releases[release.number].evolve(gate=None))
    if release.phase is not Phase.QUEUED:  # the next release is planned when its turn comes
        request_plan(draft, release)
