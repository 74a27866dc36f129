"""What the API server asks of whatever runs the pods: the kubelet, or the simulation."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from .resources import Json


@dataclass(frozen=True, kw_only=True, slots=True)
class PodRequest:
    """An HTTP request for a pod."""

    method: str
    target: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, kw_only=True, slots=True)
class PodReply:
    code: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


class PodUnreachableError(Exception):
    """Nothing responded at the pod's port."""


class Runtime(Protocol):
    """Runs pods until it is stopped."""

    def start(self) -> None: ...

    def stop(self) -> None: ...

    def log(self, pod: Json, container: str, *, previous: bool = False) -> bytes | None:
        """The container's output; None if it has not run."""
        ...

    def fetch(self, pod: Json, port: int | str, request: PodRequest) -> PodReply:
        """Send a request to the pod, at a port of its spec given by number or name."""
        ...
