"""What is told of the ledger and of the installation: made by those who look, carried by the API, read by the command.

These are no state: nothing is decided by them and none of them is stored, but for `Parked`.
"""

from datetime import datetime
from enum import StrEnum

from pydantic import Field

from .audit import ChainFault
from .model import Digest, Moment, Record
from .release import Evidence, Vote
from .rules import RuleResult


class OpenGate(Record):
    """A gate at which people are waited for."""

    release: str
    application: str
    environment: str
    tag: str
    digest: Digest | None
    plan_hash: Digest
    opened_at: Moment
    deadline: Moment | None
    approvals: int
    required: int
    votes: tuple[Vote, ...]
    waits_for: tuple[str, ...]
    """Who may still vote, by name."""


class Approval(Record):
    """A vote that counted."""

    actor: str
    at: Moment
    reason: str = ""
    channel: str = ""
    sequence: int
    """Of its record in the trail."""


class Override(Record):
    """A rule that somebody passed with a reason."""

    actor: str
    at: Moment
    action: str
    reason: str = ""
    sequence: int


class LiveThere(Record):
    """What is live in an environment, with everything that it was let in on."""

    application: str
    environment: str
    release: str
    tag: str
    digest: Digest
    plan_hash: Digest
    since: Moment
    approvals: tuple[Approval, ...]
    """Votes for exactly this plan."""
    gate: str
    """How the gate was passed: the record's action and actor; empty where there was none to pass."""
    overrides: tuple[Override, ...]
    evidence: tuple[Evidence, ...]
    """Of every environment that the release has passed, this one included."""
    supply_chain: tuple[RuleResult, ...]
    run: str = ""
    """Address of the CI run."""
    commit: str = ""


class FreezeShown(Record):
    """A freeze or a hold that is in force."""

    kind: str
    """`freeze` or `hold`."""
    application: str
    """Empty where everything is frozen."""
    environment: str
    owner: str
    reason: str
    at: datetime
    until: datetime | None = None
    release: str = ""
    """Of a hold: the release that was brought back."""


class Compared(Record):
    """What became of one part of a trail."""

    application: str
    records: int
    """Records that were compared."""
    damaged: int = 0
    """Rows of the trail that are no audit records any more: `slipway audit verify` names them."""
    missing: int = 0
    wrong: int = 0
    extra: int = 0
    repaired: bool
    """Whether what was found was put right."""
    next: int | None = None
    """Go on after this sequence; None at the end of the trail."""
    head: int
    """The last sequence of the trail."""


class Checked(Record):
    """What was found in one part of a chain."""

    application: str
    after: int
    records: int
    """Records that were checked and are right."""
    intact: bool
    fault: ChainFault | None = None
    anchored: int
    """The last sequence that an anchor names; what lies behind it is held by the chain alone."""
    next: int | None = None
    """Go on behind this sequence; None at the end, and where something is wrong."""


class Parked(Record):
    """Input that could not be handled, kept until a person replays or drops it."""

    id: str
    source: str
    """The queue or trigger that it came by."""
    reason: str = Field(max_length=2000)
    body: str
    truncated: bool = False
    parked_at: Moment
    message_id: str = ""
    replayed_at: Moment | None = None


class Status(StrEnum):
    OK = "ok"
    FAILED = "failed"
    SKIPPED = "skipped"
    """There is nothing to check, or no way of checking it."""


class Finding(Record):
    """What one check found."""

    check: str
    status: Status
    said: str
    missing: str = ""
    """The right, setting or thing that is missing."""
    command: str = ""
    """What grants it, ready to be run; empty where no command does."""
    seconds: float = 0.0
