"""Commands that grant what is missing; empty if the settings name no Azure resource (local development)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ...effects.cluster import ClusterIdentity, azure_role
from ...effects.cluster.rights import Right


@dataclass(frozen=True, kw_only=True)
class FixHints:
    """The Azure resources in the settings, and the identity to grant rights to."""

    client_id: str = ""
    storage_account: str = ""
    container: str = ""
    namespace: str = ""
    """Name of the Service Bus namespace, without its domain."""
    resource_ids: Mapping[str, str] = field(default_factory=dict)
    """Resource ids of the registries, by name."""
    cluster_hosts: Mapping[str, str] = field(default_factory=dict)
    """API server host of each cluster that the app reaches with its own identity."""

    def table(self) -> str:
        return self._grant("Storage Table Data Contributor", self._storage()) if self.storage_account else ""

    def blobs(self) -> str:
        scope = f"{self._storage()}/blobServices/default/containers/{self.container}"
        return self._grant("Storage Blob Data Contributor", scope) if self.storage_account else ""

    def queue(self, queue: str, role: str) -> str:
        if not self.namespace:
            return ""
        namespace_id = f"$(az servicebus namespace list --query \"[?name=='{self.namespace}'].id\" -o tsv)"
        return self._grant(role, f"{namespace_id}/queues/{queue}")

    def registry(self, name: str, role: str) -> str:
        scope = self.resource_ids.get(name, "")
        return self._grant(role, scope) if scope else ""

    def cluster(self, name: str, namespace: str, *, who: ClusterIdentity, lacking: Sequence[Right], others: str) -> str:
        """The command that grants the missing rights. `others` is the command for rights that Azure's role does not
        have."""
        within = [right for right in lacking if azure_role.role_allows(right.verb, right.group, right.resource)]
        commands = [self._cluster_role(name, namespace, who)] if within else []
        commands += [others] if len(within) < len(lacking) else []
        return " && ".join(commands)

    def _cluster_role(self, name: str, namespace: str, who: ClusterIdentity) -> str:
        host = self.cluster_hosts.get(name, "")
        if not host:
            return f"kubectl create rolebinding slipway --namespace {namespace} --clusterrole edit {who.option}"
        cluster_id = f"$(az aks list --query \"[?fqdn=='{host}'||privateFqdn=='{host}'].id\" -o tsv)"
        return self._grant(azure_role.ROLE, f"{cluster_id}/namespaces/{namespace}")

    def _storage(self) -> str:
        return f"$(az storage account show --name {self.storage_account} --query id -o tsv)"

    def _grant(self, role: str, scope: str) -> str:
        who = self.client_id or "<client id of the app's identity>"
        return f'az role assignment create --assignee "{who}" --role "{role}" --scope "{scope}"'
