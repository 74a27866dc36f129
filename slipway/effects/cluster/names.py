"""Names that Slipway leaves in a cluster, spelt once: the field manager and the labels.

Whoever renders manifests sets the two ownership labels; `preview` finds orphans by them.
"""

FIELD_MANAGER = "slipway"
"""Owner of every field that Slipway applies. It never changes: fields of another manager would be left behind."""

MANAGED_BY_LABEL = "app.kubernetes.io/managed-by"
MANAGED_BY = "slipway"
APPLICATION_LABEL = "slipway.dev/application"
VERIFICATION_LABEL = "slipway.dev/verification"
"""On Jobs that `start_job` starts: they belong to one attempt and are never orphans."""
