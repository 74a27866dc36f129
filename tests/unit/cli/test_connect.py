"""`slipway connect azure-devops` against the double: created once, repaired when needed, otherwise left alone."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from click.testing import CliRunner, Result

from local.azuredevops import Organization, serve
from slipway.cli.root import root
from tests.serving import in_a_thread

APP = "https://slipway.contoso.com"
SECRET = "a-secret-of-the-hooks-42"


class Connecting:
    def __init__(self, organization: Organization, server: str) -> None:
        self.organization, self._server = organization, server

    def __call__(self, *arguments: str, **environment: str) -> Result:
        variables = {"AZURE_DEVOPS_EXT_PAT": self.organization.pat, "SLIPWAY_HOOK_SECRET": SECRET, "SLIPWAY_URL": APP}
        words = ["connect", "azure-devops", "--organization", "contoso", "--project", "shop", "--server", self._server]
        return CliRunner().invoke(root, [*words, *arguments], env=variables | environment, prog_name="slipway")

    @property
    def only(self) -> dict[str, Any]:
        [subscription] = self.organization.subscriptions.values()
        return subscription

    @property
    def writes(self) -> int:
        return sum(not request.startswith("GET") for request in self.organization.requests)


@pytest.fixture
def connecting(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Connecting]:
    monkeypatch.chdir(tmp_path)
    organization = Organization()
    with in_a_thread(serve(organization)) as server:
        yield Connecting(organization, f"http://127.0.0.1:{server.server_port}")


def test_the_subscription_is_created_as_the_app_needs_it(connecting: Connecting) -> None:
    result = connecting()
    assert result.exit_code == 0, result.output
    subscription = connecting.only
    assert (subscription["publisherId"], subscription["eventType"], subscription["resourceVersion"]) == (
        "tfs",
        "build.complete",
        "2.0",
    )
    assert (subscription["consumerId"], subscription["consumerActionId"]) == ("webHooks", "httpRequest")
    assert subscription["consumerInputs"]["url"] == f"{APP}/api/hooks/azure-devops"
    assert subscription["consumerInputs"]["basicAuthPassword"] == SECRET
    assert subscription["id"] in result.output
    assert "it is enabled" in result.output


def test_no_secret_is_printed(connecting: Connecting) -> None:
    for arguments in ((), ("--json",), ("--send-secret",)):
        result = connecting(*arguments)
        assert SECRET not in result.output
        assert connecting.organization.pat not in result.output


def test_connecting_again_changes_nothing(connecting: Connecting) -> None:
    connecting()
    again = connecting("--json")
    assert json.loads(again.stdout)["action"] == "keep"
    assert again.exit_code == 0
    assert connecting.writes == 1


@pytest.mark.parametrize("status", ["onProbation", "disabledBySystem", "disabledByUser", "disabledByInactiveIdentity"])
def test_a_subscription_that_does_not_deliver_is_repaired(connecting: Connecting, status: str) -> None:
    connecting()
    connecting.only["status"] = status
    dry_run = connecting("--dry-run", "--json")
    assert dry_run.exit_code == 1
    assert json.loads(dry_run.stdout)["status"] == status
    assert connecting.only["status"] == status, "a dry run changes nothing"
    result = connecting()
    assert result.exit_code == 0, result.output
    assert "repaired" in result.output
    assert "events are lost" in result.output
    assert connecting.only["status"] == "enabled"


def test_a_subscription_to_an_old_or_incomplete_event_is_repaired(connecting: Connecting) -> None:
    connecting()
    connecting.only["resourceVersion"] = "1.0"
    connecting.only["consumerInputs"]["resourceDetailsToSend"] = "minimal"
    output = json.loads(connecting("--json").stdout)
    assert output["reasons"] == [
        "resourceVersion: expected 2.0, got 1.0",
        "resourceDetailsToSend: expected all, got minimal",
    ]
    assert connecting.only["resourceVersion"] == "2.0"


def test_the_secret_is_sent_again_on_request(connecting: Connecting) -> None:
    connecting()
    connecting("--send-secret", SLIPWAY_HOOK_SECRET="another-secret-after-the-change")
    assert connecting.only["consumerInputs"]["basicAuthPassword"] == "another-secret-after-the-change"


def test_subscriptions_of_other_projects_and_apps_are_left_alone(connecting: Connecting) -> None:
    connecting.organization.projects["other"] = "00000000-0000-0000-0000-000000000002"
    connecting()
    first = connecting.only["id"]
    connecting(SLIPWAY_URL="https://another.contoso.com")
    assert len(connecting.organization.subscriptions) == 2
    assert connecting.organization.subscriptions[first]["consumerInputs"]["url"].startswith(APP)


def test_a_second_subscription_that_leads_to_the_app_is_reported(connecting: Connecting) -> None:
    connecting()
    first = connecting.only
    connecting.organization.subscriptions["second"] = {**first, "id": "second"}
    assert len(json.loads(connecting("--json").stdout)["others"]) == 1


@pytest.mark.parametrize(
    ("environment", "may_edit", "message", "code"),
    [
        ({"AZURE_DEVOPS_EXT_PAT": "wrong"}, True, "does not accept the token", 1),
        ({}, False, "Edit subscriptions", 1),
        ({"SLIPWAY_HOOK_SECRET": ""}, True, "SLIPWAY_HOOK_SECRET: expected", 1),
    ],
)
def test_a_failure_to_connect_is_reported_with_its_cause_and_nothing_is_created(
    connecting: Connecting, environment: dict[str, str], may_edit: bool, message: str, code: int
) -> None:
    connecting.organization.may_edit = may_edit
    result = connecting(**environment)
    assert message in result.output
    assert result.exit_code == code
    assert connecting.organization.subscriptions == {}


def test_a_project_that_is_not_there_is_named(connecting: Connecting) -> None:
    result = connecting("--project", "shoop")
    assert "there is no project 'shoop'" in result.output
    assert result.exit_code == 3


def test_the_token_goes_over_an_encrypted_connection_only(connecting: Connecting) -> None:
    result = connecting("--server", "http://tfs.contoso.com")
    assert result.exit_code == 2
    assert "https://" in result.output
