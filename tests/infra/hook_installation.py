"""An installation as the hooks of azd find it: the variables that azd sets, and an Azure that remembers every
change."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.infra.azure_double import GROUP, SUBSCRIPTION, empty_state
from tests.infra.compiler import INFRA, ROOT

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
    """The state of the stand-in for Azure, and the hooks that run against it."""

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
        document: dict[str, Any] = json.loads((self._folder / "state.json").read_text(encoding="utf-8"))
        return document

    @state.setter
    def state(self, state: dict[str, Any]) -> None:
        (self._folder / "state.json").write_text(json.dumps(state), encoding="utf-8")

    def change(self, **changes: Any) -> None:
        self.state = self.state | changes

    def run(self, name: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """A hook, with the variables of the azd environment as they are now. It runs in its own folder, as with azd."""
        variables = {**NEW, **self.state["environment"], **environment}
        process = self.run_command([sys.executable, "-S", str(HOOKS / f"{name}.py")], **variables)
        assert "is not known to this double" not in process.stderr, process.stderr
        assert "Traceback" not in process.stderr, process.stderr
        return process

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

    def run_successfully(self, name: str, **environment: str) -> str:
        """Run a hook that must succeed; returns its output."""
        process = self.run(name, **environment)
        assert process.returncode == 0, process.stderr
        return process.stdout

    def calls(self, of: str = "") -> list[str]:
        return [call for call in self.state["calls"] if of in call]

    def provision(self, **environment: str) -> None:
        """Run both hooks of `azd provision`, with the outputs of the deployment between them."""
        self.run_successfully("preprovision", **environment)
        self.run_successfully("postprovision", **{**OUTPUTS, **environment})

    def application(self, name: str = "sign-in") -> dict[str, Any]:
        """One of the two registrations, by its purpose."""
        votes = name == "votes"
        (registration,) = [
            application
            for application in self.state["applications"].values()
            if application["uniqueName"].endswith("-votes") is votes
        ]
        return registration  # type: ignore[no-any-return]


def lasting(state: dict[str, Any]) -> dict[str, Any]:
    """The lasting part of a run's result: without the course of the run, and with the length of a secret for its
    value."""
    part = {key: value for key, value in state.items() if key not in ("calls", "modes", "plan", "refreshed", "lines")}
    return part | {"secrets": {name: len(value) for name, value in state["secrets"].items()}}


def right(
    name: str, *, about: str, principal: str = PRINCIPAL, scope: str = f"{GROUP}/providers/x/y/z"
) -> dict[str, Any]:
    return {
        "id": f"{scope}/providers/Microsoft.Authorization/roleAssignments/{name}",
        "name": name,
        "properties": {"scope": scope, "principalId": principal, "description": about},
    }
