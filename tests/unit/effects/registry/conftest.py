"""Registries in memory, registries behind hostile sockets, and clients that neither wait nor use randomness."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from slipway.effects.registry import Anonymous, Credential, Limits, Registry, RegistryEndpoint
from slipway.testing.registry import MemoryRegistry
from tests.unit.effects.registry.hostile import Between, listening
from tests.unit.effects.registry.layer import IMAGE
from tests.unit.effects.registry.pairs import Pair, Waiting, make_pair


@pytest.fixture
def pair() -> Pair:
    return make_pair()


@pytest.fixture
def waiting() -> Waiting:
    return Waiting()


type Hostile = Callable[[], Between]


@pytest.fixture
def hostile() -> Iterator[Hostile]:
    """Starts registries behind real sockets, with faults in between."""
    with ExitStack() as stack:
        yield lambda: stack.enter_context(listening(Between(MemoryRegistry())))


@pytest.fixture
def client(waiting: Waiting) -> Callable[..., Registry]:
    def make(between: Between, credential: Credential | None = None, limits: Limits | None = None) -> Registry:
        return Registry(
            RegistryEndpoint(between.login_server),
            credential or Anonymous(),
            clock=waiting.clock,
            pause=waiting.pause,
            random=lambda: 0.5,
            limits=limits,
        )

    return make


@pytest.fixture
def source(hostile: Hostile) -> Between:
    """A registry that holds the image with the large layer."""
    between = hostile()
    between.registry.seed("team/shop", IMAGE, "481")
    return between
