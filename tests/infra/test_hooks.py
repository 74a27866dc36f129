"""The hooks of azd, run as azd runs them, against a stand-in for `az` and `azd` that remembers what was done."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.infra import hooks_here
from tests.infra.azure_double import FORMER, GROUP, OTHER_SUBSCRIPTION, SUBSCRIPTION, TENANT, empty_state
from tests.infra.compiler import INFRA, ROOT, interface

pytestmark = pytest.mark.hooks

HOOKS = INFRA / "hooks"
PRINCIPAL = "11111111-1111-1111-1111-111111111111"
WORKER = "11111111-1111-1111-1111-444444444444"
AFTER_DOWN = "11111111-1111-1111-1111-222222222222"
NEW = {"AZURE_ENV_NAME": "try", "AZURE_LOCATION": "westeurope", "AZURE_SUBSCRIPTION_ID": SUBSCRIPTION}
FLOW = f"{GROUP}/providers/Microsoft.Logic/workflows/logic-try"
CONNECTION = f"{GROUP}/providers/Microsoft.Web/connections/logic-try-teams"
SITES = f"{GROUP}/providers/Microsoft.Web/sites"
WORKERS_OWN = [
    f"{SITES}/work-try",
    f"{GROUP}/providers/Microsoft.Web/serverfarms/plan-work-try",
    f"{GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id-work-try",
]
"""What an installation of two apps leaves behind when one app becomes both."""
OUTPUTS = {
    "AZURE_RESOURCE_GROUP": "rg-slipway-try",
    "SLIPWAY_APP_NAME": "func-try",
    "SLIPWAY_WORKER_NAME": "work-try",
    "SLIPWAY_WORKER_PRINCIPAL_ID": WORKER,
    "SLIPWAY_APP_HOST": "func-try.azurewebsites.net",
    "SLIPWAY_PUBLIC_URL": "https://slipway.example.com",
    "SLIPWAY_IDENTITY_PRINCIPAL_ID": PRINCIPAL,
    "SLIPWAY_VAULT_NAME": "kv-try",
    "SLIPWAY_LEDGER_STORAGE": "stdatatry",
    "SLIPWAY_LEDGER_GROUP": "rg-slipway-try",
    "SLIPWAY_NONPROD_REGISTRY": "crnonprodtry.azurecr.io",
    "SLIPWAY_RIGHTS": json.dumps(["given-1", "given-2"]),
    "SLIPWAY_SWITCHED_OFF": json.dumps([FLOW, CONNECTION]),
}
"""What `azd provision` leaves in the environment."""

SECRETS = [
    *("slipway-public-keys", "slipway-signing-key", "slipway-session-keys"),
    *("slipway-hook-secrets", "slipway-channels", "slipway-api-keys"),
]


class Azure:
    """What the stand-in remembers, and the hooks that are run against it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        programs = folder / "bin"
        programs.mkdir()
        for name in ("az", "azd"):
            (programs / name).write_text(
                f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -S -m tests.infra.azure_double {name} "$@"\n',
                encoding="utf-8",
            )
            (programs / name).chmod(0o755)
        self._path = f"{programs}{os.pathsep}{os.environ['PATH']}"
        self.state = empty_state()

    @property
    def state(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self._folder / "state.json").read_text(encoding="utf-8"))
        return found

    @state.setter
    def state(self, state: dict[str, Any]) -> None:
        (self._folder / "state.json").write_text(json.dumps(state), encoding="utf-8")

    def change(self, **changes: Any) -> None:
        self.state = self.state | changes

    def run(self, name: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """A hook, with the variables of the azd environment as they are now. It runs in its own folder, as with azd."""
        held = {**NEW, **self.state["environment"], **environment}
        ended = self.run_command([sys.executable, "-S", str(HOOKS / f"{name}.py")], **held)
        assert "is not known to this double" not in ended.stderr, ended.stderr
        assert "Traceback" not in ended.stderr, ended.stderr
        return ended

    def run_command(self, command: list[str], **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=HOOKS,
            env={"PATH": self._path, "AZURE_DOUBLE": str(self._folder), "SLIPWAY_HOOK_PAUSE": "0", **environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    def well(self, name: str, **environment: str) -> str:
        """A hook that must succeed, and what it said."""
        ended = self.run(name, **environment)
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    def calls(self, of: str = "") -> list[str]:
        return [call for call in self.state["calls"] if of in call]

    def provision(self, **environment: str) -> None:
        """Both hooks of `azd provision`, with what the deployment between them gives."""
        self.well("preprovision", **environment)
        self.well("postprovision", **{**OUTPUTS, **environment})

    def application(self, name: str = "sign-in") -> dict[str, Any]:
        """One of the two registrations, by what it is for."""
        votes = name == "votes"
        (found,) = [
            application
            for application in self.state["applications"].values()
            if application["uniqueName"].endswith("-votes") is votes
        ]
        return found  # type: ignore[no-any-return]


@pytest.fixture
def azure(tmp_path: Path) -> Azure:
    return Azure(tmp_path)


def lasting(state: dict[str, Any]) -> dict[str, Any]:
    """What is left of a run, without what only tells how it went, and with the length of a secret for its value."""
    told = {key: value for key, value in state.items() if key not in ("calls", "modes", "plan", "refreshed", "lines")}
    return told | {"secrets": {name: len(value) for name, value in state["secrets"].items()}}


def right(
    name: str, *, about: str, principal: str = PRINCIPAL, scope: str = f"{GROUP}/providers/x/y/z"
) -> dict[str, Any]:
    return {
        "id": f"{scope}/providers/Microsoft.Authorization/roleAssignments/{name}",
        "name": name,
        "properties": {"scope": scope, "principalId": principal, "description": about},
    }


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
def test_what_azure_would_refuse_later_is_refused_before_anything_is_asked_of_it(
    azure: Azure, name: str, value: str
) -> None:
    ended = azure.run("preprovision", **{name: value})
    assert ended.returncode == 1
    assert name in ended.stderr
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
def test_what_azure_takes_is_let_through(azure: Azure, name: str, value: str) -> None:
    environment = NEW | {name: value}
    program = "import preprovision, json, sys; print(json.dumps(list(preprovision.faults(json.load(sys.stdin)))))"
    ended = subprocess.run(
        [sys.executable, "-c", program],
        cwd=HOOKS,
        input=json.dumps(environment),
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(ended.stdout) == []


def test_every_number_and_switch_that_azd_would_drop_without_a_word_is_looked_at() -> None:
    parameters = json.loads((INFRA / "main.parameters.json").read_text(encoding="utf-8"))["parameters"]
    text = (HOOKS / "preprovision.py").read_text(encoding="utf-8")
    strict = [name for name, item in interface()["parameters"].items() if item["type"] in ("int", "bool")]
    variables = [parameters[name]["value"].strip("${}") for name in strict]
    assert variables
    assert [name for name in variables if f'"{name}"' not in text] == []


def test_all_that_is_wrong_is_said_at_once(azure: Azure) -> None:
    ended = azure.run("preprovision", AZURE_ENV_NAME="Trial", SLIPWAY_STAGING_NODES="three")
    assert [line.split(" ")[0] for line in ended.stderr.splitlines()] == ["AZURE_ENV_NAME", "SLIPWAY_STAGING_NODES"]


def test_a_subscription_that_az_does_not_know_is_named_before_anything_is_made(azure: Azure) -> None:
    azure.change(accounts={OTHER_SUBSCRIPTION: TENANT}, default_account=OTHER_SUBSCRIPTION)
    ended = azure.run("preprovision")
    assert ended.returncode == 1
    assert "az login" in ended.stderr
    assert azure.state["applications"] == {}


def test_somebody_whose_default_is_another_tenant_makes_nothing_there(azure: Azure) -> None:
    other = "00000000-0000-0000-0000-0000000000f2"
    azure.change(accounts={SUBSCRIPTION: TENANT, OTHER_SUBSCRIPTION: other}, default_account=OTHER_SUBSCRIPTION)
    for hook, environment in (("preprovision", {}), ("postprovision", OUTPUTS)):
        ended = azure.run(hook, **environment)
        assert ended.returncode == 1
        assert f"az account set --subscription {SUBSCRIPTION}" in ended.stderr
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
def test_what_is_done_is_the_same_however_az_ends_its_lines(
    azure: Azure, tmp_path_factory: pytest.TempPathFactory, lines: str
) -> None:
    azure.change(lines=lines)
    azure.provision()
    other = Azure(tmp_path_factory.mktemp("other"))
    other.provision()
    assert lasting(azure.state) == lasting(other.state)


def test_secrets_are_new_in_each_installation_and_never_on_a_command_line_or_in_the_output(
    azure: Azure, tmp_path_factory: pytest.TempPathFactory
) -> None:
    said = azure.well("preprovision") + azure.well("postprovision", **OUTPUTS)
    other = Azure(tmp_path_factory.mktemp("other"))
    other.provision()
    values = [state["secrets"][name] for state in (azure.state, other.state) for name in SECRETS[:2]]
    assert len(set(values)) == 4
    assert not [value for value in values if value in said or value in "\n".join(azure.calls())]
    assert set(azure.state["modes"]) == {"0o600"}


@pytest.mark.parametrize("failing", range(1, 5))
def test_a_look_that_fails_is_not_proof_that_a_secret_is_absent(azure: Azure, failing: int) -> None:
    """Too many requests, no right, a lost line: the keys of open links would be replaced."""
    azure.provision()
    kept = azure.state["secrets"]
    looks = [
        number for number, call in enumerate(azure.state["calls"], 1) if "--method get" in call and "/secrets/" in call
    ]
    before = len(azure.state["calls"])
    azure.well("preprovision")
    extra = len(azure.state["calls"]) - before
    first_look = before + extra + 3  # two looks at the account come first
    azure.change(plan={"at": first_look + failing - 1, "how": "fail"})
    ended = azure.run("postprovision", **OUTPUTS)
    assert ended.returncode == 1
    assert len(looks) == len(SECRETS)
    assert azure.state["secrets"] == kept
    assert len(azure.calls("--method put")) == len(SECRETS)


# What was kept or switched off.


def test_a_locked_policy_is_left_to_a_request_of_its_own_that_makes_it_longer(azure: Azure) -> None:
    azure.change(policy={"state": "Locked", "immutabilityPeriodSinceCreationInDays": 365})
    azure.well("preprovision", **OUTPUTS)
    assert azure.state["environment"]["SLIPWAY_AUDIT_POLICY_LOCKED"] == "true"
    for days, kept in (("400", 400), ("400", 400), ("30", 400), ("0", 400)):
        azure.provision(**OUTPUTS, SLIPWAY_AUDIT_RETENTION_DAYS=days)
        assert azure.state["policy"]["immutabilityPeriodSinceCreationInDays"] == kept


def test_a_policy_that_is_not_locked_stays_the_templates(azure: Azure) -> None:
    azure.change(policy={"state": "Unlocked", "immutabilityPeriodSinceCreationInDays": 365})
    azure.provision(**OUTPUTS, SLIPWAY_AUDIT_RETENTION_DAYS="400")
    assert "SLIPWAY_AUDIT_POLICY_LOCKED" not in azure.state["environment"]
    assert not azure.calls("/extend")


def test_a_vault_that_azd_down_deleted_is_recovered_and_only_that_one(azure: Azure) -> None:
    def deleted(group: str, location: str) -> dict[str, Any]:
        vault = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{group}/providers/Microsoft.KeyVault/vaults/kv"
        return {"properties": {"vaultId": vault, "location": location}}

    azure.change(deleted_vaults=[deleted("rg-slipway-other", "westeurope"), deleted("rg-slipway-try", "northeurope")])
    azure.well("preprovision")
    assert "SLIPWAY_RECOVER_VAULT" not in azure.state["environment"]
    azure.change(page=1, deleted_vaults=[*azure.state["deleted_vaults"], deleted("rg-slipway-try", "West Europe")])
    azure.well("preprovision")
    assert azure.state["environment"]["SLIPWAY_RECOVER_VAULT"] == "true"
    azure.change(deleted_vaults=[])
    azure.well("preprovision")
    assert azure.state["environment"]["SLIPWAY_RECOVER_VAULT"] == "false"


def test_rights_of_an_option_that_is_off_are_taken_back_and_peoples_own_stay(azure: Azure) -> None:
    elsewhere = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/platform-live/providers/x/y/namespaces/shop"
    azure.change(
        page=2,
        rights=[
            right("given-1", about="Slipway: the app sends mail."),
            right("former-option", about="Slipway: the app lets the production registry fetch an image itself."),
            right("former-namespace", about="Slipway: the app applies manifests.", scope=elsewhere, principal=WORKER),
            right("former-pipeline", about="Slipway: pipelines push images here.", principal=AFTER_DOWN),
            right("of-the-team", about="Ada may look.", principal=AFTER_DOWN),
            right("by-hand", about="so that it scales earlier"),
            right("given-2", about="Slipway: the app sends mail."),
            right(
                "above",
                about="Slipway: of another installation.",
                principal=AFTER_DOWN,
                scope=f"/subscriptions/{SUBSCRIPTION}",
            ),
        ],
    )
    azure.well("preprovision")
    said = azure.well("postprovision", **OUTPUTS)
    assert {item["name"] for item in azure.state["rights"]} == {"given-1", "given-2", "of-the-team", "by-hand", "above"}
    assert said.count("Took back on ") == 3
    assert "left alone: " in said
    assert "by-hand" in said


def test_what_an_option_made_goes_with_it_and_nothing_else_is_ever_deleted(azure: Azure) -> None:
    azure.change(resources=[FLOW, CONNECTION, f"{GROUP}/providers/Microsoft.Logic/workflows/of-the-team"])
    azure.provision()
    assert azure.state["resources"] == [f"{GROUP}/providers/Microsoft.Logic/workflows/of-the-team"]
    azure.provision()
    assert len(azure.calls("--method delete")) == 2


def test_where_one_app_becomes_both_the_workers_own_goes_with_its_rights_everywhere(azure: Azure) -> None:
    elsewhere = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/platform-live/providers/x/y/namespaces/shop"
    azure.change(
        resources=WORKERS_OWN,
        rights=[
            right("of-the-worker", about="Slipway: the worker applies manifests.", principal=FORMER, scope=elsewhere),
            right("of-somebody", about="Slipway: of another installation.", principal=AFTER_DOWN, scope=elsewhere),
            right("by-hand", about="for a test", principal=FORMER, scope=elsewhere),
        ],
    )
    one = {"SLIPWAY_WORKER_NAME": "func-try", "SLIPWAY_WORKER_PRINCIPAL_ID": PRINCIPAL}
    azure.well("preprovision")
    said = azure.well("postprovision", **OUTPUTS | one | {"SLIPWAY_SWITCHED_OFF": json.dumps(WORKERS_OWN)})
    assert azure.state["resources"] == []
    assert {item["name"] for item in azure.state["rights"]} == {"of-somebody", "by-hand"}
    assert "left alone: " in said
    azure.well("postprovision", **OUTPUTS | one | {"SLIPWAY_SWITCHED_OFF": json.dumps(WORKERS_OWN)})


def test_all_that_the_template_may_name_as_switched_off_can_be_removed_by_the_hook(azure: Azure) -> None:
    text = (INFRA / "main.bicep").read_text(encoding="utf-8")
    listed = text.partition("output SLIPWAY_SWITCHED_OFF array")[2]
    kinds = set(re.findall(r"/providers/(Microsoft\.[A-Za-z]+/\w+)/", listed)) | {
        "Microsoft.ManagedIdentity/userAssignedIdentities",  # by a variable
        "Microsoft.Communication/emailServices/domains",
    }
    known = set(re.findall(r'^    "(Microsoft\.[\w./]+)": ', (HOOKS / "postprovision.py").read_text(), re.MULTILINE))
    assert kinds == known


def test_only_what_holds_no_record_can_be_removed(azure: Azure) -> None:
    ledger = f"{GROUP}/providers/Microsoft.Storage/storageAccounts/stdatatry"
    azure.well("preprovision")
    environment = {
        "PATH": azure._path,
        "AZURE_DOUBLE": str(azure._folder),
        **NEW,
        **azure.state["environment"],
        **OUTPUTS,
    }
    ended = subprocess.run(
        [sys.executable, str(HOOKS / "postprovision.py")],
        cwd=HOOKS,
        env=environment | {"SLIPWAY_SWITCHED_OFF": json.dumps([ledger])},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert ended.returncode == 1
    assert not azure.calls("--method delete")


# Again and again.


def _provisioned(state: dict[str, Any], *, end_after: int = -1) -> None:
    """Both hooks of `azd provision` in this process, with what the deployment between them gives."""
    for name, given in (("preprovision", {}), ("postprovision", OUTPUTS)):
        hooks_here.run(name, state, {**NEW, **state["environment"], **given}, end_after=end_after)


def _with_what_is_to_go() -> dict[str, Any]:
    former = right("former", about="Slipway: the app sends mail.")
    return json.loads(json.dumps(empty_state() | {"resources": [FLOW], "rights": [former]}))  # type: ignore[no-any-return]


def test_a_run_that_ends_after_any_call_is_finished_by_the_next() -> None:
    """A hook that ends before a call has done no more than one that ended after the call before it."""
    whole = _with_what_is_to_go()
    _provisioned(whole)
    calls = len(whole["calls"])
    assert calls > 60
    for end_after in range(calls):
        state = _with_what_is_to_go()
        with pytest.raises(hooks_here.Killed):
            _provisioned(state, end_after=end_after)
        assert len(state["calls"]) == end_after
        _provisioned(state)
        assert lasting(state) == lasting(whole), f"ended after {state['calls'][end_after - 1]}"


WRITES = ("--method put", "--method post", "--method patch", "--method delete", "env set")


@pytest.mark.parametrize("how", ["before", "after"])
def test_a_process_that_is_killed_at_a_change_is_no_other_case(
    azure: Azure, tmp_path_factory: pytest.TempPathFactory, how: str
) -> None:
    """The same for processes that are killed, at a few places: no `finally` and no file is left to them."""
    whole = Azure(tmp_path_factory.mktemp("whole"))
    whole.state = _with_what_is_to_go()
    whole.provision()
    places = [at for at, call in enumerate(whole.state["calls"], 1) if any(word in call for word in WRITES)]
    for at in places[::12]:
        azure.state = _with_what_is_to_go() | {"plan": {"at": at, "how": how}}
        ended = azure.run("preprovision")
        if ended.returncode == 0:
            ended = azure.run("postprovision", **OUTPUTS)
        assert ended.returncode < 0, f"nothing ended the hook at call {at}"
        azure.provision()
        assert lasting(azure.state) == lasting(whole.state), f"ended {how} call {at}: {azure.state['calls'][at - 1]}"


def test_a_repeat_writes_nothing(azure: Azure) -> None:
    azure.provision()
    before = len(azure.state["calls"])
    azure.provision()
    again = azure.state["calls"][before:]
    written = [call for call in again if "--method get" not in call and "account show" not in call]
    assert [call for call in written if "configreferences/appsettings/refresh" not in call] == []


# After the app was deployed.


FUNCTIONS = [f"{SITES}/func-try/functions/health", f"{SITES}/work-try/functions/run_step"]


def test_a_deployment_is_a_success_once_both_apps_show_their_functions(azure: Azure) -> None:
    azure.change(resources=FUNCTIONS)
    assert "now reach https://slipway.example.com" in azure.well("postdeploy", **OUTPUTS)


@pytest.mark.parametrize("missing", FUNCTIONS)
def test_an_app_without_functions_is_not_success(azure: Azure, missing: str) -> None:
    azure.change(resources=[function for function in FUNCTIONS if function != missing])
    ended = azure.run("postdeploy", **OUTPUTS)
    assert ended.returncode == 1
    assert missing.rpartition("/")[2] in ended.stderr


def test_one_app_that_is_both_is_asked_for_the_functions_of_both(azure: Azure) -> None:
    azure.change(resources=[f"{SITES}/func-try/functions/{name}" for name in ("health", "run_step")])
    azure.well("postdeploy", **OUTPUTS | {"SLIPWAY_WORKER_NAME": "func-try"})


# On Windows.


def test_on_windows_the_python_of_az_is_started_because_a_batch_file_reads_parentheses_itself(tmp_path: Path) -> None:
    batch = tmp_path / "wbin" / "az.cmd"
    batch.parent.mkdir()
    batch.touch()
    (tmp_path / "python.exe").touch()
    program = f"import cloud; print(cloud.command('az', which=lambda name: {str(batch)!r}))"
    ended = subprocess.run([sys.executable, "-c", program], cwd=HOOKS, capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == str([str(tmp_path / "python.exe"), "-IBm", "azure.cli"])


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
    given = {item.partition("=")[0] for item in call.split("--parameters ")[1].split()}
    assert given == {name for name, item in interface()["parameters"].items() if "defaultValue" not in item}
