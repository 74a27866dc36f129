"""Hooks that run again: after an option was switched off, after they were interrupted, and for nothing."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.infra import hooks_in_process
from tests.infra.azure_double import FORMER, GROUP, SUBSCRIPTION, empty_state
from tests.infra.compiler import INFRA
from tests.infra.hook_installation import (
    AFTER_DOWN,
    CONNECTION,
    FLOW,
    HOOKS,
    NEW,
    OUTPUTS,
    PRINCIPAL,
    WORKER,
    WORKERS_OWN,
    Azure,
    lasting,
    right,
)

pytestmark = pytest.mark.hooks


@pytest.fixture
def azure(tmp_path: Path) -> Azure:
    return Azure(tmp_path)


def test_rights_of_an_option_that_is_off_are_taken_back_and_rights_given_by_people_stay(azure: Azure) -> None:
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
    azure.run_successfully("preprovision")
    output = azure.run_successfully("postprovision", **OUTPUTS)
    assert {item["name"] for item in azure.state["rights"]} == {"given-1", "given-2", "of-the-team", "by-hand", "above"}
    assert output.count("Took back on ") == 3
    assert "left alone: " in output
    assert "by-hand" in output


def test_resources_of_an_option_that_is_off_are_deleted_and_no_others(azure: Azure) -> None:
    azure.change(resources=[FLOW, CONNECTION, f"{GROUP}/providers/Microsoft.Logic/workflows/of-the-team"])
    azure.provision()
    assert azure.state["resources"] == [f"{GROUP}/providers/Microsoft.Logic/workflows/of-the-team"]
    azure.provision()
    assert len(azure.calls("--method delete")) == 2


def test_a_change_to_a_single_app_deletes_the_workers_resources_and_the_rights_that_slipway_gave_it(
    azure: Azure,
) -> None:
    elsewhere = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/platform-live/providers/x/y/namespaces/shop"
    azure.change(
        resources=WORKERS_OWN,
        rights=[
            right("of-the-worker", about="Slipway: the worker applies manifests.", principal=FORMER, scope=elsewhere),
            right("of-somebody", about="Slipway: of another installation.", principal=AFTER_DOWN, scope=elsewhere),
            right("by-hand", about="for a test", principal=FORMER, scope=elsewhere),
        ],
    )
    single_app = {"SLIPWAY_WORKER_NAME": "func-try", "SLIPWAY_WORKER_PRINCIPAL_ID": PRINCIPAL}
    azure.run_successfully("preprovision")
    output = azure.run_successfully(
        "postprovision", **OUTPUTS | single_app | {"SLIPWAY_SWITCHED_OFF": json.dumps(WORKERS_OWN)}
    )
    assert azure.state["resources"] == []
    assert {item["name"] for item in azure.state["rights"]} == {"of-somebody", "by-hand"}
    assert "left alone: " in output
    azure.run_successfully("postprovision", **OUTPUTS | single_app | {"SLIPWAY_SWITCHED_OFF": json.dumps(WORKERS_OWN)})


def test_the_hook_can_remove_every_kind_that_the_template_may_name_as_switched_off(azure: Azure) -> None:
    text = (INFRA / "main.bicep").read_text(encoding="utf-8")
    section = text.partition("output SLIPWAY_SWITCHED_OFF array")[2]
    kinds = set(re.findall(r"/providers/(Microsoft\.[A-Za-z]+/\w+)/", section)) | {
        "Microsoft.ManagedIdentity/userAssignedIdentities",  # by a variable
        "Microsoft.Communication/emailServices/domains",
    }
    removable = set(
        re.findall(r'^    "(Microsoft\.[\w./]+)": ', (HOOKS / "postprovision.py").read_text(), re.MULTILINE)
    )
    assert kinds == removable


def test_the_hook_cannot_remove_the_storage_of_the_ledger(azure: Azure) -> None:
    ledger = f"{GROUP}/providers/Microsoft.Storage/storageAccounts/stdatatry"
    azure.run_successfully("preprovision")
    environment = {
        "PATH": azure._path,
        "AZURE_DOUBLE": str(azure._folder),
        **NEW,
        **azure.state["environment"],
        **OUTPUTS,
    }
    process = subprocess.run(
        [sys.executable, str(HOOKS / "postprovision.py")],
        cwd=HOOKS,
        env=environment | {"SLIPWAY_SWITCHED_OFF": json.dumps([ledger])},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert process.returncode == 1
    assert not azure.calls("--method delete")


def _provision(state: dict[str, Any], *, end_after: int = -1) -> None:
    """Both hooks of `azd provision` in this process, with what the deployment between them gives."""
    for name, variables in (("preprovision", {}), ("postprovision", OUTPUTS)):
        hooks_in_process.run(name, state, {**NEW, **state["environment"], **variables}, end_after=end_after)


def _state_with_leftovers() -> dict[str, Any]:
    former = right("former", about="Slipway: the app sends mail.")
    return json.loads(json.dumps(empty_state() | {"resources": [FLOW], "rights": [former]}))  # type: ignore[no-any-return]


def test_a_run_that_ends_after_any_call_is_finished_by_the_next() -> None:
    """A hook that ends before a call has done no more than one that ended after the call before it."""
    complete = _state_with_leftovers()
    _provision(complete)
    calls = len(complete["calls"])
    assert calls > 60
    for end_after in range(calls):
        state = _state_with_leftovers()
        with pytest.raises(hooks_in_process.Killed):
            _provision(state, end_after=end_after)
        assert len(state["calls"]) == end_after
        _provision(state)
        assert lasting(state) == lasting(complete), f"ended after {state['calls'][end_after - 1]}"


WRITES = ("--method put", "--method post", "--method patch", "--method delete", "env set")


@pytest.mark.parametrize("how", ["before", "after"])
def test_a_hook_that_is_killed_at_a_change_is_finished_by_the_next_run(
    azure: Azure, tmp_path_factory: pytest.TempPathFactory, how: str
) -> None:
    """The same for processes, killed at a few calls: they run no `finally` and finish no file."""
    complete = Azure(tmp_path_factory.mktemp("whole"))
    complete.state = _state_with_leftovers()
    complete.provision()
    call_numbers = [at for at, call in enumerate(complete.state["calls"], 1) if any(word in call for word in WRITES)]
    for at in call_numbers[::12]:
        azure.state = _state_with_leftovers() | {"plan": {"at": at, "how": how}}
        process = azure.run("preprovision")
        if process.returncode == 0:
            process = azure.run("postprovision", **OUTPUTS)
        assert process.returncode < 0, f"nothing ended the hook at call {at}"
        azure.provision()
        assert lasting(azure.state) == lasting(complete.state), f"ended {how} call {at}: {azure.state['calls'][at - 1]}"


def test_a_repeat_writes_nothing(azure: Azure) -> None:
    azure.provision()
    before = len(azure.state["calls"])
    azure.provision()
    repeated_calls = azure.state["calls"][before:]
    writes = [call for call in repeated_calls if "--method get" not in call and "account show" not in call]
    assert [call for call in writes if "configreferences/appsettings/refresh" not in call] == []
