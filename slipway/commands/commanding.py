"""The worker's half of commands: carries out what a row of the inbox says, whichever door it came by."""

from dataclasses import dataclass
from datetime import UTC, datetime

from ..domain.commands import PERMISSIONS, Verb
from ..domain.events import CommandGiven
from ..domain.inbox import Received
from ..domain.roles import NotPermitted, demand
from ..domain.rules import failed
from ..domain.statement import CommandStatement
from ..engine.freezing import Freezer, Order
from ..engine.handle import Handler, Outcome
from ..engine.parking import Parking
from ..inbound.reading import BadInput
from ..ledger.keys import INSTALLATION
from .speakers import caller_of
from .taking import CannotCount


@dataclass(frozen=True, kw_only=True)
class Commander:
    """Carries out commands."""

    handler: Handler
    freezer: Freezer
    parking: Parking

    def carry_out(self, received: Received) -> None:
        """Carry out the command, or refuse it by its rules; either is recorded and answered.

        Raises `BadInput`, `NotFound`, `UnknownTarget`, `NotReplayable` and `CannotCount` for what cannot be handled;
        `Contended`, `LedgerUnavailable`, `QueueUnavailable`: try again.
        """
        statement, speaker = received.row.statement, caller_of(received.row.speaker)
        if not isinstance(statement, CommandStatement):
            raise BadInput("said", "a command", received.row.kind)
        if (statement.application or INSTALLATION) != received.partition:
            raise BadInput("application", received.partition, repr(statement.application))
        try:
            demand(speaker, PERMISSIONS[statement.verb])
        except NotPermitted as refused:
            raise CannotCount(f"{statement.verb}: {refused}") from refused
        if statement.verb is Verb.REPLAY:
            self.parking.replay(statement.arguments.get("parked", ""), actor=speaker.name, inbox=received.id)
        elif statement.application is None:
            self.freezer.give(_order(statement, received))
        else:
            self._decide(_event(statement, statement.application, received))

    def _decide(self, event: CommandGiven) -> None:
        (receipt,) = self.handler.handle(event)
        if receipt.outcome is Outcome.NOTHING:  # nothing was recorded, so nothing else would answer
            reasons = [rule.reason for rule in failed(receipt.rules)]
            raise CannotCount("; ".join(reasons) or f"the {event.verb} changes nothing")


def _event(statement: CommandStatement, application: str, received: Received) -> CommandGiven:
    return CommandGiven(
        received_at=received.received_at,
        verb=statement.verb,
        application=application,
        release=statement.release,
        environment=statement.environment,
        until=_until(statement),
        actor=caller_of(received.row.speaker).name,
        reason=statement.reason,
        channel=received.row.speaker.via,
        submission=received.id,
        inbox=received.id,
    )


def _order(statement: CommandStatement, received: Received) -> Order:
    return Order(
        verb=statement.verb,
        actor=caller_of(received.row.speaker).name,
        reason=statement.reason,
        until=_until(statement),
        channel=received.row.speaker.via,
        submission=received.id,
        inbox=received.id,
    )


def _until(statement: CommandStatement) -> datetime | None:
    text = statement.arguments.get("until", "")
    if not text:
        return None
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise BadInput("arguments.until", "a time", repr(text[:40])) from error
