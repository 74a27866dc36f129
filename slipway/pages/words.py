"""Phases, audit actions and changes in plain words. A sign is never a colour alone: each has a word and a mark."""

from dataclasses import dataclass

from ..domain.release import Phase
from ..domain.stages import Stage
from ..domain.tones import Tone


@dataclass(frozen=True, kw_only=True)
class Sign:
    """A word with its mark and tone."""

    word: str
    mark: str
    tone: Tone


def _sign(word: str, mark: str, tone: Tone) -> Sign:
    return Sign(word=word, mark=mark, tone=tone)


STAGES: dict[Stage, str] = {
    Stage.JOIN: "Waiting for its facts",
    Stage.RESOLVE: "Looking up its image",
    Stage.QUEUE: "Queued",
    Stage.PLAN: "Planning",
    Stage.SOAK: "Soaking",
    Stage.APPROVAL: "Waiting for approval",
    Stage.HELD_BACK: "Held back",
    Stage.PROMOTE: "Copying the image",
    Stage.DEPLOY: "Deploying",
    Stage.CHECK: "Rolling out",
    Stage.VERIFY: "Verifying",
    Stage.ROLL_BACK: "Rolling back",
}

LIVE = _sign("Live", "✓", Tone.GOOD)
PENDING = _sign("Not reached", "○", Tone.QUIET)
PASSED = _sign("Passed", "✓", Tone.GOOD)
FAILED = _sign("Failed", "✕", Tone.BAD)
PARKED = _sign("Parked", "!", Tone.BAD)
APPROVED = _sign("Approved", "✓", Tone.GOOD)
REJECTED = _sign("Rejected", "✕", Tone.BAD)

CHANGES: dict[str, Sign] = {
    "created": _sign("created", "+", Tone.GOOD),
    "changed": _sign("changed", "±", Tone.ASKS),
    "replaced": _sign("replaced", "⇄", Tone.ASKS),
    "unchanged": _sign("unchanged", "=", Tone.QUIET),
    "orphaned": _sign("left alone", "○", Tone.QUIET),
}


def phase(of: Phase) -> Sign:
    return _sign(of.word, of.mark, of.tone)


def change(name: str) -> Sign:
    return CHANGES.get(name) or _sign(name, "•", Tone.QUIET)


def outcome(text: str) -> Sign:
    """How a visit to an environment ended: `live`, or the phase of the end."""
    if text == "live":
        return LIVE
    end = Phase.named(text)
    return phase(end) if end else _sign(text or "Here", "•", Tone.QUIET)


ACTIONS: dict[str, tuple[str, Tone]] = {
    "release.created": ("Release created", Tone.QUIET),
    "release.joined": ("A fact it starts from arrived", Tone.QUIET),
    "release.started": ("Entered the chain", Tone.QUIET),
    "release.queued": ("Queued behind another rollout", Tone.QUIET),
    "release.live": ("Live", Tone.GOOD),
    "release.completed": ("Completed: live in the last environment", Tone.GOOD),
    "release.failed": ("Ended as failed", Tone.BAD),
    "release.rolled-back": ("Ended as rolled back", Tone.BAD),
    "release.rejected": ("Ended as rejected", Tone.ASKS),
    "release.expired": ("Ended as expired", Tone.QUIET),
    "release.superseded": ("Superseded by a newer release", Tone.QUIET),
    "release.cancelled": ("Cancelled", Tone.QUIET),
    "image.ignored": ("Image ignored: its tag does not start a release", Tone.QUIET),
    "image.tagged": ("The image got one more tag", Tone.QUIET),
    "run.failed": ("CI run failed", Tone.BAD),
    "run.ignored": ("CI run ignored", Tone.QUIET),
    "run.recorded": ("CI run recorded", Tone.QUIET),
    "resolve.requested": ("Looking its tag up in the registry", Tone.BUSY),
    "resolve.done": ("Its tag was found in the registry", Tone.QUIET),
    "resolve.failed": ("Its tag could not be found", Tone.BAD),
    "plan.requested": ("Working out what a rollout would do", Tone.BUSY),
    "plan.made": ("Plan made", Tone.QUIET),
    "plan.outdated": ("Plan outdated: it is made again", Tone.ASKS),
    "plan.failed": ("No plan could be made", Tone.BAD),
    "plan.refused": ("Refused: the image lacks what the environment requires", Tone.BAD),
    "gate.opened": ("Approval asked for", Tone.ASKS),
    "gate.passed": ("Gate passed: all that it demands holds", Tone.GOOD),
    "gate.reminded": ("People were asked again", Tone.ASKS),
    "gate.refused": ("Gate not passed: a condition cannot hold any more", Tone.BAD),
    "gate.soaking": ("Waiting until it has been live for long enough before", Tone.BUSY),
    "vote.approved": ("Approved", Tone.GOOD),
    "vote.rejected": ("Rejected", Tone.BAD),
    "vote.withdrawn": ("A vote was taken back", Tone.ASKS),
    "vote.refused": ("A vote did not count", Tone.ASKS),
    "vote.voided": ("Earlier votes no longer count", Tone.ASKS),
    "release.blocked": ("Ready, and held back", Tone.ASKS),
    "release.retried": ("Tried again", Tone.BUSY),
    "override.given": ("Let past a freeze or a closed window", Tone.ASKS),
    "override.used": ("Went past a freeze or a closed window", Tone.ASKS),
    "rollback.ordered": ("Roll-back ordered", Tone.BAD),
    "hold.set": ("The lane is held: nothing undoes the roll-back", Tone.ASKS),
    "hold.ended": ("The hold of the lane ended", Tone.QUIET),
    "lane.frozen": ("The lane was frozen", Tone.ASKS),
    "lane.unfrozen": ("The freeze of the lane ended", Tone.QUIET),
    "everything.frozen": ("Everything was frozen", Tone.ASKS),
    "everything.unfrozen": ("The freeze of everything ended", Tone.QUIET),
    "command.refused": ("An operator's command was refused", Tone.ASKS),
    "promotion.requested": ("Copying the image to the environment's registry", Tone.BUSY),
    "promotion.done": ("Image copied, digest unchanged", Tone.QUIET),
    "promotion.failed": ("Copying the image failed", Tone.BAD),
    "rollout.requested": ("Rollout started", Tone.BUSY),
    "rollout.applied": ("Manifests applied; the cluster brings them up", Tone.BUSY),
    "rollout.done": ("The cluster runs the new version", Tone.QUIET),
    "rollout.failed": ("Rollout failed", Tone.BAD),
    "verification.requested": ("Acceptance tests started", Tone.BUSY),
    "verification.done": ("Acceptance tests passed", Tone.GOOD),
    "verification.failed": ("Acceptance tests failed", Tone.BAD),
    "rollback.requested": ("Bringing back what was live", Tone.BAD),
    "rollback.done": ("What was live before is live again", Tone.QUIET),
    "rollback.failed": ("Bringing back what was live failed", Tone.BAD),
    "notification.sent": ("People were told", Tone.QUIET),
    "notification.failed": ("People could not be told", Tone.BAD),
    "step.resent": ("A step that nobody heard of was sent again", Tone.ASKS),
    "step.lost": ("A step was given up", Tone.BAD),
}


def action(name: str) -> tuple[str, Tone]:
    """An audit action in words; one that is not known yet by its own name."""
    return ACTIONS.get(name) or (name.replace(".", " ").replace("-", " ").capitalize(), Tone.QUIET)
