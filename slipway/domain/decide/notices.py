"""Notifications: each is a step like any other, except that no release waits for its outcome."""

from collections.abc import Sequence

from ..actions import Action
from ..release import Release, Vote
from ..steps import Notice, Step, StepKind
from .state import Draft


def tell(
    draft: Draft,
    release: Release,
    notice: Notice,
    *,
    recipients: Sequence[str] = (),
    why: str = "",
    number: int = 0,
    environment: str | None = None,
) -> None:
    """Send a notice on every channel of the application: to `recipients`, or to everybody on the channel if none are
    named.

    `environment` is the subject of the notice if it differs from the release's present environment.
    """
    for channel in draft.application.notify:
        draft.send_step(
            Step(
                kind=StepKind.NOTIFY,
                application=release.application,
                release=release.number,
                environment=environment or release.environment or draft.application.environments[0].name,
                attempt=release.attempt,
                asked_at=draft.now,
                notice=notice,
                channel=channel,
                recipients=tuple(recipients),
                why=why[:2000],
                number=number,
            )
        )


def void(draft: Draft, release: Release, votes: Sequence[Vote], reason: str) -> None:
    """Record that votes no longer count, and tell the voters why."""
    if not votes:
        return
    voters = [vote.voter for vote in votes]
    draft.record(Action.VOTE_VOIDED, release, voters=voters, plan_hash=votes[0].plan_hash, reason=reason)
    tell(draft, release, Notice.VOTES_VOIDED, recipients=voters, why=reason)
