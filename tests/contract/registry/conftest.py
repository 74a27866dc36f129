"""Starts each kind of registry once per worker; each test uses repositories of its own."""

import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.contract.registry.places import DOCKER_REGISTRY, Place, acr_double, docker_registry

KINDS = ["docker-registry", "docker-registry with a password", "the double of ACR"]
type Places = Callable[[str], Place]


@pytest.fixture(scope="session")
def places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Places]:
    """Starts a registry of a kind when it is first asked for."""
    started: dict[str, Place] = {}
    with ExitStack() as stack:

        def place(kind: str) -> Place:
            if kind not in started and kind == KINDS[2]:
                started[kind] = stack.enter_context(acr_double())
            elif kind not in started:
                if DOCKER_REGISTRY is None:
                    pytest.skip("docker-registry is not installed (Debian: apt-get install docker-registry)")
                folder = tmp_path_factory.mktemp("docker-registry")
                started[kind] = stack.enter_context(docker_registry(folder, htpasswd=kind == KINDS[1]))
            return started[kind]

        yield place


@pytest.fixture(params=KINDS)
def place(request: pytest.FixtureRequest, places: Places) -> Place:
    """Each kind in turn."""
    return places(request.param)


@pytest.fixture
def repository() -> str:
    return f"team/{uuid.uuid4().hex}"
