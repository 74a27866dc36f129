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
    """The folder of data and logs; by default a temporary one that is removed at the end."""
    keep: bool = False
    """Continue with the data that the folder holds, at the same addresses; the folders of `apply` are applied the first
    time only."""
    instances: int = 1
    """Instances of the front, and as many of the worker."""
    single: bool = False
    """Run one app that is both, as a small installation does, instead of front and worker with just their rights."""
    port: int = 0
    """Port of the first front; 0 takes a free one."""
    apply: Path | None = EXAMPLE
    """A file or folder with projects and applications that are applied as soon as the app is up."""
    kubeconfigs: dict[str, Path] = field(default_factory=dict)
    """Clusters that are used instead of the double, by name."""
    real_clusters: str | None = None
    """The version of real control planes, instead of the double; `make cluster` has to have built them."""
    docker_registry: bool = False
    """Let Debian's docker-registry keep the images, with the double in front for what only ACR has."""
    service_bus: str | None = None
    """Connection string of a namespace that is used instead of the double; its queues must be there."""
    lock_seconds: int = 60
    """The time that a queue waits for an instance that holds a message; a dead one's messages come again after it."""
    traces: bool = False
    """Take in the app's traces, metrics and logs, and show them."""
    app: Path = ROOT
    """The folder of the app: its sources, or a package that was made of them."""
    settings_of: Callable[[AppRole, dict[str, str]], dict[str, str]] | None = None
    """Makes the settings of a role from the laptop's settings for it, if two apps run."""
    event_endpoint: dict[str, Any] | None = None
    """An address that the registry's events go to instead of the app."""
    people: Sequence[Person] = ()
    """People whom the identity provider knows besides the laptop's."""
    namespaces: Mapping[str, Collection[str]] = field(default_factory=dict)
    """Namespaces that the clusters have and the app may use, besides those that the catalogue names."""
