"""What a container's program gets: its environment, its arguments, its files. Nothing of our own leaks in."""

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
    """Something that the container refers to is missing: CreateContainerConfigError."""


class StartError(Exception):
    """The program cannot be started on this machine: CreateContainerError."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Launch:
    """Everything needed to start a program."""

    argv: list[str]
    environment: dict[str, str]
    folder: Path


def service_variables(store: Store, namespace: str, forwarded: Callable[[Json, Json], int]) -> dict[str, str]:
    """`<SERVICE>_SERVICE_HOST` and `_PORT` of every Service in the namespace, pointing at the local forwarders."""
    environment: dict[str, str] = {}
    for service in store.find(SERVICES, namespace):
        prefix = service["metadata"]["name"].upper().replace("-", "_").replace(".", "_")
        for number, port in enumerate(service["spec"].get("ports") or []):
            local = str(forwarded(service, port))
            if number == 0:
                environment |= {f"{prefix}_SERVICE_HOST": ADDRESS, f"{prefix}_SERVICE_PORT": local}
            if port.get("name"):
                environment[f"{prefix}_SERVICE_PORT_{port['name'].upper().replace('-', '_')}"] = local
    return environment


def variables(
    store: Store, pod: Json, container: Json, *, image: Image, services: Mapping[str, str], ports: Mapping[int, int]
) -> dict[str, str]:
    """Image, Services, envFrom, env: later ones win, as in a cluster. PORT is changed to the port on this machine, HOST
    to the address that only this machine can reach."""
    environment = {name: _map_list(value, image.root) for name, value in image.environment.items() if name != "PATH"}
    environment |= services
    namespace = pod["metadata"]["namespace"]
    for source in container.get("envFrom") or []:
        prefix = source.get("prefix", "")
        for kind, resource in (("configMapRef", CONFIG_MAPS), ("secretRef", SECRETS)):
            if kind in source:
                environment |= {
                    f"{prefix}{k}": v for k, v in _decoded_content(store, resource, namespace, source[kind]).items()
                }
    for entry in container.get("env") or []:
        value = _value(store, pod, entry)
        if value is not None:
            environment[entry["name"]] = expand(value, environment)
    environment |= _local_ports(environment, ports)
    if environment.get("HOST", "0.0.0.0") in _ALL_ADDRESSES:
        environment["HOST"] = ADDRESS
    defaults = {"PATH": PATH, "HOSTNAME": pod["metadata"]["name"]}
    return defaults | environment


def _local_ports(environment: Mapping[str, str], ports: Mapping[int, int]) -> dict[str, str]:
    if not ports:
        return {}
    stated_port = environment.get("PORT", "")
    first_port = next(iter(ports.values()))
    moved = {f"PORT_{number}": str(local) for number, local in ports.items()}
    if not stated_port:
        moved["PORT"] = str(first_port)
    elif stated_port.isdigit() and int(stated_port) in ports:
        moved["PORT"] = str(ports[int(stated_port)])
    return moved


def _value(store: Store, pod: Json, entry: Json) -> str | None:
    source = entry.get("valueFrom")
    if source is None:
        return str(entry.get("value", ""))
    namespace = pod["metadata"]["namespace"]
    for kind, resource in (("configMapKeyRef", CONFIG_MAPS), ("secretKeyRef", SECRETS)):
        if reference := source.get(kind):
            content = _decoded_content(store, resource, namespace, reference)
            if reference["key"] in content:
                return content[reference["key"]]
            if reference.get("optional"):
                return None
            source_name = f"{resource.kind} {namespace}/{reference['name']}"
            raise ContainerConfigError(f"couldn't find key {reference['key']} in {source_name}")
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


def _decoded_content(store: Store, resource: Resource, namespace: str, reference: Json) -> dict[str, str]:
    api_object = store.get(resource, namespace, reference["name"])
    if api_object is None:
        if reference.get("optional"):
            return {}
        raise ContainerConfigError(f'{resource.kind.lower()} "{reference["name"]}" not found')
    return {k: v.decode(errors="replace") for k, v in content_of(resource, api_object).items()}


def content_of(resource: Resource, api_object: Json) -> dict[str, bytes]:
    """The entries of a ConfigMap or Secret."""
    encoded = (api_object.get("data") if resource is SECRETS else api_object.get("binaryData")) or {}
    plain = {} if resource is SECRETS else api_object.get("data") or {}
    return {k: base64.b64decode(v) for k, v in encoded.items()} | {k: str(v).encode() for k, v in plain.items()}


def expand(text: str, variables: Mapping[str, str]) -> str:
    """Replace each `$(NAME)` by its value; unknown names stay as they are, and `$$` is a dollar sign."""

    def replacement(match: re.Match[str]) -> str:
        if match["name"] is None:
            return "$"
        return variables.get(match["name"], match[0])

    return _REFERENCE.sub(replacement, text)


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
    program_environment = {name: _map_mount(value, mounts) for name, value in environment.items()}
    program_environment |= {"HOME": str(home), "TMPDIR": str(home)}
    working_dir = (container.get("workingDir") or image.working_dir).lstrip("/")
    folder = (image.root / working_dir).resolve()
    if not folder.is_relative_to(image.root.resolve()) or not folder.is_dir():
        raise StartError(f"working directory /{working_dir} does not exist in the image")
    arguments = [_map_mount(_map(a, image.root), mounts) for a in argv[1:]]
    return Launch(
        argv=[_program(argv[0], image.root, folder), *arguments], environment=program_environment, folder=folder
    )


def _program(name: str, root: Path, folder: Path) -> str:
    """Python is this Python; a file of the image if this machine can run it; otherwise a program of this machine."""
    if _PYTHON.fullmatch(name):
        return sys.executable
    if "/" in name:
        file = root / name.lstrip("/") if name.startswith("/") else folder / name
        if file.is_file() and shutil.which(str(file)):
            return str(file.resolve())
        problem = "is not executable" if file.exists() else "no such file or directory"
        raise StartError(f'exec: "{name}": {problem} in the image (only Python and scripts of this machine run here)')
    program = shutil.which(name, path=PATH)
    if program is None:
        raise StartError(f'exec: "{name}": executable file not found: neither Python nor a program of this machine')
    return program


def _map(argument: str, root: Path) -> str:
    """An absolute path that exists in the image, as a path on this machine."""
    if not argument.startswith("/") or argument == "/":
        return argument
    file = root / argument.lstrip("/")
    return str(file) if file.exists() else argument


def _map_list(value: str, root: Path) -> str:
    """A value such as PYTHONPATH, if every part of it is a path in the image."""
    parts = value.split(":")
    mapped = [_map(p, root) for p in parts]
    return ":".join(mapped) if all(m != p for m, p in zip(mapped, parts, strict=True)) else value


def _map_mount(text: str, mounts: Mapping[str, Path]) -> str:
    """A path at or below a mount, as a path on this machine."""
    for mount_path, folder in mounts.items():
        if text == mount_path or text.startswith(mount_path.rstrip("/") + "/"):
            return str(folder) + text[len(mount_path.rstrip("/")) :]
    return text


def volume_mounts(store: Store, pod: Json, container: Json, home: Path) -> dict[str, Path]:
    """{mountPath: folder}, with ConfigMaps and Secrets written to files and empty folders created."""
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
        api_object = store.get(resource, pod["metadata"]["namespace"], name)
        if api_object is None:
            if volume[kind].get("optional"):
                return
            raise ContainerConfigError(
                f'MountVolume.SetUp failed for volume "{volume["name"]}": {kind} "{name}" not found'
            )
        items = {i["key"]: i["path"] for i in volume[kind].get("items") or []}
        for entry, content in content_of(resource, api_object).items():
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
