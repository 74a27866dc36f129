"""The names that Slipway writes into a cluster: the field manager and the labels.

Rendering a manifest sets the two ownership labels, by which `preview` finds orphans.
"""

FIELD_MANAGER = "slipway"
"""Owner of every field that Slipway applies. Must never change: fields of the old manager would be left behind."""

MANAGED_BY_LABEL = "app.kubernetes.io/managed-by"
MANAGED_BY = "slipway"
APPLICATION_LABEL = "slipway.dev/application"
VERIFICATION_LABEL = "slipway.dev/verification"
"""Set on Jobs that `start_job` creates: they belong to one attempt and are never orphans."""
