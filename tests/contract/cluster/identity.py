"""The identity under which the contract runs: it has the role that `infra/` grants, in one namespace, and no other
rights.

`SLIPWAY_TEST_WITHOUT=VERB GROUP RESOURCE` takes one right away from it: `scripts/least_privilege.py` does so with each.
"""

import os
import time
from pathlib import Path

import yaml

from local.cluster.cluster import role_rule
from local.kubernetes import Rule
from local.kubernetes.access import LETS_IN
from local.kubernetes.azure import writer
from slipway.effects.cluster import ClusterAccess
from slipway.effects.cluster.connection import Connection

from . import manifests as m

USER = "slipway"
WITHOUT = "SLIPWAY_TEST_WITHOUT"
USED = "used"
"""The property of a test that names a right which the identity used."""
RBAC = "/apis/rbac.authorization.k8s.io/v1"
TIMEOUT = 30.0


def granted() -> tuple[Rule, ...]:
    """The rules of the role, without the right that was taken away."""
    removed = tuple(os.environ[WITHOUT].split(" ")) if WITHOUT in os.environ else None
    every = {(v, g, r) for rule in writer() for v in rule.verbs for g in rule.groups for r in rule.resources}
    if removed is not None and removed not in every:
        raise ValueError(f"{WITHOUT}: the role does not hold {removed}")
    return tuple(
        Rule(groups=(group,), resources=(resource,), verbs=(verb,))
        for verb, group, resource in sorted(every - {removed} if removed else every)
    )


def let_in(admin: Connection, namespace: str, *, real: Path | None, token: str, folder: Path) -> ClusterAccess:
    """Create the namespace and give the identity access to it. `real` is the administrator's kubeconfig of a real
    cluster."""
    path = f"/api/v1/namespaces/{namespace}"
    annotated = m.namespace(namespace) | {"metadata": {"name": namespace, "annotations": {LETS_IN: USER}}}
    send(admin, "/api/v1/namespaces", annotated)
    if real is None:
        return ClusterAccess(server=f"http://{admin.server}", token=lambda: token)
    send(admin, f"{path}/serviceaccounts", {"metadata": {"name": USER}})
    rules = [role_rule(rule) for rule in granted()]
    send(admin, f"{RBAC}/namespaces/{namespace}/roles", {"metadata": {"name": USER}, "rules": rules})
    bind(admin, namespace, "Role", USER)
    token_request = {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenRequest",
        "spec": {"expirationSeconds": 3600},
    }
    issued = send(admin, f"{path}/serviceaccounts/{USER}/token", token_request)["status"]["token"]
    access = ClusterAccess(kubeconfig=_as_token(real, issued, folder / f"{namespace}.yaml"))
    _until_let_in(access, namespace)
    return access


def bind(admin: Connection, namespace: str, kind: str, name: str) -> None:
    """Bind a role to the service account that is the identity in a real cluster."""
    subject = {"kind": "ServiceAccount", "name": USER, "namespace": namespace}
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": name}
    body = {"metadata": {"name": f"{USER}-{name}"}, "roleRef": reference, "subjects": [subject]}
    send(admin, f"{RBAC}/namespaces/{namespace}/rolebindings", body)


def send(admin: Connection, path: str, body: m.Json) -> m.Json:
    return dict(admin.send("POST", path, what=f"make {path}", body=body).body)


def _as_token(kubeconfig: Path, token: str, path: Path) -> Path:
    config = yaml.safe_load(kubeconfig.read_text(encoding="utf-8"))
    config["users"] = [{"name": user["name"], "user": {"token": token}} for user in config["users"]]
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    return path


def _until_let_in(access: ClusterAccess, namespace: str) -> None:
    """Wait until the authorizer knows the new Role and its binding."""
    [last] = granted()[-1:]
    where = {"namespace": namespace, "verb": last.verbs[0], "group": last.groups[0], "resource": last.resources[0]}
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": where},
    }
    connection, end = Connection(access), time.monotonic() + TIMEOUT
    while not send(connection, "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", review)["status"]["allowed"]:
        if time.monotonic() > end:
            raise TimeoutError(f"after {TIMEOUT:.0f} s the identity was not let into {namespace}")
        time.sleep(0.05)
    connection.close()
