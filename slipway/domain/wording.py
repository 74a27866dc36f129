"""One sentence for a release's position, and one for its next step; the words of `explain`."""

from dataclasses import dataclass
from typing import assert_never

from ..text import moment
from .decide.automatic import soak_environment
from .decide.blocks import blocks_end_at, called_off_rules
from .decide.conditions import digest_text, plan_rule, triggers_missing
from .decide.deadlines import RESEND_LIMIT, is_sent_again
from .decide.lanes import step_of
from .decide.quorum import counted_approvals, quorum_rules, voters_left
from .decide.waiving import waivable
from .environment import Environment, OnFailure
from .gate import ApprovalGate
from .model import release_id
from .release import STANDS_STILL, Lane, Phase, Release, VoteDecision
from .rules import Rule, RuleResult, not_passed
from .snapshot import Snapshot
from .steps import StepKind

_TRIGGERS = {"image": "its image to be pushed", "run": "its CI run to succeed"}


def _clause(sentence: str) -> str:
    """A sentence as a clause of another one."""
    return sentence[:1].lower() + sentence[1:].rstrip(".")


@dataclass(frozen=True, kw_only=True)
class Wording:
    """One release at one moment, in words."""

    snapshot: Snapshot
    release: Release
    blocks: tuple[RuleResult, ...]
    """The rules that may block a rollout in its current environment."""

    def headline(self) -> str:
        release, where, reason = self.release, self._in_environment(), self.release.reason.rstrip(". ")
        match release.phase:
            case Phase.JOINING:
                return f"{release.id} waits for {self._missing_triggers()}{self._until()}{self._proof()}."
            case Phase.QUEUED:
                return f"{release.id} waits{where} behind {self._ahead()}."
            case Phase.AWAITING_APPROVAL:
                return f"{release.id} waits{where} for {self._approvals_missing()}{self._until()}."
            case Phase.HELD_BACK:
                return f"{release.id} is ready, and held back{where}: {self._held_back()}."
            case Phase.SOAKING:
                return f"{release.id} waits{where} {self._conditions_missing()}{self._until()}."
            case Phase.RESOLVING | Phase.PLANNING | Phase.COPYING | Phase.PREPARING | Phase.DEPLOYING | Phase.CHECKING:
                return f"{release.id} is {release.phase.spoken}{where}: {self._doing()}."
            case Phase.FINISHING | Phase.VERIFYING:
                return f"{release.id} is {release.phase.spoken}{where}: {self._doing()}."
            case Phase.ROLLING_BACK:
                waits = f"; it waits: {self._waits()}" if self._waits() else ""
                return f"{release.id} is rolling back{where}: {reason}{waits}."
            case Phase.COMPLETED:
                return f"{release.id} {self._completed(where)}{self._replaced()}."
            case Phase.FAILED | Phase.ROLLED_BACK | Phase.REJECTED | Phase.EXPIRED | Phase.SUPERSEDED | Phase.CANCELLED:
                return f"{release.id} {release.phase.past_tense}{where}{self._by_rejecting_voter()}: {reason}."
            case _:
                assert_never(release.phase)

    def next(self) -> str:
        release = self.release
        match release.phase:
            case Phase.JOINING:
                return self._overdue() or self._who_reports()
            case Phase.QUEUED:
                if self._waits_for_people():
                    older = f"{release.application}-{self._lane().waiting}"
                    return f"People decide on {older} first; then this release is planned automatically."
                return f"The rollout of {self._ahead()} has to end; then this release is planned automatically."
            case Phase.AWAITING_APPROVAL:
                return self._overdue() or self._who_votes()
            case Phase.SOAKING:
                follows = "people are asked" if self._gate() else "it continues automatically"
                return self._overdue() or f"Nothing to do: {follows} once every condition of the gate holds."
            case Phase.HELD_BACK:
                return self._what_lets_it_go()
            case Phase.RESOLVING | Phase.PLANNING | Phase.COPYING | Phase.PREPARING | Phase.DEPLOYING | Phase.CHECKING:
                return self._overdue() or self._step_reports()
            case Phase.FINISHING | Phase.VERIFYING | Phase.ROLLING_BACK:
                return self._overdue() or self._step_reports()
            case Phase.COMPLETED:
                if self._holds():
                    return f"Newer releases wait here until somebody resumes {release.environment}."
                return "Nothing: it is live in its last environment."
            case Phase.FAILED:
                return self._after_failure()
            case Phase.ROLLED_BACK:
                return "Nothing is broken now: find out why it failed; then try it again, or push a new version."
            case Phase.REJECTED:
                return (
                    "The application's owners address the reason and push a new version; or somebody sends it out "
                    "again (slipway retry), and votes start over."
                )
            case Phase.EXPIRED:
                return self._after_expiring()
            case Phase.SUPERSEDED:
                return f"Nothing: follow {release.application}-{release.superseded_by} instead."
            case Phase.CANCELLED:
                return self._after_cancelling()
            case _:
                assert_never(release.phase)

    # ---- parts of sentences
    def _doing(self) -> str:
        waits = f"; it waits: {self._waits()}" if self._waits() else ""
        return f"{_clause(self.release.phase.meaning)}{waits}{self._called_off()}"

    def _called_off(self) -> str:
        """What happens to a release that was called off a moment ago; empty if it was not."""
        if not self.release.phase.writes_first:
            return ""
        ends = "so it ends before its first object, unless that was written already"
        return "".join(f"; {rule.reason}, {ends}" for rule in called_off_rules(self.release, self._lane()))

    def _waits(self) -> str:
        return self.snapshot.waits_for(self.release).rstrip(". ")

    def _in_environment(self) -> str:
        return f" in {self.release.environment}" if self.release.environment else ""

    def _environment(self) -> Environment | None:
        return self.snapshot.application.environment(self.release.environment or "")

    def _lane(self) -> Lane:
        return self.snapshot.lane(self.release.environment or "")

    def _completed(self, where: str) -> str:
        back = self.release.rollback
        if back is not None:
            return f"brought {release_id(self.release.application, back.to)} back{where}"
        return f"went live{where}, the last environment"

    def _proof(self) -> str:
        """The facts of the reported run that are not proved but should be; empty if there are none."""
        run = self.release.run
        if run is None or run.counts:
            return ""
        return f"; run {run.number} is not proved: {(run.built if run.proof.stands else run.proof).why}"

    def _missing_triggers(self) -> str:
        missing = triggers_missing(self.release, self.snapshot.application.start)
        return " and ".join(_TRIGGERS[trigger] for trigger in missing) or "its time to run out"

    def _who_reports(self) -> str:
        """Which report is missing, who has to send it, and what a person can do if it does not come."""
        release, application = self.release, self.snapshot.application
        missing, pipeline = triggers_missing(release, application.start), application.pipeline
        if "image" in missing:
            registry, repository = application.pushed.registry, application.pushed.repository
            return f"Registry {registry} has to report {repository}:{release.tag}: push it, or cancel this release."
        if pipeline is not None and release.run is None:
            return (
                f"Pipeline {pipeline.project}/{pipeline.name} has to report a run that succeeded and built it. "
                "There is nothing to do while it is running; if it has ended, run it again, or cancel this release."
            )
        return f"Azure DevOps has to report its CI run; the release waits for {self._missing_triggers()}."

    def _until(self) -> str:
        if self.release.stands_still:
            return f", and {STANDS_STILL}"
        return f" until {moment(self.release.due)}" if self.release.due else ""

    def _ahead(self) -> str:
        lane = self._lane()
        number = lane.waiting if self._waits_for_people() else lane.in_progress
        if number is None:
            return "the release before it"
        ahead = self.snapshot.release(number)
        doing = f", which is {ahead.phase.spoken}" if ahead else ""
        return f"{release_id(self.release.application, number)}{doing}"

    def _waits_for_people(self) -> bool:
        lane = self._lane()
        return lane.next == self.release.number and lane.waiting is not None

    def _gate(self) -> ApprovalGate | None:
        environment = self._environment()
        return environment.gate if environment and isinstance(environment.gate, ApprovalGate) else None

    def _approvals_missing(self) -> str:
        gate = self._gate()
        if gate is None:
            return "a vote, but its gate no longer asks anybody"
        environment = self._environment()
        missing = max(gate.required - len(counted_approvals(self.release, gate)), 0)
        open_rules = not_passed(quorum_rules(self.release, environment)) if environment else ()
        groups = [result.subject for result in open_rules if result.rule is Rule.APPROVED_BY_GROUP]
        from_groups = f"from {' and '.join(groups)}" if groups else ""
        if not missing and from_groups:
            return f"an approval {from_groups}"
        more = f"{missing} more approval{'' if missing == 1 else 's'}"
        return f"{more}, also {from_groups}" if from_groups else more

    def _held_back(self) -> str:
        reasons = "; ".join(rule.reason.rstrip(". ") for rule in not_passed(self.blocks))
        return reasons or "nothing blocks it any more"

    def _what_lets_it_go(self) -> str:
        if (until := blocks_end_at(self.blocks)) is not None:
            return f"It continues automatically at {moment(until)}, if its plan is still current."
        if blocking := not_passed(self.blocks):
            return f"It continues automatically once {', and '.join(map(self._lets_go, blocking))}."
        return "The next reconcile run moves it on."

    def _lets_go(self, result: RuleResult) -> str:
        release = self.release
        way = result.rule.lets_go.format(
            where=release.environment, ahead=self._ahead(), application=release.application
        )
        who = self._who_waives(result.rule)
        return f"{way or f'{result.name} holds'}{f', or {who}' if who else ''}"

    def _holds(self) -> bool:
        lane = self._lane()
        return lane.hold is not None and lane.hold.release == self.release.number

    def _conditions_missing(self) -> str:
        """The gate's conditions that do not hold yet, by name unless only the soak is missing."""
        if any(name != Rule.SOAKED for name in self.release.blocked_by):
            return f"until these hold: {', '.join(self.release.blocked_by)}"
        environment = self._environment()
        where = soak_environment(self.snapshot.application, environment) if environment else ""
        return f"until it has soaked{f' in {where}' if where else ''}"

    def _who_votes(self) -> str:
        gate = self._gate()
        people = voters_left(self.release, gate) if gate else ()
        if who := self._who_waives(Rule.CHANGE_IS_KNOWN):
            return f"Nobody can approve it until it is known who is behind the change, or {who}; it may be rejected."
        if gate is None or not people:
            when = " once the freeze is over and its time is up" if self.release.stands_still else ""
            return f"Nobody on the list can still vote; it expires{when or self._until().replace(' until', ' at')}."
        reason = self.release.gate.why_nobody_was_notified if self.release.gate else ""
        warning = f"Nobody could be told of it yet ({reason}). " if reason else ""
        who = f"{warning}{' or '.join(people)}"
        if plan_rule(self.release, self._lane().live, self.snapshot.definition).passed:
            return f"{who} may approve or reject plan {digest_text(self.release.plan_hash)}."
        return f"{who} may ask for a new plan, on the approval page, or reject it."

    def _who_waives(self, rule: Rule) -> str:
        """Who can waive the rule, and with which command; empty if it does not block, or cannot be waived."""
        release, environment = self.release, self._environment()
        results = waivable(release, environment) if environment else ()
        if environment is None or not any(result.rule is rule for result in results):
            return ""
        if not environment.waive:
            return f"its project names who may waive {rule}"
        command = f"slipway waive {release.id} {environment.name} --rule {rule}"
        return f"somebody with {' or '.join(environment.waive)} waives {rule} ({command})"

    def _replaced(self) -> str:
        lane = self._lane()
        if lane.live is None or lane.live.release == self.release.number:
            return ""
        return f", and was replaced there by {release_id(self.release.application, lane.live.release)}"

    def _by_rejecting_voter(self) -> str:
        votes = self.release.gate.votes if self.release.gate else ()
        rejecting = [vote.who for vote in votes if vote.decision is VoteDecision.REJECT]
        return f" by {rejecting[-1]}" if self.release.phase is Phase.REJECTED and rejecting else ""

    def _after_expiring(self) -> str:
        if self.release.environment is None:
            return "Push its image or run its pipeline again: one of the two never came."
        return "Send it out again when people have time for it (slipway retry); votes start over."

    def _after_cancelling(self) -> str:
        run = self.release.run
        if run is not None and not self.snapshot.application.succeeded(run):
            return f"Run {run.number} again: once it succeeds, its image gets a new release."
        if self.release.environment and self._environment() is None:
            return "Correct the application (slipway apply), and push a new version."
        if self.release.environment is None:
            return "Push its image again if you still want it deployed."
        return "Send it out again if you still want it deployed (slipway retry); votes start over."

    def _after_failure(self) -> str:
        environment, rollouts = self._environment(), self.release.rollouts
        if rollouts and not_passed(rollouts[-1].supply_chain):
            return "Sign the image and attach the missing documents in its pipeline; then push a new version."
        touched = bool(rollouts and rollouts[-1].plan_hash)
        if touched and environment and environment.on_failure is OnFailure.STOP:
            look = f"A person has to look at {environment.name}: it was left as it is."
            return f"{look} Then try it again, or push a new version."
        return "Find out why it failed; then try it again, or push a new version."

    def _overdue(self) -> str:
        due = self.release.due
        if due is None or self.snapshot.now < due or self.release.stands_still:
            return ""
        if self.release.phase is Phase.SOAKING:
            return f"Its wait was over at {moment(due)}: the next reconcile run moves it on."
        if self.release.step is None:
            return f"Its deadline passed at {moment(due)}: the next reconcile run ends it."
        if is_sent_again(StepKind(step_of(self.release)), self.release.resent):
            return f"Its step did not report by {moment(due)}: the next reconcile run sends it again."
        return (
            f"Its step did not report although it was sent {RESEND_LIMIT + 1} times: "
            "the next reconcile run fails the release."
        )

    def _step_reports(self) -> str:
        kind = (self.release.step or "").rpartition("/")[2] or "next"
        again = f"; it was sent again {self.release.resent} times" if self.release.resent else ""
        by = f" and due by {moment(self.release.due)}" if self.release.due else ""
        if self._waits():
            return f"The {kind} step looks again by itself{by}; nothing to do if the obstacle passes{again}."
        return f"The {kind} step is running{by}; no action needed{again}."
