"""Certificates, made once per session, and a mail server for each test that needs one."""

from collections.abc import Iterator

import pytest

from tests.certificates import Certificates, make_certificates
from tests.contract.notification.mail_server import Listening, Post, login


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def post() -> Post:
    return Post()


@pytest.fixture
def listening(post: Post, certificates: Certificates) -> Iterator[Listening]:
    server = Listening(
        post,
        tls_context=certificates.for_server(),
        require_starttls=True,
        auth_required=True,
        authenticator=login,
        enable_SMTPUTF8=False,
    )
    server.start()
    yield server
    server.stop()
