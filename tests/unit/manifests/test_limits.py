"""Which kinds every project may apply."""

from slipway.domain.kinds import NAMESPACED, kind_name
from slipway.effects.cluster import azure_role
from slipway.effects.cluster.kinds import BUILT_IN

NOT_AN_APPLICATIONS = {"Event", "coordination.k8s.io/Lease"}


def test_every_project_may_apply_the_kinds_that_the_workers_role_may_write() -> None:
    writable = {
        kind_name(version, kind)
        for (version, kind), built_in in BUILT_IN.items()
        if built_in.namespaced and azure_role.role_allows("patch", built_in.group, built_in.plural)
    }
    assert writable - NOT_AN_APPLICATIONS <= set(NAMESPACED)
    assert {kind for kind in NAMESPACED if kind != "ReplicationController"} <= writable
    assert azure_role.role_allows("patch", "", "replicationcontrollers")
