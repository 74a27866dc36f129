"""The port to a channel, and what it carries."""

from typing import Protocol

from pydantic import Field

from ...domain.model import Moment, Record
from ...domain.rules import StoredResult


class NotificationError(Exception):
    """A notice could not be delivered. The message names the channel, never its address."""

    def __init__(self, message: str, *, retryable: bool) -> None:
        super().__init__(message)
        self.retryable = retryable


class Result(Record):
    """One result of CI or of verification."""

    name: str
    environment: str = ""
    passed: bool
    summary: str = ""


class LiveNow(Record):
    """What the environment runs while people are asked."""

    release: str
    tag: str
    since: Moment


class NewerRelease(Record):
    """A release of the same application that was pushed later."""

    release: str
    tag: str
    phase: str
    url: str


class Matter(Record):
    """What people are asked about, beyond its name: the facts that the approval page shows too."""

    digest: str = ""
    plan_hash: str = ""
    pushed_by: str = ""
    pushed_at: Moment | None = None
    run: str = ""
    run_url: str = ""
    branch: str = ""
    commit: str = ""
    requested_by: str = ""
    committed_by: str = ""
    live: LiveNow | None = None
    evidence: tuple[Result, ...] = ()
    approvals: int = Field(default=0, ge=0)
    required: int = Field(default=1, ge=1)
    rules: tuple[StoredResult, ...] = ()
    """The gate's rules by name, each as `explain`, the page and the audit have it."""
    newer: NewerRelease | None = None
    timezone: str = "UTC"
    """Where the approvers are."""


class Message(Record):
    """One notice to one recipient (or to everybody who reads the channel)."""

    id: str
    """Equal for repeats."""
    notice: str
    """`gate-opened`, `votes-voided`, `ended` or `anchor-written`."""
    time: Moment
    application: str
    release: str
    environment: str
    tag: str
    headline: str
    lines: tuple[str, ...] = ()
    """What the plan changes, object by object."""
    recipient: str = ""
    release_url: str
    approval_url: str = ""
    """Only for the recipient: whoever has it can vote in their name where nobody is asked to sign in."""
    locate_url: str = ""
    """Where people who sign in decide. It only locates, so everybody may have it; empty where nobody signs in."""
    asked_by: tuple[str, ...] = ()
    """Names of the channels by which each approver is sent a link of their own."""
    deadline: Moment | None = None
    phase: str = Field(default="")
    matter: Matter | None = None
    """Given where people are asked for a decision."""
    anchor: str = ""
    """The anchor's line, for a witness; then there is no release that the notice is about."""


class Channel(Protocol):
    """Delivers messages; repeats of an id may reach people twice, which is harmless."""

    @property
    def shared(self) -> bool:
        """Whether many people read what is sent. Nothing that is one person's own may go there."""
        ...

    def send(self, message: Message) -> None:
        """Raises `NotificationError`."""
        ...

    def reach(self) -> str | None:
        """What is seen of the receiver where nothing is sent; None where only sending would tell. Raises
        `NotificationError`."""
        ...
