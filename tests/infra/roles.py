"""Every right that an installation has, read from the snapshots. Makes the table of docs/reference/azure-roles.md.

`python -m tests.infra.roles` prints the table; `--write` puts it into the page.
"""

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.infra.compiler import INFRA, OPTIONS, ROOT, Resources, stored
from tests.infra.installed import of_type, scope_of

PAGE = ROOT / "docs/reference/azure-roles.md"
BEGIN, END = "<!-- table: made by tests/infra/roles.py -->", "<!-- end of the table -->"
OWN_BEGIN, OWN_END = "<!-- own roles: made by tests/infra/roles.py -->", "<!-- end of own roles -->"
OURS = "Slipway: "
ASSIGNMENT, DEFINITION = "Microsoft.Authorization/roleAssignments", "Microsoft.Authorization/roleDefinitions"
ROLES: dict[str, str] = json.loads((INFRA / "roles.json").read_text(encoding="utf-8"))
OWN_ROLES: dict[str, dict[str, Any]] = json.loads((INFRA / "custom-roles.json").read_text(encoding="utf-8"))
NAMES = {
    "acrRepositoryReader": "Container Registry Repository Reader",
    "acrRepositoryWriter": "Container Registry Repository Writer",
    "acrDataImporter": "Container Registry Data Importer and Data Reader",
    "aksRbacWriter": "Azure Kubernetes Service RBAC Writer",
    "communicationEmailOwner": "Communication and Email Service Owner",
    "keyVaultSecretsUser": "Key Vault Secrets User",
    "monitoringMetricsPublisher": "Monitoring Metrics Publisher",
    "networkContributor": "Network Contributor",
    "serviceBusDataReceiver": "Azure Service Bus Data Receiver",
    "serviceBusDataSender": "Azure Service Bus Data Sender",
    "storageBlobDataContributor": "Storage Blob Data Contributor",
    "storageBlobDataOwner": "Storage Blob Data Owner",
    "storageBlobDataReader": "Storage Blob Data Reader",
    "storageTableDataContributor": "Storage Table Data Contributor",
    "storageTableDataReader": "Storage Table Data Reader",
}
PLACES = {
    "Microsoft.Communication/communicationServices": "the Communication Services resource",
    "Microsoft.ContainerRegistry/registries": "the {which} registry",
    "Microsoft.ContainerService/managedClusters/namespaces": "each listed namespace, in its cluster",
    "Microsoft.Insights/components": "the Application Insights resource",
    "Microsoft.KeyVault/vaults/secrets": "the secret `{name}`",
    "Microsoft.Network/virtualNetworks/subnets": "the cluster's own subnet",
    "Microsoft.ServiceBus/namespaces": "the Service Bus namespace",
    "Microsoft.ServiceBus/namespaces/queues": "the queue `{name}`",
    "Microsoft.Storage/storageAccounts": "the storage account of the {which}",
    "Microsoft.Storage/storageAccounts/blobServices/containers": "the container `{name}` of the {which}",
    "Microsoft.Storage/storageAccounts/tableServices/tables": "the table `{name}` of the {which}",
}
"""Every type of resource on which a right may be given: each is one thing. The namespace is one for counting."""

WHICH = {
    "crnonprod": "non-production",
    "crprod": "production",
    "sthost": "front's host",
    "stwork": "worker's host",
    "stdata": "ledger",
}
WHO = {
    "userAssignedIdentities/id-work-": "the worker",
    "userAssignedIdentities/": "the front",
    "00000000-0000-0000-0000-000000000004": "the pipelines' service connection",
    "00000000-0000-0000-0000-000000000006": "a sender of approvals",
    "00000000-0000-0000-0000-000000000007": "a sender of approvals",
    "kubeletidentity": "the cluster's nodes (kubelet)",
    "managedClusters/": "a created cluster",
    "systemTopics/": "the Event Grid system topic",
    "workflows/": "the Teams flow",
}
"""Principals, each known by a part of its id; the first entry that fits counts."""

WHEN = {
    "trial": "the tier for trying",
    "private": "private networking",
    "private-existing": "private networking",
    "existing-clusters": "existing clusters",
    "by-import": "promotion by import",
    "pipelines": "a pipeline's principal",
    "mail": "mail",
    "teams": "Teams",
    "senders": "senders of approvals",
    "event-grid-function": "the Event Grid function",
}
"""Option sets that give rights of their own, as the page calls them."""

TWO_APPS = [option for option in OPTIONS if OPTIONS[option].get("split", True)]
"""Option sets in which front and worker are told apart."""


@dataclass(frozen=True, kw_only=True)
class Right:
    """One role assignment of one installation."""

    scope: str
    role: str
    """Its key in infra/roles.json or infra/custom-roles.json; empty for one that is in neither."""
    principal: str
    principal_type: str
    reason: str

    @property
    def kind(self) -> str:
        """The type of the resource that it is on."""
        parts = self.scope.rpartition("/providers/")[2].split("/")
        return "/".join([parts[0], *parts[1::2]])

    @property
    def who(self) -> str:
        return next((name for mark, name in WHO.items() if mark in self.principal), "")

    @property
    def place(self) -> str:
        account = self.scope.rpartition("/providers/")[2].split("/")[2]
        label = next((name for start, name in WHICH.items() if account.startswith(start)), "")
        return PLACES[self.kind].format(name=self.scope.rpartition("/")[2], which=label)


def rights_in(resources: Resources) -> list[Right]:
    return [_right(resource, resources) for resource in of_type(resources, ASSIGNMENT)]


def rights(option: str) -> list[Right]:
    return rights_in(stored(option))


def all_rights() -> list[Right]:
    return [right for option in OPTIONS for right in rights(option)]


def own_roles(resources: Resources) -> dict[str, str]:
    """The ids that our own roles have in an installation, by their keys."""
    titles = {
        definition["properties"]["roleName"].partition(": ")[2]: definition["name"]
        for definition in of_type(resources, DEFINITION)
    }
    return {key: titles[role["name"]] for key, role in OWN_ROLES.items()}


def _right(resource: dict[str, Any], resources: Resources) -> Right:
    properties = resource["properties"]
    role_id = properties["roleDefinitionId"].rpartition("/")[2]
    known_roles = ROLES | own_roles(resources)
    return Right(
        scope=scope_of(resource),
        role=next((key for key, definition_id in known_roles.items() if definition_id == role_id), ""),
        principal=properties["principalId"],
        principal_type=properties["principalType"],
        reason=_sentence(properties["description"]),
    )


def _sentence(description: str) -> str:
    """Every right says whose it is before it says why: the hook that takes rights back tells ours by that."""
    sentence = description.removeprefix(OURS)
    if sentence == description:
        raise ValueError(f"expected a description that begins with {OURS!r}, got {description!r}")
    return sentence[0].upper() + sentence[1:]


def _rows() -> Iterator[tuple[str, str, str, str, str]]:
    """Who, role, place, reason, when; entries that differ in their place only are one row."""
    entries: dict[tuple[str, str, str], dict[str, list[str]]] = {}
    for option in TWO_APPS:
        for right in rights(option):
            places = entries.setdefault((right.who, right.role, right.reason), {})
            options = places.setdefault(right.place, [])
            if option not in options:
                options.append(option)
    for (who, role, reason), places in entries.items():
        for when in dict.fromkeys(_condition_text(options) for options in places.values()):
            matching = [place for place, options in places.items() if _condition_text(options) == when]
            yield who, role, ", ".join(sorted(matching)), reason, when


def _condition_text(options: list[str]) -> str:
    return "always" if "default" in options else "with " + ", ".join(WHEN[option] for option in options)


def table() -> str:
    lines = ["| who | role | on | why | when |", "|---|---|---|---|---|"]
    order = list(WHO.values())
    for who, role, place, reason, when in sorted(_rows(), key=lambda row: (order.index(row[0]), row)):
        name = f"{NAMES[role]} `{ROLES[role]}`" if role in NAMES else f"*{OWN_ROLES[role]['name']}*"
        lines.append(f"| {who} | {name} | {place} | {reason} | {when} |")
    return "\n".join(lines)


def own_table() -> str:
    lines = ["| role | allows |", "|---|---|"]
    for role in OWN_ROLES.values():
        allowed = [*role.get("actions", []), *role.get("dataActions", [])]
        lines.append(f"| *{role['name']}* | {', '.join(f'`{action}`' for action in allowed)} |")
    return "\n".join(lines)


def page() -> str:
    text = PAGE.read_text(encoding="utf-8")
    for begin, end, content in ((BEGIN, END, table()), (OWN_BEGIN, OWN_END, own_table())):
        before, _, after = text.partition(begin)
        text = f"{before}{begin}\n{content}\n{end}{after.partition(end)[2]}"
    return text


if __name__ == "__main__":
    if "--write" in sys.argv[1:]:
        PAGE.write_text(page(), encoding="utf-8")
    else:
        sys.stdout.write(table() + "\n")
