"""The azd hooks, run for real with programs named `az` and `azd` that write down how they were called."""

import json
import os
import subprocess

import pytest

from tests.infra.compiler import INFRA, ROOT, interface

ENVIRONMENT = {
    "AZURE_ENV_NAME": "try",
    "AZURE_SUBSCRIPTION_ID": "00000000-0000-0000-0000-000000000001",
    "AZURE_RESOURCE_GROUP": "rg-slipway-try",
    "SLIPWAY_APP_NAME": "func-try",
    "SLIPWAY_APP_HOST": "func-try.azurewebsites.net",
    "SLIPWAY_PUBLIC_URL": "https://slipway.example.com",
    "SLIPWAY_IDENTITY_PRINCIPAL_ID": "11111111-1111-1111-1111-111111111111",
    "SLIPWAY_SIGN_IN_CLIENT_ID": "22222222-2222-2222-2222-222222222222",
    "SLIPWAY_VAULT_NAME": "kv-try",
    "SLIPWAY_SYSTEM_TOPIC": "evgt-try",
    "SLIPWAY_HOST_STORAGE": "sthosttry",
    "SLIPWAY_DEAD_EVENTS": "dead-events",
    "SLIPWAY_NONPROD_REGISTRY": "crnonprodtry.azurecr.io",
}
AZ = """#!/bin/sh
printf '%s\\n' "$(basename "$0") $*" >>"$CALLS/log"
for argument in "$@"; do
    case "$argument" in
        @*)
            ls -l "${argument#@}" | cut -c1-10 >>"$CALLS/modes"
            cat "${argument#@}" >>"$CALLS/bodies"
            echo >>"$CALLS/bodies"
            ;;
    esac
done
case "$*" in
    *"--method get"*) [ -z "${FAIL_LIST:-}" ] || exit 1; printf '%s\\n' ${PRESENT:-} ;;
    *"federated-credential list"*) printf '%s\\n' ${TRUSTED:-} ;;
    "account show"*) echo 33333333-3333-3333-3333-333333333333 ;;
    "ad app create"*) echo 44444444-4444-4444-4444-444444444444 ;;
esac
"""


class Hook:
    """Runs one hook and tells what it called."""

    def __init__(self, folder) -> None:
        self.folder = folder
        programs = folder / "bin"
        programs.mkdir()
        for name in ("az", "azd"):
            (programs / name).write_text(AZ, encoding="utf-8")
            (programs / name).chmod(0o755)
        self.path = f"{programs}:{os.environ['PATH']}"

    def run(self, name: str, **environment: str) -> subprocess.CompletedProcess[str]:
        variables = {**ENVIRONMENT, "PATH": self.path, "CALLS": str(self.folder), **environment}
        variables = {key: value for key, value in variables.items() if value}
        return subprocess.run(
            ["sh", str(INFRA / f"hooks/{name}.sh")],
            cwd=ROOT,
            env=variables,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    def _file(self, name: str) -> list[str]:
        file = self.folder / name
        return file.read_text(encoding="utf-8").splitlines() if file.exists() else []

    @property
    def calls(self) -> list[str]:
        return self._file("log")

    @property
    def bodies(self) -> list[dict]:
        return [json.loads(line) for line in self._file("bodies") if line]

    @property
    def modes(self) -> set[str]:
        return set(self._file("modes"))


@pytest.fixture
def hook(tmp_path):
    return Hook(tmp_path)


def test_the_sign_in_application_is_made_once_and_remembered(hook):
    ended = hook.run("preprovision", SLIPWAY_SIGN_IN_CLIENT_ID="")
    assert ended.returncode == 0, ended.stderr
    assert "azd env set SLIPWAY_SIGN_IN_CLIENT_ID 44444444-4444-4444-4444-444444444444" in hook.calls


def test_an_application_that_is_known_is_left_alone(hook):
    assert hook.run("preprovision").returncode == 0
    assert hook.calls == []


def test_the_vault_gets_every_secret_that_it_lacks(hook):
    ended = hook.run("postprovision")
    assert ended.returncode == 0, ended.stderr
    put = [call for call in hook.calls if "--method put" in call]
    assert [call.split("/secrets/")[1].split("?")[0] for call in put] == [
        "slipway-signing-key",
        "slipway-hook-secrets",
        "slipway-channels",
        "slipway-api-keys",
    ]


def test_secrets_are_new_each_time_and_never_on_a_command_line_or_in_the_output(hook):
    first = hook.run("postprovision")
    second = hook.run("postprovision")
    values = [body["properties"]["value"] for body in hook.bodies if "properties" in body]
    keys = [value for value in values if value != "{}"]
    assert len(keys) == len(set(keys)) == 4
    said = first.stdout + first.stderr + second.stdout + second.stderr + "\n".join(hook.calls)
    assert not [key for key in keys if key.partition(":")[2] in said.split() or key in said]
    assert hook.modes == {"-rw-------"}


def test_secrets_that_are_there_are_never_replaced(hook):
    ended = hook.run("postprovision", PRESENT="slipway-signing-key slipway-channels slipway-api-keys")
    assert ended.returncode == 0, ended.stderr
    put = [call for call in hook.calls if "--method put" in call]
    assert len(put) == 1
    assert "/secrets/slipway-hook-secrets?" in put[0]


def test_nothing_is_written_when_the_vault_cannot_be_listed(hook):
    """Otherwise a refusal would look like an empty vault, and the signing keys of open links would be replaced."""
    assert hook.run("postprovision", FAIL_LIST="yes").returncode != 0
    assert not [call for call in hook.calls if "--method put" in call]


def test_the_application_trusts_the_apps_identity_once(hook):
    hook.run("postprovision")
    [trust] = [body for body in hook.bodies if "subject" in body]
    assert trust["subject"] == ENVIRONMENT["SLIPWAY_IDENTITY_PRINCIPAL_ID"]
    assert trust["issuer"] == "https://login.microsoftonline.com/33333333-3333-3333-3333-333333333333/v2.0"
    before = len(hook.bodies)
    hook.run("postprovision", TRUSTED=ENVIRONMENT["SLIPWAY_IDENTITY_PRINCIPAL_ID"], PRESENT="slipway-signing-key")
    assert len([body for body in hook.bodies[before:] if "subject" in body]) == 0


def test_people_may_sign_in_at_every_address_of_the_app_each_named_once(hook):
    hook.run("postprovision")
    hook.run("postprovision", SLIPWAY_PUBLIC_URL=f"https://{ENVIRONMENT['SLIPWAY_APP_HOST']}")
    told = [call.split("--web-redirect-uris ")[1].split() for call in hook.calls if "app update" in call]
    own = "https://func-try.azurewebsites.net/.auth/login/aad/callback"
    assert told == [[own, "https://slipway.example.com/.auth/login/aad/callback"], [own]]


def _check_online(hook, **environment: str) -> subprocess.CompletedProcess[bytes]:
    variables = {"PATH": hook.path, "CALLS": str(hook.folder), **environment}
    command = ["sh", str(INFRA / "check-online.sh")]
    return subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, check=False, timeout=60)


def test_a_what_if_is_asked_for_only_where_a_region_is_named(hook):
    assert _check_online(hook).returncode == 0
    assert hook.calls == []


def test_a_what_if_gets_a_value_for_every_parameter_without_a_default(hook):
    assert _check_online(hook, SLIPWAY_CHECK_LOCATION="westeurope").returncode == 0
    (call,) = hook.calls
    given = {item.partition("=")[0] for item in call.split("--parameters ")[1].split()}
    assert given == {name for name, item in interface()["parameters"].items() if "defaultValue" not in item}


def test_the_subscription_is_deployed_with_the_parameters_that_it_declares(hook):
    ended = hook.run("postdeploy")
    assert ended.returncode == 0, ended.stderr
    [call] = hook.calls
    assert "--template-file infra/postdeploy.bicep" in call
    given = dict(item.split("=") for item in call.split("--parameters ")[1].split())
    assert given == {
        "systemTopicName": "evgt-try",
        "appName": "func-try",
        "storageName": "sthosttry",
        "deadEventsContainer": "dead-events",
    }
