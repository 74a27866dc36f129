"""The app, assembled from the ports and the settings. Azure, tests and benchmarks use the same assembly."""

import threading
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from ..catalogue.checking import Known
from ..catalogue.entries import Catalogue
from ..catalogue.live import LiveCatalogue
from ..clock import Clock
from ..commands.commanding import Commander
from ..commands.looking import Looker
from ..commands.saying import InboxWriter
from ..commands.taking import InboxReader
from ..commands.voting import Voting
from ..domain.envelopes import Envelopes
from ..domain.inbox import InboxKind, LookKind
from ..domain.key_source import FixedKeys, KeySource
from ..domain.signing import LiveKeys, NotRetired, PublicKeys, Signer
from ..effects.messaging import Bus
from ..engine.door import Door
from ..engine.freezing import Freezer
from ..engine.gateway import Gateway
from ..engine.handle import Handler
from ..engine.left_behind import Turns
from ..engine.links import Links
from ..engine.outbox import Outbox
from ..engine.parking import Parking
from ..engine.proving import Prover
from ..engine.receiving import Receiver
from ..engine.refusing import RefusedInput, Refusing
from ..engine.unread import Unread
from ..http.callers import Access
from ..http.cookies import Cookies
from ..http.forms import Forms
from ..http.places import home_of, is_page
from ..http.saying import Saying
from ..http.sealing import Seal
from ..http.sessions import Recalled, Sessions
from ..http.signing_in import SignIn
from ..inbound import EventSource
from ..ledger import Blobs, Ledger, Table
from ..ledger.audit_index import AuditIndex
from ..ledger.blobs import IncomingBlobs
from ..ledger.chain_anchors import AddedBlobs, ChainAnchors
from ..ledger.challenges import Challenges
from ..ledger.inbox import Inbox
from ..ledger.indexing import Indexer
from ..ledger.installation import InstallationLedger
from ..ledger.leases import Leases
from ..ledger.logs import AppendLog
from ..ledger.looks import LookAnswers
from ..ledger.reindexing import Reindexing
from ..ledger.signed_out import SignedOut
from ..ledger.versions import SubjectVersions
from ..ledger.weeks import Weeks
from ..queries.answers import Answers
from ..queries.blocks import Blocks
from ..queries.numbers import Numbers
from ..queries.provenance import Provenance
from ..queries.reading import Reader
from ..queries.trail import Trail
from .once import Named, part
from .ports import AskedSource, Ports
from .settings import Runs, Settings

if TYPE_CHECKING:
    from ..commands.applying import Applying
    from ..commands.comparing import Comparing
    from ..commands.submitting import Submitting
    from ..effects.cluster import Cluster
    from ..effects.notification import Channel
    from ..effects.registry import Registry
    from ..engine.proving_pushes import PushProver
    from ..engine.proving_runs import RunProver
    from ..engine.run_step import StepRunner
    from ..engine.steps.clients import Clients
    from ..ledger.anchors import Anchors
    from ..maintenance.anchoring import Anchoring
    from ..maintenance.doctor import Doctor
    from ..maintenance.exporting import ContainerExport
    from ..maintenance.reconcile import Reconciler
    from ..maintenance.retention import Retention
    from ..telemetry.sdk import Sdk


@dataclass(frozen=True)
class App:
    """Each part is built once, on first use."""

    ports: Ports
    settings: Settings
    building: threading.RLock = field(default_factory=threading.RLock, init=False, repr=False, compare=False)

    # ---- the ports, opened
    @property
    def clock(self) -> Clock:
        return self.ports.clock

    @part
    def telemetry(self) -> "Sdk | None":
        """Starts exporting telemetry; None if the settings name no destination."""
        return self.ports.telemetry()

    @part
    def table(self) -> Table:
        return self.ports.table()

    @part
    def index(self) -> AuditIndex:
        return AuditIndex(self.ports.index_table())

    @part
    def blobs(self) -> Blobs:
        return self.ports.blobs()

    @part
    def incoming(self) -> IncomingBlobs:
        return self.ports.incoming()

    @part
    def archive_documents(self) -> Blobs:
        return self.ports.archive()

    @part
    def audit_log(self) -> AppendLog:
        return self.ports.audit_log()

    @part
    def bus(self) -> Bus:
        return self.ports.bus()

    @part
    def registry(self) -> "Named[Registry]":
        return Named("registry", frozenset(self.settings.registries), self.ports.registry)

    @part
    def cluster(self) -> "Named[Cluster]":
        return Named("cluster", frozenset(self.settings.clusters), self.ports.cluster)

    @part
    def channel(self) -> "Named[Channel]":
        return Named("channel", frozenset(self.settings.channels), self.ports.channel)

    @part
    def signer(self) -> Signer:
        return self.ports.signer()

    @part
    def public_keys(self) -> PublicKeys:
        return self.ports.public_keys()

    @part
    def private_keys(self) -> KeySource:
        return self.ports.private_keys()

    @part
    def link_keys(self) -> PublicKeys:
        """The public keys that a link must be signed with to be good for anything: those that are not retired."""
        if self.settings.role.works:
            return PublicKeys(LiveKeys(self.private_keys, self.public_keys))
        return PublicKeys(NotRetired(self.public_keys, self.installation.retired_keys))

    @part
    def catalogue(self) -> Catalogue:
        return self.ports.catalogue() if self.ports.catalogue else self.live_catalogue

    @part
    def live_catalogue(self) -> LiveCatalogue:
        return LiveCatalogue(
            lambda: self.versions, known=self.known if self.settings.clusters else None, clock=self.clock
        )

    @part
    def known(self) -> Known:
        return Known(
            registries=frozenset(self.settings.registries),
            clusters=frozenset(self.settings.clusters),
            channels=frozenset(self.settings.channels),
        )

    @part
    def versions(self) -> SubjectVersions:
        return SubjectVersions(self.table, blobs=lambda: self.blobs, signer=lambda: self.signer, indexer=self.indexer)

    @part
    def comparing(self) -> "Comparing":
        from ..commands.comparing import Comparing

        known = self.known if self.settings.clusters else None
        return Comparing(versions=self.versions, catalogue=self.live_catalogue, known=known)

    @part
    def submitting(self) -> "Submitting":
        from ..commands.submitting import Submitting

        return Submitting(comparing=self.comparing, writer=self.inbox_writer, incoming=lambda: self.incoming)

    @part
    def applying(self) -> "Applying":
        from ..commands.applying import Applying

        return Applying(
            comparing=self.comparing,
            versions=self.versions,
            installation=self.installation,
            incoming=lambda: self.incoming,
            name=self.settings.installation_name,
            clock=self.clock,
        )

    # ---- what the settings say
    @part
    def event_sources(self) -> dict[str, EventSource]:
        return {
            registry.login_server.casefold(): EventSource(
                name=name, login_server=registry.login_server, resource_id=registry.resource_id
            )
            for name, registry in self.settings.registries.items()
        }

    @part
    def access(self) -> Access:
        return Access(
            tokens=self.ports.access_tokens(),
            clock=self.clock,
            host_keys=self.settings.api_access == "host-keys",
            keys={name: key.sha256 for name, key in self.settings.api_keys.items()},
        )

    @part
    def links(self) -> Links:
        return Links(base=self.settings.public_url.rstrip("/"), signer=self.signer)

    # ---- who reads pages
    @part
    def seal(self) -> Seal:
        keys = {kid: key.get_secret_value() for kid, key in self.settings.session_keys.items()}
        return Seal(FixedKeys(keys))

    @part
    def forms(self) -> Forms:
        return Forms(seal=self.seal)

    @part
    def sessions(self) -> Sessions:
        return Sessions(
            cookies=Cookies(self.settings.public_url),
            seal=self.seal,
            clock=self.clock,
            ended=Recalled(SignedOut(self.ports.index_table()).since),
        )

    @part
    def sign_in(self) -> SignIn:
        return SignIn(
            provider=self.ports.provider(),
            sessions=self.sessions,
            seal=self.seal,
            clock=self.clock,
            public_url=self.settings.public_url.rstrip("/"),
            is_page=is_page,
        )

    # ---- the parts
    @part
    def indexer(self) -> Indexer:
        return Indexer(table=self.table, index=self.index)

    @part
    def ledger(self) -> Ledger:
        return Ledger(
            self.table,
            signer=lambda: self.signer,
            keys=lambda: self.public_keys,
            documents=lambda: self.archive_documents,
        )

    @part
    def outbox(self) -> Outbox:
        return Outbox(self.ledger, self.bus, self.parking)

    @part
    def handler(self) -> Handler:
        return Handler(
            ledger=self.ledger,
            catalogue=self.catalogue,
            outbox=self.outbox,
            indexer=self.indexer,
            clock=self.clock,
            patience=self.ports.patience,
        )

    @part
    def leases(self) -> Leases:
        return Leases(self.table)

    @part
    def clients(self) -> "Clients":
        from ..engine.steps.clients import Clients

        return Clients(
            registry=self.registry,
            cluster=self.cluster,
            channel=self.channel,
            ledger=self.ledger,
            blobs=self.blobs,
            links=self.links,
            importer=self.ports.importer(),
            resource_ids={name: registry.resource_id for name, registry in self.settings.registries.items()},
            promotion_time=timedelta(seconds=self.settings.promotion_seconds),
        )

    @part
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
            clock=self.clock,
            owner=self.ports.owner,
            stops=Unread(inbox=self.inbox).stops,
            proves=OnRecord(ledger=self.ledger, anchors=self.chain_anchors, clock=self.clock).rules,
        )

    @part
    def installation(self) -> InstallationLedger:
        return InstallationLedger(self.table, self.indexer, signer=lambda: self.signer)

    @part
    def parking(self) -> Parking:
        again = self.gateway.take
        return Parking(installation=self.installation, bus=self.bus, again=again, clock=self.clock)

    @part
    def gateway(self) -> Gateway:
        organizations = frozenset(name.casefold() for name in self.settings.organizations)
        return Gateway(bus=self.bus, organizations=organizations, clock=self.clock)

    @part
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

    @part
    def run_source(self) -> AskedSource | None:
        """None where the installation takes runs at their word."""
        return self.ports.run_source() if self.settings.runs is Runs.PROVED else None

    @part
    def door(self) -> Door:
        return Door(
            handler=self.handler,
            catalogue=self.catalogue,
            bus=self.bus,
            prove=self.push_prover.proved,
        )

    @part
    def push_prover(self) -> "PushProver":
        from ..engine.proving_pushes import PushProver

        return PushProver(registry=self.registry)

    @part
    def turns(self) -> Turns:
        return Turns(door=self.door, receiver=self.receiver, bus=self.bus, envelopes=self.envelopes)

    @part
    def envelopes(self) -> Envelopes:
        return Envelopes(source=self.private_keys)

    @part
    def refusing(self) -> Refusing:
        return Refusing(incoming=self.incoming, bus=self.bus)

    @part
    def refused(self) -> RefusedInput:
        return RefusedInput(incoming=self.incoming, parking=self.parking)

    @part
    def receiver(self) -> Receiver:
        return Receiver(parking=self.parking, bus=self.bus, clock=self.clock)

    @part
    def reconciler(self) -> "Reconciler":
        from ..maintenance.reconcile import Reconciler

        return Reconciler(
            ledger=self.ledger,
            catalogue=self.catalogue,
            handler=self.handler,
            prove=self.push_prover.proved,
            outbox=self.outbox,
            indexer=self.indexer,
            numbers=self.numbers,
            registry=self.registry,
            freezer=self.freezer,
            take_inbox=self.inbox_reader.take_all,
            looks=self.looks,
            clock=self.clock,
        )

    @part
    def reindexing(self) -> Reindexing:
        return Reindexing(table=self.table, index=self.index, archive=self.ledger.archive)

    @part
    def numbers(self) -> Numbers:
        return Numbers(ledger=self.ledger, weeks=Weeks(self.table), catalogue=self.catalogue, clock=self.clock)

    @part
    def trail(self) -> Trail:
        return Trail(index=self.index)

    @part
    def anchors(self) -> "Anchors":
        from ..ledger.anchors import Anchors

        return Anchors(log=self.audit_log)

    @part
    def added_blobs(self) -> AddedBlobs:
        return self.ports.added_blobs()

    @part
    def chain_anchors(self) -> ChainAnchors:
        return ChainAnchors(blobs=lambda: self.added_blobs, ledger=self.ledger, signer=lambda: self.signer)

    @part
    def retention(self) -> "Retention | None":
        """None if records stay in the table forever."""
        from ..maintenance.retention import Retention

        age, archive = self.settings.retention, self.ledger.archive
        if age is None or archive is None:
            return None
        return Retention(
            ledger=self.ledger,
            archive=archive,
            anchors=self.anchors,
            installation=self.installation,
            age=age,
            clock=self.clock,
        )

    @part
    def container_export(self) -> "ContainerExport | None":
        """None if the settings configure no automatic export."""
        from ..domain.export import ExportFormat
        from ..maintenance.exporting import ContainerExport

        if not self.settings.export:
            return None
        form = ExportFormat(self.settings.export)
        return ContainerExport(ledger=self.ledger, log=self.audit_log, catalogue=self.catalogue, form=form)

    @part
    def anchoring(self) -> "Anchoring":
        from ..maintenance.anchoring import Anchoring

        return Anchoring(
            anchors=self.anchors,
            ledger=self.ledger,
            installation=self.installation,
            catalogue=self.catalogue,
            channel=self.channel,
            witnesses=tuple(self.settings.witnesses),
            base=self.settings.public_url.rstrip("/"),
            clock=self.clock,
        )

    @part
    def provenance(self) -> Provenance:
        return Provenance(reader=self.reader, trail=self.trail)

    @part
    def commander(self) -> Commander:
        return Commander(
            prover=self.prover,
            handler=self.handler,
            ledger=self.ledger,
            freezer=self.freezer,
            parking=self.parking,
        )

    @part
    def blocks(self) -> Blocks:
        return Blocks(reader=self.reader, clock=self.clock)

    @part
    def inbox(self) -> Inbox:
        return Inbox(self.ports.inbox_table())

    @part
    def inbox_writer(self) -> InboxWriter:
        return InboxWriter(
            inbox=self.inbox,
            bus=self.bus,
            reader=self.reader,
            installation=self.settings.installation_name,
            clock=self.clock,
        )

    @part
    def inbox_reader(self) -> InboxReader:
        return InboxReader(
            inbox=self.inbox,
            ledger=self.ledger,
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

    @part
    def prover(self) -> Prover:
        return Prover(tokens=self.ports.proofs(), installation=self.settings.installation_name, evidence=self.blobs)

    @part
    def voting(self) -> Voting:
        return Voting(prover=self.prover, handler=self.handler, ledger=self.ledger, link_keys=self.link_keys)

    @part
    def challenges(self) -> Challenges:
        return Challenges(self.ports.challenges_table())

    @part
    def saying(self) -> Saying:
        return Saying(
            provider=self.ports.votes(),
            challenges=self.challenges,
            sender=self.inbox_writer,
            home=home_of,
            clock=self.clock,
        )

    @part
    def looks(self) -> LookAnswers:
        return LookAnswers(self.table)

    @part
    def looker(self) -> Looker:
        from ..maintenance.looking import at_checks, at_index, at_numbers, at_targets

        return Looker(
            looks=self.looks,
            lookings={
                LookKind.DOCTOR: at_checks(lambda: self.doctor),
                LookKind.REINDEX: at_index(lambda: self.reader, lambda: self.reindexing),
                LookKind.NUMBERS: at_numbers(lambda: self.numbers),
                LookKind.TARGETS: at_targets(
                    lambda: self.catalogue,
                    {name: registry.login_server for name, registry in self.settings.registries.items()},
                ),
            },
            clock=self.clock,
        )

    @part
    def answers(self) -> Answers:
        return Answers(ledger=self.ledger, inbox=self.inbox, installation=self.installation)

    @part
    def freezer(self) -> Freezer:
        return Freezer(installation=self.installation, catalogue=self.catalogue, handler=self.handler, clock=self.clock)

    @part
    def reader(self) -> Reader:
        return Reader(ledger=self.ledger, blobs=self.blobs, catalogue=self.catalogue, clock=self.clock)

    @part
    def doctor(self) -> "Doctor":
        from ..maintenance.doctor import Doctor, Facts
        from .remedies import remedies

        return Doctor(
            facts=Facts(
                table=lambda: self.table,
                blobs=lambda: self.blobs,
                bus=lambda: self.bus,
                installation=lambda: self.installation,
                registry=self.registry,
                cluster=self.cluster,
                channel=self.channel,
                runs=lambda: self.run_source,
                registries=tuple(self.settings.registries),
                channels=tuple(self.settings.channels),
                catalogue=self.catalogue,
                keys=self.private_keys,
                whole=self.chain_anchors.of_ledger,
                remedies=remedies(self.settings),
                clock=self.clock,
            )
        )


def app(ports: Ports, settings: Settings) -> App:
    """The app with these ports. Builds and opens nothing yet."""
    return App(ports, settings)
