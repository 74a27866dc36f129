"""Commands as the worker decides on them, after their proofs were verified."""

import hashlib
from datetime import datetime
from typing import Any, Protocol

from ..domain.commands import OPENS, Verb
from ..domain.events import CommandGiven
from ..domain.model import sha256
from ..domain.proof import ProofFacts
from ..domain.statement import CommandStatement, salt_of
from .identity import LIFE, TENANT


class CommandLike(Protocol):
    """A command of one application, or an order about everything."""

    @property
    def verb(self) -> Verb: ...
    @property
    def actor(self) -> str: ...
    @property
    def submission(self) -> str: ...
    @property
    def reason(self) -> str: ...
    @property
    def received_at(self) -> datetime: ...


def proved_command(**fields: Any) -> CommandGiven:
    """The command; if it lets something through, it was proved a moment ago by a person who may give it."""
    event = CommandGiven(**fields)
    about = dict[str, Any](application=event.application, release=event.release, environment=event.environment)
    if event.artifact is not None:
        about["arguments"] = {"digest": event.artifact.digest}
    return event.evolve(proved=proved(event, **about)) if event.verb in OPENS else event


def proved(command: CommandLike, **about: Any) -> ProofFacts:
    """The facts from the command's proof. The same command under the same submission is the same statement."""
    text = f"{command.actor} {command.submission} {command.reason}"
    statement = CommandStatement(
        installation="slipway.example.com",
        salt=salt_of(hashlib.sha256(text.encode()).digest()[:16]),
        reason=command.reason,
        verb=command.verb,
        **about,
    )
    return ProofFacts(
        proof=sha256(statement.canonical),
        statement=statement,
        tenant=TENANT,
        issued_at=command.received_at,
        expires_at=command.received_at + LIFE,
        authenticated_at=command.received_at,
    )
