"""Foresees whether a command would be refused, so that nobody signs in to confirm one that cannot succeed.

The front asks before it hands out an address, and again on the page of confirmation. The answer is the worker's own
decision on the command without its proof; who may give the command is judged later, by the proof. While the inbox holds
an unread row that may change the answer, nothing is foreseen. A command that passes here is still decided like any
other.
"""

from dataclasses import dataclass

from ..clock import Clock
from ..domain.commands import Verb
from ..domain.decide import decide
from ..domain.decide.freezing import thaw_rule
from ..domain.errors import Inconsistent
from ..domain.events import CommandGiven
from ..domain.rules import RuleResult, not_passed
from ..domain.snapshot import lookups
from ..domain.statement import CommandStatement
from ..engine.freezing import EVERYTHING
from ..ledger.freezes import freeze_of_everything, not_ended
from ..ledger.inbox import Inbox
from ..ledger.keys import INSTALLATION
from ..queries.reading import Reader


class WouldBeRefused(Exception):  # noqa: N818
    """The command would be refused; the message says why."""

    def __init__(self, rules: tuple[RuleResult, ...]) -> None:
        super().__init__("; ".join(rule.reason for rule in rules))
        self.rules = rules


@dataclass(frozen=True, kw_only=True)
class Foresight:
    """Judges commands before they are given."""

    reader: Reader
    inbox: Inbox
    clock: Clock

    def check(self, statement: CommandStatement) -> None:
        """Raises `WouldBeRefused`; `LedgerUnavailable`."""
        if (refused := self.refusal(statement)) is not None:
            raise refused

    def refusal(self, statement: CommandStatement) -> WouldBeRefused | None:
        """None if it would not be refused. Raises `LedgerUnavailable`."""
        if not self._broken(statement) or self._something_is_unread(statement):
            return None
        self.reader.catalogue.look_again()
        broken = self._broken(statement)
        return WouldBeRefused(broken) if broken else None

    def _something_is_unread(self, statement: CommandStatement) -> bool:
        partitions = {statement.application or INSTALLATION, INSTALLATION}
        return any(list(self.inbox.of(partition, limit=1)) for partition in partitions)

    def _broken(self, statement: CommandStatement) -> tuple[RuleResult, ...]:
        if statement.application is None:
            return self._broken_of_installation(statement)
        entry = self.reader.catalogue.get(statement.application)
        if entry is None or (statement.verb is Verb.CREATE and statement.release is None):
            return ()  # the worker asks the registry for what was only pushed
        event = CommandGiven(
            received_at=self.clock(),
            application=statement.application,
            release=statement.release,
            environment=statement.environment,
            rule=statement.arguments.get("rule", "")[:64],
            verb=statement.verb,
            reason=statement.reason,
            actor="nobody yet",
            channel="foreseen",
            submission="foreseen",
        )
        try:
            decision = decide(self.reader.snapshot(entry, lookups(entry.application, event)), event)
        except Inconsistent:  # somebody wrote between two reads
            return ()
        return tuple(rule for rule in not_passed(decision.rules) if not rule.rule.of_the_proof)

    def _broken_of_installation(self, statement: CommandStatement) -> tuple[RuleResult, ...]:
        if statement.verb is not Verb.UNFREEZE:
            return ()
        freeze = not_ended(freeze_of_everything(self.reader.ledger.table))
        return not_passed((thaw_rule(EVERYTHING, freeze, now=self.clock()),))
