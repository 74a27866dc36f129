"""A complete in-memory installation: the app that Azure runs, with ports that a test controls.

Tests push images, end pipeline runs, vote and give commands; `settle` delivers the messages in the queues; the clock
moves only when a test or `settle` moves it.
"""

from collections.abc import Callable, Mapping
from copy import copy, deepcopy
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from shutil import copytree
from typing import Any, Final, Self

from ..bootstrap import App, Ports, Settings, app
from ..domain.application import Application
from ..domain.audit import AuditRecord, ChainCheck
from ..domain.commands import Verb
from ..domain.events import CommandGiven, Event, ImagePushed, PipelineCompleted, StepFinished, VoteCast
from ..domain.explain import Explanation
from ..domain.hints import HINT, DeniedHint, InboxHint, RunHint, UnreadableHint
from ..domain.model import sha256
from ..domain.pipeline import Pipeline
from ..domain.proof import KeptProof
from ..domain.queues import Queue
from ..domain.release import Lane, Phase, Release, VoteDecision
from ..domain.steps import Outgoing, Step, StepKind
from ..effects.messaging import RawMessage
from ..engine.handle import Receipt
from ..maintenance.reconcile import Reconciled
from ..queries.board import Board, board
from .applications import ADA
from .artifacts import image
from .chains import PUBLIC_KEYS, SIGNING_KEYS
from .commands import proved_command
from .identity import TENANT, published_keys
from .ports import Outside
from .runs import proved_run
from .sign_in import SIGN_IN_CLIENT, VOTES_CLIENT, person
from .verifying import Verdict, verify_chain

BASE: Final = "https://slipway.example.com"
CLEO: Final = "cleo@example.com"
"""The person who requested the pipeline runs."""
OLGA: Final = person(7, "Olga", "operator", "platform")
"""The operator who gives commands."""
SOON: Final = timedelta(minutes=1)
"""`settle` advances the clock for messages due within this time."""
SETTINGS: Final[Mapping[str, Any]] = {
    "public_url": BASE,
    "tenant_id": TENANT,
    "sign_in_client_id": SIGN_IN_CLIENT,
    "votes_client_id": VOTES_CLIENT,
    "session_keys": {"test": b"s" * 32},
    "storage_connection": "in memory",
    "service_bus": "in memory",
    "registries": {name: {"login_server": f"{name}.test", "credential": "anonymous"} for name in ("nonprod", "prod")},
    "clusters": {name: {"server": f"https://{name}.test"} for name in ("staging", "production")},
    "channels": {"inbox": {"url": "https://inbox.test", "secret": "a secret of the inbox"}},
    "signing_keys": SIGNING_KEYS,
    "public_keys": PUBLIC_KEYS.by_id(),
    "hook_secrets": ["a secret of the hook"],
}


_OUTSIDE = frozenset(vars(Outside()))


def _unchanged(ports: Ports) -> Ports:
    return ports


@dataclass(kw_only=True)
class Installation(Outside):
    """One installation, with the applications of a folder."""

    deliveries: Path = field(kw_only=False)
    application: str = "shop"
    """The application that methods use by default."""
    settings: dict[str, Any] = field(default_factory=dict)
    """Overrides of `SETTINGS`."""
    wrap: Callable[[Ports], Ports] = _unchanged
    """Wraps or replaces ports."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.ports = self.as_ports(self.deliveries)
        self.restart(wrap=self.wrap)

    def restart(self, *, wrap: Callable[[Ports], Ports] = _unchanged, **settings: Any) -> None:
        """Restart the app with the same storage and queues, and with changed ports and settings."""
        self.settings = {**self.settings, **settings}
        self.ports = wrap(self.ports)
        values = {**SETTINGS, **self.settings}
        self.app: App = app(self.ports, Settings.model_validate(values))

    def copy(self, deliveries: Path | None = None) -> Self:
        """Another installation in the same state, for a test that begins where another story stopped. Its ports are not
        wrapped. It shares whatever a subclass adds, and the folder, which is copied if `deliveries` names a new one."""
        duplicate = copy(self)
        if deliveries is not None:
            duplicate.deliveries = copytree(self.deliveries, deliveries)
        outside = {name: value for name, value in vars(self).items() if name in _OUTSIDE}
        vars(duplicate).update(deepcopy(outside))
        duplicate.ports = duplicate.as_ports(duplicate.deliveries)
        duplicate.restart()
        return duplicate

    def without(self, kind: str, name: str) -> None:
        """Restart the app without one of the `registries`, `clusters` or `channels` in its settings."""
        names: dict[str, Any] = SETTINGS[kind]
        self.settings = {
            **self.settings,
            kind: {other_name: other_settings for other_name, other_settings in names.items() if other_name != name},
        }
        self.restart()

    # ---- time
    @property
    def now(self) -> datetime:
        return self.clock.now

    @now.setter
    def now(self, now: datetime) -> None:
        self.clock.now = now

    def wait(self, time: timedelta) -> None:
        """Advance the clock; nothing else happens."""
        self.clock.wait(time)

    # ---- external events
    def build(self, tag: str, *, app: str = "") -> str:
        """Push an image to the registry, as CI does; returns its digest, which differs for each tag."""
        repository = self._delivered(app).pushed.repository
        return self.nonprod.seed(repository, image(f"layer of {app or self.application} {tag}".encode()), tag)

    def pushed(self, tag: str, *, app: str = "", at: datetime | None = None, **fields: Any) -> ImagePushed:
        """The event for the push of an image."""
        return ImagePushed(
            received_at=self.now,
            registry="nonprod",
            repository=self._delivered(app).pushed.repository,
            digest=self.build(tag, app=app),
            tag=tag,
            pushed_at=at or self.now,
            **{"actor": "ci"} | fields,
        )

    def push(self, tag: str, **fields: Any) -> Receipt:
        return self.take(self.pushed(tag, **fields))

    def ran(
        self, number: str, *, app: str = "", tag: str | None = None, digest: str | None = None, **run: Any
    ) -> PipelineCompleted:
        """The event for the end of a proved run: requested by Cleo and succeeded, unless `run` says otherwise."""
        pipeline = self._delivered(app).pipeline or Pipeline(project="Shop", name="build")
        run_fields: dict[str, Any] = {
            "project": pipeline.project,
            "pipeline": pipeline.name,
            "id": sum(number.encode()),
            "number": number,
            "result": "succeeded",
            "branch": "refs/heads/main",
            "requested_by": CLEO,
            "finished_at": self.now,
        }
        return PipelineCompleted(received_at=self.now, run=proved_run(**(run_fields | run)), tag=tag, digest=digest)

    def run(self, number: str, **fields: Any) -> Receipt:
        return self.take(self.ran(number, **fields))

    def voted(
        self,
        number: int,
        voter: str = ADA,
        decision: VoteDecision = VoteDecision.APPROVE,
        *,
        app: str = "",
        reason: str = "",
        submission: str = "",
    ) -> VoteCast:
        """A vote on the release's current plan."""
        release = self.release(number, app)
        assert release.environment is not None
        assert release.plan_hash is not None
        return VoteCast(
            received_at=self.now,
            application=app or self.application,
            release=number,
            environment=release.environment,
            plan_hash=release.plan_hash,
            voter=voter,
            decision=decision,
            reason=reason,
            channel="page",
            submission=submission or f"{voter} on {release.plan_hash}"[:128],
        )

    def vote(
        self, number: int, voter: str = ADA, decision: VoteDecision = VoteDecision.APPROVE, **fields: Any
    ) -> Receipt:
        return self.take(self.voted(number, voter, decision, **fields))

    def command(
        self,
        verb: Verb,
        number: int | None = None,
        environment: str | None = None,
        *,
        app: str = "",
        reason: str = "because",
        submission: str = "",
    ) -> Receipt:
        """Handle an operator's command, with a proof if it lets something through."""
        event = proved_command(
            received_at=self.now,
            verb=verb,
            application=app or self.application,
            release=number,
            environment=environment,
            actor=f"oid:{OLGA.oid}",
            reason=reason,
            channel="cli",
            submission=submission or f"command-{self.ports.owner()}",
        )
        return self.take(self.with_proof(event))

    def with_proof(self, event: CommandGiven) -> CommandGiven:
        """The operator's command with a proof that is kept, as it comes out of the inbox; unchanged if it needs no
        proof."""
        if event.proved is None:
            return event
        statement, inbox = event.proved.statement, f"{int(self.now.timestamp() * 1000):013d}"
        token = self.provider.issuer.id_token(VOTES_CLIENT, OLGA, nonce=statement.nonce, at=self.now)
        proof = KeptProof(
            statement=statement,
            id_token=token,
            issuer=self.provider.issuer.url,
            keys=self.blobs.put(published_keys(self.provider.issuer.kid), "application/json"),
        )
        proved = event.proved.evolve(proof=self.blobs.put(proof.canonical, "application/json"))
        return event.evolve(proved=proved, inbox=f"{inbox}-{sha256(event.submission.encode())[7:23]}")

    def finish(self, step: Step, *, passed: bool = True, reason: str = "", **result: Any) -> Receipt:
        """Finish a step with this result, without running it."""
        return self.take(StepFinished(received_at=self.now, step=step, passed=passed, reason=reason, result=result))

    def take(self, event: Event) -> Receipt:
        """Handle an event that concerns exactly one application."""
        (receipt,) = self.app.handler.handle(event)
        return receipt

    # ---- delivery of queue messages, without faults
    def hear(self) -> None:
        """Deliver the hints that are due, as their trigger would."""
        hints = [raw for raw in self.bus.raw if raw.queue == Queue.HINTS and (raw.not_before or self.now) <= self.now]
        for raw in hints:
            self.bus.raw.remove(raw)
            self._hear(raw)

    def hear_at_once(self) -> None:
        """From now on deliver each hint as soon as it is sent."""
        self.bus.at_once = self._hear

    def _hear(self, raw: RawMessage) -> None:
        match HINT.validate_json(raw.body):
            case InboxHint() as hint:
                self.app.inbox_reader.take(hint.application, hint.id)
            case RunHint() as hint:
                self.app.run_prover.take(hint.report)
            case UnreadableHint() as hint:
                self.app.unreadable_parker.take(hint)
            case DeniedHint() as hint:
                self.app.denial_recorder.take(hint)

    def settle(self, *, limit: int = 1_000, until: Callable[[], bool] = lambda: False) -> None:
        """Run due steps until none is left, or `until` returns true."""
        for _ in range(limit):
            if until():
                return
            message = self.next_step()
            if message is None:
                return
            self.handle(message)
        raise AssertionError(f"{limit} messages were delivered and there are still more")

    def settle_at(self, kind: StepKind, environment: str) -> Step:
        """Run steps until one of this kind is in the queue; removes that one and returns it without running it."""

        def next_of_kind() -> Outgoing | None:
            kind_and_environment = (str(kind), environment)
            steps = (m for m in self.bus.sent if m.queue == Queue.STEPS)
            return next((m for m in steps if (m.body["kind"], m.body["environment"]) == kind_and_environment), None)

        self.settle(until=lambda: next_of_kind() is not None)
        message = next_of_kind()
        assert message is not None, f"no step {kind} in {environment} was asked for"
        self.bus.sent.remove(message)
        return Step.model_validate(message.body)

    def next_step(self) -> Outgoing | None:
        """The message of the next step; None if none is due within `SOON`."""
        steps = (m for m in self.bus.sent if m.queue == Queue.STEPS and (m.not_before or self.now) <= self.now + SOON)
        return min(steps, key=lambda m: m.not_before or self.now, default=None)

    def handle(self, message: Outgoing) -> None:
        self.bus.sent.remove(message)
        self.now = max(self.now, message.not_before or self.now)
        self.run_step(Step.model_validate(message.body))

    def run_step(self, step: Step) -> None:
        self.app.step_runner.run(step)

    def reconcile(self, *, look_for_pushes: bool = False) -> Reconciled:
        """Do what the reconcile timer does every minute; every fifth minute it also looks for pushes."""
        return self.app.reconciler.run(look_for_pushes=look_for_pushes)

    # ---- inspection
    def release(self, number: int, app: str = "") -> Release:
        release = self.app.ledger.release(app or self.application, number)
        assert release is not None
        return release

    def phase(self, number: int, app: str = "") -> Phase:
        return self.release(number, app).phase

    def explain(self, number: int, app: str = "") -> Explanation:
        return self.app.reader.explain(self.release(number, app))

    def board(self) -> Board:
        return board(self.app.reader, self.app.proposals)

    def verify(self, app: str = "") -> Verdict:
        """The whole chain, compared with its head and its newest anchor."""
        return verify_chain(self.app.reader, self.app.chain_anchors, app or self.application)

    def is_consistent(self, app: str = "") -> bool:
        """Whether the chain is intact by itself, whatever its anchors say."""
        name = app or self.application
        chain, head = ChainCheck(name, keys=PUBLIC_KEYS), self.app.ledger.head(name)
        faults = [chain.feed(record) for record in self.trail(name)]
        return not any((*faults, chain.finish(sequence=head.sequence, head_hash=head.hash)))

    def lane(self, environment: str, app: str = "") -> Lane:
        return self.app.ledger.lanes(app or self.application).get(environment) or Lane(environment=environment)

    def trail(self, app: str = "") -> list[AuditRecord]:
        records = list(self.app.ledger.audit(app or self.application))
        assert all(isinstance(record, AuditRecord) for record in records)
        return [record for record in records if isinstance(record, AuditRecord)]

    def actions(self, app: str = "") -> list[str]:
        return [record.action for record in self.trail(app)]

    def steps(self) -> list[Step]:
        """The steps that were sent and not run yet."""
        return [Step.model_validate(m.body) for m in self.bus.sent if m.queue == Queue.STEPS]

    def _delivered(self, app: str) -> Application:
        return self.app.catalogue.entries[app or self.application].application
