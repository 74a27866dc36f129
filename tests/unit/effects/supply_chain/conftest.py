"""A place whose image nothing is attached to."""

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
    made = Place(held=pair.source, client=pair.from_source, people=people)
    made.push(SHOP, "1")
    return made
