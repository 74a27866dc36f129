"""The parts that compare changes of the catalogue, and bring those that people vote on to their end."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..engine.issuer_key_recorder import IssuerKeyRecorder
from ..engine.proving import Prover
from .lazy import lazy
from .recorded import Recorded

if TYPE_CHECKING:
    from ..commands.as_voted import AsVoted
    from ..commands.change_voting import ChangeVoting
    from ..commands.comparing import Comparing
    from ..commands.enacting import Enacting
    from ..commands.proposing import Proposing
    from ..commands.sorting import Sorting
    from ..commands.telling import Telling
    from ..engine.kept_proofs import KeptProofs


@dataclass(frozen=True)
class Catalogued(Recorded):
    """The parts that changes of the catalogue need."""

    @lazy
    def comparing(self) -> "Comparing":
        from ..commands.comparing import Comparing

        names = self.settings_names if self.settings.clusters else None
        return Comparing(versions=self.versions, catalogue=self.live_catalogue, settings_names=names)

    @lazy
    def sorting(self) -> "Sorting":
        from ..commands.sorting import Sorting

        return Sorting(comparing=self.comparing)

    @lazy
    def prover(self) -> Prover:
        return Prover(
            tokens=self.ports.proofs(),
            installation=self.settings.installation_name,
            evidence=self.blobs,
            keys_seen=IssuerKeyRecorder(installation=self.installation, clock=self.clock).note,
        )

    @lazy
    def kept_proofs(self) -> "KeptProofs":
        from ..engine.kept_proofs import KeptProofs

        return KeptProofs(
            tokens=self.ports.proofs(),
            installation=self.settings.installation_name,
            evidence=self.blobs,
            anchors=self.chain_anchors,
        )

    @lazy
    def proposing(self) -> "Proposing":
        from ..commands.proposing import Proposing

        return Proposing(proposals=self.proposals, versions=self.versions, ledger=self.ledger, clock=self.clock)

    @lazy
    def as_voted(self) -> "AsVoted":
        from ..commands.as_voted import AsVoted

        return AsVoted(comparing=self.comparing, versions=self.versions)

    @lazy
    def enacting(self) -> "Enacting":
        from ..commands.enacting import Enacting

        return Enacting(
            proposals=self.proposals,
            as_voted=self.as_voted,
            comparing=self.comparing,
            versions=self.versions,
            ledger=self.ledger,
            anchors=self.chain_anchors,
            inbox=self.inbox,
            proofs=self.kept_proofs,
            clock=self.clock,
        )

    @lazy
    def telling(self) -> "Telling":
        from ..commands.telling import Telling

        base = self.settings.public_url
        return Telling(proposals=self.proposals, channel=self.channel, base=base, clock=self.clock)

    @lazy
    def change_voting(self) -> "ChangeVoting":
        from ..commands.change_voting import ChangeVoting

        return ChangeVoting(
            prover=self.prover,
            proposals=self.proposals,
            enacting=self.enacting,
            tell=self.telling.tell,
            clock=self.clock,
        )
