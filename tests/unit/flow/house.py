"""A whole installation in memory: ledger, queues, flow, and doubles of the places where effects are had.

The parts are put together as `slipway/wiring.py` does it. Tests move the clock, push images, and deliver messages.
"""

import itertools
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from slipway.domain.audit import AuditRecord
from slipway.domain.causes import CommandGiven, ImagePushed, PipelineCompleted, StepFinished, VoteCast
from slipway.domain.commands import Verb
from slipway.domain.errors import UnknownName
from slipway.domain.release import Lane, Phase, Release, Run, VoteDecision
from slipway.domain.steps import Step, StepKind
from slipway.domain.tokens import Keys
from slipway.effects.messaging import MemoryBus
from slipway.flow.clock import Patience
from slipway.flow.freezing import Freezer
from slipway.flow.intake import Intake, Receipt
from slipway.flow.links import Links
from slipway.flow.outbox import Outbox
from slipway.flow.parking import Parking
from slipway.flow.perform import Performer
from slipway.flow.reading import Reader
from slipway.flow.receiving import Receiver
from slipway.flow.steps.places import Places
from slipway.flow.steps.table import effects
from slipway.flow.sweep import Sweep
from slipway.flow.trail import Trail
from slipway.ledger import Blobs, Ledger, MemoryBlobs, MemoryTable, Table
from slipway.ledger.audit_index import AuditIndex
from slipway.ledger.indexing import Indexer
from slipway.ledger.installation import Installation
from slipway.ledger.leases import Leases
from slipway.ledger.table import PagedTable
from tests.unit.effects.registry.artifacts import image
from tests.unit.flow.deliveries import ADA, catalogue_of
from tests.unit.flow.doubles import ClusterDouble, Inbox, Reach, RegistryDouble, Time, nowhere

KEYS = Keys({"test": b"k" * 32})
BASE = "https://slipway.example"


class Named[T]:
    """Things by name, with the refusal that the wiring has for names that the settings do not know."""

    def __init__(self, kind: str, **things: T) -> None:
        self.kind, self.things = kind, things

    def __call__(self, name: str) -> T:
        if name not in self.things:
            raise UnknownName(f"the settings know no {self.kind} {name!r} (known: {', '.join(sorted(self.things))})")
        return self.things[name]


class House:
    """One installation. `reach` is called at every point where a crash is worth testing."""

    def __init__(
        self,
        folder: Path,
        *,
        table: Table | None = None,
        index_table: PagedTable | None = None,
        bus: Any = None,
        blobs: Blobs | None = None,
        reach: Reach = nowhere,
        time: Time | None = None,
    ) -> None:
        self.time = time or Time()
        self.table: Table = table if table is not None else MemoryTable()
        self.index_table: PagedTable = index_table if index_table is not None else MemoryTable()
        self.bus: Any = bus if bus is not None else MemoryBus()
        self.blobs: Blobs = blobs if blobs is not None else MemoryBlobs()
        self.nonprod, self.prod = RegistryDouble("nonprod", self.time), RegistryDouble("prod", self.time)
        self.registries = Named("registry", nonprod=self.nonprod, prod=self.prod)
        self.staging, self.production = ClusterDouble(reach), ClusterDouble(reach)
        self.clusters: Named[Any] = Named("cluster", staging=self.staging, production=self.production)
        self.inbox = Inbox(reach)
        self.channels: Named[Any] = Named("channel", inbox=self.inbox)
        self.catalogue = catalogue_of(folder)
        self.owners = (f"owner-{number}" for number in itertools.count(1))
        self._put_together(reach)

    def _put_together(self, reach: Reach) -> None:
        self.ledger = Ledger(self.table)
        self.index = AuditIndex(self.index_table)
        self.indexer = Indexer(table=self.table, index=self.index)
        self.trail = Trail(index=self.index)
        self.leases = Leases(self.table)
        self.installation = Installation(self.table, self.indexer)
        self.parking = Parking(installation=self.installation, bus=self.bus, clock=self.time)
        self.outbox = Outbox(self.ledger, self.bus, self.parking)
        self.intake = Intake(
            ledger=self.ledger,
            catalogue=self.catalogue,
            outbox=self.outbox,
            indexer=self.indexer,
            clock=self.time,
            patience=Patience(pause=lambda seconds: None, jitter=lambda: 0.5),
            at=reach,
        )
        self.places = Places(
            registry=self.registries,
            cluster=self.clusters,
            channel=self.channels,
            ledger=self.ledger,
            blobs=self.blobs,
            links=Links(base=BASE, keys=KEYS),
        )
        self.performer = Performer(
            ledger=self.ledger,
            leases=self.leases,
            catalogue=self.catalogue,
            intake=self.intake,
            bus=self.bus,
            effects=effects(self.places, self.time),
            clock=self.time,
            owner=lambda: next(self.owners),
            at=reach,
        )
        self.receiver = Receiver(parking=self.parking, bus=self.bus, clock=self.time)
        self.freezer = Freezer(
            installation=self.installation, catalogue=self.catalogue, intake=self.intake, clock=self.time
        )
        self.sweep = Sweep(
            ledger=self.ledger,
            catalogue=self.catalogue,
            intake=self.intake,
            outbox=self.outbox,
            indexer=self.indexer,
            registry=self.registries,
            freezer=self.freezer,
            clock=self.time,
        )
        self.reader = Reader(ledger=self.ledger, blobs=self.blobs, catalogue=self.catalogue, clock=self.time)

    # ---- what happens outside
    def build(self, tag: str, *, app: str = "shop") -> str:
        """CI pushes an image to the registry; returns its digest. Each tag's image is another one."""
        return self.nonprod.seed(f"team/{app}", image(f"layer of {app} {tag}".encode()), tag)

    def pushed(self, tag: str, *, app: str = "shop", at: datetime | None = None, **fields: Any) -> ImagePushed:
        """The event that tells of the push of an image."""
        return ImagePushed(
            received_at=self.time(),
            registry="nonprod",
            repository=f"team/{app}",
            digest=self.build(tag, app=app),
            tag=tag,
            pushed_at=at or self.time(),
            actor="ci",
            **fields,
        )

    def push(self, tag: str, **fields: Any) -> Receipt:
        (receipt,) = self.intake.take(self.pushed(tag, **fields))
        return receipt

    def run_ended(self, number: str, *, result: str = "succeeded", **fields: Any) -> PipelineCompleted:
        run = Run(
            project="Shop",
            pipeline="build",
            id=sum(number.encode()),
            number=number,
            result=result,
            branch="refs/heads/main",
            requested_by="cleo@example.com",
            finished_at=self.time(),
        )
        return PipelineCompleted(received_at=self.time(), run=run, **fields)

    def vote(
        self, number: int, voter: str = ADA, decision: VoteDecision = VoteDecision.APPROVE, *, submission: str = ""
    ) -> VoteCast:
        """A vote for the plan that the release has now."""
        release = self.release(number)
        assert release.environment is not None
        assert release.plan_hash is not None
        return VoteCast(
            received_at=self.time(),
            application=release.application,
            release=number,
            environment=release.environment,
            plan_hash=release.plan_hash,
            voter=voter,
            decision=decision,
            channel="page",
            submission=submission or f"{voter} on {release.plan_hash}"[:128],
        )

    def command(
        self,
        verb: Verb,
        number: int | None = None,
        environment: str | None = None,
        *,
        reason: str = "because",
        submission: str = "",
        app: str = "shop",
    ) -> Receipt:
        """An operator says what is to be done."""
        cause = CommandGiven(
            received_at=self.time(),
            verb=verb,
            application=app,
            release=number,
            environment=environment,
            actor="olga@example.com",
            reason=reason,
            channel="cli",
            submission=submission or f"command-{next(self.owners)}",
        )
        (receipt,) = self.intake.take(cause)
        return receipt

    def finish(self, step: Step, *, passed: bool = True, reason: str = "", **result: Any) -> Receipt:
        cause = StepFinished(received_at=self.time(), step=step, passed=passed, reason=reason, result=result)
        (receipt,) = self.intake.take(cause)
        return receipt

    # ---- the queues' part, without faults
    def settle(self, *, limit: int = 1_000, until: Callable[[], bool] = lambda: False) -> None:
        """Perform what is due and take in what it causes; moves the clock over pauses of less than a minute."""
        for _ in range(limit):
            if until():
                return
            message = self._next(timedelta(minutes=1))
            if message is None:
                return
            self.bus.sent.remove(message)
            self.time.now = max(self.time.now, message.not_before or self.time.now)
            assert message.queue == "steps"
            self.performer.perform(Step.model_validate(message.body))
        raise AssertionError(f"{limit} messages were delivered and there are still more")

    def settle_at(self, kind: StepKind, environment: str) -> Step:
        """Go on until a step of the kind is the next one to perform; that one is taken from the queue."""

        def there() -> bool:
            return self._asked(kind, environment) is not None

        self.settle(until=there)
        message = self._asked(kind, environment)
        assert message is not None, f"no step {kind} in {environment} was asked for"
        self.bus.sent.remove(message)
        return Step.model_validate(message.body)

    def _asked(self, kind: StepKind, environment: str) -> Any:
        return next(
            (
                m
                for m in self.bus.sent
                if m.queue == "steps" and (m.body["kind"], m.body["environment"]) == (kind, environment)
            ),
            None,
        )

    def _next(self, patience: timedelta) -> Any:
        due = [m for m in self.bus.sent if (m.not_before or self.time.now) <= self.time.now + patience]
        steps = [m for m in due if m.queue == "steps"]
        return min(steps, key=lambda m: m.not_before or self.time.now, default=None)

    # ---- looking
    def release(self, number: int, app: str = "shop") -> Release:
        release = self.ledger.release(app, number)
        assert release is not None
        return release

    def phase(self, number: int, app: str = "shop") -> Phase:
        return self.release(number, app).phase

    def lane(self, environment: str, app: str = "shop") -> Lane:
        return self.ledger.lanes(app).get(environment) or Lane(environment=environment)

    def audit(self, app: str = "shop") -> list[AuditRecord]:
        records = list(self.ledger.audit(app))
        assert all(isinstance(record, AuditRecord) for record in records)
        return [record for record in records if isinstance(record, AuditRecord)]

    def actions(self, app: str = "shop") -> list[str]:
        return [record.action for record in self.audit(app)]

    def steps(self) -> list[Step]:
        """The steps that were sent and not performed."""
        return [Step.model_validate(m.body) for m in self.bus.sent if m.queue == "steps"]
