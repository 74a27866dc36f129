"""The programs of the control plane: where they are, whether they are complete, and how they are built."""

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

VERSIONS: Mapping[str, str] = {"1.35.4": "3.6.5", "1.34.9": "3.6.4", "1.33.13": "3.5.21"}
"""Kubernetes → the etcd that its own module names. Each has a folder in `binaries` with the checksums of all its
modules. The double imitates the first one."""
KUBERNETES, ETCD = next(iter(VERSIONS.items()))
_MODULES = Path(__file__).parent / "binaries"
PACKAGES = {
    "etcd": "go.etcd.io/etcd/server/v3",
    "kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver",
    "kube-controller-manager": "k8s.io/kubernetes/cmd/kube-controller-manager",
    "kube-scheduler": "k8s.io/kubernetes/cmd/kube-scheduler",
}
"""Program → the package that it is built from."""

_VERSION_PACKAGES = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
"""The packages in which the programs look up their version. Without it they call themselves v0.0.0 and refuse each
other."""

NO_GO = (
    "A real control plane is built from its Go modules once (about ten minutes), and Go was not found.\n"
    "Install it (https://go.dev/dl, or apt install golang), then run `make cluster` again; or name a cluster of your\n"
    "own: make test-cluster KUBECONFIG=/path/to/kubeconfig"
)


class NotBuilt(Exception):  # noqa: N818 - it reads better without a suffix
    """The programs are missing, or could not be built; the message says what to do."""


@dataclass(frozen=True, kw_only=True)
class Programs:
    """The folder of one version's programs."""

    folder: Path
    kubernetes: str = KUBERNETES

    def path(self, name: str) -> Path:
        return self.folder / name

    @property
    def missing(self) -> list[str]:
        return [name for name in PACKAGES if not os.access(self.path(name), os.X_OK)]


def programs(environ: Mapping[str, str] = os.environ, *, kubernetes: str = KUBERNETES) -> Programs:
    """The programs' folder is outside the repository, so that all checkouts and clean clones share it; it is keyed by
    version. Raises `NotBuilt` for a version that has no module here."""
    if kubernetes not in VERSIONS:
        raise NotBuilt(f"Kubernetes {kubernetes}: expected one of {', '.join(VERSIONS)}")
    cache = Path(environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "slipway" / "control-plane" / f"{kubernetes}-{VERSIONS[kubernetes]}"
    return Programs(folder=folder, kubernetes=kubernetes)


def complete_programs(kubernetes: str = KUBERNETES) -> Programs:
    """The programs of a version, which must be complete. Raises `NotBuilt`."""
    built_programs = programs(kubernetes=kubernetes)
    if missing := built_programs.missing:
        command = "make cluster" if kubernetes == KUBERNETES else f"make cluster ARGS=--kubernetes={kubernetes}"
        raise NotBuilt(f"not in {built_programs.folder}: {', '.join(missing)}; `{command}` builds them once")
    return built_programs


def find_go(which: Callable[[str], str | None] = shutil.which) -> Path | None:
    usual = Path("/usr/local/go/bin/go")
    go = which("go") or (str(usual) if os.access(usual, os.X_OK) else None)
    return Path(go) if go else None


def build(say: Callable[[str], None], *, go: Path | None = None, kubernetes: str = KUBERNETES) -> Programs:
    """Build what is missing, under a temporary name first, so that an interrupted build leaves no incomplete
    program."""
    target = programs(kubernetes=kubernetes)
    if not target.missing:
        return target
    go = go or find_go()
    if go is None:
        raise NotBuilt(NO_GO)
    target.folder.mkdir(parents=True, exist_ok=True)
    etcd = VERSIONS[kubernetes]
    say(f"Building Kubernetes {kubernetes} and etcd {etcd} into {target.folder}, once; about ten minutes")
    for name in target.missing:
        begin = time.monotonic()
        unfinished = target.path(f"{name}.{os.getpid()}")
        command, environment = build_command(go, name, unfinished, kubernetes), {**os.environ, **_ENVIRONMENT}
        process = subprocess.run(command, cwd=_MODULES / kubernetes, env=environment, check=False)
        if process.returncode:
            unfinished.unlink(missing_ok=True)
            raise NotBuilt(
                f"{name} could not be built: go ended with exit code {process.returncode}; its output is above"
            )
        unfinished.rename(target.path(name))
        say(f"  {name}: {target.path(name).stat().st_size / 1e6:.0f} MB in {time.monotonic() - begin:.0f} s")
    return target


_ENVIRONMENT = {"CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly -buildvcs=false", "GOTOOLCHAIN": "local"}


def build_command(go: Path, name: str, target: Path, kubernetes: str = KUBERNETES) -> list[str]:
    """Pure. Uses `nice`, since a build takes every core for minutes."""
    flags = "-s -w" + ("" if name == "etcd" else _version_flags(kubernetes))
    return ["nice", str(go), "build", "-trimpath", "-ldflags", flags, "-o", str(target), PACKAGES[name]]


def _version_flags(kubernetes: str) -> str:
    major, minor, _ = kubernetes.split(".")
    facts = {
        "gitVersion": f"v{kubernetes}",
        "gitMajor": major,
        "gitMinor": minor,
        "gitTreeState": "clean",
        "gitCommit": "unknown",
        "buildDate": "1970-01-01T00:00:00Z",
    }
    return "".join(f" -X {package}.{name}={value}" for package in _VERSION_PACKAGES for name, value in facts.items())
