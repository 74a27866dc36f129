"""Waivers: one rule about proof need not be known to hold, for one release in one environment.

They are for when a source is down or has forgotten. A waiver turns no result into a pass: the rule stays unknown, names
the person who waived it and the reason, and no longer blocks.
"""

from collections.abc import Sequence
from typing import Final

from pydantic import Field

from .attribution import ByPerson
from .blocks import REASON_LIMIT
from .model import Digest, Name, Timestamp
from .rules import NotYet, Rule, RuleResult, Unknown

MOST_WAIVERS: Final = 20
"""The most waivers that one release keeps. Two rules in the most environments that an application can have are
fewer."""


class Waiver(ByPerson):
    """One person's proved word that a rule need not hold."""

    environment: Name
    rule: Rule
    reason: str = Field(min_length=1, max_length=REASON_LIMIT)
    at: Timestamp
    proof: Digest
    """Hash of the kept proof."""

    @property
    def text(self) -> str:
        return f"{self.rule} was waived by {self.who}: {self.reason}"

    @property
    def reason_prefix(self) -> str:
        """The beginning of the reason in the rule's result."""
        return f"waived by {self.who}: {self.reason}"


def waived(result: RuleResult, waivers: Sequence[Waiver]) -> RuleResult:
    """The result, waived if one of these waivers covers it. A rule that is known not to hold cannot be waived."""
    unproved = isinstance(result, NotYet | Unknown) and result.blocks and result.rule.waivable
    waiver = next((each for each in waivers if each.rule is result.rule), None)
    if waiver is None or not unproved:
        return result
    return result.rule.unknown(f"{waiver.reason_prefix}; {result.reason}", blocks=False)
