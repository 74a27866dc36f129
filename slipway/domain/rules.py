"""Named rules and their results: one vocabulary for why something may or may not happen.

`decide` acts on the results; the page, the card, `explain` and the audit trail show the same ones. Each rule is a
member of `Rule`, so no code compares names. Each result has one of four types, so the type checker makes every reader
of results handle a rule that does not hold *yet*, and a rule about which nothing is known.
"""

from collections.abc import Iterable, Mapping
from enum import Enum, StrEnum, auto
from typing import Annotated, Any, ClassVar, Final, Literal, Self

from pydantic import Field, TypeAdapter, ValidationError

from .model import Record, Timestamp
from .tones import Tone


class Milestone(StrEnum):
    """The milestones of a release in an environment, in this order."""

    START = "start"
    """Its triggers have arrived."""
    DIGEST = "digest"
    """Its tag has been looked up."""
    LANE = "lane"
    """It is its turn in the lane."""
    PLAN = "plan"
    """There is a plan, and the image is what the environment requires."""
    GATE = "gate"
    """The gate has been passed."""
    COPY = "copy"
    """The environment's registry has the image."""
    ROLLOUT = "rollout"
    """The cluster runs it."""
    VERIFICATION = "verification"
    """The acceptance tests have passed."""
    LIVE = "live"
    """The release is the live one there."""

    def comes_after(self, other: "Milestone") -> bool:
        order = tuple(Milestone)
        return order.index(self) > order.index(other)


class WaitsFor(StrEnum):
    """What has to happen before a rule that does not hold yet can hold."""

    TIME = "time"
    """Only time."""
    PERSON = "person"
    """Somebody has to act."""
    RELEASE = "release"
    """Another release has to finish."""
    STEP = "step"
    """A step of Slipway that is under way or will follow."""
    EVENT = "event"
    """A message from outside: a push, a finished run."""


class Trait(Enum):
    """Special properties of a rule."""

    OVERRIDABLE = auto()
    """An operator may let one release pass although the rule does not hold."""
    OWN_WORK = auto()
    """The rule keeps people from approving their own work."""
    WAIVABLE = auto()
    """The rule is about proof. For one release in one environment, a person whom the project names may say that it need
    not be known to hold. A rule that is known not to hold is never waived, nor is any rule about a digest or a vote."""
    HOLDS_BACK = auto()
    """The rule may block a release up to the first object of its rollout; the release then waits until the rule holds
    again."""
    OWN_RECORD = auto()
    """If the rule does not hold, a record of its own says so."""
    OF_THE_PROOF = auto()
    """The rule is about a command's author, as their proof names them: it cannot be judged without a proof."""


class _RuleFacts:
    """What every rule says: the type check does not compare a plain tuple with `Rule.__new__`."""

    def __init__(self, name: str, meaning: str, milestone: Milestone | None, *traits: Trait, lets_go: str = "") -> None:
        self.name, self.meaning, self.milestone, self.traits = name, meaning, milestone, frozenset(traits)
        self.lets_go = lets_go


class Rule(StrEnum):
    """Every rule by its name, which is stable: people search for it."""

    meaning: str
    """One sentence: what has to hold."""
    milestone: Milestone | None
    """The milestone that the rule belongs to; None for a rule that can block at any time before a rollout, and for a
    rule about a vote or a command."""
    traits: frozenset[Trait]
    lets_go: str
    """What lets a release go on that waits for the rule, after the word *once*; empty if its name has to do. `{where}`
    is the environment, `{ahead}` the release in the lane, `{application}` the application."""

    def __new__(cls, facts: _RuleFacts) -> Self:
        member = str.__new__(cls, facts.name)
        member._value_ = facts.name
        member.meaning, member.milestone, member.traits = facts.meaning, facts.milestone, facts.traits
        member.lets_go = facts.lets_go
        return member

    @property
    def to_do(self) -> str:
        """What the refused person can do next; empty for rules about their rights, and if nothing can be done."""
        return _TO_DO.get(self, "")

    # ---- what a release starts from
    TAG_MATCHES = _RuleFacts("tag-matches", "The tag is one that the application accepts.", None)
    IMAGE_WAS_PUSHED = _RuleFacts("image-was-pushed", "The registry has reported the push.", Milestone.START)
    RUN_IS_PROVED = _RuleFacts(
        "run-is-proved", "The CI run's source confirms what was reported about it.", Milestone.START, Trait.OWN_RECORD
    )
    BUILT_BY_RUN = _RuleFacts(
        "built-by-run",
        "The CI run itself says that it built this image.",
        Milestone.START,
        Trait.OWN_RECORD,
        Trait.WAIVABLE,
        Trait.HOLDS_BACK,
        lets_go="its CI run is proved",
    )
    RUN_SUCCEEDED = _RuleFacts("run-succeeded", "The CI run succeeded.", Milestone.START, Trait.OWN_RECORD)
    BRANCH_COUNTS = _RuleFacts(
        "branch-counts", "The CI run built a branch that the application names.", Milestone.START
    )
    RUN_NAMES_ITS_IMAGE = _RuleFacts(
        "run-names-its-image", "A CI run that starts a release says which tag it built.", None
    )
    DIGEST_IS_KNOWN = _RuleFacts("digest-is-known", "The tag has been looked up in the registry.", Milestone.DIGEST)
    IS_AN_IMAGE = _RuleFacts("is-an-image", "The pushed artifact is an image, by the registry's content.", None)
    VERSION_IS_NOT_LOWER = _RuleFacts(
        "version-is-not-lower", "No higher version of its line is live or on its way.", None
    )
    WAS_NOT_REJECTED = _RuleFacts(
        "was-not-rejected",
        "Nobody rejected the image; only a person may send a rejected one out again.",
        None,
    )
    PREVIOUS_ENVIRONMENT_WAS_LIVE = _RuleFacts(
        "previous-environment-was-live",
        "It went live in the environment before this one.",
        None,
    )
    WAS_LIVE_HERE = _RuleFacts(
        "was-live-here", "The release that a rollback brings back was live in this environment.", None
    )
    ORDERED_BY_AN_OPERATOR = _RuleFacts("ordered-by-an-operator", "An operator ordered the rollback.", None)

    # ---- the lane and the plan
    NO_NEWER_RELEASE = _RuleFacts("no-newer-release", "No newer release is in the lane.", Milestone.LANE)
    LANE_IS_FREE = _RuleFacts(
        "lane-is-free", "No other rollout holds the lane.", Milestone.LANE, lets_go="the rollout of {ahead} has ended"
    )
    PLAN_IS_CURRENT = _RuleFacts("plan-is-current", "The plan still says what a rollout would do.", Milestone.PLAN)
    BUNDLE_IS_SOUND = _RuleFacts(
        "bundle-is-sound",
        "The bundle keeps to its format, to its application and to its project; every image in it is pinned by digest.",
        Milestone.PLAN,
    )
    IMAGES_ARE_PINNED = _RuleFacts(
        "images-are-pinned",
        "Every image that the manifests name is one that the project allows, by digest unless it says otherwise.",
        Milestone.PLAN,
    )
    SIGNED_BY_NOTATION = _RuleFacts(
        "signed-by-notation", "A Notation signature names a trusted identity.", Milestone.PLAN
    )
    SIGNED_BY_COSIGN = _RuleFacts(
        "signed-by-cosign", "A cosign signature was made with the required key.", Milestone.PLAN
    )
    HAS_SBOM = _RuleFacts("has-sbom", "Every platform of the image has an SBOM.", Milestone.PLAN)
    BUILT_BY = _RuleFacts("built-by", "SLSA provenance names a trusted builder.", Milestone.PLAN)

    # ---- the gate
    GATE_IS_OPEN = _RuleFacts("gate-is-open", "The gate is open, or has been passed.", Milestone.GATE)
    QUORUM_REACHED = _RuleFacts("quorum-reached", "Enough people have approved.", Milestone.GATE)
    APPROVED_BY_GROUP = _RuleFacts("approved-by-group", "Enough people of one group are among them.", Milestone.GATE)
    TESTS_PASSED = _RuleFacts("tests-passed", "The acceptance tests of the named environments passed.", Milestone.GATE)
    SOAKED = _RuleFacts("soaked", "It has been live in an earlier environment for long enough.", Milestone.GATE)

    # ---- what the worker derives again from the trail before it opens anything
    LEDGER_IS_WHOLE = _RuleFacts(
        "ledger-is-whole",
        "The ledger holds the records that its newest anchor and the Lease in the cluster name.",
        None,
        lets_go="somebody with the role platform begins a new epoch (slipway fence reset {application})",
    )
    IN_FORCE_ON_RECORD = _RuleFacts(
        "in-force-is-on-record",
        "Versions, freezes, holds, the live release and the release's row are as the signed ends of the trails name "
        "them.",
        None,
    )
    TRAIL_VERIFIES = _RuleFacts("trail-verifies", "Every record since the release began is linked and signed.", None)
    ON_RECORD = _RuleFacts("gate-is-on-record", "The signed records prove that the gate passed for this plan.", None)
    KEPT_PROOFS_HOLD = _RuleFacts(
        "kept-proofs-hold",
        "The kept proof of each vote, order and waiver that counts was verified again.",
        None,
    )

    # ---- the fence
    FENCE_IS_UNTOUCHED = _RuleFacts(
        "fence-is-untouched",
        "The Lease in the cluster that orders rollouts is as Slipway wrote it.",
        None,
    )
    NO_NEWER_ROLLOUT = _RuleFacts("no-newer-rollout", "No newer rollout has taken its order in the cluster.", None)

    # ---- between gate and rollout
    APPLICATION_IS_IN_ORDER = _RuleFacts(
        "application-is-in-order",
        "The applied documents can still be read, and their project and the settings still allow them.",
        None,
        Trait.HOLDS_BACK,
        lets_go="somebody applies a version of {application} that is in order",
    )
    WITHIN_PROJECT = _RuleFacts(
        "within-project",
        "The project allows the objects, where they go, and the registries that their images come from.",
        None,
        Trait.HOLDS_BACK,
        lets_go="the project allows it, or somebody applies a version of {application} that the project allows",
    )
    FREEZE = _RuleFacts(
        "freeze",
        "No freeze is in force.",
        None,
        Trait.OVERRIDABLE,
        Trait.HOLDS_BACK,
        lets_go="an operator ends the freeze or lets this release past it",
    )
    HOLD = _RuleFacts(
        "hold", "No manual rollback holds the lane.", None, Trait.HOLDS_BACK, lets_go="an operator resumes {where}"
    )
    OBJECTION_TIME = _RuleFacts(
        "objection-time",
        "Everybody in whose name a vote was counted has had time to say that it was not theirs.",
        None,
        Trait.HOLDS_BACK,
        lets_go="the time to object is over",
    )
    WINDOW = _RuleFacts(
        "window",
        "A time window for rollouts is open.",
        None,
        Trait.OVERRIDABLE,
        Trait.HOLDS_BACK,
        lets_go="a time window opens or an operator lets this release past it",
    )
    NO_DRIFT = _RuleFacts(
        "no-drift",
        "The cluster matches the live release there, as far as the last look could tell.",
        None,
        Trait.OVERRIDABLE,
        Trait.HOLDS_BACK,
        lets_go="a look finds no drift, or somebody brings back what is live or lets this release past it",
    )

    NOT_CALLED_OFF = _RuleFacts(
        "not-called-off",
        "Nobody has cancelled or rejected the release since its rollout was decided on.",
        Milestone.ROLLOUT,
        Trait.HOLDS_BACK,
    )

    # ---- the rollout
    ARTIFACT_IS_COPIED = _RuleFacts("artifact-is-copied", "The environment's registry has the image.", Milestone.COPY)
    ROLLOUT_SUCCEEDED = _RuleFacts("rollout-succeeded", "The cluster runs the new version.", Milestone.ROLLOUT)
    RUNS_AS_PLANNED = _RuleFacts(
        "runs-as-planned",
        "Pods run the containers, images and commands of the plan, and no others but those that the project names.",
        Milestone.ROLLOUT,
    )
    VERIFICATION_PASSED = _RuleFacts("verification-passed", "The acceptance tests passed.", Milestone.VERIFICATION)
    TESTS_RAN_AS_PLANNED = _RuleFacts(
        "tests-ran-as-planned",
        "The acceptance tests ran in the Job that Slipway made, with the plan's image and command, and only the "
        "release answered them.",
        Milestone.VERIFICATION,
    )
    IS_LIVE = _RuleFacts("is-live", "The release is the live one there.", Milestone.LIVE)

    # ---- a vote
    RELEASE_EXISTS = _RuleFacts("release-exists", "There is such a release.", None)
    VOTE_IS_FOR_THIS_PLAN = _RuleFacts(
        "vote-is-for-this-plan", "The vote is for the plan that is asked about now.", None
    )
    APPROVER_IS_LISTED = _RuleFacts("approver-is-listed", "The voter is among those who are asked.", None)
    VOTE_IS_FOR_THIS_OPENING = _RuleFacts(
        "vote-is-for-this-opening", "The vote is for the gate as it was last opened.", None
    )
    VOTER_IS_SURELY_KNOWN = _RuleFacts(
        "voter-is-surely-known", "The voter's identity is as certain as the gate demands.", None
    )
    PROOF_HOLDS = _RuleFacts(
        "proof-holds", "The proof of the vote is valid for this installation and this statement.", None
    )
    PROOF_IS_NEW = _RuleFacts("proof-is-new", "The statement has not been counted before.", None)
    PROOF_IS_IN_TIME = _RuleFacts(
        "proof-is-in-time",
        "The sign-in that proves it was made for it, shortly before it arrived.",
        None,
    )
    SIGN_IN_IS_FRESH = _RuleFacts("sign-in-is-fresh", "The person signed in as recently as the gate demands.", None)
    NOT_REQUESTER = _RuleFacts(
        "approver-is-not-requester",
        "The approver asked neither for the CI run nor for the release.",
        None,
        Trait.OWN_WORK,
    )
    NOT_COMMITTER = _RuleFacts(
        "approver-is-not-committer",
        "The approver did not make the change: no commit, no push, no pull request of it is theirs.",
        None,
        Trait.OWN_WORK,
    )
    CHANGE_IS_KNOWN = _RuleFacts(
        "change-is-known",
        "It is known who is behind the change, where the gate requires it.",
        None,
        Trait.OWN_WORK,
        Trait.WAIVABLE,
    )
    NOT_WAIVER = _RuleFacts(
        "approver-is-not-waiver",
        "The approver has waived no rule for this release here, nor sent it out again while the rule about who is "
        "behind it is waived.",
        None,
        Trait.OWN_WORK,
    )
    ONE_VOTE_EACH = _RuleFacts("one-vote-each", "The voter has no vote that counts already.", None)
    HAS_VOTED = _RuleFacts("has-voted", "A vote is counted in their name.", None)
    REJECTION_HAS_A_REASON = _RuleFacts("rejection-has-a-reason", "A rejection says why.", None)
    APPROVAL_HAS_A_REASON = _RuleFacts(
        "approval-has-a-reason", "An approval says why, where the gate demands it.", None
    )
    GATE_HAS_ROOM = _RuleFacts("gate-has-room", "The gate has room for more votes.", None)

    # ---- a command
    PROOF_IS_GIVEN = _RuleFacts(
        "proof-is-given",
        "A statement that lets something through comes with a proof of its author.",
        None,
        Trait.OF_THE_PROOF,
    )
    MAY_ORDER_IT = _RuleFacts("may-order-it", "The person has a role that may give the command.", None)
    REASON_IS_GIVEN = _RuleFacts("reason-is-given", "A command that needs a reason has one.", None)
    ENVIRONMENT_EXISTS = _RuleFacts("environment-exists", "The environment is one of the application's.", None)
    IS_NO_REPEAT = _RuleFacts("is-no-repeat", "The command is not a repeat of one that was refused.", None)
    IS_UNDER_WAY = _RuleFacts("is-under-way", "The release has not ended.", None)
    HAS_ENDED = _RuleFacts("has-ended", "The release whose artifact goes out again has ended.", None)
    IS_OF_THIS_APPLICATION = _RuleFacts(
        "is-of-this-application",
        "Its artifact is in the repository from which the application is delivered now.",
        None,
    )
    HAS_NOT_BEGUN_TO_ROLL_OUT = _RuleFacts(
        "has-not-begun-to-roll-out",
        "No object of its rollout is known to have been written.",
        None,
    )
    DID_NOT_GO_LIVE = _RuleFacts(
        "did-not-go-live", "The release has ended, and is not live in the last environment.", None
    )
    ATTEMPTS_ARE_LEFT = _RuleFacts("attempts-are-left", "It has not been planned too often to be tried again.", None)
    IS_NOT_LIVE_NOW = _RuleFacts(
        "is-not-live-now", "Another release is live there now, or the cluster does not hold it.", None
    )
    ONE_ROLLBACK_AT_A_TIME = _RuleFacts("one-rollback-at-a-time", "No other rollback is under way there.", None)
    IS_HERE = _RuleFacts("is-here", "The release is in the environment that the command names.", None)
    IS_HELD_BACK = _RuleFacts("is-held-back", "Something that may be overridden holds it back.", None)
    MAY_WAIVE = _RuleFacts(
        "may-waive",
        "The person has a role that the project lets waive rules about proof.",
        None,
        Trait.OF_THE_PROOF,
    )
    CAN_BE_WAIVED = _RuleFacts(
        "can-be-waived", "The rule is about proof, and is not known to hold for the release there.", None
    )
    MAY_BE_OVERRIDDEN = _RuleFacts("may-be-overridden", "Everything that holds it back can be overridden.", None)
    IS_ON_HOLD = _RuleFacts("is-on-hold", "A manual rollback holds the lane.", None)
    IS_FROZEN = _RuleFacts("is-frozen", "There is a freeze to end.", None)
    IS_NOT_FROZEN = _RuleFacts("is-not-frozen", "It is not frozen for as long already.", None)
    ENDS_IN_THE_FUTURE = _RuleFacts("ends-in-the-future", "The freeze ends in the future.", None)
    ENDS_WITHIN_A_YEAR = _RuleFacts("ends-within-a-year", "A freeze that ends by itself does so within a year.", None)

    # ---- a change of applications or projects
    DOCUMENTS_ARE_IN_ORDER = _RuleFacts(
        "documents-are-in-order",
        "The documents can be read, and fit their project.",
        None,
    )
    STARTS_FROM_WHAT_IS_IN_FORCE = _RuleFacts(
        "starts-from-what-is-in-force",
        "Nobody else has changed the document since this change was prepared.",
        None,
    )
    MAY_CHANGE_IT = _RuleFacts(
        "may-change-it",
        "Its project names the person who changes it, or that person is one of the platform's people.",
        None,
    )
    CHANGE_IS_WAITING = _RuleFacts("change-is-waiting", "The proposed change waits for votes.", None)
    APPROVER_DID_NOT_PROPOSE_IT = _RuleFacts(
        "approver-did-not-propose-it", "The approver did not propose the change.", None
    )
    STANDS_IN_BY_ROLE = _RuleFacts(
        "stands-in-by-role",
        "A person who stands in for the approvers of a gate has the role platform.",
        None,
    )
    STAND_IN_HAS_A_REASON = _RuleFacts(
        "stand-in-has-a-reason", "A person who stands in for the approvers of a gate says why.", None
    )
    STAND_INS_SUFFICE = _RuleFacts(
        "stand-ins-suffice",
        "Two of the platform's people stood in, and every approver was told and had a day to object.",
        None,
    )
    CHANGE_PASSED_ON_RECORD = _RuleFacts(
        "change-passed-on-record",
        "Signed records show that the approvers of every gate that would become weaker let the change through.",
        None,
    )
    CHANGE_IS_AS_VOTED = _RuleFacts(
        "change-is-as-voted", "The change still does what its voters read, and nothing else.", None
    )

    @property
    def overridable(self) -> bool:
        return Trait.OVERRIDABLE in self.traits

    @property
    def waivable(self) -> bool:
        return Trait.WAIVABLE in self.traits

    @property
    def holds_back(self) -> bool:
        return Trait.HOLDS_BACK in self.traits

    @property
    def about_own_work(self) -> bool:
        return Trait.OWN_WORK in self.traits

    @property
    def of_the_proof(self) -> bool:
        return Trait.OF_THE_PROOF in self.traits

    # ---- results
    def holds(self, reason: str, *, subject: str = "") -> "Pass":
        return Pass(rule=self, subject=subject, reason=reason)

    def fails(self, reason: str, *, subject: str = "") -> "Fail":
        return Fail(rule=self, subject=subject, reason=reason)

    def judged(self, holds: bool, reason: str, *, subject: str = "") -> "Pass | Fail":
        """The result of a rule that either holds or does not, at any time."""
        return self.holds(reason, subject=subject) if holds else self.fails(reason, subject=subject)

    def not_yet(
        self, reason: str, waits_for: WaitsFor, *, until: Timestamp | None = None, subject: str = ""
    ) -> "NotYet":
        return NotYet(rule=self, subject=subject, reason=reason, waits_for=waits_for, until=until)

    def unknown(self, why: str, *, blocks: bool = True) -> "Unknown":
        return Unknown(rule=self, reason=why, blocks=blocks)


_TO_DO: Final[Mapping[Rule, str]] = {
    Rule.SIGN_IN_IS_FRESH: "Press the button again, and give your password or key when the identity provider asks "
    "for it. If it does not ask, sign out there first. If that does not help, tell the people "
    "who run Slipway: the registration of the votes may lack the claim auth_time.",
    Rule.PROOF_IS_IN_TIME: "Press the button again: what proved who you are was too old when it arrived.",
    Rule.PLAN_IS_CURRENT: "A new plan is being made. Read it in a moment, and vote on it.",
    Rule.VOTE_IS_FOR_THIS_PLAN: "Read what is asked now, and vote on that.",
    Rule.VOTE_IS_FOR_THIS_OPENING: "Read what is asked now, and vote on that.",
}


class _Result(Record):
    mark: ClassVar[str]
    """One character, so that colour is never the only sign."""
    tone: ClassVar[Tone]
    spoken: ClassVar[str]
    """How the result follows the rule's name in a sentence."""

    rule: Rule
    subject: Annotated[str, Field(max_length=64)] = ""
    """The subject, for a rule with several results, such as the group of `approved-by-group`."""
    reason: str
    """One sentence that names what was expected and what was found."""

    @property
    def name(self) -> str:
        """The rule as people read it: `soaked`, `approved-by-security`."""
        return self.rule.replace("-group", f"-{self.subject}") if self.subject else str(self.rule)

    @property
    def passed(self) -> bool:
        return isinstance(self, Pass)


class Pass(_Result):
    """The rule holds."""

    mark: ClassVar[str] = "✓"
    tone: ClassVar[Tone] = Tone.GOOD
    spoken: ClassVar[str] = "holds"

    verdict: Literal["pass"] = "pass"

    @property
    def blocks(self) -> bool:
        return False


class Fail(_Result):
    """The rule does not hold, and waiting will not change that."""

    mark: ClassVar[str] = "✕"
    tone: ClassVar[Tone] = Tone.BAD
    spoken: ClassVar[str] = "does not hold"

    verdict: Literal["fail"] = "fail"

    @property
    def blocks(self) -> bool:
        return True


class NotYet(_Result):
    """The rule does not hold yet; a release that meets it waits."""

    mark: ClassVar[str] = "○"
    tone: ClassVar[Tone] = Tone.QUIET
    spoken: ClassVar[str] = "does not hold yet"

    verdict: Literal["not-yet"] = "not-yet"
    waits_for: WaitsFor
    until: Timestamp | None = None
    """When the rule will hold or should be checked again; None if unknown."""

    @property
    def blocks(self) -> bool:
        return True


class Unknown(_Result):
    """It is not known whether the rule holds."""

    mark: ClassVar[str] = "?"
    tone: ClassVar[Tone] = Tone.ASKS
    spoken: ClassVar[str] = "is not known"

    verdict: Literal["unknown"] = "unknown"
    blocks: bool = True
    """False if the policy does not require the rule to be known; it is still shown as unknown."""


class Moot(_Result):
    """The release ended before the rule mattered, or the rule's time is over. Only `explain` says so; no decision
    depends on it."""

    mark: ClassVar[str] = "–"
    tone: ClassVar[Tone] = Tone.QUIET
    spoken: ClassVar[str] = "does not matter any more"

    verdict: Literal["moot"] = "moot"

    @property
    def blocks(self) -> bool:
        return False


type RuleResult = Pass | Fail | NotYet | Unknown
type StoredResult = Annotated[RuleResult, Field(discriminator="verdict")]
"""A result as a field of a record."""


def not_passed(rules: Iterable[RuleResult]) -> tuple[RuleResult, ...]:
    """The results of rules that do not hold, do not hold yet, or are not known to hold, if they block."""
    return tuple(rule for rule in rules if rule.blocks)


def as_details(rules: Iterable[RuleResult]) -> list[dict[str, Any]]:
    """The results as an audit record keeps them."""
    return [rule.model_dump(mode="json") for rule in rules]


_RESULT: TypeAdapter[RuleResult] = TypeAdapter(StoredResult)


def read_result(value: Any) -> RuleResult | None:
    """Parse a result as stored in an audit record; None if the value is not one."""
    try:
        return _RESULT.validate_python(value)
    except ValidationError:
        return None
