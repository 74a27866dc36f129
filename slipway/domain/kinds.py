"""Kubernetes' kinds by the names that projects give them, and the kinds that every project may apply.

These are the kinds in an application's own namespace that the worker's role in Azure may write. The platform keeps the
kinds that give rights (RBAC), judge other objects (webhooks), divide a namespace (quotas, limits) or lead traffic past
network policies (Endpoints, EndpointSlices), and the Lease that orders rollouts.
"""

from typing import Final

NAMESPACED: Final = (
    *("ConfigMap", "PersistentVolumeClaim", "Pod", "ReplicationController", "Secret", "Service", "ServiceAccount"),
    *("apps/DaemonSet", "apps/Deployment", "apps/ReplicaSet", "apps/StatefulSet"),
    "autoscaling/HorizontalPodAutoscaler",
    *("batch/CronJob", "batch/Job"),
    *("networking.k8s.io/Ingress", "networking.k8s.io/NetworkPolicy"),
    "policy/PodDisruptionBudget",
)
"""Each has its API group in its name, unless it is in the core group."""


def kind_name(api_version: object, kind: object) -> str:
    """The kind as a project names it: `argoproj.io/Rollout`, `ConfigMap`."""
    group, slash, _ = str(api_version).rpartition("/")
    return f"{group}/{kind}" if slash else str(kind)
