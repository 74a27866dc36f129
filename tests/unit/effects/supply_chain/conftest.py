"""A registry with one image that has no attachments."""

import pytest

from tests.unit.effects.registry.pairs import make_pair
from tests.unit.effects.supply_chain.attaching import (
    People,
)
from tests.unit.effects.supply_chain.place import SHOP, Place


@pytest.fixture(scope="module")
def people() -> People:
    return People()


@pytest.fixture
def place(people: People) -> Place:
    pair = make_pair()
    new_place = Place(registry=pair.source, client=pair.from_source, people=people)
    new_place.push(SHOP, "1")
    return new_place
