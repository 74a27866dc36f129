"""One sentence for where a release stands, and one for what has to happen next; the words of `explain`."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from .application import Application, Environment, OnFailure
from .decide.automatic import soaks_in
from .decide.blocks import FREEZE, HOLD, LANE, Blocks
from .decide.conditions import facts_missing, short
from .decide.deadlines import RESEND_LIMIT
from .decide.quorum import approvals, quorum_rules, voters_left
from .gate import ApprovalGate
from .release import Lane, Phase, Release, VoteDecision
from .rules import failed

_UNDER_WAY = {
    Phase.RESOLVING: "its tag is being looked up in the registry",
    Phase.PLANNING: "what a rollout would do is being worked out",
    Phase.PROMOTING: "the artifact is being copied into the registry of the environment",
    Phase.DEPLOYING: "the manifests are being applied",
    Phase.CHECKING: "the cluster is bringing the new version up",
    Phase.VERIFYING: "the acceptance tests are running",
    Phase.ROLLING_BACK: "what was live before is being brought back",
}
_ENDED = {
    Phase.FAILED: "failed",
    Phase.ROLLED_BACK: "was rolled back",
    Phase.REJECTED: "was rejected",
    Phase.EXPIRED: "expired",
    Phase.CANCELLED: "was cancelled",
}
_AFTER = {
    Phase.COMPLETED: "Nothing: it has gone the whole way.",
    Phase.ROLLED_BACK: "Nothing is broken now: find out why it failed; then try it again, or push a new image.",
    Phase.REJECTED: "Whoever owns the application answers the reason with a new image.",
    Phase.EXPIRED: "An expired release does not come back: push a new image when people have time for it.",
    Phase.CANCELLED: "A cancelled release does not come back: push a new image when it is wanted.",
}
_FACTS = {"image": "its image to be pushed", "run": "its CI run to succeed"}


def moment(time: datetime) -> str:
    """A moment as people read it."""
    return f"{time:%Y-%m-%d %H:%M} UTC"


@dataclass(frozen=True, kw_only=True)
class Wording:
    """One release at one moment, in words."""

    application: Application
    release: Release
    lanes: Mapping[str, Lane]
    releases: Mapping[int, Release]
    now: datetime
    blocks: Blocks
    """What would be in the way of a rollout, where it is now."""

    def headline(self) -> str:
        release, where, reason = self.release, self._where(), self.release.reason.rstrip(". ")
        match release.phase:
            case Phase.JOINING:
                text = f"{release.id} waits for {self._facts()}{self._until()}."
            case Phase.QUEUED:
                text = f"{release.id} waits{where} behind {self._ahead()}."
            case Phase.AWAITING_APPROVAL:
                text = f"{release.id} waits{where} for {self._approvals_missing()}{self._until()}."
            case Phase.HELD_BACK:
                text = f"{release.id} is ready, and held back{where}: {self._kept_back()}."
            case Phase.SOAKING:
                text = f"{release.id} waits{where} until it has soaked{self._soaks_in()}{self._until()}."
            case Phase.COMPLETED if release.brings_back is not None:
                back = f"{release.application}-{release.brings_back.to}"
                text = f"{release.id} brought {back} back{where}{self._replaced()}."
            case Phase.COMPLETED:
                text = f"{release.id} went live{where}, the last environment{self._replaced()}."
            case Phase.SUPERSEDED:
                text = f"{release.id} was superseded{where}: {reason}."
            case Phase.ROLLING_BACK:
                text = f"{release.id} is rolling back{where}: {reason}."
            case phase if phase in _ENDED:
                text = f"{release.id} {_ENDED[phase]}{where}{self._by()}: {reason}."
            case phase:
                text = f"{release.id} is {str(phase).replace('_', ' ')}{where}: {_UNDER_WAY[phase]}."
        return text

    def next(self) -> str:
        release = self.release
        match release.phase:
            case Phase.JOINING:
                text = self._overdue() or f"The registry or the CI pipeline has to tell of {self._facts()}."
            case Phase.QUEUED:
                text = f"The rollout of {self._ahead()} has to end; then this release is planned by itself."
            case Phase.AWAITING_APPROVAL:
                text = self._overdue() or self._who_votes()
            case Phase.SOAKING:
                text = self._overdue() or "Time has to pass; then it goes on by itself."
            case Phase.HELD_BACK:
                text = self._what_lets_it_go()
            case Phase.COMPLETED if self._holds():
                text = f"Newer releases wait here until somebody resumes {release.environment}."
            case Phase.SUPERSEDED:
                text = f"Nothing: follow {release.application}-{release.superseded_by} instead."
            case Phase.FAILED:
                text = self._after_failure()
            case Phase.CANCELLED if release.run is not None and not release.run.succeeded:
                text = f"Run {release.run.number} again: once it succeeds, its image gets a new release."
            case Phase.CANCELLED if release.environment and self._environment() is None:
                text = "Correct delivery.yaml, and push a new image."
            case phase if phase in _AFTER:
                text = _AFTER[phase]
            case _:
                text = self._overdue() or self._step_reports()
        return text

    # ---- parts of sentences
    def _where(self) -> str:
        return f" in {self.release.environment}" if self.release.environment else ""

    def _environment(self) -> Environment | None:
        return self.application.environment(self.release.environment or "")

    def _facts(self) -> str:
        missing = facts_missing(self.release, self.application.start)
        return " and ".join(_FACTS[fact] for fact in missing) or "its time to run out"

    def _until(self) -> str:
        if self.release.due is None:
            return ""
        return f" until {moment(self.release.due)}"

    def _ahead(self) -> str:
        lane = self.lanes.get(self.release.environment or "")
        if lane is None or lane.rolling is None:
            return "the release before it"
        ahead = self.releases.get(lane.rolling)
        doing = f", which is {str(ahead.phase).replace('_', ' ')}" if ahead else ""
        return f"{self.release.application}-{lane.rolling}{doing}"

    def _gate(self) -> ApprovalGate | None:
        environment = self._environment()
        return environment.gate if environment and isinstance(environment.gate, ApprovalGate) else None

    def _approvals_missing(self) -> str:
        gate = self._gate()
        if gate is None:
            return "a vote, although the gate asks nobody any more"
        environment = self._environment()
        missing = max(gate.required - len(approvals(self.release, gate)), 0)
        open_rules = failed(quorum_rules(self.release, environment)) if environment else ()
        groups = [rule.name.removeprefix("approved-by-") for rule in open_rules if rule.name != "quorum-reached"]
        from_groups = f"from {' and '.join(groups)}" if groups else ""
        if not missing and from_groups:
            return f"an approval {from_groups}"
        more = f"{missing} more approval{'' if missing == 1 else 's'}"
        return f"{more}, also {from_groups}" if from_groups else more

    def _kept_back(self) -> str:
        said = "; ".join(rule.reason.rstrip(". ") for rule in failed(self.blocks.rules))
        return said or "what was in its way is over"

    def _what_lets_it_go(self) -> str:
        where, names = self.release.environment, {rule.name for rule in failed(self.blocks.rules)}
        if self.blocks.until is not None:
            return f"It goes on by itself at {moment(self.blocks.until)}, once its plan was found to be current."
        if HOLD in names:
            return f"An operator resumes {where}; then it goes on by itself."
        if FREEZE in names:
            return "An operator ends the freeze, or lets this release past it; then it goes on by itself."
        if LANE in names:
            return f"The rollout of {self._ahead()} has to end; then this release is planned by itself."
        return "The next sweep brings it on."

    def _holds(self) -> bool:
        lane = self.lanes.get(self.release.environment or "")
        return lane is not None and lane.hold is not None and lane.hold.release == self.release.number

    def _soaks_in(self) -> str:
        environment = self._environment()
        where = soaks_in(self.application, environment) if environment else ""
        return f" in {where}" if where else ""

    def _who_votes(self) -> str:
        gate = self._gate()
        people = voters_left(self.release, gate) if gate else ()
        if gate is None or not people:
            return f"Nobody who is listed can still vote; it expires{self._until().replace(' until', ' at')}."
        return f"{' or '.join(people)} may approve or reject plan {short(self.release.plan_hash)}."

    def _replaced(self) -> str:
        lane = self.lanes.get(self.release.environment or "")
        if lane is None or lane.live is None or lane.live.release == self.release.number:
            return ""
        return f", and was replaced there by {self.release.application}-{lane.live.release}"

    def _by(self) -> str:
        votes = self.release.gate.votes if self.release.gate else ()
        rejecting = [vote.voter for vote in votes if vote.decision is VoteDecision.REJECT]
        return f" by {rejecting[-1]}" if self.release.phase is Phase.REJECTED and rejecting else ""

    def _after_failure(self) -> str:
        environment, visits = self._environment(), self.release.visits
        if visits and failed(visits[-1].supply_chain):
            return "Sign the image and attach what is missing, in the pipeline that builds it; then push a new image."
        touched = bool(visits and visits[-1].plan_hash)
        if touched and environment and environment.on_failure is OnFailure.STOP:
            look = f"A person has to look at {environment.name}: it was left as it is."
            return f"{look} Then try it again, or push a new image."
        return "Find out why it failed; then try it again, or push a new image."

    def _overdue(self) -> str:
        due = self.release.due
        if due is None or self.now < due:
            return ""
        if self.release.phase is Phase.SOAKING:
            return f"Its soak was over at {moment(due)}: the next sweep brings it on."
        if self.release.step is None:
            return f"Its time was over at {moment(due)}: the next sweep ends it."
        if self.release.resent < RESEND_LIMIT:
            return f"Nothing was heard of its step by {moment(due)}: the next sweep asks for it again."
        return (
            f"Nothing was heard of its step although it was sent {RESEND_LIMIT + 1} times: the next sweep gives it up."
        )

    def _step_reports(self) -> str:
        kind = (self.release.step or "").rpartition("/")[2] or "next"
        again = f"; it was sent again {self.release.resent} times" if self.release.resent else ""
        by = f" by {moment(self.release.due)}" if self.release.due else ""
        return f"The {kind} step reports{by}, with nobody's help{again}."
