"""Assembles one cluster: certificates, control plane, node, and who may do what in which namespace."""

import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from local.kubernetes.kubeconfig import write_kubeconfig
from local.kubernetes.settings import KubernetesSettings, Rule, Token

from .api import AdminApi, ApiServerAway, Json, Refused
from .building import Programs
from .certificates import make_certificates
from .control_plane import ControlPlane, Layout, PartFailed, kubeconfig_text
from .node import Node, create_unless_present

START_TIMEOUT = 60.0
_TOKEN_SECONDS = 24 * 3600
_RBAC = "rbac.authorization.k8s.io"


class RealCluster:
    """A cluster of one node that starts empty. Use it as a context manager, or call start() and stop().

    It takes the same settings as the double (`KubernetesSettings`). Each token becomes a service account in `default`
    with the name of its user. A token with the verbs `*` gets the ClusterRole `edit` in its namespaces; one with rules
    gets the rights of those rules.
    """

    def __init__(self, settings: KubernetesSettings, *, programs: Programs, folder: Path) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True, mode=0o700)
        self._settings = settings
        self._sockets = Path(tempfile.mkdtemp(prefix="slipway-"))  # a socket's path may have at most 107 bytes
        self._layout = Layout(
            folder=folder, certificates=make_certificates(folder / "certificates"), tunnel=self._sockets / "tunnel"
        )
        self._api = AdminApi(self._layout.url, self._layout.certificates)
        self._plane, self._kubernetes = ControlPlane(self._layout, programs), programs.kubernetes
        self._node: Node | None = None

    @property
    def url(self) -> str:
        return self._layout.url

    @property
    def port(self) -> int:
        return self._layout.port

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig."""
        return self._layout.kubeconfig("admin")

    def kubeconfig_of(self, user: str) -> Path:
        """The kubeconfig of a service account, by its user in the settings."""
        return self._layout.kubeconfig(user)

    @property
    def pids(self) -> dict[str, int]:
        return self._plane.pids

    def start(self) -> Self:
        """Raises `PartFailed`."""
        try:
            self._plane.start(self._is_ready, timeout=START_TIMEOUT)
            self._node = Node(
                self._api,
                self._settings,
                files=self._layout.certificates,
                tunnel=self._layout.tunnel,
                folder=self._layout.folder / "node",
                kubernetes=self._kubernetes,
            )
            self._node.start()
            self._set_up()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        if self._node is not None:
            self._node.stop()
        self._plane.stop()
        shutil.rmtree(self._sockets, ignore_errors=True)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    # ---- inside

    def _is_ready(self) -> bool:
        """Whether the API server is ready and has created its roles: before that it responds with 403."""
        try:
            self._api.call("GET", f"/apis/{_RBAC}/v1/clusterroles/edit")
            self._api.call("GET", "/readyz")
        except (ApiServerAway, Refused):
            return False
        return True

    def _set_up(self) -> None:
        for name in self._settings.namespaces:
            create_unless_present(self._api, "POST", "/api/v1/namespaces", {"metadata": {"name": name}})
        self._wait_until("controllers have made the service account of each namespace", self._has_service_accounts)
        self._wait_until("the node is ready", self._has_a_node)
        for token in self._settings.tokens:
            self._admit(token)

    def _wait_until(self, what: str, holds: Callable[[], bool]) -> None:
        end = time.monotonic() + START_TIMEOUT
        while not holds():
            if time.monotonic() > end:
                raise PartFailed(
                    f"not within {START_TIMEOUT:.0f} s: {what}; the logs are in {self._layout.folder / 'logs'}"
                )
            time.sleep(0.1)

    def _has_service_accounts(self) -> bool:
        accounts = self._api.call("GET", "/api/v1/serviceaccounts?fieldSelector=metadata.name%3Ddefault")["items"]
        return {"default", *self._settings.namespaces} <= {account["metadata"]["namespace"] for account in accounts}

    def _has_a_node(self) -> bool:
        [node] = self._api.call("GET", "/api/v1/nodes")["items"]
        return not node["spec"].get("taints")

    def _admit(self, token: Token) -> None:
        """Create a service account with its rights and its kubeconfig. The token in the settings is not used: the API
        server issues one."""
        accounts = "/api/v1/namespaces/default/serviceaccounts"
        create_unless_present(self._api, "POST", accounts, {"metadata": {"name": token.user}})
        for path, role in roles(token):
            create_unless_present(self._api, "POST", path, role)
        token_request = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"expirationSeconds": _TOKEN_SECONDS},
        }
        token_text = self._api.call("POST", f"{accounts}/{token.user}/token", token_request)["status"]["token"]
        text = kubeconfig_text(self._layout, user={"token": token_text}, name=token.user)
        write_kubeconfig(self.kubeconfig_of(token.user), text)


def role_rule(rule: Rule) -> Json:
    """A rule in the form in which a Role holds it."""
    return {"apiGroups": list(rule.groups), "resources": list(rule.resources), "verbs": list(rule.verbs)}


def roles(token: Token) -> list[tuple[str, Json]]:
    """Pure: the roles and bindings that give a service account what the double would allow the token."""
    subject = {"kind": "ServiceAccount", "name": token.user, "namespace": "default"}
    rules = [{"apiGroups": ["*"], "resources": ["*"], "verbs": list(token.verbs)}]
    if token.rules != "*":
        rules = [role_rule(rule) for rule in token.rules]
    everywhere = token.namespaces == "*"
    objects: list[tuple[str, Json]] = []
    for namespace in [""] if everywhere else token.namespaces:
        prefix = f"/apis/{_RBAC}/v1" + (f"/namespaces/{namespace}" if namespace else "")
        cluster = "cluster" if everywhere else ""
        built_in_role = "cluster-admin" if everywhere else "edit"
        role = {"apiGroup": _RBAC, "kind": "ClusterRole", "name": built_in_role}
        if (token.verbs, token.rules) != ("*", "*"):
            role = {"apiGroup": _RBAC, "kind": "ClusterRole" if everywhere else "Role", "name": token.user}
            objects.append((f"{prefix}/{cluster}roles", {"metadata": {"name": token.user}, "rules": rules}))
        binding = {"metadata": {"name": token.user}, "roleRef": role, "subjects": [subject]}
        objects.append((f"{prefix}/{cluster}rolebindings", binding))
    return objects
