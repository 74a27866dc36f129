"""The worker's half of commands: carries out what a row of the inbox says, whether a page, the API or the command line
wrote it.

A command that lets something through counts only with a proof, and by the roles in the proof's own token. For all
others the front's word is enough: they can only stop something.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, assert_never

from ..domain.attribution import NAME_LIMIT
from ..domain.commands import OF_THE_INSTALLATION, OPENS, PERMISSIONS, Verb, ends_own_sessions
from ..domain.errors import SourceAway
from ..domain.events import CommandGiven, PushedArtifact
from ..domain.identity import AccessTokenReader, CannotVerify, IdentityRefused, TokenApplication, VerifiedToken
from ..domain.inbox import Received
from ..domain.people import OID, ROLE
from ..domain.proof import ProofFacts
from ..domain.roles import Caller, NotPermitted, demand, read_roles
from ..domain.rules import not_passed
from ..domain.statement import CommandStatement
from ..engine.freezing import FreezeOrder, Freezer
from ..engine.handle import Handler, Outcome
from ..engine.parking import Parking
from ..engine.proving import Prover, on_behalf_of
from ..engine.proving_pushes import PushProver, pushed_names
from ..engine.resetting import Resetting
from ..inbound.reading import BadInput
from ..ledger import Ledger
from ..ledger.keys import INSTALLATION
from .comparing import APP
from .ending_sessions import SessionEnding
from .speakers import caller_of_speaker
from .taking import CannotCount, RowWaits

COUNTED_BEFORE = "its statement was already counted"


@dataclass(frozen=True, kw_only=True)
class _CommandAuthor:
    """The author of a command, as far as known."""

    actor: str
    name: str = ""
    """The name in their sign-in, for display."""
    proved: ProofFacts | None = None
    unproved: str = ""
    forbidden: str = ""
    automated: bool = False
    roles: tuple[str, ...] = ()
    """App roles that the proof's own token names."""


@dataclass(frozen=True, kw_only=True)
class Commander:
    """Carries out commands."""

    prover: Prover
    handler: Handler
    ledger: Ledger
    freezer: Freezer
    parking: Parking
    ending: SessionEnding
    resetting: Resetting
    pushes: PushProver
    tokens: Callable[[], AccessTokenReader]

    def carry_out(self, received: Received) -> None:
        """Carry out the command, or refuse it by its rules; both are recorded and answered.

        Raises `RowWaits` while its proof cannot be verified; `BadInput`, `NotFound`, `UnknownTarget`, `NotReplayable`
        and `CannotCount` for a row that cannot be handled; `Contended`, `LedgerUnavailable` and `QueueUnavailable` if
        another try may help.
        """
        statement = received.row.statement
        if not isinstance(statement, CommandStatement):
            raise BadInput("said", "a command", received.row.kind)
        if (statement.application or INSTALLATION) != received.partition:
            raise BadInput("application", received.partition, repr(statement.application))
        who = self._author(received, statement)
        if statement.verb in OF_THE_INSTALLATION:
            self._do(received, statement, who)
            return
        self._give(received, statement, who)
        if who.proved is not None and self.ledger.answer(received.partition, received.id) is None:
            # Another row has said the same before: this one is answered too.
            self._give(received, statement, _CommandAuthor(actor=who.actor, unproved=COUNTED_BEFORE))

    # ---- who
    def _author(self, received: Received, statement: CommandStatement) -> _CommandAuthor:
        if received.row.token is not None:
            return self._application(received, received.row.token, statement)
        if received.row.proof is None:
            return self._unproved_person(received, statement)
        match self.prover.person(received):
            case VerifiedToken(value=(token, proved)):
                actor = f"{OID}{token.person.oid}"
                caller = Caller(name=actor, roles=read_roles(token.person.roles))
                return _CommandAuthor(
                    actor=actor,
                    name=token.person.name[:NAME_LIMIT],
                    proved=proved,
                    forbidden=_forbidden(caller, statement),
                    roles=token.person.roles,
                )
            case IdentityRefused(why=why):
                return _CommandAuthor(actor=on_behalf_of(received.row.speaker), unproved=why[:500])
            case CannotVerify(why=why):
                raise RowWaits(f"the command cannot be verified yet: {why}")
            case unreachable:
                assert_never(unreachable)

    def _application(self, received: Received, token: str, statement: CommandStatement) -> _CommandAuthor:
        """An application that starts a release without a person. Its token has to have been valid when the row came."""
        match self.tokens().verify(token, at=received.received_at):
            case VerifiedToken(value=TokenApplication() as application):
                name = f"{APP}{application.client_id}"
                claims = {name.casefold(), *(f"{ROLE}{role}".casefold() for role in application.roles)}
                self.handler.catalogue.look_again()  # an owner may have added or removed it a moment ago
                entry = self.handler.catalogue.get(statement.application or "")
                subjects = {subject.casefold() for subject in entry.application.automation} if entry else set[str]()
                refused = "" if subjects & claims else f"the project does not name {name} in automation.create"
                return _CommandAuthor(actor=name, automated=True, forbidden=refused)
            case VerifiedToken():
                return _CommandAuthor(
                    actor=on_behalf_of(received.row.speaker), unproved="expected an application's token"
                )
            case IdentityRefused(why=why):
                return _CommandAuthor(actor=on_behalf_of(received.row.speaker), unproved=why[:500])
            case CannotVerify(why=why):
                raise RowWaits(f"the application's token cannot be verified yet: {why}")
            case unreachable:
                assert_never(unreachable)

    def _unproved_person(self, received: Received, statement: CommandStatement) -> _CommandAuthor:
        """A person whom only the front names. If they give a command that opens something, the command's rules refuse
        it."""
        caller = caller_of_speaker(received.row.speaker)
        refused = _forbidden(caller, statement)
        if refused and statement.verb not in OPENS:
            raise CannotCount(f"{statement.verb}: {refused}")
        return _CommandAuthor(actor=caller.name, name=caller.shown, forbidden=refused)

    # ---- what
    def _do(self, received: Received, statement: CommandStatement, who: _CommandAuthor) -> None:
        """Carry out a command that concerns no application. Its only rule is who may give it."""
        if who.unproved or who.forbidden:
            raise CannotCount(f"{statement.verb}: {who.unproved or who.forbidden}")
        if statement.verb is Verb.SESSION_END:
            self.ending.end(received, statement, actor=who.actor)
        else:
            self.parking.replay(statement.arguments.get("parked", ""), actor=who.actor, inbox=received.id)

    def _give(self, received: Received, statement: CommandStatement, who: _CommandAuthor) -> None:
        if statement.application is None:
            give = self.resetting.of_installation if statement.verb is Verb.FENCE_RESET else self.freezer.carry_out
            give(FreezeOrder(**_shared_fields(statement, received, who)))
            return
        event = CommandGiven(
            application=statement.application,
            release=statement.release,
            artifact=self._pushed(statement, statement.application),
            environment=statement.environment,
            rule=statement.arguments.get("rule", "")[:64],
            **_shared_fields(statement, received, who),
        )
        self._decide(event)

    def _pushed(self, statement: CommandStatement, application: str) -> PushedArtifact | None:
        """The pushed artifact from which to start a release, if no release has delivered it yet. Raises `NotFound` and
        `RowWaits`."""
        arguments = pushed_names(statement.arguments)
        if not arguments:
            return None
        entry = self.handler.catalogue.entry(application)
        try:
            return self.pushes.look_up(entry.application, **arguments)
        except SourceAway as away:
            raise RowWaits(f"the registry cannot be asked yet: {away}") from away

    def _decide(self, event: CommandGiven) -> None:
        if event.verb is Verb.FENCE_RESET:
            receipt = self.resetting.application(event)
        else:
            (receipt,) = self.handler.handle(event)
        if receipt.outcome is Outcome.NOTHING:  # nothing was recorded, so nothing else would answer
            reasons = [rule.reason for rule in not_passed(receipt.rules)]
            raise CannotCount("; ".join(reasons) or f"the {event.verb} changes nothing")


def _forbidden(caller: Caller, statement: CommandStatement) -> str:
    """Why a person with these roles may not give the command; empty if they may."""
    if ends_own_sessions(statement.verb, caller.name, statement.arguments.get("person", "")):
        return ""
    if statement.verb is Verb.WAIVE:
        return ""  # a rule of the decision: the project says who may
    try:
        demand(caller, PERMISSIONS[statement.verb])
    except NotPermitted as refused:
        return str(refused)
    return ""


def _shared_fields(statement: CommandStatement, received: Received, who: _CommandAuthor) -> dict[str, Any]:
    """The fields that all commands share."""
    return {
        "received_at": received.received_at,
        "verb": statement.verb,
        "until": _until(statement),
        "reason": statement.reason,
        "channel": received.row.speaker.via,
        "submission": received.id,
        "inbox": received.id,
        **vars(who),
    }


def _until(statement: CommandStatement) -> datetime | None:
    text = statement.arguments.get("until", "")
    if not text:
        return None
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise BadInput("arguments.until", "a time", repr(text[:40])) from error
