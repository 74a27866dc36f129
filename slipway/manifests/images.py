"""The places where a Kubernetes object names container images, and which of those images are the application's."""

import re
from collections.abc import Iterator
from typing import Any

from .problems import Steps, look_up

BY_DIGEST = re.compile(r"[^\s/@]+(?::\d+)?/[^\s@]+@sha256:[0-9a-f]{64}")
_POD_SPECS: dict[str, Steps] = {
    "Pod": ("spec",),
    "PodTemplate": ("template", "spec"),
    "CronJob": ("spec", "jobTemplate", "spec", "template", "spec"),
    **dict.fromkeys(
        ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController", "Job"),
        ("spec", "template", "spec"),
    ),
}
KINDS = frozenset(_POD_SPECS)
"""Kubernetes' own kinds that run pods."""
_CONTAINER_LISTS = ("initContainers", "containers", "ephemeralContainers")


def names_repository(image: str, repository: str) -> bool:
    """Whether the image is from the repository, in any registry and with any tag.

    `hello`, `hello:latest`, `shop.azurecr.io/hello:1` and `localhost:5000/hello@sha256:…` all name `hello`. The
    repository's own name comes first: `acme.apps/web:1` names `acme.apps/web`, although its first part could be a host.
    """
    path = image.partition("@")[0]
    if _without_tag(path) == repository:
        return True
    first, slash, rest = path.partition("/")
    # As in all container tools, the first part is a host if it could not be part of a repository's name.
    if slash and ("." in first or ":" in first or first == "localhost"):
        path = rest
    return _without_tag(path) == repository


def _without_tag(path: str) -> str:
    name, colon, tag = path.rpartition(":")
    return name if colon and "/" not in tag else path


def pod_spec(value: Any) -> dict[str, Any]:
    """The pod spec of an object that runs pods; empty for any other."""
    kind = value.get("kind") if isinstance(value, dict) else None
    steps = _POD_SPECS.get(kind) if isinstance(kind, str) else None
    spec = look_up(value, steps) if steps else None
    return spec if isinstance(spec, dict) else {}


def containers(value: Any) -> Iterator[tuple[Steps, dict[str, Any]]]:
    """Every container of an object that runs pods, with the steps to it."""
    kind = value.get("kind") if isinstance(value, dict) else None
    steps = _POD_SPECS.get(kind) if isinstance(kind, str) else None
    spec = look_up(value, steps) if steps else None
    if steps is None or not isinstance(spec, dict):
        return
    for name in _CONTAINER_LISTS:
        listed = spec.get(name)
        for index, container in enumerate(listed if isinstance(listed, list) else []):
            if isinstance(container, dict):
                yield (*steps, name, index), container
