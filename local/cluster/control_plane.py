"""etcd, API server, controller manager and scheduler of one cluster: starts them, keeps them up, and ends them by
pid."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from local.guardian import Guardian
from local.kubernetes.kubeconfig import write_kubeconfig
from local.process import Part, PartFailed, free_port

from .building import Programs
from .certificates import Certificates

SERVICE_ADDRESSES = "10.0.0.0/22"
ISSUER = "https://kubernetes.default.svc.cluster.local"
_LOOK_EVERY = 0.5
_NO_NODES = "*,-nodeipam,-node-route-controller,-cloud-node-lifecycle-controller"
"""All controllers but those that need a cloud or hand out addresses to nodes."""


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Where one control plane keeps its files, and its ports on this machine."""

    folder: Path
    certificates: Certificates
    tunnel: Path
    """The socket through which the API server reaches pods and the kubelet."""
    port: int = field(default_factory=free_port)
    etcd_port: int = field(default_factory=free_port)
    peer_port: int = field(default_factory=free_port)

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    def kubeconfig(self, name: str) -> Path:
        return self.folder / f"{name}.kubeconfig"

    @property
    def egress(self) -> Path:
        return self.folder / "egress.yaml"


def commands(layout: Layout, programs: Programs) -> dict[str, list[str]]:
    """Pure: each program with its arguments, in the order in which they start."""
    files = layout.certificates
    peer, client = f"https://127.0.0.1:{layout.peer_port}", f"https://127.0.0.1:{layout.etcd_port}"
    etcd = {
        "name": "etcd",
        "data-dir": layout.folder / "etcd",
        "listen-client-urls": client,
        "advertise-client-urls": client,
        "listen-peer-urls": peer,
        "initial-advertise-peer-urls": peer,
        "initial-cluster": f"etcd={peer}",
        "client-cert-auth": "true",
        "trusted-ca-file": files.authority,
        "cert-file": files.certificate("etcd"),
        "key-file": files.key("etcd"),
        "peer-client-cert-auth": "true",
        "peer-trusted-ca-file": files.authority,
        "peer-cert-file": files.certificate("etcd"),
        "peer-key-file": files.key("etcd"),
        "unsafe-no-fsync": "true",
        "log-level": "warn",
    }
    api_server = {
        "etcd-servers": client,
        "etcd-cafile": files.authority,
        "etcd-certfile": files.certificate("etcd"),
        "etcd-keyfile": files.key("etcd"),
        "bind-address": "127.0.0.1",
        "advertise-address": "127.0.0.1",
        "endpoint-reconciler-type": "none",
        "secure-port": layout.port,
        "tls-cert-file": files.certificate("apiserver"),
        "tls-private-key-file": files.key("apiserver"),
        "client-ca-file": files.authority,
        "service-account-issuer": ISSUER,
        "service-account-key-file": files.public_service_accounts,
        "service-account-signing-key-file": files.service_accounts,
        "api-audiences": ISSUER,
        "service-cluster-ip-range": SERVICE_ADDRESSES,
        "authorization-mode": "Node,RBAC",
        "enable-admission-plugins": "NodeRestriction",
        "allow-privileged": "true",
        "kubelet-certificate-authority": files.authority,
        "kubelet-client-certificate": files.certificate("kubelet-client"),
        "kubelet-client-key": files.key("kubelet-client"),
        "kubelet-preferred-address-types": "InternalIP",
        "egress-selector-config-file": layout.egress,
        "profiling": "false",
        "v": 1,
    }
    kubeconfig = layout.kubeconfig("controller-manager")
    controllers = {
        "kubeconfig": kubeconfig,
        "service-account-private-key-file": files.service_accounts,
        "root-ca-file": files.authority,
        "use-service-account-credentials": "true",
        "leader-elect": "false",
        "secure-port": 0,
        "controllers": _NO_NODES,
        "v": 1,
    }
    scheduler = {
        "kubeconfig": layout.kubeconfig("scheduler"),
        "leader-elect": "false",
        "secure-port": 0,
        "v": 1,
    }
    options_by_program = {
        "etcd": etcd,
        "kube-apiserver": api_server,
        "kube-controller-manager": controllers,
        "kube-scheduler": scheduler,
    }
    return {
        name: [str(programs.path(name)), *(f"--{key}={value}" for key, value in options.items())]
        for name, options in options_by_program.items()
    }


def kubeconfig_text(layout: Layout, *, user: dict[str, object], name: str, namespace: str = "default") -> str:
    cluster = {"server": layout.url, "certificate-authority": str(layout.certificates.authority)}
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "local",
        "clusters": [{"name": "local", "cluster": cluster}],
        "users": [{"name": name, "user": user}],
        "contexts": [{"name": "local", "context": {"cluster": "local", "user": name, "namespace": namespace}}],
    }
    return yaml.safe_dump(document, sort_keys=False)


def write_files(layout: Layout) -> None:
    """Write the kubeconfigs of the programs and the administrator, and how the API server reaches pods."""
    layout.folder.mkdir(parents=True, exist_ok=True)
    for name in ("admin", "controller-manager", "scheduler"):
        user: dict[str, object] = {
            "client-certificate": str(layout.certificates.certificate(name)),
            "client-key": str(layout.certificates.key(name)),
        }
        write_kubeconfig(layout.kubeconfig(name), kubeconfig_text(layout, user=user, name=name))
    transport = {"uds": {"udsName": str(layout.tunnel)}}
    selection = {"name": "cluster", "connection": {"proxyProtocol": "HTTPConnect", "transport": transport}}
    document = {
        "apiVersion": "apiserver.k8s.io/v1beta1",
        "kind": "EgressSelectorConfiguration",
        "egressSelections": [selection],
    }
    layout.egress.write_text(yaml.safe_dump(document))


class ControlPlane:
    """The four programs. One that ends by itself is restarted, as a node's kubelet does with static pods."""

    def __init__(self, layout: Layout, programs: Programs) -> None:
        self.layout = layout
        self._commands = commands(layout, programs)
        self._parts: dict[str, Part] = {}
        self._guardian = Guardian()
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._keeper = threading.Thread(target=self._keep_up, name="control-plane", daemon=True)

    def start(self, is_ready: Callable[[], bool], *, timeout: float) -> None:
        """Start, and wait until the API server is ready. Raises `PartFailed`."""
        write_files(self.layout)
        for name in ("etcd", "kube-apiserver"):
            self._start(name)
        self._wait_until(is_ready, timeout)
        for name in ("kube-controller-manager", "kube-scheduler"):
            self._start(name)
        self._keeper.start()

    @property
    def pids(self) -> dict[str, int]:
        with self._lock:
            return {name: part.pid for name, part in self._parts.items()}

    def stop(self) -> None:
        """Kill the programs: nothing of them is kept."""
        self._ended.set()
        if self._keeper.is_alive():
            self._keeper.join()
        for part in reversed(self._parts.values()):
            part.kill()
        self._guardian.close()

    def _start(self, name: str) -> None:
        log = self.layout.folder / "logs" / f"{name}.log"
        part = Part(name, self._commands[name], log=log, reports_ready=False)
        self._guardian.watch(part.pid)
        with self._lock:
            self._parts[name] = part

    def _wait_until(self, is_ready: Callable[[], bool], timeout: float) -> None:
        end = time.monotonic() + timeout
        while not is_ready():
            for part in self._parts.values():
                if not part.alive:
                    raise part.failed("ended by itself")
            if time.monotonic() > end:
                raise self._parts["kube-apiserver"].failed(f"was not ready within {timeout:.0f} s")
            time.sleep(0.1)

    def _keep_up(self) -> None:
        """Restart programs that ended: the scheduler, for one, ends when the API server goes away."""
        while not self._ended.wait(_LOOK_EVERY):
            for name, part in list(self._parts.items()):
                if not part.alive:
                    self._guardian.forget(part.pid)
                    self._start(name)


__all__ = ["ControlPlane", "Layout", "PartFailed", "commands", "kubeconfig_text"]
