"""The app, assembled from the ports and the settings. Azure, tests and benchmarks use the same assembly."""

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from ..commands.by_message import ByMessage
from ..commands.commanding import Commander
from ..commands.ending_sessions import SessionEnding
from ..commands.looking import Looker
from ..commands.taking import InboxReader
from ..commands.voting import Voting
from ..domain.inbox import InboxKind, LookKind
from ..engine.beginning import Beginning
from ..engine.denying import DenialCounter, DenialRecorder
from ..engine.door import Door
from ..engine.freezing import Freezer
from ..engine.handle import Handler
from ..engine.left_behind import SessionWorker
from ..engine.outbox import Outbox
from ..engine.parking import Parking
from ..engine.receiving import Receiver
from ..engine.refusing import UnreadableParker, UnreadableReporter
from ..engine.resetting import Resetting
from ..engine.unread import UnreadStops
from ..engine.webhook_receiver import WebhookReceiver
from .facing import Facing
from .lazy import lazy
from .ports import Ports
from .settings import Settings

if TYPE_CHECKING:
    from ..commands.applying import Applying
    from ..engine.in_force import InForce
    from ..engine.proving_pushes import PushProver
    from ..engine.proving_runs import RunProver
    from ..engine.run_step import StepRunner
    from ..engine.steps.clients import Clients
    from ..maintenance.doctor import Doctor
    from ..maintenance.drifting import DriftWatch
    from ..maintenance.index_watch import IndexWatch
    from ..maintenance.reconcile import Reconciler


@dataclass(frozen=True)
class App(Facing):
    """The parts that act: on events, steps, people's orders, and timers."""

    @lazy
    def applying(self) -> "Applying":
        from ..commands.applying import Applying

        return Applying(
            sorting=self.sorting,
            prover=self.prover,
            proposing=self.proposing,
            tell=self.telling.tell,
            versions=self.versions,
            installation=self.installation,
            incoming=lambda: self.incoming,
            name=self.settings.installation_name,
            clock=self.clock,
        )

    @lazy
    def outbox(self) -> Outbox:
        return Outbox(self.bus, self.parking)

    @lazy
    def handler(self) -> Handler:
        return Handler(
            ledger=self.ledger,
            catalogue=self.catalogue,
            outbox=self.outbox,
            indexer=self.indexer,
            clock=self.clock,
            backoff=self.ports.backoff,
        )

    @lazy
    def in_force(self) -> "InForce":
        from ..engine.in_force import InForce

        return InForce(ledger=self.ledger, anchors=self.chain_anchors, versions=self.versions)

    @lazy
    def clients(self) -> "Clients":
        from ..engine.fencing import Fences
        from ..engine.first_object import FirstObject
        from ..engine.steps.clients import Clients

        return Clients(
            fences=Fences(
                ledger=self.ledger,
                signer=lambda: self.signer,
                installation=self.settings.installation_name,
                first_object=FirstObject(ledger=self.ledger, in_force=self.in_force, clock=self.clock),
            ),
            registry=self.registry,
            cluster=self.cluster,
            channel=self.channel,
            ledger=self.ledger,
            blobs=self.blobs,
            links=self.links,
            importer=self.ports.importer(),
            resource_ids={name: registry.resource_id for name, registry in self.settings.registries.items()},
            copy_time=timedelta(seconds=self.settings.copy_seconds),
        )

    @lazy
    def step_runner(self) -> "StepRunner":
        from ..engine.on_record import OnRecord
        from ..engine.run_step import StepRunner
        from ..engine.steps.table import effects

        return StepRunner(
            ledger=self.ledger,
            leases=self.leases,
            catalogue=self.catalogue,
            handler=self.handler,
            bus=self.bus,
            effects=effects(self.clients, self.chain_anchors, self.clock),
            documents=self.blobs.get,
            clock=self.clock,
            owner=self.ports.owner,
            stops=UnreadStops(inbox=self.inbox).stops,
            proves=OnRecord(
                ledger=self.ledger,
                anchors=self.chain_anchors,
                proofs=self.kept_proofs,
                in_force=self.in_force,
                clock=self.clock,
            ).begin,
        )

    @lazy
    def beginning(self) -> Beginning:
        return Beginning(
            run=lambda: self.step_runner.run,
            ledger=self.ledger,
            leases=self.leases,
            outbox=self.outbox,
            clock=self.clock,
        )

    @lazy
    def parking(self) -> Parking:
        again = self.webhooks.take
        return Parking(installation=self.installation, bus=self.bus, again=again, clock=self.clock)

    @lazy
    def webhooks(self) -> WebhookReceiver:
        organizations = frozenset(name.casefold() for name in self.settings.organizations)
        return WebhookReceiver(bus=self.bus, organizations=organizations, clock=self.clock)

    @lazy
    def run_prover(self) -> "RunProver":
        from ..engine.proving_runs import RunProver

        return RunProver(
            door=self.door,
            catalogue=self.catalogue,
            ledger=self.ledger,
            bus=self.bus,
            source=lambda: self.run_source,
            clock=self.clock,
        )

    @lazy
    def door(self) -> Door:
        return Door(
            handler=self.handler,
            catalogue=self.catalogue,
            bus=self.bus,
            prove=self.push_prover.proved,
        )

    @lazy
    def push_prover(self) -> "PushProver":
        from ..engine.proving_pushes import PushProver

        return PushProver(registry=self.registry, clock=self.clock)

    @lazy
    def session_worker(self) -> SessionWorker:
        return SessionWorker(door=self.door, receiver=self.receiver, bus=self.bus, envelopes=self.envelopes)

    @lazy
    def unreadable_reporter(self) -> UnreadableReporter:
        return UnreadableReporter(incoming=self.incoming, bus=self.bus)

    @lazy
    def unreadable_parker(self) -> UnreadableParker:
        return UnreadableParker(incoming=self.incoming, parking=self.parking)

    @lazy
    def denial_counter(self) -> DenialCounter:
        return DenialCounter(bus=self.bus, clock=self.clock)

    @lazy
    def denial_recorder(self) -> DenialRecorder:
        return DenialRecorder(installation=self.installation, clock=self.clock)

    @lazy
    def receiver(self) -> Receiver:
        return Receiver(parking=self.parking, bus=self.bus, clock=self.clock)

    @lazy
    def reconciler(self) -> "Reconciler":
        from ..maintenance.reconcile import Reconciler

        return Reconciler(
            ledger=self.ledger,
            catalogue=self.catalogue,
            handler=self.handler,
            prove=self.push_prover.proved,
            outbox=self.outbox,
            left_over_entries=self.beginning.left_over_entries,
            numbers=self.numbers,
            registry=self.registry,
            freezer=self.freezer,
            take_inbox=self.inbox_reader.take_all,
            settle_changes=lambda: (*self.enacting.settle_all(), *self.telling.tell_all()),
            looks=self.looks,
            clock=self.clock,
        )

    @lazy
    def index_watch(self) -> "IndexWatch":
        from ..maintenance.index_watch import IndexWatch

        return IndexWatch(
            reindexing=lambda: self.reindexing,
            ledger=self.ledger,
            installation=self.installation,
            catalogue=self.catalogue,
        )

    @lazy
    def drift_watch(self) -> "DriftWatch":
        from ..maintenance.drifting import DriftWatch

        return DriftWatch(
            ledger=self.ledger,
            blobs=self.blobs,
            catalogue=self.catalogue,
            cluster=self.cluster,
            handler=self.handler,
            clock=self.clock,
        )

    @lazy
    def commander(self) -> Commander:
        return Commander(
            prover=self.prover,
            handler=self.handler,
            ledger=self.ledger,
            freezer=self.freezer,
            parking=self.parking,
            resetting=self.resetting,
            pushes=self.push_prover,
            tokens=self.ports.access_tokens,
            ending=SessionEnding(
                signed_out=self.signed_out,
                installation=self.installation,
                tenant=self.settings.tenant_id.casefold(),
                clock=self.clock,
            ),
        )

    @lazy
    def resetting(self) -> Resetting:
        return Resetting(
            handler=self.handler,
            installation=self.installation,
            anchors=self.chain_anchors,
            cluster=self.cluster,
            clock=self.clock,
        )

    @lazy
    def by_message(self) -> ByMessage:
        return ByMessage(
            handler=self.handler,
            freezer=self.freezer,
            of_changes=self.change_voting.take_message,
            tenant=self.settings.tenant_id,
            clock=self.clock,
        )

    @lazy
    def inbox_reader(self) -> InboxReader:
        return InboxReader(
            inbox=self.inbox,
            ledger=self.ledger,
            waiting=self.waiting,
            parking=self.parking,
            incoming=lambda: self.incoming,
            handlers={
                InboxKind.VOTE: self.voting.take,
                InboxKind.COMMAND: self.commander.carry_out,
                InboxKind.CATALOGUE: self.applying.take,
                InboxKind.LOOK: self.looker.take,
            },
            clock=self.clock,
        )

    @lazy
    def voting(self) -> Voting:
        return Voting(
            prover=self.prover,
            handler=self.handler,
            ledger=self.ledger,
            of_changes=self.change_voting.take,
            link_keys=self.link_keys,
        )

    @lazy
    def looker(self) -> Looker:
        from ..maintenance.looking import at_checks, at_index, at_pushed, at_targets

        return Looker(
            looks=self.looks,
            handlers={
                LookKind.DOCTOR: at_checks(lambda: self.doctor),
                LookKind.REINDEX: at_index(lambda: self.reader, lambda: self.reindexing),
                LookKind.TARGETS: at_targets(
                    lambda: self.catalogue,
                    {name: registry.login_server for name, registry in self.settings.registries.items()},
                ),
                LookKind.PUSHED: at_pushed(lambda: self.reader, lambda: self.push_prover),
            },
            clock=self.clock,
        )

    @lazy
    def freezer(self) -> Freezer:
        return Freezer(installation=self.installation, catalogue=self.catalogue, handler=self.handler, clock=self.clock)

    @lazy
    def doctor(self) -> "Doctor":
        from ..maintenance.doctor import CheckInput, Doctor
        from .fix_hints import fix_hints

        return Doctor(
            inputs=CheckInput(
                table=lambda: self.table,
                blobs=lambda: self.blobs,
                bus=lambda: self.bus,
                installation=lambda: self.installation,
                registry=self.registry,
                cluster=self.cluster,
                channel=self.channel,
                runs=lambda: self.run_source,
                registries=tuple(self.settings.registries),
                clusters=tuple(self.settings.clusters),
                channels=tuple(self.settings.channels),
                catalogue=self.catalogue,
                keys=self.private_keys,
                whole=self.chain_anchors.whole_ledger_rule_now,
                fix_hints=fix_hints(self.settings),
                clock=self.clock,
            )
        )


def app(ports: Ports, settings: Settings) -> App:
    """The app with these ports. Builds and opens nothing yet."""
    return App(ports, settings)
