"""Five ways to bring an image into a cluster that nobody approved, or that its own tests refuse, and who tries each.

Each attack succeeded once, against an earlier Slipway. An attack ends when a record says that it was refused, by the
rule that it has to get past, or when its image is live.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple, Self

from slipway.domain.actions import Action
from slipway.domain.rules import Rule

from .guards import Guard


class Refusal(NamedTuple):
    """How the trail records the refusal."""

    rule: Rule
    action: Action


class Attack(StrEnum):
    """One of the five attacks."""

    story: str
    guard: Guard
    rule: Rule
    refused_as: Action
    wants: str
    """The environment in which it wants its image to be live."""

    def __new__(cls, name: str, story: str, guard: Guard, refusal: Refusal, wants: str) -> Self:
        member = str.__new__(cls, name)
        member._value_ = name
        member.story, member.guard, member.wants = story, guard, wants
        member.rule, member.refused_as = refusal.rule, refusal.action
        return member

    FORGED_TESTS = (
        "forged-tests",
        "A developer who may create Jobs in staging lets a Job of their own answer the acceptance tests",
        Guard.OUR_JOB,
        Refusal(Rule.TESTS_RAN_AS_PLANNED, Action.VERIFICATION_FAILED),
        "staging",
    )
    OWN_CHANGE = (
        "own-change",
        "Ada approves her own change, whose commit names Grace as its author",
        Guard.OWN_WORK,
        Refusal(Rule.NOT_COMMITTER, Action.VOTE_REFUSED),
        "production",
    )
    FORGED_RUN = (
        "forged-run",
        "Another pipeline pushes a bundle, and says in the queue `runs` that a genuine run built it",
        Guard.PROVED_RUN,
        Refusal(Rule.BUILT_BY_RUN, Action.RUN_REFUSED),
        "staging",
    )
    EDITED_ROW = (
        "edited-row",
        "Somebody with the right to write the ledger's table changes the row of a release that waits at its gate",
        Guard.GATE_ON_RECORD,
        Refusal(Rule.ON_RECORD, Action.GATE_UNPROVED),
        "production",
    )
    MOVABLE_IMAGE = (
        "movable-image",
        "A bundle brings a second container by a tag, which can be pushed again after the vote",
        Guard.PINNED_IMAGES,
        Refusal(Rule.BUNDLE_IS_SOUND, Action.PLAN_FAILED),
        "staging",
    )

    def is_refused_by(self, record: Mapping[str, Any]) -> bool:
        """Whether the record says that the attack was refused, and by its rule."""
        details = record["details"]
        rules = (*(details.get("rules") or ()), details.get("rule"))
        return bool(record["action"] == self.refused_as and str(self.rule) in rules)

    def succeeds_by(self, record: Mapping[str, Any]) -> bool:
        """Whether the record says that the attack's image is live where it wants it."""
        return bool(record["action"] == Action.RELEASE_LIVE and record["environment"] == self.wants)


BY_GUARD = {attack.guard: attack for attack in Attack}


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """The outcome of one attack."""

    attack: Attack
    refused: bool
    record: Mapping[str, Any]
    """The record that shows the outcome."""

    @property
    def reason(self) -> str:
        return str(self.record["details"].get("reason") or "")

    def as_json(self) -> dict[str, Any]:
        attack, record = self.attack, self.record
        return {
            "attack": str(attack),
            "finding": attack.guard.finding,
            "guard": str(attack.guard),
            "outcome": "refused" if self.refused else "succeeded",
            "rule": str(attack.rule) if self.refused else None,
            "record": {name: record[name] for name in ("sequence", "action", "release", "environment")},
            "reason": self.reason,
        }
