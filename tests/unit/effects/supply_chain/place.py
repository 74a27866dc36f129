"""A registry with one image and the identities that are trusted, for the tests of the four rules."""

from dataclasses import dataclass, replace

from slipway.domain.rules import RuleResult
from slipway.effects.registry import Registry
from slipway.effects.supply_chain import RequiredChecks, check_required
from slipway.testing.artifacts import ArtifactDouble, image
from slipway.testing.registry import MemoryRegistry
from tests.unit.effects.supply_chain.attaching import (
    People,
)
from tests.unit.effects.supply_chain.authority import NOW

REPOSITORY = "team/shop"
SHOP = image(b"the shop")


@dataclass
class Place:
    """A registry with one image, and the trusted identities."""

    registry: MemoryRegistry
    client: Registry
    people: People
    image: ArtifactDouble = SHOP

    def push(self, artifact: ArtifactDouble, tag: str | None = None) -> None:
        self.registry.seed(REPOSITORY, artifact, tag)

    def tag(self, suffix: str, artifact: ArtifactDouble, about: ArtifactDouble | None = None) -> None:
        self.push(artifact, (about or self.image).digest.replace(":", "-") + suffix)

    def look(self, *names: str, required: RequiredChecks | None = None) -> RuleResult:
        """The result of one rule; `names` are the fields of RequiredChecks that are checked."""
        checks = required or self.people.all_checks()
        empty = RequiredChecks()
        selected = {name: getattr(checks, name) for name in names}
        (result,) = check_required(self.client, REPOSITORY, self.image.digest, replace(empty, **selected), NOW)
        return result


def with_image(place: Place, image: ArtifactDouble) -> Place:
    new_place = replace(place, image=image)
    new_place.push(image, "1")
    return new_place
