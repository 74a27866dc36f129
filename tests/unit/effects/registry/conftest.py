"""Registries in memory, registries with faults behind sockets, and clients that neither wait nor use randomness."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from slipway.effects.registry import Anonymous, Credential, Limits, Registry, RegistryEndpoint
from slipway.testing.registry import MemoryRegistry
from tests.unit.effects.registry.hostile import FaultyRegistry, listening
from tests.unit.effects.registry.layer import IMAGE
from tests.unit.effects.registry.pairs import Pair, Waiting, make_pair


@pytest.fixture
def pair() -> Pair:
    return make_pair()


@pytest.fixture
def waiting() -> Waiting:
    return Waiting()


type Hostile = Callable[[], FaultyRegistry]


@pytest.fixture
def hostile() -> Iterator[Hostile]:
    """Starts registries with faults behind real sockets."""
    with ExitStack() as stack:
        yield lambda: stack.enter_context(listening(FaultyRegistry(MemoryRegistry())))


@pytest.fixture
def client(waiting: Waiting) -> Callable[..., Registry]:
    def make(faulty: FaultyRegistry, credential: Credential | None = None, limits: Limits | None = None) -> Registry:
        return Registry(
            RegistryEndpoint(faulty.login_server),
            credential or Anonymous(),
            clock=waiting.clock,
            pause=waiting.pause,
            random=lambda: 0.5,
            limits=limits,
        )

    return make


@pytest.fixture
def source(hostile: Hostile) -> FaultyRegistry:
    """A registry that holds the image with the large layer."""
    faulty = hostile()
    faulty.registry.seed("team/shop", IMAGE, "481")
    return faulty
