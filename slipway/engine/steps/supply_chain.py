"""Supply chain: checks the environment's requirements, in the registry that the artifact is copied from.

They apply to the image or, with a bundle, to the bundle and to each image that it brings, except for images of
repositories with rules of their own. No SBOM is required of the bundle itself, which holds no software.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, assert_never

from ...catalogue import Files
from ...domain.environment import Environment
from ...domain.requirements import TrustRules
from ...domain.rules import Fail, NotYet, Pass, Rule, RuleResult, Unknown, not_passed
from ...domain.subjects import checked_identities
from ..run_step import Work
from .clients import Clients

if TYPE_CHECKING:
    from ...effects.supply_chain import RequiredChecks


@dataclass(frozen=True, kw_only=True)
class SupplyChain:
    """The results of the environment's supply-chain rules."""

    rules: tuple[RuleResult, ...] = ()

    @property
    def may_still_come(self) -> bool:
        """Whether some rules do not hold, and each of them only because its document has not arrived yet."""
        open_rules = not_passed(self.rules)
        return bool(open_rules) and all(isinstance(result, NotYet) for result in open_rules)

    def given_up(self) -> "SupplyChain":
        """The results with every rule that is still waiting turned into a failure."""
        return SupplyChain(
            rules=tuple(
                r.rule.fails(f"{r.reason}; none arrived in time") if isinstance(r, NotYet) else r for r in self.rules
            )
        )


def look_at_supply_chain(clients: Clients, work: Work, environment: Environment, now: datetime) -> SupplyChain:
    """Raises `ConfigError` and `RegistryError`."""
    required = environment.require
    if not required.rules():
        return SupplyChain()
    from ...effects.supply_chain import check_required  # noqa: PLC0415

    release, files = work.release, work.entry.definition.files
    registry, artifact, checks = clients.registry(release.registry), release.artifact, _checks(files, required)
    if release.bundle is None:
        return SupplyChain(rules=check_required(registry, artifact.repository, artifact.digest, checks, now))
    results = {
        "the bundle": check_required(registry, artifact.repository, artifact.digest, replace(checks, sbom=False), now)
    }
    for image in release.bundle.images:
        rules = required.of_image(image.repository)
        needed = checks if rules is required else _checks(files, rules)
        results[f"image {image.name}"] = check_required(registry, image.repository, image.digest, needed, now)
    return SupplyChain(rules=tuple(_together(required.rules(), results)))


def _checks(files: Files, rules: TrustRules) -> "RequiredChecks":
    """The rules with the keys and certificates that they name. Raises `ConfigError`."""
    # cryptography is slow to import, and most environments require nothing.
    from ...catalogue.trust import read_trust  # noqa: PLC0415
    from ...effects.supply_chain import NotationTrust, ProvenanceTrust, RequiredChecks  # noqa: PLC0415

    trust, notation, provenance = read_trust(files, rules), rules.notation, rules.provenance
    return RequiredChecks(
        notation=NotationTrust(roots=trust.roots, identities=checked_identities(notation.identities))
        if notation
        else None,
        cosign=trust.cosign,
        sbom=rules.sbom,
        provenance=ProvenanceTrust(builders=provenance.builders, key=trust.provenance) if provenance else None,
    )


def _together(rules: Iterable[Rule], results: Mapping[str, tuple[RuleResult, ...]]) -> Iterator[RuleResult]:
    """One result for each rule: the one of the artifact that is furthest from satisfying it, with its name."""
    for rule in rules:
        results_by_name = [(name, each) for name, every in results.items() for each in every if each.rule is rule]
        if results_by_name:
            name, worst = max(results_by_name, key=lambda pair: _distance(pair[1]))
            yield worst.evolve(reason=f"{name}: {worst.reason}")
        else:
            yield rule.holds("it is required of images from repositories other than this bundle's")


def _distance(result: RuleResult) -> int:
    """The distance of a rule from holding."""
    match result:
        case Pass():
            return 0
        case NotYet():
            return 1
        case Unknown():
            return 2
        case Fail():
            return 3
        case unreachable:
            assert_never(unreachable)
