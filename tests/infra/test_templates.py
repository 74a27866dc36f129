"""Every template and all that it makes: no fault found by the compiler, no key, and nothing without a name."""

import json
import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from tests.infra.compiler import (
    BASE,
    EXISTING_CLUSTERS,
    FILES,
    INFRA,
    OPTIONS,
    ROOT,
    Compiler,
    Resources,
    find_compiler,
    interface,
    stored,
)
from tests.infra.installed import SITE, all_resources, app_settings, at, expressions, of_type, only, scope_of

PROGRAM = find_compiler()
with_compiler = pytest.mark.skipif(PROGRAM is None, reason="no Bicep compiler: neither $BICEP nor `bicep` on the PATH")
VERSIONS = json.loads((ROOT / "tests/infra/api-versions.json").read_text(encoding="utf-8"))
TAGLESS = frozenset(
    {
        "Microsoft.Authorization/locks",
        "Microsoft.Authorization/roleAssignments",
        "Microsoft.Authorization/roleDefinitions",
        "Microsoft.ContainerService/managedClusters/maintenanceConfigurations",
        "Microsoft.Insights/dataCollectionRuleAssociations",
        "Microsoft.Insights/diagnosticSettings",
        "Microsoft.EventGrid/systemTopics/eventSubscriptions",
        "Microsoft.Network/privateEndpoints/privateDnsZoneGroups",
        "Microsoft.Network/virtualNetworks/subnets",
        *("Microsoft.ServiceBus/namespaces/queues", "Microsoft.ServiceBus/namespaces/networkRuleSets"),
        "Microsoft.Web/sites/basicPublishingCredentialsPolicies",
    }
)
"""Types without tags, apart from the parts of a storage account."""

every_set = pytest.mark.parametrize("name", OPTIONS)


@pytest.fixture(scope="module")
def compiler() -> Compiler:
    assert PROGRAM is not None
    return Compiler(PROGRAM)


@with_compiler
def test_a_mistake_in_a_property_is_found(compiler: Compiler, tmp_path: Path) -> None:
    """The compiler only warns of it, and builds all the same."""
    text = (INFRA / "modules/identity.bicep").read_text(encoding="utf-8")
    (tmp_path / "wrong.bicep").write_text(text.replace("tags: tags", "tags: tags\n  labels: tags"), encoding="utf-8")
    assert "BCP037" in "".join(compiler.diagnostics(tmp_path))


def _templates(template: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A compiled template, and those that are nested in it."""
    yield template
    resources = template["resources"]
    for resource in resources.values() if isinstance(resources, dict) else resources:
        if resource["type"] == "Microsoft.Resources/deployments":
            yield from _templates(resource["properties"]["template"])


@with_compiler
def test_no_template_of_language_version_2_declares_an_existing_resource(compiler: Compiler) -> None:
    """In languageVersion 2.0 a deployment reads `existing` resources whatever their condition says; ours only stand for
    names."""
    templates = list(_templates(compiler.template(INFRA / "main.bicep")))
    assert len(templates) > len(FILES) / 2
    for template in templates:
        if template.get("languageVersion") == "2.0":
            assert not [name for name, resource in template["resources"].items() if resource.get("existing")]


@with_compiler
@pytest.mark.parametrize("location", ["West Europe", "WestEurope"])
def test_a_region_has_one_spelling_in_names(compiler: Compiler, location: str) -> None:
    assert compiler.expand(BASE | {"location": location}) == stored("default")


@with_compiler
def test_capitals_in_the_environments_name_make_no_second_installation(compiler: Compiler) -> None:
    upper = compiler.expand(BASE | {"environmentName": "TRY"})
    assert set(upper) == set(stored("default"))


@with_compiler
@pytest.mark.parametrize(
    ("added", "sentence"),
    [
        ({"stagingClusterName": "team-test"}, "SLIPWAY_EXISTING_STAGING_GROUP"),
        ({"productionClusterName": "team-live"}, "SLIPWAY_EXISTING_PRODUCTION_GROUP"),
        ({"existingLedgerName": "stdataearlier"}, "SLIPWAY_EXISTING_LEDGER_GROUP"),
        ({"privateNetworking": True, **EXISTING_CLUSTERS}, "SLIPWAY_LINKED_NETWORKS"),
        ({"privateNetworking": True, "teamsFlow": True}, "SLIPWAY_TEAMS_FLOW"),
        ({"privateNetworking": True, "clusterAuthorizedRanges": "192.0.2.0/24"}, "AUTHORIZED_RANGES"),
        ({"privateNetworking": True, "tier": "trial"}, "SLIPWAY_TIER"),
        ({"privateNetworking": True, "networkBlock": "10.244"}, "SLIPWAY_NETWORK_BLOCK"),
        ({"privateNetworking": True, "networkBlock": "300.1"}, "300.1.0.0/16"),
        ({"alwaysReady": {"take_cause": 1}}, "SLIPWAY_ALWAYS_READY"),
    ],
)
def test_a_combination_of_parameters_that_cannot_work_is_refused_before_anything_is_made(
    compiler: Compiler, added: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(RuntimeError, match=sentence):
        compiler.expand(BASE | added)


@with_compiler
def test_blanks_in_a_list_of_namespaces_are_not_part_of_their_names(compiler: Compiler) -> None:
    resources = compiler.expand(BASE | {"stagingNamespaces": "shop-staging, cart-staging"})
    scopes = {
        key.split("/namespaces/")[1].split("/")[0]
        for key in resources
        if "managedClusters/aks-staging" in key and "/namespaces/" in key
    }
    assert scopes == {"shop-staging", "cart-staging"}


def test_every_resource_has_the_version_on_the_list() -> None:
    versions = {
        (kind, version)
        for path in FILES
        for kind, version in re.findall(r"'(Microsoft\.[\w./]+)@([\w-]+)'", path.read_text(encoding="utf-8"))
    }
    assert sorted(versions) == sorted((kind, item["version"]) for kind, item in VERSIONS.items())
    assert [kind for kind, item in VERSIONS.items() if not item["why"].endswith(".")] == []


def test_no_version_of_key_vaults_control_plane_is_used_that_ends_in_february_2027() -> None:
    """Older ones end on 27 February 2027, for templates and hooks alike."""
    first_good = date(2026, 2, 1)
    files = [*FILES, *sorted((INFRA / "hooks").glob("*.py")), *sorted(INFRA.glob("*.sh"))]
    used = []
    for path in files:
        text = path.read_text(encoding="utf-8")
        used += re.findall(r"Microsoft\.KeyVault/[\w/]+@([\d-]{10})", text)
        if match := re.search(r"^([A-Z, ]*\bVAULT\b[A-Z, ]*) = (.*)$", text, re.MULTILINE):
            names = match[1].split(", ")
            used.append(re.findall(r'"([\d-]{10})"', match[2])[names.index("VAULT")])
    assert len(used) >= 3, "the template and two hooks name a version"
    assert [version for version in used if date.fromisoformat(version) < first_good] == []


def test_every_module_is_used() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in FILES)
    modules = [path.name for path in FILES if path.parent.name == "modules"]
    assert [name for name in modules if f"{name}'" not in text] == []


@every_set
def test_every_resource_that_can_has_tags(name: str) -> None:
    bare = [
        key
        for key, resource in stored(name).items()
        if resource["type"] not in TAGLESS
        and not resource["type"].startswith("Microsoft.Storage/storageAccounts/")
        and "tags" not in resource
    ]
    assert bare == []


@every_set
def test_azd_finds_its_resources_by_their_tags(name: str) -> None:
    resources = stored(name)
    group = only(resources, "Microsoft.Resources/resourceGroups")
    assert group["tags"]["azd-env-name"] == BASE["environmentName"]
    services = {app["tags"]["azd-service-name"] for app in of_type(resources, SITE)}
    assert services == ({"front", "worker"} if OPTIONS[name].get("split", True) else {"front"})


def _creates_cluster_of(right: dict[str, Any], resources: Resources) -> bool:
    """Whether a registry's environment has a cluster of its own here; otherwise its nodes may become others."""
    environment = "production" if "/registries/crprod" in scope_of(right) else "staging"
    return any(f"/managedClusters/aks-{environment}-" in key for key in resources)


@every_set
def test_names_are_known_before_a_deployment_but_for_rights_outside_the_installations_own_group(name: str) -> None:
    """A preview leaves out every resource that it cannot name. Rights in other people's groups have the principal in
    their names: Azure refuses the same name with another principal there."""
    for key, resource in stored(name).items():
        is_known = not resource["name"].startswith("[")
        if resource["type"] == "Microsoft.Authorization/roleAssignments":
            nodes = "kubeletidentity" in json.dumps(resource) and not _creates_cluster_of(resource, stored(name))
            assert is_known == ("/resourceGroups/rg-slipway-try/" in scope_of(resource) and not nodes), key
        else:
            assert is_known or "environment()" in resource["name"], key  # a zone of whichever cloud it is


@every_set
def test_no_two_rights_have_one_name(name: str) -> None:
    names = [right["name"] for right in of_type(stored(name), "Microsoft.Authorization/roleAssignments")]
    assert len(names) == len(set(names))


def test_no_module_has_a_constant_deployment_name() -> None:
    modules = [
        path.name
        for path in FILES
        if re.search(r"^module .*\{\n  name: '[^$]*'$", path.read_text(encoding="utf-8"), re.MULTILINE)
    ]
    assert modules == []


def test_no_output_holds_a_secret() -> None:
    for name, output in interface()["outputs"].items():
        value = output["value"].casefold()
        assert "list" not in value, name
        assert not any(word in value for word in ("key", "secret", "password", "connectionstring", "token(")), name


@every_set
def test_no_key_is_read_anywhere(name: str) -> None:
    """The one list function that is called gives the kubeconfig of a cluster with Entra sign-in: it holds no secret."""
    functions = {call for text in expressions(stored(name)) for call in re.findall(r"\b(list\w+)\(", text)}
    assert functions <= {"listClusterUserCredential"}


CLOSED_TO_KEYS = {
    "Microsoft.Storage/storageAccounts": ("allowSharedKeyAccess", False),
    "Microsoft.ServiceBus/namespaces": ("disableLocalAuth", True),
    "Microsoft.Insights/components": ("DisableLocalAuth", True),
    "Microsoft.OperationalInsights/workspaces": ("features.disableLocalAuth", True),
    "Microsoft.ContainerRegistry/registries": ("adminUserEnabled", False),
    "Microsoft.ContainerService/managedClusters": ("disableLocalAccounts", True),
    "Microsoft.KeyVault/vaults": ("enableRbacAuthorization", True),
    "Microsoft.Web/sites/basicPublishingCredentialsPolicies": ("allow", False),
    "Microsoft.Communication/communicationServices": ("disableLocalAuth", True),
}
WITHOUT_KEYS = frozenset(
    {
        *("Microsoft.Communication/emailServices", "Microsoft.Communication/emailServices/domains"),
        *("Microsoft.Authorization/locks", "Microsoft.Authorization/roleAssignments"),
        "Microsoft.Authorization/roleDefinitions",
        "Microsoft.ContainerService/managedClusters/maintenanceConfigurations",
        *("Microsoft.EventGrid/systemTopics", "Microsoft.EventGrid/systemTopics/eventSubscriptions"),
        *("Microsoft.Logic/workflows", "Microsoft.ServiceBus/namespaces/networkRuleSets"),
        *("Microsoft.ManagedIdentity/userAssignedIdentities", "Microsoft.Monitor/accounts"),
        *("Microsoft.Resources/resourceGroups", "Microsoft.Web/connections", "Microsoft.Web/serverfarms"),
        *("Microsoft.Web/sites", "Microsoft.ServiceBus/namespaces/queues"),
    }
)
"""Types that know no key, or whose key is another type's above. Networks, alerts and parts of an account have none."""


def test_every_resource_that_could_be_opened_with_a_key_has_keys_disabled() -> None:
    for name in OPTIONS:
        for key, resource in stored(name).items():
            if resource["type"] in CLOSED_TO_KEYS:
                path, value = CLOSED_TO_KEYS[resource["type"]]
                assert at(resource["properties"], path) is value, key


def test_every_kind_of_resource_is_listed_as_with_or_without_keys() -> None:
    kinds = {resource["type"] for resource in all_resources().values()}
    remaining = kinds - set(CLOSED_TO_KEYS) - WITHOUT_KEYS
    prefixes = ("Microsoft.Storage/storageAccounts/", "Microsoft.Insights/", "Microsoft.Network/")
    assert [kind for kind in sorted(remaining) if not kind.startswith(prefixes)] == []


def test_registries_state_how_rights_are_given() -> None:
    registries = of_type(stored("default"), "Microsoft.ContainerRegistry/registries")
    assert {at(registry, "properties.roleAssignmentMode") for registry in registries} == {"AbacRepositoryPermissions"}


@every_set
def test_the_public_url_can_be_worked_out_in_every_set(name: str) -> None:
    for role in ("front", "worker"):
        assert app_settings(stored(name), role)["SLIPWAY_PUBLIC_URL"].startswith("https://")
