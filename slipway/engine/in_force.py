"""Compares the rows with the signed ends of the chains: which versions, freezes and holds are in force.

A missing row is as suspicious as a changed one. In class production the installation's own state is compared as well:
its chain has to hold its newest anchor, which shows that it was not put back to an earlier state.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from ..ahead import ahead
from ..domain.chain_anchor import ChainAnchor
from ..domain.environment import Environment
from ..domain.project import EnvironmentClass
from ..domain.release import Head
from ..domain.rules import Rule, RuleResult
from ..domain.signed_head import (
    FREEZE,
    VERSION,
    hash_of_lane,
    head_fault,
    is_as_signed,
    lane_name,
    live_name,
    state_hash,
)
from ..domain.steps import StepKind
from ..domain.versions import Subject, SubjectKind
from ..ledger import Ledger
from ..ledger.chain_anchors import ChainAnchors
from ..ledger.keys import INSTALLATION
from ..ledger.neighbours import ApplicationRows, InstallationRows, Nearby
from ..ledger.versions import SubjectVersions, version_name
from .run_step import Outdated, Work


@dataclass(frozen=True, kw_only=True)
class InstallationReading:
    """The installation's state, being read."""

    rows: Callable[[], InstallationRows]
    newest_anchor: Callable[[], ChainAnchor | None] | None
    """The newest anchor of its chain; None where that is not compared."""


def is_production(environment: Environment) -> bool:
    return environment.environment_class is EnvironmentClass.PRODUCTION


@dataclass(frozen=True, kw_only=True)
class InForce:
    """Compares rows with signed heads."""

    ledger: Ledger
    anchors: ChainAnchors
    versions: SubjectVersions

    def begin_reading_installation(self, environment: Environment) -> InstallationReading:
        """Begin to read the installation's head and its freeze of everything."""
        newest = ahead(partial(self.anchors.newest, INSTALLATION)) if is_production(environment) else None
        return InstallationReading(rows=ahead(self.ledger.of_installation), newest_anchor=newest)

    def rules(
        self,
        work: Work,
        rows: ApplicationRows,
        head: Head,
        environment: Environment,
        installation: InstallationReading | None,
    ) -> tuple[RuleResult, ...]:
        """The rules in the way, or one rule that holds. In class production `installation` is compared, too.

        Raises `Outdated` if the trail names another version than the step was begun with, and that version is in force;
        `LedgerUnavailable`, `KeysUnavailable`.
        """
        faults = list(self._of_application(work, rows, head, environment))
        if not faults and installation is not None and installation.newest_anchor is not None:
            installation_rows = installation.rows()
            whole = self.anchors.whole_ledger_rule_among((), installation_rows.head, installation.newest_anchor())
            if not whole.passed:
                return (whole.rule.fails(f"of the installation: {whole.reason}"),)
            faults = list(self._of_installation(work, installation_rows))
        if faults:
            return (Rule.IN_FORCE_ON_RECORD.fails("; ".join(faults)),)
        return (Rule.IN_FORCE_ON_RECORD.holds("version, freezes, holds and cancels are those of the signed trail"),)

    def of_release(self, work: Work) -> tuple[RuleResult, ...]:
        """The rules in the way of a step of a rollout: the release's row differs from the one that the trail names or,
        for a rollback, another release is live than the trail says. It uses the rows that were read with the release,
        so it costs no request.

        Raises `Outdated` if those rows are of different commits; `LedgerUnavailable`, `KeysUnavailable`.
        """
        if not (fault := self._of_row(work, work.nearby)):
            return ()
        again = self.ledger.nearby(work.step.application, work.step.release)
        if not self._of_row(work, again):
            raise Outdated(f"{work.release.id} was changed while it was read")
        return (Rule.IN_FORCE_ON_RECORD.fails(fault),)

    def _of_row(self, work: Work, nearby: Nearby | None) -> str:
        application, environment = work.step.application, work.step.environment
        rows, release = (nearby.rows, nearby.release) if nearby is not None else (ApplicationRows(), None)
        head = rows.head or Head(application=application)
        if fault := head_fault(head, self.ledger.public_keys):
            return f"the end of the trail of {application}: {fault}"
        if release is None or not is_as_signed(release, head):
            return f"the row of {work.release.id} is not the one that the trail names"
        lane = rows.lanes.get(environment)
        is_live = state_hash(lane.live if lane else None) == head.in_force.get(live_name(environment))
        if work.step.kind is StepKind.ROLL_BACK and not is_live:
            return f"the live release in {environment} is not the one that the trail names"
        return ""

    def _of_application(self, work: Work, rows: ApplicationRows, head: Head, environment: Environment) -> Iterator[str]:
        if fault := head_fault(head, self.ledger.public_keys):
            yield f"the end of the trail of {head.application}: {fault}"
            return
        lane = hash_of_lane(rows.lanes.get(environment.name))
        if lane != head.in_force.get(lane_name(environment.name)):
            yield f"freeze, hold or cancel of {environment.name} are not the ones that the trail names"
        if state_hash(head.freeze) != head.in_force.get(FREEZE):
            yield f"the freeze of everything, as {head.application} has it, is not the one that the trail names"
        versions = work.entry.versions
        if versions is not None and rows.version != head.in_force.get(VERSION):
            yield f"the version of {head.application} in force is not the one that the trail names"
        elif versions is not None and versions.application != rows.version:
            raise Outdated(f"another version of {head.application} is in force by now")

    def _of_installation(self, work: Work, rows: InstallationRows) -> Iterator[str]:
        head = rows.head
        if fault := head_fault(head, self.ledger.public_keys):
            yield f"the end of the trail of the installation: {fault}"
            return
        if state_hash(rows.freeze) != head.in_force.get(FREEZE):
            yield "the freeze of everything is not the one that the trail names"
        versions, project = work.entry.versions, work.entry.application.project
        subject = Subject(kind=SubjectKind.PROJECT, name=project)
        signed_version = head.in_force.get(version_name(subject))
        if versions is None or versions.project == signed_version:
            return
        if self.versions.current(subject).document == signed_version:
            raise Outdated(f"another version of the project {project} is in force by now")
        yield f"the version of the project {project} in force is not the one that the trail names"
