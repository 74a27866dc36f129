"""Replays a trail: checks from the records alone that each release moved only between phases that follow each other,
and passed its gate before anything was copied or rolled out.

Chain and signatures show that no record was changed; a replay shows that each record follows from those before it. It
uses nothing but the records, so that anybody can do the same with an export. A part of a trail is replayed for the
releases that begin in it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .actions import Action, GateMeaning
from .audit import AuditRecord
from .gate import Share
from .people import GROUP, OID, ROLE
from .phases import Phase
from .stages import Stage

type _Place = tuple[str, str]
"""A release and an environment."""


@dataclass(kw_only=True)
class _Gate:
    """The records of one release in one environment, folded so far."""

    plan: str = ""
    opened: Mapping[str, Any] = field(default_factory=dict)
    votes: dict[str, AuditRecord] = field(default_factory=dict)
    """Each person's approval."""
    passed: str = ""
    """The plan for which it passed."""
    rollback_ordered: AuditRecord | None = None
    begun: bool = False
    """Whether something in the cluster may have been changed for its plan."""
    rolled_out: bool = False
    ahead: tuple[int, str] | None = None
    """An action that the gate had not let through, until the records say whether it was stopped."""

    def clear(self) -> None:
        self.votes, self.passed, self.rollback_ordered = {}, "", None

    def open(self, details: Mapping[str, Any]) -> None:
        if details.get("opening") != self.opened.get("opening"):
            self.votes, self.passed = {}, ""
        self.opened = details

    def vote(self, record: AuditRecord, of_gate: GateMeaning) -> None:
        details = record.details
        if of_gate is GateMeaning.APPROVED:
            self.votes[record.attribution.person] = record
        gone = details.get("voters", ()) if of_gate is GateMeaning.VOIDED else ()
        gone = (details.get("voter"),) if of_gate is GateMeaning.WITHDRAWN else gone
        self.votes = {who: of for who, of in self.votes.items() if who not in gone}


class Replay:
    """Follows one chain from the first record on."""

    def __init__(self) -> None:
        self._known: set[str] = set()
        """Releases that began in the replayed part."""
        self._gates: dict[_Place, _Gate] = {}
        self._phases: dict[str, Phase] = {}
        """The phase of each release."""
        self._asking: set[str] = set()
        """Environments whose gate has asked people since the application's rules last changed."""
        self.fault: tuple[int, str] | None = None
        """The first release that went on without its gate, or by an impossible transition, and the record that shows
        it."""

    def feed(self, record: AuditRecord) -> None:
        """The next verified record."""
        action = record.known_action
        if self.fault is not None or action is None:
            return
        if action.of_gate is GateMeaning.POLICY_CHANGED:
            self._asking.clear()
        if action is Action.LEDGER_RESET:
            for gate in self._gates.values():
                if not gate.begun:  # a rollout that has begun is finished
                    gate.clear()
        if record.release is None:
            return
        if action is Action.RELEASE_CREATED:
            self._known.add(record.release)
        if record.release not in self._known:
            return
        self._move(record, record.release, action)
        if record.environment is not None:
            self._follow_gate(record, action, self._gates.setdefault((record.release, record.environment), _Gate()))
        if action.ends is not None and not action.ends.retryable:
            self._forget(record.release)

    def _follow_gate(self, record: AuditRecord, action: Action, gate: _Gate) -> None:
        plan = str(record.details.get("plan_hash", ""))
        self._judge_premature(action, gate)
        match of_gate := action.of_gate:
            case GateMeaning.PLANNED:
                gate.plan, gate.begun, gate.rolled_out = plan, False, False
            case GateMeaning.OPENED:
                self._asking.add(record.environment or "")
                gate.open(record.details)
            case GateMeaning.APPROVED | GateMeaning.WITHDRAWN | GateMeaning.VOIDED:
                gate.vote(record, of_gate)
            case GateMeaning.CONDITIONS_AGAIN:
                gate.passed = ""
            case GateMeaning.PASSED:
                gate.passed = plan
            case GateMeaning.ROLLBACK_ORDERED:
                gate.rollback_ordered = record
            case GateMeaning.ENDED:
                gate.clear()
            case (
                GateMeaning.WAIVED
                | GateMeaning.EPOCH_BEGAN
                | GateMeaning.POLICY_CHANGED
                | GateMeaning.NOT_ACTED_ON
                | GateMeaning.NOTHING
            ):
                self._follow_rollout(record, action, gate, plan)

    def _follow_rollout(self, record: AuditRecord, action: Action, gate: _Gate, plan: str) -> None:
        if action.stage is Stage.COPY or action.stage is Stage.BEFORE or action.stage is Stage.DEPLOY:
            if why := self._why_not_let_through(record, gate, gate.plan):
                went_on = f"{record.release} went on in {record.environment} without its gate: {why}"
                gate.ahead = (record.sequence, went_on)
            gate.begun = gate.begun or action.stage is not Stage.COPY
        elif action is Action.ROLLOUT_DONE:
            gate.rolled_out = True
        elif action is Action.RELEASE_LIVE and (why := self._why_gate_not_passed(record, gate, plan)):
            self._fail(record, f"{record.release} went live in {record.environment} without its gate: {why}")

    def _judge_premature(self, action: Action, gate: _Gate) -> None:
        """Judge an action that the gate had not let through. The worker checks the gate again before it acts, and a
        record says so if it stopped."""
        match action.of_gate:
            case GateMeaning.APPROVED | GateMeaning.WITHDRAWN | GateMeaning.VOIDED:
                return  # people may go on voting
        if gate.ahead is not None and action.of_gate is not GateMeaning.NOT_ACTED_ON:
            self.fault = self.fault or gate.ahead
        gate.ahead = None

    def _fail(self, record: AuditRecord, why: str) -> None:
        self.fault = self.fault or (record.sequence, why)

    def _move(self, record: AuditRecord, release: str, action: Action) -> None:
        """Follow the release to its next phase. If its plan is made again and is the same, its gate opens again without
        a record."""
        entered = action.begins.phase if action.begins is not None else action.ends
        if entered is None:
            return
        before = self._phases.get(release, Phase.JOINING)
        silent = Phase.AWAITING_APPROVAL
        through = silent.followers if silent in before.followers else frozenset[Phase]()
        if entered is not before and entered not in before.followers | through:
            self._fail(record, f"{release} was {before.spoken}, and no step leads from there to {entered.spoken}")
        self._phases[release] = entered

    def _why_gate_not_passed(self, record: AuditRecord, gate: _Gate, plan: str) -> str:
        """Why a release that went live had not passed its gate; empty if it had."""
        if gate.rollback_ordered is not None:
            return "" if gate.rollback_ordered.proof is not None else "no proof of the order to roll back is on record"
        if not plan or gate.plan != plan:
            return "no record has its plan"
        if not gate.rolled_out:
            return "no record says that it was rolled out"
        return self._why_not_let_through(record, gate, plan)

    def _why_not_let_through(self, record: AuditRecord, gate: _Gate, plan: str) -> str:
        """Why the gate had not let the plan through; empty if it had, or if the plan waits for no gate."""
        if gate.rollback_ordered is not None:
            return ""
        if gate.opened.get("plan_hash") != plan:
            return "nobody was asked about its plan" if record.environment in self._asking and not gate.passed else ""
        votes = _one_vote_each(vote for vote in gate.votes.values() if vote.details.get("plan_hash") == plan)
        required = int(gate.opened.get("required", 1))
        if len(votes) < required:
            return f"{len(votes)} of {required} approvals of its plan are on record"
        for share in map(Share.model_validate, gate.opened.get("each") or ()):
            have = sum(not _names(vote).isdisjoint(name.casefold() for name in share.of) for vote in votes)
            if have < share.required:
                return f"{have} of {share.required} approvals from {share.subject} are on record"
        return "" if gate.passed == plan else "no record says that it passed for its plan"

    def _forget(self, release: str) -> None:
        for gate in [gate for gate in self._gates if gate[0] == release]:
            del self._gates[gate]
        self._known.discard(release)
        self._phases.pop(release, None)


def _one_vote_each(votes: Iterable[AuditRecord]) -> list[AuditRecord]:
    """The votes, one per person, as far as the records show under which names the policy lists the voter."""
    counted, counted_names = list[AuditRecord](), set[str]()
    for vote in votes:
        names = {vote.attribution.person, *(vote.details.get("listed_as") or ())}
        if account := vote.details.get("signed_in"):
            names.add(f"{OID}{account}")
        names = {name.casefold() for name in names}
        if counted_names.isdisjoint(names):
            counted.append(vote)
        counted_names |= names
    return counted


def _names(vote: AuditRecord) -> frozenset[str]:
    """The names by which a policy may list the voter: account, groups, roles, as the record of the vote has them."""
    details = vote.details
    groups = (f"{GROUP}{group}" for group in details.get("groups") or ())
    roles = (f"{ROLE}{role}" for role in details.get("roles") or ())
    return frozenset(
        name.casefold() for name in (vote.attribution.person, *groups, *roles, *(details.get("listed_as") or ()))
    )
