"""What the Bicep says and what the code says are the same: settings, queues, names, versions."""

import base64
import json
import re
from pathlib import Path

from local.stack.configuration import QUEUES, service_bus
from local.stack.secrets import load_or_make
from local.stack.stack import StackOptions
from slipway.bootstrap.settings import FOREIGN, ClusterSettings, RegistrySettings, Settings, variable
from slipway.catalogue import Known, load_deliveries
from slipway.domain.keyring import VAULT_SECRET
from slipway.domain.queues import Queue
from slipway.ledger.blobs import CONTAINER
from slipway.ledger.keys import TABLE
from slipway.ledger.logs import CONTAINER as AUDIT_CONTAINER
from tests.infra.bicep import INFRA, ROOT, Bicep, at, literal, properties, text, walk

SERVICE_BUS = FOREIGN["service_bus"]
APP = Bicep(INFRA / "modules/app.bicep")
LAPTOP_ONLY = {variable("storage_connection"), variable("service_bus"), "SLIPWAY_ARM_TOKEN", "SLIPWAY_SIGNING_KEYS"}
"""Keys and tokens: in Azure the endpoints and the app's identity take their place."""

DEFAULT_IS_RIGHT = {
    *("SLIPWAY_PROMOTION_SECONDS", "SLIPWAY_ARM_ENDPOINT"),
    *("SLIPWAY_TRACE_SHARE", "OTEL_EXPORTER_OTLP_ENDPOINT"),
}
"""Settings that an installation in the public cloud has no reason to change."""

INDEX_TABLE = Settings.model_fields["index_table"].default
READ_BY_THE_PLATFORM = {
    "AzureWebJobsStorage__accountName",
    "AzureWebJobsStorage__credential",
    "AzureWebJobsStorage__clientId",
    "PYTHON_ENABLE_OPENTELEMETRY",  # the worker's logs are sent by the app itself, once
    "OVERRIDE_USE_MI_FIC_ASSERTION_CLIENTID",  # Easy Auth proves itself with the identity
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


def _app_settings() -> dict[str, str]:
    listed = at(APP.resources["app"].body, "properties", "siteConfig", "appSettings")
    assert listed is not None
    items = [properties(item) for item in listed.named_children if item.type == "object"]
    return {literal(item["name"]) or "": text(item["value"]) for item in items}


def test_the_app_gets_exactly_the_settings_that_are_read() -> None:
    read = {variable(name) for name in Settings.model_fields}
    assert set(_app_settings()) == (read - LAPTOP_ONLY - DEFAULT_IS_RIGHT) | READ_BY_THE_PLATFORM


def test_no_setting_is_given_that_flex_consumption_refuses() -> None:
    assert not NOT_ON_FLEX & set(_app_settings())


def test_secret_settings_are_references_into_key_vault() -> None:
    values = _app_settings()
    for name in ("SLIPWAY_HOOK_SECRETS", "SLIPWAY_CHANNELS", "SLIPWAY_API_KEYS"):
        secret = name.lower().replace("_", "-")
        assert values[name] == f"'@Microsoft.KeyVault(SecretUri=${{vaultUri}}secrets/{secret})'"
    site = APP.resources["app"].body
    assert text(at(site, "properties", "keyVaultReferenceIdentity") or APP.root) == "identityId"


def test_the_hook_puts_the_secrets_that_the_settings_refer_to() -> None:
    put = set(re.findall(r"^put (\S+)", (INFRA / "hooks/postprovision.sh").read_text(encoding="utf-8"), re.MULTILINE))
    referred = set(re.findall(r"secrets/([a-z-]+)\)", " ".join(_app_settings().values())))
    assert put == referred | {VAULT_SECRET}  # which the app reads by itself, to see new versions while it runs


def test_registries_and_clusters_are_described_in_fields_that_the_settings_have() -> None:
    for setting, model in (("registries", RegistrySettings), ("clusters", ClusterSettings)):
        described = next(node for node in walk(APP.of("var")[setting].node) if node.type == "object")
        for fields in properties(described).values():
            assert set(properties(fields)) <= set(model.model_fields)


def test_deliveries_of_the_repository_name_registries_and_clusters_that_are_installed() -> None:
    def names(variable: str) -> frozenset[str]:
        return frozenset(properties(next(n for n in walk(APP.of("var")[variable].node) if n.type == "object")))

    known = Known(registries=names("registries"), clusters=names("clusters"), channels=frozenset({"inbox"}))
    assert load_deliveries(ROOT / "deliveries", known=known)


STAND_INS = {
    "publicUrl": "https://func-x.azurewebsites.net",
    "identityClientId": "00000000-0000-0000-0000-000000000001",
    "serviceBusHost": "sb-x.servicebus.windows.net",
    "tableEndpoint": "https://stdatax.table.core.windows.net/",
    "blobEndpoint": "https://stdatax.blob.core.windows.net/",
    "ledgerTable": TABLE,
    "indexTable": INDEX_TABLE,
    "evidenceContainer": CONTAINER,
    "tenant().tenantId": "00000000-0000-0000-0000-000000000002",
    "vaultUri": "https://kv-x.vault.azure.net/",
    "auditContainer": AUDIT_CONTAINER,
    "auditWitnesses": "",
    "auditTableAge": "400d",
    "auditExport": "jsonl",
    "organizations": "contoso",
    "apiAccess": "host-keys",
    "hostKeyRole": "operator",
    "string(registries)": json.dumps({"nonprod": {"login_server": "a.azurecr.io", "resource_id": "/subscriptions/x"}}),
    "string(clusters)": json.dumps({"staging": {"server": "https://a.azmk8s.io:443", "ca_data": "eA=="}}),
}
"""What only Azure knows, for the expressions that stand for it in the template."""

SECRETS = {
    "SLIPWAY_CHANNELS": "{}",
    "SLIPWAY_API_KEYS": "{}",
    "SLIPWAY_HOOK_SECRETS": base64.b64encode(bytes(32)).decode(),
}
"""In the form in which infra/hooks/postprovision.sh makes them."""


def test_the_settings_accept_what_the_template_gives() -> None:
    given = {name: STAND_INS.get(value, value.strip("'")) for name, value in _app_settings().items()}
    settings = Settings.read({**given, **SECRETS})
    assert settings.clusters["staging"].credential == "entra"
    assert settings.registries["nonprod"].credential == "entra"
    assert settings.sign_in == "easy-auth"
    assert settings.key_vault


def _queue_triggers() -> set[str]:
    source = (ROOT / "functions/queues.py").read_text(encoding="utf-8")
    return {Queue[member].value for member in re.findall(r"queue_name=Queue\.([A-Z]+)\.value", source)}


def test_the_queues_are_those_of_the_triggers_and_of_the_laptop() -> None:
    queues = json.loads((INFRA / "queues.json").read_text(encoding="utf-8"))
    assert set(queues) == _queue_triggers() == set(QUEUES)
    assert len(queues) == len(set(queues))


def _seconds(duration: str) -> int:
    found = re.fullmatch(r"PT(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?", duration)
    assert found is not None, duration
    hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return hours * 3600 + minutes * 60 + seconds


def test_queues_behave_in_azure_as_on_the_laptop(tmp_path: Path) -> None:
    there = properties(at(Bicep(INFRA / "modules/service-bus.bicep").resources["queues"].body, "properties"))
    lock = _seconds(literal(there["lockDuration"]) or "")
    window = _seconds(literal(there["duplicateDetectionHistoryTimeWindow"]) or "")
    assert lock == StackOptions.lock_seconds
    for here in service_bus(load_or_make(tmp_path / "secrets.json"), lock_seconds=lock)["queues"]:
        assert int(text(there["maxDeliveryCount"])) == here["max_delivery_count"]
        assert window == here["duplicate_detection_seconds"]
        assert (text(there["deadLetteringOnMessageExpiration"]) == "true") == here["dead_letter_on_expiration"]
    assert text(there["requiresDuplicateDetection"]) == "true"
    assert text(there["requiresSession"]) == "false"


def test_host_json_fits_the_queues() -> None:
    """Settling is left to the host, and a lock is renewed for as long as a function may run."""
    host = json.loads((ROOT / "host.json").read_text(encoding="utf-8"))
    settings = host["extensions"]["serviceBus"]
    assert settings["autoCompleteMessages"] is True
    assert settings["maxAutoLockRenewalDuration"] >= host["functionTimeout"]


def test_table_and_container_have_the_names_that_the_ledger_uses() -> None:
    storage = Bicep(INFRA / "modules/storage-data.bicep")
    assert literal(at(storage.resources["ledger"].body, "name")) == TABLE
    assert literal(at(storage.resources["auditIndex"].body, "name")) == INDEX_TABLE
    assert literal(at(storage.resources["evidence"].body, "name")) == CONTAINER
    assert literal(at(storage.resources["audit"].body, "name")) == AUDIT_CONTAINER


def test_the_runtime_is_the_python_that_the_project_asks_for() -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    version = re.search(r'requires-python = ">=([\d.]+)"', project)
    assert version is not None
    assert text(APP.of("var")["runtimeVersion"].node).endswith(f"'{version[1]}'")


def test_events_go_to_a_function_that_exists() -> None:
    endpoint = re.search(r"'Microsoft.Web/sites/functions', appName, '(\w+)'", (INFRA / "postdeploy.bicep").read_text())
    assert endpoint is not None
    assert f'function_name("{endpoint[1]}")' in (ROOT / "functions/events.py").read_text(encoding="utf-8")


def test_what_the_hooks_read_is_an_output_or_known_to_azd() -> None:
    outputs = set(Bicep(INFRA / "main.bicep").of("output"))
    from_azd = {"AZURE_ENV_NAME", "AZURE_SUBSCRIPTION_ID", "SLIPWAY_SIGN_IN_CLIENT_ID"}
    for hook in (INFRA / "hooks").glob("*.sh"):
        read = set(re.findall(r"\$\{?((?:AZURE|SLIPWAY)_[A-Z_]+)", hook.read_text(encoding="utf-8")))
        assert read <= outputs | from_azd, hook.name
