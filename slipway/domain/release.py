"""A release, the artifacts and votes attached to it, and the lanes it moves in. Its phases are in `phases.py`."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Final, Literal

from pydantic import Field

from .around import NO_JOBS, JobRun, JobsAround
from .attribution import ByPerson, with_name
from .blocks import CalledOff, Freeze, Hold, LanePass
from .bundle import Bundle
from .drift import Drift
from .model import Digest, Name, Record, Repository, Tag, Timestamp, release_id
from .order import PLACES_KEPT, Order, TakenOrder
from .people import SignedIn
from .phases import Phase
from .pruning import KINDS_KEPT
from .rollouts import Evidence, Rollback, Rollout
from .runs import Run
from .signing import Signature
from .waivers import MOST_WAIVERS, Waiver

__all__ = [
    "Artifact",
    "Evidence",
    "GateState",
    "Head",
    "Lane",
    "Live",
    "ManualStart",
    "Phase",
    "Push",
    "Release",
    "Rollback",
    "Rollout",
    "Run",
    "Vote",
    "VoteDecision",
]


REJECTIONS_KEPT = 10
"""The most earlier rejections that a release shows; the trail has all of them."""


class Artifact(Record):
    """An image by digest, in the registry (by its name in the settings) that CI pushed it to."""

    registry: Name
    repository: Repository
    digest: Digest
    tag: Tag


class Push(Record):
    """The fact that an image was pushed."""

    at: Timestamp
    actor: str = Field(default="", max_length=256)


class VoteDecision(StrEnum):
    """A person's decision on a plan."""

    APPROVE = "approve"
    """This plan may be rolled out."""
    REJECT = "reject"
    """It may not be rolled out; the release ends."""
    WITHDRAW = "withdraw"
    """Withdraw the earlier vote, leaving none."""
    OBJECT = "object"
    """Say that a vote counted in one's own name was somebody else's; the release that the vote let through is
    stopped."""

    @property
    def noun(self) -> str:
        """As a message names it: `approval`."""
        return _NOUNS[self]


_NOUNS: Final[Mapping[VoteDecision, str]] = {
    VoteDecision.APPROVE: "approval",
    VoteDecision.REJECT: "rejection",
    VoteDecision.WITHDRAW: "withdrawal",
    VoteDecision.OBJECT: "objection",
}


class Vote(Record):
    """One person's decision on one plan hash."""

    voter: str = Field(max_length=254)
    decision: Literal[VoteDecision.APPROVE, VoteDecision.REJECT]
    reason: str = Field(default="", max_length=2000)
    channel: str = Field(max_length=32)
    plan_hash: Digest
    at: Timestamp
    signed_in: SignedIn | None = None
    """The voter's verified sign-in, with only the groups that the policy names."""
    name: str = Field(default="", max_length=256)
    """The voter's name as their sign-in said it, for display."""
    proof: Digest | None = None
    """Hash of the kept proof; None if it was only said."""
    objects: bool = False
    """Whether it replaces a vote that the voter says was not theirs."""

    @property
    def who(self) -> str:
        """The voter as people read it."""
        return with_name(self.voter, self.name)


class GateState(Record):
    """An environment's gate for one plan."""

    plan_hash: Digest
    opening: int = Field(default=1, ge=1)
    """Counts the openings of the environment's gate for this release; a vote is for one opening."""
    opened_at: Timestamp
    deadline: Timestamp | None = None
    frozen_since: Timestamp | None = None
    """Since when its time has stood still, because the lane is frozen; None if it runs."""
    votes: tuple[Vote, ...] = ()
    parts: dict[str, str] = Field(default={}, max_length=20)
    """Hashes of the plan's parts, to tell which of them changed when the plan is made again."""
    reminders: int = Field(default=0, ge=0)
    """The number of reminders so far."""
    remind_at: Timestamp | None = None
    """When people are reminded next; None if no reminders are left."""
    passed_at: Timestamp | None = None
    """When enough people had approved, by the clock of the trail; None while it is open."""
    notified: bool = False
    """Whether at least one person was notified that it waits, on any channel."""
    why_nobody_was_notified: str = Field(default="", max_length=500)
    """Why nobody could be notified so far; empty once somebody was, and while the first notices are on their way."""

    @property
    def closes_at(self) -> Timestamp | None:
        """When the gate expires; None while its time stands still."""
        return self.deadline if self.frozen_since is None else None

    @property
    def approvals(self) -> int:
        return sum(vote.decision is VoteDecision.APPROVE for vote in self.votes)


class ManualStart(ByPerson):
    """Who started a release by hand, of which artifact, and why."""

    of: int | None = Field(default=None, ge=1)
    """The release whose artifact it has; None if no release had the artifact before."""
    reason: str = Field(default="", max_length=2000)


STANDS_STILL: Final = "its time stands still while it is frozen"
"""The words for a gate of a frozen lane, in place of its deadline."""


class Release(Record):
    """One artifact of one application on its way through the chain."""

    application: Name
    number: int = Field(ge=1)
    phase: Phase
    registry: Name
    repository: Repository
    tag: Tag
    digest: Digest | None = None
    dated_at: Timestamp
    """Of two releases, the one dated later is the newer. It is when the image was pushed or the run finished; for a
    release that a person started, or whose artifact had one before, when it was started. A rollback has the date of
    the release that it brings back."""
    created_at: Timestamp
    changed_at: Timestamp
    push: Push | None = None
    run: Run | None = None
    bundle: Bundle | None = None
    """The content of its bundle; None for an image, and until the bundle was read."""
    environment: Name | None = None
    attempt: int = 0
    """Counts the plans of the release for its environment: each is an attempt to roll it out."""
    step: str | None = None
    """Id of the step that the release waits for."""
    resent: int = 0
    """The number of times that step was sent again because it did not report."""
    due: Timestamp | None = None
    """Deadline of the current phase: of the gate, the wait for triggers, the soak or block, or the step."""
    plan_hash: Digest | None = None
    plan_base: Digest | None = None
    """Hash of the plan that was live when this one was made."""
    plan_definition: Digest | None = None
    """Hash of the definition that the plan was made from."""
    gate: GateState | None = None
    openings: int = Field(default=0, ge=0)
    """The number of times the gate of this environment was opened for it."""
    rollouts: tuple[Rollout, ...] = ()
    reason: str = Field(default="", max_length=2000)
    superseded_by: int | None = None
    first_sequence: int = 0
    """The sequence number of the release's first audit record."""
    trace: Annotated[str, Field(max_length=64)] = ""
    """The span (W3C `traceparent`) in which the release began, which is the root of its whole trace; empty if tracing
    is off."""
    rollback: Rollback | None = None
    """Set for a manual rollback, which goes to one environment only and has no gate."""
    manual_start: ManualStart | None = None
    """Set if a person started it; None if a push or a CI run did."""
    blocked_by: tuple[Annotated[str, Field(max_length=64)], ...] = Field(default=(), max_length=10)
    """Names of the rules that block the release while it is held back or soaking."""
    rejections: tuple[Vote, ...] = Field(default=(), max_length=REJECTIONS_KEPT)
    """The rejections in this environment after which the release was sent out again, oldest first."""
    failed_step: str = Field(default="", max_length=32)
    """The kind of step that failed, at which a retry resumes; empty if none did."""
    waivers: tuple[Waiver, ...] = Field(default=(), max_length=MOST_WAIVERS)
    """The rules about proof that need not hold for it, in any environment."""
    sent_by: str = Field(default="", max_length=254)
    """The person who last sent it out again; empty if nobody did."""
    override: LanePass | None = None
    """Lets the release past one freeze or closed window in its current environment; used once."""

    @property
    def is_stopped(self) -> bool:
        """Whether its present attempt was stopped right before the first object."""
        return bool(self.rollouts) and self.rollouts[-1].stopped == self.attempt

    @property
    def is_copied(self) -> bool:
        """Whether the artifact is in the environment's registry because it was copied there for the present plan."""
        by_rollout = bool(self.rollouts) and self.rollouts[-1].copied == self.attempt
        return by_rollout or (self.rollback is not None and self.rollback.copied)

    @property
    def stands_still(self) -> bool:
        """Whether it waits at a gate whose time stands still; `due` is then the end of the freeze, if that is known."""
        return self.phase is Phase.AWAITING_APPROVAL and self.gate is not None and self.gate.frozen_since is not None

    @property
    def id(self) -> str:
        return release_id(self.application, self.number)

    @property
    def artifact(self) -> Artifact:
        if self.digest is None:
            raise ValueError(f"{self.id}: its digest is not known yet")
        return Artifact(registry=self.registry, repository=self.repository, digest=self.digest, tag=self.tag)

    def newer_than(self, other: "Release") -> bool:
        return (self.dated_at, self.number) > (other.dated_at, other.number)

    @property
    def ended_at(self) -> datetime:
        """When the release ended. Evidence that arrives later does not change it."""
        left = self.rollouts[-1].left_at if self.rollouts else None
        return left or self.changed_at

    def waivers_in(self, environment: str | None) -> tuple[Waiver, ...]:
        return tuple(waiver for waiver in self.waivers if waiver.environment == environment)

    @property
    def jobs(self) -> JobsAround:
        """The Jobs around its current rollout."""
        return self.rollouts[-1].jobs if self.rollouts else NO_JOBS

    def job_runs_in(self, environment: str) -> dict[str, JobRun]:
        """The last outcomes of the Jobs around its rollouts there, by name."""
        return {
            run.name: run for rollout in self.rollouts if rollout.environment == environment for run in rollout.job_runs
        }

    def rollout_in(self, environment: str) -> Rollout | None:
        return next((rollout for rollout in reversed(self.rollouts) if rollout.environment == environment), None)

    def preview_of(self, plan_hash: str | None) -> str | None:
        """Hash of the preview that was made with the plan; None if there is none."""
        previews = (rollout.preview for rollout in reversed(self.rollouts) if rollout.plan_hash == plan_hash)
        return next(previews, None) if plan_hash else None

    @property
    def failures(self) -> tuple[Evidence, ...]:
        """The evidence of the last rollout in each environment where it was given up."""
        last = {rollout.environment: rollout.failure for rollout in self.rollouts}
        return tuple(filter(None, last.values()))

    @property
    def jobs_done(self) -> tuple[Evidence, ...]:
        """The Jobs around its rollouts that succeeded, oldest first; a failed Job is among the failures."""
        return tuple(
            Evidence(
                name=f"{run.side}: {run.name}",
                environment=rollout.environment,
                passed=True,
                summary=run.summary or "the Job is complete",
                log=run.log,
            )
            for rollout in self.rollouts
            for run in rollout.job_runs
            if run.passed
        )

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        """All evidence collected for this artifact so far, oldest first."""
        return tuple(item for rollout in self.rollouts for item in rollout.evidence)


class Live(Record):
    """The release that went live last in an environment: its rollout and its tests have passed."""

    release: int
    dated_at: Timestamp
    """The release's `dated_at`."""
    digest: Digest
    tag: Tag
    plan_hash: Digest
    at: Timestamp


class Lane(Record):
    """The order of rollouts for one application in one environment."""

    environment: Name
    live: Live | None = None
    in_progress: int | None = None
    """The release whose rollout is under way; never more than one."""
    waiting: int | None = None
    """The release in this environment that is planned, asked about or held back. It is the newest one, or the one that
    people are asked about while `next` waits for them."""
    failed: int | None = None
    """The last release that failed or was rolled back here; None again once one goes live."""
    next: int | None = None
    """The newest release that waits until people have decided on `waiting`."""
    rollback: int | None = None
    """A manual rollback that is not yet rolling out; it takes precedence over `waiting`."""
    freeze: Freeze | None = None
    """While in force, nothing new is rolled out here."""
    drift: Drift | None = None
    """Set while the cluster differs from the live release, or while that is not known."""
    hold: Hold | None = None
    """Set by a manual rollback; blocks newer rollouts until somebody resumes the lane."""
    called_off: CalledOff | None = None
    """Set while the rollout that holds the lane has to end before its first object."""
    kinds: tuple[Annotated[str, Field(max_length=320)], ...] = Field(default=(), max_length=KINDS_KEPT)
    """The kinds of all objects that were ever planned here: some may be left of a kind that cannot be searched."""
    orders: int = Field(default=0, ge=0)
    """The last order that was given; each rollout and each rollback takes the next."""
    taken: tuple[TakenOrder, ...] = Field(default=(), max_length=PLACES_KEPT)
    """The last order known to have been taken, for each place."""

    def has_taken(self, order: Order) -> bool:
        """Whether the order is known to have been taken in some cluster, so that the first object may be there."""
        return any(each.order == order for each in self.taken)

    @property
    def numbers(self) -> tuple[int, ...]:
        """The releases in the lane: the one rolling out, a pending manual rollback, the one waiting, and the next."""
        numbers = (self.in_progress, self.rollback, self.waiting, self.next)
        return tuple(number for number in numbers if number is not None)


class Rewound(Record):
    """The finding that the ledger lacks the record which its newest anchor names."""

    at: Timestamp
    reason: str = Field(max_length=500)


class Head(Record):
    """The end of an application's audit chain, and its counters."""

    application: str = Field(max_length=64)
    """An application's name, or the partition of the whole installation."""
    epoch: int = Field(default=0, ge=0)
    """Counts the restores of the application's ledger; orders and anchors of an older epoch are history."""
    sequence: int = 0
    hash: str = ""
    time: Timestamp | None = None
    """The time of the last record; None in a new chain."""
    rewound: Rewound | None = None
    """Set once the ledger was found to have been put back; from then on nothing is opened."""
    next_release: int = 1
    active: tuple[int, ...] = ()
    """Numbers of the releases that have not ended."""
    freeze: Freeze | None = None
    """This application's copy of the freeze of everything, so that a decision sees it in its own partition."""
    in_force: dict[str, Digest] = Field(default_factory=dict)
    """Hashes of what is in force here according to the trail: versions, freezes and holds (`signed_head.py`)."""
    sig: Signature | None = None
    """The worker's signature of the chain's end and `in_force`; None for a new chain, and after a head that was not
    signed."""
