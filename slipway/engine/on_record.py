"""Reads and verifies the trail before a step that opens something, and lets the domain derive the gate from it.

The row of a release says where its records begin; it is only a hint. The records from there to the head must be linked,
signed, and end in the head, so no row can hide a later record. The ledger must also hold the record that its newest
anchor names, so the table cannot have been put back to a state before a rejection.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Final

from ..ahead import ahead
from ..clock import Clock
from ..domain.audit import AuditRecord, ChainCheck
from ..domain.chain_anchor import AnchoredGate, ChainAnchor, GateOutcome
from ..domain.environment import Environment
from ..domain.gate import ApprovalGate
from ..domain.on_record import on_record, rests_on
from ..domain.release import Head, Release
from ..domain.rules import Rule, RuleResult, not_passed
from ..domain.signing import PublicKeys
from ..domain.steps import Step, StepKind
from ..ledger import Ledger
from ..ledger.archive import sequence_in
from ..ledger.chain_anchors import ChainAnchors, LedgerRewound
from ..ledger.table import Row
from .in_force import InForce, InstallationReading, is_production
from .kept_proofs import KeptProofs
from .run_step import Work

OPENS: Final = frozenset({StepKind.COPY, StepKind.BEFORE, StepKind.DEPLOY})
"""The steps that let something through. A rollback after a failure is part of the plan that was voted on."""

FOLLOWS: Final = frozenset({StepKind.CHECK, StepKind.AFTER, StepKind.VERIFY, StepKind.ROLL_BACK})
"""The steps that finish a release that was let through, by the plan in its own row or by that of the release that was
live before."""

NOT_FAR: Final = 50
"""If the newest anchor is at most this many records before the release's own, those are read in the same request."""

FIRST_OBJECT: Final = frozenset({StepKind.BEFORE, StepKind.DEPLOY})
"""The steps that may make the first object of a rollout."""


@dataclass(frozen=True, kw_only=True)
class OnRecord:
    """Derives gates from the ledger's records."""

    ledger: Ledger
    anchors: ChainAnchors
    proofs: KeptProofs
    in_force: InForce
    clock: Clock

    def begin(self, step: Step, environment: Environment | None) -> Callable[[Work], tuple[RuleResult, ...]]:
        """Begin to read what does not depend on the release. The returned function gives the rules about the trail for
        a step that opens something, or finishes what was opened. In class production the first object waits for the
        anchor of its gate, which is written here if it is missing.

        It raises `LedgerUnavailable`, `KeysUnavailable`, and `Outdated` if a newer version is in force or the release
        has changed meanwhile.
        """
        if step.kind in FOLLOWS:
            return self.in_force.of_release
        if step.kind not in OPENS:
            return lambda _: ()
        newest = ahead(partial(self.anchors.newest, step.application))
        return partial(self._rules, newest, self._begin_reading_installation(environment))

    def _begin_reading_installation(self, environment: Environment | None) -> InstallationReading | None:
        return (
            self.in_force.begin_reading_installation(environment)
            if environment is not None and is_production(environment)
            else None
        )

    def _rules(
        self, asked: Callable[[], ChainAnchor | None], installation: InstallationReading | None, work: Work
    ) -> tuple[RuleResult, ...]:
        step, release, rows, environment = work.step, work.release, work.rows, work.environment
        if environment is None:
            return ()  # the step itself says that its environment is gone
        # It is read only now if only a newer version says that it is production.
        installation = installation or self._begin_reading_installation(environment)
        head, newest = rows.head or Head(application=step.application), asked()
        read = list(self._read_records(newest, head, release.first_sequence))
        whole = self.anchors.whole_ledger_rule_among(read, head, newest)
        if not whole.passed:
            return (whole,)
        in_force = self.in_force.rules(work, rows, head, environment, installation=installation)
        if not_passed(in_force):
            return in_force
        records, fault = verified_among(read, self.ledger.public_keys, head, release.first_sequence)
        if fault:
            return (Rule.TRAIL_VERIFIES.fails(fault),)
        rules = (
            on_record(records, release, environment, self.clock()),
            *self._proof_rules(records, release, environment),
        )
        rules = rules if not_passed(rules) else (*rules, *self.in_force.of_release(work))
        if step.kind in FIRST_OBJECT and not not_passed(rules):
            return (*rules, *self._anchored(work, environment, head, newest))
        return rules

    def _read_records(self, newest: ChainAnchor | None, head: Head, first: int) -> Iterator[AuditRecord | Row]:
        """The records from the release's first on. The newest anchor's record is included if it is at most `NOT_FAR`
        before."""
        anchored = newest.head.sequence if newest else first
        begin = anchored if 0 < first - anchored <= NOT_FAR else first
        return self.ledger.audit(head.application, first=begin, last=head.sequence)

    def _proof_rules(
        self, records: list[AuditRecord], release: Release, environment: Environment
    ) -> tuple[RuleResult, ...]:
        gate = environment.gate
        fresh = gate.fresh if isinstance(gate, ApprovalGate) else None
        rule = self.proofs.rule(rests_on(records, release, environment), fresh=fresh)
        return (rule,) if rule is not None else ()

    def _anchored(
        self, work: Work, environment: Environment, head: Head, newest: ChainAnchor | None
    ) -> tuple[RuleResult, ...]:
        release = work.release
        if not is_production(environment) or release.gate is None:
            return ()
        gate = AnchoredGate(
            release=release.number,
            environment=environment.name,
            opening=release.gate.opening,
            outcome=GateOutcome.PASSED,
        )
        if newest is not None and newest.names(gate, head):
            return ()
        try:
            self.anchors.anchor_gate(head, gate, now=self.clock())
        except LedgerRewound as rewound:
            return (Rule.LEDGER_IS_WHOLE.fails(str(rewound)),)
        return ()


def verified_records(ledger: Ledger, head: Head, first: int) -> tuple[list[AuditRecord], str]:
    """The records from `first` to the head, and the fault in them, empty if there is none. Raises `LedgerUnavailable`,
    `KeysUnavailable`."""
    read = ledger.audit(head.application, first=first, last=head.sequence)
    return verified_among(read, ledger.public_keys, head, first)


def verified_among(
    read: Iterable[AuditRecord | Row], keys: PublicKeys, head: Head, first: int
) -> tuple[list[AuditRecord], str]:
    """As `verified_records`, for records that were read already; those before `first` are skipped."""
    name, records = head.application, list[AuditRecord]()
    check: ChainCheck | None = None
    for item in read:
        if 0 < sequence_in(item) < first:
            continue
        if not isinstance(item, AuditRecord):
            return [], f"record {first + len(records)} is not an audit record any more"
        check = check or ChainCheck(name, keys=keys, after=first - 1, previous=item.previous)
        if fault := check.feed(item):
            return [], f"record {fault.sequence}: {fault.reason}"
        records.append(item)
    if check is None:
        return [], f"the head names {head.sequence} records, and there is none from {first} on"
    end = check.finish(sequence=head.sequence, head_hash=head.hash)
    return records, f"record {end.sequence}: {end.reason}" if end else ""
