"""Phases, stages and changes in plain words. Each sign has a word and a mark, never only a colour."""

from dataclasses import dataclass
from typing import Final, assert_never

from ..domain.drift import Drift
from ..domain.release import Phase, Vote, VoteDecision
from ..domain.tones import Tone


@dataclass(frozen=True, kw_only=True)
class Badge:
    """A word with its mark and tone."""

    word: str
    mark: str
    tone: Tone


DECIDE: Final = "Approve or reject"
LOOK: Final = "Look at it"
"""The texts of the link to an open gate; the second is for an outdated plan, which nobody can approve."""


def _badge(word: str, mark: str, tone: Tone) -> Badge:
    return Badge(word=word, mark=mark, tone=tone)


LIVE = _badge("Live", "✓", Tone.GOOD)
PENDING = _badge("Not reached", "○", Tone.QUIET)
PASSED = _badge("Passed", "✓", Tone.GOOD)
FAILED = _badge("Failed", "✕", Tone.BAD)
PARKED = _badge("Parked", "!", Tone.BAD)
APPROVED = _badge("Approved", "✓", Tone.GOOD)
REJECTED = _badge("Rejected", "✕", Tone.BAD)
DRIFTED = _badge("Drifted", "≠", Tone.ASKS)
DRIFT_UNKNOWN = _badge("Drift not known", "?", Tone.ASKS)

CHANGES: dict[str, Badge] = {
    "runs before": _badge("runs before the rollout", "▸", Tone.ASKS),
    "runs after": _badge("runs after the rollout", "▸", Tone.ASKS),
    "has run": _badge("has run, and does not run again", "✓", Tone.QUIET),
    "created": _badge("created", "+", Tone.GOOD),
    "changed": _badge("changed", "±", Tone.ASKS),
    "replaced": _badge("replaced", "⇄", Tone.ASKS),
    "unchanged": _badge("unchanged", "=", Tone.QUIET),
    "deleted": _badge("deleted", "−", Tone.BAD),
    "left": _badge("left alone", "○", Tone.QUIET),
}


def phase_badge(of: Phase) -> Badge:
    return _badge(of.word, of.mark, of.tone)


def vote_badge(of: Vote) -> Badge:
    return APPROVED if of.decision is VoteDecision.APPROVE else REJECTED


def drift_badge(of: Drift) -> Badge:
    return DRIFT_UNKNOWN if of.seen.unknown else DRIFTED


def change_badge(name: str) -> Badge:
    return CHANGES.get(name) or _badge(name, "•", Tone.QUIET)


def outcome_badge(text: str) -> Badge:
    """The end of a rollout: `live`, or the phase in which it ended."""
    if text == "live":
        return LIVE
    end = Phase.of_text(text)
    return phase_badge(end) if end else _badge(text or "Here", "•", Tone.QUIET)


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
