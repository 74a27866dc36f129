"""The name by which a cluster knows Slipway, and the Role with the rights that Azure's role lacks."""

import shlex
from collections.abc import Iterable
from itertools import groupby

from slipway.domain.model import Record

from . import azure_role
from .connection import Connection
from .errors import Missing
from .kinds import Kind, ManifestTarget
from .records import Json
from .rights import Right, rights_for_kind

SELF = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
API_VERSION = "rbac.authorization.k8s.io/v1"
NAME = "slipway-other-kinds"
_SERVICE_ACCOUNT = "system:serviceaccount:"


class ClusterIdentity(Record):
    """A user, by the name that the cluster uses."""

    name: str

    @property
    def service_account(self) -> tuple[str, str] | None:
        """Namespace and name of the service account; None for any other user."""
        if not self.name.startswith(_SERVICE_ACCOUNT):
            return None
        namespace, _, account = self.name.removeprefix(_SERVICE_ACCOUNT).partition(":")
        return namespace, account

    @property
    def subject(self) -> Json:
        """The subject in a binding."""
        if self.service_account is None:
            return {"kind": "User", "apiGroup": API_VERSION.partition("/")[0], "name": self.name}
        namespace, account = self.service_account
        return {"kind": "ServiceAccount", "namespace": namespace, "name": account}

    @property
    def option(self) -> str:
        """The option of `kubectl create rolebinding`."""
        if self.service_account is None:
            return f"--user {shlex.quote(self.name)}"
        return f"--serviceaccount {shlex.quote(':'.join(self.service_account))}"


def ask_identity(connection: Connection) -> ClusterIdentity:
    """Our identity, by the cluster's answer. Raises `ClusterError`."""
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    answer = connection.send("POST", SELF, what="ask who Slipway is in the cluster", body=body)
    user = (answer.body.get("status") or {}).get("userInfo") or {}
    return ClusterIdentity(name=str(user.get("username") or ""))


def kinds_of_names(connection: Connection, kinds: Iterable[str]) -> list[Kind]:
    """The cluster's own description of kinds that are written as `argoproj.io/Rollout`. Raises `ClusterError`."""
    return [_look_up_kind(connection, *kind.rpartition("/")[::2]) for kind in dict.fromkeys(kinds)]


def _look_up_kind(connection: Connection, group: str, kind: str) -> Kind:
    what = f"look up {group}/{kind}"
    try:
        group_document = connection.send("GET", f"/apis/{group}", what=what).body if group else {}
        version = str((group_document.get("preferredVersion") or {}).get("groupVersion") or "v1")
        root = "/apis/" if "/" in version else "/api/"
        resources = connection.send("GET", root + version, what=what).body.get("resources") or ()
    except Missing:
        resources = ()
    for resource in resources:
        if resource.get("kind") == kind and "/" not in str(resource.get("name")):
            namespaced = bool(resource.get("namespaced"))
            return Kind(api_version=version, kind=kind, plural=str(resource["name"]), namespaced=namespaced)
    name = f"{group}/{kind}" if group else kind
    raise Missing(f"the cluster does not know the kind {name}; is its definition installed?")


def rights_beyond_azure(targets: Iterable[ManifestTarget], kinds: Iterable[Kind]) -> tuple[Right, ...]:
    """The rights on objects of these kinds that are needed and that Azure's role lacks."""
    every = dict.fromkeys([*(target.kind for target in targets), *kinds])
    needed = [right for kind in every if kind.namespaced for right in rights_for_kind(kind)]
    return tuple(right for right in needed if not azure_role.role_allows(right.verb, right.group, right.resource))


def documents(rights: Iterable[Right], namespace: str, who: ClusterIdentity) -> list[Json]:
    """A Role with exactly these rights, and its binding; empty without rights."""
    by_kind = groupby(sorted(rights, key=lambda right: (right.group, right.resource)), lambda r: (r.group, r.resource))
    rules = [
        {"apiGroups": [group], "resources": [resource], "verbs": [right.verb for right in each]}
        for (group, resource), each in by_kind
    ]
    if not rules:
        return []
    metadata = {"name": NAME, "namespace": namespace}
    reference = {"apiGroup": API_VERSION.partition("/")[0], "kind": "Role", "name": NAME}
    return [
        {"apiVersion": API_VERSION, "kind": "Role", "metadata": metadata, "rules": rules},
        {
            "apiVersion": API_VERSION,
            "kind": "RoleBinding",
            "metadata": metadata,
            "roleRef": reference,
            "subjects": [who.subject],
        },
    ]
