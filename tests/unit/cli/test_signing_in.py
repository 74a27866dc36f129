"""Signing in: where an audience is given, each request carries the token of whoever has signed in to Entra."""

import subprocess
import sys
from pathlib import Path

import azure.identity
import pytest
from azure.core.credentials import AccessToken
from azure.core.exceptions import ClientAuthenticationError

from local.process import ROOT
from tests.unit.cli.conftest import Command
from tests.unit.cli.entra import entra
from tests.unit.cli.served import KEY, Served

AZURE_CLI = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"
"""The client that the installation's registration authorizes (`infra/hooks/wanted_registrations.py`)."""

BY_BROWSER = {"AZURE_TOKEN_CREDENTIALS": "InteractiveBrowserCredential"}


class LoggedInCredential:
    """Stands for a person who did `az login`."""

    scopes: list[str] = []  # noqa: RUF012 - one test at a time
    fails = False

    def __enter__(self) -> "LoggedInCredential":
        return self

    def __exit__(self, *_: object) -> None: ...

    def get_token(self, scope: str) -> AccessToken:
        self.scopes.append(scope)
        if self.fails:
            raise ClientAuthenticationError("DefaultAzureCredential failed\nand said much more")
        return AccessToken("a-token-of-entra", 0)


@pytest.fixture
def credential(monkeypatch: pytest.MonkeyPatch) -> type[LoggedInCredential]:
    monkeypatch.setattr(azure.identity, "DefaultAzureCredential", LoggedInCredential)
    monkeypatch.setattr(LoggedInCredential, "scopes", [])
    return LoggedInCredential


def test_the_token_is_asked_for_once_and_sent_with_each_request(
    slipway: Command, app: Served, credential: type[LoggedInCredential]
) -> None:
    assert slipway("--audience", "api://slipway", "audit", "reindex").exit_code == 0
    assert credential.scopes == ["api://slipway/.default"]
    assert {request.headers.get("authorization") for request in app.requests} == {"Bearer a-token-of-entra"}
    assert len(app.requests) > 1


def test_the_audience_may_come_from_the_environment(
    slipway: Command, app: Served, credential: type[LoggedInCredential]
) -> None:
    slipway("releases", SLIPWAY_AUDIENCE="client-id")
    assert credential.scopes == ["client-id/.default"]


def test_without_an_audience_nobody_signs_in(
    slipway: Command, app: Served, credential: type[LoggedInCredential]
) -> None:
    slipway("releases")
    assert credential.scopes == []
    assert "authorization" not in app.requests[0].headers


def test_a_failed_sign_in_is_reported_with_its_remedy_and_nothing_is_sent(
    slipway: Command, app: Served, credential: type[LoggedInCredential], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(credential, "fails", True)
    result = slipway("--audience", "api://slipway", "releases")
    assert result.exit_code == 1
    assert "you are not signed in for api://slipway: DefaultAzureCredential failed; try `az login`" in result.stderr
    assert app.requests == []
    assert all(way in result.stderr for way in ("azd auth login", "InteractiveBrowserCredential"))
    assert "a-token-of-entra" not in result.stdout + result.stderr


def test_a_person_without_the_azure_cli_signs_in_in_a_browser(app: Served, tmp_path: Path) -> None:
    """This uses the real library, which Entra takes for the Azure CLI: the registration authorizes it."""
    with entra(tmp_path) as provider:
        command = [sys.executable, "-m", "slipway.cli", "--url", app.url, "--audience", "api://slipway", "releases"]
        variables = {"PATH": "", "HOME": str(tmp_path), "SLIPWAY_KEY": KEY, **BY_BROWSER, **provider.environment}
        process = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, check=False)
    assert (process.returncode, "shop-2" in process.stdout) == (0, True), process.stderr
    (sign_in,) = provider.signed_in
    assert sign_in["client"] == AZURE_CLI
    assert "api://slipway/.default" in sign_in["scope"].split(" ")
    assert {request.headers.get("authorization") for request in app.requests} == {"Bearer a-token-of-entra"}
