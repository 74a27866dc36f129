"""Starts and stops the provider, which is a Node program, and changes it for a test or the stack.

with Identity.start(laptop(), folder) as identity:
    identity.issuer, identity.environment("front"), identity.rotate_keys()
"""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import urllib3

from local.node import node
from local.process import Part, PartFailed

from .settings import Settings

HERE = Path(__file__).resolve().parent
INSTALLED = HERE / "node_modules" / "oidc-provider"


@dataclass(frozen=True, kw_only=True)
class Identity:
    """A running identity provider."""

    settings: Settings
    part: Part
    issuer: str
    managed_url: str
    identity_endpoint: str

    @classmethod
    def start(cls, settings: Settings, folder: Path) -> Self:
        """Its settings and its log are written to the folder; its keys are not. Raises `PartFailed`."""
        if not INSTALLED.exists():
            raise PartFailed("The identity provider is not installed: run `make install`")
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / "identity.json"
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as target:
            json.dump(settings.model_dump(mode="json"), target)
        part = Part("identity", [node(), str(HERE / "main.mjs"), str(file)], log=folder / "identity.log")
        try:
            ready = part.ready()
        except PartFailed:
            part.stop()
            raise
        return cls(
            settings=settings,
            part=part,
            issuer=ready["issuer"],
            managed_url=ready["managed_url"],
            identity_endpoint=ready["identity_endpoint"],
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.part.stop()

    @property
    def discovery_url(self) -> str:
        return f"{self.issuer}/.well-known/openid-configuration"

    @property
    def keys_url(self) -> str:
        """Where the double of Azure DevOps, too, gets the keys to verify the worker's tokens."""
        return f"{self.issuer.removesuffix('/v2.0')}/discovery/v2.0/keys"

    def environment(self, name: str) -> dict[str, str]:
        """The variables that a Functions host gives to an app with this identity; `azure-identity` reads them."""
        identity = self.settings.identity(name)
        return {
            "IDENTITY_ENDPOINT": self.identity_endpoint,
            "IDENTITY_HEADER": identity.secret,
            "AZURE_CLIENT_ID": identity.client_id,
        }

    def token(self, name: str, resource: str) -> str:
        """An access token of this identity for the resource, requested as `azure-identity` does."""
        identity = self.settings.identity(name)
        response = urllib3.request(
            "GET",
            self.identity_endpoint,
            retries=False,
            timeout=10,
            fields={"resource": resource, "client_id": identity.client_id, "api-version": "2019-08-01"},
            headers={"X-IDENTITY-HEADER": identity.secret},
        )
        if response.status != 200:
            raise RuntimeError(f"no token of {name} for {resource}: {response.status} {response.data[:200]!r}")
        return str(response.json()["access_token"])

    def set_redirect_uris(self, addresses: Mapping[str, Sequence[str]]) -> None:
        """Set the redirect URIs of registrations, by name. Raises `ValueError`."""
        self._post("redirect-uris", {name: list(uris) for name, uris in addresses.items()})

    def rotate_keys(self, *, forget: bool = False) -> str:
        """Sign with a new key from now on, and return its id. With `forget`, the old keys are no longer published."""
        return str(self._post("rotate", {"forget": forget})["kid"])

    def make_unreachable(self) -> None:
        """Make the provider unreachable; managed identities still get their tokens, as in Azure."""
        self._post("away", {"away": True})

    def make_reachable(self) -> None:
        """Make it reachable again at the same address, with the same keys and sessions."""
        self._post("away", {"away": False})

    def back_date_sign_ins(self, seconds: int) -> None:
        """Back-date people's sign-ins in tokens by this time, like a provider that accepts an old sign-in whatever was
        requested; 0 for the true time."""
        self._post("signed-in-ago", {"seconds": seconds})

    def _post(self, setting: str, content: object) -> dict[str, Any]:
        response = urllib3.request(
            "POST", f"{self.managed_url}/local/{setting}", json=content, retries=False, timeout=10
        )
        if response.status != 200:
            raise ValueError(response.data.decode())
        result: dict[str, Any] = response.json()
        return result
