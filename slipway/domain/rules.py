"""Named rule results: one vocabulary for why something may or may not happen.

The same results are shown on the page, on the card, in `explain` and in the audit.
"""

from .model import Record


class RuleResult(Record):
    """Whether one named rule holds, and why."""

    name: str
    """Kebab-case and stable: people search for it."""
    passed: bool
    reason: str
    """One sentence that names what was expected and what came."""


def failed(rules: tuple[RuleResult, ...]) -> tuple[RuleResult, ...]:
    """The rules that do not hold."""
    return tuple(rule for rule in rules if not rule.passed)
