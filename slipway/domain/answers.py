"""The answer to a statement from the inbox: written in the transaction that handles the statement, and read by anybody
who asks.

It copies the content of that transaction's records for pages, API and command line; it proves nothing.
"""

from enum import StrEnum

from pydantic import Field

from .changing import MOST_PROBLEMS, Changed, DocumentProblem
from .commands import Verb
from .decide.state import Decision
from .events import CommandGiven, Event, VoteCast
from .inbox import InboxKind
from .model import Digest, Record
from .rules import RuleResult, not_passed
from .snapshot import Snapshot
from .statement import MOST_CHANGES
from .tones import Tone


class StatementState(StrEnum):
    """The state of a statement from the inbox."""

    meaning: str
    tone: Tone

    def __new__(cls, name: str, meaning: str, tone: Tone) -> "StatementState":
        member = str.__new__(cls, name)
        member._value_ = name
        member.meaning = meaning
        member.tone = tone
        return member

    RECEIVED = "received", "Nobody has decided on it yet.", Tone.BUSY
    COUNTED = "counted", "It was carried out, or counted, and recorded.", Tone.GOOD
    REFUSED = "refused", "The named rules refused it, and that was recorded.", Tone.BAD
    PARKED = "parked", "It could not be handled, for the stated reason.", Tone.ASKS

    @property
    def final(self) -> bool:
        return self is not StatementState.RECEIVED


class RowOutcome(Record):
    """The outcome."""

    kind: InboxKind
    refused: bool = False
    rules: tuple[RuleResult, ...] = Field(default=(), max_length=64)
    """The rules that the statement broke, if it was refused."""
    verb: Verb | None = None
    environment: str = ""
    release: str = ""
    """The release that it was about; for a rollback and for `create`, the new release."""
    phase: str = ""
    """The phase of that release after the decision."""
    changes: tuple[Changed, ...] = Field(default=(), max_length=MOST_CHANGES)
    """The outcome for each application and project that a change of the catalogue names."""
    change: Digest | None = None
    """The proposed change that it was about, or that it made."""
    change_phase: str = ""
    """The phase of that change afterwards."""
    problems: tuple[DocumentProblem, ...] = Field(default=(), max_length=MOST_PROBLEMS)
    """Problems with the documents that were to be applied."""


def inbox_of(event: Event) -> str:
    """The row that the event was read from; empty if it did not come by the inbox."""
    return event.inbox if isinstance(event, CommandGiven | VoteCast) else ""


def answer_to(event: Event, decision: Decision, snapshot: Snapshot) -> RowOutcome | None:
    """The answer to the row that the event was read from; None if it did not come by the inbox."""
    if not isinstance(event, CommandGiven | VoteCast) or not event.inbox:
        return None
    refused = any(record.action.refuses for record in decision.records)
    number = event.release
    if isinstance(event, CommandGiven) and event.verb is Verb.ROLLBACK and not refused:
        number = _rollback_number(event, decision)
    if isinstance(event, CommandGiven) and event.verb is Verb.CREATE and not refused:
        number = max((made.number for made in decision.releases), default=number)
    changed = {release.number: release for release in decision.releases}
    release = {**snapshot.releases, **changed}.get(number or 0)
    return RowOutcome(
        kind=InboxKind.VOTE if isinstance(event, VoteCast) else InboxKind.COMMAND,
        refused=refused,
        rules=not_passed(decision.rules) if refused else (),
        verb=event.verb if isinstance(event, CommandGiven) else None,
        environment=event.environment or "",
        release=release.id if release else "",
        phase=str(release.phase) if release else "",
    )


def _rollback_number(event: CommandGiven, decision: Decision) -> int | None:
    """The number of the release that a rollback made."""
    return max((made.number for made in decision.releases if made.rollback is not None), default=event.release)
