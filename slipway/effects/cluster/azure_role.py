"""What `infra/` grants the worker in a namespace: the built-in role *Azure Kubernetes Service RBAC Writer*.

Azure has three actions for Kubernetes' eight verbs, and treats a subresource like its object. The role does not cover
RBAC and custom resources: for those `rights` writes a Role in the cluster. From the same table comes the ClusterRole
with which the contract is tested on clusters without Azure.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final, assert_never

ROLE: Final = "Azure Kubernetes Service RBAC Writer"


class RoleRight(StrEnum):
    """A right that a role of Azure grants on a kind."""

    READ = "read"
    WRITE = "write"
    DELETE = "delete"

    @property
    def verbs(self) -> tuple[str, ...]:
        """Kubernetes' verbs that it stands for."""
        match self:
            case RoleRight.READ:
                return ("get", "list", "watch")
            case RoleRight.WRITE:
                return ("create", "update", "patch")
            case RoleRight.DELETE:
                return ("delete", "deletecollection")
            case unreachable:
                assert_never(unreachable)


_READ: Final = """
apps/controllerrevisions coordination.k8s.io/leases discovery.k8s.io/endpointslices events.k8s.io/events limitranges
metrics.k8s.io/nodes metrics.k8s.io/pods namespaces resourcequotas
"""
_LEASES: Final = ("coordination.k8s.io", "leases")
_ALL: Final = """
apps/daemonsets apps/deployments apps/replicasets apps/statefulsets autoscaling/horizontalpodautoscalers batch/cronjobs
batch/jobs configmaps endpoints events extensions/daemonsets extensions/deployments extensions/ingresses
extensions/networkpolicies extensions/replicasets networking.k8s.io/ingresses networking.k8s.io/networkpolicies
persistentvolumeclaims pods policy/poddisruptionbudgets replicationcontrollers secrets serviceaccounts services
"""
_BELOW: Final[Mapping[tuple[str, str], tuple[str, ...]]] = {("", "pods"): ("log",), ("", "services"): ("proxy",)}
"""The subresources that Slipway uses: RBAC lists each of them separately."""


def _kinds(text: str) -> list[tuple[str, str]]:
    return [(group, resource) for group, _, resource in (entry.rpartition("/") for entry in text.split())]


GRANTED: Final[Mapping[tuple[str, str], frozenset[RoleRight]]] = {
    **dict.fromkeys(_kinds(_READ), frozenset({RoleRight.READ})),
    **dict.fromkeys((*_kinds(_ALL), _LEASES), frozenset(RoleRight)),
}
"""By API group and resource."""


def role_allows(verb: str, group: str, resource: str) -> bool:
    """Whether the role allows a verb on a kind in its namespace, subresources included."""
    return any(verb in act.verbs for act in GRANTED.get((group, resource), frozenset()))


def rules() -> list[dict[str, Any]]:
    """The role as the rules of a ClusterRole."""
    return [
        {
            "apiGroups": [group],
            "resources": [resource, *(f"{resource}/{below}" for below in _BELOW.get((group, resource), ()))],
            "verbs": [verb for act in RoleRight if act in acts for verb in act.verbs],
        }
        for (group, resource), acts in sorted(GRANTED.items())
    ]
