"""The settings of access to a cluster: which are accepted and which are refused."""

import base64
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from pydantic import ValidationError

from slipway.effects.cluster import AKS_SCOPE, AccessDenied, ClusterAccess, connect_cluster, entra_token

PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
SERVER = "https://shop-x1.hcp.westeurope.azmk8s.io:443"


def a_token() -> str:
    return "t0ken"


def test_a_server_with_a_token_and_a_ca_is_an_access() -> None:
    access = ClusterAccess(server=SERVER + "/", ca_data=base64.b64encode(PEM.encode()).decode(), token=a_token)
    assert access.server == SERVER


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "expected exactly one of server and kubeconfig"),
        ({"server": SERVER, "token": a_token, "kubeconfig": "/x"}, "expected exactly one of server and kubeconfig"),
        ({"server": SERVER}, "token: needed with server"),
        ({"kubeconfig": "/x", "token": a_token}, "not used with kubeconfig"),
        ({"server": "http://example.org", "token": a_token}, "expected https"),
        ({"server": "shop", "token": a_token}, "expected the URL of an API server"),
        ({"server": "https://u:p@example.org", "token": a_token}, "without a user, password"),
        ({"server": SERVER, "token": a_token, "ca_data": "not base64!"}, "expected base64 of a PEM certificate"),
        ({"server": SERVER, "token": a_token, "ca_data": "aGVsbG8="}, "expected base64 of a PEM certificate"),
    ],
)
def test_an_access_that_cannot_work_is_refused_with_a_reason(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        ClusterAccess.model_validate(fields)


def test_plain_http_is_for_this_machine() -> None:
    assert ClusterAccess(server="http://127.0.0.1:8001", token=a_token).server == "http://127.0.0.1:8001"


def test_tokens_for_aks_are_asked_for_the_aks_server_application() -> None:
    class Token(NamedTuple):
        token: str

    class Credential:
        scopes_requested: tuple[str, ...] = ()

        def get_token(self, *scopes: str) -> Token:
            self.scopes_requested = scopes
            return Token("abc")

    credential = Credential()
    assert entra_token(credential)() == "abc"
    assert credential.scopes_requested == (AKS_SCOPE,) == ("6dae42f8-4368-4678-94ff-3960e28e3630/.default",)


def test_a_kubeconfig_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    missing = tmp_path / "kubeconfig"
    with pytest.raises(AccessDenied, match=str(missing)):
        connect_cluster(ClusterAccess(kubeconfig=missing))


def test_importing_the_package_does_not_load_the_kubernetes_client() -> None:
    loaded = "[m for m in sys.modules if m.split('.')[0] in ('kubernetes', 'urllib3')]"
    code = f"import sys, slipway.effects.cluster; print({loaded})"
    completed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert completed.stdout.strip() == "[]"
