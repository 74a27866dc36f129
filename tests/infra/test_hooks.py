"""The hooks of azd, run as azd runs them, against a stand-in for `az` and `azd` that remembers what was done."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.infra.azure_double import OTHER_SUBSCRIPTION, SUBSCRIPTION, TENANT
from tests.infra.compiler import INFRA, ROOT, interface
from tests.infra.hook_installation import (
    AFTER_DOWN,
    HOOKS,
    NEW,
    OUTPUTS,
    PRINCIPAL,
    SECRETS,
    SITES,
    Azure,
    lasting,
)

pytestmark = pytest.mark.hooks


@pytest.fixture
def azure(tmp_path: Path) -> Azure:
    return Azure(tmp_path)


# Before anything is made.


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("AZURE_ENV_NAME", value) for value in ("Trial", "shop.v2(1)", "x", "shop_2", "-shop", "shop-", "a" * 33)),
        *(("AZURE_LOCATION", value) for value in ("West Europe", "WestEurope")),
        *(
            ("SLIPWAY_NETWORK_BLOCK", value)
            for value in ("10.0", "10.244", "300.1.2", "10.256", "8.8", "172.32", "10.40.1")
        ),
        *(("SLIPWAY_STAGING_NODES", value) for value in ("three", "-1", "1.5")),
        ("SLIPWAY_PRIVATE_NETWORKING", "yes"),
        ("SLIPWAY_CUSTOM_URL", "https://slipway.example.com/"),
        ("SLIPWAY_CUSTOM_URL", "http://slipway.example.com"),
        ("SLIPWAY_PIPELINE_PRINCIPAL_ID", "my-connection"),
        ("SLIPWAY_CLUSTER_ADMIN_GROUPS", "platform"),
        ("SLIPWAY_EXISTING_LEDGER", "stdataearlier"),
        ("SLIPWAY_EXISTING_STAGING_CLUSTER", "team-test"),
        ("SLIPWAY_EXTRA_SETTINGS", '{"A": 1}'),
        ("SLIPWAY_EXTRA_SETTINGS", "A=1"),
        *(("SLIPWAY_ALWAYS_READY", value) for value in ("1", '{"http": "1"}', '{"http": true}', "http=1")),
        ("SLIPWAY_SPLIT", "single"),
        ("SLIPWAY_APPROVAL_SENDERS", "the-bot"),
    ],
)
def test_a_value_that_azure_would_refuse_later_is_refused_before_the_first_request(
    azure: Azure, name: str, value: str
) -> None:
    process = azure.run("preprovision", **{name: value})
    assert process.returncode == 1
    assert name in process.stderr
    assert azure.calls() == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("AZURE_ENV_NAME", value) for value in ("try", "shop-2", "a" * 32, "ab")),
        *(("SLIPWAY_NETWORK_BLOCK", value) for value in ("10.40", "10.1", "10.255", "172.16", "192.168")),
        ("SLIPWAY_EXTRA_SETTINGS", '{"SLIPWAY_TRACE_SHARE": "0.5"}'),
        ("SLIPWAY_CLUSTER_ADMIN_GROUPS", f"{PRINCIPAL}, {AFTER_DOWN}"),
        ("SLIPWAY_APPROVAL_SENDERS", f"{PRINCIPAL}, {AFTER_DOWN}"),
        ("SLIPWAY_ALWAYS_READY", '{"http": 1, "take_hint": 1}'),
        ("SLIPWAY_SPLIT", "false"),
    ],
)
def test_a_value_that_azure_accepts_is_let_through(azure: Azure, name: str, value: str) -> None:
    environment = NEW | {name: value}
    program = "import preprovision, json, sys; print(json.dumps(list(preprovision.faults(json.load(sys.stdin)))))"
    process = subprocess.run(
        [sys.executable, "-c", program],
        cwd=HOOKS,
        input=json.dumps(environment),
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(process.stdout) == []


def test_every_number_and_switch_that_azd_would_drop_without_a_word_is_looked_at() -> None:
    parameters = json.loads((INFRA / "main.parameters.json").read_text(encoding="utf-8"))["parameters"]
    text = (HOOKS / "preprovision.py").read_text(encoding="utf-8")
    strict = [name for name, item in interface()["parameters"].items() if item["type"] in ("int", "bool")]
    variables = [parameters[name]["value"].strip("${}") for name in strict]
    assert variables
    assert [name for name in variables if f'"{name}"' not in text] == []


def test_all_wrong_values_are_named_at_once(azure: Azure) -> None:
    process = azure.run("preprovision", AZURE_ENV_NAME="Trial", SLIPWAY_STAGING_NODES="three")
    assert [line.split(" ")[0] for line in process.stderr.splitlines()] == ["AZURE_ENV_NAME", "SLIPWAY_STAGING_NODES"]


def test_a_subscription_that_az_does_not_know_is_named_before_anything_is_made(azure: Azure) -> None:
    azure.change(accounts={OTHER_SUBSCRIPTION: TENANT}, default_account=OTHER_SUBSCRIPTION)
    process = azure.run("preprovision")
    assert process.returncode == 1
    assert "az login" in process.stderr
    assert azure.state["applications"] == {}


def test_a_default_subscription_of_another_tenant_stops_the_hooks_before_they_make_anything(azure: Azure) -> None:
    other_tenant = "00000000-0000-0000-0000-0000000000f2"
    azure.change(accounts={SUBSCRIPTION: TENANT, OTHER_SUBSCRIPTION: other_tenant}, default_account=OTHER_SUBSCRIPTION)
    for hook, environment in (("preprovision", {}), ("postprovision", OUTPUTS)):
        process = azure.run(hook, **environment)
        assert process.returncode == 1
        assert f"az account set --subscription {SUBSCRIPTION}" in process.stderr
    assert (azure.state["applications"], azure.state["secrets"]) == ({}, {})


def test_another_default_subscription_of_the_same_tenant_does_not_matter(azure: Azure) -> None:
    azure.change(default_account=OTHER_SUBSCRIPTION)
    azure.provision()
    assert not azure.calls(OTHER_SUBSCRIPTION)
    assert sorted(azure.state["secrets"]) == sorted(SECRETS)


# The secrets.


def test_the_vault_gets_every_secret_that_it_lacks(azure: Azure) -> None:
    azure.provision()
    assert sorted(azure.state["secrets"]) == sorted(SECRETS)
    assert azure.state["refreshed"] == 2, "both apps read them at once"
    azure.provision(SLIPWAY_WORKER_NAME="func-try", SLIPWAY_WORKER_PRINCIPAL_ID=PRINCIPAL)
    assert azure.state["refreshed"] == 3, "one app that is both reads them once"


@pytest.mark.parametrize("lines", ["unix", "windows"])
def test_secrets_that_are_there_are_never_replaced_however_az_ends_its_lines(azure: Azure, lines: str) -> None:
    azure.change(lines=lines)
    azure.provision()
    first = azure.state["secrets"]
    azure.provision()
    assert azure.state["secrets"] == first
    assert len(azure.calls("--method put")) == len(SECRETS)


@pytest.mark.parametrize("lines", ["unix", "windows"])
def test_the_outcome_is_the_same_however_az_ends_its_lines(
    azure: Azure, tmp_path_factory: pytest.TempPathFactory, lines: str
) -> None:
    azure.change(lines=lines)
    azure.provision()
    second = Azure(tmp_path_factory.mktemp("other"))
    second.provision()
    assert lasting(azure.state) == lasting(second.state)


def test_secrets_are_new_in_each_installation_and_never_on_a_command_line_or_in_the_output(
    azure: Azure, tmp_path_factory: pytest.TempPathFactory
) -> None:
    output = azure.run_successfully("preprovision") + azure.run_successfully("postprovision", **OUTPUTS)
    second = Azure(tmp_path_factory.mktemp("other"))
    second.provision()
    values = [state["secrets"][name] for state in (azure.state, second.state) for name in SECRETS[:2]]
    assert len(set(values)) == 4
    assert not [value for value in values if value in output or value in "\n".join(azure.calls())]
    assert set(azure.state["modes"]) == {"0o600"}


@pytest.mark.parametrize("failing", range(1, 5))
def test_a_look_that_fails_is_not_proof_that_a_secret_is_absent(azure: Azure, failing: int) -> None:
    """Too many requests, no right, a lost line: the keys of open links would be replaced."""
    azure.provision()
    secrets_before = azure.state["secrets"]
    looks = [
        number for number, call in enumerate(azure.state["calls"], 1) if "--method get" in call and "/secrets/" in call
    ]
    before = len(azure.state["calls"])
    azure.run_successfully("preprovision")
    extra = len(azure.state["calls"]) - before
    first_look = before + extra + 3  # two looks at the account come first
    azure.change(plan={"at": first_look + failing - 1, "how": "fail"})
    process = azure.run("postprovision", **OUTPUTS)
    assert process.returncode == 1
    assert len(looks) == len(SECRETS)
    assert azure.state["secrets"] == secrets_before
    assert len(azure.calls("--method put")) == len(SECRETS)


# What was kept or switched off.


def test_a_locked_policy_is_left_to_a_request_of_its_own_that_makes_it_longer(azure: Azure) -> None:
    azure.change(policy={"state": "Locked", "immutabilityPeriodSinceCreationInDays": 365})
    azure.run_successfully("preprovision", **OUTPUTS)
    assert azure.state["environment"]["SLIPWAY_AUDIT_POLICY_LOCKED"] == "true"
    for days, expected in (("400", 400), ("400", 400), ("30", 400), ("0", 400)):
        azure.provision(**OUTPUTS, SLIPWAY_AUDIT_RETENTION_DAYS=days)
        assert azure.state["policy"]["immutabilityPeriodSinceCreationInDays"] == expected


def test_a_policy_that_is_not_locked_is_left_to_the_template(azure: Azure) -> None:
    azure.change(policy={"state": "Unlocked", "immutabilityPeriodSinceCreationInDays": 365})
    azure.provision(**OUTPUTS, SLIPWAY_AUDIT_RETENTION_DAYS="400")
    assert "SLIPWAY_AUDIT_POLICY_LOCKED" not in azure.state["environment"]
    assert not azure.calls("/extend")


def test_a_vault_that_azd_down_deleted_is_recovered_and_only_that_one(azure: Azure) -> None:
    def deleted(group: str, location: str) -> dict[str, Any]:
        vault = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{group}/providers/Microsoft.KeyVault/vaults/kv"
        return {"properties": {"vaultId": vault, "location": location}}

    azure.change(deleted_vaults=[deleted("rg-slipway-other", "westeurope"), deleted("rg-slipway-try", "northeurope")])
    azure.run_successfully("preprovision")
    assert "SLIPWAY_RECOVER_VAULT" not in azure.state["environment"]
    azure.change(page=1, deleted_vaults=[*azure.state["deleted_vaults"], deleted("rg-slipway-try", "West Europe")])
    azure.run_successfully("preprovision")
    assert azure.state["environment"]["SLIPWAY_RECOVER_VAULT"] == "true"
    azure.change(deleted_vaults=[])
    azure.run_successfully("preprovision")
    assert azure.state["environment"]["SLIPWAY_RECOVER_VAULT"] == "false"


# After the app was deployed.


FUNCTIONS = [f"{SITES}/func-try/functions/health", f"{SITES}/work-try/functions/run_step"]


def test_a_deployment_is_a_success_once_both_apps_show_their_functions(azure: Azure) -> None:
    azure.change(resources=FUNCTIONS)
    assert "now reach https://slipway.example.com" in azure.run_successfully("postdeploy", **OUTPUTS)


@pytest.mark.parametrize("missing", FUNCTIONS)
def test_an_app_without_functions_is_not_success(azure: Azure, missing: str) -> None:
    azure.change(resources=[function for function in FUNCTIONS if function != missing])
    process = azure.run("postdeploy", **OUTPUTS)
    assert process.returncode == 1
    assert missing.rpartition("/")[2] in process.stderr


def test_a_single_app_is_asked_for_the_functions_of_both_roles(azure: Azure) -> None:
    azure.change(resources=[f"{SITES}/func-try/functions/{name}" for name in ("health", "run_step")])
    azure.run_successfully("postdeploy", **OUTPUTS | {"SLIPWAY_WORKER_NAME": "func-try"})


# On Windows.


def test_on_windows_the_python_of_az_is_started_because_a_batch_file_reads_parentheses_itself(tmp_path: Path) -> None:
    batch = tmp_path / "wbin" / "az.cmd"
    batch.parent.mkdir()
    batch.touch()
    (tmp_path / "python.exe").touch()
    program = f"import cloud; print(cloud.command('az', which=lambda name: {str(batch)!r}))"
    process = subprocess.run([sys.executable, "-c", program], cwd=HOOKS, capture_output=True, text=True, check=True)
    assert process.stdout.strip() == str([str(tmp_path / "python.exe"), "-IBm", "azure.cli"])


def test_hooks_need_nothing_but_python_itself() -> None:
    assert not [
        line
        for line in (HOOKS / "requirements.txt").read_text(encoding="utf-8").splitlines()
        if line and not line.startswith("#")
    ]
    for path in HOOKS.glob("*.py"):
        for name in re.findall(r"^(?:from|import) (\w+)", path.read_text(encoding="utf-8"), re.MULTILINE):
            assert name in sys.stdlib_module_names or (HOOKS / f"{name}.py").exists(), f"{path.name}: {name}"


# A what-if.


def _check_online(folder: Path, **environment: str) -> list[str]:
    program = folder / "az"
    program.write_text(f'#!/bin/sh\necho "$*" >>{folder}/calls\n', encoding="utf-8")
    program.chmod(0o755)
    variables = {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}", **environment}
    subprocess.run(["sh", str(INFRA / "check-online.sh")], cwd=ROOT, env=variables, check=True, timeout=60)
    calls = folder / "calls"
    return calls.read_text(encoding="utf-8").splitlines() if calls.exists() else []


def test_a_what_if_is_asked_for_only_where_a_region_is_named(tmp_path: Path) -> None:
    assert _check_online(tmp_path) == []


def test_a_what_if_gets_a_value_for_every_parameter_without_a_default(tmp_path: Path) -> None:
    (call,) = _check_online(tmp_path, SLIPWAY_CHECK_LOCATION="westeurope")
    names = {item.partition("=")[0] for item in call.split("--parameters ")[1].split()}
    assert names == {name for name, item in interface()["parameters"].items() if "defaultValue" not in item}
