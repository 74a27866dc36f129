"""A real Kubernetes control plane on this machine, without containers: `make cluster`.

The API server, controller manager, scheduler and etcd are built once from their Go modules (`building.py`) and started
with TLS, RBAC and service accounts (`control_plane.py`). The node is ours (`node.py`): the kubelet of
`local/kubernetes`, on a mirror of the API server's objects (`mirror.py`). README.md says what that covers.
"""

from .building import NotBuilt, complete_programs
from .cluster import RealCluster

__all__ = ["NotBuilt", "RealCluster", "complete_programs"]
