"""Phases, stages and changes in plain words. Each sign has a word and a mark, never only a colour."""

from dataclasses import dataclass
from typing import Final, assert_never

from ..domain.drift import Drift
from ..domain.release import Phase, Vote, VoteDecision
from ..domain.stages import Stage
from ..domain.tones import Tone


@dataclass(frozen=True, kw_only=True)
class Sign:
    """A word with its mark and tone."""

    word: str
    mark: str
    tone: Tone


DECIDE: Final = "Approve or reject"
LOOK: Final = "Look at it"
"""The texts of the link to an open gate; the second is for an outdated plan, which nobody can approve."""


def _sign(word: str, mark: str, tone: Tone) -> Sign:
    return Sign(word=word, mark=mark, tone=tone)


STAGES: dict[Stage, str] = {
    Stage.JOIN: "Waiting for its second trigger",
    Stage.RESOLVE: "Looking up its image",
    Stage.QUEUE: "Queued",
    Stage.PLAN: "Planning",
    Stage.SOAK: "Soaking",
    Stage.APPROVAL: "Waiting for approval",
    Stage.HELD_BACK: "Held back",
    Stage.COPY: "Copying the image",
    Stage.BEFORE: "Running Jobs before the rollout",
    Stage.DEPLOY: "Deploying",
    Stage.CHECK: "Rolling out",
    Stage.AFTER: "Running Jobs after the rollout",
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
DRIFTED = _sign("Drifted", "≠", Tone.ASKS)
DRIFT_UNKNOWN = _sign("Drift not known", "?", Tone.ASKS)

CHANGES: dict[str, Sign] = {
    "runs before": _sign("runs before the rollout", "▸", Tone.ASKS),
    "runs after": _sign("runs after the rollout", "▸", Tone.ASKS),
    "has run": _sign("has run, and does not run again", "✓", Tone.QUIET),
    "created": _sign("created", "+", Tone.GOOD),
    "changed": _sign("changed", "±", Tone.ASKS),
    "replaced": _sign("replaced", "⇄", Tone.ASKS),
    "unchanged": _sign("unchanged", "=", Tone.QUIET),
    "deleted": _sign("deleted", "−", Tone.BAD),
    "left": _sign("left alone", "○", Tone.QUIET),
}


def phase_sign(of: Phase) -> Sign:
    return _sign(of.word, of.mark, of.tone)


def vote_sign(of: Vote) -> Sign:
    return APPROVED if of.decision is VoteDecision.APPROVE else REJECTED


def drift_sign(of: Drift) -> Sign:
    return DRIFT_UNKNOWN if of.seen.unknown else DRIFTED


def change_sign(name: str) -> Sign:
    return CHANGES.get(name) or _sign(name, "•", Tone.QUIET)


def outcome_sign(text: str) -> Sign:
    """The end of a rollout: `live`, or the phase in which it ended."""
    if text == "live":
        return LIVE
    end = Phase.named(text)
    return phase_sign(end) if end else _sign(text or "Here", "•", Tone.QUIET)


def css(tone: Tone) -> str:
    """The stylesheet's class for a tone."""
    match tone:
        case Tone.GOOD:
            return "good"
        case Tone.BAD:
            return "bad"
        case Tone.ASKS:
            return "asks"
        case Tone.BUSY:
            return "busy"
        case Tone.QUIET:
            return "quiet"
        case unreachable:
            assert_never(unreachable)
