"""The parts of an installation, each with the properties that make it what it is called."""

import json
from collections import Counter
from typing import Any

import pytest

from tests.infra.compiler import OPTIONS, stored
from tests.infra.installed import app_settings, at, of_type

CLUSTER, SITE = "Microsoft.ContainerService/managedClusters", "Microsoft.Web/sites"
CONTAINER_INSIGHTS = "/dataCollectionRuleAssociations/ContainerInsightsExtension"


@pytest.mark.parametrize(
    ("kind", "path", "expected"),
    [
        # The app: Flex Consumption, an identity of its own, nothing by password.
        ("Microsoft.Web/serverfarms", "sku.tier", "FlexConsumption"),
        ("Microsoft.Web/serverfarms", "sku.name", "FC1"),
        (SITE, "identity.type", "UserAssigned"),
        (SITE, "properties.httpsOnly", True),
        (SITE, "properties.functionAppConfig.runtime.name", "python"),
        (SITE, "properties.functionAppConfig.deployment.storage.type", "blobContainer"),
        (SITE, "properties.functionAppConfig.deployment.storage.authentication.type", "UserAssignedIdentity"),
        # Clusters: people and programs by Entra, rights by Azure RBAC, pods by workload identity.
        (CLUSTER, "properties.aadProfile.managed", True),
        (CLUSTER, "properties.aadProfile.enableAzureRBAC", True),
        (CLUSTER, "properties.enableRBAC", True),
        (CLUSTER, "properties.oidcIssuerProfile.enabled", True),
        (CLUSTER, "properties.securityProfile.workloadIdentity.enabled", True),
        (CLUSTER, "properties.addonProfiles.omsagent.enabled", True),
        (CLUSTER, "properties.addonProfiles.omsagent.config.useAADAuth", "true"),
        (CLUSTER, "properties.azureMonitorProfile.metrics.enabled", False),
        # Telemetry has one place.
        ("Microsoft.Insights/components", "properties.IngestionMode", "LogAnalytics"),
        ("Microsoft.EventGrid/systemTopics", "properties.topicType", "Microsoft.ContainerRegistry.Registries"),
        ("Microsoft.ServiceBus/namespaces/queues", "properties.deadLetteringOnMessageExpiration", True),
        # The vault's secrets cannot be lost by one slip.
        ("Microsoft.KeyVault/vaults", "properties.enablePurgeProtection", True),
        ("Microsoft.KeyVault/vaults", "properties.enableSoftDelete", True),
    ],
)
def test_every_part_has_the_property_that_is_expected_of_it(kind: str, path: str, expected: Any) -> None:
    parts = of_type(stored("default"), kind)
    assert parts
    assert {at(part, path) for part in parts} == {expected}


@pytest.mark.parametrize("name", OPTIONS)
def test_every_created_cluster_reports_to_the_one_workspace(name: str) -> None:
    resources = stored(name)
    (workspace,) = of_type(resources, "Microsoft.OperationalInsights/workspaces")
    for cluster in of_type(resources, CLUSTER):
        rule = resources[cluster["id"] + "/providers/Microsoft.Insights" + CONTAINER_INSIGHTS]
        collection = resources[at(rule, "properties.dataCollectionRuleId")]
        assert collection["kind"] == "Linux"
        (destination,) = at(collection, "properties.destinations.logAnalytics")
        assert destination["workspaceResourceId"] == workspace["id"]


def test_application_insights_keeps_its_data_in_the_one_workspace() -> None:
    resources = stored("default")
    (workspace,) = of_type(resources, "Microsoft.OperationalInsights/workspaces")
    (insights,) = of_type(resources, "Microsoft.Insights/components")
    assert at(insights, "properties.WorkspaceResourceId") == workspace["id"]


PRIVATE = {
    *("Microsoft.Network/networkSecurityGroups", "Microsoft.Network/virtualNetworks"),
    *("Microsoft.Network/virtualNetworks/subnets", "Microsoft.Network/privateDnsZones"),
    *("Microsoft.Network/privateDnsZones/virtualNetworkLinks", "Microsoft.Network/privateEndpoints"),
    *("Microsoft.Network/privateEndpoints/privateDnsZoneGroups", "Microsoft.ServiceBus/namespaces/networkRuleSets"),
}
MADE_BY_AN_OPTION = {
    "mail": {
        *("Microsoft.Communication/emailServices", "Microsoft.Communication/emailServices/domains"),
        "Microsoft.Communication/communicationServices",
    },
    "teams": {"Microsoft.Logic/workflows", "Microsoft.Web/connections"},
    "private": PRIVATE,
    "private-single": PRIVATE,
    "private-existing": PRIVATE,
    "single": set(),
    "single-all": {
        *("Microsoft.Communication/emailServices", "Microsoft.Communication/emailServices/domains"),
        "Microsoft.Communication/communicationServices",
        *("Microsoft.Logic/workflows", "Microsoft.Web/connections"),
    },
    "senders": set(),
    "event-grid-function": set(),
    "observed": {"Microsoft.Monitor/accounts"},
    "kept-audit": {
        "Microsoft.Storage/storageAccounts/blobServices/containers/immutabilityPolicies",
        "Microsoft.Authorization/locks",
    },
    "by-import": set(),
    "pipelines": set(),
    "existing-clusters": set(),
    "existing-ledger": set(),
    "again": {"Microsoft.Authorization/locks"},
    "trial": set(),
}


@pytest.mark.parametrize("name", MADE_BY_AN_OPTION)
def test_an_option_makes_what_is_its_own_and_nothing_else(name: str) -> None:
    def kinds(option: str) -> set[str]:
        return {resource["type"] for resource in stored(option).values()}

    assert kinds(name) - kinds("default") == MADE_BY_AN_OPTION[name]


def test_every_option_is_looked_at() -> None:
    assert set(MADE_BY_AN_OPTION) == set(OPTIONS) - {"default"}


def test_existing_things_are_used_and_not_made_again() -> None:
    assert of_type(stored("existing-clusters"), CLUSTER) == []
    accounts = of_type(stored("existing-ledger"), "Microsoft.Storage/storageAccounts")
    assert sorted(account["name"][:6] for account in accounts) == ["sthost", "stwork"]


def test_the_audit_can_be_kept_from_change() -> None:
    (policy,) = of_type(
        stored("kept-audit"), "Microsoft.Storage/storageAccounts/blobServices/containers/immutabilityPolicies"
    )
    assert "/containers/audit/" in policy["id"]
    assert at(policy, "properties.immutabilityPeriodSinceCreationInDays") == 400


def test_there_are_two_registries_and_two_clusters() -> None:
    assert len(of_type(stored("default"), "Microsoft.ContainerRegistry/registries")) == 2
    assert len(of_type(stored("default"), CLUSTER)) == 2


def test_extra_settings_are_kept_with_each_deployment() -> None:
    """`siteConfig.appSettings` is the whole list: what somebody set by hand is gone after the next `azd provision`."""
    extra_names = set(OPTIONS["observed"]["extraSettings"])
    for role in ("front", "worker"):
        settings = app_settings(stored("observed"), role)
        assert settings["SLIPWAY_TRACE_SHARE"] == "0.5"
        assert set(settings) - extra_names == set(app_settings(stored("default"), role))


def test_a_locked_policy_is_left_alone_by_the_template() -> None:
    kind = "Microsoft.Storage/storageAccounts/blobServices/containers/immutabilityPolicies"
    assert len(of_type(stored("kept-audit"), kind)) == 1
    assert of_type(stored("again"), kind) == []


def test_a_vault_that_was_deleted_is_recovered_and_otherwise_made() -> None:
    for option, mode in (("default", "default"), ("again", "recover")):
        (vault,) = of_type(stored(option), "Microsoft.KeyVault/vaults")
        assert at(vault, "properties.createMode") == mode


def test_a_second_provision_with_the_same_values_changes_nothing_but_what_it_found() -> None:
    """What the preprovision hook finds out touches the vault and the policy alone."""
    first, second = stored("kept-audit"), stored("again")
    changed = {key for key in first | second if first.get(key) != second.get(key)}
    assert {key.rpartition("/providers/")[2].split("/")[1] for key in changed} == {"vaults", "storageAccounts"}
    assert len(changed) == 2


PRIVATE_SETS = pytest.mark.parametrize("name", ["private", "private-single", "private-existing"])


@PRIVATE_SETS
def test_a_private_network_leaves_subnets_that_others_added_alone(name: str) -> None:
    """A network that lists its subnets takes away those that others have put into it."""
    (network,) = of_type(stored(name), "Microsoft.Network/virtualNetworks")
    assert "subnets" not in network["properties"]
    parts = of_type(stored(name), "Microsoft.Network/virtualNetworks/subnets")
    prefixes = {part["name"].rpartition("/")[2]: at(part, "properties.addressPrefix") for part in parts}
    assert prefixes == {
        "front": "10.40.0.0/24",
        "endpoints": "10.40.1.0/24",
        "staging": "10.40.2.0/24",
        "production": "10.40.3.0/24",
        "worker": "10.40.4.0/24",
    }


@PRIVATE_SETS
def test_each_app_of_a_private_installation_has_a_subnet_of_its_own_for_its_requests(name: str) -> None:
    resources = stored(name)
    subnets = {part["id"]: part for part in of_type(resources, "Microsoft.Network/virtualNetworks/subnets")}
    app_subnets = [subnets[at(app, "properties.virtualNetworkSubnetId")] for app in of_type(resources, SITE)]
    assert len({subnet["id"] for subnet in app_subnets}) == len(app_subnets)
    for subnet in app_subnets:
        (delegation,) = at(subnet, "properties.delegations")
        assert delegation["properties"]["serviceName"] == "Microsoft.App/environments"


@PRIVATE_SETS
def test_a_private_resource_has_no_public_access_and_an_endpoint_with_a_dns_record(name: str) -> None:
    """The vault stays open, because the platform reads it for the app's settings."""
    resources = stored(name)
    closed = [
        key
        for key, resource in resources.items()
        if resource.get("properties", {}).get("publicNetworkAccess") == "Disabled"
        and resource["type"]
        != "Microsoft.ServiceBus/namespaces/networkRuleSets"  # which repeats what its namespace says
    ]
    linked = [
        at(connection, "properties.privateLinkServiceId")
        for endpoint in of_type(resources, "Microsoft.Network/privateEndpoints")
        for connection in at(endpoint, "properties.privateLinkServiceConnections")
    ]
    assert set(linked) == set(closed)
    hosts = len(of_type(resources, SITE))
    assert len(closed) == 4 + hosts
    zones = of_type(resources, "Microsoft.Network/privateEndpoints/privateDnsZoneGroups")
    assert len(linked) == len(zones) == 5 + 2 * hosts
    assert {
        at(vault, "properties.publicNetworkAccess") for vault in of_type(resources, "Microsoft.KeyVault/vaults")
    } == {"Enabled"}


@PRIVATE_SETS
def test_every_network_from_which_the_services_are_reached_resolves_their_private_addresses(name: str) -> None:
    resources = stored(name)
    (own_network,) = of_type(resources, "Microsoft.Network/virtualNetworks")
    zones = of_type(resources, "Microsoft.Network/privateDnsZones")
    links = of_type(resources, "Microsoft.Network/privateDnsZones/virtualNetworkLinks")
    linked = Counter(at(link, "properties.virtualNetwork.id") for link in links)
    other_networks = {network for network in linked if network != own_network["id"]}
    assert {network.split("/")[4] for network in other_networks} == (
        {"platform-test", "platform-live"} if name == "private-existing" else set()
    )
    assert set(linked.values()) == {len(zones)}


def test_a_created_clusters_own_ranges_are_those_that_the_hook_keeps_the_network_away_from() -> None:
    for cluster in of_type(stored("private"), CLUSTER):
        ranges = {
            at(cluster, "properties.networkProfile.podCidr"),
            at(cluster, "properties.networkProfile.serviceCidr"),
        }
        assert ranges == {"10.244.0.0/16", "10.0.0.0/16"}


# What is watched.


@pytest.mark.parametrize("name", OPTIONS)
def test_every_write_into_the_ledger_is_reported_to_this_installation_whoever_made_the_ledger(name: str) -> None:
    resources = stored(name)
    (workspace,) = of_type(resources, "Microsoft.OperationalInsights/workspaces")
    account = OPTIONS[name].get("existingLedgerName", "stdata")
    categories = {
        key.split("/storageAccounts/")[1].split("/")[1]: {log["category"] for log in at(resource, "properties.logs")}
        for key, resource in resources.items()
        if resource["type"] == "Microsoft.Insights/diagnosticSettings"
        and f"/storageAccounts/{account}" in key
        and at(resource, "properties.workspaceId") == workspace["id"]
    }
    expected = {"StorageWrite", "StorageDelete"}
    assert categories == {"tableServices": expected, "blobServices": expected}


def test_an_alert_on_a_state_is_reported_once_and_once_more_when_it_is_over() -> None:
    rules = of_type(stored("default"), "Microsoft.Insights/scheduledQueryRules")
    states = {rule["name"].removeprefix("slipway-try-") for rule in rules if at(rule, "properties.autoMitigate")}
    assert states == {"reconcile-not-running", "queues-lag", "hooks-silent"}


def test_an_event_that_does_not_arrive_is_reported_within_a_quarter_of_an_hour() -> None:
    rules = of_type(stored("default"), "Microsoft.Insights/metricAlerts")
    watched = {
        criterion["metricName"]: (at(rule, "properties.evaluationFrequency"), at(rule, "properties.windowSize"))
        for rule in rules
        for criterion in at(rule, "properties.criteria").get("allOf", [])
    }
    assert watched == dict.fromkeys(
        ["DeadletteredMessages", "DeadLetteredCount", "DeliveryAttemptFailCount", "DroppedEventCount"],
        ("PT5M", "PT15M"),
    )


def test_health_is_probed_from_outside_and_a_failure_raises_an_alert() -> None:
    resources = stored("default")
    (test,) = of_type(resources, "Microsoft.Insights/webtests")
    assert at(test, "properties.Request.RequestUrl") == "https://func-try-bz3trc.azurewebsites.net/api/health"
    assert at(test, "properties.ValidationRules.ExpectedHttpStatusCode") == 200
    (alert,) = [
        rule
        for rule in of_type(resources, "Microsoft.Insights/metricAlerts")
        if "webTestId" in at(rule, "properties.criteria")
    ]
    assert at(alert, "properties.criteria.webTestId") == test["id"]
    assert 1 < at(alert, "properties.criteria.failedLocationCount") < len(at(test, "properties.Locations"))


def test_a_premium_bus_logs_who_sent_what_and_a_standard_one_does_not() -> None:
    for name in OPTIONS:
        (bus,) = of_type(stored(name), "Microsoft.ServiceBus/namespaces")
        settings = stored(name)[bus["id"] + "/providers/Microsoft.Insights/diagnosticSettings/operations"]
        categories = {log["category"] for log in at(settings, "properties.logs")}
        assert ("RuntimeAuditLogs" in categories) == (at(bus, "sku.name") == "Premium")


def test_the_ledger_can_be_locked_against_deletion() -> None:
    (lock,) = of_type(stored("kept-audit"), "Microsoft.Authorization/locks")
    assert at(lock, "properties.level") == "CanNotDelete"
    assert "/storageAccounts/stdata" in lock["id"]
    assert of_type(stored("default"), "Microsoft.Authorization/locks") == []


# For trying.


def test_a_trial_is_one_cluster_with_both_environments_in_namespaces_of_their_own() -> None:
    resources = stored("trial")
    (cluster,) = of_type(resources, CLUSTER)
    scopes = {
        key.split("'")[1] for key in resources if "/managedClusters/" in key and "/namespaces/" in key and "'" in key
    }
    scopes |= {
        key.partition("/providers/Microsoft.Auth")[0]
        for key in resources
        if "/namespaces/hello-" in key and "'" not in key
    }
    assert scopes == {f"{cluster['id']}/namespaces/hello-{environment}" for environment in ("staging", "production")}
    clusters = json.loads(app_settings(resources, "worker")["SLIPWAY_CLUSTERS"])
    assert clusters["staging"] == clusters["production"]


def test_a_trial_has_the_smallest_registries_and_keeps_logs_for_a_month() -> None:
    resources = stored("trial")
    registries = of_type(resources, "Microsoft.ContainerRegistry/registries")
    assert {at(registry, "sku.name") for registry in registries} == {"Basic"}
    assert {at(registry, "properties.roleAssignmentMode") for registry in registries} == {"AbacRepositoryPermissions"}
    (workspace,) = of_type(resources, "Microsoft.OperationalInsights/workspaces")
    assert at(workspace, "properties.retentionInDays") == 30


def test_a_created_cluster_stays_on_supported_versions_and_is_upgraded_in_a_quiet_hour() -> None:
    resources = stored("default")
    for cluster in of_type(resources, CLUSTER):
        assert at(cluster, "properties.autoUpgradeProfile.upgradeChannel") == "stable"
        for schedule in ("aksManagedAutoUpgradeSchedule", "aksManagedNodeOSUpgradeSchedule"):
            window = resources[f"{cluster['id']}/maintenanceConfigurations/{schedule}"]
            assert at(window, "properties.maintenanceWindow.schedule.weekly.dayOfWeek") == "Sunday"
