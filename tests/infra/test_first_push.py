"""From what `azd up` leaves behind to a first delivered push, as the tutorial goes: both apps, as they were packaged.

Each app runs from the package with the settings that the template makes and the secrets that the hook made. Only the
addresses of storage, queues, registries, clusters and the identity provider differ; the doubles there give each role
just its rights. A push arrives by the queue, as Event Grid delivers it.
"""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from local.ci import Pipeline
from local.identity.settings import laptop
from local.person.signer import Signer
from local.stack import Stack, StackOptions, azurite
from slipway.bootstrap.roles import AppRole
from tests.infra.azure_double import SUBSCRIPTION
from tests.infra.compiler import ROOT, stored
from tests.infra.event_grid import EventGrid
from tests.infra.hook_installation import Azure
from tests.infra.installed import app_settings
from tests.infra.test_azd_up import outputs_of, resolved
from tests.infra.test_package import HOOK
from tests.integration.system import until

pytestmark = [pytest.mark.stack, pytest.mark.xdist_group("first-push")]

PLATFORM = ("AzureWebJobs", "APPLICATIONINSIGHTS_", "ServiceBus__", "AZURE_CLIENT_ID")
"""Beginnings of what only Azure's platform and its identities can use; on a laptop other variables take their place."""
ADDRESSES = {
    *("SLIPWAY_PUBLIC_URL", "SLIPWAY_TABLE_ENDPOINT", "SLIPWAY_BLOB_ENDPOINT"),
    *("SLIPWAY_REGISTRIES", "SLIPWAY_CLUSTERS"),
    *("SLIPWAY_TENANT_ID", "SLIPWAY_SIGN_IN_CLIENT_ID", "SLIPWAY_VOTES_CLIENT_ID"),
}
"""Settings with values of this machine, under names that the template gives too."""
STAND_INS = {
    "ServiceBus",  # for the namespace
    "SLIPWAY_STORAGE_SAS",  # for the identity's rights on storage
    *("SLIPWAY_ISSUER", "SLIPWAY_AZURE_DEVOPS", "SLIPWAY_AZURE_DEVOPS_PEOPLE"),  # other addresses than Azure's own
    *("IDENTITY_ENDPOINT", "IDENTITY_HEADER", "AZURE_CLIENT_ID", "FUNCTIONS_WORKER_RUNTIME"),  # which the platform sets
}
"""What stands in on this machine for what only Azure has."""


@dataclass(frozen=True)
class Installed:
    """A running installation, as a signed-in person sees it from outside."""

    stack: Stack
    grid: EventGrid
    settings: Mapping[AppRole, dict[str, str]]

    def get(self, path: str) -> Any:
        headers = {"Authorization": f"Bearer {self.stack.access_token()}"}
        response = self.stack.http.request("GET", self.stack.url + path, headers=headers)
        assert response.status == 200, (path, response.status, response.data[:300])
        return json.loads(response.data)

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """The command line, with a sign-in and without any key of the host."""
        environment = {**self.stack.command_environment(), "SLIPWAY_KEY": "", "PATH": "/usr/bin:/bin"}
        command = [sys.executable, "-m", "slipway.cli", *arguments]
        return subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False
        )


def _settings_after_hooks(folder: Path) -> dict[AppRole, dict[str, str]]:
    """Parameters, hooks and template, one after the other; the settings of each app as the platform resolves them."""
    azure = Azure(folder)
    environment = {"AZURE_ENV_NAME": "try", "AZURE_SUBSCRIPTION_ID": SUBSCRIPTION, "AZURE_LOCATION": "westeurope"}
    azure.run_successfully("preprovision", **environment)
    outputs = outputs_of(stored("default"))
    azure.run_successfully("postprovision", **environment, **azure.state["environment"], **outputs)
    secrets = azure.state["secrets"]
    settings = {}
    for role in (AppRole.FRONT, AppRole.WORKER):
        settings[role] = resolved(app_settings(stored("default"), role), outputs["SLIPWAY_VAULT_NAME"], secrets)
    # The worker reads its key from the vault by itself. There is no double of a vault that it can reach, so the key is
    # handed in.
    key_id = secrets["slipway-public-keys"].partition(":")[0]
    settings[AppRole.WORKER] |= {
        "SLIPWAY_KEY_VAULT": "",
        "SLIPWAY_SIGNING_KEYS": f"{key_id}:{secrets['slipway-signing-key']}",
    }
    return settings


def _on_this_machine(settings: Mapping[str, str], laptop: Mapping[str, str]) -> dict[str, str]:
    """The settings of the installation, with this machine's addresses in the place of Azure's."""
    unchanged = {
        name: value for name, value in settings.items() if name not in ADDRESSES and not name.startswith(PLATFORM)
    }
    replaced = {
        name: value for name, value in laptop.items() if name in STAND_INS or (name in ADDRESSES and name in settings)
    }
    return unchanged | replaced


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installed]:
    if not azurite.MAIN.exists():
        pytest.skip("Azurite is not installed: run `make install`")
    folder = tmp_path_factory.mktemp("first-push")
    (folder / "azure").mkdir()
    settings_after_hooks = _settings_after_hooks(folder / "azure")
    HOOK.gather(folder / "package")
    settings_by_role: dict[AppRole, dict[str, str]] = {}

    def settings_of(role: AppRole, laptop: dict[str, str]) -> dict[str, str]:
        settings_by_role[role] = _on_this_machine(settings_after_hooks[role], laptop)
        if role.works:  # what the tutorial's third step puts into the vault
            settings_by_role[role]["SLIPWAY_CHANNELS"] = laptop["SLIPWAY_CHANNELS"]
        return settings_by_role[role]

    with EventGrid(lambda: stack.bus) as grid:
        stack = Stack(
            StackOptions(
                folder=folder / "stack",
                apply=None,
                app=folder / "package",
                settings_of=settings_of,
                event_endpoint=grid.endpoint,
                namespaces={place: (f"hello-{place}",) for place in ("staging", "production")},
            )
        )
        with stack:
            yield Installed(stack, grid, settings_by_role)


def test_a_bare_installation_is_healthy_and_knows_of_no_application(installed: Installed) -> None:
    assert installed.get("/api/health") == installed.get("/api/health") | {"healthy": True, "applications": 0}


def test_people_can_sign_in_to_the_installation(installed: Installed) -> None:
    address, board = Signer(laptop().person("Ada").oid).read(installed.stack.url + "/")
    assert address.startswith(installed.stack.url)
    assert "Ada" in board
    assert "Sign out" in board


def test_each_app_has_only_the_settings_of_the_template_and_the_hook_but_for_addresses(
    installed: Installed,
) -> None:
    template = {role: app_settings(stored("default"), role) for role in installed.settings}
    for role, settings in installed.settings.items():
        template_names = {name for name in template[role] if not name.startswith(PLATFORM)}
        handed_in = {"SLIPWAY_SIGNING_KEYS"} if role.works else set()
        assert template_names <= set(settings)
        assert set(settings) - template_names <= STAND_INS | handed_in
    front, worker = (installed.settings[role] for role in (AppRole.FRONT, AppRole.WORKER))
    assert front["SLIPWAY_EVENT_GRID_FUNCTION"] == "false"
    assert front["SLIPWAY_API_ACCESS"] == "roles"
    assert worker["SLIPWAY_PUBLIC_KEYS"] == front["SLIPWAY_PUBLIC_KEYS"]


def _first_application(folder: Path) -> Path:
    """`examples/hello-aks`, changed as the tutorial says: the push alone is enough, and no run has to prove it."""
    copy = shutil.copytree(ROOT / "examples/hello-aks", folder / "hello-aks")
    application, project = copy / "application.yaml", copy / "project.yaml"
    text = application.read_text(encoding="utf-8")
    before, _, after = text.partition("start: both")
    pipeline = after.index("pipeline:")
    application.write_text(f"{before}start: push\n\n{after[after.index('notify:', pipeline) :]}", encoding="utf-8")
    lines = project.read_text(encoding="utf-8").splitlines(keepends=True)
    project.write_text("".join(line for line in lines if "provenance: artifact" not in line), encoding="utf-8")
    return copy


def test_the_first_push_of_the_first_application_is_delivered(installed: Installed, tmp_path: Path) -> None:
    process = installed.command("apply", "-f", str(_first_application(tmp_path)), "--yes", "--reason", "our first")
    assert process.returncode == 0, process.stdout + process.stderr
    until(lambda: installed.get("/api/health")["applications"] == 1, "the front sees the application")

    stack = installed.stack
    ci = Pipeline(
        app_url=stack.url,
        hook_secret="",
        registry=stack.registries["nonprod"],
        ci_password=stack.secrets.ci_password,
        azure_devops=stack.azure_devops["url"],
        repository="hello",
        name="hello-ci",
    )
    digest = ci.push(ci.build("1.0.0"), "1.0.0")

    def actions() -> list[str]:
        records = installed.get("/api/v1/audit/hello?limit=500")["records"]
        return [record["action"] for record in records if record["release"] == "hello-1"]

    until(lambda: "gate.opened" in actions(), "staging has it, and production asks")
    (live,) = installed.get("/api/v1/environments/staging/live")["live"]
    assert (live["application"], live["digest"]) == ("hello", digest)
    push_events = [event for event in installed.grid.delivered_events if event["subject"] == "hello:1.0.0"]
    assert [event["data"]["target"]["digest"] for event in push_events] == [digest]
    assert installed.command("explain", "hello-1").returncode == 0

    def page() -> str:
        questions = [notice for notice in stack.notices() if notice["release"] == "hello-1" and notice["locate_url"]]
        return str(questions[-1]["locate_url"]) if questions else ""

    Signer(laptop().person("Ada").oid).decide(until(page, "the notice that asks"), "approve")
    until(lambda: "release.completed" in actions(), "production has it too")
    (live,) = installed.get("/api/v1/environments/production/live")["live"]
    assert (live["application"], live["digest"]) == ("hello", digest)
    assert installed.get("/api/v1/parked")["parked"] == []
