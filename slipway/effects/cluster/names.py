"""The names that Slipway writes into a cluster: the field manager and the labels.

Rendering a manifest sets the three ownership labels, by which `owned` finds what belongs to an application.
"""

FIELD_MANAGER = "slipway"
"""Owner of every field that Slipway applies. Must never change: fields of the old manager would be left behind."""

MANAGED_BY_LABEL = "app.kubernetes.io/managed-by"
MANAGED_BY = "slipway"
APPLICATION_LABEL = "slipway.dev/application"
ENVIRONMENT_LABEL = "slipway.dev/environment"
KEEP = ("slipway.dev/prune", "never")
"""The annotation of an object that stays when it leaves the manifests."""
KEPT_BY_HELM = ("helm.sh/resource-policy", "keep")
"""The annotation with which a Helm chart keeps an object."""
NO_NODE_NEEDED = ("slipway.dev/nodes", "may-be-none")
"""The annotation of a DaemonSet whose rollout may be done without any node, as in an empty node pool."""
ATTEMPT_ANNOTATION = "slipway.dev/attempt"
"""The annotation of a Job around a rollout with the attempt of its release that made it, so that a later attempt may
create it again."""
FENCE_ANNOTATION = "slipway.dev/fence"
"""The annotation of the Lease that says which rollout may write."""
VERIFICATION_LABEL = "slipway.dev/verification"
"""Set on Jobs that `start_job` creates: they belong to one attempt and are never pruned."""
