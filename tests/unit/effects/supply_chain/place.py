"""A registry with one image, and who is trusted: what the tests of the four rules look at."""

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

    held: MemoryRegistry
    client: Registry
    people: People
    image: ArtifactDouble = SHOP

    def push(self, built: ArtifactDouble, tag: str | None = None) -> None:
        self.held.seed(REPOSITORY, built, tag)

    def tag(self, suffix: str, built: ArtifactDouble, about: ArtifactDouble | None = None) -> None:
        self.push(built, (about or self.image).digest.replace(":", "-") + suffix)

    def look(self, *names: str, wanted: RequiredChecks | None = None) -> RuleResult:
        """The one rule that is asked for; `names` are the fields of Wanted to keep."""
        everything = wanted or self.people.everything()
        empty = RequiredChecks()
        kept = {name: getattr(everything, name) for name in names}
        (found,) = check_required(self.client, REPOSITORY, self.image.digest, replace(empty, **kept), NOW)
        return found


def with_image(place: Place, built: ArtifactDouble) -> Place:
    made = replace(place, image=built)
    made.push(built, "1")
    return made
