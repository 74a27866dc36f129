"""The phases of a release, the facts about each, and the allowed transitions."""

from dataclasses import dataclass
from enum import Enum, StrEnum, auto
from typing import Final, Self, assert_never

from .rules import Milestone
from .tones import Tone


class Doing(Enum):
    """What a release does while it is in a phase."""

    AWAITS_TRIGGER = auto()
    """The release waits for the second of its triggers."""
    AWAITS_LANE = auto()
    """The release waits for other releases of its lane."""
    AWAITS_CONDITIONS = auto()
    """The release waits until every condition of the gate holds."""
    AWAITS_VOTES = auto()
    """The release waits for people."""
    IS_HELD_BACK = auto()
    """The gate has passed, and the release waits until nothing blocks its rollout."""
    WORKS = auto()
    """A step is under way that does not change the environment."""
    ROLLS_OUT = auto()
    """The release holds its lane and changes the environment."""
    ENDED = auto()
    """The release has ended."""
    ENDED_IN_FAILURE = auto()
    """The release has ended because a step of it failed."""
    ENDED_LIVE = auto()
    """The release has ended and is live."""


_WAITS: Final = frozenset(
    {Doing.AWAITS_TRIGGER, Doing.AWAITS_LANE, Doing.AWAITS_CONDITIONS, Doing.AWAITS_VOTES, Doing.IS_HELD_BACK}
)


@dataclass(frozen=True)
class _PhaseFacts:
    """What every phase says: the type check does not compare a plain tuple with `Phase.__new__`."""

    name: str
    meaning: str
    word: str
    mark: str
    tone: Tone
    doing: Doing
    milestone: Milestone | None


class Phase(StrEnum):
    """Where a release is on its way."""

    meaning: str
    """One sentence, for the reference and for `explain`."""
    word: str
    """Its name on pages."""
    mark: str
    """One character beside the word, so that colour is never the only sign."""
    tone: Tone
    doing: Doing
    milestone: Milestone | None
    """The milestone that the release waits for or works towards; None if there is none."""

    def __new__(cls, facts: _PhaseFacts) -> Self:
        member = str.__new__(cls, facts.name)
        member._value_ = facts.name
        member.meaning, member.word, member.mark, member.tone = facts.meaning, facts.word, facts.mark, facts.tone
        member.doing, member.milestone = facts.doing, facts.milestone
        return member

    JOINING = _PhaseFacts(
        "joining",
        "It waits for the second of its two triggers (image push, CI run).",
        "Waiting for its second trigger",
        "◔",
        Tone.QUIET,
        Doing.AWAITS_TRIGGER,
        Milestone.START,
    )
    RESOLVING = _PhaseFacts(
        "resolving",
        "Its tag is being looked up in the registry.",
        "Looking up its image",
        "◔",
        Tone.BUSY,
        Doing.WORKS,
        Milestone.DIGEST,
    )
    QUEUED = _PhaseFacts(
        "queued",
        "Another rollout holds the lane, or people are asked about an older release; this one is next.",
        "Queued",
        "◔",
        Tone.QUIET,
        Doing.AWAITS_LANE,
        Milestone.LANE,
    )
    PLANNING = _PhaseFacts(
        "planning",
        "The plan of its exact changes is being made.",
        "Planning",
        "◑",
        Tone.BUSY,
        Doing.WORKS,
        Milestone.PLAN,
    )
    SOAKING = _PhaseFacts(
        "soaking",
        "It waits for what has to hold before it goes on or people are asked, such as its time in staging.",
        "Soaking",
        "◔",
        Tone.BUSY,
        Doing.AWAITS_CONDITIONS,
        Milestone.GATE,
    )
    AWAITING_APPROVAL = _PhaseFacts(
        "awaiting_approval",
        "The gate is open and waits for votes.",
        "Waiting for approval",
        "?",
        Tone.ASKS,
        Doing.AWAITS_VOTES,
        Milestone.GATE,
    )
    HELD_BACK = _PhaseFacts(
        "held_back",
        "The gate has passed; a freeze, a hold, a closed time window or the time to object blocks the rollout.",
        "Held back",
        "‖",
        Tone.ASKS,
        Doing.IS_HELD_BACK,
        Milestone.GATE,
    )
    COPYING = _PhaseFacts(
        "copying",
        "The artifact is being copied into the environment's registry.",
        "Copying the image",
        "◑",
        Tone.BUSY,
        Doing.ROLLS_OUT,
        Milestone.COPY,
    )
    PREPARING = _PhaseFacts(
        "preparing",
        "The Jobs that come before its rollout are running, such as a migration.",
        "Running Jobs before the rollout",
        "◑",
        Tone.BUSY,
        Doing.ROLLS_OUT,
        Milestone.ROLLOUT,
    )
    DEPLOYING = _PhaseFacts(
        "deploying",
        "The manifests are being applied.",
        "Deploying",
        "◑",
        Tone.BUSY,
        Doing.ROLLS_OUT,
        Milestone.ROLLOUT,
    )
    CHECKING = _PhaseFacts(
        "checking",
        "The cluster is bringing the new version up.",
        "Rolling out",
        "◑",
        Tone.BUSY,
        Doing.ROLLS_OUT,
        Milestone.ROLLOUT,
    )
    FINISHING = _PhaseFacts(
        "finishing",
        "The Jobs that come after its rollout are running.",
        "Running Jobs after the rollout",
        "◑",
        Tone.BUSY,
        Doing.ROLLS_OUT,
        Milestone.VERIFICATION,
    )
    VERIFYING = _PhaseFacts(
        "verifying",
        "The acceptance tests are running.",
        "Verifying",
        "◑",
        Tone.BUSY,
        Doing.ROLLS_OUT,
        Milestone.VERIFICATION,
    )
    ROLLING_BACK = _PhaseFacts(
        "rolling_back",
        "The release that was live before is being restored.",
        "Rolling back",
        "↺",
        Tone.BAD,
        Doing.ROLLS_OUT,
        None,
    )
    COMPLETED = _PhaseFacts(
        "completed", "Live in every environment of the chain.", "Completed", "✓", Tone.GOOD, Doing.ENDED_LIVE, None
    )
    FAILED = _PhaseFacts(
        "failed", "A step failed, and nothing was rolled back.", "Failed", "✕", Tone.BAD, Doing.ENDED_IN_FAILURE, None
    )
    ROLLED_BACK = _PhaseFacts(
        "rolled_back",
        "The rollout or its verification failed, and the release that was live before is live again.",
        "Rolled back",
        "↺",
        Tone.BAD,
        Doing.ENDED_IN_FAILURE,
        None,
    )
    REJECTED = _PhaseFacts("rejected", "A person said no.", "Rejected", "✕", Tone.BAD, Doing.ENDED, None)
    EXPIRED = _PhaseFacts(
        "expired", "The time to join or approve it ran out.", "Expired", "–", Tone.QUIET, Doing.ENDED, None
    )
    SUPERSEDED = _PhaseFacts(
        "superseded",
        "A newer release took its place before its rollout began, or a newer rollout took over in the cluster.",
        "Superseded",
        "»",
        Tone.QUIET,
        Doing.ENDED,
        None,
    )
    CANCELLED = _PhaseFacts(
        "cancelled",
        "An operator cancelled it, or it cannot go on: for example, its CI run failed or its environment is gone.",
        "Cancelled",
        "–",
        Tone.QUIET,
        Doing.ENDED,
        None,
    )

    @classmethod
    def of_text(cls, name: str) -> "Phase | None":
        return next((phase for phase in cls if phase == name), None)

    @property
    def final(self) -> bool:
        """Whether the release has ended."""
        return self.doing in (Doing.ENDED, Doing.ENDED_IN_FAILURE, Doing.ENDED_LIVE)

    @property
    def ended_live(self) -> bool:
        return self.doing is Doing.ENDED_LIVE

    @property
    def ended_in_failure(self) -> bool:
        return self.doing is Doing.ENDED_IN_FAILURE

    @property
    def retryable(self) -> bool:
        """Whether a person can send a release out again from here: same digest, same environment, a new attempt."""
        return self.final and Phase.PLANNING in self.followers

    @property
    def holds_lane(self) -> bool:
        return self.doing is Doing.ROLLS_OUT

    @property
    def waits(self) -> bool:
        return self.doing in _WAITS

    @property
    def at_the_gate(self) -> bool:
        """Whether the release has a plan whose rollout has not begun."""
        return self.milestone is Milestone.GATE

    @property
    def has_begun(self) -> bool:
        """Whether the rollout may have changed the cluster, so that it is finished or rolled back. A copy does not
        change it."""
        return self.holds_lane and self is not Phase.COPYING

    @property
    def writes_first(self) -> bool:
        """Whether the release's step may be about to write the first object of the rollout, or may have written it."""
        return self is Phase.PREPARING or self is Phase.DEPLOYING

    @property
    def undecided(self) -> bool:
        """Whether people are asked about the release, or may be asked again once its new plan is made."""
        return self in (Phase.AWAITING_APPROVAL, Phase.PLANNING)

    @property
    def before_rollout(self) -> bool:
        """Whether the release has a plan whose rollout has not begun, or is about to get one."""
        return self.at_the_gate or self is Phase.PLANNING

    @property
    def awaits_plan(self) -> bool:
        return self in (Phase.QUEUED, Phase.PLANNING)

    @property
    def goes_back(self) -> bool:
        """Whether the release that was live before it is being restored, or was."""
        return self in (Phase.ROLLING_BACK, Phase.ROLLED_BACK)

    @property
    def may_wait_for_the_lane(self) -> bool:
        return self in (Phase.QUEUED, Phase.HELD_BACK)

    @property
    def past_the_gate(self) -> bool:
        """Whether the gate has passed and the release has not ended."""
        return self is Phase.HELD_BACK or self.holds_lane

    @property
    def past_tense(self) -> str:
        """The words after the release's name once it has ended: `failed`, `was cancelled`."""
        went_by_itself = self in (Phase.FAILED, Phase.EXPIRED)
        return self.spoken if went_by_itself else f"was {self.spoken}"

    @property
    def spoken(self) -> str:
        """The phase in a sentence: `awaiting approval`."""
        return self.replace("_", " ")

    @property
    def followers(self) -> frozenset["Phase"]:
        """The phases that a release may enter next; any other is refused as inconsistent."""
        return _followers(self)

    def is_beyond(self, other: "Phase") -> bool:
        """Whether this phase comes after the other one on the way through one environment."""
        order = tuple(Phase)
        return self.milestone is not None and order.index(self) > order.index(other)


def _followers(phase: Phase) -> frozenset[Phase]:  # noqa: C901, PLR0912 - a table that the type checker completes
    not_rolled_out = {Phase.SUPERSEDED, Phase.CANCELLED}
    rollout_begins = {Phase.PREPARING, Phase.DEPLOYING}
    past_the_gate = {Phase.HELD_BACK, Phase.COPYING} | rollout_begins
    rollout_fails = {Phase.FAILED, Phase.ROLLING_BACK}
    before_the_first_object = {Phase.HELD_BACK, Phase.PLANNING, Phase.CANCELLED, Phase.REJECTED}
    next_environment = {Phase.QUEUED, Phase.PLANNING, Phase.COMPLETED, Phase.SUPERSEDED}
    match phase:
        case Phase.JOINING:
            following = {Phase.RESOLVING, Phase.QUEUED, Phase.PLANNING, Phase.EXPIRED} | not_rolled_out
        case Phase.RESOLVING:
            following = {Phase.QUEUED, Phase.PLANNING, Phase.FAILED} | not_rolled_out
        case Phase.QUEUED:
            following = {Phase.PLANNING} | not_rolled_out
        case Phase.PLANNING:
            waits = {Phase.PLANNING, Phase.QUEUED, Phase.SOAKING, Phase.AWAITING_APPROVAL}
            following = waits | past_the_gate | {Phase.FAILED, Phase.REJECTED} | not_rolled_out
        case Phase.SOAKING:
            following = {Phase.PLANNING} | past_the_gate | not_rolled_out
        case Phase.AWAITING_APPROVAL:
            following = {Phase.PLANNING, Phase.REJECTED, Phase.EXPIRED} | past_the_gate | not_rolled_out
        case Phase.HELD_BACK:
            following = {Phase.PLANNING, Phase.COPYING, Phase.REJECTED} | rollout_begins | not_rolled_out
        case Phase.COPYING:
            following = (
                {Phase.PLANNING, Phase.HELD_BACK, Phase.FAILED, Phase.REJECTED} | rollout_begins | not_rolled_out
            )
        case Phase.PREPARING:
            following = {Phase.DEPLOYING, Phase.FAILED, Phase.SUPERSEDED} | before_the_first_object
        case Phase.DEPLOYING:
            following = {Phase.CHECKING, Phase.SUPERSEDED} | rollout_fails | before_the_first_object
        case Phase.CHECKING:
            following = {Phase.FINISHING, Phase.VERIFYING} | next_environment | rollout_fails
        case Phase.FINISHING:
            following = {Phase.VERIFYING} | next_environment | rollout_fails
        case Phase.VERIFYING:
            following = next_environment | rollout_fails
        case Phase.ROLLING_BACK:
            following = {Phase.ROLLED_BACK, Phase.FAILED, Phase.SUPERSEDED}
        case Phase.FAILED:
            following = {Phase.RESOLVING, Phase.QUEUED, Phase.PLANNING}
        case Phase.ROLLED_BACK | Phase.REJECTED | Phase.EXPIRED | Phase.SUPERSEDED | Phase.CANCELLED:
            following = {Phase.QUEUED, Phase.PLANNING}
        case Phase.COMPLETED:
            following = set[Phase]()
        case _:
            assert_never(phase)
    return frozenset(following)
