"""Causes: what inbound events mean, once parsed. Nothing acts on a raw event."""

from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from .model import Digest, Moment, Name, Record, Repository, Tag, sha256
from .people import SignedIn
from .release import Run, VoteDecision
from .steps import Step


class _Cause(Record):
    received_at: Moment

    @property
    def key(self) -> str:
        """Equal for repeats of the same fact, however they came; the ledger takes in each key once."""
        raise NotImplementedError

    @property
    def mark(self) -> str:
        """The key as a fixed-length text that is safe in a row key."""
        return sha256(self.key.encode()).removeprefix("sha256:")[:40]


class ImagePushed(_Cause):
    """A manifest was pushed under a tag."""

    kind: Literal["image-pushed"] = "image-pushed"
    registry: Name
    repository: Repository
    digest: Digest
    tag: Tag
    media_type: str = Field(default="", max_length=256)
    pushed_at: Moment
    actor: str = Field(default="", max_length=256)
    source: Literal["event", "sweep"] = "event"

    @property
    def key(self) -> str:
        return f"push {self.registry} {self.repository} {self.digest} {self.tag} {self.source}"


class PipelineCompleted(_Cause):
    """A CI run ended. Names its image where the pipeline itself sent the message."""

    kind: Literal["pipeline-completed"] = "pipeline-completed"
    run: Run
    repository: Repository | None = None
    digest: Digest | None = None
    tag: Tag | None = None

    @property
    def key(self) -> str:
        run = self.run
        named = self.digest or self.tag or ""
        return f"run {run.organization} {run.project} {run.pipeline} {run.id} {run.result} {named}"


class VoteCast(_Cause):
    """A person decided about a plan. Who they are was checked by the channel."""

    kind: Literal["vote-cast"] = "vote-cast"
    application: Name
    release: int
    environment: Name
    plan_hash: Digest
    voter: str = Field(min_length=3, max_length=254)
    decision: VoteDecision
    reason: str = Field(default="", max_length=2000)
    channel: str = Field(max_length=32)
    submission: str = Field(min_length=8, max_length=128)
    """Names this one act of voting: the form's nonce or the message's id. A repeat of it is the same vote."""
    signed_in: SignedIn | None = None
    """What the channel verified about the voter; None where it took a signed link's word for who they are."""
    issued_to: str = Field(default="", max_length=254)
    """Whose token came with an answer that somebody who was identified gave; nobody answers in another's place."""

    @property
    def key(self) -> str:
        return f"vote {self.application} {self.release} {self.voter.casefold()} {self.submission}"


class StepFinished(_Cause):
    """A step had its effect, or could not have it."""

    kind: Literal["step-finished"] = "step-finished"
    step: Step
    passed: bool
    reason: str = Field(default="", max_length=2000)
    result: dict[str, Any] = Field(default_factory=dict)

    @property
    def key(self) -> str:
        return f"step {self.step.id}"


class DeadlineReached(_Cause):
    """A time that a release was given has run out."""

    kind: Literal["deadline-reached"] = "deadline-reached"
    application: Name
    release: int
    due: Moment

    @property
    def key(self) -> str:
        return f"deadline {self.application} {self.release} {self.due.isoformat()}"


class ReminderDue(_Cause):
    """People who are asked and have not answered are to be asked again."""

    kind: Literal["reminder-due"] = "reminder-due"
    application: Name
    release: int
    due: Moment

    @property
    def key(self) -> str:
        return f"reminder {self.application} {self.release} {self.due.isoformat()}"


Cause = Annotated[
    ImagePushed | PipelineCompleted | VoteCast | StepFinished | DeadlineReached | ReminderDue,
    Field(discriminator="kind"),
]

CAUSE: TypeAdapter[Cause] = TypeAdapter(Cause)
"""Parses a cause from JSON or Python data."""
