"""Statements and their outcomes."""

from enum import StrEnum

from pydantic import Field

from ..domain.answers import StatementState
from ..domain.commands import Verb
from ..domain.model import Timestamp
from ..domain.proposing import ChangePhase
from ..domain.rules import RuleResult
from .base import ApiAnswer
from .catalogue import ChangeShown, ProblemShown


class ReceivedAnswer(ApiAnswer):
    """A statement was written down, or waits for a person to confirm it. Ask at `address` for its outcome."""

    application: str = Field(description="The application, or `_installation`.")
    id: str = Field(description="Empty while a person has to confirm it.")
    address: str = Field(description="Path of the endpoint that tells the outcome.")
    open: str = Field(
        default="",
        description="Address at which a person has to confirm it in a browser, within a quarter of an hour; "
        "empty if it needs no confirmation.",
    )
    refused: tuple[ChangeShown, ...] = Field(
        default=(),
        description="For a change of the catalogue: the documents left out because they are already refused.",
    )


class ConfirmationState(StrEnum):
    """What became of something that a person has to confirm."""

    meaning: str

    def __new__(cls, name: str, meaning: str) -> "ConfirmationState":
        member = str.__new__(cls, name)
        member._value_ = name
        member.meaning = meaning
        return member

    WAITING = "waiting", "Nobody has confirmed it yet."
    SAID = "said", "It was confirmed, and has an outcome of its own."
    DECLINED = "declined", "Somebody said no, and nothing was done."


class Confirmation(ApiAnswer):
    """Whether a person has confirmed a command or a change that lets something through."""

    state: str = Field(description=" ".join(f"`{state}`: {state.meaning}" for state in ConfirmationState))
    application: str = Field(default="", description="The application, or `_installation`; empty while it waits.")
    id: str = Field(default="", description="Its id in the inbox; empty while it waits.")
    address: str = Field(default="", description="Path of the endpoint that tells the outcome; empty while it waits.")


class SaidOutcome(ApiAnswer):
    """The outcome of a statement."""

    application: str = Field(description="The application, or `_installation`.")
    id: str
    state: str = Field(description=" ".join(f"`{state}`: {state.meaning}" for state in StatementState))
    received_at: Timestamp | None = None
    waits_for: str = Field(
        default="",
        description="While it is received: why nobody can decide on it yet, such as an identity provider that does "
        "not answer. It is tried again each minute.",
    )
    verb: Verb | None = None
    environment: str = ""
    release: str = Field(default="", description="For a rollback: the new release, which redeploys the earlier one.")
    phase: str = ""
    rules: tuple[RuleResult, ...] = ()
    reason: str = ""
    changes: tuple[ChangeShown, ...] = Field(
        default=(), description="For a change of the catalogue: the outcome for each project and application."
    )
    change: str = Field(default="", description="Hash of the proposed change that it made, or that it was a vote on.")
    change_phase: str = Field(
        default="", description="Its phase. " + " ".join(f"`{phase}`: {phase.meaning}" for phase in ChangePhase)
    )
    page: str = Field(default="", description="Address of the page of the proposed change.")
    problems: tuple[ProblemShown, ...] = Field(
        default=(), description="Problems with the documents that were to be applied."
    )
