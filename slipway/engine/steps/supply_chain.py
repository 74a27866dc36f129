"""Supply chain: check the environment's requirements on the image, in the registry that it is promoted from."""

from dataclasses import dataclass
from datetime import datetime

from ...domain.application import Environment
from ...domain.rules import NotYet, RuleResult, failed
from ...domain.subjects import checked_identities
from ..run_step import Work
from .clients import Clients


@dataclass(frozen=True, kw_only=True)
class SupplyChain:
    """The results of the environment's supply-chain rules."""

    rules: tuple[RuleResult, ...] = ()

    @property
    def may_still_come(self) -> bool:
        """Whether rules do not hold, and each of those only because its document has not arrived yet."""
        open_rules = failed(self.rules)
        return bool(open_rules) and all(isinstance(result, NotYet) for result in open_rules)

    def given_up(self) -> "SupplyChain":
        """The results with every rule that is still waiting turned into a failure."""
        return SupplyChain(
            rules=tuple(
                r.rule.fails(f"{r.reason}; none arrived in time") if isinstance(r, NotYet) else r for r in self.rules
            )
        )


def look(clients: Clients, work: Work, environment: Environment, now: datetime) -> SupplyChain:
    """Raises `ConfigError` and `RegistryError`."""
    required = environment.require
    if not required.rules():
        return SupplyChain()
    # cryptography is slow to import, and most environments require nothing.
    from ...catalogue.trust import read_trust  # noqa: PLC0415
    from ...effects.supply_chain import NotationTrust, ProvenanceTrust, Wanted, check  # noqa: PLC0415

    trust = read_trust(work.entry.definition.files, required)
    notation, provenance = required.notation, required.provenance
    checks = Wanted(
        notation=NotationTrust(roots=trust.roots, identities=checked_identities(notation.identities))
        if notation
        else None,
        cosign=trust.cosign,
        sbom=required.sbom,
        provenance=ProvenanceTrust(builders=provenance.builders, key=trust.provenance) if provenance else None,
    )
    release = work.release
    image = release.artifact
    return SupplyChain(rules=check(clients.registry(image.registry), image.repository, image.digest, checks, now))
