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
        told = {"AZURE_DEVOPS_EXT_PAT": self.organization.pat, "SLIPWAY_HOOK_SECRET": SECRET, "SLIPWAY_URL": APP}
        words = ["connect", "azure-devops", "--organization", "contoso", "--project", "shop", "--server", self._server]
        return CliRunner().invoke(root, [*words, *arguments], env=told | environment, prog_name="slipway")

    @property
    def only(self) -> dict[str, Any]:
        [found] = self.organization.subscriptions.values()
        return found

    @property
    def writes(self) -> int:
        return sum(not asked.startswith("GET") for asked in self.organization.requests)


@pytest.fixture
def connecting(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Connecting]:
    monkeypatch.chdir(tmp_path)
    organization = Organization()
    with in_a_thread(serve(organization)) as server:
        yield Connecting(organization, f"http://127.0.0.1:{server.server_port}")


def test_the_subscription_is_created_as_the_app_needs_it(connecting: Connecting) -> None:
    done = connecting()
    assert done.exit_code == 0, done.output
    made = connecting.only
    assert (made["publisherId"], made["eventType"], made["resourceVersion"]) == ("tfs", "build.complete", "2.0")
    assert (made["consumerId"], made["consumerActionId"]) == ("webHooks", "httpRequest")
    assert made["consumerInputs"]["url"] == f"{APP}/api/hooks/azure-devops"
    assert made["consumerInputs"]["basicAuthPassword"] == SECRET
    assert made["id"] in done.output
    assert "it is enabled" in done.output


def test_no_secret_is_printed(connecting: Connecting) -> None:
    for arguments in ((), ("--json",), ("--send-secret",)):
        done = connecting(*arguments)
        assert SECRET not in done.output
        assert connecting.organization.pat not in done.output


def test_repeating_it_changes_nothing(connecting: Connecting) -> None:
    connecting()
    again = connecting("--json")
    assert json.loads(again.stdout)["action"] == "keep"
    assert again.exit_code == 0
    assert connecting.writes == 1


@pytest.mark.parametrize("status", ["onProbation", "disabledBySystem", "disabledByUser", "disabledByInactiveIdentity"])
def test_one_that_does_not_deliver_is_repaired(connecting: Connecting, status: str) -> None:
    connecting()
    connecting.only["status"] = status
    looked = connecting("--dry-run", "--json")
    assert looked.exit_code == 1
    assert json.loads(looked.stdout)["status"] == status
    assert connecting.only["status"] == status, "a dry run changes nothing"
    done = connecting()
    assert done.exit_code == 0, done.output
    assert "repaired" in done.output
    assert "events are lost" in done.output
    assert connecting.only["status"] == "enabled"


def test_an_old_version_of_the_event_and_less_than_all_of_it_are_repaired(connecting: Connecting) -> None:
    connecting()
    connecting.only["resourceVersion"] = "1.0"
    connecting.only["consumerInputs"]["resourceDetailsToSend"] = "minimal"
    told = json.loads(connecting("--json").stdout)
    assert told["reasons"] == [
        "resourceVersion: expected 2.0, got 1.0",
        "resourceDetailsToSend: expected all, got minimal",
    ]
    assert connecting.only["resourceVersion"] == "2.0"


def test_the_secret_is_sent_again_when_that_is_asked_for(connecting: Connecting) -> None:
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


def test_a_second_one_that_leads_to_the_app_is_told(connecting: Connecting) -> None:
    connecting()
    first = connecting.only
    connecting.organization.subscriptions["second"] = {**first, "id": "second"}
    assert len(json.loads(connecting("--json").stdout)["others"]) == 1


@pytest.mark.parametrize(
    ("environment", "may_edit", "said", "code"),
    [
        ({"AZURE_DEVOPS_EXT_PAT": "wrong"}, True, "does not accept the token", 1),
        ({}, False, "Edit subscriptions", 1),
        ({"SLIPWAY_HOOK_SECRET": ""}, True, "SLIPWAY_HOOK_SECRET: expected", 1),
    ],
)
def test_what_goes_wrong_is_said_with_what_mends_it(
    connecting: Connecting, environment: dict[str, str], may_edit: bool, said: str, code: int
) -> None:
    connecting.organization.may_edit = may_edit
    done = connecting(**environment)
    assert said in done.output
    assert done.exit_code == code
    assert connecting.organization.subscriptions == {}


def test_a_project_that_is_not_there_is_named(connecting: Connecting) -> None:
    done = connecting("--project", "shoop")
    assert "there is no project 'shoop'" in done.output
    assert done.exit_code == 3


def test_the_token_goes_over_an_encrypted_connection_only(connecting: Connecting) -> None:
    done = connecting("--server", "http://tfs.contoso.com")
    assert done.exit_code == 2
    assert "https://" in done.output
