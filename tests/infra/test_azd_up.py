"""`azd up` from an empty environment, in azd's order: what it asks, each hook, the package, the app, the subscription.

Between the hooks stands what only Azure does, from the snapshot of the templates: resources, and the settings in which
the platform has put secrets in the place of references. The vault's secrets are those that the hook made.
"""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from slipway.bootstrap.settings import Settings
from tests.infra.arm import PRINCIPAL_ID
from tests.infra.azd import resolve
from tests.infra.azure_double import GROUP, SUBSCRIPTION
from tests.infra.compiler import BASE, stored
from tests.infra.installed import app_settings, of_type, only
from tests.infra.test_azd import DECLARED, PARAMETERS
from tests.infra.test_hooks import Azure
from tests.infra.test_package import HOOK, start

RESOURCES = stored("default")
REFERENCE = re.compile(r"@Microsoft\.KeyVault\(SecretUri=https://([\w-]+)\.vault\.azure\.net/secrets/([\w-]+)\)")


def _outputs() -> dict[str, str]:
    """What the deployment tells azd, of what the hooks read."""
    named = {
        "SLIPWAY_APP_NAME": "Microsoft.Web/sites",
        "SLIPWAY_VAULT_NAME": "Microsoft.KeyVault/vaults",
        "SLIPWAY_SYSTEM_TOPIC": "Microsoft.EventGrid/systemTopics",
    }
    names = {variable: only(RESOURCES, kind)["name"] for variable, kind in named.items()}
    settings = app_settings(RESOURCES)
    rights = [right["name"] for right in of_type(RESOURCES, "Microsoft.Authorization/roleAssignments")]
    return {
        **names,
        "AZURE_RESOURCE_GROUP": only(RESOURCES, "Microsoft.Resources/resourceGroups")["name"],
        "SLIPWAY_APP_HOST": f"{names['SLIPWAY_APP_NAME']}.azurewebsites.net",
        "SLIPWAY_PUBLIC_URL": settings["SLIPWAY_PUBLIC_URL"],
        "SLIPWAY_IDENTITY_PRINCIPAL_ID": PRINCIPAL_ID,
        "SLIPWAY_HOST_STORAGE": settings["AzureWebJobsStorage__accountName"],
        "SLIPWAY_LEDGER_STORAGE": "stdatabz3trc7kckw24",
        "SLIPWAY_LEDGER_GROUP": "rg-slipway-try",
        "SLIPWAY_DEAD_EVENTS": "dead-events",
        "SLIPWAY_NONPROD_REGISTRY": json.loads(settings["SLIPWAY_REGISTRIES"])["nonprod"]["login_server"],
        "SLIPWAY_RIGHTS": json.dumps(rights),
        "SLIPWAY_SWITCHED_OFF": "[]",
    }


def _resolved(settings: dict[str, str], vault: str, secrets: dict[str, str]) -> dict[str, str]:
    """Settings as the app sees them: the platform reads the vault for it."""
    found = {}
    for name, value in settings.items():
        reference = REFERENCE.fullmatch(value)
        if reference:
            assert reference[1] == vault
        found[name] = secrets[reference[2]] if reference else value
    return found


@pytest.fixture
def azure(tmp_path: Path) -> Azure:
    return Azure(tmp_path)


def test_azd_up_ends_green_in_an_empty_environment(azure: Azure, tmp_path: Path) -> None:
    # azd asks, before any hook.
    environment = {"AZURE_ENV_NAME": "try", "AZURE_SUBSCRIPTION_ID": SUBSCRIPTION}
    assert resolve(DECLARED, PARAMETERS, environment).asked == ["location"]
    environment["AZURE_LOCATION"] = "westeurope"

    # The package needs nothing of Azure. (Its wheels are a download, and not part of this test.)
    package = tmp_path / "app"
    HOOK.gather(package)

    azure.well("preprovision", **environment)
    environment |= azure.state["environment"]
    values = resolve(DECLARED, PARAMETERS, environment)
    assert values.asked == []
    assert values.values.keys() == BASE.keys()
    assert values.values["signInClientId"] == azure.application()["appId"]

    # The deployment.
    outputs = _outputs()
    azure.well("postprovision", **environment, **outputs)
    secrets: dict[str, str] = azure.state["secrets"]
    assert azure.application()["credentials"][0]["subject"] == PRINCIPAL_ID

    # The app, with just these settings and secrets. The signing key, which it reads from the vault, is handed in.
    settings = _resolved(app_settings(RESOURCES), outputs["SLIPWAY_VAULT_NAME"], secrets)
    assert Settings.read(settings).hook_secrets
    handed = {
        "SLIPWAY_KEY_VAULT": "",
        "SLIPWAY_SIGNING_KEYS": f"{secrets['slipway-public-keys'].partition(':')[0]}:{secrets['slipway-signing-key']}",
    }
    functions: list[Any] = start(package, settings | handed)["functions"]

    # The subscription, once the functions are there.
    site = f"{GROUP}/providers/Microsoft.Web/sites/{outputs['SLIPWAY_APP_NAME']}"
    azure.change(resources=[f"{site}/functions/{name}" for name in functions])
    azure.well("postdeploy", **environment, **outputs)
    (deployment,) = azure.state["deployments"]
    assert f"appName={outputs['SLIPWAY_APP_NAME']}" in deployment["--parameters"]
