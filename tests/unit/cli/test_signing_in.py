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


class Credential:
    """Stands for a person who did `az login`."""

    asked: list[str] = []  # noqa: RUF012 - one test at a time
    fails = False

    def __enter__(self) -> "Credential":
        return self

    def __exit__(self, *_: object) -> None: ...

    def get_token(self, scope: str) -> AccessToken:
        self.asked.append(scope)
        if self.fails:
            raise ClientAuthenticationError("DefaultAzureCredential failed\nand said much more")
        return AccessToken("a-token-of-entra", 0)


@pytest.fixture
def credential(monkeypatch: pytest.MonkeyPatch) -> type[Credential]:
    monkeypatch.setattr(azure.identity, "DefaultAzureCredential", Credential)
    monkeypatch.setattr(Credential, "asked", [])
    return Credential


def test_the_token_is_asked_for_once_and_sent_with_each_request(
    slipway: Command, app: Served, credential: type[Credential]
) -> None:
    assert slipway("--audience", "api://slipway", "audit", "reindex").exit_code == 0
    assert credential.asked == ["api://slipway/.default"]
    assert {one.headers.get("authorization") for one in app.asked} == {"Bearer a-token-of-entra"}
    assert len(app.asked) > 1


def test_the_audience_may_come_from_the_environment(
    slipway: Command, app: Served, credential: type[Credential]
) -> None:
    slipway("releases", SLIPWAY_AUDIENCE="client-id")
    assert credential.asked == ["client-id/.default"]


def test_without_an_audience_nobody_signs_in(slipway: Command, app: Served, credential: type[Credential]) -> None:
    slipway("releases")
    assert credential.asked == []
    assert "authorization" not in app.asked[0].headers


def test_nobody_signed_in_is_said_in_one_line_and_nothing_is_sent(
    slipway: Command, app: Served, credential: type[Credential], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(credential, "fails", True)
    result = slipway("--audience", "api://slipway", "releases")
    assert result.exit_code == 1
    assert "you are not signed in for api://slipway: DefaultAzureCredential failed; try `az login`" in result.stderr
    assert app.asked == []
    assert all(way in result.stderr for way in ("azd auth login", "InteractiveBrowserCredential"))
    assert "a-token-of-entra" not in result.stdout + result.stderr


def test_whoever_has_no_azure_cli_signs_in_in_a_browser(app: Served, tmp_path: Path) -> None:
    """This uses the real library, which Entra takes for the Azure CLI: the registration authorizes it."""
    with entra(tmp_path) as provider:
        command = [sys.executable, "-m", "slipway.cli", "--url", app.url, "--audience", "api://slipway", "releases"]
        told = {"PATH": "", "HOME": str(tmp_path), "SLIPWAY_KEY": KEY, **BY_BROWSER, **provider.environment}
        done = subprocess.run(command, cwd=ROOT, env=told, capture_output=True, text=True, check=False)
    assert (done.returncode, "shop-2" in done.stdout) == (0, True), done.stderr
    (asked,) = provider.signed_in
    assert asked["client"] == AZURE_CLI
    assert "api://slipway/.default" in asked["scope"].split(" ")
    assert {one.headers.get("authorization") for one in app.asked} == {"Bearer a-token-of-entra"}
