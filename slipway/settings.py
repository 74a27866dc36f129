"""Every app setting, once: its name, its type, what it means. Read from the environment at start-up.

A wrong or missing setting stops the app with a message that names it. Secrets are read here and never printed.
"""

import base64
import binascii
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretBytes,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)

from .domain.model import Name

PREFIX = "SLIPWAY_"
UNRESOLVED = "@Microsoft.KeyVault("
"""What an environment variable holds when its Key Vault reference could not be resolved."""


class SettingsError(Exception):
    """The app's settings are wrong; the message names each one."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class RegistrySettings(_Part):
    """How to reach a registry."""

    login_server: str = Field(min_length=1, max_length=255, description="Such as contoso.azurecr.io.")
    resource_id: str = Field(default="", description="ARM id; when set, push events must come from exactly it.")
    credential: Literal["entra", "basic", "anonymous", "token"] = Field(
        default="entra", description="entra: the app's identity. token: an Entra token that is given (laptop)."
    )
    username: str = ""
    secret: SecretStr = SecretStr("")


class ClusterSettings(_Part):
    """How to reach a cluster: a server with the app's identity or a given token, or a kubeconfig."""

    server: str = Field(default="", description="API server address.")
    ca_data: str = Field(default="", description="Base64 of the cluster's CA certificate (PEM).")
    credential: Literal["entra", "token", "kubeconfig"] = "entra"
    token: SecretStr = SecretStr("")
    kubeconfig: Path | None = None
    context: str | None = None


class ChannelSettings(_Part):
    """A channel for notices."""

    kind: Literal["webhook"] = "webhook"
    url: SecretStr = Field(description="Where notices are posted; treated as a secret, as such addresses often are.")
    secret: SecretStr = Field(description="Key of the signature, at least 16 characters.", min_length=16)


def _from_json(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError as error:
        raise ValueError(f"expected JSON ({error})") from error


def _signing_keys(value: Any) -> Any:
    """`id:base64,id:base64`: the first signs, all of them verify."""
    if not isinstance(value, str):
        return value
    keys = {}
    for item in filter(None, value.split(",")):
        key_id, colon, text = item.strip().partition(":")
        try:
            key = base64.b64decode(text, validate=True)
        except binascii.Error:
            raise ValueError(f"key {key_id!r}: expected base64") from None
        if not colon or not key_id:
            raise ValueError("expected id:base64, separated by commas")
        keys[key_id] = key
    return keys


def _list(value: Any) -> Any:
    return [item.strip() for item in value.split(",") if item.strip()] if isinstance(value, str) else value


class Settings(BaseModel):
    """The app's settings. Each field is the environment variable `SLIPWAY_<FIELD>` in upper case."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    deliveries: Path = Field(default=Path("deliveries"), description="Folder with one folder per application.")
    public_url: str = Field(
        description="Address under which people reach the app, such as https://slipway.contoso.com."
    )
    table_endpoint: str = Field(default="", description="Table endpoint of the storage account (identity).")
    blob_endpoint: str = Field(default="", description="Blob endpoint of the storage account (identity).")
    storage_connection: SecretStr = Field(
        default=SecretStr(""), description="Connection string instead of the endpoints: for Azurite."
    )
    table: str = Field(
        default="ledger", pattern=r"^[A-Za-z][A-Za-z0-9]{2,62}$", description="Name of the ledger's table."
    )
    container: str = Field(
        default="evidence", pattern=r"^[a-z0-9](?:-?[a-z0-9]){2,62}$", description="Container for plans and logs."
    )
    registries: Annotated[dict[Name, RegistrySettings], BeforeValidator(_from_json)] = Field(
        min_length=1, description="Registries by the names that delivery.yaml uses, as JSON."
    )
    clusters: Annotated[dict[Name, ClusterSettings], BeforeValidator(_from_json)] = Field(
        min_length=1, description="Clusters by the names that delivery.yaml uses, as JSON."
    )
    channels: Annotated[dict[Name, ChannelSettings], BeforeValidator(_from_json)] = Field(
        default={}, description="Channels for notices by the names that delivery.yaml uses, as JSON."
    )
    signing_keys: Annotated[dict[str, SecretBytes], BeforeValidator(_signing_keys)] = Field(
        min_length=1, description="Keys of approval links, id:base64 of 32 bytes or more; the first signs, all verify."
    )
    hook_secrets: Annotated[list[SecretStr], BeforeValidator(_list)] = Field(
        min_length=1,
        description="Passwords that Azure DevOps may send (basic authentication), newest first; two while rotating.",
    )
    organizations: Annotated[list[str], BeforeValidator(_list)] = Field(
        default=[], description="Azure DevOps organizations whose hooks count; empty for any that knows the secret."
    )
    sign_in: Literal["easy-auth", "none"] = Field(
        default="easy-auth",
        description="Who may read pages: people signed in by Easy Auth, or everybody (laptop only).",
    )

    @field_validator("hook_secrets")
    @classmethod
    def _long_enough(cls, secrets: list[SecretStr]) -> list[SecretStr]:
        if any(len(secret.get_secret_value()) < 16 for secret in secrets):  # noqa: PLR2004
            raise ValueError("expected secrets of at least 16 characters")
        return secrets

    @model_validator(mode="after")
    def _storage_is_given(self) -> Self:
        if not self.storage_connection.get_secret_value() and not (self.table_endpoint and self.blob_endpoint):
            raise ValueError("expected table_endpoint and blob_endpoint, or storage_connection")
        if not self.public_url.startswith(("https://", "http://127.0.0.1", "http://localhost")):
            raise ValueError("public_url: expected https:// (or http:// on this machine)")
        return self

    @classmethod
    def read(cls, environment: Mapping[str, str] | None = None) -> Self:
        """From environment variables. Raises `SettingsError` naming every variable that is wrong."""
        variables = os.environ if environment is None else environment
        given: dict[str, str] = {}
        for name in cls.model_fields:
            value = variables.get(PREFIX + name.upper())
            if value is None or value == "":
                continue
            if UNRESOLVED in value:
                raise SettingsError(f"{PREFIX}{name.upper()}: a Key Vault reference in it could not be resolved")
            given[name] = value
        try:
            return cls.model_validate(given)
        except ValidationError as error:
            raise SettingsError(_explained(error)) from None


def _explained(error: ValidationError) -> str:
    lines = []
    for problem in error.errors(include_url=False, include_input=False, include_context=False):
        path = [str(part) for part in problem["loc"]]
        name = ".".join([PREFIX + path[0].upper(), *path[1:]]) if path else "settings"
        lines.append(f"{name}: {problem['msg'].removeprefix('Value error, ')}")
    return "; ".join(lines)
