"""The Bicep and the code agree on settings, queues, names and versions."""

import base64
import json
import re
from pathlib import Path

import pytest

from local.stack.configuration import QUEUES, service_bus
from local.stack.options import StackOptions
from local.stack.secrets import load_or_make
from slipway.bootstrap.roles import AppRole, foreign_to
from slipway.bootstrap.settings import Settings
from slipway.bootstrap.settings_names import FOREIGN, variable
from slipway.bootstrap.settings_services import ClusterSettings, RegistrySettings
from slipway.catalogue import SettingsNames, check_path
from slipway.domain.keyring import VAULT_SECRET
from slipway.domain.queues import Queue
from slipway.domain.rights import RIGHTS, Container, Party, TableName
from tests.infra.compiler import INFRA, OPTIONS, ROOT, TENANT, interface, stored
from tests.infra.installed import app_settings, at, of_type, site

SERVICE_BUS = FOREIGN["service_bus"]
DEFAULT = stored("default")
BOTH = (AppRole.FRONT, AppRole.WORKER)
each_role = pytest.mark.parametrize(
    ("option", "role"), [("default", AppRole.FRONT), ("default", AppRole.WORKER), ("single", AppRole.SINGLE)]
)
LAPTOP_ONLY = {
    *(variable("storage_connection"), variable("storage_sas"), variable("service_bus")),
    *("SLIPWAY_ARM_TOKEN", "SLIPWAY_SIGNING_KEYS"),
}
"""Keys and tokens: in Azure the endpoints and the app's identity take their place."""

DEFAULT_IS_RIGHT = {
    *("SLIPWAY_AZURE_DEVOPS", "SLIPWAY_AZURE_DEVOPS_PEOPLE"),
    *("SLIPWAY_INSTALLATION", "SLIPWAY_TABLE", "SLIPWAY_INDEX_TABLE"),
    *("SLIPWAY_CONTAINER", "SLIPWAY_AUDIT_CONTAINER"),
    *("SLIPWAY_COPY_SECONDS", "SLIPWAY_DRIFT_MINUTES", "SLIPWAY_ARM_ENDPOINT", "SLIPWAY_ISSUER"),
    *("SLIPWAY_TRACE_SHARE", "OTEL_EXPORTER_OTLP_ENDPOINT"),
}
"""Settings that an installation in the public cloud has no reason to change."""

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


@each_role
def test_an_app_gets_exactly_the_settings_that_its_role_reads(option: str, role: AppRole) -> None:
    variables = {variable(name) for name in set(Settings.model_fields) - foreign_to(role)}
    settings = app_settings(stored(option), role)
    assert set(settings) == (variables - LAPTOP_ONLY - DEFAULT_IS_RIGHT) | READ_BY_THE_PLATFORM
    assert settings["SLIPWAY_ROLE"] == role


def test_a_setting_that_a_user_adds_goes_only_to_the_roles_that_may_have_it() -> None:
    """A role refuses to start with a setting that only the other may have."""
    file = json.loads((INFRA / "role-settings.json").read_text(encoding="utf-8"))
    assert file == {str(role): sorted(variable(name) for name in foreign_to(role)) for role in AppRole}
    front, worker = (app_settings(stored("observed"), role) for role in BOTH)
    assert (front["SLIPWAY_TRACE_SHARE"], worker["SLIPWAY_TRACE_SHARE"]) == ("0.5", "0.5")
    assert "SLIPWAY_COPY_SECONDS" not in front
    assert worker["SLIPWAY_COPY_SECONDS"] == "120"


def test_no_setting_is_given_that_makes_some_version_of_the_worker_library_fail() -> None:
    """Workers 1.1 and 1.2 fail at every invocation with it, and nobody can choose which one a region runs."""
    for option in OPTIONS:
        for role in BOTH:
            assert not {"PYTHON_ENABLE_OPENTELEMETRY"} & set(app_settings(stored(option), role))


def test_no_setting_is_given_that_flex_consumption_refuses() -> None:
    for role in BOTH:
        assert not NOT_ON_FLEX & set(app_settings(DEFAULT, role))


HIDDEN = {
    AppRole.FRONT: {"HOOK_SECRETS", "SESSION_KEYS", "API_KEYS", "PUBLIC_KEYS"},
    AppRole.WORKER: {"CHANNELS", "PUBLIC_KEYS"},
}


@pytest.mark.parametrize("role", HIDDEN)
def test_secret_settings_are_references_into_key_vault_that_the_roles_own_identity_reads(role: AppRole) -> None:
    values = app_settings(DEFAULT, role)
    vault = app_settings(DEFAULT, AppRole.WORKER)["SLIPWAY_KEY_VAULT"]
    for name in (f"SLIPWAY_{suffix}" for suffix in HIDDEN[role]):
        secret = name.lower().replace("_", "-")
        assert values[name] == f"@Microsoft.KeyVault(SecretUri={vault}secrets/{secret})"
    app = site(DEFAULT, role)
    assert list(app["identity"]["userAssignedIdentities"]) == [at(app, "properties.keyVaultReferenceIdentity")]


def test_front_and_worker_share_no_identity_no_plan_and_no_storage_of_their_hosts() -> None:
    front, worker = (site(DEFAULT, role) for role in BOTH)
    for path in ("identity.userAssignedIdentities", "properties.serverFarmId"):
        assert at(front, path) != at(worker, path)
    for path in ("storage.value", "storage.authentication.userAssignedIdentityResourceId"):
        full_path = f"properties.functionAppConfig.deployment.{path}"
        assert at(front, full_path) != at(worker, full_path)
    for name in ("AzureWebJobsStorage__accountName", "AZURE_CLIENT_ID", "ServiceBus__clientId"):
        assert app_settings(DEFAULT, AppRole.FRONT)[name] != app_settings(DEFAULT, AppRole.WORKER)[name]


@pytest.mark.parametrize("option", [option for option in OPTIONS if OPTIONS[option].get("split", True)])
def test_the_worker_answers_nobody_and_deployment_sites_accept_no_basic_credentials(option: str) -> None:
    worker, front = site(stored(option), AppRole.WORKER), site(stored(option), AppRole.FRONT)
    config = worker["properties"]["siteConfig"]
    assert config["ipSecurityRestrictionsDefaultAction"] == "Deny"
    assert config["scmIpSecurityRestrictionsDefaultAction"] == "Allow"
    assert config["scmIpSecurityRestrictionsUseMain"] is False
    assert front["properties"]["siteConfig"]["ipSecurityRestrictionsDefaultAction"] == "Allow"
    for app in (worker, front):
        for access in ("scm", "ftp"):
            policy = stored(option)[f"{app['id']}/basicPublishingCredentialsPolicies/{access}"]
            assert at(policy, "properties.allow") is False


def test_the_hook_puts_the_secrets_that_the_settings_refer_to() -> None:
    text = (INFRA / "hooks/postprovision.py").read_text(encoding="utf-8")
    secret_names = set(re.findall(r'^        "(slipway-[a-z-]+)": ', text, re.MULTILINE))
    values = [value for role in BOTH for value in app_settings(DEFAULT, role).values()]
    referenced = set(re.findall(r"secrets/([a-z-]+)\)", " ".join(values)))
    # The app reads the signing key from the vault by itself, to see new versions while it runs.
    assert secret_names == referenced | {VAULT_SECRET}


def test_registries_and_clusters_are_described_in_fields_that_the_settings_have() -> None:
    for setting, model in (("SLIPWAY_REGISTRIES", RegistrySettings), ("SLIPWAY_CLUSTERS", ClusterSettings)):
        for fields in json.loads(app_settings(DEFAULT, AppRole.WORKER)[setting]).values():
            assert set(fields) <= set(model.model_fields)


def test_the_examples_name_registries_and_clusters_that_are_installed() -> None:
    settings = app_settings(DEFAULT, AppRole.WORKER)
    names = SettingsNames(
        registries=frozenset(json.loads(settings["SLIPWAY_REGISTRIES"])),
        clusters=frozenset(json.loads(settings["SLIPWAY_CLUSTERS"])),
        channels=frozenset({"inbox"}),
        asking=frozenset(),
    )
    assert check_path(ROOT / "examples", known=names)


SECRETS = {
    "SLIPWAY_CHANNELS": "{}",
    "SLIPWAY_API_KEYS": "{}",
    "SLIPWAY_PUBLIC_KEYS": f"0123456789abcdef:{base64.b64encode(bytes(32)).decode()}",
    "SLIPWAY_HOOK_SECRETS": base64.b64encode(bytes(32)).decode(),
    "SLIPWAY_SESSION_KEYS": f"first:{base64.b64encode(bytes(32)).decode()}",
}
"""What the platform puts in the place of references, in the form in which infra/hooks/postprovision.py makes it."""


def with_secrets(settings: dict[str, str]) -> dict[str, str]:
    """The settings of an app, in which the platform has put secrets in the place of references."""
    secret = {name for name, value in settings.items() if value.startswith("@Microsoft.KeyVault(")}
    return settings | {name: SECRETS[name] for name in secret}


@each_role
def test_the_settings_accept_what_the_template_gives(option: str, role: AppRole) -> None:
    settings = Settings.read(with_secrets(app_settings(stored(option), role)))
    assert settings.role is role
    assert settings.issuer_url == f"https://login.microsoftonline.com/{TENANT}/v2.0"
    assert settings.tenant_id == TENANT
    assert bool(settings.key_vault) is role.works
    if role.works:
        assert settings.clusters["staging"].credential == "entra"
        assert settings.registries["nonprod"].credential == "entra"


def _queue_triggers() -> dict[str, str]:
    """The functions that take messages, by their queues."""
    source = (ROOT / "functions/queues.py").read_text(encoding="utf-8")
    matches = re.findall(r"@_takes\(Queue\.([A-Z]+)\)\ndef (\w+)", source)
    return {Queue[member].value: function for member, function in matches}


def test_the_queues_are_those_of_the_triggers_and_of_the_laptop() -> None:
    queues = json.loads((INFRA / "queues.json").read_text(encoding="utf-8"))
    facts = {queue["name"]: (queue["sessions"], queue["oneSender"]) for queue in queues}
    assert facts == {queue: (queue.sessions, queue.one_sender) for queue in Queue}
    assert {queue["name"]: queue["function"] for queue in queues} == _queue_triggers()
    assert set(_queue_triggers()) == set(QUEUES)
    assert len(queues) == len(Queue)


def test_the_bus_drops_no_repeats_where_several_send() -> None:
    """A sender could use up the message id of another one: several pipelines, and everybody who may speak for people,
    send to these queues."""
    shared = {queue for queue in Queue for party in (Party.PIPELINES, Party.APPROVAL_SENDERS) if queue in RIGHTS[party]}
    assert {queue for queue in Queue if not queue.one_sender} == shared
    queues = of_type(DEFAULT, "Microsoft.ServiceBus/namespaces/queues")
    drops = {
        str(queue["name"]).rpartition("/")[2]: at(queue, "properties.requiresDuplicateDetection") for queue in queues
    }
    assert drops == {str(queue): queue not in shared for queue in Queue}


def test_always_ready_functions_are_set_for_the_role_that_runs_them_and_for_none_by_default() -> None:
    ready = {
        role: {
            entry["name"]: entry["instanceCount"]
            for entry in at(
                site(stored("observed"), role), "properties.functionAppConfig.scaleAndConcurrency.alwaysReady"
            )
        }
        for role in BOTH
    }
    assert ready == {
        AppRole.FRONT: {"http": 2},
        AppRole.WORKER: {"function:take_hint": 1, "function:run_step": 1},
    }
    for role in BOTH:
        assert at(site(DEFAULT, role), "properties.functionAppConfig.scaleAndConcurrency.alwaysReady") == []


def _seconds(duration: str) -> int:
    match = re.fullmatch(r"PT(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?", duration)
    assert match is not None, duration
    hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return hours * 3600 + minutes * 60 + seconds


def test_queues_behave_in_azure_as_on_the_laptop(tmp_path: Path) -> None:
    resources = of_type(DEFAULT, "Microsoft.ServiceBus/namespaces/queues")
    queues = {queue["name"].rpartition("/")[2]: queue["properties"] for queue in resources}
    laptop = service_bus(load_or_make(tmp_path / "secrets.json"), lock_seconds=StackOptions.lock_seconds)["queues"]
    assert {queue["name"] for queue in laptop} == set(queues)
    for queue in laptop:
        in_azure = queues[queue["name"]]
        assert _seconds(in_azure["lockDuration"]) == StackOptions.lock_seconds
        assert in_azure["maxDeliveryCount"] == queue["max_delivery_count"]
        assert in_azure["requiresDuplicateDetection"] is (queue["duplicate_detection_seconds"] is not None)
        assert _seconds(in_azure["duplicateDetectionHistoryTimeWindow"]) == (
            queue["duplicate_detection_seconds"] or 600
        )
        assert in_azure["deadLetteringOnMessageExpiration"] == queue["dead_letter_on_expiration"]
        assert in_azure["requiresSession"] is queue["requires_session"]


def test_host_json_fits_the_queues() -> None:
    """Settling is left to the host, and a lock is renewed for as long as a function may run."""
    host = json.loads((ROOT / "host.json").read_text(encoding="utf-8"))
    settings = host["extensions"]["serviceBus"]
    assert settings["autoCompleteMessages"] is True
    assert settings["maxAutoLockRenewalDuration"] >= host["functionTimeout"]


def test_every_table_and_container_of_the_table_of_rights_is_made_under_the_name_that_the_app_uses() -> None:
    account = "Microsoft.Storage/storageAccounts"
    ledger = next(item["name"] for item in of_type(DEFAULT, account) if item["name"].startswith("stdata"))
    names = {
        kind: {
            resource["name"].rpartition("/")[2]
            for resource in of_type(DEFAULT, f"{account}/{kind}")
            if ledger in resource["id"]
        }
        for kind in ("tableServices/tables", "blobServices/containers")
    }
    assert names == {"tableServices/tables": set(TableName), "blobServices/containers": set(Container)}
    fields: dict[str, str] = {"table": TableName.LEDGER, "index_table": TableName.INDEX}
    fields |= {"container": Container.EVIDENCE, "audit_container": Container.AUDIT}
    assert {name: Settings.model_fields[name].default for name in fields} == fields


def test_the_runtime_is_the_python_that_the_project_asks_for() -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    version = re.search(r'requires-python = ">=([\d.]+)"', project)
    assert version is not None
    for role in BOTH:
        assert at(site(DEFAULT, role), "properties.functionAppConfig.runtime.version") == version[1]


def test_pushes_go_into_the_queue_with_the_topics_identity_once_it_may_send_there() -> None:
    """Whether the app is there, healthy, or deployed at all does not matter."""
    (pushes,) = of_type(DEFAULT, "Microsoft.EventGrid/systemTopics/eventSubscriptions")
    (queue,) = [
        candidate
        for candidate in of_type(DEFAULT, "Microsoft.ServiceBus/namespaces/queues")
        if candidate["id"].endswith("/events")
    ]
    delivery = at(pushes, "properties.deliveryWithResourceIdentity")
    assert delivery["identity"] == {"type": "SystemAssigned"}
    assert delivery["destination"] == {"endpointType": "ServiceBusQueue", "properties": {"resourceId": queue["id"]}}
    module = (INFRA / "modules/events.bicep").read_text(encoding="utf-8")
    after = module.partition("resource pushes ")[2].partition("dependsOn: [")[2].partition("]")[0]
    assert set(after.split()) == {"send", "keep"}
    assert at(pushes, "properties.eventDeliverySchema") == "CloudEventSchemaV1_0"
    assert not [
        resource for resource in DEFAULT.values() if "AzureFunction" in json.dumps(resource.get("properties", {}))
    ]


def test_a_closed_bus_lets_event_grid_in_and_an_open_one_has_no_rule() -> None:
    kind = "Microsoft.ServiceBus/namespaces/networkRuleSets"
    for option in ("private", "private-single", "private-existing"):
        (rules,) = of_type(stored(option), kind)
        assert at(rules, "properties.trustedServiceAccessEnabled") is True
        assert at(rules, "properties.publicNetworkAccess") == "Disabled"
    assert of_type(DEFAULT, kind) == []


def test_event_grid_may_call_the_front_only_where_that_is_chosen() -> None:
    for option, switch in (("default", "false"), ("event-grid-function", "true")):
        assert app_settings(stored(option), AppRole.FRONT)["SLIPWAY_EVENT_GRID_FUNCTION"] == switch


KNOWN_TO_HOOKS = {"AZURE_SUBSCRIPTION_ID", "SLIPWAY_HOOK_PAUSE", "SLIPWAY_APP_ROLES"}
"""Known to azd itself, to our tests, and set for a hook alone."""


def test_every_variable_that_a_hook_reads_is_an_output_or_belongs_to_a_parameter() -> None:
    file = json.loads((INFRA / "main.parameters.json").read_text(encoding="utf-8"))["parameters"]
    names = set(interface()["outputs"]) | {item["value"].strip("${}") for item in file.values()}
    for hook in (INFRA / "hooks").glob("*.py"):
        text = hook.read_text(encoding="utf-8").replace("SLIPWAY_TRACE_SHARE", "")  # an example in a sentence
        variables = set(re.findall(r'"((?:AZURE|SLIPWAY)_[A-Z_]+)"', text))
        assert variables <= names | KNOWN_TO_HOOKS, hook.name
