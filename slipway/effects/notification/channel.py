"""The port to a notification channel, and the content of its messages."""

from typing import Protocol

from pydantic import Field

from ...domain.model import Record, Timestamp
from ...domain.rules import StoredResult


class NotificationError(Exception):
    """A notice could not be delivered. The message names the channel, never its address."""

    def __init__(self, message: str, *, retryable: bool, of_one: bool = False) -> None:
        """`of_one`: the error concerns only this message's recipient; others may still be reached."""
        super().__init__(message)
        self.retryable = retryable
        self.of_one = of_one


class Result(Record):
    """One result of CI or of verification."""

    name: str
    environment: str = ""
    passed: bool
    summary: str = ""


class LiveNow(Record):
    """The release that the environment runs when approvers are asked."""

    release: str
    tag: str
    since: Timestamp


class NewerRelease(Record):
    """A release of the same application that was pushed later."""

    release: str
    tag: str
    phase: str
    url: str


class ApprovalDetails(Record):
    """The facts for approvers: the same as on the approval page."""

    digest: str = ""
    plan_hash: str = ""
    pushed_by: str = ""
    pushed_at: Timestamp | None = None
    run: str = ""
    run_url: str = ""
    branch: str = ""
    commit: str = ""
    requested_by: str = ""
    changed_by: str = ""
    """Everybody who pushed the change, wrote it, or opened or completed its pull request."""
    proof: str = ""
    """The proved and the unproved facts of the run."""
    waived: tuple[str, ...] = ()
    """The waived rules about proof, each with the person and the reason."""
    live: LiveNow | None = None
    evidence: tuple[Result, ...] = ()
    approvals: int = Field(default=0, ge=0)
    required: int = Field(default=1, ge=1)
    rules: tuple[StoredResult, ...] = ()
    """The results of the gate's rules, the same as in `explain`, on the page and in the audit trail."""
    newer: NewerRelease | None = None
    timezone: str = "UTC"
    """The approvers' time zone."""


class VoteTarget(Record):
    """The fields that an answer by a message in `approvals` names (docs/reference/formats.md)."""

    application: str
    release: int
    environment: str
    opening: int
    plan: str
    approves: bool
    """Whether an approval by a message counts here; a rejection always does."""


class Message(Record):
    """One notice to one recipient, or to everybody who reads the channel."""

    id: str
    """The id of a message, unchanged if its notice is sent again."""
    notice: str
    """`gate-opened`, `gate-reminder`, `votes-voided`, `vote-refused`, `vote-counted`, `vote-objected`, `ended`,
    `drift`, `change-proposed`, `change-stood-in`, `change-vote-counted`, `change-ended` or `anchor-written`."""
    time: Timestamp
    application: str
    release: str
    environment: str
    tag: str
    headline: str
    lines: tuple[str, ...] = ()
    """The changes of the plan, one line per object."""
    recipient: str = ""
    release_url: str
    approval_url: str = ""
    """The recipient's own link. Secret: at a gate of level `link`, anybody who has it can vote in their name."""
    locate_url: str = ""
    """Address of the decision page for people who sign in. Not secret; empty if links vote, and if there is nothing to
    decide or to object to."""
    asked_by: tuple[str, ...] = ()
    """Names of the channels that send each approver a personal link."""
    deadline: Timestamp | None = None
    phase: str = Field(default="")
    approval: ApprovalDetails | None = None
    """Set if the notice asks for a decision."""
    vote: VoteTarget | None = None
    """The values for an answer by a message."""
    anchors: str = ""
    """The anchors, one a line, in a notice to a witness; such a notice has no release."""
    change: str = ""
    """Hash of the proposed change that the notice is about; such a notice has no release either."""


class Channel(Protocol):
    """Delivers messages. Sending the same id again may deliver it twice, which is harmless."""

    @property
    def shared(self) -> bool:
        """Whether several people read the channel. A personal link must not be sent there."""
        ...

    @property
    def asks_only(self) -> bool:
        """Whether it carries only questions, so that another channel has to carry everything else."""
        ...

    def send(self, message: Message) -> None:
        """Deliver the message. Raises `NotificationError`."""
        ...

    def reach(self) -> str | None:
        """Check the receiver without sending anything, and return its state; None if only sending would tell. Raises
        `NotificationError`."""
        ...
