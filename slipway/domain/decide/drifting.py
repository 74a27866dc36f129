"""Drift: what a look at a cluster means for the lane. People are notified once, when drift begins; each change is
recorded.

Slipway never applies anything by itself because of drift. A person brings the live release back by a rollback to it,
or lets a release pass.
"""

from ..actions import Action
from ..drift import Drift, DriftFindings, following
from ..events import DriftLooked
from ..release import Lane, Release
from ..steps import Notice
from .commands import wake
from .notices import tell
from .state import Draft


def drift_looked(draft: Draft, event: DriftLooked) -> None:
    lane = draft.lane(event.environment)
    live = lane.live
    if (
        live is None
        or (live.release, live.plan_hash) != (event.release, event.plan_hash)
        or lane.in_progress is not None
    ):
        return  # it concerns what was live before, or a rollout is under way
    before, current = lane.drift, following(lane.drift, event.seen)
    if current is None:
        return
    release = draft.release(event.release)
    if current.clean:
        end_drift_episode(draft, lane, release, "the cluster matches the live release again")
        wake(draft, event.environment)
        return
    drift = Drift(since=before.since if before else draft.now, release=event.release, seen=current)
    draft.put_lane(lane.evolve(drift=drift))
    _record(draft, release, event, current)
    found_before = before is not None and bool(before.seen.objects)
    if release is not None and current.objects and not found_before:
        # The number distinguishes the notice of this episode from that of an earlier one.
        tell(draft, release, Notice.DRIFT, why=current.summary, environment=event.environment, number=draft.sequence)


def _record(draft: Draft, release: Release | None, event: DriftLooked, seen: DriftFindings) -> None:
    draft.record(
        Action.DRIFT_UNKNOWN if seen.unknown else Action.DRIFT_FOUND,
        release,
        environment=event.environment,
        plan_hash=event.plan_hash,
        objects=[each.text for each in seen.objects] or None,
        more=seen.more or None,
        document=seen.document,
        reason=seen.summary[:2000],
    )


def end_drift_episode(draft: Draft, lane: Lane, release: Release | None, why: str) -> None:
    """End the lane's episode of drift, if there is one."""
    if lane.drift is None:
        return
    draft.put_lane(lane.evolve(drift=None))
    draft.record(
        Action.DRIFT_GONE, release, environment=lane.environment, since=lane.drift.since.isoformat(), reason=why
    )
