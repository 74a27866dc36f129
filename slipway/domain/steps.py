"""Steps: the units of work on the queue, each with one effect. Also the messages that a decision sends."""

from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any, Literal, Self, assert_never

from pydantic import Field, model_validator

from .around import MOST_JOBS, NO_JOBS, JobsAround
from .chain_anchor import AnchoredGate
from .environment import Environment
from .model import Name, Record, Timestamp, release_id, sha256
from .order import PLACES_KEPT, Order, TakenOrder
from .promotion import LONGEST_WHY
from .queues import Queue

MESSAGE_ID_LIMIT = 128
"""The most characters that Service Bus accepts in a message id."""


class StepKind(StrEnum):
    """The kinds of steps."""

    RESOLVE = "resolve"
    """Look a tag up in the registry."""
    PLAN = "plan"
    """Render the manifests, compare them with the live objects, write the plan down."""
    COPY = "copy"
    """Copy the artifact into the environment's registry."""
    BEFORE = "before"
    """Run the plan's Jobs that come before its objects, one after the other."""
    DEPLOY = "deploy"
    """Apply the plan's manifests."""
    CHECK = "check"
    """Poll the cluster until everything that was applied is up, or the time for it is over."""
    AFTER = "after"
    """Run the plan's Jobs that come after the rollout, one after the other."""
    VERIFY = "verify"
    """Call the HTTP probes, and run the acceptance Job until it has ended."""
    ROLL_BACK = "roll-back"
    """Apply the plan that was live before, and poll the cluster until it is up."""
    ANCHOR = "anchor"
    """Anchor how a gate of class production was decided, in storage where nothing can be changed."""
    NOTIFY = "notify"
    """Tell a channel of an event or a question."""

    @property
    def is_awaited(self) -> bool:
        """Whether a release waits for the outcome."""
        return self not in (StepKind.ANCHOR, StepKind.NOTIFY)

    @property
    def begins_with_a_look(self) -> bool:
        """Whether several workers may do it at once, at least until it reports that it is about to change something.
        Its writes have the same name and content no matter which worker makes them."""
        return self in (StepKind.RESOLVE, StepKind.PLAN, StepKind.CHECK, StepKind.VERIFY, StepKind.ANCHOR)

    @property
    def is_ordered(self) -> bool:
        """Whether it is part of a rollout, which has an order in its lane."""
        return self in (
            StepKind.BEFORE,
            StepKind.DEPLOY,
            StepKind.CHECK,
            StepKind.AFTER,
            StepKind.VERIFY,
            StepKind.ROLL_BACK,
        )

    @property
    def goes_by_a_plan(self) -> bool:
        """Whether it carries out the release's plan."""
        return self is StepKind.COPY or self.is_ordered


class Notice(StrEnum):
    """The events that people are notified of."""

    GATE_OPENED = "gate-opened"
    """A gate waits for people."""
    REMINDER = "gate-reminder"
    """The gate still waits, and these people have not answered."""
    VOTES_VOIDED = "votes-voided"
    """The plan has changed, so that votes on the earlier one do not count."""
    VOTE_REFUSED = "vote-refused"
    """The statement in a message, on behalf of a person, does not count."""
    VOTE_COUNTED = "vote-counted"
    """A vote was counted in a person's name; they can say that it was not theirs."""
    VOTE_OBJECTED = "vote-objected"
    """Somebody said that a vote which was counted in their name was not theirs."""
    ENDED = "ended"
    """A release has ended, well or not."""
    DRIFT = "drift"
    """The cluster no longer matches the live release."""


class StartedJob(Record):
    """A Job that Slipway has made. Another object under its name has another uid."""

    name: Annotated[str, Field(max_length=63)]
    uid: Annotated[str, Field(max_length=64)]


class ObservedJob(StartedJob):
    """A Job around the rollout that the step has made."""

    at: Timestamp
    """When it was first seen."""


class EarlierFindings(Record):
    """The findings of earlier polls of a rollout, for the next ones."""

    done: tuple[Annotated[str, Field(max_length=320)], ...] = Field(default=(), max_length=300)
    """Labels of the workloads that were seen done. They stay done, such as a Job that the cluster removes after its
    end."""
    hopeless_at: Timestamp | None = None
    """Since when the rollout has looked as if only another release could help; None if it does not."""

    job: StartedJob | None = None
    """The acceptance Job of this step, once it has been started."""
    applied_at: Timestamp | None = None
    """When a rollback's objects were applied. Its time begins then, since the cluster may have been away before."""
    unapplied: dict[Annotated[str, Field(max_length=320)], Annotated[str, Field(max_length=500)]] = Field(
        default={}, max_length=50
    )
    """Objects that a rollback could not bring back, by label, and why."""
    freed: tuple[Annotated[str, Field(max_length=253)], ...] = Field(default=(), max_length=50)
    """Pods that a rollback deleted because a StatefulSet would have waited for them for ever."""
    jobs: tuple[ObservedJob, ...] = Field(default=(), max_length=MOST_JOBS)
    """The Jobs around the rollout that were made so far."""


class Step(Record):
    """One step of one release. All messages of the step (polls, retries, resends) have the same `id`."""

    kind: StepKind
    application: Name
    release: int
    environment: Name
    attempt: int = Field(ge=0)
    asked_at: Timestamp
    notice: Notice | None = None
    channel: Name | None = None
    recipients: tuple[Annotated[str, Field(max_length=254)], ...] = Field(default=(), max_length=500)
    """Names of a notice's recipients; empty if it is for everybody on the channel."""
    sent: tuple[Annotated[str, Field(max_length=16)], ...] = Field(default=(), max_length=500)
    """The messages of a notice that an earlier try sent, by the first characters of their ids."""
    gate: AnchoredGate | None = None
    """The decided gate that an anchor names."""
    why: str = Field(default="", max_length=2000)
    """Reason that a notice states, if it is not the release's own."""
    number: int = Field(default=0, ge=0)
    """Distinguishes several notices of one kind for the same plan."""
    poll: int = Field(default=0, ge=0)
    """The number of polls before this one."""
    tries: int = Field(default=0, ge=0)
    """The number of times the effect has failed with a retryable error."""
    resent: int = Field(default=0, ge=0)
    waits: str = Field(default="", max_length=LONGEST_WHY)
    """The last noted reason for waiting, so that only a new one is noted."""
    seen: EarlierFindings = EarlierFindings()
    order: Order | None = None
    """The rollout's order; None for steps that are not part of a rollout."""
    taken: tuple[TakenOrder, ...] = Field(default=(), max_length=PLACES_KEPT)
    """The places where, as far as the ledger knew when the step was asked for, an order had been taken."""

    @property
    def id(self) -> str:
        notice = f":{self.notice}:{self.channel}" if self.notice else ""
        notice += f":{self.number}" if self.number else ""
        notice += f":{self.gate.opening}:{self.gate.outcome}" if self.gate else ""
        return f"{release_id(self.application, self.release)}/{self.environment}/{self.attempt}/{self.kind}{notice}"

    @property
    def message_id(self) -> str:
        """Distinct for each poll and try, so that duplicate detection drops only true repeats."""
        whole = f"{self.id}:{self.resent}.{self.tries}.{self.poll}"
        # With long names it may exceed the queue's limit. Use a hash then: a cut-off id might not be unique.
        return whole if len(whole) <= MESSAGE_ID_LIMIT else sha256(whole.encode())

    @property
    def first_message_id(self) -> str:
        """The id of the message that the decision sent, before any poll or try."""
        return self.evolve(poll=0, tries=0).message_id


STEP_TIME = timedelta(minutes=10)
COPY_TIME = timedelta(hours=1)
NOTICE_TIME = timedelta(hours=1)
GRACE = timedelta(minutes=5)
"""Added to the time that a step may take before it is sent again."""


def own_time(kind: StepKind, environment: Environment | None, jobs: JobsAround = NO_JOBS) -> timedelta | None:
    """How long a step keeps trying while a part that it needs is away; None for no end. `jobs` are those around the
    rollout."""
    match kind:
        case StepKind.ROLL_BACK | StepKind.ANCHOR:
            return None
        case StepKind.COPY:
            return COPY_TIME
        case StepKind.NOTIFY:
            return NOTICE_TIME
        case StepKind.RESOLVE | StepKind.DEPLOY:
            return STEP_TIME
        case StepKind.PLAN:
            waits = environment is not None and environment.require.rules()
            return STEP_TIME + environment.require.within if environment and waits else STEP_TIME
        case StepKind.BEFORE:
            return jobs.before_within
        case StepKind.AFTER:
            return jobs.after_within
        case StepKind.CHECK:
            return environment.rollout_within if environment else STEP_TIME
        case StepKind.VERIFY:
            return environment.verification.within if environment else STEP_TIME
        case _:
            assert_never(kind)


def time_allowed(kind: StepKind, environment: Environment | None, jobs: JobsAround = NO_JOBS) -> timedelta:
    """The time to wait for a step's report before it is sent again."""
    own = own_time(kind, environment, jobs)
    if own is None:
        own = environment.rollout_within if environment else STEP_TIME
    return own + GRACE


class Trace(Record):
    """A message's place in the traces that operators read; decisions ignore it. Both fields are W3C `traceparent`s or
    empty."""

    parent: Annotated[str, Field(max_length=64)] = ""
    """Parent of the span that handles the message."""
    link: Annotated[str, Field(max_length=64)] = ""
    """A related span of another trace, or from long ago."""


class Outgoing(Record):
    """A message that a decision sends; stored in the outbox until it has been sent."""

    queue: Literal[Queue.STEPS, Queue.WORK]
    session: Annotated[str, Field(max_length=MESSAGE_ID_LIMIT)] = ""
    """The session that it belongs to, on a queue that has sessions; otherwise empty."""
    id: Annotated[str, Field(max_length=MESSAGE_ID_LIMIT)]
    """Message id: a repeat within the queue's window is dropped."""
    body: dict[str, Any]
    not_before: Timestamp | None = None
    trace: Trace | None = None

    @model_validator(mode="after")
    def _fits_its_queue(self) -> Self:
        if bool(self.session) is not self.queue.sessions:
            raise ValueError(f"session: {'is missing' if self.queue.sessions else 'is not'} for queue {self.queue}")
        return self
