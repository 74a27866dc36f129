"""etcd, API server, controller manager and scheduler of one cluster: started, kept up, ended by their process ids."""

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
    """The home of one control plane: its folder, certificates and ports on this machine."""

    folder: Path
    certificates: Certificates
    tunnel: Path
    """The socket at which our node takes the API server's connections to pods and to the kubelet."""
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


def commands(where: Layout, programs: Programs) -> dict[str, list[str]]:
    """Pure: each program with its arguments, in the order in which they are started."""
    files = where.certificates
    peer, client = f"https://127.0.0.1:{where.peer_port}", f"https://127.0.0.1:{where.etcd_port}"
    etcd = {
        "name": "etcd",
        "data-dir": where.folder / "etcd",
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
        "secure-port": where.port,
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
        "egress-selector-config-file": where.egress,
        "profiling": "false",
        "v": 1,
    }
    kubeconfig = where.kubeconfig("controller-manager")
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
        "kubeconfig": where.kubeconfig("scheduler"),
        "leader-elect": "false",
        "secure-port": 0,
        "v": 1,
    }
    told = {
        "etcd": etcd,
        "kube-apiserver": api_server,
        "kube-controller-manager": controllers,
        "kube-scheduler": scheduler,
    }
    return {
        name: [str(programs.path(name)), *(f"--{key}={value}" for key, value in options.items())]
        for name, options in told.items()
    }


def kubeconfig_text(where: Layout, *, user: dict[str, object], name: str, namespace: str = "default") -> str:
    cluster = {"server": where.url, "certificate-authority": str(where.certificates.authority)}
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "local",
        "clusters": [{"name": "local", "cluster": cluster}],
        "users": [{"name": name, "user": user}],
        "contexts": [{"name": "local", "context": {"cluster": "local", "user": name, "namespace": namespace}}],
    }
    return yaml.safe_dump(document, sort_keys=False)


def write_files(where: Layout) -> None:
    """The kubeconfigs of those that have a certificate, and by which way the API server reaches pods."""
    where.folder.mkdir(parents=True, exist_ok=True)
    for name in ("admin", "controller-manager", "scheduler"):
        user: dict[str, object] = {
            "client-certificate": str(where.certificates.certificate(name)),
            "client-key": str(where.certificates.key(name)),
        }
        write_kubeconfig(where.kubeconfig(name), kubeconfig_text(where, user=user, name=name))
    transport = {"uds": {"udsName": str(where.tunnel)}}
    selection = {"name": "cluster", "connection": {"proxyProtocol": "HTTPConnect", "transport": transport}}
    document = {
        "apiVersion": "apiserver.k8s.io/v1beta1",
        "kind": "EgressSelectorConfiguration",
        "egressSelections": [selection],
    }
    where.egress.write_text(yaml.safe_dump(document))


class ControlPlane:
    """The four programs. Programs that end by themselves are started again, as a node's kubelet does with static
    pods."""

    def __init__(self, where: Layout, programs: Programs) -> None:
        self.where = where
        self._commands = commands(where, programs)
        self._parts: dict[str, Part] = {}
        self._guardian = Guardian()
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._keeper = threading.Thread(target=self._keep_up, name="control-plane", daemon=True)

    def start(self, is_ready: Callable[[], bool], *, timeout: float) -> None:
        """Until the API server says that it is ready. Raises `PartFailed`."""
        write_files(self.where)
        for name in ("etcd", "kube-apiserver"):
            self._start(name)
        self._until(is_ready, timeout)
        for name in ("kube-controller-manager", "kube-scheduler"):
            self._start(name)
        self._keeper.start()

    @property
    def pids(self) -> dict[str, int]:
        with self._lock:
            return {name: part.pid for name, part in self._parts.items()}

    def stop(self) -> None:
        """At once: nothing of it is kept."""
        self._ended.set()
        if self._keeper.is_alive():
            self._keeper.join()
        for part in reversed(self._parts.values()):
            part.kill()
        self._guardian.close()

    def _start(self, name: str) -> None:
        log = self.where.folder / "logs" / f"{name}.log"
        part = Part(name, self._commands[name], log=log, says_ready=False)
        self._guardian.watch(part.pid)
        with self._lock:
            self._parts[name] = part

    def _until(self, is_ready: Callable[[], bool], timeout: float) -> None:
        end = time.monotonic() + timeout
        while not is_ready():
            for part in self._parts.values():
                if not part.alive:
                    raise part.failed("ended by itself")
            if time.monotonic() > end:
                raise self._parts["kube-apiserver"].failed(f"was not ready within {timeout:.0f} s")
            time.sleep(0.1)

    def _keep_up(self) -> None:
        """The scheduler, for one, ends itself when the API server goes away."""
        while not self._ended.wait(_LOOK_EVERY):
            for name, part in list(self._parts.items()):
                if not part.alive:
                    self._guardian.forget(part.pid)
                    self._start(name)


__all__ = ["ControlPlane", "Layout", "PartFailed", "commands", "kubeconfig_text"]
