"""What the Bicep says and what the code says are the same: settings, queues, names, versions."""

import base64
import json
import re
from pathlib import Path

from local.stack.configuration import QUEUES, service_bus
from local.stack.secrets import load_or_make
from local.stack.stack import StackOptions
from slipway.bootstrap.settings import FOREIGN, ClusterSettings, RegistrySettings, Settings, variable
from slipway.catalogue import Known, check_path
from slipway.domain.keyring import VAULT_SECRET
from slipway.domain.queues import Queue
from slipway.ledger.blobs import CONTAINER
from slipway.ledger.keys import TABLE
from slipway.ledger.logs import CONTAINER as AUDIT_CONTAINER
from tests.infra.compiler import INFRA, OPTIONS, ROOT, TENANT, interface, stored
from tests.infra.installed import app_settings, at, of_type, only

SERVICE_BUS = FOREIGN["service_bus"]
DEFAULT = stored("default")
SITE = "Microsoft.Web/sites"
LAPTOP_ONLY = {
    *(variable("storage_connection"), variable("storage_sas"), variable("service_bus")),
    *("SLIPWAY_ARM_TOKEN", "SLIPWAY_SIGNING_KEYS"),
}
"""Keys and tokens: in Azure the endpoints and the app's identity take their place."""

DEFAULT_IS_RIGHT = {
    *("SLIPWAY_AZURE_DEVOPS", "SLIPWAY_AZURE_DEVOPS_PEOPLE"),
    *("SLIPWAY_INSTALLATION", "SLIPWAY_ROLE", "SLIPWAY_EVENT_GRID_FUNCTION"),
    *("SLIPWAY_PROMOTION_SECONDS", "SLIPWAY_ARM_ENDPOINT", "SLIPWAY_ISSUER"),
    *("SLIPWAY_TRACE_SHARE", "OTEL_EXPORTER_OTLP_ENDPOINT"),
}
"""Settings that an installation in the public cloud has no reason to change."""

INDEX_TABLE = Settings.model_fields["index_table"].default
READ_BY_THE_PLATFORM = {
    "AzureWebJobsStorage__accountName",
    "AzureWebJobsStorage__credential",
    "AzureWebJobsStorage__clientId",
    "AzureWebJobsDisableHomepage",
    "PYTHON_THREADPOOL_THREAD_COUNT",
    f"{SERVICE_BUS}__credential",
    f"{SERVICE_BUS}__clientId",
}
NOT_ON_FLEX = {
    "FUNCTIONS_WORKER_RUNTIME",
    "WEBSITE_RUN_FROM_PACKAGE",
    "FUNCTIONS_EXTENSION_VERSION",
    "WEBSITE_TIME_ZONE",
}


def test_the_app_gets_exactly_the_settings_that_are_read() -> None:
    read = {variable(name) for name in Settings.model_fields}
    assert set(app_settings(DEFAULT)) == (read - LAPTOP_ONLY - DEFAULT_IS_RIGHT) | READ_BY_THE_PLATFORM


def test_no_setting_is_given_that_a_worker_which_azure_may_serve_dies_of() -> None:
    """Workers 1.1 and 1.2 fail at every invocation with it; nobody can choose the worker of a region."""
    for option in OPTIONS:
        assert not {"PYTHON_ENABLE_OPENTELEMETRY"} & set(app_settings(stored(option)))


def test_no_setting_is_given_that_flex_consumption_refuses() -> None:
    assert not NOT_ON_FLEX & set(app_settings(DEFAULT))


def test_secret_settings_are_references_into_key_vault() -> None:
    values = app_settings(DEFAULT)
    vault = values["SLIPWAY_KEY_VAULT"]
    hidden = ("HOOK_SECRETS", "SESSION_KEYS", "CHANNELS", "API_KEYS", "PUBLIC_KEYS")
    for name in (f"SLIPWAY_{each}" for each in hidden):
        secret = name.lower().replace("_", "-")
        assert values[name] == f"@Microsoft.KeyVault(SecretUri={vault}secrets/{secret})"
    site = only(DEFAULT, SITE)
    assert list(site["identity"]["userAssignedIdentities"]) == [at(site, "properties.keyVaultReferenceIdentity")]


def test_the_hook_puts_the_secrets_that_the_settings_refer_to() -> None:
    text = (INFRA / "hooks/postprovision.py").read_text(encoding="utf-8")
    put = set(re.findall(r'^        "(slipway-[a-z-]+)": ', text, re.MULTILINE))
    referred = set(re.findall(r"secrets/([a-z-]+)\)", " ".join(app_settings(DEFAULT).values())))
    assert put == referred | {VAULT_SECRET}  # which the app reads by itself, to see new versions while it runs


def test_registries_and_clusters_are_described_in_fields_that_the_settings_have() -> None:
    for setting, model in (("SLIPWAY_REGISTRIES", RegistrySettings), ("SLIPWAY_CLUSTERS", ClusterSettings)):
        for fields in json.loads(app_settings(DEFAULT)[setting]).values():
            assert set(fields) <= set(model.model_fields)


def test_the_examples_name_registries_and_clusters_that_are_installed() -> None:
    settings = app_settings(DEFAULT)
    known = Known(
        registries=frozenset(json.loads(settings["SLIPWAY_REGISTRIES"])),
        clusters=frozenset(json.loads(settings["SLIPWAY_CLUSTERS"])),
        channels=frozenset({"inbox"}),
    )
    assert check_path(ROOT / "examples", known=known)


SECRETS = {
    "SLIPWAY_CHANNELS": "{}",
    "SLIPWAY_API_KEYS": "{}",
    "SLIPWAY_PUBLIC_KEYS": f"0123456789abcdef:{base64.b64encode(bytes(32)).decode()}",
    "SLIPWAY_HOOK_SECRETS": base64.b64encode(bytes(32)).decode(),
    "SLIPWAY_SESSION_KEYS": f"first:{base64.b64encode(bytes(32)).decode()}",
}
"""What the platform puts in the place of references, in the form in which infra/hooks/postprovision.py makes it."""


def test_the_settings_accept_what_the_template_gives() -> None:
    settings = Settings.read({**app_settings(DEFAULT), **SECRETS})
    assert settings.clusters["staging"].credential == "entra"
    assert settings.registries["nonprod"].credential == "entra"
    assert settings.issuer_url == f"https://login.microsoftonline.com/{TENANT}/v2.0"
    assert settings.tenant_id == TENANT
    assert settings.key_vault


def _queue_triggers() -> set[str]:
    source = (ROOT / "functions/queues.py").read_text(encoding="utf-8")
    return {Queue[member].value for member in re.findall(r"queue_name=Queue\.([A-Z]+)\.value", source)}


def test_the_queues_are_those_of_the_triggers_and_of_the_laptop() -> None:
    queues = json.loads((INFRA / "queues.json").read_text(encoding="utf-8"))
    assert {queue["name"]: queue["sessions"] for queue in queues} == {queue: queue.sessions for queue in Queue}
    assert _queue_triggers() == set(QUEUES)
    assert len(queues) == len(Queue)


def _seconds(duration: str) -> int:
    found = re.fullmatch(r"PT(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?", duration)
    assert found is not None, duration
    hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return hours * 3600 + minutes * 60 + seconds


def test_queues_behave_in_azure_as_on_the_laptop(tmp_path: Path) -> None:
    listed = of_type(DEFAULT, "Microsoft.ServiceBus/namespaces/queues")
    queues = {queue["name"].rpartition("/")[2]: queue["properties"] for queue in listed}
    laptop = service_bus(load_or_make(tmp_path / "secrets.json"), lock_seconds=StackOptions.lock_seconds)["queues"]
    assert {here["name"] for here in laptop} == set(queues)
    for here in laptop:
        there = queues[here["name"]]
        assert _seconds(there["lockDuration"]) == StackOptions.lock_seconds
        assert there["maxDeliveryCount"] == here["max_delivery_count"]
        assert _seconds(there["duplicateDetectionHistoryTimeWindow"]) == here["duplicate_detection_seconds"]
        assert there["deadLetteringOnMessageExpiration"] == here["dead_letter_on_expiration"]
        assert there["requiresDuplicateDetection"] is True
        assert there["requiresSession"] is here["requires_session"]


def test_host_json_fits_the_queues() -> None:
    """Settling is left to the host, and a lock is renewed for as long as a function may run."""
    host = json.loads((ROOT / "host.json").read_text(encoding="utf-8"))
    settings = host["extensions"]["serviceBus"]
    assert settings["autoCompleteMessages"] is True
    assert settings["maxAutoLockRenewalDuration"] >= host["functionTimeout"]


def test_table_and_container_have_the_names_that_the_ledger_uses() -> None:
    account = "Microsoft.Storage/storageAccounts"
    ledger = next(item["name"] for item in of_type(DEFAULT, account) if item["name"].startswith("stdata"))
    parts = {key.rpartition("/")[2] for key in DEFAULT if f"/{ledger}/" in key and "/roleAssignments" not in key}
    assert {TABLE, INDEX_TABLE, CONTAINER, AUDIT_CONTAINER} <= parts
    settings = app_settings(DEFAULT)
    assert (settings["SLIPWAY_TABLE"], settings["SLIPWAY_INDEX_TABLE"]) == (TABLE, INDEX_TABLE)
    assert (settings["SLIPWAY_CONTAINER"], settings["SLIPWAY_AUDIT_CONTAINER"]) == (CONTAINER, AUDIT_CONTAINER)


def test_the_runtime_is_the_python_that_the_project_asks_for() -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    version = re.search(r'requires-python = ">=([\d.]+)"', project)
    assert version is not None
    assert at(only(DEFAULT, SITE), "properties.functionAppConfig.runtime.version") == version[1]


def test_events_go_to_a_function_that_exists() -> None:
    endpoint = re.search(r"'Microsoft.Web/sites/functions', appName, '(\w+)'", (INFRA / "postdeploy.bicep").read_text())
    assert endpoint is not None
    assert f'function_name("{endpoint[1]}")' in (ROOT / "functions/events.py").read_text(encoding="utf-8")


KNOWN_TO_HOOKS = {"AZURE_SUBSCRIPTION_ID", "SLIPWAY_HOOK_PAUSE", "SLIPWAY_APP_ROLES"}
"""Known to azd itself, to our tests, and set for a hook alone."""


def test_what_the_hooks_read_is_an_output_or_a_variable_of_a_parameter() -> None:
    file = json.loads((INFRA / "main.parameters.json").read_text(encoding="utf-8"))["parameters"]
    known = set(interface()["outputs"]) | {item["value"].strip("${}") for item in file.values()}
    for hook in (INFRA / "hooks").glob("*.py"):
        text = hook.read_text(encoding="utf-8").replace("SLIPWAY_TRACE_SHARE", "")  # an example in a sentence
        read = set(re.findall(r'"((?:AZURE|SLIPWAY)_[A-Z_]+)"', text))
        assert read <= known | KNOWN_TO_HOOKS, hook.name
