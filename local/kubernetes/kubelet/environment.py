"""The surroundings of a container's program: its environment, its arguments, its files. Nothing of ours leaks in."""

import base64
import json
import re
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ..podstatus import ADDRESS, NODE
from ..resources import CONFIG_MAPS, SECRETS, SERVICES, Json, Resource
from ..store import Store
from .images import Image

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_ALL_ADDRESSES = frozenset({"", "0.0.0.0", "::", "[::]"})
_PYTHON = re.compile(r"(?:.*/)?python(?:3(?:\.\d+)?)?")
_REFERENCE = re.compile(r"\$(?:\$|\((?P<name>[A-Za-z_.-][A-Za-z0-9_.-]*)\))")


class ContainerConfigError(Exception):
    """Something the container refers to is missing: CreateContainerConfigError."""


class StartError(Exception):
    """The program cannot be started on this machine: CreateContainerError."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Launch:
    """All that is needed to start a program."""

    argv: list[str]
    environment: dict[str, str]
    folder: Path


def service_variables(store: Store, namespace: str, forwarded: Callable[[Json, Json], int]) -> dict[str, str]:
    """`<SERVICE>_SERVICE_HOST` and `_PORT` of every Service in the namespace, at the local forwarders."""
    found: dict[str, str] = {}
    for service in store.find(SERVICES, namespace):
        prefix = service["metadata"]["name"].upper().replace("-", "_").replace(".", "_")
        for number, port in enumerate(service["spec"].get("ports") or []):
            local = str(forwarded(service, port))
            if number == 0:
                found |= {f"{prefix}_SERVICE_HOST": ADDRESS, f"{prefix}_SERVICE_PORT": local}
            if port.get("name"):
                found[f"{prefix}_SERVICE_PORT_{port['name'].upper().replace('-', '_')}"] = local
    return found


def variables(
    store: Store, pod: Json, container: Json, *, image: Image, services: Mapping[str, str], ports: Mapping[int, int]
) -> dict[str, str]:
    """Image, Services, envFrom, env: the later wins, as in a cluster. PORT is moved to this machine's port, HOST to the
    address that only this machine reaches."""
    found = {name: _mapped_list(value, image.root) for name, value in image.environment.items() if name != "PATH"}
    found |= services
    namespace = pod["metadata"]["namespace"]
    for source in container.get("envFrom") or []:
        prefix = source.get("prefix", "")
        for kind, resource in (("configMapRef", CONFIG_MAPS), ("secretRef", SECRETS)):
            if kind in source:
                found |= {f"{prefix}{k}": v for k, v in _all_of(store, resource, namespace, source[kind]).items()}
    for entry in container.get("env") or []:
        value = _value(store, pod, entry)
        if value is not None:
            found[entry["name"]] = expand(value, found)
    found |= _moved_ports(found, ports)
    if found.get("HOST", "0.0.0.0") in _ALL_ADDRESSES:
        found["HOST"] = ADDRESS
    own = {"PATH": PATH, "HOSTNAME": pod["metadata"]["name"]}
    return own | found


def _moved_ports(found: Mapping[str, str], ports: Mapping[int, int]) -> dict[str, str]:
    if not ports:
        return {}
    stated = found.get("PORT", "")
    first = next(iter(ports.values()))
    moved = {f"PORT_{number}": str(local) for number, local in ports.items()}
    if not stated:
        moved["PORT"] = str(first)
    elif stated.isdigit() and int(stated) in ports:
        moved["PORT"] = str(ports[int(stated)])
    return moved


def _value(store: Store, pod: Json, entry: Json) -> str | None:
    source = entry.get("valueFrom")
    if source is None:
        return str(entry.get("value", ""))
    namespace = pod["metadata"]["namespace"]
    for kind, resource in (("configMapKeyRef", CONFIG_MAPS), ("secretKeyRef", SECRETS)):
        if reference := source.get(kind):
            content = _all_of(store, resource, namespace, reference)
            if reference["key"] in content:
                return content[reference["key"]]
            if reference.get("optional"):
                return None
            what = f"{resource.kind} {namespace}/{reference['name']}"
            raise ContainerConfigError(f"couldn't find key {reference['key']} in {what}")
    if reference := source.get("fieldRef"):
        return _field(pod, reference["fieldPath"])
    raise ContainerConfigError(f"env {entry['name']}: {', '.join(source)} is not provided by this double")


def _field(pod: Json, path: str) -> str:
    metadata = pod["metadata"]
    fixed = {
        "metadata.name": metadata["name"],
        "metadata.namespace": metadata["namespace"],
        "metadata.uid": metadata["uid"],
        "status.podIP": ADDRESS,
        "status.hostIP": ADDRESS,
        "spec.nodeName": NODE,
        "spec.serviceAccountName": pod["spec"].get("serviceAccountName", "default"),
    }
    if path in fixed:
        return str(fixed[path])
    if keyed := re.fullmatch(r"metadata\.(labels|annotations)\['(.+)'\]", path):
        return str((metadata.get(keyed[1]) or {}).get(keyed[2], ""))
    raise ContainerConfigError(f"fieldRef: {path} is not provided by this double; known: {', '.join(sorted(fixed))}")


def _all_of(store: Store, resource: Resource, namespace: str, reference: Json) -> dict[str, str]:
    thing = store.get(resource, namespace, reference["name"])
    if thing is None:
        if reference.get("optional"):
            return {}
        raise ContainerConfigError(f'{resource.kind.lower()} "{reference["name"]}" not found')
    return {k: v.decode(errors="replace") for k, v in content_of(resource, thing).items()}


def content_of(resource: Resource, thing: Json) -> dict[str, bytes]:
    """The entries of a ConfigMap or Secret."""
    encoded = (thing.get("data") if resource is SECRETS else thing.get("binaryData")) or {}
    plain = {} if resource is SECRETS else thing.get("data") or {}
    return {k: base64.b64decode(v) for k, v in encoded.items()} | {k: str(v).encode() for k, v in plain.items()}


def expand(text: str, known: Mapping[str, str]) -> str:
    """`$(NAME)` by its value; unknown names stay as they are, `$$` is a dollar sign."""

    def one(found: re.Match[str]) -> str:
        if found["name"] is None:
            return "$"
        return known.get(found["name"], found[0])

    return _REFERENCE.sub(one, text)


# ---- arguments and paths


def launch(
    container: Json, image: Image, environment: Mapping[str, str], *, home: Path, mounts: Mapping[str, Path]
) -> Launch:
    """The program to start: command and args of the container, or Entrypoint and Cmd of the image."""
    command, args = container.get("command"), container.get("args")
    argv = [*command, *(args or [])] if command else [*image.entrypoint, *(args or image.command)]
    if not argv:
        raise StartError("no command specified: neither the container nor the image names a program")
    argv = [expand(str(a), environment) for a in argv]
    own = {name: _mounted(value, mounts) for name, value in environment.items()}
    own |= {"HOME": str(home), "TMPDIR": str(home)}
    inside = (container.get("workingDir") or image.working_dir).lstrip("/")
    folder = (image.root / inside).resolve()
    if not folder.is_relative_to(image.root.resolve()) or not folder.is_dir():
        raise StartError(f"working directory /{inside} does not exist in the image")
    rest = [_mounted(_mapped(a, image.root), mounts) for a in argv[1:]]
    return Launch(argv=[_program(argv[0], image.root, folder), *rest], environment=own, folder=folder)


def _program(name: str, root: Path, folder: Path) -> str:
    """Python is this Python; a file of the image if this machine can run it; else a program of this machine."""
    if _PYTHON.fullmatch(name):
        return sys.executable
    if "/" in name:
        inside = root / name.lstrip("/") if name.startswith("/") else folder / name
        if inside.is_file() and shutil.which(str(inside)):
            return str(inside.resolve())
        what = "is not executable" if inside.exists() else "no such file or directory"
        raise StartError(f'exec: "{name}": {what} in the image (only Python and scripts of this machine run here)')
    found = shutil.which(name, path=PATH)
    if found is None:
        raise StartError(f'exec: "{name}": executable file not found: neither Python nor a program of this machine')
    return found


def _mapped(argument: str, root: Path) -> str:
    """An absolute path that exists in the image, as a path of this machine."""
    if not argument.startswith("/") or argument == "/":
        return argument
    inside = root / argument.lstrip("/")
    return str(inside) if inside.exists() else argument


def _mapped_list(value: str, root: Path) -> str:
    """A value such as PYTHONPATH, when every part of it is a path in the image."""
    parts = value.split(":")
    mapped = [_mapped(p, root) for p in parts]
    return ":".join(mapped) if all(m != p for m, p in zip(mapped, parts, strict=True)) else value


def _mounted(text: str, mounts: Mapping[str, Path]) -> str:
    """A path at or below a mount, as a path of this machine."""
    for place, folder in mounts.items():
        if text == place or text.startswith(place.rstrip("/") + "/"):
            return str(folder) + text[len(place.rstrip("/")) :]
    return text


def volume_mounts(store: Store, pod: Json, container: Json, home: Path) -> dict[str, Path]:
    """{mountPath: folder}: ConfigMaps and Secrets written out, empty folders made."""
    volumes = {v["name"]: v for v in pod["spec"].get("volumes") or []}
    mounts: dict[str, Path] = {}
    for mount in container.get("volumeMounts") or []:
        volume = volumes.get(mount["name"])
        if volume is None:
            raise ContainerConfigError(f"volumeMounts: no volume is named {mount['name']}")
        folder = home.parent / "volumes" / mount["name"]
        folder.mkdir(parents=True, exist_ok=True)
        _write_volume(store, pod, volume, folder)
        mounts[mount["mountPath"]] = folder / mount["subPath"] if mount.get("subPath") else folder
    return mounts


def _write_volume(store: Store, pod: Json, volume: Json, folder: Path) -> None:
    if "emptyDir" in volume:
        return
    for kind, resource, key in (("configMap", CONFIG_MAPS, "name"), ("secret", SECRETS, "secretName")):
        if kind not in volume:
            continue
        name = volume[kind][key]
        thing = store.get(resource, pod["metadata"]["namespace"], name)
        if thing is None:
            if volume[kind].get("optional"):
                return
            raise ContainerConfigError(
                f'MountVolume.SetUp failed for volume "{volume["name"]}": {kind} "{name}" not found'
            )
        items = {i["key"]: i["path"] for i in volume[kind].get("items") or []}
        for entry, content in content_of(resource, thing).items():
            if items and entry not in items:
                continue
            target = folder / items.get(entry, entry)
            if not target.resolve().is_relative_to(folder.resolve()):
                raise ContainerConfigError(
                    f"volume {volume['name']}: {json.dumps(items[entry])} points out of the volume"
                )
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        return
    kinds = ", ".join(k for k in volume if k != "name")
    raise ContainerConfigError(f"volume {volume['name']}: {kinds} is not provided by this double")
