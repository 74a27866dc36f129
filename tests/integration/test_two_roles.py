"""Front and worker as two apps, each with its own rights: what people send to the one is decided by the other."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from azure.data.tables import TableServiceClient

from local.process import ROOT
from local.stack import Stack, StackOptions, azurite
from slipway.bootstrap.roles import FRONT_ONLY, WORKER_ONLY
from slipway.bootstrap.settings_names import variable
from tests.integration.system import System, until

pytestmark = [pytest.mark.stack, pytest.mark.xdist_group("two-roles")]


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    if not azurite.MAIN.exists():
        pytest.skip("Azurite is not installed: run `make install`")
    with Stack(StackOptions(folder=tmp_path_factory.mktemp("two-roles"))) as stack:
        system = System(stack)
        yield system
        system.close()


def settings_of(system: System, role: str) -> dict[str, str]:
    settings = json.loads((system.stack.folder / f"{role}-0.settings.json").read_bytes())
    values: dict[str, str] = settings["Values"]
    return values


def environment_of(system: System, role: str) -> str:
    """The environment that the processes of the host and of the app really have."""
    (host,) = (part for part in system.stack.hosts if part.name == f"{role}-0")
    children = Path(f"/proc/{host.pid}/task/{host.pid}/children").read_text().split()
    return "\n".join(Path(f"/proc/{pid}/environ").read_bytes().decode() for pid in (str(host.pid), *children))


def test_no_secret_of_the_worker_is_in_the_fronts_environment(system: System) -> None:
    settings, environment = settings_of(system, "front"), environment_of(system, "front")
    assert not settings.keys() & {variable(field) for field in WORKER_ONLY}
    assert not settings.keys() & {"AzureWebJobsStorage", "SLIPWAY_STORAGE_CONNECTION"}
    secrets = system.stack.secrets
    worker = [secrets.worker_bus_key, secrets.bus_key, secrets.registry_token, secrets.inbox_secret, azurite.KEY]
    worker += [secrets.staging_token, secrets.production_token, "signing-keys\0", "SLIPWAY_SIGNING_KEYS"]
    assert [secret for secret in worker if secret in environment] == []
    assert secrets.front_bus_key in environment, "the environment that was read is the app's"


def test_no_secret_of_the_front_is_in_the_workers_environment(system: System) -> None:
    settings, environment = settings_of(system, "worker"), environment_of(system, "worker")
    assert not settings.keys() & {variable(field) for field in FRONT_ONLY}
    secrets = system.stack.secrets
    assert secrets.hook_secret not in environment
    assert secrets.front_bus_key not in environment


def test_no_function_of_either_role_is_in_error(system: System) -> None:
    """For example a timer of a host that has no storage for its lock: it would never run, and nobody would notice."""
    for role in ("front", "worker"):
        log = (system.stack.folder / "logs" / f"{role}-0.log").read_text(errors="replace")
        assert "function is in error" not in log


def test_the_storage_of_the_workers_host_opens_nothing_of_the_ledgers(system: System) -> None:
    connection = settings_of(system, "worker")["AzureWebJobsStorage"]
    with TableServiceClient.from_connection_string(connection) as host:
        assert list(host.list_tables()) == []
    with TableServiceClient.from_connection_string(system.stack.storage) as owner:
        assert "ledger" in {table.name for table in owner.list_tables()}


def test_the_worker_answers_no_request(system: System) -> None:
    (url,) = system.stack.workers
    for path in ("/api/health", "/api/v1/applications", "/operate"):  # at "/" the host shows a page of its own
        assert system.stack.http.request("GET", url + path).status == 404


def test_a_command_at_the_front_is_decided_by_the_worker(system: System) -> None:
    command = {"verb": "freeze", "application": "hello", "environment": "production", "reason": "the sale"}
    response = system.post("/api/v1/commands", command)
    assert response.status == 202

    def decided() -> Any:
        outcome = system.get(response.content["address"])
        return outcome if outcome["state"] != "received" else None

    assert until(decided, "the worker decides")["state"] == "counted"
    (freeze,) = system.get("/api/v1/freezes")["freezes"]
    assert freeze["reason"] == "the sale"


def test_an_application_applied_at_the_front_is_put_in_force_by_the_worker(system: System) -> None:
    """The stack applies by the command line at the front, as anybody does."""
    listed = [item["subject"] for item in system.get("/api/v1/catalogue")["items"]]
    assert "application:hello" in listed
    (version,) = system.get("/api/v1/catalogue/application/hello")["versions"]
    (record,) = [
        entry for entry in system.get("/api/v1/audit/hello")["records"] if entry["sequence"] == version["record"]
    ]
    assert (record["action"], record["details"]["channel"]) == ("application.applied", "cli")
    assert record["inbox"]


def test_a_hook_that_the_front_cannot_read_is_parked_by_the_worker(system: System) -> None:
    response = system.hook(b'{"eventType": "build.complete"')
    assert (response.status, response.content["outcome"]) == (200, "parked")
    assert system.parked(source="azure-devops", reason=response.content["detail"])["id"]


def test_the_front_loads_no_module_that_reaches_a_cluster(system: System) -> None:
    """In a process of its own, with the settings that the front has."""
    program = (
        "import sys, function_app\n"
        "from functions.shared import parts\n"
        "_ = parts().reader, parts().trail, parts().answers, parts().inbox_writer\n"
        "way = ('slipway.effects.cluster', 'slipway.engine.run_step', 'kubernetes')\n"
        "print([module for module in sys.modules if module.startswith(way)])"
    )
    environment = {"PATH": os.environ["PATH"], **settings_of(system, "front")}
    command = [sys.executable, "-c", program]
    process = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert (process.stdout.strip(), process.returncode) == ("[]", 0), process.stderr
