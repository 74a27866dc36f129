"""The ConfigMaps and Secrets that workloads read, and how they read them: changing one restarts no pod by itself.

A program keeps variables and single files (`subPath`) as they were at its start. A mounted folder changes while it
runs, after a while. Pure.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from enum import IntEnum
from typing import Any

from ..domain.model import canonical
from .images import containers, pod_spec

CONFIG_ANNOTATION = "slipway.dev/config"
"""On a pod template: the hash of the content that its containers read. A new hash makes a new template, and so new
pods."""

_RESTARTED = frozenset({"Deployment", "StatefulSet", "DaemonSet"})
"""Kinds whose pods may be recreated at any time; a Job's template cannot be changed."""

type Named = tuple[str, str]
"""Kind and name: `("ConfigMap", "settings")`."""


class Reading(IntEnum):
    """When a program sees a change. If it reads an object in several ways, the latest counts."""

    AS_FOLDER = 1
    """While it runs: the files change after a minute or two."""
    AT_START = 2
    """When its pod is recreated."""


def readings(manifest: Mapping[str, Any]) -> dict[Named, Reading]:
    """The ConfigMaps and Secrets that an object's pods read."""
    by_object: dict[Named, Reading] = {}
    for configuration, reading in _readings(manifest):
        by_object[configuration] = max(by_object.get(configuration, reading), reading)
    return by_object


def restarting(manifests: Iterable[dict[str, Any]]) -> tuple[dict[str, Any], ...]:
    """The manifests; the templates of workloads have the hash of the content that they read."""
    listed = tuple(manifests)
    by_name = {
        _kind_and_name(manifest): manifest for manifest in listed if manifest.get("kind") in ("ConfigMap", "Secret")
    }
    return tuple(_restarting(manifest, by_name) for manifest in listed)


def _restarting(manifest: dict[str, Any], held: Mapping[Named, Mapping[str, Any]]) -> dict[str, Any]:
    read = [held[configuration] for configuration in sorted(readings(manifest)) if configuration in held]
    if not read or manifest.get("kind") not in _RESTARTED:
        return manifest
    fields = ("kind", "data", "binaryData", "stringData")
    content = [{**{f: each[f] for f in fields if each.get(f)}, "name": _kind_and_name(each)[1]} for each in read]
    template = manifest["spec"]["template"]
    metadata = dict(template.get("metadata") or {})
    digest = hashlib.sha256(canonical(content)).hexdigest()
    metadata["annotations"] = {**(metadata.get("annotations") or {}), CONFIG_ANNOTATION: digest}
    return {**manifest, "spec": {**manifest["spec"], "template": {**template, "metadata": metadata}}}


def _kind_and_name(manifest: Mapping[str, Any]) -> Named:
    return str(manifest.get("kind")), str((manifest.get("metadata") or {}).get("name"))


def _readings(manifest: Mapping[str, Any]) -> Iterator[tuple[Named, Reading]]:
    volumes = {str(volume.get("name")): list(_of_volume(volume)) for volume in _maps(pod_spec(manifest).get("volumes"))}
    for _, container in containers(manifest):
        for variable in (*_maps(container.get("env")), *_maps(container.get("envFrom"))):
            yield from ((configuration, Reading.AT_START) for configuration in _of_variable(variable))
        for mount in _maps(container.get("volumeMounts")):
            alone = mount.get("subPath") or mount.get("subPathExpr")
            reading = Reading.AT_START if alone else Reading.AS_FOLDER
            yield from ((named, reading) for named in volumes.get(str(mount.get("name")), ()))


def _of_variable(variable: Mapping[str, Any]) -> Iterator[Named]:
    sources = variable.get("valueFrom") or variable
    sources = sources if isinstance(sources, Mapping) else {}
    for kind, fields in (("ConfigMap", ("configMapKeyRef", "configMapRef")), ("Secret", ("secretKeyRef", "secretRef"))):
        for field in fields:
            source = sources.get(field)
            if isinstance(source, Mapping) and source.get("name"):
                yield kind, str(source["name"])


def _of_volume(volume: Mapping[str, Any]) -> Iterator[Named]:
    projected = volume.get("projected")
    inner = _maps(projected.get("sources")) if isinstance(projected, Mapping) else []
    for source in (volume, *inner):
        for kind, field in (("ConfigMap", "configMap"), ("Secret", "secret")):
            reference = source.get(field)
            name = (reference.get("name") or reference.get("secretName")) if isinstance(reference, Mapping) else None
            if name:
                yield kind, str(name)


def _maps(value: Any) -> list[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []
