"""Access keys: master, system, host function keys, and keys of one function.

They are kept in a file in the state folder (generated once, shared by the instances), or given. As in Azure, the header
`x-functions-key` wins over `?code=`.
"""

import fcntl
import json
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from .bindings import Function
from .errors import HostError

EVENT_GRID_KEY = "eventgrid_extension"
MAX_BYTES = 1 << 20
_HEADER, _QUERY = "x-functions-key", "code"

type Pairs = Iterable[tuple[str, str]]


class Level(StrEnum):
    """The access that a caller's key grants, or that an endpoint requires."""

    ANONYMOUS = "ANONYMOUS"
    """No key, or one that matches nothing."""
    FUNCTION = "FUNCTION"
    """A key of the function, or a host function key."""
    SYSTEM = "SYSTEM"
    """The key with the name of an extension."""
    ADMIN = "ADMIN"
    """The master key."""
    OTHER = "OTHER"
    """A key of another kind, which grants nothing here: it is known, so that the status may be 403."""


@dataclass(frozen=True, kw_only=True)
class Keys:
    master: str = field(repr=False)
    function_keys: Mapping[str, str] = field(repr=False)
    system_keys: Mapping[str, str] = field(repr=False)
    of_function: Mapping[str, Mapping[str, str]] = field(repr=False)

    def level(self, key: str, function: Function | None = None, extension: str | None = None) -> Level:
        """What the key grants at this function, or at the webhook of this extension; at the admin endpoints if both are
        None."""
        if not key:
            return Level.ANONYMOUS
        if _is_same_key(key, self.master):
            return Level.ADMIN
        function_keys = self.of_function.get(function.name, {}) if function is not None else {}
        if function is not None and (_is_among(key, self.function_keys) or _is_among(key, function_keys)):
            return Level.FUNCTION
        key_name = f"{extension}_extension"
        if extension is not None and _is_among(
            key, {n: k for n, k in self.system_keys.items() if n.lower() == key_name}
        ):
            return Level.SYSTEM
        if _is_among(key, self.function_keys) or _is_among(key, self.system_keys):
            return Level.OTHER
        return Level.ANONYMOUS


@dataclass(frozen=True, kw_only=True)
class Access:
    """What a caller's key grants at one endpoint."""

    level: Level

    def opens(self, required: Level) -> bool:
        return required is Level.ANONYMOUS or self.level in (required, Level.ADMIN)


@dataclass(frozen=True, kw_only=True)
class Guard:
    """Decides what a caller may do; without keys (`--no-auth`, as in Core Tools) everybody may do everything."""

    keys: Keys | None

    def access(
        self, headers: Pairs, query: Pairs, function: Function | None = None, *, extension: str | None = None
    ) -> Access:
        if self.keys is None:
            return Access(level=Level.ADMIN)
        return Access(level=self.keys.level(_key(headers, query), function, extension))


def _key(headers: Pairs, query: Pairs) -> str:
    """The caller's key. If the header is present it counts, even if empty; of several headers or `code`s, the first."""
    for source, key_name in ((headers, _HEADER), (query, _QUERY)):
        for name, value in source:
            if name.lower() == key_name:
                return value
    return ""


def load(path: Path) -> Keys:
    """Read a keys file: {"master": ..., "functionKeys": {}, "systemKeys": {}, "functions": {"name": {}}}."""
    if not path.is_file():
        raise HostError(f"keys: expected a file {path}, found none")
    if path.stat().st_size > MAX_BYTES:
        raise HostError(f"{path.name}: expected at most {MAX_BYTES} bytes")
    try:
        document = json.loads(path.read_text())
    except ValueError as error:
        raise HostError(f"{path.name}: expected JSON") from error
    return _parse(document, path.name)


def load_or_make(path: Path) -> Keys:
    """Read the keys file, generating it first if there is none; instances that start together agree on one."""
    with path.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():
            new_keys = {
                "master": secrets.token_urlsafe(32),
                "functionKeys": {"default": secrets.token_urlsafe(32)},
                "systemKeys": {EVENT_GRID_KEY: secrets.token_urlsafe(32)},
                "functions": {},
            }
            path.touch(mode=0o600)
            path.write_text(json.dumps(new_keys, indent=2))
        return load(path)


def _parse(data: Any, file: str) -> Keys:
    if not isinstance(data, dict) or not isinstance(data.get("master"), str) or not data["master"]:
        raise HostError(f'{file}: expected an object with a "master" key')
    functions = data.get("functions", {})
    if not isinstance(functions, dict):
        raise HostError(f"{file}: functions: expected an object")
    return Keys(
        master=data["master"],
        function_keys=_key_map(data, "functionKeys", file),
        system_keys=_key_map(data, "systemKeys", file),
        of_function={name: _key_map(functions, name, file) for name in functions},
    )


def _key_map(parent: dict[str, Any], name: str, file: str) -> dict[str, str]:
    value = parent.get(name, {})
    if not isinstance(value, dict) or not all(isinstance(key, str) and key for key in value.values()):
        raise HostError(f"{file}: {name}: expected an object of names and keys")
    return value


def _is_same_key(key: str, expected: str) -> bool:
    return secrets.compare_digest(key.encode(), expected.encode())


def _is_among(key: str, candidates: Mapping[str, str]) -> bool:
    return any(_is_same_key(key, candidate) for candidate in candidates.values())
