"""Signing keys from Key Vault: the versions of one secret are the keys, and a key's id is the hash of its public key.

The newest enabled version signs. The value of a version never changes, so each is read once.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from ...domain.keyring import MOST, VAULT_SECRET, SecretVersion, decode_key, fingerprint, live_versions
from ...domain.signing import KeysUnavailable
from ...ed25519 import public_key

if TYPE_CHECKING:
    from azure.keyvault.secrets import SecretClient

TIMES = {"connection_timeout": 5, "read_timeout": 10, "retry_total": 2}
"""Time-outs (seconds) and retries of the SDK's client. Short, as a person may be waiting for a page."""


class VaultKeys:
    """The versions of one secret as keys."""

    def __init__(self, client: "SecretClient", *, name: str = VAULT_SECRET, clock: Callable[[], datetime]) -> None:
        self._client, self._name, self._clock = client, name, clock
        self._known: dict[str, bytes] = {}

    def load(self) -> Mapping[str, bytes]:
        """The keys by id, the signing key first. Raises `KeysUnavailable`, and ValueError for a version with no key."""
        from azure.core.exceptions import AzureError, HttpResponseError  # noqa: PLC0415 - slow to import

        try:
            versions = self._live()
            self._known = {version: self._known.get(version) or self._key(version) for version in versions}
            return {fingerprint(public_key(key)): key for key in self._known.values()}
        except HttpResponseError as error:
            raise KeysUnavailable(f"Key Vault answered {error.status_code} for the secret {self._name}") from None
        except AzureError as error:
            raise KeysUnavailable(f"Key Vault does not answer ({type(error).__name__})") from None

    def _live(self) -> list[str]:
        versions = [
            SecretVersion(
                id=properties.version,
                made=properties.created_on,
                enabled=bool(properties.enabled),
                not_before=properties.not_before,
                expires=properties.expires_on,
            )
            for properties in self._client.list_properties_of_secret_versions(self._name)
            if properties.version
        ]
        return [key.id for key in live_versions(versions, now=self._clock())[:MOST]]

    def _key(self, version: str) -> bytes:
        where = f"secret {self._name}, version {version[:8]}…"
        value = self._client.get_secret(self._name, version).value or ""
        return decode_key(value, f"{where}: expected base64", where)
