"""The parts that keep and read state: the ledger and everything built on it. No part here acts."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..catalogue.checking import SettingsNames
from ..catalogue.entries import Catalogue
from ..catalogue.live import LiveCatalogue
from ..domain.signing import LiveKeys, NotRetired, PublicKeys
from ..ledger import Ledger
from ..ledger.chain_anchors import ChainAnchors
from ..ledger.challenges import Challenges
from ..ledger.inbox import Inbox
from ..ledger.indexing import Indexer
from ..ledger.installation import InstallationLedger
from ..ledger.issuer_keys import IssuerKeys
from ..ledger.leases import Leases
from ..ledger.looks import LookAnswers
from ..ledger.proposals import Proposals
from ..ledger.reindexing import Reindexing
from ..ledger.signed_out import SignOutRows
from ..ledger.versions import SubjectVersions
from ..ledger.waiting import WaitingNotes
from ..ledger.weeks import Weeks
from ..queries.answers import Answers
from ..queries.blocks import Blocks
from ..queries.numbers import Numbers
from ..queries.provenance import Provenance
from ..queries.reading import Reader
from ..queries.trail import Trail
from .lazy import lazy
from .opened import Opened
from .settings_channels import TeamsFlowSettings

if TYPE_CHECKING:
    from ..maintenance.anchoring import Anchoring
    from ..maintenance.exporting import ContainerExport
    from ..maintenance.retention import Retention


@dataclass(frozen=True)
class Recorded(Opened):
    """The ledger, the catalogue, the inbox, and the parts that read them."""

    @lazy
    def catalogue(self) -> Catalogue:
        return self.ports.catalogue() if self.ports.catalogue else self.live_catalogue

    @lazy
    def live_catalogue(self) -> LiveCatalogue:
        return LiveCatalogue(
            lambda: self.versions, known=self.settings_names if self.settings.clusters else None, clock=self.clock
        )

    @lazy
    def settings_names(self) -> SettingsNames:
        return SettingsNames(
            registries=frozenset(self.settings.registries),
            clusters=frozenset(self.settings.clusters),
            channels=frozenset(self.settings.channels),
            asking=frozenset(
                name for name, each in self.settings.channels.items() if isinstance(each, TeamsFlowSettings)
            ),
        )

    @lazy
    def versions(self) -> SubjectVersions:
        return SubjectVersions(
            self.table,
            blobs=lambda: self.blobs,
            signer=lambda: self.signer,
            keys=lambda: self.public_keys,
            indexer=self.indexer,
        )

    @lazy
    def proposals(self) -> Proposals:
        return Proposals(installation=self.installation, evidence=lambda: self.blobs)

    @lazy
    def indexer(self) -> Indexer:
        return Indexer(
            index=self.index,
            rules_changed=lambda partition, record: self.chain_anchors.anchor_rules(
                partition, record, now=self.clock()
            ),
        )

    @lazy
    def ledger(self) -> Ledger:
        return Ledger(
            self.table,
            signer=lambda: self.signer,
            keys=lambda: self.public_keys,
            documents=lambda: self.archive_documents,
        )

    @lazy
    def leases(self) -> Leases:
        return Leases(self.table)

    @lazy
    def installation(self) -> InstallationLedger:
        return InstallationLedger(self.table, self.indexer, signer=lambda: self.signer, keys=lambda: self.public_keys)

    @lazy
    def inbox(self) -> Inbox:
        return Inbox(self.ports.inbox_table())

    @lazy
    def challenges(self) -> Challenges:
        return Challenges(self.ports.challenges_table())

    @lazy
    def waiting(self) -> WaitingNotes:
        return WaitingNotes(self.table)

    @lazy
    def signed_out(self) -> SignOutRows:
        return SignOutRows(self.ports.index_table())

    @lazy
    def looks(self) -> LookAnswers:
        return LookAnswers(self.table)

    @lazy
    def link_keys(self) -> PublicKeys:
        """The public keys that a valid link must be signed with: those that are not retired."""
        if self.settings.role.works:
            return PublicKeys(LiveKeys(self.private_keys, self.public_keys))
        return PublicKeys(NotRetired(self.public_keys, self.installation.retired_keys))

    @lazy
    def numbers(self) -> Numbers:
        return Numbers(
            ledger=self.ledger,
            weeks=Weeks(self.table),
            catalogue=self.catalogue,
            follow=self.indexer.take,
            clock=self.clock,
        )

    @lazy
    def trail(self) -> Trail:
        return Trail(
            index=self.index,
            keys=lambda: self.public_keys,
            head=lambda application: self.ledger.head(application).sequence,
            has_release=lambda application, number: self.ledger.release(application, number) is not None,
            catalogue=self.catalogue,
            copied=Weeks(self.table).copied,
        )

    @lazy
    def chain_anchors(self) -> ChainAnchors:
        return ChainAnchors(
            blobs=lambda: self.added_blobs,
            ledger=self.ledger,
            signer=lambda: self.signer,
            issuer_keys=IssuerKeys(self.ports.proofs, evidence=lambda: self.blobs).hash,
        )

    @lazy
    def retention(self) -> "Retention | None":
        """None if records stay in the table forever."""
        from ..maintenance.retention import Retention

        age, archive = self.settings.retention, self.ledger.archive
        if age is None or archive is None:
            return None
        return Retention(
            ledger=self.ledger,
            archive=archive,
            anchors=self.chain_anchors,
            installation=self.installation,
            age=age,
            clock=self.clock,
        )

    @lazy
    def container_export(self) -> "ContainerExport | None":
        """None if the settings configure no automatic export."""
        from ..domain.export import ExportFormat
        from ..maintenance.exporting import ContainerExport

        if not self.settings.export:
            return None
        form = ExportFormat(self.settings.export)
        return ContainerExport(ledger=self.ledger, blobs=self.added_blobs, catalogue=self.catalogue, form=form)

    @lazy
    def anchoring(self) -> "Anchoring":
        from ..maintenance.anchoring import Anchoring

        return Anchoring(
            anchors=self.chain_anchors,
            ledger=self.ledger,
            installation=self.installation,
            catalogue=self.catalogue,
            channel=self.channel,
            witnesses=tuple(self.settings.witnesses),
            base=self.settings.public_url,
            clock=self.clock,
        )

    @lazy
    def reindexing(self) -> Reindexing:
        return Reindexing(table=self.table, index=self.index, archive=self.ledger.archive)

    @lazy
    def blocks(self) -> Blocks:
        return Blocks(reader=self.reader, clock=self.clock)

    @lazy
    def answers(self) -> Answers:
        return Answers(ledger=self.ledger, inbox=self.inbox, installation=self.installation, waiting=self.waiting)

    @lazy
    def reader(self) -> Reader:
        return Reader(ledger=self.ledger, blobs=self.blobs, catalogue=self.catalogue, clock=self.clock)

    @lazy
    def provenance(self) -> Provenance:
        return Provenance(reader=self.reader, trail=self.trail)
