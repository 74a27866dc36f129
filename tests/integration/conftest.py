"""One running system for the tests that ask for it, in each process of pytest; `make test-stack` starts two."""

from collections.abc import Iterator

import pytest

from local.stack import Stack, azurite
from tests.integration.lapsing import folder_of_app
from tests.integration.system import System, options


@pytest.fixture(scope="session")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """Skips where Azurite is not installed; a part that does not start is an error."""
    if not azurite.MAIN.exists():
        pytest.skip("Azurite is not installed: run `make install`")
    folder = tmp_path_factory.mktemp("system")
    with Stack(options(folder, app=folder_of_app(folder))) as stack:
        system = System(stack)
        yield system
        system.close()
