"""The rules for a command that lets something through: it needs a proof of who gave it, and a role that permits it.

The rules are the same for commands about one application and about the whole installation.
"""

from datetime import datetime

from ...text import exact_moment
from ..commands import FRESH, OPENS, Verb
from ..events import GivenCommand
from ..proof import AHEAD, BACK_DATED, judge_times
from ..rules import Rule, RuleResult


def opening_rules(command: GivenCommand) -> tuple[RuleResult, ...]:
    """The rules for a command that opens something. A command that stops something has none, unless its proof does not
    hold or its sender may not give it."""
    if command.unproved:
        return (Rule.PROOF_HOLDS.fails(command.unproved),)
    if command.verb not in OPENS:
        return (Rule.MAY_ORDER_IT.fails(command.forbidden),) if command.forbidden else ()
    if command.automated and command.verb is Verb.CREATE:
        reason = "the project lets it start releases without a person"
        return (Rule.MAY_ORDER_IT.judged(not command.forbidden, command.forbidden or reason),)
    if command.proved is None:
        return (
            Rule.PROOF_IS_GIVEN.fails(
                f"{command.verb} lets something through, and it came without a proof of who ordered it"
            ),
        )
    return (
        Rule.PROOF_HOLDS.holds("the identity provider confirms who said this"),
        *judge_times(command.proved, command.received_at, FRESH),
        Rule.MAY_ORDER_IT.judged(not command.forbidden, command.forbidden or "the roles in the proof allow it"),
    )


def not_meant(command: GivenCommand, *set_at: datetime | None) -> tuple[RuleResult, ...]:
    """The rule that a proof breaks if it is older than the freeze or hold that it would end: the person cannot have
    meant that one. Somebody with a right to write rows may have removed the mark of a used proof, and sent it again."""
    if command.proved is None:
        return ()
    deadline = command.proved.issued_at + BACK_DATED + AHEAD
    later = [at for at in set_at if at is not None and at > deadline]
    why = "the sign-in is older than the freeze or hold that it would end, which was set at {}: order it anew"
    return (Rule.PROOF_IS_IN_TIME.fails(why.format(exact_moment(later[0]))),) if later else ()
