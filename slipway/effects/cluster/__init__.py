"""What steps do in a Kubernetes cluster: preview, apply, check a rollout, run a Job, probe a service.

`connect(access)` returns a `Cluster`, whose methods never wait or poll. The rules that decide whether a rollout is done
or failed are pure (`rules`, `pods`), as are diffs (`diff`) and the translation of errors (`errors`).
"""

from .access import AKS_SCOPE, ClusterAccess, entra_token
from .cluster import Cluster, connect_cluster
from .custom_resources import is_custom
from .diagnosis import Diagnosis
from .drift import AppliedManifests, Difference
from .errors import (
    AccessDenied,
    ClusterError,
    ClusterUnreachable,
    FenceLost,
    Missing,
    NotToBegin,
    ObjectConflict,
    ObjectRefused,
)
from .fenced import FencedCluster
from .kinds import kinds_of
from .names import APPLICATION_LABEL, FIELD_MANAGER, MANAGED_BY, MANAGED_BY_LABEL
from .owned import Owned, Owner, Search
from .records import (
    AppliedChange,
    AppliedObject,
    ClusterPreview,
    JobState,
    Manifest,
    ObjectChange,
    ObjectState,
    OnceState,
    ProbeResult,
    ProgressState,
    RemovedFromManifests,
    RetainedObject,
    RollbackOutcome,
    RolloutState,
    UnappliedObject,
    Unsearched,
)
from .role import ClusterIdentity
from .rollout import EarlierPolls

__all__ = [
    "AKS_SCOPE",
    "APPLICATION_LABEL",
    "FIELD_MANAGER",
    "MANAGED_BY",
    "MANAGED_BY_LABEL",
    "AccessDenied",
    "AppliedChange",
    "AppliedManifests",
    "AppliedObject",
    "Cluster",
    "ClusterAccess",
    "ClusterError",
    "ClusterIdentity",
    "ClusterPreview",
    "ClusterUnreachable",
    "Diagnosis",
    "Difference",
    "EarlierPolls",
    "FenceLost",
    "FencedCluster",
    "JobState",
    "Manifest",
    "Missing",
    "NotToBegin",
    "ObjectChange",
    "ObjectConflict",
    "ObjectRefused",
    "ObjectState",
    "OnceState",
    "Owned",
    "Owner",
    "ProbeResult",
    "ProgressState",
    "RemovedFromManifests",
    "RetainedObject",
    "RollbackOutcome",
    "RolloutState",
    "Search",
    "UnappliedObject",
    "Unsearched",
    "connect_cluster",
    "entra_token",
    "is_custom",
    "kinds_of",
]
