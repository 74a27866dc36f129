"""The registries under test: the double, a real docker-registry, and the first in front of the second."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from local.registry import Registry

from .support import DOCKER_REGISTRY, Client, docker_registry, settings

DOUBLE, REAL, IN_FRONT = "double", "docker-registry", "double in front of docker-registry"


@pytest.fixture(scope="module")
def real_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if DOCKER_REGISTRY is None:
        pytest.skip("docker-registry is not installed (Debian: apt-get install docker-registry)")
    with docker_registry(tmp_path_factory.mktemp("docker-registry")) as url:
        yield url


@pytest.fixture(scope="module", params=[DOUBLE, REAL, IN_FRONT])
def any_registry(request: pytest.FixtureRequest) -> Iterator[Client]:
    """Each registry in turn, for the promises that all of them make."""
    if request.param == DOUBLE:
        with Registry(settings()) as registry:
            yield Client(registry.url)
    elif request.param == REAL:
        yield Client(request.getfixturevalue("real_url"))
    else:
        with Registry(settings(backend=request.getfixturevalue("real_url"))) as registry:
            yield Client(registry.url)


@pytest.fixture(params=[DOUBLE, IN_FRONT])
def acr(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Client]:
    """The double, alone and in front of an empty docker-registry, for features that only ACR has."""
    if request.param == DOUBLE:
        with Registry(settings()) as registry:
            yield Client(registry.url)
        return
    if DOCKER_REGISTRY is None:
        pytest.skip("docker-registry is not installed (Debian: apt-get install docker-registry)")
    with docker_registry(tmp_path) as url, Registry(settings(backend=url)) as registry:
        yield Client(registry.url)


@pytest.fixture
def double() -> Iterator[Client]:
    with Registry(settings()) as registry:
        yield Client(registry.url)
