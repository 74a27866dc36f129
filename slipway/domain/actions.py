"""The actions of the audit trail, each with all facts that the product has about it.

A record's action says what happened. The pages, the terminal, the filters, the timeline, the numbers and the index read
everything from the enum's member, so a new action is one new member, and no place can forget it. Stored trails hold the
text; a text that is no member was written by a newer version (`Action.of_text`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, StrEnum, auto
from typing import Final, Self, assert_never

from .phases import Phase
from .release import VoteDecision
from .stages import Stage
from .tones import Tone


class NoStage(Enum):
    """What an action that begins no stage does to the running one."""

    ENDS = auto()
    """The stage ends; the next one begins with a later record."""
    GOES_ON = auto()
    """The stage goes on."""


class Intervention(StrEnum):
    """Kinds of interference with the usual course of a release."""

    FREEZE = "freeze"
    """A freeze or a hold began or ended."""
    OVERRIDE = "override"
    """Somebody passed a rule with a reason."""
    WAIVER = "waiver"
    """Somebody waived a rule about proof, and proved who they are."""
    REJECTION = "rejection"
    """Somebody rejected a release."""
    ROLLBACK = "rollback"
    """A rollback was ordered, requested or done."""


class Measured(Enum):
    """What an action means for the numbers: something to count, or the start or end of a measurement."""

    CREATED = auto()
    """Lead time begins."""
    PLANNED = auto()
    """The plan is made again. If people had been asked before, they are still asked."""
    GATE_OPENED = auto()
    """People are asked."""
    GATE_DECIDED = auto()
    """They have decided."""
    ROLLOUT_BEGAN = auto()
    """From here on a failure counts for the environment."""
    FAILED = auto()
    """A rollout that has begun went wrong."""
    LIVE = auto()
    """A deployment; lead time and outages end."""
    ROLLBACK_ORDERED = auto()
    """A release that was live is withdrawn by a release that brings nothing new."""
    RESTORED = auto()
    """An outage ends without a deployment."""


class GateMeaning(Enum):
    """What a record means when a gate is derived from the trail (`on_record.py`, `replaying.py`)."""

    NOTHING = auto()
    PLANNED = auto()
    """There is a plan."""
    OPENED = auto()
    """A new opening: votes from before it do not count."""
    APPROVED = auto()
    WITHDRAWN = auto()
    VOIDED = auto()
    CONDITIONS_AGAIN = auto()
    """The conditions were looked at again, and do not hold yet."""
    PASSED = auto()
    WAIVED = auto()
    """A rule about proof was waived; votes count for the plan that says so."""
    ROLLBACK_ORDERED = auto()
    """A rollback was ordered; it waits for no gate."""
    ENDED = auto()
    """Earlier votes no longer count, nor does an earlier passing of the gate."""
    EPOCH_BEGAN = auto()
    """The same as `ENDED`, for every release of the application."""
    POLICY_CHANGED = auto()
    """The application changed: its gates may ask for something else at their next opening."""
    NOT_ACTED_ON = auto()
    """The worker found that the signed records do not allow its step, and stopped."""


class ChangeMeaning(Enum):
    """What a record means when the votes on a proposed change are derived from the trail (`changes_on_record.py`)."""

    NOTHING = auto()
    PROPOSED = auto()
    VOTED = auto()
    STOOD_IN = auto()
    TOLD = auto()
    ENDED = auto()
    """The change is in force, or has ended in another way."""


class ReportMeaning(Enum):
    """What a record means for a push or a CI run that was reported (`later_reports.py`)."""

    NOTHING = auto()
    TAKEN = auto()
    """A release took it."""
    NOT_TAKEN = auto()
    """No release took it, for the reason that the record gives."""


@dataclass(frozen=True, kw_only=True)
class _OptionalFacts:
    """Facts about some actions only."""

    stage: Stage | NoStage = NoStage.GOES_ON
    intervention: Intervention | None = None
    changes_environment: bool = False
    measured: Measured | None = None
    refuses: bool = False
    of_gate: GateMeaning = GateMeaning.NOTHING
    of_change: ChangeMeaning = ChangeMeaning.NOTHING
    of_report: ReportMeaning = ReportMeaning.NOTHING
    changes_rules: bool = False


@dataclass(frozen=True)
class _ActionFacts:
    """What every action says: the type check does not compare a plain tuple with `Action.__new__`."""

    text: str
    meaning: str
    tone: Tone
    more: _OptionalFacts


_NOTHING_MORE: Final = _OptionalFacts()
_ENDS_STAGE: Final = _OptionalFacts(stage=NoStage.ENDS)
_FREEZES: Final = _OptionalFacts(intervention=Intervention.FREEZE)
_OVERRIDES: Final = _OptionalFacts(intervention=Intervention.OVERRIDE)
_ENDS_RELEASE: Final = _OptionalFacts(stage=NoStage.ENDS, of_gate=GateMeaning.ENDED)
_REFUSES: Final = _OptionalFacts(refuses=True)
_NOT_TAKEN: Final = _OptionalFacts(of_report=ReportMeaning.NOT_TAKEN)
_CHANGES_RULES: Final = _OptionalFacts(changes_rules=True)
_CHANGES_POLICY: Final = _OptionalFacts(of_gate=GateMeaning.POLICY_CHANGED, changes_rules=True)
_STOPS_THE_WORKER: Final = _OptionalFacts(
    stage=NoStage.ENDS, measured=Measured.FAILED, of_gate=GateMeaning.NOT_ACTED_ON
)
_ENDS_CHANGE: Final = _OptionalFacts(of_change=ChangeMeaning.ENDED)
_REJECTS_CHANGE: Final = _OptionalFacts(of_change=ChangeMeaning.ENDED, changes_rules=True)


class Action(StrEnum):
    """The event that an audit record reports. The value is the text that is stored."""

    meaning: str
    """One line for people."""
    tone: Tone
    stage: Stage | NoStage
    """The stage that it begins, or its effect on the running one."""
    intervention: Intervention | None
    """None for actions in the usual course of a release."""
    changes_environment: bool
    """Whether it changes what runs in an environment, or makes a release the live one."""
    measured: Measured | None
    """None for actions that the numbers ignore."""
    refuses: bool
    """Whether it records that a person's statement was refused."""
    of_gate: GateMeaning
    of_change: ChangeMeaning
    of_report: ReportMeaning
    changes_rules: bool
    """Whether it changes what is allowed, or prevents such a change: a project, an application, a freeze or hold, or a
    key. It is then anchored."""

    def __new__(cls, facts: _ActionFacts) -> Self:
        action, more = str.__new__(cls, facts.text), facts.more
        action._value_ = facts.text
        action.meaning, action.tone = facts.meaning, facts.tone
        action.stage = more.stage
        action.intervention = more.intervention
        action.changes_environment = more.changes_environment
        action.measured = more.measured
        action.refuses = more.refuses
        action.of_gate = more.of_gate
        action.of_change = more.of_change
        action.of_report = more.of_report
        action.changes_rules = more.changes_rules or more.intervention is Intervention.FREEZE
        return action

    IMAGE_IGNORED = _ActionFacts("image.ignored", "Image ignored: it starts no release", Tone.QUIET, _NOT_TAKEN)
    IMAGE_TAGGED = _ActionFacts("image.tagged", "The image was given another tag", Tone.QUIET, _NOTHING_MORE)
    RUN_IGNORED = _ActionFacts("run.ignored", "CI run ignored", Tone.QUIET, _NOT_TAKEN)
    RUN_RECORDED = _ActionFacts("run.recorded", "CI run recorded", Tone.QUIET, _NOT_TAKEN)
    RUN_FAILED = _ActionFacts("run.failed", "CI run failed", Tone.BAD, _NOT_TAKEN)
    RUN_NOT_PROVED = _ActionFacts("run.not-proved", "A CI run was reported, and is not proved", Tone.ASKS, _NOT_TAKEN)
    RUN_REFUSED = _ActionFacts("run.refused", "Refused: the CI run did not build this image", Tone.BAD, _NOT_TAKEN)
    RUN_CONTRADICTED = _ActionFacts(
        "run.contradicted", "Reports of the CI run contradict each other", Tone.BAD, _NOT_TAKEN
    )

    RELEASE_CREATED = _ActionFacts(
        "release.created",
        "Release created",
        Tone.QUIET,
        _OptionalFacts(stage=Stage.JOIN, measured=Measured.CREATED),
    )
    RELEASE_JOINED = _ActionFacts(
        "release.joined",
        "Its image or its CI run arrived",
        Tone.QUIET,
        _OptionalFacts(of_report=ReportMeaning.TAKEN),
    )
    RELEASE_STARTED = _ActionFacts("release.started", "On its way to the first environment", Tone.QUIET, _ENDS_STAGE)
    RELEASE_QUEUED = _ActionFacts(
        "release.queued", "Queued behind another rollout", Tone.QUIET, _OptionalFacts(stage=Stage.QUEUE)
    )
    RELEASE_HELD_BACK = _ActionFacts(
        "release.held-back", "Ready to roll out, but held back", Tone.ASKS, _OptionalFacts(stage=Stage.HELD_BACK)
    )
    RELEASE_RETRIED = _ActionFacts("release.retried", "Tried again", Tone.BUSY, _NOTHING_MORE)
    RELEASE_LIVE = _ActionFacts(
        "release.live",
        "Live",
        Tone.GOOD,
        _OptionalFacts(stage=NoStage.ENDS, changes_environment=True, measured=Measured.LIVE),
    )
    RELEASE_COMPLETED = _ActionFacts(
        "release.completed", "Completed: live in the last environment", Tone.GOOD, _ENDS_STAGE
    )
    RELEASE_FAILED = _ActionFacts(
        "release.failed",
        "Failed",
        Tone.BAD,
        _OptionalFacts(stage=NoStage.ENDS, measured=Measured.FAILED),
    )
    RELEASE_ROLLED_BACK = _ActionFacts(
        "release.rolled-back",
        "Rolled back",
        Tone.BAD,
        _OptionalFacts(stage=NoStage.ENDS, intervention=Intervention.ROLLBACK, measured=Measured.FAILED),
    )
    RELEASE_REJECTED = _ActionFacts(
        "release.rejected",
        "The release was rejected",
        Tone.BAD,
        _OptionalFacts(
            of_gate=GateMeaning.ENDED,
            stage=NoStage.ENDS,
            intervention=Intervention.REJECTION,
            measured=Measured.GATE_DECIDED,
        ),
    )
    RELEASE_EXPIRED = _ActionFacts("release.expired", "Expired", Tone.QUIET, _ENDS_RELEASE)
    RELEASE_SUPERSEDED = _ActionFacts("release.superseded", "Superseded by a newer release", Tone.QUIET, _ENDS_RELEASE)
    RELEASE_CANCELLED = _ActionFacts("release.cancelled", "Cancelled", Tone.QUIET, _ENDS_RELEASE)

    RESOLVE_REQUESTED = _ActionFacts(
        "resolve.requested",
        "Looking up its tag in the registry",
        Tone.BUSY,
        _OptionalFacts(stage=Stage.RESOLVE),
    )
    RESOLVE_DONE = _ActionFacts("resolve.done", "Its tag was found in the registry", Tone.QUIET, _ENDS_STAGE)
    RESOLVE_FAILED = _ActionFacts("resolve.failed", "Its tag could not be found", Tone.BAD, _ENDS_STAGE)

    PLAN_REQUESTED = _ActionFacts("plan.requested", "Planning the rollout", Tone.BUSY, _OptionalFacts(stage=Stage.PLAN))
    PLAN_MADE = _ActionFacts(
        "plan.made",
        "Plan made",
        Tone.QUIET,
        _OptionalFacts(of_gate=GateMeaning.PLANNED, stage=NoStage.ENDS, measured=Measured.PLANNED),
    )
    PLAN_OUTDATED = _ActionFacts("plan.outdated", "Plan out of date: it is being made again", Tone.ASKS, _NOTHING_MORE)
    PLAN_REFUSED = _ActionFacts(
        "plan.refused", "Refused: the image lacks what the environment requires", Tone.BAD, _NOTHING_MORE
    )
    PLAN_FAILED = _ActionFacts("plan.failed", "Planning failed", Tone.BAD, _ENDS_STAGE)

    GATE_SOAKING = _ActionFacts(
        "gate.soaking",
        "Waiting until every condition of the gate holds",
        Tone.BUSY,
        _OptionalFacts(of_gate=GateMeaning.CONDITIONS_AGAIN, stage=Stage.SOAK),
    )
    GATE_OPENED = _ActionFacts(
        "gate.opened",
        "Approval requested",
        Tone.ASKS,
        _OptionalFacts(of_gate=GateMeaning.OPENED, stage=Stage.APPROVAL, measured=Measured.GATE_OPENED),
    )
    GATE_REMINDED = _ActionFacts("gate.reminded", "Approvers were reminded", Tone.ASKS, _NOTHING_MORE)
    GATE_EXTENDED = _ActionFacts(
        "gate.extended",
        "A freeze ended: the gate gets back the time for which it stood still",
        Tone.QUIET,
        _NOTHING_MORE,
    )
    GATE_PASSED = _ActionFacts(
        "gate.passed",
        "Gate passed: every condition holds",
        Tone.GOOD,
        _OptionalFacts(of_gate=GateMeaning.PASSED, stage=NoStage.ENDS, measured=Measured.GATE_DECIDED),
    )
    GATE_REFUSED = _ActionFacts("gate.refused", "Gate closed: a condition can no longer hold", Tone.BAD, _ENDS_RELEASE)

    GATE_ANCHORED = _ActionFacts(
        "gate.anchored", "The gate's outcome was anchored where it cannot be changed", Tone.QUIET, _NOTHING_MORE
    )
    LEDGER_REWOUND = _ActionFacts(
        "ledger.rewound",
        "The ledger was put back to an earlier state: nothing more is opened in this application",
        Tone.BAD,
        _STOPS_THE_WORKER,
    )
    FENCE_TOUCHED = _ActionFacts(
        "fence.touched",
        "Stopped: somebody else changed the Lease in the cluster that orders rollouts",
        Tone.BAD,
        _STOPS_THE_WORKER,
    )
    LEDGER_RESET = _ActionFacts(
        "ledger.reset",
        "A new epoch began after the ledger was restored: every gate is opened again",
        Tone.ASKS,
        _OptionalFacts(of_gate=GateMeaning.EPOCH_BEGAN, changes_rules=True),
    )
    GATE_UNPROVED = _ActionFacts(
        "gate.unproved",
        "Stopped: the signed records do not prove what its state says",
        Tone.BAD,
        _STOPS_THE_WORKER,
    )

    VOTE_APPROVED = _ActionFacts(
        "vote.approved", "A vote to approve", Tone.GOOD, _OptionalFacts(of_gate=GateMeaning.APPROVED)
    )
    VOTE_REJECTED = _ActionFacts(
        "vote.rejected",
        "A vote to reject",
        Tone.BAD,
        _OptionalFacts(of_gate=GateMeaning.ENDED, intervention=Intervention.REJECTION),
    )
    VOTE_WITHDRAWN = _ActionFacts(
        "vote.withdrawn", "A vote was withdrawn", Tone.ASKS, _OptionalFacts(of_gate=GateMeaning.WITHDRAWN)
    )
    VOTE_OBJECTED = _ActionFacts(
        "vote.objected",
        "Somebody said that a vote which was counted in their name was not theirs",
        Tone.BAD,
        _OptionalFacts(of_gate=GateMeaning.ENDED, intervention=Intervention.REJECTION),
    )
    VOTE_REFUSED = _ActionFacts("vote.refused", "A vote did not count", Tone.ASKS, _REFUSES)
    VOTE_VOIDED = _ActionFacts(
        "vote.voided", "Earlier votes were voided", Tone.ASKS, _OptionalFacts(of_gate=GateMeaning.VOIDED)
    )

    OVERRIDE_GIVEN = _ActionFacts("override.given", "Allowed past a freeze or a closed window", Tone.ASKS, _OVERRIDES)
    OVERRIDE_USED = _ActionFacts("override.used", "Went past a freeze or a closed window", Tone.ASKS, _OVERRIDES)
    WAIVER_GIVEN = _ActionFacts(
        "waiver.given",
        "A rule about proof was waived",
        Tone.ASKS,
        _OptionalFacts(of_gate=GateMeaning.WAIVED, intervention=Intervention.WAIVER),
    )
    HOLD_SET = _ActionFacts("hold.set", "The lane is held, so that nothing undoes the rollback", Tone.ASKS, _FREEZES)
    HOLD_ENDED = _ActionFacts("hold.ended", "The hold on the lane ended", Tone.QUIET, _FREEZES)
    LANE_FROZEN = _ActionFacts("lane.frozen", "The lane was frozen", Tone.ASKS, _FREEZES)
    LANE_UNFROZEN = _ActionFacts("lane.unfrozen", "The freeze on the lane ended", Tone.QUIET, _FREEZES)
    EVERYTHING_FROZEN = _ActionFacts("everything.frozen", "Everything was frozen", Tone.ASKS, _FREEZES)
    EVERYTHING_UNFROZEN = _ActionFacts("everything.unfrozen", "The freeze on everything ended", Tone.QUIET, _FREEZES)
    COMMAND_REFUSED = _ActionFacts("command.refused", "An operator's command was refused", Tone.ASKS, _REFUSES)

    COPY_REQUESTED = _ActionFacts(
        "copy.requested",
        "Copying the image to the environment's registry",
        Tone.BUSY,
        _OptionalFacts(stage=Stage.COPY),
    )
    COPY_DONE = _ActionFacts("copy.done", "Image copied, digest unchanged", Tone.QUIET, _ENDS_STAGE)
    COPY_FAILED = _ActionFacts("copy.failed", "Copying the image failed", Tone.BAD, _ENDS_STAGE)

    BEFORE_REQUESTED = _ActionFacts(
        "before.requested",
        "The Jobs before the rollout were started",
        Tone.BUSY,
        _OptionalFacts(stage=Stage.BEFORE),
    )
    BEFORE_DONE = _ActionFacts("before.done", "The Jobs before the rollout are done", Tone.QUIET, _ENDS_STAGE)
    BEFORE_FAILED = _ActionFacts(
        "before.failed",
        "A Job before the rollout failed: nothing else was applied",
        Tone.BAD,
        _ENDS_STAGE,
    )

    ROLLOUT_REQUESTED = _ActionFacts(
        "rollout.requested",
        "Rollout started",
        Tone.BUSY,
        _OptionalFacts(stage=Stage.DEPLOY, measured=Measured.ROLLOUT_BEGAN),
    )
    ROLLOUT_CALLED_OFF = _ActionFacts(
        "rollout.called-off",
        "Cancelled or rejected after its rollout was decided on. The rollout stops, unless its first object was "
        "written already",
        Tone.ASKS,
        _CHANGES_RULES,
    )
    ROLLOUT_WENT_ON = _ActionFacts(
        "rollout.went-on",
        "Cancelled or rejected too late: the first object of its rollout had been written, and the rollout goes on",
        Tone.ASKS,
        _NOTHING_MORE,
    )
    ROLLOUT_APPLIED = _ActionFacts(
        "rollout.applied",
        "Manifests applied; the cluster is bringing them up",
        Tone.BUSY,
        _OptionalFacts(stage=Stage.CHECK, changes_environment=True),
    )
    ROLLOUT_DONE = _ActionFacts("rollout.done", "The cluster runs the new version", Tone.QUIET, _ENDS_STAGE)
    OBJECTS_DELETED = _ActionFacts(
        "objects.deleted",
        "Objects that left the manifests were deleted, or left with a reason",
        Tone.QUIET,
        _OptionalFacts(changes_environment=True),
    )
    ROLLOUT_FAILED = _ActionFacts(
        "rollout.failed",
        "Rollout failed",
        Tone.BAD,
        _OptionalFacts(stage=NoStage.ENDS, measured=Measured.FAILED),
    )

    AFTER_REQUESTED = _ActionFacts(
        "after.requested",
        "The Jobs after the rollout were started",
        Tone.BUSY,
        _OptionalFacts(stage=Stage.AFTER),
    )
    AFTER_DONE = _ActionFacts("after.done", "The Jobs after the rollout are done", Tone.QUIET, _ENDS_STAGE)
    AFTER_FAILED = _ActionFacts(
        "after.failed",
        "A Job after the rollout failed",
        Tone.BAD,
        _OptionalFacts(stage=NoStage.ENDS, measured=Measured.FAILED),
    )
    ROLLOUT_OVERTAKEN = _ActionFacts(
        "rollout.overtaken", "Stopped: a newer rollout took over in the cluster", Tone.ASKS, _ENDS_STAGE
    )

    VERIFICATION_REQUESTED = _ActionFacts(
        "verification.requested",
        "Acceptance tests started",
        Tone.BUSY,
        _OptionalFacts(stage=Stage.VERIFY),
    )
    VERIFICATION_DONE = _ActionFacts("verification.done", "Acceptance tests passed", Tone.GOOD, _ENDS_STAGE)
    VERIFICATION_FAILED = _ActionFacts(
        "verification.failed",
        "Acceptance tests failed",
        Tone.BAD,
        _OptionalFacts(stage=NoStage.ENDS, measured=Measured.FAILED),
    )

    ROLLBACK_ORDERED = _ActionFacts(
        "rollback.ordered",
        "Rollback ordered",
        Tone.BAD,
        _OptionalFacts(
            of_gate=GateMeaning.ROLLBACK_ORDERED, intervention=Intervention.ROLLBACK, measured=Measured.ROLLBACK_ORDERED
        ),
    )
    ROLLBACK_REQUESTED = _ActionFacts(
        "rollback.requested",
        "Rolling back to the release live before",
        Tone.BAD,
        _OptionalFacts(stage=Stage.ROLL_BACK, intervention=Intervention.ROLLBACK),
    )
    ROLLBACK_DONE = _ActionFacts(
        "rollback.done",
        "The release live before is live again",
        Tone.GOOD,
        _OptionalFacts(
            stage=NoStage.ENDS,
            intervention=Intervention.ROLLBACK,
            changes_environment=True,
            measured=Measured.RESTORED,
        ),
    )
    ROLLBACK_FAILED = _ActionFacts(
        "rollback.failed",
        "Rollback failed",
        Tone.BAD,
        _OptionalFacts(stage=NoStage.ENDS, intervention=Intervention.ROLLBACK),
    )

    DRIFT_FOUND = _ActionFacts("drift.found", "The cluster differs from the live release", Tone.ASKS, _NOTHING_MORE)
    DRIFT_UNKNOWN = _ActionFacts(
        "drift.unknown", "It is unknown whether the cluster matches the live release", Tone.ASKS, _NOTHING_MORE
    )
    DRIFT_ROLLBACK_ORDERED = _ActionFacts(
        "drift.rollback-ordered",
        "Rollback to the live release ordered: the cluster differs from it",
        Tone.ASKS,
        _OptionalFacts(of_gate=GateMeaning.ROLLBACK_ORDERED),
    )
    DRIFT_GONE = _ActionFacts("drift.gone", "The cluster matches the live release again", Tone.GOOD, _NOTHING_MORE)

    NOTIFICATION_SENT = _ActionFacts("notification.sent", "A notification was sent", Tone.QUIET, _NOTHING_MORE)
    NOTIFICATION_FAILED = _ActionFacts(
        "notification.failed", "A notification could not be sent", Tone.BAD, _NOTHING_MORE
    )
    STEP_RESENT = _ActionFacts("step.resent", "A step that had not reported was sent again", Tone.ASKS, _NOTHING_MORE)
    STEP_LOST = _ActionFacts(
        "step.lost", "A step was given up", Tone.BAD, _OptionalFacts(stage=NoStage.ENDS, measured=Measured.FAILED)
    )

    APPLICATION_APPLIED = _ActionFacts(
        "application.applied", "A version of the application was applied", Tone.ASKS, _CHANGES_POLICY
    )
    APPLICATION_REMOVED = _ActionFacts(
        "application.removed",
        "The application was removed from the catalogue",
        Tone.BAD,
        _CHANGES_POLICY,
    )
    PROJECT_APPLIED = _ActionFacts("project.applied", "A version of a project was applied", Tone.ASKS, _CHANGES_RULES)
    PROJECT_REMOVED = _ActionFacts(
        "project.removed", "A project was removed from the catalogue", Tone.BAD, _CHANGES_RULES
    )
    CHANGE_REFUSED = _ActionFacts(
        "change.refused", "A change of applications or projects was refused", Tone.ASKS, _REFUSES
    )
    CHANGE_PROPOSED = _ActionFacts(
        "change.proposed",
        "A change that weakens production gates was proposed",
        Tone.ASKS,
        _OptionalFacts(of_change=ChangeMeaning.PROPOSED),
    )
    CHANGE_TOLD = _ActionFacts(
        "change.told",
        "The approvers of the gates that would get weaker were told",
        Tone.QUIET,
        _OptionalFacts(of_change=ChangeMeaning.TOLD),
    )
    CHANGE_VOTED = _ActionFacts(
        "change.voted",
        "A vote on a proposed change was counted",
        Tone.ASKS,
        _OptionalFacts(of_change=ChangeMeaning.VOTED),
    )
    CHANGE_STOOD_IN = _ActionFacts(
        "change.stood-in",
        "One of the platform's people stood in for the approvers of the gates that a change weakens",
        Tone.ASKS,
        _OptionalFacts(of_change=ChangeMeaning.STOOD_IN),
    )
    CHANGE_VOTE_REFUSED = _ActionFacts(
        "change.vote-refused", "A vote on a proposed change was refused", Tone.ASKS, _REFUSES
    )
    CHANGE_PASSED = _ActionFacts("change.passed", "Enough people approved a proposed change", Tone.GOOD, _NOTHING_MORE)
    CHANGE_IN_FORCE = _ActionFacts("change.in-force", "A proposed change took effect", Tone.ASKS, _ENDS_CHANGE)
    CHANGE_REJECTED = _ActionFacts("change.rejected", "A proposed change was rejected", Tone.BAD, _REJECTS_CHANGE)
    CHANGE_WITHDRAWN = _ActionFacts(
        "change.withdrawn",
        "A proposed change was withdrawn by its proposer",
        Tone.QUIET,
        _REJECTS_CHANGE,
    )
    CHANGE_EXPIRED = _ActionFacts(
        "change.expired", "The time to vote on a proposed change ran out", Tone.QUIET, _ENDS_CHANGE
    )
    CHANGE_SUPERSEDED = _ActionFacts(
        "change.superseded", "A proposed change was superseded by a newer one", Tone.QUIET, _ENDS_CHANGE
    )
    CHANGE_VOIDED = _ActionFacts(
        "change.voided",
        "A proposed change was voided: it would now do something else",
        Tone.QUIET,
        _ENDS_CHANGE,
    )

    ACCESS_DENIED = _ActionFacts("access.denied", "Somebody was denied what they asked for", Tone.ASKS, _NOTHING_MORE)
    INPUT_PARKED = _ActionFacts("input.parked", "Input that could not be handled was parked", Tone.BAD, _NOTHING_MORE)
    INPUT_REPLAYED = _ActionFacts("input.replayed", "Parked input was sent through again", Tone.QUIET, _NOTHING_MORE)
    SESSION_ENDED = _ActionFacts("session.ended", "Sessions of the pages were ended", Tone.QUIET, _NOTHING_MORE)
    KEYS_CHANGED = _ActionFacts(
        "keys.changed",
        "The keys that sign records and links, or their public keys, changed",
        Tone.ASKS,
        _CHANGES_RULES,
    )
    ISSUER_KEYS_SEEN = _ActionFacts(
        "issuer-keys.seen",
        "Keys of the identity provider verified a proof for the first time; they are kept",
        Tone.QUIET,
        _CHANGES_RULES,
    )
    ANCHOR_CONTRADICTED = _ActionFacts(
        "anchor.contradicted",
        "An anchor names a record that the chain does not hold: the chain was changed or cut",
        Tone.BAD,
        _NOTHING_MORE,
    )
    AUDIT_ARCHIVED = _ActionFacts("audit.archived", "Old records were moved to the archive", Tone.QUIET, _NOTHING_MORE)

    @staticmethod
    def of_text(text: str) -> "Action | None":
        """The action of a stored text; None if a newer version wrote it."""
        return _KNOWN.get(text)

    @property
    def ends_stage(self) -> bool:
        """Whether the running stage ends with it."""
        return self.stage is not NoStage.GOES_ON

    @property
    def begins(self) -> Stage | None:
        """The stage that begins with it."""
        return self.stage if isinstance(self.stage, Stage) else None

    @property
    def verb(self) -> str:
        """`rolled-back` of `release.rolled-back`."""
        return self.partition(".")[2]

    @property
    def ends(self) -> Phase | None:
        """The final phase that it records; None if the release has not ended."""
        return _ENDS.get(self)

    @property
    def vote(self) -> VoteDecision | None:
        """The vote that it records; None for any other action, including a refused vote."""
        return _VOTES.get(self)

    @property
    def about_a_vote(self) -> bool:
        """Whether it records a vote, or that one was refused or voided."""
        return self.startswith("vote.")


def end_action(phase: Phase) -> Action:
    """The action that records the end of a release in this phase."""
    match phase:
        case Phase.COMPLETED:
            return Action.RELEASE_COMPLETED
        case Phase.FAILED:
            return Action.RELEASE_FAILED
        case Phase.ROLLED_BACK:
            return Action.RELEASE_ROLLED_BACK
        case Phase.REJECTED:
            return Action.RELEASE_REJECTED
        case Phase.EXPIRED:
            return Action.RELEASE_EXPIRED
        case Phase.SUPERSEDED:
            return Action.RELEASE_SUPERSEDED
        case Phase.CANCELLED:
            return Action.RELEASE_CANCELLED
        case (
            Phase.JOINING
            | Phase.RESOLVING
            | Phase.QUEUED
            | Phase.PLANNING
            | Phase.SOAKING
            | Phase.AWAITING_APPROVAL
            | Phase.HELD_BACK
            | Phase.COPYING
            | Phase.PREPARING
            | Phase.DEPLOYING
            | Phase.CHECKING
            | Phase.FINISHING
            | Phase.VERIFYING
            | Phase.ROLLING_BACK
        ):
            raise ValueError(f"a release does not end in {phase}")
        case unreachable:
            assert_never(unreachable)


def vote_action(decision: VoteDecision) -> Action:
    """The action that records a counted vote."""
    match decision:
        case VoteDecision.APPROVE:
            return Action.VOTE_APPROVED
        case VoteDecision.REJECT:
            return Action.VOTE_REJECTED
        case VoteDecision.WITHDRAW:
            return Action.VOTE_WITHDRAWN
        case VoteDecision.OBJECT:
            return Action.VOTE_OBJECTED
        case unreachable:
            assert_never(unreachable)


_KNOWN: Final[Mapping[str, Action]] = {action.value: action for action in Action}
_ENDS: Final[Mapping[Action, Phase]] = {end_action(phase): phase for phase in Phase if phase.final}
_VOTES: Final[Mapping[Action, VoteDecision]] = {vote_action(decision): decision for decision in VoteDecision}


def meaning_of(text: str) -> str:
    """The meaning of an action's stored text, including unknown ones."""
    action = Action.of_text(text)
    return action.meaning if action else f"Unknown action {text!r}, written by a newer version"


def tone_of(text: str) -> Tone:
    """The tone of an action's stored text; an unknown one asks for attention."""
    action = Action.of_text(text)
    return action.tone if action else Tone.ASKS
