"""App settings: environment variables over a local.settings.json, `%Name%` in bindings, and named connections."""

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from .errors import FunctionError, HostError

MAX_BYTES = 1 << 20
_TRUE = ("1", "true")
_HOST_JSON = "azurefunctionsjobhost"


class AppSettings(Mapping[str, str]):
    """The environment that the app sees. The environment wins over the file, as with Core Tools."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = dict(values)

    def __getitem__(self, name: str) -> str:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def with_defaults(self, defaults: Mapping[str, str]) -> "AppSettings":
        return AppSettings({**defaults, **self._values})

    def lookup(self, name: str) -> str | None:
        """A setting by name; `:` and `__` mean the same. An empty value counts as none, as in the real host."""
        return self._values.get(name) or self._values.get(name.replace(":", "__")) or None

    def resolve(self, text: str, field: str) -> str:
        """Replace every `%Name%`; a FunctionError if one has no value, or no end."""
        pieces = text.split("%")
        if len(pieces) % 2 == 0:
            raise FunctionError(f"{field}: the '%' at position {text.rindex('%')} does not have a closing '%'.")
        for index in range(1, len(pieces), 2):
            value = self.lookup(pieces[index])
            if value is None:
                raise FunctionError(f"{field}: '%{pieces[index]}%' does not resolve to a value.")
            pieces[index] = value
        return "".join(pieces)

    def is_disabled(self, function: str) -> bool:
        """Whether a setting disables the function, by either of two names, in upper or lower case.

        On Linux in Azure, where names of settings cannot have dots, the one with underscores counts; one with two
        underscores, which is usual for sections, has no effect."""
        names = (f"AzureWebJobs.{function}.Disabled", f"AzureWebJobs_{function}_Disabled")
        lowercase_names = {name.lower() for name in names}
        return any(name.lower() in lowercase_names and value.lower() in _TRUE for name, value in self._values.items())

    def host_json(self) -> dict[tuple[str, ...], str]:
        """The settings that override host.json, by their path in lower case: `AzureFunctionsJobHost__a__b`."""
        overrides: dict[tuple[str, ...], str] = {}
        for name, value in self._values.items():
            prefix, *path = name.lower().replace("__", ":").split(":")
            if prefix == _HOST_JSON and path:
                overrides[tuple(path)] = value
        return overrides

    def connection(self, name: str) -> dict[str, str]:
        """The settings of a connection: {"": connection string} or {"fullyQualifiedNamespace": ..., ...}.

        Looked up by its plain name, then with the prefix AzureWebJobs, as the real host does. Empty if there is none.
        """
        for candidate in (name, f"AzureWebJobs{name}"):
            plain = self.lookup(candidate)
            if plain is not None:
                return {"": plain}
            prefix = f"{candidate}__"
            section = {
                key[len(prefix) :]: value for key, value in self._values.items() if key.startswith(prefix) and value
            }
            if section:
                return section
        return {}


def load(path: Path | None, environment: Mapping[str, str] = os.environ) -> AppSettings:
    """The settings in force: those of the file (in the form of local.settings.json), overridden by the environment."""
    values = _read(path) if path is not None else {}
    settings = AppSettings({**values, **environment})
    runtime = settings.get("FUNCTIONS_WORKER_RUNTIME", "python")
    if runtime != "python":
        raise HostError(f"FUNCTIONS_WORKER_RUNTIME: expected python, got {runtime!r}")
    zone = settings.get("WEBSITE_TIME_ZONE")
    if zone:
        raise HostError(f"WEBSITE_TIME_ZONE: timers run in UTC, as on Flex Consumption, got {zone!r}")
    return settings


def _read(path: Path) -> dict[str, str]:
    if not path.is_file():
        raise HostError(f"settings: expected a file {path}, found none")
    if path.stat().st_size > MAX_BYTES:
        raise HostError(f"{path.name}: expected at most {MAX_BYTES} bytes, got {path.stat().st_size}")
    try:
        document = json.loads(path.read_text(encoding="utf-8-sig"))
    except ValueError as error:
        raise HostError(f"{path.name}: expected JSON: {error}") from error
    if not isinstance(document, dict):
        raise HostError(f'{path.name}: expected an object such as {{"Values": {{...}}}}')
    if document.get("IsEncrypted"):
        raise HostError(f"{path.name}: IsEncrypted: encrypted settings are not covered; expected false")
    values = document.get("Values", {})
    if not isinstance(values, dict):
        raise HostError(f"{path.name}: Values: expected an object")
    return {name: _text(name, value, path.name) for name, value in values.items()}


def _text(name: str, value: Any, file: str) -> str:
    # The value itself stays out of the message: it may be a secret.
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    raise HostError(f"{file}: Values.{name}: expected text, got {type(value).__name__}")
