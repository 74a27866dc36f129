"""Every right that an installation has, read from the snapshots. Makes the table of docs/reference/azure-roles.md.

`python -m tests.infra.roles` prints the table; `--write` puts it into the page.
"""

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.infra.compiler import INFRA, OPTIONS, ROOT, stored
from tests.infra.installed import of_type, scope_of

PAGE = ROOT / "docs/reference/azure-roles.md"
BEGIN, END = "<!-- table: made by tests/infra/roles.py -->", "<!-- end of the table -->"
OURS = "Slipway: "
ASSIGNMENT = "Microsoft.Authorization/roleAssignments"
ROLES: dict[str, str] = json.loads((INFRA / "roles.json").read_text(encoding="utf-8"))
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
    "storageTableDataContributor": "Storage Table Data Contributor",
}
PLACES = {
    "Microsoft.Communication/communicationServices": "the Communication Services resource",
    "Microsoft.ContainerRegistry/registries": "the {which} registry",
    "Microsoft.ContainerService/managedClusters/namespaces": "each listed namespace, in its cluster",
    "Microsoft.Insights/components": "the Application Insights resource",
    "Microsoft.KeyVault/vaults": "the vault",
    "Microsoft.Network/virtualNetworks/subnets": "the cluster's own subnet",
    "Microsoft.ServiceBus/namespaces/queues": "the queue `{name}`",
    "Microsoft.Storage/storageAccounts": "the storage account of the {which}",
    "Microsoft.Storage/storageAccounts/blobServices/containers": "the container `{name}` of the {which}",
}
"""Every type of resource on which a right may be given: each of them is one thing, none a group of things."""

WHICH = {"crnonprod": "non-production", "crprod": "production", "sthost": "host", "stdata": "ledger"}
WHO = {
    "userAssignedIdentities/": "the app",
    "00000000-0000-0000-0000-000000000004": "the pipelines' service connection",
    "kubeletidentity": "the cluster's nodes (kubelet)",
    "managedClusters/": "a created cluster",
    "systemTopics/": "the Event Grid system topic",
    "workflows/": "the Teams flow",
}
"""Principals, by what their id is taken from; the first that fits."""

WHEN = {
    "trial": "the tier for trying",
    "private": "private networking",
    "private-existing": "private networking",
    "existing-clusters": "existing clusters",
    "by-import": "promotion by import",
    "pipelines": "a pipeline's principal",
    "mail": "mail",
    "teams": "Teams",
}
"""Option sets that give rights of their own, as the page calls them."""


@dataclass(frozen=True, kw_only=True)
class Right:
    """One role assignment of one installation."""

    scope: str
    role: str
    """Its key in infra/roles.json; empty for one that is not there."""
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
        which = next((name for start, name in WHICH.items() if account.startswith(start)), "")
        return PLACES[self.kind].format(name=self.scope.rpartition("/")[2], which=which)


def rights(option: str) -> list[Right]:
    return [_right(resource) for resource in of_type(stored(option), ASSIGNMENT)]


def all_rights() -> list[Right]:
    return [right for option in OPTIONS for right in rights(option)]


def _right(resource: dict[str, Any]) -> Right:
    given = resource["properties"]
    role_id = given["roleDefinitionId"].rpartition("/")[2]
    return Right(
        scope=scope_of(resource),
        role=next((key for key, known in ROLES.items() if known == role_id), ""),
        principal=given["principalId"],
        principal_type=given["principalType"],
        reason=_sentence(given["description"]),
    )


def _sentence(description: str) -> str:
    """Every right says whose it is before it says why: the hook that takes rights back tells ours by that."""
    said = description.removeprefix(OURS)
    if said == description:
        raise ValueError(f"expected a description that begins with {OURS!r}, got {description!r}")
    return said[0].upper() + said[1:]


def _rows() -> Iterator[tuple[str, str, str, str, str]]:
    """Who, role, place, reason, when; what is the same but for its place is one row."""
    found: dict[tuple[str, str, str], dict[str, list[str]]] = {}
    for option in OPTIONS:
        for right in rights(option):
            places = found.setdefault((right.who, right.role, right.reason), {})
            options = places.setdefault(right.place, [])
            if option not in options:
                options.append(option)
    for (who, role, reason), places in found.items():
        for when in dict.fromkeys(_when(options) for options in places.values()):
            there = [place for place, options in places.items() if _when(options) == when]
            yield who, role, ", ".join(sorted(there)), reason, when


def _when(options: list[str]) -> str:
    return "always" if "default" in options else "with " + ", ".join(WHEN[option] for option in options)


def table() -> str:
    lines = ["| who | role | on | why | when |", "|---|---|---|---|---|"]
    order = list(WHO.values())
    for who, role, place, reason, when in sorted(_rows(), key=lambda row: (order.index(row[0]), row)):
        lines.append(f"| {who} | {NAMES[role]} `{ROLES[role]}` | {place} | {reason} | {when} |")
    return "\n".join(lines)


def page() -> str:
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    return f"{before}{BEGIN}\n{table()}\n{END}{rest.partition(END)[2]}"


if __name__ == "__main__":
    if "--write" in sys.argv[1:]:
        PAGE.write_text(page(), encoding="utf-8")
    else:
        sys.stdout.write(table() + "\n")
