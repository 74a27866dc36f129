"""One provider for these tests, with the local people and three more: a voter, a guest, and a member of very many
groups."""

from collections.abc import Iterator

import pytest

from local.identity import SIGN_IN, VOTES, Flow, Identity
from local.identity.server import INSTALLED
from local.node import node
from local.process import PartFailed

from .support import BACK, directory


@pytest.fixture(scope="session")
def identity(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Identity]:
    """Skips if the provider is not installed; every other failure to start is an error."""
    try:
        node()
    except PartFailed as failed:
        pytest.skip(str(failed))
    if not INSTALLED.exists():
        pytest.skip("the identity provider is not installed: run `make install`")
    with Identity.start(directory(), tmp_path_factory.mktemp("identity")) as running:
        running.set_redirect_uris({SIGN_IN: [BACK], VOTES: [BACK]})
        yield running


@pytest.fixture
def flow(identity: Identity) -> Flow:
    """A browser without a session."""
    return Flow(identity, back=BACK)
