"""The operations of steps on a Kubernetes cluster: preview, apply, check a rollout, run a Job, probe a service.

`connect(access)` returns a `Cluster`, whose methods never wait or poll. The rules that decide whether a rollout is done
or failed are pure (`rules`, `pods`), as are diffs (`diff`) and the translation of errors (`errors`).
"""

from .access import AKS_SCOPE, ClusterAccess, entra_token
from .cluster import Cluster, connect
from .errors import ClusterError, Conflict, Denied, Missing, Refused, Unreachable
from .names import APPLICATION_LABEL, FIELD_MANAGER, MANAGED_BY, MANAGED_BY_LABEL
from .records import (
    AppliedObject,
    Change,
    JobState,
    Manifest,
    ObjectChange,
    ObjectState,
    Orphan,
    Preview,
    ProbeResult,
    RolloutState,
    RunningImage,
    State,
)

__all__ = [
    "AKS_SCOPE",
    "APPLICATION_LABEL",
    "FIELD_MANAGER",
    "MANAGED_BY",
    "MANAGED_BY_LABEL",
    "AppliedObject",
    "Change",
    "Cluster",
    "ClusterAccess",
    "ClusterError",
    "Conflict",
    "Denied",
    "JobState",
    "Manifest",
    "Missing",
    "ObjectChange",
    "ObjectState",
    "Orphan",
    "Preview",
    "ProbeResult",
    "Refused",
    "RolloutState",
    "RunningImage",
    "State",
    "Unreachable",
    "connect",
    "entra_token",
]
