"""Registries as a person or a CI agent reaches them: signed in by `docker login`, or with Entra to Azure's.

The credential for a registry is the first of these:

- `SLIPWAY_REGISTRY_USER` with `SLIPWAY_REGISTRY_PASSWORD`;
- Docker's configuration for the host (`docker login`, `az acr login`, a credential helper);
- for a registry of the local stack (`make up`), the credential of its CI;
- for `*.azurecr.io`, the identity signed in to Entra (`az login`, a pipeline's service connection, a managed identity);
- none.

A name and a password go only to the registry's own host and to those in `SLIPWAY_REGISTRY_HOSTS`, whatever address the
registry names.
"""

import base64
import binascii
import json
import os
import re
import subprocess
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from slipway.bundle import PackedBundle, RegistryImage, Resolver, fetch
from slipway.bundle.model import MANIFEST_TYPE
from slipway.domain.model import sha256
from slipway.effects.registry import (
    Anonymous,
    BasicCredential,
    Credential,
    Denied,
    EntraCredential,
    NotInRegistry,
    Registry,
    RegistryEndpoint,
    RegistryError,
    platforms_of,
)

from .errors import CliError, Exit
from .finding import registry_sign_in

USER, PASSWORD = "SLIPWAY_REGISTRY_USER", "SLIPWAY_REGISTRY_PASSWORD"
HOSTS = "SLIPWAY_REGISTRY_HOSTS"
_BESIDE_A_TOKEN = f"{0:08}-0000-0000-0000-{0:012}"
"""The user name that ACR requires if the password is a token."""
_HELPER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_HELPER_SECONDS = 30
_LARGEST_CONFIG = 1024 * 1024
_ENTRA_SCOPE = "https://containerregistry.azure.net"

type Helper = Callable[[str, str], bytes | None]
"""Runs `docker-credential-<name> get` for a host; None if it has nothing."""


def open_registry(login_server: str, environment: Mapping[str, str] = os.environ) -> Registry:
    """A client for the registry. Raises `CliError` for a name that is no login server."""
    try:
        endpoint = RegistryEndpoint(login_server, frozenset(environment.get(HOSTS, "").replace(",", " ").split()))
    except ValueError as error:
        raise CliError(str(error), exit_code=Exit.USAGE) from None
    return Registry(endpoint, credential_for(login_server, environment, folder=Path.cwd()))


def credential_for(
    host: str, environment: Mapping[str, str], helper: Helper | None = None, *, folder: Path | None = None
) -> Credential:
    """Raises `CliError` if Docker's configuration, or the local stack's file above the folder, cannot be read."""
    if environment.get(USER) and environment.get(PASSWORD):
        return BasicCredential(environment[USER], environment[PASSWORD])
    configured = environment.get("DOCKER_CONFIG")
    docker = Path(configured) if configured else Path(environment.get("HOME", "~")).expanduser() / ".docker"
    if credential := _docker_credential(docker / "config.json", host, helper or _run_helper):
        return credential
    if folder is not None and (of_stack := registry_sign_in(host, folder)):
        return BasicCredential(*of_stack)
    if host.endswith(".azurecr.io"):
        from .signing_in import sign_in  # noqa: PLC0415 - slow to import, and only Azure's registries need it

        return EntraCredential(lambda: sign_in(_ENTRA_SCOPE))
    return Anonymous()


def _docker_credential(file: Path, host: str, helper: Helper) -> Credential | None:
    if not file.is_file():
        return None
    try:
        with file.open("rb") as content:
            config = json.loads(content.read(_LARGEST_CONFIG))
    except (OSError, ValueError, RecursionError) as error:
        raise CliError(f"{file}: cannot be read: {type(error).__name__}", exit_code=Exit.USAGE) from None
    if not isinstance(config, dict):
        raise CliError(f"{file}: expected a JSON object, got something else", exit_code=Exit.USAGE)
    helpers = config.get("credHelpers")
    name = (helpers.get(host) if isinstance(helpers, dict) else None) or config.get("credsStore")
    if isinstance(name, str) and (credential := _credential_in_answer(helper(name, host))):
        return credential
    auths = config.get("auths")
    entry = auths.get(host) if isinstance(auths, dict) else None
    return _entry_credential(entry) if isinstance(entry, dict) else None


def _entry_credential(entry: dict[str, Any]) -> Credential | None:
    try:
        user, _, password = base64.b64decode(str(entry.get("auth") or ""), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    token = entry.get("identitytoken")
    if isinstance(token, str) and token:
        return BasicCredential(_BESIDE_A_TOKEN, token)
    return BasicCredential(user, password) if user and password else None


def _credential_in_answer(answer: bytes | None) -> Credential | None:
    try:
        document = json.loads(answer) if answer else None
    except ValueError:
        return None
    if not isinstance(document, dict) or not document.get("Secret"):
        return None
    user = str(document.get("Username") or "")
    return BasicCredential(_BESIDE_A_TOKEN if user in ("", "<token>") else user, str(document["Secret"]))


def _run_helper(name: str, host: str) -> bytes | None:
    if not _HELPER.fullmatch(name):
        return None
    command = [f"docker-credential-{name}", "get"]
    try:
        done = subprocess.run(  # noqa: S603 - the user's own configuration names it, as for docker
            command, input=host.encode(), capture_output=True, timeout=_HELPER_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CliError(f"{command[0]}: {type(error).__name__}: Docker's configuration names it for {host}") from None
    return done.stdout if done.returncode == 0 else None


def as_cli_error(error: RegistryError) -> CliError:
    """A registry's answer as an error with its exit code."""
    match error:
        case NotInRegistry():
            return CliError(str(error), exit_code=Exit.NOT_FOUND)
        case Denied():
            return CliError(str(error), cure=f"sign in with `docker login`, `az acr login`, or {USER} and {PASSWORD}")
        case _:
            return CliError(str(error), exit_code=Exit.UNREACHABLE)


def resolver(registry: Registry) -> Resolver:
    """Asks the registry for images; its errors become those of the command."""

    def resolve(repository: str, reference: str) -> RegistryImage | None:
        try:
            manifest = registry.manifest(repository, reference)
            return RegistryImage(
                digest=manifest.digest,
                media_type=manifest.media_type,
                platforms=platforms_of(registry, repository, manifest),
            )
        except NotInRegistry:
            return None
        except RegistryError as error:
            raise as_cli_error(error) from None

    return resolve


def pull_bundle(registry: Registry, repository: str, reference: str) -> PackedBundle:
    """A bundle's parts. Raises `CliError`, `NotABundle` and `ConfigError`."""
    try:
        return fetch(registry, repository, reference)
    except RegistryError as error:
        raise as_cli_error(error) from None


def push_bundle(registry: Registry, repository: str, tag: str, packed: PackedBundle) -> None:
    """Store the bundle under the tag: its parts come first, so that nobody ever sees half of it.

    Raises `CliError`, also if the tag names something else: the content of a version does not change.
    """
    try:
        taken = registry.resolve(repository, tag)
        if taken not in (None, packed.digest):
            where = registry.where(repository, tag)
            raise CliError(f"{where}: it names {taken} already; build the bundle with another --version")
        for data in (packed.layer, packed.config):
            if not registry.blob_exists(repository, sha256(data)):
                registry.put_blob(repository, sha256(data), len(data), partial(iter, [data]))
        registry.put_manifest(repository, tag, packed.manifest, MANIFEST_TYPE)
    except RegistryError as error:
        raise as_cli_error(error) from None
