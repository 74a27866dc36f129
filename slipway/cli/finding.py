"""The address of the app, and the key for its API.

The address and its key belong together: a key from a stack's file goes to that stack only.
"""

import ipaddress
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from .errors import CliError, Exit

STACK_FILE = Path(".local") / "stack.json"
"""`make up` writes it, below the folder of the repository."""
URL, KEY, AUDIENCE = "SLIPWAY_URL", "SLIPWAY_KEY", "SLIPWAY_AUDIENCE"
MAX_STACK_FILE = 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class FoundApp:
    """A function app that serves the API."""

    url: str
    key: str = field(default="", repr=False)
    audience: str = ""
    """The app registration to sign in for; empty if a key is enough."""
    signs_in: Mapping[str, str] = field(default_factory=dict, repr=False)
    """The variables of a local stack by which `azure-identity` finds the stack's own identity; empty elsewhere."""
    source: str
    """The source of the address, for messages."""


def find_app(
    *, url: str | None, key: str | None, environment: Mapping[str, str], folder: Path, audience: str | None = None
) -> FoundApp:
    """The app named by the options, or else by the environment, or else by the local stack of this folder or a
    parent."""
    key, audience = key or environment.get(KEY, ""), audience or environment.get(AUDIENCE, "")
    if url:
        return FoundApp(url=checked_url(url, "--url"), key=key, audience=audience, source="--url")
    if url := environment.get(URL):
        return FoundApp(url=checked_url(url, URL), key=key, audience=audience, source=URL)
    if file := stack_file(folder):
        return _app_of_stack(file, key)
    raise CliError(
        "no installation was found: run `make up` to start one on this machine, "
        f"or set {URL} and {KEY} (or use --url and --key)",
        exit_code=Exit.UNREACHABLE,
    )


def stack_file(folder: Path) -> Path | None:
    """The file of the local stack that runs in this folder or a parent."""
    return next((file for each in (folder, *folder.parents) if (file := each / STACK_FILE).is_file()), None)


def registry_sign_in(host: str, folder: Path) -> tuple[str, str] | None:
    """The name and password of CI at a registry of the local stack; None for any other host."""
    file = stack_file(folder)
    stack = _read(file) if file else {}
    user, password, registries = (stack.get(name) for name in ("ci_user", "ci_password", "registries"))
    if not isinstance(registries, dict) or host not in registries.values():
        return None
    return (user, password) if isinstance(user, str) and isinstance(password, str) else None


def _app_of_stack(file: Path, key: str) -> FoundApp:
    stack = _read(file)
    signs_in = stack.get("signs_in", {})
    if not isinstance(stack.get("url"), str) or not isinstance(stack.get("key"), str) or not isinstance(signs_in, dict):
        raise _unreadable(file)
    return FoundApp(
        url=checked_url(stack["url"], str(file)),
        key=key or stack["key"],
        audience=str(stack.get("audience", "")),
        signs_in={str(name): str(value) for name, value in signs_in.items()},
        source=str(file),
    )


def _read(file: Path) -> dict[str, Any]:
    try:
        with file.open("rb") as opened:
            stack = json.loads(opened.read(MAX_STACK_FILE))
    except (OSError, ValueError, RecursionError) as error:
        raise _unreadable(file) from error
    if not isinstance(stack, dict):
        raise _unreadable(file)
    return stack


def _unreadable(file: Path) -> CliError:
    return CliError(f"{file}: expected a JSON object with url and key; run `make up` again")


def checked_url(url: str, source: str) -> str:
    """The address without a trailing slash. It must be https, except on this machine: each request carries the key."""
    from urllib3.exceptions import LocationParseError  # noqa: PLC0415 - slow to import; `--help` does without
    from urllib3.util import parse_url  # noqa: PLC0415

    try:
        parsed = parse_url(url)
    except LocationParseError:
        parsed = parse_url("")
    if parsed.scheme not in ("http", "https") or not parsed.host or parsed.query or parsed.fragment or parsed.auth:
        raise click.UsageError(f"{source}: expected an address such as https://app.azurewebsites.net")
    if parsed.scheme == "http" and not _this_machine(parsed.host):
        raise click.UsageError(f"{source}: expected https, because each request carries the key")
    return parsed.url.rstrip("/")


def _this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"
