"""The last check before the first object of a rollout: is the plan within its project, and was a block set since the
decision?

A cluster may be unreachable for minutes between the decision and the first object. The rollout's own Lease shows
whether the first object was made. From then on the rollout is finished or rolled back, and this check no longer
applies.
"""

from dataclasses import dataclass

from ..clock import Clock
from ..domain.decide.blocks import block_rules, called_off_rules, freeze_rule, was_let_past
from ..domain.environment import Environment
from ..domain.plan import Plan
from ..domain.release import Head, Lane
from ..domain.rules import Rule, RuleResult, not_passed
from ..ledger import Ledger
from ..ledger.freezes import not_ended
from ..ledger.neighbours import ApplicationRows, InstallationRows
from .in_force import InForce
from .limits import limits_rule
from .run_step import Work


@dataclass(frozen=True, kw_only=True)
class FirstObject:
    """Looks at limits, cancels, freezes, holds and windows, as the signed ends of the trails name them."""

    ledger: Ledger
    in_force: InForce
    clock: Clock

    def rules_in_the_way(self, work: Work, plan: Plan) -> tuple[RuleResult, ...]:
        """The rules that do not hold. Raises `LedgerUnavailable`, `KeysUnavailable`."""
        application = work.entry.application
        environment = application.environment(work.step.environment)
        if environment is None:
            gone = f"the environment {work.step.environment} is no longer one of the application's"
            return (Rule.WITHIN_PROJECT.fails(gone),)
        installation = self.in_force.begin_reading_installation(environment)
        rows = self.ledger.application_rows(work.step.application)
        head = rows.head or Head(application=work.step.application)
        in_force = self.in_force.rules(work, rows, head, environment, installation=installation)
        if broken := not_passed((*in_force, limits_rule(application, environment, plan))):
            return broken
        return self._blocks(work, rows, head, environment, installation.rows())

    def _blocks(
        self,
        work: Work,
        rows: ApplicationRows,
        head: Head,
        environment: Environment,
        installation_rows: InstallationRows,
    ) -> tuple[RuleResult, ...]:
        release, now = work.release, self.clock()
        lane = rows.lanes.get(environment.name) or Lane(environment=environment.name)
        policy = work.entry.policy(now)
        rules = block_rules(
            release,
            lane,
            head,
            environment,
            window_status=policy.windows.get(environment.name),
            now=now,
            problems=work.entry.problems,
        )
        everything = head.freeze
        if release.rollback is None and everything is None and (state := installation_rows.freeze):
            # It may have been set a moment ago, and not have reached this application yet.
            everything = not_ended(state)
            rules = (*rules, freeze_rule(lane, everything, now))
        blocking = (rule for rule in not_passed(rules) if not was_let_past(release, lane, everything, rule, now))
        return (*called_off_rules(release, lane), *blocking)
