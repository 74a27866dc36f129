"""Events: what inbound messages mean, once parsed. No code acts on a raw message."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, TypeAdapter, model_validator

from .attribution import NAME_LIMIT, Attribution, attributed
from .blocks import REASON_LIMIT, Freeze
from .commands import OF_A_LANE, OF_THE_INSTALLATION, Verb, wrong_release
from .drift import DriftFindings
from .gate import Level
from .inbox import InboxId, Via
from .model import Digest, Name, Record, Repository, Tag, Timestamp, sha256
from .people import SignedIn
from .proof import ProofFacts
from .release import VoteDecision
from .restored import Restored
from .rules import StoredResult
from .runs import Run
from .steps import Step


class _Event(Record):
    received_at: Timestamp

    @property
    def key(self) -> str:
        """The same for repeats of the same fact, however they arrived; the ledger accepts each key once."""
        raise NotImplementedError

    @property
    def mark(self) -> str:
        """The key as fixed-length text that is safe in a row key."""
        return sha256(self.key.encode()).removeprefix("sha256:")[:40]


class ImagePushed(_Event):
    """A manifest was pushed under a tag."""

    kind: Literal["image-pushed"] = "image-pushed"
    registry: Name
    repository: Repository
    digest: Digest
    tag: Tag
    media_type: str = Field(default="", max_length=256)
    pushed_at: Timestamp
    actor: str = Field(default="", max_length=256)
    source: Literal["event", "reconcile"] = "event"
    no_image: str = Field(default="", max_length=500)
    """Why the pushed artifact is not an image, by the registry's content; empty for an image, and if nobody looked."""

    @property
    def key(self) -> str:
        pushed = f"{self.registry} {self.repository} {self.digest} {self.tag} {self.pushed_at.isoformat()}"
        return f"push {pushed} {self.source}"


class PipelineCompleted(_Event):
    """A CI run ended, and its source was asked about it: `run` holds the known facts and how certain each is."""

    kind: Literal["pipeline-completed"] = "pipeline-completed"
    run: Run
    repository: Repository | None = None
    digest: Digest | None = None
    """The image that the run reports as published; if it reports none, the one that its message names."""
    tag: Tag | None = None
    refused: str = Field(default="", max_length=1000)
    """Why the image that a message names is not this run's; empty if it is, or if none was named."""

    @property
    def key(self) -> str:
        run_text = self.run.model_dump_json(exclude={"finished_at"})
        return f"run {self.digest or ''} {self.tag or ''} {self.refused} {run_text}"


class RunReported(_Event):
    """Somebody reported the end of a run: a hint. Its claims say which source to ask; they decide nothing."""

    kind: Literal["run-reported"] = "run-reported"
    claims: Run
    repository: Repository | None = None
    digest: Digest | None = None
    tag: Tag | None = None
    looks: int = Field(default=0, ge=0)
    """The number of times that its source was asked in vain."""
    unrecorded: bool = False
    """Whether it is recorded only once it is proved, because too many others of its hour were not proved."""

    @property
    def key(self) -> str:
        run = self.claims
        artifact = f"{self.repository or ''} {self.digest or ''} {self.tag or ''}"
        run_key = f"{run.organization} {run.project_id or run.project} {run.pipeline} {run.id} {run.result}"
        return f"run-reported {run_key} {artifact} {self.looks}"

    def completed(self, run: Run) -> PipelineCompleted:
        """The event for the run as it is known now, with the image that the message named."""
        return PipelineCompleted(
            received_at=self.received_at, run=run, repository=self.repository, digest=self.digest, tag=self.tag
        )


class VoteCast(_Event):
    """A person voted on a plan. `level` says how certain the voter's identity is."""

    kind: Literal["vote-cast"] = "vote-cast"
    application: Name
    release: int
    environment: Name
    plan_hash: Digest | None = None
    """None for a vote that only stops something and names no plan: it applies to the plan that people are asked
    about."""
    voter: str = Field(min_length=3, max_length=254)
    decision: VoteDecision
    reason: str = Field(default="", max_length=2000)
    channel: str = Field(max_length=32)
    submission: str = Field(min_length=8, max_length=128)
    """The id of its inbox row or message. The same vote under the same id is a repeat; a different vote under it is
    another vote."""
    inbox: InboxId | Literal[""] = ""
    """The inbox row that it was read from; empty for a message."""
    signed_in: SignedIn | None = None
    """The voter's verified sign-in; None if only a signed link says who they are."""
    name: str = Field(default="", max_length=256)
    """The voter's name as their sign-in says it, for display."""
    opening: int | None = Field(default=None, ge=1)
    """The opening of the gate that the vote is for; None if it does not say."""
    proved: ProofFacts | None = None
    """The facts from the vote's proof; None without a proof that holds."""
    unproved: str = Field(default="", max_length=500)
    """Why its proof does not hold. Such a vote never counts, and its voter is not known."""

    @property
    def level(self) -> Level:
        """The certainty of the voter's identity."""
        if self.proved is not None:
            return Level.SIGNED
        return Level.LINK if self.channel in set(Via) else Level.QUEUE

    @property
    def attribution(self) -> Attribution:
        """The attribution on record."""
        return attributed(self.voter, channel=self.channel, unproved=self.unproved, name=self.name)

    @property
    def key(self) -> str:
        if self.proved is not None:
            return f"proof {self.proved.statement.nonce}"  # a statement counts once, however often it is sent
        content = self.model_dump_json(include={"environment", "plan_hash", "opening", "decision", "reason"})
        return f"vote {self.application} {self.release} {self.voter.casefold()} {self.submission} {content}"


class StepFinished(_Event):
    """A step finished, successfully or not."""

    kind: Literal["step-finished"] = "step-finished"
    step: Step
    passed: bool
    reason: str = Field(default="", max_length=2000)
    result: dict[str, Any] = Field(default_factory=dict)
    broken: tuple[StoredResult, ...] = Field(default=(), max_length=10)
    """The rules because of which the step was not begun."""

    @property
    def key(self) -> str:
        return f"step {self.step.id}"

    @property
    def resolved_digest(self) -> str | None:
        """The digest that a tag was resolved to; None for other steps."""
        digest = self.result.get("digest")
        return digest if self.passed and isinstance(digest, str) else None


class DeadlineReached(_Event):
    """A release's deadline has passed."""

    kind: Literal["deadline-reached"] = "deadline-reached"
    application: Name
    release: int
    due: Timestamp

    @property
    def key(self) -> str:
        return f"deadline {self.application} {self.release} {self.due.isoformat()}"


class ReminderDue(_Event):
    """It is time to remind the approvers who have not voted."""

    kind: Literal["reminder-due"] = "reminder-due"
    application: Name
    release: int
    due: Timestamp

    @property
    def key(self) -> str:
        return f"reminder {self.application} {self.release} {self.due.isoformat()}"


class PushedArtifact(Record):
    """The registry's content in the repository that the application is delivered from."""

    tag: Tag
    digest: Digest
    no_image: str = Field(default="", max_length=500)
    """Why it is not an image; empty for an image, and for a bundle, which is read later."""


class GivenCommand(_Event):
    """An operator's command, about an application or the whole installation, with the known facts about its author. A
    command that stops something is believed to come from the person that the channel names; one that lets something
    through counts only with a proof."""

    verb: Verb
    until: Timestamp | None = None
    """For a freeze: when it ends by itself."""
    actor: str = Field(min_length=1, max_length=NAME_LIMIT)
    name: str = Field(default="", max_length=NAME_LIMIT)
    """The person's name as their sign-in said it, for display."""
    roles: tuple[Annotated[str, Field(max_length=256)], ...] = Field(default=(), max_length=1000)
    """App roles that the proof's own token names."""
    reason: str = Field(default="", max_length=REASON_LIMIT)
    channel: str = Field(max_length=32)
    submission: str = Field(min_length=8, max_length=128)
    """The id of its inbox row or message. The same command under the same id is a repeat; a different command under it
    is another command. So if several systems send messages, none can use up the id with which another says stop."""
    inbox: InboxId | Literal[""] = ""
    """The inbox row that it was read from; empty for a message."""
    proved: ProofFacts | None = None
    """The facts from the command's proof; None without a proof that holds."""
    unproved: str = Field(default="", max_length=500)
    """Why its proof does not hold. Such a command is never carried out, and its author is not known."""
    automated: bool = False
    """Whether an application gave it with a verified access token of its own. It may start releases if the project says
    so, and can open nothing else."""
    forbidden: str = Field(default="", max_length=500)
    """Why its author may not give it; empty if their roles, or the project, allow it."""

    @property
    def attribution(self) -> Attribution:
        """The attribution on record."""
        return attributed(self.actor, channel=self.channel, unproved=self.unproved, name=self.name)


class CommandGiven(GivenCommand):
    """A command about an application."""

    kind: Literal["command-given"] = "command-given"
    application: Name
    release: int | None = Field(default=None, ge=1)
    """The release that the command is about; for a rollback, the one to restore."""
    artifact: PushedArtifact | None = None
    """For a release of an artifact that no release has delivered yet."""
    environment: Name | None = None
    rule: str = Field(default="", max_length=64)
    """For a waiver: the name of the rule."""
    restored: Restored | None = None
    """For a new epoch: what the ledger has lost, as the anchors show it and the worker found it."""

    @model_validator(mode="after")
    def _says_what_it_is_about(self) -> Self:
        if self.verb in OF_THE_INSTALLATION:
            raise ValueError(f"verb: {self.verb} is for the installation, not for an application")
        if wrong := wrong_release(self.verb, self.release, instead=self.artifact is not None):
            raise ValueError(f"release: {wrong}")
        if (self.environment is None) is (self.verb in OF_A_LANE):
            raise ValueError(f"environment: {'is missing' if self.environment is None else f'is not for {self.verb}'}")
        return self

    @property
    def key(self) -> str:
        if self.proved is not None:
            return f"proof {self.proved.statement.nonce}"  # a statement counts once, however often it is sent
        about = f"{self.application} {self.release or '-'} {self.environment or '-'}"
        content = self.model_dump_json(include={"reason", "until"})
        return f"command {self.verb} {about} {self.actor.casefold()} {self.submission} {content}"


class FreezeSpread(_Event):
    """A freeze of everything was set or ended; sent to each application, so that its decisions see it."""

    kind: Literal["freeze-spread"] = "freeze-spread"
    application: Name
    freeze: Freeze
    ended_by: str = Field(default="", max_length=NAME_LIMIT)
    """The one who ended it; empty while it is in force."""
    ended_name: str = Field(default="", max_length=NAME_LIMIT)
    """Their name as their sign-in said it, for display."""
    reason: str = Field(default="", max_length=REASON_LIMIT)
    """Why it was ended."""

    @property
    def key(self) -> str:
        return f"freeze {self.application} {self.freeze.id} {'ended' if self.ended_by else 'set'}"


class DriftLooked(_Event):
    """A look compared a cluster with the live release, and found something new."""

    kind: Literal["drift-looked"] = "drift-looked"
    application: Name
    environment: Name
    release: int = Field(ge=1)
    """The release that was live."""
    plan_hash: Digest
    """Its plan, with which the cluster was compared."""
    seen: DriftFindings

    @property
    def key(self) -> str:
        # A later episode may have the same result, so the time is part of the key: a look is never sent twice.
        return f"drift {self.application} {self.environment} {self.seen.mark} {self.received_at.isoformat()}"


class DefinitionChanged(_Event):
    """The application has changed since the plan of a release was made."""

    kind: Literal["definition-changed"] = "definition-changed"
    application: Name
    release: int
    environment: Name
    attempt: int
    definition: Digest

    @property
    def key(self) -> str:
        at = f"{self.application} {self.release} {self.environment} {self.attempt}"
        return f"definition {at} {self.definition}"


Event = Annotated[
    ImagePushed
    | PipelineCompleted
    | VoteCast
    | StepFinished
    | DeadlineReached
    | ReminderDue
    | CommandGiven
    | FreezeSpread
    | DriftLooked
    | DefinitionChanged,
    Field(discriminator="kind"),
]

EVENT: TypeAdapter[Event] = TypeAdapter(Event)
"""Parses an event from JSON or Python data."""
