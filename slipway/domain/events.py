"""Events: what inbound messages mean, once parsed. Nothing acts on a raw message."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, TypeAdapter, model_validator

from .blocks import NAME_LIMIT, REASON_LIMIT, Freeze
from .commands import OF_A_LANE, OF_A_RELEASE, Verb
from .model import Digest, Moment, Name, Record, Repository, Tag, sha256
from .people import SignedIn
from .release import Run, VoteDecision
from .steps import Step


class _Event(Record):
    received_at: Moment

    @property
    def key(self) -> str:
        """Equal for repeats of the same fact, however they came; the ledger takes in each key once."""
        raise NotImplementedError

    @property
    def mark(self) -> str:
        """The key as a fixed-length text that is safe in a row key."""
        return sha256(self.key.encode()).removeprefix("sha256:")[:40]


class ImagePushed(_Event):
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


class PipelineCompleted(_Event):
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


class VoteCast(_Event):
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


class StepFinished(_Event):
    """A step had its effect, or could not have it."""

    kind: Literal["step-finished"] = "step-finished"
    step: Step
    passed: bool
    reason: str = Field(default="", max_length=2000)
    result: dict[str, Any] = Field(default_factory=dict)

    @property
    def key(self) -> str:
        return f"step {self.step.id}"

    @property
    def resolved_digest(self) -> str | None:
        """What a tag was found to name."""
        digest = self.result.get("digest")
        return digest if self.passed and isinstance(digest, str) else None


class DeadlineReached(_Event):
    """A time that a release was given has run out."""

    kind: Literal["deadline-reached"] = "deadline-reached"
    application: Name
    release: int
    due: Moment

    @property
    def key(self) -> str:
        return f"deadline {self.application} {self.release} {self.due.isoformat()}"


class ReminderDue(_Event):
    """People who are asked and have not answered are to be asked again."""

    kind: Literal["reminder-due"] = "reminder-due"
    application: Name
    release: int
    due: Moment

    @property
    def key(self) -> str:
        return f"reminder {self.application} {self.release} {self.due.isoformat()}"


class CommandGiven(_Event):
    """An operator told Slipway to do something. Who they are and that they may was checked by the channel."""

    kind: Literal["command-given"] = "command-given"
    verb: Verb
    application: Name
    release: int | None = Field(default=None, ge=1)
    """The release that it is about; of a roll-back, the one that is to come back."""
    environment: Name | None = None
    until: Moment | None = None
    """Of a freeze: when it ends by itself."""
    actor: str = Field(min_length=1, max_length=NAME_LIMIT)
    reason: str = Field(default="", max_length=REASON_LIMIT)
    channel: str = Field(max_length=32)
    submission: str = Field(min_length=8, max_length=128)
    """Names this one act: the form's nonce, or what the sender calls it. A repeat of it is the same command."""

    @model_validator(mode="after")
    def _says_what_it_is_about(self) -> Self:
        if (self.release is None) is (self.verb in OF_A_RELEASE):
            raise ValueError(f"release: {'is missing' if self.release is None else f'is not for {self.verb}'}")
        if (self.environment is None) is (self.verb in OF_A_LANE):
            raise ValueError(f"environment: {'is missing' if self.environment is None else f'is not for {self.verb}'}")
        return self

    @property
    def key(self) -> str:
        about = f"{self.application} {self.release or '-'} {self.environment or '-'}"
        return f"command {self.verb} {about} {self.actor.casefold()} {self.submission}"


class FreezeSpread(_Event):
    """A freeze of everything was set or ended; each application is told, so that its decisions see it."""

    kind: Literal["freeze-spread"] = "freeze-spread"
    application: Name
    freeze: Freeze
    ended_by: str = Field(default="", max_length=NAME_LIMIT)
    """Who ended it; empty while it is in force."""
    reason: str = Field(default="", max_length=REASON_LIMIT)
    """Why it was ended."""

    @property
    def key(self) -> str:
        return f"freeze {self.application} {self.freeze.id} {'ended' if self.ended_by else 'set'}"


class DeliveryChanged(_Event):
    """The delivery folder is no longer the one that the plan of a release was made from."""

    kind: Literal["delivery-changed"] = "delivery-changed"
    application: Name
    release: int
    environment: Name
    attempt: int
    delivery: Digest

    @property
    def key(self) -> str:
        at = f"{self.application} {self.release} {self.environment} {self.attempt}"
        return f"delivery {at} {self.delivery}"


Event = Annotated[
    ImagePushed
    | PipelineCompleted
    | VoteCast
    | StepFinished
    | DeadlineReached
    | ReminderDue
    | CommandGiven
    | FreezeSpread
    | DeliveryChanged,
    Field(discriminator="kind"),
]

EVENT: TypeAdapter[Event] = TypeAdapter(Event)
"""Parses an event from JSON or Python data."""
