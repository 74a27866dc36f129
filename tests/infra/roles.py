"""Every right that the Bicep gives, read from it. Makes the table of docs/reference/azure-roles.md.

`python -m tests.infra.roles` prints the table; `--write` puts it into the page.
"""

import json
import re
import sys
from dataclasses import dataclass

from tests.infra.bicep import INFRA, ROOT, Bicep, Declaration, at, literal, load_all, text

PAGE = ROOT / "docs/reference/azure-roles.md"
BEGIN, END = "<!-- table: made by tests/infra/roles.py -->", "<!-- end of the table -->"
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
    "Microsoft.ContainerRegistry/registries": "the registry",
    "Microsoft.ContainerService/managedClusters/namespaces": "each listed namespace, in its cluster",
    "Microsoft.Insights/components": "the Application Insights resource",
    "Microsoft.KeyVault/vaults": "the vault",
    "Microsoft.Network/virtualNetworks/subnets": "the cluster's own subnet",
    "Microsoft.ServiceBus/namespaces/queues": "the queue",
    "Microsoft.Storage/storageAccounts": "the storage account",
    "Microsoft.Storage/storageAccounts/blobServices/containers": "the container",
}
"""Every type of resource on which a right may be given: each of them is one thing, none a group of things."""

WHO = {
    "appPrincipalId": "the app",
    "pipelinePrincipalId": "the pipelines' service connection",
    "cluster.properties.identityProfile.kubeletidentity.objectId": "the cluster's nodes (kubelet)",
    "cluster.identity.principalId": "a created cluster",
    "topic.identity.principalId": "the Event Grid system topic",
    "flow.identity.principalId": "the Teams flow",
}


@dataclass(frozen=True, kw_only=True)
class Right:
    """One role assignment."""

    file: str
    symbol: str
    role: str
    """Its key in infra/roles.json."""
    scope: Declaration | None
    scope_text: str
    principal: str
    principal_type: str
    reason: str
    conditional: bool

    @property
    def place(self) -> str:
        assert self.scope is not None
        named = literal(at(self.scope.body, "name"))
        place = PLACES[self.scope.type] + (f" `{named}`" if named else "")
        if self.file.endswith("service-bus.bicep") and named is None:
            place = "each of the four queues"
        return {"storage-host": f"{place} of the host", "ledger": f"{place} of the ledger"}.get(
            self.file.removeprefix("modules/").removesuffix(".bicep"), place
        )


def rights() -> list[Right]:
    return [
        _right(file, declared)
        for file in load_all()
        for declared in file.resources.values()
        if declared.type == ASSIGNMENT
    ]


def _right(file: Bicep, declared: Declaration) -> Right:
    def said(*path: str) -> str:
        found = at(declared.body, *path)
        return "" if found is None else literal(found) or text(found)

    scope = said("scope")
    role = re.fullmatch(
        r"subscriptionResourceId\('Microsoft\.Authorization/roleDefinitions', roles\.(\w+)\)",
        said("properties", "roleDefinitionId"),
    )
    return Right(
        file=file.name,
        symbol=declared.name,
        role=role[1] if role else "",
        scope=file.resources.get(scope.partition("[")[0]),
        scope_text=scope,
        principal=said("properties", "principalId"),
        principal_type=said("properties", "principalType"),
        reason=said("properties", "description"),
        conditional=declared.conditional,
    )


def table() -> str:
    lines = ["| who | role | on | why | given in |", "|---|---|---|---|---|"]
    for right in sorted(rights(), key=lambda r: (list(WHO).index(r.principal), r.file, r.symbol)):
        role = f"{NAMES[right.role]} `{ROLES[right.role]}`"
        where = f"[`{right.file}`](../../infra/{right.file}) `{right.symbol}`"
        lines.append(f"| {WHO[right.principal]} | {role} | {right.place} | {right.reason} | {where} |")
    return "\n".join(lines)


def page() -> str:
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    return f"{before}{BEGIN}\n{table()}\n{END}{rest.partition(END)[2]}"


if __name__ == "__main__":
    if "--write" in sys.argv[1:]:
        PAGE.write_text(page(), encoding="utf-8")
    else:
        sys.stdout.write(table() + "\n")
