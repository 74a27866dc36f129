"""The options of a stack."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from slipway.bootstrap.roles import AppRole

from ..identity import Person
from ..process import ROOT

EXAMPLE = ROOT / "examples" / "hello-aks"


@dataclass(frozen=True, kw_only=True)
class StackOptions:
    """The options of a stack."""

    folder: Path | None = None
    """The folder for data and logs; by default a temporary one that is removed at the end."""
    keep: bool = False
    """Continue with the folder's data, at the same addresses; `apply` only takes effect at the first start."""
    instances: int = 1
    """How many fronts, and how many workers."""
    single: bool = False
    """Run one app that is both, like a small installation, instead of a front and a worker with only their own
    rights."""
    port: int = 0
    """Port of the first front; 0 for a free one."""
    apply: Path | None = EXAMPLE
    """A file or folder with projects and applications to apply as soon as the app is up."""
    kubeconfigs: dict[str, Path] = field(default_factory=dict)
    """Clusters to use instead of the double, by name."""
    real_clusters: str | None = None
    """The version of real control planes to use instead of the double; `make cluster` must have built them."""
    docker_registry: bool = False
    """Let Debian's docker-registry store the images, behind the double, which adds what only ACR has."""
    service_bus: str | None = None
    """Connection string of a namespace to use instead of the double; its queues must exist."""
    lock_seconds: int = 60
    """How long an instance holds a message's lock; the messages of a dead one are redelivered after that."""
    traces: bool = False
    """Receive the app's traces, metrics and logs, and show them."""
    app: Path = ROOT
    """The folder of the app: its sources, or a package built from them."""
    settings_of: Callable[[AppRole, dict[str, str]], dict[str, str]] | None = None
    """Changes the local settings of a role, if front and worker run separately."""
    event_endpoint: dict[str, Any] | None = None
    """An address that gets the registry's events instead of the app."""
    people: Sequence[Person] = ()
    """People whom the identity provider knows in addition."""
    namespaces: Mapping[str, Collection[str]] = field(default_factory=dict)
    """Namespaces that the clusters have and the app may use, besides those in the catalogue."""
