"""The promises that must hold after every event, and a world that checks them after each one."""

import base64
import hashlib
from collections.abc import Callable
from itertools import chain

from slipway.domain.application import Application
from slipway.domain.audit import AuditRecord, ChainCheck
from slipway.domain.decide import Decision
from slipway.domain.decide.conditions import triggers_missing
from slipway.domain.environment import Environment
from slipway.domain.events import Event
from slipway.domain.gate import ApprovalGate, AutoGate
from slipway.domain.model import Timestamp
from slipway.domain.on_record import on_record
from slipway.domain.queues import Queue
from slipway.domain.release import GateState, Lane, Phase, Release, VoteDecision
from slipway.domain.replaying import Replay
from slipway.domain.rules import Rule
from slipway.domain.signing import PublicKeys, Signature
from slipway.domain.steps import Notice, Outgoing
from slipway.testing.chains import PUBLIC_KEYS
from tests.unit.domain.crowd import CountedVotes, assert_demands_met, barred, person
from tests.unit.domain.world import World

_BEFORE_THE_GATE = {Phase.PLANNING, Phase.AWAITING_APPROVAL, Phase.SOAKING, Phase.HELD_BACK}
_BEHIND_THE_GATE = {Phase.HELD_BACK, Phase.COPYING, Phase.PREPARING, Phase.DEPLOYING}


class Seals(PublicKeys):
    """Signs with a hash: no promise here depends on who signed, and Ed25519 would take a seventh of the time."""

    def __init__(self) -> None:
        super().__init__(PUBLIC_KEYS.by_id())

    def sign(self, content: bytes) -> Signature:
        return Signature(kid="test", value=base64.b64encode(hashlib.sha512(content).digest()).decode())

    def sign_naming(self, content: Callable[[str], bytes]) -> Signature:
        return self.sign(content("test"))

    def fault_in_chain(self, signature: Signature, content: bytes) -> str:
        return "" if signature == self.sign(content) else "its signature is wrong"


class WatchedWorld(World):
    """A world that fails as soon as a promise is broken."""

    def __init__(self, application: Application) -> None:
        super().__init__(application)
        self.signer = seals = Seals()
        self._chain = ChainCheck(application.application, keys=seals)
        self._ended: dict[int, Release] = {}
        self._before: dict[int, Release] = {}
        self._live: dict[str, Timestamp] = {}
        self._counted = CountedVotes()
        self._replay = Replay()
        self._ids: set[str] = set()
        self._last_actions: set[str] = set()

    def take(self, event: Event) -> Decision:
        records, messages = len(self.audit), len(self.sent)
        decision = super().take(event)
        self._last_actions = {record.action for record in self.audit[records:]}
        self._assert_audit_verifies(self.audit[records:])
        for record in self.audit[records:]:
            self._counted.feed(record)
            self._replay.feed(record)
        assert self._replay.fault is None, self._replay.fault
        self._assert_what_opens_is_on_record(decision)
        self._assert_step_ids_are_new([message.id for message in self.sent[messages:] if message.queue is Queue.STEPS])
        self._assert_reminders_are_for_open_gates(self.sent[messages:])
        for release in decision.releases:
            self._assert_ends_are_final(release)
            self._assert_nothing_was_in_its_way(release)
            self._assert_digest_is_kept(release)
            self._assert_gate_was_passed(release)
            self._assert_votes_count_once(release)
        self._assert_lanes_are_in_order()
        for number in self.head.active:
            self._assert_waits_for_something(self.releases[number])
        self._before |= {release.number: release for release in decision.releases}
        return decision

    def change(self, application: Application | None = None) -> None:
        records_before = len(self.audit)
        super().change(application)
        self._assert_audit_verifies(self.audit[records_before:])
        for record in self.audit[records_before:]:
            self._counted.feed(record)
            self._replay.feed(record)

    def _assert_audit_verifies(self, records: list[AuditRecord]) -> None:
        for record in records:
            assert (fault := self._chain.feed(record)) is None, fault
        assert (fault := self._chain.finish(sequence=self.head.sequence, head_hash=self.head.hash)) is None, fault

    def _assert_reminders_are_for_open_gates(self, messages: list[Outgoing]) -> None:
        """Nobody is reminded of a closed gate, or more often than the policy says."""
        for message in messages:
            notice = message.body.get("notice") == Notice.REMINDER
            if not notice and message.body["kind"] != "reminder-due":
                continue
            release = self.releases[message.body["release"]]
            assert release.phase is Phase.AWAITING_APPROVAL
            assert release.gate is not None
            assert release.gate.deadline is not None
            assert (message.not_before or self.now) < release.gate.deadline
            environment = self.application.environment(release.environment or "")
            assert environment is not None
            assert isinstance(environment.gate, ApprovalGate)
            assert message.body.get("number", 0) <= release.gate.reminders <= environment.gate.reminders.most

    def _assert_what_opens_is_on_record(self, decision: Decision) -> None:
        """What a gate lets through is proved by the records, as long as the plan is of the current version.

        A later version may have another kind of gate, which may stop the release before its rollout begins.
        """
        for release in decision.releases:
            environment = self.application.environment(release.environment or "")
            release_before = self._before.get(release.number)
            opens = release.phase in (Phase.COPYING, Phase.PREPARING, Phase.DEPLOYING) and (
                release_before is None or release_before.phase is not release.phase
            )
            if opens and environment is not None and release.plan_definition == self.delivery:
                proof = on_record(self.audit[release.first_sequence - 1 :], release, environment, self.now)
                assert proof.passed, proof.reason

    def _assert_step_ids_are_new(self, ids: list[str]) -> None:
        """The queues drop a message whose id they have seen, so each requested step has an id of its own.

        Two deadlines of one release that are due at the same time may share an id: one message serves both.
        """
        assert len(set(ids)) == len(ids)
        assert not self._ids.intersection(ids), self._ids.intersection(ids)
        self._ids.update(ids)

    def _assert_ends_are_final(self, release: Release) -> None:
        ended_release = self._ended.get(release.number)
        if ended_release is not None and not release.phase.final:
            # A person tried it again after a failure; nothing that was known about it may be lost.
            assert ended_release.phase.retryable
            assert release.attempt > ended_release.attempt or release.environment is None
            assert "release.retried" in self._last_actions
            del self._ended[release.number]
        elif ended_release is not None:
            # A CI run that is reported later is added as evidence; nothing else may change.
            assert release.evolve(run=ended_release.run, changed_at=ended_release.changed_at) == ended_release
        elif release.phase.final:
            self._ended[release.number] = release
        assert (release.number in self.head.active) is not release.phase.final

    def _assert_digest_is_kept(self, release: Release) -> None:
        release_before = self._before.get(release.number)
        if release_before is not None and release_before.digest is not None:
            assert release.digest == release_before.digest

    def _assert_gate_was_passed(self, release: Release) -> None:
        release_before = self._before.get(release.number)
        if (
            release_before is None
            or release_before.phase not in _BEFORE_THE_GATE
            or release.phase not in _BEHIND_THE_GATE
        ):
            return
        if release.rollback is not None:
            assert release.rollback.reason
            return
        environment = self.application.environment(release.environment or "")
        assert environment is not None
        verdicts = {rule.name: rule.passed for rule in release.rollouts[-1].supply_chain}
        assert all(verdicts.get(name) for name in environment.require.rules()), "a required rule was not checked"
        gate = environment.gate
        if isinstance(gate, ApprovalGate):
            assert_demands_met(gate, release, self._counted.approvals(release))
        self._assert_conditions_hold(release, environment)

    def _assert_nothing_was_in_its_way(self, release: Release) -> None:
        """No rollout begins in a frozen or held lane, or outside its windows, without an override."""
        release_before = self._before.get(release.number)
        rollout_begins = release_before is not None and not release_before.phase.holds_lane and release.phase.holds_lane
        if not rollout_begins or release.rollback is not None:
            return
        lane = self.lanes[release.environment or ""]
        assert lane.hold is None
        freezes = [freeze for freeze in (lane.freeze, self.head.freeze) if freeze and freeze.in_force(self.now)]
        window_status = self.window_statuses().get(lane.environment)
        if freezes or (window_status is not None and not window_status.open):
            assert "override.used" in self._last_actions
            assert release_before is not None
            assert release_before.override is not None or "override.given" in self._last_actions
            assert release.override is None or release.override.used_at is not None

    def _assert_conditions_hold(self, release: Release, environment: Environment) -> None:
        for name in environment.gate.tests_passed if isinstance(environment.gate, AutoGate) else ():
            rollout = release.rollout_in(name)
            assert rollout is not None
            assert rollout.evidence
            assert all(evidence.passed for evidence in rollout.evidence)
        if environment.soak is not None:
            rollout = release.rollout_in("staging")
            assert rollout is not None
            assert rollout.left_at is not None
            assert rollout.left_at + environment.soak.time <= self.now

    def _assert_votes_count_once(self, release: Release) -> None:
        if release.gate is not None:
            voters = [person(vote.voter) for vote in release.gate.votes]
            assert len(set(voters)) == len(voters)
            approved = [person(vote.voter) for vote in release.gate.votes if vote.decision is VoteDecision.APPROVE]
            if release.phase is Phase.AWAITING_APPROVAL:
                assert approved == self._counted.approvals(release), "the votes that count are not those in the trail"
                self._assert_nobody_approved_their_own(release, set(approved))
            assert {vote.plan_hash for vote in release.gate.votes} <= {release.gate.plan_hash}

    def _assert_nobody_approved_their_own(self, release: Release, approved: set[str]) -> None:
        environment = self.application.environment(release.environment or "")
        gate = environment.gate if environment else None
        if isinstance(gate, ApprovalGate) and release.plan_definition == self.delivery:
            assert not barred(gate, release).intersection(approved)

    def _assert_lanes_are_in_order(self) -> None:
        active = [self.releases[number] for number in self.head.active]
        in_progress = [(release.environment, release.number) for release in active if release.phase.holds_lane]
        lanes = self.lanes.values()
        assert sorted(in_progress, key=str) == sorted(
            ((lane.environment, lane.in_progress) for lane in lanes if lane.in_progress is not None), key=str
        )
        for lane in lanes:
            places = [number for number in lane.numbers if number]
            assert lane.next is None or lane.waiting is not None
            assert len(set(places)) == len(places)
            assert set(places) <= set(self.head.active)
            if lane.live is not None:
                assert lane.live.digest == self.releases[lane.live.release].digest
                was_ordered = self.releases[lane.live.release].rollback is not None
                is_newer = self._live.get(lane.environment, lane.live.dated_at) <= lane.live.dated_at
                assert was_ordered or is_newer, "an older release went live, and nobody ordered it"
                self._live[lane.environment] = lane.live.dated_at

    def _assert_waits_for_something(self, release: Release) -> None:
        """Every active release has something that will move it on."""
        lane = self.lanes.get(release.environment or "")
        match release.phase:
            case Phase.JOINING:
                assert release.due is not None
                assert triggers_missing(release, self.application.start)
            case Phase.QUEUED:
                assert lane is not None
                assert release.number in (lane.waiting, lane.rollback, lane.next)
                assert lane.in_progress is not None or release.number == lane.next
            case Phase.HELD_BACK:
                assert lane is not None
                assert release.number in (lane.waiting, lane.rollback)
                assert release.blocked_by
                without_a_due_time = {
                    Rule.HOLD: lane.hold is not None,
                    Rule.LANE_IS_FREE: lane.in_progress is not None,
                    Rule.FREEZE: any(f and not f.until for f in (lane.freeze, self.head.freeze)),
                }
                waits_for_an_end = any(
                    holds for rule, holds in without_a_due_time.items() if rule in release.blocked_by
                )
                assert release.due is not None or waits_for_an_end, "nothing will move it on"
            case Phase.AWAITING_APPROVAL:
                assert lane is not None
                assert lane.waiting == release.number
                assert release.gate is not None
                assert release.gate.plan_hash == release.plan_hash
                self._assert_closes_or_stands_still(release, release.gate, lane)
            case Phase.SOAKING:
                assert lane is not None
                assert lane.waiting == release.number
                assert release.due is not None
            case _:
                assert release.step is not None
                assert release.due is not None
                writes_first = release.phase is Phase.PREPARING or release.phase is Phase.DEPLOYING
                assert release.override is None or writes_first or not release.phase.has_begun

    def _assert_closes_or_stands_still(self, release: Release, gate: GateState, lane: Lane) -> None:
        if gate.frozen_since is None:
            assert release.due == gate.deadline
            return
        freezes = [freeze for freeze in (lane.freeze, self.head.freeze) if freeze is not None]
        assert freezes, "the freeze is over, but the gate's time still stands still"
        assert release.due is not None or any(freeze.until is None for freeze in freezes), "nothing will move it on"

    def steps_under_way(self) -> set[str]:
        """The ids of the steps whose outcome is awaited."""
        return {step for number in self.head.active if (step := self.releases[number].step)}

    def nothing_is_left(self) -> bool:
        places = chain.from_iterable(lane.numbers for lane in self.lanes.values())
        return not self.head.active and not any(places)
