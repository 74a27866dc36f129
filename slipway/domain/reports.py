"""Reports on the ledger and the installation: built by queries and checks, sent by the API, read by the CLI.

These are not state: no decision depends on them, and only `Parked` is stored.
"""

from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import Field

from .attribution import with_name
from .model import Digest, Record, Timestamp
from .release import Evidence, Vote
from .rules import RuleResult


class NotShown(Record):
    """An entry that is missing from a list because it cannot be read."""

    application: str
    """A name, `_installation`, or `project:NAME`."""
    partition: str = ""
    row: str = ""
    """The row of the ledger's table that cannot be read, and its partition; both empty if the entry is not a row."""
    why: str
    """What is wrong, and what to do about it."""


class OpenGate(Record):
    """An open gate that waits for votes."""

    release: str
    application: str
    environment: str
    tag: str
    digest: Digest | None
    plan_hash: Digest
    opened_at: Timestamp
    deadline: Timestamp | None
    approvals: int
    required: int
    votes: tuple[Vote, ...]
    waits_for: tuple[str, ...]
    """Names of the people who may still vote."""
    outdated: str = ""
    """Why the plan is out of date, so that nobody can approve it and a new one is made; empty while it is current."""


class Approval(Record):
    """A vote that counted."""

    actor: str
    name: str = ""
    """The person's name as their sign-in said it, for display."""
    at: Timestamp
    reason: str = ""
    channel: str = ""
    sequence: int
    """Sequence of the vote's audit record."""

    @property
    def who(self) -> str:
        """The person as people read it."""
        return with_name(self.actor, self.name)


class Override(Record):
    """An override of a rule, with its reason."""

    actor: str
    name: str = ""
    """The person's name as their sign-in said it, for display."""
    at: Timestamp
    action: str
    reason: str = ""
    sequence: int

    @property
    def who(self) -> str:
        """The person as people read it."""
        return with_name(self.actor, self.name)


class LiveInEnvironment(Record):
    """The release that is live in an environment, with the approvals and evidence that let it in."""

    application: str
    environment: str
    release: str
    tag: str
    digest: Digest
    plan_hash: Digest
    since: Timestamp
    approvals: tuple[Approval, ...]
    """Votes for exactly this plan."""
    gate: str
    """The audit record of the gate's passing, as action and sequence; empty if no gate passed."""
    brought_back: Override | None
    """The order that brought it here if it was a rollback, which needs no gate."""
    overrides: tuple[Override, ...]
    evidence: tuple[Evidence, ...]
    """Evidence of every environment that the release went through, including this one."""
    supply_chain: tuple[RuleResult, ...]
    run: str = ""
    """Address of the CI run."""
    commit: str = ""


class FreezeShown(Record):
    """A freeze or a hold that is in force."""

    kind: str
    """`freeze` or `hold`."""
    application: str | None = None
    """None where everything is frozen."""
    environment: str | None = None
    owner: str
    name: str = ""
    """The owner's name as their sign-in said it, for display."""
    reason: str
    at: datetime
    until: datetime | None = None
    release: str | None = None
    """The release that was brought back, for a hold."""

    @property
    def who(self) -> str:
        """The owner as people read it."""
        return with_name(self.owner, self.name)


MOST_NAMED = 20
"""The most records that a comparison with the index names."""


class Compared(Record):
    """The result of comparing one part of a trail with the index."""

    application: str
    records: int
    """Records that were compared."""
    damaged: int = 0
    """Rows of the trail that can no longer be read as audit records; `slipway audit verify` names them."""
    missing: int = 0
    wrong: int = 0
    extra: int = 0
    waiting: int = 0
    """Records that are not copied yet: they follow in a moment, at the latest by the reconcile timer."""
    lacking: tuple[int, ...] = Field(default=(), max_length=MOST_NAMED)
    """The first records of which a copy is missing or wrong, by sequence."""
    repaired: bool
    """Whether the differences were repaired."""
    next: int | None = None
    """Sequence to continue after; None at the end of the trail."""
    head: int
    """The last sequence of the trail."""

    @property
    def differences(self) -> int:
        return self.missing + self.wrong + self.extra


class Parked(Record):
    """Input that could not be handled, kept until a person replays or drops it."""

    id: str
    source: str
    """The queue or trigger that received it."""
    reason: str = Field(max_length=2000)
    body: str
    truncated: bool = False
    parked_at: Timestamp
    message_id: str = ""
    session: str = ""
    """The session that it belonged to, if its queue has sessions."""
    replayed_at: Timestamp | None = None


class Status(StrEnum):
    OK = "ok"
    FAILED = "failed"
    SKIPPED = "skipped"
    """There is nothing to check, or no way of checking it."""


class OtherRole(Record):
    """The rights that a role in the cluster has to grant, besides the role in Azure."""

    documents: tuple[dict[str, Any], ...] = ()
    """A Role and its RoleBinding; none if nothing is needed."""
    problem: str = ""
    """Why the rights are not known."""


class Finding(Record):
    """The result of one check."""

    check: str
    status: Status
    said: str
    missing: str = ""
    """The right, setting or thing that is missing."""
    command: str = ""
    """The command that grants it, ready to run; empty if there is none."""
    seconds: float = 0.0
