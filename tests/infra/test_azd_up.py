"""`azd up` from an empty environment, in azd's order: what it asks, each hook, the package, the apps, the last look.

The test does between the hooks what only Azure does, by the snapshot of the templates: it makes the resources, and puts
secrets into the settings in the place of references. The vault's secrets are those that the hook made.
"""

import json
import re
from pathlib import Path

import pytest

from slipway.bootstrap.settings import Settings
from tests.infra.arm import FRONT
from tests.infra.azd import resolve
from tests.infra.azure_double import GROUP, SUBSCRIPTION
from tests.infra.compiler import BASE, OPTIONS, Resources, stored
from tests.infra.hook_installation import Azure
from tests.infra.installed import SITE, app_settings, of_type, only, site
from tests.infra.test_azd import DECLARED, PARAMETERS
from tests.infra.test_package import HOOK, start

pytestmark = pytest.mark.hooks

REFERENCE = re.compile(r"@Microsoft\.KeyVault\(SecretUri=https://([\w-]+)\.vault\.azure\.net/secrets/([\w-]+)\)")


def outputs_of(resources: Resources) -> dict[str, str]:
    """The outputs of the deployment that the hooks read."""
    front, worker = site(resources, "front"), site(resources, "worker")
    settings = app_settings(resources, "worker")
    identities = {
        app["name"]: app_settings(resources, role)["AZURE_CLIENT_ID"]
        for role, app in (("front", front), ("worker", worker))
    }
    rights = [right["name"] for right in of_type(resources, "Microsoft.Authorization/roleAssignments")]
    return {
        "AZURE_RESOURCE_GROUP": only(resources, "Microsoft.Resources/resourceGroups")["name"],
        "SLIPWAY_APP_NAME": front["name"],
        "SLIPWAY_WORKER_NAME": worker["name"],
        "SLIPWAY_VAULT_NAME": only(resources, "Microsoft.KeyVault/vaults")["name"],
        "SLIPWAY_APP_HOST": f"{front['name']}.azurewebsites.net",
        "SLIPWAY_PUBLIC_URL": settings["SLIPWAY_PUBLIC_URL"],
        "SLIPWAY_IDENTITY_PRINCIPAL_ID": identities[front["name"]],
        "SLIPWAY_WORKER_PRINCIPAL_ID": identities[worker["name"]],
        "SLIPWAY_LEDGER_STORAGE": "stdatabz3trc7kckw24",
        "SLIPWAY_LEDGER_GROUP": "rg-slipway-try",
        "SLIPWAY_NONPROD_REGISTRY": json.loads(settings["SLIPWAY_REGISTRIES"])["nonprod"]["login_server"],
        "SLIPWAY_RIGHTS": json.dumps(rights),
        "SLIPWAY_SWITCHED_OFF": "[]",
    }


def resolved(settings: dict[str, str], vault: str, secrets: dict[str, str]) -> dict[str, str]:
    """Settings as the app sees them: the platform reads the vault for it."""
    values = {}
    for name, value in settings.items():
        reference = REFERENCE.fullmatch(value)
        if reference:
            assert reference[1] == vault
        values[name] = secrets[reference[2]] if reference else value
    return values


@pytest.fixture
def azure(tmp_path: Path) -> Azure:
    return Azure(tmp_path)


@pytest.mark.parametrize(
    ("chosen", "option", "principal"),
    [({}, "default", FRONT), ({"SLIPWAY_SPLIT": "false"}, "single", FRONT)],
    ids=["two apps", "one app"],
)
def test_azd_up_ends_green_in_an_empty_environment(
    azure: Azure, tmp_path: Path, chosen: dict[str, str], option: str, principal: str
) -> None:
    # azd asks, before any hook.
    environment = {"AZURE_ENV_NAME": "try", "AZURE_SUBSCRIPTION_ID": SUBSCRIPTION, **chosen}
    assert resolve(DECLARED, PARAMETERS, environment).missing == ["location"]
    environment["AZURE_LOCATION"] = "westeurope"

    # The package needs nothing of Azure. (Its wheels are a download, and not part of this test.)
    package = tmp_path / "app"
    HOOK.gather(package)

    azure.run_successfully("preprovision", **environment)
    environment |= azure.state["environment"]
    values = resolve(DECLARED, PARAMETERS, environment)
    assert values.missing == []
    assert values.values.keys() == {*BASE, *OPTIONS[option]}
    assert values.values["signInClientId"] == azure.application()["appId"]

    # The deployment.
    resources = stored(option)
    outputs = outputs_of(resources)
    azure.run_successfully("postprovision", **environment, **outputs)
    secrets: dict[str, str] = azure.state["secrets"]
    assert azure.application()["credentials"][0]["subject"] == principal

    # Each app that azd deploys, with just its settings and secrets. The signing key, which the worker reads from the
    # vault, is handed in.
    function_ids = []
    for app in of_type(resources, SITE):
        role = app["tags"]["azd-service-name"]
        settings = resolved(app_settings(resources, role), outputs["SLIPWAY_VAULT_NAME"], secrets)
        assert Settings.read(settings)
        if "SLIPWAY_KEY_VAULT" in settings:
            key_id = secrets["slipway-public-keys"].partition(":")[0]
            settings |= {"SLIPWAY_KEY_VAULT": "", "SLIPWAY_SIGNING_KEYS": f"{key_id}:{secrets['slipway-signing-key']}"}
        functions: list[str] = start(package, settings)["functions"]
        function_ids += [f"{GROUP}/providers/Microsoft.Web/sites/{app['name']}/functions/{name}" for name in functions]

    # The last hook succeeds only now.
    assert azure.run("postdeploy", **environment, **outputs).returncode == 1
    azure.change(resources=function_ids)
    azure.run_successfully("postdeploy", **environment, **outputs)
