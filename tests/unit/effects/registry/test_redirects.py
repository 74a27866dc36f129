"""Downloads that are redirected to storage: the token goes to the registry alone, and signed URLs are never shown."""

import logging
from collections.abc import Callable

import pytest

from slipway.effects.registry import (
    BasicCredential,
    RegistryError,
    Unsupported,
)
from slipway.testing.registry import RegistryReply, Request, error
from tests.unit.effects.registry.conftest import Hostile
from tests.unit.effects.registry.hostile import FaultyRegistry
from tests.unit.effects.registry.layer import DIGEST, LAYER, SECRET, Client, read


def test_a_redirect_is_followed_without_the_token_and_its_query_is_never_shown(
    source: FaultyRegistry, hostile: Hostile, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    storage = hostile()
    storage_requests: list[Request] = []

    def serve_once(request: Request, reply: RegistryReply) -> RegistryReply:
        storage_requests.append(request)
        return (
            RegistryReply(status=200, body=LAYER)
            if len(storage_requests) == 1
            else error(403, "AuthenticationFailed", SECRET)
        )

    storage.reply = serve_once
    url = f"http://{storage.login_server}/data/layer?{SECRET}"
    source.reply = _redirecting(url, signed_in_only=True)
    registry = client(source, BasicCredential("ada", "pass-word"))

    with caplog.at_level(logging.DEBUG):
        assert read(registry) == LAYER
        with pytest.raises(RegistryError) as failure:
            read(registry)

    assert storage_requests[0].query == {"sig": "very-secret-signature"}
    assert not any("Authorization" in logged.headers for logged in storage_requests)
    assert any("Authorization" in logged.headers for logged in source.registry.log)
    assert "very-secret" not in str(failure.value) + repr(failure.value) + caplog.text


def test_a_redirect_to_plain_http_elsewhere_is_not_followed(source: FaultyRegistry, client: Client) -> None:
    source.reply = _redirecting(f"http://storage.example/layer?{SECRET}")

    with pytest.raises(Unsupported, match=r"expected an https address, got 'http://storage\.example/layer'") as error:
        read(client(source))

    assert "very-secret" not in str(error.value)


def test_redirects_in_a_circle_end(source: FaultyRegistry, client: Client) -> None:
    source.reply = _redirecting(f"/v2/team/shop/blobs/{DIGEST}")

    with pytest.raises(Unsupported, match="more than 3 redirects"):
        read(client(source))


def _redirecting(url: str, *, signed_in_only: bool = False) -> Callable[[Request, RegistryReply], RegistryReply]:
    def reply(request: Request, reply: RegistryReply) -> RegistryReply:
        if signed_in_only and "Authorization" not in request.headers:
            return RegistryReply(status=401, headers={"WWW-Authenticate": 'Basic realm="registry"'})
        return RegistryReply(status=307, headers={"Location": url})

    return reply
