"""Parts of the settings: registries, clusters and keys of the API."""

from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    Field,
    SecretStr,
    model_validator,
)

from .settings_parts import AddressOrNone, SettingsPart

_HTTPS = 443
_Host = Annotated[str, Field(pattern=r"^[a-z0-9.-]+(?::[0-9]{1,5})?$", max_length=255)]


class RegistrySettings(SettingsPart):
    """The access to a registry."""

    login_server: str = Field(
        pattern=r"^[A-Za-z0-9.-]+(?::[0-9]{1,5})?$", max_length=255, description="Such as `contoso.azurecr.io`."
    )
    resource_id: str = Field(
        default="", description="ARM id; if set, push events are accepted only from this resource."
    )
    hosts: list[_Host] = Field(
        default=[],
        max_length=8,
        description="Other hosts that the registry may name for its sign-in and for uploads; no others get a password "
        "or an image.",
    )
    credential: Literal["entra", "basic", "anonymous", "token"] = Field(
        default="entra", description="`entra`: the app's identity. `token`: the Entra token in `secret` (laptop)."
    )
    username: str = Field(default="", description="For `basic`.")
    secret: SecretStr = Field(default=SecretStr(""), description="Password for `basic`, token for `token`.")

    @model_validator(mode="after")
    def _credential_is_given(self) -> Self:
        needed = {"basic": ("username", "secret"), "token": ("secret",)}
        self._need(*needed.get(self.credential, ()))
        return self


class ClusterSettings(SettingsPart):
    """The access to a cluster: a server with the app's identity or a given token, or a kubeconfig."""

    server: AddressOrNone = Field(default="", description="API server address, unless a kubeconfig is used.")
    ca_data: str = Field(default="", description="Base64 of the cluster's CA certificate (PEM).")
    credential: Literal["entra", "token", "kubeconfig"] = Field(
        default="entra", description="`entra`: the app's identity. The others are for clusters outside Azure."
    )
    token: SecretStr = Field(default=SecretStr(""), description="For `token`.")
    kubeconfig: Path | None = Field(default=None, description="For `kubeconfig`: path of the file.")
    context: str | None = Field(default=None, description="For `kubeconfig`: its context, if not the current one.")

    @model_validator(mode="after")
    def _credential_is_given(self) -> Self:
        needed = {"entra": ("server",), "token": ("server", "token"), "kubeconfig": ("kubeconfig",)}
        self._need(*needed[self.credential])
        return self

    @property
    def identity(self) -> object:
        """Identifies a cluster, as far as the settings tell: two names of one cluster give the same value."""
        parts = urlsplit(self.server)
        return (parts.hostname, parts.port or _HTTPS) if self.server else (self.kubeconfig, self.context)


class ApiKeySettings(SettingsPart):
    """An API key with a name of its own. The settings contain only its hash."""

    sha256: str = Field(
        pattern=r"^[0-9a-f]{64}$", description='Hash of the key: `printf %s "$KEY" | sha256sum`, the first word.'
    )
