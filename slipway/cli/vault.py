"""Rotation of the signing keys in Key Vault, with the rights of the person at the terminal: the app may only read."""

import base64
import binascii
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from slipway.domain.keyring import (
    PUBLIC_SECRET,
    VAULT_SECRET,
    LiveKey,
    SecretVersion,
    fingerprint,
    format_keys,
    live_versions,
    parse_keys,
    with_retired,
    with_settled_retired,
)
from slipway.ed25519 import KEY_BYTES, public_key

from .errors import CliError, Exit

if TYPE_CHECKING:
    from azure.keyvault.secrets import SecretClient

HINTS = {
    401: "sign in with `az login` first",
    403: "rotating needs the role Key Vault Secrets Officer there, listing Key Vault Secrets User; or its network is "
    "closed to this machine",
    409: f"the secret {VAULT_SECRET} was deleted: recover it with `az keyvault secret recover`",
}


def open_vault(url: str) -> "SecretClient":
    """Sign in with any available credential: `az login`, a pipeline, a managed identity."""
    from azure.identity import DefaultAzureCredential  # noqa: PLC0415 - slow to import; only this command needs it
    from azure.keyvault.secrets import SecretClient  # noqa: PLC0415

    return SecretClient(url, DefaultAzureCredential())


class KeysInVault:
    """The versions of one secret: each is a key, and the newest enabled one signs. Every method raises `CliError`."""

    def __init__(self, client: "SecretClient") -> None:
        self._client = client

    def live(self, *, now: datetime) -> list[LiveKey]:
        """Newest first; empty if the secret was never created."""
        from azure.core.exceptions import ResourceNotFoundError  # noqa: PLC0415 - slow to import

        with _errors_explained():
            try:
                versions = [
                    SecretVersion(
                        id=version.version,
                        made=version.created_on,
                        enabled=bool(version.enabled),
                        not_before=version.not_before,
                        expires=version.expires_on,
                    )
                    for version in self._client.list_properties_of_secret_versions(VAULT_SECRET)
                    if version.version
                ]
            except ResourceNotFoundError:
                return []
        return live_versions(versions, now=now)

    def rotate(self, key: bytes, retired: tuple[str, ...], *, now: datetime) -> LiveKey:
        """Add the new key and its public key, then disable the retired ones; they are not deleted, so that the vault
        keeps a history. The new key signs once the apps know its public key. The public keys of those that were
        disabled before are said to be retired, once no trail ends with their signature."""
        encoded, public, before = base64.b64encode(key).decode(), self.public(), self.live(now=now)
        stay = [live.id for number, live in enumerate(before) if not number or live.id not in retired]
        with _errors_explained():
            public = with_settled_retired(public, before, {self._id(version) for version in stay}, now=now)
            added = self._client.set_secret(
                VAULT_SECRET, encoded, content_type="slipway signing key, base64"
            ).properties
            self._publish(public | {fingerprint(public_key(key)): public_key(key)})
        for number, version in enumerate(retired):
            try:
                self._disable(version)
            except CliError as trouble:
                raise CliError(
                    f"{trouble.message}. The new key {added.version} signs, but these are still live: "
                    f"{', '.join(retired[number:])}. Disable them with `az keyvault secret set-attributes "
                    f"--enabled false`",
                    exit_code=Exit.UNREACHABLE,
                ) from None
        return LiveKey(id=str(added.version), made=added.created_on)

    def retire(self) -> dict[str, bytes]:
        """Say of each public key whose private key is disabled that it is retired; all public keys then."""
        live = self.live(now=datetime.now(UTC))
        with _errors_explained():
            public = with_retired(self.public(), {self._id(each.id) for each in live})
            self._publish(public)
        return public

    def _publish(self, public: dict[str, bytes]) -> None:
        self._client.set_secret(PUBLIC_SECRET, format_keys(public), content_type="slipway public keys, id:base64")

    def _id(self, version: str) -> str:
        """The id by which the app names the key."""
        return fingerprint(public_key(self._private(version)))

    def public(self) -> dict[str, bytes]:
        """The public keys, oldest first. Keys without one, as after an interrupted rotation, get theirs here."""
        from azure.core.exceptions import ResourceNotFoundError  # noqa: PLC0415 - slow to import

        with _errors_explained():
            try:
                keys = parse_keys(self._client.get_secret(PUBLIC_SECRET).value or "")
            except ResourceNotFoundError:
                keys = {}
            except ValueError as error:
                raise CliError(f"the secret {PUBLIC_SECRET}: {error}; nothing was changed") from None
            made = [public_key(self._private(live.id)) for live in reversed(self.live(now=datetime.now(UTC)))]
        return keys | {fingerprint(key): key for key in made if key not in keys.values()}

    def _private(self, version: str) -> bytes:
        try:
            key = base64.b64decode(self._client.get_secret(VAULT_SECRET, version).value or "", validate=True)
        except binascii.Error:
            key = b""
        if len(key) != KEY_BYTES:
            raise CliError(
                f"the secret {VAULT_SECRET}, version {version[:8]}…: expected base64 of {KEY_BYTES} bytes; disable it"
            )
        return key

    def _disable(self, version: str) -> None:
        with _errors_explained():
            self._client.update_secret_properties(VAULT_SECRET, version, enabled=False)


@contextmanager
def _errors_explained() -> Iterator[None]:
    from azure.core.exceptions import AzureError, HttpResponseError  # noqa: PLC0415 - slow to import

    try:
        yield
    except HttpResponseError as error:
        hint = HINTS.get(error.status_code or 0, "try again in a moment")
        exit_code = Exit.REFUSED if error.status_code in (401, 403) else Exit.UNREACHABLE
        raise CliError(f"Key Vault answered {error.status_code}: {hint}", exit_code=exit_code) from None
    except AzureError as error:
        raise CliError(f"Key Vault does not answer ({type(error).__name__})", exit_code=Exit.UNREACHABLE) from None
