"""Supply chain: what the environment requires of the image, looked for where the image is promoted from."""

from dataclasses import dataclass
from datetime import datetime

from ...domain.application import Environment
from ...domain.rules import NotYet, RuleResult, failed
from ...domain.subjects import checked_identities
from ..run_step import Work
from .clients import Clients


@dataclass(frozen=True, kw_only=True)
class SupplyChain:
    """What was found of the things that the environment requires."""

    rules: tuple[RuleResult, ...] = ()

    @property
    def may_still_come(self) -> bool:
        """Whether rules are open, and all of those only because there is nothing to judge yet."""
        open_rules = failed(self.rules)
        return bool(open_rules) and all(isinstance(result, NotYet) for result in open_rules)

    def given_up(self) -> "SupplyChain":
        """What has not come by now is waited for no longer."""
        return SupplyChain(
            rules=tuple(r.rule.fails(f"{r.reason}, in time") if isinstance(r, NotYet) else r for r in self.rules)
        )


def look(clients: Clients, work: Work, environment: Environment, now: datetime) -> SupplyChain:
    """Raises `ConfigError` and `RegistryError`."""
    required = environment.require
    if not required.rules():
        return SupplyChain()
    # cryptography takes long to import, and most environments require nothing.
    from ...catalogue.trust import read_trust  # noqa: PLC0415
    from ...effects.supply_chain import NotationTrust, ProvenanceTrust, Wanted, check  # noqa: PLC0415

    trust = read_trust(work.entry.delivery, required)
    notation, provenance = required.notation, required.provenance
    wanted = Wanted(
        notation=NotationTrust(roots=trust.roots, identities=checked_identities(notation.identities))
        if notation
        else None,
        cosign=trust.cosign,
        sbom=required.sbom,
        provenance=ProvenanceTrust(builders=provenance.builders, key=trust.provenance) if provenance else None,
    )
    release = work.release
    image = release.artifact
    return SupplyChain(rules=check(clients.registry(image.registry), image.repository, image.digest, wanted, now))
