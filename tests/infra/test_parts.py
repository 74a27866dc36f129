"""What an installation consists of: the properties without which a part would be another part, stated one by one."""

import pytest

from tests.infra.bicep import INFRA, Bicep, at, literal, text


def _said(file: str, resource: str, *path: str) -> str:
    """A property of a resource: its text, or its expression."""
    declared = Bicep(INFRA / f"{file}.bicep").resources[resource]
    found = at(declared.body, *path)
    assert found is not None, f"{file}: {resource} does not say {'.'.join(path)}"
    return literal(found) or " ".join(text(found).split())


CLUSTER, APP, PROMETHEUS = "modules/cluster", "modules/app", "modules/prometheus"


@pytest.mark.parametrize(
    ("file", "resource", "path", "wanted"),
    [
        # The app: Flex Consumption, an identity of its own, nothing by password.
        (APP, "plan", "sku.tier", "FlexConsumption"),
        (APP, "plan", "sku.name", "FC1"),
        (APP, "app", "identity.type", "UserAssigned"),
        (APP, "app", "properties.httpsOnly", "true"),
        (APP, "app", "properties.functionAppConfig.runtime.name", "python"),
        (APP, "app", "properties.functionAppConfig.deployment.storage.type", "blobContainer"),
        (APP, "app", "properties.functionAppConfig.deployment.storage.authentication.type", "UserAssignedIdentity"),
        (APP, "signIn", "properties.platform.enabled", "true"),
        # Clusters: people and programs by Entra, rights by Azure RBAC, pods by workload identity.
        (CLUSTER, "cluster", "properties.aadProfile.managed", "true"),
        (CLUSTER, "cluster", "properties.aadProfile.enableAzureRBAC", "true"),
        (CLUSTER, "cluster", "properties.enableRBAC", "true"),
        (CLUSTER, "cluster", "properties.oidcIssuerProfile.enabled", "true"),
        (CLUSTER, "cluster", "properties.securityProfile.workloadIdentity.enabled", "true"),
        # Container Insights: the add-on, the rule, and that the cluster follows it.
        (CLUSTER, "cluster", "properties.addonProfiles.omsagent.enabled", "true"),
        (CLUSTER, "cluster", "properties.addonProfiles.omsagent.config.useAADAuth", "true"),
        (CLUSTER, "rule", "kind", "Linux"),
        (CLUSTER, "association", "scope", "cluster"),
        (CLUSTER, "association", "name", "ContainerInsightsExtension"),
        (CLUSTER, "association", "properties.dataCollectionRuleId", "rule.id"),
        (CLUSTER, "cluster", "properties.azureMonitorProfile.metrics.enabled", "managedPrometheus"),
        (PROMETHEUS, "association", "scope", "cluster"),
        (PROMETHEUS, "association", "properties.dataCollectionRuleId", "rule.id"),
        # Telemetry has one place.
        ("modules/monitoring", "insights", "properties.WorkspaceResourceId", "workspace.id"),
        ("modules/monitoring", "insights", "properties.IngestionMode", "LogAnalytics"),
        # What cannot be delivered is kept.
        ("postdeploy", "pushes", "properties.destination.endpointType", "AzureFunction"),
        (
            "postdeploy",
            "pushes",
            "properties.deadLetterWithResourceIdentity.deadLetterDestination.endpointType",
            "StorageBlob",
        ),
        ("modules/events", "topic", "properties.topicType", "Microsoft.ContainerRegistry.Registries"),
        ("modules/service-bus", "queues", "properties.deadLetteringOnMessageExpiration", "true"),
        # The vault's secrets cannot be lost by one slip.
        ("modules/key-vault", "vault", "properties.enablePurgeProtection", "true"),
        ("modules/key-vault", "vault", "properties.enableSoftDelete", "true"),
        ("modules/storage-data", "immutability", "parent", "audit"),
        (
            "modules/storage-data",
            "immutability",
            "properties.immutabilityPeriodSinceCreationInDays",
            "auditRetentionDays",
        ),
    ],
)
def test_a_part_is_what_it_is_called(file: str, resource: str, path: str, wanted: str) -> None:
    assert _said(file, resource, *path.split(".")) == wanted


@pytest.mark.parametrize(
    ("file", "kind", "name"),
    [
        ("main", "module", "mail"),
        ("main", "module", "teams"),
        ("main", "module", "network"),
        ("main", "module", "privateEndpoints"),
        ("main", "module", "dataStorage"),
        ("modules/environment", "module", "cluster"),
        ("modules/environment", "module", "metrics"),
        ("modules/storage-data", "resource", "immutability"),
    ],
)
def test_an_option_is_one(file: str, kind: str, name: str) -> None:
    assert Bicep(INFRA / f"{file}.bicep").of(kind)[name].conditional


def test_rights_of_an_option_come_with_it_only() -> None:
    registry = Bicep(INFRA / "modules/registry.bicep").resources
    assert registry["appImports"].conditional
    assert registry["appWrites"].conditional
    assert registry["pipelineAccess"].conditional


def test_there_are_two_registries_and_two_environments() -> None:
    modules = Bicep(INFRA / "main.bicep").of("module").values()
    sources = [module.source for module in modules]
    assert sources.count("modules/registry.bicep") == 2
    assert sources.count("modules/environment.bicep") == 2
