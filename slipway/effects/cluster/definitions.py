"""Definitions that come with objects of their kind: they tell where such an object will live before the cluster knows.

A release may bring a CustomResourceDefinition and objects of its kind, as kapp, Flux and Argo CD allow. While the plan
is made, the cluster does not know the path of such an object yet; the definition in the manifests gives it.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from .records import Manifest

DEFINITION = "CustomResourceDefinition"


class DefinedKind(NamedTuple):
    api_version: str
    kind: str
    plural: str
    namespaced: bool


def defined_kinds(manifests: Iterable[Manifest]) -> Iterator[DefinedKind]:
    """One for each served version of each readable definition."""
    for manifest in manifests:
        spec = manifest.get("spec")
        if manifest.get("kind") != DEFINITION or not isinstance(spec, Mapping):
            continue
        names = spec.get("names")
        names = names if isinstance(names, Mapping) else {}
        group, kind, plural = spec.get("group"), names.get("kind"), names.get("plural")
        if all(isinstance(part, str) and part for part in (group, kind, plural)):
            for version in _served_versions(spec.get("versions")):
                yield DefinedKind(f"{group}/{version}", str(kind), str(plural), spec.get("scope") == "Namespaced")


def _served_versions(versions: Any) -> list[str]:
    listed = versions if isinstance(versions, list) else []
    return [str(v["name"]) for v in listed if isinstance(v, Mapping) and v.get("served") is True and "name" in v]
