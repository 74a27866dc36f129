"""Supply chain: what the environment requires of the image, looked for where the image is promoted from."""

from dataclasses import dataclass
from datetime import datetime

from ...domain.application import Environment
from ...domain.rules import RuleResult
from ...domain.subjects import checked_identities
from ..perform import Work
from .places import Places


@dataclass(frozen=True, kw_only=True)
class SupplyChain:
    """What was found, and whether what is missing may still come."""

    rules: tuple[RuleResult, ...] = ()
    only_missing: bool = False
    """Some rules do not hold, and all of those only because there is nothing to judge yet."""


def look(places: Places, work: Work, environment: Environment, now: datetime) -> SupplyChain:
    """Raises `ConfigError` and `RegistryError`."""
    required = environment.require
    if not required.rules():
        return SupplyChain()
    # cryptography takes long to import, and most environments require nothing.
    from ...config.trust import read_trust  # noqa: PLC0415
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
    found = check(places.registry(release.registry), release.repository, release.artifact.digest, wanted, now)
    broken = [each for each in found if not each.rule.passed]
    return SupplyChain(
        rules=tuple(each.rule for each in found), only_missing=bool(broken) and all(each.missing for each in broken)
    )
