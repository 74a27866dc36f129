"""Least privilege: every right is given on one resource or one namespace, for a stated reason, and is on the page."""

import json
import re

from tests.infra.compiler import FILES, INFRA, OPTIONS, stored
from tests.infra.installed import of_type
from tests.infra.roles import (
    ASSIGNMENT,
    DEFINITION,
    NAMES,
    OURS,
    OWN_ROLES,
    PAGE,
    PLACES,
    ROLES,
    all_rights,
    page,
    rights,
)

KNOWN = {
    "Azure Kubernetes Service RBAC Writer": "a7ffa36f-339b-4b5c-8bdf-e2c188b2c0eb",
    "Azure Service Bus Data Receiver": "4f6d3b9b-027b-4f4c-9142-0e5a2a2247e0",
    "Azure Service Bus Data Sender": "69a216fc-b8fb-44d8-bc22-1f3c2cd27a39",
    "Communication and Email Service Owner": "09976791-48a7-449e-bb21-39d1a415f350",
    "Container Registry Data Importer and Data Reader": "577a9874-89fd-4f24-9dbd-b5034d0ad23a",
    "Container Registry Repository Reader": "b93aa761-3e63-49ed-ac28-beffa264f7ac",
    "Container Registry Repository Writer": "2a1e307c-b015-4ebd-883e-5b7698a07328",
    "Key Vault Secrets User": "4633458b-17de-408a-b874-0445c86b69e6",
    "Monitoring Metrics Publisher": "3913510d-42f4-4e42-8a64-420c390055eb",
    "Network Contributor": "4d97b98b-1d4f-4787-a291-f434f67b8f6f",
    "Storage Blob Data Contributor": "ba92f5b4-2d11-453d-a403-e96b0029c9fe",
    "Storage Blob Data Owner": "b7e6dc6d-f1e8-4753-8033-0f276bb0955b",
    "Storage Blob Data Reader": "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1",
    "Storage Table Data Contributor": "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3",
    "Storage Table Data Reader": "76199698-9eea-4c19-bc75-cec21354c6b6",
}
"""Role definition ids as Microsoft publishes them, written a second time so that a typo shows."""


def test_role_ids_are_those_that_microsoft_publishes() -> None:
    assert {NAMES[key]: role_id for key, role_id in ROLES.items()} == KNOWN


def test_every_role_that_is_listed_is_given_and_no_other() -> None:
    assert {right.role for right in all_rights()} == set(ROLES) | set(OWN_ROLES)


def test_our_own_roles_can_be_given_in_each_group_that_needs_them_and_not_in_the_whole_subscription() -> None:
    for option in OPTIONS:
        definitions = of_type(stored(option), DEFINITION)
        scopes = [scope for definition in definitions for scope in definition["properties"]["assignableScopes"]]
        groups = {right.scope.split("/")[4] for right in rights(option) if right.role in OWN_ROLES}
        assert {scope.rpartition("/resourceGroups/")[2] for scope in scopes} >= groups
        assert all("/resourceGroups/" in scope for scope in scopes)
        assert len(definitions) == len(OWN_ROLES)


def test_only_counting_messages_is_allowed_on_more_than_one_queue_table_or_container() -> None:
    wide = {right.role for right in all_rights() if right.kind == "Microsoft.ServiceBus/namespaces"}
    assert wide == {"queuesCount"}
    assert not OWN_ROLES["queuesCount"].get("dataActions")
    assert all(action.endswith("/read") for action in OWN_ROLES["queuesCount"]["actions"])


def test_no_right_is_wider_than_one_resource_or_namespace() -> None:
    assert [right for right in all_rights() if right.kind not in PLACES] == []


def test_rights_in_a_cluster_are_for_namespaces() -> None:
    kinds = {right.kind for right in all_rights() if right.role == "aksRbacWriter"}
    assert kinds == {"Microsoft.ContainerService/managedClusters/namespaces"}


def test_every_right_says_for_whom_and_why() -> None:
    for right in all_rights():
        assert right.who, right
        assert right.principal_type == "ServicePrincipal", right
        assert right.reason.endswith("."), right


def test_rights_are_given_only_in_role_assignments() -> None:
    for option in OPTIONS:
        kinds = {resource["type"] for resource in stored(option).values()}
        authorization = {kind for kind in kinds if kind.startswith("Microsoft.Authorization/")}
        assert authorization - {"Microsoft.Authorization/locks"} == {ASSIGNMENT, DEFINITION}
        assert "accessPolicies" not in json.dumps(stored(option))
    assert not [path for path in FILES if "authorizationRules" in path.read_text(encoding="utf-8")]


def test_an_option_that_is_off_gives_no_right() -> None:
    """Each right of an option is its own: the default installation has none of them."""
    default = {(right.who, right.role) for right in rights("default")}
    optional = {"acrDataImporter", "communicationEmailOwner", "networkContributor"}
    assert not {role for _, role in default} & optional
    optional_parties = {"the pipelines' service connection", "the Teams flow", "a sender of approvals"}
    assert not {who for who, _ in default} & optional_parties


def test_the_hook_that_takes_rights_back_knows_ours_by_how_their_descriptions_begin() -> None:
    assert f'MADE_BY_US = "{OURS}"' in (INFRA / "hooks/postprovision.py").read_text(encoding="utf-8")


def test_every_module_that_gives_rights_passes_their_names_to_the_hook_that_takes_others_back() -> None:
    text = (INFRA / "main.bicep").read_text(encoding="utf-8")
    section = text.partition("output SLIPWAY_RIGHTS array")[2].partition("\n)")[0]
    for path in sorted((INFRA / "modules").glob("*.bicep")):
        module = path.read_text(encoding="utf-8")
        assignments = set(
            re.findall(r"^resource (\w+) 'Microsoft\.Authorization/roleAssignments@", module, re.MULTILINE)
        )
        outputs_section = module.partition("@description('Names of the rights that are given here.')")[2]
        assert set(re.findall(r"(\w+)(?:\[i\])?\.name", outputs_section)) == assignments, path.name
        outputs = re.findall(r"^output (\w+) array", outputs_section, re.MULTILINE)
        for symbol in re.findall(rf"^module (\w+) 'modules/{path.name}'", text, re.MULTILINE) if assignments else ():
            for output in outputs:
                assert re.search(rf"\b{symbol}!?\.outputs\.{output}\b", section), f"{symbol}.{output}"


def test_the_page_has_the_table() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run `python -m tests.infra.roles --write`"
